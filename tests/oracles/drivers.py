"""Drivers: everybody put on one side or the other of each behaviour, one after the other."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from fractions import Fraction
from typing import Any
from zlib import crc32

from tests.oracles.database import DB, rows, where
from tests.oracles.model import DAY_MS, Tables, World

CELLS = [
    ("events", "reach"), ("events", "with"), ("measures", "recall"), ("measures", "precision"),
]  # fmt: skip
ROWS = {"measures": "events"}
MEASURES = dict.fromkeys(("with", "recall", "precision"), "did_outcome") | {"reach": "did"}
UNORDERED = {"events"}
GOOD = {"nps": (9, range(11)), "csat": (4, range(1, 6))}
TIMES = range(1, 11)


def section(rng: random.Random) -> dict[str, Any]:
    """Every kind of outcome, spans that touch, thresholds that few can reach."""
    exposure, after, until = rng.choice(
        ((7, None, 40), (14, 14, 30), (20, 20, 40), (20, 23, 50), (10, 10, 20), (5, 5, 15))
    )
    kind = rng.choice(("retention", "retention", "purchase", "satisfaction"))
    outcome: dict[str, Any] = {"kind": kind, "until": f"{until}d"}
    if after is not None:
        outcome["after"] = f"{after}d"
    if kind == "purchase":
        outcome["events"] = rng.choice(
            (["bought"], ["bought", {"event": "called", "where": {"kind": "x"}}])
        )
    if kind == "satisfaction":
        outcome["at_least"] = rng.choice((4, 5))
        outcome |= rng.choice(({}, {"question": "nps"}, {"question": "csat"}))
    found = {"exposure": f"{exposure}d", "outcome": outcome, "fewest": rng.choice((1, 1, 2))}
    named = {
        "read_x": [{"event": "read", "where": {"kind": "x"}}],
        "helping": ["helped"],
        "teamwork": ["shared", {"event": "invited"}],
    }
    return {"drivers": found, "events": dict(rng.sample(sorted(named.items()), rng.randint(1, 3)))}


def _days(text: str) -> int:
    return int(text[:-1]) * DAY_MS


def _settings(config: dict[str, Any]) -> tuple[int, int, int, dict[str, Any]]:
    """Exposure, beginning and end of the outcome's span in ms, and the outcome."""
    c = config["drivers"]
    o, exposure = c["outcome"], _days(c["exposure"])
    usual = 28 * DAY_MS if o["kind"] == "retention" else exposure
    return exposure, _days(o["after"]) if "after" in o else usual, _days(o["until"]), o


def _half(user: str) -> int:
    return crc32(user.encode()) // 50 % 2


def _question(config: dict[str, Any]) -> tuple[str, Any]:
    usual = "nps" if "nps" in config["feedback"] else "csat"
    name = config["drivers"]["outcome"].get("question", usual)
    return name, config["feedback"][name]


def plain(world: World) -> Tables:
    """One person after the other."""
    judged, early, left = _people_judged(world)
    if len({*judged.values()}) < 2:
        return {"events": [], "measures": [], "people": _people(judged, left)}
    lines = measured(world, judged, early)
    return {
        "events": [{k: v for k, v in m.items() if k in _EVENTS} for m in lines],
        "measures": [{k: v for k, v in m.items() if k in _MEASURES} for m in lines],
        "people": _people(judged, left),
    }


_EVENTS = ("item", "step", "reach", "with", "without", "difference", "adjusted")
_MEASURES = ("item", "step", "phi", "precision", "recall", "compared")


def telling(world: World) -> set[str]:
    """Those that tell more than chance does on the half where thresholds are chosen."""
    judged, early, _ = _people_judged(world)
    return {line["item"] for line in measured(world, judged, early) if line["chosen"] >= 1}


