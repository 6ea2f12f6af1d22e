"""Feature adoption: by window, and of newcomers since their beginning."""

from __future__ import annotations

import random
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.oracles.database import DB, rows, where
from tests.oracles.model import DAY_MS, Tables, World, quantile

CELLS = [
    ("features", "share_of_active"), ("features", "adopted"), ("funnel", "again"),
    ("trend", "tried"), ("trend", "adopted"), ("retained", "again"), ("retained", "immature"),
    ("cohorts", "tried"), ("cohorts", "adopted"), ("curve", "new"),
]  # fmt: skip
ROWS = {"funnel": "features"}
MEASURES = {"share_of_active": "tried", "new": "tried"}
MARKS = (1, 7, 28)


def section(rng: random.Random) -> dict[str, Any]:
    """Windows, each span of adoption, and when a first use was not the last."""
    span = rng.choice(("window", "calendar_week", "rolling_days", "elapsed"))
    adopted: dict[str, Any] = {"min_days": rng.choice((2, 2, 3)), "span": span}
    if span in ("rolling_days", "elapsed"):
        adopted["within"] = rng.choice(("3d", "7d", "10d"))
    after = rng.choice((1, 2, 8))
    retained = {"after": f"{after}d", "within": f"{after + rng.choice((0, 6, 20))}d"}
    return {
        "feature_adoption": {
            "window": rng.choice(("7d", "30d")), "adopted": adopted, "retained": retained,
            "first": rng.choice(("1d", "7d", "28d")),
        }
    }  # fmt: skip


class Feature:
    """One feature of the YAML, and what people did with it."""

    def __init__(self, world: World, definition: Any) -> None:
        whole = definition if isinstance(definition, dict) else {"events": definition}
        self.world, self.refs = world, whole["events"]
        self.plans = whole.get("eligible", {}).get("plan")
        self.core = whole.get("core", False)
        launched = whole.get("launched_at")
        self.launched = date.fromisoformat(launched) if launched else None
        self.uses = {u: self._uses(u) for u in world.actors}

    def able(self, user: str) -> bool:
        """Whether somebody can have it."""
        return self.plans is None or self.world.trait(user, "plan") in self.plans

    def there(self, day: date) -> bool:
        """Whether it has been launched."""
        return self.launched is None or day >= self.launched

    def _uses(self, user: str) -> list[tuple[int, date]]:
        """Instants and days of all uses that count."""
        rows = self.world.events.get(user, []) if self.able(user) else []
        mine = [(t, self.world.day(t)) for t, e, p in rows
                if any(self.world.holds(r, e, p) for r in self.refs)]  # fmt: skip
        return [(t, d) for t, d in mine if self.there(d)]

    def origin(self, user: str) -> int | None:
        """The later of sign-up and launch, where it is seen."""
        world = self.world
        if user not in world.known or not self.able(user):
            return None
        at = world.t0[user]
        if self.launched:
            at = max(at, world.midnight(self.launched))
        return at if at < world.as_of and world.shows(world.day(at)) else None


def features(world: World) -> dict[str, Feature]:
    """All of them, by name."""
    return {name: Feature(world, f) for name, f in world.config["features"].items()}


def adopted(world: World, uses: list[tuple[int, date]]) -> bool:
    """Whether uses on enough days lie close enough together."""
    rule = world.config["feature_adoption"]["adopted"]
    within = int(rule.get("within", "0d")[:-1])
    for t, d in uses:
        close = {
            "window": lambda u, e: True,
            "calendar_week": lambda u, e, d=d: world.start(e, "week") == world.start(d, "week"),
            "rolling_days": lambda u, e, d=d: timedelta(0) <= e - d < timedelta(days=within),
            "elapsed": lambda u, e, t=t: 0 <= u - t <= within * DAY_MS,
        }[rule["span"]]
        if len({e for u, e in uses if close(u, e)}) >= rule["min_days"]:
            return True
    return False


