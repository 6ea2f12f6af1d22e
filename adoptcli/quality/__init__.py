"""What is wrong with a source's rows: one kind of finding a file, frames in, objects out."""
