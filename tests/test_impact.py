"""What the small random logs cannot show of `impact`: intervals, verdicts, variants by lot."""

from __future__ import annotations

import json
import math
import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from adoptcli import stats
from adoptcli.cli.main import run
from adoptcli.metrics import _matched, _risk_sets
from adoptcli.metrics._drawn import ratio_p
from adoptcli.metrics._impact_tables import _moved, _ordered
from adoptcli.metrics._matched import Difference
from adoptcli.metrics._verdicts import Asked, Channel, Judged, _judge, outcomes
from tests.logs import Log, save
from tests.oracles import impact, risk_sets
from tests.oracles.database import connect
from tests.oracles.judge import compare
from tests.oracles.model import World
from tests.test_cli import EXAMPLE


def crowd(seed: int, accounts: bool) -> Log:
    """Enough people that the exposed have others like them."""
    rng = random.Random(seed)
    start, events = date(2026, 2, 2), []
    for i in range(90):
        account = f"c{i % 14}" if accounts else ""
        for d in range(24):
            for _ in range(rng.choice((0, 0, 1, 2))):
                name = rng.choices(("read", "built", "shared", "helped", "called"), (6, 3, 3, 1, 1))
                at = f"{start + timedelta(days=d)}T{rng.randrange(10, 20)}:00:00.000Z"
                events.append((f"u{i}", name[0], at, account, "", rng.choice("xy"), "", ""))
    config = {
        "time_zone": "UTC", "week_start": "monday", "period": "week",
        "features": {"share": ["shared"]},
        "activation": {"all": ["built"], "within": "7d", "before_signup": "count"},
        "channels": {"help": ["helped"], "calls": ["called"]},
        "impact": {"horizon": "4d", "adoption": {"feature": "share", "min_days": 3}},
    }  # fmt: skip
    header = "user_id,created_at,plan,role,account_id\n"
    return Log(events, config, header, "account_id,tier,seats,mrr,cancelled_at\n", "2026-02-26")


def tables(log: Log, folder: Path, *options: str) -> dict[str, Any]:
    """What adoptcli finds."""
    save(log, folder)
    target = folder / "out.json"
    arguments = ["report", str(folder / "events.csv"), "-c", str(folder / "m.yaml"), "--as-of",
                 log.as_of, "--only", "impact", "-q", "-o", str(target), *options]  # fmt: skip
    assert run(arguments) == 0
    found: dict[str, Any] = json.loads(target.read_text())["metrics"]["impact"]
    return found


@pytest.mark.parametrize("accounts", [True, False])
def test_a_crowd_agrees_with_both_oracles_and_with_leaving_groups_out(
    accounts: bool, tmp_path: Path
) -> None:
    log = crowd(int(accounts), accounts)
    found, world = tables(log, tmp_path), World(log)
    wanted = impact.plain(world)
    assert not [*compare("impact", "plain", wanted, found)]
    with connect(tmp_path, log) as db:
        assert not [*compare("impact", "sql", impact.sql(db, log.config), found)]
    for name, exposed, others, _ in risk_sets.compared_people(world):
        row = next(r for r in wanted["channels"] if r["item"] == name)
        level = risk_sets.NAMES.index(row["level"])
        for table, x, of in (("active_days", "uptick", None), ("feature_uses", "uses", None),
                             ("adoption", "adopted", "risk")):  # fmt: skip
            cell = next(r for r in found["tables"][table] if r["item"] == name)["adjusted"]
            low, high = left_out(exposed, others, level, x, of)
            assert cell["low"] == pytest.approx(max(low, -1) if of else low), (name, table)
            assert cell["high"] == pytest.approx(min(high, 1) if of else high), (name, table)
            assert cell["denominator"] > 20
        cell = next(r for r in found["tables"]["adoption"] if r["item"] == name)["ratio"]
        low, high = map(math.exp, left_out(exposed, others, level, "adopted", "risk", ratio=True))
        assert (cell["low"], cell["high"]) == (pytest.approx(low), pytest.approx(high))


