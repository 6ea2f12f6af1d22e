"""The other tables of the first ten: a feature's whole life, score levels, working days."""

from __future__ import annotations

from typing import Any

import duckdb
import terms

DB = duckdb.DuckDBPyConnection
DAY_MS = 86_400_000


def rows(db: DB, query: str) -> list[list[Any]]:
    """The rows of a query."""
    return [list(row) for row in db.execute(query).fetchall()]


def feature_life(db: DB) -> dict[str, Any]:
    """Sign-up cohorts, time to the first use, use again, and the curve since a launch."""
    names = ", ".join(
        f"('{f}', {repr(terms.LAUNCHES[f]) if f in terms.LAUNCHES else 'NULL'}::DATE)"
        for f in terms.FEATURES
    )
    db.execute(
        f"""CREATE TABLE newcomers AS
        WITH names AS (SELECT * FROM (VALUES {names}) v(feature, launched)),
        firsts AS (SELECT user, feature, epoch_ms(min(ts)) AS ts FROM feature_events GROUP BY ALL)
        SELECT n.feature, s.user, s.day, launched, epoch_ms(s.t0) AS t0, f.ts,
            greatest(epoch_ms(s.t0), coalesce(epoch_ms(launched::TIMESTAMPTZ), 0)) AS origin
        FROM signups s CROSS JOIN names n LEFT JOIN firsts f
            ON f.user = s.user AND f.feature = n.feature"""
    )
    cohorts = rows(
        db,
        f"""WITH early AS (SELECT f.user, f.feature, count(DISTINCT f.day) AS days
            FROM feature_events f JOIN signups s USING (user)
            WHERE epoch_ms(f.ts) <= epoch_ms(s.t0) + {28 * DAY_MS} GROUP BY ALL)
        SELECT feature, strftime(n.day, '%Y-%m') AS cohort, count(*) FILTER (WHERE mature),
            count(*) FILTER (WHERE mature AND days >= 1),
            count(*) FILTER (WHERE mature AND days >= 2), count(*) FILTER (WHERE NOT mature)
        FROM (SELECT *, t0 + {28 * DAY_MS} < ends AS mature
            FROM newcomers, span WHERE origin = t0) n
        LEFT JOIN early USING (user, feature) GROUP BY ALL ORDER BY ALL""",
    )
    again = rows(
        db,
        """WITH begun AS (SELECT user, feature, make_timestamptz(ts * 1000)::DATE AS day
            FROM newcomers WHERE ts IS NOT NULL),
        judged AS (SELECT b.user, b.feature, b.day, bool_or(f.day > b.day AND f.day <= b.day + 28)
                AS again
            FROM begun b JOIN feature_events f USING (user, feature) GROUP BY ALL)
        SELECT feature, count(*) FILTER (WHERE again AND day + 28 < as_of),
            count(*) FILTER (WHERE day + 28 < as_of), count(*) FILTER (WHERE day + 28 >= as_of)
        FROM judged, span GROUP BY feature ORDER BY feature""",
    )
    return {"cohorts": cohorts, "retained": again, "times": _times(db), "curve": _curve(db)}


def _times(db: DB) -> list[list[Any]]:
    """Kaplan–Meier shares that have tried by 1, 7 and 28 days, and both medians."""
    by = ", ".join(f"max(share) FILTER (WHERE t <= {d * DAY_MS})" for d in (1, 7, 28))
    return rows(
        db,
        f"""WITH waits AS (SELECT feature, ts IS NOT NULL AS done,
                coalesce(ts, ends) - origin AS t FROM newcomers, span),
        moments AS (SELECT feature, t, count(*) FILTER (WHERE done) AS arrived, count(*) AS n
            FROM waits GROUP BY ALL),
        risk AS (SELECT *, sum(n) OVER (PARTITION BY feature ORDER BY t DESC) AS at_risk
            FROM moments),
        curve AS (SELECT feature, t, 1 - exp(sum(ln(1 - arrived / at_risk)) OVER (
            PARTITION BY feature ORDER BY t)) AS share FROM risk WHERE arrived < at_risk)
        SELECT feature, {by}, min(t) FILTER (WHERE share >= 0.5) / 1000,
            (SELECT median(t) / 1000 FROM waits w WHERE w.feature = c.feature AND done)
        FROM curve c GROUP BY feature ORDER BY feature""",
    )


