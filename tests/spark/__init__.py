"""On a real cluster: `python -m pytest tests/spark`, with Java and the extra `spark`."""
