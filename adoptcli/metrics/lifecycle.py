"""Lifecycle: who is new, who returned, who came back after a pause, and who went dormant.

Formula: quick ratio = (new + resurrected) ÷ dormant.
Numerator: actors active in the period for the first time (new), or active again after at least one
period without (resurrected). Denominator: actors active in the period before and not in this one.
Returning: active in this period and the one before. Always active = new + returning + resurrected,
and active before = returning + dormant.
Window: complete calendar periods of the days shown; the first of the data has none before it and is
not shown.
Left out: nobody. An actor that signed up before the data, or whose start is unknown, is never new;
where first seen it counts as resurrected, and those of unknown start are counted.
Where nothing says who signed up, new and resurrected are empty for periods that begin within the
`burn_in` of the data.
Textbook: growth, active ÷ active in the period before − 1.
"""

from __future__ import annotations

import polars as pl

from adoptcli.context import Context
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._shared import cells, difference, rate
from adoptcli.results import Caveat, Column, Estimate, Headline, Result, Row, Table, Textbook
from adoptcli.timeline import Timeline
from adoptcli.timeline.days import start_of
from adoptcli.timeline.runs import runs


class LifecycleSettings(Settings):
    """Nothing to set: the period is the report's."""


def rows(timeline: Timeline, settings: LifecycleSettings, context: Context) -> Rows:
    """Each actor in each period, in one of the four states."""
    shown, bounds = _shown(context), _bounds(context)
    if not shown:
        return {"periods": _NOBODY.lazy()}
    index = {start: i for i, start in enumerate(bounds)}
    dated = timeline.days.select("actor", period=start_of(pl.col("day"), bounds))
    active = runs(dated.filter(pl.col("period").is_not_null()), ["actor", "period"])
    order = pl.col("period").replace_strict(index, return_dtype=pl.Int32)
    active = active.select("actor", "period", order=order)
    actor, at = active["actor"], active["order"]
    first = actor.ne_missing(actor.shift(1))
    returning = ~first & (at - at.shift(1) == 1).fill_null(False)
    leaving = actor.ne_missing(actor.shift(-1)) | (at.shift(-1) - at != 1).fill_null(True)
    there = active.lazy().with_columns(first=first, returning=returning)
    starts = timeline.actors.lazy().select("actor", "known", newcomer=_newcomer(context))
    new = pl.col("first") & pl.col("newcomer")
    states = there.join(starts, on="actor", how="left").select(
        "actor",
        "period",
        active=pl.lit(1),
        new=new.cast(pl.Int64),
        returning=pl.col("returning").cast(pl.Int64),
        resurrected=(~new & ~pl.col("returning")).cast(pl.Int64),
        unknown=(pl.col("first") & ~pl.col("known")).cast(pl.Int64),
    )
    after = pl.Series([*bounds[1:], None], dtype=pl.Int32)
    gone = active.filter(leaving).select(
        "actor", period=after.gather(active.filter(leaving)["order"])
    )
    dormant = gone.lazy().with_columns(dormant=pl.lit(1))
    both = pl.concat([states, dormant], how="diagonal")
    return {"periods": both.filter(pl.col("period").is_in([s for s, _ in _before(context)]))}


_NOBODY = pl.DataFrame(
    schema={
        "actor": pl.UInt32, "period": pl.Int32, "active": pl.Int64, "new": pl.Int64,
        "returning": pl.Int64, "resurrected": pl.Int64, "unknown": pl.Int64, "dormant": pl.Int64,
    }
)  # fmt: skip


def _complete(context: Context) -> list[tuple[int, int]]:
    """Complete periods of the whole data, whatever is shown."""
    return context.calendar.complete(context.first_day, context.as_of_day, context.period)


def _bounds(context: Context) -> list[int]:
    """Starts of all periods the data touch, and the end of the last."""
    return context.calendar.starts(context.first_day, context.as_of_day, context.period)


def _shown(context: Context) -> list[tuple[int, int]]:
    """Complete periods with a complete one before, among the days shown."""
    first, end = context.since_day, context.end_day
    return [(a, b) for a, b in _complete(context)[1:] if first <= a and b <= end]


