"""Targets: what a figure of the report must be, and whether it is.

`names` says which figure, `conditions` what it must be, `model` is the YAML's section, and `judge`
holds a report against it. Importing this package is cheap.
"""
