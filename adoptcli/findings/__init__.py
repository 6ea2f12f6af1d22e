"""Findings: what stands out in a finished report, and what to do about it; worst first.

Nothing is said where fewer than 30 stand behind a figure (on either side of a comparison), where
the 95 % interval does not lie wholly beyond the threshold, or where a caveat says that the figure
is not to be trusted: a window that the data do not fill, an event or a value that never occurs,
and, for what compares times, a day within the last 120 on which the volume collapsed. Nothing at
all where the data end before as-of, so that everything looks quiet. The first screen has the worst
finding of each kind of list, five at most; `--details` and JSON have all.

The list of a finding holds those whom its sentence counts, or, where that is a rate, those whom it
names at its end; `people` in JSON is how many. The command that writes it can be pasted into a
shell, in the folder of the run; `FILE` stands for what the run read from a pipe.

Severity, from 0 to 1: how far the interval's nearer bound lies beyond the threshold, relative to
the threshold (at most 1), times the share of all people, or accounts, that the finding touches.
Where the threshold is 0, relative to the value before, the rest's value, or 100 points. Equal ones
keep the order of the rules.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from adoptcli.findings.figures import Figure, column, largest
from adoptcli.findings.rule import Rule
from adoptcli.findings.rules import RULES
from adoptcli.render import numbers
from adoptcli.results import FROM_PIPE, Estimate, Finding, MetricReport, Report, Unit

__all__ = ["RULES", "Rule", "found_in"]

FEWEST = 30
MOST_ACCOUNTS = 3  # named in a message
SIGNIFICANT = 0.05  # of q, for a segment
UNTRUSTED = frozenset({"window-not-full", "event-not-seen", "value-not-seen", "right-censored"})
MIXED = "simpson"  # every segment of any size changes the other way
SPOILED_FOR = 120  # days after a collapse of the volume in which times cannot be compared
_SPAN = re.compile(r"(\d)([a-z])")
STALE = "data-end-early"  # the last days are missing, so that everything looks quiet


def found_in(
    report: Report, options: Sequence[str] = (), split: Sequence[str] = (),
    rules: Sequence[Rule] = RULES,
) -> tuple[Finding, ...]:  # fmt: skip
    """The findings of a report, worst first.

    Args:
        report: With finished metrics.
        options: Files and options of the run, so that the commands named can be pasted.
        split: The options that split it, which only the lists of segments need.
        rules: What to look for.
    """
    codes = {caveat.code for caveat in report.caveats}
    if STALE in codes:
        return ()
    metrics = {metric.id: metric for metric in report.metrics if metric.result.status == "ok"}
    spoiled = _spoiled(report)
    found = [
        _finding(rule, figure, metrics, report, options, split)
        for rule in rules
        if rule.metric in metrics and not (rule.flow and spoiled)
        for figure in _faults(rule, metrics, report.period)
    ]
    told = {finding.code for finding in found}
    superseded = {rule.code for rule in rules if rule.unless in told}
    kept = [finding for finding in found if finding.code not in superseded]
    return tuple(sorted(kept, key=lambda finding: -finding.severity))


def _faults(rule: Rule, metrics: Mapping[str, MetricReport], period: str) -> Iterator[Figure]:
    """The figures of a metric that a rule finds fault with."""
    metric = metrics[rule.metric]
    resting = [metrics[name] for name in (rule.metric, *rule.leans) if name in metrics]
    codes = {caveat.code for m in resting for caveat in m.result.caveats}
    if codes & UNTRUSTED or (rule.flow and MIXED in codes):
        return
    if rule.period and rule.period != period:
        return
    for figure in rule.at(metric):
        if _beyond(rule, figure, metric) is None or figure.n < FEWEST:
            continue
        if figure.q is not None and figure.q >= SIGNIFICANT:
            continue
        if abs(figure.estimate.value or 0.0) < rule.least * figure.scale:
            continue
        if rule.when is None or rule.when(figure.words):
            yield figure


def _spoiled(report: Report) -> bool:
    """Whether the volume collapsed on a day that the last periods hold, as where tracking fails."""
    since = date.fromisoformat(report.as_of) - timedelta(days=SPOILED_FOR)
    return any(date.fromisoformat(day) >= since for day in report.source.cliffs)


def threshold(rule: Rule, metric: MetricReport) -> float:
    """The threshold of a rule, perhaps from the settings of its metric."""
    mark = rule.above if rule.below is None else rule.below
    if isinstance(mark, str):
        mark = metric.settings[mark]  # type: ignore[assignment]
    assert isinstance(mark, int | float)
    return float(mark)


def _beyond(rule: Rule, figure: Figure, metric: MetricReport) -> float | None:
    """How far the interval's nearer bound lies beyond the threshold; None where it does not."""
    low, high, mark = figure.estimate.low, figure.estimate.high, threshold(rule, metric)
    if figure.estimate.value is None or low is None or high is None:
        return None
    gap = mark - high if rule.above is None else low - mark
    return gap if gap > 0 else None


