"""The rounds of one run: sums over buckets, cut points, sums that need them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import polars as pl

from adoptcli import progress
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
    """The sums of each metric over all buckets, and what follows from them.

    Where the log is in memory, a metric's sums are whole with those of the last bucket, so that
    what follows (Python) runs beside the tallies of other metrics (Polars). Where it is in files it
    follows when there is no bucket left, one metric after the other, and lets their sums go. After
    the `last` run over a plan what is encoded is let go. At `most` so many segments have a name.
    """
    final = plan.layout.buckets - 1 if plan.encoded.frame is not None else None
    counts, named = _bucket_by_bucket(plan, metrics, but=final)
    first: Callable[[Metric], tally.Named] = partial(tally.taken, named)
    if final is not None:
        timeline = build(plan, final, last=last)
        counts += Counts.of(timeline)
        first = partial(_whole, timeline=timeline, plan=plan, others=named)
    progress.step(progress.COUNTING, plan.survey.rows)
    splits = segments.fold(counts.segments, plan.context, most)
    with ThreadPoolExecutor(1 if final is None else WORKERS) as pool:
        found = pool.map(
            lambda metric: then(metric, _cut(plan, metric, first(metric)), splits),
            metrics.values(),
        )
        return counts, list(found)


def _bucket_by_bucket(plan: Plan, metrics: Mapping[str, Metric], but: int | None = None) -> Sums:
    """The sums of all metrics over all buckets but one, added up as they come."""
    work, add = partial(_sums, metrics=metrics), partial(_added, metrics=metrics)
    found: Sums = each(plan, work, add, but)
    return found


def _sums(plan: Plan, bucket: int, metrics: Mapping[str, Metric]) -> Sums:
    """The sums of all metrics in one bucket."""
    timeline = build(plan, bucket)
    with ThreadPoolExecutor(WORKERS) as pool:
        parts = list(pool.map(partial(_tally, timeline=timeline, plan=plan), metrics.values()))
    return Counts.of(timeline), tally.merge(parts, metrics)


def _added(some: Sequence[Sums], metrics: Mapping[str, Metric]) -> Sums:
    """Those of several buckets as one."""
    counts = sum((counts for counts, _ in some), Counts())
    return counts, tally.merge([named for _, named in some], metrics)


def _whole(metric: Metric, timeline: Timeline, plan: Plan, others: tally.Named) -> tally.Named:
    """One metric's sums in one bucket and in the others."""
    parts = [tally.of_metric(others, metric), _tally(metric, timeline, plan)]
    return tally.merge(parts, {metric.id: metric})


def _tally(metric: Metric, timeline: Timeline, plan: Plan) -> tally.Named:
    """One metric's sums in one bucket."""
    rows = (metric.tally or metric.rows)(timeline, plan.context.settings[metric.id], plan.context)
    return tally.add_up({metric.id: rows}, timeline, {metric.id: metric})


def _cut(plan: Plan, metric: Metric, named: tally.Named) -> tally.Named:
    """A metric's sums with those that need cut points, which the whole sums give."""
    if metric.cut is None:
        return named
    tables = {table: frame for (_, table), frame in named.items()}
    made = metric.cut(tables, _cuts(plan, metric, named))
    return named | {
        (metric.id, table): tally.summed(frame, metric.keys[table]) for table, frame in made.items()
    }


def _cuts(plan: Plan, metric: Metric, named: tally.Named) -> Cuts:
    assert metric.cuts is not None
    return metric.cuts(tally.everyone(named, metric), plan.context.settings[metric.id])


def cut_points(plan: Plan, metric: Metric) -> Cuts | None:
    """The cut points that some of a metric's rows need, from the sums of the others."""
    if metric.cuts is None:
        return None
    _, named = _bucket_by_bucket(plan, {metric.id: metric})
    return _cuts(plan, metric, named)


def rows_in(
    timeline: Timeline, plan: Plan, metric: Metric, cuts: Cuts | None
) -> dict[str, pl.LazyFrame]:
    """Every table of rows of a metric in one bucket, those beyond cut points too."""
    settings: Any = plan.context.settings[metric.id]
    found = dict(metric.rows(timeline, settings, plan.context))
    if cuts is not None and metric.second is not None:
        found |= metric.second(timeline, settings, plan.context, cuts)
    return found
