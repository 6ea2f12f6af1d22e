"""Feedback: what people say when they are asked, as NPS and CSAT.

Formula: NPS = 100 × (promoters − detractors) ÷ respondents; CSAT = satisfied ÷ respondents.
Numerator: promoters answered 9 or 10, detractors 0 to 6, of 0 to 10; satisfied 4 or 5, of 1 to 5.
Denominator: respondents: people with an answer in the window. Their latest counts; of several at
that instant the lowest.
Window: trailing `window` days, back from the end of the days shown.
Left out: answers that are no number, or none of the scale; they are counted. Where actors are
accounts, each member is a respondent.
By adopted: activated by the end of the window; by engaged: active on `engaged` of its days or more.
Response rate: those asked in the window (`asked`) who then answered in it ÷ those asked.
Textbook: NPS = % promoters − % detractors; CSAT where only that is asked.
"""

from __future__ import annotations

import polars as pl
from pydantic import Field

from adoptcli.context import Context
from adoptcli.definitions import Answer, Days, Definitions, EventRefs
from adoptcli.metrics._answers import SCALES, counted, latest_answers, on_scale, scored
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._shared import (
    activated,
    cells,
    difference,
    not_full,
    share,
    share_difference,
    small,
    totals,
    unseen,
    windows,
)
from adoptcli.results import Caveat, Column, Estimate, Headline, Result, Row, Table, Textbook
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
    """`answers`: each respondent's latest of each window; `asked`; `unusable`."""
    spans = windows(context, settings.window, MOST)
    latest = {
        name: latest_answers(timeline, answer, name, settings, context, len(spans))
        for name, answer in settings.questions.items()
    }
    told = [
        found.with_columns(item=pl.lit(name), **counted(name)) for name, found in latest.items()
    ]
    answers = pl.concat(told).join(_groups(timeline, settings, context).lazy(), on="actor")
    keep = ("actor", "period", "item", "adopted", "engaged")
    return {
        "answers": answers.select(*keep, "respondents", "good", "bad", "balance"),
        "scores": answers.filter(pl.col("period") == context.end_day - 1).select(
            "actor", "item", step=pl.col("value") // SCALE, respondents=pl.lit(1)
        ),
        "asked": _asked(timeline, settings, context),
        "unusable": _unusable(timeline, settings),
    }


def _groups(timeline: Timeline, settings: FeedbackSettings, context: Context) -> pl.DataFrame:
    """actor, adopted (or null where nothing says what that is) and engaged, in the last window."""
    first = context.end_day - settings.window
    day = pl.col("day")
    often = timeline.days.filter((day >= first) & (day < context.end_day)).group_by("actor").len()
    found = timeline.actors.select("actor").join(often, on="actor", how="left")
    found = found.with_columns(engaged=pl.col("len").fill_null(0) >= settings.engaged).drop("len")
    if context.settings.get("activation") is None:
        return found.with_columns(adopted=pl.lit(None, dtype=pl.Boolean))
    end = context.calendar.midnight(context.end_day)
    arrived = (pl.col("activated_at") < end).fill_null(False)
    people = activated(timeline, context).select("actor", adopted=arrived)
    return found.join(people, on="actor", how="left")


def _asked(timeline: Timeline, settings: FeedbackSettings, context: Context) -> pl.LazyFrame:
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
    found = cells(_sum(tallies["answers"]), ["item", "period"])
    last = context.end_day - 1
    heads = [_headline(name, found, spans, settings, context) for name in settings.questions]
    caveats = [*not_full(context, settings.window), *unseen(settings.questions.values(), context)]
    if bad := totals(tallies["unusable"]).get("unusable"):
        caveats.append(Caveat("answers-unusable", "answers that are no number of the scale", bad))
    if not any(counts["respondents"] for counts in found.values()):
        return Result(
            None, None, (), tuple(caveats), status="not_evaluable",
            reason="nobody has answered in the window",
        )  # fmt: skip
    caveats += small(heads[0].estimate.denominator, "respondents")
    tables = [
        *(_trend(name, found, spans, context) for name in settings.questions),
        _score_table(tallies["scores"], settings),
        _group_table(tallies["answers"], last, settings),
    ]
    if settings.asked:
        tables.append(_response_table(totals(tallies["asked"])))
    name = next(iter(settings.questions))
    book = heads[0].estimate
    formula = "% promoters − % detractors" if name == "nps" else "share of 4 and 5"
    textbook = Textbook(book.value, book.numerator, book.denominator, formula, heads[0].unit)
    return Result(heads[0], textbook, tuple(tables), tuple(caveats), tuple(heads[1:]))


