"""Engagement score: how much actors did lately, each event weighted by how much it means.

Formula: Σ over events of weight (1 to 10) × times in the window; per actor, and per account.
Numerator: points. Denominator: all actors that signed up before the window's end, zeros included
(headline), or those active in it.
Window: trailing `window` days, back from the end of the days shown; the one before for the change.
Daily cap: with `daily_cap` an event counts at most so many `times` a user and local day, and all
together give at most so many `points`, the heaviest first. Where actors are accounts, the cap is
each member's own, and what is left is added up.
Levels: by lower bound of the points, over all actors.
Scaled: 0 to 100, 100·Σ w·min(c ÷ target, 1) ÷ Σ w over the events that have a target, c being how
often the event counted in the window; rounded to a thousandth an actor.
Predicts: the score of the window before the last, against being active in the last, over actors
that signed up before the first of the two ended. AUC (Mann–Whitney) is how often somebody who was
active later had the higher score of a pair, ties counting half; its interval takes actors as
independent. In the table of deciles, actors with equal scores are in one decile, the lowest that
any of them would be in.
Left out: nothing. An account's points are those of its users; a user of several accounts counts in
the latest of them, and such users are counted.
Textbook: total points ÷ active actors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import polars as pl
from pydantic import Field, ValidationInfo, field_validator, model_validator

from adoptcli import stats
from adoptcli.context import Context
from adoptcli.definitions import Days, Definitions, EventRef, Model, Name
from adoptcli.metrics import _score_tables as tables
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._score import SCALE, in_windows, scaled_to, spread
from adoptcli.metrics._shared import (
    cells,
    difference,
    not_full,
    small,
    totals,
    unseen,
    window_of,
    windows,
)
from adoptcli.results import Caveat, Headline, Result, Textbook
from adoptcli.timeline import Timeline
from adoptcli.timeline.runs import runs

MOST = 6


class DailyCap(Model):
    """What one user can get on one local day."""

    points: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Most points of a day; the heaviest events count first."
    )
    times: dict[Name, Annotated[int, Field(ge=1)]] = Field(
        default_factory=dict, description="How often an event counts on a day, at most."
    )

    @model_validator(mode="after")
    def _something(self) -> DailyCap:
        if self.points is None and not self.times:
            raise ValueError("give 'points', or 'times' of events")
        return self


class EngagementScoreSettings(Settings):
    """Weights, the window, and what the points are held against."""

    weights: dict[Name, Annotated[float, Field(ge=1, le=10)]] = Field(
        min_length=1, description="Weight of each event, 1 to 10."
    )
    window: Days = Field(28, description="Days of the trailing window.")
    daily_cap: DailyCap | None = Field(
        None, description="Most that one user can get on one local day."
    )
    levels: dict[Name, Annotated[float, Field(ge=0)]] = Field(
        default_factory=dict, description="Names for scores, each with its lowest; the first is 0."
    )
    targets: dict[Name, Annotated[int, Field(ge=1)]] = Field(
        default_factory=dict,
        description="How often an actor should do an event in the window; gives a score of 0 to "
        "100.",
    )

    @field_validator("levels")
    @classmethod
    def _rising(cls, levels: dict[str, float]) -> dict[str, float]:
        bounds = [*levels.values()]
        if bounds and bounds[0] != 0:
            raise ValueError("the first level must begin at 0")
        for name, low, high in zip([*levels][1:], bounds, bounds[1:], strict=False):
            if high <= low:
                raise ValueError(f"{name!r} must begin above the level before it, at {low:g}")
        return levels

    @field_validator("daily_cap", "targets")
    @classmethod
    def _weighted(
        cls, value: DailyCap | dict[str, int] | None, info: ValidationInfo
    ) -> DailyCap | dict[str, int] | None:
        named = value.times if isinstance(value, DailyCap) else value or {}
        for name in named:
            if name not in info.data.get("weights", named):
                raise ValueError(f"{name!r} has no weight in 'weights'")
        return value


def missing(settings: EngagementScoreSettings | None, definitions: Definitions) -> str | None:
    """The key to add."""
    return None if settings else "add 'engagement_score: {weights: {EVENT: 5}}' to the YAML"


def rows(timeline: Timeline, settings: EngagementScoreSettings, context: Context) -> Rows:
    """Each actor's points in each window, by event in the last, and by account."""
    last = context.end_day - 1
    uses = _uses(timeline, settings, context)
    scores = _scores(timeline, uses, settings, context)
    now = scores.filter(pl.col("period") == last)
    points, active = pl.col("points"), pl.col("active")
    found = {
        "distribution": now.lazy().select("actor", "points", actors=pl.lit(1), active="active"),
        "windows": scores.lazy().select(
            "actor", "period", actors=pl.lit(1), total="points", active="active",
            active_total=points * active, scaled="scaled", active_scaled=pl.col("scaled") * active,
        ),
        "contribution": uses.lazy().filter(pl.col("period") == last).select(
            "actor", "item", "times", "counted", actors=pl.lit(1), total="points",
        ),
        "accounts": _accounts(timeline, now, settings, context),
        "several": timeline.actors.lazy()
        .filter("accounts_several")
        .select("actor", several=pl.lit(1)),
        "predicts": _predicts(scores, settings, context),
        "falling": _falling(scores, settings, context),
    }  # fmt: skip
    if settings.levels:
        found["levels"] = _levels(scores, settings)
    if settings.targets:
        found |= _against_targets(uses, now, settings, context)
    return found


