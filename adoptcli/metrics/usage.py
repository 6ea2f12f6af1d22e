"""Usage: how much actors do, period by period: logins, events of each feature, who is new.

Formula: events that make active, added up over a calendar period; logins, uses of each feature and
new actors likewise.
Numerator: events of `active_events` (default: any) in the period; for the means a period's events
or logins, for features their uses.
Denominator: for the means the actors with such an event in the period: active actors, actors that
logged in, users of the feature; accounts with an active actor.
Window: complete calendar periods among the days shown; the change is against the complete one
before, shown or not.
By account: the events of all whose latest account it is, those first whose events fell the most.
Left out: the unfinished period; uses of a feature before its launch or by actors who cannot have
it, and its periods that end before its launch. Among the new, actors whose start is unknown or lies
before the data, who are counted; where nothing says who signed up, a period that begins within the
first `burn_in` of the data has no number of new.
Textbook: number of logins in the last complete period; it needs the key `login`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

import polars as pl

from adoptcli.context import Context
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._features import counted_days
from adoptcli.metrics._shared import (
    cells,
    difference,
    mean,
    start_caveats,
    start_rows,
    starters,
    totals,
)
from adoptcli.results import Caveat, Column, Estimate, Headline, Result, Row, Table, Textbook
from adoptcli.timeframe import to_day
from adoptcli.timeline import Timeline, by_day
from adoptcli.timeline.days import start_of
from adoptcli.timeline.runs import runs

SUMS = ("events", "active", "squares", "logins", "logged_in", "login_squares", "new")
LOGIN = "add 'login: EVENT' to the YAML to count logins"
Counts = Mapping[str, int]


class UsageSettings(Settings):
    """Nothing to set: logins, features and active events are defined at the top level."""


def rows(timeline: Timeline, settings: UsageSettings, context: Context) -> Rows:
    """`periods` and `features` by period, `accounts` of the last two, `left_out`, `several`.

    The periods are those shown and the complete one before them, with which the first is compared.
    """
    active = _by_period(by_day(timeline.active_events), context)
    logins = _logins(timeline, context)
    features = _by_period(counted_days(timeline, context), context, "item")
    times, one = pl.col("times"), pl.lit(1, dtype=pl.Int64)
    new = _new(timeline, context)
    several = timeline.actors.lazy().filter("accounts_several")
    return {
        "periods": pl.concat(
            [
                _measures(active, events=times, active=one, squares=times**2),
                _measures(logins, logins=times, logged_in=one, login_squares=times**2),
                _measures(new, new=one),
            ]
        ),
        "features": features.lazy().select(
            "actor", "item", "period", uses=times, users=one, squares=times**2
        ),
        "accounts": _accounts(timeline, active, logins, context),
        "left_out": start_rows(timeline, context),
        "several": several.select("actor", several=one),
    }


def _measures(found: pl.DataFrame, **measures: pl.Expr) -> pl.LazyFrame:
    """The rows of one thing that is counted, with nothing of the others."""
    none = dict.fromkeys(SUMS, pl.lit(0, dtype=pl.Int64))
    return found.lazy().select("actor", "period", **(none | measures))


def _period(day: pl.Expr, context: Context) -> pl.Expr:
    """The start of the complete period that holds a day; null outside them."""
    found = context.and_before()
    if not found:
        return pl.lit(None, dtype=pl.Int32)
    return start_of(day, [*(start for start, _ in found), found[-1][1]])


def _by_period(days: pl.DataFrame, context: Context, *keys: str) -> pl.DataFrame:
    """Times by actor and complete period (and the keys before them), from times by day."""
    dated = days.lazy().select(*keys, "actor", "times", period=_period(pl.col("day"), context))
    inside = dated.filter(pl.col("period").is_not_null()).collect()
    return runs(inside, [*keys, "actor", "period"], sums=["times"])


def _logins(timeline: Timeline, context: Context) -> pl.DataFrame:
    return _by_period(timeline.login_days(), context)


def _new(timeline: Timeline, context: Context) -> pl.DataFrame:
    people = starters(timeline, context)
    dated = people.select("actor", period=_period(pl.col("signup_day"), context))
    return dated.filter(pl.col("period").is_not_null())


def _accounts(
    timeline: Timeline, active: pl.DataFrame, logins: pl.DataFrame, context: Context
) -> pl.LazyFrame:
    """What the members of each account did in the last complete period and in the one before."""
    last = [start for start, _ in context.and_before()[-2:]]
    none = pl.lit(0, dtype=pl.Int64)
    parts = [
        active.select("actor", "period", events="times", logins=none, active=none),
        logins.select("actor", "period", events=none, logins="times", active=none),
        _members(timeline, active, context).with_columns(events=none, logins=none),
    ]
    home = timeline.actors.select("actor", "account").filter(pl.col("account").is_not_null())
    found = [part.lazy().filter(pl.col("period").is_in(last)) for part in parts]
    return pl.concat(found, how="diagonal").join(home.lazy(), on="actor")


def _members(timeline: Timeline, active: pl.DataFrame, context: Context) -> pl.DataFrame:
    """How many users each actor is in each period: `active`; more than one for accounts."""
    if context.unit == "user":
        one = pl.lit(1, dtype=pl.Int64)
        return active.select("actor", "period", active=one)
    period = _period(pl.col("day"), context)
    return (
        timeline.active_events.select("actor", "member", period=period)
        .group_by("actor", "period")
        .agg(active=pl.col("member").n_unique().cast(pl.Int64))
    )


def result(tallies: Tallies, settings: UsageSettings, context: Context) -> Result:
    """The last complete period, and all of them."""
    starts = [start for start, _ in context.periods()]
    if not starts:
        reason = f"no complete {context.period} among the days shown"
        return Result(None, None, (), status="not_evaluable", reason=reason)
    found = cells(tallies["periods"], ["period"])
    sums = {start: found.get(start, Counter()) for start in starts}
    login, label = context.definitions.login is not None, context.label(starts[-1])
    logins = int(sums[starts[-1]]["logins"]) if login else None
    tables = [_period_table(found, context)]
    if context.definitions.features:
        tables.append(_feature_table(cells(tallies["features"], ["item", "period"]), context))
    if context.accounts:
        accounts = cells(tallies["accounts"], ["account", "period"])
        tables += [_rate_table(sums, accounts, context), _account_table(accounts, context)]
    events = [sums[start]["events"] for start in starts]
    came = [_came(sums[start], start, context) for start in starts]
    means = [
        _average(title, [_mean(c, *of) for c in sums.values()], label)
        for title, of in _MEANS.items()
        if login or of[0] == "events"
    ]
    return Result(
        _total("Active events", events, label, "events"),
        Textbook(logins, logins, None, f"logins in {label}", "events"),
        tuple(tables),
        _caveats(tallies, context, login=login),
        (*means, _total("New users", came, label, "users")),
    )


_MEANS = {
    "Events per active user": ("events", "active", "squares"),
    "Logins per user who logged in": ("logins", "logged_in", "login_squares"),
}


def _came(counts: Counts, start: int, context: Context) -> int | None:
    """The new of a period; none where it begins too early to tell who is new."""
    unclear = not context.signup_known and start < context.burn_in_end
    return None if unclear else int(counts["new"])


def _total(
    title: str, numbers: Sequence[int | None], label: str, unit: Literal["events", "users"]
) -> Headline:
    """A sum of the last period, against the one before."""
    plain = [Estimate(None if number is None else int(number)) for number in numbers]
    change = difference(plain[-1], plain[-2] if len(plain) > 1 else None)
    return Headline(title, plain[-1], unit, label, change, tuple(e.value for e in plain))


def _average(title: str, means: list[Estimate], label: str) -> Headline:
    change = difference(means[-1], means[-2] if len(means) > 1 else None)
    return Headline(title, means[-1], "number", label, change, tuple(e.value for e in means))


def _mean(counts: Counts, total: str, people: str, squares: str) -> Estimate:
    return mean(counts[people], counts[total], counts[squares])


def _relative(now: int, before: int | None) -> float | None:
    """A change as a share of what was before."""
    return int(now) / int(before) - 1 if before else None


def _caveats(tallies: Tallies, context: Context, *, login: bool) -> tuple[Caveat, ...]:
    found = [*start_caveats(totals(tallies["left_out"]))]
    if not login:
        found.append(Caveat("login-not-configured", LOGIN))
    if several := totals(tallies["several"]).get("several"):
        text = "users of several accounts, who count in their latest"
        found.append(Caveat("users-in-several-accounts", text, several))
    return tuple(found)


def _period_table(found: Mapping[int, Counts], context: Context) -> Table:
    """Each period shown, against the complete one before it."""
    lines: list[Row] = []
    before: Counts = Counter()
    for start, _ in context.and_before():
        c = found.get(start, Counter())
        if start >= context.shown_from:
            lines.append(_period_line(start, c, before, context))
        before = c
    columns = (
        Column("period", "Period", "date"),
        Column("logins", "Logins", "events"),
        Column("new", "New users", "users"),
        Column("active", "Active users", "users"),
        Column("events", "Active events", "events"),
        Column("per_active", "Per active user", "number", ("events", "active")),
        Column("change", "Change of events", "share"),
    )
    return Table("periods", "By period", columns, tuple(lines))


def _period_line(start: int, c: Counts, before: Counts, context: Context) -> Row:
    return {
        "period": context.label(start),
        "logins": int(c["logins"]) if context.definitions.login is not None else None,
        "new": _came(c, start, context),
        "active": int(c["active"]),
        "events": int(c["events"]),
        "per_active": _mean(c, *_MEANS["Events per active user"]),
        "change": _relative(c["events"], before["events"]),
    }


def _feature_table(found: Mapping[tuple[int, int], Counts], context: Context) -> Table:
    """Each feature's periods, against those before them; those before its launch are left out."""
    lines: list[Row] = []
    for i, (name, feature) in enumerate(context.definitions.features.items()):
        launch, before = feature.launched_at, None
        for start, end in context.and_before():
            if launch is not None and end <= to_day(launch):
                continue
            c = found.get((i, start), Counter())
            if start >= context.shown_from:
                lines.append(
                    {
                        "item": name,
                        "period": context.label(start),
                        "uses": int(c["uses"]),
                        "users": int(c["users"]),
                        "per_user": _mean(c, "uses", "users", "squares"),
                        "change": _relative(c["uses"], before),
                    }
                )
            before = int(c["uses"])
    columns = (
        Column("item", "Feature", "text"),
        Column("period", "Period", "date"),
        Column("uses", "Uses", "events"),
        Column("users", "Users", "users"),
        Column("per_user", "Per user", "number", ("uses", "users")),
        Column("change", "Change of uses", "share"),
    )
    return Table("features", "By feature and period", columns, tuple(lines))