def plain(world: World) -> Tables:
    """The windows, one person after the other, then newcomers."""
    c = world.config["feature_adoption"]
    length = int(c["window"][:-1])
    known = features(world)
    trend, breadth_mean, last = [], [], {}
    for begin, end in world.windows(length, 6):
        active = {u: [d for d in world.days(u) if begin <= d < end] for u in world.actors}
        active = {u: days for u, days in active.items() if days}
        used = dict.fromkeys(active, 0)
        for name, feature in known.items():
            able = [u for u in active if feature.able(u) and feature.there(active[u][-1])]
            uses = {u: [x for x in feature.uses[u] if begin <= x[1] < end] for u in able}
            uses = {u: x for u, x in uses.items() if x}
            habit = [u for u, x in uses.items() if adopted(world, x)]
            for user in uses:
                used[user] += 1
            trend.append({"period": (end - timedelta(days=1)).isoformat(), "item": name,
                          "tried": (len(uses), len(able)),
                          "adopted": (len(habit), len(able))})  # fmt: skip
            last[name] = (able, uses, habit)
        breadth_mean.append({"period": trend[-1]["period"],
                             "mean": (sum(used.values()), len(used))})  # fmt: skip
    if not used:
        return {}
    found = _last_window(world, known, last, begin)
    found |= {
        "trend": trend,
        "breadth": [{"step": n, "actors": (sum(k == n for k in used.values()), len(used))}
                    for n in range(len(known) + 1)],
        "breadth_mean": breadth_mean,
    }  # fmt: skip
    return found | _since_start(world, known)


def _last_window(world: World, known: dict[str, Feature], last: Any, begin: date) -> Tables:
    logins = sum(world.means("login", e, p) and begin <= world.day(t) < world.end_day
                 for rows in world.events.values() for t, e, p in rows)  # fmt: skip
    table, funnel, habits, core, all_core = [], [], [], 0, 0
    for name, feature in known.items():
        able, uses, habit = last[name]
        n, total = len(able), sum(map(len, uses.values()))
        again = sum(len(x) > 1 for x in uses.values())
        day_counts = {u: len({d for _, d in x}) for u, x in uses.items()}
        since = max(begin, world.first_day, feature.launched or begin)
        days = (world.end_day - since).days
        table.append({
            "item": name, "share_of_active": (len(uses), n), "adopted": (len(habit), n),
            "uses": total, "users_per_login": (len(uses), logins),
            "uses_per_login": (total, logins),
        })  # fmt: skip
        funnel.append({"item": name, "exposed": n, "tried": (len(uses), n),
                       "again": (again, len(uses)), "adopted": (len(habit), again)})  # fmt: skip
        middle = quantile([len(uses[u]) for u in habit], 0.5)
        habits.append({
            "item": name, "uses_per_adopter": (sum(len(uses[u]) for u in habit), len(habit)),
            "median_uses": None if middle is None else float(middle),
            "days_per_adopter": (sum(day_counts[u] for u in habit), len(habit)),
            "uses_per_day": (total, max(days, 0)),
            "dau_mau": (sum(day_counts.values()), len(uses) * max(days, 0)),
        })  # fmt: skip
        if feature.core:
            core, all_core = core + len(uses), all_core + n
    return {"features": table, "funnel": funnel, "habits": habits,
            "core": [{"share": (core, all_core)}]}  # fmt: skip


def _since_start(world: World, known: dict[str, Feature]) -> Tables:
    c = world.config["feature_adoption"]
    first = int(c["first"][:-1]) * DAY_MS
    after, within = (int(c["retained"][k][:-1]) for k in ("after", "within"))
    times, retained, cohorts, curve = [], [], [], []
    for name, feature in known.items():
        origins = {u: at for u in world.actors if (at := feature.origin(u)) is not None}
        waits, again, once, mature, immature = [], 0, 0, 0, 0
        by_cohort: dict[date, list[int]] = {}
        for user, origin in origins.items():
            uses = feature.uses[user]
            waits.append((max(uses[0][0] - origin, 0), 1) if uses else (world.as_of - origin, 0))
            if uses:
                begin = uses[0][1]
                old = begin + timedelta(days=within) < world.as_of_day
                mature, immature = mature + old, immature + (not old)
                again += old and any(after <= (d - begin).days <= within for _, d in uses)
                once += old and len({d for _, d in uses}) == 1
            if origin == world.t0[user]:
                line = by_cohort.setdefault(world.start(world.day(origin)), [0] * 4)
                early = [x for x in uses if x[0] <= origin + first]
                done = origin + first < world.as_of
                for i, yes in enumerate(
                    (done, done and early, done and adopted(world, early), not done)
                ):
                    line[i] += bool(yes)
        times.append({"item": name, **_waits(waits)})
        retained.append({"item": name, "again": (again, mature), "once": (once, mature),
                         "immature": immature})  # fmt: skip
        cohorts += [
            {"item": name, "cohort": world.label(k), "tried": (v[1], v[0]),
             "adopted": (v[2], v[0]), "immature": v[3]} for k, v in sorted(by_cohort.items())
        ]  # fmt: skip
        curve += _curve(world, name, feature)
    return {"times": times, "retained": retained, "cohorts": cohorts, "curve": curve}


