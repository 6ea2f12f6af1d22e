"""When an actor has first met a set of criteria, which several metrics ask."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from adoptcli.context import Context
from adoptcli.definitions import Criterion
from adoptcli.timeline import Timeline
from adoptcli.timeline.runs import place_in_run


def met(
    timeline: Timeline, criteria: Sequence[Criterion], rule: str, context: Context,
    *, in_order: bool, from_signup: bool,
) -> pl.DataFrame:  # fmt: skip
    """When each actor with a sign-up first met the criteria.

    A criterion is met at its k-th row, or at its first row on the d-th distinct local day if that
    is later. `all` is met with the last of them, `any` with the first. In order, each is looked
    for from the row on that met the one before, ties allowed, and a row serves one criterion only.

    Args:
        timeline: The bucket.
        criteria: What must be done.
        rule: `all` or `any`.
        context: The run's context.
        in_order: Only one after the other counts (with `all`).
        from_signup: Rows before the sign-up do not count.

    Returns:
        actor, signup, met_0 … met_n (each alone), activated_at (not before sign-up), early (some
        row that the criteria name lies before sign-up), negative (all were met before sign-up); one
        row an actor with a sign-up, sorted.
    """
    people = timeline.actors.filter(pl.col("signup").is_not_null()).select("actor", "signup")
    table = people
    for i, criterion in enumerate(criteria):
        rows = _rows(timeline, criterion, context, people if from_signup else None)
        one = _nth(rows, criterion).select("actor", pl.col("time").alias(f"met_{i}"))
        table = table.join(one, on="actor", how="left", maintain_order="left")
    names = [f"met_{i}" for i in range(len(criteria))]
    if in_order:
        chain = _in_order(timeline, criteria, context, people if from_signup else None)
        table = table.join(chain, on="actor", how="left", maintain_order="left")
    elif rule == "any":
        table = table.with_columns(when=pl.min_horizontal(names))
    else:
        table = table.with_columns(
            when=pl.when(pl.all_horizontal(pl.col(names).is_not_null())).then(
                pl.max_horizontal(names)
            )
        )
    first = _first(timeline, criteria, context)
    return (
        table.join(first, on="actor", how="left", maintain_order="left")
        .with_columns(
            activated_at=pl.when(pl.col("when").is_not_null()).then(
                pl.max_horizontal("when", "signup")
            ),
            early=(pl.col("first_row") < pl.col("signup")).fill_null(False),
            negative=(pl.col("when") < pl.col("signup")).fill_null(False),
        )
        .drop("when", "first_row")
    )


def _rows(
    timeline: Timeline, criterion: Criterion, context: Context, people: pl.DataFrame | None
) -> pl.DataFrame:
    codes = context.vocabulary.codes(criterion)
    rows = timeline.events.with_row_index("row").filter(pl.col("event").is_in(codes))
    if people is None:
        return rows
    return (
        rows.join(people, on="actor", how="inner", maintain_order="left")
        .filter(pl.col("time") >= pl.col("signup"))
        .drop("signup")
    )


def _nth(rows: pl.DataFrame, criterion: Criterion) -> pl.DataFrame:
    """actor, time and row at which the criterion is met, given its candidate rows in order."""
    found = rows.filter(place_in_run(rows, ["actor"]) == criterion.at_least)
    found = found.select("actor", "time", "row")
    if criterion.days == 1:
        return found
    daily = rows.unique(["actor", "day"], keep="first", maintain_order=True)
    nth_day = daily.filter(place_in_run(daily, ["actor"]) == criterion.days)
    both = found.join(nth_day.select("actor", "time", "row"), on="actor", suffix="_day")
    return both.select(
        "actor", time=pl.max_horizontal("time", "time_day"), row=pl.max_horizontal("row", "row_day")
    ).sort("actor")


def _in_order(
    timeline: Timeline, criteria: Sequence[Criterion], context: Context, people: pl.DataFrame | None
) -> pl.DataFrame:
    """actor and the time at which the last criterion was met, one after the other."""
    reached: pl.DataFrame | None = None
    for i, criterion in enumerate(criteria):
        rows = _rows(timeline, criterion, context, people)
        if reached is not None:
            rows = rows.join(reached, on="actor", how="inner", maintain_order="left")
            rows = rows.filter(_free(criteria[:i], context))
        step = _nth(rows.select("actor", "time", "day", "row"), criterion)
        step = step.rename({"time": f"time_{i}", "row": f"row_{i}"})
        reached = step if reached is None else reached.join(step, on="actor", how="inner")
    assert reached is not None
    return reached.select("actor", when=f"time_{len(criteria) - 1}")


def _free(before: Sequence[Criterion], context: Context) -> pl.Expr:
    """At or after the step before, and not one of the rows that served an earlier step."""
    free = pl.col("time") >= pl.col(f"time_{len(before) - 1}")
    for i, criterion in enumerate(before):
        served = pl.col("event").is_in(context.vocabulary.codes(criterion))
        free &= ~(served & (pl.col("row") <= pl.col(f"row_{i}")))
    return free


def _first(timeline: Timeline, criteria: Sequence[Criterion], context: Context) -> pl.DataFrame:
    rows = timeline.of(criteria).select("actor", first_row="time")
    return rows.filter(place_in_run(rows, ["actor"]) == 1)
