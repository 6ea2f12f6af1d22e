"""Account health: what each account does with the product, those to look at first.

Formula: accounts with a reason to look at them ÷ accounts with members.
Numerator: accounts of which nobody was active in the window (`idle`), whose activity fell by
`dropping` or more against the window before (`dropping`), or whose active members are fewer than
`seats_below` of the seats (`seats`).
Denominator: accounts of which somebody was there by the window's end, without those that have
cancelled.
Activity: points, where `engagement_score` is configured, else active days of the members.
Window: trailing `window` days, back from the end of the days shown, and the one before it.
Cancelled: by the accounts table, or by `churn.cancel` of a member, unless a later `purchase`.
Features adopted: those that some member used on at least `feature_adoption.adopted.min_days` days
of the window. Activated: members that had met the activation criteria by then.
Order: idle or dropping first, then few seats, then the others; within, by the revenue at stake
(`mrr` × the fall), the activity lost, the revenue; the cancelled last.
Left out: users without an account. A user of several accounts counts in its latest.
Textbook: accounts with an active member ÷ accounts.
"""

from __future__ import annotations

import polars as pl
from pydantic import Field

from adoptcli.context import Context
from adoptcli.definitions import Days
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._customers import ended, last_words
from adoptcli.metrics._features import counted_days
from adoptcli.metrics._score import SCALE, daily_points
from adoptcli.metrics._shared import (
    activated,
    cells,
    has_activation,
    not_full,
    share,
    since,
    small,
    window_of,
)
from adoptcli.results import Caveat, Column, Estimate, Headline, Result, Row, Table, Textbook
from adoptcli.timeline import Timeline

WINDOWS = 2


class AccountHealthSettings(Settings):
    """The window, and what makes an account one to look at."""

    window: Days = Field(28, description="Days of the trailing window.")
    dropping: float = Field(
        0.33, gt=0, le=1, description="Share by which activity must fall to be a reason."
    )
    seats_below: float = Field(
        0.3, ge=0, le=1, description="Share of seats in use below which it is a reason."
    )


def rows(timeline: Timeline, settings: AccountHealthSettings, context: Context) -> Rows:
    """Each member by account: `members`, `windows`, `features`, and `endings`, the last of each."""
    there = pl.col("account").is_not_null() & (since() < context.end_day)
    home = timeline.actors.lazy().filter(there)
    home = home.select("actor", item=pl.col("account").cast(pl.Int64))
    return {
        "members": _members(timeline, home, context),
        "windows": _activity(timeline, settings, context).join(home, on="actor"),
        "features": _features(timeline, settings, context).join(home, on="actor"),
        "endings": last_words(timeline, _end(context), context).join(home, on="actor"),
    }


def _end(context: Context) -> int:
    return context.calendar.midnight(context.end_day)


