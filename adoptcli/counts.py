"""Counts that know their part in each group of accounts, and the intervals that follow from it.

Users of one account behave alike, so that intervals which take them as independent are too narrow.
Accounts are parted into groups by a stable hash; leaving out one group at a time shows how much a
number depends on who happens to be in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from operator import add, sub
from zlib import crc32

from adoptcli import stats

GROUPS = 50
ALIKE = 0.1  # intraclass correlation within accounts, where the data cannot tell


def group_of(text: str) -> int:
    """The group of an account (or of a user without one), by a hash that never changes."""
    return crc32(text.encode("utf-8", "surrogatepass")) % GROUPS


def half_of(text: str) -> int:
    """The half, 0 or 1, that an actor is in where something is chosen on one and told of the other.

    By a hash of the id that never changes; it does not follow from the group.
    """
    return crc32(text.encode("utf-8", "surrogatepass")) // GROUPS % 2


class Count(int):
    """A whole number that is a sum over actors, with its part in each of the groups.

    Sums and differences of such counts are such counts; anything else gives plain numbers, for
    which the actors then count as independent.
    """

    groups: tuple[int, ...]

    def __new__(cls, value: int, groups: Iterable[int]) -> Count:
        """`groups` are GROUPS whole numbers that add up to the value."""
        made = super().__new__(cls, value)
        made.groups = tuple(groups)
        return made

    @classmethod
    def of(cls, parts: Iterable[tuple[int, int]]) -> Count:
        """From pairs of a group and its part."""
        groups = [0] * GROUPS
        for group, part in parts:
            groups[group] += part
        return cls(sum(groups), groups)

    def __add__(self, other: int) -> int:
        if isinstance(other, Count):
            return Count(int(self) + int(other), map(add, self.groups, other.groups))
        return self if other == 0 else int(self) + other

    __radd__ = __add__

    def __sub__(self, other: int) -> int:
        if isinstance(other, Count):
            return Count(int(self) - int(other), map(sub, self.groups, other.groups))
        return self if other == 0 else int(self) - other

    def __mul__(self, other: int) -> int:
        if type(other) is int:
            return Count(int(self) * other, (part * other for part in self.groups))
        return int(self) * other

    __rmul__ = __mul__

    def __or__(self, other: int) -> int:
        return int(self) | int(other)

    def __truediv__(self, other: int) -> float:
        return Scaled(self, other) if type(other) is int else int(self) / other


class Scaled(float):
    """A count divided by a whole number, as points are kept in thousandths; it knows the count."""

    count: Count

    def __new__(cls, count: Count, by: int) -> Scaled:
        """Raises ZeroDivisionError where `by` is 0."""
        made = super().__new__(cls, int(count) / by)
        made.count = count
        return made


def whole(number: object) -> Count | None:
    """The count that a number is, or is a fraction of; None where it knows no groups."""
    if isinstance(number, Scaled):
        return number.count
    return number if isinstance(number, Count) else None


def none_of(denominator: int) -> int:
    """Nobody, among these: as a count that knows its groups where these do."""
    return Count(0, (0,) * GROUPS) if isinstance(denominator, Count) else 0


def grouped(*numbers: object) -> bool:
    """Whether every number knows its groups."""
    return all(isinstance(number, Count) for number in numbers)


def spread(numerator: Count, denominator: Count) -> tuple[float, int] | None:
    """Variance of numerator ÷ denominator and its degrees of freedom, by the jackknife.

    With θ(g) the ratio without group g, over the G groups that have a part in it::

        V = (G − 1)/G · Σ (θ(g) − θ)²        df = G − 1

    None where fewer than two groups have one.

    Source:
        K. M. Wolter (2007), "Introduction to Variance Estimation", 2nd edition, chapter 4.
    """
    return jackknife([v for v in _without(numerator, denominator) if v is not None])


def jackknife(values: Sequence[float]) -> tuple[float, int] | None:
    """The variance that follows from values without one group each, and its degrees of freedom."""
    if len(values) < 2:
        return None
    centre, df = sum(values) / len(values), len(values) - 1
    return sum([(value - centre) ** 2 for value in values]) * df / len(values), df


def _without(numerator: Count, denominator: Count) -> list[float | None]:
    """The ratio without each group; None for groups that have no part in it."""
    n, d = int(numerator), int(denominator)
    return [
        (n - above) / (d - below) if (above or below) and d != below else None
        for above, below in zip(numerator.groups, denominator.groups, strict=True)
    ]


def _variance(replicates: list[list[float | None]]) -> tuple[float, int] | None:
    """The jackknife variance of the difference of two ratios."""
    wholes = [[v for v in values if v is not None] for values in replicates]
    if any(len(values) < 2 for values in wholes):
        return None
    centres = [sum(values) / len(values) for values in wholes]
    total, used = 0.0, 0
    for pair in zip(*replicates, strict=True):
        moved = [0.0 if v is None else v - c for v, c in zip(pair, centres, strict=True)]
        if any(v is not None for v in pair):
            used += 1
            total += (moved[0] - sum(moved[1:])) ** 2
    return total * (used - 1) / used, used - 1


def share_interval(numerator: Count, denominator: Count) -> stats.Interval | None:
    """The 95 % interval of a share of actors who sit in accounts.

    Wilson's interval for as many independent actors as would give the jackknife's variance, at
    most as many as there are, with Student's t for the groups' number. Where all or none have done
    it the jackknife sees no spread: then users of an account are taken to be alike by an
    intraclass correlation of 0.1 (Kish's design effect).

    Source:
        E. L. Korn, B. I. Graubard (1998), "Confidence intervals for proportions with small expected
        number of positive counts estimated from survey data", Survey Methodology 24(2), 193-201.
    """
    n = int(denominator)
    if not n:
        return None
    p = int(numerator) / n
    groups = GROUPS - denominator.groups.count(0)
    found = spread(numerator, denominator)
    effective = n / (1 + (max(n / _accounts(groups), 1.0) - 1) * ALIKE)
    if found is not None and found[0] > 0 and 0 < p < 1:
        effective = min(max(p * (1 - p) / found[0], 1.0), float(n))
    t = stats.student_quantile(max(groups - 1, 1))
    return _wilson(p, effective, t)


def _accounts(groups: int) -> float:
    """About how many accounts fill so many of the groups."""
    return math.log1p(-min(groups, GROUPS - 0.5) / GROUPS) / math.log1p(-1 / GROUPS)


def _wilson(p: float, n: float, z: float) -> stats.Interval:
    scale = 1 + z * z / n
    centre = (p + z * z / (2 * n)) / scale
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / scale
    low = 0.0 if p == 0 else max(0.0, min(p, centre - half))
    return stats.Interval(low, 1.0 if p == 1 else min(1.0, max(p, centre + half)))


def ratio_interval(numerator: Count, denominator: Count) -> stats.Interval | None:
    """The 95 % interval of a mean or another ratio of sums: θ ± t · √V."""
    found = spread(numerator, denominator)
    if found is None:
        return None
    half = stats.student_quantile(found[1]) * math.sqrt(found[0])
    value = int(numerator) / int(denominator)
    return stats.Interval(value - half, value + half)


def rate_interval(numerator: Count, denominator: Count) -> stats.Interval | None:
    """The 95 % interval of a ratio of two counts of events: θ · exp(± t · √V / θ).

    None where the ratio is 0 or the jackknife sees no spread.
    """
    found = spread(numerator, denominator)
    if found is None or found[0] == 0 or not int(numerator):
        return None
    value = int(numerator) / int(denominator)
    factor = math.exp(stats.student_quantile(found[1]) * math.sqrt(found[0]) / value)
    return stats.Interval(value / factor, value * factor)


def difference_interval(
    first: tuple[Count, Count], second: tuple[Count, Count]
) -> stats.Interval | None:
    """The 95 % interval of the difference of two ratios, whose groups may be the same people.

    None where the jackknife sees no spread.
    """
    found = _variance([_without(*first), _without(*second)])
    if found is None or found[0] == 0:
        return None
    value = int(first[0]) / int(first[1]) - int(second[0]) / int(second[1])
    half = stats.student_quantile(found[1]) * math.sqrt(found[0])
    return stats.Interval(value - half, value + half)