def _rate_table(
    sums: Mapping[int, Counts], accounts: Mapping[tuple[int, int], Counts], context: Context
) -> Table:
    """What the last period comes to per active user, and per account with one."""
    whole: dict[str, Counts] = {"user": [*sums.values()][-1]}
    if context.unit == "user":
        last = [*sums][-1]
        whole["account"] = _of_accounts([c for (_, at), c in accounts.items() if at == last])
    lines: list[Row] = [
        {
            "item": context.unit if name == "user" else name,
            "active": int(c["active"]),
            "events": _mean(c, *_MEANS["Events per active user"]),
            "logins": _mean(c, *_MEANS["Logins per user who logged in"])
            if context.definitions.login
            else None,
        }
        for name, c in whole.items()
    ]
    columns = (
        Column("item", "Per", "text"),
        Column("active", "Active", "number"),
        Column("events", "Events per active one", "number"),
        Column("logins", "Logins per one that logged in", "number"),
    )
    label = context.label([*sums][-1])
    return Table("rates", f"Per user and account, {label}", columns, tuple(lines))


def _of_accounts(found: list[Counts]) -> Counts:
    """The sums that a mean over accounts needs, from those of each."""
    active = [c["events"] for c in found if c["active"]]
    logins = [c["logins"] for c in found if c["logins"]]
    return {
        "active": len(active), "events": sum(active), "squares": sum(n * n for n in active),
        "logged_in": len(logins), "logins": sum(logins),
        "login_squares": sum(n * n for n in logins),
    }  # fmt: skip


