"""Audiences of one's own: a few conditions on facts, all of which must hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import polars as pl
from pydantic import AfterValidator, ConfigDict, Field, model_validator

from adoptcli.context import Context
from adoptcli.context import text as as_text
from adoptcli.definitions import Days, Definitions, Model, Name, Scalar
from adoptcli.metrics._features import counted_days
from adoptcli.metrics._score import SCALE, daily_points
from adoptcli.metrics._shared import activated, by_window, since, window_of
from adoptcli.timeline import Timeline


def _not_builtin(name: str) -> str:
    from adoptcli.audiences.builtin import BUILTIN  # which imports this module

    if name.partition(":")[0] in BUILTIN:
        raise ValueError(f"{name!r} is the name of a built-in audience; choose another")
    return name


Own = Annotated[Name, AfterValidator(_not_builtin)]


class When(Model):
    """How long before as-of."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    before: Days | None = Field(None, description="More than so many days ago.")
    after: Days | None = Field(None, description="Within the last so many days.")

    @model_validator(mode="after")
    def _one_at_least(self) -> When:
        if self.before is None and self.after is None:
            raise ValueError("say 'before: 7d', 'after: 7d' or both")
        return self

    def __str__(self) -> str:
        parts = [] if self.before is None else [f"more than {self.before} days ago"]
        parts += [] if self.after is None else [f"within the last {self.after} days"]
        return " and ".join(parts)

    def holds(self, day: pl.Expr, end: int) -> pl.Expr:
        """Whether a local day lies there; days not known lie nowhere."""
        found = pl.lit(value=True)
        if self.before is not None:
            found = found & (day < end - self.before)
        if self.after is not None:
            found = found & (day >= end - self.after)
        return found.fill_null(False)


