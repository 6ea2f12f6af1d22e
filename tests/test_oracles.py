"""Random logs: every table that an oracle gives must be in the report, number by number.

ADOPTCLI_LOGS=10000 python -m pytest tests/test_oracles.py   is the long run.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from adoptcli.cli.main import run
from adoptcli.metrics import all_metrics
from tests.logs import Log, random_log
from tests.oracles import oracles
from tests.oracles.database import connect
from tests.oracles.model import World
from tests.test_laws import EVERY, save

LOGS = int(os.environ.get("ADOPTCLI_LOGS", "10"))
BATCH = 10
KEYS = ("period", "cohort", "step", "item")


def report(log: Log, folder: Path, *only: str) -> dict[str, Any]:
    """What adoptcli says of a log, of every metric or some; nothing where it refuses."""
    chosen = [part for metric in only for part in ("--only", metric)] or EVERY
    save(log, folder)
    target = folder / "out.json"
    target.unlink(missing_ok=True)
    code = run(["report", str(folder / "events.csv"), "-c", str(folder / "m.yaml"), "--as-of",
                log.as_of, "-q", "-o", str(target), *chosen])  # fmt: skip
    if code != 0:
        return {}
    found: dict[str, Any] = json.loads(target.read_text())["metrics"]
    return found


def same(found: Any, wanted: Any) -> bool:
    """Counts as pairs, numbers to nine digits."""
    if isinstance(wanted, tuple):
        return bool(
            (found["numerator"], found["denominator"]) == (pytest.approx(wanted[0]), wanted[1])
        )
    if isinstance(found, dict):
        found = found["value"]
    if wanted is None or found is None:
        return found is wanted
    return bool(
        found == pytest.approx(wanted, rel=1e-9) if isinstance(wanted, float) else found == wanted
    )


def check(
    metric: str, wanted: dict[str, list[dict[str, Any]]], found: dict[str, Any], seed: int
) -> None:
    """Row by row, in order, with nothing left over."""
    for table, listed in wanted.items():
        have, rows = found["tables"].get(table, []), listed
        if table in getattr(oracles()[metric], "UNORDERED", ()):  # by what an oracle leaves out
            have, rows = (
                sorted(r, key=lambda x: [x[k] for k in KEYS if k in x]) for r in (have, rows)
            )
        if table == "windows":
            have = have[-len(rows) :]
        place = f"seed {seed}: {metric}.{table}"
        if table not in ("lacking",):
            keys = [k for k in KEYS if rows and k in rows[0]]
            mine, theirs = ([[r[k] for k in keys] for r in part] for part in (have, rows))
            assert mine == theirs, place
        assert len(have) == len(rows), place
        for row, want in zip(have, rows, strict=True):
            for name, value in want.items():
                assert same(row[name], value), f"{place} {row} {name}: {row[name]} not {value}"


@pytest.mark.parametrize("batch", range(0, LOGS, BATCH))
def test_reports_agree_with_plain_python_and_sql(batch: int, tmp_path: Path) -> None:
    for seed in range(1000 + batch, 1000 + min(batch + BATCH, LOGS)):
        log = random_log(seed)
        found = report(log, tmp_path)
        if not found:
            continue
        world = World(log)
        with connect(tmp_path, log) as db:
            for metric, oracle in oracles().items():
                if found[metric]["status"] == "not_configured":
                    continue
                check(metric, oracle.plain(world), found[metric], seed)
                db.execute("BEGIN")  # so that the tables that one makes are gone for the next
                check(metric, oracle.sql(db, log.config), found[metric], seed)
                db.execute("ROLLBACK")


def test_every_metric_has_its_oracles() -> None:
    """One in plain Python and one in SQL."""
    assert set(oracles()) == set(all_metrics())
