"""Intervals where users sit in accounts: against their definitions, and by simulation."""

from __future__ import annotations

import math
import random

import pytest
from scipy import stats as reference

from adoptcli import stats
from adoptcli.counts import (
    GROUPS,
    Count,
    Scaled,
    difference_interval,
    group_of,
    rate_interval,
    ratio_interval,
    share_interval,
    spread,
    whole,
)
from adoptcli.metrics._shared import compared, difference, mean, rate


def of(*parts: int) -> Count:
    """A count with these parts in the first groups."""
    return Count.of(enumerate(parts))


def test_a_mean_of_two_is_divided_by_its_scale_and_not_below_its_floor() -> None:
    """Of 10 and 30: 20 ± 1.96 · 10."""
    found = mean(2, 40, 10**2 + 30**2, 10)
    assert (found.value, found.numerator) == (2.0, 4.0)
    assert found.low == pytest.approx(2 - 1.959963984540054)
    assert found.high == pytest.approx(2 + 1.959963984540054)
    assert mean(2, 40, 10**2 + 30**2, 10, floor=10).low == 1.0


def test_sums_and_differences_know_their_groups() -> None:
    a, b = of(3, 0, 2), of(1, 4)
    for found, value, parts in (
        (a + b, 10, (4, 4, 2)), (a - b, 0, (2, -4, 2)), (a * 3, 15, (9, 0, 6)),
        (sum([a, b]), 10, (4, 4, 2)), (0 + a, 5, (3, 0, 2)), (a - 0, 5, (3, 0, 2)),
    ):  # fmt: skip
        assert isinstance(found, Count)
        assert int(found) == value
        assert found.groups == (*parts, *[0] * (GROUPS - 3))
    assert not isinstance(a + 1, Count)
    assert a + 1 == 6


def test_a_fraction_of_a_count_knows_the_count() -> None:
    a = of(3, 0, 2)
    half = a / 2
    assert isinstance(half, Scaled)
    assert half == 2.5
    assert repr(half) == "2.5"
    assert whole(half) is whole(a) is a
    assert whole(half / 2) is None
    assert type(a / of(1, 4)) is float
    with pytest.raises(ZeroDivisionError):
        a / 0


@pytest.mark.parametrize("scale", [1, 1000])
def test_means_are_compared_by_the_jackknife(scale: int) -> None:
    """Whatever their sums are kept in; the interval is in the unit of the mean."""
    rng = random.Random(scale)
    n, x, y = ([rng.randint(5, 20) for _ in range(GROUPS)] for _ in range(3))
    sums = [of(*(scale * k for k in part)) for part in (x, y)]
    first, second = (mean(of(*n), total, scale * scale * 9999, scale) for total in sums)
    wanted = difference_interval((of(*x), of(*n)), (of(*y), of(*n)))
    assert wanted is not None
    for found in (difference(first, second), compared(first, second)):
        assert found is not None
        assert found.value == pytest.approx((sum(x) - sum(y)) / sum(n))
        assert (found.low, found.high) == (pytest.approx(wanted.low), pytest.approx(wanted.high))


def test_the_hash_never_changes() -> None:
    assert [group_of(text) for text in ("", "c-01", "Zürich", "日本")] == [0, 49, 48, 6]


def test_the_jackknife_is_its_definition() -> None:
    rng = random.Random(1)
    for _ in range(50):
        n = [rng.randint(0, 20) for _ in range(GROUPS)]
        x = [rng.randint(0, k) for k in n]
        used = [i for i in range(GROUPS) if n[i]]
        without = [(sum(x) - x[i]) / (sum(n) - n[i]) for i in used]
        centre = sum(without) / len(used)
        wanted = (len(used) - 1) / len(used) * sum((v - centre) ** 2 for v in without)
        found = spread(of(*x), of(*n))
        assert found is not None
        assert found == (pytest.approx(wanted), len(used) - 1)
        half = reference.t.ppf(0.975, len(used) - 1) * math.sqrt(wanted)
        interval = ratio_interval(of(*x), of(*n))
        value = sum(x) / sum(n)
        assert interval == (pytest.approx(value - half), pytest.approx(value + half))


def test_where_the_jackknife_sees_nothing() -> None:
    """All or none, one group, nobody: the wider the fewer the groups, and never of no width."""
    assert share_interval(of(0), of(0)) is None
    assert ratio_interval(of(3), of(7)) is None
    assert difference_interval((of(3), of(7)), (of(2), of(7))) is None
    low, high = share_interval(of(0, 0), of(50, 50)) or (None, None)
    assert low == 0
    assert high is not None
    assert high > 0.5
    n = [20] * GROUPS
    none = share_interval(of(*([0] * GROUPS)), of(*n)) or (0, 0)
    few = share_interval(of(1, 1), of(*n)) or (0, 0)
    assert 0.004 < none[1] < few[1] < 0.02  # 0 of 1,000 is not far from 2 of 1,000
    one = share_interval(of(5), of(10))
    assert one is not None
    assert one.low < 0.1
    assert one.high > 0.9


def test_independent_actors_get_nearly_wilsons() -> None:
    """One actor an account, many of them: the two intervals are alike, and never narrower."""
    rng = random.Random(2)
    n, x = [0] * GROUPS, [0] * GROUPS
    for _ in range(4000):
        g = rng.randrange(GROUPS)
        n[g] += 1
        x[g] += rng.random() < 0.3
    found, wilson = share_interval(of(*x), of(*n)), stats.wilson(sum(x), sum(n))
    assert found is not None
    assert wilson is not None
    assert found.low <= wilson.low
    assert found.high >= wilson.high
    assert found.high - found.low < 1.5 * (wilson.high - wilson.low)


