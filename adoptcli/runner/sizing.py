"""How the log is parted so that it fits the memory: kept there, or in files and bucket by bucket.

What rows and actors need was measured (`benchmarks/run.py`); it is an upper bound of usual logs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from math import sqrt

import polars as pl

from adoptcli import memory
from adoptcli.source.events import Canonical
from adoptcli.source.files import FAILURES
from adoptcli.timeline.encode import Encoded, Wanted, width

BUCKET = 10_000_000  # rows of a bucket in memory, about: less takes longer, more more memory
FILES = 48  # which make 1, 2, 3, 4, 6, 8, 12, 16, 24 or 48 buckets of whole files
MOST = 4096  # buckets
SAMPLE = 50_000  # rows whose ids are looked at
READING, READ = 300_000_000, 200  # bytes that reading into files needs at most, and for a row
CODE, COUNTING = 110_000_000, 100_000_000  # of this process, and for sums
ROW = 1.5  # bytes of memory for each byte of an encoded row
SORTED, REPEATED = 60, 100  # bytes a row of a bucket needs beside its own, and where it has an id
ID, ACTOR = 80, 600  # bytes of an id in the dictionary, and of an actor in its bucket
ACCOUNT, SUMS = 200, 8_000  # bytes of an account, and of the sums of one


@dataclass(frozen=True)
class Sizing:
    """How a run is parted.

    Attributes:
        shards: How many buckets are asked for, if any.
        limit: What there is; None where nobody knows.
        row: Bytes that a row of a bucket needs.
        reading: Bytes that reading takes at a time.
        taken: Bytes of what the process has before it reads the log.
        files: Into how many files the rows are read; 1: into memory.
    """

    shards: int | None
    limit: memory.Limit | None
    row: float
    files: int = 1
    reading: float = 0
    taken: int = CODE

    @property
    def free(self) -> int:
        """Bytes that are there for ids, sums and the rows of a bucket."""
        assert self.limit is not None
        return self.limit.size - self.taken

    def watch(self, ids: int) -> None:
        """Stop where the ids alone, of which more and more come, need more than there is."""
        self.require(self.reading + ids * ID, f"keeping {ids:,} ids, and more to come,")

    def require(self, more: float, what: str, way: str = "") -> None:
        """Stop where so much more is not there.

        Raises:
            MemoryProblem: It is not.
        """
        memory.require(more, what, self.limit, self.taken, way)

    def buckets(
        self, encoded: Encoded, ids: int, kept: pl.Expr, pieces: int = 0, sums: int = 0
    ) -> int:
        """The fewest buckets that fit, now that all is known.

        What files say of all their rows comes first; the rows that are kept are only looked at
        where that is too much.

        Args:
            encoded: The rows; in memory their number alone decides.
            ids: How many actors there are.
            kept: True for the rows that a bucket holds.
            pieces: Rows that are looked at in as many even pieces as there are buckets.
            sums: How many accounts, or values that actors are split by, have sums of their own.

        Raises:
            MemoryProblem: None do.
        """
        if self.shards is not None:
            return self.shards
        if encoded.frame is not None:
            return _parts(encoded.frame.height)
        fixed = COUNTING + ids * ID + encoded.size("account") * ACCOUNT + sums * SUMS
        beside = f" and the sums of {sums:,} accounts or segments" if sums else ""
        self.require(fixed, f"keeping {ids:,} ids{beside}")

        def needed(rows: int, n: int) -> float:
            return fixed + rows * self.row + ids / n * ACTOR

        partings = [*takewhile(lambda n: n <= MOST, encoded.partings())]
        for n in partings:
            if encoded.files % n == 0 and needed(encoded.largest(n), n) <= self.free:
                return n
        spread, rows = encoded.spread(kept, partings[-1]), 0
        for n in partings:
            rows = max(_largest(spread, n), pieces // n)
            if needed(rows, n) <= self.free:
                return n
        what, way = _fullest(encoded, kept, rows, partings[-1])
        self.require(needed(rows, partings[-1]), what, way)
        raise AssertionError


def _largest(spread: pl.DataFrame, buckets: int) -> int:
    """The rows of the largest bucket, by those of its parts."""
    sizes = spread.group_by(pl.col("part") % buckets).agg(pl.col("len").sum())["len"]
    return max(sizes.to_list(), default=0)


def _fullest(encoded: Encoded, kept: pl.Expr, rows: int, buckets: int) -> tuple[str, str]:
    """What to call the largest bucket: the actor who fills it, if one does; and the way out."""
    name, own = encoded.busiest(kept)
    if 2 * own <= rows:
        return f"the largest of {buckets:,} buckets", ""
    section = f"exclude: {{{encoded.unit}s: [{json.dumps(name, ensure_ascii=False)}]}}"
    what = f"{encoded.unit} {name!r}, with {own:,} rows in one bucket of {buckets:,},"
    return what, f"exclude it where it is nobody who counts: {section}; or "


def sized(
    shards: int | None, canonical: Canonical, wanted: Wanted, tables: int, *, by_account: bool
) -> Sizing:
    """Whether the log fits into memory beside so many bytes of tables, by as few looks as tell.

    Args:
        shards: How many buckets are asked for, if any.
        canonical: The log.
        wanted: What is read of it.
        tables: Bytes.
        by_account: Each account has sums of its own.

    Raises:
        MemoryProblem: Not even reading it into files does.
    """
    made = Sizing(shards, memory.limit(), row(wanted), shards or 1, taken=CODE + tables)
    if shards is not None or made.limit is None:
        return made
    rows = canonical.about()
    # Where there is room for as many ids as rows, nobody need look how many there are.
    account = ACCOUNT + SUMS * by_account if "account" in canonical.found else 0
    for many in (lambda names: rows, lambda names: _ids(rows, canonical, names)):
        ids = many(("user", "anonymous"))
        fixed = COUNTING + ids * ID + _log(rows, ids, wanted)
        if fixed + (account and many(("account",)) * account) <= made.free:
            return made
    made = replace(made, files=FILES, reading=min(READING, rows * READ))
    made.require(made.reading, f"a log of {rows:,} rows, read piece by piece,")
    return made


def _parts(rows: int) -> int:
    """Into how many buckets so many rows in memory are parted."""
    return max(1, round(rows / BUCKET))


def _log(rows: int, ids: float, wanted: Wanted) -> float:
    """What rows in memory need, and one bucket of them; a single one takes their place."""
    parts = _parts(rows)
    encoded = rows * (ROW * width(wanted) + 1) if parts > 1 else 0
    return encoded + (rows * row(wanted) + ids * ACTOR) / parts


def row(wanted: Wanted) -> float:
    """What a row needs while it is sorted and counted."""
    return SORTED + ROW * width(wanted) + (REPEATED if wanted.id or wanted.exact else 0)


def _ids(rows: int, canonical: Canonical, columns: Sequence[str]) -> float:
    """About how many ids some columns hold, by those of the first rows.

    Where the rows of one stand together, as many new ones come with each further row. Else an id
    that is there once stands for √(rows ÷ sample) of them: that errs by no more than as much.

    Raises:
        DataProblem: They cannot be read.
    """
    names = [n for n in columns if n in canonical.frame.collect_schema().names()]
    try:
        first = canonical.frame.select(names).head(SAMPLE).collect()
    except FAILURES as error:
        raise canonical.broken(error) from error
    found = pl.concat([first[name] for name in names]).drop_nulls()
    ids = found.value_counts()
    if _together(found, ids.height):
        return rows * ids.height / first.height
    once = int((ids["count"] == 1).sum())
    return ids.height - once + once * sqrt(max(rows / max(first.height, 1), 1))


def _together(ids: pl.Series, different: int) -> bool:
    """Whether the rows of an id stand together: most of those that repeat one repeat the last."""
    runs = int((ids != ids.shift()).sum()) + 1
    return runs < 1.5 * different and runs - different < (len(ids) - different) / 2
