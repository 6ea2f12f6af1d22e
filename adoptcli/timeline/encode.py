"""One look at the source: texts become small integers, and nothing is left of the strings.

Codes of users depend on which thread met an id first; no answer may depend on them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar

import polars as pl
from polars.io.partition import FileProviderArgs

from adoptcli.context import Condition, Unit
from adoptcli.timeline import shortcut
from adoptcli.timeline.dictionary import Dictionary

SCALE = 1000
GIVEN = ("given", "device")
TOLD = ("part", "received")
TEXTS = ("user", "anonymous", "account", "event")
MOST_VALUE = 1e12

T = TypeVar("T")


@dataclass(frozen=True)
class People:
    """Which codes of the users' dictionary are one person; codes beyond a series are themselves.

    Attributes:
        ids: By code of an id: the code that stands for the same person, or null.
        devices: By code of an anonymous id: whose its rows without user are, or null; None where
            rows without user are nobody's.
        spans: anonymous, since, user: whose they are from a time on, sorted by the first two, for
            ids that have none in `devices`.
    """

    ids: pl.Series
    devices: pl.Series | None = None
    spans: pl.DataFrame | None = None

    def user(self, id: pl.Expr, anonymous: pl.Expr) -> pl.Expr:
        """The person of a row, by the codes of its ids."""
        if self.devices is None:
            return _replaced(id, self.ids)
        known = [pl.lit(self.devices).gather(anonymous, null_on_oob=True)]
        if self.spans is not None:
            known.append(_begun(self.spans, anonymous))
        return pl.coalesce(_replaced(id, self.ids), *known, anonymous)


def _replaced(code: pl.Expr, by: pl.Series) -> pl.Expr:
    return pl.coalesce(pl.lit(by).gather(code, null_on_oob=True), code)


def _begun(spans: pl.DataFrame, code: pl.Expr) -> pl.Expr:
    """The value of the last span of a code that has begun, found by code and time as one number.

    Args:
        spans: A code, since when, and a value, by their place; sorted by the first two.
        code: The row's.
    """
    codes, since, values = spans.get_columns()
    times = since.unique().sort()
    starts = codes.cast(pl.Int64) * (len(times) + 1)
    starts += times.search_sorted(since, side="right").cast(pl.Int64)
    reached = pl.lit(times).search_sorted(pl.col("time"), side="right").cast(pl.Int64)
    row = code.cast(pl.Int64) * (len(times) + 1) + reached
    # Before the first span a row finds that of another code, or none.
    place = pl.lit(starts).search_sorted(row, side="right").cast(pl.Int64) - 1
    found = pl.when(place >= 0).then(place)
    same = pl.lit(codes).gather(found, null_on_oob=True) == code
    value = pl.lit(values).gather(found, null_on_oob=True)
    return pl.when(same & pl.col("time").is_not_null()).then(value)


@dataclass(frozen=True)
class Memberships:
    """The accounts of people, by codes, for rows that name none.

    Attributes:
        always: By code of a person: the account, or null.
        spans: person, since, account, of people who changed it; sorted by the first two.
    """

    always: pl.Series
    spans: pl.DataFrame

    def account(self) -> pl.Expr:
        """The account of a row's user at its time."""
        one = pl.lit(self.always).gather("user", null_on_oob=True)
        return pl.coalesce(one, _begun(self.spans, pl.col("user"))) if self.spans.height else one


@dataclass(frozen=True)
class Wanted:
    """What must be read beside user, event and time.

    `nth` tells apart the events that a row stands for. `values` are properties that hold numbers.
    `homes` are the accounts of users by user code, for rows that name none, where actors are
    accounts. `part` and `received` are what the quality of the data is told by, and nothing else.
    """

    account: bool = False
    anonymous: bool = False
    session: bool = False
    id: bool = False
    prefer: bool = False
    nth: bool = False
    exact: bool = False
    traits: tuple[str, ...] = ()
    signup: str | None = None
    conditions: tuple[Condition, ...] = ()
    values: tuple[str, ...] = ()
    homes: pl.Series | None = None
    unit: Unit = "user"
    part: bool = False
    received: bool = False


WIDTHS = {"account": 4, "anonymous": 9, "session": 8, "id": 8, "prefer": 8, "nth": 4, "exact": 8,
          "signup": 8, "part": 2, "received": 8}  # fmt: skip


