"""A few runs of the worlds of known truth; `benchmarks/simulations/run.py` makes hundreds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks" / "simulations"
sys.path.append(str(FOLDER))

import channel  # noqa: E402
import early  # noqa: E402
import judge  # noqa: E402
import numpy as np  # noqa: E402
import others_early  # noqa: E402
import run  # noqa: E402

RUNS = range(3)


@pytest.fixture(scope="module")
def busy() -> judge.Early:
    """The busy do everything more often, and stay; one event is worth 20 points."""
    return judge.early_runs("both", RUNS)


@pytest.fixture(scope="module")
def told() -> dict[str, judge.Channel]:
    """The busy use the channel more often, and it has an effect."""
    return judge.channel_runs("both", RUNS)


def test_the_worlds_are_what_they_say() -> None:
    log = early.make(early.WORLDS["both"], 7, users=40_000)
    did = log.counts(early.EXPOSURE) > 0
    stayed = log.stayed.astype(float)
    lift = [stayed[did[:, i]].mean() - stayed[~did[:, i]].mean() for i in (1, 5)]
    assert lift[0] == pytest.approx(log.truth(early.KEEPER, 1), abs=0.02)  # by lot
    assert lift[1] > 0.05  # this one does nothing
    assert log.truth(5, 1) == 0
    # A higher threshold leaves some who did it among the others.
    assert log.truth(early.KEEPER, 2) < log.truth(early.KEEPER, 1) == 0.2
    counts = log.counts(early.EXPOSURE)[:, early.KEEPER]
    below = (counts[counts < 2] > 0).mean()
    assert log.truth(early.KEEPER, 2) == pytest.approx(0.2 * (1 - below), abs=0.002)


def test_the_gain_is_what_a_lottery_would_show() -> None:
    """Who comes is exposed by lot: those exposed against the same people, had they not been."""
    world = channel.World("", more=0.12, adopt=0.15)
    log, same = channel.make(world, 5), channel.make(channel.World(""), 5)
    who = log.first < channel.DAYS
    assert (same.first == log.first).all()
    after = [
        np.array([d[f + 1 : f + 15].sum() for d, f in zip(days[who], log.first[who], strict=True)])
        for days in (log.days, same.days)
    ]
    gain = (after[0] - after[1]).mean()
    assert 0 < np.nanmean(log.gain_days) < gain  # some would have come to it later all the same
    assert np.nanmean(log.gain_days) > 0.8 * gain
    assert not np.nansum(same.gain_days)
    assert not np.nansum(same.gain_adopted)


def test_drivers_finds_what_works_and_little_else(busy: judge.Early) -> None:
    assert busy.found["adoptcli"] == [1.0] * len(RUNS)
    assert judge.mean(busy.wrong["naive"]).value > 10
    assert judge.mean(busy.wrong["adoptcli"]).value < 1
    assert judge.mean(busy.crude).value > 0.08
    assert abs(judge.mean(busy.off).value) < 0.03
    assert busy.coverage > 0.85


def test_drivers_is_quiet_where_nothing_works() -> None:
    found = judge.early_runs("null100", range(2))
    assert sum(found.wrong["adoptcli"]) <= 1 < sum(found.wrong["naive"])


@pytest.mark.parametrize(("outcome", "near"), [("active_days", 0.3), ("adoption", 0.04)])
def test_impact_comes_near_the_truth(
    told: dict[str, judge.Channel], outcome: str, near: float
) -> None:
    found = told[outcome]
    assert found.truth > 2 * near
    assert abs(found.off("adjusted").value) < near < abs(found.off("naive").value)
    assert found.says("adjusted").value == 1.0
    assert found.coverage("adjusted").value > 0.6


def test_impact_is_not_deceived_by_whom_it_is_sent_to() -> None:
    """To the inactive: they come more often afterwards with it and without it."""
    found = judge.channel_runs("quiet", range(2))["active_days"]
    assert found.off("aligned").value > 1.0 > 0.4 > abs(found.off("adjusted").value)
    assert found.says("aligned").value == 1.0
    assert found.says("adjusted").value == 0.0


def test_lots_are_judged_and_lost_people_are_noticed() -> None:
    fair, broken = (judge.experiment_runs(name, range(2)) for name in ("lot_effect", "lot_lost"))
    assert fair.judged == [1.0, 1.0]
    assert fair.raises["active_days"] == [1.0, 1.0]
    assert fair.coverage("active_days").value == 1.0
    assert broken.off("active_days").value > 0.3
    assert broken.judged == [0.0, 0.0]


def test_phi_is_the_correlation() -> None:
    log = early.make(early.WORLDS["volume"], 3, users=500)
    did = log.counts(3)[:, 1:] >= 2
    mine = others_early._phi(did, log.stayed)
    at = int(np.argmax(did.sum(0)))
    assert mine[at] == pytest.approx(np.corrcoef(did[:, at], log.stayed)[0, 1])


def test_the_page_keeps_what_stands_around_its_tables() -> None:
    page = "a\n<!-- drivers: begin -->\nold\n<!-- drivers: end -->\nb\n"
    made = "a\n<!-- drivers: begin -->\n\nnew\n\n<!-- drivers: end -->\nb\n"
    assert run.placed(page, "drivers", "new") == made
