"""Rules: what is found fault with, from which value on, and what then helps; the thresholds:

- Seats: the `target` of `seat_utilization`, 70 % by default, the example of the customer-success
  literature. Stickiness: 40 %, what it calls acceptable for a product not used every day.
- Where the literature gives no number, a round one that needs no study: half of the new activate,
  finish, arrive within a week or go on from one step of a funnel to the next; half of those who
  tried come back; a third of those who can use a feature; a quarter in a quadrant, one step short,
  or reached by the channels; one active day a week; a tenth of the users a month gone quiet, of the
  accounts to look at, or busy without adoption; 5 % of the customers a month who cancel.
- A change or a difference: 0, but no change of less than 5 % of the value before and no segment
  less than 10 % behind the rest; a quick ratio: 1; an NPS: 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from adoptcli.findings.figures import At, against_rest, cells, change, headline
from adoptcli.results import Row
from adoptcli.stats import wilson


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One thing to find.

    Attributes:
        code: Its name, for machines.
        metric: The metric it looks at.
        at: Which of its figures.
        below, above: The threshold and on which side of it the interval must lie; a name is a key
            of the metric's settings.
        says: What is the matter; names in braces are replaced.
        more: (table, measure, text) added for the table's item with the largest share, `{most}`.
        advice: What to do about it.
        audience: The list of people to act on, for `adoptcli audience`; nothing where only the
            metric's own tables tell more.
        when: What the words of the figure must be like.
        period: The length of period that the threshold is meant for; empty: any.
        flow: It compares times, so that a day on which the volume collapsed spoils it.
        of_accounts: It counts accounts, not users.
        unless: Code of a finding that says the same and more.
        least: The smallest change or difference worth telling, relative to the value before or
            the rest's: among very many people the interval of a trifle excludes 0.
        leans: Other metrics that the figure rests on, whose caveats count as well.
    """

    code: str
    metric: str
    at: At
    below: float | str | None = None
    above: float | str | None = None
    says: str
    more: tuple[str, str, str] | None = None
    advice: str
    audience: str = ""
    when: Callable[[Mapping[str, object]], bool] | None = None
    period: str = ""
    flow: bool = False
    of_accounts: bool = False
    unless: str = ""
    least: float = 0.0
    leans: tuple[str, ...] = ()


def _share_early(row: Row | Mapping[str, object]) -> tuple[float, float] | None:
    """The interval of the share of those lost who had never been activated."""
    early, slow = row.get("early"), row.get("slow")
    if not isinstance(early, int) or not isinstance(slow, int) or not early + slow:
        return None
    found = wilson(early, early + slow)
    return None if found is None else (found.low, found.high)


def _mostly_early(words: Mapping[str, object]) -> bool:
    found = _share_early(words)
    return found is not None and found[0] > 0.5


def _mostly_slow(words: Mapping[str, object]) -> bool:
    found = _share_early(words)
    return found is not None and found[1] < 0.5


def _both(words: Mapping[str, object]) -> bool:
    return not _mostly_early(words) and not _mostly_slow(words)


TOLD, FAR = 0.05, 0.1  # the smallest change, and the smallest distance of a segment
SHORTEN = (
    "Shorten the way to the first value: fewer steps and fields at set-up, templates, sample data, "
    "and the first useful action in plain view."
)
RETURN = (
    "Give a reason to come back: fresh data, what the team did, reminders that help. "
    "Check how the product fits the daily work, and whether it is easier than the old way."
)
HABIT = (
    "Tie the product to something that recurs, a daily plan or a weekly review, with a simple "
    "action each time; judge by the main features rather than by logins."
)
ASK = "Ask those who left why, offer a pause or help, and mend what comes up most."
EASE = (
    "Make this step easier, or ask for it later, when it is needed; "
    "fit the path to the role or goal of those who stop."
)
APART = (
    "Look at this segment's own way through the product: onboarding by role or goal, "
    "templates of its trade, a person to call."
)
QUIET = "lifecycle.periods[period={lifecycle}].dormant"
RARELY = "frequency.histogram[item=L28,period={frequency},step=1].actors"

