"""Churn: what share of the customers at the start of a period is lost in it.

Formula: lost in the period ÷ customers at its start; retention rate = 1 − churn.
Numerator: those of the denominator who are lost in the period. Denominator: actors that are
customers when the period begins.
Inferred from inactivity: at the start = actors active in the `after` days before the period;
lost = of those, whose last active day before at least `after` idle days lies between the
start − `after` and the end of the period and was not lost in an earlier period. A period can be
judged once its end + `after` ≤ as-of, and only if its start − `after` lies within the data.
Cancelled, by the event `cancel`: at the start = signed up (or, with `purchase`, bought) before it
and not cancelled since; lost = cancelled within the period. Two tables, never blended.
Early: lost without ever having been activated; slow: activated, then faded. Those whose sign-up is
unknown are neither.
Window: complete calendar periods; idle days are whole local days.
Left out: actors that come and go within one period are in neither count.
Textbook: customers lost in the period ÷ customers at its start.
"""

from __future__ import annotations

import itertools

import polars as pl
from pydantic import Field

from adoptcli.context import Context
from adoptcli.definitions import Days, EventRefs
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._shared import activated, cells, share, share_difference, small, unseen
from adoptcli.results import Caveat, Column, Estimate, Headline, Result, Row, Table, Textbook
from adoptcli.timeline import Timeline
from adoptcli.timeline.days import start_of


class ChurnSettings(Settings):
    """How long somebody is away before it is a loss, and the event of cancelling."""

    after: Days = Field(28, description="Idle days after which an actor is lost.")
    cancel: EventRefs | None = Field(None, description="Events that end a subscription.")


Span = tuple[int, int]


def rows(timeline: Timeline, settings: ChurnSettings, context: Context) -> Rows:
    """`inferred` from inactivity; `cancelled` by the cancel event where there is one."""
    found = {"inferred": _inferred(timeline, settings, context)}
    if settings.cancel is not None:
        found["cancelled"] = _cancelled(timeline, settings, context)
    return found


def _complete(context: Context) -> list[Span]:
    return context.calendar.complete(context.first_day, context.as_of_day, context.period)


def _shown(spans: list[Span], context: Context) -> list[Span]:
    return [(a, b) for a, b in spans if context.since_day <= a and b <= context.end_day]


def _judged(settings: ChurnSettings, context: Context) -> list[Span]:
    """Periods whose start and end both have `after` days of data around them."""
    return [
        (a, b)
        for a, b in _complete(context)
        if a - settings.after >= context.first_day and b + settings.after <= context.as_of_day
    ]


def _inferred(timeline: Timeline, settings: ChurnSettings, context: Context) -> pl.LazyFrame:
    after = settings.after
    spans = [(a, b) for a, b in _complete(context) if a - after >= context.first_day]
    if not spans:
        return _NOBODY.lazy()
    days = _with_neighbours(timeline.days, after, context)
    there = _at_start(days, spans, after)
    losses = _losses(days, there, spans, after)
    back = _returned(days, spans, after)
    parts = [there.with_columns(at_start=pl.lit(1)), _kinds(losses, timeline, context), back]
    shown = [a for a, _ in _shown(_judged(settings, context), context)]
    return pl.concat([p.lazy() for p in parts], how="diagonal").filter(
        pl.col("period").is_in(shown)
    )


_NOBODY = pl.DataFrame(
    schema={
        "actor": pl.UInt32, "period": pl.Int32, "at_start": pl.Int64, "lost": pl.Int64,
        "early": pl.Int64, "slow": pl.Int64, "returned": pl.Int64,
    }
)  # fmt: skip


def _with_neighbours(days: pl.DataFrame, after: int, context: Context) -> pl.DataFrame:
    """Each active day with the next one, and whether the actor is lost on it."""
    same = days["actor"] == days["actor"].shift(-1)
    following = pl.when(same.fill_null(False)).then(pl.col("day").shift(-1))
    gap = pl.coalesce(following, pl.lit(context.as_of_day, dtype=pl.Int32)) - pl.col("day") - 1
    return days.with_columns(following=following, loss=gap >= after)


def _bounds(spans: list[Span]) -> list[int]:
    return [*(a for a, _ in spans), spans[-1][1]]


def _at_start(days: pl.DataFrame, spans: list[Span], after: int) -> pl.DataFrame:
    """actor and period for each period start that an active day reaches: day < start ≤ day + after.

    Only until the next active day, which reaches the later starts itself, so each pair comes once.
    """
    parts = []
    for start, _ in spans:
        day, following = pl.col("day"), pl.col("following")
        reaches = (day < start) & (day >= start - after) & (following >= start).fill_null(True)
        parts.append(days.filter(reaches).select("actor", period=pl.lit(start, dtype=pl.Int32)))
    return pl.concat(parts)


