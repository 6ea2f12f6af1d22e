"""Time to value: Kaplan–Meier by its definition, with exact fractions."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any
from zlib import crc32

import numpy as np

from tests.oracles.criteria import activated_at, activations, part_of
from tests.oracles.database import DB, rows, where
from tests.oracles.model import DAY_MS, Tables, World, quantile

CELLS = [("cohorts", "arrived"), ("histogram", "arrived"), ("histogram", "waiting")]
ROWS = {"cohorts": "durations", "histogram": "durations"}
HOUR = DAY_MS // 24
STEPS = {"10min": HOUR // 6, "1h": HOUR, "3h": 3 * HOUR, "6h": 6 * HOUR, "12h": 12 * HOUR,
         "1d": DAY_MS, "2d": 2 * DAY_MS, "3d": 3 * DAY_MS, "4d": 4 * DAY_MS, "5d": 5 * DAY_MS,
         "6d": 6 * DAY_MS, "7d": 7 * DAY_MS, "10d": 10 * DAY_MS, "14d": 14 * DAY_MS,
         "21d": 21 * DAY_MS, "30d": 30 * DAY_MS, "45d": 45 * DAY_MS, "60d": 60 * DAY_MS,
         "90d": 90 * DAY_MS}  # fmt: skip
BINS = {"0": 0, "10min": 600_000, "1h": HOUR, "6h": 6 * HOUR, "1d": DAY_MS, "3d": 3 * DAY_MS,
        "7d": 7 * DAY_MS, "14d": 14 * DAY_MS, "30d": 30 * DAY_MS, "90d": 90 * DAY_MS,
        "longer": 10**15}  # fmt: skip
QUANTILES = {"p25": Fraction(1, 4), "median": Fraction(1, 2), "p75": Fraction(3, 4),
             "p90": Fraction(9, 10)}  # fmt: skip

Durations = list[tuple[int, bool]]


def section(rng: random.Random) -> dict[str, Any]:
    """The activation, or the first of some events."""
    value: list[Any] = ["invited", {"event": "read", "where": {"kind": ["x", "y"]}}, "shared"]
    if rng.random() < 0.5:
        return {}
    return {"time_to_value": {"value": rng.sample(value, rng.randint(1, 2))}}


def _arrival(world: World, user: str) -> int | None:
    """When a user got value, not before the sign-up."""
    refs = world.config.get("time_to_value", {}).get("value")
    if refs is None:
        return activated_at(world, user)[0]
    times = [
        t for t, e, p in world.events.get(user, []) if any(world.holds(r, e, p) for r in refs)
    ]  # fmt: skip
    return max(times[0], world.t0[user]) if times else None


def _shares(people: Durations) -> dict[int, Fraction]:
    """The share that has arrived at each time of an arrival."""
    survival, found = Fraction(1), {}
    for moment in sorted({d for d, arrived in people if arrived}):
        at_risk = sum(d >= moment for d, _ in people)
        survival *= 1 - Fraction(sum(d == moment and a for d, a in people), at_risk)
        found[moment] = 1 - survival
    return found


def _reached(people: Durations, q: Fraction) -> float | None:
    return next((t / 1000 for t, share in _shares(people).items() if share >= q), None)


def _arrived(people: Durations) -> dict[str, Any]:
    times = [d for d, yes in people if yes]
    line: dict[str, Any] = {
        "n": len(times),
        "mean": sum(times) / len(times) / 1000 if times else None,
    }
    for name, q in QUANTILES.items():
        found = quantile(times, float(q))
        line[name] = None if found is None else float(found) / 1000
    return line


def plain(world: World) -> Tables:
    """Kaplan–Meier by its definition, one time after the other."""
    cohorts: dict[str, Durations] = {}
    accounts = set()
    for user in world.starters():
        own = world.config.get("time_to_value", {}).get("value")
        if not own and part_of(world, world.config["activation"], user) is None:
            continue
        when = _arrival(world, user)
        end = world.as_of if when is None else when
        label = world.label(world.start(world.day(world.t0[user])))
        cohorts.setdefault(label, []).append((end - world.t0[user], when is not None))
        accounts.add(crc32((world.account(user) or user).encode()) % 50)
    people = [person for label in sorted(cohorts) for person in cohorts[label]]
    if not people:
        return {}
    shares = _shares(people)
    curve = []
    for step, t in STEPS.items():
        observed = sum(d >= t for d, _ in people)
        share = max((v for moment, v in shares.items() if moment <= t), default=Fraction(0))
        curve.append({"step": step, "activated": float(share) if observed else None,
                      "at_risk": observed or None})  # fmt: skip
    edges = [-1, *BINS.values()]
    found: Tables = {
        "curve": curve,
        "quantiles": [{"step": n, "time": _reached(people, q)} for n, q in QUANTILES.items()],
        "arrived": [_arrived(people)],
        "histogram": [
            {"step": name, "arrived": sum(edges[i] < d <= edges[i + 1] and a for d, a in people),
             "waiting": sum(edges[i] < d <= edges[i + 1] and not a for d, a in people)}
            for i, name in enumerate(BINS)
        ],
        "cohorts": [
            {"cohort": label, "signups": len(part), "arrived": sum(a for _, a in part),
             **{n: _reached(part, q) for n, q in QUANTILES.items()}}
            for label, part in sorted(cohorts.items())
        ],
        "arrived_cohorts": [
            {"cohort": label, **_arrived(part)} for label, part in sorted(cohorts.items())
        ],
    }  # fmt: skip
    return found | _log_rank(list(cohorts.values()), one_group=_one_group(world, accounts))


def _one_group(world: World, accounts: set[int]) -> bool:
    """Whether all sit in the same group of accounts, so that nothing shows how alike they are."""
    known = "users" in world.config or any(
        p["account"] for rows in world.events.values() for _, _, p in rows
    )
    return known and len(accounts) < 2


def _log_rank(samples: list[Durations], *, one_group: bool) -> Tables:
    """Observed less expected arrivals, moment by moment."""
    size = len(samples)
    u, v = np.zeros(size), np.zeros((size, size))
    everybody = [person for sample in samples for person in sample]
    for moment in {d for d, a in everybody if a}:
        risk = np.array([sum(d >= moment for d, _ in s) for s in samples], dtype=float)
        gone = np.array([sum(d == moment and a for d, a in s) for s in samples], dtype=float)
        n, k, p = risk.sum(), gone.sum(), risk / risk.sum()
        u += gone - k * p
        if n > 1:
            v += k * (n - k) / (n - 1) * (np.diag(p) - np.outer(p, p))
    rank = int(np.linalg.matrix_rank(v, tol=1e-7)) if size > 1 else 0
    if size > 60 or not rank or one_group:
        return {"log_rank": []}
    statistic = float(u @ np.linalg.pinv(v, rcond=1e-7) @ u)
    line = {"item": "sign-up cohorts", "samples": size, "df": rank, "statistic": statistic}
    return {"log_rank": [line]}


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """Durations as a table, then products over its moments."""
    arrival = _arrivals(db, config)
    db.execute(
        f"""CREATE OR REPLACE TEMP TABLE durations AS
        SELECT label(start_of(t0_day, '{config["period"]}'), '{config["period"]}') AS cohort,
            greatest(coalesce(ts, as_of), t0) - t0 AS duration, ts IS NOT NULL AS arrived
        FROM starters CROSS JOIN span JOIN ({arrival}) USING ("user")"""
    )
    if not db.execute("SELECT count(*) FROM durations").fetchall()[0][0]:
        return {}
    steps = ", ".join(f"('{name}', {t}, {i})" for i, (name, t) in enumerate(STEPS.items()))
    edges = [-1, *BINS.values()]
    bins = ", ".join(f"('{name}', {edges[i]}, {edges[i + 1]})" for i, name in enumerate(BINS))
    moments = """SELECT duration, count(*) FILTER (arrived) AS d, (SELECT count(*) FROM durations b
        WHERE b.duration >= a.duration) AS n FROM durations a GROUP BY duration"""
    within = """SELECT cohort, duration, 1 - product(1 - d / n) OVER
        (PARTITION BY cohort ORDER BY duration) AS share FROM (
        SELECT cohort, duration, count(*) FILTER (arrived) AS d, (SELECT count(*) FROM durations b
            WHERE b.duration >= a.duration AND b.cohort = a.cohort) AS n
        FROM durations a GROUP BY cohort, duration)"""
    arrived = ", ".join(
        f"quantile_cont(duration, {float(q)}) FILTER (arrived) / 1000 AS {name}"
        for name, q in QUANTILES.items()
    )
    arrived = f"""count(*) FILTER (arrived) AS n, avg(duration) FILTER (arrived) / 1000 AS mean,
        {arrived} FROM durations"""
    reached = ", ".join(
        f"(SELECT min(duration) FROM w WHERE w.cohort = a.cohort AND share >= {float(q)} - 1e-12)"
        f" / 1000 AS {name}" for name, q in QUANTILES.items()
    )  # fmt: skip
    return {
        "curve": rows(
            db,
            f"""WITH m AS ({moments}), s(step, t, i) AS (VALUES {steps})
            SELECT step, CASE WHEN max(duration) >= t THEN
                coalesce(1 - product(1 - d / n) FILTER (duration <= t), 0) END AS activated,
                nullif((SELECT count(*) FROM durations WHERE duration >= t), 0) AS at_risk
            FROM s, m GROUP BY step, t, i ORDER BY i""",
        ),
        "arrived": rows(db, f"SELECT {arrived}"),
        "histogram": rows(
            db,
            f"""SELECT step, count(*) FILTER (arrived) AS arrived,
                count(*) FILTER (NOT arrived) AS waiting
            FROM (VALUES {bins}) b(step, low, high) LEFT JOIN durations
                ON duration > low AND duration <= high GROUP BY step, high ORDER BY high""",
        ),
        "cohorts": rows(
            db,
            f"""WITH w AS ({within}) SELECT cohort, count(*) AS signups,
                count(*) FILTER (arrived) AS arrived, {reached}
            FROM durations a GROUP BY cohort ORDER BY cohort""",
        ),
        "arrived_cohorts": rows(db, f"SELECT cohort, {arrived} GROUP BY cohort ORDER BY cohort"),
    }


def _arrivals(db: DB, config: dict[str, Any]) -> str:
    """A query of "user" and ts of those of whom an arrival is asked."""
    refs = config.get("time_to_value", {}).get("value")
    if refs is None:
        activations(db, config)
        return 'SELECT "user", reached AS ts FROM activations'
    return f"""SELECT "user", min(ts) FILTER ({where(refs)}) AS ts FROM people
        LEFT JOIN events USING ("user") GROUP BY "user" """