def width(wanted: Wanted) -> int:
    """The bytes of an encoded row."""
    beside = sum(size for name, size in WIDTHS.items() if getattr(wanted, name))
    several = 4 * len(wanted.traits) + 8 * len(wanted.values)
    return 16 + beside + several + 4 * bool(wanted.conditions)


Known = Callable[[pl.LazyFrame], tuple[People | None, Memberships | None]]
"""Which ids are one person, and the accounts of people, as the encoded rows of the log tell."""


def nobody(rows: pl.LazyFrame) -> tuple[None, None]:
    """Every id is a person of its own."""
    return None, None


Query = Callable[[pl.LazyFrame], pl.LazyFrame]


class Cluster(Protocol):
    """Other machines that have the encoded rows, each those of some buckets of actors.

    Attributes:
        rows: No row of their columns.
    """

    rows: pl.DataFrame

    def ask(self, query: Query) -> pl.DataFrame:
        """The answers of all buckets, one below the other."""
        ...

    def each(self, plan: Any, work: Callable[[Any, int], T], add: Callable[[Sequence[T]], T]) -> T:
        """What comes of each bucket of a plan, added up where they are and at the end here."""
        ...

    def close(self) -> None:
        """Let the rows go."""
        ...


@dataclass
class Encoded:
    """All rows of the log as integers: in memory, in so many `files` by actor, or in a cluster.

    Columns: user (UInt32 code), event (UInt32 or UInt16 code), time (Int64 ms); as wanted: given
    (UInt32 code of the id as it stood there), device (that is an anonymous id), mask (bits of the
    conditions that hold), account, trait.<name> (UInt32 codes), session, id, row (UInt64 hashes),
    prefer (Int64: of repeats the lowest counts), nth (UInt32: which of the events that its row
    stands for), signup (Int64 ms), value.<name> (Int64 thousandths), part (UInt16), received
    (Int64 ms). Nulls stand where the source had nothing that can be used.
    """

    files: int
    frame: pl.DataFrame | None
    folder: Path | None
    dictionaries: Mapping[str, Dictionary]
    columns: tuple[str, ...] = field(default=())
    unit: Unit = "user"
    given: bool = False
    cluster: Cluster | None = None

    def release(self) -> None:
        """Give the memory back; nothing can be read afterwards."""
        if self.frame is not None:
            self.frame = self.frame.clear()
        self._numbers.clear()

    def clear(self) -> Encoded:
        """No row of the same columns."""
        rows = self.cluster.rows if self.cluster else self.all().head(0).collect()
        return replace(self, frame=rows, folder=None, cluster=None)

    def all(self) -> pl.LazyFrame:
        """Every row."""
        if self.frame is not None:
            return self.frame.lazy()
        assert self.folder is not None
        return pl.scan_parquet(sorted(self.folder.glob("*.parquet")))

    def ask(self, query: Query) -> pl.DataFrame:
        """The answers to a query, of as many parts of the rows as there are, one below another."""
        return self.cluster.ask(query) if self.cluster else query(self.all()).collect()

    def size(self, name: str, tables: Sequence[pl.DataFrame] = ()) -> int:
        """One more than the highest code of a column, here or in one of the tables."""
        tops = [t[name].max() for t in tables if name in t.columns]
        tops += [self._tops.get(name), self._tops.get("given") if name == "user" else None]
        return max((top + 1 for top in tops if isinstance(top, int)), default=0)

    @cached_property
    def _tops(self) -> dict[str, int | None]:
        """The highest code of each column of codes, in one look."""
        coded = [*self.columns, *(["given"] if self.given else [])]
        coded = [name for name in coded if name in self.dictionaries or name == "given"]
        found = self.ask(lambda rows: rows.select(pl.col(coded).max()))
        return found.max().row(0, named=True)

    def partings(self) -> Iterator[int]:
        """Into how many buckets the rows can be parted: whole files each, or parts of one.

        In memory into any number.
        """
        if self.frame is not None:
            yield from itertools.count(1)
        yield from (n for n in range(1, self.files) if self.files % n == 0)
        yield from (self.files << doubled for doubled in itertools.count())

    def mine(self, number: int, buckets: int) -> pl.Expr:
        """True for the rows of an actor of one bucket out of `buckets`."""
        return pl.col(self.unit) % buckets == number

    def bucket(self, number: int, buckets: int) -> pl.LazyFrame:
        """The rows of one bucket out of `buckets`, one of the `partings`."""
        parts, mine = self.files % buckets > 0, self.mine(number, buckets)
        if self.frame is not None:  # taken out here, as it is looked at several times
            return (self.frame.filter(self._in(number, buckets)) if parts else self.frame).lazy()
        assert self.folder is not None
        numbers = range(number % buckets, self.files, buckets) or [number % self.files]
        paths = sorted(p for n in numbers for p in self.folder.glob(f"{n}.*.parquet"))
        rows = pl.scan_parquet(paths) if paths else self.all().clear()
        return rows.filter(mine) if parts else rows

    def _in(self, number: int, buckets: int) -> pl.Expr | pl.Series:
        """As `mine`, of rows in memory: their numbers are kept, as bytes are sooner compared."""
        if buckets > 256:
            return self.mine(number, buckets)
        if buckets not in self._numbers:
            assert self.frame is not None
            which = (pl.col(self.unit) % buckets).cast(pl.UInt8)
            self._numbers[buckets] = self.frame.select(which).to_series()
        return self._numbers[buckets] == number

    @cached_property
    def _numbers(self) -> dict[int, pl.Series]:
        """Of each row the number of its bucket, by how many buckets there are."""
        return {}

    def largest(self, buckets: int) -> int:
        """The rows of the largest bucket of whole files, which say so without being read."""
        many = [self.bucket(number, buckets).select(pl.len()) for number in range(buckets)]
        return max(int(found.item()) for found in pl.collect_all(many))

    def spread(self, kept: pl.Expr, parts: int) -> pl.DataFrame:
        """part, len: how many of the rows that are kept each of so many parts of actors has."""
        part = (pl.col(self.unit) % parts).alias("part")
        return self.all().filter(kept).group_by(part).len().collect()

    def busiest(self, kept: pl.Expr) -> tuple[str, int]:
        """The actor with the most rows that are kept, and how many; nobody where none is."""
        most = self.all().filter(kept).group_by(self.unit).len().top_k(1, by="len").collect()
        names = self.dictionaries[self.unit].text(most[self.unit])
        return next(zip(names, most["len"], strict=True), ("", 0))


