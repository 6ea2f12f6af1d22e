"""Engagement score: each actor's days one by one, the heaviest events of a day first."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.oracles.database import DB, rows
from tests.oracles.model import Tables, World, quantile

CELLS = [
    ("quartiles", "actors"), ("levels", "actors"), ("contribution", "actors"),
    ("targets", "reached"),
]  # fmt: skip
QUANTILES = (("p25", 0.25), ("median", 0.5), ("p75", 0.75), ("p90", 0.9))
MOST = 6


def section(rng: random.Random) -> dict[str, Any]:
    """Any mixture of caps, levels and targets."""
    weights: dict[str, float] = {"read": 1, "built": 5, "shared": 2.5}
    if rng.random() < 0.4:
        weights["invited"] = 5
    found: dict[str, Any] = {"weights": weights, "window": rng.choice(("7d", "14d", "28d"))}
    cap: dict[str, Any] = {}
    if rng.random() < 0.4:
        cap["points"] = rng.choice((2.5, 6, 7))
    if rng.random() < 0.4:
        cap["times"] = {"read": 1, "built": rng.choice((1, 2))}
    if cap:
        found["daily_cap"] = cap
    if rng.random() < 0.6:
        found["levels"] = {"low": 0, "steady": rng.choice((1, 2.5)), "healthy": 7}
    if rng.random() < 0.6:
        found["targets"] = {"read": rng.choice((1, 3)), "built": rng.choice((1, 2))}
    return {"engagement_score": found}


Day = dict[str, tuple[int, int, Fraction]]


def days_of(world: World, user: str) -> dict[date, Day]:
    """Times, times that count and points of each event, by day; caps are each member's."""
    c = world.config["engagement_score"]
    cap = c.get("daily_cap", {})
    done = Counter(
        (world.day(t), p["member"], e)
        for t, e, p in world.events.get(user, []) if e in c["weights"]
    )  # fmt: skip
    found: dict[date, Day] = {}
    for day, member in {key[:2] for key in done}:
        left = Fraction(cap.get("points", 10**9))
        whole = found.setdefault(day, {})
        for name, weight in sorted(c["weights"].items(), key=lambda item: -item[1]):
            times = done[day, member, name]
            counted = min(times, cap.get("times", {}).get(name, times))
            points = min(counted * Fraction(weight), left)
            left -= points
            if times:
                others = whole.get(name, (0, 0, Fraction(0)))
                whole[name] = (others[0] + times, others[1] + counted, others[2] + points)
    return found


def plain(world: World) -> Tables:
    """Every table, one actor and one day at a time."""
    c = world.config["engagement_score"]
    spans = world.windows(int(c["window"][:-1]), MOST)
    days = {u: days_of(world, u) for u in world.actors}
    born = {u: _born(world, u) for u in world.actors}
    active_days = {u: world.days(u) for u in world.actors}
    there = [[u for u in world.actors if (b := born[u]) and b < end] for _, end in spans]
    score = [
        {u: _points(days[u], span) for u in who} for span, who in zip(spans, there, strict=True)
    ]
    active = [{u for u in who if any(a <= d < b for d in active_days[u])}
              for (a, b), who in zip(spans, there, strict=True)]  # fmt: skip
    now = score[-1]
    found: Tables = {
        "distribution": [
            _spread("all", [*now.values()]), _spread("active", [now[u] for u in active[-1]])
        ],
        "contribution": _contribution(c, days, spans[-1], len(now)),
        "quartiles": _quartiles([now[u] for u in active[-1]]),
        "accounts": _accounts(world, now, active[-1]),
    }  # fmt: skip
    if "levels" in c:
        found["levels"] = _levels(c["levels"], spans, score)
    if "targets" in c:
        found |= _aimed(c, days, spans[-1], there[-1], active[-1])
    if len(spans) > 1:
        found |= _predicts(score[-2], active[-2], active[-1])
    return found


def _born(world: World, user: str) -> date | None:
    """The day from which somebody is there."""
    known = [world.day(world.t0[user])] if user in world.t0 else []
    seen = [world.day(world.events[user][0][0])] if user in world.events else []
    return min([*known, *seen], default=None)