def _curve(db: DB) -> list[list[Any]]:
    """Week by week since the launch: all active since then, and those who had tried."""
    return rows(
        db,
        """WITH launched AS (SELECT DISTINCT feature, launched FROM newcomers
            WHERE launched IS NOT NULL),
        came AS (SELECT feature, launched, user, min(d.day) AS day
            FROM days d JOIN launched ON d.day >= launched GROUP BY ALL),
        tried AS (SELECT feature, user, min(day) AS day FROM feature_events GROUP BY ALL),
        weeks AS (SELECT c.feature, (c.day - launched) // 7 + 1 AS came,
                (t.day - launched) // 7 + 1 AS tried
            FROM came c LEFT JOIN tried t USING (feature, user)),
        steps AS (SELECT feature, unnest(range(1, ((as_of - launched + 6) // 7 + 1)::BIGINT)) AS k
            FROM launched, span)
        SELECT s.feature, k, count(*) FILTER (WHERE came <= k),
            count(*) FILTER (WHERE tried <= k), count(*) FILTER (WHERE tried = k)
        FROM steps s JOIN weeks USING (feature) GROUP BY ALL ORDER BY ALL""",
    )


def score_levels(db: DB) -> dict[str, Any]:
    """Levels in six windows of 28 days; whether the score before foretells being active."""
    cases = " ".join(f"WHEN '{e}' THEN {w}" for e, w in terms.WEIGHTS.items())
    level = " ".join(
        f"WHEN points >= {low} THEN '{name}'" for name, low in reversed(terms.LEVELS.items())
    )
    db.execute(
        f"""CREATE TABLE points AS
        WITH scored AS (SELECT user, (as_of - 1 - day) // 28 AS w,
                sum(CASE event {cases} END) AS points
            FROM events, span WHERE event IN {tuple(terms.WEIGHTS)} GROUP BY ALL),
        windows AS (SELECT unnest(range(6)) AS w)
        SELECT s.user, w, coalesce(points, 0)::BIGINT AS points
        FROM signups s JOIN windows ON true JOIN span ON s.day < as_of - (28 * w)::INTEGER
        LEFT JOIN scored USING (user, w)"""
    )
    levels = rows(
        db,
        f"""SELECT w, CASE {level} END AS level, count(*) FROM points GROUP BY ALL ORDER BY ALL""",
    )
    db.execute(
        """CREATE TABLE foretold AS SELECT p.user, p.points, b.user IS NOT NULL AS was,
            n.user IS NOT NULL AS stayed
        FROM points p, span
        LEFT JOIN (SELECT DISTINCT user FROM days, span WHERE day >= as_of - 28) n
            ON n.user = p.user
        LEFT JOIN (SELECT DISTINCT user FROM days, span
            WHERE day >= as_of - 56 AND day < as_of - 28) b ON b.user = p.user WHERE p.w = 1"""
    )
    return {
        "levels": levels,
        "predicts": [*_area(db, "true"), *_area(db, "was")],
        "deciles": rows(
            db,
            """SELECT 1 + 10 * below // n AS decile, min(points), max(points),
                count(*) FILTER (WHERE stayed), count(*)
            FROM (SELECT *, rank() OVER (ORDER BY points) - 1 AS below, count(*) OVER () AS n
                FROM foretold) GROUP BY decile ORDER BY decile""",
        ),
    }


def _area(db: DB, who: str) -> list[list[Any]]:
    """AUC by the sum of mean ranks, of those active before or of all."""
    return rows(
        db,
        f"""WITH ranked AS (SELECT stayed, rank() OVER (ORDER BY points)
                + (count(*) OVER (PARTITION BY points) - 1) / 2 AS place
            FROM foretold WHERE {who}),
        sums AS (SELECT count(*) FILTER (WHERE stayed) AS a, count(*) AS n,
                sum(place) FILTER (WHERE stayed) AS places FROM ranked)
        SELECT a, n, (places - a * (a + 1) / 2) / (a * (n - a)) FROM sums""",
    )


def working_days(db: DB) -> dict[str, Any]:
    """Active days from Monday to Friday in trailing windows of 30 days; the last WAU and MAU."""
    windows = rows(
        db,
        """SELECT (as_of - 1 - day) // 30 AS w, count(*) FROM days, span
        WHERE isodow(day) <= 5 AND w < (as_of - first) // 30 GROUP BY w ORDER BY w""",
    )
    last = rows(
        db,
        """SELECT count(*) FILTER (WHERE day >= as_of - 7),
            count(DISTINCT user) FILTER (WHERE day >= as_of - 7)
        FROM days, span WHERE day >= as_of - 30""",
    )
    return {"windows": windows, "last": last[0]}


METRICS = (feature_life, score_levels, working_days)
