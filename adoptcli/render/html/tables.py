"""Tables for people who read, or have read to them: caption, headings with a scope, short rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adoptcli.render import numbers
from adoptcli.render.text import safe
from adoptcli.render.triangle import triangle
from adoptcli.render.words import EVERYONE
from adoptcli.results import Cell, Column, Estimate, Row, Table

MOST_ROWS = 200


@dataclass(frozen=True)
class Shown:
    """A cell: its words, and beside a number the interval and the counts behind it."""

    text: str
    beside: str = ""


@dataclass(frozen=True)
class Sheet:
    """A table as it is shown. The first `keys` columns are headings of their row."""

    title: str
    heads: tuple[str, ...]
    texts: tuple[bool, ...]
    keys: int
    rows: tuple[tuple[Shown, ...], ...]
    left: int


def sheet(table: Table) -> Sheet:
    """A table; a triangle as a triangle; the middle of a very long one left out."""
    if table.name == "triangle":
        return _triangle(table)
    columns = [c for c in table.columns if c.name != "segment" or any(map(_split, table.rows))]
    rows = [tuple(_cell(row.get(c.name), c) for c in columns) for row in table.rows]
    return _short(
        safe(table.title),
        [safe(c.title) for c in columns],
        [c.is_key or c.unit in ("text", "date") for c in columns],
        max(1, sum(c.is_key for c in columns)),
        rows,
    )


def _short(
    title: str,
    heads: Sequence[str],
    texts: Sequence[bool],
    keys: int,
    rows: Sequence[tuple[Shown, ...]],
) -> Sheet:
    left = max(0, len(rows) - MOST_ROWS)
    if left:
        rows = [*rows[: MOST_ROWS // 2], *rows[-MOST_ROWS // 2 :]]
    return Sheet(title, tuple(heads), tuple(texts), keys, tuple(rows), left)


def _split(row: Row) -> bool:
    return row.get("segment") is not None


def _cell(cell: Cell, column: Column) -> Shown:
    if isinstance(cell, Estimate):
        span = numbers.interval(cell, column.unit)
        beside = [f"[{span}]" if span else "", numbers.behind(cell)]
        return Shown(numbers.number(cell.value, column.unit), " ".join(filter(None, beside)))
    if cell is None:
        return Shown(EVERYONE if column.name == "segment" else numbers.NOTHING)
    if isinstance(cell, str):
        return Shown(safe(cell))
    return Shown(numbers.number(cell, column.unit))


def _triangle(table: Table) -> Sheet:
    """Cohorts down, steps across; what could not have happened yet is empty."""
    found = triangle(table)
    rows = [
        (*map(Shown, keys), Shown(size),
         *(_share(cells.get(step), found.measure) for step in found.steps))
        for keys, size, cells in found.cohorts
    ]  # fmt: skip
    return _short(safe(table.title), found.heads, found.texts, found.keys, rows)


def _share(found: Estimate | None, column: Column) -> Shown:
    return Shown("" if found is None else numbers.number(found.value, column.unit))
