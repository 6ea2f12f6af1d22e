"""Neighbours instead of group-by: in a sorted table, equal keys stand next to each other."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl


def starts_run(frame: pl.DataFrame, keys: Sequence[str]) -> pl.Series:
    """True on each row that differs from the row before in one of the keys."""
    changed = [pl.col(key).ne_missing(pl.col(key).shift(1)) for key in keys]
    first = pl.int_range(pl.len()) == 0
    return frame.select(fresh=pl.any_horizontal(*changed, first)).to_series()


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
    first = starts_run(frame, keys)
    end, row = first.shift(-1, fill_value=True), first.arg_true()
    found = {key: frame[key].filter(first) for key in keys}
    found["length"] = (row.shift(-1, fill_value=frame.height) - row).cast(pl.Int64)
    found |= {f"last_{name}": frame[name].filter(end) for name in last}
    for name in sums:
        total = frame[name].cum_sum().filter(end)
        found[name] = total - total.shift(1, fill_value=0)
    return pl.DataFrame(found)


def place_in_run(frame: pl.DataFrame, keys: Sequence[str]) -> pl.Series:
    """1 for the first row of each run of equal keys, 2 for the second, and so on."""
    row = pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
    numbered = frame.select(row=row, fresh=starts_run(frame, keys))
    first = pl.when("fresh").then("row").forward_fill()
    return numbered.select(place=pl.col("row") - first + 1).to_series()
