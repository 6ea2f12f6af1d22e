"""Activation: the share of new actors that reach the point where the product has proved its value.

Formula: actors activated within `within` of their sign-up ÷ actors that signed up and have had
that long.
Numerator: mature actors with t0 ≤ activated_at ≤ t0 + within, t0 being the sign-up.
Denominator: actors whose sign-up is known, lies within the data and on the days shown, and t0 +
within < as-of.
Window: elapsed time since the sign-up, closed at both ends; a day is 86,400 s.
Activated at: the first instant, at or after sign-up, at which the criteria are all met (`all`), or
one of them is (`any`). With `in_order` each criterion is met by rows at or after those that met the
one before; a row serves one criterion. What was done before the sign-up counts as done at it
(`before_signup: count`) or not at all (`ignore`).
Personas: an actor belongs to the first persona whose `who` it fits, by its traits as they are now,
and is judged by that persona's criteria and `within`; all others by the section's own criteria.
Where it has none, they are left out and counted.
By period of activation: everybody of known start within the data, whenever they signed up.
Left out: actors whose start is unknown or lies before the data, both counted. Those not yet mature
are a count ("so far"), never part of a rate.
Textbook: actors ever activated ÷ all sign-ups.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

import polars as pl
from pydantic import Field, model_validator

from adoptcli.context import Context
from adoptcli.definitions import Criterion, Definitions, Duration, Model, Name
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._personas import (
    ELSE,
    Part,
    Persona,
    labels,
    names,
    note,
    rule_caveats,
    spans,
    unmatched,
)
from adoptcli.metrics._shared import (
    activated,
    cells,
    filled,
    judged,
    mature_cohorts,
    newcomer,
    share,
    share_difference,
    small,
    start_caveats,
    start_rows,
    totals,
    unseen,
)
from adoptcli.results import Caveat, Column, Headline, Result, Row, Table, Textbook
from adoptcli.timeframe import DAY_MS
from adoptcli.timeline import Timeline


class _Criteria(Model):
    """What must be done."""

    all: list[Criterion] | None = Field(None, min_length=1, description="All of these.")
    any: list[Criterion] | None = Field(None, min_length=1, description="One of these.")
    in_order: bool = Field(False, description="Only one after the other counts.")

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if (self.all is None) == (self.any is None) and not self._may_be_empty():
            raise ValueError("give either 'all' or 'any', a list of criteria")
        if self.in_order and self.all is None:
            raise ValueError("'in_order' goes with 'all'")
        return self

    def _may_be_empty(self) -> bool:
        return False

    def part(self, name: str, within: int) -> Part:
        """As something that is asked of somebody."""
        rule, criteria = ("all", self.all) if self.all is not None else ("any", self.any or [])
        return Part(name, tuple(criteria), rule, self.in_order, within)


class ActivationPersona(_Criteria, Persona):
    """What actors of some traits must have done to have got value."""

    within: Duration | None = Field(
        None, description="Time since sign-up that the rate allows; default the section's."
    )


class ActivationSettings(_Criteria, Settings):
    """What an actor must have done to have got value."""

    within: Duration = Field(7 * DAY_MS, description="Time since sign-up that the rate allows.")
    before_signup: Literal["count", "ignore"] = Field(
        "count", description="Whether what was done before the sign-up counts."
    )
    personas: dict[Name, ActivationPersona] = Field(
        default_factory=dict, description="Other criteria for actors of some traits."
    )

    def _may_be_empty(self) -> bool:
        return bool(self.personas) and self.all is None and self.any is None

    @property
    def parts(self) -> list[Part]:
        """What is asked of each persona, and of everyone else."""
        found = [p.part(name, p.within or self.within) for name, p in self.personas.items()]
        if self.all is None and self.any is None:
            return found
        return [*found, self.part(ELSE, self.within)]


def missing(settings: ActivationSettings | None, definitions: Definitions) -> str | None:
    """The key to add."""
    return None if settings else "add 'activation: {all: [EVENT, …]}' to the YAML"


def rows(timeline: Timeline, settings: ActivationSettings, context: Context) -> Rows:
    """`cohorts` by sign-up period, `lacking` by criterion, `activations` by period, `personas`."""
    people = judged(activated(timeline, context), "activated_at", timeline, context)
    flags = people.select(
        "actor",
        "cohort",
        "part",
        signups=pl.lit(1),
        mature=pl.col("mature").cast(pl.Int64),
        activated=(pl.col("mature") & pl.col("in_time")).cast(pl.Int64),
        late=(pl.col("mature") & ~pl.col("in_time")).cast(pl.Int64),
        so_far=(~pl.col("mature") & pl.col("in_time")).cast(pl.Int64),
        ever=pl.col("activated_at").is_not_null().cast(pl.Int64),
        early=pl.col("early").cast(pl.Int64),
    )
    found = {
        "cohorts": flags.drop("part"),
        "lacking": _lacking(people, settings.parts),
        "activations": _activations(timeline, context),
    }
    if not settings.personas:
        return {**found, "left_out": start_rows(timeline, context)}
    item = pl.col("part") + len(labels(settings))
    found["personas"] = flags.with_columns(item=item).drop("cohort", "early", "part")
    return {**found, "left_out": start_rows(timeline, context, activated(timeline, context))}


def _activations(timeline: Timeline, context: Context) -> pl.LazyFrame:
    """The period in which each newcomer was activated, whenever it had signed up."""
    new = timeline.actors.lazy().filter(newcomer(context)).select("actor")
    people = activated(timeline, context).lazy().join(new, on="actor", how="semi")
    starts = context.calendar.starts(context.shown_from, context.end_day, context.period)
    instants = pl.Series([context.calendar.midnight(start) for start in starts], dtype=pl.Int64)
    place = pl.lit(instants).search_sorted(pl.col("activated_at"), side="right") - 1
    return (
        people.filter(pl.col("activated_at").is_between(instants[0], instants[-1], closed="left"))
        .select("actor", period=pl.lit(pl.Series(starts, dtype=pl.Int32)).gather(place))
        .with_columns(activated=pl.lit(1))
    )


def _lacking(people: pl.LazyFrame, parts: Sequence[Part]) -> pl.LazyFrame:
    """For those that were mature and not activated in time: which criteria they had not met."""
    found, place = [], 0
    late_people = people.filter(pl.col("mature") & ~pl.col("in_time"))
    for i, part in enumerate(parts):
        n = len(part.criteria)
        late = [(pl.col(f"met_{k}") <= pl.col("deadline")).fill_null(False).not_()
                for k in range(n)]  # fmt: skip
        others = late_people.filter(pl.col("part") == i) if len(parts) > 1 else late_people
        others = others.with_columns(missed=pl.sum_horizontal(late))
        found += [
            others.select(
                "actor",
                item=pl.lit(place + k, dtype=pl.Int64),
                not_activated=pl.lit(1),
                lacking=late[k].cast(pl.Int64),
                only=(alone := late[k] & (pl.col("missed") == 1)).cast(pl.Int64),
                still=(alone & pl.col("activated_at").is_null()).cast(pl.Int64),
            )
            for k in range(n)
        ]
        place += n
    return pl.concat(found)


def result(tallies: Tallies, settings: ActivationSettings, context: Context) -> Result:
    """Rates by cohort, pooled, and what people lack."""
    cohorts = cells(tallies["cohorts"], ["cohort"])
    complete = mature_cohorts(context, max(part.within for part in settings.parts))
    rates = {start: share(_of(cohorts, start)["activated"], _of(cohorts, start)["mature"])
             for start in complete}  # fmt: skip
    last = complete[-1] if complete else None
    total = {"signups": 0, "mature": 0, "activated": 0, "so_far": 0, "ever": 0, "early": 0}
    total |= totals(tallies["cohorts"].drop("cohort"))
    pooled = share(total["activated"], total["mature"])
    now = rates[last] if last is not None else pooled
    before = rates[complete[-2]] if len(complete) > 1 else None
    caveats = (*_caveats(total, tallies, settings, context), *small(now.denominator, "sign-ups"))
    headline = Headline(
        f"Activation within {spans(settings)}",
        now,
        "share",
        context.label(last) if last is not None else None,
        share_difference(now, before),
        tuple(rates[start].value for start in complete),
        note(settings, "criteria"),
    )  # fmt: skip
    textbook = Textbook(
        total["ever"] / total["signups"] if total["signups"] else None,
        total["ever"],
        total["signups"],
        "ever activated ÷ all sign-ups",
    )
    if not total["signups"]:
        return Result(
            None, textbook, (), caveats, status="not_evaluable",
            reason="nobody's sign-up is known and within the days shown",
        )  # fmt: skip
    tables = [
        _cohort_table(cohorts, context),
        Table("range", "All mature sign-ups", _RANGE, (filled(_RANGE, total),)),
        _lacking_table(tallies["lacking"], settings),
        _activations_table(tallies["activations"], context),
    ]
    if settings.personas:
        tables.append(_persona_table(tallies["personas"], settings))
    return Result(headline, textbook, tuple(tables), caveats)


def _of(cohorts: dict[int, dict[str, int]], start: int) -> dict[str, int]:
    return cohorts.get(start) or dict.fromkeys(
        ("signups", "mature", "activated", "so_far", "ever"), 0
    )


def _caveats(
    total: dict[str, int], tallies: Tallies, settings: ActivationSettings, context: Context
) -> tuple[Caveat, ...]:
    named = [criterion for part in settings.parts for criterion in part.criteria]
    return (
        *start_caveats(totals(tallies["left_out"])),
        *rule_caveats(settings, total["early"], "criteria"),
        *unseen(named, context),
        *unmatched(settings, context),
    )


_RANGE = (
    Column("signups", "Sign-ups", "users"),
    Column("mature", "Mature", "users"),
    Column("activated", "Activated in time", "share", ("activated", "mature")),
    Column("so_far", "So far, not mature", "users"),
    Column("ever", "Ever activated", "share", ("ever", "signups")),
)


def _cohort_table(cohorts: dict[int, dict[str, int]], context: Context) -> Table:
    lines = tuple(
        {"cohort": context.label(start), **filled(_RANGE, counts)}
        for start, counts in sorted(cohorts.items())
    )
    columns = (Column("cohort", "Signed up", "date"), *_RANGE)
    return Table("cohorts", "By sign-up cohort", columns, lines)


def _lacking_table(tally: pl.DataFrame, settings: ActivationSettings) -> Table:
    found = cells(tally, ["item"])
    lines: list[Row] = []
    for i, criterion in enumerate(labels(settings)):
        counts = found.get(i, dict.fromkeys(("not_activated", "lacking", "only", "still"), 0))
        lines.append(
            {
                "item": criterion,
                "lacking": share(counts["lacking"], counts["not_activated"]),
                "only": share(counts["only"], counts["not_activated"]),
                "still": share(counts["still"], counts["not_activated"]),
            }
        )
    columns = (
        Column("item", "Criterion", "text"),
        Column("lacking", "Not activated and without it", "share", ("lacking", "not_activated")),
        Column("only", "Without it alone", "share", ("only", "not_activated")),
        Column("still", "And so to this day", "share", ("still", "not_activated")),
    )
    return Table("lacking", "What those not activated lack", columns, tuple(lines))


def _activations_table(tally: pl.DataFrame, context: Context) -> Table:
    found = cells(tally, ["period"])
    lines: tuple[Row, ...] = tuple(
        {"period": context.label(start), "activated": found.get(start, {}).get("activated", 0)}
        for start, _ in context.periods()
    )
    columns = (Column("period", "Activated in", "date"), Column("activated", "Activated", "users"))
    return Table("activations", "By the period of activation", columns, lines)


def _persona_table(tally: pl.DataFrame, settings: ActivationSettings) -> Table:
    found, first = cells(tally, ["item"]), len(labels(settings))
    lines = tuple(
        {"item": part.name, **filled(_RANGE, found.get(first + i)), "within": part.within / 1000,
         "criteria": str(part)}
        for i, part in enumerate(settings.parts)
    )  # fmt: skip
    columns = (
        Column("item", "Persona", "text"),
        *_RANGE,
        Column("within", "Within", "seconds"),
        Column("criteria", "Criteria", "text"),
    )
    return Table("personas", "By persona, each by its own criteria", columns, lines)


METRIC = register(
    Metric(
        id="activation",
        title="Activation",
        section="adoption",
        order=1,
        settings=ActivationSettings,
        definition=__doc__,
        rows=rows,
        result=result,
        names=names,
        keys={
            "cohorts": ("cohort",),
            "lacking": ("item",),
            "activations": ("period",),
            "personas": ("item",),
            "left_out": (),
        },
        plain=frozenset({"activations"}),
        missing=missing,
    )
)
