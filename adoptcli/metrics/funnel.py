"""Funnel: what share of those who enter a path of steps come to each step of it, and how fast.

Formula: actors whose attempt reached a step ÷ actors with a mature attempt.
Numerator: mature actors whose deepest attempt reached the step at t0 ≤ t ≤ t0 + within.
Denominator: actors with a mature attempt: an entry t0 among the days shown, t0 + within < as-of.
Window: elapsed time since the entry, closed at both ends; a day is 86,400 s. Later steps may lie
after the days shown.
Entry: an event of the first step. Of an actor's attempts counts (`any`) a mature one, of those the
deepest, of those the earliest; in the table by period the same among its entries of the period. Or
only the first of the days shown (`first`), or the first ever if it lies in them (`first_ever`).
Order: other events may lie between the steps (`loose`); none of the actor's events that count, of
whatever name, may be at a time between two steps (`strict`); the steps come in whatever order, an
event of any is an entry, and the depth is how many were done (`any`).
Ties: equal times satisfy "then". Each step takes the earliest event there is, one of its own, so
that the same step twice needs two events.
Exclusions: no step counts after the first event of `exclude` that is later than the entry; one at
the very time of the entry or of the step cuts nothing off.
Left out: those who entered late (t0 + within ≥ as-of, and no mature attempt) are counts, converted
so far or not yet, never part of a rate. With `first_ever` also actors whose start is unknown or
lies before the data, who are counted.
Textbook: actors that ever came to the last step, without a window or exclusions ÷ all that entered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl
from pydantic import Field, model_validator

from adoptcli.context import Context
from adoptcli.definitions import Definitions, Duration, EventRef, Model, Name
from adoptcli.metrics._base import Metric, NamedSettings, Rows, Tallies, register
from adoptcli.metrics._shared import (
    cells,
    quantile,
    share,
    share_difference,
    small,
    start_caveats,
    start_rows,
    totals,
    unseen,
)
from adoptcli.results import Caveat, Column, Estimate, Headline, Result, Row, Table, Textbook
from adoptcli.timeframe import DAY_MS, HOUR_MS
from adoptcli.timeline import Timeline
from adoptcli.timeline.days import start_of
from adoptcli.timeline.funnel import Order, Path, attempts, deepest

MOST = 20
QUANTILES = (("p25", 0.25), ("median", 0.5), ("p75", 0.75))
COUNTS = ("entered", "mature", "converted", "waiting", "so_far")


class Funnel(Model):
    """One path of steps."""

    steps: list[EventRef] = Field(
        min_length=2, max_length=MOST, description="The events of the steps, in order."
    )
    within: Duration = Field(14 * DAY_MS, description="Time from the entry to the last step.")
    entry: Literal["any", "first", "first_ever"] = Field(
        "any",
        description="Which entry counts: the deepest attempt of any, the first of the days shown, "
        "or the first ever.",
    )
    order: Order = Field(
        "loose", description="Other events may lie between the steps, none may, or any order."
    )
    exclude: list[EventRef] = Field(
        default_factory=list, description="Events that cut an attempt off."
    )

    @model_validator(mode="after")
    def _apart(self) -> Funnel:
        for ref in self.exclude:
            if ref in self.steps:
                raise ValueError(f"'{ref}' is a step; it cannot be in 'exclude' too")
        return self


class FunnelSettings(NamedSettings):
    """The funnels, each under its name; the first gives the headline."""

    root: dict[Name, Funnel] = Field(min_length=1, description="A path of steps.")


def missing(settings: FunnelSettings | None, definitions: Definitions) -> str | None:
    """The key to add."""
    return None if settings else "add 'funnel: {NAME: {steps: [EVENT, EVENT]}}' to the YAML"


def rows(timeline: Timeline, settings: FunnelSettings, context: Context) -> Rows:
    """`funnels`, `periods`, `steps`, `times`, `since_entry` of all funnels; `left_out`."""
    funnels = settings.root.values()
    events = timeline.of([ref for f in funnels for ref in (*f.steps, *f.exclude)])
    strangers = start_rows(timeline, context)
    parts: dict[str, list[pl.LazyFrame]] = {"left_out": [strangers.head(0)]}
    for i, funnel in enumerate(funnels):
        found = _attempts(timeline, events, funnel, context)
        if funnel.entry == "first_ever":
            entered, strange = found.lazy().select("actor"), strangers.collect()
            parts["left_out"].append(strange.lazy().join(entered, on="actor", how="semi"))
            found = found.join(strange, on="actor", how="anti", maintain_order="left")
        for name, frame in _tables(found, len(funnel.steps), context).items():
            keyed = frame.with_columns(item=pl.lit(i, dtype=pl.Int32))
            parts.setdefault(name, []).append(keyed)
    return {name: pl.concat(frames) for name, frames in parts.items()}


def _path(funnel: Funnel, context: Context) -> Path:
    codes = context.vocabulary.codes
    steps = tuple(tuple(codes(step)) for step in funnel.steps)
    return Path(steps, funnel.within, funnel.order, tuple(codes(funnel.exclude)))


def _attempts(
    timeline: Timeline, events: pl.DataFrame, funnel: Funnel, context: Context
) -> pl.DataFrame:
    """Every attempt whose entry lies among the days shown."""
    shown, ever = (context.shown_from, context.end_day), funnel.entry == "first_ever"
    found = attempts(
        timeline.events if funnel.order == "strict" else events,
        _path(funnel, context), context.as_of, None if ever else shown,
        first=funnel.entry != "any",
    )  # fmt: skip
    return found.filter(pl.col("day").is_between(*shown, closed="left")) if ever else found


def _tables(found: pl.DataFrame, n: int, context: Context) -> Mapping[str, pl.LazyFrame]:
    """The rows of one funnel."""
    starts = context.calendar.starts(context.shown_from, context.end_day, context.period)
    dated = found.with_columns(period=start_of(pl.col("day"), starts))
    periods = deepest(dated, ["actor", "period"])
    whole = deepest(periods, ["actor"]).lazy()
    mature, depth = pl.col("mature"), pl.col("depth")
    ever = {"ever": (pl.col("ever") == n).cast(pl.Int64)}
    at = [pl.col(f"at_{k + 1}") for k in range(n)]
    return {
        "funnels": whole.select("actor", *_counts(n), **ever),
        "periods": periods.lazy().select("actor", "period", *_counts(n)),
        "steps": pl.concat(
            whole.select(
                "actor",
                step=pl.lit(k, dtype=pl.Int32),
                reached=mature & (depth >= k),
                before=mature & (depth >= k - 1),
                lost=mature & (depth == k - 1),
                mature=mature,
                late=~mature & (depth >= k),
                ever=pl.col("ever") >= k,
                entered=pl.lit(True),
            )
            for k in range(1, n + 1)
        ),
        "times": _durations(whole, [(k, at[k] - at[k - 1]) for k in range(1, n)]),
        "since_entry": _durations(whole, [(k, at[k] - at[0]) for k in range(1, n)]),
    }


def _counts(n: int) -> list[pl.Expr]:
    """The measures of one attempt a cell."""
    mature, done = pl.col("mature"), pl.col("depth") == n
    found = (pl.lit(True), mature, mature & done, ~mature & ~done, ~mature & done)
    return [expr.cast(pl.Int64).alias(name) for name, expr in zip(COUNTS, found, strict=True)]


def _durations(whole: pl.LazyFrame, steps: Iterable[tuple[int, pl.Expr]]) -> pl.LazyFrame:
    """How long the mature took to each step that they reached."""
    taken = whole.filter("mature")
    return pl.concat(
        taken.select(
            "actor", step=pl.lit(k + 1, dtype=pl.Int32), duration=time, actors=pl.lit(1, pl.Int8)
        ).filter(pl.col("duration").is_not_null())
        for k, time in steps
    )


@dataclass(frozen=True)
class _Found:
    """One funnel's name, settings and sums."""

    name: str
    funnel: Funnel
    whole: Mapping[str, int]
    periods: Mapping[int, Mapping[str, int]]
    complete: list[int]


