"""Files of one kind to lazy frames of their own columns, texts where the file has only text."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import polars as pl

from adoptcli.definitions import Source
from adoptcli.errors import DataProblem
from adoptcli.source.files import File, head_of, lines_of

SEPARATORS = (",", ";", "\t", "|")
_HIVE = re.compile(r"^([^=/]+)=(.*)$")


@dataclass(frozen=True)
class Scan:
    """Files of one shape.

    Attributes:
        files: The files, which all have these columns.
        columns: Their names, in order.
        separator, eol: How a CSV file is written.
        hive: Columns that the folders' names give: name and value.
    """

    files: tuple[File, ...]
    columns: tuple[str, ...]
    separator: str = ","
    eol: str = "\n"
    hive: tuple[tuple[str, str], ...] = ()

    @property
    def kind(self) -> str:
        """Kind of all the files."""
        return self.files[0].kind

    @property
    def names(self) -> tuple[str, ...]:
        """All columns, the folders' included."""
        return (*self.columns, *(key for key, _ in self.hive if key not in self.columns))

    def rows(self) -> int | None:
        """How many rows there are, where the files say so without being read."""
        if self.kind != "parquet":
            return None
        return int(pl.scan_parquet([f.path for f in self.files]).select(pl.len()).collect().item())

    def frame(self, wanted: Sequence[str], file_column: str | None = None) -> pl.LazyFrame:
        """The wanted columns that there are."""
        paths = [file.path for file in self.files]
        inside = [c for c in wanted if c in self.columns]
        if self.kind == "parquet":
            lazy = pl.scan_parquet(paths, hive_partitioning=False, include_file_paths=file_column)
        elif self.kind == "ndjson":
            schema = {name: pl.String() for name in inside} or {self.columns[0]: pl.String()}
            lazy = pl.scan_ndjson(paths, schema=schema, include_file_paths=file_column)
        else:
            lazy = pl.scan_csv(
                paths, infer_schema=False, separator=self.separator, eol_char=self.eol,
                include_file_paths=file_column,
            )  # fmt: skip
        extra = [file_column] if file_column else []
        lazy = lazy.select(*inside, *extra)
        return lazy.with_columns(
            pl.lit(value).alias(key) for key, value in self.hive if key in wanted
        )


def scans(files: Sequence[File], source: Source) -> list[Scan]:
    """The files grouped by shape, so that files of one shape are read in one go.

    Raises:
        DataProblem: A file has no columns, or only a header.
    """
    groups: dict[tuple[object, ...], list[File]] = {}
    for file in files:
        groups.setdefault(_shape(file, source), []).append(file)
    found = []
    for shape, members in groups.items():
        _, columns, separator, eol, hive, _ = shape
        found.append(Scan(tuple(members), columns, separator, eol, hive))  # type: ignore[arg-type]
    return found


def _shape(file: File, source: Source) -> tuple[object, ...]:
    hive = _hive(file)
    if file.kind == "parquet":
        schema = _schema_of(file)
        return (file.kind, tuple(schema), ",", "\n", hive, tuple(map(str, schema.values())))
    if file.kind == "ndjson":
        return (file.kind, _json_columns(file), ",", "\n", hive, ())
    head = head_of(file)
    eol = "\r" if head and b"\n" not in head and b"\r" in head else "\n"
    separator = source.separator or _separator(file, head, eol)
    return (file.kind, _csv_columns(file, separator, eol), separator, eol, hive, ())


def _hive(file: File) -> tuple[tuple[str, str], ...]:
    if file.root is None:
        return ()
    parts = Path(file.path).relative_to(file.root).parts[:-1]
    pairs = [match.groups() for part in parts if (match := _HIVE.match(part))]
    return tuple((key, unquote(value)) for key, value in pairs)


def _schema_of(file: File) -> dict[str, pl.DataType]:
    try:
        return dict(pl.scan_parquet(file.path, hive_partitioning=False).collect_schema())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataProblem(
            "not-parquet", f"{file.name}: cannot be read as Parquet: {_first_line(error)}",
            "fetch the export again",
        ) from error  # fmt: skip


def _json_columns(file: File) -> tuple[str, ...]:
    try:
        schema = pl.scan_ndjson(file.path, infer_schema_length=1000).collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        if number := broken_json(file):
            raise DataProblem(
                "broken-ndjson",
                f"{file.name}:{number}: this line is no JSON object",
                "NDJSON has one object a line; mend or remove the line",
            ) from error
        raise DataProblem(
            "not-ndjson", f"{file.name}: {_first_line(error)}", "NDJSON has one object a line"
        ) from error  # fmt: skip
    if not schema:
        raise DataProblem("no-rows", f"{file.name}: there are no objects in it", "check the export")
    return tuple(sorted(schema.names()))


def broken_json(file: File) -> int:
    """The number of the first line that is no JSON object; 0 where all are."""
    for number, line in enumerate(lines_of(file), 1):
        if not line.strip():
            continue
        try:
            good = isinstance(json.loads(line), dict)
        except ValueError:
            good = False
        if not good:
            return number
    return 0


def _separator(file: File, head: bytes, eol: str) -> str:
    if file.kind == "tsv":
        return "\t"
    if not head:
        first = pl.scan_csv(
            file.path, has_header=False, infer_schema=False, separator="\x01", n_rows=1
        ).collect().item(0, 0)  # fmt: skip
    else:
        first = head.split(eol.encode())[0].decode("utf-8", "replace")
    counts = {s: first.count(s) for s in SEPARATORS}
    return "," if counts[","] else max(counts, key=lambda s: counts[s])


def _csv_columns(file: File, separator: str, eol: str) -> tuple[str, ...]:
    try:
        lazy = pl.scan_csv(file.path, infer_schema=False, separator=separator, eol_char=eol)
        names = lazy.collect_schema().names()
        head = head_of(file)
        only_header = head and len(head) < 65_536 and not head.split(eol.encode(), 1)[-1].strip()
    except pl.exceptions.NoDataError as error:
        raise DataProblem(
            "empty-file", f"{file.name}: there is nothing in it", "check the export"
        ) from error
    except (pl.exceptions.PolarsError, OSError) as error:
        if source_line := head_of(file):
            names = _plain_header(source_line, separator, eol)
            return tuple(names)
        raise DataProblem(
            "broken-csv", f"{file.name}: cannot be read as CSV: {_first_line(error)}",
            "check the export",
        ) from error  # fmt: skip
    if only_header or (head and eol.encode() not in head):
        raise DataProblem(
            "no-rows", f"{file.name}: there is a header, but no rows below it", "check the export"
        )
    return tuple(names)


def _plain_header(head: bytes, separator: str, eol: str) -> list[str]:
    """The header of a file that breaks further down; the reader of its rows will say where."""
    line = head.split(eol.encode())[0].decode("utf-8-sig", "replace").rstrip("\r")
    return [name.strip('"') for name in line.split(separator)]


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
