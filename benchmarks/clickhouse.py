"""The script an analyst would write for ClickHouse (chDB, in process) for the same numbers.

    python benchmarks/clickhouse.py events.parquet out.json

One table in the order of users and times, names as dictionaries, functions of ClickHouse's own
where it has them. The metrics of `textbook.py` and the tables of `textbook_life.py`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from chdb.session import Session
from terms import FEATURES, LAUNCHES, WEIGHTS, ZONE

COLUMNS = """user LowCardinality(String), account LowCardinality(String),
    event LowCardinality(String), timestamp DateTime64(3, ''UTC'')"""
TIME = f"DateTime64(3, '{ZONE}')"
WEIGHT = f"transform(event, {list(WEIGHTS)}, {list(WEIGHTS.values())}, 0)"
FEATURE = "multiIf({}, '')".format(
    ", ".join(f"event IN {(*events, '')}, '{feature}'" for feature, events in FEATURES.items())
)
LAUNCHED = " ".join(f"AND (feature != '{f}' OR day >= '{d}')" for f, d in LAUNCHES.items())
SPAN = """WITH assumeNotNull((SELECT first FROM span)) AS first,
    assumeNotNull((SELECT as_of FROM span)) AS as_of"""


def rows(db: Session, query: str) -> list[list[Any]]:
    """The rows of a query."""
    found = db.query(query, "JSONCompactEachRow").bytes()
    return [json.loads(line) for line in found.splitlines()]


def load(db: Session, path: str) -> None:
    """Events with their local day, and the days on which each user was active."""
    for line in (
        "CREATE DATABASE log", "USE log", f"SET session_timezone = '{ZONE}'",
        "SET date_time_input_format = 'best_effort', allow_suspicious_low_cardinality_types = 1",
        f"""CREATE TABLE events ENGINE = MergeTree ORDER BY (user, ts) AS
            SELECT user, account, event, timestamp::{TIME} AS ts, toDate(ts) AS day
            FROM file('{path}', auto, '{COLUMNS.replace("''", chr(92) + "'")}')""",
        """CREATE TABLE days ENGINE = MergeTree ORDER BY (user, day) AS
            SELECT user, arrayJoin(groupUniqArray(day)) AS day FROM events GROUP BY user
            SETTINGS optimize_aggregation_in_order = 1""",
        """CREATE TABLE span ENGINE = Memory AS
            SELECT min(day) AS first, max(day) + 1 AS as_of FROM days""",
        f"""CREATE TABLE people ENGINE = Memory AS
            SELECT user, argMax(account, ts) AS account, minOrNullIf(ts, event = 'signed_up') AS t0,
                minOrNullIf(ts, event = 'project_created') AS created,
                groupArraySortedIf(2)(ts, event = 'teammate_invited') AS invites,
                if(length(invites) = 2, invites[2], NULL) AS invited,
                if(created IS NULL OR invited IS NULL, NULL,
                    greatest(assumeNotNull(created), assumeNotNull(invited), assumeNotNull(t0)))
                    ::Nullable({TIME}) AS activated_at
            FROM events GROUP BY user SETTINGS optimize_aggregation_in_order = 1""",
    ):  # fmt: skip
        db.query(line)


def activation(db: Session) -> dict[str, Any]:
    """Cohorts, and what people lack."""
    mature = (
        f"{SPAN}, t0 + INTERVAL 336 HOUR AS deadline, deadline < toDateTime64(as_of, 3) AS mature"
    )
    cohorts = rows(
        db,
        f"""{mature}, activated_at <= deadline AS in_time
        SELECT formatDateTime(t0, '%Y-%m') AS cohort, count(), countIf(mature),
            countIf(mature AND in_time), countIf(NOT mature AND in_time), count(activated_at)
        FROM people WHERE t0 IS NOT NULL GROUP BY cohort ORDER BY cohort""",
    )
    lacking = rows(
        db,
        f"""{mature}
        SELECT count(), countIf(coalesce(created > deadline, true)),
            countIf(coalesce(invited > deadline, true))
        FROM people WHERE mature AND coalesce(activated_at > deadline, true)""",
    )
    return {"cohorts": cohorts, "lacking": lacking[0]}


def time_to_value(db: Session) -> dict[str, Any]:
    """Kaplan–Meier at a few times, and the median of those who arrived."""
    by = ", ".join(f"1 - argMaxOrNullIf(survival, t, t <= {d} * 86400000)" for d in (1, 7, 30))
    curve = rows(
        db,
        f"""{SPAN}, moments AS (
            SELECT dateDiff('millisecond', t0, coalesce(activated_at, toDateTime64(as_of, 3))) AS t,
                count(activated_at) AS arrived, count() AS n
            FROM people WHERE t0 IS NOT NULL GROUP BY t),
        risk AS (SELECT t, arrived, sum(n) OVER (ORDER BY t DESC) AS at_risk FROM moments),
        curve AS (SELECT t, exp(sum(log(1 - arrived / at_risk)) OVER (ORDER BY t)) AS survival
            FROM risk WHERE arrived < at_risk)
        SELECT {by} FROM curve""",
    )
    median = rows(
        db,
        """SELECT quantileExactInclusive(dateDiff('millisecond', t0, activated_at)) / 1000
        FROM people WHERE activated_at IS NOT NULL AND t0 IS NOT NULL""",
    )
    return {"curve": curve[0], "median": median[0][0]}


