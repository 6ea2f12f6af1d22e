"""Drawings for a terminal: braille dots and blocks, or ASCII where there is no more."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from adoptcli.render import numbers
from adoptcli.render.canvas import STYLES, axis
from adoptcli.render.figures import Chart, Series
from adoptcli.render.plots import plot
from adoptcli.render.text import safe
from adoptcli.results import Estimate

WIDEST, INDENT = 110, 2
COLUMN_HEIGHT, WIDEST_PART = 6, 12
WIDEST_LABEL, NARROWEST_LABEL, NARROWEST_BAR = 28, 6, 10
EIGHTHS, PLAIN_BAR = " ▏▎▍▌▋▊▉█", "#"
COLUMN_EIGHTHS = " ▁▂▃▄▅▆▇█"
FILLS, PLAIN_FILLS = "█▓▒░", "#=+."


def draw(chart: Chart, width: int, *, plain: bool) -> list[Text]:
    """The lines of a drawing, its title first, none wider than the terminal."""
    room = min(width, WIDEST) - INDENT
    kinds = {"bars": _bars, "columns": _columns, "stack": _stack}
    lines = kinds.get(chart.kind, plot)(chart, room, plain)
    indented = (Text(" " * INDENT).append_text(line) for line in lines)
    return [Text(safe(chart.title), style="italic"), *indented]


def _bars(chart: Chart, room: int, plain: bool) -> list[Text]:
    """A bar a place, a line from its end to the upper limit, and the number with its interval."""
    points = chart.series[0].points
    told = _told(points, chart)
    right = cell_len(told[0])
    labels = _labels(chart.labels, room - right - 4 - NARROWEST_BAR, plain)
    length = max(room - cell_len(labels[0]) - right - 4, NARROWEST_BAR)
    top = max([*(_high(point) for point in points), 0]) or 1
    lines = []
    for label, point, text in zip(labels, points, told, strict=True):
        value = max(point.value or 0, 0) if point else 0
        bar = _bar(value / top * length, plain)
        reach = round(_high(point) / top * length) - len(bar)
        whisker = ("-" if plain else "─") * max(reach, 0)
        space = " " * (length - len(bar) - len(whisker) + 2)
        lines.append(Text.assemble(
            f"{label}  ", (bar, STYLES[0]), (whisker, "dim"), space, text,
        ))  # fmt: skip
    return lines


def _told(points: Sequence[Estimate | None], chart: Chart) -> list[str]:
    """The numbers, their intervals and the counts behind them, each to the right of its column."""
    found = [point or Estimate(None) for point in points]
    spans = [numbers.interval(point, chart.unit) for point in found]
    columns = [
        [numbers.number(point.value, chart.unit) for point in found],
        [f"[{span}]" if span else "" for span in spans],
        [numbers.behind(point) for point in found],
    ]
    widths = [max(map(cell_len, column)) for column in columns]
    return [
        "  ".join(f"{cell:>{w}}" for cell, w in zip(row, widths, strict=True) if w)
        for row in zip(*columns, strict=True)
    ]


def _high(point: Estimate | None) -> float:
    """Up to where a bar or its interval goes."""
    return max(point.value or 0, point.high or 0) if point else 0


def _bar(size: float, plain: bool) -> str:
    if plain:
        return PLAIN_BAR * round(size)
    whole, rest = divmod(round(size * 8), 8)
    return EIGHTHS[8] * whole + (EIGHTHS[rest] if rest else "")


def _labels(labels: Sequence[str], room: int, plain: bool) -> list[str]:
    """All as wide as the widest, which is cut where it takes too much."""
    shown = [safe(label) for label in labels]
    widest = min(max(map(cell_len, shown)), WIDEST_LABEL, max(room, NARROWEST_LABEL))
    return [
        set_cell_size(label, widest - 1) + ("~" if plain else "…") if cell_len(label) > widest
        else set_cell_size(label, widest)
        for label in shown
    ]  # fmt: skip


def _columns(chart: Chart, room: int, plain: bool) -> list[Text]:
    """A histogram: columns side by side over their labels."""
    values = [point.value if point else None for point in chart.series[0].points]
    top = max([v for v in values if v is not None], default=0) or 1
    head = numbers.number(top, chart.unit)
    each = max(1, min(5, (room - len(head) - 2) // len(values)))
    bar = max(1, each - 1)
    lines = []
    for row in range(COLUMN_HEIGHT, 0, -1):
        cells = [_column((v or 0) / top * COLUMN_HEIGHT - row + 1, plain) * bar for v in values]
        mark = head if row == COLUMN_HEIGHT else ""
        line = "".join(f"{cell:<{each}}" for cell in cells)[: room - len(head) - 1]
        lines.append(Text.assemble((f"{mark:>{len(head)}} ", "dim"), (line.rstrip(), STYLES[0])))
    below = axis(chart.labels, [i * each for i in range(len(values))], room - len(head) - 1)
    return [*lines, Text(" " * (len(head) + 1) + below, style="dim")]


def _column(left: float, plain: bool) -> str:
    """One cell of a column of which so much is left from here upward."""
    if plain:
        return PLAIN_BAR if left >= 0.5 else "_" if left > 0 else " "
    eighths = min(max(round(left * 8), int(left > 0)), 8) if left > 0 else 0
    return COLUMN_EIGHTHS[eighths]


def _stack(chart: Chart, room: int, plain: bool) -> list[Text]:
    """A bar a place made of parts; what stands below zero goes to the left."""
    fills = PLAIN_FILLS if plain else FILLS
    marks = {s.name: fills[i % len(fills)] for i, s in enumerate(chart.series)}
    styles = {s.name: STYLES[i % len(STYLES)] for i, s in enumerate(chart.series)}
    left = [s for s in chart.series if s.name in chart.below]
    right = [s for s in chart.series if s.name not in chart.below]
    places = range(len(chart.labels))
    under = [sum(_value(s, i) for s in left) for i in places]
    over = [sum(_value(s, i) for s in right) for i in places]
    told = [f"{numbers.count(o)} −{numbers.count(u)}" for o, u in zip(over, under, strict=True)]
    taken = max(map(len, told)) + 6
    labels = _labels(chart.labels, room - taken - NARROWEST_BAR, plain)
    length = max(room - cell_len(labels[0]) - taken, NARROWEST_BAR)
    scale = length / (max(over) + max(under) or 1)
    zero, whole = round(max(under) * scale), round(max(over) * scale)
    lines = [_legend(chart.series, marks, styles)]
    for i in places:
        line = Text(f"{labels[i]}  ")
        size = round(under[i] * scale)
        line.append(" " * (zero - size))
        line.append_text(_parts(left, i, scale, marks, styles, size))
        line.append("|" if plain else "│", "dim")
        size = round(over[i] * scale)
        line.append_text(_parts(right, i, scale, marks, styles, size))
        line.append(" " * (whole - size + 2) + told[i])
        lines.append(line)
    return lines


def _value(series: Series, place: int) -> float:
    point = series.points[place]
    return (point.value or 0) if point else 0


def _parts(
    series: Sequence[Series], place: int, scale: float, marks: dict[str, str],
    styles: dict[str, str], size: int,
) -> Text:  # fmt: skip
    """The parts one after the other, each beginning where the sum of those before ends."""
    line, total = Text(), 0.0
    for one in series:
        total += _value(one, place)
        cells = max(min(round(total * scale), size) - len(line), 0)
        line.append(marks[one.name] * cells, styles[one.name])
    return line


def _legend(series: Sequence[Series], marks: dict[str, str], styles: dict[str, str]) -> Text:
    line = Text()
    for one in series:
        name = _labels([one.name], WIDEST_PART, False)[0]
        line.append(f"{marks[one.name]} ", styles[one.name]).append(f"{name}   ")
    return line
