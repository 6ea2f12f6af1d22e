"""Tests of adoptcli.stats that compare samples: log-rank, AUC, Mantel–Haenszel, and p-values."""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as reference

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lifelines.statistics import multivariate_logrank_test
    from statsmodels.stats.contingency_tables import StratifiedTable

from adoptcli.metrics._answers import scored
from adoptcli.stats import (
    Z95,
    KaplanMeier,
    auc,
    chi_square_p,
    f_p,
    log_rank,
    mantel_haenszel,
    normal_p,
    square_and_add,
    student_p,
    student_quantile,
)

QUICK = settings(deadline=None, max_examples=60, derandomize=True, database=None)
Subject = tuple[object, int, bool]  # sample, duration, whether it had the event


# --- distributions --------------------------------------------------------------------------------


@pytest.mark.parametrize("df", [1, 2, 3, 4, 9, 30, 49, 250, 10_000])
def test_student_quantile(df: int) -> None:
    assert student_quantile(df) == pytest.approx(reference.t.ppf(0.975, df), rel=1e-11)


def test_p_values_match_scipy() -> None:
    rng = random.Random(3)
    for _ in range(400):
        x = rng.choice((rng.uniform(0, 5), rng.uniform(0, 90), 1e-9, 2000.0))
        df, other = rng.randint(1, 400), rng.choice((rng.randint(1, 50), rng.randint(1, 3000)))
        close = {"rel": 1e-9, "abs": 1e-300}
        assert normal_p(x) == pytest.approx(2 * reference.norm.sf(x), **close)
        assert normal_p(-x) == normal_p(x)
        assert chi_square_p(x, df) == pytest.approx(reference.chi2.sf(x, df), **close)
        assert f_p(x, df, other) == pytest.approx(reference.f.sf(x, df, other), rel=1e-9, abs=1e-11)
        assert student_p(-x, other) == pytest.approx(
            2 * reference.t.sf(x, other), rel=1e-9, abs=1e-11
        )


def test_p_values_at_the_ends() -> None:
    assert normal_p(0) == chi_square_p(0, 3) == f_p(0, 2, 5) == student_p(0, 4) == 1
    assert chi_square_p(-1.0, 2) == f_p(-1.0, 1, 1) == 1
    assert chi_square_p(math.inf, 2) == f_p(math.inf, 2, 2) == normal_p(math.inf) == 0
    assert chi_square_p(1500, 1000) == pytest.approx(reference.chi2.sf(1500, 1000), rel=1e-9)
    for bad in (lambda: chi_square_p(1, 0), lambda: f_p(1, 0, 2), lambda: f_p(1, 2, -1),
                lambda: student_quantile(0), lambda: student_p(1, 0)):  # fmt: skip
        with pytest.raises(ValueError, match="freedom"):
            bad()
    for nan in (lambda: normal_p(math.nan), lambda: chi_square_p(math.nan, 1)):
        with pytest.raises(ValueError, match="number"):
            nan()


# --- log-rank -------------------------------------------------------------------------------------


def histogram(subjects: Iterable[Subject], groups: Iterable[int] | None = None) -> pl.DataFrame:
    """One row a subject."""
    rows = [(s, t, int(e), int(not e)) for s, t, e in subjects]
    names = ["sample", "duration", "events", "censored"]
    table = pl.DataFrame(rows, schema=names, orient="row")
    return table if groups is None else table.with_columns(group=pl.Series(list(groups)))


def random_subjects(rng: random.Random, samples: int) -> list[Subject]:
    """Durations with many ties; samples that differ, and some that nobody is in."""
    top, event = rng.choice((3, 12, 1000)), rng.choice((0.2, 0.7, 1.0))
    return [
        (s, min(rng.randint(0, top), rng.randint(0, top + 4 * s)), rng.random() < event)
        for s in (rng.randrange(samples) for _ in range(rng.randint(2, 120)))
    ]


