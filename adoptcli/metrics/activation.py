"""Activation: the share of new actors that reach the point where the product has proved its value.

Formula: actors activated within `within` of their sign-up ÷ actors that signed up and have had
that long.
Numerator: mature actors with t0 ≤ activated_at ≤ t0 + within, t0 being the sign-up.
Denominator: actors whose sign-up is known, lies within the data, and t0 + within < as-of.
Window: elapsed time since the sign-up, closed at both ends; a day is 86,400 s.
Activated at: the first instant, at or after sign-up, at which the criteria are all met (`all`), or
one of them is (`any`). With `in_order` each criterion is met by rows at or after those that met the
one before; a row serves one criterion. What was done before the sign-up counts as done at it
(`before_signup: count`) or not at all (`ignore`).
Left out: actors whose start is unknown or lies before the data, both counted. Those not yet mature
are a count ("so far"), never part of a rate.
Textbook: actors ever activated ÷ all sign-ups.
"""

from __future__ import annotations

from typing import Literal

import polars as pl
from pydantic import Field, model_validator

from adoptcli.context import Context
from adoptcli.definitions import Criterion, Definitions, Duration
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._shared import (
    activated,
    cells,
    share,
    share_difference,
    small,
    start_caveats,
    start_rows,
    starters,
    totals,
    unseen,
)
from adoptcli.results import Caveat, Column, Headline, Result, Row, Table, Textbook
from adoptcli.timeframe import DAY_MS
from adoptcli.timeline import Timeline
from adoptcli.timeline.days import start_of


class ActivationSettings(Settings):
    """What an actor must have done to have got value."""

    all: list[Criterion] | None = Field(None, min_length=1, description="All of these.")
    any: list[Criterion] | None = Field(None, min_length=1, description="One of these.")
    in_order: bool = Field(False, description="Only one after the other counts.")
    within: Duration = Field(7 * DAY_MS, description="Time since sign-up that the rate allows.")
    before_signup: Literal["count", "ignore"] = Field(
        "count", description="Whether what was done before the sign-up counts."
    )

    @model_validator(mode="after")
    def _one_rule(self) -> ActivationSettings:
        if (self.all is None) == (self.any is None):
            raise ValueError("give either 'all' or 'any', a list of criteria")
        if self.in_order and self.all is None:
            raise ValueError("'in_order' goes with 'all'")
        return self

    @property
    def criteria(self) -> list[Criterion]:
        """The criteria, whichever the rule."""
        return self.all or self.any or []

    @property
    def rule(self) -> str:
        """`all` or `any`."""
        return "all" if self.all is not None else "any"


def missing(settings: ActivationSettings | None, definitions: Definitions) -> str | None:
    """The key to add."""
    return None if settings else "add 'activation: {all: [EVENT, …]}' to the YAML"


def rows(timeline: Timeline, settings: ActivationSettings, context: Context) -> Rows:
    """`cohorts` by sign-up period, `lacking` by criterion, `left_out`."""
    people = _judged(timeline, settings, context)
    flags = people.select(
        "actor",
        "cohort",
        signups=pl.lit(1),
        mature=pl.col("mature").cast(pl.Int64),
        activated=(pl.col("mature") & pl.col("in_time")).cast(pl.Int64),
        so_far=(~pl.col("mature") & pl.col("in_time")).cast(pl.Int64),
        ever=pl.col("activated_at").is_not_null().cast(pl.Int64),
        early=pl.col("early").cast(pl.Int64),
    )
    return {
        "cohorts": flags,
        "lacking": _lacking(people, settings),
        "left_out": start_rows(timeline, context),
    }


def _judged(timeline: Timeline, settings: ActivationSettings, context: Context) -> pl.LazyFrame:
    """The starters with their cohort, whether they are mature, and whether they made it in time."""
    people = starters(timeline, context).select("actor", "signup_day").lazy()
    deadline = pl.col("signup") + settings.within
    starts = context.calendar.starts(context.shown_from, context.end_day, context.period)
    return people.join(activated(timeline, context).lazy(), on="actor", how="inner").with_columns(
        cohort=start_of(pl.col("signup_day"), starts),
        mature=deadline < context.as_of,
        in_time=(pl.col("activated_at") <= deadline).fill_null(False),
        deadline=deadline,
    )


