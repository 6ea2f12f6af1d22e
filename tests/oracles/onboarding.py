"""Onboarding: row after row, each given to the narrowest step that still needs it."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

from tests.oracles.criteria import chain, days, met, part_of, parts
from tests.oracles.database import DB, rows
from tests.oracles.model import DAY_MS, Tables, World, quantile

CELLS = [
    ("cohorts", "finished"), ("cohorts", "started"), ("cohorts", "of_started"),
    ("personas", "finished"), ("steps", "done"), ("steps", "dropped"), ("steps", "stopped"),
    ("steps", "only"),
]  # fmt: skip
MEASURES = {"of_started": "finished"}
STEPS = (
    "built", "shared", "read", {"event": "shared", "at_least": 2}, {"event": "read", "days": 2},
    {"event": "read", "where": {"kind": "x"}}, {"event": "read", "where": {"kind": ["x", "y"]}},
    {"event": "shared", "where": {"kind": "y"}, "at_least": 2}, "logged_in",
)  # fmt: skip


def section(rng: random.Random) -> dict[str, Any]:
    """Steps that share rows, in order or not, with personas now and then."""
    found: dict[str, Any] = {"before_signup": rng.choice(("count", "ignore")),
                             "within": rng.choice(("1d", "7d", "30d"))}  # fmt: skip
    chosen = rng.choice(("none", "none", "some", "alone"))
    if chosen != "alone":
        found |= _steps(rng)
    if chosen != "none":
        found["personas"] = {
            "first": {"who": {"kind": "x"}, **_steps(rng)},
            "second": {"who": {"kind": ["y", "x"]}, **_steps(rng), "within": "14d"},
        }
    return {"onboarding": found}


def _steps(rng: random.Random) -> dict[str, Any]:
    return {"steps": rng.sample(STEPS, rng.randint(1, 4)), "in_order": rng.random() < 0.4}


def _times(world: World, user: str, rule: Any, count: bool) -> list[int | None]:
    """When each step was met, at or after the sign-up."""
    t0 = world.t0[user]
    events = [r for r in world.events.get(user, []) if count or r[0] >= t0]
    if rule.get("in_order"):
        found = chain(world, events, rule["steps"])
    else:
        found = _given_out(world, events, rule["steps"])
    return [None if t is None else max(t, t0) for t in found]


def _given_out(world: World, events: list[Any], steps: list[Any]) -> list[int | None]:
    """Each row goes to one step: of those that it fits and that are not met, the narrowest."""
    order = sorted(range(len(steps)), key=lambda i: (_breadth(steps[i]), i))
    served: list[int] = [0] * len(steps)
    seen: list[set[date]] = [set() for _ in steps]
    found: list[int | None] = [None] * len(steps)
    for t, e, p in events:
        for i in order:
            if found[i] is None and world.holds(steps[i], e, p):
                served[i] += 1
                seen[i].add(world.day(t))
                c = steps[i] if isinstance(steps[i], dict) else {}
                if served[i] >= c.get("at_least", 1) and len(seen[i]) >= c.get("days", 1):
                    found[i] = t
                break
    return found


def _breadth(step: Any) -> tuple[int, int]:
    values = [*step.get("where", {}).values()] if isinstance(step, dict) else []
    return -len(values), sum(len(v) if isinstance(v, list) else 1 for v in values)


def plain(world: World) -> Tables:
    """One new actor after the other."""
    c = world.config["onboarding"]
    people = []
    for user in world.starters():
        part = part_of(world, c, user)
        if part is None:
            continue
        t0, within = world.t0[user], int(part[2]["within"][:-1]) * DAY_MS
        times = _times(world, user, part[2], c["before_signup"] == "count")
        people.append(
            {
                "cohort": world.label(world.start(world.day(t0))), "part": part[0], "t0": t0,
                "mature": t0 + within < world.as_of, "ever": None not in times,
                "times": [t if t is not None and t <= t0 + within else None for t in times],
            }
        )  # fmt: skip
    if not people:
        return {}
    listed = [(name, rule["steps"]) for name, rule, _ in parts(c)]
    cohorts = sorted({p["cohort"] for p in people})
    found: Tables = {
        "cohorts": [
            {"cohort": k, **_line([p for p in people if p["cohort"] == k])} for k in cohorts
        ],
        "range": [{**_line(people), "time": _whole(people)}],
        "steps": [
            _step([p for p in people if p["part"] == i and p["mature"]], k)
            for i, (_, steps) in enumerate(listed)
            for k in range(len(steps))
        ],
    }
    if "personas" in c:
        found["personas"] = []
        for i, (name, _) in enumerate(listed):
            mine = [p for p in people if p["part"] == i]
            found["personas"].append({"item": name, **_line(mine), "time": _whole(mine)})
    return found


def _finished(p: dict[str, Any]) -> bool:
    return None not in p["times"]


def _line(people: list[dict[str, Any]]) -> dict[str, Any]:
    mature = [p for p in people if p["mature"]]
    started = [p for p in mature if any(t is not None for t in p["times"])]
    finished = sum(_finished(p) for p in mature)
    return {
        "signups": len(people), "mature": len(mature), "started": (len(started), len(mature)),
        "finished": (finished, len(mature)), "of_started": (finished, len(started)),
        "so_far": sum(_finished(p) for p in people if not p["mature"]),
        "ever": (sum(p["ever"] for p in people), len(people)),
    }  # fmt: skip


def _whole(people: list[dict[str, Any]]) -> float | None:
    return _median([max(p["times"]) - p["t0"] for p in people if p["mature"] and _finished(p)])


def _median(times: list[int]) -> float | None:
    middle = quantile(times, 0.5)
    return None if middle is None else float(middle / 1000)


def _step(mature: list[dict[str, Any]], k: int) -> dict[str, Any]:
    before = [p for p in mature if None not in p["times"][:k]]
    dropped = [p for p in before if p["times"][k] is None]
    unfinished = [p for p in mature if not _finished(p) and any(t is not None for t in p["times"])]
    missing = [p for p in mature if not _finished(p)]
    alone = [p for p in missing if p["times"][k] is None and p["times"].count(None) == 1]
    done = [p for p in mature if p["times"][k] is not None]
    gaps = []
    for p in done:
        ordered = sorted((t, i) for i, t in enumerate(p["times"]) if t is not None)
        place = ordered.index((p["times"][k], k))
        gaps.append(p["times"][k] - (ordered[place - 1][0] if place else p["t0"]))
    return {
        "done": (len(done), len(mature)), "dropped": (len(dropped), len(before)),
        "stopped": (sum(p in unfinished for p in dropped), len(unfinished)),
        "only": (len(alone), len(missing)), "time": _median(gaps),
    }  # fmt: skip


_MEASURES = """count(*) AS signups, count(*) FILTER (mature) AS mature,
    count(*) FILTER (mature AND done > 0) AS started_n, count(*) FILTER (mature) AS started_d,
    count(*) FILTER (mature AND done = n) AS finished_n, count(*) FILTER (mature) AS finished_d,
    count(*) FILTER (mature AND done = n) AS of_started_n,
    count(*) FILTER (mature AND done > 0) AS of_started_d,
    count(*) FILTER (NOT mature AND done = n) AS so_far,
    count(*) FILTER (ever) AS ever_n, count(*) AS ever_d"""
_WHOLE = "median(list_max(times) - t0) FILTER (mature AND done = n) / 1000 AS time"


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """The times of the steps as a list a person, null where too late."""
    p, c = config["period"], config["onboarding"]
    listed, queries = parts(c), []
    for i, (_, rule, fits) in enumerate(listed):
        how = "chain" if rule.get("in_order") else "shared"
        met(db, f"steps_{i}", fits, rule["steps"], how=how, ignore=c["before_signup"] == "ignore")
        n, within = len(rule["steps"]), days(rule) * DAY_MS
        times = ", ".join(f"greatest(time_{k}, m.t0 + time_{k} * 0)" for k in range(n))
        queries.append(
            f"""SELECT {i} AS part, {n} AS n, m.t0, label(start_of(t0_day, '{p}'), '{p}') AS cohort,
                m.t0 + {within} < as_of AS mature,
                {" AND ".join(f"time_{k} IS NOT NULL" for k in range(n))} AS ever,
                list_transform([{times}], lambda t: CASE WHEN t <= m.t0 + {within} THEN t END)
                    AS times, list_count(times) AS done
            FROM steps_{i} m JOIN starters USING ("user"), span"""
        )
    db.execute(f"CREATE TEMP TABLE onboarded AS {' UNION ALL '.join(queries)}")
    cohorts = rows(db, f"SELECT cohort, {_MEASURES} FROM onboarded GROUP BY 1 ORDER BY 1")
    if not cohorts:
        return {}
    steps = [_step_sql(db, i, k) for i, (_, r, _) in enumerate(listed)
             for k in range(len(r["steps"]))]  # fmt: skip
    found = {
        "cohorts": cohorts,
        "range": rows(db, f"SELECT {_MEASURES}, {_WHOLE} FROM onboarded"),
        "steps": steps,
    }
    if "personas" in c:
        found["personas"] = [
            {"item": name,
             **rows(db, f"SELECT {_MEASURES}, {_WHOLE} FROM onboarded WHERE part = {i}")[0]}
            for i, (name, _, _) in enumerate(listed)
        ]  # fmt: skip
    return found


def _step_sql(db: DB, part: int, k: int) -> dict[str, Any]:
    """Step k + 1 of a part; the step before it is the latest that is not later."""
    mine, before = f"times[{k + 1}]", f"list_count(times[1:{k}]) = {k}"
    earlier = f"""list_max(list_transform(times, lambda t, j:
        CASE WHEN t < {mine} OR (t = {mine} AND j <= {k}) THEN t END))"""
    return rows(
        db,
        f"""SELECT count({mine}) AS done_n, count(*) AS done_d,
            count(*) FILTER ({before} AND {mine} IS NULL) AS dropped_n,
            count(*) FILTER ({before}) AS dropped_d,
            count(*) FILTER ({before} AND {mine} IS NULL AND done > 0) AS stopped_n,
            count(*) FILTER (done > 0 AND done < n) AS stopped_d,
            count(*) FILTER ({mine} IS NULL AND done = n - 1) AS only_n,
            count(*) FILTER (done < n) AS only_d,
            median({mine} - coalesce({earlier}, t0)) / 1000 AS time
        FROM onboarded WHERE part = {part} AND mature""",
    )[0]
