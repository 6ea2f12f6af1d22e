"""Texts as small integers: the dictionary of a column."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from adoptcli.timeline.patterns import matching

LOOKED_AT = 1_000_000  # texts at a time


class Dictionary:
    """The texts of one column by code. It lives as long as its keeper, an empty series."""

    def __init__(self) -> None:
        self._categories = pl.Categories.random()
        self.dtype = pl.Categorical(self._categories)
        self._keeper = pl.Series([], dtype=self.dtype)

    def encode(self, text: pl.Expr) -> pl.Expr:
        """Text -> UInt32 code, adding what is new."""
        return text.cast(self.dtype).to_physical()

    def add(self, texts: pl.Series) -> pl.Series:
        """Codes of texts from another table, adding what is new."""
        return texts.cast(self.dtype).to_physical()

    def texts(self, size: int, start: int = 0) -> pl.Series:
        """The texts of the codes start to size − 1, all of which were given out."""
        return self.text(pl.int_range(start, size, dtype=pl.UInt32, eager=True))

    def trimmed(self, size: int) -> pl.Series | None:
        """By code: that of the text without space around it, or null; None where all are so."""
        texts = self.texts(size)
        bare = texts.str.strip_chars()
        alike = (texts == bare).all() and not (bare == "").any()
        return None if alike else self.add(bare.replace("", None))

    def matching(self, size: int, patterns: Sequence[str]) -> list[int]:
        """Of the codes 0 to size − 1 those whose texts one of the patterns matches."""
        return matching(self.texts(size).to_list(), patterns)

    def spaced(self, size: int) -> bool:
        """Whether some text has space around it, looking at some of them at a time."""
        for start in range(0, size, LOOKED_AT):
            texts = self.texts(min(start + LOOKED_AT, size), start)
            if (texts != texts.str.strip_chars()).any():
                return True
        return False

    def text(self, codes: pl.Series) -> pl.Series:
        """The texts of codes."""
        return codes.cast(pl.UInt32).cat.to(self.dtype).cast(pl.String)
