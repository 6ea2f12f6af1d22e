"""Texts by their patterns."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase


def matching(texts: Sequence[str | None], patterns: Sequence[str]) -> list[int]:
    """The codes of the texts that one of the patterns matches (* and ? are wildcards)."""
    plain = {p for p in patterns if not any(c in p for c in "*?[")}
    wild = [p for p in patterns if p not in plain]
    return [
        code
        for code, text in enumerate(texts)
        if text is not None and (text in plain or any(fnmatchcase(text, p) for p in wild))
    ]
