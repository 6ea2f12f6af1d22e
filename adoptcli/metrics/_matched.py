"""Exposed people against others of the same stratum, from sums by part and stratum.

Parts are the groups of accounts by which the delete-a-group jackknife leaves people out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from adoptcli import stats
from adoptcli.counts import jackknife
from adoptcli.metrics._risk_sets import EARLIER, SIZES, TENURE, TODAY, VOLUME

ENOUGH = 0.8  # share of the exposed for whom a level must have somebody to compare with
_FIXED = 2.0**60  # whole numbers add up to the same in any order


def _merged(edges: Sequence[int], kept: Sequence[int]) -> tuple[int, ...]:
    """The coarser bucket of each bucket, when only some of the edges are kept."""
    return (0, *(sum(k <= edge for k in kept) for edge in edges))


_OCTAVES = _merged(VOLUME, [2**k for k in range(13)])
_FOURFOLD = _merged(VOLUME, [4**k for k in range(7)])
Level = Mapping[str, Sequence[int] | None]  # coarser buckets; None leaves a part of the stratum out
_COARSE: Level = {
    "earlier": _merged(EARLIER, (1, 4)), "tenure": _merged(TENURE, (7, 28, 90)), "recent": None,
}  # fmt: skip
LEVELS: Mapping[str, Level] = {  # the finest first; all have the week
    "all, events by quarter octaves": {},
    "all, events by octaves": {"volume": _OCTAVES},
    "coarser, events by octaves": {**_COARSE, "volume": _OCTAVES},
    "coarser, events fourfold": {**_COARSE, "volume": _FOURFOLD},
    "coarser, no events before": {**_COARSE, "volume": None},
    "coarsest": {**_COARSE, "volume": None, "today": _merged(TODAY, (1, 4, 16))},
}
CRUDE: Level = dict.fromkeys(("week", *SIZES)) | {"today": _merged(TODAY, (1,))}


def coarser(level: Level) -> pl.Expr:
    """The stratum of a level that holds a stratum."""
    rest, found, scale = pl.col("stratum"), pl.lit(0, dtype=pl.Int64), 1
    for name, size in reversed(SIZES.items()):
        value, rest = rest % size, rest // size
        table = level.get(name, range(size))
        if table is not None:
            found = found + pl.lit(pl.Series(table, dtype=pl.Int64)).gather(value) * scale
        scale *= size
    return (found if "week" in level else found + rest * scale).alias("stratum")


@dataclass(frozen=True)
class Difference:
    """What the exposed have more than others of their strata.

    Attributes:
        value: Σ w·(x₁/n₁ − x₀/n₀) ÷ Σ w over strata, w = n₁·n₀/(n₁ + n₀) (Mantel–Haenszel).
        low, high, p: From the jackknife, by Student's t; None where it sees no spread.
        exposed, controls: How many stand in strata with both.
        mean, others: Of the exposed and of the others, with the same weights.
        ratio: Σ x₁·n₀/(n₁ + n₀) ÷ Σ x₀·n₁/(n₁ + n₀) with its interval; None without the second.
    """

    value: float
    low: float | None
    high: float | None
    p: float | None
    exposed: int
    controls: int
    mean: float
    others: float
    ratio: tuple[float, float | None, float | None] | None


def sides(exposed: pl.DataFrame, controls: pl.DataFrame) -> pl.DataFrame:
    """Both sides' sums by part and stratum: each measure with `_1` and `_0`."""
    keys, both = ["part", "stratum"], []
    for frame, side in ((exposed, 1), (controls, 0)):
        names = [c for c in frame.columns if c not in keys]
        both.append(frame.select(*keys, *(pl.col(c).alias(f"{c}_{side}") for c in names)))
    found = pl.concat(both, how="diagonal").fill_null(0)
    return found.group_by(keys).agg(pl.all().sum())


def at_level(sums: pl.DataFrame, level: Level, strata: pl.Series | None = None) -> pl.DataFrame:
    """The sums over the strata of a level; over some of them alone, if they are named."""
    found = sums.lazy().with_columns(coarser(level))
    if strata is not None:
        found = found.filter(pl.col("stratum").is_in(strata.implode()))
    return found.group_by("part", "stratum").agg(pl.all().sum()).collect()


def less(sums: pl.DataFrame, subtracted: pl.DataFrame) -> pl.DataFrame:
    """Sums without what is in others, of the same columns."""
    minus = subtracted.select(sums.columns).with_columns(-pl.exclude("part", "stratum"))
    return pl.concat([sums, minus]).group_by("part", "stratum").agg(pl.all().sum())