def _waits(waits: list[tuple[int, int]]) -> dict[str, Any]:
    """Kaplan–Meier, one time after the other."""
    left, curve = Fraction(1), []
    for t in sorted({t for t, done in waits if done}):
        at_risk = sum(u >= t for u, _ in waits)
        left *= 1 - Fraction(sum(u == t and done for u, done in waits), at_risk)
        curve.append((t, 1 - left))
    longest = max((t for t, _ in waits), default=-1)
    found: dict[str, Any] = {}
    for days in MARKS:
        reached = [share for t, share in curve if t <= days * DAY_MS]
        value = float(reached[-1]) if reached else 0.0
        found[f"by_{days}d"] = value if days * DAY_MS <= longest else None
    half = [t for t, share in curve if share >= Fraction(1, 2)]
    middle = quantile([t for t, done in waits if done], 0.5)
    found["median"] = half[0] / 1000 if half else None
    found["median_tried"] = None if middle is None else float(middle) / 1000
    return found


def _curve(world: World, name: str, feature: Feature) -> list[dict[str, Any]]:
    launch, found = feature.launched, []
    if launch is None or not world.first_day <= launch < world.end_day:
        return []
    end, before, week = launch, 0, 0
    while end < world.end_day:
        end, week = min(end + timedelta(days=7), world.end_day), week + 1
        here = [u for u in world.actors if feature.able(u)
                and any(launch <= d < end for d in world.days(u))]  # fmt: skip
        had = sum(any(d < end for _, d in feature.uses[u]) for u in here)
        if end > world.shown_from:
            found.append({
                "item": name, "step": week, "tried": (had, len(here)), "new": had - before,
                "period": (end - timedelta(days=1)).isoformat(),
            })  # fmt: skip
        before = had
    return found


def prepare(db: DB, config: dict[str, Any], length: int) -> int:
    """The windows, the features, who can have each, and the uses that count.

    Tables: windows: start, stop, last. feature: item, name, launched, core. able: item, "user".
    uses: item, "user", ts, day.
    """
    db.execute(
        f"""CREATE OR REPLACE TEMP TABLE windows AS
            SELECT start, stop, k = 0 AS last FROM windows_back({length}, 6);
        CREATE OR REPLACE TEMP TABLE feature (item INT, name TEXT, launched DATE, core BOOL);
        CREATE OR REPLACE TEMP TABLE able (item INT, "user" TEXT);
        CREATE OR REPLACE TEMP TABLE uses (item INT, "user" TEXT, ts BIGINT, day DATE);"""
    )
    for item, (name, given) in enumerate(config["features"].items()):
        feature = given if isinstance(given, dict) else {"events": given}
        launched = feature.get("launched_at")
        plans = feature.get("eligible", {}).get("plan")
        db.execute("INSERT INTO feature VALUES (?, ?, ?, ?)",
                   [item, name, launched, feature.get("core", False)])  # fmt: skip
        listed = "true" if plans is None else f"plan IN ({', '.join(map(repr, plans))})"
        db.execute(f'INSERT INTO able SELECT {item}, "user" FROM people WHERE {listed}')
        since = f"day >= DATE '{launched}'" if launched else "true"
        db.execute(
            f"""INSERT INTO uses SELECT {item}, "user", ts, day FROM events
            SEMI JOIN (FROM able WHERE item = {item}) USING ("user")
            WHERE ({where(feature["events"])}) AND {since}"""
        )
    return length


