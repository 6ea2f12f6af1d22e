"""The textbook script for how much people do: frequency, feedback, quadrant, journey and others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import terms
from textbook_life import DAY_MS, DB, rows


def load(db: DB, accounts: Path) -> None:
    """The accounts, and everybody's active days in trailing windows of 28 days."""
    db.execute(f"CREATE TABLE companies AS SELECT account, seats, mrr FROM read_csv('{accounts}')")
    db.execute(
        """CREATE TABLE active28 AS SELECT user, (as_of - 1 - day) // 28 AS w, count(*) AS days
        FROM days, span WHERE w < 6 GROUP BY ALL"""
    )
    db.execute(
        """CREATE TABLE there28 AS SELECT s.user, s.day, w, as_of - (28 * w)::INTEGER AS stop
        FROM signups s, span, range(6) r(w) WHERE s.day < as_of - (28 * w)::INTEGER"""
    )
    db.execute(
        """CREATE TABLE activations AS SELECT s.user, CAST(activated_at AS DATE) AS day
        FROM activated s WHERE activated_at IS NOT NULL"""
    )


def frequency(db: DB) -> dict[str, Any]:
    """Active days of each in windows of 28 and of 7 days, and the histogram of the last."""
    found: dict[str, Any] = {}
    for length in (28, 7):
        counted = f"""SELECT (as_of - 1 - day) // {length} AS w, user, count(*) AS n
            FROM days, span WHERE w < 6 GROUP BY ALL"""
        found[f"L{length}"] = rows(
            db,
            f"""SELECT w, count(*), sum(n)::BIGINT, median(n), count(*) FILTER (WHERE n >= 16)
            FROM ({counted}) GROUP BY w ORDER BY w""",
        )
        found[f"histogram{length}"] = rows(
            db,
            f"""SELECT step, count(*) FILTER (WHERE n = step), count(*) FILTER (WHERE n >= step)
            FROM ({counted}), range(1, {length + 1}) s(step) WHERE w = 0
            GROUP BY step ORDER BY step""",
        )
    return found


def feedback(db: DB) -> dict[str, Any]:
    """NPS in windows of 90 days, by answer, by being activated and engaged; response rate."""
    db.execute(
        """CREATE TABLE answers AS SELECT user, ts, (as_of - 1 - day) // 90 AS w, score
        FROM events, span WHERE event = 'nps_answered' AND score BETWEEN 0 AND 10 AND w < 4
        QUALIFY row_number() OVER (PARTITION BY user, w ORDER BY ts DESC, score) = 1"""
    )
    counts = "count(*) FILTER (WHERE score >= 9), count(*) FILTER (WHERE score <= 6), count(*)"
    nps = rows(db, f"SELECT w, {counts} FROM answers GROUP BY w ORDER BY w")
    scores = rows(
        db, "SELECT score, count(*) FROM answers WHERE w = 0 GROUP BY score ORDER BY score"
    )
    said = """SELECT a.score, x.user IS NOT NULL AS adopted,
            coalesce(d.n, 0) >= 8 AS engaged
        FROM answers a LEFT JOIN activations x USING (user)
        LEFT JOIN (SELECT user, count(*) AS n FROM days, span WHERE day >= as_of - 90
            GROUP BY user) d USING (user) WHERE w = 0"""
    groups = [
        [name if holds else f"not {name}", good - bad, n]
        for name in ("adopted", "engaged")
        for holds, good, bad, n in rows(
            db, f"SELECT {name}, {counts} FROM ({said}) GROUP BY {name}"
        )
    ]
    response = rows(
        db,
        """WITH asked AS (SELECT user, min(ts) AS ts FROM events, span
            WHERE event = 'nps_asked' AND day >= as_of - 90 GROUP BY user)
        SELECT count(*) FILTER (WHERE a.ts >= asked.ts), count(*)
        FROM asked LEFT JOIN (SELECT * FROM answers WHERE w = 0) a USING (user)""",
    )
    return {
        "nps": nps, "scores": scores, "response": response[0],
        "groups": sorted(groups),
    }  # fmt: skip


