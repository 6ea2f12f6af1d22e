"""Who is a customer from when to when, and what it pays: for churn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import polars as pl

from adoptcli import stats
from adoptcli.context import Context
from adoptcli.definitions import EventRef
from adoptcli.results import Estimate
from adoptcli.timeline import Timeline

CENTS = 100
MONEY = ("mrr_at_start", "mrr_lost", "mrr_unknown", "mrr_squares", "mrr_lost_squares")

_LOST = pl.DataFrame(
    schema={"actor": pl.UInt32, "period": pl.Int32, "at_start": pl.Int64, "lost": pl.Int64}
)


def by_event(timeline: Timeline, cancel: Sequence[EventRef], context: Context) -> pl.DataFrame:
    """actor, begin and end (or null) of each stretch from a purchase to a cancellation.

    Without `purchase` the stretch begins at the sign-up, or when first seen.
    """
    cancels = timeline.of(cancel).select("actor", "time")
    if context.definitions.purchase is None:
        begins = timeline.actors.select("actor", begin=pl.coalesce("signup", "first"))
        ends = cancels.join(begins, on="actor").filter(pl.col("time") >= pl.col("begin"))
        ends = ends.group_by("actor").agg(end=pl.col("time").min())
        return begins.filter(pl.col("begin").is_not_null()).join(ends, on="actor", how="left")
    bought = timeline.of(context.definitions.purchase).select("actor", "time", buy=pl.lit(True))
    both = pl.concat([bought, cancels.with_columns(buy=pl.lit(False))])
    both = both.sort("actor", "time", "buy", descending=[False, False, True])
    turn = both["actor"].ne_missing(both["actor"].shift(1)) | (both["buy"] != both["buy"].shift(1))
    both = both.filter(turn)
    same = pl.col("actor").shift(-1) == pl.col("actor")
    return (
        both.with_columns(end=pl.when(same).then(pl.col("time").shift(-1)))
        .filter("buy")
        .select("actor", "end", begin="time")
    )


def last_words(timeline: Timeline, before: int, context: Context) -> pl.LazyFrame:
    """actor, moment of its last cancellation or purchase before an instant, and which it was."""
    cancel, buy = context.settings["churn"].cancel or [], context.definitions.purchase or []
    cancelled = pl.col("event").is_in(context.vocabulary.codes(cancel)).cast(pl.Int64)
    moment = pl.col("time")
    # Purchases matter only where there are cancellations to take back.
    events = timeline.of([*cancel, *buy] if cancel else []).lazy().filter(moment < before)
    last = events.filter(moment == moment.max().over("actor"))
    return last.select("actor", moment=moment, cancelled=cancelled)


def ended(words: pl.DataFrame, before: int, context: Context) -> set[int]:
    """The accounts that have ended before an instant: by the table, or by their members' last word.

    A cancellation wins over a purchase at the same time.

    Args:
        words: Sums of `last_words` by item (the account) and moment.
        before: The instant.
        context: With the ends that the accounts table tells.
    """
    by_table = {account for account, at in context.account_ends.items() if at < before}
    last = pl.col("moment") == pl.col("moment").max().over("item")
    return by_table | set(words.filter(last & (pl.col("cancelled") > 0))["item"])


def never_bought(timeline: Timeline, cancel: Sequence[EventRef], context: Context) -> pl.LazyFrame:
    """The actors that cancel, on the days shown, what they have not bought within the data."""
    first, end = map(context.calendar.midnight, (context.shown_from, context.end_day))
    at = pl.col("time")
    bought = timeline.of(context.definitions.purchase or []).lazy()
    bought = bought.group_by("actor").agg(bought=at.min())
    cancels = timeline.of(cancel).lazy().filter((at >= first) & (at < end))
    found = cancels.group_by("actor").agg(at.min()).join(bought, on="actor", how="left")
    earlier = (pl.col("bought") <= at).fill_null(False)
    return found.filter(~earlier).select("actor", never_bought=pl.lit(1, dtype=pl.Int64))


def has_ends(context: Context) -> bool:
    """Whether the accounts table says when accounts are cancelled."""
    table = context.definitions.accounts
    return table is not None and (bool(context.account_ends) or table.cancelled_at is not None)


def by_table(timeline: Timeline, context: Context) -> pl.DataFrame:
    """actor, begin and end (or null) of the actors whose account is in the accounts table.

    An account of which no start is known has always been there.
    """
    begin = pl.coalesce("signup", "first")
    if context.unit == "account":
        begin = begin.fill_null(0)
    ends = pl.DataFrame(
        [[*context.account_ends], [*context.account_ends.values()]],
        schema={"account": pl.UInt32, "end": pl.Int64},
    )
    found = _listed(timeline, context).select("actor", "account", begin=begin)
    found = found.filter(pl.col("begin").is_not_null())
    return found.join(ends, on="account", how="left").drop("account")


def _listed(timeline: Timeline, context: Context) -> pl.DataFrame:
    return timeline.actors.filter(pl.col("account").is_in([*context.listed]))


def unlisted(timeline: Timeline, context: Context) -> pl.LazyFrame:
    """The actors that have no account, or none in the accounts table."""
    found = timeline.actors.join(_listed(timeline, context), on="actor", how="anti")
    return found.lazy().select("actor", no_account=pl.lit(1))


def lost_in(
    customers: pl.DataFrame, spans: Sequence[tuple[int, int]], context: Context
) -> pl.LazyFrame:
    """actor, period, at_start, lost: each customer at the start, and who leaves before the end."""
    parts = [_LOST.lazy()]
    for start, end in spans:
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


def weighs(context: Context) -> bool:
    """Whether actors have an MRR each: accounts do, users would count their account's again."""
    return context.unit == "account" and bool(context.mrr)


