"""When a rule holds for each actor, judged at the end of each local day."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from itertools import pairwise

import polars as pl

from adoptcli.context import Context
from adoptcli.metrics._features import counted_days
from adoptcli.metrics._rules import (
    ActivatedClause,
    ActiveDaysClause,
    Clause,
    EventClause,
    FeaturesClause,
    Rule,
    ScoreClause,
    SeatsClause,
    SignedUpClause,
    TraitClause,
    UsersClause,
)
from adoptcli.metrics._score import SCALE, daily_points
from adoptcli.metrics._shared import activated
from adoptcli.timeline import Timeline, by_day
from adoptcli.timeline.days import local_day
from adoptcli.timeline.runs import runs
from adoptcli.timeline.spans import SPAN, covering, trailing

BURN_IN = 30  # days, for what looks back on everything
PARTS = 1_000_000  # a share of seats is compared in millionths, so that it stays exact
_NOWHERE = pl.DataFrame(schema=SPAN)


def rule_spans(timeline: Timeline, rule: Rule, context: Context) -> pl.DataFrame:
    """The spans of days at whose ends an actor meets the rule; a stop may lie after as-of."""
    return met([clause_spans(timeline, clause, context) for clause in rule.clauses], rule)


def met(parts: Sequence[pl.DataFrame], rule: Rule) -> pl.DataFrame:
    """The spans of a rule, from those of its clauses."""
    return covering(parts, rule.least)


def clause_spans(timeline: Timeline, clause: Clause, context: Context) -> pl.DataFrame:
    """The spans of one clause, computed once a bucket."""
    return timeline.fact(f"clause {clause!r}", lambda: _spans(clause, timeline, context))


def look_back(rule: Rule, context: Context) -> int:
    """For how many days the data must have run before a rule's first day is known to be one."""
    found = [1]
    for clause in rule.clauses:
        if isinstance(clause, ScoreClause):
            found.append(context.settings["engagement_score"].window)
        elif not isinstance(clause, SignedUpClause | TraitClause):
            found.append(getattr(clause, "within", None) or BURN_IN)
    return max(found)


def there(context: Context) -> pl.Expr:
    """The first day on which an actor is known to be there, by its row of the actors."""
    signup, first = pl.col("signup_day"), pl.col("first_day")
    day = pl.min_horizontal(pl.coalesce(signup, first), first).fill_null(context.first_day)
    return day.clip(lower_bound=context.first_day).cast(pl.Int32)


def known_trait(clause: TraitClause) -> pl.Expr:
    """Whether the traits of an actor are known, by its row of the actors."""
    return pl.all_horizontal(pl.col(f"trait.{name}").is_not_null() for name in clause.trait)


@singledispatch
def _spans(clause: Clause, timeline: Timeline, context: Context) -> pl.DataFrame:
    raise NotImplementedError(type(clause))


@_spans.register
def _(clause: EventClause, timeline: Timeline, context: Context) -> pl.DataFrame:
    parts, end = [], context.as_of_day
    if clause.at_least > 1 or clause.days == 1:
        parts.append(trailing(_days_of(timeline, clause), clause.at_least, clause.within, end))
    if clause.days > 1:
        days = by_day(timeline.of(clause))
        parts.append(trailing(days, clause.days, clause.within, end))
    return covering(parts, len(parts))


def _days_of(timeline: Timeline, clause: EventClause) -> pl.DataFrame:
    """actor and day of each row of the event, sorted."""
    daily = by_day(timeline.of(clause))
    if clause.at_least == 1:
        return daily.select("actor", "day")
    often = pl.col("times").clip(upper_bound=clause.at_least)  # more on a day say no more
    return daily.select(pl.col("actor", "day").repeat_by(often).explode())


@_spans.register
def _(clause: ActiveDaysClause, timeline: Timeline, context: Context) -> pl.DataFrame:
    return trailing(timeline.days, clause.active_days, clause.within, context.as_of_day)


