"""From the first use of a feature to a habit: when trying it has become using it, and how soon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import polars as pl
from pydantic import Field, model_validator

from adoptcli.context import Context
from adoptcli.definitions import Days, Feature, Model
from adoptcli.metrics._features import counted_days, launch_day, of_able
from adoptcli.timeframe import DAY_MS
from adoptcli.timeline import Timeline
from adoptcli.timeline.days import start_of
from adoptcli.timeline.runs import runs, starts_run
from adoptcli.timeline.segments import by_code

WEEK = 7


class Adopted(Model):
    """When trying has become using: uses on several distinct local days that are close enough."""

    min_days: int = Field(2, ge=2, description="Distinct local days with a use; one is a trial.")
    within: Days | None = Field(None, description="How long they may take (span says how).")
    span: Literal["window", "calendar_week", "rolling_days", "elapsed"] = Field(
        "window",
        description="The days lie anywhere in the window, in one calendar week, among `within` "
        "consecutive local days, or at most `within` × 24 hours apart.",
    )

    @model_validator(mode="after")
    def _fitting(self) -> Adopted:
        rolling = self.span in ("rolling_days", "elapsed")
        if rolling and self.within is None:
            raise ValueError(f"'span: {self.span}' needs 'within', such as 7d")
        if self.span == "window" and self.within is not None:
            raise ValueError("'within' needs 'span: rolling_days', 'elapsed' or 'calendar_week'")
        if self.span == "calendar_week" and self.within not in (None, WEEK):
            raise ValueError("a calendar week has 7 days; leave 'within' out")
        most = self.within if rolling else WEEK if self.span == "calendar_week" else None
        if most is not None and self.min_days > most + (self.span == "elapsed"):
            raise ValueError(f"{self.min_days} distinct days do not fit into {most} days")
        return self

    def __str__(self) -> str:
        where = {
            "window": "",
            "calendar_week": " of a calendar week",
            "rolling_days": f" of {self.within} consecutive",
            "elapsed": f" within {self.within} × 24 h",
        }
        return f"{self.min_days}+ days{where[self.span]}"


class Retained(Model):
    """When a first use was not the last."""

    after: Days = Field(1, description="Days after the first day of use from which a use counts.")
    within: Days = Field(28, description="Days after the first day of use up to which it counts.")

    @model_validator(mode="after")
    def _ordered(self) -> Retained:
        if self.after > self.within:
            raise ValueError("'after' is later than 'within'")
        return self


def completes(
    days: pl.DataFrame, keys: Sequence[str], rule: Adopted, context: Context
) -> pl.Series:
    """Whether each row, with the rows before it, makes enough days that are close enough.

    Args:
        days: Days of use, sorted by the keys and the day, each once.
        keys: What tells one adoption from another.
        rule: How many days, and how close.
        context: The run's context.
    """
    back = rule.min_days - 1
    day, then = pl.col("day"), pl.col("day").shift(back)
    monday = context.calendar.start(0, "week")
    close = {
        "window": pl.lit(True),
        "calendar_week": (day - monday) // WEEK == (then - monday) // WEEK,
        "rolling_days": day - then < (rule.within or 0),
        "elapsed": pl.col("first") - pl.col("last").shift(back) <= (rule.within or 0) * DAY_MS,
    }
    same = [pl.col(key) == pl.col(key).shift(back) for key in keys]
    return days.select(met=pl.all_horizontal(*same, close[rule.span]).fill_null(False)).to_series()


def needed(rule: Adopted) -> list[str]:
    """The columns of days of use that `completes` looks at."""
    return ["item", "actor", "day", *(["first", "last"] if rule.span == "elapsed" else [])]


def newcomers(
    timeline: Timeline, rule: Retained, context: Context, features: Sequence[Feature]
) -> pl.DataFrame:
    """Everybody whose way to a feature is seen from its beginning.

    It begins at the sign-up, or at the launch where that is later, which must lie in the data and
    among the days shown.

    Returns:
        item, actor, signup, origin (ms) and its day, first (ms of the first use, or null) and its
        first_use (local day), again (used later as `rule` has it), uses (days of use); sorted by
        item and actor.
    """
    used = _first_uses(counted_days(timeline, context), rule)
    known = timeline.actors.filter(pl.col("known")).select("actor", "signup", "signup_day")
    parts = []
    for i, feature in enumerate(features):
        launch = launch_day(feature, context) if feature.launched_at else None
        begun = _begun(of_able(known, timeline, feature), launch, context)
        mine = used.filter(pl.col("item") == i).drop("item")
        found = begun.join(mine, on="actor", how="left", maintain_order="left")
        parts.append(found.select(pl.lit(i, dtype=pl.Int64).alias("item"), pl.all()))
    return pl.concat(parts)


def _begun(people: pl.DataFrame, launch: int | None, context: Context) -> pl.DataFrame:
    """With the later of sign-up and launch, those for whom it is seen."""
    origin, day = pl.col("signup"), pl.col("signup_day")
    if launch is not None:
        origin = pl.max_horizontal(origin, pl.lit(context.calendar.midnight(launch)))
        day = pl.max_horizontal(day, pl.lit(launch, dtype=pl.Int32))
    shown = (day >= context.shown_from) & (day < context.end_day) & (origin < context.as_of)
    return people.filter(shown).select("actor", "signup", origin=origin, origin_day=day)


def _first_uses(days: pl.DataFrame, rule: Retained) -> pl.DataFrame:
    """item, actor, first (ms), first_use (its day), again, uses (days): a row a user of it."""
    fresh = starts_run(days, ["item", "actor"])
    begin = pl.when(fresh).then(pl.col("day")).forward_fill()
    gap = pl.col("day") - begin
    later = gap.is_between(rule.after, rule.within).cast(pl.Int64)
    found = runs(days.select("item", "actor", later=later), ["item", "actor"], sums=["later"])
    return found.select(
        "item",
        "actor",
        first=days["first"].filter(fresh),
        first_use=days["day"].filter(fresh),
        again=pl.col("later") > 0,
        uses="length",
    )


def time_rows(people: pl.DataFrame, context: Context) -> pl.LazyFrame:
    """How long each newcomer took to the first use, or has been without one."""
    took = pl.coalesce("first", pl.lit(context.as_of)) - pl.col("origin")
    return people.lazy().select(
        "actor",
        "item",
        duration=pl.max_horizontal(took, pl.lit(0, dtype=pl.Int64)),
        arrived=pl.col("first").is_not_null(),
        people=pl.lit(1, dtype=pl.Int64),
    )


def left_out_rows(people: pl.DataFrame, timeline: Timeline) -> pl.LazyFrame:
    """Actors whose start is unknown, and newcomers with a first use before it."""
    unknown = timeline.actors.lazy().filter(~pl.col("known"))
    early = people.lazy().filter(pl.col("first") < pl.col("origin"))
    return pl.concat(
        [
            unknown.select("actor", unknown_start=1, early=0),
            early.select("actor", unknown_start=0, early=1),
        ]
    )


def retained_rows(people: pl.DataFrame, rule: Retained, context: Context) -> pl.LazyFrame:
    """Newcomers who used it, whether that is long enough ago, and whether they did again.

    `gone`: it is, and they did not. `once`: it is, and they used it on no other day to this one.
    """
    mature = pl.col("first_use") + rule.within < context.as_of_day
    return (
        people.lazy()
        .filter(pl.col("first").is_not_null())
        .select(
            "actor",
            "item",
            mature=mature.cast(pl.Int64),
            again=(mature & pl.col("again")).cast(pl.Int64),
            gone=(mature & ~pl.col("again")).cast(pl.Int64),
            once=(mature & (pl.col("uses") == 1)).cast(pl.Int64),
            immature=(~mature).cast(pl.Int64),
        )
    )


def cohort_rows(
    people: pl.DataFrame, timeline: Timeline, within: int, rule: Adopted, context: Context
) -> pl.LazyFrame:
    """Sign-ups to whom the feature was there, and what they did by `within` days after it."""
    starts = context.calendar.starts(context.shown_from, context.end_day, context.period)
    deadline = pl.col("signup") + within * DAY_MS
    mature = deadline < context.as_of
    tried = (pl.col("first") <= deadline).fill_null(False)
    fresh = people.filter(pl.col("origin") == pl.col("signup"))
    return fresh.lazy().select(
        "actor",
        "item",
        cohort=start_of(pl.col("origin_day"), starts),
        mature=mature.cast(pl.Int64),
        tried=(mature & tried).cast(pl.Int64),
        adopted=(mature & _adopted_by(fresh, timeline, within, rule, context)).cast(pl.Int64),
        immature=(~mature).cast(pl.Int64),
    )


def _adopted_by(
    people: pl.DataFrame, timeline: Timeline, within: int, rule: Adopted, context: Context
) -> pl.Series:
    """Whether each row's actor adopted its item within so many days of the sign-up."""
    days, actors = counted_days(timeline, context), timeline.actors
    signup = pl.lit(by_code(actors["actor"], actors["signup"])).gather("actor")
    inside = pl.col("first") <= signup + within * DAY_MS
    early = days.select(pl.col(needed(rule)).filter(inside))
    met = early.filter(completes(early, ["item", "actor"], rule, context))
    # A place for each item of each actor, so that looking one up is no join.
    code = pl.col("actor").cast(pl.Int64) * len(context.definitions.features) + pl.col("item")
    asked, found = (frame.select(code=code).to_series() for frame in (people, met))
    size = max((top for top in (asked.max(), found.max()) if isinstance(top, int)), default=-1) + 1
    marks = pl.repeat(False, size, dtype=pl.Boolean, eager=True).scatter(found, True)
    return marks.gather(asked)