def _points(days: dict[date, Day], span: tuple[date, date]) -> Fraction:
    inside = [of for day, of in days.items() if span[0] <= day < span[1]]
    return sum((points for of in inside for _, _, points in of.values()), Fraction(0))


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _spread(name: str, values: list[Fraction]) -> dict[str, Any]:
    middle = {k: _float(quantile(values, q)) for k, q in QUANTILES}  # type: ignore[arg-type]
    total = float(sum(values))
    return {"item": name, "actors": len(values), "mean": (total, len(values)), **middle}


def _contribution(
    c: dict[str, Any], days: dict[str, dict[date, Day]], span: tuple[date, date], n: int
) -> list[dict[str, Any]]:
    found = []
    cells = [
        (user, name, *values)
        for user, of in days.items() for day, events in of.items() if span[0] <= day < span[1]
        for name, values in events.items()
    ]  # fmt: skip
    whole = float(sum(points for *_, points in cells))
    for name, weight in c["weights"].items():
        mine = [cell for cell in cells if cell[1] == name]
        points = float(sum(cell[4] for cell in mine))
        found.append(
            {
                "item": name, "weight": weight, "actors": (len({cell[0] for cell in mine}), n),
                "times": sum(cell[2] for cell in mine), "points": points, "share": (points, whole),
            }
        )  # fmt: skip
    return found


def _quartiles(values: list[Fraction]) -> list[dict[str, Any]]:
    low, high = (quantile(values, q) for q in (0.25, 0.75))  # type: ignore[arg-type]
    top = [v for v in values if high is not None and v >= high]
    bottom = [v for v in values if low is not None and v <= low]
    whole = float(sum(values))
    return [
        {"item": name, "actors": len(part), "points": (float(sum(part)), whole)}
        for name, part in (("top", top), ("bottom", bottom))
    ]


def _accounts(world: World, now: dict[str, Fraction], active: set[str]) -> list[dict[str, Any]]:
    home = {u: world.account(u) for u in now}
    found = []
    for account in sorted({a for a in home.values() if a}):
        members = [u for u in now if home[u] == account]
        points, n = sum(now[u] for u in members), sum(u in active for u in members)
        found.append(
            {
                "item": account, "members": len(members), "active": n, "points": float(points),
                "points_per_active": float(points / n) if n else None,
            }
        )  # fmt: skip
    return found


def _levels(
    bounds: dict[str, float], spans: list[tuple[date, date]], score: list[dict[str, Fraction]]
) -> list[dict[str, Any]]:
    found = []
    for (_, end), now in zip(spans, score, strict=True):
        reached = Counter([name for name, low in bounds.items() if v >= low][-1]
                          for v in now.values())  # fmt: skip
        found += [
            {
                "period": (end - timedelta(days=1)).isoformat(), "step": name, "bound": low,
                "actors": (reached[name], len(now)),
            }
            for name, low in bounds.items()
        ]  # fmt: skip
    return found


def _aimed(
    c: dict[str, Any], days: dict[str, dict[date, Day]], span: tuple[date, date],
    there: list[str], active: set[str],
) -> Tables:  # fmt: skip
    """The scores of 0 to 100, each rounded to a thousandth, and who reached which target."""
    whole = sum(Fraction(c["weights"][name]) for name in c["targets"])
    scores, reached = {}, Counter()
    for user in there:
        total = Fraction(0)
        for name, target in c["targets"].items():
            inside = [of for day, of in days[user].items() if span[0] <= day < span[1]]
            counted = sum(of[name][1] for of in inside if name in of)
            total += Fraction(c["weights"][name]) * min(Fraction(counted, target), 1)
            reached[name] += counted >= target
        scores[user] = Fraction(int(100_000 * total / whole + Fraction(1, 2)), 1000)
    return {
        "scaled": [
            _spread("all", [*scores.values()]), _spread("active", [scores[u] for u in active])
        ],
        "targets": [
            {"item": name, "target": target, "reached": (reached[name], len(there))}
            for name, target in c["targets"].items()
        ],
    }  # fmt: skip


