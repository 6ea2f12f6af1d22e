"""Findings: every rule at its exact edges, their numbers against the metrics', the screen."""

from __future__ import annotations

import itertools
import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adoptcli import findings
from adoptcli.cli import common
from adoptcli.errors import AdoptError
from adoptcli.findings import RULES, found_in
from adoptcli.render import json_, table
from adoptcli.results import (
    Caveat,
    Cell,
    Column,
    Estimate,
    Finding,
    Headline,
    MetricReport,
    Report,
    Result,
    SourceSummary,
    Table,
    Unit,
)
from tests.logs import random_log
from tests.test_laws import save

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "metrics.example.yaml"
ESTIMATE = ("value", "low", "high", "numerator", "denominator")
STEP = 1e-9  # beyond a threshold, but only just

# ---------------------------------------------------------------- hand-made results


def report_of(*metrics: MetricReport, period: str = "month", **changes: Any) -> Report:
    """A report of 1,000 users, at the first of October."""
    source = SourceSummary(9, 9, 1000, None, {}, 0, 0, 0, "2026-04-01", "2026-09-30")
    made = Report(
        version="0", as_of="2026-10-01", time_zone="UTC", since=None, until=None, unit="user",
        period=period, segment=None, definitions="abcdef", source=source, metrics=metrics,
    )  # fmt: skip
    return replace(made, **changes)


def metric_of(name: str, result: Result, **settings: object) -> MetricReport:
    return MetricReport(name, name.capitalize(), "adoption", "", settings, result)


def rows_of(name: str, *rows: Mapping[str, Cell], unit: Unit = "share") -> Table:
    """A table whose columns are those of its first row."""
    columns = tuple(Column(key, key, unit) for key in rows[0])
    return Table(name, name, columns, rows)


Build = Callable[[Estimate], MetricReport]


def by_headline(metric: str, unit: Unit = "share") -> Build:
    return lambda found: metric_of(
        metric, Result(Headline("Title", found, unit, "2026-09"), None, ())
    )


def by_rows(metric: str, name: str, measure: str, **row: Cell) -> Build:
    def make(found: Estimate) -> MetricReport:
        n = found.denominator
        special = {"n": n, "share": Estimate(1.0, n, n)}
        filled = {k: special.get(c, c) if isinstance(c, str) else c for k, c in row.items()}
        return metric_of(
            metric, Result(None, None, (rows_of(name, {**filled, measure: found}),)), target=0.7
        )

    return make


def by_change(metric: str, name: str, measure: str, key: str = "period", label: str = "") -> Build:
    """A headline that moved by the estimate; now 1,000 and before as many as its denominator."""

    def make(found: Estimate) -> MetricReport:
        now, before = Estimate(0.4, 400, 1000), Estimate(0.5, None, found.denominator)
        rows = ({key: "2026-08", measure: before}, {key: "2026-09", measure: now})
        moved = Estimate(found.value, None, None, found.low, found.high)
        head = Headline("Title", now, "share", f"{label}2026-09", moved)
        return metric_of(metric, Result(head, None, (rows_of(name, *rows),)))

    return make


def by_segment(metric: str) -> Build:
    def make(found: Estimate) -> MetricReport:
        gap = Estimate(found.value, None, None, found.low, found.high)
        row: dict[str, Cell] = {
            "segment": "pro", "period": "2026-09", "headline": Estimate(0.4, 400, 1000),
            "rest": Estimate(0.5, 1, found.denominator), "difference": gap, "q": 0.049,
        }  # fmt: skip
        head = Headline("Title", Estimate(0.45, 450, 1000), "share", "2026-09")
        return metric_of(metric, Result(head, None, (rows_of("segments", row),)))

    return make


def seats(found: Estimate) -> MetricReport:
    """The n is the number of accounts, not of seats and days."""
    below = Estimate(1.0, found.denominator, found.denominator)
    days = replace(found, denominator=99_999)
    return by_rows("seat_utilization", "portfolio", "portfolio", below=below)(days)


def churn(early: int, slow: int) -> Build:
    return by_rows("churn", "inferred", "lost", period="2026-08", early=early, slow=slow)


# code: (how to make its metric of an estimate, the threshold, the side)
EDGES: list[tuple[str, Build, float, str]] = [
    ("activation-low", by_headline("activation"), 0.5, "below"),
    ("activation-falling", by_change("activation", "cohorts", "activated", "cohort"), 0, "below"),
    ("one-step-short", by_rows("activation", "lacking", "only", item="a"), 0.25, "above"),
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
    ("stickiness-falling", by_change("stickiness", "windows", "stickiness"), 0, "below"),
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
        "engagement_score")],
    ("segment-behind", by_segment("churn"), 0, "above"),
]  # fmt: skip