def score_of(subjects: list[Subject], who: list[int], sample: object) -> float:
    """Observed minus expected events of a sample, as far as some subjects bring it about."""
    total = 0.0
    for moment in {t for _, t, e in subjects if e}:
        risk = [i for i, (_, t, _) in enumerate(subjects) if t >= moment]
        dead = [i for i in risk if subjects[i][1] == moment and subjects[i][2]]
        part = sum(subjects[i][0] == sample for i in risk) / len(risk)
        for i in set(who) & set(risk):
            own = subjects[i][0] == sample
            total += (own - part) * ((i in dead) - len(dead) / len(risk))
    return total


def test_log_rank_matches_lifelines() -> None:
    rng, tested = random.Random(5), 0
    for trial in range(150):
        subjects = random_subjects(rng, 2 + trial % 4)
        found = log_rank(histogram(subjects))
        samples, times, events = zip(*subjects, strict=True)
        size = len(set(samples))
        if found is None or found.df < size - 1:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted = multivariate_logrank_test(times, samples, events)
        assert found.statistic == pytest.approx(wanted.test_statistic, rel=1e-7, abs=1e-9)
        assert found.p == pytest.approx(wanted.p_value, rel=1e-7, abs=1e-12)
        assert found.design_effect == 1
        tested += 1
    assert tested > 100


def test_log_rank_by_hand() -> None:
    """Of 2 and 2 the first goes: 1 − 1/2; of 1 and 2 the next: 0 − 1/3; variances 1/4 and 2/9."""
    found = log_rank(histogram([("a", 1, True), ("a", 3, False), ("b", 3, False), ("b", 3, False)]))
    assert found is not None
    assert found.statistic == pytest.approx((1 / 2) ** 2 / (1 / 4))
    found = log_rank(histogram([("a", 1, True), ("a", 2, False), ("b", 2, True), ("b", 3, False)]))
    assert found is not None
    assert found[:2] == (pytest.approx((1 / 2 - 1 / 3) ** 2 / (1 / 4 + 2 / 9)), 1)


def test_log_rank_where_nothing_can_be_said() -> None:
    """Nobody, one sample, no event, or none while two samples were at risk."""
    assert log_rank(histogram([])) is None
    assert log_rank(histogram([("a", 1, True), ("a", 2, True)])) is None
    assert log_rank(histogram([("a", 1, False), ("b", 2, False)])) is None
    assert log_rank(histogram([("a", 1, False), ("b", 2, True), ("b", 3, True)])) is None
    nobody = histogram([("a", 1, True), ("a", 2, True), ("b", 2, True)]).with_columns(
        events=pl.when(pl.col("sample") == "a").then("events").otherwise(0)
    )
    assert log_rank(nobody) is None
    with pytest.raises(ValueError, match="negative"):
        log_rank(histogram([("a", -1, True), ("b", 1, True)]))


def test_log_rank_all_at_one_moment() -> None:
    """Then it is the chi-square of the table, less a part in n."""
    rows = [("a", 5, i < 9) for i in range(20)] + [("b", 5, i < 3) for i in range(25)]
    found = log_rank(histogram(rows))
    table = reference.chi2_contingency([[9, 11], [3, 22]], correction=False)
    assert found is not None
    assert found.statistic == pytest.approx(table.statistic * 44 / 45)
    everybody = [("a", 5, True), ("b", 5, True), ("b", 5, True)]
    assert log_rank(histogram(everybody)) is None  # no variance: all go at once


def test_a_sample_that_is_gone_before_the_first_event_says_nothing() -> None:
    rows = [("a", 2, True), ("a", 4, True), ("b", 3, True), ("b", 9, False), ("b", 9, False)]
    alone = log_rank(histogram(rows))
    found = log_rank(histogram([*rows, ("c", 1, False), ("c", 0, False)]))
    assert alone is not None
    assert found is not None
    assert (found.df, found.statistic) == (1, pytest.approx(alone.statistic))


@QUICK
@given(st.randoms(use_true_random=False))
def test_log_rank_ignores_order_and_splitting(rng: random.Random) -> None:
    subjects = random_subjects(rng, 3)
    rows = histogram(subjects, [rng.randrange(9) for _ in subjects])
    halves = [rows.with_columns(pl.col(name) * 0) for name in ("events", "censored")]
    parts = pl.concat(halves)
    shuffled = parts.sample(fraction=1, shuffle=True, seed=rng.randrange(99))
    assert log_rank(shuffled) == log_rank(rows)