@pytest.mark.parametrize(("accounts", "icc"), [(60, 0.1), (60, 0.3), (400, 0.1), (400, 0.3)])
def test_intervals_hold_where_users_sit_in_accounts(accounts: int, icc: float) -> None:
    """14 users an account, alike by so much: 95 % holds for the jackknife, not for Wilson."""
    rng = random.Random(accounts + round(100 * icc))
    p, runs, held, naive = 0.4, 400, 0, 0
    a, b = p * (1 - icc) / icc, (1 - p) * (1 - icc) / icc
    for _ in range(runs):
        n, x = [0] * GROUPS, [0] * GROUPS
        for _ in range(accounts):
            g, chance, users = rng.randrange(GROUPS), rng.betavariate(a, b), rng.randint(8, 20)
            n[g] += users
            x[g] += sum(rng.random() < chance for _ in range(users))
        found, wilson = share_interval(of(*x), of(*n)), stats.wilson(sum(x), sum(n))
        assert found is not None
        assert wilson is not None
        held += found.low <= p <= found.high
        naive += wilson.low <= p <= wilson.high
    assert 0.92 <= held / runs <= 0.985
    assert naive / runs < 0.88


def alike(rng: random.Random, accounts: int, shift: float) -> list[tuple[int, int, int]]:
    """An account each: its group, its users, and the sum of their values around 10 + shift.

    The variance between accounts is a quarter of that between their users: ICC 0.2.
    """
    found = []
    for _ in range(accounts):
        users, level = rng.randint(8, 20), rng.gauss(10 + shift, 2)
        total = sum(round(rng.gauss(level, 4)) for _ in range(users))
        found.append((rng.randrange(GROUPS), users, total))
    return found


def summed(rows: list[tuple[int, int, int]]) -> tuple[Count, Count]:
    """The sum of the values and the number of users."""
    return Count.of((g, total) for g, _, total in rows), Count.of((g, n) for g, n, _ in rows)


@pytest.mark.parametrize("accounts", [60, 400])
def test_intervals_of_a_mean_hold_where_users_sit_in_accounts(accounts: int) -> None:
    rng, runs, held, naive = random.Random(accounts), 300, 0, 0
    for _ in range(runs):
        total, n = summed(alike(rng, accounts, 0))
        found = ratio_interval(total, n)
        alone = stats.mean_interval(n, int(total), n * (20 + 100))  # variance 4 + 16, mean 10
        assert found is not None
        assert alone is not None
        assert alone.low is not None
        assert alone.high is not None
        held += found.low <= 10 <= found.high
        naive += alone.low <= 10 <= alone.high
    assert 0.92 <= held / runs <= 0.985
    assert naive / runs < 0.85


@pytest.mark.parametrize("same", [False, True])
def test_intervals_of_a_difference_hold_where_users_sit_in_accounts(same: bool) -> None:
    """Of two sets of accounts, and of two halves of the users of the same accounts."""
    rng, runs, held, width = random.Random(17 + same), 300, 0, 0.0
    for _ in range(runs):
        first = alike(rng, 120, 1)
        second = alike(rng, 120, 0)
        if same:  # the second half has the level of the first, and its own users
            second = [
                (g, n, round(total - n + math.sqrt(n) * rng.gauss(0, 4 * math.sqrt(2))))
                for g, n, total in first
            ]
        found = difference_interval(summed(first), summed(second))
        assert found is not None
        held += found.low <= 1 <= found.high
        width += found.high - found.low
    assert 0.92 <= held / runs <= 0.985
    assert (width / runs < 0.9) is same  # what accounts have in common falls out


def test_a_group_without_a_part_in_the_denominator_still_has_one_in_a_rate() -> None:
    """Leaving it out lowers the ratio, so that it is spread too."""
    n, d = (6, 3, 3), (0, 2, 4)
    without = [6 / 6, 9 / 4, 9 / 2]
    centre = sum(without) / 3
    found = spread(of(*n), of(*d))
    assert found == (pytest.approx(2 / 3 * sum((v - centre) ** 2 for v in without)), 2)


@pytest.mark.parametrize("accounts", [60, 400])
def test_intervals_of_a_rate_hold_where_users_sit_in_accounts(accounts: int) -> None:
    """Those who come and those who go, twice as many, by accounts that differ in both."""
    rng, runs, held, naive = random.Random(accounts), 300, 0, 0
    for _ in range(runs):
        came, gone = [0] * GROUPS, [0] * GROUPS
        for _ in range(accounts):
            g, users = rng.randrange(GROUPS), rng.randint(8, 20)
            come, go = rng.betavariate(1, 4), rng.betavariate(2, 3)
            came[g] += sum(rng.random() < come for _ in range(users))
            gone[g] += sum(rng.random() < go for _ in range(users))
        found, alone = rate(of(*came), of(*gone)), stats.rate_ratio(sum(came), sum(gone))
        assert found.low is not None
        assert found.high is not None
        assert alone is not None
        assert alone.high is not None
        held += found.low <= 0.5 <= found.high
        naive += alone.low <= 0.5 <= alone.high
    assert 0.92 <= held / runs <= 0.985
    assert naive / runs < 0.85


def test_a_rate_is_never_surer_than_of_independent_counts() -> None:
    """Here one group holds whom all depends on, and cannot be left out."""
    alone = stats.rate_ratio(19, 1)
    found = rate(of(4, 5, 5, 5), of(1))
    assert alone is not None
    assert (found.low, found.high) == (alone.low, alone.high)
    assert rate_interval(of(0, 0), of(3, 4)) is None
    assert rate(of(0, 0), of(3, 4)).high is None
    assert rate(of(3), of(0)).value is None
