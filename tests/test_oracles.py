"""Random logs: every table that an oracle gives must be in the report, number by number.

python -m tests.oracles --logs 10000   is the long run, of every metric on every log.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from adoptcli.metrics import all_metrics
from tests.logs import Log, random_log
from tests.oracles import oracles
from tests.oracles.judge import differences
from tests.oracles.shrink import case, shrunk
from tests.test_cases import test_case as judge_case

FIRST, LOGS, BATCH = 1000, 100, 10
TURNS = 4  # metrics of one log; all of them in turn


@pytest.mark.parametrize("batch", range(0, LOGS, BATCH))
def test_reports_agree_with_plain_python_and_sql(batch: int, tmp_path: Path) -> None:
    """A few metrics a log, in SQL as well in each fourth: each is looked at in sixteen logs."""
    every = [*oracles()]
    for n in range(batch, batch + BATCH):
        metrics = [every[(n * TURNS + i) % len(every)] for i in range(TURNS)]
        log = random_log(FIRST + n)
        found = [*differences(log, tmp_path, metrics, sql=n % 4 == 0)]
        assert not found, (FIRST + n, *map(str, found))


def test_every_metric_has_its_oracles() -> None:
    """One in plain Python and one in SQL."""
    assert set(oracles()) == set(all_metrics())


def planted(timeline: Any, settings: Any, context: Any) -> Any:
    """Lifecycle's rows with a defect: whoever comes back after a pause is said to have stayed."""
    stayed = pl.col("returning") + pl.col("resurrected")
    made = _LIFECYCLE.rows(timeline, settings, context)
    return {k: v.with_columns(returning=stayed, resurrected=pl.lit(0)) for k, v in made.items()}


_LIFECYCLE = all_metrics()["lifecycle"]


def test_a_planted_defect_is_found_shrunk_and_printed(
    tmp_path: Path, report: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two events remain; the case that is printed fails with the defect and passes without it."""
    log = few(random_log(1005), 25)
    with monkeypatch.context() as patched:
        patched.setitem(all_metrics(), "lifecycle", replace(_LIFECYCLE, rows=planted))
        found = next(differences(log, tmp_path, ["lifecycle"], sql=False))
        small, there = shrunk(log, found, tmp_path)
        (made,) = yaml.safe_load(case(small, there, "planted"))
        with pytest.raises(AssertionError):
            judge_case("lifecycle", made, report)
    assert len(small.events) == 2
    judge_case("lifecycle", made, report)


def few(log: Log, n: int) -> Log:
    """The first rows of a log, and no more of its YAML than any log has."""
    config = {k: log.config[k] for k in ("time_zone", "week_start", "period")}
    return replace(log, events=log.events[:n], config=config)
