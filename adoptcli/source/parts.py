"""Files of one shape as canonical events: which expression gives each of our columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from adoptcli.context import text as scalar_text
from adoptcli.definitions import Alternative, Scalar, Source
from adoptcli.source import columns as names
from adoptcli.source import diagnose, paths
from adoptcli.source.columns import Choice, Choices
from adoptcli.source.scan import Scan
from adoptcli.source.timestamps import (
    Shape,
    Zones,
    fast_to_ms,
    naive_to_ms,
    native_to_ms,
    shape_of,
    text_to_ms,
)

SAMPLE = 1000
GENERAL = Shape("general")
BESIDE = ("account", "session", "id")
UNMET, UNCOUNTED = "\x00where", "\x00weight"
"""What stands instead of the event of rows that `where` excludes, or that have no weight."""

Types = dict[str, pl.DataType]


@dataclass(frozen=True)
class Needed:
    """What to read beside user, event and time; properties may be paths such as `a.b`."""

    properties: tuple[str, ...] = ()
    account: bool = False
    session: bool = False
    id: bool = False


@dataclass(frozen=True)
class Part:
    """Files of one shape in one source, and where they have what is ours.

    Attributes:
        key, prefer: The parts of the key of repeats, and what decides between them.
        where: The conditions that rows must meet.
        shapes, order: The form of each alternative of the timestamp, and of `prefer`.
        nested: JSON objects are read as such, and not as texts; rows may not bear that.
        properties: Where those of the wanted properties are that there are.
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
    order: Shape = GENERAL
    nested: bool = False
    properties: tuple[tuple[str, Choices], ...] = ()

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


def make(scan: Scan, source: Source, wanted: Sequence[str] = ()) -> Part:
    """Look at the first rows of files of one shape; `wanted` are properties.

    Raises:
        DataProblem: A column is not there, or the files cannot be read.
    """
    where, loose = scan.files[0].name, scan.kind == "ndjson"
    found, guessed = names.resolve(source, scan.names, where, open_ended=loose)
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
    return replace(_looked_at(part), properties=tuple(_properties(part, wanted)))


def _properties(part: Part, wanted: Sequence[str]) -> Iterator[tuple[str, Choices]]:
    """Properties that are columns or paths, or stand in one of the source's objects of them."""
    rest = []
    for name in wanted:
        path = paths.find(name, part.scan.names)
        if path:
            yield name, (Choice(name, path),)
        else:
            rest.append(name)
    inside = {name: tuple(_inside(part, name)) for name in rest}
    chosen = [choice for some in inside.values() for choice in some]
    if not chosen:
        return
    head, _ = _head(part, chosen, nested=part.open_ended)
    types = dict(head.schema)
    for name, some in inside.items():
        values = [_value(choice, types)[0] for choice in some]
        seen = [head.select(value.alias("v"))["v"].null_count() < head.height for value in values]
        if any(seen):
            yield name, some


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
    deep = part.open_ended and any(choice.path.steps for choice in part.chosen())
    head, nested = _head(part, list(part.chosen()), nested=deep)
    types = dict(head.schema)
    shapes = tuple(_shape(part.source, head, choice, types) for choice in part.columns["timestamp"])
    order = GENERAL
    if part.prefer and (found := _value(part.prefer, types))[1] == pl.String:
        order = shape_of(head.select(found[0]).to_series())
    return replace(part, types=types, shapes=shapes, order=order, nested=nested)


def _head(part: Part, chosen: Sequence[Choice], *, nested: bool) -> tuple[pl.DataFrame, bool]:
    for deep in (True, False) if nested else (False,):
        try:
            return _rows(part, chosen, nested=deep).head(SAMPLE).collect(), deep
        except (pl.exceptions.PolarsError, OSError) as error:
            if not deep:
                raise diagnose.broken([part.scan], error) from error
    raise AssertionError


def _rows(
    part: Part, chosen: Sequence[Choice], *, nested: bool, file_column: str | None = None
) -> pl.LazyFrame:
    """The columns that some places stand in."""
    wanted = list(dict.fromkeys(choice.path.column for choice in chosen))
    types = paths.schema(choice.path for choice in chosen) if nested else {}
    return part.scan.frame(wanted, file_column, types)


def _shape(source: Source, head: pl.DataFrame, choice: Choice, types: Types) -> Shape:
    if source.timestamp_format:
        return Shape("general", naive="%z" not in source.timestamp_format)
    value, dtype = _value(choice, types)
    if dtype == pl.String:
        return shape_of(head.select(_nothing_for(value, dtype, source, "timestamp")).to_series())
    naive = isinstance(dtype, pl.Datetime) and dtype.time_zone is None
    return Shape("native", naive=naive, dates=dtype == pl.Date)


