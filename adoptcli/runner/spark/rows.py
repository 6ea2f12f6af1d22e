"""The encoded rows of a log that a cluster has: asked and counted where they are."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from adoptcli import temporary
from adoptcli.errors import DataProblem, UsageProblem
from adoptcli.runner.encoding import completed
from adoptcli.runner.spark import session as spark
from adoptcli.runner.spark import worker
from adoptcli.runner.spark.worker import BUCKET, TEXT, Shape
from adoptcli.source.events import Canonical
from adoptcli.timeline.build import Plan
from adoptcli.timeline.encode import Dictionary, Encoded, Query, Wanted, encode

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from adoptcli.runner.beside import Beside

HEAD = 1000  # rows by which the columns are looked at
PAYLOAD = f"{BUCKET} int, payload binary"
AT_ONCE = 16  # buckets whose sums are added up by one worker
MOST = 100_000_000  # rows of a bucket, which a worker has in memory
T = TypeVar("T")


def head(raw: DataFrame, path: str, tmp: Path | None) -> Path:
    """The first rows as a file of the same name, to see how the rest is read."""
    name = path.rstrip("/").rpartition("/")[2] or "events"
    place = temporary.folder(tmp) / f"{name.removesuffix('.parquet')}.parquet"
    frame = pl.DataFrame(pl.from_arrow(raw.limit(HEAD).toArrow()))
    frame.write_parquet(place)
    return place


def refuse(canonical: Canonical, tables: Beside, unit: str) -> None:
    """Stop where rows must be known to each other before they are parted by user.

    Raises:
        UsageProblem: Ids are to be merged, or actors are accounts.
    """
    ways = {part.source.identity.how for part in canonical.parts}
    told = any(part.source.identity.told or part.source.members for part in canonical.parts)
    reason = ""
    if unit == "account":
        reason = "--unit account"
    elif ways - {"none", "resolved"} or told or tables.identities is not None:
        reason = "merging ids (source.identity)"
    elif len(canonical.parts) > 1 or canonical.parts[0].scan.kind != "parquet":
        reason = "files of several shapes"
    if reason:
        raise UsageProblem(
            "not-on-spark",
            f"{reason} is not done on Spark",
            "run it on one machine: --runner local",
        )


class Cluster:
    """Some buckets of encoded rows each worker has (see `timeline.encode.Cluster`)."""

    def __init__(self, rows: DataFrame, shape: Shape) -> None:
        self._rows, self._shape = rows, shape
        self.rows = pl.DataFrame(schema=dict(shape.schema)).drop(*worker.BELOW)
        self.tops: Mapping[str, Any] = {}

    def ask(self, query: Query) -> pl.DataFrame:
        """The answers of all buckets, one below the other."""
        found = self._each(lambda bucket, encoded: worker.answer(bucket, encoded, query))
        answers: list[pl.DataFrame] = _values(found)
        return pl.concat(answers, how="vertical_relaxed")

    def each(
        self, plan: Plan, work: Callable[[Plan, int], T], add: Callable[[Sequence[T]], T]
    ) -> T:
        """What comes of each bucket, added up by the workers and at the end here."""
        bare = replace(plan, encoded=None, built={})  # type: ignore[arg-type]
        found = self._each(lambda bucket, encoded: worker.worked(bucket, encoded, bare, work, add))
        if self._shape.buckets > AT_ONCE:
            groups = -(-self._shape.buckets // AT_ONCE)
            found = found.repartition(groups, BUCKET).mapInArrow(
                lambda batches: worker.added(batches, add), PAYLOAD
            )
        return add(_values(found))

    def codes(self, texts: pl.Series) -> pl.DataFrame:
        """text and code of those of some users that the workers know."""
        return pl.concat(_values(self._each(lambda _, encoded: worker.users(encoded).codes(texts))))

    def matching(self, patterns: Sequence[str]) -> list[int]:
        """The codes of the users that one of the patterns matches."""
        found = _values(self._each(lambda _, encoded: worker.users(encoded).matching(patterns)))
        return [code for some in found for code in some]

    def _each(self, work: Callable[[int, Encoded], Any]) -> DataFrame:
        shape = self._shape
        return self._rows.mapInArrow(lambda batches: worker.each(batches, shape, work), PAYLOAD)


def _values(found: DataFrame) -> list[Any]:
    """What came of buckets, in their order."""
    rows = sorted(spark.collected(found), key=lambda row: row[0])
    return [pickle.loads(row[1]) for row in rows]


class Users:
    """The users' dictionary, of which each worker has a part (see `timeline.encode.Dictionary`)."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known = pl.DataFrame(schema={TEXT: pl.String, "code": pl.UInt32})

    def add(self, texts: pl.Series) -> pl.Series:
        """Codes of texts from the users table, which the workers have too."""
        self._known = self._cluster.codes(texts.unique())
        asked = texts.to_frame(TEXT)
        return asked.join(self._known, on=TEXT, how="left", maintain_order="left")["code"]

    def text(self, codes: pl.Series) -> pl.Series:
        """The texts of codes that were given out."""
        asked = codes.to_frame("code")
        return asked.join(self._known, on="code", how="left", maintain_order="left")[TEXT]

    def matching(self, size: int, patterns: Sequence[str]) -> list[int]:
        """The codes of those that one of the patterns matches."""
        return self._cluster.matching(patterns)


