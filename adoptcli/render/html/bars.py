"""Drawings by name: bars, dots and spreads under their names, the triangle and the quadrant."""

from __future__ import annotations

from typing import Any

from adoptcli.render import numbers
from adoptcli.render.html.points import Drawn, Point
from adoptcli.render.html.theme import SERIES
from adoptcli.render.text import safe
from adoptcli.results import Estimate

Spec = dict[str, Any]
NAME, BAR, GAP = 17, 11, 11  # pixels: of a name's line, of a bar, between rows
CELL, MOST_COHORTS, MOST_STEPS = 21, 30, 26


def bars(drawn: Drawn, width: int) -> Spec:
    """Each name above its bars, its value at the end of the line."""
    return _rows(drawn, width, dots=False)


def dots(drawn: Drawn, width: int) -> Spec:
    """The same with points, for values that have no zero to stand on."""
    return _rows(drawn, width, dots=True)


def _rows(drawn: Drawn, width: int, *, dots: bool) -> Spec:
    many = len(drawn.series)
    thick = BAR if many == 1 else 7
    step = NAME + many * (thick + 2) + GAP
    names = {place: i for i, place in enumerate(drawn.places)}
    low, high = _ends(drawn)
    values, heads = [], []
    for k, one in enumerate(drawn.series):
        for p in one.points:
            top = names[p.x] * step
            said = f"{_name(drawn, p)}: {p.told}"
            edge = top + NAME + 4 + k * (thick + 2)
            at = {"top": edge, "y": edge + thick / 2, "end": edge + thick, "zero": 0, "v": p.y,
                  "lo": p.low, "hi": p.high, "low": low, "high": high, "s": str(k),
                  "t": said if many == 1 else f"{one.name}, {said}"}  # fmt: skip
            values.append(at)
            if k == 0:
                value = numbers.number(p.y, drawn.unit) if many == 1 else ""
                heads.append({"y": top + 11, "name": _name(drawn, p), "value": value, "low": low,
                              "high": high})  # fmt: skip
    tall = len(names) * step
    scale = {"domain": [low, high], "nice": False, "zero": False}
    x = {"type": "quantitative", "scale": scale, "axis": None}
    y = {"field": "y", "type": "quantitative", "axis": None,
         "scale": {"domain": [0, tall], "reverse": True, "nice": False}}  # fmt: skip
    tall_as = {"y": {**y, "field": "top"}, "y2": {"field": "end"}}
    told = {"description": {"field": "t", "type": "nominal"}}
    color = {"field": "s", "type": "nominal", "legend": None,
             "scale": {"domain": [str(i) for i in range(many)], "range": list(SERIES[:many])}}  # fmt: skip
    track: Spec = {
        "mark": {"type": "rect", "color": "var(--track)", "cornerRadius": 3},
        "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}, **tall_as, **told},
    }
    mark: Spec = {
        "mark": {"type": "rect", "cornerRadius": 3},
        "encoding": {"x": {**x, "field": "zero"}, "x2": {"field": "v"}, "color": color, **tall_as},
    }
    if dots:
        mark = {
            "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
            "encoding": {"x": {**x, "field": "v"}, "y": y, "color": color},
        }
    whisker: Spec = {
        "mark": {"type": "rule", "strokeWidth": 1.5, "color": "var(--ink)"},
        "encoding": {"x": {**x, "field": "lo"}, "x2": {"field": "hi"}, "y": y},
    }
    zero: Spec = {
        "data": {"values": [{"zero": 0}]},
        "mark": {"type": "rule", "color": "var(--muted)", "strokeDash": [2, 2]},
        "encoding": {"x": {**x, "field": "zero"}},
    }
    bounded = [v for v in values if v["lo"] is not None and v["hi"] is not None]
    track["data"] = {"values": values}
    mark["data"] = {"values": [v for v in values if v["v"] is not None]}
    whisker["data"] = {"values": bounded}
    layers = [track, *([whisker, mark] if dots else [mark, whisker]), *([zero] if low < 0 else [])]
    return {"width": width, "height": tall, "layer": [*layers, *_heads(heads, x, y, width)]}