def _severity(rule: Rule, figure: Figure, metrics: Mapping[str, MetricReport], all_: int) -> float:
    mark = threshold(rule, metrics[rule.metric])
    gap = _beyond(rule, figure, metrics[rule.metric]) or 0.0
    far = min(gap / (abs(mark) or figure.scale or 1.0), 1.0)
    whole = figure.n if rule.of_accounts else all_
    return far * min(figure.touched / whole, 1.0) if whole else 0.0


def _finding(
    rule: Rule, figure: Figure, metrics: Mapping[str, MetricReport], report: Report,
    options: Sequence[str], split: Sequence[str],
) -> Finding:  # fmt: skip
    metric, estimate = metrics[rule.metric], figure.estimate
    people = _listed(rule, figure, metric, report.unit)
    words = _words(rule, figure, metric, report.unit) | {"people": numbers.count(people)}
    says = rule.says + (rule.lists if people else "")
    says += rule.more[2] if rule.more and "share" in words else ""
    own = split if figure.words.get("segment") is not None else ()
    name = _list_of(rule, figure, metric) if people else ""
    return Finding(
        code=rule.code,
        metric=rule.metric,
        figure=figure.path,
        message=says.format_map(words),
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        unit=figure.unit,
        numerator=estimate.numerator,
        denominator=estimate.denominator,
        n=int(figure.n),
        people=people,
        threshold=threshold(rule, metric),
        severity=_severity(rule, figure, metrics, report.source.actors),
        advice=rule.advice.format_map(words),
        topic=_topic(rule),
        audience=_command(rule, name, (*options, *own)),
    )


def _listed(rule: Rule, figure: Figure, metric: MetricReport, unit: str) -> int:
    """How many are on the rule's list."""
    if rule.of_members and unit == "account":
        return 0
    if rule.listed is None:
        return round(figure.touched)
    return round(rule.listed(metric, _places(figure, metric)) or 0)


def _places(figure: Figure, metric: MetricReport) -> dict[str, object]:
    """What a list's name may name, as the data have it."""
    period = figure.words.get("period")
    return {
        "month": str(metric.settings.get("month", "")).removesuffix("d"),
        "table": next((table.name for table in metric.result.tables), ""),
        **figure.words,
        "cohort": None if period is None else str(period).removeprefix("cohort "),
    }


def _list_of(rule: Rule, figure: Figure, metric: MetricReport) -> str:
    """The name of the list, without the keys for which there is no value."""
    places, name = _places(figure, metric), rule.audience
    for place in (place for place, value in places.items() if value is None):
        name = re.sub(rf",\w+=\{{{place}\}}", "", name)
    return name.format_map(places)


def _words(rule: Rule, figure: Figure, metric: MetricReport, unit: str) -> dict[str, object]:
    """What the texts of a rule may name, as people read it."""
    estimate = figure.estimate
    own: Unit = figure.words.get("unit", figure.unit)  # type: ignore[assignment]
    words: dict[str, object] = {
        name: _told(cell, own) for name, cell in figure.words.items()
    } | _kinds(figure)
    words["period"] = words.get("period") or "so far"
    words |= {
        "value": numbers.number(estimate.value, figure.unit),
        "threshold": numbers.mark(threshold(rule, metric), figure.unit),
        "n": numbers.count(figure.n),
        "after": _SPAN.sub(r"\1 \2", str(metric.settings.get("after", ""))),
        "actor": unit, "actors": f"{unit}s",
        "accounts": ", ".join(column(metric, "accounts", "item", "look_at")[:MOST_ACCOUNTS]),
    }  # fmt: skip
    if estimate.numerator is not None and estimate.denominator is not None:
        words["numerator"] = numbers.count(estimate.numerator)
        words["denominator"] = numbers.count(estimate.denominator)
        words["counts"] = f"{words['numerator']} of {words['denominator']}"
    most = largest(metric, *rule.more[:2]) if rule.more else None
    if most is not None and (most[1].denominator or 0) >= FEWEST:
        words |= {"most": most[0], "share": numbers.number(most[1].value, "share")}
    return words


def _kinds(figure: Figure) -> dict[str, object]:
    """Of those lost: of how many it is known whether they had activated, and who else there is."""
    early, slow = figure.words.get("early"), figure.words.get("slow")
    if not isinstance(early, int) or not isinstance(slow, int):
        return {}
    others = round(figure.touched) - early - slow
    unknown = f"; of {numbers.count(others)} more it is not known" if others else ""
    return {"judged": numbers.count(early + slow), "unknown": unknown}


def _told(cell: object, unit: Unit) -> object:
    """A number of a row as people read it; of an estimate its value in its unit."""
    if isinstance(cell, Estimate):
        return numbers.number(cell.value, unit)
    return cell if cell is None or isinstance(cell, str) else numbers.count(cell)  # type: ignore[arg-type]


def _topic(rule: Rule) -> str:
    """The kind of list that a finding calls for: those of one topic are much the same people."""
    if rule.code == "segment-behind":
        return rule.code
    return rule.topic or rule.audience.partition(":")[0].partition("[")[0]


def _command(rule: Rule, name: str, options: Sequence[str]) -> str:
    """The command that lists the people; where there is no list, the metric's own."""
    parts = ["audience", name] if name else [rule.metric.replace("_", "-")]
    pipe = FROM_PIPE if "-" in options else ""
    return shlex.join(["adoptcli", *parts, *options]) + pipe