def _losses(days: pl.DataFrame, there: pl.DataFrame, spans: list[Span], after: int) -> pl.DataFrame:
    """actor, period, day: each loss in the first period at whose start the actor was there."""
    bounds = _bounds(spans)
    first, after_first = bounds[0], dict(itertools.pairwise(bounds))
    lost = days.filter("loss").select("actor", "day", period=start_of(pl.col("day"), bounds))
    early = lost.filter(pl.col("period").is_null() & (pl.col("day") >= first - after)
                        & (pl.col("day") < first))  # fmt: skip
    inside = lost.filter(pl.col("period").is_not_null())
    own = inside.join(there, on=["actor", "period"], how="semi")
    joined = inside.join(there, on=["actor", "period"], how="anti").with_columns(
        period=pl.col("period").replace_strict(after_first, default=None, return_dtype=pl.Int32)
    )
    joined = joined.filter(
        pl.col("period").is_not_null() & (pl.col("day") >= pl.col("period") - after)
    )
    early = early.with_columns(period=pl.lit(first, dtype=pl.Int32))
    return pl.concat([own, joined, early]).group_by("actor", "period").agg(pl.col("day").max())


def _returned(days: pl.DataFrame, spans: list[Span], after: int) -> pl.DataFrame:
    """actor and period in which it was active again after a loss in an earlier one."""
    bounds = _bounds(spans)
    again = days.filter(pl.col("loss") & pl.col("following").is_not_null()).select(
        "actor", "day", period=start_of(pl.col("following"), bounds)
    )
    return (
        again.filter(pl.col("day") < pl.col("period"))
        .select("actor", "period")
        .unique()
        .with_columns(returned=pl.lit(1))
    )


def _kinds(losses: pl.DataFrame, timeline: Timeline, context: Context) -> pl.DataFrame:
    """Early and slow, where there is an activation."""
    if context.settings.get("activation") is None:
        return losses.select("actor", "period", lost=pl.lit(1), early=pl.lit(0), slow=pl.lit(0))
    people = activated(timeline, context).select("actor", "activated_at")
    known = timeline.actors.select("actor", "known")
    ends = {d: context.calendar.midnight(d + 1) for d in losses["day"].unique().to_list()}
    end = pl.col("day").replace_strict(ends, return_dtype=pl.Int64)
    slow = (pl.col("activated_at") < end).fill_null(False)
    return (
        losses.join(people, on="actor", how="left")
        .join(known, on="actor", how="left")
        .select(
            "actor",
            "period",
            lost=pl.lit(1),
            early=(~slow & pl.col("known").fill_null(False)).cast(pl.Int32),
            slow=slow.cast(pl.Int32),
        )
    )


def _cancelled(timeline: Timeline, settings: ChurnSettings, context: Context) -> pl.LazyFrame:
    """Each customer at the start of each period, and those who cancel in it."""
    customers = _customers(timeline, settings, context)
    parts = [_NONE_CANCELLED.lazy()]
    for start, end in _shown(_complete(context), context):
        at, until = context.calendar.midnight(start), context.calendar.midnight(end)
        there = (pl.col("begin") < at) & (pl.col("end").is_null() | (pl.col("end") >= at))
        lost = (pl.col("end") < until).fill_null(False)
        parts.append(
            customers.lazy()
            .filter(there)
            .group_by("actor")
            .agg(at_start=pl.lit(1, dtype=pl.Int64), lost=lost.any().cast(pl.Int64))
            .with_columns(period=pl.lit(start, dtype=pl.Int32))
        )
    return pl.concat(parts, how="diagonal_relaxed")


_NONE_CANCELLED = pl.DataFrame(
    schema={"actor": pl.UInt32, "period": pl.Int32, "at_start": pl.Int64, "lost": pl.Int64}
)


def _customers(timeline: Timeline, settings: ChurnSettings, context: Context) -> pl.DataFrame:
    """actor, begin and end (or null) of each stretch of being a customer."""
    cancels = timeline.of(settings.cancel or []).select("actor", "time")
    if context.definitions.purchase is None:
        begins = timeline.actors.select("actor", begin=pl.coalesce("signup", "first"))
        ends = cancels.join(begins, on="actor").filter(pl.col("time") >= pl.col("begin"))
        ends = ends.group_by("actor").agg(end=pl.col("time").min())
        return begins.filter(pl.col("begin").is_not_null()).join(ends, on="actor", how="left")
    bought = timeline.of(context.definitions.purchase).select("actor", "time", buy=pl.lit(True))
    both = pl.concat([bought, cancels.with_columns(buy=pl.lit(False))])
    both = both.sort("actor", "time", "buy", descending=[False, False, True])
    turn = both["actor"].ne_missing(both["actor"].shift(1)) | (both["buy"] != both["buy"].shift(1))
    both = both.filter(turn.fill_null(True))
    same = pl.col("actor").shift(-1) == pl.col("actor")
    return (
        both.with_columns(end=pl.when(same).then(pl.col("time").shift(-1)))
        .filter("buy")
        .select("actor", "end", begin="time")
    )


