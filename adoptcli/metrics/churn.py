"""Churn: what share of the customers at the start of a period is lost in it.

Formula: lost in the period ÷ customers at its start; retention rate = 1 − churn.
Numerator: those of the denominator who are lost in the period. Denominator: actors that are
customers when the period begins.
Inferred from inactivity: at the start = actors active in the `after` days before the period;
lost = of those, whose last active day before at least `after` idle days lies between the
start − `after` and the end of the period and was not lost in an earlier period. A period can be
judged once its end + `after` ≤ as-of, and only if its start − `after` lies within the data. Those
at the start who had already been counted as lost, and have not come back by then, are shown.
Cancelled, by the event `cancel`: at the start = signed up (or, with `purchase`, bought) before it
and not cancelled since; lost = cancelled within the period.
Cancelled, by the accounts table (`cancelled_at`): at the start = known before it, the account not
cancelled before it; lost = the account cancelled within the period. Users count with their latest
account. Three tables, never blended; the headline is the event's, else the accounts table's, else
the inferred.
By MRR: Σ MRR of those lost ÷ Σ MRR of those at the start (gross, expansion and contraction apart),
with the MRR that the accounts table has today. With `--unit account` alone, as a user has no MRR of
its own.
Early: lost without ever having been activated; slow: activated, then faded. Those whose sign-up is
unknown, or from whom no activation is asked, are neither.
Window: complete calendar periods of the days shown; idle days are whole local days.
Left out: actors that come and go within one period are in neither count; by the event, with
`purchase`, those that cancel what they have not bought within the data, who are counted; by the
accounts table, actors of no account in it, and by MRR, accounts whose MRR is unknown, counted too.
Textbook: customers lost in the period ÷ customers at its start.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import polars as pl
from pydantic import Field

from adoptcli.context import Context
from adoptcli.definitions import Days, EventRefs
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._customers import (
    CENTS,
    by_event,
    by_table,
    has_ends,
    lost_in,
    mrr_churn,
    never_bought,
    unlisted,
    weighed,
    weighs,
)
from adoptcli.metrics._shared import (
    activated,
    cells,
    filled,
    has_activation,
    share,
    share_difference,
    small,
    totals,
    unseen,
)
from adoptcli.results import Caveat, Cell, Column, Estimate, Headline, Result, Row, Table, Textbook
from adoptcli.timeline import Timeline
from adoptcli.timeline.days import start_of


class ChurnSettings(Settings):
    """How long somebody is away before it is a loss, and the event of cancelling."""

    after: Days = Field(28, description="Idle days after which an actor is lost.")
    cancel: EventRefs | None = Field(None, description="Events that end a subscription.")


Span = tuple[int, int]


def rows(timeline: Timeline, settings: ChurnSettings, context: Context) -> Rows:
    """`inferred` from inactivity; `cancelled` by event, `ended` by the accounts table if it can."""
    found = {"inferred": _inferred(timeline, settings, context)}
    spans = _shown(_complete(context), context)
    cancel = settings.cancel or []
    told = bool(context.vocabulary.codes(cancel))  # an event that never occurs tells of nobody
    if told:
        found["cancelled"] = lost_in(by_event(timeline, cancel, context), spans, context)
    if has_ends(context):
        found["ended"] = lost_in(by_table(timeline, context), spans, context)
    found = {name: weighed(table, timeline, context) for name, table in found.items()}
    if has_ends(context):
        found["left_out"] = unlisted(timeline, context)
    if told and context.definitions.purchase is not None:
        found["never_bought"] = never_bought(timeline, cancel, context)
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
    assigned = _assigned(days, there, spans, after)
    losses = assigned.group_by("actor", "period").agg(pl.col("day").max())
    parts = [
        _already(there, assigned),
        _kinds(losses, timeline, context),
        _returned(days, spans, after),
    ]
    shown = [a for a, _ in _shown(_judged(settings, context), context)]
    return pl.concat([p.lazy() for p in parts], how="diagonal").filter(
        pl.col("period").is_in(shown)
    )


_NOBODY = pl.DataFrame(
    schema={
        "actor": pl.UInt32, "period": pl.Int32, "at_start": pl.Int64, "lost": pl.Int64,
        "early": pl.Int64, "slow": pl.Int64, "returned": pl.Int64, "already": pl.Int64,
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
    """actor, day and period for each start that an active day reaches: day < start ≤ day + after.

    Only until the next active day, which reaches the later starts itself, so each pair comes once.
    """
    parts = []
    for start, _ in spans:
        day, following = pl.col("day"), pl.col("following")
        reaches = (day < start) & (day >= start - after) & (following >= start).fill_null(True)
        parts.append(
            days.filter(reaches).select("actor", "day", period=pl.lit(start, dtype=pl.Int32))
        )
    return pl.concat(parts)


def _already(there: pl.DataFrame, assigned: pl.DataFrame) -> pl.DataFrame:
    """Those at the start, and whether their last day before it was a loss of an earlier period."""
    before = assigned.select("actor", "day", before="period")
    found = there.join(before, on=["actor", "day"], how="left", maintain_order="left")
    already = (pl.col("before") < pl.col("period")).fill_null(False).cast(pl.Int64)
    return found.select("actor", "period", at_start=pl.lit(1), already=already)


def _assigned(
    days: pl.DataFrame, there: pl.DataFrame, spans: list[Span], after: int
) -> pl.DataFrame:
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
    return pl.concat([own, joined, early])


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
    if not has_activation(context):
        return losses.select("actor", "period", lost=pl.lit(1), early=pl.lit(0), slow=pl.lit(0))
    people = activated(timeline, context).select("actor", "activated_at", asked=pl.lit(True))
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
            early=(~slow & (pl.col("known") & pl.col("asked")).fill_null(False)).cast(pl.Int32),
            slow=slow.cast(pl.Int32),
        )
    )


def result(tallies: Tallies, settings: ChurnSettings, context: Context) -> Result:
    """The three tables, each where it can be judged; the headline is the first that there is."""
    judged, complete = _judged(settings, context), _complete(context)
    sources = [
        _source("cancelled", "Churn, cancelled", complete, tallies, context),
        _source("ended", _ENDED[context.unit], complete, tallies, context),
        _source("inferred", f"Churn, {settings.after} idle days", judged, tallies, context),
    ]
    there = [source for source in sources if source]
    tables = tuple(_table(source, settings, context) for source in there)
    caveats = (*unseen(settings.cancel or [], context), *_caveats(tallies, there, context))
    first = there[0]
    if not first.lines:
        return Result(
            None, None, tables, caveats, status="not_evaluable",
            reason=f"no {context.period} can be judged yet: it takes {settings.after} days of data"
            " before it and after it",
        )  # fmt: skip
    headline = _headline(first, "lost")
    now = headline.estimate
    textbook = Textbook(
        now.value, now.numerator, now.denominator, "lost in the period ÷ customers at its start"
    )
    caveats = (*caveats, *small(now.denominator, "customers at the start"))
    also = [_headline(source, "lost") for source in there[1:] if source.lines]
    if weighs(context):
        also.insert(0, _headline(first, "mrr", "of the MRR, as it is today"))
    return Result(headline, textbook, tables, caveats, tuple(also))


_ENDED = {"user": "Churn, users of cancelled accounts", "account": "Churn, by the accounts table"}


@dataclass(frozen=True)
class _Source:
    """One way to see who is lost: a line for each period that it can judge."""

    name: str
    title: str
    lines: list[dict[str, Cell]]
    counts: list[dict[str, int]]


def _source(
    name: str, title: str, spans: list[Span], tallies: Tallies, context: Context
) -> _Source | None:
    if name not in tallies:
        return None
    found = cells(tallies[name], ["period"])
    starts = [start for start, _ in _shown(spans, context)]
    counts = [{"at_start": 0, "mrr_unknown": 0, **(found.get(start) or {})} for start in starts]
    lines = [_line(start, c, context) for start, c in zip(starts, counts, strict=True)]
    return _Source(name, title, lines, counts)


def _line(start: int, c: dict[str, int], context: Context) -> dict[str, Cell]:
    split = has_activation(context)
    line = {"period": context.label(start), **filled(_COLUMNS, c), **filled(_KINDS, c)}
    line["retained"] = share(c["at_start"] - c.get("lost", 0), c["at_start"])
    if not split:
        line |= {"early": None, "slow": None}
    if weighs(context):
        line |= {"mrr_at_start": c.get("mrr_at_start", 0) / CENTS, "mrr": mrr_churn(c)}
    return line


def _headline(source: _Source, column: str, title: str | None = None) -> Headline:
    rates = [cell for line in source.lines if isinstance(cell := line[column], Estimate)]
    change = share_difference(rates[-1], rates[-2]) if len(rates) > 1 and not title else None
    period, trend = str(source.lines[-1]["period"]), tuple(rate.value for rate in rates)
    return Headline(title or source.title, rates[-1], "share", period, change, trend)


_PERIOD = Column("period", "Period", "date")
_COLUMNS = (
    Column("at_start", "At start", "users"),
    Column("lost", "Churned", "share", ("lost", "at_start")),
    Column("retained", "Retention rate", "share"),
)
_KINDS = (
    Column("early", "Never activated", "users"),
    Column("slow", "Activated before", "users"),
    Column("returned", "Came back", "users"),
    Column("already", "Lost before already", "users"),
)
_MONEY = (Column("mrr_at_start", "MRR at start"), Column("mrr", "MRR lost", "share"))


def _table(source: _Source, settings: ChurnSettings, context: Context) -> Table:
    titles = {
        "cancelled": "Cancelled, by event",
        "ended": "Cancelled, by the accounts table"
        if context.unit == "account"
        else "Users whose account cancelled, by the accounts table",
        "inferred": f"Lost after {settings.after} idle days",
    }
    columns = (
        _PERIOD, *_COLUMNS, *(_KINDS if source.name == "inferred" else ()),
        *(_MONEY if weighs(context) else ()),
    )  # fmt: skip
    title = titles[source.name] + (", MRR as it is today" if weighs(context) else "")
    names = [column.name for column in columns]
    lines: tuple[Row, ...] = tuple({n: line[n] for n in names} for line in source.lines)
    return Table(source.name, title, columns, lines)


def _caveats(tallies: Tallies, there: list[_Source], context: Context) -> list[Caveat]:
    told = []
    if "never_bought" in tallies and (old := totals(tallies["never_bought"]).get("never_bought")):
        text = "actors that cancelled without a purchase in the data, left out of those by event"
        told.append(Caveat("cancelled-not-bought", text, old))
    if "left_out" in tallies and (out := totals(tallies["left_out"]).get("no_account")):
        text = "actors of no account in the accounts table, left out of those by its cancellations"
        told.append(Caveat("no-account", text, out))
    unknown = there[0].counts[-1]["mrr_unknown"] if there[0].counts else 0
    if weighs(context) and unknown:
        text = "accounts whose MRR is unknown, left out of the MRR lost"
        told.append(Caveat("mrr-unknown", text, unknown))
    return told


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
        keys={
            "inferred": ("period",),
            "cancelled": ("period",),
            "ended": ("period",),
            "left_out": (),
            "never_bought": (),
        },
        plain=frozenset({"left_out", "never_bought"}),
        uses=("activation",),
    )
)