def _value(choice: Choice, types: Types) -> tuple[pl.Expr, pl.DataType]:
    return paths.value(choice.path, types.get(choice.path.column, pl.String()))


def _nothing_for(value: pl.Expr, dtype: pl.DataType, source: Source, ours: str) -> pl.Expr:
    """Null for values that the YAML calls empty."""
    nothing = source.empty.get(ours)  # type: ignore[call-overload]
    if not nothing:
        return value
    text = value if dtype == pl.String else text_of(value, dtype)
    return pl.when(~text.is_in(nothing)).then(value)


def text_of(value: pl.Expr, dtype: pl.DataType, *, fast: bool = False) -> pl.Expr:
    """An id or property as text: whole numbers without fraction, booleans as true and false.

    Space around texts goes, but for `fast`: it takes as long as all other reading, and hardly any
    file has it.
    """
    if dtype == pl.String:
        text = value if fast else value.str.strip_chars()
        return pl.when(text != "").then(text)
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


@dataclass(frozen=True)
class _Reader:
    """The expressions of one part, given the types of its columns."""

    part: Part
    types: Types
    zone: str
    fast: bool

    def text(self, choices: Choices, ours: str = "") -> pl.Expr:
        """The first of some alternatives that is not empty."""
        found = [self._one(choice, ours) for choice in choices]
        return found[0] if len(found) == 1 else pl.coalesce(found)

    def _one(self, choice: Choice, ours: str) -> pl.Expr:
        value, dtype = _value(choice, self.types)
        text = text_of(value, dtype, fast=self.fast and choice.values is None)
        if choice.values is not None:
            old, new = zip(*choice.values, strict=True)
            text = text.replace_strict(old, new, default=None, return_dtype=pl.String)
        return _nothing_for(text, pl.String(), self.part.source, ours)

    def event(self) -> pl.Expr:
        """The event's name, or what stands for rows that do not count."""
        part = self.part
        if part.source.event is None:
            event = self.text(part.columns["event"], "event")
        else:
            times = [_value(choice, self.types)[0] for choice in part.columns["timestamp"]]
            written = self.text(part.columns["user"]).is_not_null() | pl.any_horizontal(
                [time.is_not_null() for time in times]
            )  # a blank line is no event
            event = pl.when(written).then(pl.lit(part.source.event))
        for choice, values in part.where:
            met = self._one(choice, "").is_in(list(values)).fill_null(False)
            event = pl.when(met).then(event).otherwise(pl.lit(UNMET))
        return event

    def time(self) -> pl.Expr:
        """The first of the timestamps that can be read."""
        pairs = zip(self.part.columns["timestamp"], self.part.shapes, strict=True)
        found = [self._time(choice, shape) for choice, shape in pairs]
        return found[0] if len(found) == 1 else pl.coalesce(found)

    def _time(self, choice: Choice, shape: Shape) -> pl.Expr:
        source = self.part.source
        value, dtype = _value(choice, self.types)
        value = _nothing_for(value, dtype, source, "timestamp")
        zones = Zones(source.time_zone, self.zone, source.epoch_zone)
        if source.timestamp_format and dtype == pl.String:
            return _formatted(value, source.timestamp_format, zones)
        if dtype != pl.String:
            found = native_to_ms(value, dtype, zones)
            return text_to_ms(value.cast(pl.String), zones) if found is None else found
        if shape.kind == "general":
            return text_to_ms(value, zones)
        found = fast_to_ms(value, shape, zones)
        if self.fast:
            return found
        return pl.coalesce(found, text_to_ms(pl.when(found.is_null()).then(value), zones))

    def id(self) -> pl.Expr:
        """The key of repeated deliveries: null where its first part is."""
        part = self.part
        if not part.key:
            return self.text(part.columns["id"], "id")
        texts = [self.text(some) for some in part.key]
        if len(texts) == 1:
            return texts[0]
        hashed = pl.struct([text.alias(str(i)) for i, text in enumerate(texts)]).hash()
        return pl.when(texts[0].is_not_null()).then(hashed.cast(pl.String))

    def prefer(self) -> pl.Expr:
        """Of repeated deliveries that with the lowest counts."""
        assert self.part.prefer is not None
        assert self.part.source.dedupe is not None
        assert self.part.source.dedupe.keep is not None
        value, dtype = _value(self.part.prefer, self.types)
        zones = Zones(self.part.source.time_zone, self.zone)
        if dtype == pl.String:
            found = self._ordinal(value, zones)
        elif dtype.is_numeric():
            found = value.cast(pl.Int64, strict=False)
        else:
            native = native_to_ms(value, dtype, zones)
            found = pl.lit(None, dtype=pl.Int64) if native is None else native
        return -found if self.part.source.dedupe.keep.newest else found

    def _ordinal(self, text: pl.Expr, zones: Zones) -> pl.Expr:
        """A whole number as it is, a time as ms."""
        shape = self.part.order
        found = (
            text.cast(pl.Int64, strict=False) if shape.kind in ("whole", "general")
            else fast_to_ms(text, shape, zones)
        )  # fmt: skip
        if self.fast and shape.kind != "general":
            return found
        return pl.coalesce(found, text_to_ms(pl.when(found.is_null()).then(text), zones))


