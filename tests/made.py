"""Results made by hand, of which each has one figure that a rule may find fault with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from adoptcli.results import (
    Cell,
    Column,
    Estimate,
    Headline,
    MetricReport,
    Report,
    Result,
    SourceSummary,
    Table,
    Unit,
)


def report_of(*metrics: MetricReport, period: str = "month", **changes: Any) -> Report:
    """A report of 1,000 users, at the first of October."""
    source = SourceSummary(9, 9, 1000, None, {}, 0, 0, 0, "2026-04-01", "2026-09-30")
    made = Report(
        version="0", as_of="2026-10-01", time_zone="UTC", since=None, until=None, unit="user",
        period=period, segment=None, definitions="abcdef", source=source, metrics=metrics,
    )  # fmt: skip
    return replace(made, **changes)


def metric_of(name: str, result: Result, **settings: object) -> MetricReport:
    return MetricReport(name, name.capitalize(), "adoption", "", settings, result)


def rows_of(name: str, *rows: Mapping[str, Cell], unit: Unit = "share") -> Table:
    """A table whose columns are those of its first row."""
    columns = tuple(Column(key, key, unit) for key in rows[0])
    return Table(name, name, columns, rows)


Build = Callable[[Estimate], MetricReport]


def by_headline(metric: str, unit: Unit = "share") -> Build:
    return lambda found: metric_of(
        metric, Result(Headline("Title", found, unit, "2026-09"), None, ())
    )


def by_rows(metric: str, name: str, measure: str, **row: Cell) -> Build:
    def make(found: Estimate) -> MetricReport:
        n = found.denominator
        special = {"n": n, "share": Estimate(1.0, n, n)}
        filled = {k: special.get(c, c) if isinstance(c, str) else c for k, c in row.items()}
        return metric_of(
            metric, Result(None, None, (rows_of(name, {**filled, measure: found}),)), target=0.7
        )

    return make


def by_change(
    metric: str, name: str, measure: str, key: str = "period", label: str = "", people: str = "",
) -> Build:  # fmt: skip
    """A headline that moved by the estimate; now 1,000 and before as many as its denominator."""

    def make(found: Estimate) -> MetricReport:
        now, before = Estimate(0.4, 400, 1000), Estimate(0.5, None, found.denominator)
        rows: list[dict[str, Cell]] = [
            {key: "2026-08", measure: before}, {key: "2026-09", measure: now}
        ]  # fmt: skip
        if people:  # the estimates count something else
            rows[0] |= {measure: replace(before, denominator=9_999), people: found.denominator}
            rows[1] |= {measure: now, people: 1000}
        moved = Estimate(found.value, None, None, found.low, found.high)
        head = Headline("Title", now, "share", f"{label}2026-09", moved)
        return metric_of(metric, Result(head, None, (rows_of(name, *rows),)))

    return make


def by_segment(metric: str, unit: Unit = "share") -> Build:
    def make(found: Estimate) -> MetricReport:
        gap = Estimate(found.value, None, None, found.low, found.high)
        row: dict[str, Cell] = {
            "segment": "pro", "period": "2026-09", "headline": Estimate(0.4, 400, 1000),
            "rest": Estimate(0.5, 1, found.denominator), "difference": gap, "q": 0.049,
        }  # fmt: skip
        head = Headline("Title", Estimate(0.45, 450, 1000), unit, "2026-09")
        return metric_of(metric, Result(head, None, (rows_of("segments", row),)))

    return make


def seats(found: Estimate) -> MetricReport:
    """The n is the number of accounts, not of seats and days."""
    below = Estimate(1.0, found.denominator, found.denominator)
    days = replace(found, denominator=99_999)
    return by_rows("seat_utilization", "portfolio", "portfolio", below=below)(days)


def one_short(found: Estimate) -> MetricReport:
    """Of two criteria, as a single one is lacking to all who lack anything."""
    rows = ({"item": "a", "still": found}, {"item": "b", "still": Estimate(None)})
    return metric_of("activation", Result(None, None, (rows_of("lacking", *rows),)))


def churn(early: int, slow: int) -> Build:
    return by_rows("churn", "inferred", "lost", period="2026-08", early=early, slow=slow)


def estimate(threshold: float, side: str, distance: float, n: float = 100) -> Estimate:
    """One whose nearer bound lies so far beyond the threshold."""
    numerator = n  # of ratios: both sides are as many
    if side == "below":
        bound = threshold - distance
        return Estimate(bound - 0.1, numerator, n, bound - 0.2, bound)
    bound = threshold + distance
    return Estimate(bound + 0.1, numerator, n, bound, bound + 0.2)