def encoded(
    session: SparkSession, raw: DataFrame, canonical: Canonical, wanted: Wanted, tables: Beside,
    buckets: int,
) -> tuple[Encoded, dict[str, Dictionary]]:  # fmt: skip
    """Read, shuffle by user and encode: two looks at what was shuffled, none at the rest.

    Raises:
        UsageProblem: What is asked for is not done on Spark.
        DataProblem: Something cannot be read, or one worker would have too many rows.
    """
    from pyspark.storagelevel import StorageLevel

    session.conf.set("spark.sql.shuffle.partitions", str(buckets))
    shuffled = _shuffled(session, raw, canonical, tables, buckets).persist(StorageLevel.DISK_ONLY)
    _even(shuffled, _schema(canonical), buckets)
    columns = {"event": "event", **({"account": "account"} if wanted.account else {})}
    columns |= {f"trait.{name}": f"p.{name}" for name in wanted.traits}
    schema, found = _schema(canonical), canonical.found
    texts = _texts(shuffled, schema, columns)
    names = ("event", "account", *(f"trait.{name}" for name in tables.places))
    dictionaries = {name: Dictionary() for name in names}
    for name, some in texts.items():
        dictionaries[name].add(pl.Series(some, dtype=pl.String))
    clear = encode(completed(canonical.frame.head(0), found, wanted), wanted, _fresh(dictionaries))
    assert clear.frame is not None
    types = {**clear.frame.schema, **worker.BELOW}
    rows = (
        shuffled.groupBy(worker.place(schema, BUCKET))
        .applyInArrow(
            lambda key, table: worker.integers(
                key[0].as_py(), table, schema, types, found, wanted, texts, buckets
            ),
            worker.ddl(types),
        )
        .persist(StorageLevel.DISK_ONLY)
    )
    cluster = Cluster(rows, Shape(types, clear.columns, buckets))
    cluster.tops = cluster.ask(lambda some: some.select(pl.all().max())).max().row(0, named=True)
    shuffled.unpersist()
    dictionaries["user"] = Users(cluster)  # type: ignore[assignment]
    return Encoded(buckets, None, None, dictionaries, clear.columns, cluster=cluster), dictionaries


def _shuffled(
    session: SparkSession, raw: DataFrame, canonical: Canonical, tables: Beside, buckets: int
) -> DataFrame:
    """Canonical events by the bucket of their user, and the users of the table among them."""
    part, needed, zone = canonical.parts[0], canonical.needed, canonical.zone
    schema = _schema(canonical)
    places = [*part.chosen(), *(choice for _, some in part.properties for choice in some)]
    wanted = dict.fromkeys([*part.scan.explode[:1], *(choice.path.column for choice in places)])
    read = raw.select(*(_quoted(name) for name in wanted if name in raw.columns))
    texts = read.mapInArrow(
        lambda batches: worker.texts(batches, part, needed, zone, schema, buckets),
        worker.ddl(schema),
    )
    ids = [] if tables.users is None else tables.users["user"]
    users = pl.DataFrame({"user": ids}, schema={"user": pl.String})
    bucket = worker.bucket_of(pl.col("user"), buckets).alias(BUCKET)
    nobody = pl.DataFrame({BUCKET: range(buckets)}, schema={BUCKET: pl.Int32})  # none is missing
    known = pl.concat([users.with_columns(bucket), nobody], how="diagonal").with_columns(known=True)
    beside = session.createDataFrame(worker.to_arrow(known, schema))
    return texts.union(beside).repartition(buckets, worker.place(schema, BUCKET))


def _schema(canonical: Canonical) -> worker.Schema:
    return {**canonical.frame.collect_schema(), **worker.BESIDE}


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _even(shuffled: DataFrame, schema: worker.Schema, buckets: int) -> None:
    """Stop where a bucket has more rows than a worker can hold."""
    bucket, user = worker.place(schema, BUCKET), worker.place(schema, "user")
    counted = shuffled.groupBy(bucket).count().orderBy("count", ascending=False).limit(1)
    ((number, size),) = spark.collected(counted)
    if size <= MOST:
        return
    users = shuffled.where(f"{bucket} = {number}").groupBy(user).count()
    ((name, rows),) = spark.collected(users.orderBy("count", ascending=False).limit(1))
    if rows > MOST // 2:
        raise DataProblem(
            "spark-skew",
            f"user {name!r} has {rows:,} rows, too many for one worker ({MOST:,})",
            "nobody does so much: exclude it (exclude: {users: [...]}) where it is no person",
        )
    raise DataProblem(
        "spark-skew", f"a bucket has {size:,} rows, too many for one worker ({MOST:,})",
        f"part the users into more: --shards {2 * buckets}",
    )  # fmt: skip


def _texts(
    shuffled: DataFrame, schema: worker.Schema, columns: Mapping[str, str]
) -> dict[str, list[str]]:
    """The different texts of some columns, by the name of their dictionary; sorted."""
    names = [*columns.values()]
    found = shuffled.groupBy(worker.place(schema, BUCKET)).applyInArrow(
        lambda table: worker.distinct(table, schema, names), worker.ddl(worker.NAMED)
    )
    seen: dict[str, list[str]] = {name: [] for name in names}
    for name, text in spark.collected(found.distinct()):
        seen[name].append(text)
    return {name: sorted(seen[column]) for name, column in columns.items()}


def _fresh(dictionaries: Mapping[str, Dictionary]) -> dict[str, Dictionary]:
    return {name: Dictionary() for name in ("user", *dictionaries)}