def quadrant(db: DB) -> dict[str, Any]:
    """Activated or not, on 8 of 28 days or not, in six windows; moves between the last two."""
    db.execute(
        """CREATE TABLE places AS SELECT t.user, t.w, t.day > t.stop - 28 AS fresh,
            coalesce(a.days, 0) AS days, coalesce(x.day < t.stop, false) AS adopted,
            coalesce(a.days, 0) >= 8 AS engaged
        FROM there28 t LEFT JOIN active28 a USING (user, w) LEFT JOIN activations x USING (user)"""
    )
    windows = rows(
        db,
        """SELECT w, adopted, engaged, count(*) FROM places GROUP BY ALL ORDER BY ALL""",
    )
    fresh = rows(
        db,
        """SELECT adopted, engaged, count(*) FILTER (WHERE fresh) FROM places WHERE w = 0
        GROUP BY ALL ORDER BY ALL""",
    )
    moves = rows(
        db,
        """SELECT old.adopted, old.engaged, new.adopted, new.engaged, count(*)
        FROM places old JOIN places new USING (user) WHERE old.w = 1 AND new.w = 0
        GROUP BY ALL ORDER BY ALL""",
    )
    retained = rows(
        db,
        """SELECT old.adopted, old.engaged, count(*) FILTER (WHERE new.days > 0), count(*)
        FROM places old JOIN places new USING (user) WHERE old.w = 1 AND new.w = 0
        GROUP BY ALL ORDER BY ALL""",
    )
    return {"windows": windows, "fresh": fresh, "moves": moves, "retained": retained}


def journey(db: DB) -> dict[str, Any]:
    """Signed up, activated, core feature adopted, engaged: the first day of each in turn."""
    db.execute(
        """CREATE TABLE reached AS
        WITH core AS (SELECT DISTINCT user, feature, day FROM feature_events
            WHERE feature IN ('reports', 'docs')),
        adopted AS (SELECT user, min(day) AS day FROM (SELECT user, day FROM core
            QUALIFY lag(day) OVER (PARTITION BY user, feature ORDER BY day) >= day - 29)
            GROUP BY user),
        engaged AS (SELECT user, min(day) AS day FROM (SELECT user, day FROM days
            QUALIFY lag(day, 7) OVER (PARTITION BY user ORDER BY day) >= day - 27)
            GROUP BY user),
        now_core AS (SELECT DISTINCT user FROM (SELECT user, feature FROM core, span
            WHERE day >= as_of - 30 GROUP BY ALL HAVING count(*) >= 2)),
        own AS (SELECT s.user, unnest([1, 2, 3, 4]) AS k,
                unnest([s.day, x.day, a.day, e.day]) AS own, unnest([true, true,
                    c.user IS NOT NULL, coalesce(n.days >= 8, false)]) AS holds
            FROM signups s LEFT JOIN activations x USING (user) LEFT JOIN adopted a USING (user)
            LEFT JOIN engaged e USING (user) LEFT JOIN now_core c USING (user)
            LEFT JOIN (SELECT * FROM active28 WHERE w = 0) n USING (user))
        SELECT user, k, own, holds,
            CASE WHEN count(own) OVER upto = k THEN max(own) OVER upto END AS day
        FROM own WINDOW upto AS (PARTITION BY user ORDER BY k)"""
    )
    stages = rows(
        db,
        """SELECT r.k, count(r.day), count(*), count(r.day) - count(n.day),
            count(*) FILTER (WHERE r.day IS NOT NULL AND r.holds),
            count(*) FILTER (WHERE r.own IS NOT NULL AND r.day IS NULL)
        FROM reached r LEFT JOIN reached n ON n.user = r.user AND n.k = r.k + 1
        GROUP BY r.k ORDER BY r.k""",
    )
    cohorts = rows(
        db,
        """WITH ways AS (SELECT a.day, z.day AS last, a.day + 90 < as_of AS mature,
                coalesce(z.day <= a.day + 90, false) AS arrived
            FROM reached a JOIN reached z USING (user), span WHERE a.k = 1 AND z.k = 4)
        SELECT strftime(day, '%Y-%m') AS cohort, count(*), count(*) FILTER (WHERE mature),
            count(*) FILTER (WHERE mature AND arrived),
            count(*) FILTER (WHERE NOT mature AND arrived), count(last)
        FROM ways GROUP BY cohort ORDER BY cohort""",
    )
    return {"stages": stages, "steps": _steps(db), "cohorts": cohorts}


def _steps(db: DB) -> list[list[Any]]:
    """Kaplan–Meier from stage to stage: the share by 90 days, and the median in days."""
    return rows(
        db,
        """WITH waits AS (SELECT r.k, n.day IS NOT NULL AS done,
                coalesce(n.day, as_of - 1) - r.day AS t
            FROM reached r JOIN reached n ON n.user = r.user AND n.k = r.k + 1, span
            WHERE r.day IS NOT NULL),
        moments AS (SELECT k, t, count(*) FILTER (WHERE done) AS arrived, count(*) AS n
            FROM waits GROUP BY ALL),
        risk AS (SELECT *, sum(n) OVER (PARTITION BY k ORDER BY t DESC) AS at_risk FROM moments),
        curve AS (SELECT k, t, 1 - exp(sum(ln(1 - arrived / at_risk)) OVER (
            PARTITION BY k ORDER BY t)) AS share FROM risk WHERE arrived < at_risk)
        SELECT k, max(share) FILTER (WHERE t <= 90), min(t) FILTER (WHERE share >= 0.5)
        FROM curve GROUP BY k ORDER BY k""",
    )


