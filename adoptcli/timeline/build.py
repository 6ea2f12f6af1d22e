"""From one bucket's encoded rows to its timeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

import polars as pl

from adoptcli import progress
from adoptcli.context import Context
from adoptcli.definitions import EventRef
from adoptcli.timeline import Timeline, active_days, active_events
from adoptcli.timeline.actors import actor_table
from adoptcli.timeline.beside import Tables, beside, beyond
from adoptcli.timeline.encode import Encoded
from adoptcli.timeline.pack import MANY, Layout, pack, unpack
from adoptcli.timeline.segments import groups
from adoptcli.timeline.survey import Survey

T = TypeVar("T")
NOBODY = -1  # the bucket that has no actor


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


def each(
    plan: Plan, work: Callable[[Plan, int], T], add: Callable[[Sequence[T]], T],
    but: int | None = None,
) -> T:  # fmt: skip
    """What comes of every bucket, one after the other or in a cluster, added up.

    Args:
        plan: Of all buckets.
        work: What to do with a bucket, of which it builds the timeline; a cluster takes it along.
        add: Adds up what came of some buckets, in any order; of none, where there are no others.
        but: A bucket of this machine that is left out.
    """
    if plan.encoded.cluster is not None:
        return plan.encoded.cluster.each(plan, work, add)
    found: list[tuple[int, T]] = []  # of how many buckets, and what came of them
    for bucket in range(plan.layout.buckets):
        if bucket == but:
            continue
        many, one = 1, work(plan, bucket)
        while found and found[-1][0] == many:  # as many as it has: each is added up few times
            one = add([found.pop()[1], one])
            many *= 2
        found.append((many, one))
    return found[0][1] if len(found) == 1 else add([one for _, one in found])


def nobody(plan: Plan) -> Timeline:
    """The timeline of no actor, by which tables of rows tell their columns."""
    if NOBODY not in plan.built:
        known = replace(plan.tables, users=plan.tables.users.clear())
        empty = replace(plan, encoded=plan.encoded.clear(), tables=known, built={})
        plan.built[NOBODY] = _built(empty, 0, last=False)
    return plan.built[NOBODY]


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
    rows, duplicates = _deduplicated(plan, bucket)
    context, layout, columns = plan.context, plan.layout, plan.encoded.columns
    ranked = _ranked(plan, rows)
    packed = rows.select("actor", "time", member="user", event=_atom(plan))
    order = plan.ranks["account"]
    with ThreadPoolExecutor(2) as pool:
        extra = pool.submit(
            beside, ranked, columns, plan.tables, bucket, layout, order, context.unit
        )
        many = plan.survey.rows >= MANY
        sorted_rows = pack(packed, layout, members=context.unit == "account", many=many)
        sessions, values = _sessions(plan, rows), _values(plan, rows)
        found = extra.result()
    more = frozenset[int]()
    if context.unit == "user":
        more = beyond(ranked, found, plan.tables, order, context.as_of)
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
            events, days.result(), actors, context, sessions, values, duplicates, told, ids, more
        )
        if context.grouped:
            made.groups = made.parts
        return made


def _ids(plan: Plan, bucket: int, actors: pl.Series) -> pl.Series:
    """The texts of the ids of a bucket's actors, by their codes."""
    return plan.encoded.dictionaries[plan.context.unit].text(actors * plan.layout.buckets + bucket)


