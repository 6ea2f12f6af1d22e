"""Findings: every rule at its exact edges, on results made by hand."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace

import pytest

from adoptcli.findings import RULES, found_in
from adoptcli.results import (
    Caveat,
    Cell,
    Estimate,
    Finding,
    Headline,
    Report,
    Result,
)
from tests.made import (
    Build,
    by_change,
    by_headline,
    by_rows,
    by_segment,
    churn,
    estimate,
    metric_of,
    one_short,
    report_of,
    rows_of,
    seats,
)

STEP = 1e-9  # beyond a threshold, but only just

# code: (how to make its metric of an estimate, the threshold, the side)
EDGES: list[tuple[str, Build, float, str]] = [
    ("activation-low", by_headline("activation"), 0.5, "below"),
    ("activation-falling", by_change("activation", "cohorts", "activated", "cohort"), 0, "below"),
    ("one-step-short", one_short, 0.25, "above"),
    ("value-slow", by_rows("time_to_value", "curve", "activated", step="7d", at_risk="n"),
     0.5, "below"),
    ("value-not-reached", by_rows("time_to_value", "curve", "activated", step="30d", at_risk="n"),
     0.5, "below"),
    ("onboarding-low", by_headline("onboarding"), 0.5, "below"),
    ("funnel-loses",
     by_rows("funnel", "steps", "onward", item="f", step=2, event="b", lost=7), 0.5, "below"),
    ("feature-low", by_rows("feature_adoption", "features", "share_of_active", item="x"),
     1 / 3, "below"),
    ("feature-tried-only", by_rows("feature_adoption", "retained", "again", item="x"),
     0.5, "below"),
    ("adoption-low", by_headline("adoption_rate"), 0.5, "below"),
    ("adoption-falling", by_change("adoption_rate", "windows", "rate"), 0, "below"),
    ("seats-below-target", seats, 0.7, "below"),
    ("users-falling", by_rows("lifecycle", "periods", "quick_ratio", period="2026-09", new=40,
                              resurrected=9, dormant="n"), 1, "below"),
    ("stickiness-low", by_rows("stickiness", "windows", "stickiness", period="2026-09-30",
                               mau="n"), 0.4, "below"),
    ("stickiness-falling", by_change("stickiness", "windows", "stickiness", people="mau"),
     0, "below"),
    ("frequency-low", by_rows("frequency", "trend", "days", item="L28", period="2026-09-30"),
     4, "below"),
    ("score-falling", by_change("engagement_score", "levels", "actors"), 0, "below"),
    ("score-low", by_rows("engagement_score", "levels", "actors", period="2026-09-30",
                          step="low", bound=0.0), 0.5, "above"),
    ("retention-falling", by_change("retention", "triangle", "retained", "cohort", "cohort "),
     0, "below"),
    ("churn-early", churn(60, 20), 0.1, "above"),
    ("churn-slow", churn(20, 60), 0.1, "above"),
    ("churn-idle", churn(40, 42), 0.1, "above"),
    ("churn-cancelled", by_rows("churn", "cancelled", "lost", period="2026-08"), 0.05, "above"),
    ("churn-cancelled", by_rows("churn", "ended", "lost", period="2026-08"), 0.05, "above"),
    ("nps-negative", by_rows("feedback", "nps", "nps", period="2026-09-30", detractors="share"), 0,
     "below"),
    ("adopted-not-engaged", by_rows("quadrant", "quadrants", "actors",
                                    item="adopted_not_engaged"), 0.25, "above"),
    ("busy-not-adopted", by_rows("quadrant", "quadrants", "actors", item="busy_not_adopted"),
     0.1, "above"),
    ("channels-unused", by_headline("channel_engagement"), 0.25, "below"),
    ("accounts-to-look-at", by_headline("account_health"), 0.1, "above"),
    *[("segment-behind", by_segment(m), 0, "below") for m in (
        "activation", "onboarding", "adoption_rate", "retention", "frequency",
        "engagement_score", "feedback")],
    ("segment-behind", by_segment("churn"), 0, "above"),
]  # fmt: skip


def codes(report: Report) -> list[str]:
    return [finding.code for finding in found_in(report)]


EACH = pytest.mark.parametrize(("code", "make", "threshold", "side"), EDGES)


@EACH
def test_a_rule_speaks_only_beyond_its_threshold(
    code: str, make: Build, threshold: float, side: str
) -> None:
    beyond, touching = (estimate(threshold, side, d) for d in (STEP, 0.0))
    assert codes(report_of(make(beyond))) == [code]
    assert codes(report_of(make(touching))) == []
    assert codes(report_of(make(replace(beyond, value=None, low=None, high=None)))) == []
    assert codes(report_of(make(replace(beyond, low=None, high=None)))) == []


@EACH
def test_a_rule_speaks_only_of_thirty(code: str, make: Build, threshold: float, side: str) -> None:
    assert codes(report_of(make(estimate(threshold, side, STEP, 30)))) == [code]
    assert codes(report_of(make(estimate(threshold, side, STEP, 29)))) == []


@EACH
def test_no_rule_speaks_against_a_caveat(
    code: str, make: Build, threshold: float, side: str
) -> None:
    fine = make(estimate(threshold, side, STEP))
    for slug in ("window-not-full", "event-not-seen", "value-not-seen", "right-censored"):
        told = replace(fine, result=replace(fine.result, caveats=(Caveat(slug, ""),)))
        assert codes(report_of(told)) == []
    other = replace(fine, result=replace(fine.result, caveats=(Caveat("signup-before-data", ""),)))
    assert codes(report_of(other)) == [code]
    assert codes(report_of(fine, caveats=(Caveat("data-end-early", "", 9),))) == []
    assert (
        codes(report_of(replace(fine, result=replace(fine.result, status="not_evaluable")))) == []
    )


@EACH
def test_a_finding_repeats_its_figure(code: str, make: Build, threshold: float, side: str) -> None:
    wanted = replace(estimate(threshold, side, 0.01), numerator=60)
    found = found_in(report_of(make(wanted)))[0]
    assert (found.value, found.low, found.high) == (wanted.value, wanted.low, wanted.high)
    assert found.threshold == threshold
    assert 0 < found.severity <= 1
    assert found.message
    assert found.advice
    assert "None" not in found.message + found.advice
    assert shlex.split(found.audience)[0] == "adoptcli"


def test_every_rule_has_its_edges() -> None:
    assert {rule.code for rule in RULES} - {code for code, *_ in EDGES} == {"onboarding-stops"}
    assert {(r.code, r.metric) for r in RULES if r.code == "segment-behind"} == {
        (code, make(Estimate(None)).id) for code, make, *_ in EDGES if code == "segment-behind"
    }
    for rule in RULES:
        assert (rule.below is None) != (rule.above is None), rule.code


FLOWS = [edge for edge in EDGES if edge[0].endswith(("falling", "early", "slow", "idle"))
         and edge[0] != "value-slow"]  # fmt: skip


@pytest.mark.parametrize(("code", "make", "threshold", "side"), FLOWS)
def test_nothing_is_compared_over_a_collapse_of_the_volume(
    code: str, make: Build, threshold: float, side: str
) -> None:
    report = report_of(make(estimate(threshold, side, STEP)))

    def with_cliff(day: str) -> Report:
        return replace(report, source=replace(report.source, cliffs=("2026-01-01", day)))

    assert codes(with_cliff("2026-06-02")) == [code]  # 121 days before as-of
    assert codes(with_cliff("2026-06-03")) == []


def test_the_smaller_side_of_a_ratio_counts() -> None:
    make = next(make for code, make, *_ in EDGES if code == "users-falling")
    few = Estimate(0.5, 29, 100, 0.4, 0.6)
    assert codes(report_of(make(few))) == []
    assert codes(report_of(make(replace(few, numerator=30)))) == ["users-falling"]


def test_a_segment_needs_its_q() -> None:
    made = by_segment("activation")(estimate(0, "below", 0.1))
    (segments,) = made.result.tables
    for q, wanted in ((0.05, []), (None, []), (0.0, ["segment-behind"])):
        row = {**segments.rows[0], "q": q}
        changed = replace(made.result, tables=(replace(segments, rows=(row,)),))
        assert codes(report_of(replace(made, result=changed))) == wanted


@pytest.mark.parametrize(
    ("code", "make", "least"),
    [
        ("adoption-falling", by_change("adoption_rate", "windows", "rate"), 0.05),
        ("segment-behind", by_segment("activation"), 0.1),
    ],
)
def test_a_trifle_is_not_told_however_sure(code: str, make: Build, least: float) -> None:
    """Relative to 40 % now and a little more before, or to 50 % of the rest."""
    before = 0.4 / (1 - least) if code == "adoption-falling" else 0.5
    enough = before * least
    for size, wanted in ((enough + STEP, [code]), (enough - STEP, [])):
        sure = Estimate(-size, 100, 100, -size - 1e-6, -size + 1e-6)
        assert codes(report_of(make(sure))) == wanted


def test_the_nps_of_a_segment_is_far_behind_by_ten_points() -> None:
    make = by_segment("feedback", "points")
    assert codes(report_of(make(Estimate(-10.0, 1, 30, -11.0, -STEP)))) == ["segment-behind"]
    assert codes(report_of(make(Estimate(-9.9, 1, 30, -11.0, -STEP)))) == []
    assert codes(report_of(make(Estimate(-10.0, 1, 30, -11.0, 0.0)))) == []
    assert codes(report_of(make(Estimate(-10.0, 1, 29, -11.0, -STEP)))) == []


def test_segments_are_no_rows_of_their_own() -> None:
    """A rule of everybody does not speak of the rows of one segment."""
    row: dict[str, Cell] = {"segment": "pro", "item": "x", "again": Estimate(0.1, 9, 90, 0.0, 0.2)}
    made = metric_of("feature_adoption", Result(None, None, (rows_of("retained", row),)))
    assert codes(report_of(made)) == []


def test_churn_by_the_month_alone() -> None:
    made = churn(40, 42)(estimate(0.1, "above", 0.1))
    assert codes(report_of(made, period="month")) == ["churn-idle"]
    assert codes(report_of(made, period="week")) == []


def test_a_caveat_of_what_a_figure_rests_on_counts() -> None:
    made = churn(60, 20)(estimate(0.1, "above", 0.1))
    typo = Result(None, None, (), caveats=(Caveat("event-not-seen", "", 0),))
    assert codes(report_of(made, metric_of("activation", typo))) == []
    assert codes(report_of(made, metric_of("funnel", typo))) == ["churn-early"]


def test_where_all_segments_change_the_other_way_nothing_fell() -> None:
    make = by_change("adoption_rate", "windows", "rate")
    made = make(estimate(0, "below", 0.1))
    mixed = replace(made.result, caveats=(Caveat("simpson", "", 2),))
    assert codes(report_of(made)) == ["adoption-falling"]
    assert codes(report_of(replace(made, result=mixed))) == []


def test_both_periods_of_a_change_are_enough() -> None:
    """The first period has no one before it; the other side is counted in the table's row."""
    made = by_change("adoption_rate", "windows", "rate")(estimate(0, "below", 0.1))
    (windows,) = made.result.tables
    alone = replace(windows, rows=windows.rows[1:])
    assert codes(report_of(replace(made, result=replace(made.result, tables=(alone,))))) == []
    assert codes(report_of(replace(made, result=replace(made.result, tables=())))) == []


