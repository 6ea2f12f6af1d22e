"""The users and accounts tables: one row an id, texts beside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path

import polars as pl

from adoptcli import memory
from adoptcli.definitions import Accounts, Source, Users
from adoptcli.errors import DataProblem
from adoptcli.source import diagnose, oddities
from adoptcli.source.columns import USUAL, plain
from adoptcli.source.convert import readable
from adoptcli.source.events import text_of
from adoptcli.source.expand import Search, expand
from adoptcli.source.files import FAILURES
from adoptcli.source.scan import Scan, scans
from adoptcli.source.steady import steady
from adoptcli.source.timestamps import Zones, native_to_ms, text_to_ms
from adoptcli.timeframe import DAY_MS

SIGNED_UP = (
    "signed_up_at", "signup_date", "signup_at", "sign_up_date", "created_at", "registered_at",
    "registration_date", "created", "joined_at",
)  # fmt: skip
CELL = 80  # bytes that a cell needs at most while its table is read
STARTED = ("started_on", "started_at", "start_date")
CANCELLED = ("cancelled_at", "canceled_at", "cancelled_on", "churned_at", "churn_date")


def read_users(users: Users, base: Path | None, tmp: Path | None = None) -> pl.DataFrame:
    """The users table.

    Returns:
        user (unique), signed_up (ms or null), signed_up_date (day number or null, for values that
        are plain dates), account (or null), and every other column as t.<name>. Of several rows of
        one user the one with the earliest sign-up counts.
    """
    table = read_table(users.file, base, tmp)
    key = _column(table, users.id, (*USUAL["user"], "id"), "users.id", users.file)
    when = _optional(table, users.signed_up_at, SIGNED_UP, "users.signed_up_at", users.file)
    account = _optional(table, users.account, USUAL["account"], "users.account", users.file)
    zone = users.time_zone or "UTC"
    found = table.select(
        user=text_of(pl.col(key), table.schema[key]),
        signed_up=_instant(table, when, zone),
        signed_up_date=_date(table, when),
        account=text_of(pl.col(account), table.schema[account])
        if account
        else pl.lit(None, dtype=pl.String),
        **{f"t.{c}": text_of(pl.col(c), table.schema[c]) for c in table.columns if c != key},
    )
    _readable(table, when, found, users.file)
    return (
        found.filter(pl.col("user").is_not_null())
        .sort("user", "signed_up", "account", nulls_last=True)
        .unique("user", keep="first", maintain_order=True)
    )


def read_accounts(accounts: Accounts, base: Path | None, tmp: Path | None = None) -> pl.DataFrame:
    """The accounts table.

    Returns:
        account (unique), seats and mrr (numbers or null), signed_up and cancelled (ms or null),
        each with <name>_date (day number or null, for plain dates), t.<name> for the rest.
    """
    table = read_table(accounts.file, base, tmp)
    key = _column(table, accounts.id, (*USUAL["account"], "id"), "accounts.id", accounts.file)
    seats = _optional(table, accounts.seats, ("seats", "licences", "licenses"), "accounts.seats",
                      accounts.file)  # fmt: skip
    mrr = _optional(table, accounts.mrr, ("mrr",), "accounts.mrr", accounts.file)
    begin = _optional(
        table, accounts.signed_up_at, (*SIGNED_UP, *STARTED), "accounts.signed_up_at", accounts.file
    )
    end = _optional(table, accounts.cancelled_at, CANCELLED, "accounts.cancelled_at", accounts.file)
    zone = accounts.time_zone or "UTC"
    found = table.select(
        account=text_of(pl.col(key), table.schema[key]),
        seats=pl.col(seats).cast(pl.Float64, strict=False) if seats else pl.lit(None, pl.Float64),
        mrr=pl.col(mrr).cast(pl.Float64, strict=False) if mrr else pl.lit(None, pl.Float64),
        signed_up=_instant(table, begin, zone),
        signed_up_date=_date(table, begin),
        cancelled=_instant(table, end, zone),
        cancelled_date=_date(table, end),
        **{f"t.{c}": text_of(pl.col(c), table.schema[c]) for c in table.columns if c != key},
    )
    return (
        found.filter(pl.col("account").is_not_null())
        .sort(pl.all(), nulls_last=True)
        .unique("account", keep="first", maintain_order=True)
    )


def read_table(
    path: str, base: Path | None, tmp: Path | None = None,
    choose: Callable[[Sequence[str]], Sequence[str]] = tuple,
) -> pl.DataFrame:  # fmt: skip
    """All rows of a file or folder: of its own columns those that are chosen."""
    files = readable(expand([path], Search(base, tmp=tmp)), tmp)
    with steady(files):
        frames = [_rows(scan, choose(scan.names)) for scan in scans(files, Source())]
    return pl.concat(frames, how="diagonal_relaxed")


def _rows(scan: Scan, columns: Sequence[str]) -> pl.DataFrame:
    memory.require(scan.about() * len(columns) * CELL, f"the table {scan.files[0].name}")
    try:
        table = scan.frame(columns).collect()
    except FAILURES as error:
        raise diagnose.broken([scan], error) from error
    told = oddities.whole(pl.col(pl.String))
    return table.with_columns(told) if scan.kind == "ndjson" else table


def _column(
    table: pl.DataFrame, stated: str | None, usual: tuple[str, ...], key: str, file: str
) -> str:
    name = _optional(table, stated, usual, key, file)
    if name is None:
        raise DataProblem(
            "columns-not-found",
            f"{file}: no column looks like the id; the columns are: {', '.join(table.columns)}",
            f"name it in the YAML: {key}",
        )
    return name


def _optional(
    table: pl.DataFrame, stated: str | None, usual: tuple[str, ...], key: str, file: str
) -> str | None:
    if stated is not None:
        if stated in table.columns:
            return stated
        near = get_close_matches(stated, table.columns, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise DataProblem(
            "no-such-column", f"{file}: there is no column {stated!r} ({key})",
            f"{hint}the columns are: {', '.join(table.columns)}",
        )  # fmt: skip
    by_name = {plain(name): name for name in reversed(table.columns)}
    return next((by_name[name] for name in usual if name in by_name), None)


def _instant(table: pl.DataFrame, column: str | None, zone: str) -> pl.Expr:
    if column is None:
        return pl.lit(None, dtype=pl.Int64)
    zones, dtype = Zones(zone, zone), table.schema[column]
    found = native_to_ms(pl.col(column), dtype, zones)
    return text_to_ms(pl.col(column).cast(pl.String), zones) if found is None else found


def _date(table: pl.DataFrame, column: str | None) -> pl.Expr:
    """The day number of a plain date; null for an instant."""
    if column is None:
        return pl.lit(None, dtype=pl.Int32)
    dtype = table.schema[column]
    if dtype == pl.Date:
        return pl.col(column).cast(pl.Int32)
    if dtype != pl.String:
        return pl.lit(None, dtype=pl.Int32)
    text = pl.col(column).str.strip_chars()
    plain_date = pl.when(text.str.contains(r"^\d{4}-\d{2}-\d{2}$")).then(text)
    ms = plain_date.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("ms")).dt.epoch("ms")
    return (ms // DAY_MS).cast(pl.Int32)


def _readable(table: pl.DataFrame, column: str | None, found: pl.DataFrame, file: str) -> None:
    """Stop where a column of sign-ups holds values of which none is a time."""
    if column is None or not table[column].drop_nulls().len():
        return
    if not found["signed_up"].drop_nulls().len():
        example = table[column].drop_nulls()[0]
        raise DataProblem(
            "unreadable-signups", f"{file}: {column} holds no time that can be read: {example!r}",
            "name the column of the sign-up time in the YAML: users.signed_up_at",
        )  # fmt: skip
