"""The textbook script for who takes the product up: funnels, onboarding, seats, qualified users."""

from __future__ import annotations

from typing import Any

import terms
from textbook_life import DAY_MS, DB, rows

FUNNELS = {
    "value": (["signed_up", "project_created", "report_built", "report_shared"], 14),
    "share": (["report_built", "report_shared", "teammate_invited"], 7),
}
STEPS = ("project_created", "report_built", "teammate_invited")


def funnel(db: DB) -> dict[str, Any]:
    """Both funnels: each entry followed to the next event of each step, the deepest counted."""
    found: dict[str, Any] = {"funnels": [], "steps": [], "times": [], "periods": []}
    for name, (steps, within) in sorted(FUNNELS.items()):
        _attempts(db, steps, within)
        n = len(steps)
        counts = f"""count(*), count(*) FILTER (WHERE mature),
            count(*) FILTER (WHERE mature AND depth = {n}),
            count(*) FILTER (WHERE NOT mature AND depth < {n}),
            count(*) FILTER (WHERE NOT mature AND depth = {n})"""
        best = """SELECT * FROM attempts QUALIFY row_number() OVER (
            PARTITION BY {} ORDER BY mature DESC, depth DESC, t1) = 1"""
        db.execute(f"CREATE OR REPLACE TABLE best AS {best.format('user')}")
        ever = f"(SELECT count(DISTINCT user) FROM attempts WHERE t{n} IS NOT NULL)"
        found["funnels"] += rows(db, f"SELECT '{name}', {counts}, {ever} FROM best")
        for k in range(1, n + 1):
            found["steps"] += rows(
                db,
                f"""SELECT '{name}', {k}, count(*) FILTER (WHERE mature AND depth >= {k}),
                    count(*) FILTER (WHERE mature AND depth = {k - 1}),
                    count(*) FILTER (WHERE NOT mature AND depth >= {k}) FROM best""",
            )
        for k in range(2, n + 1):
            found["times"] += rows(
                db,
                f"""SELECT '{name}', {k}, count(*), median(t{k} - t{k - 1}) / 1000,
                    median(t{k} - t1) / 1000 FROM best WHERE mature AND depth >= {k}""",
            )
        found["periods"] += rows(
            db,
            f"""SELECT '{name}', strftime(month, '%Y-%m'), {counts}
            FROM ({best.format("user, month")}) GROUP BY month ORDER BY month""",
        )
    return found


def _attempts(db: DB, steps: list[str], within: int) -> None:
    """Each entry, with the time of the next event of each step, and how deep it got in time."""
    chain = (
        f"(SELECT DISTINCT user, epoch_ms(ts) AS t1, day FROM events WHERE event = '{steps[0]}')"
    )
    for k, step in enumerate(steps[1:], 2):
        chain = f"""(SELECT a.*, b.ts AS t{k} FROM {chain} a
            ASOF LEFT JOIN (SELECT user, epoch_ms(ts) AS ts FROM events WHERE event = '{step}') b
            ON a.user = b.user AND b.ts >= a.t{k - 1})"""
    depth = " + ".join(
        f"coalesce(t{k} <= t1 + {within * DAY_MS}, false)::INTEGER"
        for k in range(2, len(steps) + 1)
    )
    db.execute(
        f"""CREATE OR REPLACE TABLE attempts AS SELECT *, 1 + {depth} AS depth,
            t1 + {within * DAY_MS} < ends AS mature, date_trunc('month', day) AS month
        FROM {chain}, span"""
    )


