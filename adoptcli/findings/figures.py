"""Which figures of a finished metric a rule looks at: everybody's, never a segment's own tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from adoptcli.results import KEYS, Cell, Estimate, MetricReport, Row, Table, Unit

Touched = str  # "numerator", "missing" (denominator − numerator), "denominator", or a column


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number that a rule may find fault with.

    Attributes:
        estimate: Its value and interval.
        unit: Its unit.
        n: Actors behind it; of a comparison, on the smaller side.
        touched: How many people or accounts the rule is about, and, where the rule does not
            say otherwise, are on its list.
        path: Where it stands in the metric's JSON.
        scale: What its distance from a threshold of 0 is relative to.
        q: Of a segment against the rest.
        words: What a message may name.
    """

    estimate: Estimate
    unit: Unit
    n: float
    touched: float
    path: str
    scale: float = 1.0
    q: float | None = None
    words: Mapping[str, object] = field(default_factory=dict)


At = Callable[[MetricReport], Iterator[Figure]]
Places = Mapping[str, object]  # what a list's name and its row may name
Count = Callable[[MetricReport, Places], float | None]


def headline(touched: Touched, pooled: tuple[str, str] | None = None) -> At:
    """The metric's headline.

    Where it is of one cohort, whom it touches is told by a pooled (table, measure): the list that
    goes with it holds the others of all cohorts too.
    """

    def look(metric: MetricReport) -> Iterator[Figure]:
        found = metric.result.headline
        if found is not None:
            estimate = found.estimate
            of = (pooled and _first(metric, *pooled)) or estimate
            yield Figure(
                estimate=estimate, unit=found.unit, n=estimate.denominator or 0,
                touched=_touched(of, {}, touched), path="headline",
                words={"title": found.title, "period": found.period},
            )  # fmt: skip

    return look


def cells(
    table: str, measure: str, touched: Touched, *, latest: bool = False, sides: bool = False,
    most: str = "", least: int = 1, scale: float = 1.0, **where: Cell,
) -> At:  # fmt: skip
    """A column of a table.

    Args:
        table: The table.
        measure: The column.
        touched: Whom the rule is about. The name of a column counts the actors behind, too.
        latest: Only the rows of the last period.
        sides: Numerator and denominator are different people, of which both must be enough.
        most: Of the rows of each item only the first with the largest value in this column.
        least: Nothing where the table, or a persona's part of it, has fewer rows.
        scale: What its distance from a threshold of 0 is relative to.
        where: Values that the row must have.
    """

    def look(metric: MetricReport) -> Iterator[Figure]:
        found = metric.result.table(table)
        if found is None:
            return
        rows = _enough(_everybody(found), least, metric)
        if latest:
            last = max((str(row["period"]) for row in rows), default="")
            rows = [row for row in rows if row["period"] == last]
        rows = [row for row in rows if all(row.get(k) == v for k, v in where.items())]
        for row in _worst(rows, most) if most else rows:
            estimate = row.get(measure)
            if not isinstance(estimate, Estimate):
                continue
            n = _behind(row[touched]) if touched in row else estimate.denominator or 0
            if sides:
                n = min(n, estimate.numerator or 0)
            yield Figure(
                estimate=estimate, unit=_unit(found, measure), n=n,
                touched=_touched(estimate, row, touched), path=_path(found, row, measure),
                scale=scale, words=_words(row),
            )  # fmt: skip

    return look


def change(table: str, measure: str, people: str = "") -> At:
    """How the headline moved; the table tells the numbers of both periods, and how many people.

    It touches everybody whose number it is: those of the denominator, or of the column `people`.
    The row is that of the headline's period; of several that of the first item at its last step, as
    retention's headline is of the newest cohort that has come so far.
    """

    def look(metric: MetricReport) -> Iterator[Figure]:
        head, found = metric.result.headline, metric.result.table(table)
        if head is None or head.change is None or head.estimate.value is None or found is None:
            return
        both = _both_rows(found, measure, head.period or "")
        moved = head.change.value
        if both is None or moved is None:
            return
        before, n = (_behind(row[people or measure]) for row in both)
        now = head.estimate
        n = n if people else now.denominator or 0
        yield Figure(
            estimate=head.change, unit="pp" if head.unit == "share" else head.unit,
            n=min(n, before), touched=n,
            path="headline.change", scale=abs(head.estimate.value - moved),
            words={
                "title": head.title, "period": head.period, "now": now,
                "before": Estimate(head.estimate.value - moved), "unit": head.unit,
            },
        )  # fmt: skip

    return look


def against_rest(touched: Touched, scale: float | None = None) -> At:
    """Each segment's headline against that of everybody else, relative to theirs or to `scale`."""

    def look(metric: MetricReport) -> Iterator[Figure]:
        found, head = metric.result.table("segments"), metric.result.headline
        if found is None or head is None:
            return
        for row in found.rows:
            own, rest, gap, q = (row[k] for k in ("headline", "rest", "difference", "q"))
            if not (isinstance(own, Estimate) and isinstance(rest, Estimate)):
                continue
            if not isinstance(gap, Estimate) or not isinstance(q, float) or rest.value is None:
                continue
            yield Figure(
                estimate=gap, unit=_unit(found, "difference"),
                n=min(own.denominator or 0, rest.denominator or 0),
                touched=_touched(own, {}, touched), path=_path(found, row, "difference"),
                scale=scale or abs(rest.value), q=q,
                words={
                    "title": head.title, "period": row["period"], "segment": row["segment"],
                    "now": own, "rest": rest, "unit": head.unit,
                },
            )  # fmt: skip

    return look