def _uses(timeline: Timeline, settings: EngagementScoreSettings, context: Context) -> pl.DataFrame:
    count = len(windows(context, settings.window, MOST))
    period = window_of(pl.col("day"), context, settings.window, count)
    return in_windows(timeline, context, period)


def _scores(
    timeline: Timeline, uses: pl.DataFrame, settings: EngagementScoreSettings, context: Context
) -> pl.DataFrame:
    """actor, account, period, points, scaled, active (0 or 1): for all there before its end."""
    ends = [end for _, end in windows(context, settings.window, MOST)]
    period = window_of(pl.col("day"), context, settings.window, len(ends))
    dated = timeline.days.select("actor", period=period).filter(pl.col("period").is_not_null())
    active = runs(dated, ["actor", "period"]).with_columns(active=pl.lit(1))
    scaled = scaled_to(uses, settings) if settings.targets else _NOT_SCALED
    size = _size(timeline)
    whole = {
        name: spread(found, name, [end - 1 for end in ends], size)
        for name, found in (("points", uses), ("scaled", scaled), ("active", active))
    }
    there = pl.min_horizontal("signup_day", "first_day")
    people = timeline.actors.select("actor", "account", there=there)
    return pl.concat(
        people.filter(pl.col("there") < end).select(
            "actor", "account", period=pl.lit(end - 1, dtype=pl.Int32),
            **{name: pl.lit(of).gather(pl.col("actor") + i * size) for name, of in whole.items()},
        )
        for i, end in enumerate(ends)
    )  # fmt: skip


_NOT_SCALED = pl.DataFrame(schema={"actor": pl.UInt32, "period": pl.Int32, "scaled": pl.Int64})


def _size(timeline: Timeline) -> int:
    most = timeline.actors["actor"].max()
    return most + 1 if isinstance(most, int) else 0


def _accounts(
    timeline: Timeline, now: pl.DataFrame, settings: EngagementScoreSettings, context: Context
) -> pl.LazyFrame:
    """actor, account, members, active (members), total points of the last window."""
    of_account = now.lazy().filter(pl.col("account").is_not_null())
    if context.unit == "user":
        return of_account.select(
            "actor", "account", members=pl.lit(1), active="active", total="points"
        )
    first = context.end_day - settings.window
    known = timeline.events.lazy().filter(pl.col("day") < context.end_day)
    lately = timeline.active_events.lazy().filter(
        (pl.col("day") >= first) & (pl.col("day") < context.end_day)
    )
    members, active = (
        events.select("actor", "member").unique().group_by("actor").len(name)
        for name, events in (("members", known), ("active", lately))
    )
    return (
        of_account.drop("active")
        .join(members, on="actor", how="left")
        .join(active, on="actor", how="left")
        .select("actor", "account", pl.col("members", "active").fill_null(0), total="points")
    )