def test_log_rank_in_clusters_is_its_definition() -> None:
    """The variance of the score between clusters, subject by subject and moment by moment."""
    rng, tested = random.Random(8), 0
    for _ in range(40):
        subjects = random_subjects(rng, 2)[:40]
        groups = [rng.randrange(7) for _ in subjects]
        plain, found = log_rank(histogram(subjects)), log_rank(histogram(subjects, groups))
        if plain is None or len(set(groups)) < 2:
            continue
        members = [[i for i, g in enumerate(groups) if g == k] for k in set(groups)]
        scores = [score_of(subjects, who, 0) for who in members]
        assert plain.df == 1
        variance = sum(scores) ** 2 / plain.statistic if plain.statistic > 1e-9 else None
        if variance is None:
            continue
        between = sum(s * s for s in scores) * len(members) / (len(members) - 1)
        effect = max(1.0, between / variance)
        assert found is not None
        assert found.statistic == pytest.approx(plain.statistic)
        assert found.design_effect == pytest.approx(effect, rel=1e-7)
        t = math.sqrt(plain.statistic / effect)
        assert found.p == pytest.approx(2 * reference.t.sf(t, len(members) - 1), rel=1e-7)
        tested += 1
    assert tested > 25
    assert log_rank(histogram([("a", 1, True), ("b", 2, True)], [3, 3])) is None


def clustered(rng: random.Random, clusters: int) -> tuple[list[Subject], list[int]]:
    """Subjects of a cluster share its pace and its sample; the samples do not differ."""
    subjects, groups = [], []
    for g in range(clusters):
        pace = rng.gammavariate(1, 1)
        for _ in range(10):
            t = round(100 * rng.expovariate(pace + 1e-9))
            subjects.append((g % 3, min(t, 150), t <= 150))
            groups.append(g)
    return subjects, groups


def test_log_rank_holds_its_level_in_clusters() -> None:
    """Three samples that do not differ: 5 % of tests say so, not the third that ignore clusters."""
    rng, runs, false, naive = random.Random(13), 150, 0, 0
    for _ in range(runs):
        subjects, groups = clustered(rng, 45)
        found, plain = log_rank(histogram(subjects, groups)), log_rank(histogram(subjects))
        assert found is not None
        assert plain is not None
        false += found.p < 0.05
        naive += plain.p < 0.05
    assert 0.01 <= false / runs <= 0.1
    assert naive / runs > 0.3


# --- Kaplan–Meier in clusters ---------------------------------------------------------------------


def curve(subjects: list[Subject], groups: Iterable[int]) -> KaplanMeier:
    """The curve of all samples together."""
    return KaplanMeier.of(histogram(subjects, groups).drop("sample"))


def test_kaplan_meier_of_single_subjects_is_greenwoods() -> None:
    """The influences of single subjects add up to Greenwood's variance; only t takes z's place."""
    rng = random.Random(21)
    for _ in range(30):
        subjects = [(0, rng.randint(0, 15), rng.random() < 0.6) for _ in range(rng.randint(2, 60))]
        n = len(subjects)
        plain = KaplanMeier.of(histogram(subjects).drop("sample"))
        single = curve(subjects, range(n))
        wider = math.sqrt(n / (n - 1)) * student_quantile(n - 1) / Z95
        assert single.quantile(0.4).value == plain.quantile(0.4).value
        for t in range(16):
            one, other = plain.share_at(t), single.share_at(t)
            if one is None or other is None or one.low is None or one.high is None:
                assert other == one
                continue
            assert (other.share, other.at_risk) == (one.share, one.at_risk)
            assert other.low is not None
            assert other.high is not None
            if one.share == 0:
                assert (other.low, other.high) == (0, 0)
                continue
            for mine, theirs in ((one.low, other.low), (one.high, other.high)):
                steps = [
                    math.log(math.log(1 - x) / math.log(1 - one.share)) for x in (mine, theirs)
                ]
                assert steps[1] == pytest.approx(wider * steps[0])


