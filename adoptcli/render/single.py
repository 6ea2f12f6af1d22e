"""One table alone, in each format that a list can have."""

from __future__ import annotations

import orjson

from adoptcli.render import csv_, details, json_
from adoptcli.render.details import Sheet
from adoptcli.render.table import printed
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
        return of_cells(details.whole(table), width=None, unicode=unicode)
    shown = details.fitted(table, width, plain=not unicode)
    return _lined(printed(shown, width, color=color), unicode=unicode)


def of_cells(sheet: Sheet, *, width: int | None, unicode: bool) -> str:
    """A sheet as text; where a width is given, long cells go on in the next line."""
    if width is not None:
        shown = details.grid(sheet, width, plain=not unicode)
        return _lined(printed(shown, width, color=False), unicode=unicode)
    return _lined(details.straight(sheet).removeprefix("\n"), unicode=unicode)


def _lined(text: str, *, unicode: bool) -> str:
    """Without spaces at the end of lines."""
    text = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    return text if unicode else plain(text)