def now(touched: Touched) -> Count:
    """Of the number as it is now, of everybody or of the segment."""

    def look(metric: MetricReport, places: Places) -> float | None:
        estimate = places.get("now")
        return _touched(estimate, {}, touched) if isinstance(estimate, Estimate) else None

    return look


def counted(table: str, measure: str, **where: str) -> Count:
    """A count, or a numerator, in the row with these values; of a segment in the segment's."""

    def look(metric: MetricReport, places: Places) -> float | None:
        found = metric.result.table(table)
        wanted = {name: value.format_map(places) for name, value in where.items()}
        for row in found.rows if found else ():
            mine = row.get("segment") == places.get("segment")
            if mine and all(str(row.get(name)) == value for name, value in wanted.items()):
                return _touched(Estimate(None), row, measure)
        return None

    return look


def summed(table: str, measure: str, given: str = "") -> Count:
    """A column's sum over all rows, or over those that have something in another."""

    def look(metric: MetricReport, places: Places) -> float | None:
        found = metric.result.table(table)
        rows = _everybody(found) if found else []
        return sum(_number(row[measure]) for row in rows if not given or row.get(given))

    return look


def largest(metric: MetricReport, table: str, measure: str) -> tuple[str, Estimate] | None:
    """The item of a table with the largest share, and that share."""
    found = metric.result.table(table)
    shares = [
        (str(row["item"]), cell)
        for row in (_everybody(found) if found else [])
        if isinstance(cell := row.get(measure), Estimate) and cell.value is not None
    ]
    return max(shares, key=lambda pair: pair[1].value or 0.0, default=None)


def column(metric: MetricReport, table: str, name: str, given: str) -> list[str]:
    """The texts in one column of the rows that have something in another, in their order."""
    found = metric.result.table(table)
    return [str(row[name]) for row in (_everybody(found) if found else []) if row.get(given)]


def _first(metric: MetricReport, table: str, measure: str) -> Estimate | None:
    """A number of the first row of a table."""
    found = metric.result.table(table)
    cell = next((row[measure] for row in (_everybody(found) if found else [])), None)
    return cell if isinstance(cell, Estimate) else None


def _everybody(table: Table) -> list[Row]:
    return [row for row in table.rows if row.get("segment") is None]


def _enough(rows: list[Row], least: int, metric: MetricReport) -> list[Row]:
    """The rows, if there are so many; those of each persona, which begin with its name, apart."""
    named = bool(metric.settings.get("personas"))
    parts = [str(row["item"]).partition(": ")[0] if named else "" for row in rows]
    sizes = Counter(parts)
    return [row for row, part in zip(rows, parts, strict=True) if sizes[part] >= least]


def _unit(table: Table, measure: str) -> Unit:
    return next(c.unit for c in table.columns if c.name == measure)


def _worst(rows: list[Row], by: str) -> list[Row]:
    """The row with the most in a column, of each item."""
    best: dict[Cell, Row] = {}
    for row in rows:
        item = row.get("item")
        if item not in best or _number(row[by]) > _number(best[item][by]):
            best[item] = row
    return list(best.values())


def _number(cell: Cell) -> float:
    return cell if isinstance(cell, int | float) else 0.0


def _behind(cell: Cell) -> float:
    """How many actors a column counts."""
    return (cell.denominator or 0) if isinstance(cell, Estimate) else _number(cell)


def _touched(estimate: Estimate, row: Row, touched: Touched) -> float:
    if touched in row:
        cell = row[touched]
        return (cell.numerator or 0) if isinstance(cell, Estimate) else _number(cell)
    numerator, denominator = estimate.numerator or 0, estimate.denominator or 0
    return {"numerator": numerator, "missing": denominator - numerator}.get(touched, denominator)


def _both_rows(table: Table, measure: str, period: str) -> tuple[Row, Row] | None:
    """The row of the period before the headline's that is alike otherwise, and the headline's."""
    key = "cohort" if any(c.name == "cohort" for c in table.columns) else "period"
    rows = [row for row in _everybody(table) if _value(row, measure) is not None]
    now = [row for row in rows if str(row[key]) == period.removeprefix("cohort ")]
    now = [row for row in now if row.get("item") == now[0].get("item")]
    if not now:
        return None
    kind = [now[-1].get(name) for name in ("item", "step")]
    alike = [row for row in rows if [row.get(name) for name in ("item", "step")] == kind]
    place = alike.index(now[-1])
    return (alike[place - 1], now[-1]) if place else None


def _value(row: Row, measure: str) -> float | None:
    cell = row.get(measure)
    return cell.value if isinstance(cell, Estimate) else None


def _path(table: Table, row: Row, measure: str) -> str:
    """`table[key=value].measure`, as `--who` names a cell."""
    names = [c.name for c in table.columns if c.name in KEYS and row.get(c.name) is not None]
    keys = ",".join(f"{name}={row[name]}" for name in names)
    return f"{table.name}[{keys}].{measure}" if keys else f"{table.name}.{measure}"


def _words(row: Row) -> dict[str, object]:
    return {name: cell for name, cell in row.items() if not isinstance(cell, Estimate)}
