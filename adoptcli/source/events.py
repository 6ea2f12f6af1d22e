"""All sources as one frame of canonical events: user, event, time, and what is wanted beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from adoptcli.definitions import Source
from adoptcli.errors import AdoptError, DataProblem
from adoptcli.source import columns as names
from adoptcli.source import diagnose
from adoptcli.source.files import expand, size_of
from adoptcli.source.scan import Scan, scans
from adoptcli.source.timestamps import (
    Shape,
    Zones,
    fast_to_ms,
    naive_to_ms,
    native_to_ms,
    shape_of,
    text_to_ms,
)

SAMPLE = 1000
LARGE = 64_000_000  # bytes from which a fast look, and another if need be, is the shorter way
BESIDE = ("account", "session", "id", "anonymous")


@dataclass(frozen=True)
class Needed:
    """What to read beside user, event and time; properties may be paths such as `a.b`."""

    properties: tuple[str, ...] = ()
    account: bool = False
    session: bool = False
    id: bool = False
    anonymous: bool = False


@dataclass(frozen=True)
class Part:
    """Files of one shape in one source, and which of their columns is which."""

    source: Source
    scan: Scan
    columns: dict[str, str]
    guessed: tuple[str, ...]
    schema: dict[str, pl.DataType]
    shape: Shape


@dataclass(frozen=True)
class Canonical:
    """Canonical events, not yet read.

    Attributes:
        frame: user, event (texts or null), time (Int64 ms or null); as needed account, session,
            id, anonymous and p.<property> (texts or null).
        found: Which of account, session, id, anonymous some source has.
        found_properties: Which of the properties some source has.
        columns_found: All columns of all sources.
        notes: What to say aloud.
        naive: Some timestamps have no zone.
        date_only: No timestamp has a time of day.
        fast: Times that are not of the common shape are null, and space around texts is kept.
        rejected: Broken CSV lines that were set aside: file, line, reason, text.
    """

    frame: pl.LazyFrame
    parts: tuple[Part, ...]
    needed: Needed
    zone: str
    found: frozenset[str]
    found_properties: frozenset[str]
    columns_found: tuple[str, ...]
    notes: tuple[str, ...] = ()
    naive: bool = False
    date_only: bool = False
    fast: bool = False
    rejected: tuple[tuple[str, int, str, str], ...] = field(default=())

    @property
    def bad_lines(self) -> int:
        """How many broken lines were set aside."""
        return len(self.rejected)

    def rows(self) -> int | None:
        """How many rows there are, where the files say so."""
        counts = [part.scan.rows() for part in self.parts]
        return None if None in counts else sum(filter(None, counts))

    def thorough(self) -> Canonical:
        """The same events, every time and text read in the general way."""
        frame = _concat([_frame(part, self.needed, self.zone, fast=False) for part in self.parts])
        return replace(self, frame=frame, fast=False)

    def broken(self, error: BaseException) -> AdoptError:
        """The problem behind a read that failed."""
        return diagnose.broken([part.scan for part in self.parts], error)

    def rejects(self) -> pl.DataFrame:
        """The original rows that cannot be used, with file and reason."""
        found = [_rejects(part, self.zone) for part in self.parts]
        lines = pl.DataFrame(
            [(name, reason, text, number) for name, number, reason, text in self.rejected],
            schema={"file": pl.String, "reason": pl.String, "text": pl.String, "line": pl.Int64},
            orient="row",
        )
        return pl.concat([*found, lines] if self.rejected else found, how="diagonal_relaxed")


def read(
    sources: Sequence[Source], paths: Sequence[str], base: Path | None, needed: Needed,
    zone: str, tmp: Path | None = None,
) -> Canonical:  # fmt: skip
    """Find the files, look at their columns and first rows, and say how to read them.

    Args:
        sources: The YAML's sources; the paths belong to the first.
        paths: Files of the command line, relative to the working directory.
        base: Folder of the YAML, for the files that it names.
        needed: What to read beside user, event and time.
        zone: The report's zone, for plain dates.
        tmp: Folder for temporary files.

    Raises:
        DataProblem: Files are missing, unreadable, or without the columns that are needed.
    """
    parts: list[Part] = []
    notes: list[str] = []
    rejected: list[tuple[str, int, str, str]] = []
    for i, source in enumerate(sources):
        given = paths if i == 0 and paths else source.files
        files = expand(given, None if i == 0 and paths else base, source.format, tmp)
        if not files:
            raise DataProblem(
                "no-files", "no event file is named",
                "give one on the command line, or in the YAML: source: {files: [events.csv]}",
            )  # fmt: skip
        for scan in scans(files, source):
            if source.on_bad_lines == "reject" and scan.kind in ("csv", "tsv"):
                scan, bad = diagnose.without_bad_lines(scan, tmp)
                rejected += bad
            part = _part(scan, source)
            parts.append(part)
            notes += _said(part)
    found = frozenset(n for part in parts for n in BESIDE if n in part.columns)
    fast = sum(size_of(file) for part in parts for file in part.scan.files) >= LARGE
    return Canonical(
        frame=_concat([_frame(part, needed, zone, fast=fast) for part in parts]),
        parts=tuple(parts),
        needed=needed,
        zone=zone,
        found=found,
        found_properties=frozenset(
            p for part in parts for p in needed.properties if names.has(part.scan.names, p)
        ),
        columns_found=tuple(dict.fromkeys(n for part in parts for n in part.scan.names)),
        notes=tuple(dict.fromkeys(notes)),
        naive=any(part.shape.naive and not part.shape.dates for part in parts),
        date_only=all(part.shape.dates for part in parts),
        fast=fast,
        rejected=tuple(rejected),
    )


def _part(scan: Scan, source: Source) -> Part:
    where = scan.files[0].name
    columns, guessed = names.resolve(source, scan.names, where)
    lazy = scan.frame(list(dict.fromkeys(_root(scan, c) for c in columns.values())))
    try:
        head = lazy.head(SAMPLE).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise diagnose.broken([scan], error) from error
    schema = dict(head.schema)
    time = columns["timestamp"]
    values = head.select(_value(scan, time, schema)).to_series()
    dtype = values.dtype
    if source.timestamp_format:
        shape = Shape("general", naive="%z" not in source.timestamp_format)
    elif dtype == pl.String:
        shape = shape_of(values)
    else:
        naive = isinstance(dtype, pl.Datetime) and dtype.time_zone is None
        shape = Shape("native", naive=naive, dates=dtype == pl.Date)
    return Part(source, scan, columns, tuple(guessed), schema, shape)


def _said(part: Part) -> list[str]:
    """The guesses, in one line a file shape."""
    if not part.guessed:
        return []
    pairs = ", ".join(f"{ours} = {part.columns[ours]}" for ours in part.guessed)
    return [f"columns guessed in {part.scan.files[0].name}: {pairs}"]


def _root(scan: Scan, column: str) -> str:
    return column if column in scan.names else column.split(".", 1)[0]


def _value(scan: Scan, column: str, schema: dict[str, pl.DataType]) -> pl.Expr:
    """A column, or what lies at a path within it."""
    root = _root(scan, column)
    if root == column:
        return pl.col(column)
    path = column.removeprefix(root + ".")
    if isinstance(schema.get(root), pl.Struct):
        found = pl.col(root)
        for step in path.split("."):
            found = found.struct.field(step)
        return found
    return pl.col(root).str.json_path_match(f"$.{path}")


def text_of(value: pl.Expr, dtype: pl.DataType, *, fast: bool = False) -> pl.Expr:
    """An id or property as text: whole numbers without fraction, booleans as true and false.

    Space around texts goes, but for `fast`: it takes as long as all other reading, and hardly any
    file has it.
    """
    if dtype == pl.String:
        text = value if fast else value.str.strip_chars()
        return pl.when(text != "").then(text)
    if dtype.is_float():
        whole = value.cast(pl.Int64, strict=False)
        return (
            pl.when(whole.cast(pl.Float64) == value)
            .then(whole.cast(pl.String))
            .otherwise(value.cast(pl.String))
        )
    return value.cast(pl.String)


def _frame(part: Part, needed: Needed, zone: str, *, fast: bool) -> pl.LazyFrame:
    beside = {n: part.columns[n] for n in BESIDE if getattr(needed, n) and n in part.columns}
    properties = {p: p for p in needed.properties if names.has(part.scan.names, p)}
    raw = [*part.columns.values(), *beside.values(), *properties.values()]
    lazy = part.scan.frame(list(dict.fromkeys(_root(part.scan, c) for c in raw)))
    schema = part.schema
    if part.scan.kind == "parquet" and properties:
        schema = dict(lazy.collect_schema())

    def text(column: str) -> pl.Expr:
        value = _value(part.scan, column, schema)
        return text_of(value, _type(part.scan, column, schema), fast=fast)

    nobody = pl.lit(None, dtype=pl.String)
    user = text(part.columns["user"]) if "user" in part.columns else nobody
    if "event" in part.columns and part.source.event is None:
        event = text(part.columns["event"])
    else:
        written = (
            user.is_not_null() | pl.col(_root(part.scan, part.columns["timestamp"])).is_not_null()
        )  # a blank line is no event
        event = pl.when(written).then(pl.lit(part.source.event))
    return lazy.select(
        user=user,
        event=event,
        time=_time(part, schema, zone, fast=fast),
        **{name: text(column) for name, column in beside.items()},
        **{f"p.{name}": text(name) for name in properties},
    )


def _type(scan: Scan, column: str, schema: dict[str, pl.DataType]) -> pl.DataType:
    root = _root(scan, column)
    dtype = schema.get(root, pl.String())
    if root == column:
        return dtype
    for step in column.removeprefix(root + ".").split("."):
        if not isinstance(dtype, pl.Struct):
            return pl.String()
        inner = {f.name: f.dtype for f in dtype.fields}
        dtype = inner.get(step, pl.String())  # type: ignore[assignment]
    return dtype


def _time(part: Part, schema: dict[str, pl.DataType], zone: str, *, fast: bool) -> pl.Expr:
    column = part.columns["timestamp"]
    value = _value(part.scan, column, schema)
    zones = Zones(part.source.time_zone, zone)
    dtype = _type(part.scan, column, schema)
    if part.source.timestamp_format and dtype == pl.String:
        moment = value.str.to_datetime(
            part.source.timestamp_format, time_unit="ms", strict=False,
            time_zone="UTC" if "%z" in part.source.timestamp_format else None,
        )  # fmt: skip
        if "%z" in part.source.timestamp_format:
            return moment.dt.epoch("ms")
        return naive_to_ms(moment, zones.naive)
    if dtype != pl.String:
        found = native_to_ms(value, dtype, zones)
        return text_to_ms(value.cast(pl.String), zones) if found is None else found
    if part.shape.kind == "general":
        return text_to_ms(value, zones)
    found = fast_to_ms(value, part.shape, zones)
    if fast:
        return found
    return pl.coalesce(found, text_to_ms(pl.when(found.is_null()).then(value), zones))


def _concat(frames: list[pl.LazyFrame]) -> pl.LazyFrame:
    return frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal")


def _rejects(part: Part, zone: str) -> pl.DataFrame:
    """Rows of one part without a readable time or without an event, as they stand in the file."""
    lazy = part.scan.frame(list(part.scan.names), file_column="file")
    canonical = _frame(part, Needed(), zone, fast=False).collect()
    rows = lazy.collect()
    time = pl.col("time").is_null()
    reasons = canonical.select(
        reason=pl.when(pl.all_horizontal(pl.all().is_null())).then(None)
        .when(time).then(pl.lit("unreadable-time"))
        .when(pl.col("event").is_null()).then(pl.lit("no-event"))
    )  # fmt: skip
    by_path = {file.path: file.name for file in part.scan.files}
    return (
        rows.with_columns(reasons["reason"])
        .filter(pl.col("reason").is_not_null())
        .with_columns(pl.col("file").replace(by_path))
    )
