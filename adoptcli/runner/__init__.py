"""The rounds of one run and where they run."""
