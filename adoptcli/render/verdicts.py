"""What came of the targets: a line each for people, JSON for programs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from textwrap import wrap
from typing import Any

import orjson
from rich.cells import cell_len
from rich.console import Group
from rich.text import Text

from adoptcli.render import numbers
from adoptcli.render.json_ import judged, judged_schema, object_of
from adoptcli.render.outcomes import ORDER, SIGNS, STYLES, WORDS, total, worst
from adoptcli.render.table import WIDEST, printed
from adoptcli.render.text import plain as as_plain
from adoptcli.render.text import safe
from adoptcli.results import Estimate, Judged, Report

FORMAT = 1  # 1: the first
WIDE, GAP, LEAST = 110, 2, 12
MOST_PASSED = 5  # lines of one target
LEFT = (0, 1, 2, 7)  # columns of words


def message(found: Judged) -> str:
    """What came of it, in words, with both numbers."""
    if found.value is None or found.limit is None or found.distance is None:
        return f"not judged against {found.condition}: {found.reason}"
    value = numbers.told_apart(found.value, found.limit, found.unit)
    away = numbers.gap(found.distance, found.unit)
    text = {
        "pass": f"{value} meets {found.condition}, {away} from the limit",
        "warn": f"{value} should be {found.condition}; off by {away}",
        "fail": f"{value} misses {found.condition} by {away}",
        "not_evaluable": f"{value} misses {found.condition} by {away}",
    }[found.outcome]
    text = " ".join(filter(None, (text, behind(found))))
    return "; ".join(filter(None, (text, found.period, found.reason)))


def behind(found: Judged) -> str:
    """Interval and counts behind the number."""
    estimate = Estimate(found.value, found.numerator, found.denominator, found.low, found.high)
    interval = numbers.interval(estimate, found.unit)
    parts = (interval and f"95 % {interval}", numbers.behind(estimate))
    shown = [parts[0], parts[1] and f"n {parts[1]}"]
    return f"({', '.join(filter(None, shown))})" if any(shown) else ""


def margin(found: Judged) -> str:
    """How far it is on the good side of its limit, or on the bad one."""
    if found.distance is None:
        return ""
    good = "±" if found.distance == 0 else "+" if found.outcome == "pass" else "−"
    return f"{good}{numbers.gap(found.distance, found.unit)}"


def render(
    report: Report, shown: Sequence[Judged], *, width: int | None, color: bool, unicode: bool
) -> str:  # fmt: skip
    """A line a target, what failed last; then how many of each.

    Args:
        report: Whose targets they are.
        shown: Those to show.
        width: Of the terminal; None for a pipe, where nothing is folded.
        color: Whether escape sequences may be used.
        unicode: Whether the output can carry more than ASCII.
    """
    shown = sorted(_gathered(shown), key=lambda j: ORDER.index(j.outcome))
    lines = [*_lines(shown, width), Text(), total(report.targets, report.as_of)]
    text = printed(Group(*lines), width or WIDEST, color=color)
    text = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    return text if unicode else as_plain(text)


def _gathered(shown: Sequence[Judged]) -> list[Judged]:
    """Where many figures of one target passed, one line for all of them."""
    number = Counter((j.target, j.of) for j in shown if j.outcome == "pass")
    lines: dict[object, Judged] = {}
    for place, found in enumerate(shown):
        many = number[found.target, found.of]
        if found.outcome != "pass" or many <= MOST_PASSED:
            lines[place] = found
            continue
        name = f"{found.target}{', change' if found.of == 'change' else ''}: {many:,} of them"
        lines[found.target, found.of] = replace(
            found, name=name, value=None, low=None, high=None, numerator=None, denominator=None,
            period=None, distance=None,
        )  # fmt: skip
    return [*lines.values()]


def _lines(shown: Sequence[Judged], width: int | None) -> Iterator[Text]:
    """Outcome, name, value, interval and n where there is room, what it must be, the margin."""
    wide = width is None or width >= WIDE
    rows = [_cells(found, wide=wide) for found in [None, *shown]]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    room = (width or WIDEST) - sum(widths) + widths[1] - GAP * (len(widths) - 1)
    widths[1] = min(widths[1], max(room, LEAST))
    for found, row in zip([None, *shown], rows, strict=True):
        first, *more = _folded(row[1], widths[1])
        both = zip([row[0], first, *row[2:]], widths, strict=True)
        cells = (_set(c, w, i) for i, (c, w) in enumerate(both))
        line = Text((" " * GAP).join(cells), style="dim" if found is None else "")
        if found is not None:
            line.stylize(STYLES[found.outcome], 0, len(row[0]))
        indent = " " * (widths[0] + GAP)
        yield line
        yield from (Text(f"{indent}{part}") for part in more)
        for text in _below(found, wide=wide) if found else ():
            yield from (Text(indent + t, style="dim") for t in wrap(text, (width or WIDEST) - 14))


def _set(text: str, width: int, place: int) -> str:
    """Numbers to the right, words to the left."""
    space = " " * (width - cell_len(text))
    return text + space if place in LEFT else space + text


def _cells(found: Judged | None, *, wide: bool) -> list[str]:
    if found is None:
        beside = ["95 %", "n", "period"] if wide else []
        return ["", "", "target", "value", "margin", *beside]
    estimate = Estimate(found.value, found.numerator, found.denominator, found.low, found.high)
    value = numbers.NOTHING
    if found.value is not None and found.limit is not None:
        value = numbers.told_apart(found.value, found.limit, found.unit)
    beside = [numbers.interval(estimate, found.unit), numbers.behind(estimate), found.period or ""]
    words = [
        f"{SIGNS[found.outcome]} {WORDS[found.outcome]}",
        safe(found.name),
        safe(found.condition),
    ]
    return [*words, value, margin(found), *(beside if wide else ())]


def _folded(text: str, width: int) -> list[str]:
    """On as many lines as it needs, parted where a name has its joints."""
    lines = [""]
    for part in re.split(r"(?<=[.,\[])", text):
        if lines[-1] and cell_len(lines[-1]) + cell_len(part) > width:
            lines.append(" ")
        lines[-1] += part
    return [piece for line in lines for piece in (wrap(line, width, drop_whitespace=False) or [""])]


def _below(found: Judged, *, wide: bool) -> list[str]:
    """What must be said of one that did not pass, and has no column."""
    if found.outcome == "pass":
        return []
    seen = "" if wide else " of ".join(filter(None, (behind(found), found.period)))
    return [text for text in (safe(seen), safe(found.reason)) if text]


def as_json(report: Report, *, strict: bool) -> str:
    """All of them as JSON, unrounded."""
    targets = report.targets
    outcome = worst(targets)
    if strict and any(j.outcome == "warn" for j in targets):
        outcome = "fail"
    found = {
        "format": FORMAT,
        "version": report.version,
        "as_of": report.as_of,
        "time_zone": report.time_zone,
        "unit": report.unit,
        "period": report.period,
        "segment": report.segment,
        "definitions": report.definitions,
        "strict": strict,
        "outcome": outcome,
        "counts": {kind: sum(j.outcome == kind for j in targets) for kind in ORDER},
        "targets": [{**judged(j), "message": message(j)} for j in targets],
    }
    return orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def schema() -> dict[str, Any]:
    """The JSON Schema of `adoptcli check -f json`."""
    text, maybe = {"type": "string"}, {"type": ["string", "null"]}
    target = judged_schema()
    target["properties"]["message"] = text
    target["required"].append("message")
    top = object_of(
        {
            "format": {"const": FORMAT}, "version": text,
            "as_of": {"type": "string", "format": "date"}, "time_zone": text,
            "unit": {"enum": ["user", "account"]}, "period": {"enum": ["day", "week", "month"]},
            "segment": maybe, "definitions": text, "strict": {"type": "boolean"},
            "outcome": {"enum": [*ORDER]},
            "counts": object_of({kind: {"type": "integer"} for kind in ORDER}),
            "targets": {"type": "array", "items": target},
        }
    )  # fmt: skip
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, "title": "adoptcli check", **top}
