"""What is read beside the events: one value an actor, from its rows or from the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from adoptcli.context import Unit
from adoptcli.timeline.pack import Layout
from adoptcli.timeline.runs import places


@dataclass(frozen=True)
class Tables:
    """The users and accounts tables as codes.

    Attributes:
        users: user (code), table_signup (ms or null), account (place among the sorted ids, or
            null), home (its raw code) and, for each trait that stands in that table, trait.<name>
            (code or null).
        accounts: account (place among the sorted ids), code (its raw code), table_signup and
            cancelled (ms or null), seats and mrr (or null), and trait.<name> for the traits that
            stand in that table.
        places: Where each trait stands: `users`, `accounts` or `events`.
        at: Which value of an event trait counts: `first` or `latest`.
    """

    users: pl.DataFrame
    accounts: pl.DataFrame
    places: Mapping[str, str]
    at: Mapping[str, str] = field(default_factory=dict)


def one_value(rows: pl.LazyFrame, name: str, at: str = "latest") -> pl.DataFrame:
    """Each actor's first or latest value of a column of codes; of several then the smallest.

    Nearly every actor has one value only: whichever row is written last, all rows agree with it.
    """
    column = pl.col(name)
    held = rows.filter(column.is_not_null()).select("actor", name).collect()
    top = held["actor"].max()
    if not isinstance(top, int):
        return held.with_columns(several=pl.lit(False))
    values = pl.Series(name, [None], dtype=held[name].dtype).new_from_index(0, top + 1)
    values = values.scatter(held["actor"], held[name])
    other = values.gather(held["actor"]) != held[name]
    changing = held.filter(other).select("actor").unique()
    del held, other
    actors = pl.int_range(top + 1, dtype=pl.UInt32, eager=True).alias("actor")
    found = pl.DataFrame([actors, values]).filter(column.is_not_null())
    found = found.join(changing, on="actor", how="anti").with_columns(several=pl.lit(False))
    if not changing.height:
        return found
    when = pl.col("time").min() if at == "first" else pl.col("time").max()
    several = (
        rows.filter(column.is_not_null())
        .join(changing.lazy(), on="actor", how="semi")
        .group_by("actor")
        .agg(column.filter(pl.col("time") == when).min())
        .with_columns(several=pl.lit(True))
        .collect()
    )
    return pl.concat([found, several.select(found.columns)])


def beside(
    rows: pl.LazyFrame, columns: Sequence[str], tables: Tables, bucket: int,
    layout: Layout, order: pl.Series, unit: Unit,
) -> pl.DataFrame:  # fmt: skip
    """One row an actor of the bucket, in the events or in one of the tables.

    Args:
        rows: The bucket's rows: actor, time and the columns read beside.
        columns: The names of those columns.
        tables: The users and accounts tables.
        bucket: Which bucket it is.
        layout: How the actors are parted.
        order: Place of each account among the sorted ids, by raw code.
        unit: Whether actors are users or accounts.

    Returns:
        actor, tabled (it stands in a table), property_signup, table_signup, account,
        accounts_several, trait.<name>.
    """
    known = _of_bucket(tables.users.drop("home"), "user", bucket, layout)
    if unit == "account":
        known = _of_bucket(_accounts_known(tables, order), "code", bucket, layout)
    seen = _seen(rows)
    known = known.with_columns(tabled=pl.lit(True))
    ids = pl.concat([seen, known.select("actor")]).unique()
    table = ids.join(known.rename({"account": "account_known"}), on="actor", how="left")
    table = _signup(table, rows, columns).with_columns(pl.col("tabled").fill_null(False))
    if unit == "account":
        code = pl.col("actor") * layout.buckets + bucket
        table = table.drop("account_known").with_columns(
            account=pl.lit(order).gather(code), accounts_several=pl.lit(False)
        )
    else:
        table = _account(table, rows, columns)
    for name, place in sorted(tables.places.items()):
        column = f"trait.{name}"
        if place == "events":
            values = one_value(rows, column, tables.at.get(name, "latest")).drop("several")
            table = table.join(values, on="actor", how="left")
        elif place == "accounts":
            values = tables.accounts.select("account", column)
            table = table.join(values, on="account", how="left")
    return table


def _seen(rows: pl.LazyFrame) -> pl.DataFrame:
    """The actors that have rows; a mark for each code takes a seventh of `unique`."""
    codes = rows.select("actor").collect().to_series()
    top = codes.max()
    if not isinstance(top, int):
        return codes.to_frame()
    marks = pl.repeat(False, top + 1, dtype=pl.Boolean, eager=True).scatter(codes, True)
    return places(marks).alias("actor").to_frame()


def _of_bucket(known: pl.DataFrame, code: str, bucket: int, layout: Layout) -> pl.DataFrame:
    """The rows of a table whose actors are in the bucket."""
    return known.filter(pl.col(code) % layout.buckets == bucket).select(
        pl.exclude(code), actor=(pl.col(code) // layout.buckets).cast(pl.UInt32)
    )


def _accounts_known(tables: Tables, order: pl.Series) -> pl.DataFrame:
    """code, account and table_signup of the accounts of both tables: the earliest of a member's."""
    columns = ("code", "table_signup")
    homes = tables.users.filter(pl.col("home").is_not_null()).rename({"home": "code"})
    both = pl.concat([tables.accounts.select(columns), homes.select(columns)])
    found = both.group_by("code").agg(pl.col("table_signup").min())
    return found.with_columns(account=pl.lit(order).gather("code"))


def beyond(
    rows: pl.LazyFrame, found: pl.DataFrame, tables: Tables, order: pl.Series, as_of: int
) -> frozenset[int]:
    """The accounts that would be actors beside those that users have at last.

    Args:
        rows: The bucket's rows: actor and, where the log names it, account.
        found: What `beside` gives for users.
        tables: The users and accounts tables.
        order: Place of each account among the sorted ids, by raw code.
        as_of: An account that signs up later is none yet, unless some row is its own.
    """
    known = _accounts_known(tables, order)
    begun = (pl.col("table_signup") < as_of).fill_null(True)
    some = set(known.filter(begun)["account"].drop_nulls())
    several = found.filter("accounts_several").select("actor")
    if several.height:
        theirs = rows.join(several.lazy(), on="actor", how="semi").select("account").unique()
        some |= set(theirs.collect()["account"].drop_nulls())
    return frozenset(some)


def _signup(table: pl.DataFrame, rows: pl.LazyFrame, columns: Sequence[str]) -> pl.DataFrame:
    if "signup" not in columns:
        return table.with_columns(property_signup=pl.lit(None, dtype=pl.Int64))
    values = rows.group_by("actor").agg(property_signup=pl.col("signup").min()).collect()
    return table.join(values, on="actor", how="left")


def _account(table: pl.DataFrame, rows: pl.LazyFrame, columns: Sequence[str]) -> pl.DataFrame:
    if "account" not in columns:
        return table.rename({"account_known": "account"}).with_columns(
            accounts_several=pl.lit(False)
        )
    values = one_value(rows, "account").rename({"several": "accounts_several"})
    return (
        table.join(values, on="actor", how="left")
        .with_columns(
            account=pl.coalesce("account", "account_known"),
            accounts_several=pl.col("accounts_several").fill_null(False),
        )
        .drop("account_known")
    )
