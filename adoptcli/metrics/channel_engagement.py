"""Channel engagement: who uses content and service channels, such as help, webinars or e-mails.

Formula: actors that used the channel in the window ÷ active actors, and ÷ all actors there.
Numerator: of active: actors that used the channel and were active in the window; of all: actors
that used it. Denominator: actors active in the window; actors that signed up or were first seen
before its end.
Window: trailing `window` days, back from the end of the days shown.
Frequency: uses, and days with a use, per actor that used it.
Before activation: of actors that signed up at least `activation.within` before as-of and activated
within it, who had used the channel by then, an equal instant included; of those who did not, who
used it before that time was over. These had longer to use it, and who comes often does more of
everything: the two shares stand beside each other, and neither explains the other.
First touch: from sign-up to the first use, of those who signed up within the data and have used
the channel so far; 0 for a use before the sign-up.
Left out: from what counts from the sign-up, actors whose start is unknown or lies before the data.
Textbook: none; an actor that consumes the content or the service is engaged with the channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from pydantic import Field

from adoptcli.context import Context
from adoptcli.definitions import Days, Definitions, references
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._shared import (
    activated,
    by_window,
    cells,
    has_activation,
    mean,
    not_full,
    quantile,
    share,
    share_difference,
    since,
    small,
    starters,
    totals,
    unseen,
    window_of,
    windows,
)
from adoptcli.results import Caveat, Column, Estimate, Headline, Result, Row, Table
from adoptcli.timeframe import DAY_MS
from adoptcli.timeline import Timeline, by_day
from adoptcli.timeline.runs import runs, starts_run

MOST, ON_SCREEN = 6, 4


class ChannelEngagementSettings(Settings):
    """The window; what the channels are is said in `channels`."""

    window: Days = Field(28, description="Days of the trailing window.")


def missing(settings: ChannelEngagementSettings, definitions: Definitions) -> str | None:
    """The key to add."""
    return None if definitions.channels else "add 'channels: {NAME: [EVENT, …]}' to the YAML"


def rows(timeline: Timeline, settings: ChannelEngagementSettings, context: Context) -> Rows:
    """`windows`, `trend`, `channels` (its last window); from the sign-up on `_since_signup`."""
    days = _days(timeline, context)
    spans = windows(context, settings.window, MOST)
    active = by_window(timeline.days, context, settings.window, len(spans)).drop("days")
    active = active.with_columns(active=pl.lit(1, dtype=pl.Int64))
    used = _used(days, active, settings, context, len(spans))
    last = pl.col("period") == context.end_day - 1
    return {
        "windows": _everyone(timeline, active, used, context, spans).lazy(),
        "trend": used.lazy(),
        "channels": used.lazy().filter(last).drop("period"),
        **_since_signup(timeline, days, context),
    }


def _days(timeline: Timeline, context: Context) -> pl.DataFrame:
    """item (place among the channels), actor, day, times and first of each day of use, sorted."""
    parts = [_NOTHING]
    for i, refs in enumerate(context.definitions.channels.values()):
        item = pl.lit(i, dtype=pl.Int64).alias("item")
        parts.append(by_day(timeline.of(refs), "first").select(item, pl.all()))
    return pl.concat(parts)


_NOTHING = pl.DataFrame(
    schema={
        "item": pl.Int64, "actor": pl.UInt32, "day": pl.Int32, "times": pl.Int64,
        "first": pl.Int64,
    }
)  # fmt: skip


def _used(
    days: pl.DataFrame, active: pl.DataFrame, settings: ChannelEngagementSettings,
    context: Context, count: int,
) -> pl.DataFrame:  # fmt: skip
    """One row an actor, channel and window with a use: how often, and whether it was active."""
    period = window_of(pl.col("day"), context, settings.window, count)
    dated = days.select("item", "actor", "times", period=period)
    dated = dated.filter(pl.col("period").is_not_null())
    found = runs(dated, ["item", "actor", "period"], sums=["times"])
    uses, on = pl.col("times"), pl.col("length")
    return found.join(active, on=["actor", "period"], how="left").select(
        "actor", "period", "item",
        users=pl.lit(1, dtype=pl.Int64), active=pl.col("active").fill_null(0),
        uses=uses, uses_squares=uses**2, days=on, days_squares=on**2,
    )  # fmt: skip


def _everyone(
    timeline: Timeline, active: pl.DataFrame, used: pl.DataFrame, context: Context,
    spans: list[tuple[int, int]],
) -> pl.DataFrame:  # fmt: skip
    """Everybody there before each window's end, whether it was active, and used any channel.

    `both` of that, or `unreached`: active without any channel.
    """
    people = timeline.actors.select("actor", since=since())
    touched = used.select("actor", "period", touched=pl.lit(1, dtype=pl.Int64)).unique()
    parts = []
    for _, end in spans:
        mine = pl.col("period") == end - 1
        parts.append(
            people.filter(pl.col("since") < end)
            .join(active.filter(mine).drop("period"), on="actor", how="left")
            .join(touched.filter(mine).drop("period"), on="actor", how="left")
            .select(
                "actor", pl.col("active", "touched").fill_null(0),
                period=pl.lit(end - 1, dtype=pl.Int32), actors=pl.lit(1, dtype=pl.Int64),
            )
        )  # fmt: skip
    active_too, touched_too = pl.col("active"), pl.col("touched")
    return pl.concat(parts).with_columns(
        both=active_too * touched_too, unreached=active_too * (1 - touched_too)
    )


def _since_signup(
    timeline: Timeline, days: pl.DataFrame, context: Context
) -> dict[str, pl.LazyFrame]:
    """Starters, and when each first used a channel: before its activation, or within its time."""
    people = _judged(timeline, context)
    firsts = days.filter(starts_run(days, ["item", "actor"])).select("item", "actor", "first")
    touched = firsts.join(people, on="actor")
    by_then = pl.col("first") <= pl.coalesce("activated_at", "deadline")
    wait = pl.max_horizontal(pl.col("first") - pl.col("signup"), 0)
    return {
        "starters": people.lazy().select("actor", "activated", "not_activated", starters=pl.lit(1)),
        "touched": touched.lazy().select(
            "actor",
            "item",
            touched=pl.lit(1),
            early=(pl.col("first") < pl.col("signup")).cast(pl.Int64),
        ),
        "before_activation": touched.lazy()
        .filter(by_then)
        .select("actor", "item", "activated", "not_activated"),
        "first_touch": touched.lazy().select("actor", "item", duration=wait, touched=pl.lit(1)),
    }


def _judged(timeline: Timeline, context: Context) -> pl.DataFrame:
    """actor, signup, deadline, activated_at (in time, or null), activated and not_activated.

    Those two are 1 where the time that activation allows is over; without an activation, 0.
    """
    people = starters(timeline, context).select("actor", "signup")
    if not has_activation(context):
        nothing = pl.lit(None, dtype=pl.Int64)
        return people.with_columns(
            deadline=nothing, activated_at=nothing, activated=pl.lit(0), not_activated=pl.lit(0)
        )
    found = activated(timeline, context).select("actor", "activated_at")
    deadline = pl.col("signup") + context.settings["activation"].within
    mature, in_time = deadline < context.as_of, pl.col("activated_at") <= deadline
    in_time = in_time.fill_null(False)
    return people.join(found, on="actor", how="left").select(
        "actor", "signup",
        deadline=deadline,
        activated_at=pl.when(in_time).then("activated_at"),
        activated=(mature & in_time).cast(pl.Int64),
        not_activated=(mature & ~in_time).cast(pl.Int64),
    )  # fmt: skip


def result(tallies: Tallies, settings: ChannelEngagementSettings, context: Context) -> Result:
    """Reach of any channel and of each, how often, and since when."""
    names, last = [*context.definitions.channels], context.end_day - 1
    spans = list(reversed(windows(context, settings.window, MOST)))
    found = cells(tallies["windows"], ["period"])
    reach = {i: _reach(cells(tallies["trend"], ["period", "item"]), found, spans, i)
             for i in range(len(names))}  # fmt: skip
    any_of = [_share(found.get(end - 1), "both", "active") for _, end in spans]
    caveats = [*not_full(context, settings.window), *_caveats(context)]
    if not any_of[-1].denominator:
        reason = "nobody was active"
        return Result(None, None, (), tuple(caveats), status="not_evaluable", reason=reason)
    note = f"of active actors, in {settings.window} days: {', '.join(names)}"
    headline = _line("Used a channel", any_of, last, context, note)
    largest = sorted(reach, key=lambda i: (-(reach[i][-1].numerator or 0), i))[:ON_SCREEN]
    also = tuple(_line(names[i], reach[i], last, context) for i in sorted(largest))
    tables = [
        _reach_table(names, reach, cells(tallies["channels"], ["item"]), found[last]),
        _frequency_table(names, cells(tallies["channels"], ["item"])),
        _trend_table(names, tallies, spans, context),
    ]
    touched, people = cells(tallies["touched"], ["item"]), totals(tallies["starters"])
    if people.get("starters"):
        tables.append(_touch_table(names, touched, people, tallies["first_touch"]))
    if has_activation(context) and people.get("starters"):
        before = cells(tallies["before_activation"], ["item"])
        tables.append(_before_table(names, before, people, context))
    caveats += small(any_of[-1].denominator, "active actors")
    return Result(headline, None, tuple(tables), tuple(dict.fromkeys(caveats)), also)


Cells = Mapping[Any, Mapping[str, int]]
_NONE = dict.fromkeys(
    ("users", "active", "uses", "uses_squares", "days", "days_squares", "touched", "early",
     "activated", "not_activated"), 0
)  # fmt: skip


def _share(counts: Mapping[str, int] | None, part: str, whole: str) -> Estimate:
    return share(counts[part], counts[whole]) if counts else Estimate(None, 0, 0)


def _of(part: int, whole: int) -> Estimate:
    """A share whose part may be of nobody; then too it knows the groups of accounts."""
    return share(part or whole - whole, whole)


def _reach(
    found: Cells, everyone: Cells, spans: list[tuple[int, int]], item: int
) -> list[Estimate]:
    """The share of active actors by window."""
    return [
        _of(found.get((end - 1, item), _NONE)["active"], everyone.get(end - 1, _NONE)["active"])
        for _, end in spans
    ]


def _line(
    title: str, values: list[Estimate], last: int, context: Context, note: str = ""
) -> Headline:
    change = share_difference(values[-1], values[-2] if len(values) > 1 else None)
    trend = tuple(value.value for value in values)
    return Headline(title, values[-1], "share", context.day_label(last), change, trend, note)


def _caveats(context: Context) -> list[Caveat]:
    found: list[Caveat] = []
    asked = context.vocabulary.codes(references(context.settings["activation"]))
    for name, refs in context.definitions.channels.items():
        found += unseen(refs, context)
        if set(context.vocabulary.codes(refs)) & set(asked):
            text = f"activation asks for events of channel {name!r}: whoever did it has used that"
            found.append(Caveat("channel-in-activation", text))
    if not has_activation(context):
        text = "nothing on what came before activation: add 'activation: {all: [EVENT, …]}'"
        found.append(Caveat("activation-not-configured", text))
    return found


def _reach_table(
    names: list[str], reach: Mapping[int, list[Estimate]], found: Cells, everyone: Mapping[str, int]
) -> Table:
    lines: list[Row] = []
    for i, name in enumerate(names):
        now, before = reach[i][-1], reach[i][-2] if len(reach[i]) > 1 else None
        of_all = _of(found.get(i, _NONE)["users"], everyone["actors"])
        change = share_difference(now, before)
        lines.append({"item": name, "active": now, "change": change, "users": of_all})
    columns = (
        Column("item", "Channel", "text"),
        Column("active", "Of active actors", "share"),
        Column("change", "Change", "pp"),
        Column("users", "Of all actors", "share"),
    )
    return Table("channels", "Reach", columns, tuple(lines))


def _frequency_table(names: list[str], found: Cells) -> Table:
    lines: list[Row] = []
    for i, name in enumerate(names):
        c = found.get(i, _NONE)
        uses, days = (mean(c["users"], c[m], c[f"{m}_squares"]) for m in ("uses", "days"))
        lines.append({"item": name, "users": c["users"], "uses": uses, "days": days})
    columns = (
        Column("item", "Channel", "text"),
        Column("users", "Used it", "users"),
        Column("uses", "Uses each"),
        Column("days", "Days each"),
    )
    return Table("frequency", "Frequency, of those who used it", columns, tuple(lines))


def _trend_table(
    names: list[str], tallies: Tallies, spans: list[tuple[int, int]], context: Context
) -> Table:
    found, everyone = (
        cells(tallies["trend"], ["period", "item"]),
        cells(tallies["windows"], ["period"]),
    )
    lines: list[Row] = []
    for _, end in spans:
        for i, name in enumerate(names):
            c, whole = found.get((end - 1, i), _NONE), everyone.get(end - 1)
            lines.append(
                {
                    "period": context.day_label(end - 1),
                    "item": name,
                    "active": _of(c["active"], whole["active"]) if whole else Estimate(None, 0, 0),
                    "users": _of(c["users"], whole["actors"]) if whole else Estimate(None, 0, 0),
                    "uses": mean(c["users"], c["uses"], c["uses_squares"]),
                }
            )
    columns = (
        Column("period", "Window to", "date"),
        Column("item", "Channel", "text"),
        Column("active", "Of active actors", "share"),
        Column("users", "Of all actors", "share"),
        Column("uses", "Uses each"),
    )
    return Table("trend", "By window", columns, tuple(lines))


def _touch_table(
    names: list[str], found: Cells, people: Mapping[str, int], times: pl.DataFrame
) -> Table:
    """How many have used each channel so far, and how long after their sign-up they first did."""
    lines: list[Row] = []
    for i, name in enumerate(names):
        c = found.get(i, _NONE)
        waits = times.filter(pl.col("item") == i)["duration"].sort()
        quartiles = {
            key: None if (value := quantile(waits, q)) is None else value / 1000
            for key, q in (("p25", 0.25), ("median", 0.5), ("p75", 0.75))
        }
        touched = _of(c["touched"], people["starters"])
        lines.append({"item": name, "touched": touched, "early": c["early"], **quartiles})
    columns = (
        Column("item", "Channel", "text"),
        Column("touched", "Used it so far", "share"),
        Column("early", "Before sign-up", "users"),
        Column("p25", "p25", "seconds"),
        Column("median", "Median", "seconds"),
        Column("p75", "p75", "seconds"),
    )
    title = "First touch after sign-up, of those who signed up within the data"
    return Table("touched", title, columns, tuple(lines))


def _before_table(
    names: list[str], found: Cells, people: Mapping[str, int], context: Context
) -> Table:
    lines: list[Row] = []
    for i, name in enumerate(names):
        c = found.get(i, _NONE)
        shares = {w: _of(c[w], people[w]) for w in ("activated", "not_activated")}
        lines.append({"item": name, **shares})
    time = f"{context.settings['activation'].within / DAY_MS:g} d"
    columns = (
        Column("item", "Channel", "text"),
        Column("activated", f"Activated in {time}: used it before", "share"),
        Column("not_activated", f"Others: used it in those {time}", "share"),
    )
    return Table("before_activation", "Use before activation", columns, tuple(lines))


METRIC = register(
    Metric(
        id="channel_engagement",
        title="Channel engagement",
        section="together",
        order=3,
        settings=ChannelEngagementSettings,
        definition=__doc__,
        rows=rows,
        result=result,
        uses=("activation",),
        names=lambda settings, context: {"item": [*context.definitions.channels]},
        keys={
            "windows": ("period",),
            "trend": ("period", "item"),
            "channels": ("item",),
            "starters": (),
            "touched": ("item",),
            "before_activation": ("item",),
            "first_touch": ("item", "duration"),
        },
        loose=frozenset({"first_touch"}),
        missing=missing,
    )
)