def _habit(config: dict[str, Any], uses: str, keys: str) -> str:
    """The keys of those uses that make an adoption."""
    rule = config["feature_adoption"]["adopted"]
    n = int(rule.get("within", "0d")[:-1])
    near = {
        "window": "true",
        "calendar_week": "start_of(a.day, 'week') = start_of(b.day, 'week')",
        "rolling_days": f"b.day BETWEEN a.day AND a.day + {n - 1}",
        "elapsed": f"b.ts BETWEEN a.ts AND a.ts + {n * DAY_MS}",
    }[rule["span"]]
    return f"""SELECT DISTINCT {keys} FROM (
        SELECT {keys}, a.ts FROM {uses} a JOIN {uses} b USING ({keys}) WHERE {near}
        GROUP BY {keys}, a.ts, a.day HAVING count(DISTINCT b.day) >= {rule["min_days"]})"""


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """Sets of users joined with one another."""
    c = config["feature_adoption"]
    prepare(db, config, int(c["window"][:-1]))
    db.execute(
        f"""CREATE OR REPLACE TEMP TABLE here AS SELECT stop, start, last, "user", max(day) AS day
            FROM active JOIN windows ON day >= start AND day < stop GROUP BY ALL;
        CREATE OR REPLACE TEMP TABLE exposed AS SELECT h.stop, last, f.item, h."user"
            FROM here h CROSS JOIN feature f SEMI JOIN able ON able.item = f.item
                AND able."user" = h."user"
            WHERE launched IS NULL OR h.day >= launched;
        CREATE OR REPLACE TEMP TABLE inside AS SELECT e.stop, e.last, u.* FROM uses u
            JOIN windows w ON u.day >= w.start AND u.day < w.stop
            JOIN exposed e ON e.item = u.item AND e."user" = u."user" AND e.stop = w.stop;
        CREATE OR REPLACE TEMP TABLE tried AS SELECT stop, last, item, "user", count(*) AS uses,
            count(DISTINCT day) AS days FROM inside GROUP BY ALL;
        CREATE OR REPLACE TEMP TABLE habit AS {_habit(config, "inside", 'item, "user", stop')};
        CREATE OR REPLACE TEMP VIEW judged AS SELECT e.*, t.uses, t.days,
            t."user" IS NOT NULL AS tried, h."user" IS NOT NULL AS adopted FROM exposed e
            LEFT JOIN tried t ON t.item = e.item AND t."user" = e."user" AND t.stop = e.stop
            LEFT JOIN habit h ON h.item = e.item AND h."user" = e."user" AND h.stop = e.stop;"""
    )
    if not rows(db, "FROM here WHERE last"):
        return {}
    return _windows_sql(db) | _last_sql(db, config) | _since_sql(db, config)


def _windows_sql(db: DB) -> Tables:
    trend = rows(
        db,
        """SELECT strftime(w.stop - 1, '%Y-%m-%d') AS period, name AS item,
            count(*) FILTER (tried) AS tried_n, count("user") AS tried_d,
            count(*) FILTER (adopted) AS adopted_n, count("user") AS adopted_d
        FROM windows w CROSS JOIN feature f LEFT JOIN judged j ON j.stop = w.stop
            AND j.item = f.item
        GROUP BY w.stop, f.item, name ORDER BY w.stop, f.item""",
    )
    each = """(SELECT here.*, (SELECT count(*) FROM tried t WHERE t.stop = here.stop
        AND t."user" = here."user") AS n FROM here)"""
    breadth = rows(
        db,
        f"""SELECT k AS step, count(*) FILTER (n = k) AS actors_n, count(*) AS actors_d
        FROM {each}, generate_series(0, (SELECT count(*) FROM feature)) s(k) WHERE last
        GROUP BY k ORDER BY k""",
    )
    means = rows(
        db,
        f"""SELECT strftime(w.stop - 1, '%Y-%m-%d') AS period,
            coalesce(sum(n), 0)::BIGINT AS mean_n, count(n) AS mean_d
        FROM windows w LEFT JOIN {each} e ON e.stop = w.stop GROUP BY w.stop ORDER BY w.stop""",
    )
    return {"trend": trend, "breadth": breadth, "breadth_mean": means}