def encode(
    events: pl.LazyFrame,
    wanted: Wanted,
    dictionaries: Mapping[str, Dictionary],
    files: int = 1,
    folder: Path | None = None,
    known: Known = nobody,
    watch: Callable[[int], None] | None = None,
    *,
    short: bool = False,
) -> Encoded:
    """Read the source once; once more for files, where its rows tell which ids are one person.

    Args:
        events: Canonical events: user, event, time and what is wanted beside.
        wanted: What else to read.
        dictionaries: One for each text column, filled here.
        files: Into how many to part the actors, where a folder is given.
        folder: Where they go; in memory where absent.
        known: Says which ids are one person; asked before anything is parted by user.
        watch: Given the number of ids with every piece of the rows that goes to files; what it
            raises ends that.
        short: Have a short way to the codes of users and accounts, of which a long log may have
            many; where it goes into memory, and columns of some rows can be read alone.
    """
    found = _columns(wanted, dictionaries, filled=folder is not None)
    lazy = events.select(**found)
    columns = tuple(name for name in found if name not in ("anonymous", *TOLD))
    if folder is None:
        rows = _shortly(events, lazy, dictionaries) if short else lazy.collect()
        lazy = _narrow(_trimmed(rows, dictionaries)).lazy()
    people, members = known(lazy)
    given = people is not None
    if people is not None:
        lazy = lazy.with_columns(**_persons(people)).drop("anonymous", strict=False)
    if members is not None:
        lazy = lazy.with_columns(account=pl.coalesce("account", members.account()))
    if wanted.homes is not None:
        home = pl.lit(wanted.homes).gather("user", null_on_oob=True)
        lazy = lazy.with_columns(account=pl.coalesce("account", home))
    if folder is None:
        return Encoded(1, lazy.collect(), None, dictionaries, columns, wanted.unit, given)
    key = pl.col(wanted.unit).fill_null(0) % files

    def name(args: FileProviderArgs) -> str:
        return f"{args.partition_keys.item(0, 0)}.{args.index_in_partition}.parquet"

    if watch is not None:

        def watched(rows: pl.DataFrame) -> pl.DataFrame:
            top = rows["user"].max()
            watch(top + 1 if isinstance(top, int) else 0)
            return rows

        lazy = lazy.map_batches(watched, streamable=True)
    lazy.sink_parquet(
        pl.PartitionBy(folder, key=key.alias("bucket"), include_key=False, file_path_provider=name),
        compression="lz4", statistics=False, maintain_order=False, mkdir=True,
    )  # fmt: skip
    if not any(folder.iterdir()):  # the source has no rows
        pl.DataFrame(schema=lazy.collect_schema()).write_parquet(folder / "0.none.parquet")
    return Encoded(files, None, folder, dictionaries, columns, wanted.unit, given)


