"""The figures of a report that a target names, each with its number, or why it has none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import pairwise

from adoptcli.metrics import all_metrics
from adoptcli.metrics._shared import compared, share_difference
from adoptcli.results import KEYS, Cell, Column, Estimate, MetricReport, Result, Row, Table, Unit
from adoptcli.targets.names import ANY, CROSS, DATED, LATEST, Figure, path
from adoptcli.timeframe import parse_label, to_date

WEEK = 7
_MONTH, _LABEL = re.compile(r"^\d{4}-\d{2}$"), re.compile(r"^\d{4}-\d{2}(-\d{2})?$")
Splits = Sequence[Sequence[str]]
NOBODY = Estimate(None)
MOST = 8  # of a list of what there is


class Wrong(ValueError):
    """The metric has no such figure, whatever the data."""


@dataclass(frozen=True)
class Found:
    """One figure: where it stands, its number, and how it moved; or why there is none.

    Attributes:
        path: Its place in the metric's JSON.
        name: Its own name, where the target's stands for several.
        estimate: The number.
        unit: Its unit.
        period: Its period or cohort.
        reason: Why it cannot be judged.
        change: Its change against the period before, in its own unit.
        unchanged: Why its change cannot be judged.
    """

    path: str
    estimate: Estimate = NOBODY
    unit: Unit | None = None
    period: str | None = None
    reason: str = ""
    change: Estimate | None = None
    unchanged: str = "there is no period before"
    name: str = ""


def figures(figure: Figure, metric: MetricReport, splits: Splits, as_of: str = "") -> list[Found]:
    """Every figure that a name stands for.

    Args:
        figure: The name.
        metric: The metric's part of the report.
        splits: What the report is split by, in its order.
        as_of: The day before which it counts; periods that end later are not whole.

    Raises:
        Wrong: The metric has no such table, column or key.
    """
    result = metric.result
    if result.status != "ok":
        return [Found(_asked(figure), reason=result.reason or "it was not computed")]
    if figure.table == "textbook":
        return [_textbook(result)]
    if figure.table != "headline":
        return list(_cells(figure, result, splits, as_of))
    if figure.split:
        of_segment = replace(figure, table="segments", measure="headline")
        return list(_cells(of_segment, result, splits, as_of))
    return [_headline(result)]


def _asked(figure: Figure) -> str:
    """Where it would stand."""
    return f"{figure.table}.{figure.measure}" if figure.measure else figure.table


def _headline(result: Result) -> Found:
    head = result.headline
    if head is None:
        return Found("headline", reason=result.reason or "there is no headline")
    found = Found("headline", head.estimate, head.unit, head.period, change=head.change)
    return replace(found, reason=_why_none(head.estimate))


def _textbook(result: Result) -> Found:
    book = result.textbook
    if book is None:
        raise Wrong("this metric has no textbook figure")
    estimate = Estimate(book.value, book.numerator, book.denominator)
    return Found("textbook", estimate, book.unit, reason=_why_none(estimate))


def _why_none(estimate: Estimate) -> str:
    return "" if estimate.value is not None else "nobody can be judged yet, so it has no value"


def _cells(figure: Figure, result: Result, splits: Splits, as_of: str) -> Iterator[Found]:
    table = result.table(figure.table)
    if table is None:
        yield _no_table(figure, result)
        return
    column = _column(figure, table)
    figure = replace(figure, keys=_known_keys(figure, table))
    rows = [row for row in table.rows if _in_segment(row, figure, splits)]
    groups: dict[tuple[Cell, ...], list[Row]] = {}
    for row in rows:
        others = tuple(row.get(key) for key in KEYS if key not in DATED)
        groups.setdefault(others, []).append(row)
    found = [
        replace(cell, name=_named(figure, row, column.name, splits))
        for group in groups.values() for cell, row in _of_group(figure, table, column, group, as_of)
    ]  # fmt: skip
    yield from found or [
        Found(f"{table.name}.{column.name}", reason=_no_row(figure, table, result, rows, splits))
    ]


def _named(figure: Figure, row: Row, measure: str, splits: Splits) -> str:
    """The name of one cell, as the YAML may have it."""
    keys = {key: row[key] for key in KEYS if key != "segment" and row.get(key) is not None}
    values = _values(str(row.get("segment")), figure, splits) or ()
    of_headline = figure.table == "segments" and measure == "headline"
    inside = dict(zip(figure.by, values, strict=True)) | ({} if of_headline else keys)
    text = ",".join(f"{key}={value}" for key, value in inside.items())
    place = figure.metric if of_headline else f"{figure.metric}.{figure.table}"
    return (
        f"{place}[{text}]" + ("" if of_headline else f".{measure}")
        if text
        else (f"{place}.{measure}")
    )


def _no_table(figure: Figure, result: Result) -> Found:
    """Data may lack what a table is about; a name that no table has is a mistake."""
    there = [table.name for table in result.tables]
    if figure.table == "segments" or figure.table in all_metrics()[figure.metric].keys:
        notes = [c.message for c in result.caveats if c.code == "segment-of-users"]
        return Found(_asked(figure), reason="; ".join(notes) or "the data have no such table")
    raise Wrong(_among("table", figure.table, there))


def _no_row(
    figure: Figure, table: Table, result: Result, rows: Sequence[Row], splits: Splits
) -> str:
    """Why there is no such cell, and what there is instead."""
    notes = [c.message for c in result.caveats if c.code == "segment-of-users"]
    if figure.split and not rows:
        labels = (_values(str(row.get("segment")), figure, splits) for row in table.rows)
        there = [CROSS.join(values) for values in labels if values]
        wanted = CROSS.join(value for _, value in figure.split)
        return "; ".join(notes) or _none("segment", wanted, there)
    for key, value in figure.keys.items():
        there = [str(row.get(key)) for row in rows]
        if value not in (ANY, LATEST, *there):
            return _none(key, value, there)
    return "the table has no such row"


def _none(what: str, wanted: str, there: Sequence[str]) -> str:
    names = list(dict.fromkeys(there))
    near = [] if wanted.isdigit() else get_close_matches(wanted, names, 1)
    some = ", ".join(names[:MOST]) + (", …" if len(names) > MOST else "")
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {some or 'none'}"
    return f"there is no {what} {wanted!r}; {hint}"


def _among(what: str, name: str, there: Sequence[str]) -> str:
    near = get_close_matches(name, there, 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"there is no {what} {name!r}; {hint}there are: {', '.join(there) or 'none'}"


def _column(figure: Figure, table: Table) -> Column:
    """The column that is named, else the only one with a number that says how good it is."""
    columns = [c for c in table.columns if not c.is_key]
    if figure.measure:
        for column in columns:
            if column.name == figure.measure:
                return column
        raise Wrong(_among("column", figure.measure, [c.name for c in columns]))
    rated = [c for c in columns if any(isinstance(row.get(c.name), Estimate) for row in table.rows)]
    for some in (columns, rated):
        if len(some) == 1:
            return some[0]
    names = ", ".join(c.name for c in columns)
    example = (rated or columns)[0].name
    raise Wrong(f"say which column, such as {figure.table}.{example}; there are: {names}")


def _known_keys(figure: Figure, table: Table) -> Mapping[str, str]:
    """The keys as the table has them: where it has no periods but steps, these are meant."""
    there = [c.name for c in table.columns if c.is_key and c.name != "segment"]
    keys = {}
    for key, value in figure.keys.items():
        steps = key == "period" and "period" not in there and "step" in there
        name = "step" if steps else key
        if name not in there:
            raise Wrong(_among("key", key, there))
        keys[name] = value
    return keys


def _in_segment(row: Row, figure: Figure, splits: Splits) -> bool:
    label = row.get("segment")
    if not figure.split or label is None:
        return not figure.split and label is None
    parts = _values(str(label), figure, splits)
    asked = [value for _, value in figure.split]
    return parts is not None and all(
        value in (ANY, part) for value, part in zip(asked, parts, strict=True)
    )


def _values(label: str, figure: Figure, splits: Splits) -> list[str] | None:
    """The values of a segment's columns, by its label; None if it is of another split."""
    names = CROSS.join(figure.by)
    if len(splits) > 1 and not label.startswith(f"{names}: "):
        return None
    text = label.removeprefix(f"{names}: ") if len(splits) > 1 else label
    parts = text.split(CROSS) if len(figure.by) > 1 else [text]
    # "other" and "unknown" stand for all columns at once.
    return parts if len(parts) == len(figure.by) else [text] * len(figure.by)


