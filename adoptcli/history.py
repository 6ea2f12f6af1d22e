"""Results of runs, kept: one Parquet file a run in a folder, and one number over time.

A file's name says which run it holds, `2026-10-01_3f9c1e_user-month_5d0b71e2.parquet`: as-of, hash
of the definitions, unit and period, and a hash of what limits it: dates, split, metrics. The same
run writes the same file, so that running twice changes nothing.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import polars as pl

from adoptcli.errors import DataProblem, UsageProblem
from adoptcli.render import files
from adoptcli.results import KEYS, Estimate, MetricReport, Report, Unit
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
_CELL = re.compile(r"^(?P<table>\w+)(?:\[(?P<keys>.*)\])?\.(?P<measure>\w+)$")
_NEXT = re.compile(r",(?=\s*\w+\s*=)")


@dataclass(frozen=True, slots=True)
class Point:
    """One number of one run.

    Attributes:
        as_of: The day up to whose beginning the run counted.
        definitions: Hash of the definitions it counted by.
        changed: The run before it counted by other definitions.
        keys: Which row of the table, `period=2026-08`; empty for a headline.
        period: Of a headline, what it is about.
        status: Of the metric.
        estimate: The number; its value is None where there was none.
        unit: Of the number.
    """

    as_of: str
    definitions: str
    changed: bool
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
        asked: `METRIC`, `METRIC.textbook` or `METRIC.table[key=value,…].measure`; a key that is
            left out may have any value, but for the segment, which then is everyone.

    Raises:
        UsageProblem: No run has such a number.
    """
    metric, _, rest = asked.partition(".")
    wanted = _wanted(metric.replace("-", "_"), rest)
    rows = {
        (run.told["as_of"], run.told["definitions"], *(row[key] for key in KEYS)): (run, row)
        for run in _ordered(found)
        for row in _picked(run, wanted)
    }  # of two runs that hold the same number, the one that was written later
    if not rows:
        raise UsageProblem(
            "unknown-number", f"no run that is kept has {asked!r}", _known(found, metric)
        )
    before: dict[str, str] = {}
    shown = []
    for run, row in rows.values():
        point = _point(run, row, before)
        before[point.keys] = point.definitions
        shown.append(point)
    return shown


def _ordered(found: Sequence[Run]) -> Iterator[Run]:
    """Runs in order; of those of one day, first the one that counts as the run before did."""
    before, rest = "", list(found)
    while rest:
        day = [run for run in rest if run.told["as_of"] == rest[0].told["as_of"]]
        run = next((run for run in day if run.told["definitions"] == before), day[0])
        rest.remove(run)
        before = run.told["definitions"]
        yield run


def _wanted(metric: str, rest: str) -> pl.Expr:
    wanted = pl.col("metric") == metric
    if not rest or rest in ("headline", "textbook"):
        return wanted & (pl.col("table") == (rest or "headline"))
    match = _CELL.match(rest)
    if not match:
        raise UsageProblem(
            "bad-cell", f"{rest!r} is no cell", "write it as table[key=value].measure"
        )
    wanted &= (pl.col("table") == match["table"]) & (pl.col("measure") == match["measure"])
    keys = dict(_pair(part) for part in _NEXT.split(match["keys"])) if match["keys"] else {}
    for key, value in ({"segment": None} | keys).items():
        wanted &= pl.col(key).is_null() if value is None else pl.col(key) == value
    return wanted


def _pair(text: str) -> tuple[str, str]:
    key, _, value = (part.strip() for part in text.partition("="))
    if key not in KEYS:
        raise UsageProblem("bad-cell", f"{key!r} is no key", f"keys are {', '.join(KEYS)}")
    return key, value


def _picked(run: Run, wanted: pl.Expr) -> Iterator[dict[str, object]]:
    return pl.scan_parquet(run.path).filter(wanted).collect().iter_rows(named=True)


def _known(found: Sequence[Run], metric: str) -> str:
    """What could have been asked for."""
    held = pl.scan_parquet(found[-1].path)
    names = held.select(pl.col("metric").unique(maintain_order=True)).collect()["metric"].to_list()
    if metric.replace("-", "_") not in names:
        return f"there are: {', '.join(names)}"
    cells = (
        held.filter(pl.col("metric") == metric.replace("-", "_"), pl.col("value").is_not_null())
        .select((pl.col("table") + "." + pl.col("measure")).unique(maintain_order=True).alias("at"))
        .collect()["at"]
    )
    return f"there are: {', '.join(cells.to_list())}"


def _point(run: Run, row: Mapping[str, object], before: Mapping[str, str]) -> Point:
    headline = row["table"] == "headline"
    keys = ", ".join(f"{k}={row[k]}" for k in KEYS if row[k] is not None and not headline)
    return Point(
        as_of=run.told["as_of"],
        definitions=run.told["definitions"],
        changed=before.get(keys, run.told["definitions"]) != run.told["definitions"],
        keys=keys,
        period=str(row["period"]) if headline and row["period"] else None,
        status=str(row["status"]),
        estimate=Estimate(*(row[part] for part in NUMBERS)),  # type: ignore[arg-type]
        unit=row["unit"],  # type: ignore[arg-type]
    )
