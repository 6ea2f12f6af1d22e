"""Adoption rate: what share of all who could use the product do use it.

Formula: active actors ÷ eligible actors.
Numerator: eligible actors active in the window. Denominator: eligible actors: those in the users
table, else everybody known, who signed up (or, without a sign-up, were first seen) before the
window's end.
Window: trailing `window` days, back from the end of the days shown.
By feature: eligible actors that used it in the window ÷ the eligible actors who can have it. By
frequency: eligible actors with at least so many active days a week, on average over the window. By
role: the rate within each value of `role`.
Left out: where there is a users table, actors that are not in it, who are counted.
Textbook: active users ÷ eligible users, which is the headline too.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl
from pydantic import Field

from adoptcli.context import UNKNOWN, Context
from adoptcli.definitions import Days, Name
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._shared import (
    cells,
    not_full,
    share,
    share_difference,
    small,
    totals,
    unseen,
    window_of,
    windows,
)
from adoptcli.results import Caveat, Column, Estimate, Headline, Result, Row, Table, Textbook
from adoptcli.timeline import Timeline
from adoptcli.timeline.runs import runs

MOST = 6
WEEK = 7


class AdoptionRateSettings(Settings):
    """The window, and what roles are."""

    window: Days = Field(28, description="Days of the trailing window.")
    role: Name | None = Field(
        None, description="Column or property that holds an actor's role in its account."
    )

    def traits(self) -> Iterable[str]:
        return [self.role] if self.role else []


def rows(timeline: Timeline, settings: AdoptionRateSettings, context: Context) -> Rows:
    """`windows`: who is eligible, who is active; of the last `features`, `frequency`, `roles`."""
    spans = windows(context, settings.window, MOST)
    everyone = _eligible(timeline, context, spans)
    active = _active(timeline, settings, context, len(spans))
    both = everyone.join(active, on=["actor", "period"], how="left").with_columns(
        active=pl.col("active").fill_null(0), days=pl.col("days").fill_null(0)
    )
    last = both.filter(pl.col("period") == context.end_day - 1)
    found = {
        "windows": both.select("actor", "period", "active", eligible=pl.lit(1)),
        "frequency": last.select("actor", "days", eligible=pl.lit(1)).rename({"days": "step"}),
        "features": _features(timeline, last, settings, context),
        "left_out": timeline.actors.lazy()
        .filter(pl.lit(context.tabled) & ~pl.col("tabled"))
        .select("actor", not_in_table=pl.lit(1)),
    }
    if settings.role:
        roles = timeline.actors.lazy().select("actor", item=f"trait.{settings.role}")
        found["roles"] = last.join(roles, on="actor").select(
            "actor", "item", "active", eligible=pl.lit(1)
        )
    return found


def _eligible(timeline: Timeline, context: Context, spans: list[tuple[int, int]]) -> pl.LazyFrame:
    """actor and period of everybody that could use the product before a window's end."""
    there = pl.min_horizontal(pl.coalesce("signup_day", "first_day"), "first_day")
    people = timeline.actors.lazy().filter(pl.col("tabled") | pl.lit(not context.tabled))
    people = people.select("actor", there=there.fill_null(context.first_day - 1))
    return pl.concat(
        people.filter(pl.col("there") < end).select("actor", period=pl.lit(end - 1, dtype=pl.Int32))
        for _, end in spans
    )


def _active(
    timeline: Timeline, settings: AdoptionRateSettings, context: Context, count: int
) -> pl.LazyFrame:
    """actor, period, active days and 1."""
    period = window_of(pl.col("day"), context, settings.window, count)
    dated = timeline.days.select("actor", period=period).filter(pl.col("period").is_not_null())
    found = runs(dated, ["actor", "period"]).rename({"length": "days"})
    return found.lazy().with_columns(active=pl.lit(1, dtype=pl.Int64))


def _features(
    timeline: Timeline, last: pl.LazyFrame, settings: AdoptionRateSettings, context: Context
) -> pl.LazyFrame:
    """Each eligible actor of each feature, and whether it used it in the last window."""
    parts = [_NO_FEATURES.lazy()]
    day, first = pl.col("day"), context.end_day - settings.window
    for i, feature in enumerate(context.definitions.features.values()):
        able = last.select("actor")
        for name, values in feature.eligible.items():
            able = able.join(timeline.holding(name, values).lazy(), on="actor", how="semi")
        uses = timeline.of(feature.events).lazy().filter((day >= first) & (day < context.end_day))
        used = uses.select("actor").unique().with_columns(used=pl.lit(1, dtype=pl.Int64))
        parts.append(
            able.join(used, on="actor", how="left").select(
                "actor",
                item=pl.lit(i, dtype=pl.Int64),
                eligible=pl.lit(1, dtype=pl.Int64),
                used=pl.col("used").fill_null(0),
            )
        )
    return pl.concat(parts)


_NO_FEATURES = pl.DataFrame(
    schema={"actor": pl.UInt32, "item": pl.Int64, "eligible": pl.Int64, "used": pl.Int64}
)


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
        tuple(rate.value for rate in rates), "active ÷ all who could be",
    )  # fmt: skip
    textbook = Textbook(now.value, now.numerator, now.denominator, "active users ÷ eligible users")
    tables = [
        _trend(rates, spans, context),
        _frequency_table(cells(tallies["frequency"], ["step"]), settings),
    ]
    if context.definitions.features:
        tables.append(_feature_table(tallies["features"], context))
    if settings.role:
        tables.append(_role_table(tallies["roles"], settings.role, context))
    caveats = [*not_full(context, settings.window), *small(now.denominator, "eligible actors")]
    if out := totals(tallies["left_out"]).get("not_in_table"):
        caveats.append(Caveat("not-in-table", "actors that are not in the users table", out))
    for feature in context.definitions.features.values():
        caveats += unseen(feature.events, context)
    return Result(headline, textbook, tuple(tables), tuple(dict.fromkeys(caveats)))


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


def _frequency_table(found: dict[int, dict[str, int]], settings: AdoptionRateSettings) -> Table:
    """At least so many active days a week: days × 7 ≥ k × days of the window."""
    everyone = sum(c["eligible"] for c in found.values())
    lines: list[Row] = []
    for k in range(1, WEEK + 1):
        reached = [c["eligible"] for days, c in found.items() if days * WEEK >= k * settings.window]
        lines.append({"step": k, "actors": share(sum(reached), everyone)})
    columns = (
        Column("step", "Active days a week, at least"),
        Column("actors", "Eligible actors", "share"),
    )
    return Table("frequency", "By frequency", columns, tuple(lines))


def _feature_table(tally: pl.DataFrame, context: Context) -> Table:
    found = cells(tally, ["item"])
    lines: tuple[Row, ...] = tuple(
        {"item": name, "rate": _rate(found.get(i), "used")}
        for i, name in enumerate(context.definitions.features)
    )
    columns = (
        Column("item", "Feature", "text"),
        Column("rate", "Used it", "share", ("used", "eligible")),
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
