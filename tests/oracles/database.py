"""A log in DuckDB: the tables that an analyst would make before the first query."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from tests.oracles.model import ACCOUNTS, USERS, first_counts, listed

if TYPE_CHECKING:
    from tests.logs import Log

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

DB = duckdb.DuckDBPyConnection


def connect(folder: Path, log: Log) -> DB:
    """The log that `save` has written to a folder.

    Tables and views:
        span: as_of (ms), as_of_day, first_day; shown_from and end_day, the first day shown and the
            first after those.
        facts: users (there is a table of them), signups (somebody knows of sign-ups), clear_from
            (the day from which those seen for the first time are new).
        events: "user", event, ts (ms), day (local), account, session, kind, score; those before
            as-of. Empty texts are null.
        people: one row an actor, seen or in the users table: "user", t0 (sign-up in ms, or null),
            t0_day, known (its start is known), tabled, first_ts, first_day (null for those never
            seen), plan, role, account (its latest).
        newcomers: the people whose sign-up is known, within the data and before as-of.
        starters: those of them whose sign-up is on the days shown.
        active: "user", day: the days on which it was active.
        kinds: "user", kind: the latest of each, or the first.
        companies: the accounts table: account, tier, seats, mrr, cancelled (ms).
    Macros:
        midnight(day): the first instant of a local day, in ms.
        local(ts): the local day of an instant.
        start_of(day, period), next_start(day, period): of 'day', 'week' or 'month'.
        label(day, period): as the report names it.
        whole(period): table of start, stop of the periods wholly within the data.
        complete(period): those of them that lie wholly among the days shown.
        with_before(period): these, and the whole period before the first of them; shown or not.
        windows_back(length, most): k, start, stop of the windows back from the end of what is
            shown; 0 is the newest, 1 lies wholly within the data, the others among the days shown.
    """
    c = log.config
    db = duckdb.connect(config={"threads": 1})
    zone, first = c["time_zone"], WEEKDAYS.index(c["week_start"])
    db.execute("SET TimeZone = 'UTC'; PRAGMA disable_optimizer")  # planning takes longest
    db.execute(_macros(zone, first))
    db.execute(
        f"""CREATE TABLE raw AS
        SELECT "user", event, epoch_ms("timestamp"::TIMESTAMPTZ) AS ts, account, session, kind,
            score FROM {_usable(folder, c)};
        CREATE TABLE span AS SELECT midnight(as_of_day) AS as_of, as_of_day, first_day,
            greatest(first_day, {_date(log.since)}) AS shown_from,
            least(as_of_day, {_date(log.until)} + 1) AS end_day FROM
            (SELECT DATE '{log.as_of}' AS as_of_day, local(min(ts)) AS first_day FROM raw);
        CREATE TABLE events AS SELECT "user", event, ts, local(ts) AS day, account, session, kind,
            score FROM raw, span WHERE ts < as_of;"""
    )
    db.execute(_COMPLETE)
    db.execute(_tables(folder, c))
    stated = "t.t0" if "signup" not in c else "coalesce(s.t0, t.t0)"
    db.execute(_facts(c))
    ((known,),) = db.execute("SELECT signups FROM facts").fetchall()
    t0 = stated if known else "e.first_ts"
    end = "min" if first_counts(c, "kind") else "max"
    since = "true" if known else "e.first_ts >= midnight(facts.clear_from)"
    db.execute(
        f"""CREATE TABLE people AS
        WITH e AS (SELECT "user", min(ts) AS first_ts FROM events GROUP BY 1),
        s AS (SELECT "user", min(ts) AS t0 FROM events WHERE {where(c.get("signup", []))}
            GROUP BY 1),
        a AS (SELECT "user", arg_max(account, ts) AS account FROM (
            SELECT "user", ts, min(account) AS account FROM events WHERE account IS NOT NULL
            GROUP BY ALL) GROUP BY 1),
        ids AS (SELECT "user" FROM e UNION SELECT "user" FROM tabled)
        SELECT ids."user", {t0} AS t0, local({t0}) AS t0_day,
            {t0} IS NOT NULL AND coalesce({since}, false) AS known,
            t."user" IS NOT NULL AS tabled, e.first_ts, local(e.first_ts) AS first_day,
            t.plan, t.role, coalesce(a.account, t.account) AS account
        FROM ids CROSS JOIN span CROSS JOIN facts LEFT JOIN e USING ("user")
            LEFT JOIN s USING ("user") LEFT JOIN a USING ("user") LEFT JOIN tabled t USING ("user")
        WHERE e.first_ts IS NOT NULL OR coalesce({t0} < span.as_of, true);
        CREATE VIEW newcomers AS SELECT people.* FROM people, span
            WHERE known AND t0 < as_of AND t0_day >= span.first_day;
        CREATE VIEW starters AS SELECT newcomers.* FROM newcomers, span
            WHERE t0_day >= shown_from AND t0_day < end_day;
        CREATE TABLE active AS SELECT DISTINCT "user", day FROM events
            WHERE {where(c.get("active_events"))};
        CREATE TABLE kinds AS SELECT "user", arg_{end}(kind, ts) AS kind FROM (
            SELECT "user", ts, min(kind) AS kind FROM events WHERE kind IS NOT NULL GROUP BY ALL)
            GROUP BY 1;"""
    )
    return db


def _macros(zone: str, first: int) -> str:
    return f"""
        CREATE MACRO midnight(d) AS epoch_ms(timezone('{zone}', d::TIMESTAMP));
        CREATE MACRO local(ts) AS CAST(timezone('{zone}', make_timestamptz(ts * 1000)) AS DATE);
        CREATE MACRO start_of(d, p) AS CASE p WHEN 'day' THEN d
            WHEN 'week' THEN d - ((isodow(d) - 1 - {first} + 7) % 7)::INTEGER
            ELSE CAST(date_trunc('month', d) AS DATE) END;
        CREATE MACRO next_start(d, p) AS CASE p WHEN 'day' THEN start_of(d, p) + 1
            WHEN 'week' THEN start_of(d, p) + 7
            ELSE CAST(start_of(d, p) + INTERVAL 1 MONTH AS DATE) END;
        CREATE MACRO label(d, p) AS
            strftime(d, CASE p WHEN 'month' THEN '%Y-%m' ELSE '%Y-%m-%d' END);"""


_COMPLETE = """
        CREATE MACRO whole(p) AS TABLE
            SELECT DISTINCT start_of(d, p) AS start, next_start(d, p) AS stop
            FROM (SELECT first_day, as_of_day, unnest(
                generate_series(first_day, as_of_day - 1, INTERVAL 1 DAY))::DATE AS d FROM span)
            WHERE start_of(d, p) >= first_day AND next_start(d, p) <= as_of_day ORDER BY start;
        CREATE MACRO complete(p) AS TABLE SELECT start, stop FROM whole(p), span
            WHERE start >= shown_from AND stop <= end_day ORDER BY start;
        CREATE MACRO with_before(p) AS TABLE SELECT start, stop, start >= shown_from AS shown
            FROM whole(p), span WHERE stop <= end_day AND (start >= shown_from
                OR stop = (SELECT min(start) FROM complete(p))) ORDER BY start;
        CREATE MACRO windows_back(length, most) AS TABLE SELECT k, start, stop FROM (
                SELECT k, end_day - ((k + 1) * length)::INTEGER AS start,
                    end_day - (k * length)::INTEGER AS stop, first_day, shown_from
                FROM span, (SELECT unnest(range(20))::INTEGER AS k)) WHERE k < most
            AND (k = 0 OR start >= first_day AND (k = 1 OR start >= shown_from)) ORDER BY k;"""


def _date(text: str) -> str:
    """A day of the command line in SQL; null where there is none."""
    return f"DATE '{text}'" if text else "NULL::DATE"


def _tables(folder: Path, config: Mapping[str, Any]) -> str:
    """The users and accounts tables; empty where the YAML names none."""
    users, accounts = config.get("users"), config.get("accounts")
    u, a = USERS | (users or {}), ACCOUNTS | (accounts or {})
    joined = _time(u["signed_up_at"], u.get("time_zone", "UTC"))
    gone = _time(a["cancelled_at"], a.get("time_zone", "UTC"))
    out = config.get("exclude", {})
    return f"""
        CREATE TABLE tabled AS SELECT {u["id"]} AS "user", {joined} AS t0, plan, role,
            {u["account"]} AS account
            FROM read_csv('{folder}/users.csv', all_varchar = true, nullstr = '')
            WHERE {users is not None} AND NOT ({_like(u["id"], out.get("users"))})
                AND NOT ({_like(u["account"], out.get("accounts"))});
        CREATE TABLE companies AS SELECT {a["id"]} AS account, tier, {a["seats"]}::DOUBLE AS seats,
            {a["mrr"]}::DOUBLE AS mrr, {gone} AS cancelled
            FROM read_csv('{folder}/accounts.csv', all_varchar = true, nullstr = '')
            WHERE {accounts is not None} AND NOT ({_like(a["id"], out.get("accounts"))});"""


def _facts(config: Mapping[str, Any]) -> str:
    return f"""CREATE TABLE facts AS SELECT *, first_day + coalesce(
            {config.get("burn_in", "NULLd")[:-1]}, CASE WHEN signups THEN 0 ELSE 30 END)
            AS clear_from FROM (SELECT first_day, {"users" in config} AS users,
            {"signup" in config} OR (SELECT count(t0) > 0 FROM tabled) AS signups FROM span)"""


def _time(column: str, zone: str) -> str:
    """A column's instants in ms: with a zone, of the given zone without, or local dates."""
    return f"""CASE WHEN {column} LIKE '%Z' THEN epoch_ms({column}::TIMESTAMPTZ)
        WHEN {column} LIKE '%T%' THEN epoch_ms(timezone('{zone}', {column}::TIMESTAMP))
        ELSE midnight({column}::DATE) END"""


