"""Journey: how far new users get, stage by stage, from signing up to expanding.

Formula: users that reached the last stage within `within` of their sign-up ÷ users that signed up
and have had that long.
Numerator: mature users whose day of reaching the last stage is at most `within` days after that of
the sign-up. Denominator: users whose sign-up is known, lies within the data and among the days
shown, and day + `within` < as-of.
Window: from the day of the sign-up; each clause of a rule has its own.
Stages: signed_up, activated, adopted, engaged, renewed, expanded, in this order; each is a rule
(`stages`) of the same clauses as `qualified`, judged at the end of a local day. By default
signed_up: the sign-up is known; activated: as `activation` has it; adopted: a feature (a core one,
where there are any) used on as many days as `feature_adoption` asks of an adopter, in its window or
among as many consecutive days as it says (weeks and hours it asks for need a rule here); engaged:
active on 8 of 28 days.
A stage whose section the YAML lacks is none, and neither is renewed or expanded without a rule.
Reached: a stage is reached on the first day at whose end its rule has held and all stages before
are reached. Whoever met a later rule first is counted (`ahead`), and reaches it with the stage that
was missing. What was done before the sign-up counts as done at it, as the rules allow.
In it now: users whose furthest stage it is, as of as-of; a rule that no longer holds takes no stage
back, and how many still meet it stands beside.
Moved on: users that reached the next stage ÷ users that reached this one, so far. The time it took
is that of Kaplan and Meier, in days, those still waiting included.
Left out: users whose start is unknown or lies before the data.
Textbook: users that reached the last stage ÷ all sign-ups.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from pydantic import Field, model_validator

from adoptcli import stats
from adoptcli.context import Context
from adoptcli.definitions import Days, Definitions, Model, references
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._holds import rule_spans
from adoptcli.metrics._rules import (
    ActivatedClause,
    ActiveDaysClause,
    FeaturesClause,
    Rule,
    SignedUpClause,
    accounts_only,
    lacking,
)
from adoptcli.metrics._shared import (
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
from adoptcli.results import Caveat, Column, Estimate, Headline, Result, Row, Table, Textbook
from adoptcli.timeline import Timeline
from adoptcli.timeline.days import start_of
from adoptcli.timeline.spans import first_days, holding_on


class Stage(Rule):
    """A rule; a list of clauses is as good as all of them."""

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        return {"all": value} if isinstance(value, list) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        """Its clauses alone are as good as a mapping."""
        schema = handler(core)
        listed, _ = handler.resolve_ref_schema(schema)["properties"]["all"]["anyOf"]
        return {"anyOf": [listed, schema]}


class Stages(Model):
    """The rule of each stage, where it is not the default."""

    signed_up: Stage | None = Field(None, description="Default: the sign-up is known.")
    activated: Stage | None = Field(None, description="Default: as `activation` has it.")
    adopted: Stage | None = Field(None, description="Default: as `feature_adoption` has it.")
    engaged: Stage | None = Field(None, description="Default: active on 8 of 28 days.")
    renewed: Stage | None = Field(None, description="Default: no such stage.")
    expanded: Stage | None = Field(None, description="Default: no such stage.")

    @property
    def named(self) -> dict[str, Rule]:
        """Those that the YAML gives, in their order."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: rule for name, rule in found.items() if rule is not None}


class JourneySettings(Settings):
    """The stages, and how long the whole way may take."""

    stages: Stages = Stages()
    within: Days = Field(90, description="Days since the sign-up that the rate allows.")


def missing(settings: JourneySettings, definitions: Definitions) -> str | None:
    """The key to add."""
    return lacking(settings.stages.named.values(), definitions)


def stages(settings: JourneySettings, context: Context) -> dict[str, Rule]:
    """The rule of each stage that there is, in order."""
    given, usual = settings.stages.named, _defaults(context)
    both = {name: given.get(name, usual.get(name)) for name in Stages.model_fields}
    return {name: rule for name, rule in both.items() if rule is not None}


