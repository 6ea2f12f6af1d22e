"""The ids behind a cell: the same rows that the tally adds up, filtered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

import polars as pl

from adoptcli.context import UNKNOWN
from adoptcli.errors import UsageProblem
from adoptcli.metrics import Metric
from adoptcli.metrics._base import Rows
from adoptcli.results import Column, Estimate, Result, Table
from adoptcli.runner.run import Counts, compute, cut_points, rows_in
from adoptcli.runner.segments import fold
from adoptcli.runner.tally import Named, everyone
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
    for bucket, (_, _, rows) in enumerate(behind(plan, metric, cell)):
        actors = rows["actor"].unique()
        found += texts.text(actors * plan.layout.buckets + bucket).to_list()
    return sorted(found)


def behind(plan: Plan, metric: Metric, cell: str) -> Iterator[tuple[Timeline, str, pl.DataFrame]]:
    """Each bucket, the table of rows, and those of it behind a cell: actor, keys and measures.

    Args:
        plan: How to build the buckets.
        metric: The metric.
        cell: `table[key=value,…].measure`; keys that are left out may have any value. A share of a
            shown table stands for its numerator.

    Raises:
        UsageProblem: There is no such table, key or measure; the message lists what there is.
    """
    table, keys, measure = parse(cell)
    cuts = cut_points(plan, metric)
    codes_of = _segment_codes(plan, keys["segment"]) if "segment" in keys else []
    for bucket in range(plan.layout.buckets):
        timeline = build(plan, bucket)
        tables = rows_in(timeline, plan, metric, cuts)
        if bucket == 0 and not _measured(tables, table, measure, metric):
            table, measure = _shown(plan, metric, table, measure)
        rows = tables[table]
        schema = rows.collect_schema()
        wanted = rows.filter(pl.col(measure) > 0)
        for key, value in keys.items():
            _known(key, [*metric.keys[table], "segment"], "key", metric, table)
            if key == "segment":
                wanted = wanted.filter(pl.lit(timeline.segments).gather("actor").is_in(codes_of))
            else:
                wanted = _where(wanted, (table, key), value, schema, plan, metric)
        yield timeline, table, wanted.collect()


def parse(cell: str) -> tuple[str, dict[str, str], str]:
    """The parts of `table[key=value,…].measure`."""
    match = _CELL.match(cell.strip())
    # A value may hold a comma; one that parts two keys stands before the next name and its =.
    keys = _NEXT.split(match["keys"] or "") if match else []
    pairs = [p.split("=", 1) for p in keys if p]
    if match is None or any(len(pair) != 2 for pair in pairs):
        raise UsageProblem(
            "bad-cell", f"{cell}: this names no cell",
            "write it as table[key=value].measure, such as cohorts[cohort=2026-08].activated",
        )  # fmt: skip
    return match["table"], {k.strip(): v.strip() for k, v in pairs}, match["measure"]


def _measured(tables: Rows, table: str, measure: str, metric: Metric) -> bool:
    """Whether a table of counted rows has the measure."""
    if table not in tables or measure in ("actor", *metric.keys[table]):
        return False
    return measure in tables[table].collect_schema().names()


def _shown(plan: Plan, metric: Metric, table: str, column: str) -> tuple[str, str]:
    """The table of rows and the measure that a column of a shown table counts.

    Raises:
        UsageProblem: There is none; the message lists what can be asked.
    """

    def both(
        metric: Metric, named: Named, splits: object
    ) -> tuple[Result, dict[str, pl.DataFrame]]:
        sums = everyone(named, metric)
        return metric.result(sums, plan.context.settings[metric.id], plan.context), sums

    _, ((result, sums),) = compute(plan, {metric.id: metric}, both, last=False)
    asked = {
        (shown.name, c.name): place
        for shown in result.tables
        for c in shown.columns
        if (place := _place(shown, c, sums, metric)) is not None
    }
    if (table, column) in asked:
        return asked[table, column]
    names = list(dict.fromkeys(name for name, _ in asked))
    _known(table, names, "table", metric, "its tables")
    _known(column, [c for name, c in asked if name == table], "measure", metric, table)
    raise AssertionError((table, column))


def _place(
    shown: Table, column: Column, sums: Mapping[str, pl.DataFrame], metric: Metric
) -> tuple[str, str] | None:
    """Where the rows that a column counts are: in the table of its name, or for a single row
    without keys in the one with the same sums."""
    name = column.of[0] if column.of else column.name
    own = sums.get(shown.name)
    if own is not None and name in own.columns and name not in metric.keys[shown.name]:
        return shown.name, name
    if column.of is None or len(shown.rows) != 1 or any(c.is_key for c in shown.columns):
        return None
    cell = shown.rows[0][column.name]
    for table, frame in sums.items():
        if isinstance(cell, Estimate) and {*column.of} <= {*frame.columns}:
            totals = [frame[measure].sum() for measure in column.of]
            if totals == [int(cell.numerator or 0), int(cell.denominator or 0)]:
                return table, name
    return None


def _known(name: str, names: list[str], what: str, metric: Metric, table: str) -> None:
    if name not in names:
        place = "" if what == "table" else f" in {table}"
        near = get_close_matches(name, names, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageProblem(
            "bad-cell", f"{metric.id} has no {what} {name!r}{place}",
            f"{hint}there are: {', '.join(names) or 'none'}",
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
                "bad-cell", f"{value!r} is no {key}", "write it as 2026-08 or 2026-08-03"
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
        raise UsageProblem("no-segment", "a segment needs --by", "add --by NAME")
    counts = sum((Counts.of(build(plan, b)) for b in range(plan.layout.buckets)), Counts())
    parts = {p.label: p.codes for split in fold(counts.segments, plan.context) for p in split}
    if label not in parts:
        near = get_close_matches(label, parts, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageProblem(
            "bad-cell", f"there is no segment {label!r}",
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
    raise UsageProblem("bad-cell", f"there is no {key} {value!r}", hint)
