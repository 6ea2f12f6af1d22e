"""Every table of every metric."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from adoptcli.render import numbers
from adoptcli.render.summary import summary
from adoptcli.render.text import safe
from adoptcli.results import Cell, Column, Estimate, MetricReport, Report, Row, Table

MOST_ROWS = 40
SHADES = ("", "on grey11", "on grey19", "on grey27", "on grey35", "on grey42")


def details(report: Report, width: int, *, plain: bool, cut: bool) -> RenderableType:
    """The summary, then all tables; `cut` shortens long ones for a terminal."""
    parts: list[RenderableType] = [summary(report, width, plain=plain)]
    for metric in report.metrics:
        if metric.result.tables:
            parts += [Text(), *_metric(metric, width, plain=plain, cut=cut)]
    return Group(*parts)


def _metric(metric: MetricReport, width: int, *, plain: bool, cut: bool) -> list[RenderableType]:
    title = Text(metric.title.upper(), style="bold")
    parts: list[RenderableType] = [title]
    for table in metric.result.tables:
        if table.rows:
            parts += [_table(table, width, plain=plain, cut=cut), Text()]
    return parts[:-1] if len(parts) > 1 else parts


def _table(table: Table, width: int, *, plain: bool, cut: bool) -> RenderableType:
    if table.name == "triangle":
        return _triangle(table, plain=plain)
    rows, left_out = table.rows, 0
    if cut and len(rows) > MOST_ROWS:
        left_out = len(rows) - MOST_ROWS
        rows = (*rows[: MOST_ROWS // 2], *rows[-MOST_ROWS // 2 :])
    columns = [c for c in table.columns if c.name != "segment" or any(r.get(c.name) for r in rows)]
    wide = width >= 100
    grid = _grid(safe(table.title), plain=plain)
    for column in columns:
        text = column.is_key or column.unit in ("text", "date")
        grid.add_column(safe(column.title), justify="left" if text else "right", overflow="fold")
    for i, row in enumerate(rows):
        if left_out and i == MOST_ROWS // 2:
            grid.add_row(f"… {left_out} more rows (-f csv has all)")
        grid.add_row(*(_cell(row.get(c.name), c, wide=wide) for c in columns))
    return grid


def _grid(title: str, *, plain: bool) -> Grid:
    return Grid(
        title=title, title_justify="left", title_style="italic", header_style="dim",
        box=box.ASCII2 if plain else box.SIMPLE_HEAD, pad_edge=False, show_edge=False,
    )  # fmt: skip


def _cell(cell: Cell, column: Column, *, wide: bool) -> Text:
    if isinstance(cell, Estimate):
        parts = [numbers.number(cell.value, column.unit)]
        if wide and (span := numbers.interval(cell, column.unit)):
            parts.append(f"[{span}]")
        if behind := numbers.behind(cell):
            parts.append(behind)
        return Text("  ".join(parts))
    if cell is None:
        return Text("everyone" if column.name == "segment" else numbers.NOTHING)
    if isinstance(cell, str):
        return Text(safe(cell))
    return Text(numbers.number(cell, column.unit))


def _triangle(table: Table, *, plain: bool) -> RenderableType:
    """Cohorts down, steps across; a cell that could not have happened yet is empty."""
    measure = next(c for c in table.columns if not c.is_key)
    steps = sorted({row["step"] for row in table.rows if isinstance(row["step"], int)})
    grid = _grid(safe(table.title), plain=plain)
    names = [n for n in ("segment", "item", "cohort") if any(r.get(n) for r in table.rows)]
    for name in names:
        grid.add_column(next(safe(c.title) for c in table.columns if c.name == name), no_wrap=True)
    grid.add_column("n", justify="right")
    for step in steps:
        grid.add_column(str(step), justify="right", no_wrap=True)
    for keys, cells in _cohorts(table.rows, names, measure.name):
        size = next((e.denominator for e in cells.values() if e.denominator), 0)
        shares = [_shaded(cells.get(step)) for step in steps]
        grid.add_row(*(Text(safe(k)) for k in keys), Text(numbers.count(size or 0)), *shares)
    return grid


def _cohorts(
    rows: Sequence[Row], names: Sequence[str], measure: str
) -> list[tuple[tuple[str, ...], dict[int, Estimate]]]:
    found: dict[tuple[str, ...], dict[int, Estimate]] = {}
    for row in rows:
        cell, step = row[measure], row["step"]
        if isinstance(cell, Estimate) and isinstance(step, int):
            keys = tuple(str(row.get(n) or "everyone") for n in names)
            found.setdefault(keys, {})[step] = cell
    return list(found.items())


def _shaded(found: Estimate | None) -> Text:
    if found is None or found.value is None:
        return Text("")
    shade = SHADES[min(int(found.value * len(SHADES)), len(SHADES) - 1)]
    return Text(f"{found.value * 100:.0f}", style=shade)
