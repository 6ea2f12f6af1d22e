"""The report as NDJSON: a record a line, for jq and whatever reads lines.

The numbers are those of the JSON, unrounded; what is absent is null. `record` says what a line is:

report     the run: format, version, as_of, time_zone, since, until, unit, period, segment,
           definitions, source
metric     one a metric: metric, section, title, status, reason, settings
headline   metric, title, unit, period, value, numerator, denominator, low, high, change; `first`
           is true for the metric's own and false for those beside it
textbook   metric, formula, unit, value, numerator, denominator
cell       one measure of one row of one table: metric, table, segment, period, cohort, step, item,
           measure, unit, value (a number or a text), numerator, denominator, low, high
target     a figure that has a target, and what came of it, as in the JSON
finding    what stands out, as in the JSON
caveat     metric (null for the whole run), code, message, count
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from adoptcli.render import json_
from adoptcli.results import KEYS, MetricReport, Report
from adoptcli.tidy import Record, cells

PARTS = ("value", "numerator", "denominator", "low", "high")
_APART = ("metrics", "targets", "findings", "caveats")  # these have lines of their own
Line = dict[str, Any]


def render(report: Report) -> str:
    """A line a record, the run first."""
    option = orjson.OPT_APPEND_NEWLINE
    return "".join(
        orjson.dumps(line, default=float, option=option).decode() for line in _lines(report)
    )


def _lines(report: Report) -> Iterator[Line]:
    whole = json_.plain(report)
    yield {"record": "report", **{k: v for k, v in whole.items() if k not in _APART}}
    for metric in report.metrics:
        yield from _metric(metric, whole["metrics"][metric.id])
    yield from ({"record": "target", **found} for found in whole["targets"])
    yield from ({"record": "finding", **found} for found in whole["findings"])
    yield from ({"record": "caveat", "metric": None, **found} for found in whole["caveats"])


def _metric(metric: MetricReport, found: Line) -> Iterator[Line]:
    of = {"metric": metric.id}
    told = {name: found[name] for name in ("title", "status", "reason", "settings")}
    yield {"record": "metric", **of, "section": metric.section, **told}
    if found["headline"]:
        yield {"record": "headline", **of, "first": True, **found["headline"]}
    yield from ({"record": "headline", **of, "first": False, **line} for line in found["also"])
    if found["textbook"]:
        yield {"record": "textbook", **of, **found["textbook"]}
    yield from ({"record": "cell", **of, **_cell(one)} for one in cells(metric))
    yield from ({"record": "caveat", **of, **caveat} for caveat in found["caveats"])


def _cell(one: Record) -> Line:
    cell = json_.cell_of(one.cell)
    parts = cell if isinstance(cell, dict) else {**dict.fromkeys(PARTS), "value": cell}
    keys = {key: getattr(one, key) for key in KEYS}
    return {"table": one.table, **keys, "measure": one.measure, "unit": one.unit, **parts}


def schema() -> dict[str, Any]:
    """The JSON Schema of a line."""
    whole = json_.schema()
    parts, defs = whole["properties"], whole["$defs"]
    words = {name: {"type": "string"} for name in ("metric", "table", "measure", "unit", "section")}
    number, of = {"type": ["number", "null"]}, {"metric": words["metric"]}
    metric = {k: defs["metric"]["properties"][k] for k in ("title", "status", "reason", "settings")}
    headline = {**defs["headline"]["properties"], "first": {"type": "boolean"}}
    cell = {
        **words, **dict.fromkeys(PARTS, number), "value": {"type": ["number", "string", "null"]},
        **{key: {"type": ["string", "integer", "null"]} for key in KEYS},
    }  # fmt: skip
    del cell["section"]
    records = {
        "report": {k: v for k, v in parts.items() if k not in _APART},
        "metric": {**of, "section": words["section"], **metric},
        "headline": {**of, **headline},
        "textbook": {**of, **defs["textbook"]["properties"]},
        "cell": cell,
        "target": defs["target"]["properties"],
        "finding": defs["finding"]["properties"],
        "caveat": {"metric": {"type": ["string", "null"]}, **defs["caveat"]["properties"]},
    }
    lines = [{"$ref": f"#/$defs/{name}_line"} for name in records]
    made = {f"{name}_line": _line(name, fields) for name, fields in records.items()}
    return {
        "$schema": whole["$schema"],
        "title": "a line of adoptcli report -f ndjson",
        "oneOf": lines,
        "$defs": {"estimate": defs["estimate"], **made},
    }


def _line(record: str, fields: dict[str, Any]) -> dict[str, Any]:
    properties = {"record": {"const": record}, **fields}
    return {
        "type": "object", "properties": properties, "required": list(properties),
        "additionalProperties": False,
    }  # fmt: skip
