"""Targets held against a report: pass, warn, fail, or not evaluable; missing data never pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from adoptcli.results import Estimate, Judged, MetricReport, Of, Unit
from adoptcli.targets import names
from adoptcli.targets.conditions import Condition, Unfit, alike
from adoptcli.targets.find import Found, Splits, Wrong, figures
from adoptcli.targets.model import Target, Wanted
from adoptcli.targets.names import Figure

LastRun = Callable[[Figure, str], Found | str]
"""(figure, its series) -> what the run before had, or why there is nothing."""


@dataclass(frozen=True)
class Judgement:
    """What came of all targets, in their order; and the targets that make no sense, and why."""

    judged: tuple[Judged, ...]
    wrong: Mapping[str, str]


def judge(
    targets: Mapping[str, Target], metrics: Sequence[MetricReport], splits: Splits,
    last: LastRun | None = None, as_of: str = "",
) -> Judgement:  # fmt: skip
    """Every figure that has a target, and whether it is as it must be.

    Args:
        targets: The YAML's section.
        metrics: Results; targets of metrics that are not among them are left out.
        splits: What the results are split by, in their order; targets of other segments are left
            out.
        as_of: The day before which the results count.
        last: What the last run had; without it nothing that asks for it can be judged.
    """
    by_id = {metric.id: metric for metric in metrics}
    judged: list[Judged] = []
    wrong: dict[str, str] = {}
    for name, target in targets.items():
        figure = names.parse(name)
        if figure.metric not in by_id or (figure.by and figure.by not in map(tuple, splits)):
            continue
        alone = figure.table == "textbook" or (figure.table == "headline" and figure.split)
        if target.change is not None and alone:
            wrong[name] = "it has no period before; the cells of a table that has periods do"
            continue
        try:
            for found in figures(figure, by_id[figure.metric], splits, as_of):
                judged += _all(name, figure, target, found, last)
        except (Wrong, Unfit) as problem:
            wrong[name] = str(problem)
    return Judgement(tuple(judged), wrong)


def _all(
    name: str, figure: Figure, target: Target, found: Found, last: LastRun | None
) -> Iterator[Judged]:
    """The figure, and its changes, as far as the target asks for them."""
    called, metric = found.name or name, figure.metric
    if target.must or target.should:
        blank = _blank(name, called, "value", metric, found.path)
        yield _judged(blank, target, found)
    if target.change is not None:
        blank = _blank(name, f"{called}, change", "change", metric, f"{found.path}.change")
        yield _judged(blank, target.change, _change(found, target.change))
    if target.since_last_run is not None:
        told = f"{called}, since last run"
        blank = _blank(name, told, "since_last_run", metric, found.path)
        moved = _since(found, figure, last)
        yield _judged(blank, target.since_last_run, _change(moved, target.since_last_run))


def _blank(name: str, called: str, of: Of, metric: str, path: str) -> Judged:
    return Judged(name, called, of, metric, path, "not_evaluable", "")


def _since(found: Found, figure: Figure, last: LastRun | None) -> Found:
    """The figure with its change against the last run, of which no interval is known."""
    if last is None:
        return replace(found, change=None, unchanged="no run is kept; name them with --history DIR")
    before = last(figure, names.series(figure, found.path))
    if isinstance(before, str) or before.reason:
        why = before if isinstance(before, str) else f"the last run had none: {before.reason}"
        return replace(found, change=None, unchanged=why)
    now, then = found.estimate.value, before.estimate.value
    moved = None if now is None or then is None else Estimate(now - then)
    return replace(found, change=moved, unchanged="the last run has no such number")


def _change(found: Found, wanted: Wanted) -> Found:
    """The change as a figure: in pp of shares, or relative to the value before."""
    now, moved = found.estimate.value, found.change
    if found.unit is None:
        return found
    asked = [c for c in (wanted.must, wanted.should) if c is not None]
    relative = any(c.relative for c in asked)
    if relative and not all(c.relative for c in asked):
        raise Unfit("say all of its change in %, or none")
    unit: Unit = "share" if relative else "pp" if found.unit == "share" else found.unit
    found = replace(found, unit=unit)
    if found.reason:
        return found
    if moved is None or moved.value is None or now is None:
        return replace(found, estimate=Estimate(None), reason=found.unchanged)
    if not relative:
        return replace(found, estimate=moved)
    before = now - moved.value
    if before <= 0:
        reason = "a change in % needs a value above zero before"
        return replace(found, estimate=Estimate(None), reason=reason)
    parts = (None if v is None else v / before for v in (moved.value, moved.low, moved.high))
    value, low, high = parts
    return replace(found, estimate=Estimate(value, low=low, high=high))


def _judged(blank: Judged, wanted: Wanted, found: Found) -> Judged:
    must, should = wanted.must, wanted.should
    first = must or should
    blank = replace(blank, condition=str(first), surely=wanted.surely, period=found.period)
    if found.unit is not None:
        for condition in (must, should):  # before the number: that a unit is wrong is always told
            if condition is not None:
                condition.bounds(found.unit)
    value = _plain(found.estimate.value)
    if found.unit is None or found.reason or value is None:
        return replace(blank, unit=found.unit or "number", reason=found.reason or "no number")
    estimate = found.estimate
    told = replace(
        blank, value=value, low=_plain(estimate.low), high=_plain(estimate.high), unit=found.unit,
        numerator=_plain(estimate.numerator), denominator=_plain(estimate.denominator),
    )  # fmt: skip
    return _outcome(told, value, found.unit, must, should)


def _plain(value: float | None) -> float | None:
    """Without the groups that a number may know; none where it is endless."""
    return float(value) if value is not None and math.isfinite(value) else None


def _outcome(
    told: Judged, value: float, unit: Unit, must: Condition | None, should: Condition | None
) -> Judged:
    if must is not None and not must.bounds(unit).hold(value):
        return _missed(_measured(told, value, unit, must), must, unit)
    if should is not None and not should.bounds(unit).hold(value):
        return replace(_measured(told, value, unit, should), outcome="warn")
    condition = must or should
    assert condition is not None
    return replace(_measured(told, value, unit, condition), outcome="pass")


def _measured(told: Judged, value: float, unit: Unit, condition: Condition) -> Judged:
    limit = condition.bounds(unit).nearest(value)
    distance = 0.0 if alike(value, limit) else value - limit
    return replace(told, condition=str(condition), limit=limit, distance=distance)


def _missed(told: Judged, must: Condition, unit: Unit) -> Judged:
    """A value that is not as it must be; with `surely` only the whole interval makes it fail."""
    if not told.surely:
        return replace(told, outcome="fail")
    if told.low is None and told.high is None:
        return replace(told, reason="it has no interval, so nobody can be sure that it misses")
    low = -math.inf if told.low is None else told.low
    high = math.inf if told.high is None else told.high
    if must.bounds(unit).beyond(low, high):
        return replace(told, outcome="fail")
    return replace(told, outcome="warn", reason="not surely: its interval reaches the target")