def _like(column: str, patterns: list[str] | None) -> str:
    """Whether a column has a text that is excluded."""
    found = [f"coalesce({column} GLOB '{pattern}', false)" for pattern in patterns or ()]
    return " OR ".join(found) or "false"


def _usable(folder: Path, config: Mapping[str, Any]) -> str:
    """The rows of the file that can be used, once by user and id, without what is excluded."""
    rows = "DISTINCT *" if config.get("dedupe") == "exact" else "*"
    out = config.get("exclude", {})
    columns = (("user", '"user"'), ("event", "event"), ("account", "account"))
    kept = " AND ".join(f"NOT ({_like(name, out.get(f'{key}s'))})" for key, name in columns)
    return f"""(FROM (SELECT {rows} FROM read_csv('{folder}/events.csv', all_varchar = true,
            nullstr = '') WHERE "user" IS NOT NULL AND event IS NOT NULL
            AND "timestamp" <> 'never')
        QUALIFY event_id IS NULL OR row_number() OVER (PARTITION BY "user", event_id
            ORDER BY "timestamp"::TIMESTAMPTZ, event, NOT ({kept}), account) = 1) WHERE {kept}"""


def where(refs: Any) -> str:
    """The condition that a row is what references of the YAML mean; all rows without any."""
    if refs is None:
        return "true"
    return " OR ".join(f"({_one(ref)})" for ref in listed(refs)) or "false"