def result(tallies: Tallies, settings: FunnelSettings, context: Context) -> Result:
    """The first funnel's conversion; the others beside it."""
    wholes = cells(tallies["funnels"], ["item"])
    periods = cells(tallies["periods"], ["item", "period"])
    found = [
        _Found(
            name, funnel, wholes.get(i, Counter()),
            {period: counts for (item, period), counts in periods.items() if item == i},
            _complete(funnel, context),
        )
        for i, (name, funnel) in enumerate(settings.root.items())
    ]  # fmt: skip
    first = found[0]
    book = share(first.whole["ever"], first.whole["entered"])
    formula = "ever at the last step, no window ÷ all who entered"
    textbook = Textbook(book.value, book.numerator, book.denominator, formula)
    caveats = _caveats(found, tallies, context)
    if not any(f.whole["entered"] for f in found):
        reason = "nobody entered a funnel within the days shown"
        return Result(None, textbook, (), caveats, status="not_evaluable", reason=reason)
    headline = _headline(first, context)
    tables = (
        _funnel_table(found),
        _step_table(found, cells(tallies["steps"], ["item", "step"])),
        _time_table(found, "times", tallies["times"], "Time from the step before"),
        _time_table(found, "since_entry", tallies["since_entry"], "Time since the entry"),
        _period_table(found, context),
        *(() if context.segments else (_definition_table(found),)),  # not once a segment
    )
    also = tuple(_headline(f, context, also=True) for f in found[1:])
    caveats = (*caveats, *small(headline.estimate.denominator, "who entered"))
    return Result(headline, textbook, tables, caveats, also)