def left_out(
    exposed: Any, others: Any, level: int, x: str, of: str | None, *, ratio: bool = False
) -> tuple[float, float]:
    """The jackknife by its definition, all over again without each group; a ratio's logarithm."""

    def value(part: int | None) -> float | None:
        sides = [[p for p in points if p["part"] != part] for points in (exposed, others)]
        found = risk_sets.compare_points(*sides, lambda p: p["levels"][level], x, of)
        return math.log(found[4]) if ratio else found[2]

    counted = [[p for p in side if of is None or p[of]] for side in (exposed, others)]
    one, other = ({p["levels"][level] for p in side} for side in counted)
    here = {p["part"] for side in counted for p in side if p["levels"][level] in one & other}
    values = [v for v in map(value, sorted(here)) if v is not None]
    whole, g = value(None), len(values)
    assert whole is not None
    centre = sum(values) / g
    variance = sum((v - centre) ** 2 for v in values) * (g - 1) / g
    half = stats.student_quantile(g - 1) * math.sqrt(variance)
    return whole - half, whole + half


def test_buckets_change_nothing(tmp_path: Path) -> None:
    log = crowd(3, accounts=False)
    assert tables(log, tmp_path) == tables(log, tmp_path, "--shards", "7")


def test_the_truths_planted_in_the_sample(tmp_path: Path) -> None:
    """The webinar that works, the one that does not, the article that only looks as if it did."""
    target = tmp_path / "out.json"
    assert run(["impact", "-c", str(EXAMPLE), "-q", "-f", "json", "-o", str(target)]) == 0
    whole = json.loads(target.read_text())["metrics"]["impact"]
    found = whole["tables"]
    verdicts = {row["item"]: row["verdict"] for row in found["channels"]}
    assert verdicts == {
        "onboarding_live": "associated", "roadmap_preview": "no evidence",
        "tips_and_tricks": "no evidence",
    }  # fmt: skip
    uses = {row["item"]: row for row in found["feature_uses"]}
    assert uses["onboarding_live"]["verdict"] == "associated"
    assert whole["headline"]["title"] == "onboarding_live, uses of features"
    assert whole["headline"]["verdict"] == "associated"
    assert whole["headline"]["value"] == uses["onboarding_live"]["adjusted"]["value"]
    assert whole["textbook"]["value"] == uses["onboarding_live"]["crude"]["value"]
    assert whole["textbook"]["formula"].startswith("uses of features, ")
    assert [head["verdict"] for head in whole["also"]] == ["no evidence", "no evidence"]
    days = {row["item"]: row for row in found["active_days"]}
    assert days["tips_and_tricks"]["after"]["low"] > 0.5
    assert "caused" not in target.read_text()


def test_segments_are_compared_in_the_same_channel_and_outcome(tmp_path: Path) -> None:
    """Though another may be the surest in each."""
    target = tmp_path / "out.json"
    assert run(["impact", "-c", str(EXAMPLE), "-q", "-f", "json", "-o", str(target),
                "--by", "plan"]) == 0  # fmt: skip
    found = json.loads(target.read_text())["metrics"]["impact"]
    assert found["headline"]["title"] == "onboarding_live, active days"
    assert found["headline"]["verdict"] == "no evidence, but associated in uses of features"
    days = {r["segment"]: r for r in found["tables"]["active_days"]
            if r["item"] == "onboarding_live"}  # fmt: skip
    rows = found["tables"]["segments"]
    assert {r["segment"] for r in rows} == {"enterprise", "free", "pro"}
    for row in rows:
        assert row["headline"]["value"] == days[row["segment"]]["adjusted"]["value"]


def difference(value: float, half: float, exposed: int = 100) -> Difference:
    return Difference(value, value - half, value + half, 0.001, exposed, 500, value, 0.0, None)


@pytest.mark.parametrize("options", [[], ["--by", "plan"]])
def test_the_verdict_stands_on_the_first_screen(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["impact", "-c", str(EXAMPLE), "-q", *options]) == 0
    screen = capsys.readouterr().out.split("TO KNOW")[0]
    assert "uses of features: associated" in screen or "associated in uses of" in screen
    assert "roadmap_preview, active days: no evidence" in screen


ASKED = Asked(("c",), 14, "", False, "exported", (), "", {}, alike=False)


def channel(**other: Any) -> Channel:
    fields: dict[str, Any] = {
        "name": "c", "exposed": 120, "matched": 100, "controls": 500, "later": 0, "same_day": 0,
        "level": "", "balance": (0.5, 0.0), "checks": {"placebo": difference(0.1, 0.2)},
        "after": None, "judged": [],
    } | other  # fmt: skip
    return Channel(**fields)


