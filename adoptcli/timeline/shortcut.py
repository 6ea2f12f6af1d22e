"""A short way to the codes of users and accounts of long logs, of which there may be a million.

A dictionary of a million texts fits no cache, and Polars' own looks at several places of it for
each row. Here a table says whose code was last at a place, and that text is compared; only rows of
another text ask the dictionary. So the codes are its own, whatever stands in the table.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

import polars as pl

from adoptcli.timeline.dictionary import Dictionary

PIECE = 500_000  # rows; what is new in one is found the short way in the next
ROOM = 2  # places a text, at least: of two at one place only the last is found there
MISSED = 0.05  # rows that miss their text, for each that is known: more are fetched, all copied
TRIED = 8  # pieces, after which most rows should be found


def coded(texts: pl.LazyFrame, dictionaries: Mapping[str, Dictionary]) -> pl.DataFrame:
    """The codes of users and accounts, by as many threads as there are, each with its own tables.

    Args:
        texts: user, and anonymous and account where they are wanted.
        dictionaries: Those of users and accounts, which nobody else may ask meanwhile.
    """
    locks = {name: Lock() for name in ("user", "account")}
    threads = pl.thread_pool_size()
    ways = [_Ways(dictionaries, locks) for _ in range(threads)]
    names = texts.collect_schema().names()
    found = {name: [pl.Series(name, dtype=pl.UInt32)] for name in names}
    waiting: deque[Future[dict[str, pl.Series]]] = deque()

    def take() -> None:
        for name, codes in waiting.popleft().result().items():
            found[name].append(codes)

    pieces = texts.collect_batches(chunk_size=PIECE, maintain_order=True, engine="streaming")
    with ThreadPoolExecutor(threads) as pool:
        for i, piece in enumerate(pieces):
            if len(waiting) == threads:  # so that each has one piece at a time, and few are read
                take()
            waiting.append(pool.submit(ways[i % threads].codes, piece))
        while waiting:
            take()
    # One column after the other, as for a while it is there twice.
    return pl.DataFrame({name: pl.concat(found.pop(name), rechunk=True) for name in names})


class _Ways:
    """The short ways of one thread."""

    def __init__(self, dictionaries: Mapping[str, Dictionary], locks: Mapping[str, Lock]) -> None:
        self._users, self._accounts = (
            Shortcut(dictionaries[name], locks[name]) for name in ("user", "account")
        )

    def codes(self, piece: pl.DataFrame) -> dict[str, pl.Series]:
        """Codes of users, and of accounts, which are mostly those that their users had before."""
        rows = piece.rechunk()
        found = {"user": self._users.hashed(rows["user"])}
        if "anonymous" in rows.columns:
            found["anonymous"] = self._users.hashed(rows["anonymous"])
        if "account" in rows.columns:
            found["account"] = self._accounts.at(found["user"], rows["account"])
        return found


class Shortcut:
    """Codes of texts by places at which they are likely to stand, one piece after the other.

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
            with self._lock:
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
