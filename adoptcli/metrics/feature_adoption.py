"""Feature adoption: what share of the active and eligible actors use a feature, and keep using it.

Formula: share_of_active = actors that used the feature in the window ÷ active, eligible actors.
Numerator: actors with at least one use (`tried`), or with uses on at least `min_days` distinct
local days (`adopted`). Denominator: actors active in the window who have one of the feature's
`eligible` segment values; where `launched_at` lies in the window, only days from then on count.
Window: trailing windows of `window` days, back from the end of the days shown.
Adopted: the distinct days lie anywhere in the window (`span: window`), in one calendar week
(`calendar_week`), among `within` consecutive local days (`rolling_days`), or have uses that are at
most `within` × 24 hours apart (`elapsed`).
Funnel: exposed (active and eligible), tried, used again (a second time in the window), adopted.
Breadth: how many features each active actor used; of the core ones, Σ used ÷ Σ that each may have.
Depth: uses of each adopter; frequency: days of use, uses ÷ days of the window, and average DAU ÷
MAU of the feature; days before its launch, or before the data, are none of the window's.
Time to adopt: from sign-up, or launch if later, to the first use; Kaplan–Meier over all eligible
newcomers, those who have not used it yet included. First uses before the sign-up count as at it.
Cohorts: sign-ups since the launch who tried and who adopted within `first` days (elapsed, closed).
Retained: newcomers who used it again `after` to `within` days after their first day of use.
Curve: of the eligible actors active since the launch, those who had tried by each week's end that
is shown.
Left out: actors that are not active in the sense of `active_events`; features not yet launched;
rates over newcomers count those whose start (sign-up, or launch if later) is known, lies in the
data and on the days shown, once they are mature.
Textbook: monthly actors of the feature ÷ number of logins (`users_per_login`), and feature events
÷ logins (`uses_per_login`); both divide people or events by logins, and need `login` in the YAML.
The metric's own textbook figure is users_per_login of the most used feature.
"""

from __future__ import annotations

from typing import Self

import polars as pl
from pydantic import Field, model_validator

from adoptcli.context import Context
from adoptcli.definitions import Days, Definitions, Feature
from adoptcli.metrics import _adoption, _adoption_tables
from adoptcli.metrics._adoption import Adopted, Retained
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._features import counted_days, in_windows, launch_day, of_able
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
from adoptcli.results import Caveat, Estimate, Headline, Result, Textbook
from adoptcli.timeline import Timeline
from adoptcli.timeline.runs import runs, starts_run

MOST = 6  # windows
LINES = 5  # features on the first screen


class FeatureAdoptionSettings(Settings):
    """How long the window is, and what adopted and retained mean."""

    window: Days = Field(30, description="Days of the trailing window.")
    adopted: Adopted = Field(
        Adopted(),
        description="When trying has become using; without span: anywhere in the window.",
    )
    first: Days = Field(28, description="Days after the sign-up in which cohorts are compared.")
    retained: Retained = Field(Retained(), description="When a first use was not the last.")

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.adopted.min_days > self.window:
            days = f"{self.adopted.min_days} distinct days of 'adopted'"
            raise ValueError(f"{days} do not fit into a window of {self.window} days")
        return self


def missing(settings: FeatureAdoptionSettings, definitions: Definitions) -> str | None:
    """The key to add."""
    return None if definitions.features else "add 'features: {NAME: [EVENT, …]}' to the YAML"


def rows(timeline: Timeline, settings: FeatureAdoptionSettings, context: Context) -> Rows:
    """The sums' rows, and `unused`: who can have a feature and did not use it in the window."""
    features = list(context.definitions.features.values())
    able = _eligible(_active(timeline, settings, context, 1), timeline, context, features)
    used = _uses(timeline, settings, context, 1)
    unused = able.lazy().join(used.lazy(), on=["item", "actor"], how="anti")
    found = tally(timeline, settings, context)
    return {**found, "unused": unused.select("actor", "item", actors=pl.lit(1))}


def tally(timeline: Timeline, settings: FeatureAdoptionSettings, context: Context) -> Rows:
    """By window `trend` and `breadth`; `features`, `core`, `depth` of the last; since the start."""
    features = list(context.definitions.features.values())
    count = len(windows(context, settings.window, MOST))
    active = _active(timeline, settings, context, count)
    eligible = _eligible(active, timeline, context, features)
    uses = _uses(timeline, settings, context, count)
    if context.definitions.active_events:
        uses = uses.join(eligible, on=["item", "actor", "period"], how="semi")
    last = pl.col("period") == context.end_day - 1
    able, now = eligible.filter(last), uses.filter(last)
    people = _adoption.newcomers(timeline, settings.retained, context, features)
    return {
        "trend": _trend_rows(eligible, uses),
        "features": _feature_rows(able, now, timeline, context),
        "depth": now.lazy().filter(pl.col("adopted") > 0).select(
            "actor", "item", step="uses", adopters="adopted"
        ),
        "breadth": _breadth_rows(active, uses),
        "core": _core_rows(active.filter(last), able, now, features),
        "logins": _logins(timeline, settings, context),
        "times": _adoption.time_rows(people, context),
        "retained": _adoption.retained_rows(people, settings.retained, context),
        "cohorts": _adoption.cohort_rows(
            people, timeline, settings.first, settings.adopted, context
        ),
        "curve": _adoption.curve_rows(timeline, context, features),
        "left_out": _adoption.left_out_rows(people, timeline),
    }  # fmt: skip


