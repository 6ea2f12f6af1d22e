"""A small canvas of characters for lines: braille dots, or letters where there is only ASCII."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from adoptcli.render.text import safe

STYLES = ("cyan", "magenta", "yellow", "green", "blue", "red")
MARKS = "*o+x@%"
BAND = "."
SPARSE = 4  # of a dotted line's places one in so many is drawn
# The bit of each dot in a braille character, by row and column.
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
Spot = tuple[int, int]


def ceiling(value: float, *, percent: bool) -> float:
    """The next round number above, for the end of an axis; a share ends at 100 % at most."""
    if value <= 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(value))
    found = next(size * k for k in (1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10) if size * k >= value * 0.999)
    return min(found, 1.0) if percent and value <= 1 else found


class Canvas:
    """Characters in rows and columns; each place holds one series' mark."""

    across, down = 1, 1  # places in a character

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self.wide, self.high = columns * self.across, rows * self.down
        self.cells: dict[Spot, tuple[int, bool]] = {}

    def path(
        self, spots: Sequence[Spot | None], index: int, *, steps: bool, dotted: bool = False
    ) -> None:
        """A series' way from point to point; None breaks it."""
        before: Spot | None = None
        for spot in spots:
            if spot is not None:
                for place in _way(before or spot, spot, steps=steps):
                    if not dotted or place[0] % SPARSE == 0:
                        self._set(place, index, dotted)
            before = spot

    def _set(self, place: Spot, index: int, dotted: bool) -> None:
        if not (dotted and place in self.cells):
            self.cells[place] = (index, dotted)

    def mark(self, index: int) -> str:
        """What stands for a series where there are no colours."""
        return MARKS[index % len(MARKS)]

    def row(self, row: int) -> Iterator[tuple[str, int | None]]:
        """The characters of a row and whose each is."""
        for column in range(self.columns):
            yield self._cell(row, column)

    def _cell(self, row: int, column: int) -> tuple[str, int | None]:
        index, dotted = self.cells.get((column, row), (None, False))
        if index is None:
            return " ", None
        return BAND if dotted else self.mark(index), index


class Dots(Canvas):
    """Two by four braille dots in each character."""

    across, down = 2, 4

    def _cell(self, row: int, column: int) -> tuple[str, int | None]:
        bits, whose, solid = 0, None, False
        for y, line in enumerate(_BITS):
            for x, bit in enumerate(line):
                found = self.cells.get((column * 2 + x, row * 4 + y))
                if found is not None:
                    bits |= bit
                    if whose is None or (not found[1] and not solid):
                        whose, solid = found[0], not found[1]
        return (chr(0x2800 + bits) if bits else " "), whose


def _way(start: Spot, end: Spot, *, steps: bool) -> Iterator[Spot]:
    """The places between two points: straight, or level and then upright."""
    (x0, y0), (x1, y1) = start, end
    if steps:
        yield from ((x, y0) for x in range(x0, x1 + 1))
        yield from ((x1, y) for y in range(min(y0, y1), max(y0, y1) + 1))
        return
    count = max(abs(x1 - x0), abs(y1 - y0), 1)
    for k in range(count + 1):
        yield round(x0 + (x1 - x0) * k / count), round(y0 + (y1 - y0) * k / count)


def axis(labels: Sequence[str], places: Sequence[int], room: int) -> str:
    """The labels under their places, as many as have room between them."""
    line = ""
    for label, place in zip(map(safe, labels), places, strict=True):
        start = min(place, room - cell_len(label))
        if start >= 0 and (not line or start >= cell_len(line) + 1):
            line += " " * (start - cell_len(line)) + label
    return line
