"""Seat utilization: how much of the seats that accounts have bought is used on a day.

Formula: Σ over the days of the users active on each ÷ (seats × days), over all accounts.
Numerator: user-days: an account's users active on a day (`daily: active`), or logging in
(`daily: login`), each once a day. Denominator: seats × days of the window; working days (Monday to
Friday) by default.
Window: trailing `window` days, back from the end of the days shown. Seats are as the accounts table
has them today, for every window.
Left out: accounts whose seats are unknown, and accounts with seats of which no user is known; both
are counted. A user of several accounts counts in the latest. Over 100 % is possible and flagged.
Textbook: unique daily logins ÷ seats, over the same days; null without `login`.
"""

from __future__ import annotations

import statistics
from typing import Literal

import polars as pl
from pydantic import Field

from adoptcli import counts
from adoptcli.context import Context
from adoptcli.counts import Count, group_of
from adoptcli.definitions import Days, Definitions
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._shared import (
    cells,
    difference,
    not_full,
    window_of,
    windows,
    working,
    working_days,
)
from adoptcli.results import Caveat, Column, Estimate, Headline, Result, Row, Table, Textbook
from adoptcli.timeline import Timeline, active_days

MOST = 6


class SeatUtilizationSettings(Settings):
    """Which days count, what being there means, and what is enough."""

    window: Days = Field(28, description="Days of the trailing window.")
    days: Literal["working", "all"] = Field(
        "working", description="Monday to Friday, or every day."
    )
    daily: Literal["active", "login"] = Field(
        "active", description="What uses a seat on a day: any activity, or a login."
    )
    target: float = Field(0.7, gt=0, le=1, description="Share below which an account is listed.")


def missing(settings: SeatUtilizationSettings, definitions: Definitions) -> str | None:
    """The key to add."""
    if definitions.accounts is None:
        return "add 'accounts: {file: FILE, seats: COLUMN}' to the YAML"
    if settings.daily == "login" and definitions.login is None:
        return "add 'login: EVENT' to the YAML"
    return None


def rows(timeline: Timeline, settings: SeatUtilizationSettings, context: Context) -> Rows:
    """`accounts`: each user's days in each window; `days`: each user on each day of the last."""
    spans = windows(context, settings.window, MOST)
    logins = active_days(timeline.of(context.definitions.login or []))
    used = timeline.days if settings.daily == "active" else logins
    home = timeline.actors.lazy().filter(pl.col("account").is_not_null())
    home = home.select("actor", "account")
    used_days = _counted(used, settings, context, len(spans))
    last = used_days.filter(pl.col("period") == context.end_day - 1)
    parts = [
        home.with_columns(period=pl.lit(context.end_day - 1, dtype=pl.Int32), members=pl.lit(1)),
        _days(used_days, "used").join(home, on="actor"),
        _days(_counted(logins, settings, context, len(spans)), "logins").join(home, on="actor"),
    ]
    return {
        "accounts": pl.concat(parts, how="diagonal_relaxed"),
        "days": last.join(home, on="actor").select(
            "actor", "account", step=pl.col("day").cast(pl.Int64), users=pl.lit(1)
        ),
    }


def _counted(
    days: pl.DataFrame, settings: SeatUtilizationSettings, context: Context, count: int
) -> pl.LazyFrame:
    """actor, day and period of the days that count."""
    period = window_of(pl.col("day"), context, settings.window, count)
    found = days.lazy().select("actor", "day", period=period)
    found = found.filter(pl.col("period").is_not_null())
    return found.filter(working(pl.col("day"))) if settings.days == "working" else found


