"""Retention: what share of those who started together come back in the k-th period after.

Formula: retained(k) = actors of the cohort that came back in step k ÷ actors of the cohort.
Numerator: actors with at least `at_least` of the `returns` events (default: one active event) in
step k, none of them before the start; an actor counts once a cell. Denominator: the cohort, which
is everybody whose start lies in one calendar period, whatever the clock.
Starts: the sign-up, the activation, the first `purchase`, or the first row of an event; first-ever,
not first among the days shown, which choose the cohorts.
Recurring entries: each calendar period in which a purchase or an event occurs makes an entry, from
its first row on (`entries: recurring`), which must lie on the days shown, so that an actor is in
several cohorts and denominators are actor-cohorts. One signs up and activates only once.
Mode: `n_day` asks for that very period; `unbounded` for that period or any later one up to as-of,
or up to period `horizon`, the same for all cohorts; `bracket` for anything from one of the
`brackets` edges up to, not including, the next. Edges and steps are periods since the start.
Clock: `calendar` counts whole calendar periods after the one of the start, 0 being what is left of
that one from the day of the start on. `elapsed` counts spans of 24 h or 7 × 24 h from the instant
of the start, closed at their end as all elapsed windows are: t0 ≤ t ≤ t0 + L for 0, then
t0 + k·L < t ≤ t0 + (k + 1)·L. A month has no length, so that it has no elapsed clock.
Window: a cell is shown once all that its cohort could be asked for is over; one that could not have
happened yet is empty, never 0 %. The pooled curve is Σ retained ÷ Σ cohorts over the cells shown.
Left out: actors whose sign-up is unknown or lies before the data, as their first of anything may
too; recurring entries need no sign-up.
Textbook: retained at k ÷ all who ever started, though not all of them could have come back yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from adoptcli.context import Context
from adoptcli.counts import grouped
from adoptcli.definitions import EventRef, EventRefs, Name
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._returns import LENGTHS, Frame, activity, came_back, cut_off, entries, frame
from adoptcli.metrics._shared import (
    cells,
    ratio,
    share,
    share_difference,
    small,
    start_caveats,
    start_rows,
    totals,
    unseen,
)
from adoptcli.results import Caveat, Column, Estimate, Headline, Result, Row, Table, Textbook
from adoptcli.timeframe import Period
from adoptcli.timeline import Timeline

Word = Literal["signup", "activation", "purchase"]
HEADLINE = {"day": 7, "week": 4, "month": 1}
ONCE = ("signup", "activation")


class StartEvent(EventRef):
    """An event that begins a cohort."""

    name: Name | None = Field(None, description="What the report calls it; default: the event.")

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return value  # a bare word is one of ours

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        """A mapping alone."""
        found: dict[str, Any] = handler(core)
        return found

    def __str__(self) -> str:
        return self.name or EventRef.__str__(self)


def _kind(value: Any) -> str:
    return "<event>" if isinstance(value, Mapping | StartEvent) else "<word>"


Start = Annotated[
    Annotated[Word, Tag("<word>")] | Annotated[StartEvent, Tag("<event>")], Discriminator(_kind)
]
Edges = Annotated[list[Annotated[int, Field(ge=0, le=3660)]], Field(min_length=2)]


class RetentionSettings(Settings):
    """From where and how retention is counted."""

    starts: Annotated[
        list[Start], BeforeValidator(lambda v: v if isinstance(v, list) else [v])
    ] = Field(
        ["signup"], min_length=1,
        description="What begins a cohort: signup, activation, purchase, or {event: EVENT, where: "
        "{…}, name: NAME}.",
    )  # fmt: skip
    period: Period = Field("week", description="Length of the cells: day, week or month.")
    clock: Literal["calendar", "elapsed"] = Field(
        "calendar",
        description="Periods of the calendar, or elapsed from the instant of the start.",
    )
    mode: Literal["n_day", "unbounded", "bracket"] = Field(
        "n_day",
        description="Back in that very period (n_day), in it or later (unbounded), or in a span "
        "of periods (bracket).",
    )
    periods: int = Field(12, ge=1, le=366, description="How many periods after the start.")
    brackets: Edges = Field(
        [1, 3, 7, 14, 30],
        description="Of bracket: periods since the start; a bracket ends before the next edge.",
    )
    horizon: int | None = Field(
        None, ge=1, le=3660,
        description="Of unbounded: the last period that counts, so that no cohort has had longer.",
    )  # fmt: skip
    entries: Literal["first_time", "recurring"] = Field(
        "first_time",
        description="First start of an actor alone, or one in each period (recurring).",
    )
    returns: EventRefs | None = Field(
        None, description="Events that count as coming back; default: any active event."
    )
    at_least: int = Field(1, ge=1, description="How many of them make a return.")

    @model_validator(mode="after")
    def _sound(self) -> RetentionSettings:
        if self.clock == "elapsed" and self.period not in LENGTHS:
            raise ValueError("months differ in length; with 'clock: elapsed' use day or week")
        if self.brackets != sorted(set(self.brackets)):
            raise ValueError("'brackets' must rise, such as [1, 3, 7, 14, 30]")
        return self

    def recurs(self, start: str | EventRef) -> bool:
        """Whether an actor may begin several times with this start."""
        return self.entries == "recurring" and start not in ONCE

    @property
    def words(self) -> str:
        """Mode and clock, and what else makes a return, as titles have them."""
        length = {"day": " of 24 h", "week": " of 7 × 24 h"} if self.clock == "elapsed" else {}
        found = [self.mode, f"{self.clock} {self.period}s{length.get(self.period, '')}"]
        if self.mode == "unbounded":
            found[0] += " to as-of" if self.horizon is None else f" to {self.period} {self.horizon}"
        if self.entries == "recurring":
            found.append("recurring entries")
        if self.at_least > 1:
            found.append(f"at least {self.at_least} times")
        return ", ".join(found)


def tally(timeline: Timeline, settings: RetentionSettings, context: Context) -> Rows:
    """`sizes` of the cohorts; `triangle` of those who came back, of unbounded the `last` step."""
    grid = frame(settings, context)
    active = activity(timeline, settings, context, grid.starts)
    codes = timeline.actors["actor"].max()
    size = codes + 1 if isinstance(codes, int) else 0
    sizes, returned = [], []
    for item, start in enumerate(settings.starts):
        begun = entries(timeline, start, settings, context, grid.starts)
        came = came_back(active, begun, settings, grid, size)
        sizes.append(_cells(begun.select("actor", "cohort", size=pl.lit(1)), item, grid))
        returned.append(_cells(came.with_columns(retained=pl.lit(1)), item, grid))
    return {
        "sizes": pl.concat(sizes),
        "last" if settings.mode == "unbounded" else "triangle": pl.concat(returned),
        "left_out": start_rows(timeline, context).filter(_asks_for_signup(settings)),
    }


def rows(timeline: Timeline, settings: RetentionSettings, context: Context) -> Rows:
    """`sizes`, `left_out`, `triangle` with every step that an actor is retained at, and `lost`.

    `lost`: who of the first start's cohorts was not retained at the headline's step.
    """
    found = dict(tally(timeline, settings, context))
    if settings.mode == "unbounded":
        up_to_last = pl.int_ranges(0, pl.col("step") + 1)
        found["triangle"] = found.pop("last").with_columns(step=up_to_last).explode("step")
    return {**found, "lost": _lost(timeline, found["triangle"], settings, context)}


def _lost(
    timeline: Timeline, triangle: pl.LazyFrame, settings: RetentionSettings, context: Context
) -> pl.LazyFrame:
    """actor and cohort of those who did not come back, of the cohorts that have had the time."""
    grid = frame(settings, context)
    step = _headline_step(settings, grid)
    begun = entries(timeline, settings.starts[0], settings, context, grid.starts)
    mature = pl.lit(pl.Series(grid.tops, dtype=pl.Int64)).gather("cohort") >= step
    there = triangle.filter((pl.col("item") == 0) & (pl.col("step") == step))
    everybody = _cells(begun.filter(mature).select("actor", "cohort"), 0, grid).drop("item")
    gone = everybody.join(there, on=["actor", "cohort"], how="anti")
    return gone.with_columns(lost=pl.lit(1))


def _cells(found: pl.DataFrame, item: int, grid: Frame) -> pl.LazyFrame:
    """With the place of the start among `starts`, and the cohort by the first day of its period."""
    starts = pl.lit(pl.Series(grid.starts, dtype=pl.Int32))
    cell = {"cohort": starts.gather("cohort"), "item": pl.lit(item, dtype=pl.Int64)}
    return found.lazy().with_columns(**cell)


def _asks_for_signup(settings: RetentionSettings) -> bool:
    return not all(settings.recurs(start) for start in settings.starts)


Cells = dict[tuple[int, int, int], tuple[int, int]]  # those who came back, and the cohort


def result(tallies: Tallies, settings: RetentionSettings, context: Context) -> Result:
    """The triangle, its pooled curve, and one cell of it for each start as headline."""
    grid = frame(settings, context)
    sizes = cells(tallies["sizes"], ["item", "cohort"])
    refs: list[EventRef] = [start for start in settings.starts if isinstance(start, EventRef)]
    if "purchase" in settings.starts:
        refs += context.definitions.purchase or []
    caveats = (
        *start_caveats(totals(tallies["left_out"])),
        *cut_off(settings, context),
        *unseen([*refs, *(settings.returns or [])], context),
    )
    if not sizes:
        return Result(
            None, None, (), caveats, status="not_evaluable",
            reason="nobody's start is known and within the days shown",
        )  # fmt: skip
    found = _found(tallies, sizes, settings, grid)
    shown = _mature(found, grid)
    step = _headline_step(settings, grid)
    headlines = tuple(
        _headline(found, item, step, settings, context, grid)
        for item in range(len(settings.starts))
    )
    textbook = _textbook(found, step, settings, grid)
    tables = (
        _triangle_table(shown, settings, context, grid), _pooled_table(shown, settings, grid),
    )  # fmt: skip
    few = small(headlines[0].estimate.denominator, "in the cohort")
    caveats = (*caveats, *_censored(shown, settings, grid), *few)
    return Result(headlines[0], textbook, tables, caveats, headlines[1:])


def _censored(found: Cells, settings: RetentionSettings, grid: Frame) -> Iterator[Caveat]:
    """A caveat where unbounded cohorts have had unequal times to come back."""
    if settings.mode != "unbounded" or settings.horizon is not None:
        return
    reach = dict(zip(grid.starts, grid.reach, strict=False))
    short = {cohort for _, cohort, _ in found if reach[cohort] <= settings.periods}
    if short:
        text = (
            f"cohorts that have had fewer than {settings.periods + 1} {settings.period}s to come "
            "back, whose unbounded retention is too low ('horizon' gives all the same)"
        )
        yield Caveat("right-censored", text, len(short))


def _found(
    tallies: Tallies, sizes: dict[tuple[int, int], dict[str, int]], settings: RetentionSettings,
    grid: Frame,
) -> Cells:  # fmt: skip
    """Every cell up to as-of, by item, cohort and step."""
    unbounded = settings.mode == "unbounded"
    retained = cells(tallies["last" if unbounded else "triangle"], ["item", "cohort", "step"])
    found: Cells = {}
    for (item, cohort), counts in sizes.items():
        none = came = counts["size"] * 0
        for step in reversed(grid.steps):
            there = retained.get((item, cohort, step), {"retained": none})["retained"]
            came = came + there if unbounded else there
            found[item, cohort, step] = came, counts["size"]
    return dict(sorted(found.items()))


def _mature(found: Cells, grid: Frame) -> Cells:
    """The cells that are over."""
    tops = dict(zip(grid.starts, grid.tops, strict=False))
    return {cell: counts for cell, counts in found.items() if cell[2] <= tops[cell[1]]}


def _textbook(found: Cells, step: int, settings: RetentionSettings, grid: Frame) -> Textbook:
    """A step of the first kind of start, whoever has had the time to reach it."""
    all_of_it = [counts for (item, _, k), counts in found.items() if (item, k) == (0, step)]
    came, started = (sum(part) for part in zip(*all_of_it, strict=True)) if all_of_it else (0, 0)
    formula = f"active in {_when(step, settings, grid)} ÷ all who started"
    return Textbook(came / started if started else None, came, started, formula)


def _headline_step(settings: RetentionSettings, grid: Frame) -> int:
    """The step that holds the usual period of the headline, or the nearest to it."""
    usual = HEADLINE[settings.period]
    return max((k for k in grid.steps if k <= usual), default=grid.steps[0])


def _span(step: int, grid: Frame) -> str:
    """The periods of a bracket: 3–6."""
    last = dict(grid.spans)[step] - 1
    return f"{step}–{last}" if last > step else f"{step}"


def _when(step: int, settings: RetentionSettings, grid: Frame) -> str:
    if settings.mode == "bracket":
        span = _span(step, grid)
        return f"{settings.period}{'s' if '–' in span else ''} {span}"
    return f"{settings.period} {step}{' or later' if settings.mode == 'unbounded' else ''}"


def _headline(
    found: Cells, item: int, step: int, settings: RetentionSettings, context: Context, grid: Frame
) -> Headline:
    """A step of the last cohort that has reached it; a whole one, unless there is none."""
    mine = {cell: counts for cell, counts in found.items() if cell[::2] == (item, step)}
    cohorts = [(c, counts) for (_, c, _), counts in _mature(mine, grid).items()]
    whole = {start for start, _ in context.periods(settings.period)}
    cohorts = [cohort for cohort in cohorts if cohort[0] in whole] or cohorts
    title = f"Retention, {_when(step, settings, grid)} after {settings.starts[item]}"
    if not cohorts:
        reason = "no cohort is old enough" if mine else "nobody began"
        return Headline(title, Estimate(None), "share", note=f"{settings.words}; {reason}")
    now, before = share(*cohorts[-1][1]), None
    if len(cohorts) > 1:
        before = share(*cohorts[-2][1])
    return Headline(
        title, now, "share", f"cohort {context.label(cohorts[-1][0], settings.period)}",
        share_difference(now, before), tuple(n / size for _, (n, size) in cohorts), settings.words,
    )  # fmt: skip


def _columns(settings: RetentionSettings, *keys: Column) -> tuple[Column, ...]:
    bracket = settings.mode == "bracket"
    step = Column("step", settings.period.title() + (", from" if bracket else ""))
    columns = (
        Column("item", "Start", "text"),
        *keys,
        step,
        Column("retained", "Retained", "share"),
    )
    return (*columns, Column("span", f"{settings.period.title()}s", "text")) if bracket else columns


def _triangle_table(
    found: Cells, settings: RetentionSettings, context: Context, grid: Frame
) -> Table:
    """A row a cell; of unbounded with how many whole periods it has been seen for."""
    marked = settings.mode == "unbounded" and settings.horizon is None
    reach = dict(zip(grid.starts, grid.reach, strict=False))
    lines: list[Row] = []
    for (item, cohort, step), counts in found.items():
        line: dict[str, Any] = {
            "item": str(settings.starts[item]),
            "cohort": context.label(cohort, settings.period),
            "step": step,
            "retained": share(*counts),
            "span": _span(step, grid),
        }
        lines.append(line | ({"seen": reach[cohort] - step} if marked else {}))
    columns = _columns(settings, Column("cohort", f"Started, {settings.period}", "date"))
    if marked:
        columns = (*columns, Column("seen", f"{settings.period.title()}s seen from it on"))
    return _table("triangle", "By cohort", columns, lines, settings)


def _pooled_table(found: Cells, settings: RetentionSettings, grid: Frame) -> Table:
    """Sums over the cohorts that have reached a step; never a mean of percentages."""
    lines: list[Row] = []
    for item, start in enumerate(settings.starts):
        for step in grid.steps:
            mature = [n for (i, _, k), n in found.items() if (i, k) == (item, step)]
            if not mature:
                continue
            came, size = (sum(part) for part in zip(*mature, strict=True))
            retained = _pooled(came, size, recurs=settings.recurs(start))
            span = _span(step, grid)
            lines.append({"item": str(start), "step": step, "retained": retained, "span": span})
    return _table("pooled", "All mature cohorts", _columns(settings), lines, settings)


def _pooled(came: int, size: int, *, recurs: bool) -> Estimate:
    """Without groups no interval where an actor may be in it several times."""
    return ratio(came, size) if recurs and not grouped(came, size) else share(came, size)


def _table(
    name: str, title: str, columns: tuple[Column, ...], lines: list[Row],
    settings: RetentionSettings,
) -> Table:  # fmt: skip
    names = [column.name for column in columns]
    rows = tuple({n: line[n] for n in names} for line in lines)
    return Table(name, f"{title}: {settings.words}", columns, rows)


METRIC = register(
    Metric(
        id="retention",
        title="Retention",
        section="engagement",
        order=5,
        settings=RetentionSettings,
        definition=__doc__,
        rows=rows,
        tally=tally,
        result=result,
        needs=("activation",),
        names=lambda settings, context: {"item": [str(start) for start in settings.starts]},
        keys={
            "sizes": ("item", "cohort"),
            "triangle": ("item", "cohort", "step"),
            "last": ("item", "cohort", "step"),
            "lost": ("cohort",),
            "left_out": (),
        },
        plain=frozenset({"left_out"}),
    )
)
