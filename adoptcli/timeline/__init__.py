"""The log as one sorted run of small integers, and the three tables that metrics query."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from threading import Lock
from typing import Any, TypeVar

import polars as pl

from adoptcli.context import Context, text
from adoptcli.counts import group_of
from adoptcli.definitions import Answer, EventRef
from adoptcli.timeline.runs import lengths, starts_run
from adoptcli.timeline.segments import by_code, segment_codes

__all__ = ["Timeline", "active_days", "active_events", "by_day"]

T = TypeVar("T")


class Timeline:
    """One bucket's actors, one after the other in time order.

    Attributes:
        events: actor, time (ms), event (atom code), day (local); sorted by actor, time, event.
            Where actors are accounts also member, the code of the user.
        days: actor, day on which it was active; sorted, each pair once.
        actors: One row an actor, in the events or in the users table (`actors.actor_table`).
        sessions: actor, first, last (ms), actions of each session that the log itself names, or
            None where it names none.
        values: The numbers that events carry, by property: actor, time, member, event, value (in
            thousandths), sorted.
        duplicates: Repeated deliveries that were left out.
        groups: The group of accounts of each actor, by its code; None where nobody has an account.
        ids: Gives the texts of actors' ids by code, for what only few metrics ask.
        beyond: Where actors are users: accounts in the log or a table beside those that actors
            have at last.
    """

    def __init__(
        self,
        events: pl.DataFrame,
        days: pl.DataFrame,
        actors: pl.DataFrame,
        context: Context,
        sessions: pl.DataFrame | None = None,
        values: Mapping[str, pl.DataFrame] | None = None,
        duplicates: int = 0,
        groups: pl.Series | None = None,
        ids: Callable[[pl.Series], pl.Series] | None = None,
        beyond: frozenset[int] = frozenset(),
    ) -> None:
        self.events = events
        self.days = days
        self.actors = actors
        self.sessions = sessions
        self.values = values or {}
        self.duplicates = duplicates
        self.groups = groups
        self.beyond = beyond
        self._ids = ids
        self._context = context
        self._facts: dict[str, Any] = {}
        self._making: dict[str, Lock] = {}  # one a fact, so that others need not wait

    @property
    def active_events(self) -> pl.DataFrame:
        """The events that make somebody active: all, or those the YAML names."""
        return active_events(self.events, self._context)

    def login_days(self) -> pl.DataFrame:
        """Each actor's local days with a login, and how many (`by_day`); none without `login`."""
        login = self._context.definitions.login
        return self.fact("login_days", lambda: by_day(self.of(login or [], "actor", "day")))

    @cached_property
    def parts(self) -> pl.Series:
        """The `groups`; where nobody has an account, each actor's by the hash of its own id."""
        if self.groups is not None:
            return self.groups
        codes = self.actors["actor"]
        found = [group_of(text) for text in self.ids(codes)]
        return by_code(codes, pl.Series(found, dtype=pl.UInt8))

    @cached_property
    def segments(self) -> pl.Series | None:
        """The segment of each actor, by its code; None where the run has no segments."""
        return segment_codes(self.actors, self._context)

    def holding(self, trait: str, values: Iterable[object]) -> pl.DataFrame:
        """The actors whose trait has one of the values."""
        labels = self._context.traits[trait]
        wanted = {text(value) for value in values}
        codes = [code for code, label in enumerate(labels) if label in wanted]
        return self.actors.filter(pl.col(f"trait.{trait}").is_in(codes)).select("actor")

    def of(self, refs: EventRef | Iterable[EventRef], *columns: str) -> pl.DataFrame:
        """The events that the references mean, still sorted; all columns, or those named."""
        wanted = self.events["event"].is_in(self._context.vocabulary.codes(refs))
        found = self.events.select(columns) if columns else self.events
        return found.filter(wanted).rechunk()  # in one piece, which is faster

    def answers(self, ref: Answer) -> pl.DataFrame:
        """The readable numbers of an event: actor, time, member, value (thousandths), sorted."""
        rows = self.values.get(ref.score)
        if rows is None:
            return pl.DataFrame(
                schema={
                    "actor": pl.UInt32,
                    "time": pl.Int64,
                    "member": pl.UInt32,
                    "value": pl.Int64,
                }
            )
        codes = self._context.vocabulary.codes(ref)
        return rows.filter(pl.col("event").is_in(codes)).drop("event")

    def ids(self, actors: pl.Series) -> pl.Series:
        """The texts of the ids of actors, by their codes."""
        assert self._ids is not None
        return self._ids(actors)

    def fact(self, name: str, make: Callable[[], T]) -> T:
        """What several metrics share, computed once, only when asked for, whoever asks first.

        One fact may ask for another, though not in a circle: each has a lock of its own.
        """
        with self._making.setdefault(name, Lock()):
            if name not in self._facts:
                self._facts[name] = make()
            found: T = self._facts[name]
        return found


def active_events(events: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The events that make somebody active: all, or those the YAML names."""
    refs = context.definitions.active_events
    if refs is None:
        return events
    return events.filter(pl.col("event").is_in(context.vocabulary.codes(refs)))


def active_days(events: pl.DataFrame) -> pl.DataFrame:
    """Each actor's local days, each once, in order.

    Local days run backwards where a zone's clock is put back over midnight; there neighbours are
    not enough.
    """
    days = events.select("actor", "day").filter(starts_run(events, ["actor", "day"]))
    if days.select(_backwards().any()).item():
        return days.unique().sort("actor", "day")
    return days


def by_day(events: pl.DataFrame, *moments: str) -> pl.DataFrame:
    """Each actor's local days among sorted events.

    Args:
        events: actor, time, day; sorted by actor and time.
        moments: `first` and `last` (ms), if they are wanted.

    Returns:
        actor, day, times (how many), the moments; sorted by actor and day.
    """
    fresh = starts_run(events, ["actor", "day"])
    found = events.select("actor", "day").filter(fresh).with_columns(times=lengths(fresh))
    for name in moments:
        edge = fresh if name == "first" else fresh.shift(-1, fill_value=True)
        found = found.hstack(events.select(pl.col("time").alias(name)).filter(edge))
    if not found.select(_backwards().any()).item():
        return found
    edges = [pl.col(m).min() if m == "first" else pl.col(m).max() for m in moments]
    return found.group_by("actor", "day").agg(pl.col("times").sum(), *edges).sort("actor", "day")


def _backwards() -> pl.Expr:
    """Where a local day comes before the one of the row before."""
    same = pl.col("actor") == pl.col("actor").shift(1)
    return same & (pl.col("day") < pl.col("day").shift(1))
