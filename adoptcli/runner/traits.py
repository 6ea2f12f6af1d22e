"""Where each trait stands, and its values as codes that sort like their texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import polars as pl

from adoptcli.context import Unit
from adoptcli.definitions import Definitions, Exclude, named_traits
from adoptcli.errors import UsageProblem
from adoptcli.metrics import Metric
from adoptcli.timeframe import Calendar
from adoptcli.timeline.beside import Tables
from adoptcli.timeline.dictionary import Dictionary
from adoptcli.timeline.patterns import matching
from adoptcli.timeline.segments import by_code

Frame = pl.DataFrame | None


def of_metric(
    metric: Metric, definitions: Definitions, settings: Mapping[str, object], unit: Unit
) -> set[str]:
    """The traits that a metric needs: of its section, of others that it needs, of the features."""
    parts = [settings.get(name) for name in (metric.id, *metric.needs)]
    features = definitions.features if metric.features else None
    of_users = unit == "user"
    return {n for part in [*parts, features] for n in named_traits(part, of_users=of_users)}


def useful(metric: Metric, settings: Mapping[str, object]) -> set[str]:
    """The traits of sections that a metric can do without."""
    return {name for part in metric.uses for name in named_traits(settings.get(part))}


def places(names: Sequence[str], users: Frame, accounts: Frame, unit: Unit) -> dict[str, str]:
    """The table each trait stands in; `events` where no table has such a column.

    An account has no trait of the users table: its users may differ.
    """
    found = {}
    for name in names:
        if unit == "user" and users is not None and f"t.{name}" in users.columns:
            found[name] = "users"
        elif accounts is not None and f"t.{name}" in accounts.columns:
            found[name] = "accounts"
        else:
            found[name] = "events"
    return found


def not_found(name: str, columns: Sequence[str], unit: Unit, place: str) -> UsageProblem:
    """No table and no event has such a property; `place` begins the message."""
    if unit == "account" and name in columns:
        return UsageProblem(
            "trait-of-users",
            f"{place}{name!r} is a column of the users table, and actors are accounts",
            "choose a column of the accounts table or a property of the events",
        )  # fmt: skip
    near = get_close_matches(name, columns, 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    known = ", ".join(sorted(set(columns))) or "none"
    return UsageProblem(
        "unknown-segment",
        f"{place}no column or event property is called {name!r}",
        f"{hint}there are: {known}",
    )


def coded(
    users: Frame, accounts: Frame, where: Mapping[str, str], dictionaries: Mapping[str, Dictionary],
    definitions: Definitions,
) -> Tables:  # fmt: skip
    """The tables with raw codes instead of texts."""
    return Tables(
        _users(users, where, dictionaries, definitions.calendar),
        _accounts(accounts, where, dictionaries, definitions.calendar),
        where,
        {segment.name: segment.at for segment in definitions.segments},
    )


def _users(
    users: Frame, where: Mapping[str, str], dictionaries: Mapping[str, Dictionary],
    calendar: Calendar,
) -> pl.DataFrame:  # fmt: skip
    names = [name for name, place in where.items() if place == "users"]
    empty = {
        "user": pl.UInt32, "table_signup": pl.Int64, "account": pl.UInt32, "home": pl.UInt32,
    }  # fmt: skip
    if users is None:
        return pl.DataFrame(schema=empty)
    home = dictionaries["account"].add(users["account"])
    return pl.DataFrame(
        {
            "user": dictionaries["user"].add(users["user"]),
            "table_signup": instants(users, "signed_up", calendar),
            "account": home,
            "home": home,
            **{f"trait.{n}": dictionaries[f"trait.{n}"].add(users[f"t.{n}"]) for n in names},
        }
    )


def instants(table: pl.DataFrame, name: str, calendar: Calendar) -> pl.Series:
    """Instants of a column; a plain date is a local date and begins at its midnight."""
    dates = table[f"{name}_date"].drop_nulls().unique().to_list()
    if not dates:
        return table[name]
    midnights = {day: calendar.midnight(day) for day in dates}
    local = pl.col(f"{name}_date").replace_strict(midnights, return_dtype=pl.Int64)
    return table.select(pl.coalesce(local, name)).to_series()


def _accounts(
    accounts: Frame, where: Mapping[str, str], dictionaries: Mapping[str, Dictionary],
    calendar: Calendar,
) -> pl.DataFrame:  # fmt: skip
    names = [name for name, place in where.items() if place == "accounts"]
    empty = {"account": pl.UInt32, "code": pl.UInt32, "table_signup": pl.Int64,
             "cancelled": pl.Int64, "seats": pl.Float64, "mrr": pl.Float64}  # fmt: skip
    if accounts is None:
        return pl.DataFrame(schema=empty)
    code = dictionaries["account"].add(accounts["account"])
    return pl.DataFrame(
        {
            "account": code,
            "code": code,
            "table_signup": instants(accounts, "signed_up", calendar),
            "cancelled": instants(accounts, "cancelled", calendar),
            "seats": accounts["seats"],
            "mrr": accounts["mrr"],
            **{f"trait.{n}": dictionaries[f"trait.{n}"].add(accounts[f"t.{n}"]) for n in names},
        }
    )


def ranks(
    dictionaries: Mapping[str, Dictionary], sizes: Mapping[str, int]
) -> tuple[dict[str, pl.Series], dict[str, tuple[str, ...]]]:
    """For account and each trait: place among the sorted texts by raw code, and those texts."""
    order, labels = {}, {}
    for name, size in sizes.items():
        texts = dictionaries[name].texts(size)
        table = texts.to_frame("text").with_row_index("code").drop_nulls("text").sort("text")
        codes: list[int | None] = [None] * size
        for rank, code in enumerate(table["code"]):
            codes[code] = rank
        order[name] = pl.Series(codes, dtype=pl.UInt32)
        labels[name] = tuple(table["text"])
    return order, labels


def ranked(tables: Tables, order: Mapping[str, pl.Series]) -> Tables:
    """The tables with places among the sorted texts instead of raw codes."""

    def replace(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(
            order[name].gather(frame[name]).alias(name) for name in order if name in frame.columns
        )

    return Tables(replace(tables.users), replace(tables.accounts), tables.places, tables.at)


def without(tables: Tables, exclude: Exclude, dictionaries: Mapping[str, Dictionary]) -> Tables:
    """The tables without the users and accounts that do not count."""
    users = tables.users
    for name, patterns in (("user", exclude.users), ("account", exclude.accounts)):
        users = _without(users, name, patterns, dictionaries)
    accounts = _without(tables.accounts, "account", exclude.accounts, dictionaries)
    return Tables(users, accounts, tables.places, tables.at)


def _without(
    table: pl.DataFrame, name: str, patterns: Sequence[str], dictionaries: Mapping[str, Dictionary]
) -> pl.DataFrame:
    if not patterns or not table.height:
        return table
    codes = table[name].unique().drop_nulls()
    out = codes.gather(matching(dictionaries[name].text(codes).to_list(), patterns))
    return table.filter(~pl.col(name).is_in(out.to_list()).fill_null(False))


def homes(users: Frame, dictionaries: Mapping[str, Dictionary]) -> pl.Series | None:
    """The account of each user in the users table, by user code; None without such a table."""
    if users is None or not users["account"].drop_nulls().len():
        return None
    code = dictionaries["user"].add(users["user"])
    return by_code(code, dictionaries["account"].add(users["account"]))
