"""The quadrant: a person and a window at a time."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

from tests.oracles.criteria import activated_at, activations, part_of
from tests.oracles.database import DB, may_use_sql, rows, where
from tests.oracles.engagement_score import daily, days_of
from tests.oracles.model import Tables, World

QUADRANTS = ("champions", "busy_not_adopted", "adopted_not_engaged", "neither")
CELLS = [
    ("quadrants", "actors"), ("windows", "champions"), ("windows", "neither"),
    ("windows", "adopted_not_engaged"), ("retention", "retained"), ("moves", "moved"),
    ("moves", "neither"), ("quadrants", "newcomers"),
]  # fmt: skip


def section(rng: random.Random) -> dict[str, Any]:
    """Activation, breadth, both, or what holds without a word; active days of some window."""
    breadth = {"features": rng.choice((1, 2)), "used": rng.choice(("ever", "window"))}
    both = {"activated": True, "rule": rng.choice(("all", "any")), **breadth}
    length, days = rng.choice(((7, 1), (7, 2), (10, 1), (28, 2), (28, 8)))
    found: dict[str, Any] = {"engagement": {"active_days": days, "window": f"{length}d"}}
    adoption = rng.choice((None, {"activated": True}, breadth, breadth, both))
    if adoption:
        found["adoption"] = adoption
    if rng.random() < 0.15:
        return _by_score(rng, breadth)
    return {"quadrant": found}


def _by_score(rng: random.Random, breadth: dict[str, Any]) -> dict[str, Any]:
    """Points of events that are no uses of features, since axes must share none."""
    axis = {"score": rng.choice((2.5, 5, 12))} | rng.choice(({}, {"window": "10d"}))
    weights = {"built": 5, "asked": 2.5, "logged_in": 1}
    score = {"weights": weights, "window": rng.choice(("7d", "14d"))}
    score |= rng.choice(({}, {"daily_cap": {"points": 6}}))
    return {"quadrant": {"adoption": breadth, "engagement": axis}, "engagement_score": score}


def _axes(config: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """What adopted means, and the length of the windows."""
    found = config["quadrant"]
    axis = found["engagement"]
    length = axis["window"] if "window" in axis else config["engagement_score"]["window"]
    return found.get("adoption", {"activated": True}), int(length[:-1])


def _engaged(world: World, user: str, first: date, end: date) -> bool:
    axis = world.config["quadrant"]["engagement"]
    if "active_days" in axis:
        return sum(first <= d < end for d in world.days(user)) >= axis["active_days"]
    inside = [of for day, of in days_of(world, user).items() if first <= day < end]
    return sum(points for of in inside for _, _, points in of.values()) >= axis["score"]


def plain(world: World) -> Tables:
    """Where everybody was at the end of each window."""
    adoption, length = _axes(world.config)
    ends = [end for _, end in reversed(world.windows(length, 6))]
    placed = [_placed(world, adoption, end, length) for end in ends]
    if not placed[0]:
        return {}
    before = placed[1] if len(placed) > 1 else {}
    first = ends[0] - timedelta(days=length)
    active = {u for u in world.actors if any(first <= d < ends[0] for d in world.days(u))}
    then = {q: [u for u, at in before.items() if at == q] for q in QUADRANTS}
    return {
        "windows": [
            {
                "period": (end - timedelta(days=1)).isoformat(),
                **{q: _count(where_.values(), q) if where_ else None for q in QUADRANTS},
            }
            for end, where_ in zip(ends[::-1], placed[::-1], strict=True)
        ],
        "quadrants": [
            {
                "item": q,
                "actors": _count(placed[0].values(), q),
                "newcomers": sum(
                    at == q and world.since(u) > first for u, at in placed[0].items()
                ),
            }
            for q in QUADRANTS
        ],
        "retention": [
            {"item": q, "retained": _pair(len([u for u in then[q] if u in active]), len(then[q]))}
            for q in QUADRANTS if before
        ],
        "moves": [
            {
                "item": q,
                **{to: sum(placed[0][u] == to for u in then[q]) for to in QUADRANTS},
                "moved": _pair(sum(placed[0][u] != q for u in then[q]), len(then[q])),
            }
            for q in QUADRANTS if before
        ],
    }  # fmt: skip


def _count(places: Any, quadrant: str) -> tuple[int, int]:
    found = [*places]
    return found.count(quadrant), len(found)


def _pair(numerator: int, denominator: int) -> tuple[int, int] | None:
    return (numerator, denominator) if denominator else None


def _placed(world: World, adoption: dict[str, Any], end: date, length: int) -> dict[str, str]:
    """The quadrant of everybody there before a window's end."""
    found = {}
    for user in world.actors:
        if world.since(user) >= end:
            continue
        if adoption.get("activated") and (
            user not in world.t0 or part_of(world, world.config["activation"], user) is None
        ):
            continue
        first = end - timedelta(days=length)
        engaged = _engaged(world, user, first, end)
        adopted = _has_adopted(world, adoption, user, first, end)
        found[user] = QUADRANTS[(not adopted) + 2 * (not engaged)]
    return found


def _has_adopted(world: World, adoption: dict[str, Any], user: str, first: date, end: date) -> bool:
    asked = []
    if adoption.get("activated"):
        when, _ = activated_at(world, user)
        asked.append(when is not None and when < world.midnight(end))
    if "features" in adoption:
        begin = first if adoption["used"] == "window" else date.min
        used = [f for f in world.config["features"].values() if _used(world, f, user, begin, end)]
        asked.append(len(used) >= adoption["features"])
    return all(asked) if adoption.get("rule", "all") == "all" else any(asked)


