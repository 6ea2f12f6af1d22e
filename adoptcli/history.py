"""Results of runs, kept: one Parquet file a run in a folder, and one number over time.

A file's name says which run it holds, `2026-10-01_3f9c1e_user-month_5d0b71e2.parquet`: as-of, hash
of the definitions, unit and period, and a hash of what limits it: dates, split, metrics. The same
run writes the same file, so that running twice changes nothing.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import polars as pl

from adoptcli.errors import DataProblem, UsageProblem
from adoptcli.render import files
from adoptcli.results import KEYS, Estimate, MetricReport, Report, Unit
from adoptcli.targets import names
from adoptcli.targets.judge import LastRun
from adoptcli.targets.names import ANY, CROSS, DATED, LATEST, Figure
from adoptcli.tidy import Record, records

FORMAT = "1"
MARK = "adoptcli.history"  # in the file's metadata
TEXTS = ("metric", "title", "status", "table", *KEYS, "measure", "unit", "text")
NUMBERS = tuple(field.name for field in fields(Estimate))
SCHEMA: Mapping[str, pl.DataType] = {
    **dict.fromkeys(TEXTS, pl.String()), **dict.fromkeys(NUMBERS, pl.Float64())
}  # fmt: skip
RUN = ("as_of", "definitions", "actors", "frequency", "time_zone", "since", "until", "by")
FIGURES = ("headline", "textbook")
KIND = RUN[2:]  # runs that differ in one of these do not belong into one line over time


@dataclass(frozen=True, slots=True)
class Point:
    """One number of one run.

    Attributes:
        as_of: The day up to whose beginning the run counted.
        definitions: Hash of the definitions it counted by.
        changed: The run before it counted by other definitions.
        series: The keys that its row has in common with those of other runs.
        keys: Which row of the table, `period=2026-08`; empty for a headline.
        period: Of a headline, what it is about.
        status: Of the metric.
        estimate: The number; its value is None where there was none.
        unit: Of the number.
    """

    as_of: str
    definitions: str
    changed: bool
    series: tuple[object, ...]
    keys: str
    period: str | None
    status: str
    estimate: Estimate
    unit: Unit


def save(folder: Path, report: Report) -> Path:
    """Add the report to the folder: whole or not at all, and over the same run's file alone.

    Raises:
        OutputProblem: It cannot be written.
    """
    stream = io.BytesIO()
    frame(report).write_parquet(stream, metadata={MARK: FORMAT, **_described(report)})
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
    told = _described(report)
    plain = f"{told['as_of']}_{told['definitions']}_{told['actors']}-{told['frequency']}"
    digest = hashlib.sha256(repr(limits).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain}_{digest}.parquet"


def _described(report: Report) -> dict[str, str]:
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
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataProblem(
            "bad-history", f"{path}: cannot be read: {str(error).splitlines()[0]}", "move it away"
        ) from None
    if told.get(MARK) != FORMAT:
        raise DataProblem(
            "bad-history", f"{path}: this is no run kept by adoptcli",
            "keep nothing else in the folder",
        )  # fmt: skip
    return {key: told.get(key, "") for key in RUN}


def points(found: Sequence[Run], asked: str) -> list[Point]:
    """One number over time.

    Args:
        found: Runs of one kind, oldest first.
        asked: The name of a figure, as a target has it; of a period or cohort that is left out the
            newest with a number is meant, of other keys each.

    Raises:
        UsageProblem: It names no figure, or no run has it.
    """
    figure = _figure(asked)
    rows = {
        (run.told["as_of"], run.told["definitions"], *_fixed(row, figure)): (run, row)
        for run in _ordered(found)
        for row in _picked(run, figure)
    }  # of two runs that hold the same number, the one that was written later
    if not rows:
        raise UsageProblem(
            "unknown-number", f"no run that is kept has {asked!r}", _known(found, figure)
        )
    before: dict[tuple[object, ...], str] = {}
    shown = []
    for run, row in rows.values():
        series = _fixed(row, figure)
        told = run.told["definitions"]
        shown.append(_point(run, row, series, changed=before.get(series, told) != told))
        before[series] = told
    return shown


def last_run(folder: Path, report: Report) -> LastRun:
    """The numbers of the run that was kept before this one; or why there is none."""
    described = _described(report)
    kind = tuple(described[key] for key in KIND)
    found = runs(folder) if any(folder.glob("*.parquet")) else []
    earlier = [r for r in found if r.kind == kind and r.told["as_of"] < report.as_of]
    held: dict[tuple[str, str], float] = {}
    why = "no run before this one is kept"
    if earlier and earlier[-1].told["definitions"] != report.definitions:
        why = f"the definitions have changed since the last run, as of {earlier[-1].told['as_of']}"
    elif earlier:
        held, why = _held(earlier), "the last run has no such number"
    return lambda metric, place: held.get((metric, place), why)


def _held(earlier: Sequence[Run]) -> dict[tuple[str, str], float]:
    """Every number of the last day's runs by metric and place."""
    held: dict[tuple[str, str], float] = {}
    same = ("as_of", "definitions")
    for run in (r for r in earlier if all(r.told[k] == earlier[-1].told[k] for k in same)):
        numbers = pl.read_parquet(run.path).filter(pl.col("value").is_not_null())
        for row in numbers.iter_rows(named=True):
            figures = row["table"] in ("headline", "textbook")
            place = row["table"] if figures else names.path(row["table"], row, row["measure"])
            held[row["metric"], place] = row["value"]
    return held


