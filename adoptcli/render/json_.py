"""The report as JSON: unrounded, nothing absent but null, the same bytes for the same input."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, get_args

import orjson

from adoptcli.results import (
    KEYS,
    Caveat,
    Cell,
    Estimate,
    Finding,
    Headline,
    Judged,
    MetricReport,
    Outcome,
    Report,
    Row,
    Table,
    Textbook,
)

FORMAT = 1  # 1: the first
FINDING = Finding.__slots__


def render(report: Report) -> str:
    """The whole report."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    # A number that knows its groups (`counts.Scaled`) is no plain float to orjson.
    return orjson.dumps(plain(report), default=float, option=options).decode()


def plain(report: Report) -> dict[str, Any]:
    """The report as mappings and lists."""
    return {
        "format": FORMAT,
        "version": report.version,
        "as_of": report.as_of,
        "time_zone": report.time_zone,
        "since": report.since,
        "until": report.until,
        "unit": report.unit,
        "period": report.period,
        "segment": report.segment,
        "definitions": report.definitions,
        "source": asdict(report.source),
        "caveats": [_caveat(c) for c in report.caveats],
        "metrics": {m.id: _metric(m, report.period) for m in report.metrics},
        "findings": [_finding(f) for f in report.findings],
        "targets": [judged(t) for t in report.targets],
    }


def _metric(metric: MetricReport, period: str) -> dict[str, Any]:
    found = metric.result
    return {
        "title": metric.title,
        "definition": metric.definition,
        "settings": dict(metric.settings),
        "status": found.status,
        "reason": found.reason or None,
        "headline": _headline(found.headline),
        "also": [_headline(h) for h in found.also],
        "textbook": _textbook(found.textbook),
        "tables": {
            table.name: [row_of(row, table) for row in table.rows] for table in found.tables
        },
        "caveats": [_caveat(c) for c in found.caveats],
    }


def _headline(found: Headline | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "title": found.title,
        **_estimate(found.estimate),
        "unit": found.unit,
        "period": found.period,
        "change": None if found.change is None else _estimate(found.change),
        "verdict": found.verdict or None,
    }


def _textbook(found: Textbook | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "value": _finite(found.value),
        "numerator": _finite(found.numerator),
        "denominator": _finite(found.denominator),
        "formula": found.formula,
        "unit": found.unit,
    }


def row_of(row: Row, table: Table) -> dict[str, Any]:
    """A row as a mapping; an estimate is a mapping of its parts."""
    return {
        "segment": row.get("segment"),
        **{c.name: cell_of(row.get(c.name)) for c in table.columns if c.name != "segment"},
    }


def cell_of(cell: Cell) -> Any:
    """A cell as JSON has it."""
    if isinstance(cell, Estimate):
        return _estimate(cell)
    return _finite(cell) if isinstance(cell, float) else cell


def _estimate(found: Estimate) -> dict[str, float | None]:
    return {
        "value": _finite(found.value), "numerator": _finite(found.numerator),
        "denominator": _finite(found.denominator), "low": _finite(found.low),
        "high": _finite(found.high),
    }  # fmt: skip


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _caveat(found: Caveat) -> dict[str, Any]:
    return {"code": found.code, "message": found.message, "count": found.count}


def _finding(found: Finding) -> dict[str, Any]:
    parts = {name: getattr(found, name) for name in FINDING}
    return {name: _finite(v) if isinstance(v, float) else v for name, v in parts.items()}


def judged(found: Judged) -> dict[str, Any]:
    """One target, and what came of it."""
    parts = {name: getattr(found, name) for name in Judged.__slots__}
    return {**parts, "reason": found.reason or None}


def judged_schema() -> dict[str, Any]:
    """The JSON Schema of one target."""
    number, text, maybe = (
        {"type": ["number", "null"]},
        {"type": "string"},
        {"type": ["string", "null"]},
    )
    return object_of(
        {
            **dict.fromkeys(Judged.__slots__, number),
            **dict.fromkeys(("target", "name", "metric", "figure", "condition", "unit"), text),
            "of": {"enum": ["value", "change", "since_last_run"]},
            "outcome": {"enum": [*get_args(Outcome)]},
            "period": maybe, "reason": maybe, "surely": {"type": "boolean"},
        }
    )  # fmt: skip


