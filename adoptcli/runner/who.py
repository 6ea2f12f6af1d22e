"""The ids behind a cell: the same rows that the tally adds up, filtered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

import polars as pl

from adoptcli.context import UNKNOWN
from adoptcli.errors import UsageProblem
from adoptcli.metrics import Metric
from adoptcli.runner.run import Counts, cut_points, rows_in
from adoptcli.runner.segments import fold
from adoptcli.timeframe import parse_label
from adoptcli.timeline import Timeline
from adoptcli.timeline.build import Plan, build

_CELL = re.compile(r"^(?P<table>\w+)(?:\[(?P<keys>.*)\])?\.(?P<measure>\w+)$")
_NEXT = re.compile(r",(?=\s*\w+\s*=)")
DATED = ("period", "cohort")


def find(plan: Plan, metric: Metric, cell: str) -> list[str]:
    """The ids of the actors behind a cell, sorted."""
    texts = plan.encoded.dictionaries[plan.context.unit]
    found: list[str] = []
    for bucket, (_, rows) in enumerate(behind(plan, metric, cell)):
        actors = rows["actor"].unique()
        found += texts.text(actors * plan.layout.buckets + bucket).to_list()
    return sorted(found)


def behind(plan: Plan, metric: Metric, cell: str) -> Iterator[tuple[Timeline, pl.DataFrame]]:
    """Each bucket, and its counted rows behind a cell: actor, keys and measures.

    Args:
        plan: How to build the buckets.
        metric: The metric.
        cell: `table[key=value,…].measure`; keys that are left out may have any value.

    Raises:
        UsageProblem: There is no such table, key or measure; the message lists what there is.
    """
    table, keys, measure = parse(cell)
    cuts = cut_points(plan, metric)
    codes_of = _segment_codes(plan, keys["segment"]) if "segment" in keys else []
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
            if key == "segment":
                wanted = wanted.filter(pl.lit(timeline.segments).gather("actor").is_in(codes_of))
            else:
                wanted = _where(wanted, (table, key), value, schema, plan, metric)
        yield timeline, wanted.collect()


def parse(cell: str) -> tuple[str, dict[str, str], str]:
    """The parts of `table[key=value,…].measure`."""
    match = _CELL.match(cell.strip())
    # A value may hold a comma; one that parts two keys stands before the next name and its =.
    keys = _NEXT.split(match["keys"] or "") if match else []
    pairs = [p.split("=", 1) for p in keys if p]
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
    metric: Metric,
) -> pl.LazyFrame:  # fmt: skip
    table, key = place
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


def _segment_codes(plan: Plan, label: str) -> Sequence[int]:
    """The codes of one segment, named as the report names it.

    Which segments the report tells apart depends on how many actors each has in all buckets.
    """
    if not plan.context.segments:
        raise UsageProblem("no-segment", "--who: a segment needs --by", "add --by NAME")
    counts = sum((Counts.of(build(plan, b)) for b in range(plan.layout.buckets)), Counts())
    parts = {p.label: p.codes for split in fold(counts.segments, plan.context) for p in split}
    if label not in parts:
        near = get_close_matches(label, parts, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageProblem(
            "bad-cell", f"--who: there is no segment {label!r}",
            f"{hint}there are: {', '.join(parts)}",
        )  # fmt: skip
    return parts[label]


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