def _defaults(context: Context) -> dict[str, Rule]:
    found = {"signed_up": Rule(all=[SignedUpClause(signed_up=True)])}
    if context.settings["activation"] is not None:
        found["activated"] = Rule(all=[ActivatedClause(activated=True)])
    if features := context.definitions.features:
        adoption = context.settings["feature_adoption"]
        core = any(feature.core for feature in features.values())
        adopted = adoption.adopted
        within = adopted.within if adopted.span == "rolling_days" else adoption.window
        clause = FeaturesClause(features=1, days=adopted.min_days, core=core, within=within)
        found["adopted"] = Rule(all=[clause])
    return found | {"engaged": Rule(all=[ActiveDaysClause(active_days=8, within=28)])}


def rows(timeline: Timeline, settings: JourneySettings, context: Context) -> Rows:
    """`stages`: who reached each; `steps`: how long from each to the next; `cohorts`."""
    people, last = _people(timeline, settings, context), len(stages(settings, context)) - 1
    return {
        "stages": pl.concat([_stage(people, k, last) for k in range(last + 1)]),
        "steps": pl.concat([_step(people, k, context) for k in range(last)] or [_NO_STEPS.lazy()]),
        "cohorts": _cohorts(people, last, settings, context),
        "left_out": start_rows(timeline, context),
    }


def _people(timeline: Timeline, settings: JourneySettings, context: Context) -> pl.LazyFrame:
    """The starters: signup_day, and for the k-th stage own_k and reached_k (days), holds_k."""
    people = starters(timeline, context).select("actor", "signup_day")
    for k, rule in enumerate(stages(settings, context).values()):
        spans = rule_spans(timeline, rule, context)
        held = holding_on(spans, context.as_of_day - 1).with_columns(
            pl.lit(True).alias(f"holds_{k}")
        )
        people = people.join(
            first_days(spans).rename({"day": f"own_{k}"}), on="actor", how="left"
        ).join(held, on="actor", how="left")
        before = [f"reached_{k - 1}"] if k else []
        names = [f"own_{k}", *before]
        people = people.with_columns(
            pl.when(pl.all_horizontal(pl.col(names).is_not_null()))
            .then(pl.max_horizontal(names))
            .alias(f"reached_{k}")
        )
    return people.lazy()


def _flag(condition: pl.Expr) -> pl.Expr:
    return condition.fill_null(False).cast(pl.Int64)


def _stage(people: pl.LazyFrame, k: int, last: int) -> pl.LazyFrame:
    """Those who met the rule of a stage: whether they reached it, are in it, moved on."""
    reached = pl.col(f"reached_{k}").is_not_null()
    moved = pl.col(f"reached_{k + 1}").is_not_null() if k < last else pl.lit(False)
    return people.filter(pl.col(f"own_{k}").is_not_null()).select(
        "actor",
        step=pl.lit(k, dtype=pl.Int64),
        reached=_flag(reached),
        here=_flag(reached & ~moved),
        moved=_flag(moved),
        holds=_flag(reached & pl.col(f"holds_{k}")),
        ahead=_flag(~reached),
    )


def _step(people: pl.LazyFrame, k: int, context: Context) -> pl.LazyFrame:
    """The days from a stage to the next, or to the last day where it is not reached."""
    since, then = pl.col(f"reached_{k}"), pl.col(f"reached_{k + 1}")
    arrived = then.is_not_null()
    return people.filter(since.is_not_null()).select(
        "actor",
        step=pl.lit(k, dtype=pl.Int64),
        duration=(then.fill_null(context.as_of_day - 1) - since).cast(pl.Int64),
        arrived=_flag(arrived),
        waiting=_flag(~arrived),
    )


_NO_STEPS = pl.DataFrame(
    schema={
        "actor": pl.UInt32, "step": pl.Int64, "duration": pl.Int64, "arrived": pl.Int64,
        "waiting": pl.Int64,
    }
)  # fmt: skip


