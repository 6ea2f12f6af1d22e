"""What a metric gives back: numbers that carry their counts, in frozen, plain-Python objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

# `pp` is a difference of shares: a fraction too, which people read in percentage points.
Unit = Literal[
    "share", "pp", "users", "events", "sessions", "seconds", "days", "points", "ratio", "number",
    "date", "text", "p",
]  # fmt: skip
Status = Literal["ok", "not_configured", "not_evaluable"]
Outcome = Literal["pass", "warn", "not_evaluable", "fail"]
Of = Literal["value", "change", "since_last_run"]  # what of a figure has a target
KEYS = ("segment", "period", "cohort", "step", "item")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with the counts behind it and its 95 % interval; absent parts are None."""

    value: float | None
    numerator: float | None = None
    denominator: float | None = None
    low: float | None = None
    high: float | None = None


Cell = str | int | float | Estimate | None
Row = Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its key in JSON, its title for people, its unit.

    A share names the measures of the counted rows that it divides, so that the people behind
    either can be listed: `of=("activated", "mature")`.
    """

    name: str
    title: str
    unit: Unit = "number"
    of: tuple[str, str] | None = None

    @property
    def is_key(self) -> bool:
        """True for the columns that say which cell a row is, not how much."""
        return self.name in KEYS


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one shape, sorted by their keys."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Headline:
    """One honest figure: what it is, for which period, and how it moved.

    The verdict is what is said of it in words, beside its title: that stays the same whatever is
    found, so that figures of segments or periods can be told to be of the same thing.
    """

    title: str
    estimate: Estimate
    unit: Unit
    period: str | None = None
    change: Estimate | None = None
    trend: tuple[float | None, ...] = ()
    note: str = ""
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Textbook:
    """The figure as the textbook formula gives it, and that formula in words."""

    value: float | None
    numerator: float | None
    denominator: float | None
    formula: str
    unit: Unit = "share"


@dataclass(frozen=True, slots=True)
class Caveat:
    """Something the reader must know before believing a number."""

    code: str
    message: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """One metric, computed: headline, textbook figure, tables and caveats."""

    headline: Headline | None
    textbook: Textbook | None
    tables: tuple[Table, ...]
    caveats: tuple[Caveat, ...] = ()
    also: tuple[Headline, ...] = ()
    status: Status = "ok"
    reason: str = ""

    def table(self, name: str) -> Table | None:
        """One of its tables, if it is there."""
        return next((table for table in self.tables if table.name == name), None)


@dataclass(frozen=True, slots=True)
class MetricReport:
    """A result with the words and settings that say what was computed."""

    id: str
    title: str
    section: str
    definition: str
    settings: Mapping[str, object]
    result: Result


FROM_PIPE = " < FILE"  # how a command ends where the run read a pipe, to be filled in


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that stands out, with the number that says so and what to do about it.

    Attributes:
        code: The rule that found it.
        metric: The metric it is about.
        figure: The place of its number in the metric's JSON: `headline`, `headline.change` or
            `table[key=value].measure`.
        message: What is the matter, in words.
        value, low, high, unit, numerator, denominator: The number, as it stands there.
        n: Actors behind it; of a comparison, on the smaller side.
        people: How many people (or accounts) its list holds; 0 where there is no list.
        threshold: What the interval lies beyond.
        severity: From 0 to 1: how far it lies beyond, times the share of all that it touches.
        advice: What helps.
        topic: The kind of list that it calls for; findings of one topic are much the same people.
        audience: The command that lists the people, with the files and options of this run, for a
            shell; where there is no list, the metric's own. It ends with ` < FILE` where the run
            read a pipe.
    """

    code: str
    metric: str
    figure: str
    message: str
    value: float | None
    low: float | None
    high: float | None
    unit: Unit
    numerator: float | None
    denominator: float | None
    n: int
    people: int
    threshold: float
    severity: float
    advice: str
    topic: str
    audience: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A figure that has a target, and whether it is as it must be.

    Attributes:
        target: Its name in the YAML.
        name: The name of this one figure, where that stands for several.
        of: Whether the figure itself is judged, or its change against the period or the run before.
        metric: The metric.
        figure: Its place in the metric's JSON: `headline`, `headline.change`, `textbook`, or
            `table[key=value].measure`, with `.change` where its change is judged.
        outcome: What came of it.
        condition: What it must be, as the YAML says; of a warning what it should be.
        value, low, high, unit, numerator, denominator: The number, as it stands there; of a change
            in percent a fraction of the value before.
        period: The period that it is of.
        limit: The limit of the condition that it is nearest to, in the same unit.
        distance: How far it is from there.
        surely: Whether it fails only where the whole interval is beyond.
        reason: Why it is not evaluable, or why it does not fail.
    """

    target: str
    name: str
    of: Of
    metric: str
    figure: str
    outcome: Outcome
    condition: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    unit: Unit = "number"
    numerator: float | None = None
    denominator: float | None = None
    period: str | None = None
    limit: float | None = None
    distance: float | None = None
    surely: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SourceSummary:
    """What was read and what was set aside, by reason.

    `cliffs` are the days on which the volume collapsed, as where tracking was out. `merged` are
    the ids that another id stands for, `merged_into` the ids that do; `devices` are actors that are
    known by an anonymous id alone.
    """

    rows: int
    events: int
    actors: int
    accounts: int | None
    set_aside: Mapping[str, int]
    anonymous: int
    duplicates: int
    excluded: int
    first_day: str
    last_day: str
    cliffs: tuple[str, ...] = ()
    merged: int = 0
    merged_into: int = 0
    devices: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """Everything one run has to say."""

    version: str
    as_of: str
    time_zone: str
    since: str | None
    until: str | None
    unit: str
    period: str
    segment: str | None
    definitions: str
    source: SourceSummary
    metrics: Sequence[MetricReport]
    caveats: tuple[Caveat, ...] = ()
    findings: tuple[Finding, ...] = ()
    targets: tuple[Judged, ...] = ()
