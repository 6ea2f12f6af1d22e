"""Criteria and personas in SQL: when each is met, by numbered rows and windows."""

from __future__ import annotations

from typing import Any

from tests.oracles.database import DB, where


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
