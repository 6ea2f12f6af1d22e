"""The built-in audiences, as one table: who is in each, and the number that it is behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from adoptcli.audiences import Asked, Audience, Listed
from adoptcli.audiences.conditions import last_day, points_within
from adoptcli.definitions import Criterion, Definitions
from adoptcli.metrics._axes import length_of, resolved
from adoptcli.metrics._customers import by_event, by_table
from adoptcli.metrics._features import counted_days, launch_day
from adoptcli.metrics._holds import clause_spans, rule_spans
from adoptcli.metrics._score import SCALE
from adoptcli.metrics._shared import activated, by_window, since
from adoptcli.metrics.quadrant import QUADRANTS
from adoptcli.results import Estimate, Result, Row
from adoptcli.timeline.days import local_day
from adoptcli.timeline.spans import first_days

LATE, OPEN = "late", "still_open"
DAY = pl.Int32


def _only(definitions: Definitions, settings: Mapping[str, Any]) -> Sequence[str]:
    return ("",)


def _several(definitions: Definitions, settings: Mapping[str, Any]) -> Sequence[str]:
    """One list, where some rule has several criteria: with one alone all are one step short."""
    activation = settings.get("activation")
    rules = activation.parts if activation else ()
    return ("",) if any(len(part.criteria) > 1 for part in rules) else ()


def _features(definitions: Definitions, settings: Mapping[str, Any]) -> Sequence[str]:
    return tuple(definitions.features)


def _levels(definitions: Definitions, settings: Mapping[str, Any]) -> Sequence[str]:
    score = settings.get("engagement_score")
    return tuple(score.levels) if score else ()


# ---- Activation ----


def _not_activated(asked: Asked) -> pl.LazyFrame:
    mature, done = pl.col("mature") > 0, (pl.col("activated") + pl.col("so_far")) > 0
    wanted = {"": ~done, LATE: mature & ~done, OPEN: ~mature & ~done}[asked.part]
    people = asked.rows["cohorts"].filter(wanted).select("actor")
    return people.join(_lacking(asked), on="actor", how="left")


def _one_step_short(asked: Asked) -> pl.LazyFrame:
    people = asked.rows["lacking"].filter(pl.col("still") > 0).select("actor")
    return people.join(_lacking(asked), on="actor", how="left")


def _lacking(asked: Asked) -> pl.LazyFrame:
    """What each has not done by its deadline (or so far), since the deadline or the sign-up.

    What it has done after the deadline is told with the day. Whoever is activated by now comes
    after those who are not.
    """
    context, found = asked.context, activated(asked.timeline, asked.context)
    deadline = pl.col("signup") + pl.col("within")
    mature = deadline < context.as_of
    parts = []
    for i, part in enumerate(asked.settings.parts):
        parts.append(
            found.filter(pl.col("part") == i).select(
                "actor",
                since=_day_of(pl.when(mature).then(deadline).otherwise("signup"), asked),
                why=_undone(part.criteria, part.rule, deadline, asked),
                order=pl.col("activated_at").is_not_null().cast(pl.Int32),
            )
        )
    return pl.concat(parts).lazy()


def _undone(criteria: Sequence[Criterion], rule: str, deadline: pl.Expr, asked: Asked) -> pl.Expr:
    """Such as "lacks built; late: 2 × shared on 2026-08-14"."""
    never, later = [], []
    for k, criterion in enumerate(criteria):
        at, words = pl.col(f"met_{k}"), pl.lit(str(criterion))
        never.append(pl.when(at.is_null()).then(words))
        told = pl.format("{} on {}", words, _date_of(at, asked))
        later.append(pl.when((at > deadline).fill_null(False)).then(told))
    lacks = pl.concat_str(never, separator=", " if rule == "all" else " and ", ignore_nulls=True)
    did = pl.concat_str(later, separator=", ", ignore_nulls=True)
    why = pl.concat_str(
        pl.when(lacks != "").then(pl.lit("lacks ") + lacks),
        pl.when(did != "").then(pl.lit("late: ") + did),
        separator="; ", ignore_nulls=True,
    )  # fmt: skip
    at = pl.col("activated_at")
    whole = pl.format("late: in the order asked for on {}", _date_of(at, asked))
    return (
        pl.when(why != "").then(why)
        .when(at.is_not_null()).then(whole)
        .otherwise(pl.lit("not in the order asked for"))
    )  # fmt: skip


def _date_of(instant: pl.Expr, asked: Asked) -> pl.Expr:
    return _day_of(instant, asked).cast(pl.Date).cast(pl.String)


def _day_of(instant: pl.Expr, asked: Asked) -> pl.Expr:
    context = asked.context
    first = context.calendar.midnight(context.first_day - 1)
    return local_day(instant, context.calendar, first, context.as_of)


def _newly_activated(asked: Asked) -> pl.LazyFrame:
    last = _last_period(asked)
    people = asked.rows["activations"].filter(pl.col("period") == last).select("actor")
    at = activated(asked.timeline, asked.context).select(
        "actor", since=_day_of(pl.col("activated_at"), asked)
    )
    day = pl.col("since").cast(pl.Date).cast(pl.String)
    return people.join(at.lazy(), on="actor", how="left").with_columns(
        why=pl.lit("activated on ") + day
    )


def _last_period(asked: Asked) -> int:
    """The start of the last complete period; a day before all others where there is none."""
    periods = asked.context.periods()
    return periods[-1][0] if periods else asked.context.first_day - 10_000


# ---- Features ----


def _item(asked: Asked) -> int:
    return [*asked.context.definitions.features].index(asked.part)


def _used_once(asked: Asked) -> pl.LazyFrame:
    item = _item(asked)
    once = (pl.col("item") == item) & (pl.col("once") > 0)
    people = asked.rows["retained"].filter(once).select("actor")
    uses = counted_days(asked.timeline, asked.context).filter(pl.col("item") == item)
    last = last_day(uses, asked.context)
    day = pl.col("since").cast(pl.Date).cast(pl.String)
    why = pl.format("used {} on {} and never again", pl.lit(asked.part), day)
    return people.join(last, on="actor", how="left").with_columns(why=why)


def _never_tried(asked: Asked) -> pl.LazyFrame:
    never = (pl.col("item") == _item(asked)) & (pl.col("never") > 0)
    feature = asked.context.definitions.features[asked.part]
    launch = pl.lit(launch_day(feature, asked.context), dtype=DAY)
    there = asked.timeline.actors.lazy().select("actor", since=pl.max_horizontal(since(), launch))
    why = pl.lit(f"active in the last {asked.settings.window} days, has never used {asked.part}")
    people = asked.rows["features"].filter(never).select("actor")
    return people.join(there, on="actor", how="left").with_columns(why=why)


# ---- Engagement ----


def _score_dropping(asked: Asked) -> pl.LazyFrame:
    """Those who lost most first; cancelled accounts, whom nobody can win back so, last."""
    now, before = (_points(pl.col(name)) for name in ("now", "before"))
    lost = 100 - (100 * pl.col("now") / pl.col("before"))
    why = pl.format("score {} after {}, down {} %", now, before, lost.round().cast(pl.Int64))
    gone = pl.col("end").is_not_null()
    told = pl.format("{}, cancelled on {}", why, _date_of(pl.col("end"), asked))
    return (
        asked.rows["falling"]
        .filter(pl.col("falling") > 0)
        .join(_cancelled(asked), on="actor", how="left")
        .select(
            "actor", since=_window_start(asked), why=pl.when(gone).then(told).otherwise(why),
            order=pl.when(gone).then(1000 - lost).otherwise(-lost),
        )
    )  # fmt: skip


def _cancelled(asked: Asked) -> pl.LazyFrame:
    """actor and end (ms): accounts that are cancelled, by the table or by their latest event."""
    context, found = asked.context, []
    if context.unit == "account" and context.account_ends:
        found.append(by_table(asked.timeline, context).select("actor", "end"))
    churn = context.settings.get("churn")
    if context.unit == "account" and churn and churn.cancel:
        stretches = by_event(asked.timeline, churn.cancel, context)
        latest = stretches.sort("actor", "begin").group_by("actor").agg(pl.col("end").last())
        found.append(latest)
    if not found:
        return pl.LazyFrame(schema={"actor": pl.UInt32, "end": pl.Int64})
    ends = pl.concat(found).filter(pl.col("end") < context.as_of)
    return ends.lazy().group_by("actor").agg(pl.col("end").min())


def _points(value: pl.Expr) -> pl.Expr:
    """Thousandths as people write them: 12 or 12.5."""
    return (value / SCALE).round(1).cast(pl.String).str.strip_suffix(".0")


def _window_start(asked: Asked) -> pl.Expr:
    return pl.lit(asked.context.end_day - asked.settings.window, dtype=DAY)


def _score(asked: Asked) -> pl.LazyFrame:
    step = [*asked.settings.levels].index(asked.part)
    last = asked.context.end_day - 1
    level = (pl.col("period") == last) & (pl.col("step") == step)
    points = asked.rows["distribution"].select("actor", "points")
    people = asked.rows["levels"].filter(level).select("actor")
    why = pl.format("score {} in {} days", _points(pl.col("points")), asked.settings.window)
    return people.join(points, on="actor", how="left").select(
        "actor", since=_window_start(asked), why=why
    )


def _quadrant(asked: Asked) -> pl.LazyFrame:
    context, timeline, settings = asked.context, asked.timeline, asked.settings
    adoption, axis = resolved(settings.adoption, context), settings.engagement
    length = length_of(axis, context)
    people = asked.rows["quadrants"].filter(pl.col("item") == QUADRANTS.index(asked.part))
    people = people.select("actor").join(last_day(timeline.days, context), on="actor", how="left")
    words = []
    if adoption.activated:
        at = pl.col("activated_at")
        done = activated(timeline, context).lazy().select("actor", "activated_at")
        people = people.join(done, on="actor", how="left")
        by_end = pl.when(at < context.as_of).then(pl.lit("activated on ") + _date_of(at, asked))
        words.append(by_end.fill_null("not activated"))
    if adoption.features is not None:
        first = context.end_day - length if adoption.used == "window" else context.first_day - 1
        uses = counted_days(timeline, context).lazy()
        uses = uses.filter(pl.col("day").is_between(first, context.end_day, closed="left"))
        features = uses.group_by("actor").agg(features=pl.col("item").n_unique().cast(pl.Int64))
        people = people.join(features, on="actor", how="left")
        words.append(_many("features", "feature used", "features used"))
    if axis.score is None:
        days = by_window(timeline.days, context, length, 1).lazy().select("actor", "days")
        people = people.join(days, on="actor", how="left")
        words.append(_many("days", "active day", "active days") + f" in {length}")
    else:
        found = points_within(timeline, length, context)
        people = people.join(found, on="actor", how="left")
        words.append(pl.format("score {}", _points(pl.col("points").fill_null(0))))
    return people.select("actor", "since", why=pl.concat_str(words, separator=", "))


def _many(name: str, one: str, many: str) -> pl.Expr:
    count = pl.col(name).fill_null(0)
    noun = pl.when(count == 1).then(pl.lit(one)).otherwise(pl.lit(many))
    return pl.concat_str(count, noun, separator=" ")


def _newly_qualified(asked: Asked) -> pl.LazyFrame:
    """Which of the criteria each met on its first qualified day, by their names."""
    newly = (pl.col("period") == _last_period(asked)) & (pl.col("newly") > 0)
    rule, timeline, context = asked.settings, asked.timeline, asked.context
    first = first_days(rule_spans(timeline, rule, context)).rename({"day": "since"})
    people = asked.rows["trend"].filter(newly).select("actor")
    people = people.join(first.lazy(), on="actor", how="left")
    words = []
    for k, clause in enumerate(rule.clauses):
        spans = clause_spans(timeline, clause, context).lazy().select("actor", "start", "stop")
        since = pl.col("since")
        held = people.join(spans, on="actor").filter(since.is_between("start", "stop", "left"))
        held = held.group_by("actor").agg(pl.col("start").min().alias(f"from_{k}"))
        people = people.join(held, on="actor", how="left")
        day = pl.col(f"from_{k}").cast(pl.Date).cast(pl.String)
        words.append(pl.lit(f"{clause} (since ") + day + ")")
    why = pl.lit("meets ") + pl.concat_str(words, separator=", ", ignore_nulls=True)
    return people.select("actor", "since", why=why)


def _below_target(result: Result) -> list[Listed]:
    """Accounts, with their use of the seats."""
    head = result.headline
    return [
        Listed(str(row["item"]), _used(row), head.period if head else None)
        for row in _rows(result, "accounts")
        if row["target"] == "below"
    ]


def _used(row: Row) -> str:
    used = _cell(row, "used")
    share = f"{(used.value or 0) * 100:.1f} % of {row['seats']} seats"
    return f"{share} used on an average day, {row['members']} members"


def _to_look_at(result: Result) -> list[Listed]:
    """Accounts that need a look, with the reasons, in the order of their metric."""
    head, table = result.headline, result.table("accounts")
    units = {column.name: column.unit for column in table.columns} if table else {}
    what = "points" if units.get("activity") == "points" else "active days"
    return [
        Listed(str(row["item"]), _looked_at(row, what), head.period if head else None)
        for row in _rows(result, "accounts")
        if row["look_at"]
    ]


def _looked_at(row: Row, what: str) -> str:
    parts = [f"{row['look_at']}: {row['active']} of {row['members']} members active"]
    change, seats = row.get("change"), row.get("seats")
    if isinstance(change, float):
        parts.append(f"{what} {change * 100:+.0f} %".replace("-", "−"))
    if isinstance(seats, Estimate) and seats.denominator:
        parts.append(f"of {seats.denominator:,.0f} seats {row['active']} used at all")
    return ", ".join(parts)


# ---- Numbers of the results ----


def _headline(result: Result, part: str, period: str | None) -> int:
    return _parts_of(result.headline.estimate)[0] if result.headline else 0


def _cell(row: Row, name: str) -> Estimate:
    found = row[name]
    assert isinstance(found, Estimate)
    return found


def _rows(result: Result, table: str) -> Sequence[Row]:
    found = result.table(table)
    return found.rows if found else ()


def _parts_of(found: Estimate) -> tuple[int, int]:
    return int(found.numerator or 0), int(found.denominator or 0)


def _without_activation(result: Result, part: str, period: str | None) -> int:
    for row in _rows(result, "range"):
        done, mature = _parts_of(_cell(row, "activated"))
        signups = _parts_of(_cell(row, "ever"))[1]
        so_far = int(str(row["so_far"]))
        late, still = mature - done, signups - mature - so_far
        return {"": late + still, LATE: late, OPEN: still}[part]
    return 0


def _last(table: str, name: str) -> Any:
    """The count of the last complete period."""

    def number(result: Result, part: str, period: str | None) -> int:
        return sum(int(str(r[name])) for r in _rows(result, table) if r["period"] == period)

    return number


def _once(result: Result, part: str, period: str | None) -> int:
    row = next(row for row in _rows(result, "retained") if row["item"] == part)
    return _parts_of(_cell(row, "once"))[0]


def _numerators(table: str, name: str) -> Any:
    """The sum of a column's numerators."""

    def number(result: Result, part: str, period: str | None) -> int:
        return sum(_parts_of(_cell(row, name))[0] for row in _rows(result, table))

    return number


