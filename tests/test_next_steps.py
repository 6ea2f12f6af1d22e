"""Next steps: the findings of the sample data and of random logs, their lists, the screen."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adoptcli import findings
from adoptcli.cli import common
from adoptcli.cli.console import Console
from adoptcli.errors import AdoptError
from adoptcli.findings import RULES, Rule, found_in
from adoptcli.render import json_, table
from adoptcli.results import Finding, Report
from adoptcli.runner import audience
from adoptcli.runner import report as runner
from tests.conftest import write_log
from tests.logs import random_log, save
from tests.made import by_rows, by_segment, estimate, report_of

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "metrics.example.yaml"
ESTIMATE = ("value", "low", "high", "numerator", "denominator")


@pytest.fixture(scope="module")
def sample() -> Report:
    """The report of the sample data, by plan."""
    options = common.Options(config=EXAMPLE, by=("plan",), console=Console(True))
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
    """Of few people too, so that many rules speak; on the first log of which enough do."""
    monkeypatch.setattr(findings, "FEWEST", 1)
    logs = (of_log(seed, tmp_path / str(seed)) for seed in range(35, 60))
    found = next(one for one in logs if len(one["findings"]) > 2)
    for finding in found["findings"]:
        there = number_at(found["metrics"][finding["metric"]], finding["figure"])
        assert all(finding[name] == there[name] for name in ESTIMATE), finding


def of_log(seed: int, folder: Path) -> dict[str, Any]:
    """The JSON of a random log's report; without findings where there is none."""
    log = random_log(seed)
    save(log, folder)
    options = common.Options(
        files=[str(folder / "events.csv")], config=folder / "m.yaml", as_of=log.as_of,
        console=Console(True),
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
    assert [shlex.split(f.audience)[2] for f in low] == [
        "feature_adoption.unused[item=scheduling].actors"
    ]
    assert (low[0].numerator, low[0].denominator) == (88, 352)
    assert "one-step-short" not in found  # half of them have done it since
    assert "teammate_invited" in found["onboarding-low"].message
    assert "activation-low" not in found  # it gets better, and is above a half
    assert not [f for f in sample.findings if f.metric == "feedback"]


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> list[Rule]:
    """Rules that speak of everything, however small or good it is."""
    monkeypatch.setattr(findings, "FEWEST", 0)
    monkeypatch.setattr(findings, "SIGNIFICANT", 2)
    monkeypatch.setattr(findings, "UNTRUSTED", frozenset())
    always: dict[str, Any] = {"least": 0.0, "period": "", "flow": False, "unless": ""}
    sides: tuple[dict[str, Any], ...] = ({"below": 1e9}, {"above": -1e9})
    return [replace(rule, **always, **sides[rule.above is not None]) for rule in RULES]


def lists(found: Sequence[Finding], options: common.Options) -> Iterator[tuple[Finding, int]]:
    """Each finding that has a list, with the length of that; the file is read once for all."""
    metrics = common.choose((), ())
    asked = common.request(options, common.load_config(options), tuple(metrics))
    prepared, _ = runner.read(asked, metrics)
    for finding in found:
        if finding.people:
            name = shlex.split(finding.audience)[2]
            yield finding, len(audience.people(audience.wanted(name, asked), prepared, asked))


def one_of_each(found: Sequence[Finding]) -> list[Finding]:
    """One a rule and metric, of which there may be many."""
    return [*{(f.code, f.metric): f for f in found if f.people}.values()]


def test_every_list_of_the_sample_is_as_long_as_told(sample: Report, eager: list[Rule]) -> None:
    found = one_of_each(found_in(sample, rules=eager))
    options = common.Options(config=EXAMPLE, by=("plan",), console=Console(True))
    seen = set()
    for finding, length in lists(found, options):
        assert finding.people == length, finding
        seen.add((finding.code, finding.metric))
    told = {(rule.code, rule.metric) for rule in RULES}
    # Of idle churn one rule of three speaks; in the last month nobody has cancelled.
    unheard = ("churn-early", "churn-slow", "churn-cancelled", "segment-behind")
    assert told - seen == {(code, "churn") for code in unheard}


def all_are_as_long_as_told(options: common.Options, rules: Sequence[Rule]) -> int:
    """How many lists were looked at."""
    found = found_in(common.make_report(options, common.choose((), ())), rules=rules)
    looked = [*lists(one_of_each(found), options)]
    for finding, length in looked:
        assert finding.people == length, finding
    return len(looked)


@pytest.mark.parametrize(("unit", "by"), [("user", ("kind",)), ("account", ())])
def test_every_list_of_any_log_is_as_long_as_told(
    unit: str, by: Sequence[str], tmp_path: Path, eager: list[Rule]
) -> None:
    log = random_log(12)
    save(log, tmp_path)
    options = common.Options(
        files=[str(tmp_path / "events.csv")], config=tmp_path / "m.yaml", as_of=log.as_of,
        unit=unit, by=by, console=Console(True),
    )  # fmt: skip
    assert all_are_as_long_as_told(options, eager) >= 5


def test_the_lists_of_accounts_are_as_long_as_told(eager: list[Rule]) -> None:
    options = common.Options(config=EXAMPLE, unit="account", console=Console(True))
    assert all_are_as_long_as_told(options, eager) >= 12


def test_those_who_are_not_satisfied_are_a_list(cli: Any, tmp_path: Path) -> None:
    """Of the latest answers of the last window: 3 is none of satisfaction, 4 is."""
    answers = {"a": 3, "b": 4, "c": 1, "d": 5}
    events = [(user, "rated", "2026-03-02T08:00:00Z", score) for user, score in answers.items()]
    config = {"feedback": {"csat": {"event": "rated", "score": "score"}, "window": "7d"}}
    log, yaml = write_log(tmp_path, events, config, ("user", "event", "timestamp", "score"))
    cell = "feedback.csat[period=2026-03-02].dissatisfied"
    options = ("-c", yaml, "--as-of", "2026-03-03", "-q", "-f", "json")
    lines = json.loads(cli("audience", cell, log, *options).out)
    assert [line["id"] for line in lines] == ["a", "c"]


def pasted(command: str, folder: Path) -> list[str]:
    """The lines, but for the two above, that a command writes in a shell."""
    tool = folder / "adoptcli"
    tool.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m adoptcli "$@"\n')
    tool.chmod(0o755)
    env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[2:]


@pytest.mark.parametrize("code", ["funnel-loses", "segment-behind"])
def test_a_pasted_command_lists_them(code: str, sample: Report, tmp_path: Path) -> None:
    finding = next(f for f in sample.findings if f.code == code)
    assert len(pasted(finding.audience, tmp_path)) == finding.people > 0


def test_what_came_from_a_pipe_is_to_be_named(tmp_path: Path) -> None:
    made = by_rows("quadrant", "quadrants", "actors", item="adopted_not_engaged")
    report = report_of(made(estimate(0.25, "above", 0.1)))
    options = common.Options(files=["-"], config=EXAMPLE)
    found = found_in(report, common.again(options))
    command = found[0].audience
    name = "quadrant:adopted_not_engaged"
    assert command == f"adoptcli audience {name} - -c {EXAMPLE} < FILE"
    assert len(pasted(command.replace("FILE", "sample_data/events.csv"), tmp_path)) == 427
    width = len(f"       {EXAMPLE} \\")  # that line just fits, wherever we are
    text = table.render(
        replace(report, findings=found), full=False, width=width, color=False, unicode=True
    )
    assert re.search(r"yaml \\\n +< FILE\n", text)


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
    wanted = [shlex.split(finding.audience) for finding in alone.findings]
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
    name = "activation.cohorts[segment=pro,cohort=2026-09].late"
    assert shlex.split(found.audience)[:3] == ["adoptcli", "audience", name]
    assert shlex.split(found.audience)[3:] == ["a b.csv", "-c", "m.yaml", "--by", "plan"]


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
