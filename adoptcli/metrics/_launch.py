"""Active days before and after the launch of a feature. It is not a causal effect."""

from __future__ import annotations

import polars as pl

from adoptcli.context import Context
from adoptcli.definitions import Feature
from adoptcli.metrics._features import FEATURE, counted_days, launch_day, of_able
from adoptcli.metrics._shared import mean, ratio
from adoptcli.results import Column, Estimate, Row, Table
from adoptcli.timeline import Timeline
from adoptcli.timeline.runs import runs

WHO = ("its users", "the others")
_GROUPS = {"everybody": (0, 1), "its users": (0,), "the others": (1,)}

Counts = dict[str, int]
Around = dict[tuple[int, int], Counts]


def has_around(feature: Feature, length: int, context: Context) -> bool:
    """Whether the data hold all days before and after the launch."""
    launch = launch_day(feature, context)
    before, after = launch - length, launch + length
    return bool(feature.launched_at) and context.first_day <= before and after <= context.end_day


_NO_LAUNCH = pl.DataFrame(
    schema={
        "actor": pl.UInt32, "item": pl.Int64, "step": pl.Int64, "people": pl.Int64,
        "before": pl.Int64, "after": pl.Int64, "change": pl.Int64, "squares": pl.Int64,
    }
)  # fmt: skip


def around_rows(timeline: Timeline, length: int, context: Context) -> pl.LazyFrame:
    """Active days before and after each launch: by feature, and by `WHO` (step)."""
    parts = [_NO_LAUNCH]
    for i, feature in enumerate(context.definitions.features.values()):
        if has_around(feature, length, context):
            found = _around(timeline, feature, i, length, context)
            parts.append(found.select(_NO_LAUNCH.columns))
    return pl.concat(parts).lazy()


def _around(
    timeline: Timeline, feature: Feature, item: int, length: int, context: Context
) -> pl.DataFrame:
    """Active days before and after the launch of those who were there all that time."""
    launch, day = launch_day(feature, context), pl.col("day")
    there = pl.min_horizontal("signup_day", "first_day") < launch - length
    people = of_able(timeline.actors.filter(there).select("actor"), timeline, feature)
    days = timeline.days.filter((day >= launch - length) & (day < launch + length))
    late = (day >= launch).cast(pl.Int64)
    counts = runs(days.select("actor", late=late), ["actor"], sums=["late"])
    uses = counted_days(timeline, context)
    users = uses.filter((pl.col("item") == item) & (day < launch + length))["actor"].implode()
    before, after = pl.col("length") - pl.col("late"), pl.col("late")
    return (
        people.join(counts, on="actor", how="left", maintain_order="left")
        .with_columns(pl.col("length", "late").fill_null(0), item=pl.lit(item, dtype=pl.Int64))
        .with_columns(
            step=(~pl.col("actor").is_in(users)).cast(pl.Int64),
            people=pl.lit(1, dtype=pl.Int64), before=before, after=after,
            change=after - before, squares=(after - before) ** 2,
        )
    )  # fmt: skip


def of_who(around: Around, item: int, who: tuple[int, ...]) -> Counts:
    """The sums of its users, of the others, or of both."""
    found = [around[item, step] for step in who if (item, step) in around]
    names = ("people", "before", "after", "change", "squares")
    return {name: sum(c[name] for c in found) for name in names}


def change(c: Counts) -> Estimate:
    """The mean change of active days of the same people, with its interval."""
    return mean(c["people"], c["change"], c["squares"], floor=float("-inf"))


def around_table(around: Around, length: int, context: Context) -> tuple[Table, ...]:
    """Of each launch everybody, those who took the feature up, and the others."""
    lines: list[Row] = []
    for i, (name, feature) in enumerate(context.definitions.features.items()):
        if not has_around(feature, length, context):
            continue
        for title, who in _GROUPS.items():
            c = of_who(around, i, who)
            lines.append(
                {
                    "item": name, "step": title, "people": c["people"],
                    "before": ratio(c["before"], c["people"]),
                    "after": ratio(c["after"], c["people"]), "change": change(c),
                }
            )  # fmt: skip
    columns = (
        FEATURE,
        Column("step", "Who", "text"),
        Column("people", "People", "users"),
        Column("before", "Active days before"),
        Column("after", "After"),
        Column("change", "Change"),
    )
    title = f"{length} days before and after the launch (not a causal effect)"
    return (Table("around", title, columns, tuple(lines)),) if lines else ()
