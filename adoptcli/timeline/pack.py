"""Rows packed into one integer each, sorted, and taken apart again."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import polars as pl

from adoptcli.context import Context
from adoptcli.timeline.days import local_day

MANY = 4_000_000  # rows of the log, from which on NumPy sorts those of each bucket
BITS = 63  # of a signed 64-bit integer; one more would turn the order around


def bits(count: int) -> int:
    """How many bits the integers 0 to count − 1 need."""
    return max(count - 1, 0).bit_length()


@dataclass(frozen=True)
class Layout:
    """Where in the integer actor, time and event stand.

    Attributes:
        start, end: Instants [start, end) of the rows.
        event_bits: Bits of the atom code.
        buckets: Into how many buckets the actors are parted; an actor's code in its bucket is its
            user code ÷ buckets.
    """

    start: int
    end: int
    event_bits: int
    buckets: int

    @property
    def time_bits(self) -> int:
        """Bits of the time since `start`."""
        return bits(self.end - self.start)

    @classmethod
    def fit(cls, users: int, start: int, end: int, atoms: int, buckets: Iterable[int]) -> Layout:
        """The first of some numbers of buckets with which actor, time and event fit one integer."""
        spare = BITS - bits(end - start) - bits(atoms)
        enough = next(n for n in buckets if bits(-(-users // n)) <= spare)
        return cls(start, end, bits(atoms), enough)


def pack(rows: pl.LazyFrame, layout: Layout, *, members: bool, many: bool) -> pl.DataFrame:
    """Rows of actor, time and event as sorted integers: key, and member where that is wanted."""
    actor, time, event = (pl.col(c).cast(pl.Int64) for c in ("actor", "time", "event"))
    key = (actor * (1 << layout.time_bits) + (time - layout.start)) * (1 << layout.event_bits)
    if members:
        return rows.select("member", key=key + event).collect().sort("key", "member")
    packed = rows.select(key=key + event).collect().to_series()
    return (_sorted(packed) if many else packed.sort(in_place=True)).to_frame()


def _sorted(keys: pl.Series) -> pl.Series:
    """Integers in order, by NumPy, whose vector instructions take less than half of Polars' time.

    It does not share the work among threads. Half of them do that here; the others have what is
    read beside the events.
    """
    import numpy as np  # late: loading it takes as long as it saves with few rows

    found = keys.to_numpy(writable=True)
    threads = max(pl.thread_pool_size() // 2, 1)
    cuts = [len(found) * part // threads for part in range(1, threads)]
    if cuts:
        found.partition(cuts)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(np.ndarray.sort, np.split(found, cuts)))
    return pl.Series(keys.name, found)


def unpack(rows: pl.DataFrame, layout: Layout, context: Context) -> pl.DataFrame:
    """actor, time, event and local day back from the sorted integers; member where it is there."""
    packed, event, time = pl.col("key"), 1 << layout.event_bits, 1 << layout.time_bits
    return (
        rows.lazy()
        .select(
            actor=(packed // (event * time)).cast(pl.UInt32),
            time=(packed // event & (time - 1)) + layout.start,
            event=(packed & (event - 1)).cast(pl.UInt32 if layout.event_bits > 16 else pl.UInt16),
            **({"member": pl.col("member")} if "member" in rows.columns else {}),
        )
        .with_columns(day=local_day(pl.col("time"), context.calendar, layout.start, layout.end))
        .collect()
    )
