"""The files of a history: one Parquet file a run, its name and what it holds."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from pathlib import Path

import polars as pl

from adoptcli.errors import DataProblem
from adoptcli.render import files
from adoptcli.results import (
    KEYS,
    Cell,
    Column,
    Estimate,
    Headline,
    MetricReport,
    Report,
    Result,
    Row,
    Table,
    Textbook,
)
from adoptcli.source.files import FAILURES
from adoptcli.tidy import Record, records

FORMAT = "1"
MARK = "adoptcli.history"  # in the file's metadata
TEXTS = ("metric", "title", "status", "table", *KEYS, "measure", "unit", "text")
NUMBERS = tuple(field.name for field in fields(Estimate))
SCHEMA: Mapping[str, pl.DataType] = {
    **dict.fromkeys(TEXTS, pl.String()), **dict.fromkeys(NUMBERS, pl.Float64())
}  # fmt: skip
RUN = ("as_of", "definitions", "actors", "frequency", "time_zone", "since", "until", "by")
KIND = RUN[2:]  # runs that differ in one of these do not belong into one line over time


def save(folder: Path, report: Report) -> Path:
    """Add the report to the folder: whole or not at all, and over the same run's file alone.

    Raises:
        OutputProblem: It cannot be written.
    """
    stream = io.BytesIO()
    frame(report).write_parquet(stream, metadata={MARK: FORMAT, **described(report)})
    path = folder / name(report)
    files.write(path, stream.getvalue())
    return path


def frame(report: Report) -> pl.DataFrame:
    """One row a cell of the report, with the columns of `SCHEMA`."""
    rows = [_row(metric, one) for metric in report.metrics for one in records(metric)]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _row(metric: MetricReport, one: Record) -> tuple[str | float | None, ...]:
    keys = (None if key is None else str(key) for key in (getattr(one, k) for k in KEYS))
    words = one.cell if isinstance(one.cell, str) else None
    found = one.estimate or Estimate(None)
    title = metric.result.headline.title if metric.result.headline else metric.title
    return (
        metric.id, title, metric.result.status, one.table, *keys, one.measure, one.unit, words,
        *(_float(getattr(found, part)) for part in NUMBERS),
    )  # fmt: skip


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


def name(report: Report) -> str:
    """The name of the report's file."""
    limits = [report.since, report.until, report.segment, *(m.id for m in report.metrics)]
    told = described(report)
    plain = f"{told['as_of']}_{told['definitions']}_{told['actors']}-{told['frequency']}"
    digest = hashlib.sha256(repr(limits).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain}_{digest}.parquet"


def described(report: Report) -> dict[str, str]:
    """What a run was, by the names in `RUN`."""
    told = (
        report.as_of, report.definitions, report.unit, report.period, report.time_zone,
        report.since, report.until, report.segment,
    )  # fmt: skip
    return {key: value or "" for key, value in zip(RUN, told, strict=True)}


@dataclass(frozen=True, slots=True)
class Run:
    """One file of the folder: where it lies, what its run was, and when it was written."""

    path: Path
    told: Mapping[str, str]
    written: float

    @property
    def kind(self) -> tuple[str, ...]:
        """What two runs must have in common to be compared."""
        return tuple(self.told[key] for key in KIND)

    @property
    def splits(self) -> list[list[str]]:
        """What its report was split by."""
        by = self.told["by"].replace(" (first)", "")
        return [names.split(" / ") for names in by.split(", ") if names]

    def metrics(self) -> list[str]:
        """The metrics that it holds, in the order of the report."""
        return list(self._read(pl.col("metric").is_not_null(), "metric")["metric"].unique(
            maintain_order=True))  # fmt: skip

    def metric(self, name: str) -> MetricReport | None:
        """One of its metrics as the report had it, without its words; None where it has it not.

        Raises:
            DataProblem: The file cannot be read.
        """
        rows = self._read(pl.col("metric") == name).rows(named=True)
        return _metric(name, rows) if rows else None

    def _read(self, wanted: pl.Expr, *columns: str) -> pl.DataFrame:
        try:
            found = pl.scan_parquet(self.path).filter(wanted)
            return (found.select(columns) if columns else found).collect()
        except FAILURES as error:
            raise _damaged(self.path, error) from None


