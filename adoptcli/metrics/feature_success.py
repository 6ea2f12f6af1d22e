"""Feature success: who uses a feature, how often, whether they come back to it, and what they say.

Formula: retention = users of the window before who used it again in this one ÷ users of the window
before.
Numerator: those of the denominator with a use in this window. Denominator: actors that can have the
feature (`eligible`) with a use since its launch in the window before.
Window: trailing windows of `window` days, back from the end of the days shown.
Users: actors with a use in the window. Uses per day: uses ÷ days of the window on which the feature
was there.
NPS and CSAT: as in `feedback`, whose section they need: the latest answers of its last window, by
respondents who used the feature in this metric's last window, and by the others who can have it.
Before and after: mean active days of each in the `around` days before and after `launched_at`, of
those who can have the feature and were there before the first of them: of its users, who used it in
the days after, and of the others. Only where the data hold these days, up to the last that is
shown. It is not a causal effect: those who take a feature up differ from those who do not, and
using it is activity itself.
Headline: the retention of the newest launched feature; without a launch of the first core feature,
else of the first that the YAML names.
Left out: uses before the launch, or by actors who cannot have the feature.
Textbook: users who used it again in the next period ÷ users, which is the headline too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import polars as pl
from pydantic import Field

from adoptcli.context import Context
from adoptcli.definitions import Days, Definitions
from adoptcli.metrics._answers import MEASURES, counted, latest_answers, scored
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._features import (
    FEATURE,
    counted_days,
    days_there,
    in_windows,
    launch_day,
    of_able,
)
from adoptcli.metrics._launch import (
    WHO,
    Around,
    around_rows,
    around_table,
    change,
    has_around,
    of_who,
)
from adoptcli.metrics._shared import (
    cells,
    not_full,
    ratio,
    share,
    share_difference,
    small,
    unseen,
    windows,
)
from adoptcli.results import Caveat, Column, Estimate, Headline, Result, Row, Table, Textbook, Unit
from adoptcli.timeline import Timeline
from adoptcli.timeline.runs import runs

if TYPE_CHECKING:
    from adoptcli.metrics.feedback import FeedbackSettings

MOST = 6
UNITS: dict[str, Unit] = {"nps": "points", "csat": "share"}


class FeatureSuccessSettings(Settings):
    """The window, and how long before and after the launch is compared."""

    window: Days = Field(30, description="Days of the trailing window.")
    around: Days = Field(28, description="Days before and after the launch that are compared.")


def missing(settings: FeatureSuccessSettings, definitions: Definitions) -> str | None:
    """The key to add."""
    return None if definitions.features else "add 'features: {NAME: [EVENT, …]}' to the YAML"


def rows(timeline: Timeline, settings: FeatureSuccessSettings, context: Context) -> Rows:
    """`windows`: users and who came back; `answers`; `around` the launch."""
    spans = windows(context, settings.window, MOST)
    count = len(spans) + (spans[-1][0] - settings.window >= context.first_day)  # one before them
    used = counted_days(timeline, context).select("item", "actor", "day", "times")
    days = in_windows(used, context, settings.window, count)
    keys = ["item", "actor", "period"]
    uses = runs(days.select(*keys, uses="times"), keys, sums=["uses"]).drop("length")
    last = uses.filter(pl.col("period") == context.end_day - 1)
    return {
        "windows": _window_rows(uses, settings.window, context).filter(
            pl.col("period") >= spans[-1][1] - 1
        ),
        "answers": _answer_rows(timeline, last, context),
        "around": around_rows(timeline, settings.around, context),
    }


def _window_rows(uses: pl.DataFrame, length: int, context: Context) -> pl.LazyFrame:
    """Each user in its window, and again in the next as one who was there before."""
    then = pl.col("period").shift(-1)
    same = pl.all_horizontal(pl.col(k) == pl.col(k).shift(-1) for k in ("item", "actor"))
    again = (same & (then == pl.col("period") + length)).fill_null(False)
    before = uses.with_columns(again=again.cast(pl.Int64)).lazy()
    return pl.concat(
        [
            uses.lazy().with_columns(users=pl.lit(1)),
            before.select(
                "item", "actor", pl.col("period") + length, before=pl.lit(1), came_back="again"
            ).filter(pl.col("period") < context.end_day),
        ],
        how="diagonal_relaxed",
    )


def _questions(context: Context) -> list[str]:
    feedback = context.settings.get("feedback")
    return list(feedback.questions) if feedback else []


_NO_ANSWERS = pl.DataFrame(
    schema={
        "actor": pl.UInt32, "item": pl.Int64, "step": pl.String, "used": pl.Boolean,
        **dict.fromkeys(("respondents", "promoters", "detractors", "satisfied"), pl.Int64),
    }
)  # fmt: skip


def _answer_rows(timeline: Timeline, last: pl.DataFrame, context: Context) -> pl.LazyFrame:
    """The latest answer of each respondent who can have a feature, and whether it used that."""
    parts, feedback = [_NO_ANSWERS], cast("FeedbackSettings", context.settings.get("feedback"))
    for name in _questions(context):
        answer = feedback.questions[name]
        found = latest_answers(timeline, answer, name, feedback, context, 1).collect()
        for i, feature in enumerate(context.definitions.features.values()):
            users = last.filter(pl.col("item") == i)["actor"].implode()
            told = of_able(found, timeline, feature).with_columns(
                *counted(name), item=pl.lit(i, dtype=pl.Int64), step=pl.lit(name),
                used=pl.col("actor").is_in(users),
            )  # fmt: skip
            parts.append(told.select("actor", "item", "step", "used", *MEASURES[name]))
    return pl.concat(parts, how="diagonal").lazy()


Counts = dict[str, int]
Windows = dict[tuple[int, int], Counts]
Answers = dict[tuple[int, str, bool], Counts]


def result(tallies: Tallies, settings: FeatureSuccessSettings, context: Context) -> Result:
    """Each feature's five numbers, their trend, and before and after the launch."""
    spans = list(reversed(windows(context, settings.window, MOST)))
    found: Windows = cells(tallies["windows"], ["period", "item"])
    answers: Answers = cells(tallies["answers"], ["item", "step", "used"])
    around: Around = cells(tallies["around"], ["item", "step"])
    caveats = _caveats(settings, context)
    if not found:
        return Result(
            None, None, (), caveats, status="not_evaluable",
            reason="nobody has used a feature that they can have",
        )  # fmt: skip
    headline, also = _lines(found, answers, around, spans, settings, context)
    caveats += small(headline.estimate.denominator, "users of the window before")
    book, formula = headline.estimate, "users who used it again in the next period ÷ users"
    textbook = Textbook(book.value, book.numerator, book.denominator, formula)
    tables = (
        _feature_table(found, answers, spans, settings, context),
        *_satisfaction(answers, context),
        *around_table(around, settings.around, context),
        _trend(found, spans, context),
    )
    return Result(headline, textbook, tables, caveats, also)