def _heads(heads: list[Spec], x: Spec, y: Spec, width: int) -> list[Spec]:
    """Names at the left, values at the right."""
    name: Spec = {
        "mark": {"type": "text", "align": "left", "baseline": "middle", "fontSize": 12,
                 "limit": width - 90, "color": "var(--ink)"},
        "encoding": {"x": {**x, "field": "low"}, "y": y,
                     "text": {"field": "name", "type": "nominal"}},
    }  # fmt: skip
    value: Spec = {
        "mark": {"type": "text", "align": "right", "baseline": "middle", "fontSize": 12,
                 "fontWeight": "bold", "color": "var(--ink)"},
        "encoding": {"x": {**x, "field": "high"}, "y": y,
                     "text": {"field": "value", "type": "nominal"}},
    }  # fmt: skip
    for layer in (name, value):
        layer["data"] = {"values": heads}
    return [name, value]


def _name(drawn: Drawn, point: Point) -> str:
    """What the bar stands for; steps of a funnel with their place."""
    label = drawn.chart.label
    if not label:
        return point.x.replace("_", " ") if drawn.chart.metric == "quadrant" else point.x
    return f"{point.x}. {safe(str(point.row.get(label)))}"


def _ends(drawn: Drawn) -> tuple[float, float]:
    """From zero, or below, to 100 % or the largest."""
    values = [v for p in drawn.points for v in (p.y, p.low, p.high) if v is not None]
    high = 1.0 if drawn.unit == "share" else max([*values, 0.0])
    low = min([*values, 0.0])
    return low, high if high > low else low + 1


def spread(drawn: Drawn, width: int) -> Spec:
    """The middle half as a bar, its middle as a line, the rest as a thin line."""
    first, middle, third, last = (one.points for one in drawn.series)
    values = [
        {"y": i * 58 + 34, "a": a.y, "m": m.y, "b": b.y, "z": z.y, "low": 0, "name": a.x,
         "top": i * 58 + 12,
         "t": f"{a.x}\nmedian {m.told}\nmiddle half {a.told} to {b.told}\n90 % below {z.told}"}
        for i, (a, m, b, z) in enumerate(zip(first, middle, third, last, strict=True))
        if m.y is not None
    ]  # fmt: skip
    tall = 58 * len(first)
    y = {"field": "y", "type": "quantitative", "axis": None,
         "scale": {"domain": [0, tall], "reverse": True, "nice": False}}  # fmt: skip
    axis = {"title": f"{drawn.columns[0].unit}", "grid": True, "gridColor": "var(--rule)",
            "tickCount": 5}  # fmt: skip
    x = {"type": "quantitative", "axis": axis, "scale": {"zero": True}}
    stripe = {
        "mark": {"type": "rule", "strokeWidth": 30, "opacity": 0, "color": "var(--ink)"},
        "encoding": {"y": y, "description": {"field": "t", "type": "nominal"}},
    }

    def rule(start: str, end: str, thick: float, color: str, opacity: float) -> Spec:
        return {
            "mark": {"type": "rule", "strokeWidth": thick, "color": color, "opacity": opacity},
            "encoding": {"x": {**x, "field": start}, "x2": {"field": end}, "y": y},
        }

    middle_line = {
        "mark": {"type": "tick", "thickness": 3, "size": 22, "color": "var(--ink)"},
        "encoding": {"x": {**x, "field": "m"}, "y": y},
    }
    name = {
        "mark": {"type": "text", "align": "left", "baseline": "middle", "fontSize": 12,
                 "color": "var(--ink)", "dx": 2},
        "encoding": {"x": {**x, "field": "low"}, "y": {**y, "field": "top"},
                     "text": {"field": "name", "type": "nominal"}},
    }  # fmt: skip
    layers = [rule("b", "z", 1.5, "var(--muted)", 1), rule("a", "b", 16, "var(--accent)", 0.75),
              middle_line, name, stripe]  # fmt: skip
    return {"width": width, "height": tall + 42, "data": {"values": values}, "layer": layers}


