"""Lists of people: as long as the number that they are behind, and written as asked."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adoptcli.audiences import Listed
from adoptcli.audiences.builtin import BUILTIN
from adoptcli.cli import audience, common
from adoptcli.cli.console import Console
from adoptcli.runner import audience as run
from tests.conftest import Outcome, write_log
from tests.logs import random_log
from tests.test_laws import save

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "metrics.example.yaml"
Cli = Callable[..., Outcome]


def listed(outcome: Outcome) -> list[dict[str, Any]]:
    """The lines of a list in JSON."""
    assert outcome.code == 0, outcome.err
    found: list[dict[str, Any]] = json.loads(outcome.out)
    return found


def overview(cli: Cli, *arguments: object) -> dict[str, int | None]:
    """How many each audience holds, by the metric's number."""
    lines = listed(cli("audience", *arguments, "-f", "json"))
    return {line["name"]: line["people"] for line in lines}


def lists(cli: Cli, unit: str, *options: object) -> dict[str, tuple[int, list[Listed]]]:
    """Every audience that can be found: its number, and who is listed."""
    numbers = overview(cli, *options, "--unit", unit)
    config = options[options.index("-c") + 1]
    files = [str(options[0])] if options[0] != "-c" else []
    as_of = str(options[options.index("--as-of") + 1]) if "--as-of" in options else None
    given = common.Options(files=files, config=Path(str(config)), unit=unit, as_of=as_of,
                           console=Console(quiet=True, verbose=False))  # fmt: skip
    there = {name: n for name, n in numbers.items() if n is not None}
    definitions = common.load_config(given)
    request, prepared = audience._prepared(
        sorted({audience_.metric for audience_ in BUILTIN.values()}),
        [*run.own(common.request(given, definitions, ())).values()], given, definitions,
    )  # fmt: skip
    found = {}
    for name in sorted(there, key=lambda name: name == "seats_below_target"):
        what = run.wanted(name, request)
        found[name] = (there[name], run.people(what, prepared, request))
    prepared.close()
    return found


@pytest.mark.parametrize("unit", ["user", "account"])
def test_every_list_is_as_long_as_its_number(cli: Cli, unit: str) -> None:
    found = lists(cli, unit, "-c", EXAMPLE)
    assert len(found) >= 20
    for name, (number, people) in found.items():
        assert len(people) == number, name
        assert len({one.id for one in people}) == number, name
        assert all(one.why for one in people), name
    assert sum(number > 0 for number, _ in found.values()) >= 15


@pytest.mark.parametrize("unit", ["user", "account"])
def test_lists_of_random_logs_have_the_length_of_their_numbers(
    cli: Cli, tmp_path: Path, unit: str
) -> None:
    filled: Counter[str] = Counter()
    for seed in range(60, 63):
        log = random_log(seed)
        save(log, tmp_path)
        if cli("usage", "events.csv", "-c", "m.yaml", "--as-of", log.as_of, "-q").code:
            continue
        found = lists(cli, unit, "events.csv", "-c", "m.yaml", "--as-of", log.as_of)
        for name, (number, people) in found.items():
            assert len(people) == number, (seed, name)
            filled[name.partition(":")[0]] += number
    assert sum(n > 0 for n in filled.values()) >= 4


def test_the_numbers_are_those_of_the_report(cli: Cli) -> None:
    report = json.loads(cli("report", "-c", EXAMPLE, "-q", "-f", "json").out)["metrics"]
    found = overview(cli, "-c", EXAMPLE, "-q")
    (range_,) = report["activation"]["tables"]["range"]
    done, signups = range_["activated"], range_["ever"]["denominator"]
    assert found["not_activated:late"] == done["denominator"] - done["numerator"]
    assert found["not_activated"] == signups - done["numerator"] - range_["so_far"]
    quadrants = {
        r["item"]: r["actors"]["numerator"] for r in report["quadrant"]["tables"]["quadrants"]
    }
    assert found["quadrant:neither"] == quadrants["neither"]
    funnel = {r["item"]: r["again"] for r in report["feature_adoption"]["tables"]["funnel"]}
    once = funnel["sharing"]["denominator"] - funnel["sharing"]["numerator"]
    assert found["used_once:sharing"] == once
    (portfolio,) = report["seat_utilization"]["tables"]["portfolio"]
    assert found["seats_below_target"] == portfolio["below"]["numerator"]
    trend = {r["period"]: r["newly"] for r in report["qualified"]["tables"]["trend"]}
    assert found["newly_qualified"] == trend["2026-09"]


