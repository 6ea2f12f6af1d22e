"""Where and how a list of people is written."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adoptcli.cli import common
from adoptcli.errors import UsageProblem
from adoptcli.render import LISTS


def check_output(options: common.Options) -> None:
    """Complain, before anything is read, about an output that cannot hold a list."""
    output = options.output
    if output is None or output == "-":
        return
    if common.is_folder(output):
        raise UsageProblem(
            "not-a-file", f"-o {output}: a list is one file, not a folder",
            f"name a file, such as -o {Path(output) / 'list.csv'}",
        )  # fmt: skip
    common.check_ending(options, LISTS)


def deliver(
    lines: list[dict[str, Any]], options: common.Options, columns: Sequence[str] = ()
) -> None:
    """Write lines as asked for; without any their columns must be told."""
    from adoptcli.render.csv_ import guarded

    kind = common.kind(options)
    names = [*columns] or [*lines[0]]
    cells = [["" if line[c] is None else str(line[c]) for c in names] for line in lines]
    if kind == "json":
        common.put(json.dumps(lines, ensure_ascii=False, indent=2) + "\n", options, exact=True)
    elif kind == "csv":
        common.put(
            csv_text(
                [[*map(guarded, names)], *([guarded(cell) for cell in line] for line in cells)]
            ),
            options,
            exact=True,
        )
    else:
        common.put(_table(names, cells, options), options)


def _table(names: list[str], cells: list[list[str]], options: common.Options) -> str:
    from adoptcli.render import people

    if "reason" in names and not any(line[names.index("reason")] for line in cells):
        at = names.index("reason")
        names, cells = names[:at] + names[at + 1 :], [line[:at] + line[at + 1 :] for line in cells]
    seen = common.screen(terminal=options.output in (None, "-"))
    return people.render(names, cells, width=seen.width, unicode=seen.unicode)


def csv_text(lines: list[list[str]]) -> str:
    """Lines of CSV."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(lines)
    return stream.getvalue()