def result(tallies: Tallies, settings: ChurnSettings, context: Context) -> Result:
    """Both tables, each where it can be judged."""
    has_activation = context.settings.get("activation") is not None
    spans = _shown(_judged(settings, context), context)
    inferred = cells(tallies["inferred"], ["period"])
    lines = [_line(a, inferred.get(a), has_activation, context) for a, _ in spans]
    tables = [Table("inferred", f"Lost after {settings.after} idle days", _INFERRED, tuple(lines))]
    name, source = f"Churn, {settings.after} idle days", lines
    if settings.cancel is not None:
        counts = cells(tallies["cancelled"], ["period"])
        source = [
            _cancel_line(a, counts.get(a), context) for a, _ in _shown(_complete(context), context)
        ]
        tables.append(Table("cancelled", "Cancelled", _CANCELLED, tuple(source)))
        name = "Churn, cancelled"
    caveats: tuple[Caveat, ...] = unseen(settings.cancel or [], context)
    if not source:
        return Result(
            None, None, tuple(tables), caveats, status="not_evaluable",
            reason=f"no {context.period} can be judged yet: it takes {settings.after} days of data"
            " before it and after it",
        )  # fmt: skip
    rates = [_churned(line) for line in source]
    now, before = rates[-1], rates[-2] if len(rates) > 1 else None
    headline = Headline(
        name, now, "share", str(source[-1]["period"]), share_difference(now, before),
        tuple(r.value for r in rates),
    )  # fmt: skip
    textbook = Textbook(
        now.value, now.numerator, now.denominator, "lost in the period ÷ customers at its start"
    )
    caveats = (*caveats, *small(now.denominator, "customers at the start"))
    also = _also(lines, settings)
    return Result(headline, textbook, tuple(tables), caveats, also)


def _also(lines: list[Row], settings: ChurnSettings) -> tuple[Headline, ...]:
    """The inferred rate beside the cancelled one."""
    if settings.cancel is None or not lines:
        return ()
    rates = [_churned(line) for line in lines]
    change = share_difference(rates[-1], rates[-2] if len(rates) > 1 else None)
    title = f"Lost after {settings.after} idle days"
    return (
        Headline(title, rates[-1], "share", str(lines[-1]["period"]), change,
                 tuple(r.value for r in rates)),
    )  # fmt: skip


def _churned(line: Row) -> Estimate:
    cell = line["lost"]
    return cell if isinstance(cell, Estimate) else Estimate(None)


_INFERRED = (
    Column("period", "Period", "date"),
    Column("at_start", "At start", "users"),
    Column("lost", "Churned", "share", ("lost", "at_start")),
    Column("retained", "Retention rate", "share"),
    Column("early", "Never activated", "users"),
    Column("slow", "Activated before", "users"),
    Column("returned", "Came back", "users"),
)
_CANCELLED = (*_INFERRED[:4],)


def _line(start: int, counts: dict[str, int] | None, split: bool, context: Context) -> Row:
    names = ("at_start", "lost", "early", "slow", "returned")
    c = {name: (counts or {}).get(name) or 0 for name in names}
    return {
        "period": context.label(start),
        "at_start": c["at_start"],
        "lost": share(c["lost"], c["at_start"]),
        "retained": share(c["at_start"] - c["lost"], c["at_start"]),
        "early": c["early"] if split else None,
        "slow": c["slow"] if split else None,
        "returned": c["returned"],
    }


def _cancel_line(start: int, counts: dict[str, int] | None, context: Context) -> Row:
    c = {name: (counts or {}).get(name) or 0 for name in ("at_start", "lost")}
    return {
        "period": context.label(start),
        "at_start": c["at_start"],
        "lost": share(c["lost"], c["at_start"]),
        "retained": share(c["at_start"] - c["lost"], c["at_start"]),
    }


METRIC = register(
    Metric(
        id="churn",
        title="Churn",
        section="engagement",
        order=7,
        settings=ChurnSettings,
        definition=__doc__,
        rows=rows,
        result=result,
        needs=("activation",),
        keys={"inferred": ("period",), "cancelled": ("period",)},
    )
)
