"""Stickiness: on what part of the month's days an average monthly active actor is active.

Formula: Σ over days of DAU ÷ (days of the window × MAU), which is average DAU ÷ MAU.
Numerator: actor-days of activity in the window. Denominator: actors active in the window × its
days (`active_users.month`).
On working days: mean active days from Monday to Friday ÷ such days of the window, over the same
monthly actors.
Window: trailing months back from the end of the days shown, newest first, each wholly in the data.
Also: average DAU ÷ WAU of the last week (`active_users.week`), and WAU ÷ MAU: which part of the
month's actors came in its last week.
Left out: nothing; `tenured` repeats it for actors already there when the window began, since a
newcomer could not have been active all month.
Textbook: DAU ÷ MAU of the last complete day, without interval. 1 would be everybody every day;
0.4 is much for a complex product.
"""

from __future__ import annotations

import polars as pl

from adoptcli.context import Context
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._shared import (
    cells,
    difference,
    mean,
    not_full,
    share,
    small,
    totals,
    window_of,
    windows,
    working,
    working_days,
)
from adoptcli.results import Column, Estimate, Headline, Result, Row, Table, Textbook
from adoptcli.timeline import Timeline
from adoptcli.timeline.runs import runs

MOST = 12


class StickinessSettings(Settings):
    """Nothing to set: the month and the week are those of `active_users`."""


def rows(timeline: Timeline, settings: StickinessSettings, context: Context) -> Rows:
    """Each actor's active days in each window, and in the last week."""
    month, week = _lengths(context)
    days = _days(timeline, context, month)
    there = timeline.actors.lazy().select(
        "actor", there=pl.min_horizontal("signup_day", "first_day")
    )
    old = pl.col("there") <= pl.col("period") - month + 1
    return {
        "windows": days,
        "tenured": days.join(there, on="actor").filter(old).drop("there"),
        "last": _last(timeline, context, week),
    }


def _days(timeline: Timeline, context: Context, month: int) -> pl.LazyFrame:
    """actor, period, active_days, working_days, the squares of both, and once: one day alone."""
    spans = windows(context, month, MOST)
    dated = timeline.days.select(
        "actor",
        period=window_of(pl.col("day"), context, month, len(spans)),
        working=working(pl.col("day")).cast(pl.Int64),
    ).filter(pl.col("period").is_not_null())
    found = runs(dated, ["actor", "period"], sums=["working"]).lazy()
    days, at_work = pl.col("length"), pl.col("working")
    return found.select(
        "actor",
        "period",
        actors=pl.lit(1),
        once=(days == 1).cast(pl.Int64),
        active_days=days,
        squares=days**2,
        working_days=at_work,
        working_squares=at_work**2,
    )


def _lengths(context: Context) -> tuple[int, int]:
    settings = context.settings["active_users"]
    return settings.month, settings.week


def _last(timeline: Timeline, context: Context, week: int) -> pl.LazyFrame:
    """Those active in the last week, with their days and whether the last day is one."""
    day, end = pl.col("day"), context.end_day
    return (
        timeline.days.lazy()
        .filter((day >= end - week) & (day < end))
        .group_by("actor")
        .agg(
            wau=pl.lit(1, dtype=pl.Int64),
            week_days=pl.len().cast(pl.Int64),
            week_squares=(pl.len().cast(pl.Int64)) ** 2,
            dau=(day == end - 1).any().cast(pl.Int64),
        )
    )


