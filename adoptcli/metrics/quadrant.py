"""Quadrant: who has adopted the product, who is engaged with it, and who is both or neither.

Formula: actors in the quadrant at the window's end ÷ all actors that were there before it.
Numerator: champions have adopted and are engaged; busy_not_adopted are engaged without having
adopted; adopted_not_engaged have adopted and are not engaged; neither, the rest.
Denominator: actors that signed up, or were first seen, before the window's end.
Adopted: activated by the window's end (`activated: true`, the default where there is an
activation); or so many features used (`features: 3`), ever by then or within the window (`used`);
with both, both or one of them (`rule`). Uses before a feature's launch, or by those who cannot have
it, do not count. Without an activation the default is 3 features, or all where there are fewer.
Engaged: active on so many days of the window, 8 of 28 by default (`active_days`); or at least so
many points of the engagement score in it (`score`), whose window is then the default. Both cuts are
absolute, so that a quadrant may be empty.
Shared events: an event that counts on both axes would make them agree by itself. A score that
counts an event of the adoption axis is an error. Active days count any event, these too: but
however much of what adoption asks for is done on a day, it is one active day, far from enough.
Window: trailing windows, back from the end of the days shown.
Retained: of those in the quadrant at the end of the window before, who was active in the last.
Moves: from the quadrant then to the quadrant now, of those there by the end of both windows.
Left out: where adoption asks for activation, actors without a sign-up, who are counted. Who was
there before the data and has not adopted in it may have done so earlier, and is counted too.
Textbook: none; the four are told apart in words alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import polars as pl
from pydantic import Field

from adoptcli.context import Context
from adoptcli.definitions import Definitions, references
from adoptcli.metrics._axes import (
    Adoption,
    Engagement,
    are_engaged,
    have_adopted,
    in_words,
    lacking,
    length_of,
    resolved,
)
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._shared import (
    activated,
    cells,
    not_full,
    share,
    share_difference,
    since,
    small,
    start_caveats,
    totals,
    unseen,
    windows,
)
from adoptcli.results import Caveat, Column, Estimate, Headline, Result, Row, Table
from adoptcli.timeline import Timeline

MOST = 6
QUADRANTS = ("champions", "busy_not_adopted", "adopted_not_engaged", "neither")
TITLES = ("Champions", "Busy, not adopted", "Adopted, not engaged", "Neither")


class QuadrantSettings(Settings):
    """The two axes, each with its cut."""

    adoption: Adoption | None = Field(None, description="When somebody has adopted the product.")
    engagement: Engagement = Field(Engagement(), description="When somebody is engaged.")


def missing(settings: QuadrantSettings, definitions: Definitions) -> str | None:
    """The key to add."""
    return lacking(settings.adoption, settings.engagement, definitions)


def rows(timeline: Timeline, settings: QuadrantSettings, context: Context) -> Rows:
    """`windows`: everybody in each; `quadrants`, `retention`, `moves` of the last; `left_out`."""
    adoption = resolved(settings.adoption, context)
    spans = windows(context, length_of(settings.engagement, context), MOST)
    people = _people(timeline, adoption, context)
    engaged = are_engaged(timeline, settings.engagement, context, len(spans))
    placed = [
        _placed(people, have_adopted(timeline, adoption, span, context), engaged, span)
        for span in spans
    ]
    now, before = placed[0], placed[1] if len(placed) > 1 else placed[0].clear()
    moves = _moves(before, now, timeline, spans[0]).lazy()
    one = pl.lit(1, dtype=pl.Int64)
    return {
        "windows": pl.concat(
            frame.lazy().select(
                "actor", *_flags("item"), period=pl.lit(end - 1, dtype=pl.Int32), actors=one
            )
            for frame, (_, end) in zip(placed, spans, strict=True)
        ),
        "quadrants": now.lazy().select("actor", "item", "newcomers", actors=one),
        "moves": moves.drop("retained"),
        "retention": moves.select("actor", "item", "actors", "retained"),
        "left_out": _left_out(timeline, adoption, now, context),
    }


def _flags(column: str) -> list[pl.Expr]:
    return [(pl.col(column) == i).cast(pl.Int64).alias(q) for i, q in enumerate(QUADRANTS)]


def _people(timeline: Timeline, adoption: Adoption, context: Context) -> pl.DataFrame:
    """actor and since, of all that can be judged."""
    judged = timeline.actors
    if adoption.activated:
        judged = judged.join(activated(timeline, context), on="actor", how="semi")
    return judged.select("actor", since=since())


def _placed(
    people: pl.DataFrame, adopted: pl.DataFrame, engaged: pl.DataFrame, span: tuple[int, int]
) -> pl.DataFrame:
    """actor, item (its quadrant) and newcomers (0 or 1) of all there before the window's end."""
    first, end = span
    yes = pl.lit(value=True)
    there = people.filter(pl.col("since") < end)
    busy = engaged.filter(pl.col("period") == end - 1).select("actor", engaged=yes)
    return (
        there.join(adopted.with_columns(adopted=yes), on="actor", how="left")
        .join(busy, on="actor", how="left")
        .with_columns(pl.col("adopted", "engaged").fill_null(False))
        .select(
            "actor",
            item=(~pl.col("adopted")).cast(pl.Int64) + 2 * (~pl.col("engaged")).cast(pl.Int64),
            newcomers=(pl.col("since") > first).cast(pl.Int64),
        )
    )


