"""Who begins when, and who comes back in which of the periods after: the counting of retention."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from adoptcli.context import Context
from adoptcli.definitions import EventRef
from adoptcli.metrics._shared import activated, newcomer
from adoptcli.results import Caveat
from adoptcli.timeframe import DAY_MS
from adoptcli.timeline import Timeline, active_days, by_day
from adoptcli.timeline.days import local_day, place_of
from adoptcli.timeline.runs import runs
from adoptcli.timeline.segments import by_code

if TYPE_CHECKING:
    from adoptcli.metrics.retention import RetentionSettings

LENGTHS = {"day": DAY_MS, "week": 7 * DAY_MS}


@dataclass(frozen=True)
class Frame:
    """The cohorts of the data and the cells that each of them has had time for.

    Attributes:
        starts: First days of all calendar periods of the data, and the end of the last.
        reach: For each cohort, by its place: how many whole periods all of it has lived through.
        spans: Each step's first period and the first after it, both counted from the start.
        tops: For each cohort: its last step that is mature, or −1.
    """

    starts: list[int]
    reach: list[int]
    spans: list[tuple[int, int]]
    tops: list[int]

    @property
    def steps(self) -> list[int]:
        """Every step, by its first period."""
        return [first for first, _ in self.spans]


def frame(settings: RetentionSettings, context: Context) -> Frame:
    """What can be asked of the data at all, whoever is in them."""
    starts = context.calendar.starts(context.first_day, context.as_of_day, settings.period)
    spans = _spans(settings)
    reach = list(_reach(starts, settings, context))
    tops = [max((k for k, end in spans if end <= whole), default=-1) for whole in reach]
    return Frame(starts, reach, spans, tops)


def _spans(settings: RetentionSettings) -> list[tuple[int, int]]:
    if settings.mode == "bracket":
        return list(itertools.pairwise(settings.brackets))
    if settings.mode == "unbounded" and settings.horizon is not None:
        end = settings.horizon + 1
        return [(k, end) for k in range(min(settings.periods + 1, end))]
    return [(k, k + 1) for k in range(settings.periods + 1)]


def _reach(starts: list[int], settings: RetentionSettings, context: Context) -> Iterator[int]:
    """Calendar: the periods of the data that are over. Elapsed: since the last that may begin."""
    over = sum(end <= context.as_of_day for end in starts[1:])
    for place, end in enumerate(starts[1:]):
        if settings.clock == "calendar":
            yield max(over - place, 0)
        else:
            lived = context.as_of - context.calendar.midnight(end)
            yield max(lived // LENGTHS[settings.period], 0)


def cut_off(settings: RetentionSettings, context: Context) -> Iterator[Caveat]:
    """A caveat where cohorts of another period than the report's are shown in part."""
    parts = context.cut_off(settings.period)
    if parts and settings.period != context.period:
        text = (
            f"--since and --until cut off the cohorts of {' and '.join(parts)}: they are not whole"
        )
        yield Caveat("cohort-cut-off", text)


def entries(
    timeline: Timeline, what: str | EventRef, settings: RetentionSettings, context: Context,
    starts: list[int],
) -> pl.DataFrame:  # fmt: skip
    """Who begins when, among the days shown.

    Args:
        timeline: The bucket.
        what: `signup`, `activation`, `purchase` or the event that begins.
        settings: Of retention.
        context: The run's context.
        starts: Of the calendar periods of the data.

    Returns:
        actor, at (local day; instant in ms where the clock is elapsed), cohort (place of the period
        of the start); one row an actor, or with recurring entries one an actor and period; sorted.
    """
    found = _instants(timeline, what, settings, context)
    low = context.calendar.midnight(context.first_day)
    found = found.with_columns(day=local_day(pl.col("time"), context.calendar, low, context.as_of))
    found = found.with_columns(cohort=place_of(pl.col("day"), starts))
    if settings.recurs(what):
        found = found.unique(["actor", "cohort"], keep="first", maintain_order=True)
    shown = pl.col("day").is_between(context.shown_from, context.end_day, closed="left")
    return found.filter(shown).select(
        "actor", "cohort", at="day" if settings.clock == "calendar" else "time"
    )