def estimate(threshold: float, side: str, distance: float, n: float = 100) -> Estimate:
    """One whose nearer bound lies so far beyond the threshold."""
    numerator = n  # of ratios: both sides are as many
    if side == "below":
        bound = threshold - distance
        return Estimate(bound - 0.1, numerator, n, bound - 0.2, bound)
    bound = threshold + distance
    return Estimate(bound + 0.1, numerator, n, bound, bound + 0.2)


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
    } | {("segment-behind", "feedback")}
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
    make = by_segment("feedback")
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
            {"item": "a", "lacking": Estimate(0.2, 1, n), "only": None},
            {"item": "b", "lacking": Estimate(0.8, 1, n), "only": None},
        )
        pooled = rows_of("range", {"activated": Estimate(0.3, 120, 400)})
        head = Headline("Title", Estimate(0.2, 20, 100, 0.1, 0.3), "share", "2026-09")
        result = Result(head, None, (pooled, lacking))
        (only,) = found_in(report_of(metric_of("activation", result)))
        return only

    message = "Only 20.0 % of the new users activate in time (20 of 100, 2026-09)."
    assert found(30).message == f"{message} Of all not activated, 80.0 % lack b."
    assert found(29).message == message
    assert (found(30).numerator, found(30).n, found(30).people) == (20, 100, 280)


def test_accounts_are_named_as_such() -> None:
    made = by_headline("activation")(estimate(0.5, "below", 0.1))
    assert "of the new accounts" in found_in(report_of(made, unit="account"))[0].message


# ---------------------------------------------------------------- the sample data


@pytest.fixture(scope="module")
def sample() -> Report:
    """The report of the sample data, by plan."""
    options = common.Options(config=EXAMPLE, by=("plan",), console=common.Console(True))
    return common.make_report(options, common.choose((), ()))


def number_at(metric: dict[str, Any], place: str) -> dict[str, Any]:
    """The estimate at a finding's place in a metric's JSON, found by reading it."""
    if place.startswith("headline"):
        found = metric["headline"]
        return found["change"] if place.endswith(".change") else found
    table_, keys, measure = re.fullmatch(r"(\w+)(?:\[(.*)\])?\.(\w+)", place).groups()  # type: ignore[union-attr]
    wanted = dict(pair.split("=", 1) for pair in keys.split(",")) if keys else {}
    wanted.setdefault("segment", "None")
    rows = [
        row for row in metric["tables"][table_]
        if all(str(row[key]) == value for key, value in wanted.items())
    ]  # fmt: skip
    assert len(rows) == 1, (place, rows)
    return rows[0][measure]


def test_numbers_are_those_of_the_metrics(sample: Report) -> None:
    found = json.loads(json_.render(sample))
    assert len(found["findings"]) > 8
    for finding in found["findings"]:
        there = number_at(found["metrics"][finding["metric"]], finding["figure"])
        assert all(finding[name] == there[name] for name in ESTIMATE), finding
        assert finding["n"] >= 30
        inside = finding["low"] <= finding["threshold"] <= finding["high"]
        assert not inside, finding
    severities = [finding["severity"] for finding in found["findings"]]
    assert severities == sorted(severities, reverse=True)


def test_numbers_are_those_of_the_metrics_on_any_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of few people too, so that many rules speak; on the first two logs of which enough do."""
    monkeypatch.setattr(findings, "FEWEST", 1)
    logs = (of_log(seed, tmp_path / str(seed)) for seed in range(12, 40))
    for found in itertools.islice((one for one in logs if len(one["findings"]) > 2), 2):
        for finding in found["findings"]:
            there = number_at(found["metrics"][finding["metric"]], finding["figure"])
            assert all(finding[name] == there[name] for name in ESTIMATE), finding


def of_log(seed: int, folder: Path) -> dict[str, Any]:
    """The JSON of a random log's report; without findings where there is none."""
    log = random_log(seed)
    save(log, folder)
    options = common.Options(
        files=[str(folder / "events.csv")], config=folder / "m.yaml", as_of=log.as_of,
        console=common.Console(True),
    )  # fmt: skip
    try:
        made: dict[str, Any] = json.loads(
            json_.render(common.make_report(options, common.choose((), ())))
        )
    except AdoptError:
        return {"findings": []}
    return made


def test_what_is_planted_is_found(sample: Report) -> None:
    found = {finding.code: finding for finding in sample.findings}
    assert {"c-08", "c-16"} <= set(re.findall(r"c-\d+", found["accounts-to-look-at"].message))
    low = [f for f in sample.findings if f.code == "feature-low"]
    assert [f.audience for f in low] == ["adoptcli audience never_tried:scheduling"]
    assert (low[0].numerator, low[0].denominator) == (88, 352)
    assert found["one-step-short"].numerator == 105
    assert "teammate_invited" in found["onboarding-low"].message
    assert "activation-low" not in found  # it gets better, and is above a half
    assert not [f for f in sample.findings if f.metric == "feedback"]


@pytest.mark.parametrize("code", ["funnel-loses", "churn-idle", "one-step-short"])
def test_a_list_holds_those_whom_the_finding_counts(code: str, sample: Report, cli: Any) -> None:
    finding = next(f for f in sample.findings if f.code == code)
    metric, _, cell = shlex.split(finding.audience)[2].partition(".")
    people = cli(metric, "-c", EXAMPLE, "-q", "--who", cell).out.split()
    assert len(people) == finding.people > 0


