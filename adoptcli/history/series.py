"""One figure over the runs that are kept, and what the last of them said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from adoptcli.errors import DataProblem, UsageProblem
from adoptcli.history.kept import KIND, Run, described, runs
from adoptcli.results import Estimate, Report, Unit
from adoptcli.targets import names
from adoptcli.targets.find import Found, Wrong, figures
from adoptcli.targets.judge import LastRun
from adoptcli.targets.names import Figure

_INSIDE = re.compile(r"\[(.*)\]")


@dataclass(frozen=True, slots=True)
class Point:
    """One number of one run.

    Attributes:
        as_of: The day up to whose beginning the run counted.
        definitions: Hash of the definitions it counted by.
        changed: The run before it counted by other definitions.
        series: What its figure has in common with that of other runs.
        keys: Which row of the table, `period=2026-08`; empty for a headline.
        period: Of a headline, what it is about.
        reason: Why there is no number that can be judged.
        estimate: The number; its value is None where there is none.
        unit: Of the number.
    """

    as_of: str
    definitions: str
    changed: bool
    series: str
    keys: str
    period: str | None
    reason: str
    estimate: Estimate
    unit: Unit


def points(found: Sequence[Run], asked: str) -> list[Point]:
    """One figure over time, of each run what `check` would judge.

    Args:
        found: Runs of one kind, oldest first.
        asked: The name of a figure, as a target has it.

    Raises:
        UsageProblem: It names no figure, or no run has it.
        DataProblem: A file cannot be read.
    """
    figure = _figure(asked)
    rows = {
        (run.told["as_of"], run.told["definitions"], names.series(figure, one.path)): (run, one)
        for run in _ordered(found)
        for one in _figures(run, figure)
    }  # of two runs that hold the same number, the one that was written later
    if not rows:
        hint = f"the metrics are: {', '.join(found[-1].metrics())}"
        if figure.by and [*figure.by] not in found[-1].splits:
            hint = f"runs with --by {','.join(figure.by)} have it"
        raise UsageProblem("unknown-number", f"no run that is kept has {asked!r}", hint)
    before: dict[str, str] = {}
    shown = []
    for (as_of, definitions, series), (_, one) in rows.items():
        changed = before.get(series, definitions) != definitions
        before[series] = definitions
        inside = _INSIDE.search(one.path)
        shown.append(
            Point(
                as_of, definitions, changed, series, inside[1] if inside else "",
                None if inside else one.period, one.reason, one.estimate, one.unit or "number",
            )
        )  # fmt: skip
    return shown


def last_run(folder: Path, report: Report) -> LastRun:
    """The figures of the last run before this one by the same definitions; or why there is none."""
    told = described(report)
    try:
        found = runs(folder) if any(folder.glob("*.parquet")) else []
    except DataProblem as problem:
        why = f"the runs that are kept cannot be read: {problem.message}"
        return lambda figure, series: why
    kind = tuple(told[key] for key in KIND)
    earlier = [run for run in found if run.kind == kind and run.told["as_of"] < report.as_of]
    same = [run for run in earlier if run.told["definitions"] == report.definitions]
    if not same:
        why = "no run before this one is kept"
        if earlier:
            why = f"the definitions have changed since the last run, {earlier[-1].told['as_of']}"
        return lambda figure, series: why
    day = [run for run in same if run.told["as_of"] == same[-1].told["as_of"]]

    def look(figure: Figure, series: str) -> Found | str:
        try:
            there = {
                names.series(figure, one.path): one for run in day for one in _figures(run, figure)
            }
        except (DataProblem, UsageProblem) as problem:
            return f"the last run cannot be read: {problem.message}"
        return there.get(series, "the last run has no such number")

    return look


def _figures(run: Run, figure: Figure) -> Iterator[Found]:
    """What a figure's name stands for in a run; nothing where the metric is not in it."""
    metric = run.metric(figure.metric)
    if metric is None or (figure.by and [*figure.by] not in run.splits):
        return
    try:
        yield from figures(figure, metric, run.splits, run.told["as_of"])
    except Wrong as problem:
        raise UsageProblem("unknown-number", f"{figure.metric}: {problem}") from None


def _figure(asked: str) -> Figure:
    try:
        return names.parse(asked)
    except ValueError as error:
        raise UsageProblem(
            "bad-figure", f"{asked!r}: {error}", "see `adoptcli explain targets`"
        ) from None


def _ordered(found: Sequence[Run]) -> Iterator[Run]:
    """Runs in order; of those of one day, first the one that counts as the run before did."""
    before, rest = "", list(found)
    while rest:
        day = [run for run in rest if run.told["as_of"] == rest[0].told["as_of"]]
        run = next((run for run in day if run.told["definitions"] == before), day[0])
        rest.remove(run)
        before = run.told["definitions"]
        yield run
