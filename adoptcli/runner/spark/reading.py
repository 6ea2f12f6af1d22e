"""What Spark reads: the files by their first rows, and whether all of it can be done there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from adoptcli import temporary
from adoptcli.definitions import Source
from adoptcli.errors import UsageProblem
from adoptcli.runner.spark import session as spark
from adoptcli.source.events import Canonical

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from adoptcli.runner.beside import Beside
    from adoptcli.runner.prepare import Request

HEAD = 1000  # rows by which the columns are looked at
ROWS, FEWEST, MOST = 2_000_000, 4, 4096  # rows of a bucket; buckets


@dataclass(frozen=True)
class Reading:
    """Raw rows on Spark.

    Attributes:
        session: Where they are.
        raw: The rows, of all files.
        head: A file of the first ones, to see how the rest is read.
        excluded: Patterns of users whose rows may be anywhere, as they do not count.
    """

    session: SparkSession
    raw: DataFrame
    head: Path
    excluded: tuple[str, ...]

    def rows(self) -> int:
        """How many there are."""
        return int(spark.collected(self.raw.groupBy().count())[0][0])


def opened(request: Request) -> Reading:
    """The rows of a request.

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
    session = spark.connect(request.master, request.tmp)
    raw = spark.read(session, [_whole(path) for path in paths])
    excluded = tuple(request.definitions.exclude.users)
    return Reading(session, raw, _head(raw, paths[0], request.tmp), excluded)


def _near(name: str, base: Path | None) -> str:
    """A file that the YAML names is beside it."""
    return name if "://" in name or base is None else str(base / name)


def _whole(path: str) -> str:
    """A path as all workers know it; Spark calls S3 s3a."""
    if "://" not in path:
        return str(Path(path).absolute())
    return "s3a" + path.removeprefix("s3") if path.startswith("s3://") else path


def _head(raw: DataFrame, path: str, tmp: Path | None) -> Path:
    name = path.rstrip("/").rpartition("/")[2] or "events"
    place = temporary.folder(tmp) / f"{name.removesuffix('.parquet')}.parquet"
    pl.DataFrame(pl.from_arrow(spark.table(raw.limit(HEAD)))).write_parquet(place)
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
    if len(parts) > 1 or parts[0].scan.kind != "parquet":
        raise refusal("reading files of several shapes")


def _merging(source: Source) -> bool:
    identity = source.identity
    return identity.how not in ("none", "resolved") or bool(identity.told or source.members)


def refusal(what: str) -> UsageProblem:
    """What only one machine does."""
    return UsageProblem(
        "not-on-spark",
        f"{what} is not done on Spark",
        "run it on one machine: --runner local, or no runner in the YAML",
    )
