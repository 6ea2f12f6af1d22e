"""Lines and steps over an axis, on a canvas of dots or letters."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from adoptcli.render import numbers
from adoptcli.render.canvas import STYLES, Canvas, Dots, axis, ceiling
from adoptcli.render.figures import Chart, Series
from adoptcli.render.text import safe
from adoptcli.results import Estimate

HEIGHT = 11  # odd: then the middle has a row
NARROWEST, WIDEST_NAME = 10, 14
BANDS = 2  # with more lines than this their intervals would hide them
MOST_LABELS = 30
Spots = list[tuple[int, int] | None]


def plot(chart: Chart, room: int, plain: bool) -> list[Text]:
    """Lines with dotted limits of the intervals; where there is no number there is a gap."""
    bottom, top = _range(chart)
    ticks = [numbers.mark(bottom + (top - bottom) * k, chart.unit) for k in (1, 0.5, 0)]
    left, names = max(map(cell_len, ticks)), _names(chart)
    right = max(map(cell_len, names)) + 3 if names else 0
    columns = max(room - left - right - 2, NARROWEST)
    canvas = (Canvas if plain else Dots)(columns, HEIGHT)
    spots = _drawn(chart, canvas, bottom, top)
    ends = _ends(names, spots, canvas, plain) if names else {}
    at = {0: ticks[0], HEIGHT // 2: ticks[1], HEIGHT - 1: ticks[2]}
    lines = []
    for row in range(HEIGHT):
        wall = "|" if plain else "│"
        line = Text.assemble((f"{at.get(row, ''):>{left}} {wall}", "dim"))
        for text, index in canvas.row(row):
            line.append(text, "" if index is None else STYLES[index % len(STYLES)])
        if row in ends:
            name, index = ends[row]
            line.append(f" {name}", STYLES[index % len(STYLES)])
        line.rstrip()
        lines.append(line)
    return [*lines, Text(" " * (left + 2) + _below(chart, canvas), style="dim")]


def _range(chart: Chart) -> tuple[float, float]:
    """From zero, or the lowest number below it, to a round number above all."""
    points = [p for s in chart.series for p in s.points if p and p.value is not None]
    highest = max(max(p.value or 0, p.high or 0) for p in points)
    lowest = min(p.value or 0 for p in points)
    return min(lowest, 0), ceiling(highest, percent=chart.unit == "share")


def _names(chart: Chart) -> list[str]:
    """Of the lines, where there are several."""
    names = [safe(series.name) for series in chart.series]
    short = [set_cell_size(name, min(cell_len(name), WIDEST_NAME)) for name in names]
    return short if len(names) > 1 else []


def _drawn(chart: Chart, canvas: Canvas, bottom: float, top: float) -> list[Spots]:
    """Draw the limits, then the lines over them; give where the lines' points are."""
    steps = chart.kind == "steps"
    if len(chart.series) <= BANDS:
        for index, series in enumerate(chart.series):
            for limit in _limits(series):
                spots = _spots(limit, canvas, bottom, top, steps=steps)
                canvas.path(spots, index, steps=steps, dotted=True)
    found = [_spots(series, canvas, bottom, top, steps=steps) for series in chart.series]
    for index, spots in enumerate(found):
        canvas.path(spots, index, steps=steps)
    return found


def _below(chart: Chart, canvas: Canvas) -> str:
    """The labels along the axis."""
    count, columns = len(chart.labels), canvas.columns
    if count > MOST_LABELS:
        return _three(chart.labels, columns)
    parts = count if chart.kind == "steps" else max(count - 1, 1)
    places = [round(i / parts * (columns - 1)) for i in range(count)]
    return axis(chart.labels, places, columns)


def _limits(series: Series) -> list[Series]:
    """The lower and the upper limits as series of their own, where there are intervals."""
    made = []
    for part in ("low", "high"):
        limits = [getattr(p, part) if p else None for p in series.points]
        if any(limit is not None for limit in limits):
            points = tuple(None if v is None else Estimate(v) for v in limits)
            made.append(Series(series.name, points))
    return made


def _spots(series: Series, canvas: Canvas, bottom: float, top: float, *, steps: bool) -> Spots:
    """Each point's place on the canvas, counted from the upper left; the last step goes on."""
    last = len(series.points) if steps else max(len(series.points) - 1, 1)
    points = [*series.points, series.points[-1]] if steps else series.points
    return [
        None if p is None or p.value is None else (
            round(i / last * (canvas.wide - 1)),
            round((1 - (p.value - bottom) / ((top - bottom) or 1)) * (canvas.high - 1)),
        )
        for i, p in enumerate(points)
    ]  # fmt: skip


def _ends(
    names: Sequence[str], spots: Sequence[Spots], canvas: Canvas, plain: bool
) -> dict[int, tuple[str, int]]:
    """Each line's name in the row where it ends, or in the nearest one that is free."""
    taken: dict[int, tuple[str, int]] = {}
    for index, (name, spot) in enumerate(zip(names, spots, strict=True)):
        last = next((s for s in reversed(spot) if s), None)
        if last is None:
            continue
        wanted = last[1] * HEIGHT // canvas.high
        free = [row for row in range(HEIGHT) if row not in taken]
        mark = f"{canvas.mark(index)} " if plain else ""
        taken[_nearest(free, wanted)] = (f"{mark}{name}", index)
    return taken


def _nearest(rows: Sequence[int], wanted: int) -> int:
    return min(rows, key=lambda row: (abs(row - wanted), row))


def _three(labels: Sequence[str], columns: int) -> str:
    """The first, the middle and the last of many."""
    first, middle, last = safe(labels[0]), safe(labels[len(labels) // 2]), safe(labels[-1])
    gap = columns - cell_len(first) - cell_len(middle) - cell_len(last)
    if gap < 2:
        return first
    before = max(columns // 2 - cell_len(middle) // 2 - cell_len(first), 1)
    return first + " " * before + middle + " " * (gap - before) + last
