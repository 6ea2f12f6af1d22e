"""Colours, for light and dark, and what drawings look like. The style sheet is filled from here."""

from __future__ import annotations

from typing import Any

# Names are CSS custom properties: a drawing names them, the reader's scheme says what they are.
LIGHT = {
    "page": "#f4f6f9", "card": "#ffffff", "ink": "#18212e", "muted": "#566273",
    "rule": "#dde3ea", "track": "#e9edf3", "accent": "#1d5fc4", "heat": "#5b93ea",
    "good": "#1a7f4b", "bad": "#b3372f",
    "s0": "#1d5fc4", "s1": "#0b7d70", "s2": "#7a45c8", "s3": "#9a5600", "s4": "#566273",
    "s5": "#b02a6b",
}  # fmt: skip
DARK = {
    "page": "#0f141b", "card": "#18202a", "ink": "#e9eef5", "muted": "#a7b3c3",
    "rule": "#2d3947", "track": "#2a3542", "accent": "#82b5ff", "heat": "#2f66b8",
    "good": "#6ad19b", "bad": "#ff978c",
    "s0": "#82b5ff", "s1": "#4fd0bd", "s2": "#bfa0ff", "s3": "#f0b35a", "s4": "#a7b3c3",
    "s5": "#ff95c2",
}  # fmt: skip
SERIES = tuple(f"var(--s{i})" for i in range(6))
DASHES: tuple[list[int], ...] = ([], [6, 3], [2, 3], [8, 3, 2, 3], [1, 2], [10, 4])
LIGHTEST = 0.22  # of the accent, where shades tell parts from each other
FONT = "Arial"  # by whose widths labels are placed; the page's own fonts draw them
NARROW, WIDE = 344, 760  # pixels that a drawing is wide


def ramp(many: int) -> list[float]:
    """So many shades from light to full."""
    step = (1 - LIGHTEST) / max(1, many - 1)
    return [round(1 - step * i, 2) for i in reversed(range(many))]


def config() -> dict[str, Any]:
    """Of every drawing: quiet axes, no frame, nothing of the library's own look."""
    axis = {
        "domain": False, "ticks": False, "grid": False, "labelColor": "var(--muted)",
        "labelFontSize": 11, "labelPadding": 6, "titleColor": "var(--muted)", "titleFontSize": 11,
        "titleFontWeight": "normal", "labelOverlap": "parity", "labelSeparation": 6,
    }  # fmt: skip
    return {
        "background": None,
        "font": FONT,
        "view": {"stroke": None, "fill": None},
        "axis": axis,
        "axisY": {"grid": True, "gridColor": "var(--rule)", "gridDash": []},
        "axisX": {"domain": True, "domainColor": "var(--muted)", "labelAngle": 0},
        "padding": {"left": 2, "right": 6, "top": 6, "bottom": 2},
    }
