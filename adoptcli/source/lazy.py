"""Lazy frames of Parquet and CSV files, and nested lists taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from adoptcli.source.addresses import is_remote
from adoptcli.source.credentials import options


def exploded(lazy: pl.LazyFrame, lists: Sequence[str], wanted: Sequence[str]) -> pl.LazyFrame:
    """One row an item of the innermost list; its columns count before those around it."""
    for i, name in enumerate(lists):
        item = lazy.collect_schema()[name].inner  # type: ignore[attr-defined]
        inner = {f.name for f in item.fields} if isinstance(item, pl.Struct) else set()
        outer = set(lazy.collect_schema().names())
        lazy = lazy.explode(name, keep_nulls=False)
        made = {
            c: pl.coalesce(pl.col(name).struct.field(c), c) if c in outer - {name}
            else pl.col(name).struct.field(c)
            for c in [*wanted, *lists[i + 1 : i + 2]]
            if c in inner
        }  # fmt: skip
        lazy = lazy.with_columns(**made)
    return lazy


def scan_parquet(paths: Sequence[str], **more: Any) -> pl.LazyFrame:
    """Parquet files of one place; of an address with what the environment says of it."""
    if is_remote(paths[0]):
        more |= {"storage_options": options(paths[0]), "credential_provider": None}
    return pl.scan_parquet(list(paths), glob=False, hive_partitioning=False, **more)


def scan_csv(
    paths: str | Sequence[str], separator: str, eol: str, quote: str,
    header: Sequence[str] | None, **more: Any,
) -> pl.LazyFrame:  # fmt: skip
    """CSV files as texts; with the names of their columns where no line holds them."""
    if header is not None:
        more |= {
            "has_header": False, "schema": dict.fromkeys(header, pl.String()),
            "missing_columns": "insert",
        }  # fmt: skip
    return pl.scan_csv(
        list(paths) if not isinstance(paths, str) else paths, infer_schema=False, glob=False,
        separator=separator, eol_char=eol, quote_char=quote or None, **more,
    )  # fmt: skip