def _of_group(
    figure: Figure, table: Table, column: Column, rows: Sequence[Row], as_of: str
) -> Iterator[tuple[Found, Row]]:
    """The cells of rows that differ in their period alone; each with its change."""
    others = {key: value for key, value in figure.keys.items() if key not in DATED}
    if any(value not in (ANY, str(rows[0].get(key))) for key, value in others.items()):
        return
    dated = next((c.name for c in table.columns if c.name in DATED), None)
    if dated is None:
        for row in rows:
            yield replace(_cell(table, column, row, None), unchanged=_TIMELESS), row
        return
    rows = sorted(rows, key=lambda row: str(row.get(dated)))
    ends = _ends([str(row.get(dated)) for row in rows], dated)
    cells = [
        _whole(_cell(table, column, row, dated), end, as_of)
        for row, end in zip(rows, ends, strict=True)
    ]
    for place in _chosen(figure.keys.get(dated, LATEST), cells):
        before = cells[place - 1] if place else None
        yield _moved(cells[place], before), rows[place]


def _chosen(wanted: str, cells: Sequence[Found]) -> list[int]:
    """The places of the cells that are meant: of one period, of each, or of the newest."""
    if wanted == LATEST:
        able = [place for place, cell in enumerate(cells) if not cell.reason]
        return [able[-1] if able else len(cells) - 1]
    return [place for place, cell in enumerate(cells) if wanted in (ANY, cell.period)]


