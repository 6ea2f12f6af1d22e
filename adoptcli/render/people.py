"""Lists of people as text: on a terminal as wide as it is, in a pipe each line whole."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from adoptcli.render.details import Sheet, grid, straight
from adoptcli.render.text import plain as as_plain
from adoptcli.render.text import safe


def render(
    names: Sequence[str], lines: Sequence[Sequence[str]], *, width: int | None, unicode: bool
) -> str:
    """A table of texts; long cells go on in the next line where a width is given."""
    numeric = [all(line[i].isdigit() or not line[i] for line in lines) and name == "people"
               for i, name in enumerate(names)]  # fmt: skip
    cells = [[Text(safe(cell)) for cell in line] for line in lines]
    sheet = Sheet("", 1, list(names), [not number for number in numeric], cells)
    if width is None:
        text = straight(sheet).removeprefix("\n")
    else:
        stream = io.StringIO()
        console = Console(
            file=stream, width=width, no_color=True, color_system=None, legacy_windows=False,
            force_terminal=False, highlight=False, emoji=False, markup=False,
        )  # fmt: skip
        console.print(grid(sheet, plain=not unicode))
        text = stream.getvalue()
    text = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    return text if unicode else as_plain(text)