def _predicts(score: dict[str, Fraction], active: set[str], later: set[str]) -> Tables:
    lines = []
    for name, who in (("all", set(score)), ("active", active)):
        wins = [
            1.0 if score[a] > score[b] else 0.5 if score[a] == score[b] else 0.0
            for a in who & later for b in who - later
        ]  # fmt: skip
        area = sum(wins) / len(wins) if wins else None
        lines.append({"item": name, "stayed": (len(who & later), len(who)), "auc": area})
    place = {u: 1 + 10 * sum(w < v for w in score.values()) // len(score)
             for u, v in score.items()}  # fmt: skip
    deciles = []
    for step in sorted(set(place.values())):
        mine = {u for u in score if place[u] == step}
        deciles.append(
            {
                "step": step, "low": float(min(score[u] for u in mine)),
                "high": float(max(score[u] for u in mine)),
                "stayed": (len(mine & later), len(mine)),
            }
        )  # fmt: skip
    return {"predicts": lines, "deciles": deciles}


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """The same by window functions."""
    c = config["engagement_score"]
    _make(db, c)
    spread = ", ".join(f"quantile_cont({{0}}, {q}) AS {name}" for name, q in QUANTILES)

    def spreads(column: str) -> list[dict[str, Any]]:
        return rows(
            db,
            f"""SELECT item, count({column}) AS actors, coalesce(sum({column}), 0) AS mean_n,
                count({column}) AS mean_d, {spread.format(column)}
            FROM (VALUES ('all', 0), ('active', 1)) AS who(item, least) LEFT JOIN
                (SELECT * FROM scores WHERE k = 0) s ON s.active >= who.least
            GROUP BY item ORDER BY item DESC""",
        )

    found: Tables = {
        "distribution": spreads("points"),
        "contribution": rows(
            db,
            """WITH now AS (SELECT * FROM uses WHERE k = 0)
            SELECT w.name AS item, w.weight, count(DISTINCT "user") AS actors_n,
                (SELECT count(*) FROM scores WHERE k = 0) AS actors_d,
                coalesce(sum(times), 0)::INT AS times, coalesce(sum(points), 0) AS points,
                coalesce(sum(points), 0) AS share_n,
                (SELECT coalesce(sum(points), 0) FROM now) AS share_d
            FROM weights w LEFT JOIN now ON now.name = w.name GROUP BY w.name, w.weight, w.item
            ORDER BY w.item""",
        ),
        "quartiles": rows(
            db,
            """WITH a AS (SELECT points FROM scores WHERE k = 0 AND active = 1),
            q AS (SELECT quantile_cont(points, 0.25) AS low, quantile_cont(points, 0.75) AS high,
                coalesce(sum(points), 0) AS whole FROM a)
            SELECT 'top' AS item, count(*) FILTER (points >= high) AS actors,
                coalesce(sum(points) FILTER (points >= high), 0) AS points_n,
                any_value(whole) AS points_d FROM q LEFT JOIN a ON true
            UNION ALL SELECT 'bottom', count(*) FILTER (points <= low),
                coalesce(sum(points) FILTER (points <= low), 0), any_value(whole)
                FROM q LEFT JOIN a ON true""",
        ),
        "accounts": rows(
            db,
            """SELECT account AS item, count(*) AS members, sum(active)::INT AS active,
                sum(points) AS points,
                CASE WHEN sum(active) > 0 THEN sum(points) / sum(active) END AS points_per_active
            FROM scores JOIN people USING ("user") WHERE k = 0 AND account IS NOT NULL
            GROUP BY account ORDER BY account""",
        ),
    }
    if "levels" in c:
        found["levels"] = _levels_sql(db, c["levels"])
    if "targets" in c:
        found["scaled"] = spreads("scaled")
        found["targets"] = rows(
            db,
            """SELECT w.name AS item, target, count(u.name) AS reached_n,
                (SELECT count(*) FROM scores WHERE k = 0) AS reached_d
            FROM weights w LEFT JOIN (SELECT "user", name, sum(counted) AS counted FROM uses
                WHERE k = 0 GROUP BY ALL) u ON u.name = w.name AND u.counted >= target
            WHERE target IS NOT NULL GROUP BY ALL ORDER BY min(w.item)""",
        )
    if db.execute("SELECT count(*) FROM spans").fetchall()[0][0] > 1:
        found |= _predicts_sql(db)
    return found


