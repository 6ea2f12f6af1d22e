"""Funnel: every way of choosing rows for the steps, one entry after the other."""

from __future__ import annotations

import random
from itertools import combinations
from typing import Any

from tests.oracles.database import DB, rows, where
from tests.oracles.model import DAY_MS, Tables, World, quantile

CELLS = [
    ("funnels", "entered"), ("funnels", "converted"), ("funnels", "waiting"), ("funnels", "ever"),
    ("steps", "reached"), ("steps", "lost"), ("steps", "late"), ("periods", "mature"),
    ("periods", "converted"), ("periods", "so_far"), ("times", "n"), ("since_entry", "n"),
]  # fmt: skip
MEASURES = {"n": "actors"}
UNITS = {"h": 3_600_000, "d": DAY_MS}
STEPS: list[Any] = [
    "signed_up", "built", "shared", "read", {"event": "read", "where": {"kind": "x"}}, "logged_in",
]  # fmt: skip
QUANTILES = (("p25", 0.25), ("median", 0.5), ("p75", 0.75))


def section(rng: random.Random) -> dict[str, Any]:
    """Two funnels of two or three steps, some of them the same or of shared rows."""
    return {"funnel": {name: _funnel(rng) for name in ("main", "other")[: rng.randint(1, 2)]}}


