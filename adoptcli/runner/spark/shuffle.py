"""Rows on Spark by the bucket of their user: read, shuffled, and encoded as integers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING

import polars as pl

from adoptcli import memory
from adoptcli.errors import DataProblem
from adoptcli.runner.encoding import completed
from adoptcli.runner.sizing import row
from adoptcli.runner.spark import session as spark
from adoptcli.runner.spark import worker
from adoptcli.runner.spark.cluster import Cluster, Users
from adoptcli.runner.spark.reading import MOST, Reading, enough, fit
from adoptcli.runner.spark.worker import BUCKET, Shape
from adoptcli.source.events import Canonical
from adoptcli.source.steady import unless
from adoptcli.timeline.dictionary import Dictionary
from adoptcli.timeline.encode import Encoded, Wanted, encode

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from adoptcli.runner.beside import Beside
    from adoptcli.runner.prepare import Request

TEXTS = 4  # times the texts of a row that encoding it takes beside; measured, as in `sizing`


def encoded(
    reading: Reading, canonical: Canonical, wanted: Wanted, tables: Beside, request: Request
) -> tuple[Encoded, dict[str, Dictionary]]:  # fmt: skip
    """Read, shuffle by user and encode: two looks at what was shuffled, none at the rest.

    Raises:
        UsageProblem: What is asked for is not done on Spark.
        DataProblem: Something cannot be read or has changed, or one worker would have too many
            rows.
    """
    from pyspark.storagelevel import StorageLevel

    fit(canonical, tables)
    most = int(reading.room / (row(wanted) + TEXTS * _width(canonical)))
    with ExitStack() as undo:
        with unless(reading.changed):
            buckets = enough(reading, request.shards, most)
            reading.session.conf.set("spark.sql.shuffle.partitions", str(buckets))
            shuffled = _shuffled(reading, canonical, tables, buckets)
            shuffled.persist(StorageLevel.DISK_ONLY)
            try:
                _even(shuffled, _schema(canonical), buckets, most, reading.room)
                found = _encoded(reading, shuffled, canonical, wanted, tables, buckets)
            finally:
                shuffled.unpersist()
            undo.callback(found[0].cluster.close)  # type: ignore[union-attr]
        undo.pop_all()
    return found


def _width(canonical: Canonical) -> float:
    """Bytes of a row's texts, by the first ones."""
    first = canonical.frame.collect()
    return int(first.estimated_size()) / max(first.height, 1)


def _encoded(
    reading: Reading, shuffled: DataFrame, canonical: Canonical, wanted: Wanted, tables: Beside,
    buckets: int,
) -> tuple[Encoded, dict[str, Dictionary]]:  # fmt: skip
    from pyspark.storagelevel import StorageLevel

    columns = {"event": "event", **({"account": "account"} if wanted.account else {})}
    columns |= {f"trait.{name}": f"p.{name}" for name in wanted.traits}
    schema, found, ours = _schema(canonical), canonical.found, worker.runs()
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
                key[0].as_py(), table, schema, types, found, wanted, texts, buckets, ours
            ),
            worker.ddl(types),
        )
        .persist(StorageLevel.DISK_ONLY)
    )
    cluster = Cluster(rows, Shape(types, clear.columns, buckets, ours), reading.changed)
    try:
        spark.collected(rows.groupBy().count())  # so that what was shuffled can go
    except BaseException:
        cluster.close()
        raise
    dictionaries["user"] = Users(cluster)  # type: ignore[assignment]
    return Encoded(buckets, None, None, dictionaries, clear.columns, cluster=cluster), dictionaries


def _shuffled(reading: Reading, canonical: Canonical, tables: Beside, buckets: int) -> DataFrame:
    """Canonical events by the bucket of their user, and the users of the table among them."""
    ways, needed, zone = worker.ways(canonical.parts), canonical.needed, canonical.zone
    part, schema = canonical.parts[0], _schema(canonical)
    places = [*part.chosen(), *(choice for _, some in part.properties for choice in some)]
    columns = [*part.scan.explode[:1], *(choice.path.column for choice in places), *ways.folders]
    raw, spread, ours = reading.raw, reading.excluded, worker.runs()
    read = raw.select(
        *(spark.quoted(name) for name in dict.fromkeys(columns) if name in raw.columns)
    )
    texts = read.mapInArrow(
        lambda batches: worker.texts(batches, ways, needed, zone, schema, spread, buckets, ours),
        worker.ddl(schema),
    )
    ids = tables.users["user"] if tables.users is not None else pl.Series([], dtype=pl.String)
    users = pl.DataFrame({"user": ids}, schema={"user": pl.String})
    bucket = worker.bucket_of(pl.col("user"), buckets).alias(BUCKET)
    nobody = pl.DataFrame({BUCKET: range(buckets)}, schema={BUCKET: pl.Int64})  # none is missing
    known = pl.concat([users.with_columns(bucket), nobody], how="diagonal").with_columns(known=True)
    beside = reading.session.createDataFrame(worker.to_arrow(known, schema))
    return texts.union(beside).repartition(buckets, worker.place(schema, BUCKET))


def _schema(canonical: Canonical) -> worker.Schema:
    return {**canonical.frame.collect_schema(), **worker.BESIDE}


def _even(
    shuffled: DataFrame, schema: worker.Schema, buckets: int, most: int, room: int
) -> None:  # fmt: skip
    """Stop where a bucket has more rows than a worker can hold."""
    bucket, user = worker.place(schema, BUCKET), worker.place(schema, "user")
    counted = shuffled.groupBy(bucket).count().orderBy("count", ascending=False).limit(1)
    ((number, size),) = spark.collected(counted)
    if size <= most:
        return
    users = shuffled.where(f"{bucket} = {number} AND {user} IS NOT NULL").groupBy(user).count()
    found = spark.collected(users.orderBy("count", ascending=False).limit(1))
    name, rows = found[0] if found else ("", 0)
    there = f"too many for one worker: it has {memory.shown(room)} for a bucket, {most:,} rows"
    more = "give the workers more memory, or fewer cores each"
    parts = buckets * -(-2 * size // max(most, 1))
    if rows > most // 2:
        section = f"exclude: {{users: [{json.dumps(name, ensure_ascii=False)}]}}"
        raise DataProblem(
            "spark-skew", f"user {name!r} has {rows:,} rows, {there}",
            f"exclude it where it is no person: {section}; or {more}",
        )  # fmt: skip
    raise DataProblem(
        "spark-skew", f"one of {buckets:,} buckets has {size:,} rows, {there}",
        f"part the users into more: --shards {parts}; or {more}" if parts <= MOST else more,
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
