"""Drivers as they are told: flags, verdicts, order, tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from adoptcli import stats
from adoptcli.counts import Count
from adoptcli.metrics._association import NO_GROUP, Adjusted, Cells, adjusted, phi, total
from adoptcli.metrics._base import Tallies
from adoptcli.metrics._shared import share, share_difference, totals
from adoptcli.results import Column, Estimate, Row, Table
from adoptcli.timeframe import DAY_MS

if TYPE_CHECKING:
    from adoptcli.metrics.drivers import DriversSettings

UNIVERSAL, RARE, CLEAR = 0.9, 0.05, 0.05
WORDS = {
    "retention": ("staying", "leaving"),
    "purchase": ("purchase", "no purchase"),
    "satisfaction": ("satisfaction", "dissatisfaction"),
}


@dataclass(frozen=True, slots=True)
class Driver:
    """One behaviour: its sums on the second half, and what follows."""

    name: str
    times: int
    did: Estimate
    did_not: Estimate
    reach: Estimate
    recall: Estimate
    difference: Estimate | None
    adjusted: Adjusted | None
    phi: float | None
    structural: bool
    telling: bool
    fewest: int
    q: float | None = None

    @property
    def candidate(self) -> bool:
        """Whether it could be judged."""
        return bool(self.adjusted and self.adjusted.p is not None) and not (
            self.structural or self.rare
        )

    @property
    def rare(self) -> bool:
        """Whether a side is too small to be judged, whatever its outcomes."""
        few = min(self.did.denominator or 0, self.did_not.denominator or 0) < self.fewest
        return few or (self.reach.value or 0.0) < RARE

    @property
    def flags(self) -> list[str]:
        """Why it should not be read as a driver."""
        plain, fair = self.difference, self.adjusted
        found = {
            "structural": self.structural,
            "near-universal": (self.reach.value or 0.0) > UNIVERSAL,
            "rare": self.rare,
            "volume": plain is not None and _clear(plain.low, plain.high)
            and not (fair and _clear(fair.low, fair.high)),
        }  # fmt: skip
        return [name for name, holds in found.items() if holds]

    @property
    def verdict(self) -> int:
        """1 where it clearly goes with the outcome, −1 with its opposite, else 0."""
        if self.adjusted is None or self.q is None or self.q > CLEAR:
            return 0
        if not _clear(self.adjusted.low, self.adjusted.high):
            return 0
        return 1 if self.adjusted.value > 0 else -1

    @property
    def place(self) -> tuple[bool, bool, float, str]:
        """Where it stands among the others."""
        low = self.adjusted.low if self.adjusted else None
        room = (low or 0.0) * (1 - (self.reach.value or 0.0))
        return bool(self.flags), low is None, -room, self.name

    @property
    def label(self) -> str:
        """As people call it."""
        return self.name if self.times == 1 else f"{self.times} × {self.name}"


def _clear(low: float | None, high: float | None) -> bool:
    return low is not None and high is not None and (low > 0 or high < 0)


def fair(found: Adjusted | None) -> Estimate:
    """With how many it compares."""
    if found is None:
        return Estimate(None, None, 0)
    return Estimate(found.value, None, found.compared, found.low, found.high)


def _without_counts(driver: Driver) -> Estimate:
    """In the table how many are compared has a column of its own."""
    return replace(fair(driver.adjusted), denominator=None)


def alike(of_week: Mapping[int, int]) -> str:
    """In what those who are compared are alike, by the period of each week of sign-up."""
    several = max(of_week.values(), default=0)
    same = f", in the same of {several + 1} periods of sign-up" if several else ""
    return f"at equal volume of other events{same}"


def counted(name: str, times: int, cells: Cells, fixed: bool, telling: bool, fewest: int) -> Driver:
    """A behaviour by its sums on the half that is told of."""
    a, n1, c, n0 = _counts(cells)
    did, did_not = share(a, n1), share(c, n0)
    return Driver(
        name, times, did, did_not, share(n1, n1 + n0), share(a, a + c),
        share_difference(did, did_not), adjusted(cells), phi((a, n1, c, n0)), fixed, telling,
        fewest,
    )  # fmt: skip


def _counts(cells: Cells) -> tuple[int, int, int, int]:
    """The sums over all strata, which know their groups of accounts where there are such."""
    if any(group == NO_GROUP for _, group in cells):
        return total(cells.values())
    a, n1, c, n0 = (
        Count.of((group, counts[i]) for (_, group), counts in cells.items()) for i in range(4)
    )
    return a, n1, c, n0


def with_q(found: Sequence[Driver]) -> list[Driver]:
    """With the q-values of those that are tested.

    What goes with the outcome by definition is no candidate, what is rare is not judged, and what
    told nothing on the other half is not tested: no outcome of this half decides any of these.
    """
    ps = {
        d.name: d.adjusted.p
        for d in found
        if d.candidate and d.telling and d.adjusted and d.adjusted.p is not None
    }
    qs = dict(zip(ps, stats.benjamini_hochberg([*ps.values()]), strict=True))
    return [replace(d, q=qs.get(d.name)) for d in found]


def half_of_them(frame: pl.DataFrame, half: int) -> pl.DataFrame:
    """The sums of one half of the actors."""
    return frame.filter(pl.col("half") == half).drop("half")


_EVENT = (Column("item", "Event", "text"), Column("step", "At least, times"))


def event_table(found: Sequence[Driver], words: str, settings: DriversSettings) -> Table:
    """Every behaviour, the best first."""
    lines = tuple(
        {
            "item": d.name, "step": d.times, "verdict": _said(d, settings),
            "adjusted": _without_counts(d), "q": d.q,
            "reach": d.reach, "with": d.did, "without": d.did_not, "difference": d.difference,
            "flags": ", ".join(d.flags) or None,
        }
        for d in found
    )  # fmt: skip
    columns = (
        *_EVENT,
        Column("verdict", "Verdict", "text"),
        Column("adjusted", "Adjusted", "pp"),
        Column("q", "q", "p"),
        Column("reach", "Did it", "share", ("did", "people")),
        Column("with", "Of those who did", "share", ("did_outcome", "did")),
        Column("without", "Of those who did not", "share", ("did_not_outcome", "did_not")),
        Column("difference", "Difference", "pp"),
        Column("flags", "Flags", "text"),
    )
    days = f"{settings.exposure / DAY_MS:g}"
    return Table("events", f"Done in the first {days} days, and {words}", columns, lines)


def _said(driver: Driver, settings: DriversSettings) -> str:
    """The verdict in words; never that it causes anything."""
    if driver.structural:
        return "goes with it by definition"
    if not driver.candidate:
        return "not enough data"
    goes, opposite = WORDS[settings.outcome.kind]
    return {1: f"goes with {goes}", -1: f"goes with {opposite}", 0: "no evidence"}[driver.verdict]


def measure_table(found: Sequence[Driver], words: str) -> Table:
    """How well each behaviour tells who has the outcome, by name."""
    lines = tuple(
        {
            "item": d.name, "step": d.times, "phi": d.phi, "precision": d.did, "recall": d.recall,
            "p": d.adjusted.p if d.adjusted else None,
            "compared": share(d.adjusted.compared if d.adjusted else 0, _size(d)),
        }
        for d in sorted(found, key=lambda d: d.name)
    )  # fmt: skip
    columns = (
        *_EVENT,
        Column("phi", "φ", "ratio"),
        Column("precision", "Precision", "share", ("did_outcome", "did")),
        Column("recall", "Recall", "share", ("did_outcome", "outcome")),
        Column("p", "p, adjusted", "p"),
        Column("compared", "Have others like them", "share"),
    )
    return Table("measures", f"How well each tells: {words}", columns, lines)


def _size(driver: Driver) -> int:
    return int(driver.reach.denominator or 0)


def people_table(
    tallies: Tallies, everyone: Mapping[str, int], left: Mapping[str, int], words: str
) -> Table:
    """Who was looked at, and who was not."""
    by_half = [
        totals(half_of_them(tallies["people"], half).drop("week", "volume")) for half in (0, 1)
    ]
    lines: list[Row] = [
        {"item": name, "people": int(c["actors"]), "outcome": _of(c)}
        for name, c in zip(
            ("judged", "thresholds chosen on", "counted"), (everyone, *by_half), strict=True
        )
    ]
    lines += [
        {"item": name, "people": int(left.get(key, 0)), "outcome": None}
        for key, name in (
            ("immature", "not old enough"),
            ("already", "had it before"),
            ("silent", "gave no answer"),
        )
        if key == "immature" or left.get(key)
    ]
    columns = (
        Column("item", "New users", "text"),
        Column("people", "Users", "users"),
        Column("outcome", words.capitalize(), "share"),
    )
    return Table("people", "Who is looked at", columns, tuple(lines))


def _of(counts: Mapping[str, int]) -> Estimate:
    return share(counts["outcome"], counts["actors"])