def _active(
    timeline: Timeline, settings: FeatureAdoptionSettings, context: Context, count: int
) -> pl.DataFrame:
    """Each actor in each window in which it was active, with its last active day there."""
    dated = in_windows(timeline.days, context, settings.window, count)
    return runs(dated, ["actor", "period"], last=["day"]).drop("length")


def _eligible(
    active: pl.DataFrame, timeline: Timeline, context: Context, features: list[Feature]
) -> pl.DataFrame:
    """The active actors that can have each feature, on days on which it is there."""
    parts = []
    for i, feature in enumerate(features):
        there = active.filter(pl.col("last_day") >= launch_day(feature, context))
        found = of_able(there, timeline, feature)
        parts.append(found.select("actor", "period", item=pl.lit(i, dtype=pl.Int64)))
    return pl.concat(parts)


def _uses(
    timeline: Timeline, settings: FeatureAdoptionSettings, context: Context, count: int
) -> pl.DataFrame:
    """Each feature's actors in each window: uses, days of use, again and adopted (0 or 1)."""
    keys = ["item", "actor", "period"]
    used = counted_days(timeline, context).select(*_adoption.needed(settings.adopted), "times")
    days = in_windows(used, context, settings.window, count)
    met = _adoption.completes(days, keys, settings.adopted, context)
    flagged = days.select(*keys, uses="times", met=met.cast(pl.Int64))
    return runs(flagged, keys, sums=["uses", "met"]).select(
        *keys, "uses", use_days="length", again=(pl.col("uses") > 1).cast(pl.Int64),
        adopted=(pl.col("met") > 0).cast(pl.Int64),
    )  # fmt: skip


def _trend_rows(eligible: pl.DataFrame, uses: pl.DataFrame) -> pl.LazyFrame:
    tried = uses.lazy().select("actor", "period", "item", "adopted", tried=pl.lit(1))
    able = eligible.lazy().with_columns(eligible=pl.lit(1))
    return pl.concat([able, tried], how="diagonal_relaxed")


def _feature_rows(
    able: pl.DataFrame, now: pl.DataFrame, timeline: Timeline, context: Context
) -> pl.LazyFrame:
    """The last window: one row for each eligible actor, and one for each that used it."""
    ever = counted_days(timeline, context).filter(pl.col("day") < context.end_day)
    ever = ever.filter(starts_run(ever, ["item", "actor"])).select("item", "actor", ever=pl.lit(1))
    adopted, uses, days = pl.col("adopted"), pl.col("uses"), pl.col("use_days")
    used = now.lazy().select(
        "actor", "item", "uses", "use_days", "again", "adopted", tried=pl.lit(1),
        day_squares=days**2, adopter_uses=uses * adopted, adopter_use_squares=uses**2 * adopted,
        adopter_days=days * adopted, adopter_day_squares=days**2 * adopted,
    )  # fmt: skip
    every = (
        able.lazy()
        .join(ever.lazy(), on=["item", "actor"], how="left")
        .select("actor", "item", eligible=pl.lit(1), never=1 - pl.col("ever").fill_null(0))
    )
    return pl.concat([every, used], how="diagonal_relaxed")


def _breadth_rows(active: pl.DataFrame, uses: pl.DataFrame) -> pl.LazyFrame:
    """How many of the features each active actor used."""
    keys = ["actor", "period"]
    used = uses.lazy().group_by(keys).agg(step=pl.len().cast(pl.Int64))
    return (
        active.lazy()
        .select(keys)
        .join(used, on=keys, how="left")
        .select(*keys, pl.col("step").fill_null(0), actors=pl.lit(1))
    )


def _core_rows(
    active: pl.DataFrame, able: pl.DataFrame, now: pl.DataFrame, features: list[Feature]
) -> pl.LazyFrame:
    """How many core features each active actor can have, and used, in the last window."""
    core = pl.col("item").is_in([i for i, feature in enumerate(features) if feature.core])
    found = active.lazy().select("actor")
    for name, frame in (("able", able), ("used", now)):
        counted = (
            frame.lazy().filter(core).group_by("actor").agg(pl.len().cast(pl.Int64).alias(name))
        )
        found = found.join(counted, on="actor", how="left")
    return found.with_columns(pl.col("able", "used").fill_null(0), actors=pl.lit(1))