def _rows(plan: Plan, bucket: int, which: pl.Expr) -> pl.LazyFrame:
    rows = plan.encoded.bucket(bucket, plan.layout.buckets)
    return rows.filter(which).with_columns(
        actor=(pl.col(plan.context.unit) // plan.layout.buckets).cast(pl.UInt32)
    )


def _atom(plan: Plan) -> pl.Expr:
    """The atom of a row; null where no row of its kind counts."""
    raw = pl.col("event").cast(pl.UInt32)
    if plan.mask_bits:
        raw = raw * (1 << plan.mask_bits) + pl.col("mask")
    return pl.lit(plan.atoms).gather(raw, null_on_oob=True)


def _ranked(plan: Plan, rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.with_columns(
        pl.lit(ranks).gather(pl.col(name)).alias(name)
        for name, ranks in plan.ranks.items()
        if name in plan.encoded.columns
    )


def _deduplicated(plan: Plan, bucket: int) -> tuple[pl.LazyFrame, int]:
    """The rows that count without repeated deliveries, and how many those were.

    Of several rows with one id that counts which is preferred, then earliest, if it counts at all.
    """
    columns, survey = plan.encoded.columns, plan.survey
    keep = survey.keep(columns)
    rows, removed = _rows(plan, bucket, keep), 0
    if "id" in columns:
        rows, removed = _first_of_each(plan, rows, "id", _others(plan, bucket, keep))
    if "row" in columns:  # repeats are equal in all, so that none is excluded alone
        rows, more = _first_of_each(plan, rows, "row")
        removed += more
    return rows, removed


def _first_of_each(
    plan: Plan, rows: pl.LazyFrame, key: str, others: pl.LazyFrame | None = None
) -> tuple[pl.LazyFrame, int]:
    """The rows that are the first of their key, the `others` among them, and how many are not."""
    pair = ["user", key]
    twice = _repeated(rows, pair, others)
    if not twice.height:
        return rows, 0
    pairs = twice.lazy().select(pair)
    several = [rows.with_columns(out=False, mine=True), *([] if others is None else [others])]
    found = pl.concat(some.join(pairs, on=pair, how="semi") for some in several)
    kept = _first(plan, found, pair).filter("mine").drop("out", "mine")
    rest = rows.join(pairs, on=pair, how="anti")
    alone, chosen = pl.collect_all([rest, kept])
    return pl.concat([alone, chosen]).lazy(), int(twice["len"].sum()) - chosen.height


def _others(plan: Plan, bucket: int, keep: pl.Expr) -> pl.LazyFrame | None:
    """The rows among which one is chosen that do not count here; `out` are those that do nowhere.

    Where actors are accounts a user's rows are in several buckets, and those without one in none.
    """
    columns, buckets = plan.encoded.columns, plan.layout.buckets
    among, kept = plan.survey.delivered(late="prefer" in columns), keep.fill_null(False)
    if among is None:
        return None
    if plan.context.unit == "user" or buckets == 1:
        return _rows(plan, bucket, among & ~kept).with_columns(out=True, mine=False)
    here = plan.encoded.mine(bucket, buckets).fill_null(False)
    rows = plan.encoded.all().filter(among & ~(kept & here))
    return rows.with_columns(actor=pl.lit(None, dtype=pl.UInt32), out=~kept, mine=False)


def _repeated(rows: pl.LazyFrame, pair: list[str], others: pl.LazyFrame | None) -> pl.DataFrame:
    """The keys that come more than once, once at least among `rows`, and how often there."""
    counts = rows.filter(pl.col(pair[-1]).is_not_null()).group_by(pair).len()
    if others is None:
        return counts.filter(pl.col("len") > 1).collect()
    here = counts.collect().lazy()
    more = others.select(pair).join(here, on=pair, how="semi").unique()
    found = here.join(more.with_columns(more=True), on=pair, how="left")
    return found.filter((pl.col("len") > 1) | pl.col("more")).select(*pair, "len").collect()


def _first(plan: Plan, several: pl.LazyFrame, pair: list[str]) -> pl.LazyFrame:
    """Of the rows of each key those of the first delivery; else one that counts, and says more."""
    columns = plan.encoded.columns
    first = [name for name in ("prefer", "time") if name in columns]
    order = [*first, "out", "atom", *sorted(set(columns) - {"user", "nth", *first})]
    by = [pl.lit(plan.ranks[n]).gather(n) if n in plan.ranks else pl.col(n) for n in order]
    ordered = several.with_columns(atom=_atom(plan)).sort(by, nulls_last=True)
    found = ordered.unique(pair, keep="first", maintain_order=True)
    if "nth" in columns:
        equal = found.select("user", *order)
        found = ordered.join(equal, on=equal.collect_schema().names(), how="semi", nulls_equal=True)
        found = found.unique([*pair, "nth"], keep="first", maintain_order=True)
    return found.drop("atom")


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
