"""Feature adoption: what share of the active and eligible actors use a feature, and keep using it.

Formula: share_of_active = actors that used the feature in the window ÷ active, eligible actors.
Numerator: actors with at least one use (`tried`), or with uses on at least `min_days` distinct
local days (`adopted`). Denominator: actors active in the window who have one of the feature's
`eligible` segment values; where `launched_at` lies in the window, only days from then on count.
Window: trailing windows of `window` days, back from the end of the days shown.
Left out: actors that are not active in the sense of `active_events`; features not yet launched.
Textbook: monthly actors of the feature ÷ number of logins (`users_per_login`), and feature events
÷ logins (`uses_per_login`); both divide people or events by logins, and need `login` in the YAML.
The metric's own textbook figure is users_per_login of the most used feature.
"""

from __future__ import annotations

import polars as pl
from pydantic import Field

from adoptcli.context import Context
from adoptcli.definitions import Days, Definitions, Feature, Model
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._shared import (
    cells,
    mean,
    not_full,
    ratio,
    share,
    share_difference,
    small,
    unseen,
    window_of,
    windows,
)
from adoptcli.results import Caveat, Column, Estimate, Headline, Result, Row, Table, Textbook
from adoptcli.timeframe import to_day
from adoptcli.timeline import Timeline
from adoptcli.timeline.runs import runs

MOST = 6


class Adopted(Model):
    """When trying has become using."""

    min_days: int = Field(2, ge=1, description="Distinct local days with a use, in the window.")


class FeatureAdoptionSettings(Settings):
    """How long the window is, and what adopted means."""

    window: Days = Field(30, description="Days of the trailing window.")
    adopted: Adopted = Adopted()


def missing(settings: FeatureAdoptionSettings, definitions: Definitions) -> str | None:
    """The key to add."""
    return None if definitions.features else "add 'features: {NAME: [EVENT, …]}' to the YAML"


def rows(timeline: Timeline, settings: FeatureAdoptionSettings, context: Context) -> Rows:
    """`features`: who could and who did; `breadth`: how many features each; `logins`."""
    features = list(context.definitions.features.values())
    spans = windows(context, settings.window, MOST)
    active = _active(timeline, settings, context, len(spans))
    uses = [
        _uses(timeline, feature, settings, context, len(spans)).with_columns(
            item=pl.lit(i, dtype=pl.Int64)
        )
        for i, feature in enumerate(features)
    ]
    eligible = [
        _eligible(active, timeline, feature, i, settings) for i, feature in enumerate(features)
    ]
    counted = [
        use.lazy().join(able, on=["actor", "period"], how="semi")
        if _limited(feature) or context.definitions.active_events
        else use.lazy()
        for use, able, feature in zip(uses, eligible, features, strict=True)
    ]
    return {
        "features": pl.concat(
            [
                *(able.select("actor", "period", "item", eligible=pl.lit(1)) for able in eligible),
                *(_flags(use, settings) for use in counted),
            ],
            how="diagonal_relaxed",
        ),
        "breadth": _breadth(active, counted, features),
        "logins": _logins(timeline, settings, context, len(spans)),
    }


def _limited(feature: Feature) -> bool:
    return bool(feature.eligible or feature.launched_at)


def _active(
    timeline: Timeline, settings: FeatureAdoptionSettings, context: Context, count: int
) -> pl.DataFrame:
    """Each actor in each window in which it was active, with its last active day there."""
    period = window_of(pl.col("day"), context, settings.window, count)
    dated = timeline.days.select("actor", "day", period=period)
    dated = dated.filter(pl.col("period").is_not_null())
    return runs(dated, ["actor", "period"], last=["day"])


def _eligible(
    active: pl.DataFrame, timeline: Timeline, feature: Feature, item: int,
    settings: FeatureAdoptionSettings,
) -> pl.LazyFrame:  # fmt: skip
    """The active actors that can have the feature, on days on which it is there."""
    found = active.lazy()
    if feature.launched_at:
        found = found.filter(pl.col("last_day") >= to_day(feature.launched_at))
    for name, values in feature.eligible.items():
        able = timeline.holding(name, values).lazy()
        found = found.join(able, on="actor", how="semi")
    return found.select("actor", "period", item=pl.lit(item, dtype=pl.Int64))


def _uses(
    timeline: Timeline, feature: Feature, settings: FeatureAdoptionSettings, context: Context,
    count: int,
) -> pl.DataFrame:  # fmt: skip
    """Uses and distinct days of use of one feature, by actor and window."""
    codes = context.vocabulary.codes(feature.events)
    earliest = context.end_day - count * settings.window
    if feature.launched_at:
        earliest = max(earliest, to_day(feature.launched_at))
    day = pl.col("day")
    found = timeline.events.filter(
        pl.col("event").is_in(codes) & (day >= earliest) & (day < context.end_day)
    ).select("actor", "day", period=window_of(day, context, settings.window, count))
    daily = runs(found, ["actor", "period", "day"]).rename({"length": "uses"})
    grouped = runs(daily, ["actor", "period"], sums=["uses"])
    return grouped.rename({"length": "use_days"})


