"""Where a CSV file breaks: a slow second look, only after the fast one has failed."""

from __future__ import annotations

import csv
import gzip
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from adoptcli.errors import DataProblem
from adoptcli.source.files import File
from adoptcli.source.scan import Scan

WAY_OUT = (
    "mend the line, or set 'on_bad_lines: reject' in the YAML's source to set such lines aside"
)


def broken(scans: list[Scan], error: BaseException) -> DataProblem:
    """The problem behind a failed read, with file and line where they can be found."""
    for scan in scans:
        if scan.kind in ("csv", "tsv"):
            for file in scan.files:
                for number, reason, _ in bad_lines(file, scan):
                    return DataProblem("broken-csv", f"{file.name}:{number}: {reason}", WAY_OUT)
        elif scan.kind == "ndjson":
            for file in scan.files:
                if number := _bad_json(file):
                    return DataProblem(
                        "broken-ndjson", f"{file.name}:{number}: this line is no JSON object",
                        "NDJSON has one object a line; mend or remove the line",
                    )  # fmt: skip
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DataProblem("unreadable-data", f"the data cannot be read: {text}", "check the export")


def _lines(file: File) -> Iterator[bytes]:
    if file.packed == ".gz":
        with gzip.open(file.path, "rb") as packed:
            yield from packed
    elif file.packed:
        frame = pl.read_csv(
            file.path, has_header=False, infer_schema=False, separator="\x01", quote_char=None
        )
        yield from ((line or "").encode() + b"\n" for line in frame.to_series(0))
    else:
        with Path(file.path).open("rb") as stream:
            yield from stream


def _records(file: File, eol: str) -> Iterator[tuple[int, bytes]]:
    """Records (lines, joined while a quote is open) with the number of their first line."""
    pending, start = b"", 0
    lines = _lines(file) if eol == "\n" else (
        piece + b"\n" for whole in _lines(file) for piece in whole.split(b"\r")
    )  # fmt: skip
    for number, line in enumerate(lines, 1):
        if not pending:
            start = number
        pending += line
        if pending.count(b'"') % 2 == 0:
            yield start, pending
            pending = b""
    if pending:
        yield start, pending


def bad_lines(file: File, scan: Scan) -> Iterator[tuple[int, str, bytes]]:
    """Line number, what is wrong, and the line itself, of every record that cannot be read."""
    for number, record, reason in judged(file, scan):
        if reason:
            yield number, reason, record


def judged(file: File, scan: Scan) -> Iterator[tuple[int, bytes, str]]:
    """Every record with what is wrong with it, or nothing."""
    width = len(scan.columns)
    for number, record in _records(file, scan.eol):
        yield number, record, _wrong(record, scan.separator, width)


def _wrong(record: bytes, separator: str, width: int) -> str:
    if record.count(b'"') % 2:
        return "a quote is opened and never closed"
    try:
        text = record.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "the text is not UTF-8"
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=separator, strict=True))
    except csv.Error as error:
        return str(error)
    if rows and len(rows[0]) > width:
        return f"{len(rows[0])} fields where the header has {width}"
    return ""


def _bad_json(file: File) -> int:
    import json

    for number, line in enumerate(_lines(file), 1):
        if not line.strip():
            continue
        try:
            good = isinstance(json.loads(line), dict)
        except ValueError:
            good = False
        if not good:
            return number
    return 0


def without_bad_lines(scan: Scan, tmp: Path | None) -> tuple[Scan, list[tuple[str, int, str, str]]]:
    """The same files without their broken lines, as private temporary files, and those lines.

    Returns:
        The scan of the clean copies, and (file, line number, reason, text) of what was set aside.
    """
    import atexit

    clean, rejected = [], []
    for file in scan.files:
        handle, path = tempfile.mkstemp(prefix="adoptcli-", suffix=".csv", dir=tmp)
        atexit.register(Path(path).unlink, missing_ok=True)
        with os.fdopen(handle, "wb") as target:
            for number, record, reason in judged(file, scan):
                if reason:
                    text = record.decode("utf-8", "replace").rstrip("\r\n")
                    rejected.append((file.name, number, reason, text))
                else:
                    target.write(record)
        clean.append(File(path, "csv", file.name))
    return Scan(tuple(clean), scan.columns, scan.separator, "\n", scan.hive), rejected