def result(tallies: Tallies, settings: StickinessSettings, context: Context) -> Result:
    """Stickiness of each window, the ratios of the last day, and of the tenured."""
    month, week = _lengths(context)
    found, old = (cells(tallies[name], ["period"]) for name in ("windows", "tenured"))
    spans = list(reversed(windows(context, month, MOST)))
    values = [_stickiness(found.get(end - 1, _NOBODY), month) for _, end in spans]
    at_work = [_at_work(found.get(end - 1, _NOBODY), start, end) for start, end in spans]
    now, when = values[-1], context.day_label(context.end_day - 1)
    mau, last = found.get(context.end_day - 1, _NOBODY)["actors"], totals(tallies["last"])
    full = not not_full(context, month)
    textbook = Textbook(
        last["dau"] / mau if mau and full else None, last["dau"], mau, "DAU ÷ MAU of the last day"
    )
    shown = (
        now if full else Estimate(None, now.numerator, now.denominator)
    )  # too few days to divide
    headline = Headline(
        f"Stickiness, {month} days", shown, "share", when, _change(values) if full else None,
        tuple(value.value for value in values), f"average DAU ÷ MAU; {mau:,} monthly actors",
    )  # fmt: skip
    caveats = (*not_full(context, month), *small(mau, "monthly actors"))
    if not mau:
        return Result(
            None, textbook, (), caveats, status="not_evaluable", reason="nobody was active"
        )
    also = Headline(
        "on working days", at_work[-1], "share", when, _change(at_work),
        tuple(value.value for value in at_work),
    )  # fmt: skip
    columns = _columns(month)
    tables = (
        Table("windows", "By trailing month", columns, _lines(spans, found, context)),
        _ratio_table(last, mau, week),
        Table(
            "tenured", "Actors already there when the window began", columns,
            _lines(spans, old, context),
        ),
    )  # fmt: skip
    return Result(headline, textbook, tables, caveats, (also,))


def _change(values: list[Estimate]) -> Estimate | None:
    return difference(values[-1], values[-2]) if len(values) > 1 else None


_NOBODY = dict.fromkeys(
    ("actors", "once", "active_days", "squares", "working_days", "working_squares"), 0
)


def _stickiness(counts: dict[str, int], days: int) -> Estimate:
    """Mean active days ÷ days; the denominator counts actor-days."""
    return _of_days(counts["actors"], counts["active_days"], counts["squares"], days)


def _at_work(counts: dict[str, int], start: int, end: int) -> Estimate:
    """The same on the working days of a window alone."""
    days = working_days(start, end)
    return _of_days(counts["actors"], counts["working_days"], counts["working_squares"], days)


def _of_days(actors: int, total: int, squares: int, days: int) -> Estimate:
    found = mean(actors, total, squares)
    if found.value is None or not days:
        return Estimate(None, total, actors * days)
    low, high = found.low, found.high
    return Estimate(
        total / (actors * days),
        total,
        actors * days,
        None if low is None else low / days,
        None if high is None else min(high / days, 1.0),
    )


def _lines(
    spans: list[tuple[int, int]], found: dict[int, dict[str, int]], context: Context
) -> tuple[Row, ...]:
    lines: list[Row] = []
    for start, end in spans:
        counts = found.get(end - 1, _NOBODY)
        lines.append(
            {
                "period": context.day_label(end - 1),
                "mau": counts["actors"],
                "once": counts["once"],
                "active_days": counts["active_days"],
                "stickiness": _stickiness(counts, end - start),
                "working": _at_work(counts, start, end),
            }
        )
    return tuple(lines)


def _columns(month: int) -> tuple[Column, ...]:
    return (
        Column("period", f"{month} days to", "date"),
        Column("mau", "MAU", "users"),
        Column("once", "On one day alone", "users"),
        Column("active_days", "Active days", "days"),
        Column("stickiness", "Stickiness", "share"),
        Column("working", "On working days", "share"),
    )


def _ratio_table(last: dict[str, int], mau: int, week: int) -> Table:
    dau_wau = _of_days(last["wau"], last["week_days"], last["week_squares"], week)
    line: Row = {"dau_wau": dau_wau, "wau_mau": share(last["wau"], mau)}
    columns = (
        Column("dau_wau", f"Average DAU ÷ WAU, last {week} days", "share"),
        Column("wau_mau", "WAU ÷ MAU, last day", "share"),
    )
    return Table("ratios", "Days in weeks, weeks in months", columns, (line,))


METRIC = register(
    Metric(
        id="stickiness",
        title="Stickiness",
        section="engagement",
        order=2,
        settings=StickinessSettings,
        definition=__doc__,
        rows=rows,
        result=result,
        needs=("active_users",),
        keys={"windows": ("period",), "tenured": ("period",), "last": ()},
    )
)
