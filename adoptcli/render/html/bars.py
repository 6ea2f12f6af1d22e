"""Drawings by name: bars, dots and spreads, each under what it is of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from adoptcli.render import numbers
from adoptcli.render.html.points import Drawn, Point
from adoptcli.render.html.theme import SERIES
from adoptcli.render.text import safe

Spec = dict[str, Any]
NAME, BAR, THIN, GAP = 17, 11, 7, 11  # pixels: of a name's line, of bars, between rows
SPREAD, NAMED = 58, 12  # of a spread with its name, of the name's middle
TOLD = {"description": {"field": "t", "type": "nominal"}}


@dataclass(frozen=True)
class Frame:
    """Values across, pixels down."""

    low: float
    high: float
    tall: float

    def x(self, field: str) -> Spec:
        """Across, with no axis: the values stand in words."""
        scale = {"domain": [self.low, self.high], "nice": False, "zero": False}
        return {"field": field, "type": "quantitative", "scale": scale, "axis": None}

    def y(self, field: str) -> Spec:
        """Down from the top."""
        scale = {"domain": [0, self.tall], "reverse": True, "nice": False}
        return {"field": field, "type": "quantitative", "scale": scale, "axis": None}

    def box(self, start: str, end: str) -> Spec:
        """From one value to another, as high as a bar."""
        across = {"x": self.x(start), "x2": {"field": end}}
        return {**across, "y": self.y("top"), "y2": {"field": "end"}}


def bars(drawn: Drawn, width: int) -> Spec:
    """Each name above its bars, its value at the end of the line."""
    frame, values, heads = _placed(drawn)
    bar: Spec = {
        "data": {"values": [v for v in values if v["v"] is not None]},
        "mark": {"type": "rect", "cornerRadius": 3},
        "encoding": {**frame.box("zero", "v"), "color": _colours(len(drawn.series))},
    }
    return _rows(frame, heads, [_track(frame, values), bar, _whisker(frame, values)], width)


def dots(drawn: Drawn, width: int) -> Spec:
    """The same with points, for values that have no zero to stand on."""
    frame, values, heads = _placed(drawn)
    dot: Spec = {
        "data": {"values": [v for v in values if v["v"] is not None]},
        "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
        "encoding": {"x": frame.x("v"), "y": frame.y("y"), "color": _colours(len(drawn.series))},
    }
    return _rows(frame, heads, [_track(frame, values), _whisker(frame, values), dot], width)


def _rows(frame: Frame, heads: list[Spec], layers: list[Spec], width: int) -> Spec:
    zero: Spec = {
        "data": {"values": [{"zero": 0}]},
        "mark": {"type": "rule", "color": "var(--muted)", "strokeDash": [2, 2]},
        "encoding": {"x": frame.x("zero")},
    }
    name = _words(frame, "name", "low", {"align": "left", "limit": width - 90})
    value = _words(frame, "value", "high", {"align": "right", "fontWeight": "bold"})
    for layer in (name, value):
        layer["data"] = {"values": heads}
    return {
        "height": frame.tall,
        "layer": [*layers, *([zero] if frame.low < 0 else []), name, value],
    }


def _placed(drawn: Drawn) -> tuple[Frame, list[Spec], list[Spec]]:
    """Where each bar and each name stands."""
    many = len(drawn.series)
    thick = BAR if many == 1 else THIN
    step = NAME + many * (thick + 2) + GAP
    rows = {place: i * step for i, place in enumerate(drawn.places)}
    low, high = _ends(drawn)
    ends = {"low": low, "high": high}
    values: list[Spec] = []
    heads: dict[str, Spec] = {}
    for k, one in enumerate(drawn.series):
        for p in one.points:
            name, edge = _name(drawn, p), rows[p.x] + NAME + 4 + k * (thick + 2)
            said = f"{name}: {p.told}"
            values.append({
                **ends, "top": edge, "y": edge + thick / 2, "end": edge + thick, "zero": 0,
                "v": p.y, "lo": p.low, "hi": p.high, "s": str(k),
                "t": said if many == 1 else f"{one.name}, {said}",
            })  # fmt: skip
            value = numbers.number(p.y, drawn.unit) if many == 1 else ""
            heads.setdefault(p.x, {**ends, "y": rows[p.x] + 11, "name": name, "value": value})
    return Frame(low, high, len(rows) * step), values, list(heads.values())


def _track(frame: Frame, values: list[Spec]) -> Spec:
    """The way to the end, which tells the value."""
    return {
        "data": {"values": values},
        "mark": {"type": "rect", "color": "var(--track)", "cornerRadius": 3},
        "encoding": {**frame.box("low", "high"), **TOLD},
    }


def _whisker(frame: Frame, values: list[Spec]) -> Spec:
    """The interval."""
    return {
        "data": {"values": [v for v in values if v["lo"] is not None and v["hi"] is not None]},
        "mark": {"type": "rule", "strokeWidth": 1.5, "color": "var(--ink)"},
        "encoding": {"x": frame.x("lo"), "x2": {"field": "hi"}, "y": frame.y("y")},
    }


def _words(frame: Frame, field: str, at: str, look: Spec) -> Spec:
    return {
        "mark": {"type": "text", "baseline": "middle", "fontSize": 12, "color": "var(--ink)",
                 **look},
        "encoding": {"x": frame.x(at), "y": frame.y("y"),
                     "text": {"field": field, "type": "nominal"}},
    }  # fmt: skip


def _colours(many: int) -> Spec:
    scale = {"domain": [str(i) for i in range(many)], "range": list(SERIES[:many])}
    return {"field": "s", "type": "nominal", "legend": None, "scale": scale}


def _name(drawn: Drawn, point: Point) -> str:
    """What the bar stands for; steps of a funnel with their place."""
    label = drawn.chart.label
    if not label:
        return point.x.replace("_", " ") if drawn.chart.metric == "quadrant" else point.x
    return f"{point.x}. {safe(str(point.row.get(label)))}"


def _ends(drawn: Drawn) -> tuple[float, float]:
    """From zero, or below, to 100 % or the largest."""
    values = [v for p in drawn.points for v in (p.y, p.low, p.high) if v is not None]
    high = max([*values, 1.0 if drawn.unit == "share" else 0.0])
    low = min([*values, 0.0])
    return low, high if high > low else low + 1


def spread(drawn: Drawn, width: int) -> Spec:
    """The middle half as a bar, its middle as a line, the rest as a thin line."""
    first, middle, third, last = (one.points for one in drawn.series)
    values = [
        {"y": i * SPREAD + 34, "top": i * SPREAD + NAMED, "low": 0, "name": a.x,
         "a": a.y, "m": m.y, "b": b.y, "z": z.y,
         "t": f"{a.x}\nmedian {m.told}\nmiddle half {a.told} to {b.told}\n90 % below {z.told}"}
        for i, (a, m, b, z) in enumerate(zip(first, middle, third, last, strict=True))
        if m.y is not None
    ]  # fmt: skip
    frame = Frame(0, max((p.y or 0 for p in last), default=1), SPREAD * len(first))
    return {"height": frame.tall, "data": {"values": values},
            "layer": _spreads(frame, drawn.columns[0].unit)}  # fmt: skip


def _spreads(frame: Frame, unit: str) -> list[Spec]:
    axis = {"title": unit, "grid": True, "gridColor": "var(--rule)", "tickCount": 5}
    scale = {"zero": True}

    def across(field: str) -> Spec:
        return {"field": field, "type": "quantitative", "axis": axis, "scale": scale}

    def rule(start: str, end: str, look: Spec) -> Spec:
        place = {"x": across(start), "x2": {"field": end}, "y": frame.y("y")}
        return {"mark": {"type": "rule", **look}, "encoding": place}

    middle: Spec = {
        "mark": {"type": "tick", "thickness": 3, "size": 22, "color": "var(--ink)"},
        "encoding": {"x": across("m"), "y": frame.y("y")},
    }
    name = _words(frame, "name", "low", {"align": "left", "dx": 2})
    name["encoding"] |= {"x": across("low"), "y": frame.y("top")}
    stripe: Spec = {
        "mark": {"type": "rule", "strokeWidth": 30, "opacity": 0, "color": "var(--ink)"},
        "encoding": {"y": frame.y("y"), **TOLD},
    }
    return [
        rule("b", "z", {"strokeWidth": 1.5, "color": "var(--muted)"}),
        rule("a", "b", {"strokeWidth": 16, "color": "var(--accent)", "opacity": 0.75}),
        middle, name, stripe,
    ]  # fmt: skip
