"""The loader: every problem at once, in plain words, at its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from adoptcli.config.model import Config, config_model, default, hash_of, load
from adoptcli.definitions import Definitions, EventRef
from adoptcli.errors import ConfigProblem
from adoptcli.metrics import all_metrics
from adoptcli.metrics.retention import RetentionSettings

Problems = Callable[..., list[str]]

BAD = [
    block.rsplit("\n→ ", 1)
    for block in (Path(__file__).parent / "bad.txt").read_text(encoding="utf-8").split("\n\n")[1:]
]
"""YAML and the one line that is said of it."""


@pytest.mark.parametrize(("text", "says"), BAD, ids=[text for text, _ in BAD])
def test_one_problem_one_line(text: str, says: str, problems: Problems) -> None:
    assert problems(text) == [f"m.yaml:{says.strip()}"]


def test_all_at_once_in_the_order_of_the_file(problems: Problems) -> None:
    text = """\
signup: signed_up
periode: week
activation:
  all: [created, {event: shared, at_leest: 2}]
  withn: 7d
on: 1
engagement_score:
  weights: {a: 0, b: x}
retention: {starts: [signup, activation]}
events: {a: a}
"""
    assert problems(text) == [
        "m.yaml:2:1: periode: unknown key; did you mean 'period'?",
        "m.yaml:4:34: activation.all.1.at_leest: unknown key; did you mean 'at_least'?",
        "m.yaml:5:3: activation.withn: unknown key; did you mean 'within'?",
        "m.yaml:6:1: on: 'on' without quotes is a boolean in YAML; put quotes around it",
        "m.yaml:8:16: engagement_score.weights.a: must be at least 1",
        "m.yaml:8:22: engagement_score.weights.b: must be a number, not text",
        "m.yaml:10:13: events.a: refers to itself; choose a name that no event of the log has",
    ]


GOOD = [
    "drivers: {outcome: {kind: satisfaction, question: nps, at_least: 10}}",
    "signup: x",
    "signup: {event: x, where: {a: [b, 1, true, 1.5]}}",
    "signup: {property: registered_at}",
    "login: x",
    "login: [x, {event: y}]",
    "login: {event: x, where: {a: 1.0, b: false}}",
    "features: {a: x, b: [x, y], c: {events: x, launched_at: 2026-03-01}}",
    'features: {a: {events: {event: x}, launched_at: "2026-03-01"}}',
    "features: {where: {events: x, core: yes}}",
    "source: {files: a.csv}",
    "source: [{files: [a.csv]}, {event: nps}]",
    "burn_in: 4w",
    "burn_in: 28",
    "activation: ~",
    "retention: {starts: activation}\nactivation: {any: [x]}",
    "features: {a: {events: x, eligible: {never_a_segment: [1]}}}",
    "purchase: &x\n  - a\nlogin: *x",
    "quadrant: {adoption: {activated: true, features: 3, rule: any}}",
    "quadrant: {engagement: {score: 5}}\nactivation: {all: [a]}\n"
    "engagement_score: {weights: {b: 1}}",
    "quadrant: {engagement: {score: 5}}\nevents: {send: {event: a, where: {to: [x, 1]}}}\n"
    "activation: {all: [{event: a, where: {to: [y]}}]}\nengagement_score: {weights: {send: 1}}",
]


@pytest.mark.parametrize("text", GOOD)
def test_good(text: str, problems: Problems) -> None:
    assert problems(text) == []


def test_a_metric_brings_its_section(fake_model: type[Definitions], problems: Problems) -> None:
    assert problems("fake: {window: 3w, gap: 90s, mode: hard, steps: [a]}", fake_model) == []
    assert problems("fake: {windw: 3w, mode: sofd}", fake_model) == [
        "m.yaml:1:8: fake.windw: unknown key; did you mean 'window'?",
        "m.yaml:1:25: fake.mode: must be one of soft, hard; did you mean 'soft'?",
    ]
    assert problems("fake: {}") == ["m.yaml:1:1: fake: unknown key"]


def test_every_metric_has_its_field() -> None:
    fields = config_model().model_fields
    assert set(all_metrics()) <= set(fields)
    for name, metric in all_metrics().items():
        found = getattr(default().definitions, name)
        assert found is None or isinstance(found, metric.settings)


def write(folder: Path, text: str) -> Config:
    path = folder / "metrics.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def hashed(folder: Path, text: str) -> str:
    return hash_of(write(folder, text).definitions)


def test_load(tmp_path: Path) -> None:
    config = write(tmp_path, "signup: signed_up\nactive_users: {month: 28d}\n")
    assert config.definitions.signup == EventRef(event="signed_up")
    assert config.settings["active_users"].month == 28
    assert config.settings["activation"] is None
    assert config.path == tmp_path / "metrics.yaml"
    assert config.base == tmp_path
    assert list(config.settings) == list(all_metrics())


def test_default_has_no_file() -> None:
    config = default()
    assert config.path is None
    assert config.base is None
    assert len(hash_of(config.definitions)) == 6


@pytest.mark.parametrize(
    ("written", "share"),
    [("0.1%", 0.001), ("0.7 %", 0.007), ("100%", 1), ("0%", 0), ("0.25", 0.25), ("1", 1)],
)
def test_shares(written: str, share: float, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(f"max_rejected: {written}")
    assert load(tmp_path / "m.yaml").definitions.max_rejected == share


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("version: 1", "time_zone: UTC"),
        ("active_users: {month: 4w}", "active_users: {month: 28}"),
        ("period: day\nlogin: [x]", "login: x\nperiod: day"),
        ("source: {files: a.csv}", "source: {files: b.csv, columns: {user: u}}"),
        ("users: {file: a.csv, id: u}", "users: {file: b.csv, id: u}"),
        ("accounts: {file: a.csv}", "accounts: {file: b.csv}"),
        ("source: {identity: {mode: none}}", "source: {identity: {mode: resolved}}"),
        ("source: {identity: {file: a}}", "source: {identity: {file: b, mode: map, to: x}}"),
        ("max_rejected: 0.5", "max_rejected: 0.1%"),
        ("findings: true", "findings: false"),
        ("engagement_score: {weights: {a: 5}}", "engagement_score: {weights: {a: 5.0}}"),
    ],
)
def test_the_hash_is_of_what_counts(a: str, b: str, tmp_path: Path) -> None:
    assert hashed(tmp_path, a) == hashed(tmp_path, b)


@pytest.mark.parametrize(
    "text",
    [
        "time_zone: Europe/Berlin",
        "active_users: {month: 28d}",
        "exclude: {users: [x]}",
        "users: {file: a.csv, signed_up_at: x}",
        "source: {identity: {mode: stitch}}",
        "source: {identity: {file: a.csv}}",
        "source: {identity: {mode: resolved, pairs: {event: x, from: a, to: b}}}",
        "source: {members: {event: x, account: a}}",
        "source: {where: {kept: [true]}}",
        "source: {ignore: [noise]}",
        "source: {dedupe: {key: [id, user]}}",
        "source: {weight: n}",
        "source: {empty: {user: ['0']}}",
        "signup: {event: x, where: {a: 1}}",
    ],
)
def test_the_hash_changes_with_what_counts(text: str, tmp_path: Path) -> None:
    assert hashed(tmp_path, text) != hash_of(default().definitions)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigProblem, match="there is no such file") as caught:
        load(tmp_path / "none.yaml")
    assert "adoptcli init" in caught.value.hint
    with pytest.raises(ConfigProblem, match="cannot be read: is a directory"):
        load(tmp_path)


def test_the_name_of_the_file_is_the_one_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my.yaml").write_text("a: 1\n", encoding="utf-8")
    with pytest.raises(ConfigProblem, match=r"^my\.yaml:1:1: a: unknown key"):
        load("my.yaml")


def test_retention_in_words() -> None:
    """The mode with its end, then the clock."""
    wide = RetentionSettings.model_validate({"mode": "unbounded", "period": "week"})
    assert wide.words == "unbounded to as-of, calendar weeks"
    near = RetentionSettings.model_validate({"mode": "unbounded", "period": "day", "horizon": 14})
    assert near.words == "unbounded to day 14, calendar days"
