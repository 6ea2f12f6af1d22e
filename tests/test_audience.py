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
from adoptcli.render import people as render
from adoptcli.runner import audience as run
from tests.conftest import Outcome, write_log
from tests.logs import random_log, save

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
    for name in there:
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
    assert sum(number > 0 for number, _ in found.values()) >= 12


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
    retained = {r["item"]: r["once"] for r in report["feature_adoption"]["tables"]["retained"]}
    assert found["used_once:sharing"] == retained["sharing"]["numerator"] > 0
    (portfolio,) = report["seat_utilization"]["tables"]["portfolio"]
    assert found["seats_below_target"] == portfolio["below"]["numerator"]
    assert found["accounts_to_look_at"] == report["account_health"]["headline"]["numerator"]
    trend = {r["period"]: r["newly"] for r in report["qualified"]["tables"]["trend"]}
    assert found["newly_qualified"] == trend["2026-09"]


def test_fading_accounts_are_listed_before_those_that_hold(cli: Cli) -> None:
    lines = listed(
        cli("audience", "score_dropping", "--unit", "account", "-c", EXAMPLE, "-f", "json")
    )
    assert {"c-16", "c-08", "c-10"} <= {line["id"] for line in lines}
    lost = [float(line["why"].rsplit("down ", 1)[1].split(" ")[0]) for line in lines]
    gone = ["cancelled" in line["why"] for line in lines]
    assert gone == sorted(gone)
    assert any(gone)
    for state in (False, True):
        of_state = [n for n, g in zip(lost, gone, strict=True) if g is state]
        assert of_state == sorted(of_state, reverse=True)


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
        ("never_tried:building", ["b", "c"]), ("used_once:building", ["a"]),
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
        assert lines[1][3] == "1775952000"  # 12 April 2026


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("quadrant:champion",), 2, "did you mean quadrant:champions?"),
        (("never_tried:sharin",), 2, "did you mean never_tried:sharing?"),
        (("not_activatd",), 2, "did you mean 'not_activated'?"),
        (("activation.cohort.activated",), 2, "has no table 'cohort'"),
        (("activation.cohorts.activatd",), 2, "did you mean 'activated'?"),
        (("activation.left_out.x",), 2, "there are: cohorts, range, lacking, activations"),
        (("activation.",), 2, "this names no cell"),
        (("account-health.",), 2, "this names no cell"),
        (("seats_below_target", "--for", "hubspot"), 2, "takes people, not accounts"),
        (("stuck", "--for", "hubspot", "--id-column", "mail"), 2, "has no column 'mail'"),
        (("fading_admins", "--unit", "account"), 2, "a column of the users table"),
        (("stuck", "--id-column", "email"), 2, "--id-column goes with --for"),
        (("--limit", "3"), 2, "--limit goes with the NAME"),
        (("--for", "braze"), 2, "--for goes with the NAME"),
        (("stuck", "--for", "braze", "-f", "json"), 2, "--for braze writes CSV, not json"),
        (("stuck", "-o", "lists/"), 2, "a list is one file, not a folder"),
        (("stuck", "-o", "x.parquet"), 2, "no format ends in .parquet"),
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


def why(cli: Cli, name: str, *options: object) -> dict[str, str]:
    """Why each is listed, in the order of the list."""
    arguments = ("audience", name, "events.csv", "-c", "definitions.yaml", "-f", "json")
    return {line["id"]: line["why"] for line in listed(cli(*arguments, *options))}


def test_why_tells_who_did_it_too_late(cli: Cli, tmp_path: Path) -> None:
    """d built on 25 February, long after its week; b never did, and comes first."""
    write_log(tmp_path, EVENTS, CONFIG)
    late = {"b": "lacks built", "d": "late: built on 2026-02-25"}
    assert list(why(cli, "not_activated:late").items()) == list(late.items())
    refused = cli("audience", "one_step_short", "events.csv", "-c", "definitions.yaml")
    assert (refused.code, "the YAML has nothing" in refused.err) == (2, True)  # of one criterion
    two = {**CONFIG, "activation": {"all": ["built", "seen"], "within": "7d"}}
    write_log(tmp_path, EVENTS, two)
    assert why(cli, "one_step_short") == {}  # a and b lack both, d as well
    write_log(tmp_path, [*EVENTS, ("b", "seen", "2026-01-05T08:00:00Z"),
                         ("d", "seen", "2026-01-05T09:00:00Z")], two)  # fmt: skip
    assert why(cli, "one_step_short") == {"b": "lacks built"}  # d is activated since


def test_why_holds_the_values_of_what_was_counted(cli: Cli, tmp_path: Path) -> None:
    days = [("a", "seen", f"2026-02-{day}T08:00:00Z") for day in range(10, 20)]
    write_log(tmp_path, [*EVENTS, *days], {**CONFIG, "qualified": {"all": ["built"]}})
    assert why(cli, "quadrant:champions") == {"a": "activated on 2026-01-03, 11 active days in 28"}
    assert why(cli, "quadrant:adopted_not_engaged") == {
        "d": "activated on 2026-02-25, 1 active day in 28"
    }
    assert why(cli, "newly_qualified") == {"d": "meets built (since 2026-02-25)"}
    cell = "activation.cohorts[cohort=2026-02].signups"
    (line,) = listed(cli("audience", cell, "events.csv", "-c", "definitions.yaml", "-f", "json"))
    assert line == {
        "id": "c", "account": None, "why": "cohort=2026-02, signups", "since": "2026-02-01"
    }  # fmt: skip


