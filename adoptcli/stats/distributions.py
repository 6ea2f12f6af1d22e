"""Tails of the normal, chi-square, Student's t and F distributions."""

from __future__ import annotations

import math
from functools import cache

_TINY = 1e-300
_PRECISION = 1e-16
_MOST = 10_000


def normal_p(z: float) -> float:
    """Return the two-sided p-value of a standard normal statistic."""
    return math.erfc(abs(_number(z)) / math.sqrt(2))


def chi_square_p(x: float, df: int) -> float:
    """Return P(X >= x) for a chi-square distribution with ``df`` degrees of freedom.

    For whole degrees of freedom the tail is a finite sum of positive terms, with h = x/2::

        even df: exp(-h) Σ h^i / i!            for i = 0 .. df/2 - 1
        odd df:  erfc(sqrt(h)) + exp(-h) Σ h^(i - 1/2) / Γ(i + 1/2)   for i = 1 .. (df - 1)/2

    Args:
        x: The statistic.
        df: Degrees of freedom, at least 1.

    Raises:
        ValueError: If ``df`` is below 1 or ``x`` is not a number.

    Source:
        M. Abramowitz, I. A. Stegun (1964), "Handbook of Mathematical Functions", 26.4.4 and 26.4.5.
    """
    _degrees(df)
    half = _number(x) / 2
    if half <= 0:
        return 1.0
    if math.isinf(half):
        return 0.0
    powers = [i / 2 for i in range(df % 2, df, 2)]
    terms = [math.exp(a * math.log(half) - half - math.lgamma(a + 1)) for a in powers]
    return min(1.0, math.fsum([*terms, math.erfc(math.sqrt(half)) if df % 2 else 0.0]))


def f_p(f: float, df1: float, df2: float) -> float:
    """Return P(F >= f) for an F distribution.

    Args:
        f: The statistic.
        df1: Degrees of freedom of the numerator, above 0.
        df2: Degrees of freedom of the denominator, above 0.

    Raises:
        ValueError: If the degrees of freedom are not above 0 or ``f`` is not a number.
    """
    _degrees(df1, df2)
    if _number(f) <= 0:
        return 1.0
    if math.isinf(f):
        return 0.0
    scaled = df1 * f
    return _beta(df2 / 2, df1 / 2, df2 / (df2 + scaled), scaled / (df2 + scaled))


def student_p(t: float, df: float) -> float:
    """Return the two-sided p-value of Student's t.

    Raises:
        ValueError: If ``df`` is not above 0 or ``t`` is not a number.
    """
    return f_p(_number(t) ** 2, 1, df)


@cache
def student_quantile(df: int) -> float:
    """Return the 97.5 % point of Student's t, the factor of a two-sided 95 % interval.

    By Newton's method on the tail, whose density is known; the tail is convex there, so that each
    step from the left stays on the left.

    Args:
        df: Degrees of freedom, at least 1.

    Raises:
        ValueError: If ``df`` is below 1.
    """
    if df < 1:
        raise ValueError(f"degrees of freedom must be at least 1, got {df}")
    log_scale = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - math.log(df * math.pi) / 2
    t = 1.9599  # below the point of the normal, which is below all others
    for _ in range(100):
        density = math.exp(log_scale - (df + 1) / 2 * math.log1p(t * t / df))
        step = (student_p(t, df) / 2 - 0.025) / density
        t += step
        if abs(step) <= 1e-14 * t:
            break
    return t


def _beta(a: float, b: float, x: float, y: float) -> float:
    """The regularised incomplete beta function I_x(a, b), with y = 1 - x.

    By its continued fraction, on the side where it converges quickly.

    Source:
        NIST Digital Library of Mathematical Functions, 8.17.22; evaluated by Lentz's method as
        modified by I. J. Thompson, A. R. Barnett (1986).
    """
    if x <= 0 or y <= 0:
        return 0.0 if x <= 0 else 1.0
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(log_front + a * math.log(x) + b * math.log(y))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1 - front * _fraction(b, a, y) / b


def _fraction(a: float, b: float, x: float) -> float:
    """1/(1 + d1/(1 + d2/(1 + ...))) with the coefficients of 8.17.22."""
    value, c, d = _TINY, _TINY, 0.0
    for i in range(_MOST):
        m = i // 2
        if i == 0:
            numerator = 1.0
        elif i % 2:
            numerator = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            numerator = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / (1 + numerator * d or _TINY)
        c = 1 + numerator / c or _TINY
        value *= c * d
        if i and abs(c * d - 1) < _PRECISION:
            break
    return value


def _number(value: float) -> float:
    if math.isnan(value):
        raise ValueError("a statistic must be a number")
    return value


def _degrees(*values: float) -> None:
    for value in values:
        if not value > 0:
            raise ValueError(f"degrees of freedom must be above 0, got {value}")
