"""The tables of `textbook_life.py` for ClickHouse."""

from __future__ import annotations

from typing import Any

import clickhouse
from chdb.session import Session
from terms import FEATURES, LAUNCHES, LEVELS, WEIGHTS

SPAN, WEIGHT = clickhouse.SPAN, clickhouse.WEIGHT
DAY_MS = 86_400_000
ENDS = "toUnixTimestamp64Milli(toDateTime64(as_of, 3))"


def feature_life(db: Session) -> dict[str, Any]:
    """Sign-up cohorts, time to the first use, use again, and the curve since a launch."""
    launched = ", ".join(f"toUnixTimestamp('{d} 00:00:00') * 1000" for d in LAUNCHES.values())
    db.query(
        f"""CREATE TABLE newcomers ENGINE = Memory AS
        WITH firsts AS (
            SELECT user, feature, toUnixTimestamp64Milli(min(ts)) AS tried, min(day) AS begun,
                groupArray(ts) AS times, groupArray(day) AS days
            FROM feature_events GROUP BY user, feature)
        SELECT user, feature, toUnixTimestamp64Milli(assumeNotNull(t0)) AS t0, tried, begun,
            arrayUniq(arrayFilter((d, t) -> t <= assumeNotNull(n.t0) + INTERVAL 672 HOUR,
                days, times)) AS early,
            arrayExists(d -> d > begun AND d <= begun + 28, days) AS again,
            greatest(t0, transform(feature, {list(LAUNCHES)}, [{launched}], 0)) AS origin
        FROM (SELECT user, t0, arrayJoin({list(FEATURES)}) AS feature FROM people
            WHERE t0 IS NOT NULL) n LEFT JOIN firsts USING (user, feature)
        SETTINGS join_use_nulls = 1"""
    )
    cohorts = clickhouse.rows(
        db,
        f"""{SPAN}, t0 + {28 * DAY_MS} < {ENDS} AS mature
        SELECT feature, formatDateTime(fromUnixTimestamp64Milli(t0), '%Y-%m') AS cohort,
            countIf(mature), countIf(mature AND early >= 1), countIf(mature AND early >= 2),
            countIf(NOT mature)
        FROM newcomers WHERE origin = t0 GROUP BY ALL ORDER BY feature, cohort""",
    )
    again = clickhouse.rows(
        db,
        f"""{SPAN}, begun + 28 < as_of AS mature
        SELECT feature, countIf(again AND mature), countIf(mature), countIf(NOT mature)
        FROM newcomers WHERE tried IS NOT NULL GROUP BY feature ORDER BY feature""",
    )
    return {"cohorts": cohorts, "retained": again, "times": _times(db), "curve": _curve(db)}


def _times(db: Session) -> list[list[Any]]:
    """Kaplan–Meier shares that have tried by 1, 7 and 28 days, and both medians."""
    by = ", ".join(f"maxOrNullIf(share, t <= {d * DAY_MS})" for d in (1, 7, 28))
    return clickhouse.rows(
        db,
        f"""{SPAN},
        moments AS (SELECT feature, coalesce(tried, {ENDS}) - origin AS t, count(tried) AS arrived,
                count() AS n FROM newcomers GROUP BY feature, t),
        risk AS (SELECT *, sum(n) OVER (PARTITION BY feature ORDER BY t DESC) AS at_risk
            FROM moments),
        curve AS (SELECT feature, t, 1 - exp(sum(log(1 - arrived / at_risk)) OVER (
            PARTITION BY feature ORDER BY t)) AS share FROM risk WHERE arrived < at_risk)
        SELECT feature, {by}, minOrNullIf(t, share >= 0.5) / 1000, any(median) / 1000
        FROM curve JOIN (SELECT feature, quantileExactInclusive(tried - origin) AS median
            FROM newcomers WHERE tried IS NOT NULL GROUP BY feature) m USING (feature)
        GROUP BY feature ORDER BY feature""",
    )


