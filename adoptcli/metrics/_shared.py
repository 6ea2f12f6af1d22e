"""Numbers with their intervals, and the small queries that several metrics write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from adoptcli import counts, stats
from adoptcli.context import Context
from adoptcli.counts import Count
from adoptcli.definitions import EventRef, named_traits
from adoptcli.metrics._personas import Part, by_part
from adoptcli.results import Caveat, Cell, Column, Estimate
from adoptcli.timeline import Timeline
from adoptcli.timeline.criteria import met
from adoptcli.timeline.days import start_of
from adoptcli.timeline.runs import runs

SMALL = 30
LONG_AGO = -(2**30)  # a day before all others
GROUP = "group"  # of accounts; a key that the engine adds to tallies


def share(numerator: int, denominator: int) -> Estimate:
    """A share of actors with its interval; null where there is nobody.

    Wilson's for independent actors; by the jackknife over groups of accounts where users sit in
    accounts.
    """
    if not denominator:
        return Estimate(None, numerator, denominator)
    numerator = numerator or counts.none_of(denominator)
    if isinstance(numerator, Count) and isinstance(denominator, Count):
        interval = counts.share_interval(numerator, denominator)
    else:
        interval = stats.wilson(numerator, denominator)
    assert interval is not None
    return Estimate(numerator / denominator, numerator, denominator, *interval)


def ratio(numerator: float, denominator: float) -> Estimate:
    """A quotient of two counts that are not a share of actors: no interval."""
    value = numerator / denominator if denominator else None
    return Estimate(value, numerator, denominator)


def rate(numerator: int, denominator: int) -> Estimate:
    """A quotient of two counts of different actors, with its interval; null without the second.

    As of two independent counts of events; where users sit in accounts at least as wide as by the
    jackknife.
    """
    found = stats.rate_ratio(numerator, denominator)
    if found is None:
        return Estimate(None, numerator, denominator)
    low, high = found.low, found.high
    if isinstance(numerator, Count) and isinstance(denominator, Count) and high is not None:
        wider = counts.rate_interval(numerator, denominator)
        if wider is not None:
            low, high = min(low, wider.low), max(high, wider.high)
    return Estimate(found.value, numerator, denominator, low, high)


def mean(n: int, total: float, squares: float, scale: float = 1, *, floor: float = 0.0) -> Estimate:
    """A mean over actors with its interval, divided by `scale`; no value is below `floor`.

    From the sums of x and x² for independent actors; by the jackknife where users sit in accounts.
    """
    if not n:
        return Estimate(None, total / scale, n)
    low, high = _limits(n, total, squares)
    return Estimate(
        total / n / scale, total / scale, n,
        None if low is None else max(low, floor) / scale, None if high is None else high / scale,
    )  # fmt: skip


def _limits(n: int, total: float, squares: float) -> tuple[float | None, float | None]:
    if isinstance(n, Count) and isinstance(total, Count):
        return counts.ratio_interval(total, n) or (None, None)
    found = stats.mean_interval(n, total, squares)
    return (None, None) if found is None else (found.low, found.high)


def difference(now: Estimate, before: Estimate | None) -> Estimate | None:
    """The change of a number that is no share of actors; with an interval where groups give one."""
    if before is None or now.value is None or before.value is None:
        return None
    found = _by_groups(now, before)
    low, high = found if found else (None, None)
    return Estimate(now.value - before.value, None, None, low, high)


def share_difference(now: Estimate, before: Estimate | None) -> Estimate | None:
    """The change of a share of actors, with its interval: Newcombe's, or by the jackknife."""
    if before is None or now.value is None or before.value is None:
        return None
    found = compared(now, before)
    low = None if found.low is None else max(found.low, -1.0)
    high = None if found.high is None else min(found.high, 1.0)
    return Estimate(found.value, None, None, low, high)


