"""A report as one long list of records: a number a record, with the keys that say which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from adoptcli.results import KEYS, Cell, Estimate, Headline, MetricReport, Textbook, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One cell of one table of one metric.

    `table` is `headline` or `textbook` for the metric's own two figures.
    """

    metric: str
    table: str
    segment: Cell = None
    period: Cell = None
    cohort: Cell = None
    step: Cell = None
    item: Cell = None
    measure: str
    cell: Cell
    unit: Unit

    @property
    def estimate(self) -> Estimate | None:
        """The cell as a number with its counts; None for text."""
        if isinstance(self.cell, Estimate):
            return self.cell
        return None if isinstance(self.cell, str) else Estimate(self.cell)


def records(metric: MetricReport) -> Iterator[Record]:
    """The headline, the textbook figure, and every cell of every table, in the report's order."""
    found = metric.result
    yield _headline(metric.id, found.headline)
    if found.textbook is not None:
        yield _textbook(metric.id, found.textbook)
    yield from cells(metric)


def cells(metric: MetricReport) -> Iterator[Record]:
    """Every cell of every table, in the report's order."""
    for table in metric.result.tables:
        columns = [column for column in table.columns if not column.is_key]
        for row in table.rows:
            keys = {key: row.get(key) for key in KEYS}
            for column in columns:
                yield Record(
                    metric=metric.id, table=table.name, measure=column.name,
                    cell=row.get(column.name), unit=column.unit, **keys,
                )  # fmt: skip


def _headline(metric: str, found: Headline | None) -> Record:
    if found is None:
        return Record(metric=metric, table="headline", measure="headline", cell=None, unit="number")
    return Record(
        metric=metric, table="headline", period=found.period, measure="headline",
        cell=found.estimate, unit=found.unit,
    )  # fmt: skip


def _textbook(metric: str, found: Textbook) -> Record:
    return Record(
        metric=metric, table="textbook", measure="textbook",
        cell=Estimate(found.value, found.numerator, found.denominator), unit=found.unit,
    )  # fmt: skip
