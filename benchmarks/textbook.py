"""The script an analyst would write in DuckDB for the same numbers: load once, a query a metric.

    python benchmarks/textbook.py events.parquet out.json [--first]

With `--first` the ten metrics of this file alone; else those of `textbook_adoption.py` and
`textbook_engagement.py` too.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import duckdb
from terms import FEATURES, LAUNCHES, WEIGHTS, ZONE


def load(db: duckdb.DuckDBPyConnection, path: str) -> None:
    """Events with their local day, and the days on which each user was active."""
    db.execute(f"SET TimeZone = '{ZONE}'")
    db.execute(
        f"""CREATE TABLE events AS SELECT user, account, event, "timestamp"::TIMESTAMPTZ AS ts,
        CAST("timestamp"::TIMESTAMPTZ AS DATE) AS day, role, score FROM '{path}'"""
    )
    db.execute(
        """CREATE TABLE people AS SELECT user, arg_max(account, ts) AS account,
        arg_max(role, ts) AS role FROM events GROUP BY user"""
    )
    db.execute("CREATE TABLE days AS SELECT DISTINCT user, day FROM events")
    db.execute(
        """CREATE TABLE signups AS SELECT user, min(ts) AS t0, CAST(min(ts) AS DATE) AS day
        FROM events WHERE event = 'signed_up' GROUP BY user"""
    )
    db.execute(SPAN)


SPAN = """CREATE TABLE span AS SELECT *, epoch_ms(as_of::TIMESTAMPTZ) AS ends
    FROM (SELECT min(day) AS first, max(day) + 1 AS as_of FROM events)"""
ACTIVATED = """
    WITH invited AS (
        SELECT user, ts, row_number() OVER (PARTITION BY user ORDER BY ts) AS n
        FROM events WHERE event = 'teammate_invited'),
    criteria AS (
        SELECT s.user, s.t0, s.day, p.at AS created, i.ts AS invited
        FROM signups s
        LEFT JOIN (SELECT user, min(ts) AS at FROM events WHERE event = 'project_created'
                   GROUP BY user) p USING (user)
        LEFT JOIN (SELECT user, ts FROM invited WHERE n = 2) i USING (user))
    SELECT user, t0, day, created, invited,
        CASE WHEN created IS NOT NULL AND invited IS NOT NULL
             THEN greatest(created, invited, t0) END AS activated_at
    FROM criteria"""


def activation(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Cohorts, and what people lack."""
    db.execute(f"CREATE TABLE activated AS {ACTIVATED}")
    rows = db.execute(
        """SELECT strftime(date_trunc('month', day), '%Y-%m') AS cohort, count(*),
            count(*) FILTER (WHERE mature), count(*) FILTER (WHERE mature AND in_time),
            count(*) FILTER (WHERE NOT mature AND in_time), count(activated_at)
        FROM (SELECT *, epoch_ms(t0) + 14 * 86400000 < epoch_ms(as_of::TIMESTAMPTZ) AS mature,
                coalesce(epoch_ms(activated_at) <= epoch_ms(t0) + 14 * 86400000, false) AS in_time
            FROM activated, span) GROUP BY 1 ORDER BY 1"""
    ).fetchall()
    lacking = db.execute(
        """SELECT count(*), count(*) FILTER (WHERE NOT a), count(*) FILTER (WHERE NOT b)
        FROM (SELECT coalesce(epoch_ms(created) <= deadline, false) AS a,
                coalesce(epoch_ms(invited) <= deadline, false) AS b
            FROM (SELECT *, epoch_ms(t0) + 14 * 86400000 AS deadline FROM activated), span
            WHERE deadline < epoch_ms(as_of::TIMESTAMPTZ)
              AND coalesce(epoch_ms(activated_at) > deadline, true))"""
    ).fetchone()
    return {"cohorts": [list(r) for r in rows], "lacking": list(lacking or ())}


