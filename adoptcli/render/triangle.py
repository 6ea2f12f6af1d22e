"""A cohort table as a triangle: cohorts down, steps across, with nothing where nothing could be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adoptcli.render import numbers
from adoptcli.render.text import safe
from adoptcli.render.words import EVERYONE
from adoptcli.results import Column, Estimate, Table


@dataclass(frozen=True)
class Triangle:
    """The parts of the drawing, whoever draws it.

    Attributes:
        measure: The column that its cells are of.
        steps: What stands across.
        heads: Titles of the keys, of the size, and of the steps.
        texts: Which of these columns hold text.
        keys: How many of them say which cohort it is.
        cohorts: The keys of each, its size, and its cells by step.
    """

    measure: Column
    steps: list[int]
    heads: list[str]
    texts: list[bool]
    keys: int
    cohorts: Sequence[tuple[tuple[str, ...], str, Mapping[int, Estimate]]]


def triangle(table: Table) -> Triangle:
    """The triangle of a table with one measure and whole numbers as steps."""
    measure = next(c for c in table.columns if not c.is_key)
    steps = sorted({row["step"] for row in table.rows if isinstance(row["step"], int)})
    names = [n for n in ("segment", "item", "cohort") if any(r.get(n) for r in table.rows)]
    found: dict[tuple[str, ...], dict[int, Estimate]] = {}
    for row in table.rows:
        cell, step = row[measure.name], row["step"]
        if isinstance(cell, Estimate) and isinstance(step, int):
            keys = tuple(safe(str(row.get(n) or EVERYONE)) for n in names)
            found.setdefault(keys, {})[step] = cell
    titles = {c.name: safe(c.title) for c in table.columns}
    heads = [*(titles[n] for n in names), "n", *map(str, steps)]
    texts = [*(True for _ in names), *(False for _ in range(len(steps) + 1))]
    cohorts = [(keys, _size(cells), cells) for keys, cells in found.items()]
    return Triangle(measure, steps, heads, texts, len(names), cohorts)


def _size(cells: Mapping[int, Estimate]) -> str:
    return numbers.count(next((e.denominator for e in cells.values() if e.denominator), 0) or 0)