def onboarding(db: DB) -> dict[str, Any]:
    """Three first events within 14 days of the sign-up, in any order."""
    firsts = ", ".join(
        f"epoch_ms(min(ts) FILTER (WHERE event = '{step}')) AS t{k}"
        for k, step in enumerate(STEPS, 1)
    )
    in_time = ", ".join(f"CASE WHEN t{k} <= due THEN greatest(t{k}, t0) END AS t{k}"
                        for k in (1, 2, 3))  # fmt: skip
    db.execute(
        f"""CREATE TABLE onboarded AS
        WITH f AS (SELECT user, {firsts} FROM events WHERE event IN {STEPS} GROUP BY user),
        s AS (SELECT user, day, epoch_ms(t0) AS t0, epoch_ms(t0) + {14 * DAY_MS} AS due
            FROM signups)
        SELECT user, day, t0, due < ends AS mature, t1 + t2 + t3 IS NOT NULL AS ever,
            {in_time}, coalesce(t1 <= due, false)::INTEGER + coalesce(t2 <= due, false)::INTEGER
                + coalesce(t3 <= due, false)::INTEGER AS done
        FROM s LEFT JOIN f USING (user), span"""
    )
    cohorts = rows(
        db,
        """SELECT strftime(day, '%Y-%m') AS cohort, count(*), count(*) FILTER (WHERE mature),
            count(*) FILTER (WHERE mature AND done > 0),
            count(*) FILTER (WHERE mature AND done = 3),
            count(*) FILTER (WHERE NOT mature AND done = 3), count(*) FILTER (WHERE ever)
        FROM onboarded GROUP BY cohort ORDER BY cohort""",
    )
    whole = rows(
        db,
        """SELECT median(greatest(t1, t2, t3) - t0) / 1000 FROM onboarded
        WHERE mature AND done = 3""",
    )
    steps = []
    for k in (1, 2, 3):
        before = " AND ".join(["mature", *(f"t{i} IS NOT NULL" for i in range(1, k))])
        steps += rows(
            db,
            f"""SELECT count(t{k}) FILTER (WHERE mature),
                count(*) FILTER (WHERE {before} AND t{k} IS NULL), count(*) FILTER (WHERE {before}),
                count(*) FILTER (WHERE {before} AND t{k} IS NULL AND done > 0),
                count(*) FILTER (WHERE mature AND t{k} IS NULL AND done = 2)
            FROM onboarded""",
        )
    gaps = rows(
        db,
        """WITH done AS (SELECT user, t0, unnest([1, 2, 3]) AS k, unnest([t1, t2, t3]) AS t
            FROM onboarded WHERE mature)
        SELECT k, median(gap) / 1000 FROM (SELECT k, t - coalesce(lag(t) OVER (
            PARTITION BY user ORDER BY t, k), t0) AS gap FROM done WHERE t IS NOT NULL)
        GROUP BY k ORDER BY k""",
    )
    return {"cohorts": cohorts, "whole": whole[0][0], "steps": steps, "gaps": gaps}


def feature_success(db: DB) -> dict[str, Any]:
    """Users, uses and who came back, by window; NPS of users; days active around the launch."""
    trend = rows(
        db,
        """SELECT a.w, a.feature, count(*), sum(a.uses)::BIGINT, count(b.user),
            (SELECT count(*) FROM uses u WHERE u.feature = a.feature AND u.w = a.w + 1)
        FROM uses a LEFT JOIN uses b ON b.user = a.user AND b.feature = a.feature
            AND b.w = a.w + 1 GROUP BY ALL ORDER BY a.w, a.feature""",
    )
    good = "count(*) FILTER (WHERE score >= 9) - count(*) FILTER (WHERE score <= 6), count(*)"
    satisfaction = rows(
        db,
        f"""WITH each AS (SELECT f.feature, a.score, u.user IS NOT NULL AS used
            FROM answers a CROSS JOIN (SELECT DISTINCT feature FROM uses) f
            LEFT JOIN (SELECT user, feature FROM uses WHERE w = 0) u
                ON u.user = a.user AND u.feature = f.feature WHERE a.w = 0)
        SELECT feature, NOT used, {good} FROM each GROUP BY ALL ORDER BY ALL""",
    )
    around = rows(
        db,
        f"""WITH launch AS (SELECT DATE '{terms.LAUNCHES["alerts"]}' AS d),
        old AS (SELECT user FROM signups, launch WHERE day < d - 28),
        takers AS (SELECT DISTINCT user FROM feature_events, launch
            WHERE feature = 'alerts' AND day < d + 28),
        near AS (SELECT user, count(*) FILTER (WHERE day < d) AS before,
                count(*) FILTER (WHERE day >= d) AS after
            FROM days, launch WHERE day >= d - 28 AND day < d + 28 GROUP BY user)
        SELECT t.user IS NOT NULL AS used, count(*), coalesce(sum(before), 0)::BIGINT,
            coalesce(sum(after), 0)::BIGINT
        FROM old LEFT JOIN takers t USING (user) LEFT JOIN near USING (user)
        GROUP BY used ORDER BY used""",
    )
    return {"trend": trend, "satisfaction": satisfaction, "around": around}


def adoption_rate(db: DB) -> dict[str, Any]:
    """Active of all there, in six windows of 28 days; the last by days a week, feature, role."""
    windows = rows(
        db,
        """SELECT w, count(a.user), count(*) FROM there28 LEFT JOIN active28 a USING (user, w)
        GROUP BY w ORDER BY w""",
    )
    often = rows(
        db,
        """SELECT k, count(*) FILTER (WHERE days * 7 >= k * 28) FROM active28, range(1, 8) r(k)
        WHERE w = 0 GROUP BY k ORDER BY k""",
    )
    features = rows(
        db,
        """SELECT feature, count(DISTINCT user) FROM feature_events, span
        WHERE day >= as_of - 28 GROUP BY feature ORDER BY feature""",
    )
    roles = rows(
        db,
        """SELECT role, count(a.user), count(*) FROM people
        LEFT JOIN (SELECT * FROM active28 WHERE w = 0) a USING (user)
        GROUP BY role ORDER BY role""",
    )
    return {"windows": windows, "frequency": often, "features": features, "roles": roles}


