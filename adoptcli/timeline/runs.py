"""Neighbours instead of group-by: in a sorted table, equal keys stand next to each other."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

LONG = 1_000_000  # rows


def starts_run(frame: pl.DataFrame, keys: Sequence[str]) -> pl.Series:
    """True on each row that differs from the row before in one of the keys."""
    changed = pl.any_horizontal(pl.col(key).ne_missing(pl.col(key).shift(1)) for key in keys)
    # Long ones in pieces, without a shifted copy of each column; of others that takes longer.
    found = frame.lazy().select(fresh=changed)
    fresh = found.collect(engine="streaming" if len(frame) > LONG else "in-memory").to_series()
    return fresh.scatter(0, True) if fresh.len() else fresh


def places(mask: pl.Series) -> pl.Series:
    """The rows on which it is true, a tenth of the time that `arg_true` takes."""
    return pl.int_range(mask.len(), dtype=pl.UInt32, eager=True).filter(mask)


def runs(
    frame: pl.DataFrame, keys: Sequence[str], last: Sequence[str] = (), sums: Sequence[str] = ()
) -> pl.DataFrame:
    """One row a run of equal keys, in order.

    Args:
        frame: Sorted so that equal keys are neighbours.
        keys: What makes a run.
        last: Columns whose value in the run's last row is wanted.
        sums: Columns of integers to add up over the run.

    Returns:
        The keys; `length`; `last_<column>` and `<column>` for the columns asked for.
    """
    fresh = starts_run(frame, keys)
    ends = fresh.shift(-1, fill_value=True)
    # Filters take far less time than gathers.
    found = frame.select(keys).filter(fresh).with_columns(length=lengths(fresh))
    if not last and not sums:
        return found
    at_ends = frame.select(
        *(pl.col(name).alias(f"last_{name}") for name in last),
        *(pl.col(name).cum_sum() for name in sums),
    ).filter(ends)
    totals = at_ends.with_columns(pl.col(sums) - pl.col(sums).shift(1, fill_value=0))
    return found.hstack(totals.get_columns())


def lengths(fresh: pl.Series) -> pl.Series:
    """How many rows each run has, given where runs start."""
    first = places(fresh)
    return (first.shift(-1, fill_value=fresh.len()) - first).cast(pl.Int64)


def kth_in_run(frame: pl.DataFrame, key: str, k: int) -> pl.Series:
    """True on the k-th row, from 1, of each run of equal keys; keys are never null."""
    same = pl.col(key) == pl.col(key).shift(k - 1)
    fresh = starts_run(frame, [key]).shift(k - 1, fill_value=False)
    return frame.select(same.fill_null(False)).to_series() & fresh


def place_in_run(frame: pl.DataFrame, keys: Sequence[str]) -> pl.Series:
    """1 for the first row of each run of equal keys, 2 for the second, and so on."""
    row = pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
    numbered = frame.select(row=row, fresh=starts_run(frame, keys))
    first = pl.when("fresh").then("row").forward_fill()
    return numbered.select(place=pl.col("row") - first + 1).to_series()
