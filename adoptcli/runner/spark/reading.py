"""What Spark reads: the files by their first rows, and whether all of it can be done there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from adoptcli import temporary
from adoptcli.definitions import Source
from adoptcli.errors import UsageProblem
from adoptcli.runner.spark import listing
from adoptcli.runner.spark import session as spark
from adoptcli.runner.spark.listing import refusal
from adoptcli.source.events import Canonical, Gathered

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from adoptcli.runner.beside import Beside
    from adoptcli.runner.prepare import Request

ROWS, FEWEST, MOST = 2_000_000, 4, 4096  # rows of a bucket; buckets
Find = Callable[[Sequence[str]], Gathered]


@dataclass(frozen=True)
class Reading:
    """Raw rows on Spark.

    Attributes:
        session: Where they are.
        raw: The rows, of all files.
        excluded: Patterns of users whose rows may be anywhere, as they do not count.
    """

    session: SparkSession
    raw: DataFrame
    excluded: tuple[str, ...]

    def rows(self) -> int:
        """How many there are."""
        return int(spark.collected(self.raw.groupBy().count())[0][0])


def opened(request: Request, find: Find) -> tuple[Reading, Gathered]:
    """The rows of a request, and a file of the first ones, to see how the rest is read.

    Args:
        request: What is asked for.
        find: Finds the files of this machine that paths stand for, or the YAML's.

    Raises:
        UsageProblem: What is asked for is not done on Spark, or there is none.
        DataProblem: The rows cannot be read, or the workers not used.
    """
    assert request.master is not None
    sources = request.definitions.source
    if request.quality:
        raise refusal("validate")
    if request.unit == "account":
        raise refusal("--unit account")
    if len(sources) > 1:
        raise refusal("reading several sources")
    paths = request.paths or [_near(name, request.base) for name in sources[0].files]
    if not paths or "-" in paths:
        raise UsageProblem(
            "no-files", "no event file is named for Spark",
            "give one on the command line, or in the YAML: source: {files: [events.parquet]}",
        )  # fmt: skip
    excluded = tuple(request.definitions.exclude.users)
    if listing.is_here(paths):
        gathered = find(request.paths)
        session = spark.connect(request.master, request.tmp)
        raw, first = listing.here(session, gathered.all)
        head = _head(first, gathered.all[0].name, request.tmp)
        name = replace(gathered.all[0], path=str(head), folders=None, origin=gathered.all[0])
        gathered = replace(gathered, files=((name,),))
    else:
        if sources[0].lookback is not None and request.since_day is not None:
            raise refusal("source.lookback with --since, of files that are elsewhere or Delta's,")
        session = spark.connect(request.master, request.tmp)
        raw, first = listing.there(session, [_whole(path) for path in paths])
        gathered = find([str(_head(first, paths[0], request.tmp))])
    return Reading(session, raw, excluded), gathered


def _near(name: str, base: Path | None) -> str:
    """A file that the YAML names is beside it."""
    return name if "://" in name or base is None else str(base / name)


def _whole(path: str) -> str:
    """A path as all workers know it; Spark calls S3 s3a."""
    if "://" not in path:
        return str(Path(path).absolute())
    return "s3a" + path.removeprefix("s3") if path.startswith("s3://") else path


def _head(first: pl.DataFrame, path: str, tmp: Path | None) -> Path:
    name = path.rstrip("/").rpartition("/")[2] or "events"
    place = temporary.folder(tmp) / f"{name.removesuffix('.parquet')}.parquet"
    first.write_parquet(place)
    return place


def enough(reading: Reading, asked: int | None) -> int:
    """Into how many to part the users: as asked for, else by the rows."""
    return asked or min(max(-(-reading.rows() // ROWS), FEWEST), MOST)


def fit(canonical: Canonical, tables: Beside) -> None:
    """Stop where rows must be known to each other before they are parted by user.

    Raises:
        UsageProblem: Ids are to be merged, or files are of several shapes.
    """
    parts = canonical.parts
    if tables.identities is not None or any(_merging(part.source) for part in parts):
        raise refusal("merging ids (source.identity)")
    if parts[0].source.folder:
        raise refusal("a column of folders' names (source.folder)")
    if len(parts) > 1 or parts[0].scan.kind != "parquet":
        raise refusal("reading files of several shapes")


def _merging(source: Source) -> bool:
    identity = source.identity
    return identity.how not in ("none", "resolved") or bool(identity.told or source.members)