def _account_table(accounts: Mapping[tuple[int, int], Counts], context: Context) -> Table:
    """Those first that fell the most, by the number of events."""
    starts = [start for start, _ in context.and_before()]
    now, before = starts[-1], starts[-2] if len(starts) > 1 else None
    login, lines = context.definitions.login is not None, list[Row]()
    for account in sorted({account for account, _ in accounts}):
        c = accounts.get((account, now), Counter())
        earlier = None if before is None else accounts.get((account, before), Counter())["events"]
        lines.append(
            {
                "item": context.accounts[account],
                "events": c["events"],
                "before": earlier,
                "change": None if earlier is None else c["events"] - earlier,
                "relative": _relative(c["events"], earlier),
                "logins": c["logins"] if login else None,
                "active": c["active"],
            }
        )
    lines.sort(key=lambda line: (line["change"] or 0, line["item"]))
    columns = (
        Column("item", "Account", "text"),
        Column("events", "Active events", "events"),
        Column("before", "Before", "events"),
        Column("change", "Change", "events"),
        Column("relative", "Of before", "share"),
        Column("logins", "Logins", "events"),
        Column("active", "Active members", "number"),
    )
    title = f"By account, {context.label(now)}, largest falls first"
    return Table("accounts", title, columns, tuple(lines))


METRIC = register(
    Metric(
        id="usage",
        title="Usage",
        section="adoption",
        order=9,
        settings=UsageSettings,
        definition=__doc__,
        rows=rows,
        result=result,
        features=True,
        names=lambda settings, context: {
            "item": [*context.definitions.features],
            "account": context.accounts,
        },
        keys={
            "periods": ("period",),
            "features": ("item", "period"),
            "accounts": ("account", "period"),
            "left_out": (),
            "several": (),
        },
        plain=frozenset({"accounts", "left_out", "several"}),
    )
)
