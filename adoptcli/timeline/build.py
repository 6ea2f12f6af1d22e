"""From one bucket's encoded rows to its timeline."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import polars as pl

from adoptcli import progress
from adoptcli.context import Context
from adoptcli.definitions import EventRef
from adoptcli.timeline import Timeline, active_days, active_events
from adoptcli.timeline.actors import actor_table
from adoptcli.timeline.beside import Tables, beside
from adoptcli.timeline.encode import Encoded
from adoptcli.timeline.pack import Layout, pack, unpack
from adoptcli.timeline.segments import groups
from adoptcli.timeline.survey import Survey


@dataclass(frozen=True)
class Plan:
    """All that building a bucket needs, the same for every bucket.

    Attributes:
        atoms: Atom code by raw event code × 2^mask_bits + mask.
        ranks: For account and each trait: place among the sorted texts, by raw code.
        built: The timeline of the only bucket, once it is built; of several none is kept.
    """

    encoded: Encoded
    survey: Survey
    layout: Layout
    tables: Tables
    atoms: pl.Series
    mask_bits: int
    ranks: dict[str, pl.Series]
    context: Context
    built: dict[int, Timeline] = field(default_factory=dict, compare=False, repr=False)


def build(plan: Plan, bucket: int, *, last: bool = False) -> Timeline:
    """The timeline of one bucket of actors; after the `last` one the encoded rows are let go."""
    if bucket in plan.built:
        return plan.built.pop(bucket) if last else plan.built[bucket]
    made = _built(plan, bucket, last=last)
    if plan.layout.buckets == 1 and not last:
        plan.built[bucket] = made
    return made


def _built(plan: Plan, bucket: int, *, last: bool) -> Timeline:
    buckets = plan.layout.buckets
    part = f", part {bucket + 1:,} of {buckets:,}" if buckets > 1 else ""
    progress.step(progress.SORTING + part, plan.survey.rows)
    rows, duplicates = _deduplicated(plan, _rows(plan, bucket))
    context, layout, columns = plan.context, plan.layout, plan.encoded.columns
    ranked = _ranked(plan, rows)
    packed = rows.select("actor", "time", member="user", event=_atom(plan))
    order = plan.ranks["account"]
    with ThreadPoolExecutor(2) as pool:
        extra = pool.submit(
            beside, ranked, columns, plan.tables, bucket, layout, order, context.unit
        )
        sorted_rows = pack(packed, layout, members=context.unit == "account")
        sessions, values = _sessions(plan, rows), _values(plan, rows)
        found = extra.result()
    del rows, ranked, packed, extra
    if last:
        plan.encoded.release()
    events = unpack(sorted_rows, layout, context)
    del sorted_rows
    with ThreadPoolExecutor(2) as pool:
        days = pool.submit(active_days, active_events(events, context))
        actors = actor_table(events, found, _signup_codes(context), context)
        ids, told = partial(_ids, plan, bucket), None
        if context.unit == "user":
            # Nobody asks for the ids where all have an account.
            asked = actors["actor"] if actors["account"].null_count() else actors["actor"].clear()
            told = groups(actors, ids(asked), context)
        made = Timeline(
            events, days.result(), actors, context, sessions, values, duplicates, told, ids
        )
        if context.grouped:
            made.groups = made.parts
        return made


def _ids(plan: Plan, bucket: int, actors: pl.Series) -> pl.Series:
    """The texts of the ids of a bucket's actors, by their codes."""
    return plan.encoded.dictionaries[plan.context.unit].text(actors * plan.layout.buckets + bucket)


def _rows(plan: Plan, bucket: int) -> pl.LazyFrame:
    rows = plan.encoded.bucket(bucket, plan.layout.buckets)
    return rows.filter(plan.survey.keep(plan.encoded.columns)).with_columns(
        actor=(pl.col(plan.context.unit) // plan.layout.buckets).cast(pl.UInt32)
    )


def _atom(plan: Plan) -> pl.Expr:
    raw = pl.col("event").cast(pl.UInt32)
    if plan.mask_bits:
        raw = raw * (1 << plan.mask_bits) + pl.col("mask")
    return pl.lit(plan.atoms).gather(raw)


def _ranked(plan: Plan, rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.with_columns(
        pl.lit(ranks).gather(pl.col(name)).alias(name)
        for name, ranks in plan.ranks.items()
        if name in plan.encoded.columns
    )


def _deduplicated(plan: Plan, rows: pl.LazyFrame) -> tuple[pl.LazyFrame, int]:
    """Without repeated deliveries: of several rows with one id the preferred, then earliest."""
    removed = 0
    if "id" in plan.encoded.columns:
        rows, removed = _first_of_each(plan, rows, "id")
    if "row" in plan.encoded.columns:
        rows, more = _first_of_each(plan, rows, "row")
        removed += more
    return rows, removed


def _first_of_each(plan: Plan, rows: pl.LazyFrame, key: str) -> tuple[pl.LazyFrame, int]:
    keyed = rows.filter(pl.col(key).is_not_null()).select("user", key)
    counts = keyed.group_by("user", key).len().filter(pl.col("len") > 1).collect()
    if not counts.height:
        return rows, 0
    twice = counts.lazy().select("user", key)
    columns = plan.encoded.columns
    first = [name for name in ("prefer", "time") if name in columns]
    order = [*first, "atom", *sorted(c for c in columns if c not in ("user", *first))]
    kept = (
        rows.join(twice, on=["user", key], how="semi")
        .with_columns(atom=_atom(plan))
        .sort(order, nulls_last=[name == "prefer" for name in order])
        .unique(["user", key], keep="first", maintain_order=True)
        .drop("atom")
    )
    rest = rows.join(twice, on=["user", key], how="anti")
    whole = pl.concat([rest, kept]).collect().lazy()
    return whole, int(counts["len"].sum()) - counts.height


def _signup_codes(context: Context) -> list[int]:
    signup = context.definitions.signup
    return context.vocabulary.codes(signup) if isinstance(signup, EventRef) else []


def _sessions(plan: Plan, rows: pl.LazyFrame) -> pl.DataFrame | None:
    """The sessions that the log itself names: their first and last active event and how many."""
    if "session" not in plan.encoded.columns:
        return None
    refs = plan.context.definitions.active_events
    if refs is not None:
        rows = rows.with_columns(atom=_atom(plan)).filter(
            pl.col("atom").is_in(plan.context.vocabulary.codes(refs))
        )
    return (
        rows.filter(pl.col("session").is_not_null())
        .group_by("actor", "user", "session")
        .agg(first=pl.col("time").min(), last=pl.col("time").max(), actions=pl.len())
        .drop("user", "session")
        .collect()
    )


def _values(plan: Plan, rows: pl.LazyFrame) -> dict[str, pl.DataFrame]:
    """The numbers that events carry, by property: actor, member, time, event (atom), value."""
    names = [c for c in plan.encoded.columns if c.startswith("value.")]
    return {
        name.removeprefix("value."): rows.filter(pl.col(name).is_not_null())
        .select("actor", "time", member="user", event=_atom(plan), value=name)
        .sort("actor", "time", "value", "member")
        .collect()
        for name in names
    }
