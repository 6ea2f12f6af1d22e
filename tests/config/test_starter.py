"""The starter file loads, whatever the data hold, and forgets no key."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from adoptcli.config import guess
from adoptcli.config.document import parse
from adoptcli.config.keys import flow, keys_of, quoted
from adoptcli.config.model import config_model, validated
from adoptcli.config.starter import Found, starter
from adoptcli.definitions import Definitions
from adoptcli.metrics import all_metrics

HOSTILE = [
    "no", "on", "yes", "y", "null", "~", "true", "1.0", "12:30", "2026-01-01", "0x1f", "1e3",
    "010", "7d", "a: b", "a #b", "#a", "- a", "'", "\"", "\\", "\\n", "a\nb: c\n", "a\r\nb", "\t",
    " ", "*a", "&a", "!a", "%a", "@a", "`a`", "{a}", "[a]", "a,b", "|", ">", "?", "? a", ":", "-",
    "--- ", "...", "größe", "日本語", "😀", "\u2028", "\u0085", "\ufeff", "\u0000", "\u007f",
    "<<", "=", "$pageleave", "", "x" * 2_000, "../a", "a.b",
]  # fmt: skip
SAMPLE = [
    ("dashboard_viewed", 20_901), ("logged_in", 15_513), ("report_built", 11_023),
    ("doc_edited", 10_231), ("feature_used", 7_222), ("comment_added", 5_542),
    ("csv_exported", 2_560), ("project_created", 1_027), ("$pageleave", 857), ("signed_up", 620),
    ("teammate_invited", 478), ("subscription_cancelled", 19),
]  # fmt: skip


def load(text: str) -> Definitions:
    return validated(parse(text.encode(), "starter.yaml"), config_model())


def test_without_data_it_loads_and_is_short() -> None:
    text = starter()
    found = load(text)
    live = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert 10 <= len(live) <= 14
    assert text.startswith("# yaml-language-server: $schema=")
    assert getattr(found, "activation", None) is not None
    assert found.features
    assert found.signup is not None


def test_from_data() -> None:
    columns = {"user": "user_id", "event": "event name", "timestamp": "ts"}
    text = starter(Found(columns=columns, events=SAMPLE))
    found = yaml.safe_load(text)
    assert load(text)
    assert found == {
        "time_zone": "UTC",
        "source": {"columns": columns},
        "signup": "signed_up",
        "activation": {"all": ["report_built", "doc_edited"], "within": "7d"},
        "features": {
            name: [name]
            for name in (
                "feature_used", "comment_added", "csv_exported", "project_created",
                "teammate_invited",
            )
        },
        "engagement_score": {
            "weights": {
                "report_built": 1, "doc_edited": 1, "feature_used": 2, "comment_added": 3,
                "csv_exported": 5, "project_created": 8, "teammate_invited": 10,
            }
        },
    }  # fmt: skip
    assert "#   20,901  dashboard_viewed\n#   15,513  logged_in\n" in text
    assert '#      857  "$pageleave"\n' in text


def test_the_finder_of_the_data_knows_better() -> None:
    text = starter(Found(events=SAMPLE, signup="project_created", time_zone="Europe/Berlin"))
    found = load(text)
    assert str(found.signup) == "project_created"
    assert found.time_zone == "Europe/Berlin"
    assert "project_created" not in found.features


@pytest.mark.parametrize(
    "found",
    [
        Found(),
        Found(events=[("login", 1)]),
        Found(events=[("built", 3)]),
        Found(events=[("a", 3), ("b", 3)]),
        Found(events=[("a", 0), ("b", 0), ("c", 0)]),
        Found(events=[(f"event {i}", 10_000 - i) for i in range(3_000)]),
    ],
)
def test_little_or_much(found: Found) -> None:
    assert load(starter(found))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names(name: str) -> None:
    events = [(f"{name}", 9), (f"{name}x", 8), (f"{name} {name}", 7), ("x", 6)]
    load(starter(Found(columns={"user": name or "u", "event": f"{name}e"}, events=events)))
    load(starter(Found(events=events[:1] * 1, signup=name or None)))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.text(), st.integers(0, 10**9)), max_size=8, unique_by=lambda e: e[0]))
def test_any_names(events: list[tuple[str, int]]) -> None:
    load(starter(Found(events=events)))


@given(st.text())
def test_quoted_reads_back(text: str) -> None:
    assert yaml.safe_load(quoted(text)) == text
    assert yaml.safe_load(f"{{{quoted(text[:200])}: [{quoted(text)}]}}") == {text[:200]: [text]}


@pytest.mark.parametrize("text", [name for name in HOSTILE if name])
def test_quoted_hostile(text: str) -> None:
    assert yaml.safe_load(quoted(text)) == text


def test_flow_reads_back() -> None:
    value = {"a": [1, 2.5, True, None, "no", "x"], "b c": {"d": "7d"}}
    assert yaml.safe_load(flow(value)) == value


def blocks() -> dict[str, str]:
    """Each commented key of the starter, as it is after removing the '# '."""
    lines = [
        line[2:] for line in starter().splitlines() if re.match(r"# (\w+:|\w+ \(above|  )", line)
    ]
    found: dict[str, str] = {}
    name = ""
    for line in lines:
        if not line.startswith(" "):
            name = "" if "(above)" in line else line.split(":")[0]
        found[name] = found.get(name, "") + line + "\n"
    return {name: text for name, text in found.items() if name}


@pytest.mark.parametrize("name", blocks())
def test_what_is_commented_out_would_load(name: str) -> None:
    assert load(blocks()[name])


def test_no_key_is_forgotten() -> None:
    text = starter()
    for name in config_model().model_fields:
        assert re.search(rf"^(# )?{name}[: ]", text, re.MULTILINE), name
    for metric in all_metrics().values():
        for key in keys_of(metric.settings):
            assert re.search(rf"^(# )? +{key.name}:", text, re.MULTILINE), f"{metric.id}.{key.name}"


def test_signup_names() -> None:
    for name in ("signed_up", "Signed Up", "SignUp", "sign-up", "user_created", "UserRegistered",
                 "registered", "account_created"):  # fmt: skip
        assert guess.signup([("x", 5), (name, 1)]) == name
    assert guess.signup([("signup_page_viewed", 5), ("project_created", 1)]) is None
    assert guess.signup([("user_created", 9), ("signed_up", 1)]) == "signed_up"


def test_values_are_no_noise() -> None:
    events = [(name, 1) for name in (
        "login", "logged_in", "Signed In", "page_view", "PageView", "$autocapture", "signed_up",
        "subscription_cancelled", "button_clicked", "app_open", "built",
    )]  # fmt: skip
    assert guess.values(events) == [("built", 1)]


def test_weights_rise_with_rarity() -> None:
    assert guess.weights([("a", 1_000), ("b", 100), ("c", 10)]) == {"a": 1, "b": 5, "c": 10}
    assert guess.weights([("a", 7)]) == {"a": 5}
    assert guess.weights([]) == {}


Problems = Callable[..., list[str]]


def test_the_example_loads(problems: Problems) -> None:
    from pathlib import Path

    text = (Path(__file__).parents[2] / "metrics.example.yaml").read_text(encoding="utf-8")
    assert problems(text) == []
    assert set(yaml.safe_load(text)) <= set(config_model().model_fields)
