"""From when on something is told: the thresholds of all findings, in words."""

from __future__ import annotations

from adoptcli.quality import lateness, superhuman, tracking, volume

RULES = {
    "schemas": "files of the same columns, in whatever order; how they differ from that of most "
    "rows",
    "duplicates": "rows of one user with one key; rows that are the same in every column where "
    "there is no key",
    "late rows": f"advice where more than {lateness.LATE_SHARE:.1%} come later than source.grace, "
    "or than a day where there is none",
    "clock skew": f"events over {lateness.MINUTE // 60_000} min after their receipt; a zone where "
    f"half of the rows are within {lateness.NEAR // 60_000} min of the same multiple of half an "
    f"hour; a user where {lateness.CONSTANT:.0%} of {lateness.LEAST_ROWS} or more rows are, over "
    "more than a day",
    "gaps": "days without a row where the same weekday in the two weeks before and after, but no "
    f"more than the days next to the gap, make at least {volume.MISSED} usual; fewer than 24 hours "
    f"where the same hours of those weeks have {volume.DENSE} or more",
    "cliffs": "days with under a third, or over three times, of the median of the same weekday in "
    f"the two weeks before and after, that are {volume.SPREAD} times as far off as days of this "
    f"log scatter (by their median absolute deviation, at least Poisson's), from {volume.LEAST} "
    "rows on",
    "events": f"on {tracking.DAILY:.0%} of the busy days of four weeks, and then on none of "
    f"{tracking.SILENT} or more busy days; or before them on none of {tracking.NEW} or more; busy "
    "is a day with half of the median day's rows",
    "superhuman": f"over {superhuman.MANY:,} rows on a day and {superhuman.TIMES} times the 99th "
    f"percentile of the others' days; rows in all 24 hours of {superhuman.ROUND_DAYS} days; or "
    f"{superhuman.SAME:.0%} of the gaps between rows the same to the second, for half a day",
}
"""By the label of the line that tells it."""

BESIDE = (
    "What the YAML excludes takes part in rows, schemas, duplicates and no user alone, and so do "
    "superhuman users; days from as-of on, which may be incomplete, are not held against others."
)
