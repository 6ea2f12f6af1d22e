"""A Delta table on Spark is the table, not all of its files."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from tests.spark import test_spark

sample = test_spark.sample
deltalake = pytest.importorskip("deltalake")


@pytest.mark.parametrize("partition", [None, "event_name"])
def test_the_current_version_without_the_clusters_package(
    sample: Path, tmp_path: Path, partition: str | None
) -> None:
    for path in sample.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    events = pl.read_parquet(sample / "events" / "*.parquet")
    table = str(tmp_path / "events")
    for rows in (events.head(500), events):  # the first version's files stay there
        deltalake.write_deltalake(table, rows, mode="overwrite", partition_by=partition)
    deltalake.write_deltalake(
        table, events.head(7).drop("score"), mode="append", schema_mode="merge"
    )
    test_spark.both(tmp_path, "local[2]", "report", "-f", "json")
