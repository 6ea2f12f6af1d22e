"""Tests of adoptcli.stats against independent implementations and exact references."""

from __future__ import annotations

import math
import random
import warnings
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lifelines import KaplanMeierFitter
    from lifelines.utils import qth_survival_times
    from statsmodels.stats.multitest import multipletests
    from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from adoptcli.stats import (
    Z95,
    Estimate3,
    KaplanMeier,
    LastDuration,
    Mean,
    QuantileEstimate,
    ShareEstimate,
    Step,
    benjamini_hochberg,
    mean_interval,
    newcombe,
    quantile,
    rate_ratio,
    wilson,
)

Rows = list[tuple[int, int, int]]

QUICK = settings(deadline=None, max_examples=100, derandomize=True, database=None)
ROWS = st.lists(
    st.tuples(st.integers(0, 15), st.integers(0, 4), st.integers(0, 4)), min_size=0, max_size=20
)


def test_z95() -> None:
    assert pytest.approx(scipy_stats.norm.ppf(0.975), abs=1e-15) == Z95


# --- proportions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 10, 37, 1000, 10**9])
def test_wilson_matches_statsmodels(n: int) -> None:
    for x in sorted({0, 1, n // 3, n // 2, n - 1, n}):
        got = wilson(x, n)
        assert got is not None
        assert got == pytest.approx(proportion_confint(x, n, method="wilson"), rel=1e-9, abs=1e-15)
        assert 0 <= got.low <= x / n <= got.high <= 1


@pytest.mark.parametrize("n", [1, 2, 7, 49, 12345])
def test_wilson_is_exact_at_the_ends(n: int) -> None:
    none, every = wilson(0, n), wilson(n, n)
    assert none is not None
    assert every is not None
    assert none.low == 0.0
    assert none.high == pytest.approx(Z95**2 / (n + Z95**2))
    assert every.high == 1.0
    assert every.low == pytest.approx(n / (n + Z95**2))


def test_wilson_known_values() -> None:
    # Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I.
    got = wilson(81, 263)
    assert got is not None
    assert [round(limit, 4) for limit in got] == [0.2553, 0.3662]
    assert wilson(0, 0) is None


@pytest.mark.parametrize(("x", "n"), [(-1, 5), (6, 5), (0, -1), (1, 0), (-1, -1)])
def test_wilson_rejects_impossible_counts(x: int, n: int) -> None:
    with pytest.raises(ValueError, match="successes"):
        wilson(x, n)


def test_newcombe_matches_statsmodels() -> None:
    rng = random.Random(1)
    for _ in range(200):
        n1, n2 = rng.randint(1, 200), rng.randint(1, 200)
        x1 = rng.choice([0, n1, rng.randint(0, n1)])
        x2 = rng.choice([0, n2, rng.randint(0, n2)])
        got = newcombe(x1, n1, x2, n2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = confint_proportions_2indep(
                x1, n1, x2, n2, method="newcomb", compare="diff", correction=False
            )
        assert got is not None
        assert got.value == pytest.approx(x1 / n1 - x2 / n2)
        assert (got.low, got.high) == pytest.approx(expected, abs=1e-10)
        assert -1 <= got.low <= got.value <= got.high <= 1


def test_newcombe_known_values() -> None:
    # Newcombe (1998), "Interval estimation for the difference", table II, method 10.
    for counts, limits in [
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((0, 10, 0, 20), (-0.1611, 0.2775)),
        ((10, 10, 0, 10), (0.6075, 1.0)),
    ]:
        got = newcombe(*counts)
        assert got is not None
        assert (round(got.low, 4), round(got.high, 4)) == limits


def test_newcombe_is_antisymmetric() -> None:
    one, other = newcombe(9, 10, 3, 11), newcombe(3, 11, 9, 10)
    assert one is not None
    assert other is not None
    assert one == pytest.approx((-other.value, -other.high, -other.low))


def test_newcombe_empty_and_impossible() -> None:
    assert newcombe(0, 0, 1, 2) is None
    assert newcombe(1, 2, 0, 0) is None
    with pytest.raises(ValueError, match="successes"):
        newcombe(3, 2, 1, 2)
    with pytest.raises(ValueError, match="successes"):
        newcombe(0, 0, -1, 2)


# --- means and ratios -----------------------------------------------------------------------------


@QUICK
@given(st.lists(st.integers(-(10**6), 10**6), min_size=2, max_size=40))
def test_mean_interval_matches_numpy(xs: list[int]) -> None:
    got = mean_interval(len(xs), sum(xs), sum(x * x for x in xs))
    se = np.std(xs, ddof=1) / math.sqrt(len(xs))
    assert got is not None
    assert got == pytest.approx(
        (np.mean(xs), np.mean(xs) - Z95 * se, np.mean(xs) + Z95 * se), rel=1e-9, abs=1e-6
    )


def test_mean_interval_is_exact_for_integers() -> None:
    # In floats the variance of these three drowns in rounding.
    xs = [10**15, 10**15 + 1, 10**15 + 2]
    got = mean_interval(3, sum(xs), sum(x * x for x in xs))
    assert got is not None
    assert got.value == 10**15 + 1
    assert got.low is not None
    assert got.high is not None
    assert got.high - got.low == pytest.approx(2 * Z95 / math.sqrt(3), abs=0.2)


def test_mean_interval_constant_floats() -> None:
    for count in (2, 3, 7, 1000):
        xs = [0.1] * count
        got = mean_interval(count, sum(xs), sum(x * x for x in xs))
        assert got is not None
        assert got == pytest.approx((0.1, 0.1, 0.1), abs=1e-7)


def test_mean_interval_small() -> None:
    assert mean_interval(0, 0, 0) is None
    assert mean_interval(1, 5, 25) == Mean(5.0, None, None)
    assert mean_interval(1, 0.1, 0.01) == Mean(0.1, None, None)
    assert mean_interval(4, 0, 0) == Mean(0.0, 0.0, 0.0)


def test_mean_interval_rejects_impossible_sums() -> None:
    for n, total, squares in [
        (-1, 0, 0),
        (2, 4, 7),
        (2, 4.0, 7.0),
        (2, 0.0, -1.0),
        (2, 1.0, -1e-3),
        (2, math.inf, 1.0),
        (2, 1.0, math.nan),
    ]:
        with pytest.raises(ValueError, match=r"negative|no 2|finite"):
            mean_interval(n, total, squares)


def test_rate_ratio() -> None:
    got = rate_ratio(30, 20)
    assert got is not None
    half = Z95 * math.sqrt(1 / 30 + 1 / 20)
    assert got == pytest.approx(
        (1.5, math.exp(math.log(1.5) - half), math.exp(math.log(1.5) + half))
    )
    other = rate_ratio(20, 30)
    assert other is not None
    assert other.high is not None
    assert got == pytest.approx((1 / other.value, 1 / other.high, 1 / other.low))


def test_rate_ratio_zero_counts() -> None:
    assert rate_ratio(5, 0) is None
    assert rate_ratio(0, 0) is None
    assert rate_ratio(0, 5) == Estimate3(0.0, 0.0, None)
    for a, b in [(-1, 5), (5, -1), (-1, 0)]:
        with pytest.raises(ValueError, match="negative"):
            rate_ratio(a, b)


# --- quantiles ------------------------------------------------------------------------------------


@QUICK
@given(
    st.lists(st.one_of(st.integers(-20, 20), st.floats(-1e6, 1e6)), min_size=1, max_size=60),
    st.floats(0, 1),
)
def test_quantile_matches_numpy(xs: list[float], q: float) -> None:
    histogram = sorted(Counter(xs).items())
    for level in (q, 0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0):
        assert quantile(histogram, level) == np.quantile(np.array(xs, dtype=float), level)


def test_quantile_edges() -> None:
    assert quantile([], 0.5) is None
    assert quantile([(3, 0)], 0.5) is None
    assert quantile([(3, 1)], 0.9) == 3.0
    assert isinstance(quantile([(3, 1)], 0.5), float)
    assert quantile([(1, 1), (2, 0), (4, 1)], 0.5) == 2.5
    assert quantile([(1, 10**12), (2, 10**12)], 0.5) == 1.5
    assert quantile([(1, 1), (1, 1), (2, 1)], 0.5) == 1.0


@pytest.mark.parametrize(
    ("histogram", "q"),
    [
        ([(1, 1)], -0.1),
        ([(1, 1)], 1.1),
        ([(1, 1)], math.nan),
        ([(1, -1)], 0.5),
        ([(2, 1), (1, 1)], 0.5),
        ([(math.nan, 1)], 0.5),
        ([(math.inf, 1)], 0.5),
    ],
)
def test_quantile_rejects(histogram: list[tuple[float, int]], q: float) -> None:
    with pytest.raises(ValueError, match=r"must"):
        quantile(histogram, q)


# --- Kaplan-Meier ---------------------------------------------------------------------------------


def random_rows(rng: random.Random, censoring: float) -> Rows:
    """Return a random histogram of durations, unsorted and with repeated durations."""
    size = rng.randint(1, 60)
    top = rng.choice([3, 10, 50])
    rows: Rows = []
    for _ in range(size):
        censored = rng.randint(1, 3) if rng.random() < censoring else 0
        rows.append((rng.randint(0, top), rng.randint(0, 2), censored))
    return rows if any(d + c for _, d, c in rows) else [(1, 1, 0)]


def fit_lifelines(rows: Rows) -> KaplanMeierFitter:
    """Fit the reference implementation to the same rows."""
    durations = [t for t, d, c in rows for k in (d, c) if k]
    observed = [flag for _, d, c in rows for k, flag in ((d, 1), (c, 0)) if k]
    weights = [k for _, d, c in rows for k in (d, c) if k]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return KaplanMeierFitter(alpha=0.05).fit(durations, observed, weights=weights)


def exact_shares(rows: Rows) -> dict[int, Fraction]:
    """Return the share at each event time, computed in fractions."""
    survival = Fraction(1)
    shares = {}
    for t in sorted({t for t, d, _ in rows if d}):
        n = sum(d + c for u, d, c in rows if u >= t)
        survival *= 1 - Fraction(sum(d for u, d, _ in rows if u == t), n)
        shares[t] = 1 - survival
    return shares


def test_kaplan_meier_matches_lifelines() -> None:
    rng = random.Random(7)
    for trial in range(60):
        rows = random_rows(rng, (0.0, 0.3, 0.9)[trial % 3])
        curve = KaplanMeier.fit(rows)
        reference = fit_lifelines(rows)
        table = reference.confidence_interval_
        top = max(t for t, d, c in rows if d + c)
        for t in range(top + 1):
            got = curve.share_at(t)
            assert got is not None
            survival = float(reference.predict(t))
            assert got.share == pytest.approx(1 - survival, abs=1e-12)
            assert got.at_risk == sum(d + c for u, d, c in rows if u >= t)
            if got.share == 1:
                assert (got.low, got.high) == (None, None)
                continue
            low, high = table.loc[:t].iloc[-1]
            assert (got.low, got.high) == pytest.approx((1 - high, 1 - low), abs=1e-9)
            if got.share == 0:
                assert (got.low, got.high) == (0, 0)
        assert curve.share_at(top + 1) is None
        assert curve.total == sum(d + c for _, d, c in rows)
        last = curve.share_at(top)
        assert last is not None
        assert curve.last == LastDuration(top, last.share)


def test_kaplan_meier_quantiles_match_lifelines() -> None:
    rng = random.Random(11)
    for trial in range(60):
        rows = random_rows(rng, (0.0, 0.3, 0.9)[trial % 3])
        curve = KaplanMeier.fit(rows)
        reference = fit_lifelines(rows)
        q = rng.uniform(0.05, 0.95)  # not a ratio of small numbers: no ties
        got = curve.quantile(q)
        value = float(qth_survival_times(1 - q, reference.survival_function_))
        assert got.value == (None if math.isinf(value) else value)
        # Where nobody is left, lifelines closes the band to a point. We have no lower limit of the
        # share there (nor has R), so a limit that only that point gives is "not reached" here.
        crossed = qth_survival_times([1 - q], reference.confidence_interval_).iloc[0]
        low, high = float(crossed.iloc[0]), float(crossed.iloc[1])
        end = curve.steps[-1].duration if curve.steps and curve.steps[-1].share == 1 else None
        assert got.low == (None if math.isinf(low) else low)
        assert got.high == (None if math.isinf(high) or high == end else high)


@QUICK
@given(ROWS)
def test_kaplan_meier_matches_exact_fractions(rows: Rows) -> None:
    curve = KaplanMeier.fit(rows)
    shares = exact_shares(rows)
    assert [step.duration for step in curve.steps] == list(shares)
    for step in curve.steps:
        assert step.share == pytest.approx(float(shares[step.duration]), rel=1e-13)
        assert step.events == sum(d for t, d, _ in rows if t == step.duration)
        assert step.at_risk == sum(d + c for t, d, c in rows if t >= step.duration)
        if step.low is None or step.high is None:
            assert step.share == 1.0
            assert shares[step.duration] == 1
        else:
            assert 0 < step.low < step.share < step.high < 1
    # Levels that the curve touches exactly are the hard ones.
    for level in {Fraction(1, 10), Fraction(1, 2), Fraction(9, 10), *shares.values()}:
        expected = next((t for t, share in shares.items() if share >= level), None)
        got = curve.quantile(float(level))
        assert got.value == expected
        if got.value is not None:
            assert got.low is not None
            assert got.low <= got.value
            assert got.high is None or got.high >= got.value


@QUICK
@given(ROWS, st.randoms(use_true_random=False))
def test_kaplan_meier_ignores_order_and_splitting(rows: Rows, rng: random.Random) -> None:
    parts = [(t, d, 0) for t, d, _ in rows] + [(t, 0, c) for t, _, c in rows]
    rng.shuffle(parts)
    assert KaplanMeier.fit(parts).curve.equals(KaplanMeier.fit(iter(rows)).curve)


def test_kaplan_meier_without_censoring_is_the_plain_share() -> None:
    curve = KaplanMeier.fit((t, 1, 0) for t in range(1, 1001))
    assert [step.share for step in curve.steps] == [t / 1000 for t in range(1, 1001)]
    for k in range(1, 1001):
        assert curve.quantile(k / 1000).value == k
    assert curve.quantile(0.1 + 0.2).value == 300


def test_kaplan_meier_events_come_before_censorings() -> None:
    curve = KaplanMeier.fit([(5, 1, 3)])
    assert curve.steps[0][:4] == (5, 4, 1, 0.25)
    assert isinstance(curve.steps[0], Step)
    at = curve.share_at(5)
    assert at is not None
    assert (at.share, at.at_risk) == (0.25, 4)
    assert curve.share_at(4.999) == ShareEstimate(0.0, 0.0, 0.0, 4)
    assert curve.share_at(5.001) is None


def test_kaplan_meier_at_risk_between_durations() -> None:
    curve = KaplanMeier.fit([(2, 1, 0), (4, 0, 2), (9, 0, 1)])
    risks = []
    for t in (-1, 0, 2, 2.5, 4, 4.5, 9):
        got = curve.share_at(t)
        assert got is not None
        risks.append(got.at_risk)
    assert risks == [4, 4, 4, 3, 3, 1, 1]
    assert curve.share_at(math.inf) is None
    with pytest.raises(ValueError, match="number"):
        curve.share_at(math.nan)


def test_kaplan_meier_empty() -> None:
    for rows in ([], [(7, 0, 0)]):
        curve = KaplanMeier.fit(rows)
        assert curve.steps == ()
        assert curve.last is None
        assert curve.total == 0
        assert curve.share_at(0) is None
        assert curve.quantile(0.5) == QuantileEstimate(None, None, None)


def test_kaplan_meier_empty_rows_do_not_extend_the_follow_up() -> None:
    curve = KaplanMeier.fit([(3, 1, 1), (90, 0, 0)])
    assert curve.last == LastDuration(3, 0.5)
    assert curve.share_at(4) is None


def test_kaplan_meier_only_censored() -> None:
    curve = KaplanMeier.fit([(3, 0, 5), (8, 0, 2)])
    assert curve.share_at(8) == ShareEstimate(0.0, 0.0, 0.0, 2)
    assert curve.last == LastDuration(8, 0.0)
    assert curve.quantile(0.01) == QuantileEstimate(None, None, None)


def test_kaplan_meier_everybody_has_the_event() -> None:
    curve = KaplanMeier.fit([(0, 3, 0)])
    assert curve.steps == (Step(0, 3, 3, 1.0, None, None),)
    assert curve.share_at(0) == ShareEstimate(1.0, None, None, 3)
    assert curve.quantile(0.5) == QuantileEstimate(0, 0, None)
    assert curve.quantile(1) == QuantileEstimate(0, 0, None)
    tail = KaplanMeier.fit([(1, 1, 1), (2, 1, 1), (3, 1, 0)])
    assert tail.last == LastDuration(3, 1.0)
    assert tail.quantile(1.0).value == 3


def test_kaplan_meier_tiny_share_keeps_its_digits() -> None:
    got = KaplanMeier.fit([(1, 1, 10**12 - 1)]).share_at(1)
    assert got is not None
    # One event: the standard error of ln(share) is 1 to twelve digits.
    expected = (1e-12, 1e-12 * math.exp(-Z95), 1e-12 * math.exp(Z95))
    assert got[:3] == pytest.approx(expected, rel=1e-9, abs=0)


def test_kaplan_meier_rejects() -> None:
    for row in [(-1, 1, 0), (1, -1, 0), (1, 0, -1)]:
        with pytest.raises(ValueError, match="negative"):
            KaplanMeier.fit([row])
    curve = KaplanMeier.fit([(1, 1, 1)])
    for q in (0.0, -0.5, 1.5, math.nan):
        with pytest.raises(ValueError, match="q must"):
            curve.quantile(q)


def test_kaplan_meier_large() -> None:
    rows = [(t, 1 + t % 3, t % 2) for t in range(20_000)]
    curve = KaplanMeier.fit(reversed(rows))
    curve.quantile(0.5)
    for t in range(0, 20_000, 200):
        assert curve.share_at(t) is not None
    assert curve.last == LastDuration(19_999, curve.steps[-1].share)
    shares = [step.share for step in curve.steps]
    assert shares == sorted(shares)
    assert shares[-1] < 1


# --- false discovery rate -------------------------------------------------------------------------


@QUICK
@given(st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.01, 0.05, 1.0])), min_size=1))
def test_benjamini_hochberg_matches_statsmodels(ps: list[float]) -> None:
    got = benjamini_hochberg(ps)
    assert got == pytest.approx(list(multipletests(ps, method="fdr_bh")[1]), rel=1e-12)
    assert all(p <= q <= 1 for p, q in zip(ps, got, strict=True))


def test_benjamini_hochberg_edges() -> None:
    assert benjamini_hochberg([]) == []
    assert benjamini_hochberg([0.3]) == [0.3]
    assert benjamini_hochberg([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.03])
    for bad in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="p-values"):
            benjamini_hochberg([0.5, bad])
