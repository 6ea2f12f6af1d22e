"""The YAML: positions, all problems at once, schema, starter file."""
