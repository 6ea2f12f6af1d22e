"""Adoption rate: what share of all who could use the product do use it.

Formula: active actors ÷ eligible actors.
Numerator: eligible actors active in the window. Denominator: eligible actors: those in the users
table, else everybody known, who signed up (or, without a sign-up, were first seen) before the
window's end.
Window: trailing `window` days, back from the end of the days shown.
By feature: eligible actors that used it in the window ÷ the eligible actors who can have it; before
its launch nobody can, and no use counts. By frequency: eligible actors with at least so many active
days a week, on average over the window. By role: the rate within each value of `role`, where actors
are users.
Left out: where there is a users table, actors that are not in it, who are counted.
Textbook: active users ÷ eligible users, which is the headline too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import polars as pl
from pydantic import Field

from adoptcli.context import UNKNOWN, Context
from adoptcli.definitions import Days, Feature, Name
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._features import counted_days, launch_day, of_able
from adoptcli.metrics._shared import (
    by_window,
    cells,
    not_full,
    share,
    share_difference,
    since,
    small,
    totals,
    unseen,
    windows,
)
from adoptcli.results import Caveat, Column, Estimate, Headline, Result, Row, Table, Textbook
from adoptcli.timeline import Timeline
from adoptcli.timeline.runs import starts_run

MOST = 6
WEEK = 7


class AdoptionRateSettings(Settings):
    """The window, and what roles are."""

    window: Days = Field(28, description="Days of the trailing window.")
    role: Name | None = Field(
        None, description="Column or property that holds an actor's role in its account."
    )

    def user_traits(self) -> Iterable[str]:
        return [self.role] if self.role else []


def rows(timeline: Timeline, settings: AdoptionRateSettings, context: Context) -> Rows:
    """`windows`: who is eligible, active, absent; of the last `features`, `frequency`, `roles`."""
    everyone = _everyone(timeline, settings, context)
    last = everyone.filter(pl.col("period") == context.end_day - 1).drop("period")
    found = {
        "windows": everyone.lazy().drop("days").with_columns(absent=1 - pl.col("active")),
        "frequency": _frequency(last, settings),
        "features": _features(timeline, last, settings, context).lazy(),
        "left_out": timeline.actors.lazy()
        .filter(pl.lit(context.tabled) & ~pl.col("tabled"))
        .select("actor", not_in_table=pl.lit(1)),
    }
    if settings.role in context.traits and context.unit == "user":
        roles = timeline.actors.lazy().select("actor", item=f"trait.{settings.role}")
        found["roles"] = last.lazy().drop("days").join(roles, on="actor")
    return found


def _everyone(timeline: Timeline, settings: AdoptionRateSettings, context: Context) -> pl.DataFrame:
    """actor, period, eligible (1), active (0 or 1), days: all that could be before its end."""
    spans = windows(context, settings.window, MOST)
    days = by_window(timeline.days, context, settings.window, len(spans))
    people = timeline.actors.filter(pl.col("tabled") | pl.lit(not context.tabled))
    people = people.select("actor", since=since())
    return pl.concat(
        people.filter(pl.col("since") < end)
        .join(days.filter(pl.col("period") == end - 1), on="actor", how="left")
        .select(
            "actor",
            period=pl.lit(end - 1, dtype=pl.Int32),
            eligible=pl.lit(1, dtype=pl.Int64),
            active=pl.col("days").is_not_null().cast(pl.Int64),
            days=pl.col("days").fill_null(0),
        )
        for _, end in spans
    )


def _frequency(last: pl.DataFrame, settings: AdoptionRateSettings) -> pl.LazyFrame:
    """A row for each number of days a week that an actor reached: days × 7 ≥ k × window."""
    reached = last.lazy().select("actor", k=pl.col("days") * WEEK // settings.window)
    return pl.concat(
        reached.filter(pl.col("k") >= k).select(
            "actor", step=pl.lit(k, dtype=pl.Int64), actors=pl.lit(1, dtype=pl.Int64)
        )
        for k in range(1, WEEK + 1)
    )


def _features(
    timeline: Timeline, last: pl.DataFrame, settings: AdoptionRateSettings, context: Context
) -> pl.DataFrame:
    """Each eligible actor of each feature, and whether it used it in the last window."""
    day = pl.col("day")
    inside = (day >= context.end_day - settings.window) & (day < context.end_day)
    days = counted_days(timeline, context).filter(inside).select("item", "actor")
    users = days.filter(starts_run(days, ["item", "actor"])).with_columns(
        used=pl.lit(1, dtype=pl.Int64)
    )
    parts = [_NO_FEATURES]
    for i, feature in enumerate(context.definitions.features.values()):
        able = of_able(last, timeline, feature) if _launched(feature, context) else last.clear()
        mine = users.filter(pl.col("item") == i).drop("item")
        parts.append(
            able.join(mine, on="actor", how="left").select(
                "actor", pl.lit(i, dtype=pl.Int64).alias("item"), "eligible",
                pl.col("used").fill_null(0),
            )
        )  # fmt: skip
    return pl.concat(parts)


def _launched(feature: Feature, context: Context) -> bool:
    return launch_day(feature, context) < context.end_day


_NO_FEATURES = pl.DataFrame(
    schema={"actor": pl.UInt32, "item": pl.Int64, "eligible": pl.Int64, "used": pl.Int64}
)


def names(settings: AdoptionRateSettings, context: Context) -> Mapping[str, Sequence[str]]:
    """Features and roles by code."""
    return {
        "features.item": [*context.definitions.features],
        "roles.item": context.traits.get(settings.role or "", ()),
    }


def result(tallies: Tallies, settings: AdoptionRateSettings, context: Context) -> Result:
    """The rate by window, by feature, by frequency and by role."""
    found = cells(tallies["windows"], ["period"])
    spans = list(reversed(windows(context, settings.window, MOST)))
    rates = [_rate(found.get(end - 1), "active") for _, end in spans]
    now, before = rates[-1], rates[-2] if len(rates) > 1 else None
    if not now.denominator:
        return Result(None, None, (), status="not_evaluable", reason="nobody is eligible")
    headline = Headline(
        f"Adoption rate, {settings.window} days", now, "share",
        context.day_label(spans[-1][1] - 1), share_difference(now, before),
        tuple(rate.value for rate in rates), _eligible(context),
    )  # fmt: skip
    textbook = Textbook(now.value, now.numerator, now.denominator, "active users ÷ eligible users")
    eligible = found[context.end_day - 1]["eligible"]
    tables = [
        _trend(rates, spans, context),
        _frequency_table(cells(tallies["frequency"], ["step"]), eligible),
    ]
    if context.definitions.features:
        tables.append(_feature_table(tallies["features"], context))
    if settings.role and "roles" in tallies:
        tables.append(_role_table(tallies["roles"], settings.role, context))
    caveats = (*_caveats(tallies, settings, context), *small(now.denominator, "eligible actors"))
    return Result(headline, textbook, tuple(tables), tuple(dict.fromkeys(caveats)))


def _eligible(context: Context) -> str:
    """Who could be active, in words."""
    return f"active ÷ all {'in the users table' if context.tabled else 'seen or signed up'} by then"


def _caveats(tallies: Tallies, settings: AdoptionRateSettings, context: Context) -> list[Caveat]:
    found = [*not_full(context, settings.window)]
    if out := totals(tallies["left_out"]).get("not_in_table"):
        found.append(Caveat("not-in-table", "actors that are not in the users table", out))
    if settings.role and "roles" not in tallies:
        found.append(Caveat("role-of-users", "no rates by role: accounts have none"))
    features = context.definitions.features
    for name, feature in features.items():
        found += unseen(feature.events, context)
        if not _launched(feature, context):
            found.append(Caveat("not-launched", f"feature {name!r} comes after the window"))
    return found


def _rate(counts: dict[str, int] | None, name: str) -> Estimate:
    c = counts or {name: 0, "eligible": 0}
    return share(c[name], c["eligible"])


def _trend(rates: list[Estimate], spans: list[tuple[int, int]], context: Context) -> Table:
    lines: tuple[Row, ...] = tuple(
        {"period": context.day_label(end - 1), "rate": rate}
        for (_, end), rate in zip(spans, rates, strict=True)
    )
    columns = (
        Column("period", "Window to", "date"),
        Column("rate", "Adoption rate", "share", ("active", "eligible")),
    )
    return Table("windows", "By window", columns, lines)


def _frequency_table(found: dict[int, dict[str, int]], eligible: int) -> Table:
    lines: list[Row] = [
        {
            "step": k,
            "actors": share(found[k]["actors"] if k in found else eligible - eligible, eligible),
        }
        for k in range(1, WEEK + 1)
    ]
    columns = (
        Column("step", "Active days a week, at least"),
        Column("actors", "Eligible actors", "share"),
    )
    return Table("frequency", "By frequency, on average over the window", columns, tuple(lines))


def _feature_table(tally: pl.DataFrame, context: Context) -> Table:
    found = cells(tally, ["item"])
    lines: tuple[Row, ...] = tuple(
        {"item": name, "used": _rate(found.get(i), "used")}
        for i, name in enumerate(context.definitions.features)
    )
    columns = (
        Column("item", "Feature", "text"),
        Column("used", "Used it", "share", ("used", "eligible")),
    )
    return Table("features", "By feature, of all who can have it", columns, lines)


def _role_table(tally: pl.DataFrame, role: str, context: Context) -> Table:
    found = cells(tally, ["item"])
    labels = context.traits[role]
    lines: list[Row] = [
        {"item": UNKNOWN if code is None else labels[code], "rate": _rate(found[code], "active")}
        for code in sorted(found, key=lambda c: (c is None, c))
    ]
    columns = (
        Column("item", role.capitalize(), "text"),
        Column("rate", "Adoption rate", "share", ("active", "eligible")),
    )
    return Table("roles", f"By {role}", columns, tuple(lines))


METRIC = register(
    Metric(
        id="adoption_rate",
        title="Adoption rate",
        section="adoption",
        order=7,
        settings=AdoptionRateSettings,
        definition=__doc__,
        rows=rows,
        result=result,
        names=names,
        keys={
            "windows": ("period",),
            "frequency": ("step",),
            "features": ("item",),
            "roles": ("item",),
            "left_out": (),
        },
        plain=frozenset({"left_out"}),
        features=True,
    )
)
