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
    "segments add up": {
        "account_health": "split only by what accounts have",
        "seat_utilization": "split only by what accounts have",
        "drivers": "each segment has thresholds and halves of its own",
        "engagement_score.deciles": "each segment has deciles of its own",
        "engagement_score.targets.target": "what is aimed at is the same for all",
        "feature_adoption.habits.uses_per_day": "the days are the same for all",
        "feature_success.*.uses_per_day": "the days are the same for all",
        "impact": "each segment is compared within itself",
        "qualified.prediction": "the base is of the days on which some of the segment qualify",
        "retention.triangle.seen": "how long a cohort has been seen is the same for all",
        "usage.rates": "members of one account can be in several segments",
        "*.segments": "it holds the segments themselves",
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
