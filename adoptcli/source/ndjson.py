"""NDJSON files to lazy frames: of the ways to read them the fastest that all rows bear."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal

import polars as pl

from adoptcli.memory import PIECES
from adoptcli.source.addresses import located

Way = Literal["lines", "objects", "text"]

WAYS: tuple[Way, ...] = ("lines", "objects", "text")
"""`lines`: every line is decoded into the wanted fields, all of them of the expected kinds.
`objects`: objects and lists in fields that should be texts are JSON text; lists take five times as
long as by `lines`, all else a little less. `text`: whatever is not a text at the top is JSON text.
"""

_LINE, _ROW = "\x00line", "\x00row"


def ways(schema: Mapping[str, pl.DataType], *, lists: bool) -> tuple[Way, ...]:
    """Those to try for the wanted fields, the fastest first; `lists` stand around them."""
    return WAYS if lists or any(map(_has_list, schema.values())) else WAYS[1:]


def _has_list(dtype: pl.DataType) -> bool:
    if isinstance(dtype, pl.Struct):
        return any(_has_list(field.dtype) for field in dtype.fields)  # type: ignore[arg-type]
    return isinstance(dtype, pl.List)


def looser(way: Way) -> Way | None:
    """The next way for rows that do not bear one; None where no row is too odd."""
    later = WAYS[WAYS.index(way) + 1 :]
    return later[0] if later else None


@contextmanager
def first_rows() -> Iterator[None]:
    """While only the first rows are wanted, pieces are small: a piece is always read whole."""
    before = os.environ.get(PIECES)
    os.environ[PIECES] = "250000"
    pl.Config.reload_env_vars()
    try:
        yield
    finally:
        if before is None:
            del os.environ[PIECES]
        else:
            os.environ[PIECES] = before
        pl.Config.reload_env_vars()


def scan(
    paths: Sequence[str], schema: Mapping[str, pl.DataType], way: Way, file_column: str | None,
    only: Sequence[str] = (),
) -> pl.LazyFrame:  # fmt: skip
    """The fields of the schema, and the file's path where a column is named for it.

    Args:
        paths: The files.
        schema: The fields and their types.
        way: How to read them.
        file_column: A column for the file's path.
        only: By `lines`, rows may be left out of which no text is one of these, or ends with it.
    """
    places = [*map(located, paths)]
    if way != "lines":
        return pl.scan_ndjson(places, schema=dict(schema), include_file_paths=file_column)
    lines = pl.scan_lines(places, name=_LINE, include_file_paths=file_column)
    kept = pl.col(_LINE) != ""
    if only:  # space after a text does not count; one that stands there otherwise has an escape
        texts = "|".join(map(re.escape, only))
        kept = pl.col(_LINE).str.contains(rf'(?:{texts})[\s"]|\\')
    return (
        lines.filter(kept).with_columns(_decoded(pl.Struct(dict(schema)))).drop(_LINE).unnest(_ROW)
    )


def _decoded(dtype: pl.Struct) -> pl.Expr:
    """The objects of lines, one each.

    Polars decodes lines as the items of one list, so that a broken line could be taken for two, or
    for one with the next.
    """
    line = pl.col(_LINE)
    whole = line.str.starts_with("{") & line.str.ends_with("}")
    found = pl.when(whole).then(line).otherwise(pl.lit("no object")).str.json_decode(dtype)
    return pl.map_batches([line, found], _each, return_dtype=dtype, is_elementwise=True).alias(_ROW)


def _each(both: Sequence[pl.Series]) -> pl.Series:
    """What was found, given that it is of as many lines; Polars would repeat one object for all."""
    lines, found = both
    if found.len() != lines.len():
        raise pl.exceptions.ComputeError("a line is no JSON object")
    return found
