"""Which figure a target is of: `activation`, `activation[plan=pro]`, `retention.pooled[step=4]`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from adoptcli.metrics import all_metrics
from adoptcli.results import KEYS

CROSS = " / "
ANY, LATEST = "*", "latest"
DATED = ("period", "cohort")

_NAME = re.compile(
    r"^(?P<metric>[\w-]+)(?:\.(?P<table>\w+))?(?:\[(?P<keys>.*)\])?(?:\.(?P<measure>\w+))?$"
)
_NEXT = re.compile(r",(?=\s*[^,=\[\]]+=)")
_SPLIT = re.compile(r"^(?P<names>[^:]+): (?P<values>.+)$")


@dataclass(frozen=True)
class Figure:
    """A figure of a report, or several of one kind.

    Attributes:
        metric: The metric's id.
        table: The table, `headline` or `textbook`.
        keys: What the cell's keys must be; `*` is anything.
        split: The columns and values of the segment that it is of; none for everybody.
        measure: The column; empty where the table has but one that can be meant.
    """

    metric: str
    table: str
    keys: Mapping[str, str]
    split: tuple[tuple[str, str], ...] = ()
    measure: str = ""

    @property
    def by(self) -> tuple[str, ...]:
        """What the report must be split by."""
        return tuple(name for name, _ in self.split)


def parse(text: str) -> Figure:
    """The figure that a name stands for.

    Raises:
        ValueError: There is no such metric, or it is no name of a figure.
    """
    match = _NAME.match(text.strip())
    if match is None:
        raise ValueError(
            "names no figure; write it as METRIC, METRIC.textbook or METRIC.TABLE[KEY=VALUE].COLUMN"
        )
    metric = match["metric"].replace("-", "_")
    if metric not in all_metrics():
        near = get_close_matches(metric, all_metrics(), 1)
        raise ValueError("unknown metric" + (f"; did you mean {near[0]!r}?" if near else ""))
    table, measure = match["table"] or "headline", match["measure"] or ""
    keys, split = _keys(match["keys"])
    if table in ("headline", "textbook"):
        if measure or keys:
            asked = measure or next(iter(keys))
            raise ValueError(f"the {table} has no {asked!r}; name a table, as METRIC.TABLE")
        if table == "textbook" and split:
            raise ValueError("of a segment there is the headline alone, or a table's cell")
    return Figure(metric, table, keys, split, measure)


def path(table: str, keys: Mapping[str, object], measure: str) -> str:
    """A cell's place in the metric's JSON: `pooled[step=4,item=signup].retained`."""
    inside = ",".join(f"{key}={keys[key]}" for key in KEYS if keys.get(key) is not None)
    return f"{table}[{inside}].{measure}" if inside else f"{table}.{measure}"


def series(figure: Figure, place: str) -> str:
    """What the places of one figure have in common from run to run: all but the newest period."""
    if any(figure.keys.get(key, LATEST) != LATEST for key in DATED):
        return place
    return re.sub(r"(?<=[\[,])(?:period|cohort)=[^,\]]*,?", "", place)


def _keys(text: str | None) -> tuple[dict[str, str], tuple[tuple[str, str], ...]]:
    """The keys of a cell, and what is left: columns that the report is split by."""
    keys: dict[str, str] = {}
    split: dict[str, str] = {}
    for pair in _NEXT.split(text) if text else []:
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not (name and equals and value):
            raise ValueError(f"[{text}] is no list of KEY=VALUE")
        if name in keys or name in split:
            raise ValueError(f"{name!r} stands twice")
        if name == "segment":
            split |= _segment(value)
        elif name in KEYS:
            keys[name] = value
        else:
            split[name] = value
    return keys, tuple(split.items())


def _segment(value: str) -> dict[str, str]:
    """`plan / role: pro / admin` as a report that is split several times names its segments."""
    match = _SPLIT.match(value)
    names = match["names"].split(CROSS) if match else []
    values = match["values"].split(CROSS) if match else []
    if not names or len(names) != len(values):
        raise ValueError(f"say what {value!r} is a value of, such as [plan={value}]")
    return dict(zip(names, values, strict=True))
