"""Frequency: on how many days actors come, and how many of them come on most days.

Formula: mean of an active actor's active days in the window (L28, after its 28 days; L7 likewise).
Numerator: actor-days of activity in the window. Denominator: actors active in it, which for a
window of as many days is the MAU (WAU) of `active_users`; the actor-days are those of `stickiness`.
Power users: those active on at least `power_days` of the `month`, as a share of the active.
Histogram: of the active by their number of active days, exactly and at least so many.
Window: trailing local days, `week` and `month`, back from the end of the days shown, newest first;
all but the newest lie wholly in the data. The change is against the window before.
Left out: nobody. Those who signed up or came before the window's end, and not in it, are no bar of
the histogram but a count beside it.
Textbook: active days ÷ active actors, which is the headline too.
"""

from __future__ import annotations

import polars as pl
from pydantic import Field, model_validator

from adoptcli import stats
from adoptcli.context import Context
from adoptcli.definitions import Days
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._shared import (
    cells,
    difference,
    mean,
    not_full,
    share,
    share_difference,
    small,
    window_of,
    windows,
)
from adoptcli.results import Column, Estimate, Headline, Result, Row, Table, Textbook
from adoptcli.timeline import Timeline
from adoptcli.timeline.runs import runs

MOST = 6
WEEK, MONTH = 0, 1  # codes of the two windows


class FrequencySettings(Settings):
    """The windows, and from when on somebody is a power user."""

    week: Days = Field(7, description="Days of the short window (L7).")
    month: Days = Field(28, description="Days of the long window (L28); 28 hold whole weeks.")
    power_days: int = Field(
        16,
        ge=1,
        le=3660,
        description="Active days in the long window that make a power user: 4 a week.",
    )

    @model_validator(mode="after")
    def _sound(self) -> FrequencySettings:
        if self.week >= self.month:
            raise ValueError("'week' must be shorter than 'month'")
        if self.power_days > self.month:
            raise ValueError(f"'power_days' must be at most the {self.month} days of 'month'")
        return self

    @property
    def lengths(self) -> tuple[int, int]:
        """Days of the windows, by code."""
        return self.week, self.month

    @property
    def names(self) -> tuple[str, str]:
        """What the windows are called, by code."""
        return f"L{self.week}", f"L{self.month}"


def rows(timeline: Timeline, settings: FrequencySettings, context: Context) -> Rows:
    """`histogram`: each actor's active days (step) by window; `reach`: all there before its end."""
    active = [_active(timeline, code, settings, context) for code in (WEEK, MONTH)]
    there = [_there(timeline, found, code, context) for code, found in enumerate(active)]
    return {"histogram": pl.concat(active).lazy(), "reach": pl.concat(there)}


def _active(
    timeline: Timeline, code: int, settings: FrequencySettings, context: Context
) -> pl.DataFrame:
    """actor, item, period (last day of the window), step, actors, power; one row a window."""
    length = settings.lengths[code]
    spans = windows(context, length, MOST)
    period = window_of(pl.col("day"), context, length, len(spans))
    dated = timeline.days.lazy().select("actor", period=period)
    found = runs(dated.filter(pl.col("period").is_not_null()).collect(), ["actor", "period"])
    power = (pl.col("length") >= settings.power_days) & (code == MONTH)
    return found.select(
        "actor", "period", item=pl.lit(code, dtype=pl.Int64), step="length",
        actors=pl.lit(1, dtype=pl.Int64), power=power.cast(pl.Int64),
    )  # fmt: skip


def _there(timeline: Timeline, active: pl.DataFrame, code: int, context: Context) -> pl.LazyFrame:
    """Who signed up or came before the end of the last window, and whether it came in it."""
    came = active.lazy().filter(pl.col("period") == context.end_day - 1).select("actor", "actors")
    since = pl.min_horizontal(pl.coalesce("signup_day", "first_day"), "first_day")
    known = timeline.actors.lazy().filter(since.fill_null(context.first_day) < context.end_day)
    return known.join(came, on="actor", how="left").select(
        "actor", item=pl.lit(code, dtype=pl.Int64), known=pl.lit(1, dtype=pl.Int64),
        active=pl.col("actors").fill_null(0), absent=1 - pl.col("actors").fill_null(0),
    )  # fmt: skip


Bars = dict[int, tuple[int, int]]  # how many actors have so many active days, and power users


def result(tallies: Tallies, settings: FrequencySettings, context: Context) -> Result:
    """Both windows as mean, median and histogram; power users; who of all known came."""
    found = _bars(tallies["histogram"])
    last = context.end_day - 1
    months = _trailing(found, MONTH, settings, context)
    now = months[-1][1]
    if not now:
        return Result(None, None, (), status="not_evaluable", reason="nobody was active")
    active, middle = sum(n for n, _ in now.values()), _median(now)
    headline = _headline(
        f"Active days of {settings.month}, mean", [_mean(bars) for _, bars in months], context,
        f"L{settings.month}: {active:,} active, median {middle:g}",
    )  # fmt: skip
    weeks = [_mean(bars) for _, bars in _trailing(found, WEEK, settings, context)]
    mean_days = headline.estimate
    textbook = Textbook(
        mean_days.value, mean_days.numerator, active, "active days ÷ active users", "days"
    )
    tables = (
        _trend_table(found, settings, context),
        _histogram_table(found, last, settings, context),
        _reach_table(tallies["reach"], settings),
    )
    caveats = (*not_full(context, settings.month), *small(active, "active actors"))
    also = (
        _power(months, settings, context),
        _headline(f"Active days of {settings.week}, mean", weeks, context),
    )
    return Result(headline, textbook, tables, caveats, also)


