"""Retention: what share of those who started together come back in the k-th period after.

Formula: retained(k) = actors of the cohort active in period P + k ÷ actors of the cohort.
Numerator: actors with an active day in the k-th calendar period after the one in which they
started; for k = 0 an active day of that period not before the start. Denominator: the cohort.
Window: calendar periods of the metric's own `period` (default week). A cell is shown once its
period is complete; one that could not have happened yet is empty, never 0 %.
Starts: the first `signup` or `activation` of each actor (first time: one cohort an actor).
Left out: actors whose start is unknown or lies before the data.
Textbook: retained at k ÷ all who ever started, though not all of them could have come back yet.
"""

from __future__ import annotations

import itertools
from typing import Annotated, Literal

import polars as pl
from pydantic import BeforeValidator, Field

from adoptcli.context import Context
from adoptcli.definitions import EventRefs
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._shared import (
    activated,
    cells,
    share,
    share_difference,
    small,
    start_caveats,
    start_rows,
    starters,
    totals,
    unseen,
)
from adoptcli.results import Column, Estimate, Headline, Result, Row, Table, Textbook
from adoptcli.timeframe import Period
from adoptcli.timeline import Timeline, active_days
from adoptcli.timeline.days import local_day, start_of
from adoptcli.timeline.runs import runs

Start = Literal["signup", "activation"]
HEADLINE = {"day": 7, "week": 4, "month": 1}


class RetentionSettings(Settings):
    """From where and how retention is counted."""

    starts: Annotated[list[Start], BeforeValidator(lambda v: v if isinstance(v, list) else [v])] = (
        Field(["signup"], min_length=1, description="What begins a cohort: signup, activation.")
    )
    period: Period = Field("week", description="Length of the cells: day, week or month.")
    mode: Literal["n_day"] = Field("n_day", description="Active in that very period.")
    periods: int = Field(12, ge=1, le=366, description="How many periods after the start.")
    returns: EventRefs | None = Field(
        None, description="Events that count as coming back; default: any active event."
    )


def rows(timeline: Timeline, settings: RetentionSettings, context: Context) -> Rows:
    """`sizes` of the cohorts, `triangle` of those who came back, `left_out`."""
    last = context.as_of_day
    bounds = context.calendar.starts(context.first_day, last, settings.period)
    active = _active(timeline, settings, context, bounds)
    sizes, triangle = [], []
    for name in settings.starts:
        begun = _begun(timeline, name, context, bounds)
        sizes.append(begun.select("actor", "cohort", item=pl.lit(name), size=pl.lit(1)).lazy())
        triangle.append(_returned(active, begun, name, settings, context))
    return {
        "sizes": pl.concat(sizes),
        "triangle": pl.concat(triangle),
        "left_out": start_rows(timeline, context),
    }


def _active(
    timeline: Timeline, settings: RetentionSettings, context: Context, bounds: list[int]
) -> pl.DataFrame:
    """Each actor in each period in which it came: actor, period, index, last_day."""
    days = timeline.days
    if settings.returns is not None:
        days = active_days(timeline.of(settings.returns))
    dated = days.with_columns(period=start_of(pl.col("day"), bounds))
    return runs(dated, ["actor", "period"], last=["day"]).select("actor", "period", "last_day")


def _begun(timeline: Timeline, name: Start, context: Context, bounds: list[int]) -> pl.DataFrame:
    """actor, start (local day), cohort (start of its period) of those who started when shown."""
    people = starters(timeline, context).select("actor", start="signup_day")
    if name == "activation":
        when = activated(timeline, context).filter(pl.col("activated_at").is_not_null())
        low = context.calendar.midnight(context.first_day)
        day = local_day(pl.col("activated_at"), context.calendar, low, context.as_of)
        people = people.select("actor").join(when.select("actor", start=day), on="actor")
        shown = pl.col("start").is_between(context.shown_from, context.end_day, closed="left")
        people = people.filter(shown)
    return people.with_columns(cohort=start_of(pl.col("start"), bounds))


def _returned(
    active: pl.DataFrame, begun: pl.DataFrame, name: Start, settings: RetentionSettings,
    context: Context,
) -> pl.LazyFrame:  # fmt: skip
    """Each starter in each complete period in which it was active from its start on."""
    ends = _complete(settings, context)
    steps = pl.DataFrame(
        [
            (cohort, period, k)
            for i, cohort in enumerate(ends)
            for k, period in enumerate(ends[i : i + settings.periods + 1])
        ],
        schema={"cohort": pl.Int32, "period": pl.Int32, "step": pl.Int64}, orient="row",
    )  # fmt: skip
    return (
        active.lazy()
        .join(begun.lazy(), on="actor", how="inner")
        .filter(
            (pl.col("period") > pl.col("cohort"))
            | ((pl.col("period") == pl.col("cohort")) & (pl.col("last_day") >= pl.col("start")))
        )
        .join(steps.lazy(), on=["cohort", "period"], how="inner")
        .select("actor", "cohort", "step", item=pl.lit(name), retained=pl.lit(1))
    )