def feature_adoption(db: Session) -> dict[str, Any]:
    """Tried, used again, adopted in six windows of 30 days; how many features each used."""
    db.query(
        f"""CREATE TABLE feature_events ENGINE = Memory AS
        SELECT user, ts, day, toLowCardinality({FEATURE}) AS feature
        FROM events WHERE feature != '' {LAUNCHED}"""
    )
    db.query(
        f"""CREATE TABLE uses ENGINE = Memory AS {SPAN}
        SELECT user, feature, intDiv(as_of - 1 - day, 30) AS w, count() AS uses,
            uniqExact(day) AS days
        FROM feature_events WHERE day >= as_of - 180 GROUP BY user, feature, w"""
    )
    return {
        "features": rows(
            db,
            """SELECT w, feature, count(), countIf(days >= 2) FROM uses GROUP BY ALL
            ORDER BY w, feature""",
        ),
        "last": rows(
            db,
            """SELECT feature, countIf(uses >= 2), sum(uses), sum(days),
                quantileExactInclusiveIf(uses, days >= 2)
            FROM uses WHERE w = 0 GROUP BY feature ORDER BY feature""",
        ),
        "breadth": rows(
            db,
            f"""{SPAN}
            SELECT n, count() FROM (
                SELECT user, uniqExactIf(feature, feature != '') AS n FROM (
                    SELECT user, '' AS feature FROM days WHERE day >= as_of - 30
                    UNION ALL SELECT user, feature FROM uses WHERE w = 0)
                GROUP BY user)
            GROUP BY n ORDER BY n""",
        ),
        "logins": rows(
            db,
            f"{SPAN} SELECT count() FROM events WHERE event = 'logged_in' AND day >= as_of - 30",
        )[0][0],
    }


def active_users(db: Session) -> dict[str, Any]:
    """DAU, WAU and MAU of every day; actors of every complete month."""
    trailing = """groupBitmapMerge(users) OVER (ORDER BY day
        ROWS BETWEEN {} PRECEDING AND CURRENT ROW)"""
    daily = rows(
        db,
        f"""{SPAN},
        codes AS (SELECT user, rowNumberInAllBlocks()::UInt32 AS code FROM people),
        daily AS (SELECT day, groupBitmapState(code) AS users FROM days JOIN codes USING (user)
            GROUP BY day)
        SELECT day, bitmapCardinality(users), if(day - 6 >= first, {trailing.format(6)}, NULL),
            if(day - 29 >= first, {trailing.format(29)}, NULL)
        FROM daily ORDER BY day""",
    )
    months = rows(
        db,
        """SELECT formatDateTime(day, '%Y-%m') AS month, uniqExact(user) FROM days
        GROUP BY month ORDER BY month""",
    )
    return {"daily": daily, "periods": months}


def stickiness(db: Session) -> dict[str, Any]:
    """Active days and actors of each trailing window of 30 days."""
    windows = rows(
        db,
        f"""{SPAN} SELECT intDiv(as_of - 1 - day, 30) AS w, uniqExact(user), count() FROM days
        WHERE w < intDiv(as_of - first, 30) GROUP BY w ORDER BY w""",
    )
    return {"windows": windows}


def engagement_score(db: Session) -> dict[str, Any]:
    """Points of all, by event and by account."""
    db.query(
        f"""CREATE TABLE scores ENGINE = Memory AS {SPAN}
        SELECT user, event, count() AS times, times * {WEIGHT} AS points
        FROM events WHERE day >= as_of - 28 AND event IN {tuple(WEIGHTS)} GROUP BY user, event"""
    )
    whole = """SELECT user, account, coalesce(s.points, 0) AS points FROM people LEFT JOIN
        (SELECT user, sum(points) AS points FROM scores GROUP BY user) s USING (user)"""
    return {
        "all": rows(
            db,
            f"""SELECT count(), sum(points), quantileExactInclusive(points),
                quantileExactInclusive(0.9)(points) FROM ({whole})""",
        )[0],
        "contribution": rows(
            db, "SELECT event, sum(times), sum(points) FROM scores GROUP BY event ORDER BY event"
        ),
        "accounts": rows(
            db, f"SELECT account, sum(points) FROM ({whole}) GROUP BY account ORDER BY account"
        ),
    }


