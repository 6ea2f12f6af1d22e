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

from collections.abc import Mapping

from adoptcli.findings.figures import (
    against_rest,
    cells,
    change,
    counted,
    headline,
    now,
    summed,
)
from adoptcli.findings.rule import Rule
from adoptcli.results import Row
from adoptcli.stats import wilson


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


def _nps(words: Mapping[str, object]) -> bool:
    return words["unit"] == "points"


def _csat(words: Mapping[str, object]) -> bool:
    return not _nps(words)


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
WAITING = " {people} {actors} still wait for it."
EASE = (
    "Make this step easier, or ask for it later, when it is needed; "
    "fit the path to the role or goal of those who stop."
)
APART = (
    "Look at this segment's own way through the product: onboarding by role or goal, "
    "templates of its trade, a person to call."
)
ABSENT = "adoption_rate.windows[period={period}].absent"
ONCE = "stickiness.windows[period={period}].once"
ONE_DAY = "frequency.histogram[item={item},period={period},step=1].actors"
OF_SEGMENT = "[segment={segment},"

ADOPTION = (
    Rule(
        code="activation-low", metric="activation", at=headline("missing", ("range", "activated")),
        below=0.5,
        says="Only {value} of the new {actors} activate in time ({counts}, {period}).",
        lists=" Of all cohorts, {people} did not in time.",
        more=("lacking", "lacking", " Of all not activated, {share} lack {most}."),
        advice=SHORTEN, audience="not_activated:late",
    ),
    Rule(
        code="activation-falling", metric="activation", at=change("cohorts", "activated"),
        below=0.0, least=TOLD, flow=True, listed=now("missing"),
        says="Activation fell from {before} to {now} ({period}).",
        lists=" {people} {actors} of that cohort did not activate in time.",
        advice="Find what changed since: sign-up, set-up, or where the new ones come from.",
        audience="activation.cohorts[cohort={period}].late", topic="not_activated",
    ),
    Rule(
        code="one-step-short", metric="activation",
        at=cells("lacking", "still", "numerator", least=2), above=0.25,
        says="{value} of those not activated in time are one step short to this day: "
        "they lack nothing but {item} ({counts}).",
        advice="One helpful message may do: what {item} is good for, how it is done, a link to it.",
        audience="activation.lacking[item={item}].still",
    ),
    Rule(
        code="value-slow", metric="time_to_value",
        at=cells("curve", "activated", "at_risk", step="7d"), below=0.5,
        says="A week after their sign-up only {value} of the {actors} have got to the first value.",
        lists=WAITING, listed=summed("histogram", "waiting"),
        advice=SHORTEN, audience="time_to_value.durations.waiting", topic="not_activated",
        unless="value-not-reached", leans=("activation",),
    ),
    Rule(
        code="value-not-reached", metric="time_to_value",
        at=cells("curve", "activated", "at_risk", step="30d"), below=0.5,
        says="Most take longer than a month, or never get there: "
        "30 days after sign-up only {value} of the {actors} have got to the first value.",
        lists=WAITING, listed=summed("histogram", "waiting"),
        advice=SHORTEN, audience="time_to_value.durations.waiting", topic="not_activated",
        leans=("activation",),
    ),
    Rule(
        code="onboarding-low", metric="onboarding",
        at=headline("missing", ("range", "finished")), below=0.5,
        says="Only {value} of the new {actors} finish the onboarding ({counts}, {period}).",
        lists=" Of all cohorts, {people} did not in time.",
        more=("steps", "stopped",
              " Most stop at {most}: {share} of those who begin and do not finish."),
        advice=EASE, audience="onboarding.cohorts.late",
    ),
    Rule(
        code="onboarding-stops", metric="onboarding",
        at=cells("steps", "stopped", "numerator", least=3), above=0.5,
        says="{value} of those who begin the onboarding and do not finish stop at {item} "
        "({counts}).",
        advice=EASE,
        audience="onboarding.steps[item={item}].stopped", unless="onboarding-low",
    ),
    Rule(
        code="funnel-loses", metric="funnel",
        at=cells("steps", "onward", "missing", most="lost"), below=0.5,
        says="Funnel {item} loses most before {event}: "
        "only {value} go on to it in time ({counts}).",
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
        audience="feature_adoption.unused[item={item}].actors",
    ),
    Rule(
        code="feature-tried-only", metric="feature_adoption",
        at=cells("retained", "again", "missing"), below=0.5,
        says="{item}: of those who tried it only {value} use it again "
        "in the four weeks after ({counts}).",
        advice="Send those who have not come back to it a practical use case; "
        "ask what they missed.",
        audience="feature_adoption.retained[item={item}].gone",
    ),
    Rule(
        code="adoption-low", metric="adoption_rate", at=headline("missing"), below=0.5,
        says="Only {value} of all who could use the product do ({counts}).",
        advice="Regular check-ins, goals in the customer's own terms, training on the features "
        "that matter; show how others succeed.",
        audience=ABSENT,
    ),
    Rule(
        code="adoption-falling", metric="adoption_rate", at=change("windows", "rate"), below=0.0,
        least=TOLD, flow=True,
        says="The adoption rate fell from {before} to {now} ({period}).",
        listed=now("missing"),
        lists=" {people} of those who could use the product do not.",
        advice="Talk to those who went quiet, the largest accounts first; "
        "look whether whole accounts leave or people within them.",
        audience=ABSENT,
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
        listed=counted("windows", "once", period="{period}"),
        lists=" {people} of {n} came on one day alone.",
        advice=HABIT, audience=ONCE, topic="once",
    ),
    Rule(
        code="stickiness-falling", metric="stickiness",
        at=change("windows", "stickiness", people="mau"), below=0.0, least=TOLD, flow=True,
        says="Stickiness fell from {before} to {now} ({period}).",
        listed=counted("windows", "once", period="{period}"),
        lists=" {people} {actors} came on one day alone.",
        advice=HABIT, audience=ONCE, topic="once",
    ),
    Rule(
        code="frequency-low", metric="frequency",
        at=cells("trend", "days", "denominator", latest=True, item="L28"), below=4.0,
        says="Active {actors} come on {value} of 28 days, less than once a week.",
        listed=counted("histogram", "actors", item="L28", period="{period}", step="1"),
        lists=" {people} of {n} came on one day alone.",
        advice=HABIT, audience=ONE_DAY, topic="once",
    ),
    Rule(
        code="score-falling", metric="engagement_score", at=change("levels", "actors"), below=0.0,
        least=TOLD, flow=True,
        says="The engagement score fell from {before} to {now} a head ({period}).",
        listed=counted("falling", "falling"), lists=" {people} {actors} lost a third or more.",
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
        listed=now("missing"), lists=" {people} {actors} of that cohort did not come back then.",
        advice="Look at what these newcomers met: what changed in the product, "
        "and where they came from.",
        audience="retention.lost[cohort={cohort}].lost",
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
             ": {early} without ever having activated, {slow} after it{unknown}. "
             "Most of these {judged} left before they had found the value.", SHORTEN),
            ("churn-slow", _mostly_slow,
             ": {slow} after having activated, {early} without ever{unknown}. "
             "Most of these {judged} had found the value and lost interest.", RETURN),
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
        lists=" {people} are detractors.", of_members=True,
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
        audience="channel_engagement.windows[period={period}].unreached",
    ),
    Rule(
        code="accounts-to-look-at", metric="account_health", at=headline("numerator"), above=0.1,
        of_accounts=True,
        says="{numerator} of {denominator} accounts need a look: nobody active, activity falling, "
        "or few seats in use. First: {accounts}.",
        advice="Call them in this order, with their own figures at hand; "
        "agree on one goal and the feature that serves it.",
        audience="accounts_to_look_at",
    ),
)  # fmt: skip

