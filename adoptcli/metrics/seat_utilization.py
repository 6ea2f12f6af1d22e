"""Seat utilization: how much of the seats that accounts have bought is used on a day.

Formula: Σ over the days of the users active on each ÷ (seats × days), over all accounts.
Numerator: user-days: an account's users active on a day (`daily: active`), or logging in
(`daily: login`), each once a day. Denominator: seats × days of the window; working days (Monday to
Friday) by default.
Window: trailing `window` days, back from the end of the days shown; of the oldest only those within
the data. Seats are as the accounts table has them today, for every window.
By account: the average day as above; the best day: its most users on one day ÷ seats; active in the
window: its users with one such day or more ÷ seats.
Left out: accounts whose seats are unknown or none; accounts cancelled before a window begins, by
the accounts table, or by their members' last `churn.cancel` that no `purchase` followed; and
accounts with seats of which no user is known; all are counted; and from each window those whose
first member came after it. A user of several accounts counts in the latest. Over 100 % is possible
and flagged.
Textbook: unique daily logins ÷ seats, over the same days; null without `login`.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl
from pydantic import Field

from adoptcli import counts
from adoptcli.context import Context
from adoptcli.counts import Count
from adoptcli.definitions import Days, Definitions
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._customers import ended, last_words
from adoptcli.metrics._shared import (
    cells,
    difference,
    not_full,
    ratio,
    since,
    window_of,
    windows,
    working,
    working_days,
)
from adoptcli.results import Caveat, Column, Estimate, Headline, Result, Row, Table, Textbook
from adoptcli.timeline import Timeline

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
    """`windows`: each user's days in each window; of the last `accounts`, and `days` one by one."""
    spans = windows(context, settings.window, MOST)
    logins = timeline.login_days()
    used = timeline.days if settings.daily == "active" else logins
    home = timeline.actors.lazy().filter(pl.col("account").is_not_null())
    home = home.select("actor", item="account", since=since())
    used_days = _counted(used, settings, context, len(spans))
    login_days = _counted(logins, settings, context, len(spans))
    parts = [_days(used_days, "used"), _days(login_days, "logins")]
    there = [
        home.filter(pl.col("since") < end).select(
            "actor", "item", period=pl.lit(end - 1, dtype=pl.Int32), there=pl.lit(1)
        )
        for _, end in spans
    ]
    home = home.filter(pl.col("since") < context.end_day).drop("since")
    by_window = pl.concat(parts, how="diagonal").join(home, on="actor")
    newest = pl.col("period") == context.end_day - 1
    users = by_window.filter(newest & (pl.col("used") > 0)).select("actor", "item", users=pl.lit(1))
    return {
        "windows": pl.concat([by_window, *there], how="diagonal"),
        "accounts": pl.concat([home.with_columns(members=pl.lit(1)), users], how="diagonal"),
        "days": used_days.filter(newest)
        .join(home, on="actor")
        .select("actor", "item", step=pl.col("day").cast(pl.Int64), users=pl.lit(1)),
        "endings": pl.concat(
            last_words(timeline, _begin(span, context), context).with_columns(
                period=pl.lit(span[1] - 1, dtype=pl.Int32)
            )
            for span in spans
        ).join(home, on="actor"),
    }


def _begin(span: tuple[int, int], context: Context) -> int:
    """The instant at which a window begins, within the data."""
    return context.calendar.midnight(max(span[0], context.first_day))


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
    return counted.group_by("actor", "period").agg(pl.len().cast(pl.Int64).alias(name))


def result(tallies: Tallies, settings: SeatUtilizationSettings, context: Context) -> Result:
    """The portfolio, its trend, and each account against the target."""
    if any(s.columns.user is not None and s.columns.user == s.columns.account
           for s in context.definitions.source):  # fmt: skip
        return _refused("the log knows accounts but no users: nobody can be seen to use a seat")
    if not context.seats:
        return _refused("the accounts table has no seats: name their column in accounts.seats")
    known, found = _known(tallies, context), cells(tallies["windows"], ["item", "period"])
    spans = list(reversed(windows(context, settings.window, MOST)))
    words = tallies["endings"]
    held = [_held(known, found, words, span, settings, context) for span in spans]
    if not held[-1].accounts:
        return _refused("no user belongs to an account whose seats are known")
    values = [_portfolio(found, window, "used", context) for window in held]
    now, before = values[-1], values[-2] if len(values) > 1 else None
    lines = _lines(tallies, found, held[-1], settings, context)
    headline = Headline(
        f"Seat utilization, {settings.window} days", now, "share",
        context.day_label(held[-1].period), difference(now, before),
        tuple(v.value for v in values),
        f"{_what(settings)} on {settings.days} days ÷ seats; {len(held[-1].accounts):,} accounts",
    )  # fmt: skip
    tables = (
        _portfolio_table(lines, now, settings),
        _trend_table(held, values, context),
        _account_table(lines),
    )
    caveats = (
        *not_full(context, settings.window), *_caveats(known, tallies, held[-1], lines, context),
    )  # fmt: skip
    return Result(headline, _textbook(found, held[-1], context), tables, caveats)


def _refused(reason: str) -> Result:
    return Result(None, None, (), status="not_evaluable", reason=reason)