def judge(found: Difference | None, q: float | None = 0.01, **other: Any) -> tuple[str, str]:
    judged = _judge(channel(**other), Judged(outcomes(ASKED)[0], None, found), q)
    return judged.verdict, judged.reason


def test_the_rules_of_the_verdict() -> None:
    """Each rule alone turns it."""
    assert judge(difference(1, 0.9)) == ("associated", "")
    assert judge(difference(-1, 0.9)) == ("associated with less", "")
    assert judge(difference(1, 1.1)) == ("no evidence", "the interval holds 0")
    assert judge(difference(1, 0.9), q=0.05)[0] == "no evidence"
    assert judge(difference(1, 0.9, exposed=29))[0] == "not enough data"
    assert judge(difference(1, 0.9, exposed=30))[0] == "associated"
    assert judge(None, None)[0] == "not enough data"
    assert judge(difference(1, 0.9), matched=59)[0] == "not enough data"
    assert judge(difference(1, 0.9), matched=60)[0] == "associated"
    assert judge(difference(1, 0.9), balance=(0.5, -0.11))[0] == "no evidence"
    placebo = {"placebo": difference(0.3, 0.2)}
    assert judge(difference(1, 0.9), checks=placebo)[1] == "the placebo moved too"
    other_way = ("associated with less", "though the placebo moved the other way")
    assert judge(difference(-1, 0.9), checks=placebo) == other_way
    control = {"placebo": None, "control": difference(2, 1)}
    assert judge(difference(1, 0.9), checks=control)[1] == "the negative control moved too"
    both = {"placebo": difference(-0.3, 0.2), "control": difference(2, 1)}
    assert judge(difference(1, 0.9), checks=both)[1] == "the negative control moved too"


def test_channels_that_are_associated_come_first_the_surest_of_them_first() -> None:
    def one(name: str, q: float, verdict: str) -> Channel:
        judged = Judged(outcomes(ASKED)[0], None, difference(1, 0.9), q, verdict)
        return channel(name=name, judged=[judged])

    found = [
        one("none", 0.9, "no evidence"), one("sure", 0.04, "associated"),
        one("surer", 0.01, "associated with less"), one("few", 0.001, "not enough data"),
    ]  # fmt: skip
    assert [c.name for c in _ordered(found)] == ["surer", "sure", "none", "few"]


def test_a_check_that_moved_is_told_whichever_way() -> None:
    still, moved = difference(0.1, 0.2), difference(-0.3, 0.25)
    found = _moved([channel(checks={"placebo": still, "control": moved}), channel()], ASKED)
    assert [c.message for c in found] == [
        "c: the negative control (exported) moved as well, by −0.30 (95 %: −0.55 to −0.05)"
    ]
    (one,) = _moved([channel(checks={"placebo": difference(1, 0.5)})], ASKED)
    assert one.message == (
        "c: the placebo (active days 42 to 29 days before) moved as well, "
        "by +1.00 (95 %: +0.50 to +1.50)"
    )


def test_sizes_of_variants_against_those_drawn() -> None:
    assert ratio_p({"a": 50, "b": 50}, {}) == pytest.approx(1)
    assert ratio_p({"a": 60, "b": 40}, {}) == pytest.approx(0.0455, abs=1e-4)  # chi-square of 4
    assert ratio_p({"a": 60, "b": 40, "x": 9}, {"a": 3, "b": 2}) == pytest.approx(1)
    assert ratio_p({"a": 10}, {"a": 1, "b": 1}) == pytest.approx(0.00157, abs=1e-4)  # of 10
    assert ratio_p({"a": 10}, {}) is None


def drawn(log_of: dict[str, tuple[int, float]], folder: Path, extra: str = "") -> dict[str, Any]:
    """A log in which each variant has so many people, who come with such a chance a day."""
    rng = random.Random(5)
    users, events = ["user_id,created_at,arm"], ["user,event,timestamp", "z,v,2026-02-01T10:00:00Z"]
    for arm, (number, chance) in log_of.items():
        for i in range(number):
            start = date(2026, 2, 1) + timedelta(days=rng.randrange(10))
            users.append(f"{arm}{i},{start},{arm}")
            for d in range(20):
                if rng.random() < chance:
                    events.append(f"{arm}{i},v,{start + timedelta(days=d)}T10:00:00Z")
    (folder / "users.csv").write_text("\n".join(users) + "\n")
    (folder / "events.csv").write_text("\n".join(events) + "\n")
    section = f"{{variant: arm, control: plain, horizon: 7d{extra}}}"
    (folder / "m.yaml").write_text(f"users: {{file: users.csv}}\nimpact: {section}\n")
    target = folder / "out.json"
    arguments = ["impact", str(folder / "events.csv"), "-c", str(folder / "m.yaml"), "-q",
                 "--as-of", "2026-03-10", "-f", "json", "-o", str(target)]  # fmt: skip
    assert run(arguments) == 0
    found: dict[str, Any] = json.loads(target.read_text())["metrics"]["impact"]
    return found