def compared(first: Estimate, second: Estimate) -> Estimate:
    """The difference of two numbers with its interval.

    By the jackknife where both know their groups of accounts; else from the two intervals by
    squaring and adding, which for Wilson's is Newcombe's (1998, method 10).
    """
    assert first.value is not None
    assert second.value is not None
    value = first.value - second.value
    interval = _by_groups(first, second)
    if interval is not None:
        return Estimate(value, None, None, interval.low, interval.high)
    if first.low is None or first.high is None or second.low is None or second.high is None:
        return Estimate(value)
    found = stats.square_and_add(
        (first.value, first.low, first.high), (second.value, second.low, second.high)
    )
    return Estimate(value, None, None, found.low, found.high)


def _by_groups(first: Estimate, second: Estimate) -> stats.Interval | None:
    one, two = _parts(first), _parts(second)
    if one is None or two is None:
        return None
    found = counts.difference_interval(one, two)
    scale = _scale(first, one) or _scale(second, two)
    if found is None or scale is None:
        return None
    return stats.Interval(found.low * scale, found.high * scale)


def _parts(found: Estimate) -> tuple[Count, Count] | None:
    """The counts that know their groups, if both do."""
    numerator, denominator = counts.whole(found.numerator), counts.whole(found.denominator)
    return None if numerator is None or denominator is None else (numerator, denominator)


def _scale(found: Estimate, parts: tuple[Count, Count]) -> float | None:
    """What a value is of the quotient of its counts: 1, or 100 for points; None where it is 0."""
    numerator, denominator = map(int, parts)
    if not (found.value and numerator and denominator):
        return None
    return found.value / (numerator / denominator)


def cells(tally: pl.DataFrame, keys: Sequence[str]) -> dict[Any, dict[str, int]]:
    """A tally's measures by key: a plain value for one key, a tuple for several.

    Where the tally is told apart by groups of accounts, each measure knows its part in each.
    """
    if GROUP in tally.columns:
        return _grouped_cells(tally, keys)
    measures, n = [name for name in tally.columns if name not in keys], len(keys)
    return {
        row[0] if n == 1 else row[:n]: dict(zip(measures, row[n:], strict=True))
        for row in tally.select(*keys, *measures).iter_rows()
    }


def _grouped_cells(tally: pl.DataFrame, keys: Sequence[str]) -> dict[Any, dict[str, int]]:
    measures = [c for c in tally.columns if c not in (*keys, GROUP)]
    tally = tally.with_columns(pl.col(measures).fill_null(0))
    by: list[Any] = list(keys) or [pl.lit(0).alias("all")]
    gathered = tally.group_by(by, maintain_order=True).agg(GROUP, *measures)
    found: dict[Any, dict[str, int]] = {}
    for row in gathered.iter_rows(named=True):
        groups = row[GROUP]
        key = tuple(row[k] for k in keys)
        found[key[0] if len(key) == 1 else key] = {
            m: Count.of(zip(groups, row[m], strict=True)) for m in measures
        }
    return found


def quantile(values: pl.Series, q: float) -> float | None:
    """A quantile of sorted whole numbers, linear between neighbours (type 7)."""
    if not values.len():
        return None
    place = (values.len() - 1) * q
    low = int(place)
    below, above = values[low], values[min(low + 1, values.len() - 1)]
    return float(below + (above - below) * (place - low))


