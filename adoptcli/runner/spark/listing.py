"""The files that Spark reads: those that one machine reads, or a refusal."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from adoptcli.errors import UsageProblem
from adoptcli.runner.spark import session as spark
from adoptcli.source.files import File
from adoptcli.source.folders import DELTA, pairs
from adoptcli.source.lazy import scan_parquet
from adoptcli.source.scan import types_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

HEAD = 1000  # rows by which the columns are looked at


def is_here(paths: Sequence[str]) -> bool:
    """Whether this machine lists the files; a Delta table's own log does."""
    return not any("://" in path or (Path(path) / DELTA).is_dir() for path in paths)


def here(session: SparkSession, files: Sequence[File]) -> tuple[DataFrame, pl.DataFrame]:
    """All rows of files of this machine, and the first ones.

    Raises:
        UsageProblem: The files are of several shapes.
        DataProblem: They are no Parquet, or Spark cannot read them all.
    """
    if some := [file.name for file in files if file.kind != "parquet" or file.origin]:
        raise spark.unread(some[:1], "no Parquet")
    shapes = {(frozenset(types_of(file).items()), frozenset(_keys(file))) for file in files}
    if len(shapes) > 1:
        raise refusal("reading files of several shapes")
    raw = _rows(session, files)
    if set(_keys(files[0])) - {*raw.columns}:
        raise refusal("reading folders such as day=1 that stand apart")
    if len(raw.inputFiles()) != len(files):
        raise spark.unread([files[0].name], "it does not find all files")
    return raw, _first(session, files)


def _keys(file: File) -> list[str]:
    return [key for key, _ in pairs(file.folders or ())]


def _rows(session: SparkSession, files: Sequence[File]) -> DataFrame:
    """Folders such as `day=1` are columns below the folder that was named, as on one machine."""
    frames = [
        spark.parquet(session, [str(Path(file.path).absolute()) for file in some], base)
        for base, some in itertools.groupby(files, key=_base)
    ]
    return reduce(lambda one, other: one.unionByName(other), frames)


def _base(file: File) -> str:
    """The folder that was named, where folders below it give columns."""
    return str(Path(file.path).absolute().parents[len(file.folders or ())]) if _keys(file) else ""


def _first(session: SparkSession, files: Sequence[File]) -> pl.DataFrame:
    """The first rows in the order of the files, typed as Spark types them."""
    few: list[File] = []  # which have less together
    before = 0
    for file in files[:-1]:
        height = int(scan_parquet([file.path]).select(pl.len()).collect().item())
        if before + height >= HEAD:
            break
        few.append(file)
        before += height
    last = _rows(session, [files[len(few)]]).limit(HEAD - before)
    pieces = [_table(frame) for frame in (*([_rows(session, few)] if few else []), last)]
    return pl.concat(pieces)


def there(session: SparkSession, paths: Sequence[str]) -> tuple[DataFrame, pl.DataFrame]:
    """All rows of what lies elsewhere, or of a Delta table, and first ones.

    Raises:
        UsageProblem: The files are of several shapes, or Spark would not read each once.
        DataProblem: Spark cannot read them.
    """
    if len(paths) == 1 and spark.is_delta(session, paths[0]):
        raw = spark.of_delta(session, paths[0])
        return raw, _table(raw.limit(HEAD))
    raw = spark.parquet(session, paths)
    if _types(raw) != _types(spark.parquet(session, paths, mergeSchema="true")):
        raise refusal("reading files of several shapes")
    files = raw.inputFiles()
    each = [len(spark.parquet(session, [path]).inputFiles()) for path in paths[1:] and paths]
    if sum(each) > len(files):
        raise refusal("naming a file twice")
    if len(spark.parquet(session, paths, recursiveFileLookup="true").inputFiles()) != len(files):
        raise refusal("reading folders within folders")
    name = min(files).partition(":")[2].lstrip("/")  # file:/ here is file:/// there
    first = raw.where(raw["_metadata.file_path"].endswith(name)).limit(HEAD)
    found = _table(first)
    return raw, found if found.height else _table(raw.limit(HEAD))


def _types(frame: DataFrame) -> dict[str, Any]:
    return {column.name: column.dataType for column in frame.schema}


def _table(frame: DataFrame) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(spark.table(frame)))


def refusal(what: str) -> UsageProblem:
    """What only one machine does."""
    return UsageProblem(
        "not-on-spark",
        f"{what} is not done on Spark",
        "run it on one machine: --runner local, or no runner in the YAML",
    )
