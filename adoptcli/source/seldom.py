"""Slow ways to read a text, taken only for the rows that need them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

Way = Callable[[pl.Expr], pl.Expr]


def seldom(text: pl.Expr, way: Way, dtype: type[pl.DataType]) -> pl.Expr:
    """What the way gives for the texts that are there; rows without text cost nothing.

    Args:
        text: Null where nothing is to be done.
        way: An expression that looks at each row alone.
        dtype: What it gives.
    """
    return completed(pl.lit(None, dtype=dtype), [text], way(pl.col("0")), dtype)


def completed(
    found: pl.Expr, values: Sequence[pl.Expr], whole: pl.Expr, dtype: type[pl.DataType]
) -> pl.Expr:
    """What is found, else what an expression gives for the values, in one look at all of them.

    Args:
        found: Null where something may have to be done.
        values: Where all are null nothing is done.
        whole: An expression of the columns `0`, `1` …, one a value, that looks at each row alone.
        dtype: What it gives.
    """
    names = [str(i) for i in range(len(values))]

    def read(given: Sequence[pl.Series]) -> pl.Series:
        sizes = {one.len() for one in given}
        height = 0 if 0 in sizes else max(sizes)  # one value may stand for all rows
        have, *rest = (
            one if one.len() == height else one.new_from_index(0, height) for one in given
        )
        if not have.null_count():
            return have
        rows = pl.DataFrame([one.alias(name) for name, one in zip(names, rest, strict=True)])
        there = rows.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
        places = (have.is_null() & there).arg_true()
        return have.scatter(places, rows[places].select(whole).to_series()) if len(places) else have

    return pl.map_batches([found, *values], read, return_dtype=dtype, is_elementwise=True)
