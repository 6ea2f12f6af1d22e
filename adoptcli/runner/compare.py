"""Any metric between two segments, two variants, two periods, or before and after a launch.

The figures are those of the report: a segment's are the report's of that segment, a period's those
of the report `--until` its end. The same people may be on both sides of two periods; the jackknife
over groups of accounts (of actors, where there are none) takes care of that. q is Benjamini and
Hochberg's over all figures that one command compares.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import groupby

from adoptcli import stats
from adoptcli.context import UNKNOWN, Context
from adoptcli.errors import UsageProblem
from adoptcli.metrics import Metric
from adoptcli.metrics._drawn import ratio_p
from adoptcli.metrics._shared import SMALL
from adoptcli.results import (
    KEYS,
    Caveat,
    Cell,
    Column,
    Estimate,
    Headline,
    Result,
    Row,
    Table,
    Unit,
)
from adoptcli.runner import segments, tally
from adoptcli.runner.prepare import Prepared
from adoptcli.runner.run import Counts, compute
from adoptcli.runner.segments import TOTALS, Part, Splits
from adoptcli.timeframe import parse_label

EVERY = 1_000_000  # segments: any of them can be named
MISMATCH = 0.01  # p of the variants' sizes below which nothing is concluded from them
POOLED = ("range", "pooled")  # tables of everybody, beside which a headline may be of one cohort
NOTHING, TOO_FEW = "no evidence of a difference", "not enough data"


@dataclass(frozen=True)
class Pair:
    """Two results of one metric: `second` is what `first` is compared with.

    `people` is how many actors the smaller side holds, where the sides are parts of them; figures
    over everybody are compared then too, which of two periods would hold one another. `test` is the
    p-value of the metric's own test of the headline; `shown` the figures as the report has them,
    where others stand behind the difference.
    """

    first: str
    second: str
    results: tuple[Result, Result]
    people: int | None = None
    test: float | None = None
    shown: tuple[Result, Result] | None = None


@dataclass(frozen=True)
class Compared:
    """Everything that one command compares.

    Attributes:
        pairs: Of each metric, by id.
        counts: What the timelines hold.
        caveats: What holds for all of it.
        by_lot: Whether the sides were drawn by lot, and in the numbers in which they should be.
        mismatched: They were drawn by lot, and their numbers say that something went wrong.
    """

    pairs: Mapping[str, list[Pair]]
    counts: Counts
    caveats: tuple[Caveat, ...] = ()
    by_lot: bool = False
    mismatched: bool = False


Choose = Callable[[Sequence[Part]], list[tuple[Part, Part]]]


def of_segments(prepared: Prepared, metrics: Mapping[str, Metric], choose: Choose) -> Compared:
    """Pairs of segments, chosen from those that there are."""
    context = prepared.plan.context

    def pairs(metric: Metric, named: tally.Named, splits: Splits) -> list[Pair]:
        chosen, settings = choose(splits[0]), context.settings[metric.id]
        if metric.whole_accounts and not context.account_traits.issuperset(context.segments[0]):
            reason = "members of an account may differ in this: choose a column of accounts"
            refused = Result(None, None, (), status="not_evaluable", reason=reason)
            return [Pair(a.label, b.label, (refused, refused)) for a, b in chosen]
        found = []
        for both in chosen:
            one, two = (tally.of_segment(named, metric, part.codes) for part in both)
            results = (metric.result(one, settings, context), metric.result(two, settings, context))
            test = metric.test(one, two) if metric.test else None
            found.append(Pair(both[0].label, both[1].label, results, test=test))
        return found

    counts, found = compute(prepared.plan, metrics, pairs, most=EVERY)
    parts, held = segments.fold(counts.segments, context, EVERY)[0], counts.segments
    sizes = [min(sum(held[c] for c in p.codes) for p in both) for both in choose(parts)]
    told = {
        name: [replace(pair, people=size) for pair, size in zip(one, sizes, strict=True)]
        for name, one in zip(metrics, found, strict=True)
    }
    return Compared(told, counts)


def named_segments(name: str, values: Sequence[str]) -> Choose:
    """The first value against the second, or against all others."""

    def choose(parts: Sequence[Part]) -> list[tuple[Part, Part]]:
        first = _part(parts, name, values[0])
        if len(values) > 1:
            return [(first, _part(parts, name, values[1]))]
        others = segments.others_of(parts, first)
        if not others:
            raise UsageProblem("nothing-to-compare", f"everybody has {name} = {values[0]}")
        return [(first, Part("the rest", tuple(others)))]

    return choose


def variants(name: str, control: str | None) -> Choose:
    """Every variant against the control: the first by name, unless it is said."""

    def choose(parts: Sequence[Part]) -> list[tuple[Part, Part]]:
        known = [part for part in parts if part.label != UNKNOWN]
        if len(known) < 2:
            raise UsageProblem(
                "nothing-to-compare", f"--variant {name}: there are not two variants",
                "name the column that says which variant somebody got",
            )  # fmt: skip
        base = _part(known, name, control) if control else known[0]
        return [(part, base) for part in known if part is not base]

    return choose


def with_sizes(found: Compared, context: Context, name: str, expected: Sequence[float]) -> Compared:
    """With the check that the variants' sizes are as they were drawn, in the order of their names.

    Raises:
        UsageProblem: There are more or fewer weights than variants.
    """
    if context.unit == "user" and name in context.account_traits:
        raise UsageProblem(
            "variants-of-accounts", f"{name!r} is a column of accounts: accounts were drawn",
            "add --unit account",
        )  # fmt: skip
    parts = segments.fold(found.counts.segments, context, EVERY)[0]
    sizes = {
        part.label: sum(found.counts.segments[code] for code in part.codes)
        for part in parts
        if part.label != UNKNOWN
    }
    if expected and len(expected) != len(sizes):
        raise UsageProblem(
            "bad-weights", f"--expected names {len(expected)} weights for {len(sizes)} variants",
            f"there are: {', '.join(sizes)}",
        )  # fmt: skip
    p = ratio_p(sizes, dict(zip(sizes, expected, strict=True)) if expected else {})
    told = " · ".join(f"{label} {size:,}" for label, size in sizes.items())
    if p is not None and p < MISMATCH:
        text = f"the variants' sizes are not as drawn (p {p:.2g}): {told}; conclude nothing"
        caveats = (*found.caveats, Caveat("sample-ratio-mismatch", text))
        return replace(found, caveats=caveats, mismatched=True)
    caveat = Caveat("sample-ratio", f"{name}: {told}; sizes as drawn (p {p or 1:.2f})")
    return replace(found, caveats=(*found.caveats, caveat), by_lot=True)


def of_windows(
    prepared: Prepared,
    metrics: Mapping[str, Metric],
    first: tuple[str, int],
    second: tuple[str, int],
) -> Compared:
    """The figures shown until one day against those until another; each a label and that day."""
    plan, ends, counts = prepared.plan, (first[1], second[1]), Counts()
    found: list[list[tuple[Result, Result]]] = []
    # Where nobody has an account the report's intervals are those of independent actors.
    forced = plan.context.unit == "account" or not plan.context.accounts
    for i, end in enumerate(ends):
        context = replace(plan.context, until_day=end, grouped=True)

        def result(
            metric: Metric, named: tally.Named, splits: Splits, context: Context = context
        ) -> tuple[Result, Result]:
            tallies, settings = tally.everyone(named, metric), context.settings[metric.id]
            behind = metric.result(tallies, settings, context)
            if not forced:
                return behind, behind
            return behind, metric.result(tally.ungrouped(tallies, metric), settings, context)

        counts, results = compute(replace(plan, context=context), metrics, result, last=i == 1)
        found.append(results)
    pairs = {
        name: [Pair(first[0], second[0], (a[0], b[0]), shown=(a[1], b[1]))]
        for name, a, b in zip(metrics, *found, strict=True)
    }
    return Compared(pairs, counts)


def period_end(label: str, context: Context) -> int:
    """The day after a period that has ended.

    Raises:
        UsageProblem: It is no period, or not over.
    """
    calendar, period = context.calendar, context.period
    try:
        day = parse_label(label)
    except ValueError:
        day = None
    if day is None or calendar.start(day, period) != day:
        raise UsageProblem(
            "bad-period", f"--periods: {label} is no {period}",
            f"write a {period} as {context.label(calendar.start(context.first_day, period))}",
        )  # fmt: skip
    end = calendar.next(day, period)
    if not (context.first_day <= day and end <= context.as_of_day):
        there = ", ".join(context.label(a) for a, _ in context.periods())
        raise UsageProblem(
            "bad-period", f"--periods: {label} does not lie whole within the data",
            f"there are: {there or 'none'}",
        )  # fmt: skip
    return end


def _part(parts: Sequence[Part], name: str, label: str) -> Part:
    found = next((part for part in parts if part.label == label), None)
    if found is None:
        labels = [part.label for part in parts]
        near = get_close_matches(label, labels, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageProblem(
            "unknown-segment",
            f"nobody has {name} = {label}",
            f"{hint}there are: {', '.join(labels)}",
        )
    return found


# ---- From pairs to tables ----


@dataclass(frozen=True)
class _Line:
    """One figure on both sides, and what its difference says."""

    metric: str
    title: str
    unit: Unit
    pair: Pair
    sides: tuple[Headline | None, Headline | None]
    difference: Estimate | None
    p: float | None
    because: str


def results(found: Compared, after: int | None = None) -> dict[str, Result]:
    """Each metric's comparison as a result, one table a unit.

    Args:
        found: What is compared.
        after: Where the first side lies after a launch, its day: figures of periods that begin
            before it are told, not compared.
    """
    lines = {
        name: [line for pair in pairs for line in _lines(name, pair, after)]
        for name, pairs in found.pairs.items()
    }
    tested = [line for one in lines.values() for line in one if line.p is not None]
    qs = stats.benjamini_hochberg([line.p for line in tested if line.p is not None])
    q = {id(line): value for line, value in zip(tested, qs, strict=True)}
    made = {name: _result(found, name, one, q) for name, one in lines.items()}
    if len(tested) > 1 and made:
        text = "q and verdict are over all comparisons asked for at once; fewer or more change them"
        first = next(iter(made))
        told = (*made[first].caveats, Caveat("q-family", text, len(tested)))
        made[first] = replace(made[first], caveats=told)
    return made


def _lines(metric: str, pair: Pair, after: int | None) -> list[_Line]:
    first, second = pair.results
    parts = pair.people is not None
    both = [
        [*filter(None, (r.headline, *r.also)), *(_pooled(r) if parts else ())]
        for r in (first, second)
    ]
    others = {_named(head): head for head in both[1]}
    lines = []
    for head in both[0]:
        lines.append(_line(metric, pair, head, others.pop(_named(head), None), after))
    lines += [_line(metric, pair, None, head, after) for head in others.values()]
    if pair.test is not None and lines and lines[0].p is not None:
        lines[0] = replace(lines[0], p=pair.test)
    return [_as_shown(line) for line in lines]


def _as_shown(line: _Line) -> _Line:
    """With each side as the report has it."""
    if line.pair.shown is None:
        return line
    sides = []
    for head, result in zip(line.sides, line.pair.shown, strict=True):
        heads = {_named(h): h for h in filter(None, (result.headline, *result.also))}
        sides.append(heads.get(_named(head), head) if head else None)
    return replace(line, sides=(sides[0], sides[1]))


def _named(head: Headline) -> tuple[str, str]:
    """What a figure is of, whatever its period."""
    return _DATES.sub("", head.title), head.unit


def _pooled(result: Result) -> list[Headline]:
    """The figures over everybody, where the headline is of one cohort alone."""
    return [
        Headline(f"{table.title}: {_of_row(row, table)}{column.title.lower()}", cell, column.unit)
        for table in result.tables
        if table.name in POOLED
        for row in table.rows
        for column in table.columns
        if isinstance(cell := row.get(column.name), Estimate) and column.unit != "pp"
    ]


def _of_row(row: Row, table: Table) -> str:
    """What tells a row from the others of its table."""
    keys = [str(row[key]) for key in KEYS if row.get(key) is not None]
    return f"{' '.join(keys)}, " if len(table.rows) > 1 and keys else ""


def _line(
    metric: str, pair: Pair, first: Headline | None, second: Headline | None, after: int | None
) -> _Line:
    head = first or second
    assert head is not None
    because = _why_not(first, second, pair, after)
    difference = None
    if not because and first is not None and second is not None:
        difference = segments.against(first, replace(second, period=first.period))
    p = None
    if difference and difference.value is not None and difference.low is not None:
        assert difference.high is not None
        p = segments.p_value(difference.value, difference.low, difference.high)
    elif not because:
        because = "a total, of which no interval is known" if head.unit in TOTALS else "no interval"
    return _Line(metric, head.title, head.unit, pair, (first, second), difference, p, because)


def _why_not(first: Headline | None, second: Headline | None, pair: Pair, after: int | None) -> str:
    if first is None or second is None:
        return "it is there on one side alone"
    for head in (first, second):
        if head.estimate.value is None:
            return "nothing to judge on one side"
        known = [n for n in (head.estimate.denominator, pair.people) if n is not None]
        if known and min(known) < SMALL and head.unit not in TOTALS:
            return f"{TOO_FEW}: fewer than {SMALL} on one side"
    if pair.people is None and first.period is None:
        return "it is of all until then: one side would hold the other"
    if pair.people is None and first.period == second.period:
        return f"both are of {first.period}, the latest that is mature"
    if pair.people is not None and first.period != second.period:
        return f"of different periods: {first.period} and {second.period}"
    if after is not None and (day := _begin(first)) is not None and day < after:
        return f"its last period begins before the launch ({first.period})"
    return ""


def _begin(head: Headline) -> int | None:
    """The first day of a figure's period: of 2026-08, of 30 d to 2026-08-31, or of 30 days then."""
    found = _DATES.findall(head.period or "")
    if not found:
        return None
    day = parse_label(found[-1])
    length = _LENGTH.search(f"{head.period} {head.title}")
    trailing = len(found[-1]) == 10 and length and "cohort" not in (head.period or "")
    return day - int(length[1]) + 1 if trailing and length else day


