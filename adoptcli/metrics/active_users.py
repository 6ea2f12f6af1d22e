"""Active users: how many different actors were active on a day, in a week, in a month.

Formula: DAU(d) = actors active on local day d; WAU(d), MAU(d) = actors active on at least one of
the 7 (`week`), 30 (`month`) days that end with d.
Numerator: distinct actors; daily uniques are never added up. Active: any event of `active_events`.
Window: calendar days of the report's zone, half-open; a window that begins before the data is
empty. Calendar weeks and months, and the report's `period`, are shown where they are complete.
Growth: actors ÷ actors of the complete period before, shown or not, − 1; empty where nobody was
active then.
Left out: the day that as-of cuts.
Textbook: MAU of the last complete day, which is the headline too; a count has no interval.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from pydantic import Field, model_validator

from adoptcli.context import Context
from adoptcli.definitions import Days
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._shared import cells, difference, not_full
from adoptcli.results import Column, Estimate, Headline, Result, Row, Table, Textbook
from adoptcli.timeframe import Period
from adoptcli.timeline import Timeline
from adoptcli.timeline.days import start_of
from adoptcli.timeline.runs import runs


class ActiveUsersSettings(Settings):
    """How long a week and a month are."""

    week: Days = Field(7, description="Days of the trailing week.")
    month: Days = Field(30, description="Days of the trailing month; 28d holds whole weeks.")

    @model_validator(mode="after")
    def _in_order(self) -> ActiveUsersSettings:
        if self.week > self.month:
            raise ValueError("'week' must not be longer than 'month'")
        return self


def rows(timeline: Timeline, settings: ActiveUsersSettings, context: Context) -> Rows:
    """Every actor on every day on which it counts; `tally` gives the same sums without them."""
    days = _shown(timeline, context)
    return {
        "daily": pl.concat(
            [
                days.lazy().select("actor", period="day", dau=pl.lit(1)),
                _spread(days, settings.week, context, "wau"),
                _spread(days, settings.month, context, "mau"),
            ],
            how="diagonal",
        ).filter(pl.col("period") >= context.shown_from),
        **_calendar(timeline, context),
    }


def _tables(context: Context) -> dict[str, tuple[Period, str]]:
    """The tables of calendar periods: each its period and its title."""
    found: dict[str, tuple[Period, str]] = {"periods": (context.period, "By calendar period")}
    if context.period != "week":
        found["weeks"] = ("week", "By calendar week")
    if context.period != "month":
        found["months"] = ("month", "By calendar month")
    return found


def _calendar(timeline: Timeline, context: Context) -> Rows:
    return {name: _periods(timeline, context, of) for name, (of, _) in _tables(context).items()}


def _shown(timeline: Timeline, context: Context) -> pl.DataFrame:
    return timeline.days.filter(pl.col("day") < context.end_day)


def _spread(days: pl.DataFrame, length: int, context: Context, name: str) -> pl.LazyFrame:
    """Each actor on each day whose trailing window holds one of its active days."""
    ahead = pl.DataFrame({"ahead": range(length)}, schema={"ahead": pl.Int32}).lazy()
    return (
        days.lazy()
        .join(ahead, how="cross")
        .select("actor", period=pl.col("day") + pl.col("ahead"))
        .filter(pl.col("period") < context.end_day)
        .unique()
        .with_columns(pl.lit(1).alias(name))
    )


def _periods(timeline: Timeline, context: Context, of: Period) -> pl.LazyFrame:
    """Each actor in each complete period in which it was active, the one before them included."""
    complete = context.and_before(of)
    if not complete:
        return _NOBODY.lazy()
    starts = [*(start for start, _ in complete), complete[-1][1]]
    dated = timeline.days.select("actor", period=start_of(pl.col("day"), starts))
    found = runs(dated.filter(pl.col("period").is_not_null()), ["actor", "period"])
    return found.lazy().select("actor", "period", actors=pl.lit(1))


_NOBODY = pl.DataFrame(schema={"actor": pl.UInt32, "period": pl.Int32, "actors": pl.Int32})


def tally(timeline: Timeline, settings: ActiveUsersSettings, context: Context) -> Rows:
    """`daily`: those active on a day; `changes`: by how many a trailing window's actors change."""
    days = _shown(timeline, context)
    return {
        "daily": days.lazy().select("actor", period="day", dau=pl.lit(1)),
        "changes": pl.concat(
            [
                _changes(days, settings.week).with_columns(step=pl.lit("wau")),
                _changes(days, settings.month).with_columns(step=pl.lit("mau")),
            ]
        ),
        **_calendar(timeline, context),
    }


