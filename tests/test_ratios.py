"""Intervals of ratios of sums over actors, against their formulas actor by actor."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from scipy.stats import t

from adoptcli.metrics._adoption_tables import _core_share
from adoptcli.metrics._customers import mrr_churn

Pairs = list[tuple[float, float]]


def half_width(pairs: Pairs, quantile: float) -> float:
    """Of Σ y ÷ Σ x, by linearization, from each actor's (x, y)."""
    n, above, below = len(pairs), sum(y for _, y in pairs), sum(x for x, _ in pairs)
    variance = sum((y - above / below * x) ** 2 for x, y in pairs) / (n - 1)
    return quantile * math.sqrt(n * variance) / below


@pytest.mark.parametrize(
    "people",
    [
        [(2, 1), (2, 2), (1, 0), (3, 3), (3, 1), (2, 2)],
        [(2, 2)] * 5 + [(3, 2)],  # the upper limit is 1
        [(2, 0)] * 5 + [(3, 1)],  # the lower limit is 0
        [(2, 2), (3, 2)],
    ],
)
def test_core_features_that_each_may_have_and_used(people: list[tuple[int, int]]) -> None:
    found = _core_share(Counter(people))
    used, able = sum(u for _, u in people), sum(a for a, _ in people)
    half = half_width([(float(a), float(u)) for a, u in people], 1.959963984540054)
    assert (found.value, found.numerator, found.denominator) == (used / able, used, able)
    assert found.low == pytest.approx(max(used / able - half, 0.0), abs=1e-12)
    assert found.high == pytest.approx(min(used / able + half, 1.0), abs=1e-12)


def test_a_core_feature_each_is_a_share() -> None:
    found = _core_share({(1, 1): 30, (1, 0): 10, (0, 0): 5})
    assert (found.numerator, found.denominator) == (30, 40)
    assert found.low == pytest.approx(0.5981, abs=1e-4)  # Wilson's, as statsmodels has it
    assert found.high == pytest.approx(0.8581, abs=1e-4)


@pytest.mark.parametrize(
    "accounts",
    [
        [(100.0, True), (250.0, False)],
        [(100.0, True), (250.5, False), (80.25, True), (900.0, False), (10.0, False)],
    ],
)
def test_the_mrr_lost(accounts: list[tuple[float, bool]]) -> None:
    counts = {
        "at_start": len(accounts) + 2,
        "mrr_unknown": 2,
        "mrr_at_start": round(sum(100 * mrr for mrr, _ in accounts)),
        "mrr_lost": round(sum(100 * mrr for mrr, lost in accounts if lost)),
        "mrr_squares": round(sum(100 * mrr**2 for mrr, _ in accounts)),
        "mrr_lost_squares": round(sum(100 * mrr**2 for mrr, lost in accounts if lost)),
    }
    found = mrr_churn(counts)
    pairs = [(mrr, mrr if lost else 0.0) for mrr, lost in accounts]
    value = sum(y for _, y in pairs) / sum(x for x, _ in pairs)
    half = half_width(pairs, float(t.ppf(0.975, len(accounts) - 1)))
    assert found.value == pytest.approx(value)
    assert found.low == pytest.approx(max(value - half, 0.0), abs=1e-6)
    assert found.high == pytest.approx(min(value + half, 1.0), abs=1e-6)


def test_the_mrr_lost_of_one_account_has_no_interval() -> None:
    counts = dict.fromkeys(("mrr_at_start", "mrr_lost", "mrr_squares", "mrr_lost_squares"), 10_000)
    found = mrr_churn({"at_start": 1, "mrr_unknown": 0, **counts})
    assert (found.value, found.low, found.high) == (1.0, None, None)