def _lacking(people: pl.LazyFrame, settings: ActivationSettings) -> pl.LazyFrame:
    """For those that were mature and not activated in time: which criteria they had not met."""
    n = len(settings.criteria)
    late = [(pl.col(f"met_{i}") <= pl.col("deadline")).fill_null(False).not_() for i in range(n)]
    others = people.filter(pl.col("mature") & ~pl.col("in_time")).with_columns(
        missed=pl.sum_horizontal(late)
    )
    return pl.concat(
        others.select(
            "actor",
            item=pl.lit(i, dtype=pl.Int64),
            not_activated=pl.lit(1),
            lacking=late[i].cast(pl.Int64),
            only=(late[i] & (pl.col("missed") == 1)).cast(pl.Int64),
        )
        for i in range(n)
    )


def result(tallies: Tallies, settings: ActivationSettings, context: Context) -> Result:
    """Rates by cohort, pooled, and what people lack."""
    cohorts = cells(tallies["cohorts"], ["cohort"])
    complete = [
        start
        for start, end in context.periods()
        if context.calendar.midnight(end) + settings.within <= context.as_of
    ]
    rates = {start: share(_of(cohorts, start)["activated"], _of(cohorts, start)["mature"])
             for start in complete}  # fmt: skip
    last = complete[-1] if complete else None
    total = {"signups": 0, "mature": 0, "activated": 0, "so_far": 0, "ever": 0, "early": 0}
    total |= totals(tallies["cohorts"].drop("cohort"))
    pooled = share(total["activated"], total["mature"])
    now = rates[last] if last is not None else pooled
    before = rates[complete[-2]] if len(complete) > 1 else None
    caveats = (*_caveats(total, tallies, settings, context), *small(now.denominator, "sign-ups"))
    days = settings.within / DAY_MS
    headline = Headline(
        f"Activation within {days:g} d",
        now,
        "share",
        context.label(last) if last is not None else None,
        share_difference(now, before),
        tuple(rates[start].value for start in complete),
        " and ".join(map(str, settings.criteria)) if settings.rule == "all"
        else " or ".join(map(str, settings.criteria)),
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
    tables = (
        _cohort_table(cohorts, context),
        Table("range", "All mature sign-ups", _RANGE, (_measures(total),)),
        _lacking_table(tallies["lacking"], settings),
    )
    return Result(headline, textbook, tables, caveats)


def _of(cohorts: dict[int, dict[str, int]], start: int) -> dict[str, int]:
    return cohorts.get(start) or dict.fromkeys(
        ("signups", "mature", "activated", "so_far", "ever"), 0
    )


def _caveats(
    total: dict[str, int], tallies: Tallies, settings: ActivationSettings, context: Context
) -> tuple[Caveat, ...]:
    found = [*start_caveats(totals(tallies["left_out"]))]
    if total["early"]:
        what = "counts as done at it" if settings.before_signup == "count" else "does not count"
        text = f"actors who did some of the criteria before their sign-up, which {what}"
        found.append(Caveat("negative-time", text, total["early"]))
    return (*found, *unseen(settings.criteria, context))


_RANGE = (
    Column("signups", "Sign-ups", "users"),
    Column("mature", "Mature", "users"),
    Column("activated", "Activated in time", "share", ("activated", "mature")),
    Column("so_far", "So far, not mature", "users"),
    Column("ever", "Ever activated", "share", ("ever", "signups")),
)


def _measures(counts: dict[str, int]) -> Row:
    return {
        "signups": counts["signups"],
        "mature": counts["mature"],
        "activated": share(counts["activated"], counts["mature"]),
        "so_far": counts["so_far"],
        "ever": share(counts["ever"], counts["signups"]),
    }


def _cohort_table(cohorts: dict[int, dict[str, int]], context: Context) -> Table:
    lines = tuple(
        {"cohort": context.label(start), **_measures(counts)}
        for start, counts in sorted(cohorts.items())
    )
    columns = (Column("cohort", "Signed up", "date"), *_RANGE)
    return Table("cohorts", "By sign-up cohort", columns, lines)


def _lacking_table(tally: pl.DataFrame, settings: ActivationSettings) -> Table:
    found = cells(tally, ["item"])
    lines: list[Row] = []
    for i, criterion in enumerate(settings.criteria):
        counts = found.get(i, {"not_activated": 0, "lacking": 0, "only": 0})
        lines.append(
            {
                "item": str(criterion),
                "lacking": share(counts["lacking"], counts["not_activated"]),
                "only": share(counts["only"], counts["not_activated"]),
            }
        )
    columns = (
        Column("item", "Criterion", "text"),
        Column("lacking", "Not activated and without it", "share", ("lacking", "not_activated")),
        Column("only", "Without it alone", "share", ("only", "not_activated")),
    )
    return Table("lacking", "What those not activated lack", columns, tuple(lines))


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
        names=lambda settings, context: {"item": [str(c) for c in settings.criteria]},
        keys={"cohorts": ("cohort",), "lacking": ("item",), "left_out": ()},
        missing=missing,
    )
)
