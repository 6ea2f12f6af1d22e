"""Whether two or more samples differ in the time until something happens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import polars as pl

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
    samples = rows["sample"].unique().sort()
    if samples.len() < 2:
        return None
    scores, variance, clusters = [], [], []
    by_sample = rows.sort("sample", maintain_order=True)
    by_group = rows.sort("group", maintain_order=True) if "group" in rows.columns else None
    for sample in samples:
        mine = _at_risk(rows, times, sample)
        part = mine / times["at_risk"]
        observed = int(rows.filter(pl.col("sample") == sample)["events"].sum())
        scores.append(observed - float((times["events"] * part).sum()))
        variance.append(_row_of_variance(by_sample, times, mine, samples, sample))
        if by_group is not None:
            clusters.append(_by_group(by_group, times, part, sample))
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
    """The rows with `gone` and the place of their duration; the durations with who was at risk."""
    counts = ("events", "censored")
    if histogram.filter(pl.any_horizontal(pl.col("duration", *counts) < 0)).height:
        raise ValueError("durations and counts must not be negative")
    keys = [name for name in ("sample", "duration", "group") if name in histogram.columns]
    rows = (
        histogram.group_by(keys)
        .agg(pl.col(counts).cast(pl.Int64).sum())
        .with_columns(gone=pl.col("events") + pl.col("censored"))
        .filter(pl.col("gone") > 0)
        .sort("duration", *(key for key in keys if key != "duration"))
        .with_columns(at=pl.col("duration").rle_id())
    )
    times = rows.group_by("at").agg(pl.col("events", "gone").sum()).sort("at")
    at_risk = pl.col("gone").sum() - pl.col("gone").cum_sum() + pl.col("gone")
    return rows, times.with_columns(at_risk=at_risk)


def _at_risk(rows: pl.DataFrame, times: pl.DataFrame, sample: object) -> pl.Series:
    """How many of a sample were at risk at each duration."""
    mine = rows.filter(pl.col("sample") == sample).group_by("at").agg(pl.col("gone").sum())
    gone = pl.Series([0], dtype=pl.Int64).new_from_index(0, times.height)
    gone = gone.scatter(mine["at"], mine["gone"])
    return int(gone.sum()) - gone.cum_sum() + gone


def _row_of_variance(
    rows: pl.DataFrame, times: pl.DataFrame, mine: pl.Series, samples: pl.Series, sample: object
) -> list[float]:
    """The covariances of one sample's score with every sample's.

    Summed by subject instead of by duration: Σ w(t)·n(j, t) over t is Σ of Σ w(t) up to the
    duration of each subject of sample j, so that one pass serves all samples.
    """
    n, d = pl.col("at_risk"), pl.col("events")
    share = d * (n - d) / pl.when(n > 1).then(n - 1).otherwise(1) / n
    weighted = times.select(own=(share * mine).sum(), weight=(share / n * mine).cum_sum())
    both = rows.select("sample", value=pl.col("gone") * weighted["weight"].gather(rows["at"]))
    found = dict(zip(samples, _sums(both, "sample"), strict=True))
    own = weighted["own"][0]
    if own - found[sample] <= _SINGULAR * own:  # what rounding leaves of one always at risk alone
        return [0.0] * samples.len()
    return [(own if other == sample else 0.0) - found[other] for other in samples]


def _by_group(
    rows: pl.DataFrame, times: pl.DataFrame, part: pl.Series, sample: object
) -> list[float]:
    """The part of each group of subjects in one sample's score."""
    hazard = times["events"] / times["at_risk"]
    table = pl.DataFrame({"part": part, "h": hazard.cum_sum(), "q": (hazard * part).cum_sum()})
    seen = table[rows["at"]]
    own = pl.col("sample").eq(pl.lit(sample)).cast(pl.Int64)
    value = pl.col("events") * (own - seen["part"]) - pl.col("gone") * (own * seen["h"] - seen["q"])
    return _sums(rows.select("group", value=value), "group")


def _sums(values: pl.DataFrame, key: str) -> list[float]:
    """The sums of `value` over the runs of a key; the same to the last bit every time."""
    ends = values[key].rle().struct.field("len").cum_sum() - 1
    running = values["value"].cum_sum().gather(ends)
    return (running - running.shift(1, fill_value=0.0)).to_list()


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
