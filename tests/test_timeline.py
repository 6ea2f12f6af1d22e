"""Packing, sorting, days: the heart, looked at directly."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, date, datetime, timedelta
from functools import partialmethod
from pathlib import Path
from threading import Lock
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from adoptcli.runner import encoding
from adoptcli.timeframe import DAY_MS, Calendar, offsets, to_day
from adoptcli.timeline import active_days, build, by_day, encode, pack, shortcut
from adoptcli.timeline.days import local_day, start_of
from adoptcli.timeline.dictionary import Dictionary
from adoptcli.timeline.encode import People, Wanted
from adoptcli.timeline.pack import Layout
from adoptcli.timeline.runs import kth_in_run, place_in_run, runs, starts_run
from adoptcli.timeline.shortcut import Shortcut
from tests.logs import frame, random_log, save
from tests.test_laws import outcome

ZONES = (
    "Europe/Berlin",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("days", [900, 32_000])  # with few changes, and with many
def test_local_days_are_those_of_the_standard_library(zone: str, days: int) -> None:
    rng, calendar = random.Random(zone), Calendar(ZoneInfo(zone))
    first = datetime(2010, 1, 1, tzinfo=UTC)
    begin = round(first.timestamp() * 1000)
    end = begin + days * DAY_MS
    edges = [t + d for t, _ in offsets(calendar.zone, begin, end) for d in (-1, 0, 1)]
    times = sorted(t for t in [*edges, *(rng.randint(begin, end) for _ in range(500))]
                   if begin <= t <= end)  # fmt: skip
    found = pl.Series("t", times).to_frame().select(local_day(pl.col("t"), calendar, begin, end))
    for t, day in zip(times, found.to_series(), strict=True):
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=t)
        assert day == to_day(moment.astimezone(calendar.zone).date()), t


def test_midnights_begin_their_day() -> None:
    for zone in (*ZONES, "America/Sao_Paulo"):
        calendar = Calendar(ZoneInfo(zone))
        for day in range(to_day(date(2010, 1, 1)), to_day(date(2012, 6, 1))):
            start = calendar.midnight(day)
            assert calendar.local_day(start - 1) < calendar.local_day(start + 1) or zone in (
                "America/St_Johns",  # put back over midnight
            )


def test_days_that_run_backwards_count_once() -> None:
    events = pl.DataFrame({"actor": [1, 1, 1, 2], "day": [5, 4, 5, 5]})
    assert active_days(events).rows() == [(1, 4), (1, 5), (2, 5)]


@pytest.mark.parametrize(
    ("users", "span", "atoms", "buckets"),
    [(1, 1, 1, 1), (200_000, 365 * DAY_MS, 20, 1), (1_000_000, 1096 * DAY_MS, 300, 8)],
)
def test_bits_fit_or_there_are_more_buckets(
    users: int, span: int, atoms: int, buckets: int
) -> None:
    layout = Layout.fit(users, 0, span, atoms, itertools.count(1))
    assert layout.buckets == buckets
    top = -(-users // buckets) - 1
    assert ((top + 1) << (layout.time_bits + layout.event_bits)) <= 1 << 63


@pytest.mark.parametrize("seed", range(2))
def test_too_few_bits_change_nothing(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the integer is too small, the actors are parted by themselves."""
    monkeypatch.chdir(tmp_path)
    log = random_log(seed)
    save(log, tmp_path)
    whole = outcome(log, tmp_path)
    parted, fit = [], Layout.fit

    def just_two(users: int, start: int, end: int, atoms: int, buckets: int) -> Layout:
        """As if an integer had room for two actors beside time and event."""
        monkeypatch.setattr(pack, "BITS", pack.bits(end - start) + pack.bits(atoms) + 1)
        parted.append(fit(users, start, end, atoms, buckets))
        return parted[-1]

    monkeypatch.setattr(Layout, "fit", just_two)
    assert outcome(log, tmp_path) == whole
    assert all(layout.buckets > 1 for layout in parted)
    assert parted


