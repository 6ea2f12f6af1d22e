"""Untrusted text made safe for a terminal."""

from __future__ import annotations


def safe(text: str, keep: str = "") -> str:
    """Control characters shown instead of obeyed, but for those that are ours."""
    return "".join(
        c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text
    )


def plain(text: str) -> str:
    """Only ASCII, for a terminal that can carry no more."""
    table = {
        "–": "-", "—": "-", "−": "-", "÷": "/", "×": "x", "·": "|", "≥": ">=", "≤": "<=",
        "±": "+-", "…": "...", "→": "->", "Σ": "sum", "✗": "x", "✓": "+", "─": "-",
        "“": '"', "”": '"',
    }  # fmt: skip
    replaced = "".join(table.get(c, c) for c in text)
    return replaced.encode("ascii", "replace").decode()