def sessions(db: Session) -> dict[str, Any]:
    """Sessions cut at 30 minutes, by month."""
    periods = rows(
        db,
        f"""{SPAN},
        cut AS (
            SELECT user, s[1] AS first_at, s[-1] AS last_at, length(s) AS actions,
                last_at - first_at AS took FROM (
                SELECT user, arraySort(groupArray(toUnixTimestamp64Milli(ts))) AS times
                FROM events GROUP BY user SETTINGS optimize_aggregation_in_order = 1)
            ARRAY JOIN arraySplit((t, gap) -> gap > 1800000, times, arrayDifference(times)) AS s)
        SELECT formatDateTime(fromUnixTimestamp64Milli(first_at), '%Y-%m') AS month, count(),
            uniqExact(user), countIf(actions = 1), sum(actions), sum(took) / 1000,
            quantileExactInclusiveIf(took, actions > 1) / 1000
        FROM cut WHERE last_at <= toUnixTimestamp64Milli(toDateTime64(as_of, 3)) - 1800000
        GROUP BY month ORDER BY month""",
    )
    return {"periods": periods}


def retention(db: Session) -> dict[str, Any]:
    """Weekly triangles after sign-up and after activation."""
    triangle = rows(
        db,
        f"""{SPAN},
        starts AS (
            SELECT user, start, toDate(at) AS day, toMonday(day) AS cohort FROM people
            ARRAY JOIN ['signup', 'activation'] AS start, [t0, activated_at] AS at
            WHERE at IS NOT NULL AND t0 IS NOT NULL),
        weeks AS (SELECT user, toMonday(day) AS week, max(day) AS last FROM days
            GROUP BY user, week),
        came AS (SELECT start, cohort, intDiv(week - cohort, 7) AS k, count() AS n
            FROM weeks JOIN starts USING (user) WHERE week >= cohort AND last >= day
            GROUP BY start, cohort, k),
        grid AS (SELECT start, cohort, count() AS size, arrayJoin(range(13)) AS k FROM starts
            GROUP BY start, cohort)
        SELECT start, cohort, k, size, coalesce(n, 0) FROM grid
        LEFT JOIN came USING (start, cohort, k) WHERE cohort + 7 * (k + 1) <= as_of""",
    )
    return {"triangle": sorted(triangle)}


def lifecycle(db: Session) -> dict[str, Any]:
    """New, returning, resurrected and dormant by month."""
    periods = rows(
        db,
        f"""{SPAN},
        months AS (SELECT DISTINCT user, toRelativeMonthNum(day) AS month FROM days),
        seen AS (SELECT month, lag(month) OVER w AS before, lead(month) OVER w AS next
            FROM months WINDOW w AS (PARTITION BY user ORDER BY month)),
        now AS (SELECT month, count() AS active, countIf(before = 0) AS new,
                countIf(before = month - 1) AS kept, active - new - kept AS resurrected
            FROM seen GROUP BY month),
        gone AS (SELECT month + 1 AS after, count() AS dormant FROM seen WHERE next != after
            GROUP BY after)
        SELECT formatDateTime(addMonths(toDate('1970-01-01'), month - 23641), '%Y-%m') AS period,
            active, new, kept, resurrected, dormant
        FROM now LEFT JOIN gone ON after = month
        WHERE period > formatDateTime(first, '%Y-%m') AND period < formatDateTime(as_of, '%Y-%m')
        ORDER BY period""",
    )
    return {"periods": periods}


def churn(db: Session) -> dict[str, Any]:
    """Lost after 28 idle days, by month; each loss in the first month that had the user."""
    inferred = rows(
        db,
        f"""{SPAN},
        there AS (SELECT DISTINCT user, toStartOfMonth(day + 28) AS begin FROM days
            WHERE begin > day AND begin - 28 >= first),
        gaps AS (SELECT user, day, lead(day, 1, as_of) OVER (PARTITION BY user ORDER BY day) AS next
            FROM days),
        losses AS (SELECT user, day,
                arrayJoin([toStartOfMonth(day), toStartOfMonth(day + 28)]) AS begin
            FROM gaps WHERE next - day > 28),
        lost AS (SELECT user, day, min(begin) AS first_begin FROM losses
            JOIN there USING (user, begin) GROUP BY user, day),
        gone AS (SELECT DISTINCT user, first_begin AS begin, 1 AS lost FROM lost)
        SELECT formatDateTime(begin, '%Y-%m'), count(), sum(lost)
        FROM there LEFT JOIN gone USING (user, begin)
        GROUP BY begin HAVING addMonths(begin, 1) + 28 <= as_of ORDER BY begin""",
    )
    return {"inferred": inferred}


METRICS = (
    activation, time_to_value, feature_adoption, active_users, stickiness, engagement_score,
    sessions, retention, lifecycle, churn,
)  # fmt: skip


def main() -> None:
    """Run every query and write the numbers."""
    import clickhouse_life

    path, out = sys.argv[1:3]
    db = Session()
    load(db, path)
    found = {f.__name__: f(db) for f in (*METRICS, *clickhouse_life.METRICS)}
    Path(out).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