def _figure(asked: str) -> Figure:
    try:
        return names.parse(asked)
    except ValueError as error:
        raise UsageProblem(
            "bad-figure", f"{asked!r}: {error}", "see `adoptcli explain targets`"
        ) from None


def _fixed(row: Mapping[str, object], figure: Figure) -> tuple[object, ...]:
    """The keys that make a series: all but the period, unless that is asked for."""
    return tuple(row[key] for key in KEYS if key not in DATED or key in figure.keys)


def _ordered(found: Sequence[Run]) -> Iterator[Run]:
    """Runs in order; of those of one day, first the one that counts as the run before did."""
    before, rest = "", list(found)
    while rest:
        day = [run for run in rest if run.told["as_of"] == rest[0].told["as_of"]]
        run = next((run for run in day if run.told["definitions"] == before), day[0])
        rest.remove(run)
        before = run.told["definitions"]
        yield run


def _picked(run: Run, figure: Figure) -> Iterator[dict[str, object]]:
    """The rows of a run that are meant."""
    wanted = (pl.col("metric") == figure.metric) & (pl.col("table") == _table(figure))
    if figure.measure:
        wanted &= pl.col("measure") == figure.measure
    wanted &= (
        pl.col("segment").is_in(_labels(figure)) if figure.split else pl.col("segment").is_null()
    )
    rows = pl.scan_parquet(run.path).filter(wanted).collect()
    for key, value in figure.keys.items():
        # A table without periods but with steps has its steps called so, as for a target.
        name = "step" if key == "period" and rows["period"].null_count() == len(rows) else key
        if value not in (ANY, LATEST):
            rows = rows.filter(pl.col(name) == value)
    if rows.height and rows["measure"].n_unique() > 1 and _table(figure) not in FIGURES:
        raise UsageProblem(
            "which-column", f"say which column of {figure.table}",
            f"there are: {', '.join(rows['measure'].unique(maintain_order=True))}",
        )  # fmt: skip
    newest: dict[tuple[object, ...], dict[str, object]] = {}
    dated = [key for key in DATED if figure.keys.get(key, LATEST) != LATEST]
    for row in rows.iter_rows(named=True):
        series = tuple(row[key] for key in KEYS if key not in DATED or key in dated)
        if series not in newest or row["value"] is not None:
            newest[series] = row
    return iter(newest.values())


def _table(figure: Figure) -> str:
    """The table that holds it; the headline of a segment stands in the one of segments."""
    return "segments" if figure.split and figure.table == "headline" else figure.table


def _labels(figure: Figure) -> list[str]:
    """How a segment may be called: in a report of one split, and in one of several."""
    columns = CROSS.join(name for name, _ in figure.split)
    values = CROSS.join(value for _, value in figure.split)
    return [values, f"{columns}: {values}"]


def _known(found: Sequence[Run], figure: Figure) -> str:
    """What could have been asked for."""
    held = pl.scan_parquet(found[-1].path)
    metrics = held.select(pl.col("metric").unique(maintain_order=True)).collect()["metric"]
    if figure.metric not in metrics:
        return f"there are: {', '.join(metrics)}"
    cells = (
        held.filter(pl.col("metric") == figure.metric, pl.col("value").is_not_null())
        .select((pl.col("table") + "." + pl.col("measure")).unique(maintain_order=True).alias("at"))
        .collect()["at"]
    )
    return f"there are: {', '.join(cells)}"


def _point(
    run: Run, row: Mapping[str, object], series: tuple[object, ...], *, changed: bool
) -> Point:
    headline = row["table"] in FIGURES
    keys = ", ".join(f"{k}={row[k]}" for k in KEYS if row[k] is not None and not headline)
    return Point(
        as_of=run.told["as_of"],
        definitions=run.told["definitions"],
        changed=changed,
        series=series,
        keys=keys,
        period=str(row["period"]) if headline and row["period"] else None,
        status=str(row["status"]),
        estimate=Estimate(*(row[part] for part in NUMBERS)),  # type: ignore[arg-type]
        unit=row["unit"],  # type: ignore[arg-type]
    )