def overlap(both: pl.DataFrame) -> tuple[int, int]:
    """How many of the exposed have somebody to compare with, of how many."""
    counts = both.group_by("stratum").agg(pl.col("n_1", "n_0").sum())
    return int(counts.filter(pl.col("n_0") > 0)["n_1"].sum()), int(counts["n_1"].sum())


def finest(
    exposed: pl.DataFrame, everyone: pl.DataFrame, since: pl.DataFrame
) -> tuple[str, tuple[int, int], pl.DataFrame]:
    """The finest level at which enough of the exposed can be compared; else the coarsest.

    Args:
        exposed: Sums of the exposed.
        everyone: Sums of all who may be compared with, the exposed on later days among them.
        since: Those of the exposed from their exposure on, which do not count.

    Returns:
        Its name, its `overlap`, and both `sides` in those of its strata where somebody is exposed.
    """
    for name, level in LEVELS.items():
        mine = at_level(exposed, level)
        strata = mine["stratum"].unique()
        others = less(at_level(everyone, level, strata), at_level(since, level, strata))
        chosen, both = name, sides(mine, others)
        found = overlap(both)
        if found[0] >= ENOUGH * found[1]:
            break
    return chosen, found, both


def difference(both: pl.DataFrame, x: str, n: str = "n") -> Difference | None:
    """The stratified difference of one measure; None where no stratum has both sides."""
    names = {"n1": f"{n}_1", "n0": f"{n}_0", "x1": f"{x}_1", "x0": f"{x}_0"}
    cells = both.select("part", "stratum", *(pl.col(c).alias(k) for k, c in names.items()))
    cells = cells.filter((pl.col("n1") > 0) | (pl.col("n0") > 0))
    whole = cells.drop("part").group_by("stratum").agg(pl.all().sum())
    whole = whole.filter((pl.col("n1") > 0) & (pl.col("n0") > 0))
    if not whole.height:
        return None
    total = whole.select(_terms()).sum().row(0)
    without = cells.join(whole, on="stratum", suffix="_all")
    fewer = without.select("part", **{k: pl.col(f"{k}_all") - pl.col(k) for k in names})
    more = without.select("part", **{k: pl.col(f"{k}_all") for k in names})
    moved = fewer.select(_terms()) - more.select(_terms())
    by_part = moved.with_columns(fewer["part"]).group_by("part").agg(pl.all().sum()).sort("part")
    replicates = [
        tuple(t + d for t, d in zip(total, row[1:], strict=True)) for row in by_part.iter_rows()
    ]
    values = [one / weight - other / weight for one, other, weight in replicates if weight]
    one, other, weight = total
    value = one / weight - other / weight
    low, high, p = _interval(value, values)
    return Difference(
        value, low, high, p, int(whole["n1"].sum()), int(whole["n0"].sum()),
        one / weight, other / weight, _ratio(one, other, replicates),
    )  # fmt: skip


def _terms() -> list[pl.Expr]:
    """Of a stratum: w·x₁/n₁, w·x₀/n₀, w = n₁·n₀/(n₁ + n₀)."""
    n1, n0, x1, x0 = (pl.col(name) for name in ("n1", "n0", "x1", "x0"))
    there, n = (n1 > 0) & (n0 > 0), n1 + n0
    terms = {"one": x1 * n0 / n, "other": x0 * n1 / n, "weight": n1 * n0 / n}
    return [
        pl.when(there).then((value * _FIXED).round()).otherwise(0).cast(pl.Int128).alias(name)
        for name, value in terms.items()
    ]


def _interval(
    value: float, values: Sequence[float]
) -> tuple[float | None, float | None, float | None]:
    """θ ± t·√V by the jackknife over the replicates, and the p-value."""
    found = jackknife(values)
    if found is None or found[0] <= 1e-18:
        return None, None, None
    se, df = math.sqrt(found[0]), found[1]
    half = stats.student_quantile(df) * se
    return value - half, value + half, stats.student_p(value / se, df)


def _ratio(
    above: int, below: int, replicates: Sequence[tuple[int, ...]]
) -> tuple[float, float | None, float | None] | None:
    """The ratio, its interval on the logarithm's scale."""
    if below <= 0 or above < 0:
        return None  # of measures that fall below 0 there is none
    value = above / below
    logs = [math.log(r[0] / r[1]) for r in replicates if r[0] > 0 and r[1] > 0]
    if not value or len(logs) < len(replicates):
        return value, None, None
    low, high, _ = _interval(math.log(value), logs)
    if low is None or high is None:
        return value, None, None
    return value, math.exp(low), math.exp(high)
