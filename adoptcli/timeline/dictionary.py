"""Texts as small integers: the dictionary of a column, and a short way to what it has."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

import polars as pl

from adoptcli.timeline.patterns import matching

LOOKED_AT = 1_000_000  # texts at a time
ROOM = 2  # places a text, at least: of two at one place only the last is found there
MISSED = (
    0.05  # rows that miss their text, for each that is there: more are fetched, which copies all
)
TRIED = 8  # pieces, after which most rows should be found


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


class Shortcut:
    """Codes of texts by places at which they are likely to stand.

    A dictionary of a million texts fits no cache, and Polars' own looks at several places of it for
    each row. Here a table says whose code was last at a place, and that text is compared; only rows
    of another text ask the dictionary. So the codes are its own, whatever stands in the table.

    Args:
        dictionary: Whose codes they are. Only short ways with the same lock may ask it meanwhile: a
            code may be there before its text is.
        lock: Held while it is asked.
    """

    def __init__(self, dictionary: Dictionary, lock: Lock) -> None:
        self._dictionary = dictionary
        self._lock = lock
        self._pieces = 0
        self._short = True
        self._clear()

    def _clear(self) -> None:
        self._texts = pl.Series([], dtype=pl.String)
        self._codes = pl.zeros(1, dtype=pl.UInt32, eager=True)

    def hashed(self, texts: pl.Series) -> pl.Series:
        """The codes of a piece of texts, each at the place that its hash says; null of null."""
        if len(self._codes) < len(self._texts) * ROOM:
            known = pl.int_range(len(self._texts), dtype=pl.UInt32, eager=True)
            size = 1 << (2 * len(self._texts) * ROOM).bit_length()
            self._codes = pl.zeros(size, dtype=pl.UInt32, eager=True)
            self._codes.scatter(self._place(self._texts), known)
        return self.at(self._place(texts), texts)

    def at(self, places: pl.Series, texts: pl.Series) -> pl.Series:
        """The codes of a piece of texts; at a place that is null nothing is looked for."""
        if not self._short:
            return self._dictionary.add(texts)
        self._grow(places.max())
        codes = self._codes.gather(places)
        alike = (self._texts.gather(codes, null_on_oob=True) == texts).fill_null(value=False)
        others = (~alike).arg_true()
        if others.is_empty():
            return codes
        with self._lock:
            asked = self._dictionary.add(texts.gather(others))
            self._learn(places.gather(others), asked)
        self._judge(asked.count(), len(texts))
        return codes.scatter(others, asked)

    def _place(self, texts: pl.Series) -> pl.Series:
        return (texts.hash() & (len(self._codes) - 1)).cast(pl.UInt32)

    def _grow(self, top: object) -> None:
        """Have all places up to one."""
        if isinstance(top, int) and top >= len(self._codes):
            more = pl.zeros(2 * top + 2 - len(self._codes), dtype=pl.UInt32, eager=True)
            self._codes = pl.concat([self._codes, more], rechunk=True)

    def _learn(self, places: pl.Series, codes: pl.Series) -> None:
        """Remember what stands at places."""
        top, size = codes.max(), len(self._texts)
        if isinstance(top, int) and (codes >= size).sum() >= MISSED * size:
            more = self._dictionary.texts(top + 1, size)
            self._texts = pl.concat([self._texts, more], rechunk=True)
        here = places.is_not_null() & codes.is_not_null()
        self._codes.scatter(places.filter(here), codes.filter(here))

    def _judge(self, asked: int, rows: int) -> None:
        """Leave all to the dictionary from now on where texts seldom come again."""
        self._pieces += 1
        if self._pieces == TRIED and 2 * asked > rows:
            self._short = False
            self._clear()
