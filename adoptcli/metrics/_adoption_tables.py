"""The tables of feature adoption, from its sums."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import polars as pl

from adoptcli import counts, stats
from adoptcli.context import Context
from adoptcli.counts import Count
from adoptcli.metrics._adoption import WEEK, has_curve
from adoptcli.metrics._base import Tallies
from adoptcli.metrics._features import FEATURE, days_there, launch_day
from adoptcli.metrics._shared import cells, mean, quantile, ratio, share
from adoptcli.results import Column, Estimate, Row, Table
from adoptcli.timeframe import DAY_MS

if TYPE_CHECKING:
    from adoptcli.metrics.feature_adoption import FeatureAdoptionSettings

Counts = dict[str, int]
Cells = dict[tuple[int, int], Counts]
Spans = list[tuple[int, int]]
MARKS = (1, 7, 28)  # days by which the share that has tried is shown


def tables(
    tallies: Tallies, trend: Cells, breadth: Cells, logins: int | None,
    settings: FeatureAdoptionSettings, spans: Spans, context: Context,
) -> tuple[Table, ...]:  # fmt: skip
    """All of them, those of the last window first."""
    names = list(context.definitions.features)
    now = cells(tallies["features"], ["item"])
    last = [_counts(now.get(i), _NONE) for i in range(len(names))]
    habits = _habits(names, last, tallies["depth"], settings, context)
    return (
        _features(names, last, logins, settings),
        _funnel(names, last, settings),
        habits,
        *_breadths(breadth, spans, len(names), context),
        *_core(tallies["core"], context),
        _times(names, tallies["times"]),
        _retained(names, cells(tallies["retained"], ["item"]), settings),
        *_curve(cells(tallies["curve"], ["item", "step", "period"]), context),
        _cohorts(names, cells(tallies["cohorts"], ["item", "cohort"]), settings, context),
        _trend(names, trend, spans, settings, context),
    )


_NONE = (
    "eligible", "never", "tried", "again", "adopted", "uses", "use_days", "day_squares",
    "adopter_uses", "adopter_use_squares", "adopter_days", "adopter_day_squares",
)  # fmt: skip


def _counts(found: Counts | None, names: tuple[str, ...]) -> Counts:
    return {name: (found or {}).get(name) or 0 for name in names}


def tried(found: Counts | None) -> Estimate:
    """Share of the active and eligible that used a feature, from its cell of the trend."""
    counted = _counts(found, ("tried", "eligible"))
    return share(counted["tried"], counted["eligible"])


def _features(
    names: list[str], last: list[Counts], logins: int | None, settings: FeatureAdoptionSettings
) -> Table:
    lines: tuple[Row, ...] = tuple(
        {
            "item": name,
            "share_of_active": share(c["tried"], c["eligible"]),
            "adopted": share(c["adopted"], c["eligible"]),
            "never": share(c["never"], c["eligible"]),
            "uses": c["uses"],
            "users_per_login": None if logins is None else ratio(c["tried"], logins),
            "uses_per_login": None if logins is None else ratio(c["uses"], logins),
        }
        for name, c in zip(names, last, strict=True)
    )
    columns = (
        FEATURE,
        Column("share_of_active", "Tried", "share", ("tried", "eligible")),
        Column("adopted", f"Used on {settings.adopted}", "share", ("adopted", "eligible")),
        Column("never", "Never tried, so far", "share", ("never", "eligible")),
        Column("uses", "Uses", "events"),
        Column("users_per_login", "Users per login", "share"),
        Column("uses_per_login", "Uses per login", "ratio"),
    )
    return Table("features", f"By feature, of the active, {settings.window} days", columns, lines)


def _funnel(names: list[str], last: list[Counts], settings: FeatureAdoptionSettings) -> Table:
    """Each step of those who took the one before."""
    lines: tuple[Row, ...] = tuple(
        {
            "item": name,
            "exposed": c["eligible"],
            "tried": share(c["tried"], c["eligible"]),
            "again": share(c["again"], c["tried"]),
            "adopted": share(c["adopted"], c["again"]),
        }
        for name, c in zip(names, last, strict=True)
    )
    columns = (
        FEATURE,
        Column("exposed", "Exposed (active, eligible)", "users"),
        Column("tried", "Tried, of the exposed", "share", ("tried", "eligible")),
        Column("again", "Used again, of those", "share", ("again", "tried")),
        Column("adopted", f"{settings.adopted}, of those", "share", ("adopted", "again")),
    )
    return Table("funnel", f"Funnel, {settings.window} days", columns, lines)


def _habits(
    names: list[str], last: list[Counts], depth: pl.DataFrame, settings: FeatureAdoptionSettings,
    context: Context,
) -> Table:  # fmt: skip
    """Depth and frequency; days before the launch are none on which it could be used."""
    lines: list[Row] = []
    for i, (name, c) in enumerate(zip(names, last, strict=True)):
        feature, end = context.definitions.features[name], context.end_day
        days = days_there(feature, context, end - settings.window, end)
        n = c["adopted"]
        lines.append(
            {
                "item": name,
                "uses_per_adopter": mean(n, c["adopter_uses"], c["adopter_use_squares"]),
                "median_uses": _median(depth.filter(pl.col("item") == i)),
                "days_per_adopter": mean(n, c["adopter_days"], c["adopter_day_squares"]),
                "uses_per_day": ratio(c["uses"], days),
                "dau_mau": _stickiness(c, days),
            }
        )
    columns = (
        FEATURE,
        Column("uses_per_adopter", "Uses per adopter"),
        Column("median_uses", "Median uses"),
        Column("days_per_adopter", "Days per adopter"),
        Column("uses_per_day", "Uses per day"),
        Column("dau_mau", "Average DAU ÷ MAU", "share"),
    )
    return Table("habits", f"Depth and frequency, {settings.window} days", columns, tuple(lines))


def _median(depth: pl.DataFrame) -> float | None:
    uses = depth.sort("step").select(pl.col("step").repeat_by("adopters").explode()).to_series()
    return quantile(uses, 0.5)


def _stickiness(c: Counts, days: int) -> Estimate:
    """Mean days of use of those who used it ÷ days, which is average DAU ÷ MAU."""
    if not days or not c["tried"]:
        return Estimate(None, c["use_days"], c["tried"] * days)
    found = mean(c["tried"], c["use_days"], c["day_squares"], days)
    high = None if found.high is None else min(found.high, 1.0)
    return Estimate(found.value, c["use_days"], c["tried"] * days, found.low, high)


def _breadths(breadth: Cells, spans: Spans, features: int, context: Context) -> tuple[Table, Table]:
    """How many features each active actor used: in the last window, and its mean by window."""
    by = {
        end - 1: [
            breadth.get((end - 1, n), {"actors": 0})["actors"] for n in range(features + 1)
        ]
        for _, end in spans
    }  # fmt: skip
    now = by[context.end_day - 1]
    lines: tuple[Row, ...] = tuple(
        {"step": n, "actors": share(k, sum(now))} for n, k in enumerate(now)
    )
    means: tuple[Row, ...] = tuple(
        {
            "period": context.day_label(period),
            "mean": mean(
                sum(actors),
                sum(k * n for n, k in enumerate(actors)),
                sum(k * (n * n) for n, k in enumerate(actors)),
            ),
        }
        for period, actors in by.items()
    )
    mean_columns = (
        Column("period", "Window to", "date"),
        Column("mean", "Features per active actor"),
    )
    return (
        Table(
            "breadth", "How many features",
            (Column("step", "Features used"), Column("actors", "Active actors", "share")), lines,
        ),
        Table("breadth_mean", "Breadth by window", mean_columns, means),
    )  # fmt: skip


def _core(tally: pl.DataFrame, context: Context) -> tuple[Table, ...]:
    if not any(feature.core for feature in context.definitions.features.values()):
        return ()
    found = {key: c["actors"] for key, c in cells(tally, ["able", "used"]).items()}
    columns = (Column("share", "Of the core features each may have, used", "share"),)
    return (Table("core", "Core features", columns, ({"share": _core_share(found)},)),)


def _core_share(actors: dict[tuple[int, int], int]) -> Estimate:
    """Σ used ÷ Σ able, from how many actors there are of each (able, used).

    The interval is a share's where nobody can have several; else by the jackknife, or from the
    squared residuals.

    Source:
        W. G. Cochran (1977), "Sampling Techniques", 3rd edition, section 2.11.
    """
    used = sum(k * u for (_, u), k in actors.items())
    able = sum(k * a for (a, _), k in actors.items())
    if not able or all(a <= 1 for a, _ in actors):
        return share(used, able)
    if isinstance(used, Count) and isinstance(able, Count):
        found = counts.ratio_interval(used, able)
        low, high = found or (None, None)
    else:
        n, value = sum(actors.values()), used / able
        spread = sum(k * (u - value * a) ** 2 for (a, u), k in actors.items())
        half = stats.Z95 * math.sqrt(n * spread / (n - 1)) / able if n > 1 and spread else None
        low, high = (None, None) if half is None else (value - half, value + half)
    if low is None or high is None:
        return Estimate(used / able, used, able)
    return Estimate(used / able, used, able, max(low, 0.0), min(high, 1.0))


def _times(names: list[str], tally: pl.DataFrame) -> Table:
    lines: list[Row] = []
    for i, name in enumerate(names):
        arrived = pl.col("arrived").cast(pl.Int64)
        part = tally.filter(pl.col("item") == i)
        curve = stats.KaplanMeier.of(part.select("duration", events=arrived, censored=1 - arrived))
        middle = curve.quantile(0.5)
        took = part.filter("arrived")["duration"].sort()
        shares = curve.shares_at([days * DAY_MS for days in MARKS])
        by: Row = {
            f"by_{days}d": _by(found, curve.total)
            for days, found in zip(MARKS, shares, strict=True)
        }
        median = Estimate(
            _seconds(middle.value), None, curve.total, _seconds(middle.low), _seconds(middle.high)
        )
        done = Estimate(_seconds(quantile(took, 0.5)), None, took.len())
        lines.append({"item": name, **by, "median": median, "median_tried": done})
    columns = (
        FEATURE,
        *(Column(f"by_{days}d", f"Tried by {days} d", "share") for days in MARKS),
        Column("median", "Median (Kaplan–Meier)", "seconds"),
        Column("median_tried", "Of those who tried", "seconds"),
    )
    title = "Time to adopt: from sign-up, or launch if later, to the first use"
    return Table("times", title, columns, tuple(lines))


def _by(found: stats.ShareEstimate | None, total: int) -> Estimate:
    if found is None:
        return Estimate(None, None, total)
    return Estimate(found.share, None, total, found.low, found.high)


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else ms / 1000


def _retained(
    names: list[str], found: dict[int, Counts], settings: FeatureAdoptionSettings
) -> Table:
    lines: list[Row] = []
    for i, name in enumerate(names):
        c = _counts(found.get(i), ("again", "once", "mature", "immature"))
        once, again = (share(c[key], c["mature"]) for key in ("once", "again"))
        lines.append({"item": name, "again": again, "once": once, "immature": c["immature"]})
    rule = settings.retained
    columns = (
        FEATURE,
        Column("again", "Used again, of those who tried", "share", ("again", "mature")),
        Column("once", "On one day alone, ever", "share", ("once", "mature")),
        Column("immature", "Too new to judge", "users"),
    )
    title = f"Retained: used again {rule.after} to {rule.within} days after the first day of use"
    return Table("retained", title, columns, tuple(lines))


def _curve(found: dict[tuple[int, int, int], Counts], context: Context) -> tuple[Table, ...]:
    """Week after week, all who have come since the launch and all who have tried."""
    lines: list[Row] = []
    for i, (name, feature) in enumerate(context.definitions.features.items()):
        if not has_curve(feature, context):
            continue
        launch, came, had = launch_day(feature, context), 0, 0
        for week in range(1, -(-(context.end_day - launch) // WEEK) + 1):
            end = min(launch + week * WEEK, context.end_day)
            c = _counts(found.get((i, week, end - 1)), ("came", "tried"))
            came, had = came + c["came"], had + c["tried"]
            if end <= context.shown_from:
                continue
            lines.append(
                {
                    "item": name, "step": week, "period": context.day_label(end - 1),
                    "tried": share(had, came), "new": c["tried"],
                }
            )  # fmt: skip
    columns = (
        FEATURE,
        Column("step", "Week"),
        Column("period", "To", "date"),
        Column("tried", "Have tried, of those active since the launch", "share"),
        Column("new", "New", "users"),
    )
    return (Table("curve", "Since the launch", columns, tuple(lines)),) if lines else ()


def _cohorts(
    names: list[str], found: Cells, settings: FeatureAdoptionSettings, context: Context
) -> Table:
    lines: list[Row] = []
    for (i, cohort), c in sorted(found.items()):
        lines.append(
            {
                "item": names[i],
                "cohort": context.label(cohort),
                "tried": share(c["tried"], c["mature"]),
                "adopted": share(c["adopted"], c["mature"]),
                "immature": c["immature"],
            }
        )
    columns = (
        FEATURE,
        Column("cohort", "Signed up", "date"),
        Column("tried", "Tried", "share", ("tried", "mature")),
        Column("adopted", f"Used on {settings.adopted}", "share", ("adopted", "mature")),
        Column("immature", "Too new to judge", "users"),
    )
    title = f"First {settings.first} days, by sign-up cohort"
    return Table("cohorts", title, columns, tuple(lines))


def _trend(
    names: list[str], trend: Cells, spans: Spans, settings: FeatureAdoptionSettings,
    context: Context,
) -> Table:  # fmt: skip
    lines: list[Row] = []
    for _, end in spans:
        for i, name in enumerate(names):
            c = _counts(trend.get((end - 1, i)), ("eligible", "tried", "adopted"))
            lines.append(
                {
                    "period": context.day_label(end - 1),
                    "item": name,
                    "tried": share(c["tried"], c["eligible"]),
                    "adopted": share(c["adopted"], c["eligible"]),
                }
            )
    columns = (
        Column("period", "Window to", "date"),
        FEATURE,
        Column("tried", "Tried", "share", ("tried", "eligible")),
        Column("adopted", f"Used on {settings.adopted}", "share", ("adopted", "eligible")),
    )
    return Table("trend", "By window", columns, tuple(lines))