def test_onboarding_stops_where_most_do_of_three_steps() -> None:
    def steps(n: int) -> Report:
        share = Estimate(0.6, 60, 100, 0.51, 0.7)
        rows: list[Mapping[str, Cell]] = [{"item": "a", "stopped": share}]
        rows += [{"item": f"b{i}", "stopped": Estimate(0.2, 20, 100, 0.1, 0.3)} for i in range(n)]
        return report_of(metric_of("onboarding", Result(None, None, (rows_of("steps", *rows),))))

    assert codes(steps(1)) == []
    (found,) = found_in(steps(2))
    assert found.code == "onboarding-stops"
    assert found.audience == "adoptcli audience 'onboarding.steps[item=a].stopped'"


def test_a_finding_that_says_more_stands_for_one_that_says_less() -> None:
    curve = rows_of(
        "curve",
        {"step": "7d", "activated": Estimate(0.1, None, 90, 0.0, 0.2), "at_risk": 80},
        {"step": "30d", "activated": Estimate(0.2, None, 90, 0.1, 0.3), "at_risk": 70},
    )
    made = metric_of("time_to_value", Result(None, None, (curve,)))
    assert codes(report_of(made)) == ["value-not-reached"]


def test_severity_is_distance_times_reach() -> None:
    """Half the threshold away, of 40 % of 1,000 users; ties in the order of the rules."""
    share = Estimate(0.2, 100, 500, 0.15, 0.25)
    (found,) = found_in(report_of(by_headline("activation")(share)))
    assert found.people == 400
    assert found.severity == pytest.approx(0.5 * 0.4)
    far = Estimate(0.9, 450, 500, 0.8, 0.95)
    (cancelled,) = found_in(report_of(by_rows("churn", "cancelled", "lost", period="p")(far)))
    assert cancelled.severity == pytest.approx(1 * 0.45)  # no farther than the threshold is high
    both = report_of(by_headline("onboarding")(share), by_headline("activation")(share))
    assert codes(both) == ["activation-low", "onboarding-low"]
    worse = by_headline("onboarding")(replace(share, high=0.24))
    assert codes(report_of(by_headline("activation")(share), worse)) == [
        "onboarding-low", "activation-low",
    ]  # fmt: skip


