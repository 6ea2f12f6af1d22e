"""Delta tables: the files of the current version, and what their partitions are."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, unquote

import polars as pl

from adoptcli.errors import DataProblem, UsageProblem
from adoptcli.source.addresses import is_remote, problem
from adoptcli.source.credentials import options
from adoptcli.source.folders import NULL, Entry

READ = {"deletionVectors", "timestampNtz", "v2Checkpoint", "vacuumProtocolCheck"}


def files(table: str, name: str) -> list[Entry]:
    """The files of a table's current version, in order, with a folder for each partition's value.

    Args:
        table: Folder or address.
        name: What it is called in messages.

    Raises:
        UsageProblem: The package for it is not installed.
        DataProblem: The table cannot be read, or has what Parquet files alone do not tell.
    """
    if find_spec("deltalake") is None:
        raise UsageProblem(
            "delta-missing", f"{name}: the package that reads Delta tables is not installed",
            "install it: pip install deltalake",
        )  # fmt: skip
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        opened = DeltaTable(table, storage_options=options(table) if is_remote(table) else None)
        _readable(opened, name)
        rows = pl.DataFrame(opened.get_add_actions(flatten=False)).to_dicts()
    except (DeltaError, OSError, ValueError) as error:
        raise problem(error, name) or DataProblem(
            "broken-delta", f"{name}: the Delta table cannot be read: {type(error).__name__}",
            "check its _delta_log",
        ) from error  # fmt: skip
    if any("://" in row["path"] or row["path"].startswith("/") for row in rows):
        raise DataProblem(
            "delta-feature", f"{name}: files of the Delta table lie in another table",
            "make a deep clone of it",
        )  # fmt: skip
    found = [_entry(row) for row in rows]
    if not found:
        raise DataProblem("no-rows", f"{name}: the Delta table has no rows", "check the table")
    return sorted(found, key=lambda entry: entry.within.parts)


def _entry(row: dict[str, Any]) -> Entry:
    values = (row.get("partition") or {}).items()
    parts = tuple(
        f"{key}={NULL if value is None else quote(str(value), safe='')}" for key, value in values
    )
    return Entry(PurePosixPath(unquote(row["path"])), row["size_bytes"], parts)


def _readable(table: Any, name: str) -> None:
    """Stop where the files' own rows and columns are not those of the table."""
    features = set(table.protocol().reader_features or ()) - READ
    if table.metadata().configuration.get("delta.columnMapping.mode", "none") != "none":
        features.add("columnMapping")
    if features:
        raise DataProblem(
            "delta-feature", f"{name}: the Delta table uses {', '.join(sorted(features))}",
            "write it once more without, or export it as Parquet",
        )  # fmt: skip
    if any(batch.num_rows for batch in table.deletion_vectors()):
        raise DataProblem(
            "delta-feature", f"{name}: rows of the Delta table are deleted by deletion vectors",
            "write its files anew: REORG TABLE ... APPLY (PURGE)",
        )  # fmt: skip
