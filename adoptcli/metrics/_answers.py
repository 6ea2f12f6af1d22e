"""Answers to NPS and CSAT questions, and what they come to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from adoptcli import stats
from adoptcli.context import Context
from adoptcli.definitions import Answer
from adoptcli.metrics._shared import share, window_of
from adoptcli.results import Estimate
from adoptcli.timeline import Timeline
from adoptcli.timeline.days import local_day
from adoptcli.timeline.encode import SCALE

if TYPE_CHECKING:
    from adoptcli.metrics.feedback import FeedbackSettings

SCALES = {"nps": (0, 10), "csat": (1, 5)}
POINTS = 100
MEASURES = {
    "nps": ("respondents", "promoters", "detractors"),
    "csat": ("respondents", "satisfied", "dissatisfied"),
}

Counts = Mapping[str, int]


def on_scale(name: str) -> pl.Expr:
    low, high = SCALES[name]
    value = pl.col("value")
    return (value % SCALE == 0) & value.is_between(low * SCALE, high * SCALE)


def _dated(found: pl.DataFrame, context: Context) -> pl.LazyFrame:
    """With the local day of the time."""
    low = context.calendar.midnight(context.first_day)
    day = local_day(pl.col("time"), context.calendar, low, context.as_of)
    return found.lazy().with_columns(day=day)


def latest_answers(
    timeline: Timeline, answer: Answer, name: str, settings: FeedbackSettings, context: Context,
    count: int,
) -> pl.LazyFrame:  # fmt: skip
    """actor, member, period, time, value of each respondent's latest answer in each window."""
    period = window_of(pl.col("day"), context, settings.window, count)
    rows = _dated(timeline.answers(answer).filter(on_scale(name)), context)
    last = pl.col("time") == pl.col("time").max()
    return (
        rows.with_columns(period=period)
        .filter(pl.col("period").is_not_null())
        .group_by("actor", "member", "period")
        .agg(pl.col("value").filter(last).min(), pl.col("time").max())
    )


def counted(name: str) -> list[pl.Expr]:
    """Measures of one answer."""
    value = pl.col("value") // SCALE
    which = {"respondents": pl.lit(True), "promoters": value >= 9, "detractors": value <= 6,
             "satisfied": value >= 4, "dissatisfied": value < 4}  # fmt: skip
    return [which[measure].cast(pl.Int64).alias(measure) for measure in MEASURES[name]]


def scored(name: str, found: Counts | None) -> Estimate:
    """NPS in points, CSAT as a share."""
    if not found or not found["respondents"]:
        return Estimate(None, 0, 0)
    n = found["respondents"]
    if name == "csat":
        return share(found["satisfied"], n)
    balance = found["promoters"] - found["detractors"]
    low, high = _net(share(found["promoters"], n), share(found["detractors"], n))
    return Estimate(balance / n * POINTS, balance, n, low * POINTS, high * POINTS)


def _net(promoters: Estimate, detractors: Estimate) -> tuple[float, float]:
    """The interval of the difference of two shares of the same people, who are never in both."""
    p, q = promoters.value or 0.0, detractors.value or 0.0
    spread = p * (1 - p) * q * (1 - q)
    found = stats.square_and_add(
        (p, promoters.low or 0.0, promoters.high or 0.0),
        (q, detractors.low or 0.0, detractors.high or 0.0),
        -p * q / math.sqrt(spread) if spread else 0.0,
    )
    return max(found.low, -1.0), min(found.high, 1.0)