def test_kaplan_meier_in_clusters_by_its_definition() -> None:
    """Where all are followed to the end, -ln S moves by the share's own influence over S."""
    rng = random.Random(22)
    for at in (4, 7) * 20:  # 7 is the end
        times = [rng.randint(1, 9) for _ in range(60)]
        groups = [min(rng.randrange(12), t) for t in times]
        found = curve([(0, min(t, 7), t <= 7) for t in times], groups).share_at(at)
        s = sum(t > at for t in times) / 60
        clusters = sorted(set(groups))
        parts = [
            sum((t > at) - s for t, g in zip(times, groups, strict=True) if g == k) / (60 * s)
            for k in clusters
        ]
        size = len(clusters)
        greenwood = (1 - s) / (60 * s)
        variance = max(sum(z * z for z in parts) * size / (size - 1), greenwood)
        half = student_quantile(size - 1) * math.sqrt(variance) / -math.log(s)
        assert found is not None
        assert found.low == pytest.approx(1 - s ** math.exp(-half))
        assert found.high == pytest.approx(1 - s ** math.exp(half))


def test_kaplan_meier_of_one_cluster_has_no_limits() -> None:
    subjects = [(0, 1, True), (0, 2, True), (0, 3, False)]
    one = curve(subjects, [4, 4, 4])
    assert one.share_at(1) == (pytest.approx(1 / 3), None, None, 3)
    assert one.quantile(0.5) == (2, None, None)
    assert one.share_at(0.5) == (0, 0, 0, 3)


def test_kaplan_meier_holds_in_clusters() -> None:
    """Share by 60 and median: 95 % of the intervals hold the truth, far fewer of Greenwood's."""
    rng, runs, held, naive, middle = random.Random(4), 200, 0, 0, 0
    truth, median = 1 - 1 / 1.6, 100.0  # paces are exponential: S(t) = 1 / (1 + t/100)
    for _ in range(runs):
        subjects, groups = clustered(rng, 50)
        found = curve(subjects, groups)
        at, plain = found.share_at(60), KaplanMeier.of(histogram(subjects)).share_at(60)
        half = found.quantile(0.5)
        assert at is not None
        assert plain is not None
        held += (at.low or 0) <= truth <= (at.high or 1)
        naive += (plain.low or 0) <= truth <= (plain.high or 1)
        middle += (half.low or 0) <= median <= (half.high or math.inf)
    assert 0.91 <= held / runs <= 0.985
    assert 0.91 <= middle / runs <= 0.99
    assert naive / runs < 0.85


# --- AUC ------------------------------------------------------------------------------------------

HISTOGRAM = st.lists(
    st.tuples(st.integers(-5, 9), st.integers(0, 4), st.integers(0, 4)), max_size=14
)


@QUICK
@given(HISTOGRAM)
def test_auc_matches_scipy_and_delong_by_definition(rows: list[tuple[int, int, int]]) -> None:
    pos = [v for v, p, _ in rows for _ in range(p)]
    neg = [v for v, _, n in rows for _ in range(n)]
    found = auc(rows)
    if not pos or not neg:
        assert found is None
        return
    assert found is not None
    wanted = reference.mannwhitneyu(pos, neg).statistic / (len(pos) * len(neg))
    assert found.value == pytest.approx(wanted)
    assert (found.positives, found.negatives) == (len(pos), len(neg))
    beats = np.array([[(p > n) + (p == n) / 2 for n in neg] for p in pos])
    if len(pos) < 2 or len(neg) < 2 or wanted in (0, 1):
        assert (found.low, found.high) == (None, None)
        return
    rows_, columns = beats.mean(axis=1), beats.mean(axis=0)
    variance = np.var(rows_, ddof=1) / len(pos) + np.var(columns, ddof=1) / len(neg)
    half = Z95 * math.sqrt(variance) / (wanted * (1 - wanted))
    middle = math.log(wanted / (1 - wanted))
    limits = [1 / (1 + math.exp(-x)) for x in (middle - half, middle + half)]
    assert (found.low, found.high) == pytest.approx(limits)


