"""From a table's rows to what a drawing needs: points in series, and what each says in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from adoptcli.render import numbers
from adoptcli.render.html.charts import Chart
from adoptcli.render.text import safe
from adoptcli.render.words import EVERYONE
from adoptcli.results import Cell, Column, Estimate, Row, Table, Unit

MOST_SERIES, MOST_SEGMENTS, MOST_BARS, MOST_DRAWINGS = 6, 5, 20, 4
MOST_RANKED, MOST_COHORTS, MOST_STEPS = 240, 30, 26
SPLIT = ("line", "survival", "bars", "dots")  # what can show segments side by side


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a place, of a series, with the words for it."""

    x: str
    y: float | None
    low: float | None
    high: float | None
    n: float | None
    told: str
    row: Row


@dataclass(frozen=True, slots=True)
class Series:
    """The points of one name."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """All that one drawing shows.

    `left` is how many rows or series it leaves out; `kind` may differ from the chart's.
    """

    chart: Chart
    table: Table
    columns: tuple[Column, ...]
    series: tuple[Series, ...]
    item: str = ""
    left: str = ""

    @property
    def unit(self) -> Unit:
        """Of the values."""
        return self.columns[0].unit

    @property
    def banded(self) -> bool:
        """Whether intervals are drawn; middle halves over each other would tell nothing."""
        alone = not self.chart.band or len(self.series) == 1
        return alone and any(p.low is not None and p.high is not None for p in self.points)

    @property
    def places(self) -> list[str]:
        """Every place along the axis, in the order of the table."""
        return list(dict.fromkeys(p.x for one in self.series for p in one.points))

    @property
    def points(self) -> list[Point]:
        """Of all series."""
        return [p for one in self.series for p in one.points]


def drawings(chart: Chart, table: Table) -> list[Drawn]:
    """What the chart draws of a table: nothing where there is no number."""
    known = {column.name: column for column in table.columns}
    named = (chart.x, *chart.y, *(c for c in (chart.by, chart.each, chart.label) if c))
    if not all(name in known for name in named):
        return []
    rows = _latest(table.rows) if chart.latest else table.rows
    values = list(dict.fromkeys(_text(row.get(chart.each)) for row in rows)) if chart.each else [""]
    found = []
    for value in values[:MOST_DRAWINGS]:
        mine = [r for r in rows if not chart.each or _text(r.get(chart.each)) == value]
        found.append(_drawn(chart, table, mine, known, value))
    return [one for one in found if any(p.y is not None for p in one.points)]


def _latest(rows: Sequence[Row]) -> list[Row]:
    """Of each item the rows of its last period."""
    last = {row.get("item"): row.get("period") for row in rows}
    return [row for row in rows if row.get("period") == last[row.get("item")]]


def _drawn(
    chart: Chart, table: Table, rows: Sequence[Row], known: dict[str, Column], item: str
) -> Drawn:
    columns = tuple(known[name] for name in chart.y)
    segments = {_text(r["segment"]) for r in rows if r.get("segment") is not None}
    everyone = [r for r in rows if r.get("segment") is None]
    one_series = not chart.by and len(columns) == 1
    split = one_series and chart.kind in SPLIT and 0 < len(segments) <= MOST_SEGMENTS
    if chart.by or split:
        series = list(_keyed(chart, columns[0], rows if split else everyone, chart.by or "segment"))
    else:
        series = [_series(chart, column, column.title, everyone) for column in columns]
    if chart.kind in SPLIT:
        series = [s for s in series if any(p.y is not None for p in s.points)] or series[:1]
    left = ""
    if chart.kind == "heat":
        series[0], left = _latest_cohorts(series[0], chart.label)
    if chart.kind == "ranked":
        series[0], left = _ranked(series[0])
    if len(series) > MOST_SERIES:
        left = f"the first {MOST_SERIES} of {len(series)}"
    if chart.kind in ("bars", "dots") and any(len(s.points) > MOST_BARS for s in series):
        left = f"the first {MOST_BARS} of {max(len(s.points) for s in series)}"
        series = [Series(s.name, s.points[:MOST_BARS]) for s in series]
    return Drawn(chart, table, columns, tuple(series[:MOST_SERIES]), item, left)


def _latest_cohorts(series: Series, key: str) -> tuple[Series, str]:
    """As much of a triangle as can be read."""
    rows = [p.row for p in series.points]
    cohorts = list(dict.fromkeys(row.get(key) for row in rows))
    steps = list(dict.fromkeys(row.get("step") for row in rows))
    last, first = set(cohorts[-MOST_COHORTS:]), set(steps[:MOST_STEPS])
    points = [p for p in series.points if p.row.get(key) in last and p.row.get("step") in first]
    left = f"the last {MOST_COHORTS} of {len(cohorts)}" if len(cohorts) > MOST_COHORTS else ""
    if len(steps) > MOST_STEPS:
        left += f"{'; ' if left else ''}the first {MOST_STEPS} steps of {len(steps)}"
    return Series(series.name, tuple(points)), left


def _ranked(series: Series) -> tuple[Series, str]:
    """From the most to the least; of very many, some at even distances."""
    known = [(p.y, p) for p in series.points if p.y is not None]
    points = [p for _, p in sorted(known, key=lambda pair: (-pair[0], pair[1].x))]
    step = -(-len(points) // MOST_RANKED)
    left = f"one of {step} of {len(points):,}" if step > 1 else ""
    return Series(series.name, tuple(points[:: step or 1])), left


def _keyed(chart: Chart, column: Column, rows: Sequence[Row], key: str) -> Iterator[Series]:
    """A series for each value of a key column."""
    parts: dict[str, list[Row]] = {}
    for row in rows:
        value = row.get(key)
        name = EVERYONE if value is None else _text(value)
        parts.setdefault(name, []).append(row)
    for name, mine in parts.items():
        yield _series(chart, column, name, mine)


def _series(chart: Chart, column: Column, name: str, rows: Sequence[Row]) -> Series:
    return Series(safe(name), tuple(_point(chart, column, row) for row in rows))


def _point(chart: Chart, column: Column, row: Row) -> Point:
    cell = row.get(column.name)
    value, low, high, n = _numbers(cell)
    if chart.band:
        low, high = (_numbers(row.get(name))[0] for name in chart.band)
    return Point(_text(row.get(chart.x)), value, low, high, n, said(cell, column.unit), row)


def _numbers(
    cell: Cell,
) -> tuple[float | None, float | None, float | None, float | None]:
    if isinstance(cell, Estimate):
        parts = (cell.value, cell.low, cell.high, cell.denominator)
        value, low, high, n = (None if part is None else float(part) for part in parts)
        return value, low, high, n
    if isinstance(cell, int | float):
        return float(cell), None, None, None
    return None, None, None, None


def said(cell: Cell, unit: Unit) -> str:
    """A cell in words: 59.5 % [49.7–68.6], 72/121."""
    if cell is None:
        return numbers.NOTHING
    if isinstance(cell, str):
        return safe(cell)
    if not isinstance(cell, Estimate):
        return numbers.number(cell, unit)
    text = numbers.number(cell.value, unit)
    if span := numbers.interval(cell, unit):
        text += f" [{span}]"
    behind = numbers.behind(cell)
    return f"{text}, {behind}" if behind else text


def _text(value: Cell) -> str:
    return "" if value is None else safe(str(value))