@_spans.register
def _(clause: FeaturesClause, timeline: Timeline, context: Context) -> pl.DataFrame:
    parts = [
        trailing(part, clause.days, clause.within, context.as_of_day)
        for part in _by_feature(clause, timeline, context)
    ]
    return covering(parts, clause.features) if parts else _NOWHERE


def _by_feature(clause: FeaturesClause, timeline: Timeline, context: Context) -> list[pl.DataFrame]:
    """The days with a use of each feature that counts."""
    uses = counted_days(timeline, context).select("item", "actor", "day")
    features = [*context.definitions.features.values()]
    items = range(len(features))  # sorted by item, so that each has its slice
    parts = pairwise([0, *(uses["item"].search_sorted(item, side="right") for item in items)])
    return [
        uses[start:end].drop("item")
        for feature, (start, end) in zip(features, parts, strict=True)
        if feature.core or not clause.core
    ]


@_spans.register
def _(clause: ScoreClause, timeline: Timeline, context: Context) -> pl.DataFrame:
    window = context.settings["engagement_score"].window
    points = daily_points(timeline, context).select(
        "actor", start="day", stop=pl.col("day") + window, weight="points"
    )
    return covering([points], round(clause.score * SCALE))


@_spans.register
def _(clause: UsersClause, timeline: Timeline, context: Context) -> pl.DataFrame:
    return covering([_members(clause, timeline, context)], clause.users)


def _members(
    clause: UsersClause | SeatsClause, timeline: Timeline, context: Context
) -> pl.DataFrame:
    """Spans in which each member of an account is one of its active ones."""
    days = _member_days(timeline)
    following = pl.when(pl.col("member") == pl.col("member").shift(-1)).then(
        pl.when(pl.col("actor") == pl.col("actor").shift(-1)).then(pl.col("day").shift(-1))
    )
    stop = pl.min_horizontal(pl.col("day") + clause.within, following, pl.lit(context.as_of_day))
    one = pl.lit(1, dtype=pl.Int64)
    return days.select("actor", start="day", stop=stop.cast(pl.Int32), weight=one)


def _member_days(timeline: Timeline) -> pl.DataFrame:
    """actor, member, day on which the member was active; none where actors are users."""
    keys = ["actor", "member", "day"]
    if "member" not in timeline.events.columns:
        return pl.DataFrame(schema={"actor": pl.UInt32, "member": pl.UInt32, "day": pl.Int32})
    return timeline.fact(
        "member_days", lambda: timeline.active_events.select(keys).unique().sort(keys)
    )


@_spans.register
def _(clause: SeatsClause, timeline: Timeline, context: Context) -> pl.DataFrame:
    """Members weigh a million each; what the seats ask for is taken off while anybody is there."""
    members = _members(clause, timeline, context).with_columns(weight=pl.lit(PARTS, dtype=pl.Int64))
    asked = seats(timeline, context).filter(pl.col("seats") > 0)
    whole = asked.select(
        "actor",
        start=pl.lit(context.first_day, dtype=pl.Int32),
        stop=pl.lit(context.as_of_day, dtype=pl.Int32),
        weight=1 - pl.col("seats") * round(clause.seats * PARTS),
    )
    members = members.join(asked, on="actor", how="semi", maintain_order="left")
    return covering([members, whole], 1)


def seats(timeline: Timeline, context: Context) -> pl.DataFrame:
    """actor and seats of the accounts whose seats are known."""
    known = pl.DataFrame(
        {"account": [*context.seats], "seats": [round(n) for n in context.seats.values()]},
        schema={"account": timeline.actors["account"].dtype, "seats": pl.Int64},
    )
    return timeline.actors.select("actor", "account").join(known, on="account").drop("account")


