"""Drivers: statistics against brute force, logs large enough for thresholds and strata, order."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from adoptcli import stats
from adoptcli.counts import GROUPS, group_of, half_of
from adoptcli.metrics._association import NO_GROUP, Sides, adjusted, chosen, periods, quarter_octave
from adoptcli.metrics.drivers import _also
from adoptcli.results import Estimate
from tests.logs import Log, _accounts, _config, _users
from tests.oracles import drivers
from tests.oracles.database import connect
from tests.oracles.judge import compare, report
from tests.oracles.model import World

NAMES = ("built", "shared", "read", "invited", "helped", "called")


def crowd(seed: int, kind: str, people: int = 150) -> Log:
    """Many people whose first days differ in volume, and of whom inviters stay more often."""
    rng = random.Random(seed)
    start = datetime(2026, 1, 5, tzinfo=UTC)
    events: list[tuple[Any, ...]] = []

    def add(user: str, name: str, moment: datetime) -> None:
        text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        account = rng.choice(("one", "two", "")) if rng.random() < 0.1 else f"c{user[1:]}"[:3]
        score = rng.choice(("3", "4", "5", "x"))
        events.append((user, name, text, account, "", rng.choice("xy"), score, f"e{len(events)}"))

    for i in range(people):
        user, t0 = f"u{i}", start + timedelta(hours=rng.randrange(24 * 10))
        add(user, "signed_up", t0)
        volume, invites = rng.choice((1, 3, 6, 12, 20)), rng.choice((0, 0, 1, 2, 4))
        for name in ["invited"] * invites + rng.choices(NAMES, k=volume):
            add(
                user, name, t0 + timedelta(days=rng.choice((0, 1, 6, 7, 8)), hours=rng.randrange(4))
            )
        if rng.random() < 0.1 + 0.5 * (invites > 1) + 0.02 * volume:
            add(user, rng.choice(("built", "bought")), t0 + timedelta(days=rng.randint(27, 57)))
        if kind == "satisfaction" and rng.random() < 0.7:
            add(user, "called", t0 + timedelta(days=rng.randint(7, 57)))
    config = _config(rng, "UTC") | {
        "signup": "signed_up", "feedback": {"csat": {"event": "called"}}, "purchase": "bought",
        "drivers": {"exposure": "7d", "fewest": 3, "outcome": {"kind": kind, "until": "56d"}},
        "events": {"read_x": [{"event": "read", "where": {"kind": "x"}}], "helping": ["helped"]},
    }  # fmt: skip
    config |= {"activation": {"all": ["built"], "within": "7d", "before_signup": "count"}}
    config.pop("users", None)
    config["features"].pop("late", None)
    if kind == "purchase":
        config["drivers"]["outcome"]["events"] = ["bought"]
    if kind == "satisfaction":
        config["drivers"]["outcome"]["at_least"] = 4
    add("u0", "read", start + timedelta(days=75))
    return Log(events, config, _users(rng, [], start), _accounts(rng, start), "2026-03-21")


def told(log: Log, folder: Path) -> dict[str, Any]:
    """What adoptcli says of the drivers in a log."""
    found = report(log, folder, ["drivers"])
    assert isinstance(found, dict), found
    metric: dict[str, Any] = found["drivers"]
    return metric


def hash_of(text: str) -> int:
    """The same in every run."""
    return sum(map(ord, text))


@pytest.mark.parametrize("kind", ["retention", "purchase", "satisfaction"])
def test_many_people_as_the_oracles_have_them(kind: str, tmp_path: Path) -> None:
    log = crowd(hash_of(kind), kind)
    found, world = told(log, tmp_path), World(log)
    wanted = drivers.plain(world)
    assert not [*compare("drivers", "plain", wanted, found)]
    with connect(tmp_path, log) as db:
        assert not [*compare("drivers", "sql", drivers.sql(db, log.config), found)]
    assert len({row["step"] for row in wanted["events"]}) > 1
    periods_of = {*drivers._periods(world, [*drivers._people_judged(world)[0]]).values()}
    assert periods_of == ({0} if kind == "satisfaction" else {0, 1})  # too few of them answer
    caveats = {caveat["code"] for caveat in found["caveats"]}
    assert ("one-period" in caveats) == (kind == "satisfaction")
    assert len(wanted["events"]) >= 8


def test_buckets_of_volume_are_exact() -> None:
    """⌊4·log2(1 + n)⌋ by whole numbers: the most quarters of an octave whose power is reached."""
    ns = [*range(2000), *(2**e + d for e in range(11, 33) for d in (-2, -1, 0, 1))]
    wanted = []
    for n in ns:
        bucket = 0
        while 2 ** (bucket + 1) <= (n + 1) ** 4:
            bucket += 1
        wanted.append(bucket)
    assert quarter_octave(pl.Series(ns)).to_list() == wanted


def test_halves_do_not_follow_from_groups() -> None:
    """Each group of accounts is about evenly parted, so that the jackknife keeps all groups."""
    ids = [f"user-{i}" for i in range(20_000)]
    parts = [[half_of(i) for i in ids if group_of(i) == group] for group in range(GROUPS)]
    assert all(0.35 < sum(part) / len(part) < 0.65 for part in parts)


def people(seed: int, n: int, groups: int) -> list[tuple[int, int, int, int, int]]:
    """times, others, outcome, group, half of each."""
    rng = random.Random(seed)
    found = []
    for _ in range(n):
        others, times = rng.randrange(12), rng.choice((0, 0, 1, 2, 3, 12))
        outcome = rng.random() < 0.2 + 0.03 * others + 0.1 * (times > 1)
        found.append((times, others, int(outcome), rng.randrange(groups), rng.randrange(2)))
    return found


def sides_of_people(who: list[tuple[int, int, int, int, int]], *, grouped: bool) -> Sides:
    """As the sums of an event and of everybody give them."""
    did: dict[int, dict[tuple[int, int], tuple[int, int]]] = {}
    ever: dict[tuple[int, int], tuple[int, int]] = {}
    everyone: dict[tuple[int, int], tuple[int, int]] = {}
    for times, others, outcome, group, _ in who:
        g, volume = group if grouped else NO_GROUP, _bucket(others + times)
        tables = [(everyone, volume)]
        if times:
            tables += [(ever, volume), (did.setdefault(min(times, 10), {}), _bucket(others))]
        for table, stratum in tables:
            n, came = table.get((stratum, g), (0, 0))
            table[stratum, g] = n + 1, came + outcome
    return Sides(did, ever, everyone)


def _bucket(n: int) -> int:
    return max(s for s in range(40) if 2**s <= (n + 1) ** 4)


def direct(who: list[tuple[int, int, int, int, int]], least: int) -> dict[int, list[int]]:
    """Everybody put on a side, by the volume of what else they did."""
    found: dict[int, list[int]] = {}
    for times, others, outcome, _, _ in who:
        cell = found.setdefault(_bucket(others), [0, 0, 0, 0])
        side = 0 if times >= least else 2
        cell[side] += outcome
        cell[side + 1] += 1
    return found


@pytest.mark.parametrize("seed", range(4))
def test_the_others_by_subtraction_are_the_others(seed: int) -> None:
    who = people(seed, 150, 1)
    sides = sides_of_people(who, grouped=False)
    for least in range(1, 11):
        wanted = {(s, NO_GROUP): tuple(counts) for s, counts in direct(who, least).items()}
        assert {p: c for p, c in sides.cells(least).items() if any(c)} == wanted


def test_the_jackknife_leaves_out_one_group_at_a_time() -> None:
    """By recomputing the pooled difference from the people who are left."""
    who = people(7, 400, 20)
    found = adjusted(sides_of_people(who, grouped=True).cells(2))

    def pooled(some: list[tuple[int, int, int, int, int]]) -> stats.MantelHaenszel:
        result = stats.mantel_haenszel((a, b, c, d) for a, b, c, d in direct(some, 2).values())
        assert result is not None
        return result

    whole = pooled(who)
    values = [pooled([p for p in who if p[3] != g]).difference.value for g in range(20)]
    centre = sum(values) / 20
    se = max(math.sqrt(sum((v - centre) ** 2 for v in values) * 19 / 20), whole.difference.se)
    assert found is not None
    assert found.value == pytest.approx(whole.difference.value)
    assert found.low == pytest.approx(whole.difference.value - stats.student_quantile(19) * se)
    assert whole.p is not None
    assert found.p == pytest.approx(max(stats.student_p(found.value / se, 19), whole.p))


def test_without_groups_the_interval_is_satos() -> None:
    who = people(8, 300, 1)
    found = adjusted(sides_of_people(who, grouped=False).cells(1))
    wanted = stats.mantel_haenszel((a, b, c, d) for a, b, c, d in direct(who, 1).values())
    assert found is not None
    assert wanted is not None
    assert found[:4] == (*wanted.difference[:3], wanted.p)
    assert found.compared == wanted.exposed + wanted.unexposed


def test_one_group_of_accounts_gives_no_interval() -> None:
    found = adjusted(sides_of_people(people(9, 60, 1), grouped=True).cells(1))
    assert found is not None
    assert found[1:4] == (None, None, None)


def test_the_threshold_tells_best_and_leaves_enough_on_each_side() -> None:
    """Only three times or more goes with the outcome; of 40, ten did it so often."""
    who = [(k, 5, int(k == 3), 0, 0) for k in (0, 1, 2, 3) for _ in range(10)]
    assert chosen(sides_of_people(who, grouped=False), 10) == (3, True)
    assert chosen(sides_of_people(who, grouped=False), 11)[0] in (1, 2)
    assert chosen(sides_of_people(who, grouped=False), 21)[0] == 1


@pytest.mark.parametrize(("others", "telling"), [(5, False), (4, True)])
def test_what_chance_tells_is_a_chi_square_of_one(others: int, telling: bool) -> None:
    """Of ten who did it 7 stay, of ten others 5 or 4: chi-squares of 0.79 and 1.73."""
    who = [(1, 5, int(i < 7), 0, 0) for i in range(10)]
    who += [(0, 5, int(i < others), 0, 0) for i in range(10)]
    assert chosen(sides_of_people(who, grouped=False), 10) == (1, telling)
    assert chosen(sides_of_people(who, grouped=False), 11) == (1, telling)


def test_a_chi_square_of_just_one_tells() -> None:
    """One who did it and stays, one other who does not: (1 - 1/2)² ÷ 1/4."""
    who = [(1, 5, 1, 0, 0), (0, 5, 0, 0, 0)]
    assert chosen(sides_of_people(who, grouped=False), 1) == (1, True)


def test_weeks_of_sign_up_are_merged_until_there_are_enough() -> None:
    """16 and an eighth of all in each period; what is left belongs to the last."""

    def of(*sizes: int) -> list[int]:
        columns = {"week": pl.Int64, "actors": pl.Int64}
        weeks = pl.DataFrame([*enumerate(sizes)], columns, orient="row")
        return [*periods(weeks, 2).values()]

    assert of(16, 16) == [0, 1]
    assert of(16, 15) == [0, 0]
    assert of(15, 1, 16, 3, 12) == [0, 0, 1, 1, 1]
    assert of(15, 1, 16, 3, 13) == [0, 0, 1, 2, 2]
    assert of(*[100] * 10) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]  # an eighth is 125
    assert of() == []


def test_order_flags_and_verdicts(tmp_path: Path) -> None:
    """By the lower limit × those who have not done it, flagged last; headline the first of them."""
    log = crowd(3, "retention", 700)
    log.config["drivers"]["fewest"] = 30
    found = told(log, tmp_path)
    rows = found["tables"]["events"]

    def place(row: dict[str, Any]) -> tuple[bool, float]:
        low = row["adjusted"]["low"]
        room = 1.0 if low is None else -low * (1 - row["reach"]["value"])  # 1 comes last
        return bool(row["flags"]), room

    assert [place(row) for row in rows] == sorted(map(place, rows))
    first = rows[0]
    assert (first["item"], first["verdict"]) == ("invited", "goes with staying")
    assert found["headline"]["value"] == first["adjusted"]["value"]
    assert found["headline"]["title"] == f"Goes with staying: {first['step']} × invited"
    assert found["textbook"]["value"] == first["difference"]["value"]
    said = [(head["title"], head["value"]) for head in found["also"]]
    assert said == [
        ("of those who did it, active in days 28 to 56", first["with"]["value"]),
        ("of those who did not, active in days 28 to 56", first["without"]["value"]),
    ]  # no other goes with it
    assert [r["verdict"] for r in rows[1:] if not r["flags"]].count("no evidence") > 0
    by_name = {row["item"]: row for row in rows}
    assert by_name["signed_up"]["flags"].split(", ")[:2] == ["structural", "near-universal"]
    assert by_name["signed_up"]["q"] is None
    for row in rows:
        flags = (row["flags"] or "").split(", ")
        sides = row["with"]["denominator"], row["without"]["denominator"]
        assert ("rare" in flags) == (row["reach"]["value"] < 0.05 or min(sides) < 30)
        assert ("near-universal" in flags) == (row["reach"]["value"] > 0.9)
        assert ("volume" in flags) == (_clear(row["difference"]) and not _clear(row["adjusted"]))


def test_what_is_told_beside_the_best() -> None:
    """The next that goes with it; without a best the nearest; none that is flagged."""

    def one(label: str, verdict: int, *flags: str) -> Any:
        sides = {"did": Estimate(0.5), "did_not": Estimate(0.25)}
        return SimpleNamespace(label=label, verdict=verdict, flags=flags, adjusted=None, **sides)

    a, b, c, d, e = one("a", 1), one("b", 0), one("c", 1, "volume"), one("d", 1), one("e", 1)
    assert [h.title for h in _also(a, [a, b, c, d, e], "back")] == [
        "of those who did it, back", "of those who did not, back", "next: d",
    ]  # fmt: skip
    assert [h.title for h in _also(None, [c, b, d], "back")] == ["nearest: b"]
    assert _also(None, [c], "back") == ()


def _clear(cell: dict[str, Any] | None) -> bool:
    limits = (cell["low"], cell["high"]) if cell else (None, None)
    return None not in limits and (limits[0] > 0 or limits[1] < 0)


def test_q_values_are_of_what_is_tested(tmp_path: Path) -> None:
    """Neither the structural nor the rare, nor what tells nothing where thresholds are chosen."""
    log = crowd(4, "retention")
    log.config["drivers"]["fewest"] = 15
    found = told(log, tmp_path)
    ps = {row["item"]: row["p"] for row in found["tables"]["measures"]}
    rows = {row["item"]: row for row in found["tables"]["events"]}
    out = {i for i, r in rows.items() if {"structural", "rare"} & {*(r["flags"] or "").split(", ")}}
    telling = drivers.telling(World(log))
    tested = {i: p for i, p in ps.items() if i in telling - out and p is not None}
    wanted = dict(zip(tested, stats.benjamini_hochberg([*tested.values()]), strict=True))
    assert {i: r["q"] for i, r in rows.items() if r["q"] is not None} == pytest.approx(wanted)
    caveats = {c["code"]: c["count"] for c in found["caveats"]}
    rare = [i for i, r in rows.items() if "rare" in (r["flags"] or "") and i != "signed_up"]
    silent = {*rows} - out - telling
    assert caveats["rare-events"] == len(rare) > 0
    assert caveats["not-telling"] == len(silent) > 0
    assert len(wanted) > 1
    assert {rows[i]["verdict"] for i in rare} == {"not enough data"}
    assert {rows[i]["verdict"] for i in silent} == {"no evidence"}


def test_buckets_of_actors_change_nothing(tmp_path: Path, cli: Callable[..., Any]) -> None:
    """Halves and groups are by ids, not by codes: the same bytes, by segment and by account too."""
    told(crowd(5, "retention"), tmp_path)
    base = ["drivers", tmp_path / "events.csv", "-c", tmp_path / "m.yaml", "--as-of", "2026-03-21",
            "-q", "-f", "json"]  # fmt: skip
    for options in (["--by", "kind"], ["--unit", "account"]):
        whole = cli(*base, *options)
        assert whole.code == 0
        assert cli(*base, *options, "--shards", "3").out == whole.out


def test_both_sides_can_be_listed(tmp_path: Path, cli: Callable[..., Any]) -> None:
    """As many as the table counts, and nobody on both."""
    rows = told(crowd(6, "retention"), tmp_path)["tables"]["events"]
    row = next(row for row in rows if row["item"] == "invited")
    place = f"events[item=invited,step={row['step']}]"

    def ids(measure: str) -> set[str]:
        found = cli("drivers", tmp_path / "events.csv", "-c", tmp_path / "m.yaml", "--as-of",
                    "2026-03-21", "-q", "--who", f"{place}.{measure}")  # fmt: skip
        return {*found.out.split()}

    did, did_not = ids("did"), ids("did_not")
    assert (len(did), len(did_not)) == (row["with"]["denominator"], row["without"]["denominator"])
    assert not did & did_not
    assert len(ids("did_not_outcome")) == row["without"]["numerator"]
    assert ids("did_outcome") | ids("did_not_outcome") == ids("outcome")