def _changes(days: pl.DataFrame, length: int) -> pl.LazyFrame:
    """+1 on the day an actor begins to count, −1 on the day it counts no more."""
    actor, day = days["actor"], days["day"]
    begins = actor.ne_missing(actor.shift(1)) | (day - day.shift(1) >= length)
    ends = actor.ne_missing(actor.shift(-1)) | (day.shift(-1) - day >= length)
    up = days.filter(begins).select("actor", period="day", change=pl.lit(1))
    down = days.filter(ends).select("actor", period=pl.col("day") + length, change=pl.lit(-1))
    return pl.concat([up.lazy(), down.lazy()])


def result(tallies: Tallies, settings: ActiveUsersSettings, context: Context) -> Result:
    """Daily, trailing and calendar counts."""
    daily, tables = _daily(tallies, settings, context), _tables(context)
    shown = daily[context.shown_from - context.first_day :]
    counts = {name: _counts(tallies[name], of, context) for name, (of, _) in tables.items()}
    calendar = tuple(
        _period_table(name, title, of, counts[name], context)
        for name, (of, title) in tables.items()
    )
    last = daily[-1]
    earlier = daily[-1 - settings.month] if len(daily) > settings.month else None
    now = Estimate(last["mau"])
    change = difference(now, Estimate(earlier["mau"])) if earlier else None
    trend = tuple(float(n) for _, n, _ in counts["periods"])
    when = context.day_label(context.end_day - 1)
    title = f"Active users, {settings.month} days (MAU)"
    also = tuple(
        Headline(name, Estimate(last[key]), "users", when)
        for key, name in (("wau", f"{settings.week} days (WAU)"), ("dau", "on the last day (DAU)"))
    )
    if len(context.and_before()) > 1:
        start, _, growth = counts["periods"][-1]
        title_of = f"growth on the {context.period} before, {context.label(start)}"
        also = (*also, Headline(title_of, growth, "share", context.label(start)))
    textbook = Textbook(
        last["mau"], last["mau"], None, "actors active in the trailing month", "users"
    )
    return Result(
        Headline(title, now, "users", when, change, trend),
        textbook,
        (_daily_table(shown, context), *calendar),
        not_full(context, settings.month),
        also,
    )


def _daily(
    tallies: Tallies, settings: ActiveUsersSettings, context: Context
) -> list[dict[str, int | None]]:
    """One row a day from the first of the data on."""
    dau = cells(tallies["daily"], ["period"])
    changes = cells(tallies["changes"], ["step", "period"])
    found: list[dict[str, int | None]] = []
    running = {"wau": 0, "mau": 0}
    for day in range(context.first_day, context.end_day):
        for name in running:
            running[name] += changes.get((name, day), {"change": 0})["change"]
        seen = day - context.first_day + 1
        found.append(
            {
                "dau": dau.get(day, {"dau": 0})["dau"],
                "wau": running["wau"] if seen >= settings.week else None,
                "mau": running["mau"] if seen >= settings.month else None,
            }
        )
    return found


def _daily_table(days: list[dict[str, int | None]], context: Context) -> Table:
    lines: list[Row] = [
        {
            "period": context.day_label(context.shown_from + i),
            **{k: row[k] for k in ("dau", "wau", "mau")},
        }
        for i, row in enumerate(days)
    ]
    columns = (
        Column("period", "Day", "date"),
        Column("dau", "DAU", "users"),
        Column("wau", "WAU", "users"),
        Column("mau", "MAU", "users"),
    )
    return Table("daily", "By day", columns, tuple(lines))


Counts = Sequence[tuple[int, int, Estimate]]


def _counts(tally: pl.DataFrame, of: Period, context: Context) -> Counts:
    """The start of each complete period shown, its active actors, their growth on those before."""
    found, starts = cells(tally, ["period"]), [start for start, _ in context.and_before(of)]
    actors = [found.get(start, {"actors": 0})["actors"] for start in starts]
    growth = map(_growth, actors, [0, *actors])
    lines = [*zip(starts, actors, growth, strict=True)]
    return lines[len(starts) - len(context.periods(of)) :]


def _growth(now: int, before: int) -> Estimate:
    """Of the actors of a period on those of the one before."""
    return Estimate(now / before - 1, now, before) if before else Estimate(None)


def _period_table(name: str, title: str, of: Period, counts: Counts, context: Context) -> Table:
    lines: list[Row] = [
        {
            "period": context.label(start, of),
            "actors": actors,
            "growth": growth.value,
        }
        for start, actors, growth in counts
    ]
    columns = (
        Column("period", "Period", "date"),
        Column("actors", "Active users", "users"),
        Column("growth", "Growth", "share"),
    )
    return Table(name, title, columns, tuple(lines))


METRIC = register(
    Metric(
        id="active_users",
        title="Active users",
        section="engagement",
        order=1,
        settings=ActiveUsersSettings,
        definition=__doc__,
        rows=rows,
        tally=tally,
        result=result,
        keys={
            "daily": ("period",),
            "changes": ("step", "period"),
            "periods": ("period",),
            "weeks": ("period",),
            "months": ("period",),
        },
        plain=frozenset({"daily", "changes", "periods", "weeks", "months"}),
    )
)
