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

    one, nothing = way(pl.col("text")), pl.Series([None], dtype=dtype)

    def read(texts: pl.Series) -> pl.Series:
        return _filled(nothing.new_from_index(0, texts.len()), texts, texts.is_not_null(), one)

    return text.map_batches(read, return_dtype=dtype, is_elementwise=True)


def completed(found: pl.Expr, text: pl.Expr, way: Way, dtype: type[pl.DataType]) -> pl.Expr:
    """What is found, else what the way gives for the text (or other value), in one look at both."""
    one = way(pl.col("text"))

    def read(both: Sequence[pl.Series]) -> pl.Series:
        values, texts = both
        if values.len() == 1:  # it may stand for all rows
            values = values.new_from_index(0, texts.len())
        if not values.null_count():
            return values
        return _filled(values, texts, values.is_null() & texts.is_not_null(), one)

    return pl.map_batches([found, text], read, return_dtype=dtype, is_elementwise=True)


def _filled(found: pl.Series, texts: pl.Series, missing: pl.Series, one: pl.Expr) -> pl.Series:
    """With what an expression of `text` gives for the rows that are missing."""
    if not missing.any():
        return found
    rows = missing.arg_true()
    return found.scatter(rows, texts.gather(rows).to_frame("text").select(one).to_series())
