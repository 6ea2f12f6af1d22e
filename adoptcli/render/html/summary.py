"""What stands on top: the figures by section, the next steps, what to know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from adoptcli.render import numbers
from adoptcli.render.outcomes import ORDER, SIGNS, WORDS
from adoptcli.render.text import safe
from adoptcli.render.verdicts import message
from adoptcli.render.words import Known, first_steps, known, left_out, set_aside, was_read
from adoptcli.results import Estimate, Finding, Headline, Judged, MetricReport, Report

SMALL, MOST_BARS = 30, 12
FIRST = ("active_users", "activation", "retention", "stickiness", "adoption_rate", "churn")
MOST_FIRST = 4


@dataclass(frozen=True)
class Line:
    """A headline as it is shown."""

    title: str
    period: str
    value: str
    interval: str
    n: str
    few: bool
    change: str
    up: bool | None
    bars: tuple[tuple[int, float, float], ...]
    trend: str
    first: bool
    note: str = ""


@dataclass(frozen=True)
class Step:
    """A next step; advice is given once."""

    message: str
    advice: str
    command: str
    metric: str


@dataclass(frozen=True)
class Mark:
    """What came of a target: a sign, a word and what it must be; `message` has both numbers."""

    outcome: str
    sign: str
    word: str
    name: str
    condition: str
    message: str


def line(found: Headline, *, first: bool = True) -> Line:
    """A headline in words."""
    n = numbers.behind(found.estimate)
    words = numbers.change(found.change, found.unit)
    moved = found.change.value if found.change else None
    denominator = found.estimate.denominator
    title = f"{found.title}: {found.verdict}" if found.verdict else found.title
    return Line(
        safe(title),
        safe(found.period) if found.period and first else "",
        numbers.number(found.estimate.value, found.unit),
        numbers.interval(found.estimate, found.unit),
        n,
        bool(n) and denominator is not None and denominator < SMALL,
        words,
        None if not moved or words.startswith("±") else moved > 0,
        _bars(found.trend[-MOST_BARS:]),
        ", ".join(numbers.number(v, found.unit) for v in found.trend[-MOST_BARS:]),
        first,
        safe(found.note),
    )


def lines(metric: MetricReport) -> list[Line]:
    """The headline of a metric, its textbook figure where it differs, and what else there is."""
    found = metric.result
    if found.headline is None:
        return []
    shown = [line(found.headline)]
    book = found.textbook
    if book and book.value is not None and book.value != found.headline.estimate.value:
        as_estimate = Estimate(book.value, book.numerator, book.denominator)
        shown.append(
            line(Headline(f"textbook: {book.formula}", as_estimate, book.unit), first=False)
        )
    return [*shown, *(line(one, first=False) for one in found.also)]


def key_figures(report: Report) -> list[Line]:
    """The few that a reader wants first."""
    known = {metric.id: metric.result.headline for metric in report.metrics}
    heads = (known.get(name) for name in FIRST)
    shown = [line(head) for head in heads if head and head.estimate.value is not None]
    return shown[:MOST_FIRST]


def _bars(values: Sequence[float | None]) -> tuple[tuple[int, float, float], ...]:
    """x, top and height of each bar of a small drawing, 16 high; none for none."""
    top = max((v for v in values if v is not None), default=0)
    if top <= 0 or len(values) < 2:
        return ()
    tall = [(i, max(1.0, round(max(v, 0) / top * 16, 1))) for i, v in enumerate(values)
            if v is not None]  # fmt: skip
    return tuple((i * 6, round(16 - height, 1), height) for i, height in tall)


def steps(findings: Sequence[Finding]) -> tuple[list[Step], list[Step]]:
    """The worst of each topic, and the others."""
    first = first_steps(findings)
    others = [found for found in findings if found not in first]
    return _steps(first), _steps(others)


def _steps(findings: Iterable[Finding]) -> list[Step]:
    shown, given = [], set()
    for found in findings:
        advice = "" if found.advice in given else safe(found.advice)
        given.add(found.advice)
        shown.append(Step(safe(found.message), advice, safe(found.audience), found.metric))
    return shown


def notes(report: Report) -> list[Known]:
    """Each caveat once, made safe."""
    return [replace(one, text=safe(one.text)) for one in known(report)]


def marks(report: Report) -> dict[str, Mark]:
    """By metric: what came of its headline's target."""
    return {one.metric: _mark(one) for one in report.targets if one.figure == "headline"}


def missed(report: Report) -> list[Mark]:
    """The targets that did not pass, what failed first."""
    worst = sorted(report.targets, key=lambda one: -ORDER.index(one.outcome))
    return [_mark(one) for one in worst if one.outcome != "pass"]


def _mark(found: Judged) -> Mark:
    return Mark(
        found.outcome, SIGNS[found.outcome], WORDS[found.outcome], safe(found.name),
        found.condition, safe(message(found)),
    )  # fmt: skip


def facts(report: Report) -> list[tuple[str, str]]:
    """What was read, and by which definitions."""
    source = report.source
    aside = [*set_aside(report), *left_out(report)]
    shown = f"{report.since or '…'} to {report.until or '…'}"
    found = [
        ("Read", " · ".join(was_read(report))),
        ("Days", f"{source.first_day} to {source.last_day}"),
        ("Time zone", report.time_zone),
        ("Shown", shown if report.since or report.until else ""),
        ("Split by", report.segment or ""),
        ("Set aside", ", ".join(aside)),
        ("Definitions", f"{report.definitions} · adoptcli {report.version}"),
    ]
    return [(name, safe(text)) for name, text in found if text]
