"""Targets: what a figure must be, whether it is, and what `check` says and ends with."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import xmlschema

from adoptcli.config.model import config_model, hash_of, load
from adoptcli.render import junit, numbers, verdicts
from adoptcli.results import (
    Column,
    Estimate,
    Headline,
    Judged,
    MetricReport,
    Report,
    Result,
    SourceSummary,
    Table,
    Textbook,
)
from adoptcli.targets import conditions, names
from adoptcli.targets.judge import judge
from tests.conftest import Outcome, write_log

Cli = Callable[..., Outcome]
JUNIT = xmlschema.XMLSchema(str(Path(__file__).parent / "junit.xsd"))


# ---- Conditions ----


@pytest.mark.parametrize(
    ("text", "unit", "held", "not_held"),
    [
        (">= 40%", "share", [0.4, 0.41, 1], [0.399999, 0]),
        ("≥40 %", "share", [0.4], [0.3999]),
        ("=> 40%", "share", [0.4], [0.3999]),
        ("> 40%", "share", [0.400001], [0.4]),
        ("<= 40%", "share", [0.4, 0], [0.400001]),
        ("< 40%", "share", [0.399999], [0.4, 0.5]),
        (">= 58.3%", "share", [583 / 1000], [0.5829999]),
        (">= 30%", "share", [0.1 + 0.2, 0.3], [0.29999]),
        ("<= 30%", "share", [0.1 + 0.2], [0.30001]),
        ("> 30%", "share", [0.31], [0.1 + 0.2]),
        ("20%..40%", "share", [0.2, 0.3, 0.4], [0.19999, 0.40001]),
        ("20 to 40%", "share", [0.2, 0.4], [0.1]),
        ("-5..5", "points", [-5, 0, 5], [-5.01, 5.01]),
        (">= −5pp", "pp", [-0.05, 0.1], [-0.0501]),
        ("<= 7d", "seconds", [7 * 86_400, 0], [7 * 86_400 + 1]),
        ("< 90min", "seconds", [5_399], [5_400]),
        (">= 4", "days", [4], [3.9]),
        (">= 1w", "days", [7], [6.9]),
        (">= 1.5", "ratio", [1.5], [1.49]),
        (">= +100", "users", [100], [99]),
    ],
)
def test_what_a_condition_holds(
    text: str, unit: Any, held: list[float], not_held: list[float]
) -> None:
    condition = conditions.parse(text)
    bounds, opposite = condition.bounds(unit), condition.opposite().bounds(unit)
    for value in held:
        assert bounds.hold(value), value
        assert not opposite.hold(value), value
    for value in not_held:
        assert not bounds.hold(value), value
        assert opposite.hold(value), value


@pytest.mark.parametrize(
    ("text", "beyond", "within"),
    [
        (">= 40", [(1, 39)], [(1, 40), (41, 50), (-math.inf, math.inf)]),
        ("> 40", [(1, 40)], [(1, 40.1)]),
        ("<= 40", [(41, 99)], [(40, 99)]),
        ("< 40", [(40, 99)], [(39, 99)]),
        ("20..40", [(1, 19), (41, 99)], [(1, 20), (40, 99), (1, 99), (25, 30)]),
    ],
)
def test_when_a_whole_interval_is_beyond(
    text: str, beyond: list[tuple[float, float]], within: list[tuple[float, float]]
) -> None:
    bounds = conditions.parse(text).bounds("number")
    assert all(bounds.beyond(*interval) for interval in beyond)
    assert not any(bounds.beyond(*interval) for interval in within)


def test_an_interval_within_a_range_that_fails() -> None:
    outside = conditions.parse("20..40").opposite().bounds("number")
    assert outside.beyond(25, 30)
    assert not outside.beyond(15, 30)
    assert str(conditions.parse("20..40%").opposite()) == "outside 20 % to 40 %"


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        (">= 40", "share"), (">= 0.4", "share"), (">= 5%", "pp"), (">= 5", "pp"),
        (">= 40%", "users"), (">= 7", "seconds"), (">= 7d", "users"), (">= 7%", "days"),
        (">= 1", "text"), (">= 5pp", "share"),
    ],
)  # fmt: skip
def test_a_unit_that_the_figure_has_not(text: str, unit: Any) -> None:
    with pytest.raises(conditions.Unfit):
        conditions.parse(text).bounds(unit)


# ---- Names ----


def test_names_of_figures() -> None:
    assert names.parse("seat-utilization") == names.Figure("seat_utilization", "headline", {})
    assert names.parse("activation.textbook").table == "textbook"
    cell = names.parse("funnel.steps[item=a, b=c,step=2, plan=pro, inc.].onward")
    assert cell.keys == {"item": "a", "step": "2"}
    assert cell.split == (("b", "c"), ("plan", "pro, inc."))
    assert (cell.table, cell.measure, cell.by) == ("steps", "onward", ("b", "plan"))
    crossed = names.parse("churn[segment=plan / role: pro / admin]")
    assert crossed.split == (("plan", "pro"), ("role", "admin"))


# ---- Outcomes ----


def metric(
    head: Estimate | None = None, change: Estimate | None = None, *tables: Table,
    unit: Any = "share", status: Any = "ok",
) -> MetricReport:  # fmt: skip
    """The metric `churn`, with a made-up result."""
    top = None if head is None else Headline("Churn", head, unit, "2026-08", change)
    result = Result(top, Textbook(0.5, 1, 2, "1 ÷ 2"), tables, status=status, reason="no purchase")
    return MetricReport("churn", "Churn", "engagement", "Churn.", {}, result)


def judged(
    targets: Mapping[str, Any], found: MetricReport, splits: Any = ()
) -> tuple[list[Judged], Mapping[str, str]]:
    section: Any = config_model().model_validate({"targets": dict(targets)})
    made = judge(section.targets, [found], splits)
    return list(made.judged), made.wrong


def outcome(target: Any, found: MetricReport, name: str = "churn") -> str:
    lines, wrong = judged({name: target}, found)
    assert not wrong
    assert len(lines) == 1
    return lines[0].outcome


SURE = {"target": ">= 40%", "surely": True}
SURE_OF_FAIL = {"fail": "< 20%", "warn": "< 25%", "surely": True}


@pytest.mark.parametrize(
    ("target", "value", "low", "high", "expected"),
    [
        (">= 40%", 0.4, 0.3, 0.5, "pass"),
        (">= 40%", 0.3999, 0.3, 0.5, "fail"),
        (SURE, 0.4, 0.3, 0.5, "pass"),
        (SURE, 0.39, 0.3, 0.5, "warn"),
        (SURE, 0.39, 0.3, 0.4, "warn"),
        (SURE, 0.39, 0.3, 0.399, "fail"),
        (SURE, 0.39, 0.3, None, "warn"),
        (SURE, 0.39, None, 0.399, "fail"),
        (SURE, 0.39, None, None, "not_evaluable"),
        (SURE, 0.41, None, None, "pass"),
        ({"fail": "< 20%", "warn": "< 25%"}, 0.19, None, None, "fail"),
        ({"fail": "< 20%", "warn": "< 25%"}, 0.2, None, None, "warn"),
        ({"fail": "< 20%", "warn": "< 25%"}, 0.25, None, None, "pass"),
        (SURE_OF_FAIL, 0.19, 0.1, 0.199, "fail"),
        (SURE_OF_FAIL, 0.19, 0.1, 0.2, "warn"),
        (SURE_OF_FAIL, 0.24, 0.1, 0.3, "warn"),
        ({"warn": "> 5%"}, 0.06, None, None, "warn"),
        ({"warn": "> 5%"}, 0.05, None, None, "pass"),
        ({"fail": "20%..40%"}, 0.2, None, None, "fail"),
        ({"fail": "20%..40%"}, 0.41, None, None, "pass"),
        (">= 40%", None, None, None, "not_evaluable"),
        (">= 40%", math.inf, None, None, "not_evaluable"),
    ],
)
def test_outcomes(
    target: Any, value: float | None, low: float | None, high: float | None, expected: str
) -> None:
    assert outcome(target, metric(Estimate(value, None, None, low, high))) == expected


def test_what_was_not_computed_never_passes() -> None:
    for status in ("not_configured", "not_evaluable"):
        line = judged({"churn": ">= 0%"}, metric(status=status))[0][0]
        assert (line.outcome, line.reason) == ("not_evaluable", "no purchase")
    assert outcome(">= 0%", metric()) == "not_evaluable"
    assert outcome({"change": ">= 0%"}, metric(Estimate(0.3))) == "not_evaluable"
    zero = metric(Estimate(0.3), Estimate(0.3))  # from nothing at all
    assert outcome({"change": ">= 0%"}, zero) == "not_evaluable"
    assert outcome({"change": ">= 30pp"}, zero) == "pass"


@pytest.mark.parametrize(
    ("target", "expected"),
    [  # from 50 % to 45 %: 5 pp, a tenth
        (">= -5pp", "pass"), (">= -4.9pp", "fail"), (">= -10%", "pass"), (">= -9.9%", "fail"),
        ({"target": ">= -4pp", "surely": True}, "warn"),
        ({"target": ">= -1pp", "surely": True}, "fail"),
        ({"target": ">= -3%", "surely": True}, "fail"),  # its interval ends at −4 %
        ({"target": ">= -4.1%", "surely": True}, "warn"),
        ({"warn": "< 0%", "fail": "< -20%"}, "warn"),
    ],
)  # fmt: skip
def test_change_against_the_period_before(target: Any, expected: str) -> None:
    found = metric(Estimate(0.45), Estimate(-0.05, None, None, -0.08, -0.02))
    assert outcome({"change": target}, found) == expected


def test_the_change_of_a_number_that_is_no_share() -> None:
    found = metric(Estimate(90), Estimate(-10), unit="users")
    assert outcome({"change": ">= -10"}, found) == "pass"
    assert outcome({"change": ">= -9"}, found) == "fail"
    assert outcome({"change": ">= -10%"}, found) == "pass"
    assert judged({"churn": {"change": ">= -5pp"}}, found)[1]
    assert judged({"churn": {"change": {"fail": "< -5%", "warn": "< 3"}}}, found)[1]


COHORTS = Table(
    "cancelled", "Cohorts",
    (Column("cohort", "Cohort", "date"), Column("signups", "n", "users"),
     Column("mature", "Mature", "users"), Column("lost", "Lost", "share"),
     Column("ever", "Ever", "share")),
    (
        {"cohort": "2026-06", "signups": 10, "mature": 10, "lost": Estimate(0.2, 2, 10),
         "ever": Estimate(0.2, 2, 10)},
        {"cohort": "2026-07", "signups": 10, "mature": 10, "lost": Estimate(0.3, 3, 10),
         "ever": Estimate(0.3, 3, 10)},
        {"cohort": "2026-08", "signups": 20, "mature": 5, "lost": Estimate(1.0, 5, 5),
         "ever": Estimate(0.25, 5, 20)},
        {"cohort": "2026-09", "signups": 20, "mature": 0, "lost": Estimate(None, 0, 0),
         "ever": Estimate(0.0, 0, 20)},
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("cancelled.lost", [("2026-07", "pass")]),  # the latest that is mature
        ("cancelled[cohort=latest].lost", [("2026-07", "pass")]),
        ("cancelled[cohort=2026-06].lost", [("2026-06", "fail")]),
        ("cancelled[cohort=2026-08].lost", [("2026-08", "not_evaluable")]),
        ("cancelled[cohort=2026-09].lost", [("2026-09", "not_evaluable")]),
        ("cancelled[cohort=2031-01].lost", [(None, "not_evaluable")]),
        ("cancelled.ever", [("2026-07", "pass")]),
        ("cancelled[cohort=*].lost",
         [("2026-06", "fail"), ("2026-07", "pass"), ("2026-08", "not_evaluable"),
          ("2026-09", "not_evaluable")]),
    ],
)  # fmt: skip
def test_cells_of_cohorts(cell: str, expected: list[tuple[str | None, str]]) -> None:
    lines, wrong = judged({f"churn.{cell}": ">= 30%"}, metric(Estimate(0.1), None, COHORTS))
    assert not wrong
    assert [(line.period, line.outcome) for line in lines] == expected


def test_the_change_of_a_cell_is_against_the_row_before() -> None:
    found = metric(Estimate(0.1), None, COHORTS)
    name = "churn.cancelled[cohort=*].lost"
    lines, _ = judged({name: {"change": ">= 10pp"}}, found)
    assert [line.outcome for line in lines] == [
        "not_evaluable", "pass", "not_evaluable", "not_evaluable",
    ]  # fmt: skip
    assert lines[1].figure == "cancelled[cohort=2026-07].lost.change"
    assert lines[1].value == pytest.approx(0.1)
    assert outcome({"change": ">= 50%"}, found, "churn.cancelled[cohort=2026-07].lost") == "pass"


ACCOUNTS = Table(
    "accounts", "Accounts",
    (Column("segment", "Segment", "text"), Column("item", "Account", "text"),
     Column("used", "Used", "share"), Column("note", "Note", "text")),
    tuple(
        {"segment": segment, "item": item, "used": Estimate(used), "note": "x"}
        for segment, item, used in (
            (None, "a", 0.5), (None, "b, inc.", 0.1), (None, "c", None),
            ("plan: pro", "a", 0.6), ("role: admin", "a", 0.7),
            ("plan / role: pro / admin", "a", 0.8),
        )
    ),
)  # fmt: skip


def test_each_row_is_judged() -> None:
    found = metric(Estimate(0.1), None, ACCOUNTS)
    for name in ("churn.accounts", "churn.accounts[item=*]", "churn.accounts[item=*].used"):
        lines, _ = judged({name: ">= 20%"}, found)
        assert [(line.figure, line.outcome) for line in lines] == [
            ("accounts[item=a].used", "pass"), ("accounts[item=b, inc.].used", "fail"),
            ("accounts[item=c].used", "not_evaluable"),
        ]  # fmt: skip
    assert outcome(">= 20%", found, "churn.accounts[item=b, inc.]") == "fail"


def test_segments_are_found_by_their_columns() -> None:
    found = metric(Estimate(0.1), None, ACCOUNTS)
    targets = {
        "churn.accounts[plan=pro]": ">= 20%", "churn.accounts[role=*,item=a]": ">= 20%",
        "churn.accounts[plan=pro,role=admin].used": ">= 20%", "churn.accounts[plan=por]": ">= 20%",
        "churn.accounts[country=x]": ">= 20%",  # the report is not split by it
    }  # fmt: skip
    lines, wrong = judged(targets, found, [("plan",), ("role",), ("plan", "role")])
    assert not wrong
    assert [line.value for line in lines] == [0.6, 0.7, 0.8, None]
    assert [line.name for line in lines[:3]] == [
        "churn.accounts[plan=pro,item=a].used", "churn.accounts[role=admin,item=a].used",
        "churn.accounts[plan=pro,role=admin,item=a].used",
    ]  # fmt: skip
    assert lines[3].reason == "there is no segment 'por'; did you mean 'pro'?"


STEPS = Table(
    "pooled", "Pooled", (Column("step", "Week", "number"), Column("kept", "Kept", "share")),
    tuple({"step": n, "kept": Estimate(value)} for n, value in enumerate((1.0, 0.5, 0.25))),
)  # fmt: skip


def test_periods_may_be_said_of_steps() -> None:
    found = metric(Estimate(0.1), None, STEPS)
    for name in ("churn.pooled[period=1]", "churn.pooled[step=1]", "churn.pooled[step=1].kept"):
        assert outcome("50%..50.1%", found, name) == "pass"
    line = judged({"churn.pooled[step=1]": {"change": ">= 0pp"}}, found)[0][0]
    assert (line.outcome, line.reason[:24]) == ("not_evaluable", "the table has no periods")


@pytest.mark.parametrize(
    ("name", "target", "message"),
    [
        ("churn", ">= 40", "it is a share, which is written such as '>= 40%'"),
        ("churn.canceled.lost", ">= 4%", "there is no table 'canceled'; did you mean 'cancelled'?"),
        ("churn.cancelled.lots", ">= 4%", "there is no column 'lots'; did you mean 'lost'?"),
        (
            "churn.cancelled",
            ">= 4%",
            "say which column, such as cancelled.lost; there are: signups",
        ),
        ("churn.cancelled[item=a].lost", ">= 4%", "there is no key 'item'; there are: cohort"),
        ("churn.textbook", {"change": ">= 4%"}, "it has no period before"),
        ("churn[plan=pro]", {"change": ">= 4%"}, "it has no period before"),
        ("churn.accounts.note", ">= 4", "'note' holds words, which cannot have a target"),
    ],
)
def test_what_the_metric_does_not_have(name: str, target: Any, message: str) -> None:
    found = metric(Estimate(0.1), None, COHORTS, ACCOUNTS)
    lines, wrong = judged({name: target}, found, [("plan",)])
    assert not lines
    assert wrong[name].startswith(message)


def test_textbook_and_headline_are_two_figures() -> None:
    found = metric(Estimate(0.1))
    assert outcome(">= 50%", found, "churn.textbook") == "pass"
    assert outcome(">= 50%", found) == "fail"


# ---- What is said of them ----


def test_numbers_that_round_to_the_limit_are_told_apart() -> None:
    assert numbers.told_apart(0.3996, 0.4, "share") == "39.96 %"
    assert numbers.told_apart(0.39996, 0.4, "share") == "39.996 %"
    assert numbers.told_apart(0.4, 0.4, "share") == "40.0 %"
    assert numbers.told_apart(0.38, 0.4, "share") == "38.0 %"
    assert numbers.told_apart(299.9, 300, "seconds") != numbers.number(300, "seconds")
    assert numbers.told_apart(0.999, 1, "ratio") == "0.999"
    assert numbers.gap(-0.00004, "share") == "0.004 pp"
    assert numbers.gap(0, "share") == "0.0 pp"
    assert numbers.told_apart(0.1 + 0.2, 0.3, "share") == "30.0 %"
    line = judged({"churn": ">= 30%"}, metric(Estimate(0.1 + 0.2)))[0][0]
    assert verdicts.margin(line) == "±0.0 pp"


def test_the_message_has_both_numbers() -> None:
    found = metric(Estimate(0.39996, 9_999, 25_000, 0.39, 0.41))
    line = judged({"churn": ">= 40%"}, found)[0][0]
    assert verdicts.message(line) == (
        "39.996 % misses ≥ 40 % by 0.004 pp (95 % 39.0–41.0, n 9,999/25,000); 2026-08"
    )


def a_report(*lines: Judged) -> Report:
    source = SourceSummary(1, 1, 1, None, {}, 0, 0, 0, "2026-08-01", "2026-08-31")
    return Report("1.0", "2026-09-01", "UTC", None, None, "user", "month", None, "abc123", source,
                  (), targets=lines)  # fmt: skip


def test_junit_is_valid_whatever_the_names_hold() -> None:
    nasty = "a\x00\x1b[2J<b>&\"' \ud800\ufffe]]> \u2028é日"
    lines = [
        Judged(nasty, f"churn.accounts[item={nasty}]", "value", "churn", "x", kind, "≥ 40 %",
               0.3, 0.2, 0.4, "share", 3, 10, nasty, 0.4, -0.1, False, nasty)
        for kind in ("pass", "warn", "fail", "not_evaluable")
    ]  # fmt: skip
    for strict, failures in ((False, 1), (True, 2)):
        text = junit.render(a_report(*lines), strict=strict)
        root = ET.fromstring(text.encode())
        JUNIT.validate(root)
        suite = root[0]
        assert (suite.get("tests"), suite.get("errors")) == ("4", "1")
        assert int(suite.get("failures", 0)) == failures == len(root.findall(".//failure"))
        assert len(root.findall(".//error")) == 1
        assert "by 10.0 pp" in root.findall(".//failure")[-1].get("message", "")
    with pytest.raises(xmlschema.XMLSchemaException):
        JUNIT.validate("<testsuites><testsuite name='x'/></testsuites>")


def test_what_failed_stands_last_and_many_that_passed_on_one_line() -> None:
    kinds = ["fail", "not_evaluable", "warn", *["pass"] * 6]
    lines = [
        Judged("churn.x", f"churn.x[item={i}]", "value", "churn", "x", kind, "≥ 4", 3.0,  # type: ignore[arg-type]
               limit=4, distance=1, unit="users")
        for i, kind in enumerate(kinds)
    ]  # fmt: skip
    report = a_report(*lines)
    text = verdicts.render(report, lines, width=80, color=False, unicode=True)
    shown = [line for line in text.splitlines()[1:] if line[:1].strip()]
    assert [line.split()[1] for line in shown[:-1]] == ["pass", "warn", "not", "fail"]
    assert "churn.x: 6 of them" in shown[0]
    assert shown[-1].endswith("6 passed, 1 with a warning, 1 not judged, 1 failed")
    assert all(len(line) <= 80 for line in text.splitlines())
    plain = verdicts.render(report, lines, width=None, color=False, unicode=False)
    assert plain.isascii()
    colored = verdicts.render(report, lines, width=80, color=True, unicode=True)
    assert "\x1b[1;31m✗ fail" in colored


# ---- The command ----

EVENTS = [
    *((f"u{n}", "signed_up", "2026-01-05T10:00:00Z") for n in range(10)),
    *((f"u{n}", "built", "2026-01-06T10:00:00Z") for n in (0, 1, 2, 5)),
    *((f"v{n}", "signed_up", "2026-02-18T10:00:00Z") for n in range(5)),  # not yet 7 days ago
    ("v0", "built", "2026-02-20T23:00:00Z"),
]
"""In January 4 of 10 are activated: 3 of 5 on pro, 1 of 5 on free."""
USERS = "id,plan\n" + "".join(f"u{n},{'pro' if n < 5 else 'free'}\n" for n in range(10))
USERS += "".join(f"v{n},pro\n" for n in range(5))
MEETS = {"activation": ">= 40%"}
MISSES = {"activation": "> 40%"}
UNJUDGED = {"activation.cohorts[cohort=2026-02].activated": ">= 0%"}
WARNS = {"activation": {"warn": "<= 40%"}}
WARNS_TOO = {"activation.textbook": {"warn": ">= 0%"}}


@pytest.fixture
def check(cli: Cli, tmp_path: Path) -> Callable[..., Outcome]:
    """Write the log with some targets, and check them."""

    def call(targets: Mapping[str, Any], *options: object) -> Outcome:
        log, config = written(tmp_path, targets)
        return cli("check", log, "-c", config, *options)

    return call


def written(folder: Path, targets: Mapping[str, Any]) -> tuple[Path, Path]:
    config = {
        "signup": "signed_up", "activation": {"all": ["built"], "within": "7d"},
        "users": {"file": "users.csv", "id": "id"}, "targets": dict(targets),
    }  # fmt: skip
    return write_log(folder, EVENTS, config, users=USERS)


def started(folder: Path, targets: Mapping[str, Any], *options: str) -> subprocess.Popen[bytes]:
    folder.mkdir()
    log, config = written(folder, targets)
    command = [sys.executable, "-m", "adoptcli", "check", str(log), "-c", str(config), "-q"]
    return subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_exit_codes_of_the_process(tmp_path: Path) -> None:
    calls: list[tuple[int, Mapping[str, Any], list[str]]] = [
        (0, {**MEETS, **WARNS_TOO}, []),
        (1, {**MEETS, **WARNS_TOO}, ["--strict"]),
        (1, {**UNJUDGED, **MISSES}, ["--problems"]),
        (2, {"activation": "40%"}, []),
        (3, {**UNJUDGED, **MEETS}, ["--strict", "-f", "junit"]),
    ]
    running = [started(tmp_path / str(i), t, *o) for i, (_, t, o) in enumerate(calls)]
    for process, (code, _, _) in zip(running, calls, strict=True):
        out, err = process.communicate()
        assert process.returncode == code, err
        assert bool(err) == (code == 2)
        assert bool(out) == (code != 2)


def test_a_target_of_a_segment_splits_the_report(check: Cli) -> None:
    targets = {"activation[plan=*]": ">= 50%", "activation.cohorts[plan=pro].activated": ">= 60%"}
    for options in ([], ["--by", "plan"]):
        found = json.loads(check(targets, "-f", "json", *options).out)
        assert {(t["name"], t["outcome"], t["numerator"]) for t in found["targets"]} == {
            ("activation[plan=pro]", "pass", 3), ("activation[plan=free]", "fail", 1),
            ("activation.cohorts[plan=pro,cohort=2026-01].activated", "pass", 3),
        }  # fmt: skip
    wrong = check({"activation[plna=pro]": ">= 50%"})
    assert wrong.code == 2
    assert "targets.activation[plna=pro]: no column or event property is called" in wrong.err


def test_json_fits_its_schema(check: Cli, cli: Cli) -> None:
    schema = json.loads(cli("schema", "check").out)
    jsonschema.Draft202012Validator.check_schema(schema)
    targets = {**UNJUDGED, **WARNS, "usage": {"target": ">= 1", "change": ">= 0%"}}
    found = json.loads(check(targets, "-f", "json").out)
    jsonschema.validate(found, schema)
    assert found["outcome"] == "not_evaluable"
    assert found["counts"] == {"pass": 0, "warn": 1, "not_evaluable": 3, "fail": 0}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**found, "more": 1}, schema)


def test_the_same_bytes_again_and_a_file_whole_or_not_at_all(check: Cli, tmp_path: Path) -> None:
    for name in ("a.json", "a.xml"):
        first = check(MISSES, "-o", tmp_path / name)
        assert (first.code, first.out) == (1, "")
        before = (tmp_path / name).read_bytes()
        check(MISSES, "-o", tmp_path / name)
        assert (tmp_path / name).read_bytes() == before
    JUNIT.validate(str(tmp_path / "a.xml"))
    assert json.loads((tmp_path / "a.json").read_text())["outcome"] == "fail"
    assert check({"activation": "40"}, "-o", tmp_path / "b.json").code == 2
    assert check(MISSES, "-o", f"{tmp_path}/").code == 2
    (tmp_path / "d").write_text("")
    assert check(MISSES, "-o", tmp_path / "d" / "c.json").code == 74
    assert {p.name for p in tmp_path.iterdir() if p.name[0] in ".bc"} == set()


def test_nothing_is_said_where_all_is_well(check: Cli) -> None:
    well = check(MEETS, "-q", "--problems")
    assert (well.code, well.out, well.err) == (0, "", "")
    ill = check({**MEETS, **UNJUDGED, "usage": ">= 1"}, "-q", "--problems", "--only", "activation")
    assert (ill.code, ill.err) == (3, "")
    assert [line.split()[0] for line in ill.out.splitlines() if line[:1].strip()] == ["?", "2"]
    assert check(MEETS, "--problems", "-f", "json").code == 2


def test_targets_change_no_number(tmp_path: Path) -> None:
    files = [written(tmp_path, t)[1] for t in ({}, MEETS, MISSES)]
    hashes = {hash_of(load(file).definitions) for file in files}
    assert len(hashes) == 1


def test_no_target_is_a_wrong_use(check: Cli) -> None:
    assert "targets:" in check({}).err
    assert check({}).code == 2
    assert check(MEETS, "--only", "usage").code == 2


def test_wrong_targets_are_told_with_their_place(check: Cli) -> None:
    found = check({"activation": ">= 40", "activation.nothing": ">= 1%"})
    assert found.code == 2
    lines = found.err.splitlines()[-2:]
    assert "definitions.yaml:11:3: targets.activation: it is a share" in lines[0]
    assert 'definitions.yaml:12:3: targets."activation.nothing": there is no table' in lines[1]


def test_the_report_shows_them_but_does_not_fail(cli: Cli, tmp_path: Path) -> None:
    log, config = written(tmp_path, {**MISSES, "activation[plan=pro]": ">= 1%", "usage": ">= 1%"})
    found = cli("report", log, "-c", config, "--only", "activation")
    assert found.code == 0
    assert "✗ > 40 %" in found.out
    assert "1 target as of 2026-02-21: 1 failed" in found.out
    shown = json.loads(cli("activation", log, "-c", config, "-f", "json").out)
    assert [t["outcome"] for t in shown["targets"]] == ["fail"]