_TIMELESS = "the table has no periods, so there is none before"


def _cell(table: Table, column: Column, row: Row, dated: str | None) -> Found:
    cell = row.get(column.name)
    if isinstance(cell, str):
        raise Wrong(f"{column.name!r} holds words, which cannot have a target")
    estimate = cell if isinstance(cell, Estimate) else Estimate(cell)
    when = None if dated is None else row.get(dated)
    place = path(table.name, {key: row.get(key) for key in KEYS}, column.name)
    reason = _why_none(estimate)
    if dated and isinstance(cell, Estimate):
        reason = _too_new(table, row, cell) or reason
    return Found(place, estimate, column.unit, None if when is None else str(when), reason)


def _too_new(table: Table, row: Row, cell: Estimate) -> str:
    """Why a period's number is not whole: some of its people have not had their time."""
    names = [c.name for c in table.columns]
    waiting = row.get("immature", 0)
    if "mature" in names:
        all_of_it = row.get(names[names.index("mature") - 1])
        waiting = _count(all_of_it) - _count(row.get("mature"))
    left = _count(waiting)
    return f"not mature: {left:,.0f} have not had their time yet" if left > 0 else ""


def _ends(labels: Sequence[str], dated: str) -> list[str]:
    """The day on which each period is over; empty where its label is that of a last day.

    A cohort's label is its first day, a month's its name; other labels of periods are the last day.
    """
    if dated == "period" and not all(_MONTH.match(label) for label in labels):
        return [""] * len(labels)
    days = [parse_label(label) if _LABEL.match(label) else None for label in labels]
    known = sorted({day for day in days if day is not None})
    step = min((b - a for a, b in pairwise(known)), default=WEEK)
    return [
        ""
        if day is None
        else _next_month(label)
        if _MONTH.match(label)
        else str(to_date(day + step))
        for day, label in zip(days, labels, strict=True)
    ]


def _next_month(label: str) -> str:
    year, month = map(int, label.split("-"))
    return f"{year + month // 12}-{month % 12 + 1:02}-01"


def _whole(cell: Found, end: str, as_of: str) -> Found:
    """A cell of a period that is not over yet says nothing."""
    if not (end and as_of and end > as_of):
        return cell
    return replace(cell, reason=cell.reason or f"not complete: it ends on {end}")


def _count(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | float) else 0.0


def _moved(cell: Found, before: Found | None) -> Found:
    """A cell with its change against the one before, if there is a number in either."""
    if before is None or cell.estimate.value is None or before.reason:
        return cell
    now, then = cell.estimate, before.estimate
    found = share_difference(now, then) if cell.unit == "share" else compared(now, then)
    return replace(cell, change=found)
