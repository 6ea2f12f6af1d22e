"""What Spark reads: the files by their first rows, and whether all of it can be done there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from adoptcli import temporary
from adoptcli.definitions import Source
from adoptcli.errors import DataProblem, UsageProblem
from adoptcli.runner.spark import listing, workers
from adoptcli.runner.spark import session as spark
from adoptcli.runner.spark.listing import Head, refusal
from adoptcli.source.events import Canonical, Gathered
from adoptcli.source.files import File

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
        changed: What to say where a file is not as it was at the first look.
        room: Bytes that a worker has for a bucket.
    """

    session: SparkSession
    raw: DataFrame
    excluded: tuple[str, ...]
    changed: Callable[[], DataProblem | None]
    room: int

    def rows(self) -> int:
        """How many there are."""
        return int(spark.collected(self.raw.groupBy().count())[0][0])


def opened(request: Request, find: Find, undo: ExitStack) -> tuple[Reading, Gathered]:
    """The rows of a request, and files of the first ones, to see how the rest is read.

    Args:
        request: What is asked for.
        find: Finds the files of this machine that paths stand for, or the YAML's.
        undo: What is to be ended where nothing comes of it goes here.

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
    near = listing.is_here(paths)
    if not near and sources[0].lookback is not None and request.since_day is not None:
        raise refusal("source.lookback with --since, of files that are elsewhere or Delta's,")
    gathered = find(request.paths) if near else None
    session = spark.connect(request.master, undo, request.tmp)
    room = workers.room(session)
    listed = listing.here(session, gathered.all) if gathered else listing.there(session, paths)
    files = tuple(_looked_at(listed.heads, request.tmp))
    gathered = gathered or find([files[0].path])
    excluded = tuple(request.definitions.exclude.users)
    made = Reading(session, listed.raw, excluded, listed.changed, room)
    return made, replace(gathered, files=(files,))


def _near(name: str, base: Path | None) -> str:
    """A file that the YAML names is beside it."""
    return name if "://" in name or base is None else str(base / name)


def _looked_at(heads: Sequence[Head], tmp: Path | None) -> Iterator[File]:
    """The first rows as files, each below the folders and by the name of one that has them."""
    folder = temporary.folder(tmp)
    for i, (file, first) in enumerate(heads):
        place = folder / str(i) / f"{Path(file.name).name.removesuffix('.parquet')}.parquet"
        place.parent.mkdir()
        first.write_parquet(place)
        yield replace(file, path=str(place), origin=file)


def enough(reading: Reading, asked: int | None, most: int) -> int:
    """Into how many to part the users: as asked for, else by the rows.

    Buckets are not all of a size: they are to have half of what is possible at `most`.
    """
    rows = max(min(ROWS, most // 2), 1)
    return asked or min(max(-(-reading.rows() // rows), FEWEST), MOST)


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
    if len({part.scan.columns for part in parts}) > 1 or parts[0].scan.kind != "parquet":
        raise refusal("reading files of several shapes")


def _merging(source: Source) -> bool:
    identity = source.identity
    return identity.how not in ("none", "resolved") or bool(identity.told or source.members)