def _members(timeline: Timeline, home: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Everybody with an account, and whether it is activated where that is asked."""
    if not has_activation(context):
        return home.with_columns(members=pl.lit(1))
    arrived = (pl.col("activated_at") < _end(context)).fill_null(False).cast(pl.Int64)
    people = activated(timeline, context).lazy().select("actor", activated=arrived)
    found = home.join(people, on="actor", how="left")
    return found.with_columns(pl.col("activated").fill_null(0), members=pl.lit(1))


def _activity(
    timeline: Timeline, settings: AccountHealthSettings, context: Context
) -> pl.LazyFrame:
    """actor, period, active (1), days and points of each of the two windows."""
    period = window_of(pl.col("day"), context, settings.window, WINDOWS)
    dated = timeline.days.lazy().select("actor", period=period)
    parts = [
        dated.filter(pl.col("period").is_not_null())
        .group_by("actor", "period")
        .agg(active=pl.lit(1, dtype=pl.Int64), days=pl.len().cast(pl.Int64))
    ]
    if context.settings.get("engagement_score") is not None:
        points = daily_points(timeline, context).lazy().select("actor", "points", period=period)
        parts.append(points.filter(pl.col("period").is_not_null()))
    return pl.concat(parts, how="diagonal")


def _features(
    timeline: Timeline, settings: AccountHealthSettings, context: Context
) -> pl.LazyFrame:
    """actor and feature of those that it used on enough days of the last window."""
    day, first = pl.col("day"), context.end_day - settings.window
    least = context.settings["feature_adoption"].adopted.min_days
    return (
        counted_days(timeline, context)
        .lazy()
        .filter((day >= first) & (day < context.end_day))
        .group_by("actor", feature="item")
        .len()
        .filter(pl.col("len") >= least)
        .select("actor", "feature", adopters=pl.lit(1))
    )


def result(tallies: Tallies, settings: AccountHealthSettings, context: Context) -> Result:
    """One row an account, those to look at first."""
    members = cells(tallies["members"], ["item"])
    if not members:
        return Result(
            None, None, (), status="not_evaluable",
            reason="nobody belongs to an account: name its column in source.columns.account",
        )  # fmt: skip
    gone = ended(tallies["endings"], _end(context), context)
    found = _Found(tallies, context)
    lines = sorted(
        (_line(a, counts, found, gone, settings, context) for a, counts in members.items()),
        key=_rank,
    )
    kept = [line for line in lines if line["status"] != "cancelled"]
    reasons = [line for line in kept if line["look_at"]]
    active = sum(bool(line["active"]) for line in kept)
    now = share(len(reasons), len(kept))
    headline = Headline(
        f"Accounts to look at, {settings.window} days", now, "share",
        context.day_label(context.end_day - 1), note=_note(settings, context),
    )  # fmt: skip
    textbook = Textbook(
        active / len(kept) if kept else None, active, len(kept),
        "accounts with an active member ÷ accounts",
    )  # fmt: skip
    caveats = (*not_full(context, settings.window), *small(len(kept), "accounts"))
    if gone & set(members):
        text = "accounts that have cancelled, left out"
        caveats = (*caveats, Caveat("accounts-cancelled", text, len(gone & set(members))))
    table = Table("accounts", "By account, those to look at first", _columns(context), tuple(lines))
    return Result(headline, textbook, (table,), caveats)


class _Found:
    """The sums by account."""

    def __init__(self, tallies: Tallies, context: Context) -> None:
        self.windows = cells(tallies["windows"], ["item", "period"])
        self.features = dict(tallies["features"].group_by("item").len().iter_rows())
        self.scored = context.settings.get("engagement_score") is not None
        self.activates = has_activation(context)


def _line(
    account: int, counts: dict[str, int], found: _Found, gone: set[int],
    settings: AccountHealthSettings, context: Context,
) -> Row:  # fmt: skip
    last = context.end_day - 1
    now, before = (
        found.windows.get((account, day)) or {} for day in (last, last - settings.window)
    )
    unit, scale = ("points", SCALE) if found.scored else ("days", 1)
    value, old = ((sums.get(unit) or 0) / scale for sums in (now, before))
    active, seats = now.get("active") or 0, context.seats.get(account)
    used = Estimate(active / seats if seats else None, active, seats)
    change = value / old - 1 if old else None
    status = "cancelled" if account in gone else "active" if active else "idle"
    reasons = [] if status == "cancelled" else _reasons(active, change, used, settings)
    return {
        "item": context.accounts[account],
        "status": status,
        "look_at": "; ".join(reasons) or None,
        "mrr": context.mrr.get(account),
        "members": counts["members"],
        "active": active,
        "seats": used if seats else None,
        "activity": value,
        "before": old,
        "change": change,
        "activated": share(counts["activated"], counts["members"]) if found.activates else None,
        "features": found.features.get(account, 0) if context.definitions.features else None,
    }


def _reasons(
    active: int, change: float | None, used: Estimate, settings: AccountHealthSettings
) -> list[str]:
    found = [] if active else ["idle"]
    if change is not None and change <= -settings.dropping:
        found.append("dropping")
    if used.value is not None and used.value < settings.seats_below:
        found.append("seats")
    return found


def _rank(line: Row) -> tuple[bool, int, float, float, float, str]:
    """Where an account stands in the table."""
    reasons, mrr = str(line["look_at"] or ""), _number(line["mrr"])
    fall = max(-_number(line["change"]), 0.0)
    lost = _number(line["before"]) - _number(line["activity"])
    urgent = "dropping" in reasons or "idle" in reasons
    return (
        line["status"] == "cancelled", -bool(reasons) - urgent, -mrr * fall, -lost, -mrr,
        str(line["item"]),
    )  # fmt: skip


def _number(cell: object) -> float:
    return float(cell) if isinstance(cell, int | float) else 0.0


def _note(settings: AccountHealthSettings, context: Context) -> str:
    reasons = ["nobody active", f"activity down by {settings.dropping * 100:.0f} % or more"]
    if context.seats:
        reasons.append(f"under {settings.seats_below * 100:.0f} % of seats in use")
    return f"{', '.join(reasons[:-1])} or {reasons[-1]}"


def _columns(context: Context) -> tuple[Column, ...]:
    scored = context.settings.get("engagement_score") is not None
    what = "points" if scored else "active days"
    columns = (
        Column("item", "Account", "text"),
        Column("status", "Status", "text"),
        Column("look_at", "Look at", "text"),
        Column("mrr", "MRR"),
        Column("members", "Members", "users"),
        Column("active", "Active", "users"),
        Column("seats", "Seats in use", "share"),
        Column("activity", what.capitalize(), "points" if scored else "days"),
        Column("before", "Before", "points" if scored else "days"),
        Column("change", "Change", "share"),
        Column("activated", "Activated", "share", ("activated", "members")),
        Column("features", "Features adopted"),
    )
    known = {
        "mrr": bool(context.mrr), "seats": bool(context.seats),
        "activated": has_activation(context), "features": bool(context.definitions.features),
    }  # fmt: skip
    return tuple(column for column in columns if known.get(column.name, True))


METRIC = register(
    Metric(
        id="account_health",
        title="Account health",
        section="together",
        order=4,
        settings=AccountHealthSettings,
        definition=__doc__,
        rows=rows,
        result=result,
        features=True,
        whole_accounts=True,
        needs=("churn", "engagement_score", "feature_adoption"),
        uses=("activation",),
        names=lambda settings, context: {
            "item": context.accounts,
            "feature": [*context.definitions.features],
        },
        keys={
            "members": ("item",),
            "windows": ("item", "period"),
            "features": ("item", "feature"),
            "endings": ("item", "moment"),
        },
        plain=frozenset({"members", "windows", "features", "endings"}),
        users_only="an account is rolled up from its users: ask without --unit account",
    )
)
