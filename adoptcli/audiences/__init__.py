"""Audiences: lists of people to act on, each the people behind one number.

A built-in audience (`builtin`) filters the rows that a metric has counted, so that the list has
exactly the length of the metric's number. The YAML may add audiences of its own (`conditions`).
Importing this package is cheap.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from adoptcli.context import Context
    from adoptcli.definitions import Definitions
    from adoptcli.metrics._base import Rows
    from adoptcli.results import Result
    from adoptcli.timeline import Timeline


LISTS = """
`adoptcli audience NAME` lists people: id, account, why (the values), and since when. The list is
exactly as long as a number of a metric. `adoptcli audience` without a name tells every list, and
how many it holds; `METRIC.TABLE[KEY=VALUE].MEASURE` lists those behind a cell.
"""


@dataclass(frozen=True)
class Asked:
    """One bucket, and what is asked of it.

    Attributes:
        timeline: The bucket.
        rows: The rows that the metric has counted, by table.
        settings: The metric's section of the YAML.
        context: The run's context.
        part: What stands after the colon of the name; empty where nothing does.
    """

    timeline: Timeline
    rows: Rows
    settings: Any
    context: Context
    part: str


@dataclass(frozen=True)
class Listed:
    """One in a list: its id, why it is there, and since which day (ISO date, or not known)."""

    id: str
    why: str
    since: str | None
    account: str | None = None


@dataclass(frozen=True)
class Audience:
    """A built-in audience.

    Attributes:
        name: Its name on the command line, before the colon.
        meaning: Who is in it, in words.
        metric: Whose rows it filters.
        find: The people: actor, since (local day or null), why (text), and if some come before
            others order (a number, lowest first); one row each. Or, where the metric's result tells
            more than its rows, what that lists (`of_result`).
        parts: What may stand after the colon; an empty text among them where nothing need.
        number: The number in the metric's result that the list is as long as, given the part and
            the label of the last complete period.
        dated: Which day `since` is.
        of_result: Whether `find` takes the metric's result.
        meanings: What is particular to a part; `meaning` holds for the others.
    """

    name: str
    meaning: str
    metric: str
    find: Callable[[Any], Any]
    parts: Callable[[Definitions, Mapping[str, Any]], Sequence[str]]
    number: Callable[[Result, str, str | None], int]
    dated: str
    of_result: bool = False
    meanings: Mapping[str, str] = field(default_factory=dict)

    def told(self, part: str) -> str:
        """Who is in it, given the part."""
        return self.meanings.get(part, self.meaning).format(part=part)

    def called(self, part: str) -> str:
        """Its whole name on the command line."""
        return f"{self.name}:{part}" if part else self.name
