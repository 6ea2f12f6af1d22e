"""Lists of objects to be taken apart, and where JSON rows have something else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from adoptcli.errors import DataProblem
from adoptcli.source.files import File, lines_of


def unlisted(way: Sequence[str], file: File) -> int:
    """The number of the first JSON line that has no lists of objects on its way; 0 where all do."""
    lines = enumerate(lines_of(file), 1)
    return next((n for n, x in lines if x.strip() and not _listed(json.loads(x), way)), 0)


def no_list(way: Sequence[str], file: File, number: int) -> DataProblem:
    """The problem that a list to be taken apart is something else, in a line if it is known."""
    place = f"{file.name}:{number}" if number else file.name
    return DataProblem(
        "no-list", f"{place}: {way[-1]!r} is no list of objects",
        "mend or remove the line; source.explode names lists of objects to take apart",
    )  # fmt: skip


def _listed(value: Any, way: Sequence[str]) -> bool:
    """Whether an object has lists of objects, one within the other, or nothing there."""
    if not isinstance(value, dict):
        return False
    if not way or value.get(way[0]) is None:
        return True
    items = value[way[0]]
    return isinstance(items, list) and all(_listed(item, way[1:]) for item in items)