def _before(context: Context) -> list[tuple[int, int]]:
    """The periods shown and the one before the first of them, for growth."""
    shown = _shown(context)
    earlier = [p for p in _complete(context) if p[1] == shown[0][0]]
    return [*earlier, *shown]


def _newcomer(context: Context) -> pl.Expr:
    """Whether an actor's first activity in the data can be its first ever."""
    if not context.signup_known:
        return pl.col("known")
    return pl.col("known") & (pl.col("signup_day") >= context.first_day)


def result(tallies: Tallies, settings: LifecycleSettings, context: Context) -> Result:
    """The four states by period, the quick ratio, and growth."""
    shown = _shown(context)
    found = cells(tallies["periods"], ["period"])
    if not shown:
        return Result(
            None, None, (), status="not_evaluable",
            reason=f"it needs two complete {context.period}s of data",
        )  # fmt: skip
    lines = [_line(start, context, found) for start, _ in shown]
    last, before = lines[-1], lines[-2] if len(lines) > 1 else None
    now = _quick(last)
    headline = Headline(
        "Quick ratio",
        now,
        "ratio",
        str(last["period"]),
        difference(now, _quick(before)) if before else None,
        tuple(_quick(line).value for line in lines),
        "(new + resurrected) ÷ dormant",
    )
    growth = last["growth"]
    previous = _count(found, _previous(shown[-1][0], context), "active")
    textbook = Textbook(
        growth if isinstance(growth, float) else None, _count(found, shown[-1][0], "active"),
        previous, "active ÷ active in the period before − 1",
    )  # fmt: skip
    unknown = [line for line in lines if line["new"] is None]
    caveats: tuple[Caveat, ...] = ()
    if unknown:
        text = "periods too early to tell who is new, as no sign-ups are known"
        caveats = (Caveat("unknown-start", text, len(unknown)),)
    strangers = sum(_count(found, start, "unknown") for start, _ in shown)
    if strangers and context.signup_known:
        text = f"{context.unit}s without a known sign-up, counted as resurrected where first seen"
        caveats = (Caveat("unknown-start", text, strangers),)
    table = Table("periods", "By calendar period", _COLUMNS, tuple(lines))
    return Result(headline, textbook, (table,), caveats)


_COLUMNS = (
    Column("period", "Period", "date"),
    Column("active", "Active", "users"),
    Column("new", "New", "users"),
    Column("returning", "Returning", "users"),
    Column("resurrected", "Resurrected", "users"),
    Column("dormant", "Dormant", "users"),
    Column("quick_ratio", "Quick ratio", "ratio"),
    Column("growth", "Growth", "share"),
)


def _count(found: dict[int, dict[str, int]], start: int | None, name: str) -> int:
    return found[start].get(name, 0) if start in found else 0


def _previous(start: int, context: Context) -> int | None:
    return next((a for a, b in _complete(context) if b == start), None)


def _line(start: int, context: Context, found: dict[int, dict[str, int]]) -> Row:
    names = ("active", "new", "returning", "resurrected", "dormant")
    counts: dict[str, int] = {name: _count(found, start, name) for name in names}
    before = _count(found, _previous(start, context), "active")
    unclear = not context.signup_known and start < context.burn_in_end
    come = counts["new"] + counts["resurrected"]
    return {
        "period": context.label(start),
        **counts,
        **({"new": None, "resurrected": None} if unclear else {}),
        "quick_ratio": rate(come, counts["dormant"]),
        "growth": counts["active"] / before - 1 if before else None,
    }


def _quick(line: Row) -> Estimate:
    cell = line["quick_ratio"]
    return cell if isinstance(cell, Estimate) else Estimate(None)


METRIC = register(
    Metric(
        id="lifecycle",
        title="Lifecycle",
        section="engagement",
        order=6,
        settings=LifecycleSettings,
        definition=__doc__,
        rows=rows,
        result=result,
        keys={"periods": ("period",)},
    )
)