def _flags(uses: pl.LazyFrame, settings: FeatureAdoptionSettings) -> pl.LazyFrame:
    return uses.select(
        "actor",
        "period",
        "item",
        "uses",
        "use_days",
        tried=pl.lit(1),
        adopted=(pl.col("use_days") >= settings.adopted.min_days).cast(pl.Int64),
    )


def _breadth(
    active: pl.DataFrame, uses: list[pl.LazyFrame], features: list[Feature]
) -> pl.LazyFrame:
    """How many of the features, and of the core ones, each active actor used."""
    used = [
        use.select("actor", "period", one=pl.lit(1), core=pl.lit(int(feature.core)))
        for use, feature in zip(uses, features, strict=True)
    ]
    counts = (
        pl.concat(used)
        .group_by("actor", "period")
        .agg(step=pl.col("one").sum().cast(pl.Int64), core=pl.col("core").sum().cast(pl.Int64))
    )
    return (
        active.lazy()
        .select("actor", "period")
        .join(counts, on=["actor", "period"], how="left")
        .with_columns(pl.col("step", "core").fill_null(0))
        .select(
            "actor", "period", "step", "core", actors=pl.lit(1), core_squares=pl.col("core") ** 2
        )
    )


def _logins(
    timeline: Timeline, settings: FeatureAdoptionSettings, context: Context, count: int
) -> pl.LazyFrame:
    period = window_of(pl.col("day"), context, settings.window, count)
    return (
        timeline.of(context.definitions.login or [])
        .lazy()
        .select("actor", period=period, logins=pl.lit(1))
        .filter(pl.col("period").is_not_null())
        .group_by("actor", "period")
        .agg(pl.col("logins").sum())
    )


def result(tallies: Tallies, settings: FeatureAdoptionSettings, context: Context) -> Result:
    """Each feature in the last window, breadth, and the trend."""
    d, features = context.definitions, context.definitions.features
    spans = list(reversed(windows(context, settings.window, MOST)))
    last = spans[-1][1] - 1
    found = cells(tallies["features"], ["period", "item"])
    breadth = cells(tallies["breadth"], ["period", "step"])
    logins = cells(tallies["logins"], ["period"]).get(last, {"logins": 0})["logins"]
    any_use = {end - 1: _any(breadth, end - 1) for _, end in spans}
    now = any_use[last]
    if not now.denominator:
        return Result(None, None, (), status="not_evaluable", reason="nobody was active")
    when = f"{settings.window} d to {context.day_label(last)}"
    table = _feature_table(features, found, last, logins if d.login else None, settings)
    also = tuple(
        _feature_line(name, i, feature, found, spans, when)
        for i, (name, feature) in enumerate(features.items())
    )
    headline = Headline(
        "Used at least one feature", now, "share", when,
        share_difference(now, any_use[spans[-2][1] - 1] if len(spans) > 1 else None),
        tuple(any_use[end - 1].value for _, end in spans),
    )  # fmt: skip
    caveats = [*not_full(context, settings.window), *small(now.denominator, "active actors")]
    for feature in features.values():
        caveats += unseen(feature.events, context)
    if not d.login:
        text = "rates per login are empty: add 'login: EVENT' to the YAML"
        caveats.append(Caveat("login-not-configured", text))
    tables = (
        table,
        *_breadth_tables(breadth, last, features),
        _trend(features, found, spans, context),
    )
    textbook = _textbook(found, features, last, logins) if d.login else None
    return Result(headline, textbook, tables, tuple(dict.fromkeys(caveats)), also)


_ZERO = {"eligible": 0, "tried": 0, "adopted": 0, "uses": 0, "use_days": 0}


def _cell(found: dict[tuple[int, int], dict[str, int]], period: int, item: int) -> dict[str, int]:
    return {k: v or 0 for k, v in found.get((period, item), _ZERO).items()}


def _any(breadth: dict[tuple[int, int], dict[str, int]], period: int) -> Estimate:
    active = sum(c["actors"] for (p, _), c in breadth.items() if p == period)
    none = breadth.get((period, 0), {"actors": 0})["actors"]
    return share(active - none, active)


