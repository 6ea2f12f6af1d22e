"""The sample data's report, kept as it should be.

ADOPTCLI_GOLDEN=1 python -m pytest tests/test_golden.py tests/test_html.py

writes the files anew; read the diff.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from rich.text import Text

from adoptcli import history
from adoptcli.render import csv_, json_, junit, markdown, ndjson, openmetrics, table, verdicts
from adoptcli.render.charts import draw
from adoptcli.render.figures import figures_of
from adoptcli.results import Report

GOLDEN = Path(__file__).parent / "golden"


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


def test_charts(sample: Report) -> None:
    for width, unicode in ((80, True), (140, True), (80, False)):
        text = "\n".join(
            line.plain.rstrip()
            for metric in sample.metrics
            for chart in figures_of(metric)
            for line in [*draw(chart, width, plain=not unicode), Text()]
        )
        same(f"charts_{width}{'' if unicode else '_ascii'}.txt", f"{text}\n")


def test_markdown(sample: Report) -> None:
    same("report.md", markdown.render(sample, full=False))
    same("retention.md", markdown.render(only(sample, "retention")))


def test_json(sample: Report) -> None:
    same("activation.json", json_.render(only(sample, "activation")))


def test_targets(sample: Report) -> None:
    shown = verdicts.render(sample, sample.targets, width=80, color=False, unicode=True)
    same("targets.txt", shown)
    same("targets.json", verdicts.as_json(sample, strict=False))
    same("targets.xml", junit.render(sample, strict=False))


def test_history(sample: Report) -> None:
    rows = history.frame(only(sample, "activation"))
    kept = rows.filter(pl.col("table").is_in(["headline", "textbook", "cohorts"]))
    same("history.csv", kept.write_csv())


def test_openmetrics(sample: Report) -> None:
    same("report.prom", openmetrics.render(sample))


def test_ndjson(sample: Report) -> None:
    lines = ndjson.render(sample).splitlines(keepends=True)
    kept = [line for line in lines if '"record":"cell"' not in line or '"table":"pooled"' in line]
    same("report.ndjson", "".join(kept))


def only(report: Report, metric: str) -> Report:
    """One of its metrics."""
    return replace(report, metrics=[m for m in report.metrics if m.id == metric], findings=())
