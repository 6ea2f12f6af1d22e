"""The sample data's report, kept as it should be.

ADOPTCLI_GOLDEN=1 python -m pytest tests/test_golden.py   writes the files anew; read the diff.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from adoptcli.cli import common
from adoptcli.cli.console import Console
from adoptcli.render import csv_, table
from adoptcli.results import Report

ROOT = Path(__file__).parent.parent
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def sample() -> Report:
    """The report of the sample data, by plan."""
    here = Path.cwd()
    os.chdir(ROOT)
    try:
        options = common.Options(
            config=Path("metrics.example.yaml"), by=("plan",), console=Console(True)
        )
        return common.make_report(options, common.choose((), ()))
    finally:
        os.chdir(here)


def same(name: str, text: str) -> None:
    """As in the file, or written to it."""
    path = GOLDEN / name
    if os.environ.get("ADOPTCLI_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("width", [80, 140])
def test_first_screen(width: int, sample: Report) -> None:
    text = table.render(sample, full=False, width=width, color=False, unicode=True)
    assert max(map(len, text.splitlines())) <= width
    same(f"screen_{width}.txt", text)


def test_all_tables_on_a_terminal(sample: Report) -> None:
    text = table.render(sample, full=True, width=100, color=False, unicode=True)
    assert max(map(len, text.splitlines())) <= 100
    same("details_100.txt", text)


def test_pipe_in_ascii(sample: Report) -> None:
    text = table.render(sample, full=True, width=None, color=False, unicode=False)
    same("pipe_ascii.txt", text.encode("ascii").decode())


def test_csv(sample: Report) -> None:
    files = csv_.files(sample)
    same("summary.csv", files["summary.csv"])
    same("retention.pooled.csv", files["retention.pooled.csv"])