def _complete(funnel: Funnel, context: Context) -> list[int]:
    """The complete periods whose every entry is mature."""
    last = context.as_of - funnel.within
    return [start for start, end in context.periods() if context.calendar.midnight(end) <= last]


def _headline(found: _Found, context: Context, *, also: bool = False) -> Headline:
    rates = [_converted(found.periods.get(start, Counter())) for start in found.complete]
    now = rates[-1] if rates else _converted(found.whole)
    period = context.label(found.complete[-1]) if rates else None
    title = f"Funnel {found.name} in {_length(found.funnel.within)}"
    return Headline(
        f"{title}, {period}" if also and period else title,
        now, "share", period,
        share_difference(now, rates[-2] if len(rates) > 1 else None),
        tuple(rate.value for rate in rates),
        "" if also else _words(found.funnel),
    )  # fmt: skip


def _converted(counts: Mapping[str, int]) -> Estimate:
    return share(counts["converted"], counts["mature"])


def _length(ms: int) -> str:
    """A duration in days, or in hours where it is shorter."""
    return f"{ms / DAY_MS:g} d" if ms >= DAY_MS else f"{ms / HOUR_MS:.3g} h"


def _words(funnel: Funnel) -> str:
    """The steps, and how they are counted."""
    link = {"loose": " → ", "strict": " ⇒ ", "any": " + "}[funnel.order]
    order = {"loose": "", "strict": ", nothing between", "any": ", in any order"}[funnel.order]
    entry = {"any": "any entry", "first": "first entry", "first_ever": "first entry ever"}
    but = f", not after {' or '.join(map(str, funnel.exclude))}" if funnel.exclude else ""
    return f"{link.join(map(str, funnel.steps))} ({entry[funnel.entry]}{order}{but})"


def _caveats(found: list[_Found], tallies: Tallies, context: Context) -> tuple[Caveat, ...]:
    told = [*start_caveats(totals(tallies["left_out"]))]
    for f in found:
        if f.whole["entered"] and not f.whole["mature"]:
            text = f"{f.name}: nobody who entered has had {_length(f.funnel.within)}"
            told.append(Caveat("window-not-full", text))
        told += unseen((*f.funnel.steps, *f.funnel.exclude), context)
    return tuple(dict.fromkeys(told))


_FUNNEL = Column("item", "Funnel", "text")
_STEP = (_FUNNEL, Column("step", "Step"), Column("event", "Event", "text"))
_COUNTED = (
    Column("entered", "Entered", "users"),
    Column("mature", "Mature", "users"),
    Column("converted", "Converted", "share", ("converted", "mature")),
    Column("waiting", "Still open", "users"),
    Column("so_far", "Open, converted so far", "users"),
)


def _measures(counts: Mapping[str, int]) -> dict[str, Any]:
    return {name: counts[name] for name in COUNTS} | {"converted": _converted(counts)}


