"""One row an actor: when it signed up, when it was seen, to what it belongs."""

from __future__ import annotations

import polars as pl

from adoptcli.context import Context
from adoptcli.timeline.days import local_day
from adoptcli.timeline.runs import starts_run


def actor_table(
    events: pl.DataFrame, beside: pl.DataFrame, signup_codes: list[int], context: Context
) -> pl.DataFrame:
    """The actors of one bucket, sorted by code.

    An actor's sign-up is its first sign-up event, else the property that says so, else what the
    users table says; an account's the earliest of all these. Without any source of sign-ups it is
    the first event.

    Args:
        events: The bucket's events, sorted by actor and time.
        beside: One row an actor, in events or in the users table: actor, property_signup and
            table_signup (instants or null), account and trait.<name> (codes or null).
        signup_codes: Codes of the sign-up event.
        context: The run's context.

    Returns:
        actor, first (instant, null for those never seen), signup (instant or null), signup_day and
        first_day (local), known (its start is known), tabled (it stands in the users or accounts
        table), account, accounts_several, trait.<name>.
    """
    table = (
        beside.lazy()
        .join(_seen(events).lazy(), on="actor", how="left")
        .join(_first_of(events, signup_codes).lazy(), on="actor", how="left")
    )
    sources = ("event_signup", "property_signup", "table_signup")
    # A later member's sign-up is none of the account.
    stated = pl.min_horizontal(sources) if context.unit == "account" else pl.coalesce(sources)
    signup = stated if context.signup_known else pl.col("first")
    known = (
        stated.is_not_null()
        if context.signup_known
        else pl.col("first") >= context.calendar.midnight(context.burn_in_end)
    )
    actors = (
        table.with_columns(signup=signup, known=known.fill_null(False))
        .drop("event_signup", "property_signup", "table_signup")
        .filter(pl.col("first").is_not_null() | (pl.col("signup") < context.as_of).fill_null(True))
        .sort("actor")
        .collect()
    )
    return actors.with_columns(
        signup_day=_day_of(actors["signup"], context), first_day=_day_of(actors["first"], context)
    )


def _day_of(instants: pl.Series, context: Context) -> pl.Series:
    low, high = instants.min(), instants.max()
    if not isinstance(low, int) or not isinstance(high, int):
        return pl.Series([None], dtype=pl.Int32).new_from_index(0, len(instants))
    day = local_day(pl.col("at"), context.calendar, low, high)
    return instants.to_frame("at").select(day).to_series()


def _seen(events: pl.DataFrame) -> pl.DataFrame:
    return events.select("actor", first="time").filter(starts_run(events, ["actor"]))


def _first_of(events: pl.DataFrame, codes: list[int]) -> pl.DataFrame:
    """The time of each actor's first row with one of the codes."""
    rows = events.filter(pl.col("event").is_in(codes)).select("actor", event_signup="time")
    return rows.filter(rows["actor"].ne_missing(rows["actor"].shift(1)))
