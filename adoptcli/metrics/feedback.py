"""Feedback: what people say when they are asked, as NPS and CSAT.

Formula: NPS = 100 × (promoters − detractors) ÷ respondents; CSAT = satisfied ÷ respondents.
Numerator: promoters answered 9 or 10, detractors 0 to 6, of 0 to 10; satisfied 4 or 5, of 1 to 5.
Denominator: respondents: people with an answer in the window. Their latest counts; of several at
that instant the lowest.
Window: trailing `window` days, back from the end of the days shown.
Left out: answers that are no number, or none of the scale; they are counted. Where actors are
accounts, each member is a respondent.
By adopted: activated by the end of the window, respondents without a known sign-up or of no persona
being in neither part; by engaged: active on `engaged` of its days or more.
Response rate: those asked in the window (`asked`) who then answered in it ÷ those asked.
Interval: of NPS from those of the two shares and their correlation, which is right for few
respondents and for unanimous ones too; the standard error stands beside it.
Textbook: NPS = % promoters − % detractors; CSAT where only that is asked.
Source: F. F. Reichheld 2003; interval by Newcombe 1998 (paired proportions).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl
from pydantic import Field

from adoptcli import counts
from adoptcli.context import Context
from adoptcli.counts import Count
from adoptcli.definitions import Answer, Days, Definitions, EventRefs
from adoptcli.metrics._answers import (
    MEASURES,
    POINTS,
    SCALES,
    counted,
    latest_answers,
    on_scale,
    scored,
)
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._shared import (
    GROUP,
    activated,
    cells,
    difference,
    has_activation,
    not_full,
    share,
    share_difference,
    small,
    totals,
    unseen,
    windows,
)
from adoptcli.results import Caveat, Cell, Column, Headline, Result, Row, Table, Textbook
from adoptcli.timeline import Timeline
from adoptcli.timeline.encode import SCALE

MOST = 6


class FeedbackSettings(Settings):
    """Which events carry the answers."""

    nps: Answer | None = Field(None, description="Answers of 0 to 10 on recommending.")
    csat: Answer | None = Field(None, description="Answers of 1 to 5 on satisfaction.")
    asked: EventRefs | None = Field(None, description="Events of being asked.")
    window: Days = Field(90, description="Days of the trailing window.")
    engaged: int = Field(8, ge=1, description="Active days of the window that make one engaged.")

    @property
    def questions(self) -> dict[str, Answer]:
        """Those that are asked, by name."""
        found = {"nps": self.nps, "csat": self.csat}
        return {name: answer for name, answer in found.items() if answer is not None}


def missing(settings: FeedbackSettings, definitions: Definitions) -> str | None:
    """The key to add."""
    if settings.questions:
        return None
    return "add 'feedback: {nps: {event: EVENT, score: PROPERTY}}' to the YAML"


def rows(timeline: Timeline, settings: FeedbackSettings, context: Context) -> Rows:
    """`nps`, `csat`: each respondent's latest of each window; `scores`, `response`, `unusable`."""
    spans = windows(context, settings.window, MOST)
    groups = _groups(timeline, settings, context).lazy()
    keep = ("actor", "period", "adopted", "engaged")
    found: dict[str, pl.LazyFrame] = {}
    scores = []
    for name, answer in settings.questions.items():
        latest = latest_answers(timeline, answer, name, settings, context, len(spans))
        told = latest.with_columns(counted(name)).join(groups, on="actor")
        found[name] = told.select(*keep, *MEASURES[name])
        last = latest.filter(pl.col("period") == context.end_day - 1)
        scores.append(
            last.select(
                "actor",
                item=pl.lit(name),
                step=pl.col("value") // SCALE,
                respondents=pl.lit(1, dtype=pl.Int64),
            )
        )
    return {
        **found,
        "scores": pl.concat(scores),
        "response": _response(timeline, settings, context),
        "unusable": _unusable(timeline, settings),
    }


def _groups(timeline: Timeline, settings: FeedbackSettings, context: Context) -> pl.DataFrame:
    """actor, adopted (or null where nothing says what that is) and engaged, in the last window."""
    first = context.end_day - settings.window
    day = pl.col("day")
    often = timeline.days.filter((day >= first) & (day < context.end_day)).group_by("actor").len()
    found = timeline.actors.select("actor").join(often, on="actor", how="left")
    found = found.with_columns(engaged=pl.col("len").fill_null(0) >= settings.engaged).drop("len")
    if not has_activation(context):
        return found.with_columns(adopted=pl.lit(None, dtype=pl.Boolean))
    end = context.calendar.midnight(context.end_day)
    arrived = (pl.col("activated_at") < end).fill_null(False)
    people = activated(timeline, context).select("actor", adopted=arrived)
    return found.join(people, on="actor", how="left")


