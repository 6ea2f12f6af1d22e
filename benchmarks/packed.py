"""DuckDB at its best: the first ten metrics from small integers, sorted by user and time.

    python benchmarks/packed.py events.parquet out.json

Users, accounts and events become codes once, rows are sorted by one packed integer, and the
trailing windows are counted by their changes instead of by a join.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import duckdb
import terms
import textbook
import textbook_life


def load(db: duckdb.DuckDBPyConnection, path: str) -> None:
    """The tables of the textbook script, as integers in order."""
    db.execute(f"SET TimeZone = '{terms.ZONE}'")
    db.execute(f"CREATE TYPE name AS ENUM (SELECT DISTINCT event FROM '{path}' ORDER BY 1)")
    db.execute(f"CREATE TYPE person AS ENUM (SELECT DISTINCT user FROM '{path}' ORDER BY 1)")
    db.execute(f"CREATE TYPE company AS ENUM (SELECT DISTINCT account FROM '{path}' ORDER BY 1)")
    db.execute(
        f"""CREATE TABLE packed AS SELECT
            (enum_code(user::person)::BIGINT << 42)
            + ((epoch_ms("timestamp") - 1700000000000) << 6)
            + enum_code(event::name) AS k FROM '{path}' ORDER BY k"""
    )
    db.execute(
        """CREATE TABLE events AS SELECT (k >> 42)::INTEGER AS user,
            enum_range(NULL::name)[(k & 63) + 1]::name AS event,
            make_timestamptz((((k >> 6) & 68719476735) + 1700000000000) * 1000) AS ts,
            CAST(make_timestamptz((((k >> 6) & 68719476735) + 1700000000000) * 1000) AS DATE) AS day
        FROM packed"""
    )
    db.execute("DROP TABLE packed")
    db.execute(
        f"""CREATE TABLE home AS SELECT enum_code(user::person)::INTEGER AS user,
            arg_max(account::company, "timestamp") AS account FROM '{path}' GROUP BY 1"""
    )
    db.execute("CREATE TABLE days AS SELECT DISTINCT user, day FROM events ORDER BY user, day")
    db.execute(
        """CREATE TABLE signups AS SELECT user, min(ts) AS t0, CAST(min(ts) AS DATE) AS day
        FROM events WHERE event = 'signed_up' GROUP BY user"""
    )
    db.execute(textbook.SPAN)


def active_users(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """+1 where a user begins to count, −1 where it counts no more, added up."""
    changes = """SELECT day, 1 AS n FROM seen WHERE before IS NULL OR day - before >= {w}
        UNION ALL SELECT day + {w}, -1 FROM seen WHERE next IS NULL OR next - day >= {w}"""
    rows = db.execute(
        f"""WITH seen AS (SELECT user, day, lag(day) OVER w AS before, lead(day) OVER w AS next
            FROM days WINDOW w AS (PARTITION BY user ORDER BY day)),
        calendar AS (SELECT unnest(generate_series(first, as_of - 1, INTERVAL 1 DAY))::DATE AS day
            FROM span),
        wc AS (SELECT day, sum(n) AS n FROM ({changes.format(w=7)}) GROUP BY day),
        mc AS (SELECT day, sum(n) AS n FROM ({changes.format(w=30)}) GROUP BY day),
        dau AS (SELECT day, count(*) AS n FROM days GROUP BY day)
        SELECT c.day::VARCHAR, dau.n, CASE WHEN c.day - 6 >= first
                THEN sum(wc.n) OVER (ORDER BY c.day)::BIGINT END,
            CASE WHEN c.day - 29 >= first THEN sum(mc.n) OVER (ORDER BY c.day)::BIGINT END
        FROM calendar c LEFT JOIN wc USING (day) LEFT JOIN mc USING (day)
        LEFT JOIN dau USING (day), span ORDER BY c.day"""
    ).fetchall()
    months = db.execute(
        """SELECT strftime(date_trunc('month', day), '%Y-%m'), count(DISTINCT user) FROM days
        GROUP BY 1 ORDER BY 1"""
    ).fetchall()
    return {"daily": [list(r) for r in rows], "periods": [list(r) for r in months]}


def accounts(db: duckdb.DuckDBPyConnection) -> list[list[Any]]:
    """Points by account, from the table of homes."""
    rows = db.execute(
        """SELECT account::VARCHAR, coalesce(sum(points), 0)::BIGINT FROM home
        LEFT JOIN scores USING (user) GROUP BY account ORDER BY 1"""
    ).fetchall()
    return [list(r) for r in rows]


def main() -> None:
    """Run every query and write the numbers."""
    path, out = sys.argv[1:3]
    db = duckdb.connect()
    load(db, path)
    found = {}
    for metric in (*textbook.METRICS, *textbook_life.METRICS):
        if metric is textbook.active_users:
            found["active_users"] = active_users(db)
        elif metric is textbook.engagement_score:
            found["engagement_score"] = {**metric(db, by_account=False), "accounts": accounts(db)}
        else:
            found[metric.__name__] = metric(db)
    Path(out).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
