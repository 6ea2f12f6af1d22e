"""Splitting a report: who is in which segment, and each against the rest."""

from __future__ import annotations

import json
import math
import random
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from scipy import stats as reference

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from statsmodels.stats.multitest import multipletests
    from statsmodels.stats.proportion import confint_proportions_2indep

from adoptcli.metrics import all_metrics
from tests.conftest import write_log
from tests.laws import exempt
from tests.logs import random_log, save
from tests.test_laws import numbers, outcome

Report = Callable[..., dict[str, Any]]
CONFIG = {"signup": "s", "activation": {"all": ["a"], "within": "1d"}}
JAN = "2026-01-{:02}T00:00:00Z"


def people(shares: dict[str, tuple[int, int]], day: int = 1) -> list[tuple[str, ...]]:
    """Sign-ups of so many people by the start of their name, and how many of them activate."""
    rows = []
    for name, (activated, n) in shares.items():
        for i in range(n):
            rows.append((f"{name}-{day}-{i}", "s", JAN.format(day)))
            if i < activated:
                rows.append((f"{name}-{day}-{i}", "a", JAN.format(day)))
    return rows


def table(rows: Sequence[Sequence[str]], **columns: Callable[[str], str]) -> str:
    """A users table of everybody in the log, each column made from the name."""
    names = list(dict.fromkeys(row[0] for row in rows))
    lines = [",".join([name, *(make(name) for make in columns.values())]) for name in names]
    return "\n".join([",".join(["user_id", *columns]), *lines]) + "\n"


def first(name: str) -> str:
    """What a name begins with."""
    return name.split("-")[0]


def compared(found: dict[str, Any], metric: str = "activation") -> dict[str, dict[str, Any]]:
    """The rows of the table of segments."""
    return {row["segment"]: row for row in found["metrics"][metric]["tables"]["segments"]}


def counts(cell: dict[str, Any]) -> tuple[float, float]:
    """Numerator and denominator."""
    return cell["numerator"], cell["denominator"]


# --- where segments come from ---------------------------------------------------------------------


def test_by_a_column_of_the_users_table(report: Report) -> None:
    log = people({"x": (2, 4), "y": (1, 3)})
    plan = {"x": "pro", "y": "free"}
    users = table(log, plan=lambda name: plan[first(name)])
    found = report(
        log, {**CONFIG, "users": {"file": "users.csv"}}, "--as-of", "2026-02-01", "--by", "plan",
        users=users,
    )  # fmt: skip
    assert found["segment"] == "plan"
    rows = compared(found)
    assert list(rows) == ["free", "pro"]
    assert counts(rows["free"]["headline"]) == counts(rows["pro"]["rest"]) == (1, 3)
    assert counts(rows["pro"]["headline"]) == counts(rows["free"]["rest"]) == (2, 4)
    cohorts = found["metrics"]["activation"]["tables"]["cohorts"]
    assert [(row["segment"], counts(row["activated"])) for row in cohorts] == [
        (None, (3, 7)), ("free", (1, 3)), ("pro", (2, 4))
    ]  # fmt: skip


