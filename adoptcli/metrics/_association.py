"""How an early behaviour goes with a later outcome, among those alike in time and volume.

Pure arithmetic on counts: strata are the buckets of a volume in each period of sign-up, and the
sums of a stratum are those who did it with the outcome, all who did it, those who did not with the
outcome, all who did not.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from math import isqrt
from typing import NamedTuple

import polars as pl

from adoptcli import stats
from adoptcli.counts import jackknife
from adoptcli.metrics._shared import GROUP

Stratum = tuple[int, int, int, int]
Pair = tuple[int, int]  # actors, and those of them with the outcome
Place = tuple[int, int]  # stratum, and group of accounts or `NO_GROUP`
Pairs = Mapping[Place, Pair]
Cells = Mapping[Place, Stratum]

TIMES = 10  # the highest threshold that is tried
DIGITS = 9  # to which two statistics are the same
NO_GROUP = -1
BUCKETS = 256  # more than there are buckets of a volume
PERIODS = 8  # periods of sign-up at most
CHANCE = 1.0  # what a chi-square of one degree of freedom is on average
ENOUGH = 8  # actors in each, in multiples of those that a side needs
# The smallest 1 + n of each bucket: the fourth root of a power of 2, rounded up.
_EDGES = pl.Series([1, *(isqrt(isqrt((1 << s) - 1)) + 1 for s in range(1, 4 * 60))], dtype=pl.Int64)


def quarter_octave(n: pl.Series) -> pl.Series:
    """The bucket ⌊4·log2(1 + n)⌋ of whole numbers from 0 on, without rounding."""
    return (_EDGES.search_sorted(n.cast(pl.Int64) + 1, side="right") - 1).cast(pl.Int16)


def periods(people: pl.DataFrame, fewest: int) -> dict[int, int]:
    """The period of each week of sign-up: weeks in a row until it is large enough.

    It is with `ENOUGH` · `fewest` actors that are one in `PERIODS` of all; what is left at the end
    and is not so many belongs to the last. No outcome is looked at.

    Args:
        people: week, actors; weeks may repeat.
        fewest: Actors needed on each side of a threshold.
    """
    sizes = people.group_by("week").agg(pl.col("actors").sum()).sort("week")
    left = int(sizes["actors"].sum())
    least = max(ENOUGH * fewest, -(-left // PERIODS))
    found, period, size = {}, 0, 0
    for week, actors in sizes.iter_rows():
        found[week] = period
        size, left = size + actors, left - actors
        if min(size, left) >= least:
            period, size = period + 1, 0
    return found


def by_period(frame: pl.DataFrame, found: Mapping[int, int]) -> pl.DataFrame:
    """With strata that tell the periods of sign-up apart, instead of a week."""
    period = pl.col("week").replace_strict(found, return_dtype=pl.Int64) * BUCKETS
    strata = pl.col("volume", "^others$").cast(pl.Int64) + period
    return frame.with_columns(strata).drop("week")


class Sides(NamedTuple):
    """Those who did something 1, 2, … times, by the volume of everything else, and all others.

    Attributes:
        did: By times (those above `TIMES` as that) and place of what else they did.
        ever: The same actors, by place of everything they did.
        everyone: All actors, by place of everything they did.
    """

    did: Mapping[int, Pairs]
    ever: Pairs
    everyone: Pairs

    def cells(self, least: int) -> dict[Place, Stratum]:
        """Those who did it so many times against the others, in order of place.

        Everything that one who never did it has done is something else: the others of a stratum
        are all actors with that volume, less those who ever did it, and of those the ones who did
        it too few times, by the volume of what else they did.
        """
        found: defaultdict[Place, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        parts = [(1, 2, self.everyone), (-1, 2, self.ever)]
        parts += [(1, 0 if times >= least else 2, pairs) for times, pairs in self.did.items()]
        for sign, side, pairs in parts:
            for place, (actors, outcome) in pairs.items():
                counts = found[place]
                counts[side] += sign * outcome
                counts[side + 1] += sign * actors
        return {place: (c[0], c[1], c[2], c[3]) for place, c in sorted(found.items())}


def sides_of(did: pl.DataFrame, people: pl.DataFrame, *, grouped: bool) -> dict[int, Sides]:
    """The sides of every behaviour, in order.

    Args:
        did: item, times, volume and others (strata of everything and of everything else), perhaps
            group, actors, outcome; of those who did it.
        people: volume, perhaps group, actors, outcome; of everybody.
        grouped: Places tell groups of accounts apart where there are such.
    """
    if not grouped or GROUP not in people.columns:
        none = pl.lit(NO_GROUP).alias(GROUP)
        did, people = did.with_columns(none), people.with_columns(none)
    everyone = {(s, g): pair for (s, g), pair in _pairs(people, "volume", GROUP)}
    times: defaultdict[int, dict[int, dict[Place, Pair]]] = defaultdict(dict)
    ever: defaultdict[int, dict[Place, Pair]] = defaultdict(dict)
    for (item, k, s, g), pair in _pairs(did, "item", "times", "others", GROUP):
        times[item].setdefault(k, {})[s, g] = pair
    for (item, s, g), pair in _pairs(did, "item", "volume", GROUP):
        ever[item][s, g] = pair
    return {item: Sides(times[item], ever[item], everyone) for item in sorted(times)}


def _pairs(frame: pl.DataFrame, *keys: str) -> Iterator[tuple[tuple[int, ...], Pair]]:
    """Actors, and those with the outcome, by keys."""
    sums = frame.group_by(keys).agg(pl.col("actors", "outcome").sum())
    for row in sums.select(*keys, "actors", "outcome").iter_rows():
        yield row[:-2], row[-2:]


def total(cells: Iterable[Stratum]) -> Stratum:
    """The sums of several."""
    a, n1, c, n0 = (sum(column) for column in zip(*cells, (0, 0, 0, 0), strict=True))
    return a, n1, c, n0


def chosen(sides: Sides, fewest: int) -> tuple[int, bool]:
    """How many times tell best who has the outcome, and whether they tell more than chance does.

    The highest Mantel–Haenszel chi-square of those that leave at least `fewest` actors on each
    side; the smallest on a tie, and 1 where none does. Chance alone gives 1 on average.
    """
    best, found = -1.0, 1
    for k in range(1, TIMES + 1):
        cells = sides.cells(k).values()
        _, n1, _, n0 = total(cells)
        if min(n1, n0) >= fewest and (statistic := _statistic(cells)) > best:
            best, found = statistic, k
    return found, (best if best >= 0 else _statistic(sides.cells(1).values())) >= CHANCE


def _statistic(cells: Iterable[Stratum]) -> float:
    pooled = stats.mantel_haenszel(cells)
    return round(pooled.statistic or 0.0, DIGITS) if pooled else 0.0


class Adjusted(NamedTuple):
    """A difference of shares among those alike in period and volume.

    Attributes:
        value: The Mantel–Haenszel risk difference.
        low: Lower limit of its 95 % interval; None where groups of accounts give none.
        high: Upper limit.
        p: Two-sided p-value; None where nothing can be tested.
        compared: How many actors stand in strata that hold both sides.
    """

    value: float
    low: float | None
    high: float | None
    p: float | None
    compared: int


def adjusted(cells: Cells) -> Adjusted | None:
    """The difference over strata.

    For independent actors Sato's interval and the Cochran–Mantel–Haenszel test. Where users sit in
    accounts the delete-a-group jackknife with Student's t, though neither the interval is narrower
    nor the p-value lower than for independent actors. None where no stratum has both sides.
    """
    strata = {s: total(parts.values()) for s, parts in _by(cells, 0).items()}
    pooled = stats.mantel_haenszel(strata.values())
    if pooled is None:
        return None
    value, low, high, se = pooled.difference
    compared = pooled.exposed + pooled.unexposed
    groups = _by(cells, 1)
    if NO_GROUP in groups:
        return Adjusted(value, low, high, pooled.p, compared)
    spread = _jackknife(strata, groups)
    if spread is None:
        return Adjusted(value, None, None, None, compared)
    se, df = max(math.sqrt(spread[0]), se), spread[1]
    half = stats.student_quantile(df) * se
    p = None if pooled.p is None else max(stats.student_p(value / se, df) if se else 1.0, pooled.p)
    return Adjusted(value, max(value - half, -1.0), min(value + half, 1.0), p, compared)


def _by(cells: Cells, key: int) -> dict[int, dict[int, Stratum]]:
    """The cells by stratum (0) or by group (1), and in it by the other."""
    found: dict[int, dict[int, Stratum]] = defaultdict(dict)
    for place, counts in sorted(cells.items()):
        found[place[key]][place[1 - key]] = counts
    return dict(sorted(found.items()))


def _jackknife(
    strata: Mapping[int, Stratum], groups: Mapping[int, Mapping[int, Stratum]]
) -> tuple[float, int] | None:
    """Variance of the pooled difference and its degrees of freedom; None below two groups.

    By the jackknife over the groups that stand in strata with both sides.
    """
    terms = {s: _terms(counts) for s, counts in strata.items()}
    above, below = (math.fsum(column) for column in zip(*terms.values(), strict=True))
    values = []
    for parts in groups.values():
        parts = {s: part for s, part in parts.items() if terms[s][1]}
        if not parts:
            continue
        left = {s: _terms(_less(strata[s], part)) for s, part in parts.items()}
        weight = below + math.fsum(left[s][1] - terms[s][1] for s in parts)
        if weight > 1e-9:
            moved = above + math.fsum(left[s][0] - terms[s][0] for s in parts)
            values.append(moved / weight)
    return jackknife(values)


def _terms(counts: Stratum) -> tuple[float, float]:
    """A stratum's part in the numerator and in the denominator of the pooled difference."""
    a, n1, c, n0 = counts
    n = n1 + n0
    return ((a * n0 - c * n1) / n, n1 * n0 / n) if n1 and n0 else (0.0, 0.0)


def _less(whole: Stratum, part: Stratum) -> Stratum:
    a, n1, c, n0 = (x - y for x, y in zip(whole, part, strict=True))
    return a, n1, c, n0


def phi(counts: Stratum) -> float | None:
    """The correlation of having done it and the outcome; None where one of them does not vary."""
    a, n1, c, n0 = map(int, counts)
    outcome, n = a + c, n1 + n0
    spread = n1 * n0 * outcome * (n - outcome)
    return (a * n0 - c * n1) / math.sqrt(spread) if spread else None