def _feature_line(
    name: str, item: int, feature: Feature, found: dict[tuple[int, int], dict[str, int]],
    spans: list[tuple[int, int]], when: str,
) -> Headline:  # fmt: skip
    tried = []
    for _, end in spans:
        counts = _cell(found, end - 1, item)
        tried.append(share(counts["tried"], counts["eligible"]))
    change = share_difference(tried[-1], tried[-2] if len(tried) > 1 else None)
    return Headline(
        f"{name}{' (core)' if feature.core else ''}", tried[-1], "share", when, change,
        tuple(t.value for t in tried),
    )  # fmt: skip


def _feature_table(
    features: dict[str, Feature], found: dict[tuple[int, int], dict[str, int]], last: int,
    logins: int | None, settings: FeatureAdoptionSettings,
) -> Table:  # fmt: skip
    lines: list[Row] = []
    for i, name in enumerate(features):
        counts = _cell(found, last, i)
        lines.append(
            {
                "item": name,
                "tried": share(counts["tried"], counts["eligible"]),
                "adopted": share(counts["adopted"], counts["eligible"]),
                "uses": counts["uses"],
                "use_days": counts["use_days"],
                "users_per_login": None if logins is None else ratio(counts["tried"], logins),
                "uses_per_login": None if logins is None else ratio(counts["uses"], logins),
            }
        )
    columns = (
        Column("item", "Feature", "text"),
        Column("tried", "Tried", "share", ("tried", "eligible")),
        Column("adopted", f"Used on {settings.adopted.min_days}+ days", "share",
               ("adopted", "eligible")),
        Column("uses", "Uses", "events"),
        Column("use_days", "Days of use", "days"),
        Column("users_per_login", "Users per login", "share"),
        Column("uses_per_login", "Uses per login", "ratio"),
    )  # fmt: skip
    return Table("features", "By feature", columns, tuple(lines))


def _breadth_tables(
    breadth: dict[tuple[int, int], dict[str, int]], last: int, features: dict[str, Feature]
) -> tuple[Table, ...]:
    counts = [breadth.get((last, n), {}) for n in range(len(features) + 1)]
    actors = [c.get("actors", 0) for c in counts]
    active = sum(actors)
    lines: list[Row] = [{"step": n, "actors": share(k, active)} for n, k in enumerate(actors)]
    used = sum(n * k for n, k in enumerate(actors))
    squares = sum(n * n * k for n, k in enumerate(actors))
    tables = [
        Table(
            "breadth", "How many features", (
                Column("step", "Features used"), Column("actors", "Active actors", "share"),
            ), tuple(lines),
        ),
        Table(
            "breadth_mean", "Features per active actor", (Column("mean", "Mean", "number"),),
            ({"mean": mean(active, used, squares)},),
        ),
    ]  # fmt: skip
    cores = sum(feature.core for feature in features.values())
    if cores:
        total = sum(c.get("core", 0) for c in counts)
        core_squares = sum(c.get("core_squares", 0) for c in counts)
        value = mean(active, total, core_squares)
        estimate = Estimate(
            total / (active * cores) if active else None, total, active * cores,
            None if value.low is None else value.low / cores,
            None if value.high is None else min(value.high / cores, 1.0),
        )  # fmt: skip
        columns = (Column("share", "Of the core features used, on average", "share"),)
        tables.append(Table("core", "Core features", columns, ({"share": estimate},)))
    return tuple(tables)


def _trend(
    features: dict[str, Feature], found: dict[tuple[int, int], dict[str, int]],
    spans: list[tuple[int, int]], context: Context,
) -> Table:  # fmt: skip
    lines: list[Row] = []
    for _, end in spans:
        for i, name in enumerate(features):
            counts = _cell(found, end - 1, i)
            lines.append(
                {
                    "period": context.day_label(end - 1),
                    "item": name,
                    "tried": share(counts["tried"], counts["eligible"]),
                    "adopted": share(counts["adopted"], counts["eligible"]),
                }
            )
    columns = (
        Column("period", "Window to", "date"),
        Column("item", "Feature", "text"),
        Column("tried", "Tried", "share", ("tried", "eligible")),
        Column("adopted", "Adopted", "share", ("adopted", "eligible")),
    )
    return Table("trend", "By window", columns, tuple(lines))


def _textbook(
    found: dict[tuple[int, int], dict[str, int]],
    features: dict[str, Feature],
    last: int,
    logins: int,
) -> Textbook:
    tried = [(_cell(found, last, i)["tried"], name) for i, name in enumerate(features)]
    users, name = max(tried, key=lambda pair: (pair[0], pair[1]))
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
        result=result,
        names=lambda settings, context: {"item": [*context.definitions.features]},
        keys={"features": ("period", "item"), "breadth": ("period", "step"), "logins": ("period",)},
        missing=missing,
        features=True,
    )
)