def _days(counted: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """How many days each actor has in each window."""
    once = pl.lit(1, dtype=pl.Int64) if name == "used" else pl.lit(0, dtype=pl.Int64)
    return counted.group_by("actor", "period").agg(
        pl.len().cast(pl.Int64).alias(name), users=once.first()
    )


def result(tallies: Tallies, settings: SeatUtilizationSettings, context: Context) -> Result:
    """The portfolio, its trend, and each account against the target."""
    if any(s.columns.user is not None and s.columns.user == s.columns.account
           for s in context.definitions.source):  # fmt: skip
        return _refused("the log knows accounts but no users: nobody can be seen to use a seat")
    if not context.seats:
        return _refused("the accounts table has no seats: name their column in accounts.seats")
    found = cells(tallies["accounts"], ["account", "period"])
    spans = list(reversed(windows(context, settings.window, MOST)))
    accounts = sorted({account for account, _ in found} & set(context.seats))
    if not accounts:
        return _refused("no user belongs to an account whose seats are known")
    values = {
        end - 1: _portfolio(found, accounts, "used", end, settings, context) for _, end in spans
    }
    last = spans[-1][1]
    before = values[spans[-2][1] - 1] if len(spans) > 1 else None
    lines = _lines(found, tallies["days"], accounts, settings, context)
    headline = Headline(
        f"Seat utilization, {settings.window} days", values[last - 1], "share",
        context.day_label(last - 1), difference(values[last - 1], before),
        tuple(v.value for v in values.values()),
        f"{_what(settings)} on {settings.days} days ÷ seats; {len(accounts):,} accounts",
    )  # fmt: skip
    tables = (_portfolio_table(lines, values[last - 1], settings), _account_table(lines))
    caveats = (*not_full(context, settings.window), *_caveats(found, lines, context))
    return Result(headline, _textbook(found, accounts, settings, context), tables, caveats)


def _refused(reason: str) -> Result:
    return Result(None, None, (), status="not_evaluable", reason=reason)


def _what(settings: SeatUtilizationSettings) -> str:
    return "active users" if settings.daily == "active" else "users logging in"


Found = dict[tuple[int, int], dict[str, int]]


def _length(end: int, settings: SeatUtilizationSettings) -> int:
    first = end - settings.window
    return settings.window if settings.days == "all" else working_days(first, end)


def _portfolio(
    found: Found, accounts: list[int], name: str, end: int, settings: SeatUtilizationSettings,
    context: Context,
) -> Estimate:  # fmt: skip
    """Σ user-days ÷ Σ seats × days, with the jackknife over groups of accounts."""
    days = _length(end, settings)
    group = {a: group_of(context.accounts[a]) for a in accounts}
    used = Count.of((group[a], (found.get((a, end - 1)) or {}).get(name) or 0) for a in accounts)
    bought = Count.of((group[a], round(context.seats[a]) * days) for a in accounts)
    if not bought:
        return Estimate(None, used, bought)
    limits = counts.ratio_interval(used, bought)
    low, high = (max(limits.low, 0.0), limits.high) if limits else (None, None)
    return Estimate(used / bought, used, bought, low, high)


def _textbook(
    found: Found, accounts: list[int], settings: SeatUtilizationSettings, context: Context
) -> Textbook:
    value = _portfolio(found, accounts, "logins", context.end_day, settings, context)
    known = context.definitions.login is not None
    return Textbook(
        value.value if known else None, value.numerator if known else None, value.denominator,
        "unique daily logins ÷ (seats × days)",
    )  # fmt: skip


def _lines(
    found: Found, daily: pl.DataFrame, accounts: list[int], settings: SeatUtilizationSettings,
    context: Context,
) -> list[Row]:  # fmt: skip
    """Each account of known seats, the least used first."""
    last, days = context.end_day - 1, _length(context.end_day, settings)
    peaks = dict(daily.group_by("account").agg(pl.col("users").max()).iter_rows())
    lines: list[Row] = []
    for account in accounts:
        sums, seats = found.get((account, last)) or {}, round(context.seats[account])
        used, users = sums.get("used") or 0, sums.get("users") or 0
        value = used / (seats * days) if seats * days else None
        peak = peaks.get(account, 0)
        lines.append(
            {
                "item": context.accounts[account],
                "seats": seats,
                "members": sums.get("members") or 0,
                "used": Estimate(value, used, seats * days),
                "peak": Estimate(peak / seats if seats else None, peak, seats),
                "monthly": Estimate(users / seats if seats else None, users, seats),
                "target": _against(value, settings.target),
            }
        )
    return sorted(lines, key=lambda line: (_value(line["used"]), str(line["item"])))


def _value(cell: object) -> float:
    return cell.value or 0.0 if isinstance(cell, Estimate) else 0.0


def _against(value: float | None, target: float) -> str | None:
    if value is None:
        return None
    if value > 1:
        return "over 100 %"
    return "below" if value < target else "reached"


def _portfolio_table(
    lines: list[Row], portfolio: Estimate, settings: SeatUtilizationSettings
) -> Table:
    known = [_value(line["used"]) for line in lines if line["target"] is not None]
    below = sum(line["target"] == "below" for line in lines)
    row: Row = {
        "portfolio": portfolio,
        "median": statistics.median(known) if known else None,
        "below": Estimate(below / len(known) if known else None, below, len(known)),
        "over": sum(line["target"] == "over 100 %" for line in lines),
    }
    columns = (
        Column("portfolio", "All seats", "share"),
        Column("median", "Median account", "share"),
        Column("below", f"Accounts below {settings.target * 100:g} %", "share"),
        Column("over", "Accounts over 100 %"),
    )
    return Table("portfolio", "All accounts", columns, (row,))


def _account_table(lines: list[Row]) -> Table:
    columns = (
        Column("item", "Account", "text"),
        Column("seats", "Seats"),
        Column("members", "Members", "users"),
        Column("used", "Average day", "share"),
        Column("peak", "Best day", "share"),
        Column("monthly", "Active in the window", "share"),
        Column("target", "Target", "text"),
    )
    return Table("accounts", "By account, the least used first", columns, tuple(lines))


def _caveats(found: Found, lines: list[Row], context: Context) -> list[Caveat]:
    present = {account for account, _ in found}
    told = []
    unknown = len(present - set(context.seats))
    if unknown:
        told.append(Caveat("seats-unknown", "accounts whose seats are unknown, left out", unknown))
    over = sum(line["target"] == "over 100 %" for line in lines)
    if over:
        told.append(Caveat("over-licensed", "accounts that use more than their seats", over))
    if not context.segments and (empty := len(set(context.seats) - present)):
        text = "accounts with seats of which no user is known, left out"
        told.append(Caveat("accounts-without-users", text, empty))
    return told


METRIC = register(
    Metric(
        id="seat_utilization",
        title="Seat utilization",
        section="adoption",
        order=8,
        settings=SeatUtilizationSettings,
        definition=__doc__,
        rows=rows,
        result=result,
        names=lambda settings, context: {"account": context.accounts},
        keys={"accounts": ("account", "period"), "days": ("account", "step")},
        plain=frozenset({"accounts", "days"}),
        users_only="seats are used by users: ask without --unit account",
        missing=missing,
    )
)