_DATES = re.compile(r"\d{4}-\d{2}(?:-\d{2})?")
_LENGTH = re.compile(r"(\d+) d(?:ays)?\b")


def _result(found: Compared, name: str, lines: list[_Line], q: Mapping[int, float]) -> Result:
    pairs = found.pairs[name]
    refused = next((r for pair in pairs for r in pair.results if r.status != "ok"), None)
    if refused is not None and not lines:
        return Result(None, None, (), status=refused.status, reason=refused.reason)
    by_unit = sorted(lines, key=lambda line: line.unit)
    tables = tuple(
        _table(unit, list(group), found, q)
        for unit, group in groupby(by_unit, key=lambda line: line.unit)
    )
    codes = {c.code: c for pair in pairs for r in pair.results for c in r.caveats}
    kept = tuple(c for code, c in codes.items() if code != "small-denominator")
    return Result(None, None, tables, kept)


def _table(unit: Unit, lines: list[_Line], found: Compared, q: Mapping[int, float]) -> Table:
    pairs = {(line.pair.first, line.pair.second) for line in lines}
    first, second = next(iter(pairs)) if len(pairs) == 1 else ("First", "Second")
    rows = tuple(_row(line, found, q.get(id(line)), many=len(pairs) > 1) for line in lines)
    columns = [
        Column("item", "Figure", "text"),
        *([Column("step", "Compared", "text")] if len(pairs) > 1 else []),
        Column("first", first, unit),
        Column("second", second, unit),
        Column("difference", "Difference", "pp" if unit == "share" else unit),
        *([Column("times", "Times", "ratio")] if unit in TOTALS else []),
        Column("p", "p", "p"),
        Column("q", "q (Benjamini–Hochberg)", "p"),
        Column("verdict", "Verdict", "text"),
    ]
    title = f"{first} against {second}" if len(pairs) == 1 else "Each against the control"
    return Table(f"comparison_{unit}", title, tuple(columns), rows)


