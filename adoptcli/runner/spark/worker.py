"""What runs on the workers of a cluster: rows to texts, texts to integers, integers to sums.

A worker derives nothing global from its own rows: the plan comes from the driver.
"""

from __future__ import annotations

import itertools
import pickle
import platform
import socket
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

import adoptcli
from adoptcli import memory
from adoptcli.runner.encoding import completed
from adoptcli.source import frames
from adoptcli.source.events import Needed
from adoptcli.source.lazy import exploded
from adoptcli.source.parts import Part
from adoptcli.source.scan import Scan
from adoptcli.timeline.build import Plan
from adoptcli.timeline.dictionary import Dictionary
from adoptcli.timeline.encode import Encoded, Query, Wanted, encode
from adoptcli.timeline.patterns import matching

if TYPE_CHECKING:
    import pyarrow as pa

Schema = Mapping[str, pl.DataType]
Batches = Iterator["pa.RecordBatch"]

BUCKET, KNOWN, TEXT = "bucket", "known", "text"
SEED = 0x5EED
HEAD = 1000  # rows by which the columns are looked at
BESIDE: Schema = {BUCKET: pl.Int64(), KNOWN: pl.Boolean()}
BELOW: Schema = {TEXT: pl.String(), BUCKET: pl.Int64()}
CODED: Schema = {TEXT: pl.String(), "code": pl.UInt32()}
NAMED: Schema = {"name": pl.String(), TEXT: pl.String()}
TOLD = "versions string, host string, size long, own boolean"
OTHER = "this worker came late and has other versions:"
OWN = (memory.VARIABLE, "ulimit -v")  # which hold for one process
UNKNOWN = 1 << 50  # bytes of memory where nothing tells
T = TypeVar("T")


@dataclass(frozen=True)
class Given(Scan):
    """Rows that are there already, read as those of a file of their columns."""

    held: pl.DataFrame | None = None

    def frame(self, wanted: Sequence[str], *_: Any, **__: Any) -> pl.LazyFrame:
        """The wanted columns that there are."""
        assert self.held is not None
        inside = [c for c in wanted if c in self.columns]
        return exploded(self.held.lazy(), self.explode, inside).select(*inside)


@dataclass(frozen=True)
class Ways:
    """How rows are read: all alike, or each as those of the values of its folders.

    Attributes:
        folders: The columns of these values, where it depends on them.
        parts: By the values; or a single one.
    """

    folders: tuple[str, ...]
    parts: Mapping[tuple[str | None, ...], Part]

    def of(self, held: pl.DataFrame) -> Iterator[tuple[Part, pl.DataFrame]]:
        """The rows of each way."""
        first, *more = self.parts.values()
        if not more:
            yield first, held
            return
        pieces = held.partition_by(self.folders, as_dict=True, maintain_order=True)
        for values, some in pieces.items():
            yield self.parts.get(values, first), some


def ways(parts: Sequence[Part]) -> Ways:
    """How the parts of one shape are read, which nothing but folders' values part."""
    looks = {(part.shapes, part.arrived, part.order) for part in parts}
    if len(looks) == 1:
        return Ways((), {(): parts[0]})
    folders = tuple(name for name, _ in parts[0].scan.hive)
    return Ways(folders, {tuple(value for _, value in part.scan.hive): part for part in parts})


def _given(part: Part, held: pl.DataFrame) -> Part:
    """A part whose rows are there."""
    scan = part.scan
    return replace(part, scan=Given(scan.files, scan.names, explode=scan.explode, held=held))


