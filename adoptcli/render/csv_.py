"""The report as CSV: one tidy table, or each table as wide as it is."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator

import polars as pl

from adoptcli.results import KEYS, Cell, Estimate, MetricReport, Report, Row, Table
from adoptcli.tidy import records

HEADER = (
    "metric", "table", "segment", "period", "cohort", "step", "item", "measure", "value",
    "numerator", "denominator", "low", "high", "caveats",
)  # fmt: skip
PARTS = ("numerator", "denominator", "low", "high")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with which a spreadsheet would begin to calculate
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def render(report: Report) -> str:
    """One line for each measure of each row of each table of each metric."""
    return _text(HEADER, (line for metric in report.metrics for line in _tidy(metric)))


def _text(header: tuple[str, ...], lines: Iterator[list[str]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(map(guarded, header))
    writer.writerows(lines)
    return stream.getvalue()


def _tidy(metric: MetricReport) -> Iterator[list[str]]:
    found = metric.result
    codes = " ".join(dict.fromkeys(c.code for c in found.caveats))
    if found.status != "ok":
        codes = " ".join(filter(None, (found.status, codes)))
    for one in records(metric):
        keys = [_cell(getattr(one, key)) for key in KEYS]
        yield [one.metric, one.table, *keys, one.measure, *_numbers(one.cell), codes]


def _numbers(cell: Cell) -> list[str]:
    if isinstance(cell, Estimate):
        return [_cell(cell.value), *(_cell(getattr(cell, part)) for part in PARTS)]
    return [_cell(cell), "", "", "", ""]


def _cell(cell: Cell) -> str:
    """A cell's text; what a spreadsheet would run as a formula gets an apostrophe."""
    if cell is None or (isinstance(cell, float) and not math.isfinite(cell)):
        return ""
    if isinstance(cell, str):
        return guarded(cell)
    return repr(cell) if isinstance(cell, float) else str(cell)


def guarded(text: str) -> str:
    """Text that a spreadsheet takes for text, not for a formula; a plain number stays as it is."""
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text


def of_rows(frame: pl.DataFrame) -> str:
    """Rows as they were read, but for what a spreadsheet would run."""
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    return frame.with_columns(map(_guarded, texts)).rename(guarded).write_csv()


def _guarded(name: str) -> pl.Expr:
    text = pl.col(name)
    number = text.str.contains(rf"^({_NUMBER.pattern})$")
    formula = pl.any_horizontal(text.str.starts_with(sign) for sign in _FORMULA)
    return pl.when(formula & ~number).then(pl.lit("'") + text).otherwise(text).alias(name)


def unguarded(text: str) -> str:
    """What `guarded` was made of."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text


def render_table(table: Table) -> str:
    """One table as wide as it is; an estimate takes five columns."""
    header: list[str] = []
    for column in table.columns:
        header.append(column.name)
        if _is_estimate(table, column.name):
            header += [f"{column.name}_{part}" for part in PARTS]
    return _text(tuple(header), (_wide(row, table) for row in table.rows))


def _is_estimate(table: Table, name: str) -> bool:
    return any(isinstance(row.get(name), Estimate) for row in table.rows)


def _wide(row: Row, table: Table) -> list[str]:
    line: list[str] = []
    for column in table.columns:
        numbers = _numbers(row.get(column.name))
        line += numbers if _is_estimate(table, column.name) else numbers[:1]
    return line


def files(report: Report) -> dict[str, str]:
    """One file a table, and the headlines in summary.csv."""
    found = {
        f"{metric.id}.{table.name}.csv": render_table(table)
        for metric in report.metrics
        for table in metric.result.tables
    }
    lines = (
        line for m in report.metrics for line in _tidy(m) if line[1] in ("headline", "textbook")
    )
    return {"summary.csv": _text(HEADER, lines), **found}
