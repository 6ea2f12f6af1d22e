"""Superhuman users: ids that do on a day what no person does, such as bots, tests and services."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from adoptcli.timeframe import HOUR_MS

MANY, TIMES = 1000, 20  # rows a day, and times the 99th percentile of all days up to that
ROUND = 24  # hours of a day
ROUND_DAYS = 3
SAME, LEAST_GAP, LONG = 0.9, 2_000, 12 * HOUR_MS  # of the gaps; ms
SHOWN = 100

Why = Literal["many", "round-the-clock", "clockwork"]


@dataclass(frozen=True)
class Suspect:
    """An id that no person is behind: its rows, those of its busiest day, and what tells."""

    user: str
    rows: int
    most: int
    why: tuple[Why, ...]


@dataclass(frozen=True)
class Superhuman:
    """The ids that no person is behind.

    Attributes:
        users, rows: How many they are, and how many rows are theirs.
        limit: Rows on a day from which a user is one.
        suspects: Those with most rows.
    """

    users: int = 0
    rows: int = 0
    limit: int = MANY
    suspects: tuple[Suspect, ...] = ()


@dataclass(frozen=True)
class Suspected:
    """The limit of rows on a day, and by code of a user what tells that no person is behind it."""

    limit: int
    why: Mapping[int, list[Why]]


@dataclass(frozen=True)
class Crowd:
    """Users of a source, and those of them with a single event."""

    users: int
    single: int


def user_days(rows: pl.LazyFrame) -> pl.DataFrame:
    """user, day, n, first and last time of each user's days.

    Args:
        rows: user, day and time of rows that count.
    """
    time = pl.col("time")
    some = rows.group_by("user", "day").agg(n=pl.len(), first=time.min(), last=time.max())
    return some.collect()


def crowd(days: pl.DataFrame) -> Crowd:
    """How many users there are, and how many of them did a single thing."""
    totals = days.group_by("user").agg(pl.col("n").sum())
    return Crowd(totals.height, int((totals["n"] == 1).sum()))


def rhythms(days: pl.DataFrame, rows: pl.LazyFrame, hour: pl.Expr) -> dict[Why, list[int]]:
    """The users whose hours, or the distances of whose rows, are no person's.

    Args:
        days: What `user_days` gives.
        rows: user, day and time of the same rows.
        hour: The local hour of a time.
    """
    long = days.filter(pl.col("n") >= ROUND, pl.col("last") - pl.col("first") >= LONG)
    inside = rows.join(long.lazy().select("user", "day"), on=["user", "day"], how="semi")
    return {
        "round-the-clock": _round_the_clock(inside, hour).to_list(),
        "clockwork": _clockwork(inside).to_list(),
    }


def suspected(days: pl.DataFrame, odd: Mapping[Why, Sequence[int]]) -> Suspected:
    """The users whose days are no person's.

    Those whose rhythm gives them away take no part in what is usual on a day.

    Args:
        days: What `user_days` gives.
        odd: What `rhythms` gives.
    """
    others = days.filter(~pl.col("user").is_in(list(itertools.chain(*odd.values()))))
    usual = others.filter(pl.col("n") <= MANY)["n"].quantile(0.99, interpolation="equiprobable")
    limit = max(MANY, TIMES * int(usual or 0))
    many = days.filter(pl.col("n") > limit)["user"].unique().to_list()
    found: dict[Why, Sequence[int]] = {"many": many, **odd}
    why: dict[int, list[Why]] = defaultdict(list)
    for reason, users in found.items():
        for user in users:
            why[user].append(reason)
    return Suspected(limit, why)


def _round_the_clock(inside: pl.LazyFrame, hour: pl.Expr) -> pl.Series:
    """Users with rows in every hour of several days."""
    days = inside.group_by("user", "day").agg(hours=hour.n_unique())
    whole = days.filter(pl.col("hours") >= ROUND).group_by("user").len()
    return whole.filter(pl.col("len") >= ROUND_DAYS).select("user").collect()["user"]


def _clockwork(inside: pl.LazyFrame) -> pl.Series:
    """Users with rows at one and the same distance, to the second, for half a day."""
    spaced = inside.select("user", "day", "time").sort("user", "time").with_columns(
        gap=pl.col("time").diff().over("user", "day")
    ).filter(pl.col("gap").is_not_null())  # fmt: skip
    near = (pl.col("gap") - pl.col("usual")).abs() <= 1_000
    usual = spaced.group_by("user", "day").agg(usual=pl.col("gap").median())
    days = (
        spaced.join(usual, on=["user", "day"])
        .group_by("user", "day")
        .agg(same=near.mean(), long=pl.col("gap").filter(near).sum(), usual=pl.col("usual").first())
    )
    even = days.filter(
        pl.col("same") >= SAME, pl.col("long") >= LONG, pl.col("usual") >= LEAST_GAP
    )  # fmt: skip
    return even.select(pl.col("user").unique()).collect()["user"]


def superhuman(
    days: pl.DataFrame, found: Suspected, names: Callable[[pl.Series], pl.Series]
) -> Superhuman:  # fmt: skip
    """The suspects by their ids (`names` of codes), and how many rows are theirs."""
    theirs = days.filter(pl.col("user").is_in([*found.why])).group_by("user").agg(
        rows=pl.col("n").sum(), most=pl.col("n").max()
    )  # fmt: skip
    theirs = theirs.with_columns(name=names(theirs["user"])).sort(
        "rows", "name", descending=[True, False]
    )
    suspects = tuple(
        Suspect(name, rows, most, tuple(found.why[user]))
        for user, rows, most, name in theirs.head(SHOWN).iter_rows()
    )
    return Superhuman(theirs.height, int(theirs["rows"].sum()), found.limit, suspects)
