"""Slow ways to read a text, taken only for the rows that need them."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl


def seldom(text: pl.Expr, way: Callable[[pl.Expr], pl.Expr], dtype: type[pl.DataType]) -> pl.Expr:
    """What the way gives for the texts that are there; rows without text cost nothing.

    Args:
        text: Null where nothing is to be done.
        way: An expression that looks at each row alone.
        dtype: What it gives.
    """

    def read(texts: pl.Series) -> pl.Series:
        found = pl.repeat(None, texts.len(), dtype=dtype, eager=True)
        rows = texts.is_not_null().arg_true()
        if not rows.len():
            return found
        some = texts.gather(rows).to_frame("text")
        return found.scatter(rows, some.select(way(pl.col("text"))).to_series())

    return text.map_batches(read, return_dtype=dtype, is_elementwise=True)