def _complete(settings: RetentionSettings, context: Context) -> list[int]:
    """The starts of all periods of the data that end by as-of."""
    bounds = context.calendar.starts(context.first_day, context.as_of_day, settings.period)
    return [a for a, b in itertools.pairwise(bounds) if b <= context.as_of_day]


def result(tallies: Tallies, settings: RetentionSettings, context: Context) -> Result:
    """The triangle, its pooled curve, and one cell of it as headline."""
    sizes = cells(tallies["sizes"], ["item", "cohort"])
    retained = cells(tallies["triangle"], ["item", "cohort", "step"])
    caveats = (
        *start_caveats(totals(tallies["left_out"])),
        *unseen(settings.returns or [], context),
    )
    if not sizes:
        return Result(
            None, None, (), caveats, status="not_evaluable",
            reason="nobody's start is known and within the days shown",
        )  # fmt: skip
    grid = _grid(sizes, retained, settings, context)
    step = min(HEADLINE[settings.period], settings.periods)
    headlines = tuple(_headline(grid, name, step, settings, context) for name in settings.starts)
    first = settings.starts[0]
    came = sum(e.numerator or 0 for (i, _, k), e in grid.items() if (i, k) == (first, step))
    started = sum(c["size"] for (i, _), c in sizes.items() if i == first)
    textbook = Textbook(
        came / started if started else None, came, started,
        f"active in {settings.period} {step} ÷ all who started",
    )  # fmt: skip
    tables = (_triangle_table(grid, sizes, settings, context), _pooled_table(grid, settings))
    caveats = (*caveats, *small(headlines[0].estimate.denominator, "in the cohort"))
    return Result(headlines[0], textbook, tables, caveats, headlines[1:])


Grid = dict[tuple[str, int, int], Estimate]


def _grid(
    sizes: dict[tuple[str, int], dict[str, int]],
    retained: dict[tuple[str, int, int], dict[str, int]],
    settings: RetentionSettings, context: Context,
) -> Grid:  # fmt: skip
    """Every mature cell."""
    complete = _complete(settings, context)
    found: Grid = {}
    for (item, cohort), counts in sorted(sizes.items()):
        if cohort not in complete:
            continue
        at = complete.index(cohort)
        for k, _ in enumerate(complete[at : at + settings.periods + 1]):
            came = retained.get((item, cohort, k), {"retained": 0})["retained"]
            found[item, cohort, k] = share(came, counts["size"])
    return found


def _headline(
    grid: Grid, name: str, step: int, settings: RetentionSettings, context: Context
) -> Headline:
    """Step k of the last cohort that has reached it."""
    cohorts = [(c, e) for (i, c, k), e in sorted(grid.items()) if i == name and k == step]
    title = f"Retention, {settings.period} {step} after {name}"
    if not cohorts:
        return Headline(title, Estimate(None), "share", note="no cohort is old enough")
    cohort, now = cohorts[-1]
    before = cohorts[-2][1] if len(cohorts) > 1 else None
    return Headline(
        title, now, "share", f"cohort {context.label(cohort, settings.period)}",
        share_difference(now, before), tuple(e.value for _, e in cohorts),
    )  # fmt: skip


def _triangle_table(
    grid: Grid, sizes: dict[tuple[str, int], dict[str, int]], settings: RetentionSettings,
    context: Context,
) -> Table:  # fmt: skip
    lines: tuple[Row, ...] = tuple(
        {
            "item": item,
            "cohort": context.label(cohort, settings.period),
            "step": step,
            "retained": estimate,
        }
        for (item, cohort, step), estimate in sorted(
            grid.items(),
            key=lambda cell: (settings.starts.index(cell[0][0]), *cell[0][1:]),  # type: ignore[arg-type]
        )
    )
    columns = (
        Column("item", "Start", "text"),
        Column("cohort", f"Started, {settings.period}", "date"),
        Column("step", settings.period.title()),
        Column("retained", "Retained", "share"),
    )
    return Table("triangle", "By cohort", columns, lines)


def _pooled_table(grid: Grid, settings: RetentionSettings) -> Table:
    """Sums over the cohorts that have reached a step; never a mean of percentages."""
    lines: list[Row] = []
    for name in settings.starts:
        for step in range(settings.periods + 1):
            mature = [e for (i, _, k), e in grid.items() if i == name and k == step]
            if not mature:
                continue
            came = int(sum(e.numerator or 0 for e in mature))
            size = int(sum(e.denominator or 0 for e in mature))
            lines.append({"item": name, "step": step, "retained": share(came, size)})
    columns = (
        Column("item", "Start", "text"),
        Column("step", settings.period.title()),
        Column("retained", "Retained", "share"),
    )
    return Table("pooled", "All mature cohorts", columns, tuple(lines))


METRIC = register(
    Metric(
        id="retention",
        title="Retention",
        section="engagement",
        order=5,
        settings=RetentionSettings,
        definition=__doc__,
        rows=rows,
        result=result,
        needs=("activation",),
        keys={"sizes": ("item", "cohort"), "triangle": ("item", "cohort", "step"), "left_out": ()},
    )
)
