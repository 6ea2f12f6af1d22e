"""Reports to text: one format a file. Importing this package is cheap."""

from __future__ import annotations

FORMATS = ("table", "json", "csv")
_ENDINGS = {".json": "json", ".csv": "csv", ".txt": "table"}


def by_extension(path: str) -> str | None:
    """The format that a file's name says, or None."""
    return next((name for ending, name in _ENDINGS.items() if path.lower().endswith(ending)), None)