def _response(timeline: Timeline, settings: FeedbackSettings, context: Context) -> pl.LazyFrame:
    """Each respondent asked in the last window, and whether an answer came at or after that."""
    day, first = pl.col("day"), context.end_day - settings.window
    who = ["actor", "member"] if "member" in timeline.events.columns else ["actor"]
    asked = (
        timeline.of(settings.asked or [])
        .lazy()
        .filter((day >= first) & (day < context.end_day))
        .group_by(who)
        .agg(first_asked=pl.col("time").min())
    )
    answers = pl.concat(
        latest_answers(timeline, answer, name, settings, context, 1).select(*who, "time")
        for name, answer in settings.questions.items()
    )
    answered = answers.group_by(who).agg(pl.col("time").max())
    return asked.join(answered, on=who, how="left").select(
        "actor",
        asked=pl.lit(1),
        answered=(pl.col("time") >= pl.col("first_asked")).fill_null(False).cast(pl.Int64),
    )


def _unusable(timeline: Timeline, settings: FeedbackSettings) -> pl.LazyFrame:
    """How many answers of each actor are no number of the scale."""
    parts = []
    for name, answer in settings.questions.items():
        good = timeline.answers(answer).filter(on_scale(name)).select("actor", n=pl.lit(-1))
        parts += [timeline.of(answer).select("actor", n=pl.lit(1)), good]
    return pl.concat(parts).lazy().group_by("actor").agg(unusable=pl.col("n").sum())


def result(tallies: Tallies, settings: FeedbackSettings, context: Context) -> Result:
    """Each question by window, its scores, and by adopted and engaged."""
    spans = list(reversed(windows(context, settings.window, MOST)))
    found = {name: cells(_sum(tallies[name], name), ["period"]) for name in settings.questions}
    caveats = [*not_full(context, settings.window), *unseen(settings.questions.values(), context)]
    caveats += unseen(settings.asked or (), context)
    if bad := totals(tallies["unusable"]).get("unusable"):
        caveats.append(Caveat("answers-unusable", "answers that are no number of the scale", bad))
    asked = _response_tables(tallies, settings)
    if not any(one["respondents"] for by in found.values() for one in by.values()):
        return Result(
            None, None, asked, tuple(caveats), status="not_evaluable",
            reason="nobody has answered in the window",
        )  # fmt: skip
    heads = {name: _headline(name, by, spans, settings, context) for name, by in found.items()}
    # A question that somebody has answered comes before one that nobody has.
    name = min(heads, key=lambda name: not heads[name].estimate.denominator)
    head = heads.pop(name)
    book = head.estimate
    caveats += small(book.denominator, "respondents")
    tables = [
        *(_trend(name, by, spans, context) for name, by in found.items()),
        _score_table(tallies["scores"], settings),
        _group_table(tallies, context.end_day - 1, settings),
        *asked,
    ]
    formula = "% promoters − % detractors" if name == "nps" else "share of 4 and 5"
    textbook = Textbook(book.value, book.numerator, book.denominator, formula, head.unit)
    return Result(head, textbook, tuple(tables), tuple(caveats), tuple(heads.values()))


Counts = dict[str, int]


def _sum(answers: pl.DataFrame, name: str, keys: Sequence[str] = ("period",)) -> pl.DataFrame:
    """The measures by some of the keys, and by group of accounts where there are such."""
    by = [*keys, *([GROUP] if GROUP in answers.columns else [])]
    return answers.group_by(by).agg(pl.col(MEASURES[name]).sum())


def _error(name: str, found: Counts | None) -> float | None:
    """The standard error of the estimate, in its unit."""
    if not found or not found["respondents"]:
        return None
    n = found["respondents"]
    if name == "csat":
        total, squares, scale = found["satisfied"], found["satisfied"], 1
    else:
        total, squares = found["promoters"] - found["detractors"], found["promoters"]
        squares, scale = squares + found["detractors"], POINTS
    if isinstance(total, Count) and isinstance(n, Count):
        between = counts.spread(total, n)
        return None if between is None else math.sqrt(between[0]) * scale
    if n < 2:
        return None
    return math.sqrt((n * squares - total * total) / (n * n * (n - 1))) * scale