def _what(settings: SeatUtilizationSettings) -> str:
    return "active users" if settings.daily == "active" else "users logging in"


Found = dict[tuple[int, int], dict[str, int]]
_NOTHING: dict[str, int] = {}


@dataclass(frozen=True)
class _Held:
    """A window: its last day, its days that count, the accounts that hold seats, groups of all."""

    period: int
    days: int
    accounts: list[int]
    groups: Mapping[int, int]


def _known(tallies: Tallies, context: Context) -> dict[int, int]:
    """The accounts of which a user is known and which have seats, each with its group."""
    present = set(tallies["accounts"]["item"].to_list())
    known = sorted(a for a in present if round(context.seats.get(a, 0)) > 0)
    return {a: context.account_groups[a] for a in known}


def _held(
    known: Mapping[int, int], found: Found, words: pl.DataFrame, span: tuple[int, int],
    settings: SeatUtilizationSettings, context: Context,
) -> _Held:  # fmt: skip
    """Accounts hold no seats before their first member came, and none once they are cancelled."""
    first, end = max(span[0], context.first_day), span[1]
    days = end - first if settings.days == "all" else working_days(first, end)
    gone = ended(words.filter(pl.col("period") == end - 1), _begin(span, context), context)
    there = {a for a in known if (found.get((a, end - 1)) or {}).get("there")}
    accounts = [a for a in known if a in there and a not in gone]
    return _Held(end - 1, days, accounts, known)


def _seats(account: int, context: Context) -> int:
    return round(context.seats[account])


def _portfolio(found: Found, window: _Held, name: str, context: Context) -> Estimate:
    """Σ user-days ÷ Σ seats × days, with the jackknife over groups of accounts."""
    group, period, days = window.groups, window.period, window.days
    used = Count.of(
        (group[a], (found.get((a, period)) or _NOTHING).get(name) or 0) for a in window.accounts
    )
    bought = Count.of((group[a], _seats(a, context) * days) for a in window.accounts)
    if not bought:
        return Estimate(None, used, bought)
    limits = counts.ratio_interval(used, bought)
    low, high = (max(limits.low, 0.0), limits.high) if limits else (None, None)
    return Estimate(used / bought, used, bought, low, high)


def _textbook(found: Found, window: _Held, context: Context) -> Textbook:
    value = _portfolio(found, window, "logins", context)
    known = context.definitions.login is not None
    return Textbook(
        value.value if known else None, value.numerator if known else None, value.denominator,
        "unique daily logins ÷ (seats × days)",
    )  # fmt: skip


def _lines(
    tallies: Tallies, found: Found, window: _Held, settings: SeatUtilizationSettings,
    context: Context,
) -> list[Row]:  # fmt: skip
    """Each account that holds seats, the least used first."""
    people = cells(tallies["accounts"], ["item"])
    peaks = dict(tallies["days"].group_by("item").agg(pl.col("users").max()).iter_rows())
    lines: list[Row] = []
    for account in window.accounts:
        seats = _seats(account, context)
        used = ratio(
            (found.get((account, window.period)) or {}).get("used") or 0, seats * window.days
        )
        lines.append(
            {
                "item": context.accounts[account],
                "seats": seats,
                "members": people[account]["members"],
                "used": used,
                "peak": ratio(peaks.get(account, 0), seats),
                "monthly": ratio(people[account]["users"], seats),
                "target": _against(used.value, settings.target),
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


def _trend_table(held: list[_Held], values: list[Estimate], context: Context) -> Table:
    lines: tuple[Row, ...] = tuple(
        {"period": context.day_label(window.period), "accounts": len(window.accounts), "used": used}
        for window, used in zip(held, values, strict=True)
    )
    columns = (
        Column("period", "Window to", "date"),
        Column("accounts", "Accounts"),
        Column("used", "All seats", "share"),
    )
    return Table("trend", "By window", columns, lines)


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


def _caveats(
    known: Mapping[int, int], tallies: Tallies, window: _Held, lines: list[Row], context: Context
) -> list[Caveat]:
    present = set(tallies["accounts"]["item"].to_list())
    with_seats = {a for a, seats in context.seats.items() if round(seats) > 0}
    told = [
        ("seats-unknown", "accounts whose seats are unknown, left out",
         len(present - set(context.seats))),
        ("no-seats", "accounts with no seats, left out",
         len(present & set(context.seats) - with_seats)),
        ("accounts-cancelled", "accounts cancelled before the window, left out",
         len(known) - len(window.accounts)),
        ("over-licensed", "accounts that use more than their seats",
         sum(line["target"] == "over 100 %" for line in lines)),
        ("accounts-without-users", "accounts with seats of which no user is known, left out",
         0 if context.segments else len(with_seats - present)),
    ]  # fmt: skip
    return [Caveat(*one) for one in told if one[2]]


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
        whole_accounts=True,
        names=lambda settings, context: {"item": context.accounts},
        needs=("churn",),
        keys={
            "windows": ("item", "period"),
            "accounts": ("item",),
            "days": ("item", "step"),
            "endings": ("item", "period", "moment"),
        },
        plain=frozenset({"windows", "accounts", "days", "endings"}),
        users_only="seats are used by users: ask without --unit account",
        missing=missing,
    )
)
