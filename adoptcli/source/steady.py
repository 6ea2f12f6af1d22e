"""Files must stay as they are while they are read, since reading takes more than one look.

A log that is only appended to is read up to where it ended at the first look; of everything else
that changes nothing is told but that it did.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

from adoptcli import temporary
from adoptcli.errors import DataProblem
from adoptcli.source.files import File

TEXTS = ("csv", "tsv", "ndjson")
PIECE = 1 << 20


def steady(files: Iterable[File]) -> AbstractContextManager[None]:
    """What goes wrong while files are read that change is no fault of theirs.

    Raises:
        DataProblem: One of them has changed.
    """
    return unless(partial(changed, [*files]))


@contextmanager
def unless(found: Callable[[], DataProblem | None]) -> Iterator[None]:
    """The same for files of which `found` says what has become of them.

    Raises:
        DataProblem: One of them has changed.
    """
    try:
        yield
    except Exception as error:
        if problem := found():
            raise problem from error
        raise
    if problem := found():
        raise problem


def changed(files: Iterable[File]) -> DataProblem | None:
    """What to say where a file is not as it was at the first look."""
    for file in files:
        if how := _how(file):
            return of(file.name, how)
    return None


def of(name: str, how: str) -> DataProblem:
    """The problem that a file has changed."""
    return DataProblem(
        "file-changed", f"{name}: it changed while it was read: {how}",
        "run it again once it is whole; who writes it beside and renames it then is safe",
    )  # fmt: skip


def sizes(before: int, now: int) -> str:
    """How a file has changed."""
    return f"it had {before:,} bytes, and has {now:,}"


def _how(file: File) -> str:
    """What has become of a file; nothing where it is as it was, or a copy of ours is read."""
    if file.stamp is None or file.origin is not None:
        return ""
    try:
        if file.stamp.unchanged(Path(file.path)):
            return ""
        size = Path(file.path).stat().st_size
    except OSError as error:
        return f"it cannot be read any more: {error.strerror}"
    return sizes(file.stamp.size, size)


def as_begun(files: Sequence[File], tmp: Path | None) -> tuple[File, ...]:
    """The files, those that have grown as copies of what was there at the first look.

    Raises:
        OutputProblem: There is no space for a copy.
    """
    return tuple(_begun(file, tmp) if _grown(file) else file for file in files)


def _grown(file: File) -> bool:
    if file.stamp is None or file.origin is not None or file.packed or file.kind not in TEXTS:
        return False
    try:
        return file.stamp.grown(Path(file.path))
    except OSError:
        return False


def _begun(file: File, tmp: Path | None) -> File:
    """A copy without the line that was not yet whole."""
    assert file.stamp is not None
    (handle, path), left = temporary.file(tmp, f".{file.kind}"), file.stamp.size
    with Path(file.path).open("rb") as source, os.fdopen(handle, "w+b") as target:
        while left and (piece := source.read(min(PIECE, left))):
            left -= target.write(piece)
        target.truncate(_last_line(target, file.stamp.size - left))
    return replace(file, path=str(path), origin=file)


def _last_line(stream: BinaryIO, size: int) -> int:
    """Where the last whole line ends; the size where no line does."""
    end = size
    while end:
        begin = max(0, end - PIECE)
        stream.seek(begin)
        if (found := stream.read(end - begin).rfind(b"\n")) >= 0:
            return begin + found + 1
        end = begin
    return size