def _headline(
    name: str, found: Mapping[int, Counts], spans: Sequence[tuple[int, int]],
    settings: FeedbackSettings, context: Context,
) -> Headline:  # fmt: skip
    values = [scored(name, found.get(end - 1)) for _, end in spans]
    before = values[-2] if len(values) > 1 else None
    change = share_difference if name == "csat" else difference
    return Headline(
        f"{name.upper()}, {settings.window} days", values[-1],
        "points" if name == "nps" else "share", context.day_label(spans[-1][1] - 1),
        change(values[-1], before), tuple(v.value for v in values),
    )  # fmt: skip


_COLUMNS = {
    "nps": (
        Column("respondents", "Respondents", "users"),
        Column("promoters", "Promoters", "share", ("promoters", "respondents")),
        Column("detractors", "Detractors", "share", ("detractors", "respondents")),
        Column("nps", "NPS", "points"),
        Column("se", "Std. error", "points"),
    ),
    "csat": (
        Column("respondents", "Respondents", "users"),
        Column("csat", "Satisfied", "share", ("satisfied", "respondents")),
        Column("se", "Std. error", "share"),
    ),
}


def _trend(
    name: str, found: Mapping[int, Counts], spans: Sequence[tuple[int, int]], context: Context
) -> Table:
    lines: list[Row] = []
    for _, end in spans:
        one = found.get(end - 1) or dict.fromkeys(MEASURES[name], 0)
        line: dict[str, Cell] = {
            "period": context.day_label(end - 1), "respondents": one["respondents"],
            name: scored(name, one), "se": _error(name, one),
        }  # fmt: skip
        if name == "nps":
            for part in ("promoters", "detractors"):
                line[part] = share(one[part], one["respondents"])
        lines.append(line)
    columns = (Column("period", "Window to", "date"), *_COLUMNS[name])
    return Table(name, f"{name.upper()} by window", columns, tuple(lines))


def _score_table(tally: pl.DataFrame, settings: FeedbackSettings) -> Table:
    found = cells(tally, ["item", "step"])
    lines: list[Row] = []
    for name in settings.questions:
        low, high = SCALES[name]
        given = [found.get((name, k), {"respondents": 0})["respondents"] for k in range(high + 1)]
        for score in range(low, high + 1):
            lines.append(
                {"item": name, "step": score, "respondents": share(given[score], sum(given))}
            )
    columns = (
        Column("item", "Question", "text"),
        Column("step", "Answer"),
        Column("respondents", "Respondents", "share"),
    )
    return Table("scores", "Answers of the last window", columns, tuple(lines))


def _group_table(tallies: Tallies, last: int, settings: FeedbackSettings) -> Table:
    """Those who have adopted against those who have not, and the engaged against the others."""
    now = {n: tallies[n].filter(pl.col("period") == last) for n in settings.questions}
    lines: list[Row] = []
    for trait in ("adopted", "engaged"):
        if all(part[trait].is_null().all() for part in now.values()):
            continue
        by = {name: cells(_sum(part, name, [trait]), [trait]) for name, part in now.items()}
        for value, words in ((True, trait), (False, f"not {trait}")):
            for name, found in by.items():
                one = found.get(value)
                line: Row = {"step": name, "item": words, name: scored(name, one)}
                lines.append({**line, "respondents": one["respondents"] if one else 0})
    shown = [c for name in settings.questions for c in _COLUMNS[name] if c.name == name]
    columns = (
        Column("step", "Question", "text"),
        Column("item", "Who", "text"),
        Column("respondents", "Respondents", "users"),
        *(replace(column, of=None) for column in shown),
    )
    return Table("groups", "By adoption and engagement, last window", columns, tuple(lines))


def _response_tables(tallies: Tallies, settings: FeedbackSettings) -> tuple[Table, ...]:
    """Of those who were asked, also where nobody has answered."""
    if not settings.asked:
        return ()
    found = totals(tallies["response"])
    rate = share(found.get("answered", 0), found.get("asked", 0))
    columns = (Column("rate", "Of those asked", "share", ("answered", "asked")),)
    return (Table("response", "Response rate, last window", columns, ({"rate": rate},)),)


METRIC = register(
    Metric(
        id="feedback",
        title="Feedback",
        section="engagement",
        order=9,
        settings=FeedbackSettings,
        definition=__doc__,
        rows=rows,
        result=result,
        keys={
            "nps": ("period", "adopted", "engaged"),
            "csat": ("period", "adopted", "engaged"),
            "scores": ("item", "step"),
            "response": (),
            "unusable": (),
        },
        uses=("activation",),
        missing=missing,
        plain=frozenset({"unusable"}),
    )
)
