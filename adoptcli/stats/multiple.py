"""Several tests at once."""

from __future__ import annotations

from collections.abc import Sequence


def benjamini_hochberg(ps: Sequence[float]) -> list[float]:
    """Return p-values adjusted for the false discovery rate (q-values).

    With the m p-values in ascending order p(1) .. p(m), the i-th q-value is the minimum over
    j >= i of m·p(j)/j, and at most 1. Rejecting where q <= α keeps the false discovery rate at or
    below α for independent (or positively dependent) tests.

    Args:
        ps: The p-values.

    Returns:
        The q-values, in the order of ``ps``.

    Raises:
        ValueError: If a p-value is outside [0, 1].

    Source:
        Y. Benjamini, Y. Hochberg (1995), "Controlling the false discovery rate: a practical and
        powerful approach to multiple testing", Journal of the Royal Statistical Society B 57(1),
        289-300.
    """
    for p in ps:
        if not 0 <= p <= 1:
            raise ValueError(f"p-values must lie in [0, 1], got {p}")
    m = len(ps)
    result = [1.0] * m
    smallest = 1.0
    rank = m
    for index in sorted(range(m), key=lambda i: ps[i], reverse=True):
        smallest = min(smallest, ps[index] * (m / rank))
        result[index] = smallest
        rank -= 1
    return result
