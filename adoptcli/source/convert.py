"""Files that cannot be read as they stand, as private temporary files that can."""

from __future__ import annotations

import codecs
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import polars as pl

from adoptcli import temporary
from adoptcli.errors import FULL, DataProblem, OutputProblem
from adoptcli.source import avro, spread
from adoptcli.source.addresses import is_remote
from adoptcli.source.files import File, broken_archive, lines_of, opened, top_of
from adoptcli.source.steady import steady

PIECE = 1 << 22


def readable(files: Sequence[File], tmp: Path | None) -> list[File]:
    """The same files; JSON arrays and objects over several lines as one object a line, Avro as
    Parquet, a file for every so many rows.

    Raises:
        DataProblem: A file is broken.
        OutputProblem: There is no space for temporary files.
    """
    return [made for file in files for made in _readable(file, tmp)]


def _readable(file: File, tmp: Path | None) -> Iterable[File]:
    if is_remote(file.path):
        return [file]
    if file.kind == "avro":
        return _from_avro(file, tmp)
    if file.kind == "ndjson" and spread.is_spread(top_of(file)):
        return [_flat(file, tmp)]
    return [file]


def _flat(file: File, tmp: Path | None) -> File:
    """Its objects, one a line; a file that may have one a line but for a broken one as it was."""
    array = top_of(file).removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"[")
    path = private(".ndjson", tmp)
    try:
        with steady([file]), _written(path, file), path.open("wb") as target:
            target.writelines(spread.one_a_line(_pieces(file), file.name))
    except DataProblem as error:
        if array or error.slug != "broken-json":
            raise
        path.unlink()
        return file
    return replace(file, path=str(path), kind="ndjson", origin=file)


def _pieces(file: File) -> Iterator[bytes]:
    if file.packed in (".zst", ".zstd"):
        yield from lines_of(file)
        return
    with opened(file) as stream:
        while piece := stream.read(PIECE):
            yield piece


def _from_avro(file: File, tmp: Path | None) -> Iterator[File]:
    with steady([file]), opened(file) as stream:
        frames = avro.frames(stream, file.name)
        while True:
            path = private(".parquet", tmp)
            with _written(path, file):
                frame = next(frames, None)
                if frame is None:
                    path.unlink()
                    return
                frame.write_parquet(path, compression="lz4")
            yield replace(file, path=str(path), kind="parquet", origin=file)


def private(suffix: str, tmp: Path | None) -> Path:
    """An empty file of our own that goes when the program does."""
    handle, path = temporary.file(tmp, suffix)
    os.close(handle)
    return path


@contextmanager
def _written(path: Path, file: File) -> Iterator[None]:
    """What can go wrong while a file is converted, in words."""
    try:
        yield
    except (OSError, EOFError, zlib.error, pl.exceptions.ComputeError) as error:
        if getattr(error, "errno", None) in FULL:
            raise OutputProblem(
                "no-space", f"{file.name}: cannot be unpacked: no space for temporary files",
                "name another folder with --tmp",
            ) from error  # fmt: skip
        raise broken_archive(file.name, error) from error