def time_to_value(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Kaplan–Meier at a few times, and the median of those who arrived."""
    curve = db.execute(
        """WITH d AS (
            SELECT epoch_ms(coalesce(activated_at, as_of::TIMESTAMPTZ)) - epoch_ms(t0) AS t,
                activated_at IS NOT NULL AS arrived FROM activated, span),
        h AS (SELECT t, count(*) FILTER (WHERE arrived) AS d, count(*) AS n FROM d GROUP BY t),
        r AS (SELECT t, d, sum(n) OVER (ORDER BY t DESC) AS at_risk FROM h),
        s AS (SELECT t, exp(sum(ln(1 - d / at_risk)) OVER (ORDER BY t)) AS survival
            FROM r WHERE d < at_risk)
        SELECT (SELECT 1 - arg_max(survival, t) FROM s WHERE t <= 1 * 86400000::BIGINT),
            (SELECT 1 - arg_max(survival, t) FROM s WHERE t <= 7 * 86400000::BIGINT),
            (SELECT 1 - arg_max(survival, t) FROM s WHERE t <= 30 * 86400000::BIGINT)"""
    ).fetchone()
    median = db.execute(
        """SELECT median(epoch_ms(activated_at) - epoch_ms(t0)) / 1000 FROM activated
        WHERE activated_at IS NOT NULL"""
    ).fetchone()
    return {"curve": list(curve or ()), "median": (median or [None])[0]}


def feature_adoption(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Tried, used again, adopted in six windows of 30 days; how many features each used."""
    cases = " ".join(f"WHEN event IN {(*e, '')} THEN '{f}'" for f, e in FEATURES.items())
    launched = " ".join(f"AND (feature <> '{f}' OR day >= '{d}')" for f, d in LAUNCHES.items())
    db.execute(
        f"""CREATE TABLE feature_events AS SELECT * FROM (
            SELECT user, ts, day, CASE {cases} END AS feature FROM events)
        WHERE feature IS NOT NULL {launched}"""
    )
    db.execute(
        """CREATE TABLE uses AS SELECT user, feature, (as_of - 1 - day) // 30 AS w,
            count(*) AS uses, count(DISTINCT day) AS days
        FROM feature_events, span WHERE w < 6 GROUP BY ALL"""
    )
    rows = db.execute(
        """SELECT w, feature, count(*), count(*) FILTER (WHERE days >= 2)
        FROM uses GROUP BY ALL ORDER BY w, feature"""
    ).fetchall()
    last = db.execute(
        """SELECT feature, count(*) FILTER (WHERE uses >= 2), sum(uses)::BIGINT,
            sum(days)::BIGINT, median(uses) FILTER (WHERE days >= 2)
        FROM uses WHERE w = 0 GROUP BY ALL ORDER BY feature"""
    ).fetchall()
    breadth = db.execute(
        """SELECT n, count(*) FROM (
            SELECT a.user, count(u.feature) AS n FROM (
                SELECT DISTINCT user FROM days, span WHERE day >= as_of - 30) a
            LEFT JOIN (SELECT * FROM uses WHERE w = 0) u USING (user) GROUP BY a.user)
        GROUP BY n ORDER BY n"""
    ).fetchall()
    logins = db.execute(
        "SELECT count(*) FROM events, span WHERE event = 'logged_in' AND day >= as_of - 30"
    ).fetchone()
    return {
        "features": [list(r) for r in rows], "last": [list(r) for r in last],
        "breadth": [list(r) for r in breadth], "logins": (logins or [0])[0],
    }  # fmt: skip


def active_users(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """DAU, WAU and MAU of every day; actors of every complete month."""
    rows = db.execute(
        """WITH calendar AS (SELECT unnest(generate_series(first, as_of - 1, INTERVAL 1 DAY))::DATE
            AS day FROM span),
        dau AS (SELECT day, count(*) AS n FROM days GROUP BY day),
        wau AS (SELECT c.day, count(DISTINCT d.user) AS n FROM calendar c
            JOIN days d ON d.day BETWEEN c.day - 6 AND c.day GROUP BY c.day),
        mau AS (SELECT c.day, count(DISTINCT d.user) AS n FROM calendar c
            JOIN days d ON d.day BETWEEN c.day - 29 AND c.day GROUP BY c.day)
        SELECT c.day::VARCHAR, dau.n, CASE WHEN c.day - 6 >= first THEN wau.n END,
            CASE WHEN c.day - 29 >= first THEN mau.n END
        FROM calendar c LEFT JOIN dau USING (day) LEFT JOIN wau USING (day)
        LEFT JOIN mau USING (day), span ORDER BY c.day"""
    ).fetchall()
    months = db.execute(
        """SELECT strftime(date_trunc('month', day), '%Y-%m'), count(DISTINCT user) FROM days
        GROUP BY 1 ORDER BY 1"""
    ).fetchall()
    return {"daily": [list(r) for r in rows], "periods": [list(r) for r in months]}


def stickiness(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Active days and actors of each trailing window of 30 days."""
    rows = db.execute(
        """SELECT (as_of - 1 - day) // 30 AS w, count(DISTINCT user), count(*) FROM days, span
        WHERE (as_of - 1 - day) // 30 < (as_of - first) // 30 GROUP BY w ORDER BY w"""
    ).fetchall()
    return {"windows": [list(r) for r in rows]}


def engagement_score(db: duckdb.DuckDBPyConnection, *, by_account: bool = True) -> dict[str, Any]:
    """Points of all, by event and by account."""
    cases = " ".join(f"WHEN '{e}' THEN {w}" for e, w in WEIGHTS.items())
    db.execute(
        f"""CREATE TABLE scores AS SELECT user, event, count(*) AS times,
            count(*) * any_value(CASE event {cases} END) AS points
        FROM events, span WHERE event IN {tuple(WEIGHTS)} AND day >= as_of - 28
        GROUP BY user, event"""
    )
    whole = db.execute(
        """WITH p AS (SELECT u.user, coalesce(s.points, 0) AS points
            FROM (SELECT DISTINCT user FROM events) u
            LEFT JOIN (SELECT user, sum(points) AS points FROM scores GROUP BY user) s USING (user))
        SELECT count(*), sum(points)::BIGINT, median(points), quantile_cont(points, 0.9) FROM p"""
    ).fetchone()
    events = db.execute(
        """SELECT event, sum(times)::BIGINT, sum(points)::BIGINT FROM scores GROUP BY 1
        ORDER BY event::VARCHAR"""
    ).fetchall()
    found = {"all": list(whole or ()), "contribution": [list(r) for r in events]}
    if not by_account:
        return found
    accounts = db.execute(
        """SELECT account, coalesce(sum(points), 0)::BIGINT FROM people
        LEFT JOIN scores USING (user) GROUP BY account ORDER BY account"""
    ).fetchall()
    return {**found, "accounts": [list(r) for r in accounts]}


def sessions(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Sessions cut at 30 minutes, by month."""
    rows = db.execute(
        """WITH marked AS (
            SELECT user, ts, CASE WHEN ts - lag(ts) OVER w <= INTERVAL 30 MINUTE
                THEN 0 ELSE 1 END AS fresh
            FROM events WINDOW w AS (PARTITION BY user ORDER BY ts)),
        numbered AS (SELECT user, ts, sum(fresh) OVER (PARTITION BY user ORDER BY ts
            ROWS UNBOUNDED PRECEDING) AS session FROM marked),
        cut AS (SELECT user, session, min(ts) AS first, max(ts) AS last, count(*) AS actions
            FROM numbered GROUP BY user, session)
        SELECT strftime(date_trunc('month', cut.first), '%Y-%m'), count(*), count(DISTINCT user),
            count(*) FILTER (WHERE actions = 1), sum(actions)::BIGINT,
            sum(epoch_ms(last) - epoch_ms(cut.first))::BIGINT / 1000,
            median(epoch_ms(last) - epoch_ms(cut.first)) FILTER (WHERE actions > 1) / 1000
        FROM cut, span WHERE last <= as_of::TIMESTAMPTZ - INTERVAL 30 MINUTE
        GROUP BY 1 ORDER BY 1"""
    ).fetchall()
    return {"periods": [list(r) for r in rows]}


def retention(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Weekly triangles after sign-up and after activation."""
    found = []
    for start, table in (
        ("signup", "SELECT user, day FROM signups"),
        ("activation", "SELECT user, CAST(activated_at AS DATE) AS day FROM activated "
         "WHERE activated_at IS NOT NULL"),
    ):  # fmt: skip
        found += db.execute(
            f"""WITH starts AS (SELECT user, day, date_trunc('week', day)::DATE AS cohort
                FROM ({table})),
            sizes AS (SELECT cohort, count(*) AS size FROM starts GROUP BY cohort),
            weeks AS (SELECT user, date_trunc('week', day)::DATE AS week, max(day) AS last
                FROM days GROUP BY 1, 2),
            came AS (SELECT cohort, (week - cohort) // 7 AS k, count(*) AS n
                FROM starts JOIN weeks USING (user)
                WHERE week > cohort OR (week = cohort AND last >= day) GROUP BY 1, 2),
            grid AS (SELECT cohort, size, unnest(range(0, 13)) AS k FROM sizes)
            SELECT '{start}', g.cohort::VARCHAR, g.k, g.size, coalesce(c.n, 0)
            FROM grid g LEFT JOIN came c USING (cohort, k), span
            WHERE g.cohort + (7 * (g.k + 1))::INTEGER <= as_of ORDER BY ALL"""
        ).fetchall()
    return {"triangle": sorted(list(r) for r in found)}


def lifecycle(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """New, returning, resurrected and dormant by month."""
    rows = db.execute(
        """WITH months AS (SELECT DISTINCT user, date_trunc('month', day)::DATE AS month FROM days),
        seen AS (SELECT *, lag(month) OVER w AS before, lead(month) OVER w AS next
            FROM months WINDOW w AS (PARTITION BY user ORDER BY month)),
        now AS (SELECT month, count(*) AS active, count(*) FILTER (WHERE before IS NULL) AS new,
                count(*) FILTER (WHERE before = month - INTERVAL 1 MONTH) AS kept,
                count(*) FILTER (WHERE before < month - INTERVAL 1 MONTH) AS resurrected
            FROM seen GROUP BY month),
        gone AS (SELECT (month + INTERVAL 1 MONTH)::DATE AS month, count(*) AS dormant FROM seen
            WHERE next IS NULL OR next > month + INTERVAL 1 MONTH GROUP BY 1)
        SELECT strftime(month, '%Y-%m'), active, new, kept, resurrected, coalesce(dormant, 0)
        FROM now LEFT JOIN gone USING (month), span
        WHERE month > first AND month + INTERVAL 1 MONTH <= as_of ORDER BY month"""
    ).fetchall()
    return {"periods": [list(r) for r in rows]}


def churn(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Lost after 28 idle days, by month; each loss in the first month that had the user."""
    rows = db.execute(
        """WITH months AS (
            SELECT m::DATE AS begin, (m + INTERVAL 1 MONTH)::DATE AS stop FROM (
                SELECT unnest(generate_series(date_trunc('month', first), as_of, INTERVAL 1 MONTH))
                AS m FROM span), span WHERE m::DATE - 28 >= first),
        gaps AS (SELECT user, day, lead(day) OVER (PARTITION BY user ORDER BY day) AS next
            FROM days),
        losses AS (SELECT user, day FROM gaps, span WHERE coalesce(next, as_of) - day - 1 >= 28),
        there AS (SELECT DISTINCT begin, stop, user FROM months JOIN days
            ON day >= begin - 28 AND day < begin),
        lost AS (SELECT user, day, min(begin) AS begin FROM there JOIN losses USING (user)
            WHERE day >= begin - 28 AND day < stop GROUP BY user, day)
        SELECT strftime(t.begin, '%Y-%m'), count(*), count(l.user)
        FROM there t LEFT JOIN (SELECT DISTINCT user, begin FROM lost) l
            ON l.user = t.user AND l.begin = t.begin, span
        WHERE t.stop + 28 <= as_of GROUP BY t.begin ORDER BY t.begin"""
    ).fetchall()
    return {"inferred": [list(r) for r in rows]}


METRICS = (
    activation, time_to_value, feature_adoption, active_users, stickiness, engagement_score,
    sessions, retention, lifecycle, churn,
)  # fmt: skip


def main() -> None:
    """Run every query and write the numbers."""
    import textbook_adoption
    import textbook_engagement
    import textbook_life

    path, out = sys.argv[1:3]
    db = duckdb.connect()
    load(db, path)
    found = {f.__name__: f(db) for f in (*METRICS, *textbook_life.METRICS)}
    if "--first" not in sys.argv:
        textbook_engagement.load(db, Path(path).with_name("accounts.csv"))
        rest = (*textbook_engagement.METRICS, *textbook_adoption.METRICS)
        found |= {f.__name__: f(db) for f in rest}
    Path(out).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