def test_only_a_lot_may_say_that_something_raises(tmp_path: Path) -> None:
    people = {"guide": (60, 0.5), "plain": (60, 0.3), "tour": (58, 0.3)}
    found = drawn(people, tmp_path)
    verdicts = {r["item"]: r["active_days_verdict"] for r in found["tables"]["variants"]}
    assert verdicts == {"guide": "raises", "plain": None, "tour": "no evidence"}
    assert found["headline"]["title"] == "guide, active days, against plain"
    assert found["headline"]["verdict"] == "raises by lot"
    guide = next(r for r in found["tables"]["variants"] if r["item"] == "guide")
    assert guide["active_days_more"]["low"] < 7 * 0.2 < guide["active_days_more"]["high"]


def test_few_of_either_side_are_too_few(tmp_path: Path) -> None:
    for guide, plain in ((20, 80), (80, 20)):
        split = f", split: {{guide: {guide}, plain: {plain}}}"
        found = drawn({"guide": (guide, 0.9), "plain": (plain, 0.2)}, tmp_path, split)
        verdicts = {r["item"]: r["active_days_verdict"] for r in found["tables"]["variants"]}
        assert verdicts["guide"] == "not enough data"


def test_nothing_is_said_where_the_sizes_are_not_as_drawn(tmp_path: Path) -> None:
    found = drawn({"guide": (120, 0.5), "plain": (60, 0.3)}, tmp_path)
    verdicts = {r["item"]: r["active_days_verdict"] for r in found["tables"]["variants"]}
    assert verdicts["guide"] == "not judged"
    assert "sample-ratio-mismatch" in {c["code"] for c in found["caveats"]}
    found = drawn(
        {"guide": (120, 0.5), "plain": (60, 0.3)}, tmp_path, ", split: {guide: 2, plain: 1}"
    )
    assert found["tables"]["variants"][0]["active_days_verdict"] == "raises"


def test_a_ratio_has_no_interval_where_a_replicate_has_no_ratio() -> None:
    found = _matched._ratio(3, 2, [(2, 1), (1, 1), (3, 2)])
    assert found is not None
    value, low, high = found
    assert low is not None
    assert high is not None
    assert low < value < high
    assert math.log(high) - math.log(value) == pytest.approx(math.log(value) - math.log(low))
    assert _matched._ratio(3, 2, [(2, 1), (1, 0), (3, 2)]) == (1.5, None, None)
    assert _matched._ratio(3, 2, [(2, 1), (0, 1), (3, 2)]) == (1.5, None, None)
    assert _matched._ratio(3, 0, []) is None


def test_parts_of_a_stratum_have_as_many_values_as_they_may() -> None:
    """A stratum is its parts as one number: one value more would be another stratum's."""
    for name, size in _risk_sets.SIZES.items():
        edges = getattr(_risk_sets, name.upper(), (1,))  # recent: or not
        value = pl.Series("v", range(edges[-1] + 3))
        found = pl.select(_risk_sets.bucket(pl.lit(value), edges)).to_series()
        assert found.unique().sort().to_list() == list(range(size)), name


def test_levels_grow_coarser() -> None:
    """Each has every stratum of the one after it whole, so that overlap can only grow."""
    rng = random.Random(1)
    codes = pl.DataFrame({"stratum": [rng.randrange(10**7) for _ in range(3000)]})
    found = codes.select(
        *(_matched.coarser(level).alias(name) for name, level in _matched.LEVELS.items())
    )
    for fine, coarse in zip(found.columns, found.columns[1:], strict=False):
        assert found.group_by(fine).agg(pl.col(coarse).n_unique())[coarse].max() == 1, coarse
        assert found[coarse].n_unique() < found[fine].n_unique()