def _curve(db: Session) -> list[list[Any]]:
    """Week by week since the launch: all active since then, and those who had tried."""
    found = []
    for feature, day in LAUNCHES.items():
        found += clickhouse.rows(
            db,
            f"""{SPAN}, toDate('{day}') AS launched,
            weeks AS (SELECT came, tried FROM
                (SELECT user, intDiv(min(day) - launched, 7) + 1 AS came FROM days
                    WHERE day >= launched GROUP BY user) c
                LEFT JOIN (SELECT user, intDiv(min(day) - launched, 7) + 1 AS tried
                    FROM feature_events WHERE feature = '{feature}' GROUP BY user) t USING (user))
            SELECT '{feature}', k, countIf(came <= k), countIf(tried <= k AND tried > 0),
                countIf(tried = k)
            FROM weeks ARRAY JOIN range(1, toUInt32(intDiv(as_of - launched + 6, 7) + 1)) AS k
            GROUP BY k ORDER BY k""",
        )
    return found


def score_levels(db: Session) -> dict[str, Any]:
    """Levels in six windows of 28 days; whether the score before foretells being active."""
    level = ", ".join(
        f"points >= {low}, '{name}'" for name, low in reversed(list(LEVELS.items())[1:])
    )
    db.query(
        f"""CREATE TABLE points ENGINE = Memory AS
        {SPAN},
        scored AS (SELECT user, intDiv(as_of - 1 - day, 28) AS w, sum({WEIGHT}) AS points
            FROM events WHERE event IN {tuple(WEIGHTS)} AND day >= as_of - 168 GROUP BY user, w)
        SELECT user, w, coalesce(points, 0) AS points
        FROM (SELECT user, arrayJoin(range(6))::Int32 AS w FROM people
            WHERE toDate(t0) < as_of - 28 * w) s
        LEFT JOIN scored USING (user, w)"""
    )
    levels = clickhouse.rows(
        db,
        f"""SELECT w, multiIf({level}, '{next(iter(LEVELS))}') AS level, count() FROM points
        GROUP BY w, level ORDER BY w, level""",
    )
    db.query(
        f"""CREATE TABLE foretold ENGINE = Memory AS {SPAN}
        SELECT points, coalesce(was, false) AS was, coalesce(stayed, false) AS stayed
        FROM (SELECT user, points FROM points WHERE w = 1) p
        LEFT JOIN (SELECT user, max(day >= as_of - 28) AS stayed, max(day < as_of - 28) AS was
            FROM days WHERE day >= as_of - 56 GROUP BY user) d USING (user)"""
    )
    deciles = clickhouse.rows(
        db,
        """SELECT 1 + intDiv(10 * (place - 1), n) AS decile, min(points), max(points),
            countIf(stayed), count()
        FROM (SELECT points, stayed, rank() OVER (ORDER BY points) AS place, count() OVER () AS n
            FROM foretold) GROUP BY decile ORDER BY decile""",
    )
    predicts = [_area(db, "true"), _area(db, "was")]
    return {"levels": levels, "predicts": predicts, "deciles": deciles}


def _area(db: Session, who: str) -> list[Any]:
    """AUC by the sum of mean ranks, of those active before or of all."""
    return clickhouse.rows(
        db,
        f"""WITH tied AS (SELECT points, countIf(stayed) AS a, count() AS n FROM foretold
            WHERE {who} GROUP BY points),
        ranked AS (SELECT a, n, sum(n) OVER (ORDER BY points) - (n - 1) / 2 AS place FROM tied),
        sums AS (SELECT sum(a) AS stayed, sum(n) AS everybody, sum(a * place) AS places FROM ranked)
        SELECT stayed, everybody,
            (places - stayed * (stayed + 1) / 2) / (stayed * (everybody - stayed)) FROM sums""",
    )[0]


def working_days(db: Session) -> dict[str, Any]:
    """Active days from Monday to Friday in trailing windows of 30 days; the last WAU and MAU."""
    windows = clickhouse.rows(
        db,
        f"""{SPAN} SELECT intDiv(as_of - 1 - day, 30) AS w, count() FROM days
        WHERE toDayOfWeek(day) <= 5 AND w < intDiv(as_of - first, 30) GROUP BY w ORDER BY w""",
    )
    last = clickhouse.rows(
        db,
        f"""{SPAN} SELECT countIf(day >= as_of - 7), uniqExactIf(user, day >= as_of - 7)
        FROM days WHERE day >= as_of - 30""",
    )
    return {"windows": windows, "last": last[0]}


METRICS = (feature_life, score_levels, working_days)
