"""The first rows of files on Spark, by which is seen how the rest is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import polars as pl

from adoptcli.runner.spark import session as spark
from adoptcli.runner.spark import worker
from adoptcli.runner.spark.worker import HEAD

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

AT_ONCE = 64  # groups whose first rows come here together
ROW, PATH = "row", "path"
ALONE = {  # each file is one task's, and no task reads further than it is looked at
    "spark.sql.files.maxPartitionBytes": str(1 << 40),
    "spark.sql.files.openCostInBytes": str(1 << 40),
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(HEAD),
}


def heads(
    session: SparkSession, schema: Any, groups: Sequence[Sequence[str]]
) -> Iterator[pl.DataFrame]:  # fmt: skip
    """The first rows of each group of files, in the order of its files.

    Args:
        session: Which reads them.
        schema: Spark's types of the files' own columns.
        groups: The files' paths, as Spark is to take them.

    Raises:
        DataProblem: They cannot be read.
    """
    for begin in range(0, len(groups), AT_ONCE):
        yield from _heads(session, schema, groups[begin : begin + AT_ONCE])


def _heads(
    session: SparkSession, schema: Any, groups: Sequence[Sequence[str]]
) -> list[pl.DataFrame]:  # fmt: skip
    """More and more files of those groups that have had too few rows."""
    found: list[list[pl.DataFrame]] = [[] for _ in groups]
    begin, many = 0, 1
    while short := [
        (rows, some)
        for rows, group in zip(found, groups, strict=True)
        if sum(map(len, rows)) < HEAD and (some := group[begin : begin + many])
    ]:
        first = _firsts(session, schema, [path for _, some in short for path in some])
        for rows, some in short:
            rows += [first.filter(pl.col(PATH) == known(path)) for path in some]
        begin, many = begin + many, 2 * many
    return [pl.concat(rows).head(HEAD).select(ROW).unnest(ROW) for rows in found]


def _firsts(session: SparkSession, schema: Any, paths: Sequence[str]) -> pl.DataFrame:
    """The first rows of each file, and which it is."""
    from pyspark.sql.functions import col, struct

    before = {name: session.conf.get(name) for name in ALONE}
    try:
        for name, value in ALONE.items():
            session.conf.set(name, value)
        read = session.read.schema(schema).parquet(*map(literal, paths))
        named = read.select(
            struct(*map(spark.quoted, schema.names)).alias(ROW),
            col("_metadata.file_path").alias(PATH),
        )
        found = pl.DataFrame(
            pl.from_arrow(spark.table(named.mapInArrow(worker.first, named.schema)))
        )
    finally:
        for name, value in before.items():
            session.conf.set(name, value)
    return found.with_columns(pl.col(PATH).map_elements(known, pl.String))


def known(path: str) -> str:
    """What tells a file from others, however Spark writes its address."""
    return unquote(unquote(path.partition("://")[2] or path.removeprefix("file:"))).lstrip("/")


def literal(path: str) -> str:
    """A path in which nothing stands for anything else."""
    return re.sub(r"([\[\]{}*?\\])", r"\\\1", path)