def _caveats(settings: FeatureSuccessSettings, context: Context) -> tuple[Caveat, ...]:
    found = [*not_full(context, settings.window)]
    for feature in context.definitions.features.values():
        found += unseen(feature.events, context)
    if not _questions(context):
        text = "NPS and CSAT of its users are missing: add 'feedback: {nps: …}' to the YAML"
        found.append(Caveat("feedback-not-configured", text))
    return tuple(dict.fromkeys(found))


def _subject(context: Context) -> int:
    """The feature that the headline is about, whatever the data: see the definition."""
    features = list(context.definitions.features.values())
    launched = [
        (launch_day(feature, context), -i)
        for i, feature in enumerate(features)
        if feature.launched_at and launch_day(feature, context) < context.end_day
    ]
    if launched:
        return -max(launched)[1]
    return next((i for i, feature in enumerate(features) if feature.core), 0)


def _cell(found: Windows, period: int, item: int) -> Counts:
    names = ("users", "uses", "before", "came_back")
    return {name: found.get((period, item), {}).get(name) or 0 for name in names}


def _retention(found: Windows, period: int, item: int) -> Estimate:
    c = _cell(found, period, item)
    return share(c["came_back"], c["before"])


def _lines(
    found: Windows, answers: Answers, around: Around, spans: list[tuple[int, int]],
    settings: FeatureSuccessSettings, context: Context,
) -> tuple[Headline, tuple[Headline, ...]]:  # fmt: skip
    """The headline, and of the same feature its users, what they say, before and after."""
    i = _subject(context)
    name = list(context.definitions.features)[i]
    when = f"{settings.window} d to {context.day_label(spans[-1][1] - 1)}"
    kept = [_retention(found, end - 1, i) for _, end in spans]
    before = kept[-2] if len(kept) > 1 else None
    empty = "nobody used it in" if before else "the data do not hold"
    note = "" if kept[-1].value is not None else f"{empty} the window before"
    headline = Headline(
        f"{name}: users who used it again", kept[-1], "share", when,
        share_difference(kept[-1], before), tuple(e.value for e in kept), note,
    )  # fmt: skip
    users = [_cell(found, end - 1, i)["users"] for _, end in spans]
    moved = Estimate(users[-1] - users[-2]) if len(users) > 1 else None
    also = [Headline(f"{name}: users", Estimate(users[-1]), "users", when, moved, tuple(users))]
    for question in _questions(context)[:1]:
        value = scored(question, answers.get((i, question, True)))
        title = f"{name}: {question.upper()} of its users"
        also.append(Headline(title, value, UNITS[question], when))
    if has_around(list(context.definitions.features.values())[i], settings.around, context):
        title = f"{name}: active days of its users, after − before (no causal claim)"
        also.append(Headline(title, change(of_who(around, i, (0,))), "number", when))
    return headline, tuple(also)


