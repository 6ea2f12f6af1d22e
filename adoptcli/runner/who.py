"""The ids behind a cell: the same rows that the tally adds up, filtered."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from itertools import chain

import polars as pl

from adoptcli.context import UNKNOWN
from adoptcli.errors import UsageProblem
from adoptcli.metrics import Metric
from adoptcli.metrics._base import Rows
from adoptcli.results import Column, Estimate, Result, Table
from adoptcli.runner.run import Counts, Cuts, compute, cut_points, rows_in
from adoptcli.runner.segments import fold
from adoptcli.runner.tally import Named, everyone
from adoptcli.timeframe import parse_label
from adoptcli.timeline import Timeline
from adoptcli.timeline.build import Plan, build, each, nobody

_CELL = re.compile(r"^(?P<table>\w+)(?:\[(?P<keys>.*)\])?\.(?P<measure>\w+)$")
_NEXT = re.compile(r",(?=\s*\w+\s*=)")
DATED = ("period", "cohort")


@dataclass(frozen=True)
class Asked:
    """A cell as rows are asked for it: their table and measure, and what must hold of them.

    Attributes:
        cuts: The cut points that the metric's rows need.
        holds: What must hold of the keys.
        segment: The codes of the segment that actors must be in, where one is named.
    """

    metric: Metric
    table: str
    measure: str
    cuts: Cuts | None
    holds: tuple[pl.Expr, ...]
    segment: tuple[int, ...] | None


def find(plan: Plan, metric: Metric, cell: str) -> list[str]:
    """The ids of the actors behind a cell, sorted."""
    asked = understood(plan, metric, cell)
    return sorted(each(plan, partial(_ids, asked=asked), lambda some: [*chain(*some)]))


def _ids(plan: Plan, bucket: int, asked: Asked) -> list[str]:
    """The ids of those of one bucket."""
    rows = behind(plan, build(plan, bucket), asked)
    return texts_of(plan, bucket, rows["actor"].unique()).to_list()


def texts_of(plan: Plan, bucket: int, actors: pl.Series) -> pl.Series:
    """The ids of a bucket's actors."""
    texts = plan.encoded.dictionaries[plan.context.unit]
    return texts.text(actors * plan.layout.buckets + bucket)


def understood(plan: Plan, metric: Metric, cell: str) -> Asked:
    """What a cell means.

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
    tables = rows_in(nobody(plan), plan, metric, cuts)
    if not _measured(tables, table, measure, metric):
        table, measure = _shown(plan, metric, table, measure)
    for key in keys:
        _known(key, [*metric.keys[table], "segment"], "key", metric, table)
    schema, segment = tables[table].collect_schema(), keys.pop("segment", None)
    return Asked(
        metric, table, measure, cuts,
        tuple(_where((table, key), value, schema, plan, metric) for key, value in keys.items()),
        None if segment is None else tuple(_segment_codes(plan, segment)),
    )  # fmt: skip


def behind(plan: Plan, timeline: Timeline, asked: Asked) -> pl.DataFrame:
    """The rows of a bucket behind a cell: actor, keys and measures."""
    rows = rows_in(timeline, plan, asked.metric, asked.cuts)[asked.table]
    wanted = rows.filter(pl.col(asked.measure) > 0, *asked.holds)
    if asked.segment is not None:
        of = pl.lit(timeline.segments).gather("actor")
        wanted = wanted.filter(of.is_in(list(asked.segment)))
    return wanted.collect()


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
    place: tuple[str, str], value: str, schema: pl.Schema, plan: Plan, metric: Metric
) -> pl.Expr:
    table, key = place
    if key in DATED:
        try:
            return pl.col(key) == parse_label(value)
        except ValueError:
            raise UsageProblem(
                "bad-cell", f"{value!r} is no {key}", "write it as 2026-08 or 2026-08-03"
            ) from None
    if schema[key].is_integer():
        return pl.col(key).eq_missing(_code(table, key, value, plan, metric))
    if schema[key] == pl.Boolean:
        return pl.col(key) == (value == "true")
    return pl.col(key) == value


def _segment_codes(plan: Plan, label: str) -> Sequence[int]:
    """The codes of one segment, named as the report names it.

    Which segments the report tells apart depends on how many actors each has in all buckets.
    """
    if not plan.context.segments:
        raise UsageProblem("no-segment", "a segment needs --by", "add --by NAME")
    counts = each(plan, _counts, _all)
    parts = {p.label: p.codes for split in fold(counts.segments, plan.context) for p in split}
    if label not in parts:
        near = get_close_matches(label, parts, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageProblem(
            "bad-cell", f"there is no segment {label!r}",
            f"{hint}there are: {', '.join(parts)}",
        )  # fmt: skip
    return parts[label]


def _counts(plan: Plan, bucket: int) -> Counts:
    return Counts.of(build(plan, bucket))


def _all(some: Sequence[Counts]) -> Counts:
    return sum(some, Counts())


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