ADOPTION = (
    Rule(
        code="activation-low", metric="activation", at=headline("missing", ("range", "activated")),
        below=0.5,
        says="Only {value} of the new {actors} activate in time ({counts}, {period}).",
        more=("lacking", "lacking", " Of all not activated, {share} lack {most}."),
        advice=SHORTEN, audience="not_activated:late",
    ),
    Rule(
        code="activation-falling", metric="activation", at=change("cohorts", "activated"),
        below=0.0, least=TOLD, flow=True,
        says="Activation fell from {before} to {now} ({period}).",
        advice="Find what changed since: sign-up, set-up, or where the new ones come from.",
        audience="not_activated:late",
    ),
    Rule(
        code="one-step-short", metric="activation", at=cells("lacking", "only", "numerator"),
        above=0.25,
        says="{value} of those not activated are one step short: "
        "they lack nothing but {item} ({counts}).",
        advice="One helpful message may do: what {item} is good for, how it is done, a link to it.",
        audience="activation.lacking[item={item}].only",
    ),
    Rule(
        code="value-slow", metric="time_to_value",
        at=cells("curve", "activated", "at_risk", step="7d"), below=0.5,
        says="A week after their sign-up only {value} of the {actors} have got to the first value.",
        advice=SHORTEN, audience="not_activated", unless="value-not-reached",
        leans=("activation",),
    ),
    Rule(
        code="value-not-reached", metric="time_to_value",
        at=cells("curve", "activated", "at_risk", step="30d"), below=0.5,
        says="Most never seem to get there: "
        "30 days after sign-up only {value} of the {actors} have got to the first value.",
        advice=SHORTEN, audience="not_activated", leans=("activation",),
    ),
    Rule(
        code="onboarding-low", metric="onboarding",
        at=headline("missing", ("range", "finished")), below=0.5,
        says="Only {value} of the new {actors} finish the onboarding ({counts}, {period}).",
        more=("steps", "stopped", " Most stop at {most}: {share} of those who do not finish."),
        advice=EASE,
        audience="onboarding.steps[item={most}].stopped",
    ),
    Rule(
        code="onboarding-stops", metric="onboarding",
        at=cells("steps", "stopped", "numerator", least=3), above=0.5,
        says="{value} of those who do not finish the onboarding stop at {item} ({counts}).",
        advice=EASE,
        audience="onboarding.steps[item={item}].stopped", unless="onboarding-low",
    ),
    Rule(
        code="funnel-loses", metric="funnel",
        at=cells("steps", "onward", "missing", most="lost"), below=0.5,
        says="Funnel {item} loses most before {event}: only {value} go on to it ({counts}).",
        advice="Find the friction before {event}: watch sessions, read support tickets, ask; "
        "take out fields and steps that nobody needs, show what comes next.",
        audience="funnel.steps[item={item},step={step}].lost",
    ),
    Rule(
        code="feature-low", metric="feature_adoption",
        at=cells("features", "share_of_active", "missing"), below=1 / 3,
        says="{item} is used by only {value} of the active {actors} who can have it ({counts}).",
        advice="Teach it where the task comes up: a guide in place, a short training, "
        "how others use it. If that does not help, rethink its place among your priorities.",
        audience="never_tried:{item}",
    ),
    Rule(
        code="feature-tried-only", metric="feature_adoption",
        at=cells("retained", "again", "missing"), below=0.5,
        says="{item}: of those who tried it only {value} use it again "
        "in the four weeks after ({counts}).",
        advice="Send those who used it once a practical use case; ask what they missed.",
        audience="used_once:{item}",
    ),
    Rule(
        code="adoption-low", metric="adoption_rate", at=headline("missing"), below=0.5,
        says="Only {value} of all who could use the product do ({counts}).",
        advice="Regular check-ins, goals in the customer's own terms, training on the features "
        "that matter; show how others succeed.",
        audience=QUIET,
    ),
    Rule(
        code="adoption-falling", metric="adoption_rate", at=change("windows", "rate"), below=0.0,
        least=TOLD, flow=True,
        says="The adoption rate fell from {before} to {now} ({period}): "
        "fewer of those who could use the product do.",
        advice="Talk to those who went quiet, the largest accounts first; "
        "look whether whole accounts leave or people within them.",
        audience=QUIET,
    ),
    Rule(
        code="seats-below-target", metric="seat_utilization",
        at=cells("portfolio", "portfolio", "below"), below="target", of_accounts=True,
        says="On an average day {value} of the seats bought are in use, not {threshold}; "
        "{people} of {n} accounts are below that target.",
        advice="Invite the rest of the team, agree on goals with the account, and train on the "
        "features that serve them, before the renewal is for fewer seats.",
        audience="seats_below_target",
    ),
)  # fmt: skip