def test_low_activation_names_what_most_lack() -> None:
    """Of 30 and more; those touched are the others of all cohorts, not of the newest alone."""

    def found(n: float) -> Finding:
        lacking = rows_of(
            "lacking",
            {"item": "a", "lacking": Estimate(0.2, 1, n), "still": None},
            {"item": "b", "lacking": Estimate(0.8, 1, n), "still": None},
        )
        pooled = rows_of("range", {"activated": Estimate(0.3, 120, 400)})
        head = Headline("Title", Estimate(0.2, 20, 100, 0.1, 0.3), "share", "2026-09")
        result = Result(head, None, (pooled, lacking))
        (only,) = found_in(report_of(metric_of("activation", result)))
        return only

    message = "Only 20.0 % of the new users activate in time (20 of 100, 2026-09)."
    message += " Of all cohorts, 280 did not in time."
    assert found(30).message == f"{message} Of all not activated, 80.0 % lack b."
    assert found(29).message == message
    assert (found(30).numerator, found(30).n, found(30).people) == (20, 100, 280)


def test_accounts_are_named_as_such() -> None:
    made = by_headline("activation")(estimate(0.5, "below", 0.1))
    assert "of the new accounts" in found_in(report_of(made, unit="account"))[0].message


def test_one_step_short_takes_two_criteria() -> None:
    """With personas of the same persona, whose name is before its criteria."""
    far = estimate(0.25, "above", 0.1)

    def report(*items: str, **settings: object) -> Report:
        rows = [{"item": item, "still": far} for item in items]
        result = Result(None, None, (rows_of("lacking", *rows),))
        return report_of(metric_of("activation", result, **settings))

    assert codes(report("a")) == []
    assert codes(report("a", "b")) == ["one-step-short"] * 2
    personas = {"personas": {"x": {}, "y": {}}}
    assert codes(report("x: a", "y: a", **personas)) == []
    found = found_in(report("x: a", "y: a", "y: b", **personas))
    assert [f.figure for f in found] == ["lacking[item=y: a].still", "lacking[item=y: b].still"]


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        (107, ": 60 without ever having activated, 20 after it; of 27 more it is not known. "
              "Most of these 80 left"),
        (80, ": 60 without ever having activated, 20 after it. Most of these 80 left"),
    ],
)  # fmt: skip
def test_all_who_are_lost_are_accounted_for(lost: int, told: str) -> None:
    found = found_in(report_of(churn(60, 20)(Estimate(0.3, lost, 300, 0.2, 0.4))))
    assert [f.people for f in found] == [lost]
    assert told in found[0].message