def _funnel_table(found: list[_Found]) -> Table:
    lines: list[Row] = []
    for f in found:
        ever = share(f.whole["ever"], f.whole["entered"])
        lines.append({"item": f.name, **_measures(f.whole), "ever": ever})
    ever_column = Column("ever", "Ever, no window", "share", ("ever", "entered"))
    columns = (_FUNNEL, *_COUNTED, ever_column)
    return Table("funnels", "All entries of the days shown", columns, tuple(lines))


def _definition_table(found: list[_Found]) -> Table:
    lines: list[Row] = [
        {"item": f.name, "within": _length(f.funnel.within), "counted": _words(f.funnel)}
        for f in found
    ]
    counted = Column("counted", "Steps, and how they count", "text")
    columns = (_FUNNEL, Column("within", "Within", "text"), counted)
    return Table("definitions", "What is counted", columns, tuple(lines))


def _step_table(found: list[_Found], counts: Mapping[tuple[int, int], Mapping[str, int]]) -> Table:
    lines: list[Row] = []
    for i, f in enumerate(found):
        for k in range(1, len(f.funnel.steps) + 1):
            c = counts.get((i, k), Counter())
            lines.append(
                {
                    "item": f.name,
                    "step": k,
                    "event": _event(f.funnel, k),
                    "reached": share(c["reached"], c["mature"]),
                    "onward": share(c["reached"], c["before"]) if k > 1 else None,
                    "lost": c["lost"],
                    "late": c["late"],
                    "ever": share(c["ever"], c["entered"]),
                }
            )
    columns = (
        *_STEP,
        Column("reached", "Of the entered", "share", ("reached", "mature")),
        Column("onward", "Of step before", "share", ("reached", "before")),
        Column("lost", "Lost", "users"),
        Column("late", "Open, reached so far", "users"),
        Column("ever", "Ever, no window", "share", ("ever", "entered")),
    )
    return Table("steps", "By step, mature attempts", columns, tuple(lines))


def _time_table(found: list[_Found], name: str, durations: pl.DataFrame, title: str) -> Table:
    """Exact quantiles of the times to each step, over the mature who reached it."""
    taken = durations.sort("duration").partition_by("item", "step", as_dict=True)
    lines: list[Row] = []
    for i, f in enumerate(found):
        for k in range(2, len(f.funnel.steps) + 1):
            times = taken.get((i, k), durations.head(0))["duration"]
            line: Row = {"item": f.name, "step": k, "event": _event(f.funnel, k), "n": times.len()}
            lines.append({**line, **{key: _seconds(times, q) for key, q in QUANTILES}})
    columns = (
        *_STEP,
        Column("n", "Reached it", "users"),
        Column("p25", "p25", "seconds"),
        Column("median", "Median", "seconds"),
        Column("p75", "p75", "seconds"),
    )
    return Table(name, title, columns, tuple(lines))


def _event(funnel: Funnel, k: int) -> str:
    return f"any {k}" if funnel.order == "any" else str(funnel.steps[k - 1])


def _seconds(values: pl.Series, q: float) -> float | None:
    return None if (found := quantile(values, q)) is None else found / 1000


def _period_table(found: list[_Found], context: Context) -> Table:
    lines: list[Row] = [
        {"item": f.name, "period": context.label(period), **_measures(counts)}
        for f in found
        for period, counts in sorted(f.periods.items())
    ]
    columns = (_FUNNEL, Column("period", "Entered in", "date"), *_COUNTED)
    return Table("periods", "By period of entry", columns, tuple(lines))


METRIC = register(
    Metric(
        id="funnel",
        title="Funnel",
        section="adoption",
        order=5,
        settings=FunnelSettings,
        definition=__doc__,
        rows=rows,
        result=result,
        names=lambda settings, context: {"item": [*settings.root]},
        keys={
            "funnels": ("item",),
            "steps": ("item", "step"),
            "times": ("item", "step", "duration"),
            "since_entry": ("item", "step", "duration"),
            "periods": ("item", "period"),
            "left_out": (),
        },
        loose=frozenset({"times", "since_entry"}),
        plain=frozenset({"left_out"}),
        missing=missing,
    )
)