def _row(line: _Line, found: Compared, q: float | None, *, many: bool) -> Row:
    heads = [head for head in line.sides if head]
    values = [head.estimate if head else Estimate(None) for head in line.sides]
    periods = list(dict.fromkeys(head.period for head in heads if head.period))
    when = f", {' against '.join(periods)}" if periods else ""
    when = "" if line.title.endswith(when) else when
    row: dict[str, Cell] = {
        "item": line.title + when,
        "first": values[0],
        "second": values[1],
        "difference": line.difference,
        "p": line.p,
        "q": q,
        "verdict": _verdict(line, found, q),
    }
    if many:
        row["step"] = f"{line.pair.first} against {line.pair.second}"
    if line.unit in TOTALS and values[0].value is not None and values[1].value:
        row["times"] = values[0].value / values[1].value
    return row


def _verdict(line: _Line, found: Compared, q: float | None) -> str:
    if line.because:
        return line.because
    if found.mismatched:
        return "not judged: sizes not as drawn"
    assert line.difference is not None
    assert line.difference.low is not None
    assert line.difference.high is not None
    if q is None or q >= 0.05 or line.difference.low <= 0 <= line.difference.high:
        return NOTHING
    up = (line.difference.value or 0) > 0
    if found.by_lot:
        return f"{line.pair.first} {'raises' if up else 'lowers'} it"
    return f"{line.pair.first} is {'higher' if up else 'lower'}"