def _moves(
    before: pl.DataFrame, now: pl.DataFrame, timeline: Timeline, span: tuple[int, int]
) -> pl.DataFrame:
    """Those there by the end of both windows: item (then), and where they are now."""
    first, end = span
    day = pl.col("day")
    active = timeline.days.filter((day >= first) & (day < end)).select("actor").unique()
    retained = pl.lit(1, dtype=pl.Int64)
    return (
        before.select("actor", "item")
        .join(now.select("actor", now="item"), on="actor")
        .join(active.with_columns(retained=retained), on="actor", how="left")
        .select(
            "actor", "item", *_flags("now"),
            pl.col("retained").fill_null(0),
            actors=pl.lit(1, dtype=pl.Int64),
            moved=(pl.col("now") != pl.col("item")).cast(pl.Int64),
        )
    )  # fmt: skip


def _left_out(
    timeline: Timeline, adoption: Adoption, now: pl.DataFrame, context: Context
) -> pl.LazyFrame:
    """Who cannot be judged, and who may have adopted before the data began."""
    nobody = pl.lit(value=False)
    no_signup = no_persona = nobody
    if adoption.activated:
        judged = activated(timeline, context)["actor"].implode()
        no_signup = pl.col("signup").is_null()
        no_persona = ~no_signup & ~pl.col("actor").is_in(judged)
    ever = adoption.activated or adoption.used == "ever"
    old = ~pl.col("known") | (pl.col("signup_day") < context.first_day)
    adopted = now.select("actor", adopted=pl.col("item").is_in([0, 2]))
    return (
        timeline.actors.lazy()
        .join(adopted.lazy(), on="actor", how="left")
        .select(
            "actor",
            no_signup=no_signup.cast(pl.Int64),
            no_persona=no_persona.cast(pl.Int64),
            before_data=(old & ~pl.col("adopted") if ever else nobody)
            .fill_null(False)
            .cast(pl.Int64),
        )
    )


def result(tallies: Tallies, settings: QuadrantSettings, context: Context) -> Result:
    """The sizes by window, who was retained and who moved."""
    adoption = resolved(settings.adoption, context)
    length = length_of(settings.engagement, context)
    found = cells(tallies["windows"], ["period"])
    spans = list(reversed(windows(context, length, MOST)))
    last = found.get(context.end_day - 1)
    caveats = (*not_full(context, length), *_caveats(tallies, settings, context))
    if not last:
        return Result(
            None, None, (), caveats, status="not_evaluable", reason="nobody was there yet"
        )
    sizes = [[_share(found.get(end - 1), quadrant) for _, end in spans] for quadrant in QUADRANTS]
    lines = [
        Headline(
            title, values[-1], "share", context.day_label(context.end_day - 1),
            share_difference(values[-1], values[-2] if len(values) > 1 else None),
            tuple(value.value for value in values),
        )
        for title, values in zip(TITLES, sizes, strict=True)
    ]  # fmt: skip
    headline = replace(lines[0], note=in_words(adoption, settings.engagement, length))
    tables = (
        _size_table(sizes, cells(tallies["quadrants"], ["item"]), length),
        _retention_table(cells(tallies["retention"], ["item"]), length),
        _move_table(cells(tallies["moves"], ["item"])),
        _window_table(sizes, spans, context),
    )
    caveats = (*caveats, *small(last["actors"], "actors"))
    return Result(headline, None, tables, caveats, tuple(lines[1:]))


