"""The same rounds on a Spark cluster: it reads and shuffles, our code runs on its workers."""
