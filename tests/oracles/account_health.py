"""Account health: each account with what its members did in two windows."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

from tests.oracles.criteria import activated_at
from tests.oracles.database import DB, may_use_sql, rows, where
from tests.oracles.engagement_score import daily, days_of
from tests.oracles.model import Tables, World, listed, may_use

CELLS = [("accounts", "members")]
ROWS = {"accounts": "members"}


def section(rng: random.Random) -> dict[str, Any]:
    """Any window and thresholds."""
    return {
        "account_health": {
            "window": rng.choice(("7d", "28d")),
            "dropping": rng.choice((0.2, 0.33, 1.0)),
            "seats_below": rng.choice((0.0, 0.3, 0.6)),
        }
    }


def plain(world: World) -> Tables:
    """An account after the other."""
    c = world.config["account_health"]
    length = int(c["window"][:-1])
    end = world.end_day
    homes: dict[str, list[str]] = {}
    for user in world.actors:
        if (account := world.account(user)) is not None and world.since(user) < end:
            homes.setdefault(account, []).append(user)
    lines = []
    for account, members in homes.items():
        facts = world.account_table.get(account, {})
        active = [
            u for u in members
            if any(end - timedelta(days=length) <= d < end for d in world.days(u))
        ]  # fmt: skip
        sums = {"now": 0.0, "before": 0.0}
        for user in members:
            for day, events in days_of(world, user).items():
                back = (end - day).days - 1
                if 0 <= back < 2 * length:
                    points = sum(points for _, _, points in events.values())
                    sums["now" if back < length else "before"] += float(points)
        now, before = sums["now"], sums["before"]
        seats, mrr = (float(facts[k]) if facts.get(k) else None for k in ("seats", "mrr"))
        change = now / before - 1 if before else None
        gone = has_ended(world, members, account, world.midnight(end))
        reasons = []
        if not gone:
            reasons += [] if active else ["idle"]
            reasons += ["dropping"] if change is not None and change <= -c["dropping"] else []
            few = seats and len(active) / seats < c["seats_below"]
            reasons += ["seats"] if few else []
        lines.append(
            {
                "item": account,
                "status": "cancelled" if gone else "active" if active else "idle",
                "look_at": "; ".join(reasons) or None,
                "mrr": mrr, "members": len(members), "active": len(active),
                "seats": (len(active), seats) if seats else None,
                "activity": now, "before": before, "change": change,
                "activated": (sum(_arrived(world, u) for u in members), len(members)),
                "features": sum(
                    _adopted(world, members, feature, length)
                    for feature in world.config["features"].values()
                ),
            }
        )  # fmt: skip
    return _without_unknown(sorted(lines, key=_order), world.account_table)


def _without_unknown(lines: list[dict[str, Any]], table: dict[str, dict[str, str]]) -> Tables:
    """Without the columns of which the accounts table knows nothing."""
    for name in ("mrr", "seats"):
        if not any(facts[name] for facts in table.values()):
            for line in lines:
                del line[name]
    return {"accounts": lines}


def _order(line: dict[str, Any]) -> tuple[Any, ...]:
    reasons = set((line["look_at"] or "").split("; "))
    rank = 0 if reasons & {"idle", "dropping"} else 1 if "seats" in reasons else 2
    fall = max(-(line["change"] or 0), 0)
    return (
        line["status"] == "cancelled", rank, -(line["mrr"] or 0) * fall,
        line["activity"] - line["before"], -(line["mrr"] or 0), line["item"],
    )  # fmt: skip


def has_ended(world: World, members: list[str], account: str, before: int) -> bool:
    """By the table, or by the last word of its members."""
    at = world.ends(account)
    if at is not None and at < before:
        return True
    cancel, buy = endings(world.config)
    ends = [
        (t, any(world.holds(ref, e, p) for ref in cancel))
        for u in members for t, e, p in world.events.get(u, [])
        if any(world.holds(ref, e, p) for ref in (*cancel, *buy)) and t < before
    ]  # fmt: skip
    return bool(ends) and max(ends)[1]


def endings(config: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """The events of cancelling and of buying."""
    return listed(config["churn"].get("cancel", [])), listed(config.get("purchase", []))


def _arrived(world: World, user: str) -> bool:
    when = activated_at(world, user)[0] if user in world.t0 else None
    return when is not None and when < world.midnight(world.end_day)


def _adopted(world: World, members: list[str], feature: Any, length: int) -> bool:
    """Whether a member used it on enough days of the window."""
    least = world.config["feature_adoption"].get("adopted", {}).get("min_days", 2)
    end, first = world.end_day, world.end_day - timedelta(days=length)
    refs = feature["events"] if isinstance(feature, dict) else feature
    for user in members:
        days: set[date] = {
            world.day(t) for t, e, p in world.events.get(user, [])
            if any(world.holds(r, e, p) for r in refs)
            and may_use(world, user, feature, world.day(t))
        }  # fmt: skip
        if sum(first <= d < end for d in days) >= least:
            return True
    return False


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """Sums by account, joined; without the activated."""
    c, length = config["account_health"], int(config["account_health"]["window"][:-1])
    daily(db, config["engagement_score"])
    least = config["feature_adoption"].get("adopted", {}).get("min_days", 2)
    uses = " UNION ALL ".join(
        f"""SELECT {i} AS f, "user", day FROM events JOIN people USING ("user")
        WHERE ({where(f["events"] if isinstance(f, dict) else f)}) AND {may_use_sql(f)}"""
        for i, f in enumerate(config["features"].values())
    )
    cancel, buy = map(where, endings(config))
    lines = rows(
        db,
        f"""WITH home AS (SELECT "user", account FROM people p, span WHERE account IS NOT NULL
            AND coalesce(least(t0_day, p.first_day), DATE '0001-01-01') < end_day),
        size AS (SELECT account, count(*) AS members FROM home GROUP BY 1),
        act AS (SELECT account, count(DISTINCT "user") AS active
            FROM active JOIN home USING ("user"), span
            WHERE day >= end_day - {length} AND day < end_day GROUP BY 1),
        pts AS (SELECT account,
                sum(points) FILTER (WHERE day >= end_day - {length}) AS now,
                sum(points) FILTER (WHERE day < end_day - {length}) AS old
            FROM daily JOIN home USING ("user"), span
            WHERE day >= end_day - {2 * length} AND day < end_day GROUP BY 1),
        feat AS (SELECT account, count(DISTINCT f) AS features FROM (
                SELECT f, "user" FROM ({uses}), span
                WHERE day >= end_day - {length} AND day < end_day
                GROUP BY ALL HAVING count(DISTINCT day) >= {least})
            JOIN home USING ("user") GROUP BY 1),
        last AS (SELECT home AS account, arg_max({cancel}, 2 * ts + ({cancel})::BIGINT) AS gone
            FROM (SELECT e.*, h.account AS home FROM events e JOIN home h USING ("user"))
            WHERE ({cancel} OR {buy}) AND ts < (SELECT midnight(end_day) FROM span) GROUP BY 1),
        facts AS (SELECT size.account, members, coalesce(active, 0) AS active,
                coalesce(now, 0) AS now, coalesce(old, 0) AS old, c.mrr,
                nullif(c.seats, 0) AS seats, coalesce(features, 0) AS features,
                coalesce(gone, false) OR coalesce(c.cancelled < midnight(end_day), false) AS gone
            FROM size LEFT JOIN act USING (account) LEFT JOIN pts USING (account)
                LEFT JOIN feat USING (account) LEFT JOIN last USING (account)
                LEFT JOIN companies c USING (account), span),
        judged AS (SELECT *, CASE WHEN old > 0 THEN now / old - 1 END AS change,
                NOT gone AND active = 0 AS idle,
                NOT gone AND old > 0 AND now / nullif(old, 0) - 1 <= -{c["dropping"]} AS dropping,
                NOT gone AND coalesce(active / seats < {c["seats_below"]}, false) AS few FROM facts)
        SELECT account AS item,
            CASE WHEN gone THEN 'cancelled' WHEN active > 0 THEN 'active' ELSE 'idle' END AS status,
            nullif(array_to_string(list_filter([CASE WHEN idle THEN 'idle' END,
                CASE WHEN coalesce(dropping, false) THEN 'dropping' END,
                CASE WHEN few THEN 'seats' END], lambda x: x IS NOT NULL), '; '), '') AS look_at,
            mrr, seats, members, active, now AS activity, old AS before, change, features
        FROM judged ORDER BY gone, CASE WHEN idle OR coalesce(dropping, false) THEN 0
            WHEN few THEN 1 ELSE 2 END, -coalesce(mrr, 0) * greatest(-coalesce(change, 0), 0),
            now - old, -coalesce(mrr, 0), account""",
    )
    mrr, seats = db.execute("SELECT count(mrr), count(seats) FROM companies").fetchall()[0]
    known = {"all": {"mrr": str(mrr or ""), "seats": str(seats or "")}}
    for line in lines:
        line["seats"] = (line["active"], line["seats"]) if line["seats"] else None
    return _without_unknown(lines, known)