def seat_utilization(db: DB) -> dict[str, Any]:
    """User-days of working days against seats, in six windows; the last by account."""
    db.execute(
        """CREATE TABLE seated AS SELECT account, any_value(seats) AS seats, count(*) AS members
        FROM companies JOIN people USING (account) WHERE seats > 0 GROUP BY account"""
    )
    db.execute(
        """CREATE TABLE sitting AS SELECT (as_of - 1 - day) // 28 AS w, account, day, user
        FROM days JOIN people USING (user), span WHERE w < 6 AND isodow(day) <= 5"""
    )
    trend = rows(
        db,
        """SELECT w, count(*), (SELECT sum(seats) * 20 FROM seated)::BIGINT
        FROM sitting JOIN seated USING (account) GROUP BY w ORDER BY w""",
    )
    accounts = rows(
        db,
        """WITH daily AS (SELECT account, day, count(*) AS n FROM sitting WHERE w = 0 GROUP BY ALL),
        sums AS (SELECT account, sum(n)::BIGINT AS used, max(n) AS peak FROM daily
            GROUP BY account),
        came AS (SELECT account, count(DISTINCT user) AS n FROM sitting WHERE w = 0
            GROUP BY account)
        SELECT account, seats, members, coalesce(used, 0), coalesce(peak, 0), coalesce(n, 0)
        FROM seated LEFT JOIN sums USING (account) LEFT JOIN came USING (account)
        ORDER BY account""",
    )
    return {"trend": trend, "accounts": accounts}


def usage(db: DB) -> dict[str, Any]:
    """Events, logins, actors and new users by month; features by month; accounts of the last."""
    periods = rows(
        db,
        """WITH n AS (SELECT strftime(date_trunc('month', day), '%Y-%m') AS month,
                count(*) AS events, count(*) FILTER (WHERE event = 'logged_in') AS logins
            FROM events GROUP BY 1),
        a AS (SELECT strftime(date_trunc('month', day), '%Y-%m') AS month,
                count(DISTINCT user) AS active FROM days GROUP BY 1),
        s AS (SELECT strftime(date_trunc('month', day), '%Y-%m') AS month, count(*) AS came
            FROM signups GROUP BY 1)
        SELECT month, logins, coalesce(came, 0), active, events
        FROM n JOIN a USING (month) LEFT JOIN s USING (month) ORDER BY month""",
    )
    features = rows(
        db,
        """SELECT feature, strftime(date_trunc('month', day), '%Y-%m') AS month, count(*),
            count(DISTINCT user) FROM feature_events GROUP BY ALL ORDER BY ALL""",
    )
    accounts = rows(
        db,
        """SELECT p.account, count(*) FILTER (WHERE day >= now) AS events,
            count(*) FILTER (WHERE day < now) AS before,
            count(*) FILTER (WHERE day >= now AND event = 'logged_in') AS logins,
            count(DISTINCT e.user) FILTER (WHERE day >= now) AS active
        FROM events e JOIN people p USING (user), (
            SELECT date_trunc('month', as_of - 1)::DATE AS now,
                (date_trunc('month', as_of - 1) - INTERVAL 1 MONTH)::DATE AS prior FROM span)
        WHERE day >= prior GROUP BY p.account ORDER BY p.account""",
    )
    return {"periods": periods, "features": features, "accounts": accounts}


