"""Splitting a report: who is in which segment, and each against the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from adoptcli import stats
from adoptcli.context import OTHER, UNKNOWN, Context
from adoptcli.metrics import Metric
from adoptcli.metrics._shared import SMALL, compared, share_difference
from adoptcli.results import Caveat, Column, Estimate, Headline, Result, Row, Table
from adoptcli.runner import tally
from adoptcli.timeline.segments import combination

MOST_SEGMENTS = 12
CROSS = " / "
TOTALS = ("users", "events", "sessions")  # units in which the larger segment has more


@dataclass(frozen=True)
class Part:
    """One segment: its label, and the codes of the actors in it."""

    label: str
    codes: tuple[int, ...]


Splits = Sequence[Sequence[Part]]


def name_of(context: Context) -> str | None:
    """What the report is split by, in words."""
    at = {segment.name: segment.at for segment in context.definitions.segments}
    words = [
        CROSS.join(n if at.get(n, "latest") == "latest" else f"{n} (first)" for n in names)
        for names in context.segments
    ]
    return ", ".join(words) or None


def fold(sizes: Mapping[int, int], context: Context, most: int = MOST_SEGMENTS) -> Splits:
    """The largest segments by name, the rest as `other`, those without a value as `unknown`.

    Once for the whole report, so that every metric has the same segments. With several splits each
    label begins with what it is split by.
    """
    return [
        [
            Part(
                f"{CROSS.join(names)}: {p.label}" if len(context.segments) > 1 else p.label, p.codes
            )
            for p in _fold_one(sizes, names, context, most)
        ]
        for names in context.segments
    ]


def _fold_one(
    sizes: Mapping[int, int], names: Sequence[str], context: Context, most: int
) -> list[Part]:
    traits = context.segment_traits
    lengths = [len(context.traits[name]) for name in traits]
    found: dict[tuple[int | None, ...], list[int]] = {}
    for code in sorted(sizes):
        values = dict(zip(traits, combination(code, lengths), strict=True))
        found.setdefault(tuple(values[name] for name in names), []).append(code)
    number = {value: sum(sizes[code] for code in codes) for value, codes in found.items()}
    unknown = (None,) * len(names)
    known = [value for value in found if value != unknown]
    largest = sorted(known, key=lambda v: (-number[v], _label(v, names, context)))
    kept, rest = largest[:most], largest[most:]
    named = sorted((_label(value, names, context), found[value]) for value in kept)
    named += [(OTHER, found[value]) for value in rest]
    named += [(UNKNOWN, found[unknown])] if unknown in found else []
    # A value that is itself called "other" or "unknown" cannot be told from those.
    parts: dict[str, list[int]] = {}
    for label, codes in named:
        parts.setdefault(label, []).extend(codes)
    return [Part(label, tuple(codes)) for label, codes in parts.items()]


def _label(value: Sequence[int | None], names: Sequence[str], context: Context) -> str:
    return CROSS.join(
        UNKNOWN if code is None else context.traits[name][code]
        for name, code in zip(names, value, strict=True)
    )


def segmented(
    metric: Metric, named: tally.Named, splits: Splits, settings: Any, context: Context
) -> Result:
    """The result for everybody; its tables hold the segments' rows too, and one compares them."""
    whole = metric.result(tally.everyone(named, metric), settings, context)
    if not splits:
        return whole
    parts: dict[str, Result] = {}
    compare: list[Row] = []
    caveats: list[Caveat] = []
    for names, split in zip(context.segments, splits, strict=True):
        if metric.whole_accounts and not context.account_traits.issuperset(names):
            text = f"not split by {CROSS.join(names)}, in which members of an account may differ"
            caveats.append(Caveat("segment-of-users", text))
            continue
        found = {
            part.label: metric.result(
                tally.of_segment(named, metric, part.codes), settings, context
            )
            for part in split
        }
        rest = {part.label: _rest(metric, named, split, part, settings, context) for part in split}
        tests = {part.label: _test(metric, named, split, part) for part in split}
        compare += _compared(whole, found, rest, tests)
        caveats += _simpson(whole, found)
        parts |= found
    tables = tuple(_with_segments(table, parts) for table in whole.tables)
    overview = (_overview(whole, compare),) if compare else ()
    return replace(whole, tables=(*tables, *overview), caveats=(*whole.caveats, *caveats))


def _rest(
    metric: Metric, named: tally.Named, split: Sequence[Part], part: Part, settings: Any,
    context: Context,
) -> Headline | None:  # fmt: skip
    """The headline of everybody who is in another segment."""
    others = others_of(split, part)
    if not others:
        return None
    return metric.result(tally.of_segment(named, metric, others), settings, context).headline