def test_fading_accounts_are_listed_before_those_that_hold(cli: Cli) -> None:
    lines = listed(
        cli("audience", "score_dropping", "--unit", "account", "-c", EXAMPLE, "-f", "json")
    )
    assert {"c-16", "c-08", "c-10"} <= {line["id"] for line in lines}
    lost = [float(line["why"].rsplit("down ", 1)[1].split(" ")[0]) for line in lines]
    assert lost == sorted(lost, reverse=True)


EVENTS = [
    ("a", "signed_up", "2026-01-02T08:00:00Z"), ("a", "built", "2026-01-03T08:00:00Z"),
    ("b", "signed_up", "2026-01-04T08:00:00Z"), ("b", "seen", "2026-02-20T08:00:00Z"),
    ("c", "signed_up", "2026-02-24T08:00:00Z"),
    ("d", "signed_up", "2026-01-05T08:00:00Z"), ("d", "built", "2026-02-25T08:00:00Z"),
    ("a", "seen", "2026-02-28T23:30:00Z"),
]  # fmt: skip
CONFIG: dict[str, Any] = {
    "signup": "signed_up",
    "activation": {"all": ["built"], "within": "7d"},
    "features": {"building": ["built"]},
    "audiences": {
        "stuck": {"signed_up": {"before": "7d"}, "activated": False},
        "fresh": {"signed_up": {"after": "7d"}},
        "gone": {"last_seen": {"before": "5d"}},
        "busy": {"active_days": {"at_least": 2, "within": "60d"}},
        "builders": {"used": ["building"], "active_days": {"at_most": 2, "within": "90d"}},
        "never": {"not_used": ["building"]},
    },
}


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("stuck", ["b"]), ("fresh", ["c"]), ("gone", ["b"]), ("busy", ["a", "b", "d"]),
        ("builders", ["d"]), ("never", ["b", "c"]), ("not_activated:late", ["b", "d"]),
        ("not_activated:still_open", ["c"]), ("newly_activated", ["d"]),
        ("never_tried:building", ["b", "c"]), ("used_once:building", ["d"]),
    ],
)  # fmt: skip
def test_who_is_listed_is_as_counted_by_hand(
    cli: Cli, tmp_path: Path, name: str, ids: list[str]
) -> None:
    """As of 1 March; c was last seen on 24 February, the first of the last five days."""
    write_log(tmp_path, EVENTS, CONFIG)
    lines = listed(cli("audience", name, "events.csv", "-c", "definitions.yaml", "-f", "json"))
    assert sorted(line["id"] for line in lines) == ids


def test_what_changed_since_the_list_before(cli: Cli, tmp_path: Path) -> None:
    options = ("-c", EXAMPLE, "-q")
    cli("audience", "score:healthy", *options, "--as-of", "2026-09-01", "-o", "before.csv")
    now = listed(cli("audience", "score:healthy", *options, "-f", "json"))
    lines = listed(cli("audience", "score:healthy", *options, "--diff", "before.csv", "-f", "json"))
    before = {row["id"] for row in csv.DictReader(io.StringIO(Path("before.csv").read_text()))}
    assert {r["id"] for r in lines if r["change"] == "entered"} == {r["id"] for r in now} - before
    assert {r["id"] for r in lines if r["change"] == "left"} == before - {r["id"] for r in now}
    assert {r["change"] for r in lines} == {"entered", "left"}
    assert cli("audience", "score:healthy", *options, "--diff", "no.csv").code == 3
    Path("other.csv").write_text("user\nx\n")
    found = cli("audience", "score:healthy", *options, "--diff", "other.csv")
    assert found.code == 3
    assert "there is no column 'id'" in found.err


