"""Onboarding: the share of new actors that finish every step of it.

Formula: actors that did every step within `within` of their sign-up ÷ actors that signed up and
have had that long.
Numerator: mature actors whose last missing step was done by t0 + within, t0 being the sign-up.
Denominator: actors whose sign-up is known, lies in the data and days shown, t0 + within < as-of.
Window: elapsed time since the sign-up, closed at both ends; a day is 86,400 s.
Of those who started: the same numerator ÷ mature actors that did one step or more in time (with
`in_order` the first one).
Steps: each is met at its k-th row, or on its d-th distinct day. With `in_order` by rows at or after
those that met the step before. A row serves one step only; in any order the narrower step has it
first: more conditions, then fewer values, then the order of the list. What was done before the
sign-up counts as done at it (`before_signup: count`) or not at all (`ignore`).
Stopping step: the first of the list that was not done in time, whatever the order. Drop-off: those
who stop at a step ÷ those who did all steps before it.
Time between steps: from the step that the actor did before it, or from the sign-up; the exact
median of mature actors that did it in time.
Personas: as for activation, each with steps of its own.
Left out: actors whose start is unknown or lies before the data, and those of no persona where only
personas have steps. Those not yet mature are a count ("so far"), never part of a rate.
Textbook: actors that ever finished every step ÷ all new actors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, Self

import polars as pl
import polars.selectors as cs
from pydantic import Field, model_validator

from adoptcli.context import Context
from adoptcli.definitions import Criterion, Definitions, Duration, Name
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._personas import (
    ELSE,
    Part,
    Persona,
    by_part,
    labels,
    names,
    note,
    rule_caveats,
    spans,
    unmatched,
)
from adoptcli.metrics._shared import (
    cells,
    filled,
    histogram_median,
    judged,
    mature_cohorts,
    share,
    share_difference,
    small,
    start_caveats,
    start_rows,
    totals,
    unseen,
)
from adoptcli.results import Caveat, Column, Estimate, Headline, Result, Row, Table, Textbook
from adoptcli.timeframe import DAY_MS
from adoptcli.timeline import Timeline
from adoptcli.timeline.criteria import steps

Steps = list[Criterion]


class OnboardingPersona(Persona):
    """The onboarding of actors of some traits."""

    steps: Steps = Field(min_length=1, description="Events, or criteria with counts and days.")
    in_order: bool = Field(False, description="Only one after the other counts.")
    within: Duration | None = Field(
        None, description="Time since sign-up that it may take; default the section's."
    )


class OnboardingSettings(Settings):
    """The steps of onboarding, and how long they may take."""

    steps: Steps | None = Field(
        None, min_length=1, description="Events, or criteria with counts and days."
    )
    in_order: bool = Field(False, description="Only one after the other counts.")
    within: Duration = Field(14 * DAY_MS, description="Time since sign-up that it may take.")
    before_signup: Literal["count", "ignore"] = Field(
        "count", description="Whether what was done before the sign-up counts."
    )
    personas: dict[Name, OnboardingPersona] = Field(
        default_factory=dict, description="Other steps for actors of some traits."
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.steps is None and not self.personas:
            raise ValueError("give 'steps', a list of events, or 'personas' with their steps")
        if self.steps is None and self.in_order:
            raise ValueError("'in_order' goes with 'steps'")
        return self

    @property
    def parts(self) -> list[Part]:
        """What is asked of each persona, and of everyone else."""
        found = [
            Part(name, tuple(p.steps), "all", p.in_order, p.within or self.within)
            for name, p in self.personas.items()
        ]
        if self.steps is None:
            return found
        return [*found, Part(ELSE, tuple(self.steps), "all", self.in_order, self.within)]


def missing(settings: OnboardingSettings | None, definitions: Definitions) -> str | None:
    """The key to add."""
    return None if settings else "add 'onboarding: {steps: [EVENT, EVENT]}' to the YAML"


def rows(timeline: Timeline, settings: OnboardingSettings, context: Context) -> Rows:
    """`cohorts` by sign-up period, `personas`, `steps`, `durations`, `left_out`."""
    done = _done(timeline, settings, context)
    people = judged(done, "last", timeline, context).with_columns(
        begun=(pl.col("first") <= pl.col("deadline")).fill_null(False)
    )
    flags = people.select(
        "actor", "cohort", "part",
        signups=pl.lit(1),
        mature="mature",
        started=pl.col("mature") & pl.col("begun"),
        finished=pl.col("mature") & pl.col("in_time"),
        late=pl.col("mature") & ~pl.col("in_time"),
        so_far=~pl.col("mature") & pl.col("in_time"),
        ever=pl.col("last").is_not_null(),
        early="early",
    ).with_columns(cs.boolean().cast(pl.Int64))  # fmt: skip
    mature = people.filter("mature")
    found = {
        "cohorts": flags.drop("part"),
        "steps": _step_rows(mature, settings.parts),
        "durations": _duration_rows(mature, settings.parts),
    }
    if not settings.personas:
        return {**found, "left_out": start_rows(timeline, context)}
    item = pl.col("part") + len(labels(settings))
    found["personas"] = flags.with_columns(item=item).drop("cohort", "early", "part")
    return {**found, "left_out": start_rows(timeline, context, done)}


def _done(timeline: Timeline, settings: OnboardingSettings, context: Context) -> pl.DataFrame:
    """actor, signup, met_0 … met_n, first and last of them, early, part, within."""

    def find(part: Part, among: pl.DataFrame | None) -> pl.DataFrame:
        found = steps(
            timeline, part.criteria, context, in_order=part.in_order,
            from_signup=settings.before_signup == "ignore", among=among,
        )  # fmt: skip
        names = [f"met_{k}" for k in range(len(part.criteria))]
        everything = pl.all_horizontal(pl.col(names).is_not_null())
        return found.with_columns(
            first=pl.min_horizontal(names),
            last=pl.when(everything).then(pl.max_horizontal(names)),
        )

    return by_part(timeline, context, settings, find)


def _each_part(mature: pl.LazyFrame, parts: Sequence[Part]) -> Iterator[tuple[int, pl.LazyFrame]]:
    """The number of steps of each part, and its people."""
    for i, part in enumerate(parts):
        yield len(part.criteria), mature.filter(pl.col("part") == i)


def _step_rows(mature: pl.LazyFrame, parts: Sequence[Part]) -> pl.LazyFrame:
    """Each mature actor at each step of its part."""
    found: list[pl.LazyFrame] = []
    for n, people in _each_part(mature, parts):
        done = [_in_time(k) for k in range(n)]
        people = people.with_columns(missed=pl.sum_horizontal(~d for d in done))
        unfinished = pl.col("begun") & ~pl.col("in_time")
        for k in range(n):
            before = pl.all_horizontal(pl.lit(True), *done[:k])
            dropped = before & ~done[k]
            found.append(
                people.select(
                    "actor",
                    item=pl.lit(len(found), dtype=pl.Int64),
                    mature=pl.lit(True),
                    done=done[k],
                    before=before,
                    dropped=dropped,
                    unfinished=unfinished,
                    stopped=dropped & unfinished,
                    missing=pl.col("missed") > 0,
                    only=~done[k] & (pl.col("missed") == 1),
                ).with_columns(cs.boolean().cast(pl.Int64))
            )
    return pl.concat(found)


def _in_time(k: int) -> pl.Expr:
    return (pl.col(f"met_{k}") <= pl.col("deadline")).fill_null(False)


def _duration_rows(mature: pl.LazyFrame, parts: Sequence[Part]) -> pl.LazyFrame:
    """How long each step done in time took; and, after all the steps, the whole of each part."""
    found: list[pl.LazyFrame] = []
    for n, people in _each_part(mature, parts):
        found += [
            _timed(people.filter(_in_time(k)), len(found) + k, pl.col(f"met_{k}") - _before(k, n))
            for k in range(n)
        ]
    first = len(found)
    for i, (_, people) in enumerate(_each_part(mature, parts)):
        whole = pl.col("last") - pl.col("signup")
        found.append(_timed(people.filter("in_time"), first + i, whole))
    return pl.concat(found)


def _timed(people: pl.LazyFrame, item: int, duration: pl.Expr) -> pl.LazyFrame:
    return people.select(
        "actor", item=pl.lit(item, dtype=pl.Int64), duration=duration, actors=pl.lit(1)
    )


def _before(k: int, n: int) -> pl.Expr:
    """When the actor did the step before its k-th: of equal times the first of the list."""
    mine = pl.col(f"met_{k}")
    earlier = [
        pl.when(pl.col(f"met_{j}") <= mine if j < k else pl.col(f"met_{j}") < mine).then(
            pl.col(f"met_{j}")
        )
        for j in range(n)
        if j != k
    ]
    return pl.max_horizontal("signup", *earlier)


def result(tallies: Tallies, settings: OnboardingSettings, context: Context) -> Result:
    """Rates by cohort, pooled, by step and by persona."""
    total = dict.fromkeys((*_MEASURES, "early"), 0)
    total |= totals(tallies["cohorts"].drop("cohort"))
    textbook = Textbook(
        total["ever"] / total["signups"] if total["signups"] else None, total["ever"],
        total["signups"], "ever finished every step ÷ all new actors",
    )  # fmt: skip
    caveats = _caveats(total, tallies, settings, context)
    if not total["signups"]:
        return Result(
            None, textbook, (), caveats, status="not_evaluable",
            reason="nobody's sign-up is known and within the days shown",
        )  # fmt: skip
    cohorts = cells(tallies["cohorts"], ["cohort"])
    times = tallies["durations"]
    step_lines = _step_lines(cells(tallies["steps"], ["item"]), times, settings)
    headline, started = _headlines(cohorts, total, settings, context)
    first = len(labels(settings))
    tables = [
        _cohort_table(cohorts, context),
        _range_table(total, histogram_median(times.filter(pl.col("item") >= first))),
        Table("steps", "By step, of mature sign-ups", (_STEP, *_STEPS), tuple(step_lines)),
    ]
    if settings.personas:
        tables.append(_persona_table(tallies["personas"], times, settings))
    also = (started, *_most_common(step_lines))
    caveats = (*caveats, *small(headline.estimate.denominator, "sign-ups"))
    return Result(headline, textbook, tuple(tables), caveats, also)


_MEASURES = ("signups", "mature", "started", "finished", "so_far", "ever")
Cells = dict[Any, dict[str, int]]


def _headlines(
    cohorts: Cells, total: dict[str, int], settings: OnboardingSettings, context: Context
) -> tuple[Headline, Headline]:
    """Of the last cohort of which all are mature: of all, and of those who started."""
    complete = mature_cohorts(context, max(part.within for part in settings.parts))
    counts = [cohorts.get(start) or dict.fromkeys(_MEASURES, 0) for start in complete]
    period = context.label(complete[-1]) if complete else None
    found = []
    for title, of, words in (
        (f"Onboarding finished within {spans(settings)}", "mature", note(settings, "steps")),
        ("of those who started", "started", ""),
    ):
        rates = [share(c["finished"], c[of]) for c in counts]
        now = rates[-1] if rates else share(total["finished"], total[of])
        change = share_difference(now, rates[-2]) if len(rates) > 1 else None
        trend = tuple(rate.value for rate in rates)
        found.append(Headline(title, now, "share", period, change, trend, words))
    return found[0], found[1]


def _most_common(lines: Sequence[Row]) -> tuple[Headline, ...]:
    """The step at which most of those stop who have started; of several the first."""
    cells = [(line["item"], line["stopped"]) for line in lines]
    stops = [(i, cell) for i, cell in cells if isinstance(cell, Estimate) and cell.numerator]
    if not stops:
        return ()
    item, most = max(stops, key=lambda stop: stop[1].numerator or 0)
    return (Headline(f"stopped most often at {item}", most, "share"),)


def _caveats(
    total: dict[str, int], tallies: Tallies, settings: OnboardingSettings, context: Context
) -> tuple[Caveat, ...]:
    named = [step for part in settings.parts for step in part.criteria]
    return (
        *start_caveats(totals(tallies["left_out"])),
        *rule_caveats(settings, total["early"], "steps"),
        *unseen(named, context),
        *unmatched(settings, context),
    )


_RANGE = (
    Column("signups", "Sign-ups", "users"),
    Column("mature", "Mature", "users"),
    Column("started", "Started", "share", ("started", "mature")),
    Column("finished", "Finished", "share", ("finished", "mature")),
    Column("of_started", "Finished, of started", "share", ("finished", "started")),
    Column("so_far", "So far, not mature", "users"),
    Column("ever", "Ever finished", "share", ("ever", "signups")),
)
_TIME = Column("time", "Median time", "seconds")
_STEP = Column("item", "Step", "text")
_STEPS = (
    Column("done", "Done", "share", ("done", "mature")),
    Column("dropped", "Drop-off", "share", ("dropped", "before")),
    Column("stopped", "Stopped here, of started, unfinished", "share", ("stopped", "unfinished")),
    Column("only", "Lacks it alone", "share", ("only", "missing")),
    Column("time", "Median time from step before", "seconds"),
)


def _cohort_table(cohorts: Cells, context: Context) -> Table:
    lines = tuple(
        {"cohort": context.label(start), **filled(_RANGE, c)}
        for start, c in sorted(cohorts.items())
    )
    columns = (Column("cohort", "Signed up", "date"), *_RANGE)
    return Table("cohorts", "By sign-up cohort", columns, lines)


def _range_table(total: dict[str, int], time: Estimate) -> Table:
    line: Row = {**filled(_RANGE, total), "time": time}
    return Table("range", "All mature sign-ups", (*_RANGE, _TIME), (line,))


def _step_lines(found: Cells, times: pl.DataFrame, settings: OnboardingSettings) -> list[Row]:
    return [
        {
            "item": label,
            **filled(_STEPS[:-1], found.get(i)),
            "time": histogram_median(times.filter(pl.col("item") == i)),
        }
        for i, label in enumerate(labels(settings))
    ]


def _persona_table(tally: pl.DataFrame, times: pl.DataFrame, settings: OnboardingSettings) -> Table:
    found, first = cells(tally, ["item"]), len(labels(settings))
    lines: list[Row] = []
    for i, part in enumerate(settings.parts):
        time = histogram_median(times.filter(pl.col("item") == first + i))
        lines.append(
            {
                "item": part.name,
                **filled(_RANGE, found.get(first + i)),
                "time": time,
                "steps": str(part),
            }
        )
    columns = (Column("item", "Persona", "text"), *_RANGE, _TIME, Column("steps", "Steps", "text"))
    return Table("personas", "By persona, each by its own steps", columns, tuple(lines))


METRIC = register(
    Metric(
        id="onboarding",
        title="Onboarding",
        section="adoption",
        order=4,
        settings=OnboardingSettings,
        definition=__doc__,
        rows=rows,
        result=result,
        names=names,
        keys={
            "cohorts": ("cohort",),
            "steps": ("item",),
            "durations": ("item", "duration"),
            "personas": ("item",),
            "left_out": (),
        },
        plain=frozenset({"durations", "left_out"}),
        missing=missing,
    )
)
