"""Drivers: which behaviours of the first days go with staying, with a purchase, with satisfaction.

Formula: share with the outcome of those who did it − share of those who did not, at the same volume
of everything else (Mantel–Haenszel), for every event of the log and every event of the YAML's own.
Numerator: of either side, those with the outcome. Denominator: all of that side.
Population: actors whose sign-up t0 is known, lies in the data and days shown, t0 + until ≤ as-of.
Window: the exposure, t0 ≤ t < t0 + exposure, in which somebody did it if at least so many times (1
to 10); then the outcome's span. Both are elapsed time; a day is 86,400 s.
Outcome, in t0 + after ≤ t < t0 + until: `retention`: an event of `active_events`; `purchase`: the
first `purchase`, or the first of other `events`; `satisfaction`: the latest answer to a question of
`feedback` (of several at that instant the lowest; of an account the mean of its members' latest) is
`at_least` so high, among those who answered. Without `after` it is 28 days for retention, otherwise
the end of the exposure. The exposure is over before the outcome begins, and is as long for all.
Left out: actors without a known start or from before the data, those not old enough, those who had
bought before the outcome's span, those who gave no answer; each counted. Events that nobody did.
Threshold: the one that tells best on one half of the actors (Mantel–Haenszel chi-square, `fewest`
on each side); all that is told is counted on the other half. The halves are by a hash of the id.
An event that tells no more there than chance does (chi-square below 1) is not tested on the other.
Adjusted: within buckets ⌊4·log2(1 + n)⌋ of the number n of other events in the exposure, in periods
of sign-up: weeks in a row, as many as hold 8·`fewest` and an eighth of all. Whoever never did it
is not looked at: those who did are taken from all who have as many events.
Interval: Newcombe's of the difference, Sato's of the adjusted one, the test is Cochran–Mantel–
Haenszel's; where users sit in accounts all are by the jackknife over groups of accounts. q is
Benjamini–Hochberg's over all events that are tested and neither structural nor rare: no outcome of
those who are counted decides which these are.
Not adjusted for: what no count shows, such as wanting the product more; a trend over cohorts where
there are too few for two periods; leaving within the exposure, which leaves less time to do things.
Flags: `structural`: part of what this outcome or the sign-up is (an event of the purchase, the
question's answer, the only one of `active_events`); `near-universal`: more than 90 % did it;
`rare`: under 5 %, or fewer than `fewest` on a side; not judged; `volume`: the plain difference is
clear, the adjusted one is not.
Order: by the lower limit of the adjusted difference × the share that did not do it, flagged last.
Headline: the first without flag whose adjusted difference is above 0 and whose q is at most 5 %.
It goes with the outcome; whether it causes it, only an experiment can tell.
Textbook: the plain difference of the same event.
Source: N. Mantel, W. Haenszel 1959; T. Sato 1989; Y. Benjamini, Y. Hochberg 1995.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from adoptcli.context import Context
from adoptcli.definitions import (
    Answer,
    Definitions,
    Duration,
    EventRef,
    EventRefs,
    Model,
)
from adoptcli.metrics._answers import SCALES
from adoptcli.metrics._association import (
    by_period,
    chosen,
    periods,
    sides_of,
)
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._driver_tables import (
    RARE,
    WORDS,
    Driver,
    alike,
    counted,
    event_table,
    fair,
    half_of_them,
    measure_table,
    people_table,
    with_q,
)
from adoptcli.metrics._exposure import candidates, exposed, sides, tables
from adoptcli.metrics._shared import (
    small,
    start_caveats,
    totals,
    unseen,
)
from adoptcli.results import Caveat, Estimate, Headline, Result, Textbook
from adoptcli.timeframe import DAY_MS
from adoptcli.timeline import Timeline

GOOD = {"nps": 9, "csat": 4}
STRATA = ("half", "week", "volume")


class Outcome(Model):
    """What became of actors later."""

    kind: Literal["retention", "purchase", "satisfaction"] = Field(
        "retention", description="Active again, a first purchase, or a good answer."
    )
    events: EventRefs | None = Field(
        None, description="Of a purchase: the events; default: `purchase`."
    )
    question: Literal["nps", "csat"] | None = Field(
        None, description="Of satisfaction: which of `feedback`; default: the first that is asked."
    )
    at_least: int | None = Field(
        None, description="Of satisfaction: the lowest good answer; default 9 of NPS, 4 of CSAT."
    )
    after: Duration | None = Field(
        None, description="Its span begins; default 28d of retention, else the exposure's end."
    )
    until: Duration = Field(56 * DAY_MS, description="Its span ends, since sign-up.")

    def least(self, question: str) -> int:
        """The lowest answer that is good."""
        return GOOD[question] if self.at_least is None else self.at_least

    @model_validator(mode="before")
    @classmethod
    def _from_kind(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.events is not None and self.kind != "purchase":
            raise ValueError("'events' goes with 'kind: purchase'")
        if self.kind != "satisfaction" and (self.question or self.at_least is not None):
            raise ValueError("'question' and 'at_least' go with 'kind: satisfaction'")
        low, high = SCALES[self.question or "nps"]
        if self.at_least is not None and not low < self.at_least <= high:
            raise ValueError(f"'at_least' must be from {low + 1} to {high}")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        """Its kind alone is as good as a mapping."""
        schema = handler(core)
        kind = handler.resolve_ref_schema(schema)["properties"]["kind"]
        return {"anyOf": [{"enum": kind["enum"]}, schema]}


class DriversSettings(Settings):
    """What is looked at, and what it should go with."""

    exposure: Duration = Field(7 * DAY_MS, description="First days, in which something was done.")
    outcome: Outcome = Field(
        Outcome(), description="What it should go with: retention, purchase or satisfaction."
    )
    fewest: int = Field(30, ge=1, description="Actors needed on each side of a threshold.")

    @property
    def span(self) -> tuple[int, int]:
        """When the outcome counts, in ms since sign-up, half-open."""
        usual = max(28 * DAY_MS, self.exposure) if self.outcome.kind == "retention" else 0
        return self.outcome.after or usual or self.exposure, self.outcome.until

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        after, until = self.span
        if after < self.exposure:
            raise ValueError("the outcome begins ('after') before the 'exposure' is over")
        if until <= after:
            raise ValueError("the outcome's 'until' is not later than its 'after'")
        return self

    def events(self, context: Context) -> list[EventRef]:
        """The events of a purchase."""
        return [*(self.outcome.events or context.definitions.purchase or ())]

    def question(self, context: Context) -> tuple[str, Answer]:
        """The question that is asked, by name."""
        questions: dict[str, Answer] = context.settings["feedback"].questions
        name: str = self.outcome.question or next(iter(questions))
        return name, questions[name]

    def words(self, context: Context) -> str:
        """The outcome, and its span."""
        after, until = (f"{ms / DAY_MS:g}" for ms in self.span)
        kind = self.outcome.kind
        if kind == "retention":
            what = "active"
        elif kind == "purchase":
            what = f"first {' or '.join(map(str, self.events(context)))}"
        else:
            name, _ = self.question(context)
            what = f"{name.upper()} of {self.outcome.least(name)} or more"
        return f"{what} in days {after} to {until}"


def missing(settings: DriversSettings, definitions: Definitions) -> str | None:
    """The key to add."""
    outcome = settings.outcome
    if outcome.kind == "purchase" and not (outcome.events or definitions.purchase):
        return "add 'purchase: EVENT' to the YAML"
    if outcome.kind == "satisfaction":
        asked = getattr(getattr(definitions, "feedback", None), "questions", {})
        name = outcome.question or "nps"
        if not asked or (outcome.question and name not in asked):
            return f"add 'feedback: {{{name}: {{event: EVENT, score: PROPERTY}}}}' to the YAML"
    return None


def tally(timeline: Timeline, settings: DriversSettings, context: Context) -> Rows:
    """`did`: who did what, how often; `people`: everybody once; `left_out`."""
    return tables(exposed(timeline, settings, context), timeline, context)


def rows(timeline: Timeline, settings: DriversSettings, context: Context) -> Rows:
    """Beside what is added up `events`: on which side of each threshold everybody is."""
    found = exposed(timeline, settings, context)
    return {**tables(found, timeline, context), "events": sides(found, context)}


def structural(settings: DriversSettings, context: Context) -> set[int]:
    """The codes of events that are part of the outcome, or that everybody must do."""
    d, kind = context.definitions, settings.outcome.kind
    refs = [d.signup] if isinstance(d.signup, EventRef) else []
    if kind == "purchase":
        refs += settings.events(context)
    if kind == "satisfaction":
        refs.append(settings.question(context)[1])
    if kind == "retention" and d.active_events and len(d.active_events) == 1:
        refs += d.active_events
    return set(context.vocabulary.codes(refs))


def result(tallies: Tallies, settings: DriversSettings, context: Context) -> Result:
    """Every behaviour against the outcome, the best first."""
    left = totals(tallies["left_out"])
    everyone = {"actors": 0, "outcome": 0} | totals(tallies["people"].drop(STRATA))
    caveats = (*start_caveats(left), *_caveats(left, settings, context))
    words = settings.words(context)
    looked_at = people_table(tallies, everyone, left, words)
    if reason := _reason(everyone, settings, context):
        return Result(None, None, (looked_at,), caveats, status="not_evaluable", reason=reason)
    of_week = periods(tallies["people"], settings.fewest)
    found = _drivers(tallies, of_week, settings, context)
    best = next((d for d in found if not d.flags and d.verdict == 1), None)
    people = int(totals(half_of_them(tallies["people"], 1)).get("actors", 0))
    caveats = (
        *caveats,
        *small(people, "users behind the counts"),
        *_not_told(found, of_week, settings),
    )
    return Result(
        _headline(best, found, words, alike(of_week), settings),
        _textbook(best or next(iter(found), None)),
        (
            event_table(found, words, settings),
            measure_table(found, words),
            looked_at,
        ),
        caveats,
        _also(best, found, words),
    )


def _reason(everyone: Mapping[str, int], settings: DriversSettings, context: Context) -> str | None:
    """Why nothing can be said."""
    actors, outcome = everyone["actors"], everyone["outcome"]
    until = f"{settings.span[1] / DAY_MS:g} d"
    if not actors:
        return f"nobody whose sign-up is known has had {until} since then and can be judged"
    if outcome in (0, actors):
        who = "everybody" if outcome else "nobody"
        return f"{who} has the outcome ({settings.words(context)}), so that nothing can go with it"
    return None


def _drivers(
    tallies: Tallies, of_week: Mapping[int, int], settings: DriversSettings, context: Context
) -> list[Driver]:
    """Every behaviour that somebody showed: chosen on one half, counted on the other; in order."""
    known, fewest = [*candidates(context).items()], settings.fewest
    fixed = structural(settings, context)
    both = [by_period(tallies[name], of_week) for name in ("did", "people")]
    first, second = ([half_of_them(frame, half) for frame in both] for half in (0, 1))
    tried = {k: chosen(sides, fewest) for k, sides in sides_of(*first, grouped=False).items()}
    found = []
    for item, told in sides_of(*second, grouped=True).items():
        name, codes = known[item]
        times, telling = tried.get(item, (1, False))
        by_definition = not fixed.isdisjoint(codes)
        found.append(counted(name, times, told.cells(times), by_definition, telling, fewest))
    return sorted(with_q(found), key=lambda d: d.place)


def _headline(
    best: Driver | None, found: Sequence[Driver], words: str, alike: str, settings: DriversSettings
) -> Headline:
    goes, days = WORDS[settings.outcome.kind][0], f"{settings.exposure / DAY_MS:g}"
    if best is None:
        unflagged = any(not d.flags for d in found)
        why = f"differs clearly {alike}" if unflagged else "is without flag"
        return Headline(f"Goes with {goes}: none", Estimate(None), "pp", note=f"no event {why}")
    note = (
        f"{words}: who did it in the first {days} days less who did not, {alike}; "
        "no proof that it is the cause"
    )
    return Headline(f"Goes with {goes}: {best.label}", fair(best.adjusted), "pp", note=note)


def _textbook(best: Driver | None) -> Textbook | None:
    if best is None or best.difference is None:
        return None
    formula = f"{best.label}: share of those who did it − share of those who did not"
    return Textbook(best.difference.value, None, None, formula, "pp")


def _also(best: Driver | None, found: Sequence[Driver], words: str) -> tuple[Headline, ...]:
    """Both sides of the best and what comes next; without any, what comes nearest."""
    others = [d for d in found if not d.flags and d is not best]
    if best is None:
        return tuple(Headline(f"nearest: {d.label}", fair(d.adjusted), "pp") for d in others[:1])
    others = [d for d in others if d.verdict == 1]
    return (
        Headline(f"of those who did it, {words}", best.did, "share"),
        Headline(f"of those who did not, {words}", best.did_not, "share"),
        *(Headline(f"next: {d.label}", fair(d.adjusted), "pp") for d in others[:1]),
    )


def _caveats(
    left: Mapping[str, int], settings: DriversSettings, context: Context
) -> tuple[Caveat, ...]:
    found = []
    if left.get("already"):
        text = "users who had bought before the outcome's span began, left out"
        found.append(Caveat("outcome-before", text, left["already"]))
    if left.get("silent"):
        text = "users who gave no answer in the outcome's span, left out"
        found.append(Caveat("no-answer", text, left["silent"]))
    refs: list[EventRef] = settings.events(context) if settings.outcome.kind == "purchase" else []
    if settings.outcome.kind == "satisfaction":
        refs = [settings.question(context)[1]]
    return (*found, *unseen(refs, context))


def _not_told(
    found: Sequence[Driver], of_week: Mapping[int, int], settings: DriversSettings
) -> tuple[Caveat, ...]:
    """What could not be judged, and what could not be adjusted for."""
    told = []
    if rare := sum(d.rare and not d.structural for d in found):
        text = f"events that under {RARE * 100:g} % did, or fewer than {settings.fewest} on a side"
        told.append(Caveat("rare-events", f"{text}: not judged, not among the q-values", rare))
    if silent := sum(d.candidate and not d.telling for d in found):
        text = "events that told no more than chance does on the half where thresholds are chosen"
        told.append(Caveat("not-telling", f"{text}: no evidence, not among the q-values", silent))
    if len(of_week) > 1 and not any(of_week.values()):
        text = "too few users to compare within periods of sign-up: a trend over them may mislead"
        told.append(Caveat("one-period", text))
    return tuple(told)


METRIC = register(
    Metric(
        id="drivers",
        title="Drivers",
        section="together",
        order=5,
        settings=DriversSettings,
        definition=__doc__,
        rows=rows,
        tally=tally,
        result=result,
        keys={
            "did": ("item", "half", "times", "week", "volume", "others"),
            "people": ("half", "week", "volume"),
            "left_out": (),
            "events": ("item", "step"),
        },
        plain=frozenset({"left_out"}),
        on_request=True,
        uses=("feedback",),
        missing=missing,
        names=lambda settings, context: {"item": [*candidates(context)]},
        exempt={"renaming": "the half in which actors are follows from their ids"},
    )
)