def _people_judged(
    world: World,
) -> tuple[dict[str, bool], dict[str, list[Any]], dict[str, int]]:
    """Whether the outcome came, what was done early, and how many are not judged."""
    exposure, after, until, o = _settings(world.config)
    left = dict.fromkeys(("not old enough", "had it before", "gave no answer"), 0)
    judged: dict[str, bool] = {}
    early: dict[str, list[Any]] = {}
    for user in world.starters():
        t0 = world.t0[user]
        if t0 + until > world.as_of:
            left["not old enough"] += 1
            continue
        mine = world.events.get(user, [])
        span = [r for r in mine if t0 + after <= r[0] < t0 + until]
        if o["kind"] == "retention":
            judged[user] = any(world.active(e, p) for _, e, p in span)
        elif o["kind"] == "purchase":
            bought = [t for t, e, p in mine if any(world.holds(r, e, p) for r in o["events"])]
            if bought and bought[0] < t0 + after:
                left["had it before"] += 1
                continue
            judged[user] = any(t0 + after <= t < t0 + until for t in bought)
        else:
            said = _last_word(world, span)
            if said is None:
                left["gave no answer"] += 1
                continue
            judged[user] = said >= o["at_least"]
        early[user] = [r for r in mine if t0 <= r[0] < t0 + exposure]
    return judged, early, left


def measured(
    world: World, judged: dict[str, bool], early: dict[str, list[Any]]
) -> list[dict[str, Any]]:
    """Every behaviour that somebody of the second half showed."""
    period = _periods(world, [*judged])
    found = [_measure(world, name, judged, early, period) for name in _names(world)]
    return [line for line in found if line]


