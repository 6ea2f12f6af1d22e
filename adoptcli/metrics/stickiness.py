"""Stickiness: on what part of the month's days an average monthly active actor is active.

Formula: Σ over days of DAU ÷ (days of the window × MAU), which is average DAU ÷ MAU.
Numerator: actor-days of activity in the window. Denominator: actors active in the window × its
days (`active_users.month`).
Window: trailing months back from the end of the days shown, newest first, each wholly in the data.
Left out: nothing; `tenured` repeats it for actors already there when the window began, since a
newcomer could not have been active all month.
Textbook: DAU ÷ MAU of the last complete day, without interval.
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
    ratio,
    small,
    totals,
    window_of,
    windows,
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
    spans = windows(context, month, MOST)
    dated = timeline.days.select(
        "actor", "day", period=window_of(pl.col("day"), context, month, len(spans))
    )
    active = runs(dated.filter(pl.col("period").is_not_null()), ["actor", "period"]).lazy()
    there = timeline.actors.lazy().select(
        "actor", there=pl.min_horizontal("signup_day", "first_day")
    )
    days, old = pl.col("length"), pl.col("there") <= pl.col("period") - month + 1
    return {
        "windows": active.join(there, on="actor", how="left").select(
            "actor",
            "period",
            actors=pl.lit(1),
            active_days=days,
            squares=days**2,
            tenured=old.cast(pl.Int64),
            tenured_days=days * old,
            tenured_squares=days**2 * old,
        ),
        "last": _last(timeline, context, week),
    }


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
    found = cells(tallies["windows"], ["period"])
    spans = list(reversed(windows(context, month, MOST)))
    values = [(end - 1, _stickiness(found.get(end - 1), month, "")) for _, end in spans]
    now = values[-1][1]
    mau = int(now.denominator or 0) // month
    last = totals(tallies["last"])
    before = values[-2][1] if len(values) > 1 else None
    full = not not_full(context, month)
    textbook = Textbook(
        last["dau"] / mau if mau and full else None, last["dau"], mau, "DAU ÷ MAU of the last day"
    )
    headline = Headline(
        f"Stickiness, {month} days",
        now,
        "share",
        context.day_label(context.end_day - 1),
        difference(now, before),
        tuple(value.value for _, value in values),
        f"average DAU ÷ MAU; {mau:,} monthly actors",
    )
    caveats = (*not_full(context, month), *small(mau, "monthly actors"))
    if not mau:
        return Result(
            None, textbook, (), caveats, status="not_evaluable", reason="nobody was active"
        )
    tables = (
        _window_table(values, found, month, context),
        _ratio_table(last, mau, week),
        _tenured_table(found.get(spans[-1][1] - 1), month, context),
    )
    return Result(headline, textbook, tables, caveats)


def _stickiness(counts: dict[str, int] | None, days: int, prefix: str) -> Estimate:
    """Mean active days ÷ days; the denominator counts actor-days."""
    if not counts:
        return Estimate(None, 0, 0)
    actors = counts[prefix.rstrip("_") or "actors"]
    total, squares = (
        counts[f"{prefix}days" if prefix else "active_days"],
        counts[f"{prefix}squares"],
    )
    return _of_days(actors, total, squares, days)


def _of_days(actors: int, total: int, squares: int, days: int) -> Estimate:
    found = mean(actors, total, squares)
    if found.value is None:
        return Estimate(None, total, actors * days)
    low, high = found.low, found.high
    return Estimate(
        total / (actors * days),
        total,
        actors * days,
        None if low is None else low / days,
        None if high is None else min(high / days, 1.0),
    )


def _window_table(
    values: list[tuple[int, Estimate]],
    found: dict[int, dict[str, int]],
    month: int,
    context: Context,
) -> Table:
    lines: tuple[Row, ...] = tuple(
        {
            "period": context.day_label(day),
            "mau": found.get(day, {"actors": 0})["actors"],
            "active_days": int(value.numerator or 0),
            "stickiness": value,
        }
        for day, value in values
    )
    columns = (
        Column("period", f"{month} days to", "date"),
        Column("mau", "MAU", "users"),
        Column("active_days", "Active days", "days"),
        Column("stickiness", "Stickiness", "share"),
    )
    return Table("windows", "By trailing month", columns, lines)


def _ratio_table(last: dict[str, int], mau: int, week: int) -> Table:
    dau_wau = _of_days(last["wau"], last["week_days"], last["week_squares"], week)
    line: Row = {"dau_wau": dau_wau, "wau_mau": ratio(last["wau"], mau)}
    columns = (
        Column("dau_wau", "Average DAU ÷ WAU", "share"),
        Column("wau_mau", "WAU ÷ MAU", "share"),
    )
    return Table("ratios", "Last week and last day", columns, (line,))


def _tenured_table(counts: dict[str, int] | None, month: int, context: Context) -> Table:
    line: Row = {
        "period": context.day_label(context.end_day - 1),
        "actors": counts["tenured"] if counts else 0,
        "stickiness": _stickiness(counts, month, "tenured_"),
    }
    columns = (
        Column("period", f"{month} days to", "date"),
        Column("actors", "There from the start", "users"),
        Column("stickiness", "Stickiness", "share"),
    )
    return Table("tenured", "Actors already there when the window began", columns, (line,))


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
        keys={"windows": ("period",), "last": ()},
    )
)