SEGMENTS = tuple(
    Rule(
        code="segment-behind", metric=metric, at=against_rest(touched, scale), least=FAR,
        below=None if above else 0.0, above=0.0 if above else None, when=when,
        of_members=metric == "feedback",
        says="Segment {segment} does worse than the rest: {title}, {now} against {rest} "
        "({period}).",
        listed=listed, lists=f" {{people}} of the segment {who}.", advice=APART, audience=audience,
    )
    for metric, touched, above, scale, when, listed, who, audience in (
        ("activation", "missing", False, None, None, now("missing"), "did not activate in time",
         f"activation.cohorts{OF_SEGMENT}cohort={{cohort}}].late"),
        ("onboarding", "missing", False, None, None, now("missing"), "did not finish it",
         f"onboarding.cohorts{OF_SEGMENT}cohort={{cohort}}].late"),
        ("adoption_rate", "missing", False, None, None, now("missing"), "were not active",
         f"adoption_rate.windows{OF_SEGMENT}period={{period}}].absent"),
        ("retention", "missing", False, None, None, now("missing"), "did not come back then",
         f"retention.lost{OF_SEGMENT}cohort={{cohort}}].lost"),
        ("frequency", "denominator", False, None, None,
         counted("histogram", "actors", item="L{month}", period="{period}", step="1"),
         "came on one day alone",
         f"frequency.histogram{OF_SEGMENT}item=L{{month}},period={{period}},step=1].actors"),
        ("engagement_score", "denominator", False, None, None, counted("falling", "falling"),
         "lost a third of theirs or more", "engagement_score.falling[segment={segment}].falling"),
        ("churn", "numerator", True, None, None, now("numerator"), "are lost",
         f"churn.{{table}}{OF_SEGMENT}period={{period}}].lost"),
        ("feedback", "denominator", False, 100.0, _nps,
         counted("nps", "detractors", period="{period}"), "are detractors",
         f"feedback.nps{OF_SEGMENT}period={{period}}].detractors"),
        ("feedback", "denominator", False, None, _csat, now("missing"), "are not satisfied",
         f"feedback.csat{OF_SEGMENT}period={{period}}].dissatisfied"),
    )
)  # fmt: skip

RULES = (*ADOPTION, *ENGAGEMENT, *TOGETHER, *SEGMENTS)