def curve_rows(timeline: Timeline, context: Context, features: Sequence[Feature]) -> pl.LazyFrame:
    """The week since the launch (step, and period, its last day) in which each came, and tried."""
    parts = [_NO_CURVE]
    for i, feature in enumerate(features):
        if has_curve(feature, context):
            parts.append(_curve(timeline, context, feature, i))
    return pl.concat(parts).lazy()


_NO_CURVE = pl.DataFrame(
    schema={
        "item": pl.Int64, "actor": pl.UInt32, "step": pl.Int64, "period": pl.Int32,
        "came": pl.Int64, "tried": pl.Int64,
    }
)  # fmt: skip


def has_curve(feature: Feature, context: Context) -> bool:
    """Whether the launch lies in the data, so that all who tried it are seen."""
    launch = launch_day(feature, context)
    return bool(feature.launched_at) and context.first_day <= launch < context.end_day


def _curve(timeline: Timeline, context: Context, feature: Feature, item: int) -> pl.DataFrame:
    launch = launch_day(feature, context)
    uses = counted_days(timeline, context).filter(pl.col("item") == item)
    came = _first_day(of_able(timeline.days, timeline, feature), launch, context)
    tried = came.join(_first_day(uses, launch, context), on="actor", suffix="_used")
    both = pl.concat(
        [
            came.with_columns(came=1, tried=0),
            tried.select("actor", day=pl.max_horizontal("day", "day_used"), came=0, tried=1),
        ]
    )
    week = ((pl.col("day") - launch) // WEEK + 1).cast(pl.Int64)
    period = pl.min_horizontal(launch + week * WEEK, context.end_day) - 1
    measures = pl.col("came", "tried").cast(pl.Int64)
    return both.select(
        pl.lit(item, dtype=pl.Int64).alias("item"), "actor", step=week,
        period=period.cast(pl.Int32),
    ).with_columns(both.select(measures))  # fmt: skip


def _first_day(days: pl.DataFrame, launch: int, context: Context) -> pl.DataFrame:
    """Each actor's first day since the launch, among sorted days."""
    found = days.filter((pl.col("day") >= launch) & (pl.col("day") < context.end_day))
    return found.filter(starts_run(found, ["actor"])).select("actor", "day")
