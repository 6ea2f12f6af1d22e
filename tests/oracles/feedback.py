"""Feedback: each person's last word in each window."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

from tests.oracles.criteria import activated_at, part_of
from tests.oracles.database import DB, rows, where
from tests.oracles.model import Tables, World

CELLS = [
    ("nps", "promoters"), ("nps", "detractors"), ("nps", "respondents"), ("csat", "csat"),
    ("scores", "respondents"), ("response", "rate"),
]  # fmt: skip
MEASURES = {"csat": "satisfied", "rate": "answered"}
SCALES = {"nps": range(11), "csat": range(1, 6)}
GOOD = {"nps": (9, 10), "csat": (4, 5)}
MOST = 6

Said = dict[str, tuple[int, int]]  # by user: time and answer


def section(rng: random.Random) -> dict[str, Any]:
    """One question or both, of one event told apart or of two."""
    questions: dict[str, Any] = {
        "nps": rng.choice(
            (
                {"event": "answered"},
                {"event": "answered", "score": "score"},
                {"event": "answered", "where": {"kind": ["x", "y"]}},
            )
        ),
        "csat": rng.choice(
            (
                {"event": "called", "score": "score"},
                {"event": "answered", "where": {"kind": "x"}, "score": "score"},
            )
        ),
    }
    chosen = rng.sample(sorted(questions), rng.randint(1, 2))
    found: dict[str, Any] = {name: questions[name] for name in sorted(chosen)}
    found["window"] = rng.choice(("7d", "30d", "90d"))
    found["engaged"] = rng.randint(1, 3)
    if rng.random() < 0.7:
        found["asked"] = rng.choice(
            (["asked"], ["asked", {"event": "called", "where": {"kind": "y"}}])
        )
    return {"feedback": found}


def _questions(config: dict[str, Any]) -> list[str]:
    return [name for name in ("nps", "csat") if name in config]


def _number(text: str, scale: range) -> int | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if value.is_integer() and int(value) in scale else None


def _said(world: World, name: str, first: date, end: date) -> Said:
    """Each person's latest answer in a window, the lowest of several at once."""
    ref, found = world.config["feedback"][name], {}
    for user in world.users:
        given = []
        for t, event, properties in world.events[user]:
            value = _number(properties["score"], SCALES[name])
            if (
                value is not None
                and first <= world.day(t) < end
                and world.holds(ref, event, properties)
            ):
                given.append((t, value))
        if given:
            last = max(t for t, _ in given)
            found[user] = (last, min(v for t, v in given if t == last))
    return found


def _share(name: str, said: Said) -> dict[str, Any]:
    """The counts of one set of respondents."""
    values = [v for _, v in said.values()]
    good, n = sum(v in GOOD[name] for v in values), len(values)
    if name == "csat":
        return {"csat": (good, n)}
    bad = sum(v <= 6 for v in values)
    return {"promoters": (good, n), "detractors": (bad, n), "nps": (good - bad, n)}


def plain(world: World) -> Tables:
    """A window and a person at a time."""
    c = world.config["feedback"]
    spans = world.windows(int(c["window"][:-1]), MOST)
    said = {n: [_said(world, n, *span) for span in spans] for n in _questions(c)}
    if not any(part for parts in said.values() for part in parts):
        return {}
    last = {name: parts[-1] for name, parts in said.items()}
    found: Tables = {
        name: [
            {"period": (end - timedelta(days=1)).isoformat(), "respondents": len(part),
             **_share(name, part)}
            for (_, end), part in zip(spans, parts, strict=True)
        ]
        for name, parts in said.items()
    }  # fmt: skip
    found["scores"] = [
        {"item": name, "step": k,
         "respondents": (sum(v == k for _, v in part.values()), len(part))}
        for name, part in last.items() for k in SCALES[name]
    ]  # fmt: skip
    found["groups"] = _groups(world, last, *spans[-1])
    if "asked" in c:
        found["response"] = [{"rate": _response(world, last, *spans[-1])}]
    return found


