"""Lists of people as text: on a terminal as wide as it is, in a pipe each line whole."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from adoptcli.render import single
from adoptcli.render.details import Sheet
from adoptcli.render.text import safe


def render(
    names: Sequence[str], lines: Sequence[Sequence[str]], *, width: int | None, unicode: bool
) -> str:
    """A table of texts; long cells go on in the next line where a width is given."""
    numeric = [all(line[i].isdigit() or not line[i] for line in lines) and name == "people"
               for i, name in enumerate(names)]  # fmt: skip
    cells = [[Text(safe(cell)) for cell in line] for line in lines]
    sheet = Sheet("", 1, list(names), [not number for number in numeric], cells)
    return single.of_cells(sheet, width=width, unicode=unicode)
