"""The expressions that give a part's canonical events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import polars as pl

from adoptcli.source import oddities, seldom
from adoptcli.source.columns import Choice, Choices
from adoptcli.source.ids import long_salesforce
from adoptcli.source.parts import (
    BESIDE,
    UNCOUNTED,
    UNMET,
    Needed,
    Part,
    Types,
    rows,
    text_of,
    unless_empty,
    value_of,
)
from adoptcli.source.seldom import Way
from adoptcli.source.timestamps import (
    Shape,
    Zones,
    completed,
    fast_to_ms,
    naive_to_ms,
    native_to_ms,
    shaped_to_ms,
    text_to_ms,
)

IDS = ("user", "account", "id", "anonymous")
CODED = ("user", "account", "anonymous", "event")  # they become codes of dictionaries
ANY = "*"
MARKS = ("\x00", "\x01")  # which no event has


@dataclass(frozen=True)
class Reader:
    """The expressions of one part, given the types of its columns."""

    part: Part
    types: Types
    zone: str
    trim: bool = True

    def text(self, choices: Choices, ours: str = "") -> pl.Expr:
        """The first of some alternatives that is not empty."""
        found = self._filled(choices, ours)
        return oddities.whole(found) if self.part.scan.kind == "ndjson" else found

    def _filled(self, choices: Choices, ours: str = "") -> pl.Expr:
        """The same, halves of characters as they are."""
        found = [self._one(choice, ours, trim=self._trimmed(choices, ours)) for choice in choices]
        return found[0] if len(found) == 1 else pl.coalesce(found)

    def _trimmed(self, choices: Choices, ours: str) -> bool:
        """Whether space must go from the rows: where what a text is decides about more than it."""
        source = self.part.source
        alone = len(choices) == 1 and choices[0].values is None and not source.empty.get(ours)  # type: ignore[call-overload]
        return self.trim or ours not in CODED or not alone or bool(source.ids)

    def _one(self, choice: Choice, ours: str, *, trim: bool = True) -> pl.Expr:
        value, dtype = value_of(choice, self.types)
        empty = self.part.source.empty.get(ours, [])  # type: ignore[call-overload]
        if choice.values is None:
            text = text_of(value, dtype, trim=trim, empty=empty)
        else:
            told = _told(text_of(value, dtype), dict(choice.values))
            text = unless_empty(told, pl.String(), self.part.source, ours)
        return self._whole(text) if ours in IDS else text

    def _whole(self, text: pl.Expr) -> pl.Expr:
        """An id in the longest of its spellings."""
        return long_salesforce(text) if self.part.source.ids == "salesforce" else text

    def user(self) -> pl.Expr:
        """The user's id; where ids are stitched, files may have none."""
        some = self.part.columns.get("user")
        return self.text(some, "user") if some else pl.lit(None, dtype=pl.String)

    def event(self) -> pl.Expr:
        """The event's name, or what stands for rows that do not count."""
        part = self.part
        if part.source.event is None:
            event = self.text(part.columns["event"], "event")
        else:
            times = [value_of(choice, self.types)[0] for choice in part.columns["timestamp"]]
            written = replace(self, trim=True).user().is_not_null() | pl.any_horizontal(
                [time.is_not_null() for time in times]
            )  # a blank line is no event
            event = pl.when(written).then(pl.lit(part.source.event))
        for choice, values in part.where:
            met = self._one(choice, "").is_in(list(values)).fill_null(False)
            event = pl.when(met).then(event).otherwise(pl.lit(UNMET))
        return event

    def time(self) -> pl.Expr:
        """The first of the timestamps that can be read; later ones are read where it must be."""
        source = self.part.source
        zones = Zones(source.time_zone, self.zone, source.epoch_zone)
        return self._first("timestamp", self.part.shapes, zones)

    def received(self) -> pl.Expr:
        """When the vendor received it: a clock of its own, whose numbers tell UTC."""
        zones = Zones(self.part.source.time_zone, self.zone)
        return self._first("received", self.part.arrived, zones)

    def _first(self, ours: str, shapes: Sequence[Shape], zones: Zones) -> pl.Expr:
        pairs = zip(self.part.columns[ours], shapes, strict=True)
        times = [self._time(choice, shape, ours, zones) for choice, shape in pairs]
        if len(times) == 1:
            return times[0].whole(times[0].value)
        return _of_several(times)

    def _time(self, choice: Choice, shape: Shape, ours: str, zones: Zones) -> _Time:
        """Where a time stands, and the ways to read it."""
        form = self.part.source.timestamp_format if ours == "timestamp" else None
        value, dtype = value_of(choice, self.types)
        value = unless_empty(value, dtype, self.part.source, ours)
        if dtype != pl.String:
            native = partial(_native, dtype=dtype, zones=zones)
            return _Time(value, native, native)
        if form:
            formed = partial(_formatted, form=form, zones=zones)
            return _Time(value, formed, formed)
        whole = partial(shaped_to_ms, shape=shape, zones=zones)
        fast = partial(fast_to_ms, shape=shape, zones=zones)
        return _Time(value, whole, None if shape.kind == "general" else fast)

    def key(self) -> list[pl.Expr]:
        """The parts of the key of repeated deliveries."""
        part = self.part
        if not part.key:
            return [self._filled(part.columns["id"], "id")]
        return [self._whole(self._filled(some)) for some in part.key]

    def prefer(self) -> pl.Expr:
        """Of repeated deliveries that with the lowest counts."""
        assert self.part.prefer is not None
        assert self.part.source.dedupe is not None
        assert self.part.source.dedupe.keep is not None
        value, dtype = value_of(self.part.prefer, self.types)
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
        if self.part.order.kind == "text":
            return shaped_to_ms(text, self.part.order, zones)
        return completed(text.cast(pl.Int64, strict=False), text, zones)


