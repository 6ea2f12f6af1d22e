"""How well a value tells two kinds of subjects apart."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from adoptcli.stats.intervals import Z95


class Auc(NamedTuple):
    """The area under the ROC curve with its 95 % interval.

    Attributes:
        value: Probability that a positive has the larger value, ties counting half.
        low: Lower limit; None where the data show no spread.
        high: Upper limit; None where the data show no spread.
        positives: How many positives there are.
        negatives: How many negatives there are.
    """

    value: float
    low: float | None
    high: float | None
    positives: int
    negatives: int


def auc(histogram: Iterable[tuple[float, int, int]]) -> Auc | None:
    """Return the area under the ROC curve, the Mann-Whitney statistic as a probability.

    With P positives and N negatives, and for each subject its placement, the share of the other
    kind that it beats (half for a tie)::

        A = mean placement of the positives
        V = S²(placements of the positives)/P + S²(placements of the negatives)/N
        logit(A) ± z * sqrt(V) / (A (1 - A))

    with the sample variances S². The sums are exact, of whole numbers. There are no limits for an
    area of 0 or 1, where the placements do not vary, nor with fewer than two of a kind.

    Args:
        histogram: Triples of value, number of positives and number of negatives with it, in any
            order; triples of equal values are added together.

    Returns:
        The area and its limits in [0, 1], or None without positives or without negatives.

    Raises:
        ValueError: If a count is negative or a value is not a number.

    Source:
        E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson (1988), "Comparing the areas under two or
        more correlated receiver operating characteristic curves: a nonparametric approach",
        Biometrics 44(3), 837-845. Limits on the logit scale: M. S. Pepe (2003), "The Statistical
        Evaluation of Medical Tests for Classification and Prediction", section 5.2.
    """
    rows = _added(histogram)
    positives, negatives = (sum(pair[k] for _, pair in rows) for k in (0, 1))
    if not positives or not negatives:
        return None
    # Placements are counted in halves: 2 for each that is beaten, 1 for each tie.
    below = total = squares = other_squares = 0
    above = positives
    for _, (p, n) in rows:
        above -= p
        beats, beaten_by = 2 * below + n, 2 * above + p
        total += p * beats
        squares += p * beats * beats
        other_squares += n * beaten_by * beaten_by
        below += n
    value = total / (2 * positives * negatives)
    if positives < 2 or negatives < 2 or not 0 < value < 1:
        return Auc(value, None, None, positives, negatives)
    # S² of the placements over how many there are; both kinds have the same total.
    one = (positives * squares - total**2) / (positives**2 * (positives - 1) * 4 * negatives**2)
    two = (negatives * other_squares - total**2) / (
        negatives**2 * (negatives - 1) * 4 * positives**2
    )
    half = Z95 * math.sqrt(one + two) / (value * (1 - value))
    low, high = (_logistic(math.log(value / (1 - value)) + shift) for shift in (-half, half))
    return Auc(value, low, high, positives, negatives)


def _added(histogram: Iterable[tuple[float, int, int]]) -> list[tuple[float, list[int]]]:
    """Positives and negatives by value, ascending."""
    found: dict[float, list[int]] = {}
    for value, positives, negatives in histogram:
        if positives < 0 or negatives < 0:
            raise ValueError(f"counts must not be negative, got {positives} and {negatives}")
        if math.isnan(value):
            raise ValueError("values must be numbers")
        pair = found.setdefault(value, [0, 0])
        pair[0] += positives
        pair[1] += negatives
    return sorted(found.items())


def _logistic(x: float) -> float:
    """1 / (1 + exp(-x)), without overflow."""
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))
