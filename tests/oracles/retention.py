"""Retention: every mature cell, one person and one cell after the other."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from typing import Any

from tests.oracles.criteria import activated_at
from tests.oracles.database import DB, rows, where
from tests.oracles.model import DAY_MS, Tables, World, count_by, listed

CELLS = [("triangle", "retained")]
MADE = {"event": "built", "where": {"kind": "x"}, "name": "made"}
LENGTHS = {"day": DAY_MS, "week": 7 * DAY_MS}


def section(rng: random.Random) -> dict[str, Any]:
    """Any option with any other; months have no elapsed clock."""
    clock = rng.choice(("calendar", "elapsed"))
    period = rng.choice(("day", "week", "month") if clock == "calendar" else ("day", "week"))
    mode = rng.choice(("n_day", "unbounded", "bracket"))
    starts: list[Any] = ["signup", "activation", "purchase", {"event": "shared"}, MADE]
    found: dict[str, Any] = {
        "starts": rng.sample(starts, rng.choice((2, 3))),
        "period": period, "clock": clock, "mode": mode, "periods": rng.choice((3, 12)),
        "entries": rng.choice(("first_time", "recurring")),
        "at_least": rng.choice((1, 1, 2)),
    }  # fmt: skip
    if mode == "bracket":
        found["brackets"] = rng.choice(([0, 1, 3], [1, 3, 7, 14], [2, 4]))
    if mode == "unbounded" and rng.random() < 0.5:
        found["horizon"] = rng.choice((2, 5))
    if rng.random() < 0.5:
        found["returns"] = ["built", {"event": "read", "where": {"kind": "x"}}]
    bought = (
        {"purchase": [{"event": "bought", "where": {"kind": ["x", "y"]}}]}
        if "purchase" in found["starts"]
        else {}
    )
    return {"retention": found, **bought}


def _spans(c: dict[str, Any]) -> list[tuple[int, int]]:
    """The first period of each step, and the last that must be over."""
    if c["mode"] == "bracket":
        return [(a, b - 1) for a, b in zip(c["brackets"], c["brackets"][1:], strict=False)]
    if "horizon" in c:
        return [(k, c["horizon"]) for k in range(c["periods"] + 1) if k <= c["horizon"]]
    return [(k, k) for k in range(c["periods"] + 1)]


def _label(start: Any) -> str:
    if isinstance(start, str):
        return start
    return str(start.get("name", start["event"]))


def _begins(world: World, user: str, start: Any) -> list[int]:
    """The instants at which somebody begins an entry."""
    c = world.config["retention"]
    new = user in world.newcomers()
    if start == "signup":
        return [world.t0[user]] if new else []
    if start == "activation":
        when = activated_at(world, user)[0] if new else None
        return [] if when is None else [when]
    refs = listed(world.config["purchase"] if start == "purchase" else start)
    rows_of = world.events.get(user, [])
    at = [t for t, e, p in rows_of if any(world.holds(ref, e, p) for ref in refs)]
    if c["entries"] == "first_time":
        return at[:1] if new else []
    return at


def _counts(world: World, user: str, t0: int) -> dict[int, int]:
    """How many returning rows there are in each period since a start."""
    c = world.config["retention"]
    refs, found = c.get("returns"), []
    for t, e, p in world.events.get(user, []):
        if any(world.holds(r, e, p) for r in refs) if refs else world.active(e, p):
            if c["clock"] == "elapsed":
                length = LENGTHS[c["period"]]
                if t >= t0:
                    k = 0
                    while t > t0 + (k + 1) * length:
                        k += 1
                    found.append(k)
            elif world.day(t) >= world.day(t0):
                found.append(_periods_between(world, world.day(t0), world.day(t)))
    return count_by(found)


def _periods_between(world: World, first: date, second: date) -> int:
    period = world.config["retention"]["period"]
    at, end, k = world.start(first, period), world.start(second, period), 0
    while at < end:
        at, k = world.after(at, period), k + 1
    return k


def _over(world: World, cohort: date, last: int) -> bool:
    """Whether period `last` is over for everybody that could have begun in the cohort."""
    c = world.config["retention"]
    if c["clock"] == "elapsed":
        latest = world.midnight(world.after(cohort, c["period"])) - 1
        return latest + (last + 1) * LENGTHS[c["period"]] < world.as_of
    at = cohort
    for _ in range(last + 1):
        at = world.after(at, c["period"])
    return at <= world.as_of_day


def _returned(counts: dict[int, int], first: int, last: int, c: dict[str, Any]) -> bool:
    least = c["at_least"]
    if c["mode"] == "bracket":
        return sum(n for k, n in counts.items() if first <= k <= last) >= least
    if c["mode"] == "n_day":
        return counts.get(first, 0) >= least
    end = c.get("horizon", 10_000)
    return any(n >= least for k, n in counts.items() if first <= k <= end)


def plain(world: World) -> Tables:
    """A cell at a time, a person at a time."""
    c = world.config["retention"]
    lines, pooled, anybody = [], [], False
    for start in c["starts"]:
        begun: dict[tuple[str, date], int] = {}
        for user in world.actors:
            for t in _begins(world, user, start):
                cohort = world.start(world.day(t), c["period"])
                begun.setdefault((user, cohort), t)
        cohorts: dict[date, dict[str, int]] = {}
        for (user, cohort), t in begun.items():
            if world.shows(world.day(t)):
                cohorts.setdefault(cohort, {})[user] = t
        anybody |= bool(cohorts)
        sums: dict[int, tuple[int, int]] = {}
        for cohort, members in sorted(cohorts.items()):
            counts = [_counts(world, user, t) for user, t in members.items()]
            for first, last in _spans(c):
                if not _over(world, cohort, last):
                    continue
                came = sum(_returned(found, first, last, c) for found in counts)
                before = sums.get(first, (0, 0))
                sums[first] = (before[0] + came, before[1] + len(members))
                lines.append({"item": _label(start), "cohort": world.label(cohort, c["period"]),
                              "step": first, "retained": (came, len(members))})  # fmt: skip
        pooled += [{"item": _label(start), "step": k, "retained": n}
                   for k, n in sorted(sums.items())]  # fmt: skip
    return {"triangle": lines, "pooled": pooled} if anybody else {}


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """Entries joined with returns; each cell is one group. Activation is left to `plain`."""
    c = config["retention"]
    if "activation" in c["starts"]:
        return {}
    values = ", ".join(f"({a}, {b})" for a, b in _spans(c))
    entries = f"""WITH begins AS ({" UNION ALL ".join(_sql_begins(config))}),
        firsts AS (SELECT i, item, "user", start_of(local(ts), '{c["period"]}') AS cohort,
            min(ts) AS ts FROM begins GROUP BY ALL),
        entries AS (SELECT firsts.* FROM firsts, span
            WHERE local(ts) >= shown_from AND local(ts) < end_day)"""
    found = rows(
        db,
        f"""{entries},
        back AS (SELECT "user", ts, day FROM events WHERE
            {where(c.get("returns") or config.get("active_events"))}),
        placed AS (SELECT e.i, e.cohort, e."user", {_sql_k(c)} AS k
            FROM entries e JOIN back b USING ("user")
            WHERE {"b.ts >= e.ts" if c["clock"] == "elapsed" else "b.day >= local(e.ts)"}),
        steps AS (SELECT * FROM (VALUES {values}) AS v(step, upto)),
        counted AS (SELECT i, cohort, "user", {_sql_cell(c)} AS cell, count(*) AS n
            FROM placed {"JOIN steps ON k BETWEEN step AND upto" if c["mode"] == "bracket" else ""}
            GROUP BY ALL HAVING count(*) >= {c["at_least"]}),
        returned AS (SELECT DISTINCT i, cohort, "user", step FROM counted JOIN steps
            ON {_sql_match(c)}),
        sizes AS (SELECT i, item, cohort, count(*) AS size FROM entries GROUP BY ALL)
        SELECT s.item, label(s.cohort, '{c["period"]}') AS cohort, step,
            count(r."user") AS retained_n, any_value(size) AS retained_d
        FROM sizes s CROSS JOIN steps CROSS JOIN span
        LEFT JOIN returned r USING (i, cohort, step)
        WHERE {_sql_over(c)} GROUP BY s.i, s.item, s.cohort, step ORDER BY s.i, s.cohort, step""",
    )
    anybody = rows(db, f"{entries} SELECT 1 AS one FROM entries LIMIT 1")
    return {"triangle": found} if anybody else {}


def _sql_begins(config: dict[str, Any]) -> Iterator[str]:
    c = config["retention"]
    for i, start in enumerate(c["starts"]):
        head = f"""SELECT {i} AS i, '{_label(start)}' AS item, "user" """
        condition = where(config["purchase"] if start == "purchase" else start)
        if start == "signup":
            yield f"{head}, t0 AS ts FROM newcomers"
        elif c["entries"] == "recurring":
            yield f"{head}, ts FROM events WHERE {condition}"
        else:
            yield f"""{head}, min(events.ts) AS ts FROM events JOIN newcomers USING ("user")
                WHERE {condition} GROUP BY "user" """


def _sql_k(c: dict[str, Any]) -> str:
    if c["clock"] == "elapsed":
        length = LENGTHS[c["period"]]
        return f"greatest(ceil((b.ts - e.ts) / {length}.0)::INTEGER - 1, 0)"
    if c["period"] == "month":
        return "date_diff('month', e.cohort, b.day)"
    return f"date_diff('day', e.cohort, b.day) // {7 if c['period'] == 'week' else 1}"


def _sql_cell(c: dict[str, Any]) -> str:
    return "step" if c["mode"] == "bracket" else "k"


def _sql_match(c: dict[str, Any]) -> str:
    if c["mode"] != "unbounded":
        return "cell = step"
    return f"cell >= step AND cell <= {c.get('horizon', 10_000)}"


def _sql_over(c: dict[str, Any]) -> str:
    if c["clock"] == "elapsed":
        length = LENGTHS[c["period"]]
        end = f"midnight(next_start(s.cohort, '{c['period']}')) - 1"
        return f"{end} + (upto + 1) * {length}::BIGINT < as_of"
    if c["period"] == "month":
        return "s.cohort + INTERVAL 1 MONTH * (upto + 1) <= as_of_day"
    return f"s.cohort + (upto + 1) * {7 if c['period'] == 'week' else 1} <= as_of_day"
