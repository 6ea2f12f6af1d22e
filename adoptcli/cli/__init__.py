"""The command line. Only here: arguments, the wall clock, signals, exit codes."""
