"""Answers to NPS and CSAT questions, and what they come to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from adoptcli.context import Context
from adoptcli.definitions import Answer
from adoptcli.metrics._shared import mean, share, window_of
from adoptcli.results import Estimate
from adoptcli.timeline import Timeline
from adoptcli.timeline.days import local_day
from adoptcli.timeline.encode import SCALE

if TYPE_CHECKING:
    from adoptcli.metrics.feedback import FeedbackSettings

SCALES = {"nps": (0, 10), "csat": (1, 5)}
PERCENT = 0.01


def on_scale(name: str) -> pl.Expr:
    """Whether an answer is a number that the question allows."""
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


def counted(name: str) -> dict[str, pl.Expr]:
    """Measures of one answer."""
    value = pl.col("value") // SCALE
    good = value >= (9 if name == "nps" else 4)
    bad = value <= 6 if name == "nps" else ~good
    return {
        "respondents": pl.lit(1),
        "good": good.cast(pl.Int64),
        "bad": bad.cast(pl.Int64),
        "balance": good.cast(pl.Int64) - bad.cast(pl.Int64),
    }


def scored(name: str, counts: dict[str, int] | None) -> Estimate:
    """NPS in points with the interval of a mean of −1, 0 and 1; CSAT as a share."""
    if not counts or not counts["respondents"]:
        return Estimate(None, 0, 0)
    if name == "csat":
        return share(counts["good"], counts["respondents"])
    n, balance = counts["respondents"], counts["balance"]
    found = mean(n, balance, counts["good"] + counts["bad"], PERCENT, floor=-1.0)
    high = None if found.high is None else min(found.high, 100.0)
    return Estimate(found.value, balance, n, found.low, high)
