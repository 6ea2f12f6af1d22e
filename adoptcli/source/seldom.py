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

    one, nothing = way(pl.col("text")), pl.Series([None], dtype=dtype)

    def read(texts: pl.Series) -> pl.Series:
        found = nothing.new_from_index(0, texts.len())
        if texts.null_count() == texts.len():
            return found
        rows = texts.is_not_null().arg_true()
        some = texts.gather(rows).to_frame("text")
        return found.scatter(rows, some.select(one).to_series())

    return text.map_batches(read, return_dtype=dtype, is_elementwise=True)
