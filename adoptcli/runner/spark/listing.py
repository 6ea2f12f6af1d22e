"""The files that Spark reads: those that one machine reads, or a refusal."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from glob import has_magic
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import polars as pl

from adoptcli.errors import DataProblem, UsageProblem
from adoptcli.runner.spark import problems, stamps
from adoptcli.runner.spark import session as spark
from adoptcli.runner.spark.heads import heads, literal
from adoptcli.runner.spark.worker import HEAD
from adoptcli.source import steady
from adoptcli.source.files import File
from adoptcli.source.folders import DELTA, matches, pairs, part_of_table, parted
from adoptcli.source.scan import types_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Head = tuple[File, pl.DataFrame]


@dataclass(frozen=True)
class Listed:
    """Files, and all their rows.

    Attributes:
        raw: The rows.
        heads: Of each value of folders such as `day=1` a file, and the first rows.
        changed: What to say where one of them is not as it was.
    """

    raw: DataFrame
    heads: tuple[Head, ...]
    changed: Callable[[], DataProblem | None]


def is_here(paths: Sequence[str]) -> bool:
    """Whether this machine lists the files; a Delta table's own log does."""
    return not any("://" in path or (Path(path) / DELTA).is_dir() for path in paths)


def here(session: SparkSession, files: Sequence[File]) -> Listed:
    """Files of this machine.

    Raises:
        UsageProblem: The files are of several shapes.
        DataProblem: They are no Parquet, or Spark cannot read them all.
    """
    if some := [file.name for file in files if file.kind != "parquet" or file.origin]:
        raise problems.unread(some[:1], "no Parquet")
    shapes = {(frozenset(types_of(file).items()), frozenset(_keys(file))) for file in files}
    if len(shapes) > 1:
        raise refusal("reading files of several shapes")
    raw = _rows(session, files)
    if set(_keys(files[0])) - {*raw.columns}:
        raise refusal("reading folders such as day=1 that stand apart")
    if len(raw.inputFiles()) != len(files):
        raise problems.unread([files[0].name], "it does not find all files")
    found = _grouped(session, raw, [(_whole(file.path), file) for file in files])
    return Listed(raw, found, partial(steady.changed, files))


def _keys(file: File) -> list[str]:
    return [key for key, _ in pairs(file.folders or ())]


def _whole(path: str) -> str:
    return str(Path(path).absolute())


def _rows(session: SparkSession, files: Sequence[File]) -> DataFrame:
    """Folders such as `day=1` are columns below the folder that was named, as on one machine."""
    frames = [
        spark.parquet(session, [literal(_whole(file.path)) for file in some], base)
        for base, some in itertools.groupby(files, key=_base)
    ]
    return reduce(lambda one, other: one.unionByName(other), frames)


def _base(file: File) -> str:
    """The folder that was named, where folders below it give columns."""
    return str(Path(file.path).absolute().parents[len(file.folders or ())]) if _keys(file) else ""


def _grouped(
    session: SparkSession, raw: DataFrame, files: Iterable[tuple[str, File]]
) -> tuple[Head, ...]:  # fmt: skip
    """The first rows of the files below folders of the same values."""
    groups: dict[tuple[tuple[str, str | None], ...], list[tuple[str, File]]] = {}
    for path, file in files:
        groups.setdefault(pairs(file.folders or ()), []).append((path, file))
    folders = {key for values in groups for key, _ in values}
    schema = raw.select(*(spark.quoted(c) for c in raw.columns if c not in folders)).schema
    paths = [[path for path, _ in group] for group in groups.values()]
    first = (group[0][1] for group in groups.values())
    return tuple(zip(first, heads(session, schema, paths), strict=True))