def test_auc_edges() -> None:
    assert auc([]) is None
    assert auc([(1, 3, 0)]) is None
    assert auc([(1, 5, 7)]) == (0.5, 0.5, 0.5, 5, 7)  # all tied
    assert auc([(1, 0, 4), (2, 4, 0)]) == (1.0, None, None, 4, 4)
    assert auc([(1, 4, 0), (2, 0, 4)]) == (0.0, None, None, 4, 4)
    assert auc([(2, 1, 0), (1, 0, 1), (2, 0, 1)]) == (0.75, None, None, 1, 2)
    for bad in ((1, -1, 0), (1, 0, -1)):
        with pytest.raises(ValueError, match="negative"):
            auc([bad])
    with pytest.raises(ValueError, match="numbers"):
        auc([(math.nan, 1, 1)])


def test_auc_interval_holds() -> None:
    """Normal values half a deviation apart: Φ(0.5/√2)."""
    rng, runs, held = random.Random(6), 400, 0
    truth = reference.norm.cdf(0.5 / math.sqrt(2))
    for _ in range(runs):
        rows = [(round(rng.gauss(0.5, 1), 1), 1, 0) for _ in range(40)]
        found = auc([*rows, *((round(rng.gauss(0, 1), 1), 0, 1) for _ in range(60))])
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        held += found.low <= truth <= found.high
    assert 0.92 <= held / runs <= 0.98


# --- Mantel–Haenszel ------------------------------------------------------------------------------

STRATA = st.lists(
    st.integers(0, 8).flatmap(
        lambda n1: st.integers(0, 8).flatmap(
            lambda n0: st.tuples(
                st.integers(0, n1), st.just(n1), st.integers(0, n0), st.just(n0)
            )
        )
    ),
    max_size=8,
)  # fmt: skip


@QUICK
@given(STRATA)
def test_mantel_haenszel_matches_statsmodels_and_exact_fractions(
    strata: list[tuple[int, int, int, int]],
) -> None:
    found = mantel_haenszel(strata)
    both = [s for s in strata if s[1] and s[3]]
    if not both:
        assert found is None
        return
    assert found is not None
    weight = sum(Fraction(n1 * n0, n1 + n0) for _, n1, _, n0 in both)
    value = sum(Fraction(a * n0 - c * n1, n1 + n0) for a, n1, c, n0 in both) / weight
    assert found.difference.value == pytest.approx(float(value), abs=1e-15)
    assert found[-3:] == (len(both), sum(s[1] for s in both), sum(s[3] for s in both))
    tables = [np.array([[a, n1 - a], [c, n0 - c]], dtype=float) for a, n1, c, n0 in both]
    reference_ = StratifiedTable(tables)
    if found.ratio is not None:
        assert found.ratio.value == pytest.approx(reference_.riskratio_pooled)
    else:
        assert not any(a for a, *_ in both) or not any(c for _, _, c, _ in both)
    if found.p is not None:
        wanted = reference_.test_null_odds(correction=False)
        assert (found.statistic, found.p) == pytest.approx((wanted.statistic, wanted.pvalue))
    else:
        assert all(a + c in (0, n1 + n0) for a, n1, c, n0 in both)


def test_mantel_haenszel_known_values() -> None:
    """Thirteen trials of the BCG vaccine (Colditz and others 1994): ln RR -0.4537, s.e. 0.0393."""
    trials = [
        (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619),
        (33, 5036, 47, 5761), (180, 1361, 372, 1079), (8, 2537, 10, 619),
        (505, 87886, 499, 87892), (29, 7470, 45, 7232), (17, 1699, 65, 1600),
        (186, 50448, 141, 27197), (5, 2493, 3, 2338), (27, 16886, 29, 17825),
    ]  # fmt: skip
    found = mantel_haenszel((a, a + b, c, c + d) for a, b, c, d in trials)
    assert found is not None
    assert found.ratio is not None
    assert round(math.log(found.ratio.value), 4) == -0.4537
    assert round(found.ratio.se, 4) == 0.0393
    assert (found.ratio.low, found.ratio.high) == pytest.approx(
        (math.exp(-0.5308), math.exp(-0.3766)), rel=1e-4
    )


