"""What adoptcli says of a log, held against the oracles number by number."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adoptcli.cli.main import run
from adoptcli.errors import Exit
from tests.logs import Log, save
from tests.oracles import oracles
from tests.oracles.database import connect
from tests.oracles.model import Tables, World, first_of, nothing_shown

KEYS = ("period", "cohort", "step", "item")
OF_ALL = {  # what is not told of a segment as if there were no others
    "engagement_score.quartiles": "the cut points are everybody's",
    "account_health": "split only by what accounts have: test_segments",
    "seat_utilization": "split only by what accounts have: test_segments",
}
OF_USERS = {  # what accounts as actors have otherwise: test_accounts
    "account_health": "it is rolled up from users",
    "seat_utilization": "seats are used by users",
    "feedback": "each respondent's last word counts",
    "feature_success": "NPS and CSAT are of respondents",
    "drivers": "satisfaction is of respondents",
    "engagement_score.accounts": "members are told, which are no actors",
    "usage.rates": "there are no users to tell them of",
    "usage.accounts": "active members are told, which are no actors",
}


@dataclass(frozen=True)
class Difference:
    """A number, or a table's rows, that an oracle has otherwise.

    Attributes:
        metric, table: Where it is; `report` and `exit` where there was no report.
        oracle: `plain` or `sql`.
        column: The column; empty where the rows are others.
        found, wanted: What adoptcli has and what the oracle has.
        rows: The rows that the oracle wants of the table: the one that differs, or all.
        segment: Whose table it is, where a report is split.
    """

    metric: str
    table: str
    oracle: str
    column: str
    found: Any
    wanted: Any
    rows: Sequence[dict[str, Any]] = ()
    segment: str | None = None

    @property
    def kind(self) -> tuple[str, str, str, str]:
        """What stays the same while a log is made smaller."""
        return self.metric, self.table, self.oracle, self.column

    def __str__(self) -> str:
        place = ".".join(part for part in (self.metric, self.table, self.column) if part)
        place += f" of {self.segment}" if self.segment else ""
        return f"{place} is {self.found}, by {self.oracle} {self.wanted}"


def report(log: Log, folder: Path, metrics: Iterable[str] = ()) -> dict[str, Any] | str:
    """What adoptcli says of a log, of every metric or some; where it does not, why."""
    save(log, folder)
    target = folder / "out.json"
    target.unlink(missing_ok=True)
    chosen = [part for metric in metrics or oracles() for part in ("--only", metric)]
    chosen += ["--unit", log.unit, *(("--by", log.by) if log.by else ()), *log.days]
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        code = run(["report", str(folder / "events.csv"), "-c", str(folder / "m.yaml"), "--as-of",
                    log.as_of, "-q", "-o", str(target), *chosen])  # fmt: skip
    if code != 0:
        return f"exit {code:d}: {(said.getvalue().splitlines() or ['without a word'])[0]}"
    found: dict[str, Any] = json.loads(target.read_text())["metrics"]
    return found


def differences(
    log: Log, folder: Path, metrics: Sequence[str] = (), *, sql: bool = True
) -> Iterator[Difference]:
    """Where the report of a log and the oracles differ; the first of each table."""
    found = report(log, folder, metrics)
    if isinstance(found, str):
        if found.startswith(f"exit {Exit.DATA}") and not first_of(log):
            return
        if found.startswith(f"exit {Exit.USAGE}") and nothing_shown(log):
            return
        yield Difference("report", "exit", "plain", found, found, "a report")
        return
    chosen = [m for m in metrics or oracles() if found[m]["status"] != "not_configured"]
    for segment, world in _parts(log):
        for metric in chosen:
            yield from compare(
                metric, "plain", _left(metric, oracles()[metric].plain(world), log.unit, segment),
                found[metric], segment,
            )  # fmt: skip
    if not sql or log.unit == "account":
        return
    with connect(folder, log) as db:
        for metric in chosen:
            db.execute("BEGIN")  # so that the tables that one makes are gone for the next
            wanted = oracles()[metric].sql(db, log.config)
            db.execute("ROLLBACK")
            yield from compare(metric, "sql", wanted, found[metric])


def _parts(log: Log) -> Iterator[tuple[str | None, World]]:
    """Everybody, and the actors of each segment."""
    world = World(log)
    yield None, world
    if log.by:
        value = {u: world.value(u, log.by) or "unknown" for u in world.actors}
        for segment in sorted({*value.values()}):
            yield segment, world.only({u for u in value if value[u] == segment})


def _left(metric: str, wanted: Tables, unit: str, segment: str | None) -> Tables:
    """The tables that hold for the unit and for segments, too."""
    out = (OF_USERS if unit == "account" else {}) | (OF_ALL if segment else {})
    return {k: v for k, v in wanted.items() if not {metric, f"{metric}.{k}"} & {*out}}


def compare(
    metric: str, oracle: str, wanted: Tables, found: dict[str, Any], segment: str | None = None
) -> Iterator[Difference]:
    """The first difference of each table that an oracle gives: row by row, nothing left over."""
    for table, listed in wanted.items():
        have, rows = found["tables"].get(table, []), listed
        have = [row for row in have if row.get("segment") == segment]
        if table in getattr(oracles()[metric], "UNORDERED", ()):  # by what an oracle leaves out
            have, rows = (
                sorted(r, key=lambda x: [x[k] for k in KEYS if k in x]) for r in (have, rows)
            )
        if table == "windows":
            have = have[-len(rows) :]
        keys = [] if table == "lacking" else [k for k in KEYS if rows and k in rows[0]]
        mine, theirs = ([[r[k] for k in keys] for r in part] for part in (have, rows))
        if mine != theirs:
            yield Difference(metric, table, oracle, "", mine, theirs, rows, segment)
            continue
        cells = (
            Difference(metric, table, oracle, name, _short(row[name]), value, [want], segment)
            for row, want in zip(have, rows, strict=True)
            for name, value in want.items() if not same(row[name], value)
        )  # fmt: skip
        yield from [first for first in [next(cells, None)] if first]


def same(found: Any, wanted: Any) -> bool:
    """Counts as pairs, numbers to nine digits."""
    if isinstance(wanted, tuple):
        counts = (found["numerator"], found["denominator"]) if isinstance(found, dict) else found
        return bool(counts == (pytest.approx(wanted[0]), wanted[1]))
    if isinstance(found, dict):
        found = found["value"]
    if wanted is None or found is None:
        return found is wanted
    return bool(
        found == pytest.approx(wanted, rel=1e-9) if isinstance(wanted, float) else found == wanted
    )


def _short(cell: Any) -> Any:
    """A cell in the form in which oracles give it."""
    if isinstance(cell, dict) and cell["denominator"] is not None:
        return cell["numerator"], cell["denominator"]
    return cell["value"] if isinstance(cell, dict) else cell
