"""Usage: lists of rows by period, person, feature and account."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any

from tests.oracles.database import DB, may_use_sql, rows, where
from tests.oracles.model import Tables, World, count_by, may_use

CELLS = [("periods", "active"), ("periods", "new"), ("features", "users")]


def _refs(world: World, feature: Any) -> list[Any]:
    found = feature["events"] if isinstance(feature, dict) else feature
    return found if isinstance(found, list) else [found]


def plain(world: World) -> Tables:
    """Lists of rows by period, person, feature and account."""
    complete = [*world.before(), *world.complete()]
    if not world.complete():
        return {}
    active, logins = _count(world, world.active), _count(world, partial(world.means, "login"))
    lines, before = [], None
    unsure = world.clear_from.toordinal()
    for a, b in complete:
        came = [u for u in world.starters() if a <= world.day(world.t0[u]) < b]
        events = sum(active[a].values())
        lines.append(
            {
                "period": world.label(a), "logins": sum(logins[a].values()),
                "new": None if not world.signup_known and a.toordinal() < unsure else len(came),
                "active": len(active[a]), "events": events,
                "per_active": (events, len(active[a])),
                "change": events / before - 1 if before else None,
            }
        )  # fmt: skip
        before = events
    last = complete[-1][0]
    tables: Tables = {
        "periods": lines[len(world.before()) :], "features": _features(world, complete)
    }  # fmt: skip
    if any(world.account(u) for u in world.actors) or world.account_table:
        tables["rates"] = [_rate("user", active[last], logins[last])]
        homes = [_homes(world, counts[last]) for counts in (active, logins)]
        tables["rates"].append(_rate("account", *homes))
        tables["accounts"] = _accounts(world, active, logins, [a for a, _ in complete[-2:]])
    return tables


def _count(world: World, wanted: Any) -> dict[date, dict[str, int]]:
    """How many such rows each user has in each complete period."""
    return {
        a: count_by(
            [u for u in world.users for t, e, p in world.events[u]
             if wanted(e, p) and a <= world.day(t) < b]
        )
        for a, b in (*world.before(), *world.complete())
    }  # fmt: skip


def _homes(world: World, counts: dict[str, int]) -> dict[str, int]:
    homes = [(world.account(u), n) for u, n in counts.items()]
    return count_by([home for home, n in homes if home for _ in range(n)])


def _rate(name: str, events: dict[str, int], logins: dict[str, int]) -> dict[str, Any]:
    return {
        "item": name, "active": len(events), "events": (sum(events.values()), len(events)),
        "logins": (sum(logins.values()), len(logins)),
    }  # fmt: skip


def _features(world: World, complete: list[tuple[date, date]]) -> list[dict[str, Any]]:
    lines = []
    for name, feature in world.config["features"].items():
        refs = _refs(world, feature)
        used = {
            a: count_by(
                [u for u in world.users for t, e, p in world.events[u]
                 if any(world.holds(r, e, p) for r in refs) and a <= world.day(t) < b
                 and may_use(world, u, feature, world.day(t))]
            )
            for a, b in complete
        }  # fmt: skip
        before = None
        for a, b in complete:
            launch = feature.get("launched_at") if isinstance(feature, dict) else None
            if launch and b <= (date.fromisoformat(launch) if isinstance(launch, str) else launch):
                continue
            uses = sum(used[a].values())
            if (a, b) not in world.complete():
                before = uses
                continue
            lines.append(
                {
                    "item": name, "period": world.label(a), "uses": uses, "users": len(used[a]),
                    "per_user": (uses, len(used[a])),
                    "change": uses / before - 1 if before else None,
                }
            )  # fmt: skip
            before = uses
    return lines


def _accounts(world: World, active: Any, logins: Any, last: list[date]) -> list[dict[str, Any]]:
    now = last[-1]
    of = {a: (_homes(world, active[a]), _homes(world, logins[a])) for a in last}
    seen = {home for counts in of.values() for part in counts for home in part}
    lines = []
    for home in seen:
        events = of[now][0].get(home, 0)
        before = of[last[0]][0].get(home, 0) if len(last) > 1 else None
        lines.append(
            {
                "item": home, "events": events, "before": before,
                "change": None if before is None else events - before,
                "relative": events / before - 1 if before else None,
                "logins": of[now][1].get(home, 0),
                "active": sum(world.account(u) == home for u in active[now]),
            }
        )  # fmt: skip
    return sorted(lines, key=lambda x: (x["change"] or 0, x["item"]))


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """Joins with the complete periods."""
    p, acting = config["period"], where(config.get("active_events"))
    db.execute(
        f"""CREATE OR REPLACE TEMP TABLE c AS SELECT *, lag(start) OVER (ORDER BY start) AS prior
            FROM with_before('{p}');
        CREATE OR REPLACE TEMP TABLE e AS SELECT events.*, c.start, people.account AS home,
            ({acting}) AS acting, ({where(config["login"])}) AS login
            FROM events JOIN c ON day >= start AND day < stop JOIN people USING ("user");"""
    )
    periods = rows(
        db,
        f"""WITH sums AS (SELECT c.start, shown, count(*) FILTER (login) AS logins,
            count(DISTINCT "user") FILTER (acting) AS active,
            count(*) FILTER (acting) AS events FROM c LEFT JOIN e USING (start) GROUP BY ALL),
        came AS (SELECT c.start, count("user") AS new FROM c
            LEFT JOIN starters ON t0_day >= start AND t0_day < stop GROUP BY ALL)
        SELECT label(start, '{p}') AS period, logins, active, events,
            events AS per_active_n, active AS per_active_d,
            events / nullif(lag(events) OVER (ORDER BY start), 0) - 1 AS change
        FROM sums JOIN came USING (start) QUALIFY shown ORDER BY start""",
    )
    if not periods:
        return {}
    features = []
    for name, feature in config["features"].items():
        refs = feature["events"] if isinstance(feature, dict) else feature
        launch = feature.get("launched_at") if isinstance(feature, dict) else None
        there = f"stop > DATE '{launch}'" if launch else "true"
        features += rows(
            db,
            f"""WITH sums AS (
                SELECT start, shown, count("user") AS uses, count(DISTINCT "user") AS users
                FROM c LEFT JOIN (SELECT e.start, "user" FROM e JOIN people USING ("user")
                    WHERE ({where(refs)}) AND {may_use_sql(feature)}) USING (start) WHERE {there}
                GROUP BY ALL)
            SELECT '{name}' AS item, label(start, '{p}') AS period, uses, users,
                uses AS per_user_n, users AS per_user_d,
                uses / nullif(lag(uses) OVER (ORDER BY start), 0) - 1 AS change
            FROM sums QUALIFY shown ORDER BY start""",
        )
    tables: Tables = {"periods": periods, "features": features}
    if db.execute(
        "SELECT (SELECT count(account) FROM people) + (FROM (SELECT count(*) FROM companies))"
    ).fetchall()[0][0]:
        tables["accounts"] = rows(
            db,
            """WITH l AS (SELECT max(start) AS start, arg_max(prior, start) AS prior,
                max(prior) IS NULL AS alone FROM c),
            sums AS (SELECT home, count(*) FILTER (acting AND e.start = l.start) AS events,
                count(*) FILTER (acting AND e.start = l.prior) AS before,
                count(*) FILTER (login AND e.start = l.start) AS logins,
                count(DISTINCT "user") FILTER (acting AND e.start = l.start) AS active,
                count(*) FILTER (acting OR login) AS any_of, alone
                FROM e, l WHERE home IS NOT NULL AND (e.start = l.start OR e.start = l.prior)
                GROUP BY home, alone)
            SELECT home AS item, events, CASE WHEN NOT alone THEN before END AS before,
                CASE WHEN NOT alone THEN events - before END AS change,
                CASE WHEN NOT alone THEN events / nullif(before, 0) - 1 END AS relative,
                logins, active FROM sums WHERE any_of > 0
            ORDER BY coalesce(CASE WHEN NOT alone THEN events - before END, 0), home""",
        )
    return tables