def test_standard_error_of_the_difference_for_large_strata() -> None:
    """There it is that of the weighted mean of differences, each with its own variance."""
    strata = [(400, 1000, 300, 1200), (90, 900, 50, 800), (1500, 2000, 900, 1500)]
    found = mantel_haenszel(strata)
    assert found is not None
    weights = [n1 * n0 / (n1 + n0) for _, n1, _, n0 in strata]
    variances = [a * (n1 - a) / n1**3 + c * (n0 - c) / n0**3 for a, n1, c, n0 in strata]
    wanted = math.sqrt(sum(w * w * v for w, v in zip(weights, variances, strict=True)))
    assert found.difference.se == pytest.approx(wanted / sum(weights), rel=0.02)


def test_intervals_hold_for_many_small_strata() -> None:
    """A difference of 0.2 in pairs and triples."""
    rng, runs, held = random.Random(9), 400, 0
    for _ in range(runs):
        strata = []
        for _ in range(150):
            base, n1, n0 = rng.uniform(0.1, 0.6), rng.randint(1, 2), rng.randint(1, 2)
            a = sum(rng.random() < base + 0.2 for _ in range(n1))
            strata.append((a, n1, sum(rng.random() < base for _ in range(n0)), n0))
        found = mantel_haenszel(strata)
        assert found is not None
        held += found.difference.low <= 0.2 <= found.difference.high
    assert 0.92 <= held / runs <= 0.98


def test_mantel_haenszel_edges() -> None:
    assert mantel_haenszel([]) is None
    assert mantel_haenszel([(1, 2, 0, 0), (0, 0, 1, 3)]) is None
    every = mantel_haenszel([(2, 2, 3, 3)])
    assert every is not None
    assert (every.difference, every.statistic, every.p) == ((0, 0, 0, 0), None, None)
    none = mantel_haenszel([(0, 4, 0, 5)])
    assert none is not None
    assert none.ratio is None
    full = mantel_haenszel([(4, 4, 0, 5)])
    assert full is not None
    assert (full.difference.value, full.difference.high, full.ratio) == (1.0, 1.0, None)
    for bad in ((-1, 2, 1, 2), (3, 2, 1, 2), (1, 2, 3, 2), (0, 0, -1, 1)):
        with pytest.raises(ValueError, match="outcomes"):
            mantel_haenszel([bad])


# --- intervals made of others' --------------------------------------------------------------------


def test_square_and_add() -> None:
    found = square_and_add((0.5, 0.4, 0.7), (0.2, 0.1, 0.6))
    assert found == pytest.approx((0.3, 0.3 - math.hypot(0.1, 0.4), 0.3 + math.hypot(0.2, 0.1)))
    together = square_and_add((0.5, 0.4, 0.7), (0.2, 0.1, 0.4), 1)
    assert together == pytest.approx((0.3, 0.3 - 0.1, 0.3 + 0.1))
    apart = square_and_add((0.5, 0.4, 0.7), (0.2, 0.1, 0.4), -1)
    assert apart == pytest.approx((0.3, 0.3 - 0.3, 0.3 + 0.3))


@pytest.mark.parametrize(("n", "p", "q"), [(12, 0.5, 0.2), (40, 0.9, 0.02), (300, 0.4, 0.3)])
def test_the_interval_of_an_nps_holds(n: int, p: float, q: float) -> None:
    rng, runs, held = random.Random(n), 1500, 0
    for _ in range(runs):
        drawn = [rng.random() for _ in range(n)]
        promoters = sum(x < p for x in drawn)
        detractors = sum(x > 1 - q for x in drawn)
        counts = {"respondents": n, "promoters": promoters, "detractors": detractors}
        found = scored("nps", counts)
        assert found.low is not None
        assert found.high is not None
        assert -100 <= found.low < found.high <= 100
        held += found.low <= 100 * (p - q) <= found.high
    assert 0.93 <= held / runs <= 0.985