def _cohorts(
    people: pl.LazyFrame, last: int, settings: JourneySettings, context: Context
) -> pl.LazyFrame:
    """Each starter: whether it is mature, and whether it reached the last stage in time."""
    starts = context.calendar.starts(context.shown_from, context.end_day, context.period)
    deadline = pl.col("signup_day") + settings.within
    mature, arrived = deadline < context.as_of_day, pl.col(f"reached_{last}") <= deadline
    return people.select(
        "actor",
        cohort=start_of(pl.col("signup_day"), starts),
        signups=pl.lit(1),
        mature=_flag(mature),
        arrived=_flag(mature & arrived),
        so_far=_flag(~mature & arrived),
        ever=_flag(pl.col(f"reached_{last}").is_not_null()),
    )


def result(tallies: Tallies, settings: JourneySettings, context: Context) -> Result:
    """Each stage, the time from one to the next, and the whole way by cohort."""
    rules = stages(settings, context)
    if context.unit == "user" and (reason := accounts_only(rules.values())):
        return Result(None, None, (), status="not_evaluable", reason=reason)
    found, cohorts = cells(tallies["stages"], ["step"]), cells(tallies["cohorts"], ["cohort"])
    total = dict.fromkeys(("signups", "mature", "arrived", "so_far", "ever"), 0)
    total |= totals(tallies["cohorts"].drop("cohort"))
    caveats = _caveats(rules, tallies, context)
    if not total["signups"]:
        return Result(
            None, None, (), caveats, status="not_evaluable",
            reason="nobody's sign-up is known and within the days shown",
        )  # fmt: skip
    last = [*rules][-1]
    headline = _headline(cohorts, total, _now(found, rules), last, settings, context)
    textbook = Textbook(
        total["ever"] / total["signups"], total["ever"], total["signups"],
        f"ever reached {last} ÷ all sign-ups",
    )  # fmt: skip
    tables = (
        _stage_table(found, rules, total["signups"]),
        _step_table(found, tallies["steps"], rules, settings),
        _rule_table(rules),
        _cohort_table(cohorts, last, settings, context),
        Table("range", "All sign-ups", _range(last, settings), (_measures(total),)),
    )
    caveats = (*caveats, *small(headline.estimate.denominator, "sign-ups"))
    return Result(headline, textbook, tables, caveats)


Found = dict[int, dict[str, int]]
_NOBODY = dict.fromkeys(("reached", "here", "moved", "holds", "ahead"), 0)


def _now(found: Found, rules: Mapping[str, Rule]) -> str:
    """How many are in each stage, in words."""
    parts = [f"{found[k]['here']:,} {n}" for k, n in enumerate(rules) if k in found]
    return f"in each stage now: {', '.join(parts)}"


def _headline(
    cohorts: Found, total: dict[str, int], note: str, last: str, settings: JourneySettings,
    context: Context,
) -> Headline:  # fmt: skip
    """The last cohort that is complete and mature; all that are mature where there is none."""
    complete = [
        start for start, end in context.periods() if end - 1 + settings.within < context.as_of_day
    ]
    rates = [_arrived(cohorts.get(start)) for start in complete]
    now = rates[-1] if rates else _arrived(total)
    return Headline(
        f"Reached {last} in {settings.within} d", now, "share",
        context.label(complete[-1]) if complete else None,
        share_difference(now, rates[-2] if len(rates) > 1 else None),
        tuple(rate.value for rate in rates), note,
    )  # fmt: skip


def _arrived(counts: dict[str, int] | None) -> Estimate:
    return share(counts["arrived"], counts["mature"]) if counts else Estimate(None, 0, 0)