def _test(metric: Metric, named: tally.Named, split: Sequence[Part], part: Part) -> float | None:
    """The metric's own test of a segment against the rest, where it has one."""
    others = others_of(split, part)
    if metric.test is None or not others:
        return None
    return metric.test(
        tally.of_segment(named, metric, part.codes), tally.of_segment(named, metric, others)
    )


def others_of(split: Sequence[Part], part: Part) -> list[int]:
    return [code for other in split if other is not part for code in other.codes]


def _with_segments(table: Table, parts: Mapping[str, Result]) -> Table:
    rows: list[Row] = [{"segment": None, **row} for row in table.rows]
    for label, part in parts.items():
        for other in part.tables:
            if other.name == table.name:
                rows += [{"segment": label, **row} for row in other.rows]
    return replace(
        table, columns=(Column("segment", "Segment", "text"), *table.columns), rows=tuple(rows)
    )


def _compared(
    whole: Result, found: Mapping[str, Result], rest: Mapping[str, Headline | None],
    tests: Mapping[str, float | None],
) -> list[Row]:  # fmt: skip
    """Each segment's headline, the rest's, and the difference with its q-value.

    The family of tests is one split of one metric.
    """
    differences = {
        label: against(_same(result.headline, whole), _same(rest[label], whole))
        for label, result in found.items()
    }
    ps = {
        label: p_value(d.value, d.low, d.high) for label, d in differences.items()
        if d and d.value is not None and d.low is not None and d.high is not None
    } | {label: p for label, p in tests.items() if p is not None}  # fmt: skip
    by_label = dict(zip(ps, stats.benjamini_hochberg([*ps.values()]), strict=True))
    rows: list[Row] = []
    for label, result in found.items():
        head, other = (_same(h, whole) for h in (result.headline, rest[label]))
        rows.append(
            {
                "segment": label,
                "period": head.period if head else None,
                "headline": head.estimate if head else Estimate(None),
                "rest": other.estimate if other else Estimate(None),
                "difference": differences[label],
                "q": by_label.get(label),
            }
        )
    return rows


def _same(head: Headline | None, whole: Result) -> Headline | None:
    """A headline, if it is of the same thing as everybody's."""
    same = head and whole.headline and head.title == whole.headline.title
    return head if same else None


def against(head: Headline | None, rest: Headline | None) -> Estimate | None:
    """The difference, where both are of the same period and have a value; none of totals."""
    if head is None or rest is None or head.period != rest.period or head.unit in TOTALS:
        return None
    if head.estimate.value is None or rest.estimate.value is None:
        return None
    if head.unit == "share":
        return share_difference(head.estimate, rest.estimate)
    return compared(head.estimate, rest.estimate)


def p_value(value: float, low: float, high: float) -> float:
    """The two-sided p-value that goes with a 95 % interval: below 0.05 where 0 is outside."""
    half = value - low if value > 0 else high - value
    if half == 0:
        return 1.0 if value == 0 else 0.0
    return math.erfc(stats.Z95 * abs(value) / half / math.sqrt(2))


def _overview(whole: Result, rows: Sequence[Row]) -> Table:
    """The headline of each segment against that of the rest."""
    unit = whole.headline.unit if whole.headline else "number"
    columns = (
        Column("segment", "Segment", "text"),
        Column("period", "Period", "date"),
        Column("headline", whole.headline.title if whole.headline else "Headline", unit),
        Column("rest", "The rest", unit),
        Column("difference", "Difference", "pp" if unit == "share" else unit),
        Column("q", "q (Benjamini–Hochberg)", "p"),
    )
    return Table("segments", "By segment", columns, tuple(rows))


def _simpson(whole: Result, parts: Mapping[str, Result]) -> list[Caveat]:
    """A caveat where the whole moves one way and every segment of any size the other way."""
    change = whole.headline.change.value if whole.headline and whole.headline.change else None
    heads = [p.headline for p in parts.values() if p.headline and p.headline.change]
    moves = [
        h.change.value for h in heads
        if h.change and h.change.value is not None and (h.estimate.denominator or 0) >= SMALL
    ]  # fmt: skip
    if not change or len(moves) < 2 or not all(move * change < 0 for move in moves):
        return []
    text = (
        "segments that all change the other way than the whole: the mix of segments has changed "
        "(Simpson's paradox)"
    )
    return [Caveat("simpson", text, len(moves))]