def _logins(
    timeline: Timeline, settings: FeatureAdoptionSettings, context: Context
) -> pl.LazyFrame:
    """Logins in the last window."""
    period = window_of(pl.col("day"), context, settings.window, 1)
    logins = timeline.login_days().lazy().filter(period.is_not_null())
    return logins.select("actor", logins="times")


def result(tallies: Tallies, settings: FeatureAdoptionSettings, context: Context) -> Result:
    """The share that used any feature, each feature in the last window, and since the start."""
    d = context.definitions
    spans = list(reversed(windows(context, settings.window, MOST)))
    trend = cells(tallies["trend"], ["period", "item"])
    breadth = cells(tallies["breadth"], ["period", "step"])
    any_use = [_any(breadth, end - 1) for _, end in spans]
    if not any_use[-1].denominator:
        return Result(None, None, (), status="not_evaluable", reason="nobody was active")
    logins = totals(tallies["logins"]).get("logins", 0) if d.login else None
    when = f"{settings.window} d to {context.day_label(context.end_day - 1)}"
    more = len(d.features) - LINES
    headline = Headline(
        "Used at least one feature", any_use[-1], "share", when, _change(any_use),
        tuple(e.value for e in any_use), f"{more} more features in the tables" if more > 0 else "",
    )  # fmt: skip
    also = [
        _line(name, i, feature, trend, spans, when)
        for i, (name, feature) in enumerate(d.features.items())
    ]
    tables = _adoption_tables.tables(tallies, trend, breadth, logins, settings, spans, context)
    caveats = _caveats(tallies, any_use[-1], settings, context)
    textbook = _textbook(tallies, logins, context)
    return Result(headline, textbook, tables, caveats, tuple(also[:LINES]))


def _any(breadth: dict[tuple[int, int], dict[str, int]], period: int) -> Estimate:
    active = sum(c["actors"] for (p, _), c in breadth.items() if p == period)
    none = breadth.get((period, 0), {"actors": 0})["actors"]
    return share(active - none, active)


def _change(values: list[Estimate]) -> Estimate | None:
    return share_difference(values[-1], values[-2] if len(values) > 1 else None)


def _line(
    name: str, item: int, feature: Feature, trend: dict[tuple[int, int], dict[str, int]],
    spans: list[tuple[int, int]], when: str,
) -> Headline:  # fmt: skip
    tried = [_adoption_tables.tried(trend.get((end - 1, item))) for _, end in spans]
    return Headline(
        f"{name}{' (core)' if feature.core else ''}", tried[-1], "share", when, _change(tried),
        tuple(t.value for t in tried),
    )  # fmt: skip


def _caveats(
    tallies: Tallies, now: Estimate, settings: FeatureAdoptionSettings, context: Context
) -> tuple[Caveat, ...]:
    found = [*not_full(context, settings.window), *small(now.denominator, "active actors")]
    for feature in context.definitions.features.values():
        found += unseen(feature.events, context)
    if not context.definitions.login:
        text = "rates per login are empty: add 'login: EVENT' to the YAML"
        found.append(Caveat("login-not-configured", text))
    told = (
        ("unknown_start", "unknown-start", "actors without a known start, none of the newcomers"),
        ("early", "negative-time", "first uses before the sign-up; no time is less than 0"),
    )
    left_out = totals(tallies["left_out"])
    found += [Caveat(code, text, n) for name, code, text in told if (n := left_out.get(name))]
    return tuple(dict.fromkeys(found))


def _textbook(tallies: Tallies, logins: int | None, context: Context) -> Textbook | None:
    if logins is None:
        return None
    found = cells(tallies["features"], ["item"])
    tried = [
        ((found.get(i) or {"tried": 0})["tried"], name)
        for i, name in enumerate(context.definitions.features)
    ]
    users, name = max(tried)
    return Textbook(
        users / logins if logins else None, users, logins, f"monthly actors of {name} ÷ logins"
    )


METRIC = register(
    Metric(
        id="feature_adoption",
        title="Feature adoption",
        section="adoption",
        order=3,
        settings=FeatureAdoptionSettings,
        definition=__doc__,
        rows=rows,
        tally=tally,
        result=result,
        names=lambda settings, context: {"item": [*context.definitions.features]},
        keys={
            "trend": ("period", "item"),
            "features": ("item",),
            "unused": ("item",),
            "depth": ("item", "step"),
            "breadth": ("period", "step"),
            "core": ("able", "used"),
            "logins": (),
            "times": ("item", "duration", "arrived"),
            "retained": ("item",),
            "cohorts": ("item", "cohort"),
            "curve": ("item", "step", "period"),
            "left_out": (),
        },
        loose=frozenset({"times"}),
        plain=frozenset({"depth", "logins", "left_out"}),
        missing=missing,
        features=True,
    )
)