def _used(world: World, feature: Any, user: str, begin: date, end: date) -> bool:
    made = feature if isinstance(feature, dict) else {"events": feature}
    begin = max(begin, date.fromisoformat(str(made.get("launched_at", "0001-01-01"))))
    if any(world.trait(user, t) not in values for t, values in made.get("eligible", {}).items()):
        return False
    return any(
        begin <= world.day(t) < end and any(world.holds(ref, e, p) for ref in made["events"])
        for t, e, p in world.events.get(user, [])
    )


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """A row a person and window, with both axes as columns; what is in order is left to others."""
    adoption, length = _axes(config)
    axis = config["quadrant"]["engagement"]
    daily(db, config["engagement_score"])
    activations(db, config)
    db.execute(_people_sql(adoption))
    db.execute(_uses_sql(config))
    begin = f"stop - {length}" if adoption.get("used") == "window" else "DATE '0001-01-01'"
    asked = ["coalesce(activated < midnight(stop), false)"] if adoption.get("activated") else []
    if "features" in adoption:
        asked.append(f"breadth >= {adoption['features']}")
    engaged = f"days >= {axis['active_days']}" if "active_days" in axis else ""
    engaged = engaged or f"points >= {axis['score']}"
    adopted = (" AND " if adoption.get("rule", "all") == "all" else " OR ").join(asked)
    db.execute(
        f"""CREATE OR REPLACE TEMP TABLE placed AS
        WITH windows AS (SELECT k AS n, stop FROM windows_back({length}, 6)),
        seen AS (SELECT j."user", j.activated, n, stop, since > stop - {length} AS newcomer,
            (SELECT count(*) FROM active a WHERE a."user" = j."user"
                AND day >= stop - {length} AND day < stop) AS days,
            (SELECT coalesce(sum(points), 0) FROM daily p WHERE p."user" = j."user"
                AND day >= stop - {length} AND day < stop) AS points,
            (SELECT count(DISTINCT item) FROM uses u WHERE u."user" = j."user"
                AND day >= {begin} AND day < stop) AS breadth
            FROM judged j JOIN windows ON since < stop)
        SELECT "user", n, stop, newcomer, days, CASE WHEN {adopted} THEN
            CASE WHEN {engaged} THEN '{QUADRANTS[0]}' ELSE '{QUADRANTS[2]}' END
            ELSE CASE WHEN {engaged} THEN '{QUADRANTS[1]}' ELSE '{QUADRANTS[3]}' END
            END AS place FROM seen"""
    )
    return _tables_sql(db)


def _tables_sql(db: DB) -> Tables:
    if not rows(db, "SELECT 1 FROM placed WHERE n = 0"):
        return {}
    counts = ", ".join(f"count(*) FILTER (place = '{q}') AS {q}_n, count(*) AS {q}_d"
                       for q in QUADRANTS)  # fmt: skip
    last = rows(
        db,
        """SELECT place, count(*) AS n, count(*) FILTER (newcomer) AS newcomers FROM placed
        WHERE n = 0 GROUP BY place""",
    )
    whole = sum(row["n"] for row in last)
    of = {row["place"]: row for row in last}
    moved = ", ".join(f"count(*) FILTER (now.place = '{q}') AS {q}" for q in QUADRANTS)
    moves = {
        row["item"]: row
        for row in rows(
            db,
            f"""SELECT old.place AS item, {moved}, count(*) FILTER (now.place <> old.place)
                AS moved_n, count(*) AS moved_d, count(*) FILTER (now.days > 0) AS retained_n,
                count(*) AS retained_d
            FROM placed old JOIN placed now USING ("user") WHERE old.n = 1 AND now.n = 0
            GROUP BY old.place""",
        )
    }
    return {
        "windows": rows(
            db,
            f"""SELECT strftime(stop - 1, '%Y-%m-%d') AS period, {counts} FROM placed
            GROUP BY stop ORDER BY stop""",
        ),
        "quadrants": [
            {
                "item": q,
                "actors": (of[q]["n"] if q in of else 0, whole),
                "newcomers": of[q]["newcomers"] if q in of else 0,
            }
            for q in QUADRANTS
        ],
        "moves": [
            {k: v for k, v in moves.get(q, _nobody(q)).items() if k != "retained"}
            for q in QUADRANTS if moves
        ],
        "retention": [
            {"item": q, "retained": moves[q]["retained"] if q in moves else None}
            for q in QUADRANTS if moves
        ],
    }  # fmt: skip


def _nobody(quadrant: str) -> dict[str, Any]:
    return {"item": quadrant, **dict.fromkeys(QUADRANTS, 0), "moved": None}


def _people_sql(adoption: dict[str, Any]) -> str:
    """Everybody that can be judged: since when they are there, and when they were activated."""
    judged = 'a."user" IS NOT NULL' if adoption.get("activated") else "true"
    return f"""CREATE OR REPLACE TEMP TABLE judged AS
        SELECT p."user", reached AS activated,
            coalesce(least(p.t0_day, first_day), DATE '0001-01-01') AS since
        FROM people p LEFT JOIN activations a USING ("user") WHERE {judged}"""


def _uses_sql(config: dict[str, Any]) -> str:
    """Each day of use of a feature by somebody who can have it, from its launch on."""
    parts = []
    for name, feature in config["features"].items():
        refs = feature["events"] if isinstance(feature, dict) else feature
        parts.append(
            f"""SELECT DISTINCT '{name}' AS item, "user", day FROM events JOIN people USING ("user")
            WHERE ({where(refs)}) AND {may_use_sql(feature)}"""
        )
    return "CREATE OR REPLACE TEMP TABLE uses AS " + " UNION ALL ".join(parts)
