"""The rounds of one run: tallies, cut points, tallies that need them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import polars as pl

from adoptcli import progress
from adoptcli.context import Context
from adoptcli.metrics import Metric
from adoptcli.runner import segments, tally
from adoptcli.runner.segments import Splits
from adoptcli.timeline import Timeline
from adoptcli.timeline.build import Plan, build, each
from adoptcli.timeline.segments import by_code

WORKERS = 3  # metrics at a time; Polars' own threads fill the rest, and each needs memory

Cuts = Mapping[str, float | None]
Sums = tuple["Counts", tally.Named]
T = TypeVar("T")


@dataclass(frozen=True)
class Counts:
    """What the timelines hold; those of several buckets add up.

    Attributes:
        accounts: Codes of the accounts in the log and in the tables, whoever the actors are.
        segments: How many actors each segment has, by code.
        early: Events before the sign-up of their actor.
    """

    events: int = 0
    actors: int = 0
    duplicates: int = 0
    accounts: frozenset[int] = frozenset()
    segments: Mapping[int, int] = field(default_factory=dict)
    early: int = 0

    @classmethod
    def of(cls, timeline: Timeline) -> Counts:
        """Of one bucket."""
        sizes: dict[int, int] = {}
        if timeline.segments is not None:
            counted = timeline.segments.drop_nulls().value_counts()
            sizes = dict(counted.iter_rows())
        accounts = timeline.actors["account"].unique().drop_nulls()
        return cls(
            timeline.events.height, timeline.actors.height, timeline.duplicates,
            timeline.beyond.union(accounts.to_list()), sizes, _early(timeline),
        )  # fmt: skip

    def __add__(self, other: Counts) -> Counts:
        sizes = dict(self.segments)
        for segment, size in other.segments.items():
            sizes[segment] = sizes.get(segment, 0) + size
        return Counts(
            self.events + other.events, self.actors + other.actors,
            self.duplicates + other.duplicates, self.accounts | other.accounts, sizes,
            self.early + other.early,
        )  # fmt: skip


def _early(timeline: Timeline) -> int:
    """How many events lie before the sign-up of their actor."""
    actors = timeline.actors
    if not (actors["first"] < actors["signup"]).any():
        return 0
    signup = pl.lit(by_code(actors["actor"], actors["signup"]))
    return int(timeline.events.select((pl.col("time") < signup.gather("actor")).sum()).item())


def compute(
    plan: Plan, metrics: Mapping[str, Metric], then: Callable[[Metric, tally.Named, Splits], T],
    *, last: bool = True, most: int = segments.MOST_SEGMENTS,
) -> tuple[Counts, list[T]]:  # fmt: skip
    """Rounds 1 and 2 over all buckets, and what follows from the whole sums of each metric.

    With a single bucket a metric's sums are whole at once, so that what follows (Python) runs
    beside the tallies of other metrics (Polars). With several they come one after the other, and a
    second round builds each again, so that no more than one is ever in memory. After the `last` run
    over a plan what is encoded is let go. At `most` so many segments have a name.
    """
    whole: Callable[[Metric], tally.Named]
    if plan.layout.buckets == 1 and plan.encoded.cluster is None:
        timeline = build(plan, 0, last=last)
        counts, whole = Counts.of(timeline), partial(_both_rounds, plan, timeline)
    else:
        counts, named = _bucket_by_bucket(plan, metrics)
        whole = lambda metric: named  # noqa: E731
    progress.step(progress.COUNTING, plan.survey.rows)
    splits = segments.fold(counts.segments, plan.context, most)
    with ThreadPoolExecutor(WORKERS) as pool:
        found = pool.map(lambda metric: then(metric, whole(metric), splits), metrics.values())
        return counts, list(found)


def _both_rounds(plan: Plan, timeline: Timeline, metric: Metric) -> tally.Named:
    """One metric's sums where there is no other bucket."""
    named = _tally(metric, timeline, plan.context)
    if metric.second is None:
        return named
    rows = _second_rows(timeline, plan, metric, _cuts(plan, metric, named))
    return named | tally.add_up({metric.id: rows}, timeline, {metric.id: metric})