def _bars(tally: pl.DataFrame) -> dict[tuple[int, int], Bars]:
    """The histogram of each window, by its code and last day."""
    found: dict[tuple[int, int], Bars] = {}
    for (item, period, step), counts in sorted(cells(tally, ["item", "period", "step"]).items()):
        found.setdefault((item, period), {})[step] = counts["actors"], counts["power"]
    return found


def _trailing(
    found: dict[tuple[int, int], Bars], code: int, settings: FrequencySettings, context: Context
) -> list[tuple[int, Bars]]:
    """The last days and histograms of the windows of one length, oldest first."""
    spans = reversed(windows(context, settings.lengths[code], MOST))
    return [(end - 1, found.get((code, end - 1), {})) for _, end in spans]


def _mean(bars: Bars) -> Estimate:
    n = sum(actors for actors, _ in bars.values())
    total = sum(actors * days for days, (actors, _) in bars.items())
    return mean(n, total, sum(int(actors) * days**2 for days, (actors, _) in bars.items()))


def _median(bars: Bars) -> float | None:
    return stats.quantile([(days, int(actors)) for days, (actors, _) in bars.items()], 0.5)


def _power_share(bars: Bars) -> Estimate:
    counts = bars.values()
    return share(sum(power for _, power in counts), sum(actors for actors, _ in counts))


def _headline(title: str, means: list[Estimate], context: Context, note: str = "") -> Headline:
    """The last of several means, against the one before."""
    before = means[-2] if len(means) > 1 else None
    return Headline(
        title, means[-1], "days", context.day_label(context.end_day - 1),
        difference(means[-1], before), tuple(value.value for value in means), note,
    )  # fmt: skip


def _power(
    months: list[tuple[int, Bars]], settings: FrequencySettings, context: Context
) -> Headline:
    shares = [_power_share(bars) for _, bars in months]
    return Headline(
        f"Power users, at least {settings.power_days} of {settings.month} days", shares[-1],
        "share", context.day_label(context.end_day - 1),
        share_difference(shares[-1], shares[-2] if len(shares) > 1 else None),
        tuple(value.value for value in shares),
    )  # fmt: skip


def _trend_table(
    found: dict[tuple[int, int], Bars], settings: FrequencySettings, context: Context
) -> Table:
    lines: list[Row] = [
        {
            "item": settings.names[code],
            "period": context.day_label(day),
            "actors": sum(actors for actors, _ in bars.values()),
            "days": _mean(bars),
            "median": _median(bars),
            "power": _power_share(bars) if code == MONTH else None,
        }
        for code in (MONTH, WEEK)
        for day, bars in _trailing(found, code, settings, context)
    ]
    columns = (
        Column("item", "Window", "text"),
        Column("period", "Days to", "date"),
        Column("actors", "Active users", "users"),
        Column("days", "Active days, mean", "days"),
        Column("median", "Median", "days"),
        Column("power", f"Power users (≥ {settings.power_days} days)", "share"),
    )
    return Table("trend", "By trailing window", columns, tuple(lines))


def _histogram_table(
    found: dict[tuple[int, int], Bars], last: int, settings: FrequencySettings, context: Context
) -> Table:
    """Every number of days of the last windows, those that nobody has too."""
    lines: list[Row] = []
    for code in (MONTH, WEEK):
        bars = found.get((code, last), {})
        everyone = sum(actors for actors, _ in bars.values())
        none = everyone * 0  # that still knows its groups of accounts
        for step in range(1, settings.lengths[code] + 1):
            more = sum((n for days, (n, _) in bars.items() if days >= step), none)
            lines.append(
                {
                    "item": settings.names[code],
                    "period": context.day_label(last),
                    "step": step,
                    "actors": share(bars.get(step, (none, none))[0], everyone),
                    "at_least": share(more, everyone),
                }
            )
    columns = (
        Column("item", "Window", "text"),
        Column("period", "Days to", "date"),
        Column("step", "Active days"),
        Column("actors", "Exactly", "share"),
        Column("at_least", "At least", "share"),
    )
    return Table("histogram", "Active users by active days", columns, tuple(lines))


def _reach_table(tally: pl.DataFrame, settings: FrequencySettings) -> Table:
    """Those who came in the last windows, of all who could have."""
    found = cells(tally, ["item"])
    lines: list[Row] = [
        {
            "item": settings.names[code],
            "active": share(found[code]["active"], found[code]["known"]),
            "absent": found[code]["absent"],
        }
        for code in (MONTH, WEEK)
        if code in found
    ]
    columns = (
        Column("item", "Window", "text"),
        Column("active", "Active in it, of all users known", "share", ("active", "known")),
        Column("absent", "Not active in it", "users"),
    )
    return Table("reach", "Who did not come at all", columns, tuple(lines))


METRIC = register(
    Metric(
        id="frequency",
        title="Frequency",
        section="engagement",
        order=8,
        settings=FrequencySettings,
        definition=__doc__,
        rows=rows,
        result=result,
        names=lambda settings, context: {"item": settings.names},
        keys={"histogram": ("item", "period", "step"), "reach": ("item",)},
    )
)
