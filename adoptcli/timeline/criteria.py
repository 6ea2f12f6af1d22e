"""When an actor has first met a set of criteria, which several metrics ask."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from adoptcli.context import Context
from adoptcli.definitions import Criterion
from adoptcli.timeline import Timeline
from adoptcli.timeline.runs import kth_in_run, starts_run


def met(
    timeline: Timeline, criteria: Sequence[Criterion], rule: str, context: Context,
    *, in_order: bool, from_signup: bool, among: pl.DataFrame | None = None,
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
        among: The actors to look at; all without.

    Returns:
        actor, signup, met_0 … met_n (each alone), activated_at (not before sign-up), early (some
        row that the criteria name lies before sign-up), negative (all were met before sign-up); one
        row an actor with a sign-up, sorted.
    """
    people, rows, early = _candidates(timeline, criteria, context, from_signup, among)
    table = people
    for i, criterion in enumerate(criteria):
        one = _nth(_of(rows, criterion, context), criterion)
        one = one.select("actor", pl.col("time").alias(f"met_{i}"))
        table = table.join(one, on="actor", how="left", maintain_order="left")
    names = [f"met_{i}" for i in range(len(criteria))]
    if in_order:
        last = f"time_{len(criteria) - 1}"
        chain = _chain(rows, criteria, context).select("actor", when=last)
        table = table.join(chain, on="actor", how="left", maintain_order="left")
    elif rule == "any":
        table = table.with_columns(when=pl.min_horizontal(names))
    else:
        table = table.with_columns(when=_last_of(names))
    return (
        table.join(early, on="actor", how="left", maintain_order="left")
        .with_columns(
            activated_at=_not_before_signup("when"),
            early=pl.col("early").fill_null(False),
            negative=(pl.col("when") < pl.col("signup")).fill_null(False),
        )
        .drop("when")
    )


def steps(
    timeline: Timeline, criteria: Sequence[Criterion], context: Context,
    *, in_order: bool, from_signup: bool, among: pl.DataFrame | None = None,
) -> pl.DataFrame:  # fmt: skip
    """When each actor with a sign-up met each of the criteria, where a row serves one only.

    In order as in `met`. Otherwise a row serves, of the criteria that it fits and that are not met
    yet, the narrowest: the one with most conditions, then with the fewest values in them, then the
    first.

    Returns:
        actor, signup, met_0 … met_n (not before sign-up), early; as `met` has them.
    """
    people, rows, early = _candidates(timeline, criteria, context, from_signup, among)
    found = (_chain if in_order else _shared_out)(rows, criteria, context)
    table = people.join(found, on="actor", how="left", maintain_order="left")
    table = table.join(early, on="actor", how="left", maintain_order="left")
    return table.select(
        "actor", "signup",
        *(_not_before_signup(f"time_{i}").alias(f"met_{i}") for i in range(len(criteria))),
        pl.col("early").fill_null(False),
    )  # fmt: skip


def _not_before_signup(name: str) -> pl.Expr:
    return pl.when(pl.col(name).is_not_null()).then(pl.max_horizontal(name, "signup"))


def _last_of(names: Sequence[str]) -> pl.Expr:
    """The latest of several instants; null unless all are there."""
    return pl.when(pl.all_horizontal(pl.col(names).is_not_null())).then(pl.max_horizontal(names))