@dataclass(frozen=True)
class _Time:
    """One of the places of a time.

    Attributes:
        value: What stands there.
        whole: Reads it, however it is written.
        fast: Reads most of it or all; None where no way is faster.
    """

    value: pl.Expr
    whole: Way
    fast: Way | None


def _of_several(times: Sequence[_Time]) -> pl.Expr:
    """The first that can be read.

    A later one is read where nothing stands in those before it. What is left is looked at again by
    one function of Python, since each of them costs each piece of the rows.
    """
    nothing, fast = pl.lit(value=True), [pl.lit(None, dtype=pl.Int64)]
    whole = times[0].whole(pl.col("0"))
    for i, time in enumerate(times):
        if time.fast:
            fast.append(time.fast(pl.when(nothing).then(time.value) if i else time.value))
        nothing &= time.value.is_null()
        if i:
            its = time.whole(pl.col("0"))
            whole = seldom.completed(whole, [pl.col(str(i))], its, pl.Int64)
    return seldom.completed(pl.coalesce(fast), [time.value for time in times], whole, pl.Int64)


def _told(text: pl.Expr, values: dict[str, str]) -> pl.Expr:
    """What values stand for; `*` is any other.

    As `replace_strict`, which would take all rows at once: from the codes of one list of texts to
    those of another, in which none may stand twice.
    """
    rest = values.pop(ANY, None)
    often: Counter[str] = Counter()
    names = [name + _mark(often, name) for name in values.values()]
    code = text.cast(pl.Enum([*values]), strict=False).to_physical()
    found = code.cat.to(pl.Enum(names)).cast(pl.String)
    if len(often) < len(names):
        found = found.str.strip_chars_end("".join(MARKS))
    return (
        found if rest is None else found.fill_null(pl.when(text.is_not_null()).then(pl.lit(rest)))
    )


def _mark(often: Counter[str], name: str) -> str:
    """What makes a name another one each time that it comes again."""
    often[name] += 1
    return "".join(MARKS[int(digit)] for digit in f"{often[name] - 1:b}") if often[name] > 1 else ""


def _native(value: pl.Expr, dtype: pl.DataType, zones: Zones) -> pl.Expr:
    found = native_to_ms(value, dtype, zones)
    return text_to_ms(value.cast(pl.String), zones) if found is None else found


