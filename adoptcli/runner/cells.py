"""What the counted rows behind a cell say of each actor: why it is listed, and since when."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from adoptcli.context import Context
from adoptcli.metrics import Metric
from adoptcli.runner.who import DATED
from adoptcli.timeframe import parse_label
from adoptcli.timeline import Timeline

RAW = ("duration", "moment")  # in ms, which nobody reads


def told(
    rows: pl.DataFrame, metric: Metric, cell: tuple[str, str], timeline: Timeline, context: Context
) -> pl.DataFrame:
    """actor, since and why of each actor behind a cell, a table and a measure.

    Why: its keys, the measure, and other measures above 1; where it has several rows, the sums, and
    the keys that they agree on. Since: the latest day among the keys, where one is a date.
    """
    table, measure = cell
    keys = [key for key in metric.keys[table] if key in rows.columns and key not in RAW]
    measures = [c for c in rows.columns if c not in ("actor", *keys, *RAW)]
    dated = [key for key in keys if key in DATED]
    alone = [
        pl.when(pl.col(key).n_unique() == 1).then(pl.col(key).first()).alias(key) for key in keys
    ]
    latest = pl.max_horizontal(pl.col(key).max() for key in dated) if dated else pl.lit(None)
    whole = rows.group_by("actor").agg(
        *alone,
        *(pl.col(name).cast(pl.Int64).sum() for name in measures),
        since=latest.cast(pl.Int32),
    )
    names = metric.names(context.settings[metric.id], context)
    words = [_key(whole, key, names.get(f"{table}.{key}", names.get(key, ())), context)
             for key in keys]  # fmt: skip
    words += [_measure(name, alone=measure) for name in _ordered(measures, measure)]
    if metric.id == "churn" and table == "inferred":
        whole = whole.join(_back(rows, timeline, metric, context), on="actor", how="left")
        words.append(pl.lit("back on ") + pl.col("back").cast(pl.Date).cast(pl.String))
    why = pl.concat_str(words, separator=", ", ignore_nulls=True)
    return whole.select("actor", "since", why=why).sort("actor")


def _ordered(measures: Sequence[str], asked: str) -> list[str]:
    """The measure that was asked for, then the others."""
    return [*([asked] if asked in measures else []), *(m for m in measures if m != asked)]


def _measure(name: str, *, alone: str) -> pl.Expr:
    """Its name and number; a mark (1) only where it is what was asked for, as a name."""
    words = pl.lit(name.replace("_", " "))
    number = pl.when(pl.col(name) > 1).then(pl.format("{} {}", words, pl.col(name)))
    return pl.coalesce(number, pl.when(pl.col(name) == 1).then(words)) if name == alone else number


def _key(rows: pl.DataFrame, key: str, names: object, context: Context) -> pl.Expr:
    """`key=value`, the value as the tables show it."""
    values = rows[key].unique().drop_nulls().to_list()
    shown = {value: _value(key, value, names, context) for value in values}
    text = pl.col(key).replace_strict(shown, default=None, return_dtype=pl.String)
    return pl.lit(f"{key}=") + text


def _value(key: str, value: object, names: object, context: Context) -> str:
    if key in DATED and isinstance(value, int):
        label = context.label(value)
        return label if _starts(label, value) else context.day_label(value)
    if isinstance(value, int) and isinstance(names, list | tuple) and 0 <= value < len(names):
        return str(names[value])
    return str(value)


def _starts(label: str, day: int) -> bool:
    try:
        return parse_label(label) == day
    except ValueError:
        return False


def _back(rows: pl.DataFrame, timeline: Timeline, metric: Metric, context: Context) -> pl.DataFrame:
    """actor and back: the first active day after the loss that was counted last, if it is back."""
    after, ends = context.settings[metric.id].after, dict(context.periods())
    lost = rows.filter(pl.col("lost") > 0).group_by("actor").agg(pl.col("period").max())
    days = timeline.days.join(lost, on="actor").sort("actor", "day")
    same, day, period = (
        pl.col("actor") == pl.col("actor").shift(-1),
        pl.col("day"),
        pl.col("period"),
    )
    days = days.with_columns(back=pl.when(same.fill_null(False)).then(day.shift(-1)))
    idle = pl.coalesce("back", pl.lit(context.as_of_day, dtype=pl.Int32)) - day - 1
    end = period.replace_strict(ends, default=context.as_of_day, return_dtype=pl.Int32)
    losses = days.filter((idle >= after) & (day >= period - after) & (day < end))
    return losses.group_by("actor", maintain_order=True).agg(pl.col("back").last())
