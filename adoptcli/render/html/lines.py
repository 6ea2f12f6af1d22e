"""Drawings along an axis: lines, survival curves, columns, stacks, accounts in their rank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adoptcli.render.html.points import Drawn
from adoptcli.render.html.scales import along, up
from adoptcli.render.html.theme import DASHES, SERIES, ramp

Spec = dict[str, Any]
TALL, FEW_POINTS = 176, 16
FILLED = "var(--accent)"


def line(drawn: Drawn, width: int) -> Spec:
    """Lines with the band of their interval."""
    return _lines(drawn, width, "linear")


def survival(drawn: Drawn, width: int) -> Spec:
    """A curve that keeps its height until the next time at which it was read."""
    return _lines(drawn, width, "step-after")


def _lines(drawn: Drawn, width: int, interpolate: str) -> Spec:
    xs, x = _axis(drawn)
    top = _most(drawn)
    size, y_axis = up(drawn.unit, top)
    y = {"field": "y", "type": "quantitative", "axis": y_axis, "scale": _range(drawn)}
    values = [
        {"x": xs[p.x], "y": _over(p.y, size), "lo": _over(p.low, size), "s": str(i),
         # An interval without upper limit goes out of the drawing.
         "hi": _over(top if p.high is None and p.low is not None else p.high, size)}
        for i, one in enumerate(drawn.series) for p in one.points
    ]  # fmt: skip
    color = _colours(len(drawn.series))
    shade = 0.14 if len(drawn.series) < 4 else 0.09
    look = {"type": "area", "opacity": shade, "interpolate": interpolate}
    if len(drawn.places) == 1:  # there is no area between a point and nothing
        look = {"type": "rule", "opacity": 0.6, "strokeWidth": 1.5}
    band: Spec = {
        "mark": look,
        "encoding": {"y": {**y, "field": "lo"}, "y2": {"field": "hi"}, "color": color},
    }
    stroke: Spec = {
        "mark": {"type": "line", "strokeWidth": 2.25, "interpolate": interpolate,
                 "strokeCap": "round"},
        "encoding": {"y": y, "color": color, "strokeDash": _dashes(len(drawn.series))},
    }  # fmt: skip
    dots: Spec = {
        "mark": {"type": "point", "filled": True, "size": 34, "opacity": 1},
        "encoding": {"y": y, "color": color},
    }
    few = len(drawn.places) <= FEW_POINTS
    layers = [*([band] if drawn.banded else []), stroke, *([dots] if few else [])]
    for layer in layers:
        layer["data"] = {"values": values}
    return _spec([*layers, _hover(drawn, xs, width)], x)


def columns(drawn: Drawn, width: int) -> Spec:
    """A bar for each place, with its interval."""
    xs, x = _axis(drawn, words=True)
    size, y_axis = up(drawn.unit, _most(drawn))
    y = {"field": "y", "type": "quantitative", "axis": y_axis, "scale": _range(drawn)}
    values = [
        {"x": xs[p.x], "y": _over(p.y, size), "lo": _over(p.low, size), "hi": _over(p.high, size)}
        for p in drawn.series[0].points
    ]
    bars: Spec = {
        "data": {"values": values},
        "mark": {"type": "bar", "color": FILLED, "cornerRadiusEnd": 2},
        "encoding": {"y": y},
    }
    whiskers: Spec = {
        "data": {"values": [v for v in values if v["lo"] is not None and v["hi"] is not None]},
        "mark": {"type": "rule", "color": "var(--ink)", "strokeWidth": 1.25},
        "encoding": {"y": {**y, "field": "lo"}, "y2": {"field": "hi"}},
    }
    layers = [bars, *([whiskers] if drawn.banded else [])]
    return _spec([*layers, _hover(drawn, xs, width)], x)


def stack(drawn: Drawn, width: int) -> Spec:
    """Bars of parts; those that went lie below zero."""
    xs, x = _axis(drawn, words=True)
    _, y_axis = up(drawn.unit, _most(drawn))
    y = {"field": "y", "type": "quantitative", "axis": y_axis, "stack": "zero"}
    if drawn.unit == "share":
        y["scale"] = {"domain": [0, 1]}
    values = []
    for i, one in enumerate(drawn.series):
        color, opacity = paint(drawn, i)
        values += [
            {"x": xs[p.x], "y": -(p.y or 0) if _is_down(drawn, i) else p.y, "s": str(i),
             "color": color, "opacity": opacity}
            for p in one.points
        ]  # fmt: skip
    bars: Spec = {
        "data": {"values": values},
        "mark": {"type": "bar"},
        "encoding": {
            "y": y,
            "color": {"field": "color", "type": "nominal", "scale": None},
            "fillOpacity": {"field": "opacity", "type": "quantitative", "scale": None},
            "detail": {"field": "s", "type": "nominal"},
            "order": {"field": "s", "type": "nominal"},
        },
    }
    zero: Spec = {
        "data": {"values": [{"y": 0}]},
        "mark": {"type": "rule", "color": "var(--muted)"},
        "encoding": {"y": {"field": "y", "type": "quantitative"}, "x": None},
    }
    layers = [bars, *([zero] if drawn.chart.down else [])]
    return _spec([*layers, _hover(drawn, xs, width)], x)


def paint(drawn: Drawn, index: int) -> tuple[str, float]:
    """Colour and opacity in a stack: one hue, levels from light to full; who went in another."""
    if _is_down(drawn, index):
        return "var(--bad)", 0.8
    shades = ramp(len(drawn.series) - len(drawn.chart.down))
    return FILLED, shades[index if drawn.chart.by else -1 - index]


def ranked(drawn: Drawn, width: int) -> Spec:
    """One thin bar for each, from the most to the least; names are told on hover."""
    points = drawn.series[0].points
    _, y_axis = up(drawn.unit, _most(drawn))
    values = [{"x": i, "y": p.y, "t": f"{p.x}: {p.told}"} for i, p in enumerate(points)]
    bars: Spec = {
        "data": {"values": values},
        "mark": {"type": "bar", "color": FILLED},
        "encoding": {
            "y": {"field": "y", "type": "quantitative", "axis": y_axis},
            "description": {"field": "t", "type": "nominal"},
        },
    }
    x = {"field": "x", "type": "ordinal",
         "axis": {"labels": False, "title": "each bar an account"}}  # fmt: skip
    return _spec([bars], x)


def _axis(drawn: Drawn, *, words: bool = False) -> tuple[dict[str, Any], Spec]:
    """x of each place, and its encoding; with words bars stand at names, not at amounts."""
    places = drawn.places
    title = next(c.title for c in drawn.table.columns if c.name == drawn.chart.x)
    values, encoding = along(places, title, named=words)
    return dict(zip(places, values, strict=True)), {"field": "x", **encoding}


def _hover(drawn: Drawn, xs: dict[str, Any], width: int) -> Spec:
    """An unseen stripe over each place that tells all its values."""
    told: dict[str, list[str]] = {place: [place] for place in drawn.places}
    for one in drawn.series:
        for p in one.points:
            told[p.x].append(f"{one.name}: {p.told}" if len(drawn.series) > 1 else p.told)
    values = [{"x": xs[place], "t": "\n".join(lines)} for place, lines in told.items()]
    broad = max(3, round((width - 50) / max(1, len(values))))
    return {
        "data": {"values": values},
        "mark": {"type": "rule", "color": "var(--ink)", "strokeWidth": broad, "opacity": 0},
        "encoding": {"description": {"field": "t", "type": "nominal"}},
    }


def _spec(layers: Sequence[Spec], x: Spec) -> Spec:
    for layer in layers:
        layer["encoding"].setdefault("x", x)
        if layer["encoding"]["x"] is None:
            del layer["encoding"]["x"]
    return {"height": TALL, "layer": list(layers)}


def _colours(many: int) -> Spec:
    names = [str(i) for i in range(many)]
    return {"field": "s", "type": "nominal", "legend": None,
            "scale": {"domain": names, "range": list(SERIES[:many])}}  # fmt: skip


def _dashes(many: int) -> Spec:
    """Lines differ in more than colour."""
    names = [str(i) for i in range(many)]
    return {"field": "s", "type": "nominal", "legend": None,
            "scale": {"domain": names, "range": [d or [1, 0] for d in DASHES[:many]]}}  # fmt: skip


def _range(drawn: Drawn) -> Spec:
    """Zero is always in sight; a share ends at 100 %."""
    return {"zero": True, "domainMax": 1} if _most(drawn) > 0.8 and drawn.unit == "share" else {
        "zero": True
    }  # fmt: skip


def _most(drawn: Drawn) -> float:
    return max((abs(v) for p in drawn.points for v in (p.y, p.high) if v is not None), default=1)


def _is_down(drawn: Drawn, index: int) -> bool:
    return index < len(drawn.columns) and drawn.columns[index].name in drawn.chart.down


def _over(value: float | None, size: float) -> float | None:
    return None if value is None else value / size
