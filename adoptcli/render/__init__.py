"""Reports to text: one format a file. Importing this package is cheap."""

from __future__ import annotations

from collections.abc import Container

# Each format's module (`render(report) -> str`) and the endings of files that are written in it.
FORMATS = {
    "table": ("table", (".txt",)),
    "json": ("json_", (".json",)),
    "csv": ("csv_", (".csv",)),
    "markdown": ("markdown", (".md", ".markdown")),
    "ndjson": ("ndjson", (".ndjson", ".jsonl")),
    "openmetrics": ("openmetrics", (".prom", ".om")),
    "html": ("html", (".html", ".htm")),
}
WITH_INTERVAL = 92  # columns from which the first screen has room for intervals
LISTS = ("table", "json", "csv")  # what a list of people can be written as


def by_extension(path: str, formats: Container[str] = LISTS) -> str | None:
    """The format that a file's name says, if it is one of those, or None."""
    name = path.lower()
    said = (kind for kind, (_, ends) in FORMATS.items() if name.endswith(ends))
    return next((kind for kind in said if kind in formats), None)


def endings(formats: Container[str]) -> list[str]:
    """The endings of files that some formats are written to."""
    return [end for kind, (_, ends) in FORMATS.items() if kind in formats for end in ends]