def _sum(answers: pl.DataFrame) -> pl.DataFrame:
    """Without adopted and engaged."""
    keys = [k for k in ("item", "period", "group") if k in answers.columns]
    return answers.drop("adopted", "engaged").group_by(keys).agg(pl.all().sum())


Found = dict[tuple[str, int], dict[str, int]]


def _headline(
    name: str, found: Found, spans: list[tuple[int, int]], settings: FeedbackSettings,
    context: Context,
) -> Headline:  # fmt: skip
    values = [scored(name, found.get((name, end - 1))) for _, end in spans]
    before = values[-2] if len(values) > 1 else None
    change = difference(values[-1], before)
    if name == "csat":
        change = share_difference(values[-1], before)
    elif change is not None:  # points, as the value
        change = Estimate(change.value)
    return Headline(
        f"{name.upper()}, {settings.window} days", values[-1],
        "points" if name == "nps" else "share", context.day_label(spans[-1][1] - 1), change,
        tuple(v.value for v in values),
    )  # fmt: skip


def _columns(name: str) -> tuple[Column, ...]:
    if name == "csat":
        return (
            Column("respondents", "Respondents", "users"),
            Column("csat", "Satisfied", "share", ("good", "respondents")),
        )
    return (
        Column("respondents", "Respondents", "users"),
        Column("promoters", "Promoters", "share", ("good", "respondents")),
        Column("detractors", "Detractors", "share", ("bad", "respondents")),
        Column("nps", "NPS", "points"),
    )


def _measures(name: str, counts: dict[str, int] | None) -> Row:
    c = counts or dict.fromkeys(("respondents", "good", "bad", "balance"), 0)
    if name == "csat":
        return {"respondents": c["respondents"], "csat": scored(name, c)}
    return {
        "respondents": c["respondents"],
        "promoters": share(c["good"], c["respondents"]),
        "detractors": share(c["bad"], c["respondents"]),
        "nps": scored(name, c),
    }


def _trend(name: str, found: Found, spans: list[tuple[int, int]], context: Context) -> Table:
    lines = tuple(
        {"period": context.day_label(end - 1), **_measures(name, found.get((name, end - 1)))}
        for _, end in spans
    )
    columns = (Column("period", "Window to", "date"), *_columns(name))
    return Table(name, f"{name.upper()} by window", columns, lines)


def _score_table(tally: pl.DataFrame, settings: FeedbackSettings) -> Table:
    found = cells(tally, ["item", "step"])
    lines: list[Row] = []
    for name in settings.questions:
        low, high = SCALES[name]
        total = sum(found.get((name, k), {"respondents": 0})["respondents"] for k in range(11))
        for score in range(low, high + 1):
            n = found.get((name, score), {"respondents": 0})["respondents"]
            lines.append({"item": name, "step": score, "respondents": share(n, total)})
    columns = (
        Column("item", "Question", "text"),
        Column("step", "Answer"),
        Column("respondents", "Respondents", "share"),
    )
    return Table("scores", "Answers of the last window", columns, tuple(lines))


def _group_table(answers: pl.DataFrame, last: int, settings: FeedbackSettings) -> Table:
    """Those who have adopted against those who have not, and the engaged against the others."""
    lines: list[Row] = []
    now = answers.filter(pl.col("period") == last)
    for name in settings.questions:
        for trait in ("adopted", "engaged"):
            for value, words in ((True, trait), (False, f"not {trait}")):
                part = now.filter((pl.col(trait) == value) & (pl.col("item") == name))
                counts = cells(_sum(part), ["item", "period"]).get((name, last))
                if trait == "adopted" and not now["adopted"].drop_nulls().len():
                    continue
                n = (counts or {"respondents": 0})["respondents"]
                line: Row = {"item": words, "step": name, "respondents": n}
                lines.append({**line, "value": scored(name, counts)})
    columns = (
        Column("step", "Question", "text"),
        Column("item", "Who", "text"),
        Column("respondents", "Respondents", "users"),
        Column("value", "NPS or CSAT", "number"),
    )
    return Table("groups", "By adoption and engagement", columns, tuple(lines))


def _response_table(asked: dict[str, int]) -> Table:
    rate = share(asked.get("answered", 0), asked.get("asked", 0))
    columns = (Column("rate", "Of those asked", "share", ("answered", "asked")),)
    return Table("response", "Response rate", columns, ({"rate": rate},))


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
            "answers": ("period", "item", "adopted", "engaged"),
            "scores": ("item", "step"),
            "asked": (),
            "unusable": (),
        },
        missing=missing,
        plain=frozenset({"unusable"}),
    )
)