def histogram_median(times: pl.DataFrame) -> Estimate:
    """The median in seconds of a histogram (duration in ms, actors), with how many it is of."""
    times, n = times.sort("duration"), int(times["actors"].sum())
    if not n:
        return Estimate(None, None, 0)
    upto = times["actors"].cum_sum()
    low, high = (times["duration"][upto.search_sorted(k + 1)] for k in ((n - 1) // 2, n // 2))
    return Estimate((low + high) / 2 / 1000, None, n)


def totals(tally: pl.DataFrame) -> dict[str, int]:
    """The sums of all integer columns of a tally."""
    measures = [c for c in tally.columns if c != GROUP and tally[c].dtype.is_integer()]
    if GROUP in tally.columns and tally.height:
        return _grouped_cells(tally.select(GROUP, *measures), [])[()]
    return {c: int(tally[c].sum()) for c in measures}


def filled(columns: Iterable[Column], counts: Mapping[str, int] | None) -> dict[str, Cell]:
    """The cells of columns from a tally's counts: shares of what they divide, else the count."""
    c = counts or {}
    return {
        column.name: share(c.get(column.of[0], 0), c.get(column.of[1], 0))
        if column.of
        else c.get(column.name, 0)
        for column in columns
    }


def small(denominator: float | None, what: str) -> tuple[Caveat, ...]:
    """A caveat where a headline stands on fewer than 30."""
    if denominator is None or denominator >= SMALL:
        return ()
    return (Caveat("small-denominator", f"fewer than {SMALL} {what}", int(denominator)),)


def unseen(refs: Iterable[EventRef], context: Context) -> tuple[Caveat, ...]:
    """A caveat for each event that the YAML names and the data never hold."""
    from difflib import get_close_matches

    found = []
    for ref in refs:
        if context.vocabulary.codes(ref):
            continue
        near = get_close_matches(ref.event, [*context.vocabulary.names], 1)
        hint = f"; did you mean {near[0]!r}?" if near and near[0] != ref.event else ""
        found.append(Caveat("event-not-seen", f"{ref} never occurs{hint}", 0))
    return tuple(dict.fromkeys(found))


def windows(context: Context, length: int, most: int) -> list[tuple[int, int]]:
    """Windows of so many days back from the end of what is shown, newest first.

    The newest is given even where the data do not hold it whole; the one before it, with which it
    is compared, where they do; those before that where they lie wholly among the days shown.
    """
    end, found = context.end_day, [(context.end_day - length, context.end_day)]
    first = context.first_day
    while len(found) < most and end - 2 * length >= first:
        end, first = end - length, context.shown_from
        found.append((end - length, end))
    return found


def window_of(day: pl.Expr, context: Context, length: int, count: int) -> pl.Expr:
    """The last day of the window that holds a day; null outside all of them."""
    back = (context.end_day - 1 - day) // length
    inside = (day < context.end_day) & (back < count)
    return pl.when(inside).then(context.end_day - 1 - back * length).cast(pl.Int32)


def by_window(days: pl.DataFrame, context: Context, length: int, count: int) -> pl.DataFrame:
    """actor, period (last day of the window) and days: how many of an actor's sorted days."""
    period = window_of(pl.col("day"), context, length, count)
    dated = days.select("actor", period=period).filter(pl.col("period").is_not_null())
    return runs(dated, ["actor", "period"]).rename({"length": "days"})


def working(day: pl.Expr) -> pl.Expr:
    """Whether a day is one from Monday to Friday."""
    return (day + 3) % 7 < 5  # day 0 was a Thursday


def working_days(first: int, end: int) -> int:
    """How many days from Monday to Friday lie in [first, end)."""
    return sum((day + 3) % 7 < 5 for day in range(first, end))


def not_full(context: Context, length: int) -> tuple[Caveat, ...]:
    """A caveat where the newest window begins before the data."""
    missing = context.first_day - (context.end_day - length)
    if missing <= 0:
        return ()
    return (
        Caveat("window-not-full", f"the data hold only {length - missing} of the {length} days"),
    )


def starters(timeline: Timeline, context: Context) -> pl.DataFrame:
    """Actors whose sign-up is known, lies within the data and among the days shown."""
    day = pl.col("signup_day")
    return timeline.actors.filter(
        newcomer(context) & (day >= context.shown_from) & (day < context.end_day)
    )


def newcomer(context: Context) -> pl.Expr:
    """Whether an actor's sign-up is known and lies within the data, whatever days are shown."""
    day, signup = pl.col("signup_day"), pl.col("signup")
    return pl.col("known") & (day >= context.first_day) & (signup < context.as_of)


def mature_cohorts(context: Context, within: int) -> list[int]:
    """The starts of the complete periods shown in which whoever signed up has had `within` ms."""
    return [
        start
        for start, end in context.periods()
        if context.calendar.midnight(end) + within <= context.as_of
    ]


def judged(found: pl.DataFrame, at: str, timeline: Timeline, context: Context) -> pl.LazyFrame:
    """The starters among actors with `signup` and `within`: are they mature, were they in time.

    Beside the columns of `found`: cohort (start of the period of sign-up), deadline, mature, and
    in_time (the instant `at` is not after the deadline).
    """
    people = starters(timeline, context).select("actor", "signup_day").lazy()
    deadline = pl.col("signup") + pl.col("within")
    starts = context.calendar.starts(context.shown_from, context.end_day, context.period)
    return people.join(found.lazy(), on="actor").with_columns(
        cohort=start_of(pl.col("signup_day"), starts),
        deadline=deadline,
        mature=deadline < context.as_of,
        in_time=(pl.col(at) <= deadline).fill_null(False),
    )


def since() -> pl.Expr:
    """The day from which an actor is there: its sign-up, or its first row if that is earlier.

    Whoever stands in a table without a sign-up and was never seen has always been there.
    """
    return pl.min_horizontal("signup_day", "first_day").fill_null(LONG_AGO)


def start_caveats(tally: Mapping[str, int]) -> tuple[Caveat, ...]:
    """What is said of actors that are no starters, from the sums of `start_rows`."""
    found = []
    if tally.get("unknown_start"):
        text = "actors without a known start, left out"
        found.append(Caveat("unknown-start", text, tally["unknown_start"]))
    if tally.get("before_data"):
        text = "actors who signed up before the first day of the data, left out"
        found.append(Caveat("signup-before-data", text, tally["before_data"]))
    if tally.get("no_persona"):
        text = "actors of no persona, from whom nothing is asked, left out"
        found.append(Caveat("no-persona", text, tally["no_persona"]))
    return tuple(found)


def start_rows(
    timeline: Timeline, context: Context, judged: pl.DataFrame | None = None
) -> pl.LazyFrame:
    """Actors that cannot be starters: their start is unknown, or lies before the data.

    Given those that are `judged`, also the starters that are not: they are of no persona.
    """
    if judged is not None:
        none = starters(timeline, context).join(judged, on="actor", how="anti")
        told = none.lazy().select("actor", no_persona=pl.lit(1, dtype=pl.Int64))
        return pl.concat([start_rows(timeline, context), told], how="diagonal")
    known = pl.col("known")
    return (
        timeline.actors.lazy()
        .select(
            "actor",
            unknown_start=(~known).cast(pl.Int64),
            before_data=(known & (pl.col("signup_day") < context.first_day)).cast(pl.Int64),
        )
        .filter((pl.col("unknown_start") > 0) | (pl.col("before_data") > 0))
    )


def has_activation(context: Context) -> bool:
    """Whether `activated` can be asked: there is the section, and actors have its traits."""
    settings = context.settings.get("activation")
    return settings is not None and set(named_traits(settings)) <= set(context.traits)


def activated(timeline: Timeline, context: Context) -> pl.DataFrame:
    """`criteria.met` of the activation criteria of each actor's persona, computed once a bucket.

    Beside its columns `part` (place among the section's parts) and `within` (ms). Needs the
    `activation` section; actors without a sign-up have no row, nor those from whom nothing is
    asked, being of no persona.
    """
    settings = context.settings["activation"]

    def find(part: Part, among: pl.DataFrame | None) -> pl.DataFrame:
        return met(
            timeline, part.criteria, part.rule, context, in_order=part.in_order,
            from_signup=settings.before_signup == "ignore", among=among,
        )  # fmt: skip

    return timeline.fact(
        "activation",
        lambda: by_part(timeline, context, settings, find),
    )