def _levels(scores: pl.DataFrame, settings: EngagementScoreSettings) -> pl.LazyFrame:
    """actor, period, step (place among the levels)."""
    bounds = [round(bound * SCALE) for bound in settings.levels.values()]
    passed = [(pl.col("points") >= bound).cast(pl.Int64) for bound in bounds]
    return scores.lazy().select(
        "actor", "period", step=pl.sum_horizontal(passed) - 1, actors=pl.lit(1)
    )


def _against_targets(
    uses: pl.DataFrame, now: pl.DataFrame, settings: EngagementScoreSettings, context: Context
) -> dict[str, pl.LazyFrame]:
    """The scores of 0 to 100 of the last window, and who reached which target."""
    aimed = [settings.targets.get(name) for name in settings.weights]
    target = pl.lit(pl.Series(aimed, dtype=pl.Int64)).gather("item")
    last = pl.col("period") == context.end_day - 1
    return {
        "scaled": now.lazy().select("actor", "scaled", actors=pl.lit(1), active="active"),
        "targets": uses.lazy()
        .filter(last & target.is_not_null())
        .select("actor", "item", reached=(pl.col("counted") >= target).cast(pl.Int64)),
    }


def _predicts(
    scores: pl.DataFrame, settings: EngagementScoreSettings, context: Context
) -> pl.LazyFrame:
    """actor, points and active of the window before the last, and active in the last."""
    return _both_windows(scores, settings, context).select(
        "actor", "points", "active", actors=pl.lit(1), stayed="active_now"
    )


def _falling(
    scores: pl.DataFrame, settings: EngagementScoreSettings, context: Context
) -> pl.LazyFrame:
    """Those with points in the window before the last, and whether a third of them or more is gone.

    `before` and `now` are those points.
    """
    both = _both_windows(scores, settings, context).filter(pl.col("points") > 0)
    fell = (3 * pl.col("points_now") <= 2 * pl.col("points")).cast(pl.Int64)
    return both.select("actor", before="points", now="points_now", had=pl.lit(1), falling=fell)


def _both_windows(
    scores: pl.DataFrame, settings: EngagementScoreSettings, context: Context
) -> pl.LazyFrame:
    """The scores of the window before the last, with `points_now` and `active_now` of the last."""
    last = context.end_day - 1
    earlier = scores.lazy().filter(pl.col("period") == last - settings.window)
    later = scores.lazy().filter(pl.col("period") == last)
    now = later.select("actor", points_now="points", active_now="active")
    return earlier.join(now, on="actor")


def cuts(tallies: Tallies, settings: EngagementScoreSettings) -> Mapping[str, float | None]:
    """The quartiles of the active actors' points in the last window."""
    histogram = tables.histogram(tallies["distribution"], "points", "active")
    return {name: stats.quantile(histogram, q) for name, q in (("p25", 0.25), ("p75", 0.75))}


def second(
    timeline: Timeline, settings: EngagementScoreSettings, context: Context,
    cuts: Mapping[str, float | None],
) -> Rows:  # fmt: skip
    """The active actors at or beyond the quartiles."""
    scores = _scores(timeline, _uses(timeline, settings, context), settings, context).lazy()
    active = scores.filter((pl.col("period") == context.end_day - 1) & (pl.col("active") > 0))
    points, low, high = pl.col("points"), cuts["p25"], cuts["p75"]
    parts = [
        active.filter(points >= pl.lit(high)).select("actor", total=points, item=pl.lit("top")),
        active.filter(points <= pl.lit(low)).select("actor", total=points, item=pl.lit("bottom")),
    ]
    return {"quartiles": pl.concat(parts).with_columns(actors=pl.lit(1))}


def cut(tallies: Tallies, cuts: Mapping[str, float | None]) -> Tallies:
    """The same as sums: whoever has the same points stands on the same side."""
    active = tallies["distribution"].filter(pl.col("active") > 0)
    points, low, high = pl.col("points"), pl.lit(cuts["p25"]), pl.lit(cuts["p75"])
    parts = [
        active.filter(points >= high).with_columns(item=pl.lit("top")),
        active.filter(points <= low).with_columns(item=pl.lit("bottom")),
    ]
    found = pl.concat(parts).with_columns(total=points * pl.col("active"), actors="active")
    return {"quartiles": found.drop("points", "active")}