def heat(drawn: Drawn, width: int) -> Spec:
    """Cohorts down, steps across, darker for more; what could not have happened yet is blank."""
    label = drawn.chart.label
    points = [p for p in drawn.points if p.y is not None and int(p.x) < MOST_STEPS]
    cohorts = list(dict.fromkeys(str(p.row.get(label)) for p in points))[-MOST_COHORTS:]
    values = [
        {"x": int(p.x), "c": cohort, "v": p.y, "w": f"{(p.y or 0) * 100:.0f}",
         "t": f"{cohort}, {p.x}: {p.told}"}
        for p in points if (cohort := str(p.row.get(label))) in cohorts
    ]  # fmt: skip
    title = next(c.title for c in drawn.table.columns if c.name == "step")
    x = {"field": "x", "type": "ordinal", "axis": {"orient": "top", "title": title, "domain": False}}
    y = {"field": "c", "type": "ordinal", "sort": None, "axis": {"title": None, "grid": False}}
    cells = {
        "mark": {"type": "rect", "color": "var(--heat)"},
        "encoding": {
            "x": x, "y": y, "description": {"field": "t", "type": "nominal"},
            "fillOpacity": {"field": "v", "type": "quantitative", "legend": None,
                            "scale": {"domain": [0, 1], "range": [0.05, 1]}},
        },
    }  # fmt: skip
    words = {
        "mark": {"type": "text", "fontSize": 10, "color": "var(--ink)"},
        "encoding": {
            "x": x, "y": y, "text": {"field": "w", "type": "nominal"},
        },
    }  # fmt: skip
    return {"width": width, "height": CELL * len(cohorts) + 40, "data": {"values": values},
            "layer": [cells, words]}  # fmt: skip


PLACES = {
    "busy_not_adopted": (0, 0), "champions": (1, 0),
    "neither": (0, 1), "adopted_not_engaged": (1, 1),
}  # fmt: skip


def quadrant(drawn: Drawn, width: int) -> Spec:
    """Two by two: adopted to the right, engaged above, darker for more people."""
    values = []
    for p in drawn.series[0].points:
        if p.x in PLACES and p.y is not None:
            x, y = PLACES[p.x]
            cell = p.row.get("actors")
            n = numbers.count(cell.numerator or 0) if isinstance(cell, Estimate) else ""
            name = p.x.replace("_", " ").capitalize()
            values.append({"x0": x, "x1": x + 1, "y0": y, "y1": y + 1, "mx": x + 0.5,
                           "name": name, "share": numbers.number(p.y, "share"), "n": n, "v": p.y,
                           "a": y + 0.3, "b": y + 0.55, "d": y + 0.76,
                           "t": f"{name}: {p.told}"})  # fmt: skip
    x = {"type": "quantitative", "scale": {"domain": [0, 2], "nice": False},
         "axis": {"labels": False, "grid": False, "domain": False, "title": "adopted →"}}  # fmt: skip
    y = {"type": "quantitative", "scale": {"domain": [0, 2], "reverse": True, "nice": False},
         "axis": {"labels": False, "grid": False, "title": "engaged →"}}  # fmt: skip
    tiles = {
        "mark": {"type": "rect", "color": "var(--heat)", "stroke": "var(--card)",
                 "strokeWidth": 4, "cornerRadius": 6},
        "encoding": {
            "x": {**x, "field": "x0"}, "x2": {"field": "x1"}, "y": {**y, "field": "y0"},
            "y2": {"field": "y1"}, "description": {"field": "t", "type": "nominal"},
            "fillOpacity": {"field": "v", "type": "quantitative", "legend": None,
                            "scale": {"domain": [0, 1], "range": [0.15, 1]}},
        },
    }  # fmt: skip

    def words(field: str, at: str, size: int, color: str, weight: str = "normal") -> Spec:
        return {
            "mark": {"type": "text", "fontSize": size, "color": color, "fontWeight": weight,
                     "baseline": "middle"},
            "encoding": {"x": {**x, "field": "mx"}, "y": {**y, "field": at},
                         "text": {"field": field, "type": "nominal"}},
        }  # fmt: skip

    layers = [tiles, words("name", "a", 12, "var(--ink)"),
              words("share", "b", 20, "var(--ink)", "bold"), words("n", "d", 12, "var(--ink)")]  # fmt: skip
    return {"width": width, "height": 250, "data": {"values": values}, "layer": layers}
