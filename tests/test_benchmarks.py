"""What `benchmarks/table.py` writes, from runs whose ratios and growth are known."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TABLE = Path(__file__).parents[1] / "benchmarks" / "table.py"
LARGE, SMALL = "20000000-200000-20-365-3", "50000-1000-20-365-3"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Twenty million events by three engines; growth with events to the power 1, users to 1/2."""
    folder = tmp_path_factory.mktemp("table")
    first, textbook, chdb = (
        [{"wall": 9.0, "cpu": cpu, "memory": 100.0} for cpu in found]
        for found in ((2.0, 4.0), (15.0, 24.0), (9.0, 12.0))
    )
    runs = {
        f"first parquet {LARGE}": first, f"textbook-first parquet {LARGE}": textbook,
        f"chdb parquet {LARGE}": chdb, f"pandas parquet {LARGE}": [{"failed": "out of memory"}],
        f"first parquet {SMALL}": [{"wall": 1.0, "cpu": 0.5, "memory": 50.0}],
    }  # fmt: skip
    for n in (1, 2, 4, 8):
        key = f"first parquet {n}000000-20000-20-365-3"
        runs[key] = [{"wall": 1.0, "cpu": 0.5 + n, "memory": 50.0 + 10 * n}]
    for users, work in ((5_000, 1.0), (80_000, 4.0), (320_000, 8.0)):
        key = f"first parquet 2000000-{users}-20-365-3"
        runs[key] = [{"wall": 1.0, "cpu": 0.5 + work, "memory": 70.0}]
    found = {"machine": {"processor": "of nobody"}, "runs": runs}
    (folder / "table.json").write_text(json.dumps(found))
    words = ["--page", "--folder", str(folder), "--into", str(folder / "page.md")]
    subprocess.run([sys.executable, str(TABLE), *words], check=True, timeout=60)
    return (folder / "page.md").read_text().splitlines()


def test_ratios_are_medians_within_a_round(page: list[str]) -> None:
    assert "| 20 M, Parquet | 6.8 | 3.8 | not run | out of memory |" in page


def test_goals_that_are_missed_are_told(page: list[str]) -> None:
    assert "| DuckDB, textbook ÷ adoptcli, 20 M, Parquet | at least 7 | 6.8 | **missed** |" in page
    assert "| DuckDB, packed ÷ adoptcli, 20 M, Parquet | at least 1.5 | not run |  |" in page


def test_growth_is_of_what_lies_above_the_start(page: list[str]) -> None:
    heads = [i for i, line in enumerate(page) if line.startswith("| **power**")]
    assert page[heads[0]].startswith("| **power** | 1.00 | 1.00 | – |")
    assert page[heads[1]].startswith("| **power** | 0.50 | 0.00 | – |")
    assert "| 20,000 | 2.50 | 70 | not run |" in "\n".join(page)


def test_the_machine_is_that_of_the_runs(page: list[str]) -> None:
    assert "Machine: processor of nobody." in page