@pytest.mark.parametrize("threads", [1, 2, 16, 128])
@pytest.mark.parametrize("rows", [0, 1, 7, 1000])
def test_many_integers_are_sorted_as_few_are(
    rows: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In as many parts as half the threads, of which some may have no row; equal ones stay."""
    draw = random.Random(rows)
    some = [draw.choice([0, 5, draw.randrange(1 << 62), (1 << 63) - 1]) for _ in range(rows)]
    keys = pl.Series("key", some, dtype=pl.Int64)
    monkeypatch.setattr(pl, "thread_pool_size", lambda: threads)
    found = pack._sorted(keys)
    assert found.equals(pl.Series("key", sorted(some), dtype=pl.Int64), check_names=True)
    assert keys.to_list() == some


def test_an_identity_map_acts_before_bucketing(tmp_path: Path) -> None:
    events = pl.LazyFrame({"user": ["anon", "known", "x"], "event": ["e"] * 3, "time": [1, 2, 3]})
    dictionaries = {name: Dictionary() for name in ("user", "event", "account")}
    anon, known = dictionaries["user"].add(pl.Series(["anon", "known"]))
    ids = pl.Series([None] * anon + [known], dtype=pl.UInt32)
    for buckets, folder in ((1, None), (2, tmp_path)):
        found = encode.encode(
            events, Wanted(), dictionaries, buckets, folder, lambda _: (People(ids), None)
        )
        users = [found.bucket(n, buckets).collect()["user"].to_list() for n in range(buckets)]
        assert sorted(users[known % buckets])[:2] == [known, known]
        assert len({user for bucket in users for user in bucket}) == 2


TEXTS = [None, "", " ", "a", "b", "ü", "too long to stand beside its length", *"cdefghij"]


@pytest.mark.parametrize("room", [0, 1, 8])
@pytest.mark.parametrize("size", [1, 3, 40])
def test_a_short_way_gives_the_codes_of_the_dictionary(
    room: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stands at a place, be it of another text, of nothing, or null."""
    monkeypatch.setattr(shortcut, "ROOM", room)
    rng, whole, words = random.Random(7), Dictionary(), Dictionary()
    hashed, placed = Shortcut(whole, Lock()), Shortcut(words, Lock())
    for piece in range(30):
        some = TEXTS[: 2 + piece // 2]
        texts = pl.Series(rng.choices(some, k=size), dtype=pl.String)
        asked = whole.add(texts).to_list()
        assert hashed.hashed(texts).to_list() == asked
        assert whole.text(hashed.hashed(texts)).to_list() == texts.to_list()
        places = pl.Series(rng.choices([None, *range(piece + 1)], k=size), dtype=pl.UInt32)
        assert words.text(placed.at(places, texts)).to_list() == texts.to_list()
    none = pl.Series([], dtype=pl.String)
    assert hashed.hashed(none).to_list() == []
    assert placed.at(none.cast(pl.UInt32), none).dtype == pl.UInt32


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows, nulls too, asked a dictionary, time by time."""
    found: list[int] = []

    def noted(self: Dictionary, texts: pl.Series, add: Any = Dictionary.add) -> pl.Series:
        found.append(len(texts))
        codes: pl.Series = add(self, texts)
        return codes

    monkeypatch.setattr(Dictionary, "add", noted)
    return found


def users(*numbers: int) -> pl.Series:
    return pl.Series([f"u{n}" for n in numbers])


def test_a_short_way_seldom_asks_the_dictionary(asked: list[int]) -> None:
    texts, short = users(*(i % 1000 for i in range(5000))), Shortcut(Dictionary(), Lock())
    for _ in range(10):
        short.hashed(texts)
    assert asked[0] == 5000
    # Those that share a place with others; the first time before there are more places.
    assert sum(asked[1:]) < 0.25 * 9 * 5000
    asked.clear()
    places, short = (
        pl.Series([i % 1000 for i in range(5000)], dtype=pl.UInt32),
        Shortcut(Dictionary(), Lock()),
    )
    for _ in range(10):
        short.at(places, texts)
    assert asked == [5000]


def test_a_short_way_keeps_what_it_knows_when_it_gets_more_places(asked: list[int]) -> None:
    short, first = Shortcut(Dictionary(), Lock()), users(*range(100))
    short.hashed(first)
    short.hashed(users(*range(1000)))
    asked.clear()
    short.hashed(first)
    assert sum(asked) < 30


def test_a_short_way_learns_texts_that_many_rows_have(asked: list[int]) -> None:
    """However few texts they are; it does not copy all texts for one row."""
    short = Shortcut(Dictionary(), Lock())
    short.hashed(users(*range(100)))
    asked.clear()
    for _ in range(5):
        short.at(pl.Series([2000] * 4, dtype=pl.UInt32), users(*[100] * 4))
    assert asked == [4] * 5
    short.at(pl.Series([2000] * 5, dtype=pl.UInt32), users(*[100] * 5))
    short.at(pl.Series([2000] * 5, dtype=pl.UInt32), users(*[100] * 5))
    assert asked == [4] * 5 + [5]


@pytest.mark.parametrize(("known", "short"), [(49, False), (51, True)])
def test_a_short_way_that_is_none_is_left(known: int, short: bool, asked: list[int]) -> None:
    """When most rows of the eighth piece still ask, all go to the dictionary; nulls do not ask."""
    words = Dictionary()
    way, places = Shortcut(words, Lock()), pl.Series(range(100), dtype=pl.UInt32)
    for piece in range(8):
        fresh = range(1000 * piece, 1000 * piece + 100 - known)
        texts = pl.concat([users(*fresh), pl.Series([None] * known, dtype=pl.String)])
        assert words.text(way.at(places, texts)).to_list() == texts.to_list()
    again = users(*(7000 + i % 49 for i in range(100)))
    for _ in range(2):
        asked.clear()
        assert words.text(way.at(places, again)).to_list() == again.to_list()
        assert words.text(way.hashed(again)).to_list() == again.to_list()
    assert (asked == [100, 100]) != short


def test_nobody_else_fills_the_dictionary_of_a_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """For then a code may be there before its text is. Anonymous ids, too, take the short way."""
    fresh = {name: Dictionary() for name in ("user", "account")}
    texts = {n: [f"{n}{i % 7}" for i in range(50)] for n in ("user", "anonymous", "account")}
    events = pl.LazyFrame(texts)
    held: list[bool] = []
    locks: dict[Dictionary, Any] = {}

    class Noted(Shortcut):
        def __init__(self, words: Dictionary, lock: Any) -> None:
            assert locks.setdefault(words, lock) is lock
            super().__init__(words, lock)

    def noted(self: Dictionary, *texts: Any, made: Any) -> Any:
        held.append(locks[self].locked())
        return made(self, *texts)

    monkeypatch.setattr(shortcut, "PIECE", 10)
    monkeypatch.setattr(shortcut, "Shortcut", Noted)
    for name in ("encode", "add", "texts"):
        monkeypatch.setattr(Dictionary, name, partialmethod(noted, made=getattr(Dictionary, name)))
    shortly = shortcut.coded(events, fresh)
    assert all(held)
    assert len(held) >= 4
    assert shortly.columns == ["user", "anonymous", "account"]
    for name, column in zip(shortly.columns, shortly, strict=True):
        words = fresh["account" if name == "account" else "user"]
        assert words.text(column).to_list() == texts[name]


def test_runs_and_places() -> None:
    frame = pl.DataFrame({"a": [1, 1, 2, 2, 2, 1], "v": [1, 2, 3, 4, 5, 6]})
    assert runs(frame, ["a"], last=["v"], sums=["v"]).rows() == [
        (1, 2, 2, 3), (2, 3, 5, 12), (1, 1, 6, 6)
    ]  # fmt: skip
    assert place_in_run(frame, ["a"]).to_list() == [1, 2, 1, 2, 3, 1]
    assert runs(frame.clear(), ["a"], sums=["v"]).height == 0
    for k in (1, 2, 3, 7):
        assert kth_in_run(frame, "a", k).to_list() == [place == k for place in (1, 2, 1, 2, 3, 1)]
    assert kth_in_run(frame.clear(), "a", 2).len() == 0


def test_the_first_row_starts_a_run_whatever_it_holds() -> None:
    frame = pl.DataFrame({"a": [None, None, 1, None], "b": [1, 1, 1, 1]})
    assert starts_run(frame, ["a"]).to_list() == [True, False, True, True]
    assert starts_run(frame, ["a", "b"]).to_list() == [True, False, True, True]
    assert starts_run(frame.clear(), ["a"]).len() == 0


def test_by_day_gives_the_moments_that_are_wanted_where_days_run_backwards() -> None:
    schema = {"actor": pl.UInt32, "time": pl.Int64, "day": pl.Int32}
    rows = [(1, 5, 0), (1, 6, 1), (1, 7, 0), (1, 9, 1), (2, 1, 0)]
    events = pl.DataFrame(rows, schema=schema, orient="row")
    assert by_day(events).rows() == [(1, 0, 2), (1, 1, 2), (2, 0, 1)]
    assert by_day(events, "first", "last").rows() == [
        (1, 0, 2, 5, 7), (1, 1, 2, 6, 9), (2, 0, 1, 1, 1)
    ]  # fmt: skip
    assert by_day(events.filter(pl.col("time") != 7), "last").rows() == [
        (1, 0, 1, 5), (1, 1, 2, 9), (2, 0, 1, 1)
    ]  # fmt: skip


def test_periods_by_lookup() -> None:
    frame = pl.DataFrame({"day": [1, 2, 5, 6, 10, 11, None]}, schema={"day": pl.Int32})
    found = frame.select(start_of(pl.col("day"), [2, 6, 11])).to_series()
    assert found.to_list() == [None, 2, 2, 6, 6, None, None]


@pytest.mark.parametrize("seed", range(4))
def test_long_logs_are_coded_the_short_way_and_sorted_by_numpy(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As are short ones here, in pieces of few rows."""
    log = random_log(seed, 8)
    save(log, tmp_path)
    frame(log.events).write_parquet(tmp_path / "events.parquet", row_group_size=100)
    whole = outcome(log, tmp_path, files="events.parquet")
    assert whole.startswith("{")
    monkeypatch.setattr(encoding, "MANY", 0)
    monkeypatch.setattr(pl, "thread_pool_size", lambda: 3)
    monkeypatch.setattr(shortcut, "PIECE", 30)
    monkeypatch.setattr(build, "MANY", 0)
    made: list[Shortcut] = []

    def noted(of: Dictionary, lock: Any) -> Shortcut:
        made.append(Shortcut(of, lock))
        return made[-1]

    monkeypatch.setattr(shortcut, "Shortcut", noted)
    assert outcome(log, tmp_path, files="events.parquet") == whole
    assert len(made) == 2 * 3