def there(session: SparkSession, paths: Sequence[str]) -> Listed:
    """What lies elsewhere, or a Delta table.

    Raises:
        UsageProblem: The files are of several shapes, or Spark would not read each once.
        DataProblem: Spark cannot read them.
    """
    if len(paths) == 1 and spark.is_delta(session, address(paths[0])):
        return _of_table(session, paths[0])
    addresses = [address(path) for path in paths]
    if any(spark.is_delta(session, whole) for whole in addresses):
        raise refusal("reading a Delta table beside other files")
    before = stamps.stamps(session, addresses)
    found = [_below(session, path) for path in paths]
    files = [one for _, some in found for one in some]
    if len({path for path, _ in files}) < len(files):
        raise refusal("naming a file twice")
    if len({frozenset(_types(raw).items()) for raw, _ in found}) > 1:
        raise refusal("reading files of several shapes")
    raw = reduce(lambda one, other: one.unionByName(other), (raw for raw, _ in found))
    first = _grouped(session, raw, files)
    return Listed(raw, first, partial(stamps.changed, session, addresses, before))


def address(path: str) -> str:
    """A path as all workers know it; Spark calls S3 s3a."""
    if "://" not in path:
        return _whole(path)
    return "s3a" + path.removeprefix("s3") if path.startswith("s3://") else path


def _of_table(session: SparkSession, path: str) -> Listed:
    """A Delta table, whose files nobody writes to again."""
    table = address(path).rstrip("/")
    raw, entries = spark.of_delta(session, table)
    if not entries:
        first = pl.DataFrame(pl.from_arrow(spark.table(raw.limit(HEAD))))
        return Listed(raw, ((File(path, "parquet", path), first),), lambda: None)
    files = [(f"{table}/{e.within}", _file(path, e.within, e.folders)) for e in entries]
    return Listed(raw, _grouped(session, raw, files), lambda: None)


def _below(session: SparkSession, path: str) -> tuple[DataFrame, list[tuple[str, File]]]:
    """The rows of what a path stands for, and its files in their order."""
    whole = address(path)
    base, pattern = parted(whole) if has_magic(whole) else (whole, "")
    if "**" in pattern:
        raise refusal("a glob with **")
    more = {"basePath": base} if pattern else {}
    raw = spark.parquet(session, [whole], **more)
    if _types(raw) != _types(spark.parquet(session, [whole], **more, mergeSchema="true")):
        raise refusal("reading files of several shapes")
    found = {PurePosixPath(unquote(file)): unquote(file) for file in raw.inputFiles()}
    if len(spark.parquet(session, [whole], recursiveFileLookup="true").inputFiles()) != len(found):
        raise refusal("reading folders within folders")
    root, name = PurePosixPath(_key(base)), parted(path)[0] if pattern else path
    within = {
        file: PurePosixPath(_key(file)).relative_to(root) for _, file in sorted(found.items())
    }
    if pattern and not all(matches(w.parts, pattern.split("/")) for w in within.values()):
        raise refusal("a glob that stands for folders")
    several = any(w.parts for w in within.values())  # who names one file knows which
    if several and any(spark.is_delta(session, folder) for folder in _above(base)):
        raise part_of_table(path)
    return raw, [(file, _file(name, w, w.parts[:-1])) for file, w in within.items()]


def _above(base: str) -> Iterator[str]:
    """A folder and those that it is in."""
    place = base.partition("://")[2] or base
    parts, scheme = place.rstrip("/").split("/"), base.removesuffix(place)
    for n in range(len(parts), 0, -1):
        if folder := "/".join(parts[:n]):
            yield scheme + folder


def _key(address: str) -> str:
    """Where a file lies in its bucket or on its machine."""
    place = address.partition("://")[2]
    return "/" + (place.partition("/")[2] if place else address.removeprefix("file:")).lstrip("/")


def _file(root: str, within: PurePosixPath, folders: Sequence[str]) -> File:
    """A file below what was named, or the one that was."""
    name = f"{root.rstrip('/')}/{within}" if within.parts else root
    return File(name, "parquet", name, tuple(folders) if within.parts else None)


def _types(frame: DataFrame) -> dict[str, Any]:
    return {column.name: column.dataType for column in frame.schema}


def refusal(what: str) -> UsageProblem:
    """What only one machine does."""
    return UsageProblem(
        "not-on-spark",
        f"{what} is not done on Spark",
        "run it on one machine: --runner local, or no runner in the YAML",
    )