def _one(ref: Any) -> str:
    if isinstance(ref, str):
        return f"event = '{ref}'"
    found = [f"event = '{ref['event']}'"]
    for name, values in ref.get("where", {}).items():
        texts = ", ".join(repr(v) for v in listed(values))
        found.append(f"coalesce({name} IN ({texts}), false)")
    return " AND ".join(found)


def may_use_sql(feature: Any) -> str:
    """The condition on `day` and on columns of `people` that a feature is there and can be had."""
    f = feature if isinstance(feature, dict) else {}
    found = [f"day >= DATE '{f.get('launched_at', '0001-01-01')}'"]
    for name, values in f.get("eligible", {}).items():
        found.append(f"coalesce({name} IN ({', '.join(map(repr, values))}), false)")
    return " AND ".join(found)


def rows(db: DB, query: str) -> list[dict[str, Any]]:
    """The rows of a query; columns called x_n and x_d become the pair x."""
    cursor = db.execute(query)
    names = [column[0] for column in cursor.description or ()]
    found = []
    for values in cursor.fetchall():
        row = dict(zip(names, values, strict=True))
        pairs = [name[:-2] for name in names if name.endswith("_n")]
        for name in pairs:
            row[name] = (row.pop(f"{name}_n"), row.pop(f"{name}_d"))
        found.append(row)
    return found