ENGAGEMENT = (
    Rule(
        code="users-falling", metric="lifecycle",
        at=cells("periods", "quick_ratio", "dormant", latest=True, sides=True), below=1.0,
        flow=True,
        says="More {actors} went quiet than came: {dormant} quiet against {new} new "
        "and {resurrected} back ({period}).",
        advice=RETURN, audience="lifecycle.periods[period={period}].dormant",
    ),
    Rule(
        code="stickiness-low", metric="stickiness",
        at=cells("windows", "stickiness", "mau", latest=True), below=0.4,
        says="An active {actor} comes on {value} of the days (stickiness); "
        "{threshold} is held acceptable even where nobody needs a product daily.",
        advice=HABIT, audience=RARELY,
    ),
    Rule(
        code="stickiness-falling", metric="stickiness", at=change("windows", "stickiness"),
        below=0.0, least=TOLD, flow=True, says="Stickiness fell from {before} to {now}.",
        advice=HABIT, audience=RARELY,
    ),
    Rule(
        code="frequency-low", metric="frequency",
        at=cells("trend", "days", "denominator", latest=True, item="L28"), below=4.0,
        says="Active {actors} come on {value} of 28 days, less than once a week.",
        advice=HABIT, audience=RARELY,
    ),
    Rule(
        code="score-falling", metric="engagement_score", at=change("levels", "actors"), below=0.0,
        least=TOLD, flow=True,
        says="The engagement score fell from {before} to {now} a head ({period}).",
        advice="See in the contributions which actions are missing, and call those who fell most "
        "before they leave.",
        audience="score_dropping",
    ),
    Rule(
        code="score-low", metric="engagement_score",
        at=cells("levels", "actors", "numerator", latest=True, bound=0.0), above=0.5,
        says="{value} of all {actors} are at level {step}, the lowest of the score ({counts}).",
        advice="Begin with those who were higher before; send each what the next useful action "
        "would be, not a reminder that the product exists.", audience="score:{step}",
    ),
    Rule(
        code="retention-falling", metric="retention", at=change("triangle", "retained"), below=0.0,
        least=TOLD, flow=True,
        says="{title}: fell from {before} to {now} ({period}).",
        advice="Look at what these newcomers met: what changed in the product, "
        "and where they came from.",
    ),
    *(
        Rule(
            code=code, metric="churn",
            at=cells("inferred", "lost", "numerator", latest=True), above=0.1, when=when,
            period="month", flow=True, leans=("activation",),
            says="{value} of the active {actors} went quiet for {after} or longer "
            "({counts}, {period})" + how,
            advice=advice, audience="churn.inferred[period={period}].lost",
        )
        for code, when, how, advice in (
            ("churn-early", _mostly_early,
             ", most without ever having activated: {early} against {slow} who had. "
             "Most left before they had found the value.", SHORTEN),
            ("churn-slow", _mostly_slow,
             ", most after having activated: {slow} against {early} who never had. "
             "Most had found the value and lost interest.", RETURN),
            ("churn-idle", _both, ".", ASK),
        )
    ),
    *(
        Rule(
            code="churn-cancelled", metric="churn",
            at=cells(table, "lost", "numerator", latest=True), above=0.05, period="month",
            says="{value} of the customers cancelled ({counts}, {period}).",
            advice=ASK, audience=f"churn.{table}[period={{period}}].lost",
        )
        for table in ("cancelled", "ended")
    ),
    Rule(
        code="nps-negative", metric="feedback",
        at=cells("nps", "nps", "detractors", latest=True, scale=100.0), below=0.0,
        says="More detractors than promoters: an NPS of {value} ({n} answers).",
        advice="Read what they wrote, mend what comes up most, and tell them what changed.",
        audience="feedback.nps[period={period}].detractors",
    ),
)  # fmt: skip

TOGETHER = (
    Rule(
        code="adopted-not-engaged", metric="quadrant",
        at=cells("quadrants", "actors", "numerator", item="adopted_not_engaged"), above=0.25,
        says="{value} of all {actors} have adopted the product but seldom come ({counts}).",
        leans=("activation",),
        advice=RETURN, audience="quadrant:adopted_not_engaged",
    ),
    Rule(
        code="busy-not-adopted", metric="quadrant",
        at=cells("quadrants", "actors", "numerator", item="busy_not_adopted"), above=0.1,
        says="{value} of all {actors} are busy without having adopted the product ({counts}).",
        leans=("activation",),
        advice="Activity is no value yet: find out what they look for, and show the way from "
        "what they do to what the product is for.",
        audience="quadrant:busy_not_adopted",
    ),
    Rule(
        code="channels-unused", metric="channel_engagement", at=headline("missing"), below=0.25,
        says="Only {value} of the active {actors} use a help or training channel ({counts}).",
        advice="Bring help to where the work is: tips in place, short articles, announcements "
        "that lead to them, invitations to webinars by what people do.",
    ),
    Rule(
        code="accounts-to-look-at", metric="account_health", at=headline("numerator"), above=0.1,
        of_accounts=True,
        says="{numerator} of {denominator} accounts need a look: nobody active, activity falling, "
        "or few seats in use. First: {accounts}.",
        advice="Call them in this order, with their own figures at hand; "
        "agree on one goal and the feature that serves it.",
    ),
)  # fmt: skip

SEGMENTS = tuple(
    Rule(
        code="segment-behind", metric=metric, at=against_rest(touched, scale), least=FAR,
        below=None if above else 0.0, above=0.0 if above else None,
        says="Segment {segment} does worse than the rest: {title}, {now} against {rest}.",
        advice=APART, audience=audience,
    )
    for metric, touched, above, scale, audience in (
        ("activation", "missing", False, None,
         "activation.lacking[segment={segment}].not_activated"),
        ("onboarding", "missing", False, None, "onboarding.steps[segment={segment}].unfinished"),
        ("adoption_rate", "missing", False, None, ""),
        ("retention", "missing", False, None, ""),
        ("frequency", "denominator", False, None, ""),
        ("engagement_score", "denominator", False, None, ""),
        ("churn", "numerator", True, None, ""),
        ("feedback", "denominator", False, 100.0, ""),
    )
)  # fmt: skip

RULES = (*ADOPTION, *ENGAGEMENT, *TOGETHER, *SEGMENTS)