def _formatted(value: pl.Expr, form: str, zones: Zones) -> pl.Expr:
    zoned = "%z" in form
    moment = value.str.to_datetime(
        form, time_unit="ms", strict=False, time_zone="UTC" if zoned else None
    )
    return moment.dt.epoch("ms") if zoned else naive_to_ms(moment, zones.naive)


def frame(part: Part, needed: Needed, zone: str) -> pl.LazyFrame:
    """The canonical events of a part, lazily."""
    wanted = [(name, some) for name, some in part.properties if name in needed.properties]
    chosen = [*part.chosen(), *(choice for _, some in wanted for choice in some)]
    lazy = rows(part, chosen, part.way)
    types = dict(part.types or {})
    if part.open_ended or wanted:
        exact = part.scan.kind == "parquet" or part.way != "text"
        types = dict(lazy.collect_schema()) if exact else {}
    read = Reader(part, types, zone, needed.trim)
    beside = {n for n in BESIDE if getattr(needed, n) and n in part.columns}
    found: dict[str, pl.Expr] = {
        "user": read.user(),
        "event": read.event(),
        "time": read.time(),
        **{n: read.text(part.columns[n], n) for n in BESIDE if n in beside and n != "id"},
    }
    if needed.received and "received" in part.columns:
        found["received"] = read.received()
    keys = read.key() if needed.id and (part.key or "id" in part.columns) else []
    if keys:
        numbered = [key.alias(str(i)) for i, key in enumerate(keys)]
        found["id"] = keys[0] if len(keys) == 1 else pl.struct(numbered)
    if needed.id and part.prefer and part.key:
        found["prefer"] = read.prefer()
    for name in needed.properties:
        found[f"p.{name}"] = pl.lit(None, dtype=pl.String)
    for name, some in wanted:
        found[f"p.{name}"] = read.text(some)
    if part.weight is not None:
        weight, dtype = value_of(part.weight, types)
        number = weight.cast(pl.Float64, strict=False) if dtype == pl.String else weight
        found["weight"] = number.cast(pl.Int64, strict=False)
    made = lazy.select(**found)
    if keys:
        made = made.with_columns(id=_hashed(len(keys)))
    return made if part.weight is None else _weighted(made)


def _hashed(parts: int) -> pl.Expr:
    """The hash of the key of repeated deliveries: null where its first part is."""
    key = pl.col("id")
    first = key if parts == 1 else key.struct.field("0")
    return pl.when(first.is_not_null()).then(key.hash())


def _weighted(found: pl.LazyFrame) -> pl.LazyFrame:
    """As many rows as the weight says; those without weight stay, but as no event.

    The number of each within its row stays too: it keeps rows apart that are equal else.
    """
    counted = pl.col("weight") > 0
    times = pl.when(counted).then(pl.col("weight")).otherwise(1)
    event = pl.when(counted.fill_null(False)).then("event").otherwise(pl.lit(UNCOUNTED))
    return found.with_columns(event=event, weight=pl.int_ranges(0, times)).explode("weight")


def rejects(part: Part, zone: str, file: str, reason: str) -> pl.DataFrame:
    """Rows of one part without a readable time or without an event, as they stand in the file.

    Two columns more, of the names that are given, have the file and the reason.
    """
    types = {} if part.open_ended else dict(part.types or {})
    bare = replace(part, key=(), prefer=None, weight=None, where=(), way="text")
    read = Reader(bare, types, zone)
    user, event, time = read.user(), read.event(), read.time()
    why = (
        pl.when(pl.all_horizontal(one.is_null() for one in (user, event, time))).then(None)
        .when(time.is_null()).then(pl.lit("unreadable-time"))
        .when(event.is_null()).then(pl.lit("no-event"))
    )  # fmt: skip
    by_path = {one.path: one.name for one in part.scan.files}
    rows = part.scan.frame(list(part.scan.names), file_column=file).with_columns(why.alias(reason))
    found = rows.filter(pl.col(reason).is_not_null())
    return found.with_columns(pl.col(file).replace(by_path)).collect()
