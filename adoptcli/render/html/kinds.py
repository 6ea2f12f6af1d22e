"""The kinds of drawings, and a figure: a drawing with its heading, legend, words and table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from adoptcli.render import numbers
from adoptcli.render.html import bars, grids, lines
from adoptcli.render.html.points import Drawn
from adoptcli.render.html.svg import draw
from adoptcli.render.html.theme import DASHES, NARROW, SERIES, WIDE, config

Kind = Callable[[Drawn, int], dict[str, Any]]
KINDS: dict[str, Kind] = {
    "line": lines.line, "survival": lines.survival, "columns": lines.columns,
    "stack": lines.stack, "ranked": lines.ranked, "bars": bars.bars, "dots": bars.dots,
    "spread": bars.spread, "heat": grids.heat, "quadrant": grids.quadrant,
}  # fmt: skip


@dataclass(frozen=True)
class Key:
    """One entry of a legend."""

    name: str
    color: str
    opacity: float = 1
    dash: str = ""
    box: bool = False


@dataclass(frozen=True)
class Figure:
    """A drawing as the page shows it; `narrow` is what a phone gets instead of `wide`."""

    title: str
    caption: str
    keys: tuple[Key, ...]
    narrow: Markup | None
    wide: Markup | None
    scrolls: bool


def figure(drawn: Drawn) -> Figure:
    """Drawn once, or twice where it is worth two columns of the page."""
    chart = drawn.chart
    title = f"{chart.title}: {drawn.item}" if drawn.item else chart.title
    caption = _caption(drawn)
    heat = chart.kind == "heat"
    wide = _drawing(drawn, WIDE, f"{title}. {caption}") if chart.wide else None
    narrow = None if heat else _drawing(drawn, NARROW, f"{title}. {caption}")
    return Figure(title, caption, tuple(_keys(drawn)), narrow, wide, heat)


def _drawing(drawn: Drawn, width: int, label: str) -> Markup:
    spec = KINDS[drawn.chart.kind](drawn, width)
    for layer in spec["layer"]:  # only what we say is told
        if "description" not in layer["encoding"]:
            layer["mark"]["aria"] = False
    inside = width - AXES.get(drawn.chart.kind, 46)  # cheaper than to let the library fit it
    return draw({**spec, "width": inside, "config": config()}, label)


def _keys(drawn: Drawn) -> list[Key]:
    kind = drawn.chart.kind
    if len(drawn.series) < 2 or kind in ("spread", "heat", "quadrant"):
        return []
    if kind == "stack":
        paints = [lines.paint(drawn, i) for i in range(len(drawn.series))]
        return [Key(s.name, c, o, box=True) for s, (c, o) in zip(drawn.series, paints, strict=True)]
    lined = kind in ("line", "survival")
    return [
        Key(s.name, SERIES[i], 1, " ".join(map(str, DASHES[i])) if lined else "", not lined)
        for i, s in enumerate(drawn.series)
    ]


WITH_INTERVAL = {
    "line": "shaded", "survival": "shaded", "columns": "thin line", "bars": "thin line",
    "dots": "thin line",
}  # fmt: skip
AXES = {"bars": 8, "dots": 8, "spread": 8, "heat": 78, "quadrant": 30}  # pixels beside the plot
UNITS = {
    "share": "share", "pp": "percentage points", "seconds": "time", "p": "p-value",
    "number": "", "text": "", "date": "", "users": "",
}  # fmt: skip


def _caption(drawn: Drawn) -> str:
    """What is shown, in which unit, of how many."""
    table = drawn.table.title
    shown = ", ".join(dict.fromkeys(column.title for column in drawn.columns))
    unit = UNITS.get(drawn.unit, drawn.unit)
    parts = [f"{table}: {shown}" + (f" ({unit})" if unit and unit not in shown else "")]
    if drawn.banded and drawn.chart.kind in WITH_INTERVAL:
        what = "the middle half" if drawn.chart.band else "95 % interval"
        parts.append(f"{WITH_INTERVAL[drawn.chart.kind]}: {what}")
    ns = [p.n for p in drawn.points if p.n]
    if ns:
        least, most = numbers.count(min(ns)), numbers.count(max(ns))
        parts.append(f"n {least}" if least == most else f"n {least} to {most}")
    if drawn.left:
        parts.append(drawn.left)
    return "; ".join(parts).replace("95 %", "95\u00a0%").replace(" n ", " n\u00a0")  # kept together