def _shortly(
    events: pl.LazyFrame, lazy: pl.LazyFrame, dictionaries: Mapping[str, Dictionary]
) -> pl.DataFrame:
    """The same as all at once: users and accounts the short way, after all other columns.

    Args:
        events: Canonical events.
        lazy: The columns that are wanted of them; all codes are those of plain texts.
        dictionaries: One for each text column.
    """
    names = lazy.collect_schema().names()
    shortly = [name for name in ("user", "anonymous", "account") if name in names]
    rest = lazy.drop(shortly).collect().rechunk()
    return rest.hstack(shortcut.coded(events.select(shortly), dictionaries)).select(names)


def _narrow(rows: pl.DataFrame) -> pl.DataFrame:
    """Codes of events in two bytes each, where that is enough."""
    top = rows["event"].max()
    few = isinstance(top, int) and top < 1 << 16
    return rows.with_columns(pl.col("event").cast(pl.UInt16)) if few else rows


def _columns(
    wanted: Wanted, dictionaries: Mapping[str, Dictionary], *, filled: bool
) -> dict[str, pl.Expr]:
    """The columns of encoded rows; `filled`: null for empty texts, which nobody sees to later."""

    def code(name: str, among: str) -> pl.Expr:
        text = pl.col(name)
        return dictionaries[among].encode(pl.when(text != "").then(text) if filled else text)

    found = {"user": code("user", "user"), "event": code("event", "event"), "time": pl.col("time")}
    if wanted.anonymous:
        found["anonymous"] = code("anonymous", "user")
    if wanted.account:
        found["account"] = code("account", "account")
    if wanted.session:
        found["session"] = _hash(pl.col("session"))
    if wanted.id:
        found["id"] = pl.col("id")
    if wanted.prefer:
        found["prefer"] = pl.col("prefer")
    if wanted.nth:
        found["nth"] = pl.col("weight").cast(pl.UInt32)
    if wanted.exact:
        found["row"] = pl.struct(pl.all().exclude(*TOLD)).hash()
    for name in wanted.traits:
        found[f"trait.{name}"] = dictionaries[f"trait.{name}"].encode(pl.col(f"p.{name}"))
    if wanted.signup:
        found["signup"] = pl.col("signup")
    for name in wanted.values:
        found[f"value.{name}"] = _thousandths(pl.col(f"p.{name}"))
    found |= {name: pl.col(name) for name in TOLD if getattr(wanted, name)}
    if wanted.conditions:
        found["mask"] = _mask(wanted.conditions)
    return found


def _trimmed(rows: pl.DataFrame, dictionaries: Mapping[str, Dictionary]) -> pl.DataFrame:
    """Space around texts, and empty ones, go by codes: each is looked at once, however often."""
    for name in TEXTS:
        top = rows[name].max() if name in rows.columns else None
        if isinstance(top, int):
            codes = dictionaries["user" if name == "anonymous" else name].trimmed(top + 1)
            if codes is not None:
                rows = rows.with_columns(codes.gather(rows[name]).alias(name))
    return rows


def _persons(people: People) -> dict[str, pl.Expr]:
    """Who did it, and the id that says so."""
    user = pl.col("user")
    if people.devices is None:
        return {"user": people.user(user, user), "given": user, "device": pl.lit(False)}
    anonymous = pl.col("anonymous")
    return {
        "user": people.user(user, anonymous),
        "given": pl.coalesce(user, anonymous),
        "device": user.is_null(),
    }


def _hash(text: pl.Expr) -> pl.Expr:
    return pl.when(text.is_not_null()).then(text.hash())


def _thousandths(text: pl.Expr) -> pl.Expr:
    """Numbers as whole thousandths, so that sums are exact; null for what is no number."""
    number = text.cast(pl.Float64, strict=False)
    sane = number.is_finite() & (number.abs() < MOST_VALUE)
    return pl.when(sane).then((number * SCALE).round()).cast(pl.Int64)


def _mask(conditions: Sequence[Condition]) -> pl.Expr:
    bits = [
        pl.col(f"p.{c.property}").is_in(list(c.values)).fill_null(False).cast(pl.UInt32)
        * (1 << bit)
        for bit, c in enumerate(conditions)
    ]
    return pl.sum_horizontal(bits).cast(pl.UInt32)