def runs(folder: Path) -> list[Run]:
    """The runs of a folder, oldest first.

    Raises:
        DataProblem: There is no such folder, none is in it, or a file cannot be read.
    """
    if not folder.is_dir():
        raise DataProblem(
            "no-history", f"{folder}: there is no such folder",
            f"adoptcli report … --history {folder} begins one",
        )  # fmt: skip
    found = [
        Run(path, _told(path), path.stat().st_mtime) for path in sorted(folder.glob("*.parquet"))
    ]
    if not found:
        raise DataProblem(
            "no-history", f"{folder}: no run is kept there",
            f"adoptcli report … --history {folder} adds one",
        )  # fmt: skip
    return sorted(found, key=lambda run: (run.told["as_of"], run.written, run.path.name))


def _told(path: Path) -> dict[str, str]:
    try:
        told = pl.read_parquet_metadata(path)
    except FAILURES as error:
        raise _damaged(path, error) from None
    if told.get(MARK) != FORMAT:
        raise DataProblem(
            "bad-history", f"{path}: this is no run kept by adoptcli",
            "keep nothing else in the folder",
        )  # fmt: skip
    return {key: told.get(key, "") for key in RUN}


def _damaged(path: Path, error: BaseException) -> DataProblem:
    text = str(error).splitlines()[0]
    return DataProblem("bad-history", f"{path}: cannot be read: {text}", "move it away")


def _metric(name: str, rows: Sequence[Mapping[str, object]]) -> MetricReport:
    """A metric from its records."""
    by_table = {
        table: list(part) for table, part in groupby(rows, key=lambda row: str(row["table"]))
    }
    first, book = by_table.pop("headline")[0], by_table.pop("textbook", [None])[0]
    headline = None
    if first["status"] == "ok" and any(first[part] is not None for part in NUMBERS):
        headline = Headline(
            str(first["title"]), _estimate(first), first["unit"],  # type: ignore[arg-type]
            None if first["period"] is None else str(first["period"]),
        )  # fmt: skip
    textbook = None
    if book is not None:
        value = _estimate(book)
        textbook = Textbook(
            value.value, value.numerator, value.denominator, "", book["unit"],  # type: ignore[arg-type]
        )  # fmt: skip
    tables = tuple(_table(table, part) for table, part in by_table.items())
    status = first["status"]
    result = Result(headline, textbook, tables, status=status)  # type: ignore[arg-type]
    return MetricReport(name, str(first["title"]), "", "", {}, result)


def _table(name: str, records_of: Sequence[Mapping[str, object]]) -> Table:
    """A table from the records of its cells."""
    keys = [key for key in KEYS if any(row[key] is not None for row in records_of)]
    units = {str(row["measure"]): row["unit"] for row in records_of}
    columns = [Column(key, key, "text") for key in keys]
    columns += [Column(name, name, unit) for name, unit in units.items()]  # type: ignore[arg-type]
    return Table(name, name, tuple(columns), tuple(_rows(records_of, len(units))))


def _rows(records_of: Sequence[Mapping[str, object]], measures: int) -> Iterator[Row]:
    """Each row of a table has a record a measure."""
    for begin in range(0, len(records_of), measures):
        part = records_of[begin : begin + measures]
        keys: dict[str, Cell] = {key: part[0][key] for key in KEYS}  # type: ignore[misc]
        yield keys | {str(row["measure"]): _cell(row) for row in part}


def _cell(row: Mapping[str, object]) -> Cell:
    if row["text"] is not None:
        return str(row["text"])
    found = _estimate(row)
    alone = found == Estimate(found.value)
    return found.value if alone else found


def _estimate(row: Mapping[str, object]) -> Estimate:
    return Estimate(*(row[part] for part in NUMBERS))  # type: ignore[arg-type]
