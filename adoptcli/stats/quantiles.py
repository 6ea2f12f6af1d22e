"""Quantiles of data given as a histogram."""

from __future__ import annotations

import math
from collections.abc import Sequence


def quantile(histogram: Sequence[tuple[float, int]], q: float) -> float | None:
    """Return a quantile of data given as a histogram of exact values.

    Definition 7 of the source, the default of NumPy and R: with the data expanded and sorted as
    x[0..n-1] and h = (n-1)·q, the result lies between x[floor(h)] and x[floor(h)+1], a fraction
    h - floor(h) of the way.

    Args:
        histogram: Pairs of value and count in ascending order of value. Counts of 0 are ignored.
        q: Which quantile, in [0, 1].

    Returns:
        The quantile in the unit of the values, or None when there are no data.

    Raises:
        ValueError: If ``q`` is outside [0, 1], a count is negative, a value is not finite, or the
            values are not in ascending order.

    Source:
        R. J. Hyndman, Y. Fan (1996), "Sample quantiles in statistical packages", The American
        Statistician 50(4), 361-365.
    """
    if not 0 <= q <= 1:
        raise ValueError(f"q must lie in [0, 1], got {q}")
    n = 0
    previous = -math.inf
    for value, count in histogram:
        if count < 0:
            raise ValueError(f"counts must not be negative, got {count}")
        if not math.isfinite(value) or value < previous:
            raise ValueError(f"values must be finite and in ascending order, got {value}")
        previous = value
        n += count
    if n == 0:
        return None
    position = (n - 1) * q
    index = math.floor(position)
    fraction = position - index
    lower = _nth(histogram, index)
    upper = _nth(histogram, min(index + 1, n - 1))
    # Work from the nearer end, as NumPy does, so that the result is the same to the last bit.
    if fraction >= 0.5:
        return float(upper - (upper - lower) * (1 - fraction))
    return float(lower + (upper - lower) * fraction)


def _nth(histogram: Sequence[tuple[float, int]], index: int) -> float:
    """Return the value at a 0-based position of the expanded data."""
    seen = 0
    for value, count in histogram:
        seen += count
        if index < seen:
            return value
    raise IndexError(index)
