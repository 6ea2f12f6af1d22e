"""Files of one shape as canonical events: which expression gives each of our columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from typing import TypeVar

import polars as pl

from adoptcli.context import text as scalar_text
from adoptcli.definitions import Alternative, Scalar, Source
from adoptcli.source import columns as names
from adoptcli.source import diagnose, ndjson, paths
from adoptcli.source.columns import Choice, Choices
from adoptcli.source.files import FAILURES
from adoptcli.source.ndjson import WAYS, Way
from adoptcli.source.scan import Scan
from adoptcli.source.timestamps import (
    Shape,
    shape_of,
)

SAMPLE = 1000
GENERAL = Shape("general")
BESIDE = ("account", "session", "id", "anonymous")
UNMET, UNCOUNTED = "\x00where", "\x00weight"
"""What stands instead of the event of rows that `where` excludes, or that have no weight."""

Types = dict[str, pl.DataType]
T = TypeVar("T")


@dataclass(frozen=True)
class Needed:
    """What to read beside user, event and time; properties may be paths such as `a.b`.

    With `part` each row has the number of its part; rows that stand for several have it once.
    Without `trim` users, accounts and events may be empty or have space around them, for who sees
    to it later.
    """

    properties: tuple[str, ...] = ()
    account: bool = False
    session: bool = False
    id: bool = False
    anonymous: bool = False
    received: bool = False
    part: bool = False
    trim: bool = True


@dataclass(frozen=True)
class Part:
    """Files of one shape in one source, and where they have what is ours.

    Attributes:
        key, prefer: The parts of the key of repeats, and what decides between them.
        where: The conditions that rows must meet.
        shapes, arrived, order: The form of each alternative of the timestamp, of the time of
            receipt, and of `prefer`.
        way: How JSON is read, if the rows bear it.
        properties: Where the wanted properties are, or may be; `seen` are those that there are.
    """

    source: Source
    scan: Scan
    columns: dict[str, Choices]
    guessed: tuple[str, ...]
    key: tuple[Choices, ...] = ()
    prefer: Choice | None = None
    weight: Choice | None = None
    where: tuple[tuple[Choice, tuple[str, ...]], ...] = ()
    types: Types | None = None
    shapes: tuple[Shape, ...] = ()
    arrived: tuple[Shape, ...] = ()
    order: Shape = GENERAL
    way: Way = "text"
    properties: tuple[tuple[str, Choices], ...] = ()
    seen: frozenset[str] = frozenset()

    @property
    def open_ended(self) -> bool:
        """Rows may have columns that the first rows have not."""
        return self.scan.kind == "ndjson"

    def chosen(self) -> Iterator[Choice]:
        """Every place that is read, whatever is needed beside."""
        for some in (*self.columns.values(), *self.key):
            yield from some
        yield from (one for one in (self.prefer, self.weight) if one)
        yield from (one for one, _ in self.where)

    @property
    def date_only(self) -> bool:
        """No timestamp has a time of day."""
        return all(shape.dates for shape in self.shapes)

    @property
    def naive(self) -> bool:
        """Some timestamps have no zone, and it is not the preset's word that they need none."""
        told = self.source.preset is not None and "time_zone" in self.source.model_fields_set
        return not told and any(shape.naive and not shape.dates for shape in self.shapes)


def make(scan: Scan, source: Source, wanted: Sequence[str] = (), *, received: bool = False) -> Part:
    """Look at the first rows of files of one shape; `wanted` are properties.

    When rows were `received` is looked for only where it is asked for.

    Raises:
        DataProblem: A column is not there, or the files cannot be read.
    """
    where, loose = scan.files[0].name, scan.kind == "ndjson"
    unwanted = () if received else ("received",)
    found, guessed = names.resolve(source, scan.names, where, open_ended=loose, unwanted=unwanted)
    preset = source.preset is not None and source.preset != "none"

    def one(stated: Sequence[Alternative], key: str) -> Choices:
        made = names.choices(stated, scan.names, open_ended=loose)
        if not made and not preset:
            raise names.not_there(stated, scan.names, key, where)
        return made

    keep = source.dedupe.keep if source.dedupe else None
    stated = source.dedupe.key if source.dedupe else []
    prefer = one([keep.newest or keep.earliest or ""], "source.dedupe.keep") if keep else ()
    weight = one([source.weight], "source.weight") if source.weight else ()
    met = [(one([n], "source.where"), _texts(value)) for n, value in source.where.items()]
    keys = tuple(one(part, "source.dedupe.key") for part in stated)
    part = Part(
        source, scan, found, tuple(guessed),
        key=tuple(k for k in keys if k) if keys and keys[0] else (),
        prefer=next(iter(prefer), None),
        weight=next(iter(weight), None),
        where=tuple((some[0], values) for some, values in met if some),
    )  # fmt: skip
    part = _looked_at(part)
    places = [*_properties(part, wanted)]
    return replace(
        part,
        properties=tuple((name, some) for name, some, _ in places),
        seen=frozenset(name for name, _, seen in places if seen),
    )