def test_who_is_lost_and_back_is_told_so(cli: Cli, tmp_path: Path) -> None:
    """Both are lost in January; a is back on 20 February, b never."""
    events = [
        ("a", "seen", "2025-12-28T08:00:00Z"), ("a", "seen", "2026-01-05T08:00:00Z"),
        ("a", "seen", "2026-01-31T08:00:00Z"), ("a", "seen", "2026-02-20T08:00:00Z"),
        ("b", "seen", "2025-12-28T08:00:00Z"), ("b", "seen", "2026-01-20T08:00:00Z"),
        ("x", "seen", "2025-11-01T08:00:00Z"), ("x", "seen", "2026-02-28T23:30:00Z"),
    ]  # fmt: skip
    write_log(tmp_path, events, {"churn": {"after": "7d"}})
    assert why(cli, "churn.inferred[period=2026-01].lost") == {
        "a": "period=2026-01, lost, back on 2026-02-20",
        "b": "period=2026-01, lost",
    }


def test_own_lists_leave_out_those_of_whom_nobody_can_know(cli: Cli, tmp_path: Path) -> None:
    """old signed up in 2025, before the data begin: it may have built then."""
    users = "user,signed_up_at\nold,2025-06-01\nb,2026-01-04\n"
    write_log(tmp_path, [*EVENTS, ("old", "seen", "2026-02-20T08:00:00Z")],
              {**CONFIG, "users": {"file": "users.csv", "signed_up_at": "signed_up_at"}},
              users=users)  # fmt: skip
    found = cli("audience", "stuck", "events.csv", "-c", "definitions.yaml", "-f", "json")
    assert [line["id"] for line in listed(found)] == ["b"]
    assert "1 left out, who may have been activated before the data began" in found.err
    assert overview(cli, "events.csv", "-c", "definitions.yaml")["stuck"] == 1


def test_lists_tell_the_caveats_of_their_number(cli: Cli) -> None:
    found = cli("audience", "quadrant:neither", "-c", EXAMPLE, "--limit", "3")
    assert "quadrant: " in found.err
    assert "3 of 335 users" in found.err


@pytest.mark.parametrize(
    ("name", "previous", "text"),
    [
        ("stuck", "id,account,why,since,change\nb,,x,,left\n", "this is what --diff wrote"),
        ("stuck", "id,adoptcli_audience\nb,stuck\n", "this is no whole list"),
        ("stuck", "id,account,why,since\nc-01,,x,\n", "a list of accounts, not of users"),
        ("seats_below_target", "id,account,why,since\nu-1,c-01,x,\n",
         "a list of users, not of accounts"),
    ],
)  # fmt: skip
def test_lists_that_cannot_be_compared_are_refused(
    cli: Cli, name: str, previous: str, text: str
) -> None:
    Path("before.csv").write_text(previous)
    found = cli("audience", name, "-c", EXAMPLE, "--diff", "before.csv")
    assert found.code == 2
    assert text in found.err


def test_what_an_import_leaves_out_is_told(cli: Cli, tmp_path: Path) -> None:
    users = "user,email\nb,x@y.z\nd,X@y.z\n"
    config = {**CONFIG, "users": {"file": "users.csv"}}
    write_log(tmp_path, EVENTS, config, users=users)
    arguments = ("audience", "not_activated:late", "events.csv", "-c", "definitions.yaml")
    found = cli(*arguments, "--for", "hubspot")
    assert len(found.out.splitlines()) == 2
    assert "1 left out: their 'email' is another's, too" in found.err
    Path("before.csv").write_text("id,account,why,since\nb,,,\ngone,,,\n")
    found = cli(*arguments, "--for", "hubspot", "--diff", "before.csv")
    assert "1 who left are not in a list for hubspot" in found.err
    assert "with the 2 in before.csv" in found.err


def test_lists_fit_a_terminal_and_are_whole_in_a_pipe() -> None:
    line = ["u-1", "meets " + "3 × report_built in 28 d, " * 5, "2026-09-01"]
    shown = render.render(["id", "why", "since"], [line], width=80, unicode=True)
    assert max(map(len, shown.splitlines())) <= 80
    assert "2026-09-01" in shown
    piped = render.render(["id", "why", "since"], [line], width=None, unicode=True)
    assert line[1] in piped.splitlines()[2]


@pytest.mark.parametrize(
    ("metric", "table", "column"),
    [("activation", "range", "activated"), ("activation", "range", "ever"),
     ("feature_adoption", "features", "share_of_active")],
)  # fmt: skip
def test_a_share_of_a_shown_table_lists_its_numerator(
    cli: Cli, metric: str, table: str, column: str
) -> None:
    found = json.loads(cli("report", "-c", EXAMPLE, "--only", metric, "-q", "-f", "json").out)
    row = found["metrics"][metric]["tables"][table][0]
    key = f"[item={row['item']}]" if "item" in row else ""
    lines = listed(cli("audience", f"{metric}.{table}{key}.{column}", "-c", EXAMPLE, "-f", "json"))
    assert len(lines) == row[column]["numerator"] > 0


def test_a_list_of_every_window_is_of_windows_alone(
    tmp_path: Path, cli: Callable[..., Any]
) -> None:
    """Who used a channel before the oldest window is in none; the last day is not over."""
    days = {"old": "2025-01-01", "new": "2026-02-20", "last": "2026-03-01"}
    rows = [(user, "read", f"{day}T00:00:00Z") for user, day in days.items()]
    log, definitions = write_log(tmp_path, rows, {"channels": {"help": ["read"]}})
    found = cli("channel-engagement", log, "-c", definitions, "-q", "--who", "trend.users")
    assert (found.code, found.out.split()) == (0, ["new"])
