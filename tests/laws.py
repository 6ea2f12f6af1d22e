"""The laws that hold for every registered metric, and what each does not hold for, with the reason.

A law is a test in test_laws.py. A place is a metric, or its table, or a column of that.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

A_MEAN = "a mean or a ratio of two counts, not a share"

LAWS: dict[str, dict[str, str]] = {
    "the order of rows": {},
    "files and formats": {},
    "buckets": {},
    "buckets of accounts": {},
    "an actor that is excluded": {},
    "repeated deliveries": {},
    "alone as in the report": {},
    "lists as long as their numbers": {},
    "intervals hold their value": {},
    "renaming": {
        "drivers": "the half in which actors are follows from their ids",
    },
    "shares are at most one": {
        "account_health.accounts.seats": "more can be active than there are seats",
        "seat_utilization": "more can be active than there are seats",
        "channel_engagement.*.uses": A_MEAN,
        "channel_engagement.frequency.days": A_MEAN,
        "engagement_score.*.mean": A_MEAN,
        "engagement_score.segments": A_MEAN,
        "feature_adoption.breadth_mean": A_MEAN,
        "feature_adoption.features.*_per_login": A_MEAN,
        "feature_adoption.habits": A_MEAN,
        "feature_success.*.uses_per_day": A_MEAN,
        "feature_success.around": A_MEAN,
        "frequency.trend.days": A_MEAN,
        "frequency.segments": A_MEAN,
        "impact.*": "sums of what people did, by person",
        "lifecycle.periods.quick_ratio": A_MEAN,
        "lifecycle.segments": A_MEAN,
        "qualified.clauses.value": A_MEAN,
        "qualified.prediction.lift": A_MEAN,
        "qualified.segments": A_MEAN,
        "sessions": A_MEAN,
        "usage": A_MEAN,
    },
    "segments add up": {  # test_segments
        "account_health": "split only by what accounts have",
        "seat_utilization": "split only by what accounts have",
        "drivers": "each segment has thresholds and halves of its own",
        "engagement_score.deciles": "a decile is of its own segment",
        "engagement_score.levels.change": "a segment may have nobody in one of the windows",
        "engagement_score.targets.target": "what is aimed at is no count",
        "feature_adoption.habits.uses_per_day": "divided by days, which all segments have",
        "feature_success.*.uses_per_day": "divided by days, which all segments have",
        "impact": "each segment is compared within itself",
        "qualified.prediction.base": "a base rate is of the days on which a segment qualified",
        "qualified.prediction.lift": "as the base rate",
        "retention.*.seen": "how long a cohort was seen is no count",
        "time_to_value.log_rank": "a test is of its own cohorts",
        "usage.rates": "an account is active once, whoever its users are",
    },
    "what is shown stays what it is": {
        "funnel.periods": "`entry: first` is the first of the days shown",
        "engagement_score.levels.change": "of windows; the oldest has none before it",
    },
    "what was mature stays": {
        "account_health": "it is of the day of the report",
        "drivers": "its thresholds are chosen anew from all that is known",
        "feature_success.features": "it is of the day of the report",
        "impact": "people compared are chosen anew from all that is known",
        "seat_utilization": "members count with their latest account",
        "time_to_value": "whoever arrives later is in the curve of all",
    },
}  # fmt: skip


def exempt(law: str, place: str) -> bool:
    """Whether a law need not hold at a place, such as `usage.rates.active`."""
    return any(
        fnmatchcase(place, pattern) or fnmatchcase(place, f"{pattern}.*") for pattern in LAWS[law]
    )
