"""Every table of every metric."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from rich import box
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from adoptcli.render import numbers
from adoptcli.render.charts import draw
from adoptcli.render.figures import figures_of
from adoptcli.render.text import safe
from adoptcli.render.triangle import triangle
from adoptcli.render.words import EVERYONE
from adoptcli.results import Cell, Column, Estimate, MetricReport, Report, Table

MOST_ROWS, WIDE = 40, 120
GAP, WIDEST_KEY = 3, 30  # between columns; of a column that says which row it is
SHADES = ("", "on grey11", "on grey19", "on grey27", "on grey35", "on grey42")


def details(report: Report, width: int, *, plain: bool, charts: bool = False) -> RenderableType:
    """All tables as a terminal of some width can show them; long ones are shortened.

    With `charts` the metrics' drawings stand above them.
    """
    parts: list[RenderableType] = []
    for metric, tables in sections(report):
        parts += [Text(), Text(metric.title.upper(), style="bold")]
        for figure in figures_of(metric) if charts else ():
            parts += [*draw(figure, width, plain=plain), Text()]
        parts += [part for table in tables for part in (fitted(table, width, plain=plain), Text())]
        parts.pop()
    return Group(*parts)


def fitted(table: Table, width: int, *, plain: bool) -> RenderableType:
    """One table as a terminal of some width can show it."""
    sheets = _fitting(shape(table, width, cut=True), width)
    parts: list[RenderableType] = []
    for sheet in sheets:
        parts += [Text(sheet.title, style="italic"), grid(sheet, width, plain=plain), Text()]
    return Group(*parts[:-1])


def lines(report: Report) -> str:
    """All tables, whole, as straight lines of text: in a pipe nothing must fit."""
    parts: list[str] = []
    for metric, tables in sections(report):
        parts += [
            "",
            metric.title.upper(),
            "\n\n".join(straight(whole(table)) for table in tables),
        ]
    return "\n".join(parts)


def whole(table: Table) -> Sheet:
    """One table as cells, with all its rows."""
    return shape(table, WIDE, cut=False)


def sections(report: Report) -> Iterator[tuple[MetricReport, list[Table]]]:
    """The metrics that have tables with rows, and these."""
    for metric in report.metrics:
        tables = [table for table in metric.result.tables if table.rows]
        if tables:
            yield metric, tables


@dataclass
class Sheet:
    """A table as cells, however it is drawn: titles, which columns hold text, and rows.

    The first `keys` columns say which row it is.
    """

    title: str
    keys: int
    heads: list[str]
    texts: list[bool]
    rows: list[list[Text]]


def shape(table: Table, width: int, *, cut: bool) -> Sheet:
    """A table as cells; with `cut` a long one is shortened, and its title says so."""
    return _triangle(table) if table.name == "triangle" else _sheet(table, width, cut=cut)


def _sheet(table: Table, width: int, *, cut: bool) -> Sheet:
    rows, left_out, title = table.rows, 0, safe(table.title)
    if cut and len(rows) > MOST_ROWS:
        left_out = len(rows) - MOST_ROWS
        rows = (*rows[: MOST_ROWS // 2], *rows[-MOST_ROWS // 2 :])
    columns = [c for c in table.columns if c.name != "segment" or any(r.get(c.name) for r in rows)]
    cells = [[_cell(row.get(c.name), c, wide=width >= WIDE) for c in columns] for row in rows]
    if left_out:
        empty = [Text()] * (len(columns) - 1)
        cells.insert(MOST_ROWS // 2, [Text("…"), *empty])
        title += f" ({left_out} rows left out, -f csv has all)"
    return Sheet(
        title,
        sum(c.is_key for c in columns),
        [safe(c.title) for c in columns],
        [c.is_key or c.unit in ("text", "date") for c in columns],
        cells,
    )


def _fitting(sheet: Sheet, width: int) -> list[Sheet]:
    """The sheet, or where it is too wide several with the same keys."""
    widths = _least(sheet)
    room = width - sum(w + GAP for w in widths[: sheet.keys])
    blocks: list[list[int]] = [[]]
    for i in range(sheet.keys, len(widths)):
        if blocks[-1] and sum(widths[k] + GAP for k in [*blocks[-1], i]) > room + GAP:
            blocks.append([])
        blocks[-1].append(i)
    if len(blocks) == 1:
        return [sheet]
    return [_part(sheet, [*range(sheet.keys), *block], n) for n, block in enumerate(blocks)]


def _least(sheet: Sheet) -> list[int]:
    """How wide each column is at least: no word of a head, and no figure, is broken."""
    widths = [
        max([*(cell_len(word) for word in head.split()), *(row[i].cell_len for row in sheet.rows)])
        for i, head in enumerate(sheet.heads)
    ]
    return [min(w, WIDEST_KEY) if i < sheet.keys else w for i, w in enumerate(widths)]


def _widths(sheet: Sheet, width: int) -> list[int | None]:
    """How wide each column is drawn, the heads on as few lines as the screen allows."""
    least = _least(sheet)
    room = width - GAP * (len(least) - 1)
    if sum(least) > room:  # one figure alone is wider than the screen: Rich folds
        return [None] * len(least)
    for lines in range(1, max(1, *(len(head.split()) for head in sheet.heads)) + 1):
        widths = [max(w, _wrapped(h, lines)) for w, h in zip(least, sheet.heads, strict=True)]
        if sum(widths) <= room:
            break
    for key in range(sheet.keys):  # what is left over goes to names that were too long
        longest = max((row[key].cell_len for row in sheet.rows), default=0)
        widths[key] += max(0, min(longest - widths[key], room - sum(widths)))
    return [*widths]


def _wrapped(head: str, lines: int) -> int:
    """The least width at which a head takes no more than so many lines."""
    wide = range(1, len(head))
    fits = (w for w in wide if len(wrap(head, w, break_long_words=False)) <= lines)
    return next(fits, cell_len(head))


def _part(sheet: Sheet, columns: Sequence[int], number: int) -> Sheet:
    return Sheet(
        f"{sheet.title}, continued" if number else sheet.title,
        sheet.keys,
        [sheet.heads[i] for i in columns],
        [sheet.texts[i] for i in columns],
        [[row[i] for i in columns] for row in sheet.rows],
    )


def grid(sheet: Sheet, width: int, *, plain: bool) -> Grid:
    """A sheet as Rich draws it on a screen of some width."""
    grid = Grid(
        header_style="dim", box=box.ASCII2 if plain else box.SIMPLE_HEAD, pad_edge=False,
        show_edge=False,
    )  # fmt: skip
    for head, text, w in zip(sheet.heads, sheet.texts, _widths(sheet, width), strict=True):
        grid.add_column(head, justify="left" if text else "right", overflow="fold", width=w)
    for row in sheet.rows:
        grid.add_row(*row)
    return grid


def straight(sheet: Sheet) -> str:
    """Columns as wide as their widest cell."""
    table = [sheet.heads, *([cell.plain for cell in row] for row in sheet.rows)]
    widths = [max(map(cell_len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(
            cell + " " * (w - cell_len(cell)) if text else " " * (w - cell_len(cell)) + cell
            for cell, w, text in zip(row, widths, sheet.texts, strict=True)
        )
        for row in table
    ]
    rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join([sheet.title, lines[0], rule, *lines[1:]])


def _cell(cell: Cell, column: Column, *, wide: bool) -> Text:
    if isinstance(cell, Estimate):
        parts = [numbers.number(cell.value, column.unit)]
        if wide and (span := numbers.interval(cell, column.unit)):
            parts.append(f"[{span}]")
        if behind := numbers.behind(cell):
            parts.append(behind)
        return Text("  ".join(parts))
    if cell is None:
        return Text(EVERYONE if column.name == "segment" else numbers.NOTHING)
    if isinstance(cell, str):
        return Text(safe(cell))
    return Text(numbers.number(cell, column.unit))


def _triangle(table: Table) -> Sheet:
    """Cohorts down, steps across; a cell that could not have happened yet is empty."""
    found = triangle(table)
    rows = [
        [*map(Text, keys), Text(size), *(_shaded(cells.get(step)) for step in found.steps)]
        for keys, size, cells in found.cohorts
    ]
    return Sheet(f"{safe(table.title)}, %", found.keys, found.heads, found.texts, rows)


def _shaded(found: Estimate | None) -> Text:
    if found is None or found.value is None:
        return Text("")
    shade = SHADES[min(int(found.value * len(SHADES)), len(SHADES) - 1)]
    return Text(f"{found.value * 100:.0f}", style=shade)
