"""Untrusted text made safe for a terminal."""

from __future__ import annotations


def safe(text: str) -> str:
    """Control characters shown instead of obeyed."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def plain(text: str) -> str:
    """Only ASCII, for a terminal that can carry no more."""
    table = {
        "–": "-", "—": "-", "−": "-", "÷": "/", "×": "x", "·": "|", "≥": ">=", "≤": "<=",
        "±": "+-", "…": "...", "→": "->", "Σ": "sum", "✗": "x", "✓": "+", "─": "-",
        "“": '"', "”": '"',
    }  # fmt: skip
    replaced = "".join(table.get(c, c) for c in text)
    return replaced.encode("ascii", "replace").decode()