def _stage_table(found: Found, rules: Mapping[str, Rule], signups: int) -> Table:
    lines: list[Row] = []
    for k, name in enumerate(rules):
        c = _NOBODY | found.get(k, {})
        lines.append(
            {
                "step": name,
                "reached": share(c["reached"], signups),
                "here": c["here"],
                "holds": share(c["holds"], c["reached"]),
                "ahead": c["ahead"],
            }
        )
    columns = (
        Column("step", "Stage", "text"),
        Column("reached", "Reached", "share"),
        Column("here", "In it now", "users"),
        Column("holds", "Still meet its rule", "share", ("holds", "reached")),
        Column("ahead", "Met it, not one before", "users"),
    )
    return Table("stages", "By stage", columns, tuple(lines))


def _step_table(
    found: Found, steps: pl.DataFrame, rules: Mapping[str, Rule], settings: JourneySettings
) -> Table:
    """From each stage but the last to the next."""
    lines: list[Row] = []
    for k, name in enumerate([*rules][:-1]):
        part = steps.filter(pl.col("step") == k)
        lines.append({"step": name, **_further(_NOBODY | found.get(k, {}), part, settings)})
    columns = (
        Column("step", "From", "text"),
        Column("moved", "Moved on so far", "share", ("moved", "reached")),
        Column("by", f"By {settings.within} d (Kaplan–Meier)", "share"),
        Column("median", "Median time", "days"),
    )
    return Table("steps", "From each stage to the next", columns, tuple(lines))


def _further(c: Mapping[str, int], steps: pl.DataFrame, settings: JourneySettings) -> Row:
    """Who moved on to the next stage, and how long it took."""
    curve = stats.KaplanMeier.of(steps.select("duration", events="arrived", censored="waiting"))
    median, by = curve.quantile(0.5), curve.share_at(settings.within)
    n = curve.total
    return {
        "moved": share(c["moved"], c["reached"]),
        "by": Estimate(by.share, None, n, by.low, by.high) if by else Estimate(None, None, n),
        "median": Estimate(median.value, None, n, median.low, median.high),
    }


def _rule_table(rules: Mapping[str, Rule]) -> Table:
    columns = (Column("step", "Stage", "text"), Column("item", "Rule", "text"))
    lines = tuple({"step": name, "item": str(rule)} for name, rule in rules.items())
    return Table("rules", "What the stages are", columns, lines)


def _measures(c: Mapping[str, int]) -> Row:
    return {
        "signups": c["signups"],
        "mature": c["mature"],
        "arrived": share(c["arrived"], c["mature"]),
        "so_far": c["so_far"],
        "ever": share(c["ever"], c["signups"]),
    }


def _range(last: str, settings: JourneySettings) -> tuple[Column, ...]:
    return (
        Column("signups", "Sign-ups", "users"),
        Column("mature", "Mature", "users"),
        Column("arrived", f"Reached {last} in {settings.within} d", "share", ("arrived", "mature")),
        Column("so_far", "So far, not mature", "users"),
        Column("ever", "Ever", "share", ("ever", "signups")),
    )


def _cohort_table(cohorts: Found, last: str, settings: JourneySettings, context: Context) -> Table:
    lines = tuple(
        {"cohort": context.label(start), **_measures(c)} for start, c in sorted(cohorts.items())
    )
    columns = (Column("cohort", "Signed up", "date"), *_range(last, settings))
    return Table("cohorts", "By sign-up cohort", columns, lines)


def _caveats(rules: Mapping[str, Rule], tallies: Tallies, context: Context) -> tuple[Caveat, ...]:
    return (
        *start_caveats(totals(tallies["left_out"])),
        *unseen(references(list(rules.values())), context),
    )


METRIC = register(
    Metric(
        id="journey",
        title="Journey",
        section="together",
        order=2,
        settings=JourneySettings,
        definition=__doc__,
        rows=rows,
        result=result,
        features=True,
        needs=("activation", "engagement_score", "feature_adoption"),
        names=lambda settings, context: {"step": [*stages(settings, context)]},
        keys={
            "stages": ("step",),
            "steps": ("step", "duration"),
            "cohorts": ("cohort",),
            "left_out": (),
        },
        plain=frozenset({"steps", "left_out"}),
        missing=missing,
    )
)