def _last_sql(db: DB, config: dict[str, Any]) -> Tables:
    judged = "feature f LEFT JOIN (FROM judged WHERE last) j ON j.item = f.item CROSS JOIN span"
    table = rows(
        db,
        f"""WITH l AS (SELECT count(*) AS logins FROM events, windows
            WHERE last AND day >= start AND day < stop AND ({where(config["login"])}))
        SELECT name AS item, count(*) FILTER (tried) AS share_of_active_n,
            count("user") AS share_of_active_d, count(*) FILTER (adopted) AS adopted_n,
            count("user") AS adopted_d, coalesce(sum(uses), 0)::BIGINT AS uses,
            count(*) FILTER (tried) AS users_per_login_n, logins AS users_per_login_d,
            coalesce(sum(uses), 0)::BIGINT AS uses_per_login_n, logins AS uses_per_login_d
        FROM {judged} CROSS JOIN l GROUP BY f.item, name, logins ORDER BY f.item""",
    )
    funnel = rows(
        db,
        f"""SELECT name AS item, count("user") AS exposed, count(*) FILTER (tried) AS tried_n,
            count("user") AS tried_d, count(*) FILTER (uses > 1) AS again_n,
            count(*) FILTER (tried) AS again_d, count(*) FILTER (adopted) AS adopted_n,
            count(*) FILTER (uses > 1) AS adopted_d
        FROM {judged} GROUP BY f.item, name ORDER BY f.item""",
    )
    habits = rows(
        db,
        f"""SELECT name AS item,
            coalesce(sum(uses) FILTER (adopted), 0)::BIGINT AS uses_per_adopter_n,
            count(*) FILTER (adopted) AS uses_per_adopter_d,
            quantile_cont(uses, 0.5) FILTER (adopted) AS median_uses,
            coalesce(sum(days) FILTER (adopted), 0)::BIGINT AS days_per_adopter_n,
            count(*) FILTER (adopted) AS days_per_adopter_d,
            coalesce(sum(uses), 0)::BIGINT AS uses_per_day_n, greatest(end_day - greatest(
                w.start, first_day, coalesce(launched, first_day)), 0) AS uses_per_day_d,
            coalesce(sum(days), 0)::BIGINT AS dau_mau_n,
            count(*) FILTER (tried) * uses_per_day_d AS dau_mau_d
        FROM {judged} CROSS JOIN (FROM windows WHERE last) w
        GROUP BY f.item, name, launched, end_day, first_day, w.start ORDER BY f.item""",
    )
    core = rows(
        db,
        """SELECT count(*) FILTER (tried) AS share_n, count(*) AS share_d
        FROM judged JOIN feature USING (item) WHERE last AND core""",
    )
    return {"features": table, "funnel": funnel, "habits": habits, "core": core}


def _since_sql(db: DB, config: dict[str, Any]) -> Tables:
    c = config["feature_adoption"]
    first = int(c["first"][:-1]) * DAY_MS
    after, within = (int(c["retained"][k][:-1]) for k in ("after", "within"))
    db.execute(
        f"""CREATE OR REPLACE TEMP TABLE newcomers AS
        SELECT f.item, f.name, p."user", p.t0, p.t0_day,
            greatest(p.t0, coalesce(midnight(f.launched), p.t0)) AS origin,
            (SELECT min(ts) FROM uses u WHERE u.item = f.item AND u."user" = p."user") AS ts
        FROM feature f JOIN able USING (item) JOIN people p USING ("user") CROSS JOIN span
        WHERE known AND greatest(p.t0, coalesce(midnight(f.launched), p.t0)) < as_of
            AND local(greatest(p.t0, coalesce(midnight(f.launched), p.t0))) >= shown_from
            AND local(greatest(p.t0, coalesce(midnight(f.launched), p.t0))) < end_day;
        CREATE OR REPLACE TEMP TABLE soon AS SELECT u.* FROM uses u JOIN newcomers n
            USING (item, "user") WHERE u.ts <= n.t0 + {first};
        CREATE OR REPLACE TEMP TABLE soon_habit AS {_habit(config, "soon", 'item, "user"')};"""
    )
    p = config["period"]
    cohorts = rows(
        db,
        f"""SELECT name AS item, label(start_of(t0_day, '{p}'), '{p}') AS cohort,
            count(*) FILTER (old AND ts <= t0 + {first}) AS tried_n,
            count(*) FILTER (old) AS tried_d, count(*) FILTER (old AND adopted) AS adopted_n,
            count(*) FILTER (old) AS adopted_d, count(*) FILTER (NOT old) AS immature
        FROM (SELECT n.*, n.item AS any_item, t0 + {first} < as_of AS old, EXISTS (FROM soon_habit h
                WHERE h.item = n.item AND h."user" = n."user") AS adopted
            FROM newcomers n, span WHERE origin = t0)
        GROUP BY any_item, name, start_of(t0_day, '{p}') ORDER BY any_item, cohort""",
    )
    retained = rows(
        db,
        f"""WITH begun AS (SELECT item, "user", local(ts) AS d, local(ts) + {within} < as_of_day
            AS old FROM newcomers, span WHERE ts IS NOT NULL),
        judged AS (SELECT b.*, EXISTS (FROM uses u WHERE u.item = b.item AND u."user" = b."user"
            AND u.day BETWEEN d + {after} AND d + {within}) AS again,
            (SELECT count(DISTINCT day) FROM uses u WHERE u.item = b.item AND u."user" = b."user")
            = 1 AS once FROM begun b)
        SELECT name AS item, count(*) FILTER (old AND again) AS again_n,
            count(*) FILTER (old) AS again_d, count(*) FILTER (old AND once) AS once_n,
            count(*) FILTER (old) AS once_d, count(*) FILTER (NOT old) AS immature
        FROM feature f LEFT JOIN judged j ON j.item = f.item
        GROUP BY f.item, name ORDER BY f.item""",
    )
    return {"cohorts": cohorts, "retained": retained, "times": _times_sql(db),
            "curve": _curve_sql(db)}  # fmt: skip


