"""The ids behind a cell: the same rows that the tally adds up, filtered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches

import polars as pl

from adoptcli.context import UNKNOWN
from adoptcli.errors import UsageProblem
from adoptcli.metrics import Metric
from adoptcli.runner.run import cut_points, rows_in
from adoptcli.runner.segments import fold
from adoptcli.timeframe import parse_label
from adoptcli.timeline.build import Plan, build

_CELL = re.compile(r"^(?P<table>\w+)(?:\[(?P<keys>.*)\])?\.(?P<measure>\w+)$")
DATED = ("period", "cohort")


def find(plan: Plan, metric: Metric, cell: str) -> list[str]:
    """The ids of the actors behind a cell, sorted.

    Args:
        plan: How to build the buckets.
        metric: The metric.
        cell: `table[key=value,…].measure`; keys that are left out may have any value.

    Raises:
        UsageProblem: There is no such table, key or measure; the message lists what there is.
    """
    table, keys, measure = parse(cell)
    cuts = cut_points(plan, metric)
    texts = plan.encoded.dictionaries[plan.context.unit]
    found: list[str] = []
    for bucket in range(plan.layout.buckets):
        timeline = build(plan, bucket)
        tables = rows_in(timeline, plan, metric, cuts)
        rows = _rows(tables, table, metric)
        schema = rows.collect_schema()
        _known(measure, [c for c in schema.names() if c not in ("actor", *metric.keys[table])],
               "measure", metric, table)  # fmt: skip
        wanted = rows.filter(pl.col(measure) > 0)
        for key, value in keys.items():
            _known(key, [*metric.keys[table], "segment"], "key", metric, table)
            wanted = _where(wanted, (table, key), value, schema, plan, metric, timeline.segments)
        actors = wanted.select("actor").unique().collect()["actor"]
        codes = actors * plan.layout.buckets + bucket
        found += texts.text(codes).to_list()
    return sorted(found)


def parse(cell: str) -> tuple[str, dict[str, str], str]:
    """The parts of `table[key=value,…].measure`."""
    match = _CELL.match(cell.strip())
    pairs = [p.split("=", 1) for p in (match["keys"] or "").split(",") if p] if match else []
    if match is None or any(len(pair) != 2 for pair in pairs):
        raise UsageProblem(
            "bad-cell", f"--who {cell}: this names no cell",
            "write it as table[key=value].measure, such as cohorts[cohort=2026-08].activated",
        )  # fmt: skip
    return match["table"], {k.strip(): v.strip() for k, v in pairs}, match["measure"]


def _rows(tables: Mapping[str, pl.LazyFrame], table: str, metric: Metric) -> pl.LazyFrame:
    _known(table, list(tables), "table", metric, table)
    return tables[table]


def _known(name: str, names: list[str], what: str, metric: Metric, table: str) -> None:
    if name not in names:
        raise UsageProblem(
            "bad-cell", f"--who: {metric.id} has no {what} {name!r} in {table}",
            f"there are: {', '.join(names) or 'none'}",
        )  # fmt: skip


def _where(
    rows: pl.LazyFrame, place: tuple[str, str], value: str, schema: pl.Schema, plan: Plan,
    metric: Metric, segments: pl.Series | None,
) -> pl.LazyFrame:  # fmt: skip
    table, key = place
    if key == "segment":
        return _in_segment(rows, value, plan, segments)
    if key in DATED:
        try:
            return rows.filter(pl.col(key) == parse_label(value))
        except ValueError:
            raise UsageProblem(
                "bad-cell", f"--who: {value!r} is no {key}", "write it as 2026-08 or 2026-08-03"
            ) from None
    if schema[key].is_integer():
        return rows.filter(pl.col(key).eq_missing(_code(table, key, value, plan, metric)))
    if schema[key] == pl.Boolean:
        return rows.filter(pl.col(key) == (value == "true"))
    return rows.filter(pl.col(key) == value)


def _in_segment(
    rows: pl.LazyFrame, value: str, plan: Plan, segments: pl.Series | None
) -> pl.LazyFrame:
    """The rows of the actors of one segment, named as the report names it."""
    if segments is None:
        raise UsageProblem("no-segment", "--who: a segment needs --by", "add --by NAME")
    codes = segments.drop_nulls().unique().to_list()
    parts = [p for split in fold(dict.fromkeys(codes, 1), plan.context) for p in split]
    wanted = [code for part in parts if part.label == value for code in part.codes]
    mine = pl.lit(segments).gather("actor").is_in(wanted)
    return rows.filter(mine)


def _code(table: str, key: str, value: str, plan: Plan, metric: Metric) -> int | None:
    """A whole number, or the place of a name among those that the metric knows for the key."""
    context = plan.context
    known = metric.names(context.settings[metric.id], context)
    names = list(known.get(f"{table}.{key}", known.get(key, ())))
    if value in names:
        return names.index(value)
    if re.fullmatch(r"-?\d+", value):
        return int(value)
    if value == UNKNOWN:
        return None
    near = get_close_matches(value, names, 1)
    hint = f"did you mean {near[0]!r}?" if near else "see the table's rows"
    raise UsageProblem("bad-cell", f"--who: there is no {key} {value!r}", hint)