def test_by_a_column_of_the_accounts_table(report: Report) -> None:
    """Each user has the value of its account, latest where there were several; none is unknown."""
    log = [
        ("p", "s", JAN.format(1), "one"), ("p", "a", JAN.format(1), ""),
        ("q", "s", JAN.format(1), "one"), ("q", "v", JAN.format(9), "two"),
        ("r", "s", JAN.format(1), "three"), ("t", "s", JAN.format(1), ""),
    ]  # fmt: skip
    found = report(
        log, {**CONFIG, "accounts": {"file": "accounts.csv"}}, "--as-of", "2026-02-01",
        "--by", "tier", columns=("user", "event", "timestamp", "account"),
        accounts="account_id,tier\none,big\ntwo,small\nthree,\n",
    )  # fmt: skip
    rows = compared(found)
    assert [(name, counts(row["headline"])) for name, row in rows.items()] == [
        ("big", (1, 1)), ("small", (0, 1)), ("unknown", (0, 2))
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("at", "wanted"),
    [
        ("latest", {"p": "b", "q": "a", "r": "c", "t": "unknown"}),
        ("first", {"p": "a", "q": "b", "r": "a", "t": "unknown"}),
    ],
)
def test_by_a_property_of_the_events(report: Report, at: str, wanted: dict[str, str]) -> None:
    """The first or the latest value of each; of several at once the smallest; empty is none."""
    log = [
        ("p", "s", JAN.format(1), "a"), ("p", "v", JAN.format(2), "b"),
        ("p", "v", JAN.format(3), ""),
        ("q", "s", JAN.format(1), ""), ("q", "v", JAN.format(2), "c"),
        ("q", "v", JAN.format(2), "b"), ("q", "v", JAN.format(3), "z"),
        ("q", "v", JAN.format(4), "a"), ("q", "v", JAN.format(4), "b"),
        ("r", "s", JAN.format(1), "c"), ("r", "v", JAN.format(1), "a"),
        ("r", "v", JAN.format(9), "c"), ("t", "s", JAN.format(1), ""),
    ]  # fmt: skip
    sizes = Counter(wanted.values())
    for seed in range(3):
        rows = random.Random(seed).sample(log, len(log))
        found = report(
            rows, {**CONFIG, "segments": [{"name": "country", "at": at}]}, "--as-of", "2026-02-01",
            "--by", "country", columns=("user", "event", "timestamp", "country"),
        )  # fmt: skip
        assert found["segment"] == ("country" if at == "latest" else "country (first)")
        cohorts = found["metrics"]["activation"]["tables"]["cohorts"]
        signups = {row["segment"]: row["signups"] for row in cohorts if row["segment"]}
        assert signups == sizes