def _funnel(rng: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {
        "steps": [rng.choice(STEPS) for _ in range(rng.randint(2, 3))],
        "within": rng.choice(("12h", "3d", "14d", "30d")),
        "order": rng.choice(("loose", "loose", "strict", "any")),
        "entry": rng.choice(("any", "first", "first_ever")),
    }
    if rng.random() < 0.5:
        some: list[Any] = ["cancelled", "invited", "helped", "never_seen"]
        found["exclude"] = rng.sample([*some, {"event": "called", "where": {"kind": "x"}}], 2)
    return found


def _within(funnel: dict[str, Any]) -> int:
    return int(funnel["within"][:-1]) * UNITS[funnel["within"][-1]]


class _Tries:
    """One user's rows against one funnel."""

    def __init__(self, world: World, user: str, funnel: dict[str, Any]) -> None:
        self.rows = world.events.get(user, [])
        self.steps, self.order = funnel["steps"], funnel["order"]
        self.serves = [
            {k for k, step in enumerate(self.steps) if world.holds(step, e, p)}
            for _, e, p in self.rows
        ]
        self.cuts = [
            t for t, e, p in self.rows
            if any(world.holds(x, e, p) for x in funnel.get("exclude", ()))
        ]  # fmt: skip
        self.entries = sorted(
            {t for (t, _, _), ks in zip(self.rows, self.serves, strict=True)
             if 0 in ks or (ks and self.order == "any")}
        )  # fmt: skip

    def times(self, start: int, end: int) -> list[int]:
        """When each step was reached by the end, on the deepest and then earliest way."""
        return self._whichever(start, end) if self.order == "any" else self._way([], start, end)

    def _way(self, used: list[int], start: int, end: int) -> list[int]:
        k, at = len(used), self.rows[used[-1]][0] if used else start
        best: list[int] = []
        if k == len(self.steps):
            return best
        for i, (t, _, _) in enumerate(self.rows):
            if i in used or k not in self.serves[i] or not at <= t <= end or (not used and t > at):
                continue
            if self.order == "strict" and any(at < r[0] < t for r in self.rows):
                continue
            found = [t, *self._way([*used, i], start, end)]
            if len(found) > len(best) or (len(found) == len(best) and found < best):
                best = found
        return best

    def _whichever(self, start: int, end: int) -> list[int]:
        found: list[int] = []
        for t in sorted({r[0] for r in self.rows if start <= r[0] <= end}):
            inside: list[set[int]] = []
            for (at, _, _), ks in zip(self.rows, self.serves, strict=True):
                if start <= at <= t and ks and inside.count(ks) < len(self.steps):
                    inside.append(ks)
            found += [t] * (self._most(inside, set()) - len(found))
        return found

    def _most(self, inside: list[set[int]], taken: set[int]) -> int:
        if not inside or len(taken) == len(self.steps):
            return len(taken)
        head, *rest = inside
        served = [self._most(rest, taken | {k}) for k in head - taken]
        return max([self._most(rest, taken), *served])


def _attempts(world: World, user: str, funnel: dict[str, Any]) -> list[dict[str, Any]]:
    tries, within = _Tries(world, user, funnel), _within(funnel)
    found, entries = [], [t for t in tries.entries if world.shows(world.day(t))]
    if funnel["entry"] == "first":
        entries = entries[:1]
    if funnel["entry"] == "first_ever":
        entries = [t for t in tries.entries[:1] if t in entries]
    for start in entries:
        end = min([start + within, *(t for t in tries.cuts if t > start)])
        found.append(
            {
                "user": user, "start": start, "mature": start + within < world.as_of,
                "period": world.start(world.day(start)), "times": tries.times(start, end),
                "ever": len(tries.times(start, world.as_of)),
            }
        )  # fmt: skip
    return found


def _best(found: list[dict[str, Any]]) -> dict[str, Any]:
    best = min(found, key=lambda a: (not a["mature"], -len(a["times"]), a["start"]))
    return best | {"ever": max(a["ever"] for a in found)}


def plain(world: World) -> Tables:
    """One funnel, one user, one entry after the other."""
    tables: Tables = {name: [] for name in ("funnels", "steps", "times", "since_entry", "periods")}
    for name, funnel in world.config["funnel"].items():
        n = len(funnel["steps"])
        found = {u: _attempts(world, u, funnel) for u in world.users}
        if funnel["entry"] == "first_ever":
            sure = {u for u in world.known if world.day(world.t0[u]) >= world.first_day}
            found = {u: a for u, a in found.items() if u in sure}
        whole = [_best(a) for a in found.values() if a]
        ever = sum(a["ever"] == n for a in whole)
        tables["funnels"].append({"item": name, **_counts(whole, n), "ever": (ever, len(whole))})
        mature = [a["times"] for a in whole if a["mature"]]
        late = [a["times"] for a in whole if not a["mature"]]
        for k in range(1, n + 1):
            reached = sum(len(t) >= k for t in mature)
            before = sum(len(t) >= k - 1 for t in mature)
            tables["steps"].append(
                {
                    "item": name, "step": k, "reached": (reached, len(mature)),
                    "onward": (reached, before) if k > 1 else None, "lost": before - reached,
                    "late": sum(len(t) >= k for t in late),
                    "ever": (sum(a["ever"] >= k for a in whole), len(whole)),
                }
            )  # fmt: skip
        for k in range(1, n):
            for table, at in (("times", k - 1), ("since_entry", 0)):
                taken = [t[k] - t[at] for t in mature if len(t) > k]
                line = {"item": name, "step": k + 1, "n": len(taken)}
                for key, q in QUANTILES:
                    value = quantile(taken, q)
                    line[key] = None if value is None else float(value) / 1000
                tables[table].append(line)
        for period in sorted({a["period"] for attempts in found.values() for a in attempts}):
            inside = [[a for a in x if a["period"] == period] for x in found.values()]
            counts = _counts([_best(a) for a in inside if a], n)
            tables["periods"].append({"item": name, "period": world.label(period), **counts})
    return tables if any(row["entered"] for row in tables["funnels"]) else {}


def _counts(found: list[dict[str, Any]], n: int) -> dict[str, Any]:
    mature = [a for a in found if a["mature"]]
    late = [a for a in found if not a["mature"]]
    so_far = sum(len(a["times"]) == n for a in late)
    return {
        "entered": len(found), "mature": len(mature),
        "converted": (sum(len(a["times"]) == n for a in mature), len(mature)),
        "waiting": len(late) - so_far, "so_far": so_far,
    }  # fmt: skip


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """A join a step."""
    tables: Tables = {name: [] for name in ("funnels", "steps", "times", "since_entry", "periods")}
    for name, funnel in config["funnel"].items():
        db.execute(f"CREATE OR REPLACE TEMP TABLE tries AS {_tries(funnel, config['period'])}")
        n = len(funnel["steps"])
        best = """SELECT {keys}, count(*) AS tries, max(ever) AS ever,
            arg_max({{'mature': mature, 'times': times, 'depth': len(times)}},
                [mature::INT, len(times), -start]) AS a
            FROM tries, span GROUP BY ALL"""
        counts = f"""count(*) AS entered, count(*) FILTER (a.mature) AS mature,
            count(*) FILTER (a.mature AND a.depth = {n}) AS converted_n,
            count(*) FILTER (a.mature) AS converted_d,
            count(*) FILTER (NOT a.mature AND a.depth < {n}) AS waiting,
            count(*) FILTER (NOT a.mature AND a.depth = {n}) AS so_far"""
        whole, dated = best.format(keys='"user"'), best.format(keys='"user", period')
        tables["funnels"] += rows(
            db,
            f"""SELECT '{name}' AS item, {counts}, count(*) FILTER (ever = {n}) AS ever_n,
            count(*) AS ever_d FROM ({whole})""",
        )
        for k in range(1, n + 1):
            tables["steps"] += rows(
                db,
                f"""SELECT '{name}' AS item, {k} AS step,
                count(*) FILTER (a.mature AND a.depth >= {k}) AS reached_n,
                count(*) FILTER (a.mature) AS reached_d,
                count(*) FILTER (a.mature AND a.depth = {k - 1}) AS lost,
                count(*) FILTER (NOT a.mature AND a.depth >= {k}) AS late,
                count(*) FILTER (ever >= {k}) AS ever_n, count(*) AS ever_d FROM ({whole})""",
            )
        for k in range(2, n + 1):
            for table, start in (("times", k - 1), ("since_entry", 1)):
                took = f"(a.times[{k}] - a.times[{start}])"
                parts = ", ".join(
                    f"quantile_cont({took} / 1000.0, {q}) AS {key}" for key, q in QUANTILES
                )
                tables[table] += rows(
                    db,
                    f"""SELECT '{name}' AS item, {k} AS step, count(*) AS n, {parts}
                    FROM ({whole}) WHERE a.mature AND a.depth >= {k}""",
                )
        tables["periods"] += rows(
            db,
            f"""SELECT '{name}' AS item, label(period, '{config["period"]}') AS period, {counts}
            FROM ({dated}) GROUP BY ALL ORDER BY period""",
        )
    return tables if any(row["entered"] for row in tables["funnels"]) else {}


def _tries(funnel: dict[str, Any], period: str) -> str:
    """start, period, mature, times (of the deepest and then earliest way), ever: a row an entry."""
    steps, order, within = funnel["steps"], funnel["order"], _within(funnel)
    entry = where(steps if order == "any" else steps[0])
    once = (
        '"user", min(ts) AS start, min(day) AS day'
        if funnel["entry"] != "any"
        else ('DISTINCT "user", ts AS start, day')
    )
    group = 'GROUP BY "user"' if funnel["entry"] != "any" else ""
    early = "" if funnel["entry"] == "first_ever" else "AND day >= shown_from"
    sure = (
        'WHERE "user" IN (SELECT "user" FROM people, span WHERE known AND t0_day >= span.first_day)'
        if funnel["entry"] == "first_ever" else ""
    )  # fmt: skip
    cut = where(funnel["exclude"]) if funnel.get("exclude") else "false"
    ways = (
        _any_ways(len(steps)) if order == "any" else _chains(len(steps), strict=order == "strict")
    )
    served = ", ".join(f"({where(step)}) AS step_{k}" for k, step in enumerate(steps, 1))
    return f"""WITH r AS (SELECT row_number() OVER () AS id, *, {served} FROM events),
        firsts AS (SELECT * FROM (SELECT {once} FROM events, span WHERE ({entry}) {early} {group}),
            span WHERE day >= shown_from AND day < end_day),
        entries AS (SELECT firsts."user", start, day, start + {within} < as_of AS mature,
            least(start + {within}, coalesce((SELECT min(ts) FROM events x
                WHERE x."user" = firsts."user" AND x.ts > start AND ({cut})), start + {within}))
                AS stop
            FROM firsts {sure}),
        ways AS ({ways}),
        deep AS (SELECT "user", start, max(len(times)) AS depth FROM ways WHERE inside GROUP BY ALL)
        SELECT e."user", e.start, start_of(e.day, '{period}') AS period, e.mature,
            min(w.times) AS times,
            (SELECT max(len(times)) FROM ways v WHERE v."user" = e."user" AND v.start = e.start)
                AS ever
        FROM entries e JOIN deep d USING ("user", start) JOIN ways w ON w."user" = e."user"
            AND w.start = e.start AND w.inside AND len(w.times) = d.depth GROUP BY ALL"""


def _chains(n: int, *, strict: bool) -> str:
    """Each way along the steps: a row for each of its lengths."""
    gap = """AND NOT EXISTS (FROM events b WHERE b."user" = r."user" AND b.ts > c.times[-1]
        AND b.ts < r.ts)"""
    query = """SELECT e."user", start, stop, [r.ts] AS times, [r.id] AS ids, true AS inside
        FROM entries e JOIN r ON r."user" = e."user" AND r.ts = start AND r.step_1"""
    parts = [query]
    for k in range(2, n + 1):
        query = f"""SELECT c."user", start, stop, list_append(c.times, r.ts) AS times,
            list_append(c.ids, r.id) AS ids, inside AND r.ts <= stop AS inside
            FROM ({query}) c JOIN r ON r."user" = c."user" AND r.step_{k} AND r.ts >= c.times[-1]
            AND NOT list_contains(c.ids, r.id) {gap if strict else ""}"""
        parts.append(query)
    return " UNION ALL ".join(f'SELECT "user", start, times, inside FROM ({q})' for q in parts)


def _any_ways(n: int) -> str:
    """For each entry the times by which one, two, … of the steps had rows of their own."""
    parts = []
    for k in range(1, n + 1):
        for chosen in combinations(range(1, n + 1), k):
            joins = " ".join(
                f'JOIN r r{c} ON r{c}."user" = e."user" AND r{c}.step_{c} AND r{c}.ts >= start'
                for c in chosen
            )
            apart = " AND ".join(
                ["true", *(f"r{a}.id <> r{b}.id" for a, b in combinations(chosen, 2))]
            )
            last = f"greatest({', '.join(f'r{c}.ts' for c in chosen)})"
            parts.append(
                f'SELECT e."user", start, stop, {k} AS depth, min({last}) AS t FROM entries e '
                f"{joins} WHERE {apart} GROUP BY ALL"
            )
    steps = " UNION ALL ".join(parts)
    return f"""WITH s AS (SELECT "user", start, stop, depth, min(t) AS t FROM ({steps})
        GROUP BY ALL)
        SELECT a."user", a.start, list(b.t ORDER BY b.depth) AS times, a.t <= a.stop AS inside
        FROM s a JOIN s b ON a."user" = b."user" AND a.start = b.start AND b.depth <= a.depth
        GROUP BY a."user", a.start, a.depth, a.t, a.stop"""
