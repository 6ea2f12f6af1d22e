"""Criteria and personas: when each is met, row by row, and in SQL by numbered rows and windows."""

from __future__ import annotations

from datetime import date
from typing import Any

from tests.oracles.database import DB, where
from tests.oracles.model import World


def part_of(world: World, section: Any, user: str) -> tuple[int, str, Any] | None:
    """Place, name and rule of the first persona that fits a user, else of everyone else."""
    personas = section.get("personas", {})
    for i, (name, persona) in enumerate(personas.items()):
        if all(
            world.latest(user, trait) in (values if isinstance(values, list) else [values])
            for trait, values in persona["who"].items()
        ):
            return i, name, {"within": section["within"], **persona}
    if not any(key in section for key in ("all", "any", "steps")):
        return None
    return len(personas), "everyone else", section


def activated_at(world: World, user: str) -> tuple[int | None, list[int | None]]:
    """When the criteria of a user's persona were first all met at or after sign-up, each alone."""
    section = world.config["activation"]
    part = part_of(world, section, user)
    if part is None:
        return None, []
    c = part[2]
    criteria = c.get("all") or c.get("any")
    t0 = world.t0[user]
    count = section["before_signup"] == "count"
    rows = [r for r in world.events.get(user, []) if count or r[0] >= t0]
    alone = [_met(world, rows, criterion, set(), None)[0] for criterion in criteria]
    if "any" in c:
        reached = [t for t in alone if t is not None]
        when = min(reached) if reached else None
    elif c.get("in_order"):
        when = chain(world, rows, criteria)[-1]
    else:
        when = None if None in alone else max(t for t in alone if t is not None)
    return (None if when is None else max(when, t0)), alone


def _met(
    world: World, rows: list[Any], criterion: Any, used: set[int], since: int | None
) -> tuple[int | None, set[int]]:
    """The time at which a criterion is met, and the rows that served."""
    least = criterion.get("at_least", 1) if isinstance(criterion, dict) else 1
    days = criterion.get("days", 1) if isinstance(criterion, dict) else 1
    served: set[int] = set()
    seen: set[date] = set()
    for i, (t, e, p) in enumerate(rows):
        if i in used or (since is not None and t < since) or not world.holds(criterion, e, p):
            continue
        served.add(i)
        seen.add(world.day(t))
        if len(served) >= least and len(seen) >= days:
            return t, served
    return None, set()


def chain(world: World, rows: list[Any], criteria: list[Any]) -> list[int | None]:
    """When each criterion is met, one after the other; a row serves one only."""
    used: set[int] = set()
    found: list[int | None] = []
    for criterion in criteria:
        if found and found[-1] is None:
            found.append(None)
            continue
        at, served = _met(world, rows, criterion, used, found[-1] if found else None)
        used |= served
        found.append(at)
    return found


def parts(section: dict[str, Any]) -> list[tuple[str, dict[str, Any], str]]:
    """Name, rule and condition on `kind` of each persona, and of everyone else."""
    found, earlier = [], "false"
    for name, persona in section.get("personas", {}).items():
        values = persona["who"]["kind"]
        listed = ", ".join(f"'{v}'" for v in (values if isinstance(values, list) else [values]))
        fits = f"coalesce(kind IN ({listed}), false)"
        found.append(
            (name, {"within": section["within"], **persona}, f"{fits} AND NOT ({earlier})")
        )
        earlier += f" OR {fits}"
    if any(key in section for key in ("all", "any", "steps")):
        found.append(("everyone else", section, f"NOT ({earlier})"))
    return found


def days(rule: dict[str, Any]) -> int:
    """`within` in days."""
    return int(rule["within"][:-1])


def met(
    db: DB, table: str, fits: str, criteria: list[Any], *, how: str, ignore: bool
) -> None:  # fmt: skip
    """Make a table of "user", t0, time_0 … time_n of the people that fit.

    Args:
        db: The log.
        table: Its name.
        fits: Condition on `kind`.
        criteria: As the YAML has them.
        how: `alone`; `chain`: one after the other; `shared`: a row serves one, the narrower first.
        ignore: Rows before t0 do not count.
    """
    db.execute(
        f"""CREATE TEMP TABLE {table}_rows AS SELECT e.*, row_number() OVER (
            PARTITION BY "user" ORDER BY ts, event, kind NULLS FIRST) AS row
        FROM events e JOIN people p USING ("user") WHERE p.t0 IS NOT NULL
            AND (ts >= p.t0 OR {not ignore});
        CREATE TEMP TABLE {table} AS SELECT "user", t0 FROM people
            LEFT JOIN kinds USING ("user") WHERE t0 IS NOT NULL AND {fits}"""
    )
    order = list(range(len(criteria)))
    if how == "shared":
        order.sort(key=lambda i: (_breadth(criteria[i]), i))
    for n, i in enumerate(order):
        _step(db, table, i, criteria, order[:n] if how != "alone" else [], how)


