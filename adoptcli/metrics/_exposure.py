"""What new actors did in their first days, how often, and what became of them later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from adoptcli.context import Context
from adoptcli.counts import half_of
from adoptcli.definitions import EventRef
from adoptcli.metrics._answers import on_scale
from adoptcli.metrics._association import TIMES, quarter_octave
from adoptcli.metrics._shared import start_rows, starters
from adoptcli.timeline import Timeline
from adoptcli.timeline.encode import SCALE
from adoptcli.timeline.segments import by_code

if TYPE_CHECKING:
    from adoptcli.metrics.drivers import DriversSettings

ONE = pl.lit(1, dtype=pl.Int64)


def candidates(context: Context) -> dict[str, list[int]]:
    """The codes of every behaviour, by its name: events of the YAML's own names, and all others.

    An event that the YAML names as a whole stands under that name alone.
    """
    words = context.vocabulary
    found = {name: words.codes(EventRef(event=name)) for name in words.named}
    raw: dict[str, list[int]] = {}
    for code, (name, _) in enumerate(words.atoms):
        raw.setdefault(name, []).append(code)
    taken = {*map(tuple, found.values())}
    found |= {n: codes for n, codes in raw.items() if n not in found and tuple(codes) not in taken}
    return {name: codes for name, codes in sorted(found.items()) if codes}


@dataclass(frozen=True)
class Found:
    """The actors that are judged, and what each did.

    Attributes:
        people: actor, half, week (of sign-up), volume (bucket of all events in the exposure
            window), outcome (0, 1).
        did: actor, half, week, item (place among `candidates`), times (at most `TIMES`), volume,
            others (bucket of all other events), outcome; one row an actor and behaviour.
        left_out: actor, immature, already, silent; those who are not judged.
    """

    people: pl.DataFrame
    did: pl.DataFrame
    left_out: pl.DataFrame


def exposed(timeline: Timeline, settings: DriversSettings, context: Context) -> Found:
    """Who is judged, what they did in the exposure window, and whether the outcome came."""
    first = context.calendar.start(context.first_day, "week")
    week = ((pl.col("signup_day").cast(pl.Int64) - first) // 7).alias("week")
    everyone = starters(timeline, context).select("actor", "signup", week)
    old = everyone["signup"] + settings.span[1] <= context.as_of
    judged, left = _judged(everyone.filter(old), timeline, settings, context)
    left = pl.concat([everyone.filter(~old).select("actor", immature=ONE), left], how="diagonal")
    counts = _counts(timeline, _since(timeline, judged), settings.exposure)
    sizes = counts.group_by("actor").agg(total=pl.col("times").sum())
    people = judged.join(sizes, on="actor", how="left", maintain_order="left")
    people = people.with_columns(pl.col("total").fill_null(0).cast(pl.Int64))
    halves = [half_of(text) for text in timeline.ids(people["actor"])]
    people = people.with_columns(
        quarter_octave(people["total"]).alias("volume"),
        pl.Series("half", halves, dtype=pl.Int8),
    )
    did = _by_behaviour(counts, context).join(people, on="actor")
    others = quarter_octave(did["total"] - did["times"]).alias("others")
    did = did.with_columns(others, pl.col("times").clip(upper_bound=TIMES))
    return Found(people.drop("signup", "total"), did.drop("signup", "total"), left)


def _since(timeline: Timeline, judged: pl.DataFrame) -> pl.Expr:
    """The time since the sign-up of an event's actor; null of those who are not judged."""
    top = timeline.actors["actor"].max()
    size = int(top) + 1 if isinstance(top, int) else 0
    start = by_code(judged["actor"], judged["signup"], size)
    return pl.col("time") - pl.lit(start).gather("actor")


def _counts(timeline: Timeline, since: pl.Expr, exposure: int) -> pl.DataFrame:
    """actor, event, times: what was done in the exposure window, and how often."""
    inside = (since >= 0) & (since < exposure)
    return (
        timeline.events.lazy()
        .filter(inside)
        .group_by("actor", "event")
        .agg(times=pl.len().cast(pl.Int64))
        .collect()
    )


def _by_behaviour(counts: pl.DataFrame, context: Context) -> pl.DataFrame:
    """actor, item, times; an event may be part of several behaviours."""
    pairs = [(i, code) for i, codes in enumerate(candidates(context).values()) for code in codes]
    parts = pl.DataFrame(pairs, schema={"item": pl.Int64, "event": pl.UInt32}, orient="row")
    parts = parts.with_columns(pl.col("event").cast(counts.schema["event"]))
    found = counts.join(parts, on="event").drop("event")
    return found.group_by("actor", "item").agg(pl.col("times").sum())