def _times_sql(db: DB) -> list[dict[str, Any]]:
    """Kaplan–Meier by a running product over the times of first uses."""
    by = ", ".join(
        f"""CASE WHEN {d * DAY_MS} <= max(t) THEN coalesce(
            max(reached) FILTER (done AND t <= {d * DAY_MS}), 0.0) END AS by_{d}d"""
        for d in MARKS
    )
    return rows(
        db,
        f"""WITH waits AS (SELECT item, ts IS NOT NULL AS done,
            greatest(coalesce(ts, as_of) - origin, 0) AS t FROM newcomers, span),
        moments AS (SELECT item, t, bool_or(done) AS done, count(*) FILTER (done) AS arrived,
            sum(count(*)) OVER (PARTITION BY item ORDER BY t DESC) AS at_risk
            FROM waits GROUP BY item, t),
        curve AS (SELECT item, t, done, 1 - product(1 - arrived / at_risk) OVER (
            PARTITION BY item ORDER BY t) AS reached FROM moments)
        SELECT name AS item, {by},
            min(t) FILTER (done AND reached >= 0.5 - 1e-12) / 1000 AS median,
            (SELECT quantile_cont(t, 0.5) FROM waits w WHERE w.item = f.item AND done) / 1000
                AS median_tried
        FROM feature f LEFT JOIN curve c ON c.item = f.item
        GROUP BY f.item, name ORDER BY f.item""",
    )


def _curve_sql(db: DB) -> list[dict[str, Any]]:
    return rows(
        db,
        """WITH weeks AS (SELECT item, name, launched, k, least(launched + 7 * k, end_day) AS stop
            FROM feature, span, (SELECT unnest(range(1, 60))::INT AS k) WHERE launched >= first_day
                AND launched < end_day AND launched + 7 * (k - 1) < end_day),
        had AS (SELECT w.item, name, k, stop, count(DISTINCT a."user") AS came,
            count(DISTINCT u."user") AS tried FROM weeks w
            LEFT JOIN (able JOIN active USING ("user")) a
                ON a.item = w.item AND a.day >= launched AND a.day < stop
            LEFT JOIN uses u ON u.item = w.item AND u."user" = a."user" AND u.day < stop
            GROUP BY ALL)
        SELECT name AS item, k AS step, strftime(stop - 1, '%Y-%m-%d') AS period,
            tried AS tried_n, came AS tried_d,
            tried - coalesce(lag(tried) OVER (PARTITION BY item ORDER BY k), 0) AS "new"
        FROM had, span QUALIFY stop > shown_from ORDER BY had.item, k""",
    )
