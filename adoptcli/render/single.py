"""One table alone, in each format that a list can have."""

from __future__ import annotations

import io

import orjson
from rich.console import Console

from adoptcli.render import csv_, details, json_
from adoptcli.render.text import plain
from adoptcli.results import Table


def render(table: Table, kind: str, *, width: int | None, color: bool, unicode: bool) -> str:
    """The table as `table`, `json` (a list of objects) or `csv`; None is the width of a pipe."""
    if kind == "json":
        rows = [json_.row_of(row, table) for row in table.rows]
        options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        return orjson.dumps(rows, default=float, option=options).decode()
    if kind == "csv":
        return csv_.render_table(table)
    if width is None:
        text = details.straight(table)
    else:
        stream = io.StringIO()
        console = Console(
            file=stream, width=width, force_terminal=color, no_color=not color, highlight=False,
            emoji=False, markup=False,
        )  # fmt: skip
        console.print(details.fitted(table, width, plain=not unicode))
        text = stream.getvalue()
    text = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    return text if unicode else plain(text)
