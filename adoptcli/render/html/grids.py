"""Drawings in two dimensions: the retention triangle, and adoption against engagement."""

from __future__ import annotations

from typing import Any

from adoptcli.render import numbers
from adoptcli.render.html.points import Drawn, Point
from adoptcli.render.text import safe
from adoptcli.results import Estimate

Spec = dict[str, Any]
CELL = 21  # pixels that a row is high


def heat(drawn: Drawn, width: int) -> Spec:
    """Cohorts down, steps across, darker for more; what could not have happened yet is blank."""
    label = drawn.chart.label
    points = [p for p in drawn.points if p.y is not None]
    values = [
        {"x": int(p.x), "c": (cohort := safe(str(p.row.get(label)))), "v": p.y,
         "w": f"{(p.y or 0) * 100:.0f}", "t": f"{cohort}, {p.x}: {p.told}"}
        for p in points
    ]  # fmt: skip
    rows = len({value["c"] for value in values})
    title = next(c.title for c in drawn.table.columns if c.name == "step")
    axis = {"orient": "top", "title": title, "domain": False}
    x = {"field": "x", "type": "ordinal", "axis": axis}
    y = {"field": "c", "type": "ordinal", "sort": None, "axis": {"title": None, "grid": False}}
    cells: Spec = {
        "mark": {"type": "rect", "color": "var(--heat)"},
        "encoding": {"x": x, "y": y, "description": {"field": "t", "type": "nominal"},
                     "fillOpacity": _shade(0.05)},
    }  # fmt: skip
    words: Spec = {
        "mark": {"type": "text", "fontSize": 10, "color": "var(--ink)"},
        "encoding": {"x": x, "y": y, "text": {"field": "w", "type": "nominal"}},
    }
    return {
        "height": CELL * rows,
        "data": {"values": values},
        "layer": [cells, words],
    }


PLACES = {
    "busy_not_adopted": (0, 0), "champions": (1, 0),
    "neither": (0, 1), "adopted_not_engaged": (1, 1),
}  # fmt: skip


def quadrant(drawn: Drawn, width: int) -> Spec:
    """Two by two: adopted to the right, engaged above, darker for more people."""
    values = [_tile(p) for p in drawn.series[0].points if p.x in PLACES and p.y is not None]
    x = _half("x", "adopted →", {"domain": [0, 2], "nice": False})
    y = _half("y", "engaged →", {"domain": [0, 2], "nice": False, "reverse": True})

    def words(field: str, at: str, size: int, weight: str = "normal") -> Spec:
        place = {"x": {**x, "field": "mx"}, "y": {**y, "field": at}}
        look = {"fontSize": size, "fontWeight": weight, "color": "var(--ink)"}
        return {
            "mark": {"type": "text", "baseline": "middle", **look},
            "encoding": {**place, "text": {"field": field, "type": "nominal"}},
        }

    tiles: Spec = {
        "mark": {"type": "rect", "color": "var(--heat)", "stroke": "var(--card)",
                 "strokeWidth": 4, "cornerRadius": 6},
        "encoding": {
            "x": x, "x2": {"field": "x1"}, "y": y, "y2": {"field": "y1"},
            "description": {"field": "t", "type": "nominal"}, "fillOpacity": _shade(0.15),
        },
    }  # fmt: skip
    layers = [tiles, words("name", "a", 12), words("share", "b", 20, "bold"), words("n", "d", 12)]
    return {"height": 220, "data": {"values": values}, "layer": layers}


def _half(field: str, title: str, scale: Spec) -> Spec:
    axis = {"labels": False, "grid": False, "domain": False, "title": title}
    return {"field": field, "type": "quantitative", "scale": scale, "axis": axis}


def _tile(point: Point) -> Spec:
    """A quarter with its words, one under the other."""
    x, y = PLACES[point.x]
    cell = point.row.get("actors")
    counted = numbers.count(cell.numerator or 0) if isinstance(cell, Estimate) else ""
    name = point.x.replace("_", " ").capitalize()
    return {
        "x": x, "x1": x + 1, "y": y, "y1": y + 1, "mx": x + 0.5, "a": y + 0.3, "b": y + 0.55,
        "d": y + 0.76, "name": name, "share": numbers.number(point.y, "share"), "n": counted,
        "v": point.y, "t": f"{name}: {point.told}",
    }  # fmt: skip


def _shade(least: float) -> Spec:
    """Darker for more."""
    scale = {"domain": [0, 1], "range": [least, 1]}
    return {"field": "v", "type": "quantitative", "legend": None, "scale": scale}
