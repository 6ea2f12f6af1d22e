"""The randomised comparison: variants that were drawn by lot, against the control."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from adoptcli import stats
from adoptcli.metrics._matched import Difference, difference, sides
from adoptcli.metrics._shared import SMALL
from adoptcli.metrics._verdicts import NOTHING, TOO_FEW, Asked, Outcome, estimate, outcomes, sure
from adoptcli.results import Caveat, Cell, Column, Estimate, Headline, Row, Table

RATIO_P = 0.001  # least p of the variants' sizes
_MEASURES = {"active_days": "active", "feature_uses": "uses", "adoption": "adopted"}


@dataclass(frozen=True)
class Drawn:
    """The table of variants, a line for each outcome of each, and what must be known."""

    table: Table | None
    lines: list[Headline]
    caveats: list[Caveat]


def randomised(tally: pl.DataFrame, asked: Asked) -> Drawn:
    """Each variant against the control, and whether the sizes are as they were drawn."""
    names = list(asked.variants)
    sizes = dict(tally.group_by("item").agg(pl.col("assigned").sum()).iter_rows())
    # What only later rows have, or people who do not count, is no variant yet.
    there = {*asked.split, *(name for i, name in enumerate(names) if i in sizes)}
    place = {name: i for i, name in enumerate(names)}
    counted = {name: sizes.get(place.get(name), 0) for name in sorted(there)}
    if not counted.get(asked.reference):
        text = f"nobody who signed up is of {asked.reference!r}, the control"
        return Drawn(None, [], [Caveat("no-control", text, 0)])
    p = ratio_p(counted, asked.split)
    control = tally.filter(pl.col("item") == place[asked.reference])
    rows: list[Row] = []
    lines: list[Headline] = []
    for name in counted:
        mine = tally.filter(pl.col("item") == place.get(name, -1))
        row: dict[str, Cell] = {"item": name, "assigned": counted[name], "n": int(mine["n"].sum())}
        for outcome in outcomes(asked):
            against = None if name == asked.reference else control
            cells, line = _compared(name, mine, against, outcome, asked, p)
            row |= cells
            lines += line
        rows.append({**row, "p": p})
    return Drawn(_table(rows, asked), lines, _mismatch(p))


def _mismatch(p: float | None) -> list[Caveat]:
    if p is None or p >= RATIO_P:
        return []
    text = "the variants' sizes are not as drawn (sample-ratio mismatch): nothing is concluded"
    return [Caveat("sample-ratio-mismatch", text)]


def _compared(
    name: str, mine: pl.DataFrame, control: pl.DataFrame | None, outcome: Outcome, asked: Asked,
    p: float | None,
) -> tuple[dict[str, Cell], list[Headline]]:  # fmt: skip
    """One variant's cells of one outcome, and its line on the first screen."""
    x, n = _MEASURES[outcome.name], outcome.n
    whole, total = int(mine[n].sum()), int(mine[x].sum())
    cells: dict[str, Cell] = {
        outcome.name: Estimate(total / whole if whole else None, total, whole),
        f"{outcome.name}_more": Estimate(None, None, 0),
        f"{outcome.name}_verdict": None,
    }
    if control is None:
        return cells, []
    zero = pl.lit(0, dtype=pl.Int64).alias("stratum")
    both = sides(*(frame.drop("item").with_columns(zero) for frame in (mine, control)))
    found = difference(both, x, n)
    word = _verdict(found, p)
    cells |= {
        f"{outcome.name}_more": estimate(found, outcome.unit),
        f"{outcome.name}_verdict": word,
    }
    title, unit = f"{name}, {outcome.what}, against {asked.reference}", outcome.unit
    return cells, [Headline(title, estimate(found, unit), unit, verdict=f"{word} by lot")]


def ratio_p(counted: Mapping[str, int], split: Mapping[str, float]) -> float | None:
    """The chi-square p of the variants' sizes against the weights by which they were drawn.

    Equal weights without `split`; variants that it does not name are not looked at.
    """
    weights = split or dict.fromkeys(counted, 1.0)
    n, total = sum(counted.get(name, 0) for name in weights), sum(weights.values())
    if len(weights) < 2 or not n:
        return None
    expected = {name: n * weight / total for name, weight in weights.items()}
    x = math.fsum((counted.get(name, 0) - e) ** 2 / e for name, e in expected.items())
    return stats.chi_square_p(x, len(weights) - 1)


def _verdict(found: Difference | None, p: float | None) -> str:
    if p is not None and p < RATIO_P:
        return "not judged"
    if found is None or min(found.exposed, found.controls) < SMALL:
        return TOO_FEW
    if not sure(found):
        return NOTHING
    return "raises" if found.value > 0 else "lowers"


def _table(rows: Sequence[Row], asked: Asked) -> Table:
    columns = [
        Column("item", "Variant", "text"),
        Column("assigned", "Signed up", "users"),
        Column("n", f"{asked.length} days ago", "users"),
    ]
    for o in outcomes(asked):
        columns += [
            Column(o.name, o.what.capitalize(), "share" if o.unit == "pp" else o.unit),
            Column(f"{o.name}_more", "More than control", o.unit),
            Column(f"{o.name}_verdict", "Verdict", "text"),
        ]
    columns.append(Column("p", "p of the sizes", "p"))
    title = f"By lot: the {asked.length} days after the day of sign-up, against {asked.reference}"
    return Table("variants", title, tuple(columns), tuple(rows))