def result(tallies: Tallies, settings: EngagementScoreSettings, context: Context) -> Result:
    """Distribution, contribution by event, levels, accounts and quartiles of the last window."""
    ends = [end - 1 for _, end in reversed(windows(context, settings.window, MOST))]
    sums = cells(tallies["windows"], ["period"])
    means = [tables.mean_of(sums.get(end), "total") for end in ends]
    squares = tables.squares(tallies["distribution"], "points", "actors")
    now = tables.mean_of(sums.get(ends[-1]), "total", squares)
    book = sums.get(ends[-1], tables.NOBODY)
    people, total = book["active"], book["active_total"]
    textbook = Textbook(
        total / SCALE / people if people else None, total / SCALE, people,
        "total points ÷ active actors", "points",
    )  # fmt: skip
    headline = Headline(
        f"Engagement score, {settings.window} days",
        now,
        "points",
        context.day_label(ends[-1]),
        difference(now, means[-2] if len(means) > 1 else None),
        tuple(value.value for value in means),
        "mean over all actors, zeros included",
    )
    shown = [
        tables.distribution(tallies["distribution"], sums.get(ends[-1])),
        tables.contribution(tallies["contribution"], settings.weights, book["actors"]),
        tables.quartiles(tallies["quartiles"], total),
    ]
    also: list[Headline | None] = []
    if settings.targets:
        shown += [
            tables.scaled(tallies["scaled"], sums.get(ends[-1])),
            tables.targets(tallies["targets"], settings, book["actors"]),
        ]
        also.append(tables.mean_scaled(tallies["scaled"], sums, ends, context))
    if settings.levels:
        levels = cells(tallies["levels"], ["period", "step"])
        shown.append(tables.levels(levels, sums, ends, settings, context))
        also.append(tables.top_level(levels, sums, ends, settings, context))
    if len(ends) > 1:
        shown.append(tables.falling(totals(tallies["falling"])))
        shown += tables.predicts(tallies["predicts"], settings.window)
        also.append(tables.foretells(tallies["predicts"], settings.window, context))
    if context.accounts:
        shown.append(tables.accounts(tallies["accounts"], context))
    caveats = _caveats(tallies, settings, context)
    return Result(
        headline, textbook, tuple(shown), (*caveats, *small(now.denominator, "actors")),
        tuple(head for head in also if head is not None),
    )  # fmt: skip


def _caveats(tallies: Tallies, settings: EngagementScoreSettings, context: Context) -> list[Caveat]:
    refs = [EventRef(event=name) for name in settings.weights]
    found = [*not_full(context, settings.window), *unseen(refs, context)]
    sums = totals(tallies["contribution"])
    if settings.daily_cap and (beyond := sums["times"] - sums["counted"]):
        text = "events beyond what counts on one day, in the last window"
        found.append(Caveat("beyond-daily-cap", text, beyond))
    if several := totals(tallies["several"]).get("several"):
        text = "users of several accounts, who count in their latest"
        found.append(Caveat("users-in-several-accounts", text, several))
    return found


def _names(settings: EngagementScoreSettings, context: Context) -> dict[str, Sequence[str]]:
    return {"item": [*settings.weights], "step": [*settings.levels], "account": context.accounts}


METRIC = register(
    Metric(
        id="engagement_score",
        title="Engagement score",
        section="engagement",
        order=3,
        settings=EngagementScoreSettings,
        definition=__doc__,
        rows=rows,
        result=result,
        names=_names,
        cuts=cuts,
        second=second,
        cut=cut,
        keys={
            "distribution": ("points",),
            "windows": ("period",),
            "contribution": ("item",),
            "levels": ("period", "step"),
            "scaled": ("scaled",),
            "targets": ("item",),
            "predicts": ("points", "active"),
            "falling": (),
            "accounts": ("account",),
            "several": (),
            "quartiles": ("item",),
        },
        missing=missing,
        plain=frozenset(
            {"distribution", "contribution", "scaled", "predicts", "accounts", "several",
             "quartiles"}
        ),
    )
)  # fmt: skip