def _groups(world: World, last: dict[str, Said], first: date, end: date) -> list[dict[str, Any]]:
    least = world.config["feedback"]["engaged"]
    traits: dict[str, dict[str, bool]] = {"adopted": {}, "engaged": {}}
    for user in {u for part in last.values() for u in part}:
        traits["engaged"][user] = sum(first <= d < end for d in world.days(user)) >= least
        if user in world.t0 and part_of(world, world.config["activation"], user):
            when, _ = activated_at(world, user)
            traits["adopted"][user] = when is not None and when < world.midnight(end)
    lines = []
    for trait, holds in traits.items():
        for value in (True, False):
            for name, part in last.items() if holds else ():
                some = {u: said for u, said in part.items() if holds.get(u) is value}
                item = trait if value else f"not {trait}"
                line = {"step": name, "item": item, "respondents": len(some)}
                lines.append({**line, name: _share(name, some)[name]})
    return lines


def _response(world: World, last: dict[str, Said], first: date, end: date) -> tuple[int, int]:
    """Of those asked in the window, who said something from then on."""
    asked = answered = 0
    for user in world.users:
        times = [
            t for t, e, p in world.events[user]
            if first <= world.day(t) < end
            and any(world.holds(ref, e, p) for ref in world.config["feedback"]["asked"])
        ]  # fmt: skip
        if times:
            asked += 1
            answered += any(user in part and part[user][0] >= min(times) for part in last.values())
    return answered, asked


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """Windows as a table, and the last answer by arg_max."""
    c = config["feedback"]
    length = int(c["window"][:-1])
    db.execute(
        f"""CREATE OR REPLACE TEMP TABLE spans AS
        SELECT stop, start, k AS i FROM windows_back({length}, {MOST})"""
    )
    for name in _questions(c):
        low, high = SCALES[name][0], SCALES[name][-1]
        db.execute(
            f"""CREATE OR REPLACE TEMP TABLE {name} AS
            WITH said AS (SELECT "user", ts, day, TRY_CAST(score AS DOUBLE) AS value FROM events
                WHERE ({where([{k: v for k, v in c[name].items() if k != "score"}])}))
            SELECT "user", stop, i, min(value) AS value, ts FROM said, spans
            WHERE value = floor(value) AND value BETWEEN {low} AND {high}
                AND day >= start AND day < stop
            GROUP BY "user", stop, i, ts QUALIFY ts = max(ts) OVER (PARTITION BY "user", i)"""
        )
    if not sum(db.execute(f"SELECT count(*) FROM {n}").fetchall()[0][0] for n in _questions(c)):
        return {}
    found: Tables = {}
    for name in _questions(c):
        n, good = "count(value)", f"count(*) FILTER (value >= {GOOD[name][0]})"
        bad = "count(*) FILTER (value <= 6)"
        counts = f"{good} AS csat_n, {n} AS csat_d"
        if name == "nps":
            counts = f"""{good} AS promoters_n, {n} AS promoters_d, {bad} AS detractors_n,
                {n} AS detractors_d, {good} - {bad} AS nps_n, {n} AS nps_d"""
        found[name] = rows(
            db,
            f"""SELECT strftime(stop - 1, '%Y-%m-%d') AS period, {n} AS respondents, {counts}
            FROM spans LEFT JOIN {name} USING (stop) GROUP BY stop ORDER BY stop""",
        )
        scale = f"range({SCALES[name][0]}, {SCALES[name][-1] + 1})"
        found.setdefault("scores", []).extend(
            rows(
                db,
                f"""SELECT '{name}' AS item, k AS step, count(value) AS respondents_n,
                    (SELECT count(*) FROM {name} WHERE i = 0) AS respondents_d
                FROM {scale} s(k) LEFT JOIN {name} ON value = k AND i = 0
                GROUP BY k ORDER BY k""",
            )
        )
    if "asked" in c:
        answers = " UNION ALL ".join(
            f'SELECT "user", ts FROM {name} WHERE i = 0' for name in _questions(c)
        )
        found["response"] = rows(
            db,
            f"""WITH q AS (SELECT "user", min(ts) AS first_ts FROM events, spans WHERE i = 0
                AND day >= start AND day < stop AND ({where(c["asked"])}) GROUP BY "user")
            SELECT count(*) FILTER (EXISTS (FROM ({answers}) a
                WHERE a."user" = q."user" AND a.ts >= first_ts)) AS rate_n, count(*) AS rate_d
            FROM q""",
        )
    return found