def _breadth(criterion: Any) -> tuple[int, int]:
    conditions = criterion.get("where", {}) if isinstance(criterion, dict) else {}
    values = [v if isinstance(v, list) else [v] for v in conditions.values()]
    return -len(values), sum(map(len, values))


def _step(db: DB, table: str, i: int, criteria: list[Any], taken: list[int], how: str) -> None:
    """One more pair of columns: when and at which row the i-th criterion is met."""
    c = criteria[i] if isinstance(criteria[i], dict) else {}
    free = [
        f"NOT (({where(criteria[j])}) AND coalesce(row <= row_{j}, true))" for j in taken
    ]  # fmt: skip
    if how == "chain" and i:
        free.append(f"ts >= time_{i - 1}")
    condition = " AND ".join([f"({where(criteria[i])})", *free])
    db.execute(
        f"""CREATE TEMP TABLE step AS WITH mine AS (
            SELECT r."user", ts, day, row FROM {table}_rows r JOIN {table} USING ("user")
            WHERE {condition}),
        daily AS (SELECT * FROM mine QUALIFY
            row_number() OVER (PARTITION BY "user", day ORDER BY row) = 1),
        nth AS (SELECT * FROM mine QUALIFY
            row_number() OVER (PARTITION BY "user" ORDER BY row) = {c.get("at_least", 1)}),
        nth_day AS (SELECT * FROM daily QUALIFY
            row_number() OVER (PARTITION BY "user" ORDER BY row) = {c.get("days", 1)})
        SELECT "user", greatest(nth.ts, nth_day.ts) AS time_{i},
            greatest(nth.row, nth_day.row) AS row_{i}
        FROM nth JOIN nth_day USING ("user");
        CREATE TEMP TABLE next AS SELECT * FROM {table} LEFT JOIN step USING ("user");
        DROP TABLE step; DROP TABLE {table}; ALTER TABLE next RENAME TO {table}"""
    )


def activations(db: DB, config: dict[str, Any]) -> None:
    """Make the table `activations`, if it is not there yet.

    Its columns: "user", t0, part, allowed (ms), reached (or null), late.
    One row each of those from whom something is asked; the list `late` tells which criteria alone
    were not met by t0 + allowed.
    """
    if ("activations",) in db.execute("SHOW TABLES").fetchall():
        return
    section = config["activation"]
    ignore = section["before_signup"] == "ignore"
    queries = []
    for i, (_, rule, fits) in enumerate(parts(section)):
        criteria = rule.get("all") or rule["any"]
        n, within = len(criteria), days(rule) * 86_400_000
        met(db, f"alone_{i}", fits, criteria, how="alone", ignore=ignore)
        times = ", ".join(f"time_{k}" for k in range(n))
        last, source = f"CASE WHEN {_all(n)} THEN greatest({times}) END", f"alone_{i}"
        if "any" in rule:
            last = f"least({times})"
        elif rule.get("in_order"):
            met(db, f"chain_{i}", fits, criteria, how="chain", ignore=ignore)
            last, source = f"time_{n - 1}", f"chain_{i}"
        late = ", ".join(f"coalesce(a.time_{k} > a.t0 + {within}, true)" for k in range(n))
        queries.append(
            f"""SELECT a."user", a.t0, {i} AS part, {within} AS allowed,
                CASE WHEN s.last IS NOT NULL THEN greatest(s.last, a.t0) END AS reached,
                [{late}] AS late
            FROM alone_{i} a JOIN (SELECT "user", {last} AS last FROM {source}) s USING ("user")"""
        )
    db.execute(f"CREATE TEMP TABLE activations AS {' UNION ALL '.join(queries)}")


def _all(n: int) -> str:
    return " AND ".join(f"time_{k} IS NOT NULL" for k in range(n))