class Users:
    """The texts of the users of one bucket by code, which is a multiple of all buckets' number."""

    def __init__(self, texts: pl.Series, bucket: int, buckets: int) -> None:
        self._texts, self._bucket, self._buckets = texts, bucket, buckets

    def text(self, codes: pl.Series) -> pl.Series:
        """The texts of codes."""
        return self._texts.gather(codes // self._buckets)

    def codes(self, texts: pl.Series) -> pl.DataFrame:
        """text and code of those of some texts that are here."""
        place = pl.int_range(pl.len(), dtype=pl.UInt32)
        here = self._texts.to_frame(TEXT).with_columns(code=place * self._buckets + self._bucket)
        own = bucket_of(pl.col(TEXT), self._buckets) == self._bucket  # those dealt out are in more
        return here.filter(own & pl.col(TEXT).is_in(texts.implode()))

    def matching(self, patterns: Sequence[str]) -> list[int]:
        """The codes of those that one of the patterns matches."""
        places = matching(self._texts.to_list(), patterns)
        return [place * self._buckets + self._bucket for place in places]


def bucket_of(user: pl.Expr, buckets: int) -> pl.Expr:
    """The bucket of a user by the text of the id."""
    return (user.hash(SEED) % buckets).cast(pl.Int64)


def ddl(schema: Schema) -> str:
    """Columns as Spark takes them: by their places, as a name may hold what means something."""
    return ", ".join(f"{name} {_type(dtype)}" for name, dtype in _placed(schema))


def place(schema: Schema, name: str) -> str:
    """The name of a column in Spark."""
    return f"c{[*schema].index(name)}"


def _placed(schema: Schema) -> list[tuple[str, pl.DataType]]:
    return [(f"c{i}", dtype) for i, dtype in enumerate(schema.values())]


def _type(dtype: pl.DataType) -> str:
    """Spark has no unsigned integers: they travel as signed ones."""
    if dtype in (pl.String, pl.Boolean):
        return str(dtype).lower()
    return "double" if dtype.is_float() else "long"


def to_arrow(frame: pl.DataFrame, schema: Schema) -> pa.Table:
    """A frame as Spark takes it; columns that it lacks are null."""
    import pyarrow as pa

    lacking = [pl.lit(None, dtype=t).alias(n) for n, t in schema.items() if n not in frame.columns]
    frame = frame.with_columns(lacking)
    placed = [
        _signed(name, dtype).alias(to)
        for name, (to, dtype) in zip(schema, _placed(schema), strict=True)
    ]
    table = frame.select(placed).to_arrow(compat_level=pl.CompatLevel.oldest())
    types = [pa.string() if pa.types.is_large_string(f.type) else f.type for f in table.schema]
    names = zip(table.column_names, types, strict=True)
    return table.cast(pa.schema([pa.field(name, dtype) for name, dtype in names]))


def _signed(name: str, dtype: pl.DataType) -> pl.Expr:
    if not dtype.is_integer():
        return pl.col(name)
    return (
        pl.col(name).reinterpret(signed=True) if dtype == pl.UInt64 else pl.col(name).cast(pl.Int64)
    )


def from_arrow(table: pa.Table, schema: Schema) -> pl.DataFrame:
    """A frame as it was before Spark took it."""
    frame = pl.DataFrame(pl.from_arrow(table))
    return frame.select(
        (
            pl.col(to).reinterpret(signed=False) if dtype == pl.UInt64 else pl.col(to).cast(dtype)
        ).alias(name)
        for name, (to, dtype) in zip(schema, _placed(schema), strict=True)
    )


def first(batches: Batches) -> Batches:
    """The first rows of a task's, of which no more are read."""
    left = HEAD
    for batch in batches:
        yield batch.slice(0, left)
        left -= min(left, batch.num_rows)
        if not left:
            return


def texts(
    batches: Batches, ways: Ways, needed: Needed, zone: str, schema: Schema,
    excluded: Sequence[str], buckets: int, ours: str,
) -> Batches:  # fmt: skip
    """Raw rows as canonical events, with the bucket of each.

    Rows of nobody and of users who are excluded, be they ever so many, are dealt out.
    """
    as_there(ours)
    for batch in batches:
        held = pl.DataFrame(pl.from_arrow(batch))
        read = [frames.frame(_given(part, some), needed, zone) for part, some in ways.of(held)]
        made = pl.concat(read).with_columns(known=False).collect()
        names = made["user"].unique()
        out = names.gather(matching(names.to_list(), excluded)) if excluded else names.clear()
        dealt = pl.col("user").is_null() | pl.col("user").is_in(out.implode())
        deal = pl.int_range(pl.len(), dtype=pl.Int64) % buckets
        bucket = pl.when(dealt).then(deal).otherwise(bucket_of(pl.col("user"), buckets))
        yield from to_arrow(made.with_columns(bucket.alias(BUCKET)), schema).to_batches()


def distinct(table: pa.Table, schema: Schema, names: Sequence[str]) -> pa.Table:
    """The different texts of some columns of one bucket, each with the column's name."""
    frame = from_arrow(table, schema).filter(~pl.col(KNOWN))
    found = [
        frame.select(pl.lit(name).alias("name"), pl.col(name).alias(TEXT)).drop_nulls().unique()
        for name in names
    ]
    return to_arrow(pl.concat(found), NAMED)


def integers(
    bucket: int, table: pa.Table, schema: Schema, types: Schema, found: Collection[str],
    wanted: Wanted, known: Mapping[str, Sequence[str]], buckets: int, ours: str,
) -> pa.Table:  # fmt: skip
    """The texts of one bucket as integers; below them its users, as code and text.

    Args:
        bucket: Which one.
        table: Its canonical events, and beside them users who are known from elsewhere.
        schema: Of canonical events.
        types: Of the integers.
        found: Which columns of ours the source has.
        wanted: What is encoded.
        known: The texts of the other dictionaries, by code.
        buckets: How many buckets there are.
        ours: What the driver runs.
    """
    as_there(ours)
    frame = from_arrow(table, schema)
    users = frame["user"].unique().drop_nulls().sort()
    dictionaries = {name: _filled(pl.Series(some, dtype=pl.String)) for name, some in known.items()}
    dictionaries = {"account": Dictionary(), **dictionaries, "user": _filled(users)}
    rows = frame.filter(~pl.col(KNOWN)).drop(*BESIDE).lazy()
    made = encode(completed(rows, found, wanted), wanted, dictionaries).frame
    assert made is not None
    below = pl.DataFrame(
        {"user": pl.int_range(users.len(), dtype=pl.UInt32, eager=True), TEXT: users}
    )
    both = pl.concat([made, below], how="diagonal")
    code = (pl.col("user") * buckets + bucket).cast(pl.UInt32)
    return to_arrow(both.with_columns(pl.lit(bucket).alias(BUCKET), user=code), types)


def _filled(some: pl.Series) -> Dictionary:
    """A dictionary of these texts, in which each has its place as code."""
    found = Dictionary()
    codes = found.add(some)
    if codes.to_list() != list(range(some.len())):
        raise AssertionError("codes are not in the order of the texts")
    return found


@dataclass(frozen=True)
class Shape:
    """What the integers of a bucket are: their types, what `Encoded` says of all rows, and by what
    versions they are counted."""

    schema: Schema
    columns: tuple[str, ...]
    buckets: int
    ours: str


def each(batches: Batches, shape: Shape, work: Callable[[int, Encoded], Any]) -> Batches:
    """What comes of each bucket of a partition, as bytes."""
    import pyarrow as pa

    as_there(shape.ours)
    tables = (pa.Table.from_batches([batch]) for batch in batches if batch.num_rows)
    for bucket, frame in _by_bucket(from_arrow(table, shape.schema) for table in tables):
        users = frame.filter(pl.col(TEXT).is_not_null()).sort("user")[TEXT]
        rows = frame.filter(pl.col(TEXT).is_null()).drop(*BELOW)
        dictionaries: Any = {"user": Users(users, bucket, shape.buckets)}
        encoded = Encoded(shape.buckets, rows, None, dictionaries, shape.columns)
        yield _pickled(bucket, work(bucket, encoded))


def _by_bucket(some: Iterable[pl.DataFrame]) -> Iterator[tuple[int, pl.DataFrame]]:
    """The frames of each bucket, whose rows stand together, as one."""
    pieces = (piece for frame in some for piece in frame.partition_by(BUCKET, maintain_order=True))
    for bucket, held in itertools.groupby(pieces, key=lambda piece: int(piece[BUCKET][0])):
        yield bucket, pl.concat(held, rechunk=True)


def users(encoded: Encoded) -> Users:
    """The users of a bucket."""
    return encoded.dictionaries["user"]  # type: ignore[return-value]


def answer(bucket: int, encoded: Encoded, query: Query) -> pl.DataFrame:
    """The answer of one bucket to a query."""
    return query(encoded.all()).collect()


def worked(
    bucket: int, encoded: Encoded, plan: Plan, work: Callable[[Plan, int], T],
    add: Callable[[Sequence[T]], T],
) -> T:  # fmt: skip
    """What comes of one bucket, which may be parted further."""
    plan = replace(plan, encoded=encoded, built={})
    return add([work(plan, n) for n in range(bucket, plan.layout.buckets, encoded.files)])


def added(batches: Batches, add: Callable[[Sequence[Any]], Any]) -> Batches:
    """What came of several buckets, added up."""
    found = [pickle.loads(payload) for batch in batches for payload in batch["payload"].to_pylist()]
    if found:
        yield _pickled(0, add(found))


def _pickled(bucket: int, value: object) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.record_batch(
        {BUCKET: pa.array([bucket], pa.int32()), "payload": [pickle.dumps(value)]}
    )


def tells(batches: Batches) -> Batches:
    """What a worker runs and where, and how much memory it may take: alone, if that is stated."""
    import pyarrow as pa

    for _ in batches:
        pass
    found = memory.limit() or memory.Limit(UNKNOWN, "")
    yield pa.record_batch(
        {
            "versions": pa.array([runs()]),
            "host": pa.array([socket.gethostname()]),
            "size": pa.array([found.size], pa.int64()),
            "own": pa.array([found.origin in OWN]),
        }
    )


def runs() -> str:
    """The versions of what runs here: Python, Polars and adoptcli."""
    return f"{platform.python_version()} {pl.__version__} {adoptcli.__version__}"


def compared(text: str) -> tuple[str, ...]:
    """Of Python the minor version counts, of the rest everything."""
    python, *rest = text.split()
    return (python.rpartition(".")[0], *rest)


def as_there(theirs: str) -> None:
    """Stop where a worker that came late would hash or encode otherwise than the driver.

    Raises:
        RuntimeError: It runs other versions.
    """
    if compared(runs()) != compared(theirs):
        raise RuntimeError(f"{OTHER} {runs()} on {socket.gethostname()}")