def test_a_list_is_named_only_where_somebody_is_on_it() -> None:
    """Else the command is the metric's own."""

    def found(once: int) -> Finding:
        rows = {"period": "2026-09-30", "mau": 100, "once": once,
                "stickiness": Estimate(0.1, 100, 3000, 0.05, 0.2)}  # fmt: skip
        result = Result(None, None, (rows_of("windows", rows),))
        return found_in(report_of(metric_of("stickiness", result)), ["a.csv"])[0]

    assert found(7).message.endswith("daily. 7 of 100 came on one day alone.")
    name = "stickiness.windows[period=2026-09-30].once"
    assert shlex.split(found(7).audience) == ["adoptcli", "audience", name, "a.csv"]
    assert (found(7).people, found(0).people) == (7, 0)
    assert found(0).message.endswith("daily.")
    assert found(0).audience == "adoptcli stickiness a.csv"


def test_answers_of_members_make_no_list_of_accounts() -> None:
    make = next(make for code, make, *_ in EDGES if code == "nps-negative")
    made = make(Estimate(-10.0, 1, 100, -20.0, -5.0))
    assert found_in(report_of(made))[0].people == 100
    (of_accounts,) = found_in(report_of(made, unit="account"))
    assert (of_accounts.people, of_accounts.audience) == (0, "adoptcli feedback")


def test_a_cohort_without_a_name_is_all_of_them() -> None:
    """Where none is complete, the headline has no period."""
    made = by_segment("onboarding")(estimate(0, "below", 0.1))
    (segments,) = made.result.tables
    row = {**segments.rows[0], "period": None}
    whole = replace(made.result, tables=(replace(segments, rows=(row,)),))
    (found,) = found_in(report_of(replace(made, result=whole)))
    assert shlex.split(found.audience)[2] == "onboarding.cohorts[segment=pro].late"
    assert found.people == 600
    assert "(so far). 600 of the segment did not finish it." in found.message
