"""The headlines as OpenMetrics, which the classic Prometheus text format reads as well.

For the node exporter's textfile collector: gauges without timestamps, none absent written as NaN.
There is never a series an account or a user: a metric has its headline, the lines beside it and,
with --by, the cell of each segment. Labels keep from one period to the next, so that series go on.

adoptcli_<metric>[_<unit>]          the figure; also with _low, _high, _change and _textbook before
                                    the unit
adoptcli_<metric>_numerator         and _denominator: the counts behind it
adoptcli_as_of_timestamp_seconds    the moment up to which was counted
adoptcli_metric_evaluable           1 where there is a number, 0 where not
adoptcli_source_rows                and _events, _actors, _set_aside_rows: what was read
adoptcli_findings                   what stands out, by rule
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from adoptcli.render.text import safe
from adoptcli.results import Estimate, Headline, MetricReport, Report, Result, Row, Table, Unit

PREFIX = "adoptcli"
UNITS: dict[Unit, str] = {
    "share": "ratio", "pp": "ratio", "ratio": "ratio", "seconds": "seconds", "days": "days",
    "events": "events", "sessions": "sessions", "points": "points", "users": "users",
}  # fmt: skip
Labels = Mapping[str, str]


@dataclass
class Family:
    """Gauges of one name: what they say, their unit, and the samples."""

    help: str
    unit: str
    samples: dict[str, float] = field(default_factory=dict)


class Families(dict[str, Family]):
    """Every family by its name, in the order in which they came."""

    def add(
        self, name: str, help: str, value: float | None, labels: Labels, unit: str = ""
    ) -> None:
        """One sample more; nothing where there is no number."""
        if value is None or not math.isfinite(value):
            return
        full = f"{PREFIX}_{name}"
        full += f"_{unit}" if unit and not full.endswith(f"_{unit}") else ""
        family = self.setdefault(full, Family(help, unit))
        family.samples.setdefault(_labels(labels), value)


def render(report: Report) -> str:
    """The families, and the sign that nothing is missing."""
    found = Families()
    _run(report, found)
    for metric in report.metrics:
        _metric(metric, report.unit, found)
    return "".join(line for name in found for line in _lines(name, found[name])) + "# EOF\n"


def _run(report: Report, found: Families) -> None:
    """What was read, by which definitions, up to when."""
    every, source = {"unit": report.unit}, report.source
    told = {"version": report.version, "definitions": report.definitions}
    found.add("build_info", "Which version counted by which definitions", 1, {**every, **told})
    as_of = datetime.fromisoformat(report.as_of).replace(tzinfo=ZoneInfo(report.time_zone))
    text = "The moment up to which was counted"
    found.add("as_of_timestamp", text, int(as_of.timestamp()), every, "seconds")
    for name in ("rows", "events", "actors", "accounts", "duplicates", "excluded"):
        found.add(f"source_{name}", f"What was read: {name}", getattr(source, name), every)
    for reason, count in source.set_aside.items():
        text = "Rows that cannot be used, by reason"
        found.add("source_set_aside_rows", text, count, {**every, "reason": reason}, "rows")
    for metric in report.metrics:
        value = int(metric.result.headline is not None)
        labels = {**every, "metric": metric.id}
        found.add("metric_evaluable", "1 where the metric has a number", value, labels)
    for (name, code), count in Counter((f.metric, f.code) for f in report.findings).items():
        labels = {**every, "metric": name, "code": code}
        found.add("findings", "What stands out, by rule", count, labels)


def _metric(metric: MetricReport, counted: str, found: Families) -> None:
    """The headline, the lines beside it, the segments, and the textbook's figure."""
    result, every = metric.result, {"unit": counted}
    lines = [line for line in (result.headline, *result.also) if line is not None]
    for line, figure in zip(lines, _figures(lines), strict=True):
        unit = _unit(line.unit, counted)
        labels = {**every, "figure": figure}
        _estimate(metric, line.estimate, unit, labels, found)
        if line.change is not None:
            text = f"{metric.title}: change on the period before"
            found.add(f"{metric.id}_change", text, line.change.value, labels, unit)
        for segment, estimate in _segments(result, line).items():
            _estimate(metric, estimate, unit, {**labels, "segment": segment}, found)
    if result.textbook is not None:
        book = result.textbook
        text = f"{metric.title}, as the textbook formula gives it"
        found.add(f"{metric.id}_textbook", text, book.value, every, _unit(book.unit, counted))


def _estimate(
    metric: MetricReport, estimate: Estimate, unit: str, labels: Labels, found: Families
) -> None:
    parts = {
        "": metric.title,
        "_low": f"{metric.title}: lower limit of the 95 % interval",
        "_high": f"{metric.title}: upper limit of the 95 % interval",
    }
    for part, text in parts.items():
        value = getattr(estimate, part[1:] or "value")
        found.add(f"{metric.id}{part}", text, value, labels, unit)
    for part in ("numerator", "denominator"):
        text = f"{metric.title}: {part} of the figure"
        found.add(f"{metric.id}_{part}", text, getattr(estimate, part), labels)


def _unit(unit: Unit, counted: str) -> str:
    return "accounts" if unit == "users" and counted == "account" else UNITS.get(unit, "")


def _figures(lines: Sequence[Headline]) -> Iterator[str]:
    """The titles, without a period that would begin a new series each time; each only once."""
    seen: Counter[str] = Counter()
    for line in lines:
        title = safe(line.title.removesuffix(f", {line.period}"))
        seen[title] += 1
        yield title if seen[title] == 1 else f"{title} ({seen[title]})"


def _segments(result: Result, line: Headline) -> dict[str, Estimate]:
    """The segments' cells beside the one that a headline stands in.

    That is the cell of everyone with the very same numbers; where several have them and their
    segments differ, it is not clear which is meant, and none is given.
    """
    found = [
        _beside(table, row, name)
        for table in result.tables
        for row in table.rows
        if not row.get("segment") and row.get("period") in (None, line.period)
        for name, cell in row.items()
        if isinstance(cell, Estimate) and cell == line.estimate
    ]
    split = [segments for segments in found if segments]
    return split[0] if split and all(segments == split[0] for segments in split) else {}


def _beside(table: Table, row: Row, name: str) -> dict[str, Estimate]:
    """One measure of the rows that differ from a row in their segment alone."""
    keys = [c.name for c in table.columns if c.is_key and c.name != "segment"]
    found = {}
    for other in table.rows:
        cell, segment = other.get(name), other.get("segment")
        same = segment and all(other.get(key) == row.get(key) for key in keys)
        if same and isinstance(cell, Estimate):
            found[str(segment)] = cell
    return found


def _lines(name: str, family: Family) -> Iterator[str]:
    yield f"# HELP {name} {family.help}\n"
    yield f"# TYPE {name} gauge\n"
    if family.unit:
        yield f"# UNIT {name} {family.unit}\n"
    for labels, value in family.samples.items():
        yield f"{name}{labels} {_number(value)}\n"


def _labels(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(text: str) -> str:
    return safe(text).replace("\\", "\\\\").replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if isinstance(value, int) else repr(float(value))
