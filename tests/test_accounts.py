"""Accounts as actors: the same as a log in which everybody of an account is one person."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adoptcli.metrics import all_metrics
from tests.conftest import Outcome, write_log
from tests.logs import Log, random_log, save
from tests.test_laws import outcome

Cli = Callable[..., Outcome]

# What asks for the members of an account, so that merging them changes it.
OF_MEMBERS = {
    "drivers",  # what tells is decided by intervals: over groups where users have accounts
    "adoption_rate", "engagement_score", "feature_success", "feedback", "sessions", "usage",
}  # fmt: skip


def _plain(seed: int) -> Log:
    """A log without tables, whose rows all have an account and an id of their own."""
    log = random_log(seed)
    usable = [row for row in log.events if row[0]]
    log.events = [(*row[:3], row[3] or "none", *row[4:7], f"id{i}") for i, row in enumerate(usable)]
    for name in ("users", "accounts", "exclude"):
        log.config.pop(name, None)
    log.config["features"].pop("late", None)
    log.config["engagement_score"].pop("daily_cap", None)  # caps are each member's
    for name in ("variant", "control", "split"):  # lots are drawn of users
        log.config["impact"].pop(name, None)
    return log


def _numbers(text: str) -> dict[str, Any]:
    """Tables, figures and counts without words or intervals."""

    def strip(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        out = ("title", "note", "formula", "message", "reason", "low", "high", "p", "definition")
        return {key: value for key, value in pairs if key not in out}

    found: dict[str, Any] = json.loads(text, object_pairs_hook=strip)["metrics"]
    return found


@pytest.mark.parametrize("seed", range(200, 208))
def test_an_account_is_all_its_members_in_one(seed: int, tmp_path: Path) -> None:
    log = _plain(seed)
    save(log, tmp_path / "users")
    whole = outcome(log, tmp_path / "users", "--unit", "account")
    merged = copy.copy(log)
    merged.events = [(row[3], *row[1:]) for row in log.events]
    save(merged, tmp_path / "merged")
    wanted = outcome(merged, tmp_path / "merged")
    if not whole.startswith("{"):
        assert whole == wanted
        return
    found, wanted_numbers = _numbers(whole), _numbers(wanted)
    for name, metric in all_metrics().items():
        if name in OF_MEMBERS:
            continue
        if metric.users_only:
            assert found[name]["status"] in ("not_evaluable", "not_configured"), name
            continue
        assert found[name] == wanted_numbers[name], name


def test_users_of_several_accounts_count_in_each_and_rows_of_none_are_counted(
    cli: Cli, tmp_path: Path
) -> None:
    rows = (
        "a v 2026-03-01 one", "a v 2026-03-02 two", "b v 2026-03-02 two", "b v 2026-03-03 ",
        "c v 2026-03-03 ",
    )  # fmt: skip
    text = "user,event,timestamp,account\n" + "".join(",".join(r.split(" ")) + "\n" for r in rows)
    (tmp_path / "e.csv").write_text(text)
    done = cli("active-users", "e.csv", "--unit", "account", "-f", "json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    told = {c["code"]: c["count"] for c in found["caveats"]}
    assert told["rows-without-account"] == 2
    assert told["users-in-several-accounts"] == 1
    daily = found["metrics"]["active_users"]["tables"]["daily"]
    assert [row["dau"] for row in daily] == [1, 1, 0]
    ids = cli("active-users", "e.csv", "--unit", "account", "--who", "daily[period=2026-03-02].dau")
    assert ids.out.split() == ["two"]


def test_a_trait_of_users_is_none_of_accounts(cli: Cli, tmp_path: Path) -> None:
    """Only the metric that needs it refuses; a split by it ends the run."""
    (tmp_path / "e.csv").write_text("user,event,timestamp,account\na,v,2026-03-01,one\n")
    (tmp_path / "users.csv").write_text("user_id,role\na,admin\n")
    (tmp_path / "metrics.yaml").write_text(
        "users: {file: users.csv}\n"
        "activation: {all: [v], personas: {a: {who: {role: admin}, all: [v]}}}\n"
    )
    done = cli("report", "e.csv", "--unit", "account", "-f", "json")
    found = json.loads(done.out)["metrics"]
    assert found["activation"]["status"] == "not_evaluable"
    assert "it needs 'role', a column of the users table" in found["activation"]["reason"]
    assert found["active_users"]["status"] == "ok"
    who = cli("activation", "e.csv", "--unit", "account", "--who", "cohorts.activated")
    assert (who.code, who.out) == (2, "")
    assert "it needs 'role', a column of the users table" in who.err
    split = cli("report", "e.csv", "--unit", "account", "--by", "role")
    assert split.code == 2
    assert "choose a column of the accounts table" in split.err


def test_events_before_the_sign_up_are_counted(cli: Cli, tmp_path: Path) -> None:
    """Of the actor: two of a and one of c for users; for accounts, whose first sign-up is b's."""
    lines = (
        "a,v,2026-03-01T00:00:00Z,one", "a,v,2026-03-01T23:59:59.999Z,one",
        "a,v,2026-03-02T00:00:00Z,one", "b,v,2026-03-01T12:00:00Z,one", "c,v,2026-03-04,two",
    )  # fmt: skip
    (tmp_path / "e.csv").write_text("user,event,timestamp,account\n" + "\n".join(lines) + "\n")
    (tmp_path / "users.csv").write_text(
        "user_id,created_at,account_id\na,2026-03-02,one\nb,2026-03-01T06:00:00Z,one\nc,2026-03-05,two\n"
    )
    (tmp_path / "metrics.yaml").write_text("users: {file: users.csv}\n")
    for unit, wanted in (("user", 3), ("account", 2)):
        done = cli("active-users", "e.csv", "--unit", unit, "--as-of", "2026-03-06", "-f", "json")
        told = {c["code"]: c["count"] for c in json.loads(done.out)["caveats"]}
        assert told["negative-time"] == wanted


@pytest.mark.parametrize(
    ("tables", "count", "shards"), [("", 4, 1), ("accounts", 5, 1), ("users accounts", 7, 3)]
)
def test_accounts_are_one_number(
    tables: str, count: int, shards: int, cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    """Whoever the actors are: a1 to a3 and b in the log, one listed, two of users."""
    rows = [("u1", "a1", 1), ("u1", "a2", 2), ("u1", "a3", 3), ("u2", "a1", 1), ("u3", "b", 2)]
    rows += [("u3", "late", 9), ("u4", "", 3)]
    log, yaml = write_log(
        tmp_path, [(u, "open", f"2026-01-0{day}T23:00:00Z", a) for u, a, day in rows], {},
        ("user", "event", "timestamp", "account_id"),
        users="user,account_id,signed_up_at\nu4,d,2026-01-01\nu9,e,2026-01-01\nu8,f,2026-02-01\n",
        accounts="account_id,seats\na1,3\nonly,4\n",
    )  # fmt: skip
    named = [word for name in tables.split() for word in (f"--{name}", tmp_path / f"{name}.csv")]
    for unit in ("user", "account"):
        done = cli("active-users", log, "-c", yaml, "--unit", unit, "--as-of", "2026-01-04", *named,
                   "--shards", shards, "-f", "json", "-q")  # fmt: skip
        assert json.loads(done.out)["source"]["accounts"] == count, unit