def _periods(world: World, people: list[str]) -> dict[str, int]:
    """Of each the period of sign-up: weeks until there are enough, as long as enough are left."""
    monday = world.start(world.first_day, "week")
    week = {u: (world.day(world.t0[u]) - monday).days // 7 for u in people}
    least = max(8 * world.config["drivers"]["fewest"], math.ceil(len(people) / 8))
    parts: list[list[str]] = [[]]
    for one in sorted({*week.values()}):
        later = [u for u in people if week[u] > one]
        parts[-1] += [u for u in people if week[u] == one]
        if len(parts[-1]) >= least and len(later) >= least:
            parts.append([])
    return {u: i for i, part in enumerate(parts) for u in part}


def _last_word(world: World, span: list[Any]) -> int | None:
    """The latest answer on the scale, of several at that instant the lowest."""
    name, answer = _question(world.config)
    ref = {k: v for k, v in answer.items() if k != "score"}
    found = []
    for t, e, p in span:
        number = {str(n): n for n in GOOD[name][1]} | {"10.0": 10}
        value = number.get(p["score"])
        if world.holds(ref, e, p) and value in GOOD[name][1]:
            found.append((t, value))
    return min((v for t, v in found if t == max(found)[0]), default=None)


def _names(world: World) -> list[str]:
    """Names of ours that occur, and those of the log whose rows are not just those of one."""
    kinds = world.kinds
    meant = {
        name: {kind for kind, p in kinds.items() if any(world.holds(r, kind[0], p) for r in refs)}
        for name, refs in world.config["events"].items()
    }
    raw = {e: {kind for kind in kinds if kind[0] == e} for e, _ in kinds}
    named = [name for name, rows_of in meant.items() if rows_of]
    return sorted([*named, *(e for e, rows_of in raw.items() if rows_of not in meant.values())])


def _measure(
    world: World, name: str, judged: dict[str, bool], early: dict[str, list[Any]],
    period: dict[str, int],
) -> dict[str, Any] | None:  # fmt: skip
    """The two by two table of one behaviour on the second half; None where nobody did it."""
    refs = world.config["events"].get(name, [name])
    times = {
        u: sum(any(world.holds(r, e, p) for r in refs) for _, e, p in mine)
        for u, mine in early.items()
    }
    others = {u: (period[u], _bucket(len(early[u]) - times[u])) for u in judged}
    told = [u for u in judged if _half(u)]
    if not any(times[u] for u in told):
        return None
    best, k = Fraction(-1), 1
    fewest = world.config["drivers"]["fewest"]
    for least in TIMES:
        sides = _sides([u for u in judged if not _half(u)], times, others, judged, least)
        n1, n0 = (sum(c[i] for c in sides.values()) for i in (1, 3))
        if min(n1, n0) >= fewest and _chi_square(sides) > best:
            best, k = _chi_square(sides), least
    first = _sides([u for u in judged if not _half(u)], times, others, judged, k)
    line = _line(name, k, _sides(told, times, others, judged, k))
    return line | {"chosen": _chi_square(first)}


def _bucket(n: int) -> int:
    return max(s for s in range(99) if 2**s <= (1 + n) ** 4)


Stratum = tuple[int, int]  # period of sign-up, and bucket of what else was done
Sides = dict[Stratum, list[int]]


def _sides(
    who: list[str], times: dict[str, int], others: dict[str, Stratum], judged: dict[str, bool],
    least: int,
) -> Sides:  # fmt: skip
    found: Sides = defaultdict(lambda: [0, 0, 0, 0])
    for u in who:
        side = 0 if times[u] >= least else 2
        found[others[u]][side] += judged[u]
        found[others[u]][side + 1] += 1
    return found


def _chi_square(sides: Sides) -> Fraction:
    """Cochran, Mantel and Haenszel's."""
    excess = variance = Fraction(0)
    for a, n1, c, n0 in sides.values():
        n, m = n1 + n0, a + c
        if n1 and n0:
            excess += a - Fraction(n1 * m, n)
            variance += Fraction(n1 * n0 * m * (n - m), n * n * (n - 1))
    return excess**2 / variance if variance else Fraction(0)


def _line(name: str, k: int, sides: Sides) -> dict[str, Any]:
    a, n1, c, n0 = (sum(part[i] for part in sides.values()) for i in range(4))
    both = [s for s in sides.values() if s[1] and s[3]]
    weight = sum(Fraction(s[1] * s[3], s[1] + s[3]) for s in both)
    pooled = sum(Fraction(s[0] * s[3] - s[2] * s[1], s[1] + s[3]) for s in both)
    spread = n1 * n0 * (a + c) * (n1 + n0 - a - c)
    return {
        "item": name, "step": k, "reach": (n1, n1 + n0), "with": (a, n1), "without": (c, n0),
        "difference": a / n1 - c / n0 if n1 and n0 else None,
        "adjusted": float(pooled / weight) if weight else None,
        "phi": (a * n0 - c * n1) / math.sqrt(spread) if spread else None,
        "precision": (a, n1), "recall": (a, a + c),
        "compared": (sum(s[1] + s[3] for s in both), n1 + n0),
    }  # fmt: skip


def _people(judged: dict[str, bool], left: dict[str, int]) -> list[dict[str, Any]]:
    found = []
    for item, halves in (("judged", (0, 1)), ("thresholds chosen on", (0,)), ("counted", (1,))):
        outcomes = [came for u, came in judged.items() if _half(u) in halves]
        found.append(
            {"item": item, "people": len(outcomes), "outcome": (sum(outcomes), len(outcomes))}
        )
    for item, n in left.items():
        if n or item == "not old enough":
            found.append({"item": item, "people": n, "outcome": None})
    return found


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """Everybody beside every behaviour and every threshold, then grouped."""
    exposure, after, until, o = _settings(config)
    users = [u for (u,) in db.execute('SELECT "user" FROM people').fetchall()]
    halves = ", ".join(f"('{u}', {_half(u)})" for u in users)
    db.execute(
        f"""CREATE TABLE old AS SELECT "user", t0, half FROM starters, span, (VALUES {halves})
            AS h(u, half) WHERE u = "user" AND t0 + {until} <= as_of;
        CREATE TABLE judged AS {_judged(config, after, until, o)};
        CREATE TABLE early AS SELECT "user", event, kind FROM events JOIN judged USING ("user")
            WHERE ts >= t0 AND ts < t0 + {exposure};"""
    )
    n, came = db.execute("SELECT count(*), count_if(outcome) FROM judged").fetchall()[0]
    if not came or came == n:
        return {"events": [], "measures": [], "people": _counted(db, o)}
    _candidates(db, config)
    db.execute(_PERIODS.format(enough=8 * config["drivers"]["fewest"]))
    db.execute(_SIDES)
    lines = rows(db, _CHOSEN.format(fewest=config["drivers"]["fewest"]))
    return {
        "events": [{k: v for k, v in m.items() if k in _EVENTS} for m in lines],
        "measures": [{k: v for k, v in m.items() if k in _MEASURES} for m in lines],
        "people": _counted(db, o),
    }


def _judged(config: dict[str, Any], after: int, until: int, o: dict[str, Any]) -> str:
    inside = f"ts >= t0 + {after} AND ts < t0 + {until}"
    if o["kind"] == "satisfaction":
        name, answer = _question(config)
        low, high = GOOD[name][1][0], GOOD[name][1][-1]
        return f"""WITH said AS (SELECT "user", any_value(half) AS half, any_value(t0) AS t0, ts,
                min(TRY_CAST(score AS DOUBLE)) AS v FROM events JOIN old USING ("user")
            WHERE ({where(answer)}) AND {inside} AND TRY_CAST(score AS DOUBLE) IN
                (SELECT unnest(generate_series({low}, {high}))) GROUP BY "user", ts)
            SELECT "user", any_value(t0) AS t0, any_value(half) AS half,
                arg_max(v, ts) >= {o["at_least"]} AS outcome FROM said GROUP BY 1"""
    refs = config.get("active_events") if o["kind"] == "retention" else o["events"]
    early = "false" if o["kind"] == "retention" else f"ts < t0 + {after}"
    return f"""SELECT "user", any_value(t0) AS t0, any_value(half) AS half,
            coalesce(bool_or({inside}), false) AS outcome
        FROM old LEFT JOIN (SELECT "user", ts FROM events WHERE {where(refs)}) USING ("user")
        GROUP BY "user" HAVING NOT coalesce(bool_or({early}), false)"""


def _candidates(db: DB, config: dict[str, Any]) -> None:
    """Table `times`: how often everybody did each behaviour."""
    db.execute("CREATE TABLE raw_names AS SELECT DISTINCT event FROM events")
    names = {name: where(refs) for name, refs in config["events"].items()}
    for (event,) in db.execute("SELECT event FROM raw_names").fetchall():
        if event not in names:
            same = [
                db.execute(
                    f"SELECT bool_and((event = '{event}') = ({condition})) FROM events"
                ).fetchall()[0][0]
                for condition in names.values()
            ]
            if not any(same[: len(config["events"])]):
                names[event] = f"event = '{event}'"
    parts = " UNION ALL ".join(
        f"SELECT '{name}' AS item, \"user\", count(*) AS n FROM early WHERE {c} GROUP BY 2"
        for name, c in names.items()
    )
    db.execute(
        f"""CREATE TABLE done AS {parts};
        CREATE TABLE times AS SELECT item, j."user", half, outcome, coalesce(n, 0) AS times,
            floor(log2(pow(1 + coalesce(total, 0) - coalesce(n, 0), 4)) + 1e-9) AS stratum
        FROM judged j CROSS JOIN (SELECT DISTINCT item FROM done) i
            LEFT JOIN done USING (item, "user")
            LEFT JOIN (SELECT "user", count(*) AS total FROM early GROUP BY 1) t USING ("user")"""
    )


_PERIODS = """CREATE TABLE periods AS
    WITH RECURSIVE weeks AS (SELECT (t0_day - start_of(span.first_day, 'week')) // 7 AS week,
            count(*) AS n FROM judged JOIN starters USING ("user") CROSS JOIN span GROUP BY 1),
        sizes AS (SELECT week, n, row_number() OVER (ORDER BY week) AS i,
            coalesce(sum(n) OVER (ORDER BY week
                ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING), 0) AS after FROM weeks),
        bound AS (SELECT greatest({enough}, ceil(sum(n) / 8)) AS least FROM weeks),
        walk(i, week, period, next, held) AS (SELECT 0::BIGINT, NULL::BIGINT, 0, 0, 0::BIGINT
            UNION ALL SELECT s.i, s.week, w.next,
                w.next + (least(w.held + s.n, s.after) >= bound.least)::INTEGER,
                if(least(w.held + s.n, s.after) >= bound.least, 0, w.held + s.n)
            FROM walk w JOIN sizes s ON s.i = w.i + 1 CROSS JOIN bound)
    SELECT "user", period FROM walk
        JOIN (SELECT "user", (t0_day - start_of(span.first_day, 'week')) // 7 AS week
            FROM starters CROSS JOIN span) USING (week)"""

_SIDES = """CREATE TABLE sides AS SELECT item, k, half, (period, stratum) AS stratum,
        count_if(times >= k AND outcome) AS a, count_if(times >= k) AS n1,
        count_if(times < k AND outcome) AS c, count_if(times < k) AS n0
    FROM times JOIN periods USING ("user"), generate_series(1, 10) s(k) GROUP BY ALL"""

_CHOSEN = """WITH terms AS (SELECT *, a + c AS m, n1 + n0 AS n FROM sides),
    tests AS (SELECT item, k, coalesce(pow(sum(a - n1 * m / n) FILTER (WHERE n1 * n0 > 0), 2)
            / nullif(sum(n1 * n0 * m * (n - m) / (n * n * (n - 1))) FILTER (WHERE n1 * n0 > 0), 0),
            0) AS chi FROM terms WHERE half = 0 GROUP BY item, k
        HAVING least(sum(n1), sum(n0)) >= {fewest}),
    best AS (SELECT item, arg_min(k, (-round(chi, 7), k)) AS k FROM tests GROUP BY item),
    chosen AS (SELECT item, coalesce(best.k, 1) AS k FROM (SELECT DISTINCT item FROM sides)
        LEFT JOIN best USING (item))
    SELECT item, k AS step, sum(n1)::INT AS reach_n, sum(n)::INT AS reach_d, sum(a)::INT AS with_n,
        sum(n1)::INT AS with_d, sum(c)::INT AS without_n, sum(n0)::INT AS without_d,
        sum(a) / nullif(sum(n1), 0) - sum(c) / nullif(sum(n0), 0) AS difference,
        sum((a * n0 - c * n1) / n) FILTER (WHERE n1 * n0 > 0)
            / sum(n1 * n0 / n) FILTER (WHERE n1 * n0 > 0) AS adjusted,
        (sum(a) * sum(n0) - sum(c) * sum(n1))
            / nullif(sqrt(sum(n1) * sum(n0) * sum(m) * (sum(n) - sum(m))), 0) AS phi,
        sum(a)::INT AS precision_n, sum(n1)::INT AS precision_d, sum(a)::INT AS recall_n,
        sum(m)::INT AS recall_d, coalesce(sum(n) FILTER (WHERE n1 * n0 > 0), 0)::INT AS compared_n,
        sum(n)::INT AS compared_d
    FROM terms JOIN chosen USING (item, k) WHERE half = 1
        AND item IN (SELECT item FROM times WHERE half = 1 AND times > 0)
    GROUP BY item, k ORDER BY item"""


def _counted(db: DB, o: dict[str, Any]) -> list[dict[str, Any]]:
    """Who was looked at, and who was not."""
    found = []
    for item, halves in (("judged", "0, 1"), ("thresholds chosen on", "0"), ("counted", "1")):
        found += rows(
            db,
            f"""SELECT '{item}' AS item, count(*) AS people,
                count(*) FILTER (WHERE outcome) AS outcome_n, count(*) AS outcome_d
            FROM judged WHERE half IN ({halves})""",
        )
    young, out = db.execute(
        """SELECT (SELECT count(*) FROM starters) - (SELECT count(*) FROM old),
            (SELECT count(*) FROM old) - (SELECT count(*) FROM judged)"""
    ).fetchall()[0]
    found.append({"item": "not old enough", "people": young, "outcome": None})
    if out:
        why = "had it before" if o["kind"] == "purchase" else "gave no answer"
        found.append({"item": why, "people": out, "outcome": None})
    return found