def _candidates(
    timeline: Timeline, criteria: Sequence[Criterion], context: Context, from_signup: bool,
    among: pl.DataFrame | None,
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:  # fmt: skip
    """The actors with a sign-up, the rows that may count, and who has one before the sign-up."""
    people = timeline.actors.filter(pl.col("signup").is_not_null()).select("actor", "signup")
    if among is not None:
        people = people.join(among, on="actor", how="semi", maintain_order="left")
    rows = timeline.of(criteria).with_row_index("row")
    if among is not None:
        rows = rows.join(among, on="actor", how="semi", maintain_order="left")
    first = rows.filter(starts_run(rows, ["actor"])).select("actor", "time")
    early = first.join(people, on="actor", maintain_order="left")
    early = early.select("actor", early=pl.col("time") < pl.col("signup"))
    if from_signup:
        rows = rows.join(people, on="actor", maintain_order="left")
        rows = rows.filter(pl.col("time") >= pl.col("signup")).drop("signup")
    return people, rows, early


def _of(rows: pl.DataFrame, criterion: Criterion, context: Context) -> pl.DataFrame:
    return rows.filter(pl.col("event").is_in(context.vocabulary.codes(criterion)))


def _nth(rows: pl.DataFrame, criterion: Criterion) -> pl.DataFrame:
    """actor, time and row at which the criterion is met, given its candidate rows in order."""
    nth = kth_in_run(rows, "actor", criterion.at_least)
    found = rows.select("actor", "time", "row").filter(nth)
    if criterion.days == 1:
        return found
    daily = rows.unique(["actor", "day"], keep="first", maintain_order=True)
    nth_day = daily.filter(kth_in_run(daily, "actor", criterion.days))
    both = found.join(nth_day.select("actor", "time", "row"), on="actor", suffix="_day")
    return both.select(
        "actor", time=pl.max_horizontal("time", "time_day"), row=pl.max_horizontal("row", "row_day")
    ).sort("actor")


def _chain(rows: pl.DataFrame, criteria: Sequence[Criterion], context: Context) -> pl.DataFrame:
    """actor, time_i and row_i of each criterion, one after the other; null from the first unmet."""
    reached: pl.DataFrame | None = None
    for i, criterion in enumerate(criteria):
        mine = _of(rows, criterion, context)
        if reached is not None:
            mine = mine.join(reached, on="actor", maintain_order="left")
            after = pl.col("time") >= pl.col(f"time_{i - 1}")
            taken = [_taken(j, criteria[j], context) for j in range(i)]
            mine = mine.filter(after & ~pl.any_horizontal(taken))
        step = _step(mine, criterion, i)
        if reached is None:
            reached = step
        else:
            reached = reached.join(step, on="actor", how="left", maintain_order="left")
    assert reached is not None
    return reached


def _shared_out(
    rows: pl.DataFrame, criteria: Sequence[Criterion], context: Context
) -> pl.DataFrame:
    """actor, time_i and row_i of each criterion, in any order; the narrower chooses its rows first.

    Rows that have begun to serve a criterion serve no other, even if it is never met.
    """
    table = rows.select("actor").filter(starts_run(rows, ["actor"]))
    chosen: list[int] = []
    for i in sorted(range(len(criteria)), key=lambda k: (_breadth(criteria[k], context), k)):
        mine = _of(rows, criteria[i], context)
        codes = {*context.vocabulary.codes(criteria[i])}
        rivals = [j for j in chosen if codes & {*context.vocabulary.codes(criteria[j])}]
        if rivals:
            mine = mine.join(table, on="actor", how="left", maintain_order="left")
            taken = [_taken(j, criteria[j], context) for j in rivals]
            mine = mine.filter(~pl.any_horizontal(taken))
        step = _step(mine, criteria[i], i)
        table = table.join(step, on="actor", how="left", maintain_order="left")
        chosen.append(i)
    return table


def _step(rows: pl.DataFrame, criterion: Criterion, place: int) -> pl.DataFrame:
    found = _nth(rows.select("actor", "time", "day", "row"), criterion)
    return found.rename({"time": f"time_{place}", "row": f"row_{place}"})


def _taken(place: int, criterion: Criterion, context: Context) -> pl.Expr:
    """A row that has served a criterion: one it fits, up to the row that met it."""
    fits = pl.col("event").is_in(context.vocabulary.codes(criterion))
    return fits & (pl.col("row") <= pl.col(f"row_{place}")).fill_null(True)


def _breadth(criterion: Criterion, context: Context) -> tuple[int, int]:
    """Fewer conditions are broader, then more values; of a name of ours its broadest meaning."""
    return max(
        (-len(ref.where), sum(len(v) if isinstance(v, list) else 1 for v in ref.where.values()))
        for ref in context.vocabulary.expand([criterion])
    )
