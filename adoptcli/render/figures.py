"""What is worth drawing, whoever draws it: which table, how, and its numbers as series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from adoptcli.results import Cell, Estimate, MetricReport, Row, Table, Unit

# lines and steps: over an ordered key; bars: one below the other; columns: of a histogram;
# stack: bars made of parts, some of them to the other side of zero.
Kind = Literal["lines", "steps", "bars", "columns", "stack"]
MOST_BARS, MOST_APART = 24, 6
_IN_TIME = ("period", "cohort")


@dataclass(frozen=True, slots=True)
class Figure:
    """A table that is worth drawing.

    Attributes:
        table: Its name.
        kind: How it is drawn.
        x: The key along which it is drawn.
        measures: Its columns that are drawn; several are several series.
        by: A key whose every value is a line of its own, or for bars and columns a drawing.
        label: A column whose texts name the bars instead of the key.
        below: Parts of a stack that stand on the other side of zero.
        note: What the reader must know about the drawing.
    """

    table: str
    kind: Kind
    x: str
    measures: tuple[str, ...]
    by: str | None = None
    label: str | None = None
    below: tuple[str, ...] = ()
    note: str = ""


FIGURES: dict[str, tuple[Figure, ...]] = {
    "activation": (Figure("cohorts", "bars", "cohort", ("activated",)),),
    "time_to_value": (
        Figure("curve", "steps", "step", ("activated",), note="Kaplan–Meier; times not to scale"),
    ),
    "feature_adoption": (
        Figure("features", "bars", "item", ("share_of_active",)),
        Figure("curve", "lines", "step", ("tried",), by="item"),
    ),
    "onboarding": (Figure("steps", "bars", "item", ("done",)),),
    "funnel": (Figure("steps", "bars", "step", ("reached",), by="item", label="event"),),
    "adoption_rate": (Figure("windows", "bars", "period", ("rate",)),),
    "seat_utilization": (Figure("trend", "bars", "period", ("used",)),),
    "usage": (Figure("periods", "bars", "period", ("events",)),),
    "qualified": (Figure("levels", "bars", "period", ("qualified",)),),
    "active_users": (Figure("daily", "lines", "period", ("dau", "wau", "mau")),),
    "stickiness": (Figure("windows", "bars", "period", ("stickiness",)),),
    "engagement_score": (Figure("deciles", "bars", "step", ("stayed",)),),
    "sessions": (Figure("lengths", "bars", "period", ("median",)),),
    "retention": (Figure("pooled", "lines", "step", ("retained",), by="item"),),
    "lifecycle": (
        Figure(
            "periods", "stack", "period", ("returning", "new", "resurrected", "dormant"),
            below=("dormant",),
        ),
    ),
    "churn": (
        Figure("cancelled", "bars", "period", ("lost",)),
        Figure("inferred", "bars", "period", ("lost",)),
    ),
    "frequency": (Figure("histogram", "columns", "step", ("actors",), by="item"),),
    "feedback": (Figure("scores", "columns", "step", ("respondents",), by="item"),),
    "quadrant": (Figure("quadrants", "bars", "item", ("actors",)),),
    "journey": (Figure("stages", "bars", "step", ("reached",)),),
    "channel_engagement": (Figure("channels", "bars", "item", ("active",)),),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Series:
    """One number for each place along the key; None where there is none, which is no zero."""

    name: str
    points: tuple[Estimate | None, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing's numbers: places along the key, and the series over them."""

    title: str
    kind: Kind
    unit: Unit
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    below: frozenset[str] = frozenset()


def figures_of(metric: MetricReport) -> Iterator[Chart]:
    """A metric's drawings, of everyone; those that have at least two places with a number."""
    for figure in FIGURES.get(metric.id, ()):
        table = metric.result.table(figure.table)
        if table is not None:
            yield from (chart for chart in _charts(figure, table) if _worth(chart))


def _worth(chart: Chart) -> bool:
    places = zip(*(series.points for series in chart.series), strict=True)
    return sum(any(point is not None for point in place) for place in places) > 1


def _charts(figure: Figure, table: Table) -> Iterator[Chart]:
    rows = [row for row in table.rows if not row.get("segment")]
    names = list(dict.fromkeys(str(row.get(figure.by)) for row in rows)) if figure.by else []
    if figure.by is None or figure.kind in ("lines", "steps"):
        yield _chart(figure, table, rows, names)
        return
    for name in names[:MOST_APART]:
        part = [row for row in rows if str(row.get(figure.by)) == name]
        chart = _chart(replace(figure, by=None), table, part, [])
        yield replace(chart, title=f"{chart.title}: {name}") if len(names) > 1 else chart


def _chart(figure: Figure, table: Table, rows: Sequence[Row], names: Sequence[str]) -> Chart:
    columns = {column.name: column for column in table.columns}
    places = list(dict.fromkeys(row.get(figure.x) for row in rows))
    labels = {row.get(figure.x): str(row.get(figure.label or figure.x)) for row in rows}
    kind, title = figure.kind, table.title
    if kind in ("bars", "stack") and len(places) > MOST_BARS:
        kind, places, said = _many(figure, places)
        title += said
    first = figure.measures[0]
    if figure.by:
        title += f", {MOST_APART} of {len(names)}" if len(names) > MOST_APART else ""
        series = [
            Series(n, _points([r for r in rows if str(r.get(figure.by or "")) == n],
                              figure.x, first, places))
            for n in names[:MOST_APART]
        ]  # fmt: skip
    else:
        series = [
            Series(columns[m].title, _points(rows, figure.x, m, places))
            for m in figure.measures
            if m in columns
        ]
    if figure.kind in ("bars", "columns"):
        title += f": {series[0].name}"
    title += f" ({figure.note})" if figure.note else ""
    below = frozenset(columns[m].title for m in figure.below if m in columns)
    shown = tuple(labels[place] for place in places)
    return Chart(title, kind, columns[first].unit, shown, tuple(series), below)


def _many(figure: Figure, places: list[Cell]) -> tuple[Kind, list[Cell], str]:
    """More bars than one can read: over time a line, of parts the last, else the first."""
    if figure.kind == "stack":
        return "stack", places[-MOST_BARS:], f", the last {MOST_BARS} of {len(places)}"
    if figure.x in _IN_TIME:
        return "lines", places, ""
    return "bars", places[:MOST_BARS], f", the first {MOST_BARS} of {len(places)}"


def _points(
    rows: Sequence[Row], x: str, measure: str, places: Sequence[Cell]
) -> tuple[Estimate | None, ...]:
    found = {row.get(x): _estimate(row.get(measure)) for row in rows}
    return tuple(found.get(place) for place in places)


def _estimate(cell: Cell) -> Estimate | None:
    """A number as an estimate; None where it has no value."""
    if isinstance(cell, Estimate):
        return None if cell.value is None else cell
    return Estimate(cell) if isinstance(cell, (int, float)) else None
