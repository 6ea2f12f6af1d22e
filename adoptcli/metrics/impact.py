"""Impact: whether adoption and usage rise after people first use an engagement channel.

Formula: difference between the exposed and others like them, over strata (Mantel–Haenszel).
Numerator: Σ w·(x₁/n₁ − x₀/n₀), x₁ of n₁ exposed and x₀ of n₀ others in each stratum,
w = n₁·n₀/(n₁ + n₀). Denominator: Σ w.
Exposed: on each local day, those whose first event of the channel falls on it. Others: those not
exposed by the end of that day who were active on it; who was exposed on a day without activity is
compared with people idle on theirs, active in the `horizon` before, each taken once a week.
Whoever is exposed later counts among the others until then.
Outcomes: in the `horizon` after the day, adoption (activated, or the feature of `adoption` used on
`min_days` days) of those who had not adopted by the end of the day; uptick in active days and in
uses of features, those after minus those in the `horizon` before.
Window: days shown whose windows before and after lie within the data; the day itself is in neither.
Strata: week, events of the day (whoever does more that day meets the channel more easily), tenure,
active days and events of the `horizon` before, active days of the one before that, in absolute
buckets; as fine as leaves 80 % of the exposed with somebody to be compared with.
Checks: overlap (exposed who have others in their stratum); balance (standardised difference of
active days before); placebo (active days of the third `horizon` before the day, which no channel
can have moved); uptick in the events of `negative_control`, if any.
Interval: delete-a-group jackknife over groups of accounts, or of actors where there are none.
Verdict: `associated` (or `with less`) where the interval excludes 0, q (Benjamini–Hochberg over all
channels and outcomes) is below 0.05, at least 30 exposed and half of all are compared, they were
alike before (balance within 0.1), and neither placebo nor negative control moved the same way;
`not enough data` where too few are compared; else `no evidence`. A check that moved is told in any
case, with its interval, also where it moved the other way. Of people who choose for themselves no
comparison shows a cause: what is not in the strata may still explain it.
By lot, where actors are users: with `variant`, a column of the users table whose value was drawn,
those who signed up are compared with the `control` in the `horizon` after the day of their sign-up.
Only here may the verdict be `raises` or `lowers`, and only if the variants' sizes are as drawn
(chi-square p of at least 0.001; `split` has the weights).
Left out: the channels' own events, which count as no activity; who was exposed before those days.
Textbook: the same outcome, exposed minus others, not adjusted (correlating the use of content with
an uptick in usage).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl
from pydantic import Field, model_validator

from adoptcli.context import Context
from adoptcli.definitions import Days, Definitions, EventRefs, Model, Name, references
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._features import able, counted_days, launch_day
from adoptcli.metrics._impact_tables import judged
from adoptcli.metrics._risk_sets import (
    Adoption,
    Running,
    Sums,
    candidates,
    described,
    product_days,
)
from adoptcli.metrics._shared import activated, has_activation, starters, unseen
from adoptcli.metrics._verdicts import Asked
from adoptcli.results import Caveat, Result
from adoptcli.timeline import Timeline
from adoptcli.timeline.days import local_day
from adoptcli.timeline.runs import kth_in_run, starts_run
from adoptcli.timeline.segments import by_code


class Adopting(Model):
    """What counts as adoption, instead of activation."""

    feature: Name = Field(description="The feature that is adopted.")
    min_days: int = Field(1, ge=1, description="On how many days it must have been used.")


class ImpactSettings(Settings):
    """Which channels, on what, and whether there was an experiment."""

    channels: dict[Name, EventRefs] | None = Field(
        None, description="Channels and their events; default: the section `channels`."
    )
    horizon: Days = Field(14, description="Days before and after that are compared.")
    adoption: Adopting | None = Field(
        None, description="A feature whose adoption is asked for, instead of activation."
    )
    negative_control: EventRefs | None = Field(
        None, description="Events that no channel should move."
    )
    variant: Name | None = Field(
        None, description="Column of the users table whose value was drawn by lot."
    )
    control: Name | None = Field(None, description="The variant of those who got nothing.")
    split: dict[Name, float] = Field(
        default_factory=dict, description="Weights by which variants were drawn; default: equal."
    )

    def user_traits(self) -> Iterable[str]:
        return [self.variant] if self.variant else []

    @model_validator(mode="after")
    def _both(self) -> ImpactSettings:
        if (self.variant is None) != (self.control is None):
            raise ValueError("'variant' and 'control' go together")
        if self.split and self.control not in self.split:
            raise ValueError("'split' must name the control and every other variant")
        if any(weight <= 0 for weight in self.split.values()):
            raise ValueError("the weights of 'split' must be above 0")
        return self


def channels_of(settings: ImpactSettings, definitions: Definitions) -> Mapping[str, EventRefs]:
    """The channels judged, by name."""
    return definitions.channels if settings.channels is None else settings.channels


def missing(settings: ImpactSettings, definitions: Definitions) -> str | None:
    """The key to add, or to mend."""
    if settings.adoption and settings.adoption.feature not in definitions.features:
        return f"add 'features: {{{settings.adoption.feature}: [EVENT, …]}}' to the YAML"
    if channels_of(settings, definitions) or settings.variant:
        return None
    return "add 'channels: {NAME: [EVENT, …]}' to the YAML"


def rows(timeline: Timeline, settings: ImpactSettings, context: Context) -> Rows:
    """`channels`, the exposed; of others `all` days, but for those `since` exposure; `variants`.

    `later` are the days of others who were exposed within the horizon.
    """
    length, names = settings.horizon, channels_of(settings, context.definitions)
    codes = [context.vocabulary.codes(refs) for refs in names.values()]
    days = _days(timeline, settings, context, [code for one in codes for code in one])
    adoption = _adoption(timeline, settings, context)
    first, end = span(settings, context)
    points = candidates(days, timeline.parts, first, end, length)
    everyone = described(points, days, timeline, context, length, adoption)
    firsts = _firsts(timeline, codes)
    inside = firsts.filter((pl.col("day") >= first) & (pl.col("day") < end))
    exposed = described(inside, days, timeline, context, length, adoption)
    told = [_until_exposure(everyone, firsts, item) for item in range(len(codes))]
    around = pl.concat(told or [everyone.clear().lazy().with_columns(item=0, ahead=0)])
    return {
        "all": everyone.lazy().drop("day"),
        "channels": exposed.with_columns(inside["item"], exposed=pl.lit(1)).lazy().drop("day"),
        "since": around.filter(pl.col("ahead") <= 0).drop("day", "ahead"),
        "later": around.filter(pl.col("ahead").is_between(1, length)).select(
            "actor", "item", later="n"
        ),
        "variants": _variants(timeline, days, settings, context, adoption),
    }


def span(settings: ImpactSettings, context: Context) -> tuple[int, int]:
    """The days shown whose windows before and after lie within the data: [first, end)."""
    first = max(context.first_day + settings.horizon, context.shown_from)
    return first, max(min(context.end_day, context.as_of_day - settings.horizon), first)


def _days(
    timeline: Timeline, settings: ImpactSettings, context: Context, without: list[int]
) -> pl.DataFrame:
    features = context.definitions.features.values()
    uses = context.vocabulary.codes([ref for feature in features for ref in feature.events])
    controls = context.vocabulary.codes(settings.negative_control or [])
    return product_days(timeline, context, uses, controls, without)


def _firsts(timeline: Timeline, codes: list[list[int]]) -> pl.DataFrame:
    """item (place among the channels), actor, and the day of its first event of the channel."""
    parts = [pl.DataFrame(schema={"item": pl.Int64, "actor": pl.UInt32, "day": pl.Int32})]
    for i, wanted in enumerate(codes):
        events = timeline.events.select("actor", "day").filter(
            timeline.events["event"].is_in(wanted)
        )
        item = pl.lit(i, dtype=pl.Int64).alias("item")
        parts.append(events.filter(starts_run(events, ["actor"])).select(item, "actor", "day"))
    return pl.concat(parts)


def _until_exposure(points: pl.DataFrame, firsts: pl.DataFrame, item: int) -> pl.LazyFrame:
    """The points of those ever exposed to a channel, with how many days `ahead` it was."""
    mine = firsts.filter(pl.col("item") == item)
    size = 1 + max(_top(points["actor"]), _top(mine["actor"]))
    first = pl.lit(by_code(mine["actor"], mine["day"], size)).gather("actor")
    told = points.lazy().with_columns(
        item=pl.lit(item, dtype=pl.Int64), ahead=(first - pl.col("day")).cast(pl.Int64)
    )
    return told.filter(pl.col("ahead").is_not_null())


def _top(codes: pl.Series) -> int:
    top = codes.max()
    return top if isinstance(top, int) else 0


def _adoption(timeline: Timeline, settings: ImpactSettings, context: Context) -> Adoption | None:
    """From when on each actor could adopt, and when it did; None where it is not defined."""
    if settings.adoption:
        people, days = _feature(timeline, settings.adoption, context)
    elif has_activation(context):
        people, days = _activation(timeline, context)
    else:
        return None
    size = 1 + _top(timeline.actors["actor"])
    return Adoption(
        by_code(people["actor"], people["day"], size), by_code(days["actor"], days["day"], size)
    )


def _feature(
    timeline: Timeline, asked: Adopting, context: Context
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Those who can have the feature, from its launch on; and when they had used it enough."""
    feature = context.definitions.features[asked.feature]
    used = counted_days(timeline, context)
    used = used.filter(pl.col("item") == [*context.definitions.features].index(asked.feature))
    holders = able(timeline, feature)
    people = timeline.actors if holders is None else holders
    start = pl.lit(launch_day(feature, context), dtype=pl.Int32)
    return people.select("actor", day=start), used.filter(kth_in_run(used, "actor", asked.min_days))