def channel_engagement(db: DB) -> dict[str, Any]:
    """Users, uses and days of two channels in six windows; first touch; use before activation."""
    db.execute(
        """CREATE TABLE touches AS SELECT user, ts, day,
            CASE event WHEN 'help_read' THEN 'help' ELSE 'search' END AS channel
        FROM events WHERE event IN ('help_read', 'search_run')"""
    )
    trend = rows(
        db,
        """WITH sizes AS (SELECT w, count(*) AS there, count(a.user) AS active
            FROM there28 LEFT JOIN active28 a USING (user, w) GROUP BY w),
        mine AS (SELECT (as_of - 1 - day) // 28 AS w, channel, user, count(*) AS uses,
                count(DISTINCT day) AS days FROM touches, span WHERE w < 6 GROUP BY ALL)
        SELECT w, channel, any_value(active), any_value(there), count(*), sum(uses)::BIGINT,
            sum(days)::BIGINT
        FROM mine JOIN sizes USING (w) GROUP BY w, channel ORDER BY w, channel""",
    )
    db.execute(
        """CREATE TABLE touched AS SELECT c.channel, a.user, epoch_ms(a.t0) AS t0,
            epoch_ms(a.activated_at) AS arrived, epoch_ms(f.ts) AS ts
        FROM activated a CROSS JOIN (SELECT unnest(['help', 'search']) AS channel) c
        LEFT JOIN (SELECT user, channel, min(ts) AS ts FROM touches GROUP BY ALL) f
            ON f.user = a.user AND f.channel = c.channel"""
    )
    touched = rows(
        db,
        """SELECT channel, count(ts), count(*),
            median(greatest(ts - t0, 0)) FILTER (WHERE ts IS NOT NULL) / 1000
        FROM touched GROUP BY channel ORDER BY channel""",
    )
    before = rows(
        db,
        f"""SELECT channel, count(*) FILTER (WHERE in_time AND ts <= arrived),
            count(*) FILTER (WHERE in_time), count(*) FILTER (WHERE NOT in_time AND ts <= due),
            count(*) FILTER (WHERE NOT in_time)
        FROM (SELECT *, t0 + {14 * DAY_MS} AS due, coalesce(arrived <= due, false) AS in_time
            FROM touched, span WHERE due < ends) GROUP BY channel ORDER BY channel""",
    )
    return {
        "trend": [row[:6] for row in trend], "days": [row[1::5] for row in trend if row[0] == 0],
        "touched": touched, "before": before,
    }  # fmt: skip


def account_health(db: DB) -> dict[str, Any]:
    """Each account's members, points of two windows, features, and why to look at it."""
    cases = " ".join(f"WHEN '{e}' THEN {w}" for e, w in terms.WEIGHTS.items())
    found = rows(
        db,
        f"""WITH size AS (SELECT account, count(*) AS members, count(x.user) AS activated,
                count(a.user) AS active
            FROM people LEFT JOIN activations x USING (user)
            LEFT JOIN (SELECT * FROM active28 WHERE w = 0) a USING (user) GROUP BY account),
        points AS (SELECT p.account,
                sum(CASE event {cases} END) FILTER (WHERE day >= as_of - 28) AS now,
                sum(CASE event {cases} END) FILTER (WHERE day < as_of - 28) AS old
            FROM events e JOIN people p USING (user), span
            WHERE event IN {tuple(terms.WEIGHTS)} AND day >= as_of - 56 GROUP BY p.account),
        habits AS (SELECT account, count(DISTINCT feature) AS features FROM (
                SELECT user, feature FROM feature_events, span WHERE day >= as_of - 28
                GROUP BY ALL HAVING count(DISTINCT day) >= 2) JOIN people USING (user)
            GROUP BY account),
        facts AS (SELECT s.*, coalesce(now, 0) AS now, coalesce(old, 0) AS old,
                coalesce(features, 0) AS features, seats, mrr, now / nullif(old, 0) - 1 AS change
            FROM size s LEFT JOIN points USING (account) LEFT JOIN habits USING (account)
            LEFT JOIN companies USING (account))
        SELECT account, members, active, activated, now::BIGINT, old::BIGINT, features, seats,
            mrr, active = 0 AS idle,
            old > 0 AND coalesce(now, 0) / nullif(old, 0) - 1 <= -0.33 AS dropping,
            coalesce(active / seats < 0.3, false) AS few FROM facts ORDER BY account""",
    )
    return {"accounts": found}


METRICS = (frequency, feedback, quadrant, journey, channel_engagement, account_health)