def test_the_list_behind_a_segment_names_those_who_are_in_it(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    log = [
        ("p", "s", JAN.format(1), "a"), ("p", "v", JAN.format(2), "b"),
        ("q", "s", JAN.format(1), "b"), ("q", "v", JAN.format(2), "a"),
        ("r", "s", JAN.format(1), ""),
    ]  # fmt: skip
    for at, members in (("first", {"a": "p", "b": "q"}), ("latest", {"a": "q", "b": "p"})):
        events, yaml = write_log(
            tmp_path, log, {**CONFIG, "segments": [{"name": "country", "at": at}]},
            columns=("user", "event", "timestamp", "country"),
        )  # fmt: skip
        for label, wanted in {**members, "unknown": "r"}.items():
            cell = f"cohorts[segment={label}].signups"
            arguments = ["activation", events, "-c", yaml, "--as-of", "2026-02-01", "-q"]
            found = cli(*arguments, "--by", "country", "--who", cell)
            assert (found.code, found.out.split()) == (0, [wanted])


# --- several --------------------------------------------------------------------------------------

ROLES = {"w": ("pro", "admin"), "x": ("pro", "editor"), "y": ("free", "admin"), "z": ("free", "")}


def split(report: Report, *by: str) -> dict[str, Any]:
    """Four kinds of people, by plan and role."""
    log = people({"w": (1, 2), "x": (2, 3), "y": (0, 4), "z": (5, 5)})
    users = table(
        log, plan=lambda name: ROLES[first(name)][0], role=lambda name: ROLES[first(name)][1]
    )
    options = [part for names in by for part in ("--by", names)]
    config = {**CONFIG, "users": {"file": "users.csv"}}
    return report(log, config, "--as-of", "2026-02-01", *options, users=users)


def test_two_segments_one_beside_the_other(report: Report) -> None:
    """Each split on its own, with its own rest and its own family of tests."""
    both, alone = split(report, "plan", "role"), split(report, "role")
    assert both["segment"] == "plan, role"
    rows = compared(both)
    assert {name: (counts(r["headline"]), counts(r["rest"])) for name, r in rows.items()} == {
        "plan: free": ((5, 9), (3, 5)), "plan: pro": ((3, 5), (5, 9)),
        "role: admin": ((1, 6), (7, 8)), "role: editor": ((2, 3), (6, 11)),
        "role: unknown": ((5, 5), (3, 9)),
    }  # fmt: skip
    for name, row in compared(alone).items():
        assert rows[f"role: {name}"] == {**row, "segment": f"role: {name}"}


def test_two_segments_crossed(report: Report) -> None:
    found = split(report, "plan,role")
    assert found["segment"] == "plan / role"
    rows = compared(found)
    assert {name: (counts(r["headline"]), counts(r["rest"])) for name, r in rows.items()} == {
        "free / admin": ((0, 4), (8, 10)), "free / unknown": ((5, 5), (3, 9)),
        "pro / admin": ((1, 2), (7, 12)), "pro / editor": ((2, 3), (6, 11)),
    }  # fmt: skip


def test_crossed_and_beside_and_twice_the_same(report: Report) -> None:
    rows = compared(split(report, "plan,role", "plan", "plan"))
    assert [name for name in rows if name.startswith("plan: ")] == ["plan: free", "plan: pro"]
    assert counts(rows["plan / role: pro / admin"]["headline"]) == (1, 2)
    assert len(rows) == 6


@pytest.mark.parametrize("by", ["plan,plan", "plan,", ",", ""])
def test_names_that_are_missing_or_stand_twice(
    cli: Callable[..., Any], tmp_path: Path, by: str
) -> None:
    events, yaml = write_log(tmp_path, people({"x": (1, 2)}), CONFIG)
    found = cli("report", events, "-c", yaml, "--by", by)
    assert found.code == 2
    assert "a name is missing or stands twice" in found.err


# --- other and unknown ----------------------------------------------------------------------------


def many(letters: str, *, unknown: int = 0) -> list[tuple[str, ...]]:
    """Values that are the more frequent the earlier they stand, with 20, 19, … sign-ups."""
    rows = people({letter: (i, 20 - i) for i, letter in enumerate(letters)})
    return [*rows, *people({"nobody": (0, unknown)})]


def by_letter(report: Report, log: list[tuple[str, ...]], **more: Any) -> dict[str, Any]:
    """Segments by the first letter; nobody's is unknown."""
    users = table(log, letter=lambda name: "" if first(name) == "nobody" else first(name))
    config = {**CONFIG, "users": {"file": "users.csv"}}
    return report(log, config, "--as-of", "2026-02-01", "--by", "letter", users=users, **more)


def test_twelve_have_a_name_and_more_are_other(report: Report) -> None:
    rows = compared(by_letter(report, many("abcdefghijkl", unknown=3)))
    assert list(rows) == [*"abcdefghijkl", "unknown"]
    found = by_letter(report, many("mlkjihgfedcbaz", unknown=3))
    rows = compared(found)
    assert list(rows) == [*"bcdefghijklm", "other", "unknown"]
    # a: 12 of 8 at most, so 8 of 8; z: 13 of 7, so 7 of 7
    assert counts(rows["other"]["headline"]) == (15, 15)
    assert counts(rows["unknown"]["headline"]) == (0, 3)
    for metric in found["metrics"].values():
        names = {row["segment"] for rows in metric["tables"].values() for row in rows}
        assert names <= {None, *"bcdefghijklm", "other", "unknown"}


def test_of_equally_frequent_values_the_first_have_a_name(report: Report) -> None:
    log = people(dict.fromkeys("nmlkjihgfedcba", (1, 3)))
    assert list(compared(by_letter(report, log))) == [*"abcdefghijkl", "other"]


def test_values_that_are_called_other_and_unknown(report: Report) -> None:
    """They cannot be told from ours, and nobody is lost."""
    log = people({"unknown": (1, 30), "other": (2, 3), "nobody": (0, 2)})
    log += people(dict.fromkeys("abcdefghijkl", (0, 10)))
    rows = compared(by_letter(report, log))
    assert counts(rows["unknown"]["headline"]) == (1, 32)
    assert counts(rows["other"]["headline"]) == (2, 13)  # with l, the thirteenth by size
    assert sum(row["headline"]["denominator"] for row in rows.values()) == 30 + 3 + 2 + 120


@pytest.mark.parametrize("shards", ["1", "5"])
def test_the_list_behind_other_is_the_report_s(
    cli: Callable[..., Any], tmp_path: Path, shards: str
) -> None:
    """Whatever the bucket, who is `other` is decided over all of them."""
    log = many("mlkjihgfedcbaz", unknown=3)
    users = table(log, letter=lambda name: "" if first(name) == "nobody" else first(name))
    config = {**CONFIG, "users": {"file": "users.csv"}}
    events, yaml = write_log(tmp_path, log, config, users=users)
    arguments = ["activation", events, "-c", yaml, "--as-of", "2026-02-01", "-q", "--by", "letter",
                 "--shards", shards]  # fmt: skip
    found = cli(*arguments, "--who", "cohorts[segment=other].signups")
    assert sorted(found.out.split()) == sorted({row[0] for row in log if row[0][0] in "az"})
    wrong = cli(*arguments, "--who", "cohorts[segment=othr].signups")
    assert wrong.code == 2
    assert "did you mean 'other'?" in wrong.err
    alone = cli(*arguments[:-4], "--who", "cohorts[segment=a].signups")
    assert alone.code == 2
    assert "needs --by" in alone.err


def test_a_label_with_a_comma_can_be_named(cli: Callable[..., Any], tmp_path: Path) -> None:
    log = [("p", "s", JAN.format(1), '"Berlin, DE"'), ("q", "s", JAN.format(1), "Bonn")]
    events, yaml = write_log(tmp_path, log, CONFIG, columns=("user", "event", "timestamp", "town"))
    cell = "cohorts[cohort=2026-01,segment=Berlin, DE].signups"
    found = cli("activation", events, "-c", yaml, "--as-of", "2026-02-01", "-q", "--by", "town",
                "--who", cell)  # fmt: skip
    assert found.out.split() == ["p"]


# --- each against the rest ------------------------------------------------------------------------


def two_sided(value: float, low: float, high: float) -> float:
    """The p-value of a normal interval, from the side on which 0 lies."""
    half = value - low if value > 0 else high - value
    return float(2 * reference.norm.sf(reference.norm.ppf(0.975) * abs(value) / half))


def test_shares_of_independent_actors(report: Report) -> None:
    """Newcombe's interval of each segment against all others, and q over the four."""
    shares = {"a": (12, 40), "b": (30, 50), "c": (25, 60), "d": (0, 9)}
    rows = compared(by_letter(report, people(shares)))
    wanted = {}
    for name, (x1, n1) in shares.items():
        x2 = sum(x for other, (x, _) in shares.items() if other != name)
        n2 = sum(n for other, (_, n) in shares.items() if other != name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            limits = confint_proportions_2indep(
                x1, n1, x2, n2, method="newcomb", compare="diff", correction=False
            )
        wanted[name] = (x1 / n1 - x2 / n2, *limits)
        found = rows[name]["difference"]
        assert (found["value"], found["low"], found["high"]) == pytest.approx(wanted[name])
        assert counts(rows[name]["rest"]) == (x2, n2)
    qs = multipletests([two_sided(*found) for found in wanted.values()], method="fdr_bh")[1]
    assert [rows[name]["q"] for name in wanted] == pytest.approx(list(qs))
    assert [q < 0.05 for q in qs] == [False, True, False, True]


def jackknife(parts: dict[int, list[tuple[int, int]]]) -> tuple[float, float, float]:
    """A difference of two shares with its interval, leaving out one group of accounts at a time."""
    (x1, n1), (x2, n2) = (
        [sum(pair[k][j] for pair in parts.values()) for j in (0, 1)] for k in (0, 1)
    )
    moved = []
    for (a1, b1), (a2, b2) in parts.values():
        one = (x1 - a1) / (n1 - b1) if b1 else None
        two = (x2 - a2) / (n2 - b2) if b2 else None
        moved.append((one, two))
    means = [
        sum(v for v in column if v is not None) / sum(v is not None for v in column)
        for column in zip(*moved, strict=True)
    ]
    steps = [
        (0.0 if one is None else one - means[0]) - (0.0 if two is None else two - means[1])
        for one, two in moved
    ]
    g = len(moved)
    half = reference.t.ppf(0.975, g - 1) * math.sqrt((g - 1) / g * sum(s * s for s in steps))
    value = x1 / n1 - x2 / n2
    return value, value - half, value + half


def test_shares_where_users_sit_in_accounts(report: Report) -> None:
    """The jackknife over groups of accounts, which both sides may share."""
    rng, log, roles = random.Random(3), [], {}
    parts: dict[int, list[list[int]]] = {}
    for i in range(300):
        user, account = f"u{i}", f"account {rng.randrange(70)}"
        roles[user] = rng.choice(("admin", "editor"))
        done = rng.random() < (0.2 if crc32(account.encode()) % 3 else 0.9)
        log += [(user, event, JAN.format(1), account) for event in ["s", "a"][: 1 + done]]
        part = parts.setdefault(crc32(account.encode()) % 50, [[0, 0], [0, 0]])
        part[roles[user] == "editor"][0] += done
        part[roles[user] == "editor"][1] += 1
    found = report(
        log, {**CONFIG, "users": {"file": "users.csv"}}, "--as-of", "2026-02-01", "--by", "role",
        columns=("user", "event", "timestamp", "account"),
        users=table(log, role=lambda name: roles[name]),
    )  # fmt: skip
    rows = compared(found)
    value, low, high = jackknife({g: [tuple(p) for p in pair] for g, pair in parts.items()})  # type: ignore[misc]
    admin = rows["admin"]["difference"]
    assert (admin["value"], admin["low"], admin["high"]) == pytest.approx((value, low, high))
    p = two_sided(value, low, high)
    assert [row["q"] for row in rows.values()] == pytest.approx([p, p])


def test_points_where_users_sit_in_accounts(report: Report) -> None:
    """The interval is in the unit of the value: points of NPS, not hundredths of them."""
    rng, log = random.Random(4), []
    for i in range(200):
        account = f"account {i % 40}"
        log.append((f"u{i}", "n", JAN.format(20), account, rng.choice("xy"), rng.randint(0, 10)))
    found = report(
        log, {"feedback": {"nps": {"event": "n"}, "window": "5d"}}, "--as-of", "2026-01-25",
        "--by", "half", columns=("user", "event", "timestamp", "account", "half", "score"),
    )  # fmt: skip
    row = compared(found, "feedback")["x"]
    difference, head, rest = row["difference"], row["headline"], row["rest"]
    assert difference["value"] == pytest.approx(head["value"] - rest["value"])
    width = math.hypot(head["high"] - head["low"], rest["high"] - rest["low"])
    assert 0.7 * width < difference["high"] - difference["low"] < 1.4 * width
    middle = (difference["high"] + difference["low"]) / 2
    assert middle == pytest.approx(difference["value"], abs=0.1)


def test_time_to_value_has_the_log_rank_test(report: Report) -> None:
    """Its q is of that test, also where a median is not reached."""
    rng, log = random.Random(5), []
    for i in range(120):
        kind = "abc"[i % 3]
        log.append((f"{kind}-{i}", "s", JAN.format(1)))
        wait = round(rng.expovariate({"a": 1, "b": 1, "c": 0.1}[kind]) * 9)
        if wait < 29:
            log.append((f"{kind}-{i}", "a", JAN.format(1 + wait)))
    rows = compared(by_letter(report, log), "time_to_value")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifelines.statistics import logrank_test
    arrived = {row[0]: int(row[2][8:10]) - 1 for row in log if row[1] == "a"}
    everybody = [row[0] for row in log if row[1] == "s"]
    ps = []
    for letter in "abc":
        sides = [[u for u in everybody if (u[0] == letter) is own] for own in (True, False)]
        times = [[arrived.get(u, 31) for u in side] for side in sides]
        seen = [[u in arrived for u in side] for side in sides]
        ps.append(logrank_test(*times, *seen).p_value)
    assert rows["c"]["headline"]["value"] is None
    assert rows["c"]["difference"] is None
    wanted = multipletests(ps, method="fdr_bh")[1]
    assert [rows[letter]["q"] for letter in "abc"] == pytest.approx(list(wanted), rel=1e-6)
    assert wanted[2] < 0.001


def test_one_segment_has_no_rest(report: Report) -> None:
    rows = compared(by_letter(report, people({"a": (2, 5)})))
    assert rows["a"]["rest"]["value"] is None
    assert (rows["a"]["difference"], rows["a"]["q"]) == (None, None)


def test_without_by_there_is_no_such_table(report: Report) -> None:
    found = report(people({"a": (2, 5)}), CONFIG, "--as-of", "2026-02-01")
    assert found["segment"] is None
    assert "segments" not in found["metrics"]["activation"]["tables"]


# --- Simpson's paradox ----------------------------------------------------------------------------


def simpson(report: Report, later: dict[str, tuple[int, int]]) -> list[dict[str, Any]]:
    """Two days, the second with another mix: a was at 80 % of 100 and b at 20 % of 50."""
    log = people({"a": (80, 100), "b": (10, 50)}, 1) + people(later, 2)
    users = table(log, letter=first)
    found = report(
        log, {**CONFIG, "period": "day", "users": {"file": "users.csv"}}, "--as-of", "2026-01-04",
        "--by", "letter", users=users,
    )  # fmt: skip
    activation = found["metrics"]["activation"]
    assert activation["headline"]["period"] == "2026-01-02"
    return [c for c in activation["caveats"] if c["code"] == "simpson"]


def test_simpson(report: Report) -> None:
    """Both segments rise, the whole falls: 90 of 150, then 45 + 30 of 150."""
    (found,) = simpson(report, {"a": (45, 50), "b": (30, 100)})
    assert found["count"] == 2


@pytest.mark.parametrize(
    "later",
    [
        {"a": (85, 100), "b": (12, 50)},  # all rise
        {"a": (45, 50), "b": (19, 100)},  # one falls with the whole
        {"a": (45, 50), "b": (9, 29)},  # one is too small to say
        {"a": (80, 100), "b": (10, 50)},  # nothing changes
    ],
)
def test_no_simpson(report: Report, later: dict[str, tuple[int, int]]) -> None:
    assert simpson(report, later) == []


# --- sums -----------------------------------------------------------------------------------------

USUAL = [name for name, metric in all_metrics().items() if not metric.on_request]
KEYS = ("period", "cohort", "step", "item")


def additive(cell: Any) -> dict[str, float]:
    """The counts of a cell."""
    if isinstance(cell, dict):
        parts = {k: cell[k] for k in ("numerator", "denominator")}
        return {k: v for k, v in parts.items() if isinstance(v, int)}
    return {"": cell} if isinstance(cell, int) else {}


def sums(
    rows: list[dict[str, Any]], without: Collection[str] = ()
) -> tuple[Counter[Any], Counter[Any]]:
    """Counts of everybody, and of all segments together, by key and column."""
    whole: Counter[Any] = Counter()
    parts: Counter[Any] = Counter()
    for row in rows:
        keys = tuple(row.get(key) for key in KEYS)
        for column, cell in row.items():
            if column in (*KEYS, "segment", *without):
                continue
            for part, value in additive(cell).items():
                (whole if row["segment"] is None else parts)[keys, column, part] += value
    return +whole, +parts


@pytest.mark.parametrize("by", ["kind", "plan,role", "account"])
def test_segments_add_up_to_everybody(
    by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every count of every table of every metric, wherever actors are told apart.

    But where a segment cannot be judged, and so has no rows at all.
    """
    monkeypatch.chdir(tmp_path)
    seen: set[str] = set()
    # Few logs have a monthly actor in each segment; what is asked for is compared within each.
    rare = {"stickiness"} | {m.id for m in all_metrics().values() if m.on_request}
    wanted = {m.id for m in all_metrics().values() if not m.whole_accounts} - rare
    wanted = wanted if by == "kind" else {"activation", "retention", "usage"}
    for seed in range(46, 80):
        if seen >= wanted:
            return
        log = random_log(seed, 8 if by == "kind" else 1)  # in large logs few suffice
        if by.startswith("plan") and "users" not in log.config:
            continue
        save(log, tmp_path)
        found = numbers(outcome(log, tmp_path, "--by", by, "--only", ",".join(USUAL)))
        for metric, report in found.items() if isinstance(found, dict) else ():
            tables = {name: t for name, t in report["tables"].items() if name != "segments"}
            if all_metrics()[metric].whole_accounts:  # none of these is a column of accounts
                assert all(row["segment"] is None for rows in tables.values() for row in rows)
                continue
            judged = {row["segment"] for rows in tables.values() for row in rows}
            if not judged >= {row["segment"] for row in report["tables"].get("segments", [])}:
                continue
            for name, rows in tables.items():
                columns = {column for row in rows for column in row}
                law, place = "segments add up", f"{metric}.{name}"
                whole, parts = sums(rows, {c for c in columns if exempt(law, f"{place}.{c}")})
                assert parts == whole, (seed, metric, name)
                seen |= {metric} if whole else set()
    assert seen >= wanted


def test_segments_add_up_in_the_table_of_segments(report: Report) -> None:
    """Each segment and its rest are everybody."""
    found = split(report, "plan,role")
    whole = counts(found["metrics"]["activation"]["headline"])
    for row in compared(found).values():
        both = zip(counts(row["headline"]), counts(row["rest"]), strict=True)
        assert tuple(a + b for a, b in both) == whole
    assert json.dumps(found)  # plain numbers all the way


def test_what_an_account_has_once_is_split_by_columns_of_accounts_alone(report: Report) -> None:
    """Two people of one account of two seats: its seats are of no role, but of its tier."""
    config = {
        "users": {"file": "users.csv"}, "accounts": {"file": "accounts.csv"},
        "seat_utilization": {"window": "7d", "days": "all"},
    }  # fmt: skip
    events = [("a", "v", "2026-03-01T00:00:00Z", "one"), ("b", "v", "2026-03-07T23:30:00Z", "one")]
    found = report(
        events, config, "--by", "role", "--by", "tier",
        columns=["user", "event", "time", "account"],
        users="user_id,role\na,admin\nb,editor\n",
        accounts="account_id,seats,tier\none,2,large\n",
    )["metrics"]["seat_utilization"]  # fmt: skip
    assert {row["segment"] for row in found["tables"]["portfolio"]} == {None, "tier: large"}
    told = {c["code"]: c["message"] for c in found["caveats"]}
    assert told["segment-of-users"].startswith("not split by role")


def test_totals_are_not_held_against_each_other(report: Report) -> None:
    """The larger segment has more events; that is no difference."""
    events = [("a", "v", "2026-03-01"), ("a", "v", "2026-03-02"), ("b", "v", "2026-03-31")]
    rows = [(*row, kind) for row, kind in zip(events, "xxy", strict=True)]
    found = report(
        rows, {}, "--by", "kind", "--as-of", "2026-04-01",
        columns=["user", "event", "timestamp", "kind"],
    )["metrics"]  # fmt: skip
    usage = {row["segment"]: row for row in found["usage"]["tables"]["segments"]}
    assert (usage["x"]["headline"]["value"], usage["x"]["rest"]["value"]) == (2, 1)
    assert usage["x"]["difference"] is None


def test_a_median_with_one_limit_is_compared_without_an_interval(report: Any) -> None:
    """Of 40 people 22 arrived, so that no upper limit is reached; of the other 80 nearly all."""
    events = []
    for plan, people, arrived in (("free", 40, 22), ("pro", 80, 72)):
        for i in range(people):
            user, day = f"{plan}{i}", 2 + i % 5
            events.append((user, "s", "2026-01-01T00:00:00Z", plan))
            if i < arrived:
                events.append((user, "a", f"2026-01-{day:02}T00:00:00Z", plan))
    events.append(("free0", "x", "2026-02-01T00:00:00Z", "free"))
    config = {"signup": "s", "activation": {"all": ["a"], "within": "14d"}}
    found = report(events, config, "--only", "time_to_value", "--by", "plan",
                   columns=["user", "event", "timestamp", "plan"])  # fmt: skip
    tables = found["metrics"]["time_to_value"]["tables"]
    rows = {row["segment"]: row for row in tables["segments"]}
    assert rows["free"]["headline"]["low"] is not None
    assert rows["free"]["headline"]["high"] is None
    difference = rows["free"]["difference"]
    assert difference["value"] == 2 * 86_400
    assert (difference["low"], difference["high"]) == (None, None)