def weighed(rows: pl.LazyFrame, timeline: Timeline, context: Context) -> pl.LazyFrame:
    """Rows of at_start and lost with the MRR of each account, in cents; squares in hundredths."""
    if not weighs(context):
        return rows
    money = pl.LazyFrame(
        [[*context.mrr], [round(value * CENTS) for value in context.mrr.values()]],
        schema={"account": pl.UInt32, "cents": pl.Int64},
    )
    homes = timeline.actors.lazy().select("actor", "account").join(money, on="account", how="left")
    there, lost = (pl.col(name).fill_null(0) for name in ("at_start", "lost"))
    cents = pl.col("cents")
    squares = (cents.cast(pl.Float64) ** 2 / CENTS).round().cast(pl.Int64)
    return (
        rows.join(homes, on="actor", how="left")
        .with_columns(
            mrr_at_start=there * cents,
            mrr_lost=lost * cents,
            mrr_unknown=there * cents.is_null(),
            mrr_squares=there * squares,
            mrr_lost_squares=lost * squares,
        )
        .drop("account", "cents")
    )


def mrr_churn(counts: Mapping[str, int]) -> Estimate:
    """Lost MRR ÷ MRR at the start, with the interval of a ratio of sums over accounts.

    By linearization: V = n/(n − 1) · Σ (y − R·x)² / (Σ x)², y being x where the account is lost.

    Source:
        W. G. Cochran (1977), "Sampling Techniques", 3rd edition, section 6.4.
    """
    total, lost = (counts.get(name, 0) / CENTS for name in ("mrr_at_start", "mrr_lost"))
    if not total:
        return Estimate(None, lost, total)
    value, n = lost / total, counts["at_start"] - counts["mrr_unknown"]
    all_squares, gone = (counts[name] / CENTS for name in ("mrr_squares", "mrr_lost_squares"))
    squares = (1 - value) ** 2 * gone + value**2 * (all_squares - gone)
    if n < 2 or not squares:
        return Estimate(value, lost, total)
    half = stats.student_quantile(n - 1) * math.sqrt(n / (n - 1) * squares) / total
    return Estimate(value, lost, total, max(value - half, 0.0), min(value + half, 1.0))