def daily(db: DB, c: dict[str, Any]) -> None:
    """Tables weights, and daily: "user", day, name, times, counted, points within the caps."""
    cap = c.get("daily_cap", {})
    values = ", ".join(
        f"({i}, '{name}', {weight}::DOUBLE, {cap.get('times', {}).get(name, 'NULL')}::INT, "
        f"{c.get('targets', {}).get(name, 'NULL')}::INT)"
        for i, (name, weight) in enumerate(c["weights"].items())
    )
    limit = cap.get("points", 1e9)
    db.execute(
        f"""CREATE OR REPLACE TABLE weights AS SELECT * FROM (VALUES {values})
            AS w(item, name, weight, cap, target);
        CREATE OR REPLACE TABLE daily AS
        WITH done AS (SELECT "user", day, name, item, weight, count(*)::INT AS times,
                least(count(*), any_value(cap))::INT AS counted
            FROM events JOIN weights ON name = event GROUP BY ALL),
        upto AS (SELECT *, weight * counted AS full_points, sum(weight * counted) OVER (
            PARTITION BY "user", day ORDER BY weight DESC, item) AS reached FROM done)
        SELECT "user", day, name, times, counted,
            least(reached, {limit}) - least(reached - full_points, {limit}) AS points FROM upto"""
    )


def _make(db: DB, c: dict[str, Any]) -> None:
    """Tables weights, spans (k = 0 is the newest), uses, scores."""
    daily(db, c)
    window = int(c["window"][:-1])
    db.execute(
        f"""CREATE OR REPLACE TABLE spans AS
            SELECT k, start AS a, stop AS b FROM windows_back({window}, {MOST});
        CREATE OR REPLACE TABLE uses AS SELECT "user", k, name, times, counted, points
            FROM daily JOIN spans ON day >= a AND day < b;
        CREATE OR REPLACE TABLE scores AS
        SELECT p."user", k, coalesce(points, 0) AS points, scaled, (EXISTS (
            SELECT 1 FROM active x WHERE x."user" = p."user" AND x.day >= a AND x.day < b))::INT
            AS active
        FROM people p JOIN spans ON coalesce(least(t0_day, p.first_day), t0_day, p.first_day) < b
        LEFT JOIN (SELECT "user", k, sum(points) AS points FROM uses GROUP BY ALL) u
            USING ("user", k)
        LEFT JOIN LATERAL (SELECT round(100 * sum(weight * least(1, coalesce(done, 0) / target))
                / sum(weight), 3) AS scaled
            FROM weights w LEFT JOIN (SELECT name, sum(counted) AS done FROM uses v
                WHERE v."user" = p."user" AND v.k = spans.k GROUP BY name) USING (name)
            WHERE target IS NOT NULL) ON true"""
    )


def _levels_sql(db: DB, levels: dict[str, float]) -> list[dict[str, Any]]:
    values = ", ".join(
        f"('{name}', {low}, {high})"
        for (name, low), high in zip(levels.items(), [*levels.values(), "1e12"][1:], strict=True)
    )
    return rows(
        db,
        f"""SELECT strftime(b - 1, '%Y-%m-%d') AS period, name AS step, low AS bound,
            count("user") FILTER (points >= low AND points < high) AS actors_n,
            count("user") AS actors_d
        FROM spans CROSS JOIN (VALUES {values}) AS l(name, low, high) LEFT JOIN scores USING (k)
        GROUP BY ALL ORDER BY period, low""",
    )


def _predicts_sql(db: DB) -> Tables:
    db.execute(
        """CREATE OR REPLACE TABLE pairs AS SELECT x."user", x.points, x.active,
            y.active AS stayed, rank() OVER (ORDER BY x.points) - 1 AS below,
            count(*) OVER () AS n
        FROM scores x JOIN scores y USING ("user") WHERE x.k = 1 AND y.k = 0"""
    )
    area = """(SELECT avg(CASE WHEN p.points > q.points THEN 1 WHEN p.points = q.points THEN 0.5
        ELSE 0 END) FROM pairs p, pairs q WHERE p.stayed = 1 AND q.stayed = 0
        AND p.active >= {0} AND q.active >= {0})"""
    lines = []
    for name, least in (("all", 0), ("active", 1)):
        lines += rows(
            db,
            f"""SELECT '{name}' AS item, coalesce(sum(stayed), 0)::INT AS stayed_n,
                count(*) AS stayed_d, {area.format(least)} AS auc
            FROM pairs WHERE active >= {least}""",
        )
    deciles = rows(
        db,
        """SELECT 1 + 10 * below // n AS step, min(points) AS low, max(points) AS high,
            sum(stayed)::INT AS stayed_n, count(*) AS stayed_d
        FROM pairs GROUP BY step ORDER BY step""",
    )
    return {"predicts": lines, "deciles": deciles}