def qualified(db: DB) -> dict[str, Any]:
    """Who meets three clauses, at the ends of six months; first days, and what they foretold."""
    flags = ", ".join(
        f"bool_or(event IN {(*e, '')}{_since(f)})::INTEGER AS f{k}"
        for k, (f, e) in enumerate(terms.FEATURES.items())
    )
    db.execute(
        f"""CREATE TABLE person_days AS SELECT user, day,
            count(*) FILTER (WHERE event = 'project_created') AS created, {flags}
        FROM events GROUP BY user, day"""
    )
    db.execute(
        f"""CREATE TABLE foretelling AS
        WITH running AS (SELECT user, day, sum(created) OVER (PARTITION BY user ORDER BY day)
                AS created, count(*) OVER (PARTITION BY user ORDER BY day
                RANGE BETWEEN INTERVAL 13 DAYS PRECEDING AND CURRENT ROW) AS active,
                max(f0) OVER f + max(f1) OVER f + max(f2) OVER f + max(f3) OVER f AS features
            FROM person_days WINDOW f AS (PARTITION BY user ORDER BY day
                RANGE BETWEEN INTERVAL 27 DAYS PRECEDING AND CURRENT ROW)),
        firsts AS (SELECT user, min(day) AS met_on FROM running
            WHERE created >= 2 AND active >= 3 AND features >= 3 GROUP BY user),
        bought AS (SELECT user, min(ts) AS paid, min(day) AS bought FROM events
            WHERE event = 'plan_bought' GROUP BY user)
        SELECT s.user, s.day AS came, met_on, bought, epoch_ms(paid) AS paid,
            coalesce(bought <= met_on, false) AS customer,
            epoch_ms((met_on + 1)::TIMESTAMPTZ) + {30 * DAY_MS} AS due
        FROM signups s LEFT JOIN firsts USING (user) LEFT JOIN bought USING (user)"""
    )
    trend = rows(
        db,
        """SELECT strftime(date_trunc('month', met_on), '%Y-%m') AS month, count(*),
            count(*) FILTER (WHERE customer),
            count(*) FILTER (WHERE NOT customer AND due < ends AND paid <= due),
            count(*) FILTER (WHERE NOT customer AND due < ends)
        FROM foretelling, span WHERE met_on IS NOT NULL GROUP BY month ORDER BY month""",
    )
    recall = rows(
        db,
        """SELECT count(*) FILTER (WHERE met_on < bought AND paid <= due),
            count(*) FILTER (WHERE met_on < bought AND paid > due), count(*)
        FROM foretelling WHERE paid IS NOT NULL""",
    )
    return {**_levels(db), "trend": trend, "prediction": _base_rate(db), "recall": recall[0]}


def _since(feature: str) -> str:
    launch = terms.LAUNCHES.get(feature)
    return f" AND day >= '{launch}'" if launch else ""


def _levels(db: DB) -> dict[str, Any]:
    """Who qualifies at the end of the last day and of the five months before; the clauses."""
    db.execute(
        """CREATE TABLE standing AS
        WITH marks AS (SELECT as_of - 1 AS d FROM span UNION SELECT
            (date_trunc('month', as_of - 1) - INTERVAL (i) MONTH)::DATE - 1
            FROM span, range(5) r(i))
        SELECT d, user, sum(created) AS created, count(*) FILTER (WHERE day > d - 14) AS active,
            coalesce(max(f0) FILTER (WHERE day > d - 28), 0)
            + coalesce(max(f1) FILTER (WHERE day > d - 28), 0)
            + coalesce(max(f2) FILTER (WHERE day > d - 28), 0)
            + coalesce(max(f3) FILTER (WHERE day > d - 28), 0) AS features
        FROM marks JOIN person_days ON day <= d GROUP BY d, user"""
    )
    levels = rows(
        db,
        """SELECT d::VARCHAR, count(*) FILTER (WHERE met),
            count(*) FILTER (WHERE met AND coalesce(bought > d, true)), count(*)
        FROM (SELECT d, user, created >= 2 AND active >= 3 AND features >= 3 AS met FROM standing)
        JOIN foretelling USING (user) GROUP BY d ORDER BY d""",
    )
    clauses = rows(
        db,
        """SELECT count(*) FILTER (WHERE a), count(*) FILTER (WHERE b), count(*) FILTER (WHERE c),
            count(*) FILTER (WHERE NOT a AND b AND c), count(*) FILTER (WHERE a AND NOT b AND c),
            count(*) FILTER (WHERE a AND b AND NOT c)
        FROM (SELECT created >= 2 AS a, active >= 3 AS b, features >= 3 AS c FROM standing, span
            WHERE d = as_of - 1)""",
    )
    return {"levels": levels, "clauses": clauses[0]}


def _base_rate(db: DB) -> list[Any]:
    """Of those who qualified who bought in time, and how many would have at the others' rate."""
    return rows(
        db,
        """WITH ends_of AS (SELECT met_on AS d, any_value(due) AS due, count(*) AS new,
                count(*) FILTER (WHERE paid <= due) AS soon
            FROM foretelling, span WHERE NOT customer AND due < ends GROUP BY met_on),
        others AS (SELECT d, count(*) AS n, count(*) FILTER (WHERE paid <= e.due) AS soon
            FROM ends_of e JOIN foretelling f ON came <= d AND coalesce(met_on > d, true)
                AND coalesce(bought > d, true) GROUP BY d)
        SELECT sum(e.soon)::BIGINT, sum(new)::BIGINT, sum(new * o.soon / o.n),
            (sum(new) FILTER (WHERE o.n > 0))::BIGINT
        FROM ends_of e LEFT JOIN others o USING (d)""",
    )[0]


METRICS = (
    funnel, onboarding, feature_success, adoption_rate, seat_utilization, usage, qualified,
)  # fmt: skip