def _properties(part: Part, wanted: Sequence[str]) -> Iterator[tuple[str, Choices, bool]]:
    """Properties that are columns or paths, or stand in one of the source's objects of them."""
    rest = []
    for name in wanted:
        path = paths.find(name, part.scan.names)
        if path:
            yield name, (Choice(name, path),), True
        else:
            rest.append(name)
    inside = {name: tuple(_inside(part, name)) for name in rest}
    chosen = [choice for some in inside.values() for choice in some]
    if not chosen:
        return
    head, _ = _head(part, chosen)
    types = dict(head.schema)
    for name, some in inside.items():
        values = [value_of(choice, types)[0] for choice in some]
        seen = [head.select(value.alias("v"))["v"].null_count() < head.height for value in values]
        if some:
            yield name, some, any(seen)


def _inside(part: Part, name: str) -> Iterator[Choice]:
    for root in part.source.properties:
        pairs = root.endswith("{}")
        path = paths.find(root.removesuffix("{}"), part.scan.names)
        if path:
            step = paths.Key(name) if pairs else name
            yield Choice(f"{root}.{name}", paths.Path(path.column, (*path.steps, step)))


def _texts(value: Scalar | list[Scalar]) -> tuple[str, ...]:
    return tuple(map(scalar_text, value if isinstance(value, list) else [value]))


def _looked_at(part: Part) -> Part:
    """With what the first rows tell of the columns' types and of the timestamps' form."""
    head, way = _head(part, list(part.chosen()))
    types = dict(head.schema)
    shapes, arrived = (
        tuple(
            _shape(part.source, head, choice, types, ours) for choice in part.columns.get(ours, ())
        )
        for ours in ("timestamp", "received")
    )
    order = GENERAL
    if part.prefer and (found := value_of(part.prefer, types))[1] == pl.String:
        order = shape_of(head.select(found[0]).to_series())
    return replace(part, types=types, shapes=shapes, arrived=arrived, order=order, way=way)


def _head(part: Part, chosen: Sequence[Choice]) -> tuple[pl.DataFrame, Way]:
    schema = paths.schema(choice.path for choice in chosen)
    ways = ndjson.ways(schema, lists=bool(part.scan.explode))
    with ndjson.first_rows() if part.open_ended else nullcontext():
        return borne(part, ways, lambda way: rows(part, chosen, way).head(SAMPLE).collect())


def borne(part: Part, ways: Sequence[Way], read: Callable[[Way], T]) -> tuple[T, Way]:
    """What is read by the first of the ways that the rows bear, and that way.

    Raises:
        DataProblem: They bear none.
    """
    *some, last = ways if part.open_ended else WAYS[-1:]
    for way in some:
        with suppress(*FAILURES):
            return read(way), way
    try:
        return read(last), last
    except FAILURES as error:
        raise diagnose.broken([part.scan], error) from error


def rows(part: Part, chosen: Sequence[Choice], way: Way, only: Sequence[str] = ()) -> pl.LazyFrame:
    """The columns that some places stand in; rows with none of the texts `only` may be missing."""
    wanted = list(dict.fromkeys(choice.path.column for choice in chosen))
    types = paths.schema(choice.path for choice in chosen) if way != "text" else {}
    return part.scan.frame(wanted, types=types, way=way, only=only)


def _shape(source: Source, head: pl.DataFrame, choice: Choice, types: Types, ours: str) -> Shape:
    if source.timestamp_format and ours == "timestamp":
        return Shape("general", naive="%z" not in source.timestamp_format)
    value, dtype = value_of(choice, types)
    if dtype == pl.String:
        return shape_of(head.select(unless_empty(value, dtype, source, ours)).to_series())
    naive = isinstance(dtype, pl.Datetime) and dtype.time_zone is None
    return Shape("native", naive=naive, dates=dtype == pl.Date)


def value_of(choice: Choice, types: Types) -> tuple[pl.Expr, pl.DataType]:
    return paths.value(choice.path, types.get(choice.path.column, pl.String()))


def unless_empty(value: pl.Expr, dtype: pl.DataType, source: Source, ours: str) -> pl.Expr:
    """Null for values that the YAML calls empty."""
    nothing = source.empty.get(ours)  # type: ignore[call-overload]
    if not nothing:
        return value
    if dtype == pl.String:
        return _without(value, nothing)
    return pl.when(~text_of(value, dtype).is_in(nothing)).then(value)


def _without(text: pl.Expr, nothing: Sequence[str], *, bare: bool = False) -> pl.Expr:
    """Null for some texts, and no space around them (`bare`)."""
    text = text.str.strip_chars() if bare else text
    return pl.when(text.is_in(nothing).not_()).then(text)


def text_of(
    value: pl.Expr, dtype: pl.DataType, *, trim: bool = True, empty: Sequence[str] = ()
) -> pl.Expr:
    """An id or property as text: whole numbers without fraction, booleans as true and false.

    Without `trim` space around texts stays, and so do empty ones: to take them away takes as long
    as all other reading. `empty` are other texts that mean nothing.
    """
    if isinstance(dtype, pl.Categorical | pl.Enum):
        value, dtype = value.cast(pl.String), pl.String()
    if dtype == pl.String:
        return _without(value, ["", *empty], bare=True) if trim else value
    text = _written(value, dtype)
    return _without(text, empty) if empty else text


def _written(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """What is no text, as text."""
    if dtype.is_float():
        whole = value.cast(pl.Int64, strict=False)
        return (
            pl.when(whole.cast(pl.Float64) == value)
            .then(whole.cast(pl.String))
            .otherwise(value.cast(pl.String))
        )
    if dtype.is_nested():
        return pl.lit(None, dtype=pl.String)
    return value.cast(pl.String)
