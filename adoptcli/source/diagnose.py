"""Where a CSV file breaks: a slow second look, only after the fast one has failed."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from adoptcli import temporary
from adoptcli.errors import FULL, AdoptError, DataProblem, OutputProblem
from adoptcli.source import oddities
from adoptcli.source.addresses import is_remote, plain, problem
from adoptcli.source.files import File, among, lines_of
from adoptcli.source.lists import no_list, unlisted
from adoptcli.source.scan import Scan

WAY_OUT = (
    "mend the line, or set 'on_bad_lines: reject' in the YAML's source to set such lines aside"
)


def broken(scans: list[Scan], error: BaseException) -> AdoptError:
    """The problem behind a failed read, with file and line where they can be found."""
    if any(os.strerror(code) in str(error) for code in FULL):  # Polars tells no number
        text = "no space for temporary files"
        return OutputProblem("no-space", text, "name another folder with --tmp")
    if isinstance(error, pl.exceptions.PanicException):
        if "llocat" in str(error):
            return DataProblem("out-of-memory", "out of memory", "--shards 8 needs an eighth of it")
        names = among([file.name for scan in scans for file in scan.files])
        return DataProblem(
            "damaged-data", f"{names}: the data are damaged", "fetch the export again"
        )
    for scan in scans:
        if scan.kind in ("csv", "tsv"):
            for file in scan.files:
                for number, reason, _ in bad_lines(file, scan):
                    return DataProblem("broken-csv", f"{file.name}:{number}: {reason}", WAY_OUT)
        elif scan.kind == "ndjson":
            for file in scan.files:
                if found := oddities.broken(file):
                    return found
                if scan.explode and (number := unlisted(scan.explode, file)):
                    return no_list(scan.explode, file, number)
        elif is_remote(scan.files[0].path) and (refused := problem(error, scan.files[0].name)):
            return refused
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DataProblem(
        "unreadable-data", f"the data cannot be read: {plain(text)}", "check the export"
    )


def _records(file: File, eol: str, quote: bytes) -> Iterator[tuple[int, bytes]]:
    """Records (lines, joined while a quote is open) with the number of their first line."""
    pending, start = b"", 0
    lines = lines_of(file) if eol == "\n" else (
        piece + b"\n" for whole in lines_of(file) for piece in whole.split(b"\r")
    )  # fmt: skip
    for number, line in enumerate(lines, 1):
        if not pending:
            start = number
        pending += line
        if not quote or pending.count(quote) % 2 == 0:
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
    for number, record in _records(file, scan.eol, scan.quote.encode()):
        yield number, record, _wrong(record, scan.separator, scan.quote, width)


def _wrong(record: bytes, separator: str, quote: str, width: int) -> str:
    if quote and record.count(quote.encode()) % 2:
        return "a quote is opened and never closed"
    try:
        text = record.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "the text is not UTF-8"
    try:
        if not quote:
            rows = [text.rstrip("\r\n").split(separator)]
        else:
            rows = list(
                csv.reader(io.StringIO(text), delimiter=separator, strict=True, quotechar=quote)
            )
    except csv.Error as error:
        return str(error)
    if rows and len(rows[0]) > width:
        return f"{len(rows[0])} fields where the header has {width}"
    return ""


def without_bad_lines(scan: Scan, tmp: Path | None) -> tuple[Scan, list[tuple[str, int, str, str]]]:
    """The same files without their broken lines, as private temporary files, and those lines.

    Returns:
        The scan of the clean copies, and (file, line number, reason, text) of what was set aside.
    """
    clean, rejected = [], []
    for file in scan.files:
        handle, path = temporary.file(tmp, ".csv")
        with os.fdopen(handle, "wb") as target:
            for number, record, reason in judged(file, scan):
                if reason:
                    text = record.decode("utf-8", "replace").rstrip("\r\n")
                    rejected.append((file.name, number, reason, text))
                else:
                    target.write(record)
        clean.append(replace(file, path=str(path), kind="csv", origin=file))
    return replace(scan, files=tuple(clean), eol="\n"), rejected