@pytest.fixture(scope="module")
def alone(sample: Report) -> Report:
    """The findings alone, which are drawn sooner."""
    return replace(sample, metrics=())


def steps(text: str) -> list[str]:
    """The lines of the section."""
    _, _, after = text.partition("NEXT STEPS\n")
    return after.partition("\n\n")[0].splitlines()


@pytest.mark.parametrize("width", [40, 80, 140, None])
def test_commands_can_be_pasted(width: int | None, alone: Report) -> None:
    text = table.render(alone, full=True, width=width, color=False, unicode=True)
    joined = "\n".join(steps(text)).replace(" \\\n", " ")
    commands = [line for line in joined.splitlines() if line.strip().startswith("adoptcli ")]
    wanted = [shlex.split(finding.command) for finding in alone.findings]
    if width != 40:  # there a cell is longer than a line
        assert [shlex.split(command) for command in commands] == wanted
    if width is not None:
        assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("unicode", [True, False])
def test_the_screen_has_the_worst_of_each_topic(unicode: bool, alone: Report) -> None:
    text = table.render(alone, full=False, width=140, color=False, unicode=unicode)
    numbered = [line for line in steps(text) if re.match(r" +\d+  ", line)]
    first: dict[str, Finding] = {}
    for finding in alone.findings:
        first.setdefault(finding.topic, finding)
    shown = [*first.values()][:5]
    assert len(numbered) == len(shown) == 5
    for line, finding in zip(numbered, shown, strict=True):
        assert finding.message.split()[0] in line
    assert f"{len(alone.findings) - 5} more with --details" in text
    full = table.render(alone, full=True, width=140, color=False, unicode=unicode)
    assert len([line for line in steps(full) if re.match(r" +\d+  ", line)]) == len(alone.findings)
    assert "more with --details" not in full


def test_names_from_the_data_are_shown_not_obeyed() -> None:
    made = by_rows("feature_adoption", "retained", "again", item="\x1b[31m{n}")
    report = report_of(made(estimate(0.5, "below", 0.1)))
    text = table.render(
        replace(report, findings=found_in(report)), full=False, width=80, color=False, unicode=True
    )
    assert "\x1b" not in text
    assert "{n}" in text


def test_a_segment_is_listed_with_its_split() -> None:
    made = by_segment("activation")(estimate(0, "below", 0.1))
    (found,) = found_in(report_of(made), ["a b.csv", "-c", "m.yaml"], ["--by", "plan"])
    name = "activation.lacking[segment=pro].not_activated"
    assert shlex.split(found.audience) == ["adoptcli", "audience", name, "--by", "plan"]
    assert shlex.split(found.command)[3:] == ["a b.csv", "-c", "m.yaml", "--by", "plan"]


def test_what_another_command_needs() -> None:
    options = common.Options(
        files=("a.csv", "b.csv"), config=Path("m.yaml"), users="u.csv", accounts="a/c.csv",
        unit="account", period="week", since="2026-01-01", until="2026-02-01", as_of="today",
        by=("plan",), shards=3, output="x.txt",
    )  # fmt: skip
    assert common.again(options) == [
        "a.csv", "b.csv", "-c", "m.yaml", "--users", "u.csv", "--accounts", "a/c.csv",
        "--unit", "account", "--period", "week", "--since", "2026-01-01", "--until", "2026-02-01",
        "--as-of", "today",
    ]  # fmt: skip
    assert common.again(common.Options()) == []


def test_findings_can_be_turned_off(cli: Any, tmp_path: Path) -> None:
    text = EXAMPLE.read_text().replace("sample_data/", f"{ROOT}/sample_data/")
    (tmp_path / "m.yaml").write_text(text)
    (tmp_path / "off.yaml").write_text(text + "\nfindings: false\n")
    only = ("--only", "quadrant", "-f")
    told, silent = (
        json.loads(cli("report", "-c", f"{name}.yaml", *only, "json").out) for name in ("m", "off")
    )
    assert told["findings"]
    assert silent["findings"] == []
    assert told["definitions"] == silent["definitions"]
    assert "NEXT STEPS" not in cli("report", "-c", "off.yaml", *only, "table").out
    assert "NEXT STEPS" in cli("report", "-c", "m.yaml", *only, "table").out


def test_every_rule_is_explained(cli: Any) -> None:
    text = cli("explain", "next-steps").out
    for rule in RULES:
        assert f"`{rule.code}`" in text
    assert "`adopted-not-engaged` (quadrant, above 25 %)" in text
    assert "below `target`" in text
    assert "{" not in text


def test_a_change_carries_its_interval(sample: Report) -> None:
    found = json.loads(json_.render(sample))["metrics"]["adoption_rate"]["headline"]["change"]
    assert found["low"] < found["value"] < found["high"] < 0