def _judged(
    old: pl.DataFrame, timeline: Timeline, settings: DriversSettings, context: Context
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Of those old enough actor, signup, week, outcome; and those who are left out, by why."""
    outcome, since = settings.outcome, _since(timeline, old)
    if outcome.kind == "retention":
        return _marked(old, _within(timeline.active_events, since, settings.span)), _nobody()
    if outcome.kind == "satisfaction":
        said = _satisfied(timeline, settings, context, since)
        silent = old.join(said, on="actor", how="anti").select("actor", silent=ONE)
        return old.join(said, on="actor", maintain_order="left"), silent
    bought = timeline.of(settings.events(context), "actor", "time")
    before = bought.lazy().filter(since < settings.span[0]).select("actor").unique().collect()
    rest = old.join(before, on="actor", how="anti", maintain_order="left")
    already = old.join(before, on="actor", how="semi").select("actor", already=ONE)
    return _marked(rest, _within(bought, since, settings.span)), already


def _nobody() -> pl.DataFrame:
    return pl.DataFrame(schema={"actor": pl.UInt32})


def _within(events: pl.DataFrame, since: pl.Expr, span: tuple[int, int]) -> pl.DataFrame:
    """The actors with an event so long after their sign-up."""
    inside = (since >= span[0]) & (since < span[1])
    return events.lazy().filter(inside).select("actor").unique().collect()


def _marked(people: pl.DataFrame, those: pl.DataFrame) -> pl.DataFrame:
    """Everybody, with an outcome of 1 for some."""
    marked = those.with_columns(outcome=ONE)
    found = people.join(marked, on="actor", how="left", maintain_order="left")
    return found.with_columns(pl.col("outcome").fill_null(0))


def _satisfied(
    timeline: Timeline, settings: DriversSettings, context: Context, since: pl.Expr
) -> pl.DataFrame:
    """actor, outcome of those who answered in the span: by the latest answer, on a tie the lowest.

    Of an account by the mean of its members' latest answers.
    """
    name, answer = settings.question(context)
    least = settings.outcome.least(name)
    after, until = settings.span
    last = pl.col("time") == pl.col("time").max()
    enough = pl.col("value").sum() >= least * SCALE * pl.len().cast(pl.Int64)
    return (
        timeline.answers(answer)
        .lazy()
        .filter(on_scale(name) & (since >= after) & (since < until))
        .group_by("actor", "member")
        .agg(pl.col("value").filter(last).min())
        .group_by("actor")
        .agg(outcome=enough.cast(pl.Int64))
        .collect()
    )


def tables(found: Found, timeline: Timeline, context: Context) -> dict[str, pl.LazyFrame]:
    """`did`, `people` and `left_out` as rows that are added up."""
    left = pl.concat([start_rows(timeline, context), found.left_out.lazy()], how="diagonal")
    return {
        "did": found.did.lazy().with_columns(actors=ONE),
        "people": found.people.lazy().with_columns(actors=ONE),
        "left_out": left.with_columns(pl.exclude("actor").fill_null(0)),
    }


def sides(found: Found, context: Context) -> pl.LazyFrame:
    """Everybody of the second half with every behaviour and threshold: on which side they are.

    So many rows are never added up; they are there to be filtered.
    """
    items = pl.LazyFrame({"item": range(len(candidates(context)))}, schema={"item": pl.Int64})
    steps = pl.LazyFrame({"step": range(1, TIMES + 1)}, schema={"step": pl.Int64})
    told = pl.col("half") == 1
    did = found.did.lazy().filter(told).select("actor", "item", "times")
    everyone = found.people.lazy().filter(told).select("actor", "outcome")
    often = (pl.col("times").fill_null(0) >= pl.col("step")).cast(pl.Int64)
    return (
        everyone.join(items, how="cross")
        .join(steps, how="cross")
        .join(did, on=["actor", "item"], how="left")
        .select(
            "actor", "item", "step", "outcome", people=ONE,
            did=often, did_outcome=often * pl.col("outcome"),
            did_not=1 - often, did_not_outcome=(1 - often) * pl.col("outcome"),
        )
    )  # fmt: skip
