"""Whether two or more samples differ in the time until something happens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import polars as pl

from adoptcli.stats._rows import by, ends, merged, sums
from adoptcli.stats.distributions import chi_square_p, f_p

_SINGULAR = 1e-9
"""A pivot this small against its diagonal is nothing but rounding."""


class LogRank(NamedTuple):
    """A log-rank test.

    Attributes:
        statistic: The weighted square of observed minus expected events, chi-square distributed
            for independent subjects.
        df: Its degrees of freedom: samples less one, fewer where some were never at risk together.
        p: Two-sided p-value.
        design_effect: By how much the statistic is too large because subjects of one cluster are
            alike; 1 for independent subjects.
    """

    statistic: float
    df: int
    p: float
    design_effect: float = 1.0


def log_rank(histogram: pl.DataFrame) -> LogRank | None:
    """Test that all samples have the same distribution of the time to the event.

    With d(t) events among n(t) at risk, and n(j, t) of those in sample j::

        U(j)    = Σ d(j, t) - d(t)·n(j, t)/n(t)
        V(j, k) = Σ d(t)·(n(t) - d(t))/(n(t) - 1) · n(j, t)/n(t)·([j = k] - n(k, t)/n(t))
        X²      = U' V⁻ U

    Where subjects sit in clusters, X² is divided by the mean of the generalised design effects,
    that is tr(V⁻ W)/df with W the variance of U between clusters, and compared with F. The design
    effect counts as 1 at least.

    Args:
        histogram: Rows of sample, duration, events and censored (whole numbers), in any order; with
            a column `group`, subjects of one group are taken to be alike.

    Returns:
        The test, or None where fewer than two samples were ever at risk at an event together, or
        all are in one group.

    Raises:
        ValueError: If a duration or a count is negative.

    Source:
        N. Mantel (1966), "Evaluation of survival data and two new rank order statistics arising in
        its consideration", Cancer Chemotherapy Reports 50(3), 163-170. Clusters: J. N. K. Rao,
        A. J. Scott (1984), "On chi-squared tests for multiway contingency tables with cell
        proportions estimated from survey data", The Annals of Statistics 12(1), 46-60, applied to
        the score of D. Y. Lin, L. J. Wei (1989), "The robust inference for the Cox proportional
        hazards model", Journal of the American Statistical Association 84(408), 1074-1078.
    """
    rows, times = _prepared(histogram)
    observed = rows.group_by("sample").agg(pl.col("events").sum()).sort("sample")
    if observed.height < 2:
        return None
    by_sample, by_group = by(rows, "sample"), None
    if "group" in rows.columns:
        by_group = by(rows.with_columns(times["hazards"].gather(rows["at"])), "group")
    scores, variance, clusters = [], [], []
    for i, (sample, events) in enumerate(observed.iter_rows()):
        mine = _of_sample(rows, times, sample)
        scores.append(events - float(mine["expected"].sum()))
        variance.append(_row_of_variance(by_sample, mine, i))
        if by_group is not None:
            clusters.append(_by_group(by_group, mine, sample))
    (statistic,), df = _forms(variance, [scores])
    if df == 0:
        return None
    if not clusters:
        return LogRank(statistic, df, chi_square_p(statistic, df))
    between = list(zip(*clusters, strict=True))
    if len(between) < 2:
        return None
    forms, _ = _forms(variance, between)
    freedom = len(between) - 1
    effect = max(1.0, sum(forms) * len(between) / freedom / df)
    return LogRank(statistic, df, f_p(statistic / effect / df, df, df * freedom), effect)


def _prepared(histogram: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows, with `gone` and the place of the last event by then; the places.

    A place is a duration with events, or the first of all; nothing is added up at the others.
    """
    gone = pl.col("events") + pl.col("censored")
    rows = merged(histogram, ["sample", "group"]).with_row_index("first").with_columns(gone=gone)
    durations = rows.group_by(pl.col("duration").rle_id().alias("at"), maintain_order=True)
    times = durations.agg(pl.col("first").first(), pl.col("events", "gone").sum())
    n, d, place = pl.col("n"), pl.col("events"), (pl.col("events") > 0) | (pl.col("first") == 0)
    times = times.with_columns(n=pl.col("gone").cum_sum(reverse=True), place=place)
    at = (times["place"].cum_sum() - 1).gather(rows["duration"].rle_id())
    share = d * (n - d) / pl.when(n > 1).then(n - 1).otherwise(1) / n
    places = times.filter("place").select("first", d, n, hazard=d / n, share=share)
    numbers = pl.col("events", "gone").cast(pl.Float64)  # once, not in every product
    return rows.with_columns(numbers, at=at), places.with_columns(
        hazards=pl.col("hazard").cum_sum()
    )