def _feature_table(
    found: Windows, answers: Answers, spans: list[tuple[int, int]],
    settings: FeatureSuccessSettings, context: Context,
) -> Table:  # fmt: skip
    lines: list[Row] = []
    begin, end = spans[-1]
    for i, (name, feature) in enumerate(context.definitions.features.items()):
        c = _cell(found, end - 1, i)
        line: dict[str, int | Estimate | str | None] = {
            "item": name,
            "users": c["users"],
            "uses_per_day": ratio(c["uses"], days_there(feature, context, begin, end)),
            "retention": share(c["came_back"], c["before"]),
        }
        for question in _questions(context):
            line[question] = scored(question, answers.get((i, question, True)))
        lines.append(line)
    columns = (
        FEATURE,
        Column("users", "Users", "users"),
        Column("uses_per_day", "Uses per day"),
        Column("retention", "Used it again", "share", ("came_back", "before")),
        *(Column(q, f"{q.upper()} of its users", UNITS[q]) for q in _questions(context)),
    )
    return Table("features", f"By feature, {settings.window} days", columns, tuple(lines))


def _satisfaction(answers: Answers, context: Context) -> tuple[Table, ...]:
    """What users of each feature say, and what the others say who can have it."""
    questions = _questions(context)
    if not questions:
        return ()
    lines: list[Row] = [
        {
            "item": name,
            **{q: scored(q, answers.get((i, q, True))) for q in questions},
            **{f"{q}_others": scored(q, answers.get((i, q, False))) for q in questions},
        }
        for i, name in enumerate(context.definitions.features)
    ]
    pairs = [
        (Column(q, f"{q.upper()} of its users", UNITS[q]),
         Column(f"{q}_others", f"{q.upper()} of the others", UNITS[q]))
        for q in questions
    ]  # fmt: skip
    columns = (FEATURE, *(column for pair in pairs for column in pair))
    return (Table("satisfaction", "What users and others say", columns, tuple(lines)),)


def _trend(found: Windows, spans: list[tuple[int, int]], context: Context) -> Table:
    lines: list[Row] = []
    for begin, end in spans:
        for i, (name, feature) in enumerate(context.definitions.features.items()):
            c = _cell(found, end - 1, i)
            lines.append(
                {
                    "period": context.day_label(end - 1),
                    "item": name,
                    "users": c["users"],
                    "uses_per_day": ratio(c["uses"], days_there(feature, context, begin, end)),
                    "retention": share(c["came_back"], c["before"]),
                }
            )
    columns = (
        Column("period", "Window to", "date"),
        FEATURE,
        Column("users", "Users", "users"),
        Column("uses_per_day", "Uses per day"),
        Column("retention", "Used it again", "share", ("came_back", "before")),
    )
    return Table("trend", "By window", columns, tuple(lines))


METRIC = register(
    Metric(
        id="feature_success",
        title="Feature success",
        section="adoption",
        order=6,
        settings=FeatureSuccessSettings,
        definition=__doc__,
        rows=rows,
        result=result,
        uses=("feedback",),
        names=lambda settings, context: {
            "item": [*context.definitions.features],
            "step": WHO,
        },
        keys={
            "windows": ("period", "item"),
            "answers": ("item", "step", "used"),
            "around": ("item", "step"),
        },
        missing=missing,
        features=True,
    )
)
