"""Rows of one bucket to sums, and sums of all buckets to one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from adoptcli.metrics import Metric
from adoptcli.metrics._base import Rows
from adoptcli.timeline import Timeline

Named = dict[tuple[str, str], pl.DataFrame]
TOLD = ("segment", "group")  # the keys that are added here


def add_up(rows: Mapping[str, Rows], timeline: Timeline, metrics: Mapping[str, Metric]) -> Named:
    """The sums of every table of rows by its keys, and by segment where there is one.

    Tables whose cells are so many that adding them up saves nothing stay as they are.
    """
    queries = {
        (metric_id, table): _sum(
            lazy,
            metrics[metric_id].keys[table],
            timeline,
            loose=table in metrics[metric_id].loose,
            plain=table in metrics[metric_id].plain | metrics[metric_id].loose,
        )
        for metric_id, tables in rows.items()
        for table, lazy in tables.items()
    }
    return dict(zip(queries, pl.collect_all(queries.values()), strict=True))


def _sum(
    rows: pl.LazyFrame, keys: Sequence[str], timeline: Timeline, *, loose: bool, plain: bool
) -> pl.LazyFrame:
    """Sums by the keys, and by what each actor is told apart by."""
    told = {} if timeline.segments is None else {"segment": timeline.segments}
    if timeline.groups is not None and not plain:
        told["group"] = timeline.groups
    measures = pl.exclude("actor", *told, *keys).cast(pl.Int64).sum()
    rows = rows.with_columns(pl.lit(s).gather("actor").alias(name) for name, s in told.items())
    keys = (*told, *keys)
    if loose:
        return rows.drop("actor")
    return rows.group_by(keys).agg(measures) if keys else rows.select(measures)


def merge(parts: Iterable[Named], metrics: Mapping[str, Metric]) -> Named:
    """The sums over buckets, in no order."""
    gathered: dict[tuple[str, str], list[pl.DataFrame]] = {}
    for part in parts:
        for name, frame in part.items():
            gathered.setdefault(name, []).append(frame)
    return {
        (metric_id, table): _merged(
            frames, metrics[metric_id].keys[table], table in metrics[metric_id].loose
        )
        for (metric_id, table), frames in gathered.items()
    }


def _merged(frames: Sequence[pl.DataFrame], keys: Sequence[str], loose: bool) -> pl.DataFrame:
    whole = pl.concat(frames, how="vertical_relaxed")
    return whole if loose or len(frames) == 1 else summed(whole, keys)


def of_metric(named: Named, metric: Metric) -> Named:
    """One metric's tables."""
    return {name: frame for name, frame in named.items() if name[0] == metric.id}


def taken(named: Named, metric: Metric) -> Named:
    """One metric's tables, which are no longer among the others."""
    return {name: named.pop(name) for name in of_metric(named, metric)}


def everyone(tallies: Named, metric: Metric) -> dict[str, pl.DataFrame]:
    """One metric's tables, summed over the segments."""
    return {
        table: _without("segment", frame, metric, table)
        for (_, table), frame in of_metric(tallies, metric).items()
    }


def ungrouped(tables: Mapping[str, pl.DataFrame], metric: Metric) -> dict[str, pl.DataFrame]:
    """One metric's tables, summed over the groups of accounts."""
    return {name: _without("group", frame, metric, name) for name, frame in tables.items()}


def _without(told: str, frame: pl.DataFrame, metric: Metric, table: str) -> pl.DataFrame:
    """A table summed over what the engine told its cells apart by."""
    if told not in frame.columns:
        return frame
    frame = frame.drop(told)
    return frame if table in metric.loose else summed(frame, metric.keys[table])


def summed(frame: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """The sums by the keys, and by what the engine tells cells apart by."""
    keys = [*(name for name in TOLD if name in frame.columns), *keys]
    return frame.group_by(keys).agg(pl.all().sum()) if keys else frame.sum()


def of_segment(tallies: Named, metric: Metric, codes: Sequence[int]) -> dict[str, pl.DataFrame]:
    """One metric's tables, summed over some of the segment codes."""
    return everyone(
        {
            name: frame.filter(pl.col("segment").is_in(list(codes)))
            for name, frame in of_metric(tallies, metric).items()
        },
        metric,
    )