def test_no_id_is_a_formula_in_a_spreadsheet_and_diff_knows_it_again(
    cli: Cli, tmp_path: Path
) -> None:
    events = [(f"{c}cmd", "signed_up", "2026-01-02T08:00:00Z") for c in "=+-@x"]
    write_log(tmp_path, [*events, ("x", "seen", "2026-02-28T23:30:00Z")], CONFIG)
    arguments = ("audience", "not_activated:late", "events.csv", "-c", "definitions.yaml")
    text = cli(*arguments, "-f", "csv").out
    assert [line[:2] for line in text.splitlines()[1:]] == ["'+", "'-", "'=", "'@", "xc"]
    Path("before.csv").write_text(text, "utf-8")
    assert listed(cli(*arguments, "--diff", "before.csv", "-f", "json")) == []
    assert cli(*arguments, "--for", "braze").out.splitlines()[1][0] == "+"  # taken literally there


@pytest.mark.parametrize(
    ("destination", "header"),
    [
        ("hubspot", "Email,adoptcli_audience,adoptcli_why,adoptcli_since"),
        ("salesforce", "Email,Description,Member Status"),
        ("customerio", "id,adoptcli_audience,adoptcli_why,adoptcli_since"),
        ("braze", "external_id,adoptcli_audience,adoptcli_why,adoptcli_since"),
        ("intercom", "user_id,adoptcli_audience,adoptcli_why,adoptcli_since"),
    ],
)
def test_columns_that_imports_expect(cli: Cli, destination: str, header: str) -> None:
    arguments = ("audience", "not_activated:late", "-c", EXAMPLE)
    people = listed(cli(*arguments, "-f", "json"))
    found = cli(*arguments, "--for", destination)
    lines = list(csv.reader(io.StringIO(found.out)))
    assert ",".join(lines[0]) == header
    keys = [line[0] for line in lines[1:]]
    assert len(set(keys)) == len(keys)
    if destination in ("hubspot", "salesforce"):
        assert all("@" in key and key == key.lower() for key in keys)
    else:
        assert keys == [person["id"] for person in people]
    if destination == "customerio":
        assert lines[1][3] == "1775779200"  # 10 April 2026


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("quadrant:champion",), 2, "did you mean quadrant:champions?"),
        (("never_tried:sharin",), 2, "did you mean never_tried:sharing?"),
        (("not_activatd",), 2, "did you mean 'not_activated'?"),
        (("activation.cohort.activated",), 2, "has no table 'cohort'"),
        (("activation.",), 2, "this names no cell"),
        (("account-health.",), 2, "this names no cell"),
        (("seats_below_target", "--for", "hubspot"), 2, "takes people, not accounts"),
        (("stuck", "--for", "hubspot", "--id-column", "mail"), 2, "has no column 'mail'"),
        (("fading_admins", "--unit", "account"), 2, "a column of the users table"),
    ],
)
def test_what_cannot_be_listed_is_told(
    cli: Cli, arguments: tuple[str, ...], code: int, text: str
) -> None:
    found = cli("audience", *arguments, "-c", EXAMPLE)
    assert found.code == code
    assert text in found.err
    assert not found.out


def test_a_cell_is_listed_like_who(cli: Cli) -> None:
    cell = "cohorts[cohort=2026-08].activated"
    who = cli("activation", "-c", EXAMPLE, "--who", cell).out.split()
    lines = listed(cli("audience", f"activation.{cell}", "-c", EXAMPLE, "-f", "json"))
    assert [line["id"] for line in lines] == who
    first = listed(
        cli("audience", f"activation.{cell}", "-c", EXAMPLE, "-f", "json", "--limit", "3")
    )
    assert first == lines[:3]