def _top(table: str, key: str, name: str) -> Any:
    """The numerator of the row that the part names; the last such row."""

    def number(result: Result, part: str, period: str | None) -> int:
        rows = [row for row in _rows(result, table) if row[key] == part]
        return _parts_of(_cell(rows[-1], name))[0] if rows else 0

    return number


_ALL = (
    Audience("not_activated", "signed up and not activated in time, or not yet",
             "activation", _not_activated, lambda *_: ("", LATE, OPEN), _without_activation,
             "its deadline, or its sign-up while there is time",
             meanings={LATE: "not activated in time; some are by now, who come last",
                       OPEN: "not activated yet, while there is still time"}),
    Audience("one_step_short", "not activated to this day, and one criterion alone was lacking",
             "activation", _one_step_short, _several, _numerators("lacking", "still"),
             "its deadline"),
    Audience("newly_activated", "activated in the last complete period",
             "activation", _newly_activated, _only, _last("activations", "activated"),
             "the day of the activation"),
    Audience("used_once", "used {part} on one day alone, long enough ago to judge",
             "feature_adoption", _used_once, _features, _once, "the day of the use"),
    Audience("never_tried", "active, can have {part}, and has never used it",
             "feature_adoption", _never_tried, _features, _top("features", "item", "never"),
             "the day from which it could be used"),
    Audience("newly_qualified", "met the rule of `qualified` for the first time in the last period",
             "qualified", _newly_qualified, _only, _last("trend", "newly"),
             "the first qualified day"),
    Audience("score_dropping", "lost a third or more of the engagement score",
             "engagement_score", _score_dropping, _only, _numerators("falling", "falling"),
             "the first day of the window"),
    Audience("score", "engagement score at the level {part}",
             "engagement_score", _score, _levels, _top("levels", "step", "actors"),
             "the first day of the window that the score is of"),
    Audience("quadrant", "in the quadrant of adoption and engagement",
             "quadrant", _quadrant, lambda *_: QUADRANTS, _top("quadrants", "item", "actors"),
             "the last active day",
             meanings={"champions": "adopted and engaged",
                       "busy_not_adopted": "engaged, not adopted",
                       "adopted_not_engaged": "adopted, not engaged",
                       "neither": "neither adopted nor engaged"}),
    Audience("seats_below_target", "accounts that use fewer of their seats than the target",
             "seat_utilization", _below_target, _only,
             _numerators("portfolio", "below"), "the last day of the window", of_result=True),
    Audience("accounts_to_look_at", "accounts with nobody active, falling activity or empty seats",
             "account_health", _to_look_at, _only, _headline,
             "the last day of the window", of_result=True),
)  # fmt: skip

BUILTIN = {audience.name: audience for audience in _ALL}
