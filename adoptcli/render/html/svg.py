"""Vega-Lite to still SVG: drawn once, here; the page holds no drawing library and runs none.

What the library writes is taken apart and only what is known to be harmless is put together again,
so that no text of the log can become anything but text.
"""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

import vl_convert
from markupsafe import Markup

SVG = "{http://www.w3.org/2000/svg}"
TAGS = ("svg", "g", "path", "line", "rect", "text")
KEPT = (
    "transform", "d", "x", "y", "x1", "x2", "y1", "y2", "width", "height", "rx",
    "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity",
    "opacity", "text-anchor", "font-size", "font-weight",
)  # fmt: skip
WORDS = {"none", "middle", "end", "start", "bold", "normal", "transparent"}
NUMBERS = re.compile(r"[MLHVCSQTAZmlhvcsqtaz0-9.,eE+\- ]*(px)?")
MOVED = re.compile(
    r"(translate|rotate|scale)\([0-9.,eE+\- ]*\)( ?(translate|rotate)\([0-9.,eE+\- ]*\))*"
)
COLOUR = re.compile(r"var\(--[a-z0-9-]+\)")


def draw(spec: dict[str, Any], label: str) -> Markup:
    """A drawing as an SVG element. Same spec, same text."""
    root = ET.fromstring(vl_convert.vegalite_to_svg(spec))
    width, height = root.get("width", "0"), root.get("height", "0")
    clean = ET.Element("svg", {"viewBox": f"0 0 {float(width):g} {float(height):g}"})
    clean.set("width", f"{float(width):g}")
    clean.set("role", "img")
    clean.set("aria-label", label)
    clean.set("tabindex", "0")
    clean.extend(_cleaned(root))
    return Markup(ET.tostring(clean, encoding="unicode"))


def _cleaned(parent: ET.Element) -> list[ET.Element]:
    """The children that show something, without empty and needless groups."""
    found: list[ET.Element] = []
    for child in parent:
        tag = child.tag.removeprefix(SVG)
        if tag not in TAGS:
            continue
        inside = _cleaned(child)
        kept = {k: v for k in KEPT if (v := child.get(k)) is not None and _harmless(v)}
        if tag == "g":
            kept = {k: v for k, v in kept.items() if v != "translate(0,0)"}
            if not inside:
                continue
            if not kept:
                found += inside
                continue
        elif _invisible(tag, kept, child):
            continue
        one = ET.Element(tag, kept)
        if tag == "text":
            one.text = child.text
        if said := child.get("aria-label"):
            one.set("class", "m")
            ET.SubElement(one, "title").text = said
        one.extend(inside)
        found.append(one)
    return found


def _invisible(tag: str, kept: dict[str, str], child: ET.Element) -> bool:
    """Whether it paints nothing: the frames that the library puts around everything."""
    if tag == "text":
        return not (child.text or "").strip()
    if child.get("class") in ("background", "foreground"):
        return "fill" not in kept and "stroke" not in kept
    return tag == "path" and not kept.get("d")


def _harmless(value: str) -> bool:
    whole = (NUMBERS, MOVED, COLOUR)
    return value in WORDS or any(pattern.fullmatch(value) for pattern in whole)