def _instants(
    timeline: Timeline, what: str | EventRef, settings: RetentionSettings, context: Context
) -> pl.DataFrame:
    """actor, time of all that may begin an entry, sorted; of each actor the first, or every one."""
    new = timeline.actors.filter(newcomer(context))
    if what == "signup":
        return new.select("actor", time="signup")
    if what == "activation":
        when = activated(timeline, context).select("actor", time="activated_at").drop_nulls()
        return when.join(new, on="actor", how="semi", maintain_order="left")
    refs = [what] if isinstance(what, EventRef) else context.definitions.purchase or []
    found = timeline.of(refs).select("actor", "time")
    if settings.recurs(what):
        return found
    first = found.unique("actor", keep="first", maintain_order=True)
    return first.join(new, on="actor", how="semi", maintain_order="left")


def activity(
    timeline: Timeline, settings: RetentionSettings, context: Context, starts: list[int]
) -> pl.DataFrame:
    """What may count as coming back: actor, at (day or instant), place of its period, times.

    Where once is enough, one row a calendar period, with its last day: whoever began in the period
    has come back in it if that day is not before the start.
    """
    refs, place = settings.returns, place_of(pl.col("at"), starts)
    if settings.clock == "elapsed":
        events = timeline.active_events if refs is None else timeline.of(refs)
        return events.select("actor", at="time", times=pl.lit(1, dtype=pl.Int64))
    if settings.at_least > 1:
        events = timeline.active_events if refs is None else timeline.of(refs)
        return by_day(events).select("actor", "times", at="day").with_columns(place=place)
    days = timeline.days if refs is None else active_days(timeline.of(refs))
    dated = days.select("actor", at="day").with_columns(place=place)
    found = runs(dated, ["actor", "place"], last=["at"])
    return found.select("actor", "place", at="last_at", times=pl.lit(1, dtype=pl.Int64))


def came_back(
    active: pl.DataFrame, begun: pl.DataFrame, settings: RetentionSettings, grid: Frame, size: int
) -> pl.DataFrame:
    """Each entry in each step in which it came back, over or not; of unbounded only the last.

    Args:
        active: From `activity`.
        begun: From `entries`.
        settings: Of retention.
        grid: From `frame`.
        size: One more than the highest code of an actor.

    Returns:
        actor, cohort (place), step.
    """
    # An actor has one entry a cohort: looked up by its code, no entry need be joined.
    waves = begun.partition_by("cohort") if settings.entries == "recurring" else [begun]
    found = [_wave(active, wave, settings, grid, size) for wave in waves if wave.height]
    return pl.concat([_NOBODY, *found])


_NOBODY = pl.DataFrame(schema={"actor": pl.UInt32, "cohort": pl.Int32, "step": pl.Int64})


def _wave(
    active: pl.DataFrame, begun: pl.DataFrame, settings: RetentionSettings, grid: Frame, size: int
) -> pl.DataFrame:
    """`came_back` for entries of which each actor has one."""
    start, cohort = (
        pl.lit(by_code(begun["actor"], begun[name], size)).gather("actor")
        for name in ("at", "cohort")
    )
    steps = (
        active.lazy()
        .filter(pl.col("at") >= begun["at"].min())
        .with_columns(start=start, cohort=cohort)
        .filter(pl.col("at") >= pl.col("start"))
        .select("actor", "cohort", "times", step=_step(settings, grid).cast(pl.Int64))
        .filter(pl.col("step").is_not_null())
        .collect()
    )
    found = runs(steps, ["actor", "step"], last=["cohort"], sums=["times"])
    found = found.filter(pl.col("times") >= settings.at_least)
    found = found.select("actor", "step", cohort="last_cohort")
    if settings.mode == "unbounded":
        last = pl.col("last_step").clip(upper_bound=grid.steps[-1])
        found = runs(found, ["actor"], last=["step", "cohort"])
        found = found.select("actor", step=last, cohort="last_cohort")
    return found.select(_NOBODY.columns)


def _step(settings: RetentionSettings, grid: Frame) -> pl.Expr:
    """The step of an activity; null where it is in none."""
    if settings.clock == "calendar":
        k = pl.col("place") - pl.col("cohort")
    else:
        past = pl.col("at") - pl.col("start")
        k = ((past - 1) // LENGTHS[settings.period]).clip(lower_bound=0)
    if settings.mode == "unbounded" and settings.horizon is None:
        return k
    table: list[int | None] = [None] * grid.spans[-1][1]
    for first, end in grid.spans:
        bracket = settings.mode == "bracket"
        table[first:end] = [first if bracket else k for k in range(first, end)]
    lookup = pl.lit(pl.Series(table, dtype=pl.Int64))
    return lookup.gather(pl.when(k < len(table)).then(k))