def _activation(timeline: Timeline, context: Context) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Those who signed up within the data, from then on; and when they activated."""
    known = timeline.actors.filter(pl.col("known") & (pl.col("signup_day") >= context.first_day))
    found = activated(timeline, context).join(
        known.select("actor", day="signup_day"), on="actor", maintain_order="left"
    )
    done = found.filter(pl.col("activated_at").is_not_null())
    low, high = done["activated_at"].min(), done["activated_at"].max()
    if not isinstance(low, int) or not isinstance(high, int):
        return found, done.select("actor", "day")
    return found, done.select(
        "actor", day=local_day(pl.col("activated_at"), context.calendar, low, high)
    )


def _variants(
    timeline: Timeline, days: pl.DataFrame, settings: ImpactSettings, context: Context,
    adoption: Adoption | None,
) -> pl.LazyFrame:  # fmt: skip
    """Those who signed up, by variant: how many, and what they did since, where that is over."""
    length, trait = settings.horizon, f"trait.{settings.variant}"
    there = trait in timeline.actors.columns and context.unit == "user"
    item = (pl.col(trait) if there else pl.lit(None)).cast(pl.Int64)
    points = starters(timeline, context).select("actor", item=item, day="signup_day")
    points = points.filter(pl.col("item").is_not_null())
    sums, day = Sums(Running.of(days), points), pl.col("day")
    n = (day < context.as_of_day - length).cast(pl.Int64)
    nothing = pl.lit(None, dtype=pl.Int32)
    start, when = (
        (pl.lit(series).gather("actor") for series in adoption) if adoption else (nothing, nothing)
    )
    risk, in_time = start.is_not_null() & (when >= day).fill_null(True), when <= day + length
    return points.lazy().select(
        "actor", "item", pl.lit(timeline.parts).gather("actor").alias("part"),
        n.alias("n"),
        pl.lit(1, dtype=pl.Int64).alias("assigned"),
        *(
            (n * pl.lit(sums.between(name, 1, length + 1))).alias(name)
            for name in ("active", "uses")
        ),
        (n * risk).alias("risk"),
        (n * (risk & in_time.fill_null(False))).alias("adopted"),
    )  # fmt: skip


def result(tallies: Tallies, settings: ImpactSettings, context: Context) -> Result:
    """Each channel and outcome judged, crude beside adjusted, with the checks."""
    asked = Asked(
        names=tuple(channels_of(settings, context.definitions)), length=settings.horizon,
        adoption=_adoption_name(settings, context),
        features=bool(context.definitions.features),
        control=", ".join(map(str, settings.negative_control or ())),
        variants=_variant_names(settings, context), reference=_reference(settings, context),
        split=settings.split, alike=bool(context.segments),
    )  # fmt: skip
    return judged(tallies, asked, _caveats(settings, context))


def _adoption_name(settings: ImpactSettings, context: Context) -> str:
    if settings.adoption:
        days = settings.adoption.min_days
        return settings.adoption.feature + (f" on {days} days" if days > 1 else "")
    return "activated" if has_activation(context) else ""


def _variant_names(settings: ImpactSettings, context: Context) -> tuple[str, ...]:
    return tuple(context.traits.get(settings.variant, ())) if settings.variant else ()


def _reference(settings: ImpactSettings, context: Context) -> str:
    """The control; empty where nothing is compared by lot, as lots are drawn of users."""
    return settings.control or "" if context.unit == "user" else ""


def _caveats(settings: ImpactSettings, context: Context) -> list[Caveat]:
    names = channels_of(settings, context.definitions)
    found = [caveat for refs in names.values() for caveat in unseen(refs, context)]
    found += unseen(settings.negative_control or [], context)
    if settings.variant and context.unit == "account":
        found.append(Caveat("variant-of-users", "nothing by lot: accounts have no variant"))
    asked: set[int] = set()
    if settings.adoption:
        asked.update(
            context.vocabulary.codes(context.definitions.features[settings.adoption.feature].events)
        )
    elif has_activation(context):
        asked.update(context.vocabulary.codes(references(context.settings["activation"])))
    else:
        text = "nothing on adoption: add 'activation: {all: [EVENT, …]}', or 'adoption' to 'impact'"
        found.append(Caveat("activation-not-configured", text))
    for name, refs in names.items():
        if asked & set(context.vocabulary.codes(refs)):
            text = f"adoption asks for events of channel {name!r}: whoever adopts has used that"
            found.append(Caveat("channel-in-adoption", text))
    return list(dict.fromkeys(found))


METRIC = register(
    Metric(
        id="impact",
        title="Impact of channels",
        section="together",
        order=6,
        settings=ImpactSettings,
        definition=__doc__,
        rows=rows,
        result=result,
        on_request=True,
        features=True,
        uses=("activation",),
        names=lambda settings, context: {
            "item": [*channels_of(settings, context.definitions)],
            "variants.item": _variant_names(settings, context),
        },
        keys={
            "all": ("part", "stratum"),
            "channels": ("part", "item", "stratum"),
            "since": ("part", "item", "stratum"),
            "later": ("item",),
            "variants": ("part", "item"),
        },
        plain=frozenset({"all", "channels", "since", "later", "variants"}),
        missing=missing,
    )
)