def _some_bound(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [{"required": [name]} for name in ("at_least", "at_most")]


class Between(Model):
    """How many, in the last days."""

    model_config = ConfigDict(json_schema_extra=_some_bound)

    at_least: int | None = Field(None, ge=0, description="So many or more.")
    at_most: int | None = Field(None, ge=0, description="So many or fewer.")
    within: Days = Field(28, description="Days looked back on.")

    @model_validator(mode="after")
    def _one_bound(self) -> Between:
        if self.at_least is None and self.at_most is None:
            raise ValueError("say 'at_least', 'at_most' or both")
        return self

    def __str__(self) -> str:
        if self.at_least is None:
            return f"at most {self.at_most} in {self.within} days"
        most = "" if self.at_most is None else f" and at most {self.at_most}"
        return f"at least {self.at_least}{most} in {self.within} days"

    def holds(self, count: pl.Expr) -> pl.Expr:
        """Whether a count lies between."""
        found = pl.lit(value=True)
        if self.at_least is not None:
            found = found & (count >= self.at_least)
        if self.at_most is not None:
            found = found & (count <= self.at_most)
        return found


class Conditions(Model):
    """Who is in an audience: whoever meets all of these, judged at the end of the data."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    signed_up: When | None = Field(None, description="When it signed up.")
    last_seen: When | None = Field(None, description="When it was last active.")
    activated: bool | None = Field(None, description="Whether it is activated, ever.")
    active_days: Between | None = Field(None, description="On how many days it was active.")
    score: Between | None = Field(None, description="Points of the engagement score.")
    used: list[Name] = Field(default_factory=list, description="Features it has used, ever.")
    not_used: list[Name] = Field(default_factory=list, description="Features it has never used.")
    trait: dict[Name, Annotated[list[Scalar], Field(min_length=1)]] = Field(
        default_factory=dict, description="Columns or properties, and the values that count."
    )

    @model_validator(mode="after")
    def _any(self) -> Conditions:
        if not self.model_fields_set:
            raise ValueError("give a condition, such as 'activated: false'")
        return self

    def traits(self) -> Iterable[str]:
        return self.trait

    def __str__(self) -> str:
        told = {
            "signed up": self.signed_up, "last seen": self.last_seen,
            "active days:": self.active_days, "score": self.score,
        }  # fmt: skip
        words = [f"{name} {value}" for name, value in told.items() if value is not None]
        if self.activated is not None:
            words.append("activated" if self.activated else "not activated")
        words += [f"used {name}" for name in self.used]
        words += [f"never used {name}" for name in self.not_used]
        words += [f"{name} {'|'.join(map(str, v))}" for name, v in self.trait.items()]
        return ", ".join(words)


def lacking(conditions: Conditions, definitions: Definitions, settings: Mapping[str, Any]) -> str:
    """What the YAML must have before the conditions can be judged; empty where nothing lacks."""
    if conditions.activated is not None and settings.get("activation") is None:
        return "add 'activation: {all: [EVENT, …]}' to the YAML"
    if conditions.score is not None and settings.get("engagement_score") is None:
        return "add 'engagement_score: {weights: {EVENT: 5}}' to the YAML"
    for name in (*conditions.used, *conditions.not_used):
        if name not in definitions.features:
            return f"add 'features: {{{name}: [EVENT, …]}}' to the YAML"
    return ""


def needs(conditions: Conditions) -> tuple[str, ...]:
    """The metrics whose sections the conditions use; one at least, so that the log is read."""
    found = ["active_users"]
    if conditions.activated is not None:
        found.append("activation")
    if conditions.score is not None:
        found.append("engagement_score")
    if conditions.used or conditions.not_used:
        found.append("feature_adoption")
    return tuple(found)


def matching(conditions: Conditions, timeline: Timeline, context: Context) -> pl.LazyFrame:
    """The actors there by the end that meet all conditions: actor, since (last active day), why.

    Those of whom nobody can know that they are not activated are marked `unsure`: they came before
    the data, have no known sign-up, or are of no persona. They are in no list.
    """
    end = context.end_day
    people = timeline.actors.lazy().filter(since() < end).join(
        last_day(timeline.days, context), on="actor", how="left"
    )  # fmt: skip
    words: list[pl.Expr] = []
    if conditions.signed_up is not None:
        known = pl.when("known").then(pl.col("signup_day"))
        people = people.filter(conditions.signed_up.holds(known, end))
        words.append(pl.format("signed up {}", _date("signup_day")))
    if conditions.last_seen is not None:
        seen = pl.coalesce("since", "signup_day")  # who was never seen came and stayed away
        people = people.filter(conditions.last_seen.holds(seen, end))
        words.append(pl.format("last seen {}", _date("since")))
    if conditions.activated is not None:
        done = activated(timeline, context).lazy().filter(pl.col("activated_at").is_not_null())
        people = people.join(done, on="actor", how="semi" if conditions.activated else "anti")
        words.append(pl.lit("activated" if conditions.activated else "not activated"))
    people = people.with_columns(unsure=_unsure(conditions, timeline, context))
    if conditions.active_days is not None:
        days = by_window(timeline.days, context, conditions.active_days.within, 1)
        people = _counted(people, days.lazy(), "days")
        people = people.filter(conditions.active_days.holds(pl.col("days")))
        words.append(pl.format("{} active days", "days"))
    if conditions.score is not None:
        points = points_within(timeline, conditions.score.within, context)
        people = _counted(people, points, "points")
        people = people.filter(conditions.score.holds(pl.col("points") / SCALE))
        words.append(pl.format("score {}", (pl.col("points") / SCALE).round(1)))
    people, told = _by_feature(people, conditions, timeline, context)
    people = _by_trait(people, conditions, timeline)
    words += told
    words += [pl.lit(f"{k} = {'|'.join(map(str, v))}") for k, v in conditions.trait.items()]
    why = pl.concat_str(words, separator=", ").fill_null("")
    return people.select("actor", "since", "unsure", why=why)


def _unsure(conditions: Conditions, timeline: Timeline, context: Context) -> pl.Expr:
    """Whether an actor may have been activated without a trace in the data."""
    if conditions.activated is not False:
        return pl.lit(value=False)
    judged = activated(timeline, context)["actor"].implode()
    old = ~pl.col("known") | (pl.col("signup_day") < context.first_day)
    return (old | ~pl.col("actor").is_in(judged)).fill_null(True)


def _date(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Date).cast(pl.String).fill_null("never")


def last_day(days: pl.DataFrame, context: Context) -> pl.LazyFrame:
    """actor and since: the last of its days before the end of what is shown."""
    shown = days.lazy().filter(pl.col("day") < context.end_day)
    return shown.group_by("actor").agg(since=pl.col("day").max())


def _counted(people: pl.LazyFrame, counts: pl.LazyFrame, name: str) -> pl.LazyFrame:
    return people.join(counts, on="actor", how="left").with_columns(pl.col(name).fill_null(0))


def points_within(timeline: Timeline, length: int, context: Context) -> pl.LazyFrame:
    """actor and points (thousandths) of the engagement score in the last days."""
    window = window_of(pl.col("day"), context, length, 1)
    found = daily_points(timeline, context).lazy().filter(window.is_not_null())
    return found.group_by("actor").agg(pl.col("points").sum())


def _by_feature(
    people: pl.LazyFrame, conditions: Conditions, timeline: Timeline, context: Context
) -> tuple[pl.LazyFrame, list[pl.Expr]]:
    if not (conditions.used or conditions.not_used):
        return people, []
    names = [*context.definitions.features]
    uses = counted_days(timeline, context).lazy().filter(pl.col("day") < context.end_day)
    words = []
    for wanted, how, word in ((conditions.used, "semi", "used"),
                              (conditions.not_used, "anti", "never used")):  # fmt: skip
        for name in wanted:
            mine = uses.filter(pl.col("item") == names.index(name))
            people = people.join(mine, on="actor", how=how)  # type: ignore[arg-type]
            words.append(pl.lit(f"{word} {name}"))
    return people, words


def _by_trait(people: pl.LazyFrame, conditions: Conditions, timeline: Timeline) -> pl.LazyFrame:
    for name, values in conditions.trait.items():
        holding = timeline.holding(name, [as_text(value) for value in values])
        people = people.join(holding.lazy(), on="actor", how="semi")
    return people
