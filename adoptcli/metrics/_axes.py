"""The two axes: when somebody has adopted the product, and when somebody is engaged with it."""

from __future__ import annotations

from typing import Literal

import polars as pl
from pydantic import Field, model_validator

from adoptcli.context import Context
from adoptcli.definitions import Days, Definitions, Model
from adoptcli.metrics._features import counted_days
from adoptcli.metrics._score import SCALE, daily_points
from adoptcli.metrics._shared import activated, by_window, window_of
from adoptcli.timeline import Timeline
from adoptcli.timeline.runs import place_in_run, starts_run

ENOUGH_FEATURES, ENOUGH_DAYS, WINDOW = 3, 8, 28


class Adoption(Model):
    """When somebody has adopted the product."""

    activated: bool = Field(False, description="Having activated, as the section activation says.")
    features: int | None = Field(None, ge=1, description="Having used so many features.")
    used: Literal["ever", "window"] = Field(
        "ever", description="Whether the features are counted up to the window's end or within it."
    )
    rule: Literal["all", "any"] = Field(
        "all", description="Whether one needs both, where both are asked for."
    )

    @model_validator(mode="after")
    def _asks(self) -> Adoption:
        if not self.activated and self.features is None:
            raise ValueError("say 'activated: true', 'features: 3' or both")
        return self


class Engagement(Model):
    """When somebody is engaged."""

    active_days: int | None = Field(
        None, ge=1, description="So many active days of the window, 8 by default."
    )
    score: float | None = Field(
        None, gt=0, description="So many points of the engagement score, instead."
    )
    window: Days | None = Field(
        None, description="Days of the trailing window; default 28d, or the score's own."
    )

    @model_validator(mode="after")
    def _one_axis(self) -> Engagement:
        if self.active_days is not None and self.score is not None:
            raise ValueError("give either 'active_days' or 'score'")
        if self.score is None and self.days > (self.window or WINDOW):
            raise ValueError(f"nobody can be active on {self.days} days of {self.window or WINDOW}")
        return self

    @property
    def days(self) -> int:
        """Active days that are enough, where there is no score."""
        return self.active_days or ENOUGH_DAYS


_KEYS = {
    "activation": "'activation: {all: [EVENT, …]}'",
    "features": "'features: {NAME: [EVENT, …]}'",
    "engagement_score": "'engagement_score: {weights: {EVENT: 5}}'",
}


def lacking(
    adoption: Adoption | None, engagement: Engagement, definitions: Definitions
) -> str | None:
    """The keys that the YAML must have before the axes mean anything, or None."""
    known = {name: bool(getattr(definitions, name, None)) for name in _KEYS}
    if adoption is None and not (known["activation"] or known["features"]):
        return f"add {_KEYS['activation']} or {_KEYS['features']} to the YAML"
    asked = {
        "activation": adoption is not None and adoption.activated,
        "features": adoption is not None and adoption.features is not None,
        "engagement_score": engagement.score is not None,
    }
    keys = [_KEYS[name] for name in asked if asked[name] and not known[name]]
    return f"add {' and '.join(keys)} to the YAML" if keys else None


def resolved(adoption: Adoption | None, context: Context) -> Adoption:
    """What adopted means: as the settings say, else by what the YAML has."""
    if adoption is not None:
        return adoption
    if context.settings["activation"] is not None:
        return Adoption(activated=True)
    return Adoption(features=min(ENOUGH_FEATURES, len(context.definitions.features)))


def length_of(engagement: Engagement, context: Context) -> int:
    """Days of the window."""
    if engagement.window is not None or engagement.score is None:
        return engagement.window or WINDOW
    length: int = context.settings["engagement_score"].window
    return length


def in_words(adoption: Adoption, engagement: Engagement, length: int) -> str:
    """Both axes with their cuts."""
    parts = ["activated"] if adoption.activated else []
    if adoption.features is not None:
        when = "ever" if adoption.used == "ever" else "in the window"
        parts.append(f"{adoption.features} features used {when}")
    adopted = (" and " if adoption.rule == "all" else " or ").join(parts)
    engaged = f"active on {engagement.days} of {length} days"
    if engagement.score is not None:
        engaged = f"{engagement.score:g} points in {length} days"
    return f"adopted: {adopted} · engaged: {engaged}"


def have_adopted(
    timeline: Timeline, adoption: Adoption, span: tuple[int, int], context: Context
) -> pl.DataFrame:
    """The actors that have adopted by a window's end."""
    found = []
    if adoption.activated:
        by_then = pl.col("activated_at") < context.calendar.midnight(span[1])
        found.append(activated(timeline, context).filter(by_then).select("actor"))
    if adoption.features is not None:
        found.append(_broad(timeline, adoption, span, context).select("actor"))
    if len(found) == 1:
        return found[0]
    if adoption.rule == "all":
        return found[0].join(found[1], on="actor", how="semi")
    return pl.concat(found).unique()


def _broad(
    timeline: Timeline, adoption: Adoption, span: tuple[int, int], context: Context
) -> pl.DataFrame:
    """The actors that have used so many features, by a window's end or within it."""
    first, end = span
    day, enough = pl.col("day"), adoption.features or 1
    if adoption.used == "ever":
        return _breadth(timeline, context).filter((pl.col("place") == enough) & (day < end))
    days = counted_days(timeline, context).filter((day >= first) & (day < end))
    uses = days.filter(starts_run(days, ["item", "actor"])).group_by("actor").len()
    return uses.filter(pl.col("len") >= enough)


def _breadth(timeline: Timeline, context: Context) -> pl.DataFrame:
    """actor, day, place: the day of each first use of a feature, and the how many-th it was."""

    def make() -> pl.DataFrame:
        days = counted_days(timeline, context)
        firsts = days.filter(starts_run(days, ["item", "actor"])).select("actor", "day")
        firsts = firsts.sort("actor", "day")
        return firsts.with_columns(place=place_in_run(firsts, ["actor"]))

    return timeline.fact("breadth", make)


def are_engaged(timeline: Timeline, axis: Engagement, context: Context, count: int) -> pl.DataFrame:
    """actor and period of those engaged in each window."""
    length = length_of(axis, context)
    if axis.score is None:
        days = by_window(timeline.days, context, length, count)
        return days.filter(pl.col("days") >= axis.days)
    points = daily_points(timeline, context)
    dated = points.select(
        "actor", "points", period=window_of(pl.col("day"), context, length, count)
    )
    summed = dated.filter(pl.col("period").is_not_null()).group_by("actor", "period")
    enough = round(axis.score * SCALE)
    return summed.agg(pl.col("points").sum()).filter(pl.col("points") >= enough)