@_spans.register
def _(clause: ActivatedClause, timeline: Timeline, context: Context) -> pl.DataFrame:
    people = activated(timeline, context).filter(pl.col("activated_at").is_not_null())
    low = context.calendar.midnight(context.first_day)
    day = local_day(pl.col("activated_at"), context.calendar, low, context.as_of)
    return _from(people.select("actor", day=day), context)


@_spans.register
def _(clause: SignedUpClause, timeline: Timeline, context: Context) -> pl.DataFrame:
    people = timeline.actors.filter(pl.col("known") & (pl.col("signup") < context.as_of))
    return _from(people.select("actor", day="signup_day"), context)


@_spans.register
def _(clause: TraitClause, timeline: Timeline, context: Context) -> pl.DataFrame:
    people = timeline.actors
    for name, values in clause.trait.items():
        people = people.join(
            timeline.holding(name, values), on="actor", how="semi", maintain_order="left"
        )
    return _from(people.select("actor", day=there(context)), context)


def _from(days: pl.DataFrame, context: Context) -> pl.DataFrame:
    """From a day on, or from the first day of the data."""
    end = pl.lit(context.as_of_day, dtype=pl.Int32)
    start = pl.col("day").clip(lower_bound=context.first_day)
    return days.filter(pl.col("day") < context.as_of_day).select("actor", start=start, stop=end)


def values(timeline: Timeline, clause: Clause, context: Context, day: int) -> pl.DataFrame:
    """actor and value: what a clause counts, at the end of a day; actors that have none are absent.

    Times, distinct days, features, thousandths of a point, members; 1 where there is nothing to
    count and the clause holds.
    """
    return _values(clause, timeline, context, day)


def _lately(day: int, within: int | None) -> pl.Expr:
    inside = pl.col("day") <= day
    return inside if within is None else inside & (pl.col("day") > day - within)


def _summed(days: pl.DataFrame, value: str | None = None) -> pl.DataFrame:
    """actor and the sum of a column over its rows, or their number."""
    if value is None:
        return runs(days, ["actor"]).rename({"length": "value"})
    return days.group_by("actor").agg(value=pl.col(value).cast(pl.Int64).sum())


@singledispatch
def _values(clause: Clause, timeline: Timeline, context: Context, day: int) -> pl.DataFrame:
    spans = clause_spans(timeline, clause, context)
    held = spans.filter((pl.col("start") <= day) & (day < pl.col("stop")))
    return held.select("actor", value=pl.lit(1, dtype=pl.Int64))


@_values.register
def _(clause: EventClause, timeline: Timeline, context: Context, day: int) -> pl.DataFrame:
    days = by_day(timeline.of(clause).filter(_lately(day, clause.within)))
    counts_days = clause.days > 1 and clause.at_least == 1
    return _summed(days, None if counts_days else "times")


@_values.register
def _(clause: ActiveDaysClause, timeline: Timeline, context: Context, day: int) -> pl.DataFrame:
    return _summed(timeline.days.filter(_lately(day, clause.within)))


@_values.register
def _(clause: FeaturesClause, timeline: Timeline, context: Context, day: int) -> pl.DataFrame:
    counted = [
        _summed(part.filter(_lately(day, clause.within))).filter(pl.col("value") >= clause.days)
        for part in _by_feature(clause, timeline, context)
    ]
    used = [part.select("actor", used=pl.lit(1, dtype=pl.Int64)) for part in counted]
    return _summed(pl.concat(used), "used") if used else _summed(_NOWHERE)


@_values.register
def _(clause: ScoreClause, timeline: Timeline, context: Context, day: int) -> pl.DataFrame:
    window = context.settings["engagement_score"].window
    return _summed(daily_points(timeline, context).filter(_lately(day, window)), "points")


@_values.register(UsersClause)
@_values.register(SeatsClause)
def _(
    clause: UsersClause | SeatsClause, timeline: Timeline, context: Context, day: int
) -> pl.DataFrame:
    lately = _member_days(timeline).filter(_lately(day, clause.within))
    return _summed(runs(lately, ["actor", "member"]))