def _formatted(value: pl.Expr, form: str, zones: Zones) -> pl.Expr:
    zoned = "%z" in form
    moment = value.str.to_datetime(
        form, time_unit="ms", strict=False, time_zone="UTC" if zoned else None
    )
    return moment.dt.epoch("ms") if zoned else naive_to_ms(moment, zones.naive)


def frame(part: Part, needed: Needed, zone: str, *, fast: bool, nested: bool) -> pl.LazyFrame:
    """The canonical events of a part, lazily."""
    nested = nested and part.nested
    wanted = [(name, some) for name, some in part.properties if name in needed.properties]
    chosen = [*part.chosen(), *(choice for _, some in wanted for choice in some)]
    lazy = _rows(part, chosen, nested=nested)
    types = dict(part.types or {})
    if part.nested or wanted:
        exact = part.scan.kind == "parquet" or nested
        types = dict(lazy.collect_schema()) if exact else {}
    read = _Reader(part, types, zone, fast)
    beside = {n for n in BESIDE if getattr(needed, n) and n in part.columns}
    found: dict[str, pl.Expr] = {
        "user": read.text(part.columns["user"], "user"),
        "event": read.event(),
        "time": read.time(),
        **{n: read.text(part.columns[n], n) for n in BESIDE if n in beside and n != "id"},
    }
    if needed.id and (part.key or "id" in part.columns):
        found["id"] = read.id()
    if needed.id and part.prefer and part.key:
        found["prefer"] = read.prefer()
    for name, some in wanted:
        found[f"p.{name}"] = read.text(some)
    if part.weight is None:
        return lazy.select(**found)
    weight, dtype = _value(part.weight, types)
    number = weight.cast(pl.Float64, strict=False) if dtype == pl.String else weight
    return _weighted(lazy.select(**found, weight=number.cast(pl.Int64, strict=False)))


def _weighted(rows: pl.LazyFrame) -> pl.LazyFrame:
    """As many rows as the weight says; those without weight stay, but as no event.

    The number of each within its row stays too: it keeps rows apart that are equal else.
    """
    counted = pl.col("weight") > 0
    times = pl.when(counted).then(pl.col("weight")).otherwise(1)
    event = pl.when(counted.fill_null(False)).then("event").otherwise(pl.lit(UNCOUNTED))
    many = rows.with_columns(event=event, weight=pl.int_ranges(0, times)).explode("weight")
    if "id" in rows.collect_schema():
        apart = pl.struct("id", "weight").hash().cast(pl.String)
        many = many.with_columns(id=pl.when(pl.col("id").is_not_null()).then(apart))
    return many


def rejects(part: Part, zone: str) -> pl.DataFrame:
    """Rows of one part without a readable time or without an event, as they stand in the file."""
    lazy = part.scan.frame(list(part.scan.names), file_column="file")
    bare = replace(part, key=(), prefer=None, weight=None, where=())
    canonical = frame(bare, Needed(), zone, fast=False, nested=False).collect()
    rows = lazy.collect()
    time = pl.col("time").is_null()
    reasons = canonical.select(
        reason=pl.when(pl.all_horizontal(pl.all().is_null())).then(None)
        .when(time).then(pl.lit("unreadable-time"))
        .when(pl.col("event").is_null()).then(pl.lit("no-event"))
    )  # fmt: skip
    by_path = {file.path: file.name for file in part.scan.files}
    return (
        rows.with_columns(reasons["reason"])
        .filter(pl.col("reason").is_not_null())
        .with_columns(pl.col("file").replace(by_path))
    )
