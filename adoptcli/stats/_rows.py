"""Histograms of durations as sorted rows, and sums over them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

COUNTS = ("events", "censored")


def merged(histogram: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """One row for all of a kind with anybody in it, sorted.

    Args:
        histogram: Rows of duration, events and censored, and of some of ``names``.
        names: What makes a kind beside the duration; names without a column are passed over.

    Returns:
        Rows of duration, names, events and censored, by duration and then by the names in turn.

    Raises:
        ValueError: If a duration or a count is negative.
    """
    negative = histogram.select("duration", *COUNTS).filter(pl.any_horizontal(pl.all() < 0))
    if negative.height:
        raise ValueError(f"durations and counts must not be negative, got {negative.row(0)}")
    keys = ["duration", *(name for name in names if name in histogram.columns)]
    rows = histogram.filter(pl.any_horizontal(pl.col(COUNTS) > 0)).sort(keys)
    alike = pl.struct(keys).rle_id().alias("kind")  # of sorted rows: far sooner than by hashes
    kinds = rows.group_by(alike, maintain_order=True)
    return kinds.agg(pl.col(keys).first(), pl.col(COUNTS).cast(pl.Int64).sum()).drop("kind")


def by(rows: pl.DataFrame, key: str) -> pl.DataFrame:
    """The rows sorted by a key of few values, else in the order they had; sooner than `sort`."""
    kinds = rows.group_by(key, maintain_order=True).agg(pl.all()).sort(key)
    return kinds.explode([name for name in rows.columns if name != key])


def ends(keys: pl.Series) -> pl.Series:
    """The place of the last row of each run of equal keys."""
    return keys.rle().struct.field("len").cum_sum() - 1


def sums(rows: pl.DataFrame, values: Iterable[pl.Expr], ends: pl.Series) -> list[list[float]]:
    """The sums of some values over runs of rows; the same to the last bit every time."""
    running = rows.select(
        value.cum_sum().gather(ends).alias(str(i)) for i, value in enumerate(values)
    )
    found = running.select(pl.all() - pl.all().shift(1, fill_value=0.0))
    return [column.to_list() for column in found]