Cells = Mapping[int, Mapping[str, int]]


def _share(counts: Mapping[str, int] | None, name: str) -> Estimate:
    return share(counts[name], counts["actors"]) if counts else Estimate(None, 0, 0)


def _caveats(tallies: Tallies, settings: QuadrantSettings, context: Context) -> list[Caveat]:
    out, found = totals(tallies["left_out"]), []
    if out.get("no_signup"):
        text = "actors without a sign-up, whose activation cannot be known, left out"
        found.append(Caveat("unknown-start", text, out["no_signup"]))
    found += start_caveats({"no_persona": out.get("no_persona", 0)})
    if out.get("before_data"):
        text = "actors there before the data, who may have adopted then but not since"
        found.append(Caveat("adopted-before-data", text, out["before_data"]))
    adoption, definitions = resolved(settings.adoption, context), context.definitions
    asked = [context.settings["activation"]] if adoption.activated else []
    asked += [*definitions.features.values()] if adoption.features is not None else []
    return [*found, *unseen(references(asked), context)]


def _size_table(sizes: list[list[Estimate]], found: Cells, length: int) -> Table:
    lines: list[Row] = []
    for i, name in enumerate(QUADRANTS):
        now, before = sizes[i][-1], sizes[i][-2] if len(sizes[i]) > 1 else None
        lines.append(
            {
                "item": name,
                "actors": now,
                "change": share_difference(now, before),
                "newcomers": found[i]["newcomers"] if i in found else 0,
            }
        )
    columns = (
        Column("item", "Quadrant", "text"),
        Column("actors", "Of all actors", "share"),
        Column("change", "Change", "pp"),
        Column("newcomers", f"There for less than {length} days", "users"),
    )
    return Table("quadrants", "Sizes", columns, tuple(lines))


def _retention_table(found: Cells, length: int) -> Table:
    lines: tuple[Row, ...] = tuple(
        {"item": name, "retained": _share(found.get(i), "retained")}
        for i, name in enumerate(QUADRANTS)
    )
    columns = (
        Column("item", "Quadrant then", "text"),
        Column("retained", "Active in the last window", "share", ("retained", "actors")),
    )
    title = f"Retained from the window before, {length} days"
    return Table("retention", title, columns, lines if found else ())


def _move_table(found: Cells) -> Table:
    """From down, to across; empty where there is no window before."""
    nobody = dict.fromkeys(("actors", "moved", *QUADRANTS), 0)
    lines: list[Row] = []
    for i, name in enumerate(QUADRANTS):
        counts = found.get(i, nobody)
        moved = share(counts["moved"], counts["actors"])
        lines.append({"item": name, **{q: counts[q] for q in QUADRANTS}, "moved": moved})
    columns = (
        Column("item", "From", "text"),
        *(Column(q, t.split(",")[0], "users") for q, t in zip(QUADRANTS, TITLES, strict=True)),
        Column("moved", "Moved", "share", ("moved", "actors")),
    )
    title = "Moves since the window before: from down, to across"
    return Table("moves", title, columns, tuple(lines) if found else ())


def _window_table(
    sizes: list[list[Estimate]], spans: list[tuple[int, int]], context: Context
) -> Table:
    lines: tuple[Row, ...] = tuple(
        {
            "period": context.day_label(end - 1),
            **{name: values[i] for name, values in zip(QUADRANTS, sizes, strict=True)},
        }
        for i, (_, end) in enumerate(spans)
    )
    columns = (
        Column("period", "Window to", "date"),
        *(
            Column(name, title, "share", (name, "actors"))
            for name, title in zip(QUADRANTS, TITLES, strict=True)
        ),
    )
    return Table("windows", "By window", columns, lines)


METRIC = register(
    Metric(
        id="quadrant",
        title="Adoption and engagement",
        section="together",
        order=1,
        settings=QuadrantSettings,
        definition=__doc__,
        rows=rows,
        result=result,
        needs=("activation", "engagement_score"),
        names=lambda settings, context: {"item": QUADRANTS},
        keys={
            "windows": ("period",),
            "quadrants": ("item",),
            "retention": ("item",),
            "moves": ("item",),
            "left_out": (),
        },
        plain=frozenset({"quadrants", "left_out"}),
        missing=missing,
        features=True,
    )
)