def schema() -> dict[str, Any]:
    """The JSON Schema of the report."""
    number = {"type": ["number", "null"]}
    text = {"type": ["string", "null"]}
    estimate = object_of(dict.fromkeys(Estimate.__slots__, number))
    caveat = object_of({"code": {"type": "string"}, "message": {"type": "string"},
                      "count": {"type": ["integer", "null"]}})  # fmt: skip
    headline = object_of(
        {"title": {"type": "string"}, **dict.fromkeys(Estimate.__slots__, number),
         "unit": {"type": "string"}, "period": text,
         "change": {"anyOf": [{"$ref": "#/$defs/estimate"}, {"type": "null"}]}, "verdict": text}
    )  # fmt: skip
    textbook = object_of(
        {"value": number, "numerator": number, "denominator": number,
         "formula": {"type": "string"}, "unit": {"type": "string"}}
    )  # fmt: skip
    cell = {"anyOf": [{"type": ["number", "string", "null"]}, {"$ref": "#/$defs/estimate"}]}
    row = {
        "type": "object",
        "properties": {key: {"type": ["string", "integer", "null"]} for key in KEYS},
        "additionalProperties": cell,
    }
    or_null = {"anyOf": [{"$ref": "#/$defs/headline"}, {"type": "null"}]}
    metric = object_of(
        {
            "title": {"type": "string"},
            "definition": {"type": "string"},
            "settings": {"type": "object"},
            "status": {"enum": ["ok", "not_configured", "not_evaluable"]},
            "reason": text,
            "headline": or_null,
            "also": {"type": "array", "items": {"$ref": "#/$defs/headline"}},
            "textbook": {"anyOf": [{"$ref": "#/$defs/textbook"}, {"type": "null"}]},
            "tables": {
                "type": "object", "additionalProperties": {"type": "array", "items": row},
            },
            "caveats": {"type": "array", "items": {"$ref": "#/$defs/caveat"}},
        }
    )  # fmt: skip
    just_number, just_text, whole = ({"type": name} for name in ("number", "string", "integer"))
    words = ("code", "metric", "figure", "message", "unit", "advice", "topic", "audience")
    finding = object_of(
        {**dict.fromkeys(FINDING, just_number), **dict.fromkeys(words, just_text),
         "numerator": number, "denominator": number, "n": whole, "people": whole}
    )  # fmt: skip
    top = object_of(
        {
            "format": {"const": FORMAT}, "version": {"type": "string"},
            "as_of": {"type": "string", "format": "date"}, "time_zone": {"type": "string"},
            "since": text, "until": text, "unit": {"enum": ["user", "account"]},
            "period": {"enum": ["day", "week", "month"]}, "segment": text,
            "definitions": {"type": "string"}, "source": source_schema(),
            "caveats": {"type": "array", "items": {"$ref": "#/$defs/caveat"}},
            "metrics": {"type": "object", "additionalProperties": {"$ref": "#/$defs/metric"}},
            "findings": {"type": "array", "items": {"$ref": "#/$defs/finding"}},
            "targets": {"type": "array", "items": {"$ref": "#/$defs/target"}},
        }
    )  # fmt: skip
    defs = {"estimate": estimate, "caveat": caveat, "headline": headline, "textbook": textbook,
            "metric": metric, "finding": finding, "target": judged_schema()}  # fmt: skip
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "adoptcli report",
        **top,
        "$defs": defs,
    }


def source_schema() -> dict[str, Any]:
    """The JSON Schema of what was read."""
    return object_of(
        {
            "rows": {"type": "integer"}, "events": {"type": "integer"},
            "actors": {"type": "integer"}, "accounts": {"type": ["integer", "null"]},
            "set_aside": {"type": "object", "additionalProperties": {"type": "integer"}},
            "anonymous": {"type": "integer"}, "duplicates": {"type": "integer"},
            "excluded": {"type": "integer"}, "first_day": {"type": "string"},
            "last_day": {"type": "string"},
            "cliffs": {"type": "array", "items": {"type": "string", "format": "date"}},
            "merged": {"type": "integer"}, "merged_into": {"type": "integer"},
            "devices": {"type": "integer"},
        }
    )  # fmt: skip


def object_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an object that has all of these keys and no other."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }
