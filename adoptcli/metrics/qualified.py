"""Qualified users or accounts: who meets the rule that says somebody is worth talking to.

Formula: actors that meet the rule at the end of the last day shown ÷ all actors there by then.
Numerator: actors for whom `all` of the clauses hold, or `any`. Denominator: actors signed up or
seen by that day.
Clauses: each is judged at the end of a local day, over the days `within`, that day included.
`EVENT` or `{event: EVENT, at_least: 5, days: 3, within: 28d}`, ever without `within`;
`{active_days: 8, within: 28d}`; `{features: 3, days: 2, core: true, within: 28d}`: so many features
used, each on so many days; `{score: 50}`: points of the engagement score; for accounts
`{users: 5, within: 28d}`: active users, and `{seats: 0.7, within: 28d}`: active users ÷ seats;
`{activated: true}`; `{signed_up: true}`; `{trait: {plan: [pro]}}`. Where `within` is not named it
is 28 days.
Window: each clause's own; traits are as they are now. A clause that asks for a trait or for seats
that are unknown does not hold, and is counted as unknown.
First qualified: the first day at whose end the rule holds. An actor from before the data that
qualifies before the longest window is full (30 days where a clause looks back on everything) may
have qualified earlier; it is left out of the newly qualified, and counted.
Precision: of those who qualified on the days shown and had not converted, how many did
(`conversion`) after that day's end and within `within`. An actor is mature when that end + within <
as-of. A conversion on that day or before is no prediction: the actor is a customer already.
Base rate: on each such day on which somebody qualified, of those there who had neither qualified
nor converted, how many converted within the same time; days are weighted by how many qualified.
Lift: those who converted ÷ how many would have at the base rate, over days that have both.
Recall: of all who converted on the days shown, how many had first qualified within `within` before.
Left out: of precision, base rate and recall, actors whose start is unknown or lies before the data,
since they may have qualified or converted before.
Textbook: actors that meet the rule ÷ all actors, which is the headline too.
"""

from __future__ import annotations

import polars as pl
from pydantic import Field

from adoptcli.context import Context
from adoptcli.definitions import Definitions, Duration, EventRefs, references
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._holds import clause_spans, known_trait, look_back, met, seats, values
from adoptcli.metrics._prediction import conversions, people, risk, table
from adoptcli.metrics._rules import (
    Clause,
    Rule,
    ScoreClause,
    SeatsClause,
    TraitClause,
    accounts_only,
    counts,
    lacking,
)
from adoptcli.metrics._score import SCALE
from adoptcli.metrics._shared import (
    cells,
    not_full,
    ratio,
    share,
    share_difference,
    small,
    totals,
    unseen,
)
from adoptcli.results import Caveat, Column, Estimate, Headline, Result, Row, Table, Textbook
from adoptcli.timeframe import DAY_MS
from adoptcli.timeline import Timeline
from adoptcli.timeline.days import start_of
from adoptcli.timeline.spans import holding_on

MOST = 6


class QualifiedSettings(Rule, Settings):
    """The rule, and what it should foretell."""

    conversion: EventRefs | None = Field(
        None, description="Events of converting; default: `purchase`."
    )
    within: Duration = Field(
        30 * DAY_MS, description="Time after qualifying in which a conversion was foretold."
    )


def missing(settings: QualifiedSettings | None, definitions: Definitions) -> str | None:
    """The key to add."""
    if settings is None:
        return "add 'qualified: {all: [EVENT, {active_days: 3, within: 14d}]}' to the YAML"
    return lacking([settings], definitions)


def _ends(context: Context) -> list[int]:
    """The last day shown, and before it the last days of complete periods; newest first."""
    complete = [end - 1 for _, end in reversed(context.periods()) if end < context.end_day]
    return [context.end_day - 1, *complete[: MOST - 1]]


def _conversion(settings: QualifiedSettings, context: Context) -> EventRefs | None:
    return settings.conversion or context.definitions.purchase


def rows(timeline: Timeline, settings: QualifiedSettings, context: Context) -> Rows:
    """`levels` at the ends of periods, `clauses`, `trend`, and what conversions show."""
    parts = [clause_spans(timeline, clause, context) for clause in settings.clauses]
    spans = met(parts, settings)
    conversion = _conversion(settings, context)
    everyone = people(
        timeline, spans, conversion, settings.within, look_back(settings, context), context
    )
    found = {
        "levels": _levels(everyone, spans, context),
        "clauses": _clauses(timeline, everyone, parts, spans, settings, context),
        "trend": _trend(everyone, context),
    }
    if conversion:
        dated = everyone.filter("dated")
        found["risk"] = risk(dated, settings.within, context)
        found["conversions"] = conversions(dated, context)
    return found


def _levels(people: pl.DataFrame, spans: pl.DataFrame, context: Context) -> pl.LazyFrame:
    """Everybody there by the end of each day that is told, and whether the rule holds then."""
    parts = []
    for day in _ends(context):
        met_it = holding_on(spans, day).with_columns(qualified=pl.lit(1, dtype=pl.Int64))
        converted = (pl.col("until") <= day).fill_null(False)
        qualified = pl.col("qualified").fill_null(0)
        parts.append(
            people.lazy()
            .filter(pl.col("there") <= day)
            .join(met_it.lazy(), on="actor", how="left")
            .select(
                "actor", period=pl.lit(day, dtype=pl.Int32), actors=pl.lit(1),
                qualified=qualified, leads=qualified * (~converted).cast(pl.Int64),
            )
        )  # fmt: skip
    return pl.concat(parts)


def _clauses(
    timeline: Timeline, people: pl.DataFrame, parts: list[pl.DataFrame], spans: pl.DataFrame,
    settings: QualifiedSettings, context: Context,
) -> pl.LazyFrame:  # fmt: skip
    """Each actor there by the last day and each clause: whether it holds, alone, with what value.

    `alone`: it is the only one that fails, or where any is enough the only one that holds.
    """
    day, one = context.end_day - 1, pl.lit(1, dtype=pl.Int64)
    table = people.filter(pl.col("there") <= day).select("actor")
    for i, part in enumerate(parts):
        held = holding_on(part, day).with_columns(one.alias(f"passed_{i}"))
        table = table.join(held, on="actor", how="left", maintain_order="left")
    table = table.with_columns(pl.exclude("actor").fill_null(0))
    number, n = pl.sum_horizontal(pl.exclude("actor")), len(parts)
    table = table.with_columns(number=number)
    found = []
    for i, clause in enumerate(settings.clauses):
        passed = pl.col(f"passed_{i}")
        alone = passed * (pl.col("number") == 1) if settings.any else (1 - passed) * (
            pl.col("number") == n - 1
        )  # fmt: skip
        found.append(
            table.join(values(timeline, clause, context, day), on="actor", how="left")
            .join(_unknown(timeline, clause, context), on="actor", how="left")
            .lazy()
            .select(
                "actor", item=pl.lit(i, dtype=pl.Int64), actors=pl.lit(1), passed=passed,
                alone=alone, unknown=pl.col("unknown").fill_null(0),
                value=pl.col("value").fill_null(0),
            )
        )  # fmt: skip
    return pl.concat(found)


def _unknown(timeline: Timeline, clause: Clause, context: Context) -> pl.DataFrame:
    """The actors of whom a clause cannot be judged."""
    one = pl.lit(1, dtype=pl.Int64)
    people = timeline.actors
    if isinstance(clause, TraitClause):
        people = people.filter(~known_trait(clause))
    elif isinstance(clause, SeatsClause):
        known = seats(timeline, context).filter(pl.col("seats") > 0)
        people = people.join(known, on="actor", how="anti")
    else:
        people = people.clear()
    return people.select("actor", unknown=one)


def _trend(people: pl.DataFrame, context: Context) -> pl.LazyFrame:
    """Those who first qualified on the days shown, by period."""
    starts = context.calendar.starts(context.shown_from, context.end_day, context.period)
    first, mature = pl.col("first"), pl.col("lead") & pl.col("mature") & pl.col("dated")
    return (
        people.lazy()
        .filter((first >= context.shown_from) & (first < context.end_day))
        .select(
            "actor",
            period=start_of(first, starts),
            newly=pl.col("settled").cast(pl.Int64),
            unsettled=(~pl.col("settled")).cast(pl.Int64),
            customers=(pl.col("settled") & ~pl.col("lead")).cast(pl.Int64),
            mature=mature.cast(pl.Int64),
            converted=(mature & pl.col("in_time")).cast(pl.Int64),
        )
    )


def result(tallies: Tallies, settings: QualifiedSettings, context: Context) -> Result:
    """How many are qualified, by which clauses, since when, and whether it foretells anything."""
    if context.unit == "user" and (reason := accounts_only([settings])):
        return Result(None, None, (), status="not_evaluable", reason=reason)
    found = cells(tallies["levels"], ["period"])
    days = [*reversed(_ends(context))]
    shares = [_level(found.get(day), "qualified") for day in days]
    now, before = shares[-1], shares[-2] if len(shares) > 1 else None
    if not now.denominator:
        return Result(None, None, (), status="not_evaluable", reason="nobody is there yet")
    headline = Headline(
        "Qualified users", now, "share", context.day_label(days[-1]),
        share_difference(now, before), tuple(s.value for s in shares), str(settings),
    )  # fmt: skip
    textbook = Textbook(
        now.value, now.numerator, now.denominator, "users that meet the rule ÷ all users"
    )
    foretells = _conversion(settings, context) is not None
    trend = {"newly": 0, "unsettled": 0, "customers": 0, "mature": 0, "converted": 0}
    trend |= totals(tallies["trend"].drop("period"))
    tables = [
        _level_table(found, days, foretells, context),
        _clause_table(tallies["clauses"], settings),
        _trend_table(tallies["trend"], foretells, settings, context),
    ]
    also: tuple[Headline, ...] = ()
    if foretells:
        tables.append(table(tallies["risk"], trend, tallies["conversions"], _words(settings)))
        also = _also(tables[-1].rows[0], found[days[-1]], settings)
    caveats = (*_caveats(trend, settings, context), *small(now.denominator, "users"))
    return Result(headline, textbook, tuple(tables), caveats, also)


def _level(counts: dict[str, int] | None, name: str) -> Estimate:
    return share(counts[name], counts["actors"]) if counts else Estimate(None, 0, 0)


def _words(settings: QualifiedSettings) -> str:
    return f"within {settings.within / DAY_MS:g} d"


def _also(line: Row, now: dict[str, int], settings: QualifiedSettings) -> tuple[Headline, ...]:
    """Those to talk to, how many convert, and against others."""
    found = [Headline("qualified, not converted yet", Estimate(int(now["leads"])), "users")]
    for name, title, unit in (
        ("precision", f"converted {_words(settings)} of qualifying", "share"),
        ("lift", "against others on the same days (lift)", "ratio"),
    ):
        cell = line[name]
        assert isinstance(cell, Estimate)
        if cell.value is not None:
            found.append(Headline(title, cell, unit))  # type: ignore[arg-type]
    return tuple(found)


def _level_table(
    found: dict[int, dict[str, int]], days: list[int], foretells: bool, context: Context
) -> Table:
    lines: list[Row] = []
    for day in days:
        names = ("qualified", "leads") if foretells else ("qualified",)
        shares = {name: _level(found.get(day), name) for name in names}
        lines.append({"period": context.day_label(day), **shares})
    columns = [
        Column("period", "At the end of", "date"),
        Column("qualified", "Qualified", "share", ("qualified", "actors")),
    ]
    if foretells:
        columns.append(Column("leads", "And not converted", "share", ("leads", "actors")))
    return Table("levels", "Who meets the rule", tuple(columns), tuple(lines))


def _clause_table(tally: pl.DataFrame, settings: QualifiedSettings) -> Table:
    found = cells(tally, ["item"])
    none = dict.fromkeys(("actors", "passed", "alone", "unknown", "value"), 0)
    lines: list[Row] = []
    for i, clause in enumerate(settings.clauses):
        c = found.get(i, none)
        value = c["value"] / SCALE if isinstance(clause, ScoreClause) else c["value"]
        lines.append(
            {
                "item": str(clause),
                "passed": share(c["passed"], c["actors"]),
                "alone": share(c["alone"], c["actors"]),
                "value": ratio(value, int(c["actors"])) if counts(clause) else Estimate(None),
                "unknown": c["unknown"],
            }
        )
    alone = "Meet this alone" if settings.any else "Lack only this"
    columns = (
        Column("item", "Clause", "text"),
        Column("passed", "Meet it", "share", ("passed", "actors")),
        Column("alone", alone, "share", ("alone", "actors")),
        Column("value", "Mean value"),
        Column("unknown", "Unknown", "users"),
    )
    return Table("clauses", "By clause, of all users", columns, tuple(lines))


def _trend_table(
    tally: pl.DataFrame, foretells: bool, settings: QualifiedSettings, context: Context
) -> Table:
    lines: list[Row] = []
    for start, c in sorted(cells(tally, ["period"]).items()):
        line: Row = {"period": context.label(start), "newly": c["newly"]}
        more: Row = {
            "customers": c["customers"], "converted": share(c["converted"], c["mature"]),
        }  # fmt: skip
        lines.append({**line, **more} if foretells else line)
    columns = [
        Column("period", "First qualified", "date"), Column("newly", "Newly qualified", "users"),
    ]  # fmt: skip
    if foretells:
        columns += [
            Column("customers", "Converted before", "users"),
            Column("converted", f"Converted {_words(settings)}", "share", ("converted", "mature")),
        ]
    return Table("trend", "Newly qualified", tuple(columns), tuple(lines))


def _caveats(
    trend: dict[str, int], settings: QualifiedSettings, context: Context
) -> tuple[Caveat, ...]:
    conversion = _conversion(settings, context)
    found = [*not_full(context, look_back(settings, context))]
    if trend["unsettled"]:
        text = (
            "users from before the data that qualified at its start, perhaps not for the first time"
        )
        found.append(Caveat("unknown-start", text, trend["unsettled"]))
    if conversion and any(isinstance(clause, TraitClause) for clause in settings.clauses):
        text = (
            "the rule knows traits as they are now: one that converting changes foretells nothing"
        )
        found.append(Caveat("trait-as-of-now", text))
    refs = [*references(list(settings.clauses)), *(settings.conversion or [])]
    return (*found, *unseen(refs, context))


METRIC = register(
    Metric(
        id="qualified",
        title="Qualified users",
        section="adoption",
        order=10,
        settings=QualifiedSettings,
        definition=__doc__,
        rows=rows,
        result=result,
        features=True,
        needs=("activation", "engagement_score"),
        names=lambda settings, context: {"item": [str(c) for c in settings.clauses]},
        keys={
            "levels": ("period",),
            "clauses": ("item",),
            "trend": ("period",),
            "risk": ("day",),
            "conversions": (),
        },
        plain=frozenset({"risk"}),
        missing=missing,
    )
)