def _bucket_by_bucket(plan: Plan, metrics: Mapping[str, Metric]) -> tuple[Counts, tally.Named]:
    """The sums of all metrics over several buckets."""
    found: Sums = each(plan, partial(_sums, metrics=metrics), partial(_added, metrics=metrics))
    return found[0], found[1] | _second(plan, metrics, found[1])


def _sums(plan: Plan, bucket: int, metrics: Mapping[str, Metric]) -> Sums:
    """The sums of all metrics in one bucket."""
    timeline = build(plan, bucket)
    tally_one = partial(_tally, timeline=timeline, context=plan.context)
    with ThreadPoolExecutor(WORKERS) as pool:
        parts = list(pool.map(tally_one, metrics.values()))
    return Counts.of(timeline), tally.merge(parts, metrics)


def _added(some: Sequence[Sums], metrics: Mapping[str, Metric]) -> Sums:
    """Those of several buckets as one."""
    counts = sum((counts for counts, _ in some), Counts())
    return counts, tally.merge([named for _, named in some], metrics)


def _tally(metric: Metric, timeline: Timeline, context: Context) -> tally.Named:
    """One metric's sums in one bucket."""
    rows = (metric.tally or metric.rows)(timeline, context.settings[metric.id], context)
    return tally.add_up({metric.id: rows}, timeline, {metric.id: metric})


def _second(plan: Plan, metrics: Mapping[str, Metric], named: tally.Named) -> tally.Named:
    """Tallies that need a cut point from the first round, over several buckets."""
    asking = {m.id: m for m in metrics.values() if m.second}
    cuts = {m.id: _cuts(plan, m, named) for m in asking.values()}
    if not asking:
        return {}
    return each(
        plan,
        partial(_second_sums, asking=asking, cuts=cuts),
        lambda some: tally.merge(some, asking),
    )


def _second_sums(
    plan: Plan, bucket: int, asking: Mapping[str, Metric], cuts: Mapping[str, Cuts]
) -> tally.Named:
    timeline = build(plan, bucket)
    parts = []
    for m in asking.values():
        rows = _second_rows(timeline, plan, m, cuts[m.id])
        parts.append(tally.add_up({m.id: rows}, timeline, asking))
    return tally.merge(parts, asking)


def _second_rows(
    timeline: Timeline, plan: Plan, metric: Metric, cuts: Cuts
) -> Mapping[str, pl.LazyFrame]:
    assert metric.second is not None
    return metric.second(timeline, plan.context.settings[metric.id], plan.context, cuts)


def _cuts(plan: Plan, metric: Metric, named: tally.Named) -> Cuts:
    assert metric.cuts is not None
    return metric.cuts(tally.everyone(named, metric), plan.context.settings[metric.id])


def cut_points(plan: Plan, metric: Metric) -> Cuts | None:
    """The cut points of a metric with a second round, from a first round of its own."""
    if metric.second is None:
        return None
    parts = []
    for bucket in range(plan.layout.buckets):
        timeline = build(plan, bucket)
        rows = metric.rows(timeline, plan.context.settings[metric.id], plan.context)
        parts.append(tally.add_up({metric.id: rows}, timeline, {metric.id: metric}))
    return _cuts(plan, metric, tally.merge(parts, {metric.id: metric}))


def rows_in(
    timeline: Timeline, plan: Plan, metric: Metric, cuts: Cuts | None
) -> dict[str, pl.LazyFrame]:
    """Every table of rows of a metric in one bucket, of both rounds."""
    settings: Any = plan.context.settings[metric.id]
    found = dict(metric.rows(timeline, settings, plan.context))
    if cuts is not None:
        found |= _second_rows(timeline, plan, metric, cuts)
    return found
