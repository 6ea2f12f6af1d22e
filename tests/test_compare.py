"""A metric between two segments, variants or periods: the report's own figures, and how sure."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import chisquare
from statsmodels.stats.proportion import confint_proportions_2indep

from tests.conftest import Outcome, write_log

EXAMPLE = Path(__file__).parent.parent / "metrics.example.yaml"
Cli = Callable[..., Outcome]


def lines(outcome: Outcome, metric: str) -> dict[str, dict[str, Any]]:
    """The figures compared, by title without period."""
    assert outcome.code == 0, outcome.err
    tables = json.loads(outcome.out)["metrics"][metric]["tables"]
    return {row["item"].split(", 2026")[0]: row for rows in tables.values() for row in rows}


def headline(outcome: Outcome, metric: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(outcome.out)["metrics"][metric]["headline"]
    return found


def counts(cell: dict[str, Any]) -> tuple[Any, ...]:
    return cell["value"], cell["numerator"], cell["denominator"]


def test_two_segments_have_the_figures_of_the_report(cli: Cli) -> None:
    whole = json.loads(cli("report", "-c", EXAMPLE, "--by", "plan", "--only", "activation",
                           "-f", "json").out)  # fmt: skip
    ranges = {r["segment"]: r for r in whole["metrics"]["activation"]["tables"]["range"]}
    found = lines(
        cli("compare", "activation", "--segments", "plan=pro,free", "-c", EXAMPLE, "-f", "json"),
        "activation",
    )
    row = found["All mature sign-ups: activated in time"]
    assert counts(row["first"]) == counts(ranges["pro"]["activated"])
    assert counts(row["second"]) == counts(ranges["free"]["activated"])
    assert row["difference"]["value"] == row["first"]["value"] - row["second"]["value"]
    assert row["verdict"] == "no evidence of a difference"
    assert found["Activation within 7 d"]["verdict"].startswith("not enough data")
    assert found["Activation within 7 d"]["p"] is None


def test_a_segment_is_compared_with_the_rest_not_with_a_total_that_holds_it(cli: Cli) -> None:
    found = lines(
        cli("compare", "activation", "--segments", "plan=pro", "-c", EXAMPLE, "-f", "json"),
        "activation",
    )["All mature sign-ups: activated in time"]
    report = json.loads(cli("report", "-c", EXAMPLE, "--only", "activation", "-f", "json").out)
    (whole,) = report["metrics"]["activation"]["tables"]["range"]
    both = found["first"]["denominator"] + found["second"]["denominator"]
    assert both == whole["activated"]["denominator"]


def test_two_periods_have_the_headlines_of_reports_until_their_ends(cli: Cli) -> None:
    july, august = (
        headline(cli("report", "-c", EXAMPLE, "--only", "stickiness", "--until", day,
                     "-f", "json"), "stickiness")
        for day in ("2026-07-31", "2026-08-31")
    )  # fmt: skip
    arguments = ("compare", "stickiness", "--periods", "2026-08,2026-07", "-c", EXAMPLE)
    row = lines(cli(*arguments, "-f", "json"), "stickiness")["Stickiness, 30 days"]
    assert counts(row["first"]) == counts(august)
    assert counts(row["second"]) == counts(july)
    # The change that the report itself shows is between windows of 30 days, not months.
    assert row["difference"]["low"] < row["difference"]["value"] < row["difference"]["high"]


def people(rng: random.Random, n: int) -> tuple[list[tuple[str, ...]], list[bool]]:
    """Sign-ups of January, whether each did it, and a last event long after."""
    events, done = [], []
    for i in range(n):
        start = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(hours=i % 400)
        did = rng.random() < (0.6 if i % 2 else 0.3)
        events.append((f"u{i}", "signed_up", f"{start:%Y-%m-%dT%H:%M:%SZ}", "ab"[i % 2]))
        if did:
            then = start + timedelta(hours=1)
            events.append((f"u{i}", "built", f"{then:%Y-%m-%dT%H:%M:%SZ}", "ab"[i % 2]))
        done.append(did)
    events.append(("u0", "seen", "2026-02-28T23:30:00Z", "a"))
    return events, done


CONFIG = {"signup": "signed_up", "activation": {"all": ["built"], "within": "7d"}}
COLUMNS = ("user", "event", "timestamp", "variant")


def test_independent_people_get_newcombes_interval(cli: Cli, tmp_path: Path) -> None:
    events, done = people(random.Random(3), 120)
    write_log(tmp_path, events, CONFIG, COLUMNS)
    found = cli("compare", "activation", "events.csv", "--segments", "variant=b,a", "-c",
                "definitions.yaml", "-f", "json")  # fmt: skip
    row = lines(found, "activation")["Activation within 7 d"]
    b, a = sum(done[1::2]), sum(done[::2])
    low, high = confint_proportions_2indep(b, 60, a, 60, method="newcomb")
    assert (row["first"]["numerator"], row["second"]["numerator"]) == (b, a)
    assert row["difference"]["low"] == pytest.approx(low, abs=1e-9)
    assert row["difference"]["high"] == pytest.approx(high, abs=1e-9)
    assert row["p"] < 0.05
    assert row["verdict"] == "b is higher"


@pytest.mark.parametrize(("expected", "raises"), [("1:1", True), ("1:3", False)])
def test_variants_say_more_only_if_their_sizes_are_as_drawn(
    cli: Cli, tmp_path: Path, expected: str, raises: bool
) -> None:
    events, _ = people(random.Random(3), 120)
    write_log(tmp_path, events, CONFIG, COLUMNS)
    found = cli("compare", "activation", "events.csv", "--variant", "variant", "--expected",
                expected, "-c", "definitions.yaml", "-f", "json")  # fmt: skip
    row = lines(found, "activation")["Activation within 7 d"]
    assert row["verdict"] == ("b raises it" if raises else "not judged: sizes not as drawn")
    codes = {c["code"]: c["message"] for c in json.loads(found.out)["caveats"]}
    assert ("sample-ratio-mismatch" in codes) is not raises
    weights = [float(w) for w in expected.split(":")]
    p = chisquare([60, 60], [120 * w / sum(weights) for w in weights]).pvalue
    assert (p < 0.01) is not raises
    if raises:
        assert f"p {p:.2f}" in codes["sample-ratio"]


def test_the_same_people_in_two_periods_make_the_interval_narrower(
    cli: Cli, tmp_path: Path
) -> None:
    """Who comes daily does so in both months, so that the difference varies far less than either.

    300 people of fixed habits: the interval by groups of people is narrower than the one for
    independent months, and holds the true difference of nothing.
    """
    rng, events = random.Random(5), []
    for i in range(300):
        habit = rng.choice((0.05, 0.9))
        for month in (1, 2):
            days = [d for d in range(1, 29) if rng.random() < habit] or [3]
            events += [(f"u{i}", "seen", f"2026-{month:02}-{d:02}T08:00:00Z") for d in days]
    events.append(("u0", "seen", "2026-02-28T23:30:00Z"))
    write_log(tmp_path, events, {"active_users": {"month": "28d"}, "stickiness": {}})
    found = cli("compare", "stickiness", "events.csv", "--periods", "2026-02,2026-01", "-c",
                "definitions.yaml", "-f", "json")  # fmt: skip
    row = lines(found, "stickiness")["Stickiness, 28 days"]
    widths = [row[side]["high"] - row[side]["low"] for side in ("first", "second", "difference")]
    assert widths[2] < 0.5 * (widths[0] ** 2 + widths[1] ** 2) ** 0.5


def test_a_period_is_not_compared_with_what_holds_it(cli: Cli) -> None:
    """Of two periods the figures over everybody would hold one another."""
    arguments = ("compare", "activation", "--periods", "2026-08,2026-07", "-c", EXAMPLE)
    assert [*lines(cli(*arguments, "-f", "json"), "activation")] == ["Activation within 7 d"]


def test_one_cohort_is_not_compared_with_itself(cli: Cli) -> None:
    """Neither July nor August has 90 days behind it."""
    arguments = ("compare", "journey,time_to_value", "--periods", "2026-08,2026-07", "-c", EXAMPLE)
    found = cli(*arguments, "-f", "json")
    (journey,) = lines(found, "journey").values()
    assert journey["verdict"] == "both are of 2026-06, the latest that is mature"
    (median,) = lines(found, "time_to_value").values()
    assert median["verdict"].startswith("it is of all until then")
    assert (journey["p"], median["p"]) == (None, None)


def test_the_metrics_own_test_is_used(cli: Cli) -> None:
    """Log-rank, as the report split by the same has it."""
    arguments = ("compare", "time_to_value", "--segments", "plan=free", "-c", EXAMPLE)
    row = lines(cli(*arguments, "-f", "json"), "time_to_value")["Time to value, median"]
    arguments = ("report", "--only", "time_to_value", "--by", "plan", "-c", EXAMPLE)
    report = json.loads(cli(*arguments, "-f", "json").out)["metrics"]["time_to_value"]["tables"]
    q = {r["segment"]: r["q"] for r in report["segments"]}["free"]
    assert row["p"] <= q <= 3 * row["p"] + 1e-9  # q of three tests


def test_days_before_a_launch_are_not_after_it(cli: Cli) -> None:
    arguments = ("compare", "stickiness,active_users", "--launch", "2026-09-20", "-c", EXAMPLE)
    found = cli(*arguments, "-f", "json")
    row = lines(found, "stickiness")["Stickiness, 30 days"]
    assert row["verdict"] == "its last period begins before the launch (2026-09-30)"
    assert "on one side alone" not in found.out


def test_few_people_are_few_however_many_days_they_have(cli: Cli, tmp_path: Path) -> None:
    """3 people on 28 days are no 84 actors."""
    events = [
        (f"u{i}", "seen", f"2026-02-{d:02}T08:00:00Z", "few" if i < 3 else "many")
        for i in range(40)
        for d in (range(1, 29) if i < 3 else (2, 28))
    ]
    events += [("u9", "seen", f"2026-01-{d:02}T08:00:00Z", "many") for d in (1, 2)]
    events.append(("u9", "seen", "2026-02-28T23:30:00Z", "many"))
    write_log(tmp_path, events, {"active_users": {"month": "28d"}}, COLUMNS)
    found = cli("compare", "stickiness", "events.csv", "--segments", "variant=few,many", "-c",
                "definitions.yaml", "-f", "json")  # fmt: skip
    row = lines(found, "stickiness")["Stickiness, 28 days"]
    assert row["verdict"].startswith("not enough data")


def test_csv_holds_every_figure(cli: Cli) -> None:
    arguments = ("compare", "active_users", "--periods", "2026-08,2026-07", "-c", EXAMPLE)
    text = cli(*arguments, "-f", "csv").out
    assert "growth on the month before" in text
    assert "(MAU)" in text


def test_before_and_after_a_launch(cli: Cli) -> None:
    arguments = ("compare", "feature_adoption", "--launch", "scheduling", "-c", EXAMPLE)
    found = lines(cli(*arguments, "-f", "json"), "feature_adoption")
    assert found["sharing, 30 d to 2026-09-30 against 30 d to 2026-06-30"]["p"] is not None
    launched = found["scheduling, 30 d to 2026-09-30 against 30 d to 2026-06-30"]
    assert launched["verdict"] == "nothing to judge on one side"
    assert launched["difference"] is None


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "say one of --segments"),
        (("--segments", "plan=pro", "--launch", "scheduling"), "not --segments and --launch"),
        (("--segments", "plan=prro,free"), "did you mean 'pro'?"),
        (("--segments", "pro,free"), "this names no segments"),
        (("--segments", "plann=pro"), "did you mean 'plan'?"),
        (("--segments", "plan=pro,pro"), "this names no segments"),
        (("--periods", "2026-08"), "--periods takes two"),
        (("--periods", "2026-13,2026-04"), "is no month"),
        (("--periods", "2026-10,2026-04"), "does not lie whole within the data"),
        (("--launch", "sharing"), "there are: scheduling"),
        (("--launch", "2027-01-01"), "lies after the data"),
        (("--variant", "role", "--expected", "1:1"), "names 2 weights for 3 variants"),
        (("--variant", "plan"), "add --unit account"),
        (("--periods", "2026-08,2026-07", "--control", "x"), "go with --variant"),
    ],
)
def test_what_cannot_be_compared_is_told(cli: Cli, arguments: tuple[str, ...], text: str) -> None:
    found = cli("compare", "activation", *arguments, "-c", EXAMPLE)
    assert found.code == 2
    assert text in found.err
    assert not found.out


def test_every_metric_can_be_compared(cli: Cli) -> None:
    for sides in (("--segments", "plan=pro,free"), ("--periods", "2026-08,2026-07")):
        found = cli("compare", "all", *sides, "-c", EXAMPLE, "-f", "json")
        assert found.code == 0, found.err
        metrics = json.loads(found.out)["metrics"]
        assert sum(bool(m["tables"]) for m in metrics.values()) >= 20
        assert all(m["tables"] or m["reason"] for m in metrics.values())