def _of_sample(rows: pl.DataFrame, times: pl.DataFrame, sample: object) -> pl.DataFrame:
    """What the test adds up of one sample at each place."""
    gone = pl.when(pl.col("sample") == sample).then("gone").otherwise(0.0)
    at_risk = rows.select(gone.cum_sum(reverse=True).gather(times["first"])).to_series()
    n, share, hazard, part = (pl.col(name) for name in ("n", "share", "hazard", "part"))
    return times.with_columns(at_risk=at_risk, part=at_risk / times["n"]).select(
        part,
        expected=pl.col("events") * part,
        passed=(hazard * part).cum_sum(),
        variance=share * pl.col("at_risk"),
        weight=(share / n * pl.col("at_risk")).cum_sum(),
    )


def _row_of_variance(rows: pl.DataFrame, mine: pl.DataFrame, i: int) -> list[float]:
    """The covariances of one sample's score with every sample's.

    Summed by subject instead of by duration: Σ w(t)·n(j, t) over t is Σ of Σ w(t) up to the
    duration of each subject of sample j, so that one pass serves all samples.
    """
    weight = mine["weight"].gather(rows["at"])
    (found,) = sums(rows, [pl.col("gone") * weight], ends(rows["sample"]))
    own = float(mine["variance"].sum())
    if own - found[i] <= _SINGULAR * own:  # what rounding leaves of one always at risk alone
        return [0.0] * len(found)
    return [(own if j == i else 0.0) - other for j, other in enumerate(found)]


def _by_group(rows: pl.DataFrame, mine: pl.DataFrame, sample: object) -> list[float]:
    """The part of each group of subjects in one sample's score."""
    own = pl.col("sample").eq(pl.lit(sample)).cast(pl.Float64)
    part, passed = mine.select("part", "passed")[rows["at"]]
    value = pl.col("events") * (own - part) - pl.col("gone") * (own * pl.col("hazards") - passed)
    (found,) = sums(rows, [value], ends(rows["group"]))
    return found


def _forms(
    matrix: Sequence[Sequence[float]],
    vectors: Iterator[Sequence[float]] | Sequence[Sequence[float]],
) -> tuple[list[float], int]:
    """x' M⁻ x for each vector x, and the rank of M.

    M is a covariance whose rows add up to 0, so that elimination needs no pivoting: a pivot of
    nothing ends a set of samples that were at risk together.
    """
    left = [list(row) for row in matrix]
    right = [list(vector) for vector in vectors]
    forms, rank = [0.0] * len(right), 0
    for i, row in enumerate(left):
        pivot = row[i]
        if pivot <= _SINGULAR * matrix[i][i]:
            continue
        rank += 1
        for other in left[i + 1 :]:
            factor = other[i] / pivot
            other[i:] = [a - factor * b for a, b in zip(other[i:], row[i:], strict=True)]
        for k, vector in enumerate(right):
            forms[k] += vector[i] ** 2 / pivot
            # By symmetry the factors stand in the pivot's row.
            vector[i + 1 :] = [
                v - vector[i] * b / pivot
                for v, b in zip(vector[i + 1 :], row[i + 1 :], strict=True)
            ]
    return forms, rank
