"""Private copies of what can be read but once: they go when the program does."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from pathlib import Path
from typing import BinaryIO

from adoptcli import temporary
from adoptcli.errors import DataProblem, OutputProblem

PATIENCE = 10.0  # seconds for somebody to begin to write into a pipe
MAGIC = {b"\x1f\x8b": ".gz", b"\x28\xb5\x2f\xfd": ".zst"}


def spool(stream: BinaryIO, ends: str, tmp: Path | None, first: bytes = b"") -> tuple[Path, bytes]:
    """A stream as a file, since reading takes more than one look; its name tells how it is packed.

    Args:
        stream: The stream.
        ends: What the file's name is to end in.
        tmp: The folder for it.
        first: What has been read of the stream.

    Returns:
        The file, and its first bytes.
    """
    path = temporary.folder(tmp) / f"spooled{ends}"
    if hasattr(signal, "siginterrupt"):
        signal.siginterrupt(signal.SIGINT, True)  # Polars' handler would have the read go on
    with path.open("wb") as target:
        target.write(first)
        shutil.copyfileobj(stream, target, 1 << 20)
    with path.open("rb") as source:
        head = source.read(4096)
    for magic, suffix in MAGIC.items():
        if head.startswith(magic) and not ends.endswith(suffix):
            path = path.rename(f"{path}{suffix}")
    return path, head


def piped(path: Path, name: str, tmp: Path | None) -> Path:
    """What somebody writes into a named pipe, as a file.

    Raises:
        DataProblem: Nobody does.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(handle, "rb", buffering=0) as stream:
        until = time.monotonic() + PATIENCE
        while (first := stream.read(1 << 16)) == b"" and time.monotonic() < until:
            time.sleep(0.02)  # None is read where somebody is about to write
        if first == b"":
            raise DataProblem(
                "nobody-writes", f"{name}: nobody writes into this pipe",
                "begin to write at the same time, or pipe the export into adoptcli … -",
            )  # fmt: skip
        os.set_blocking(handle, True)
        return spool(stream, ending(name), tmp, first or b"")[0]


def enough_room(folder: Path, size: int, name: str) -> None:
    """Raise OutputProblem where so many bytes do not fit."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise no_space(name, f"{size / 1e9:,.1f} GB are needed, {free / 1e9:,.1f} GB free")


def no_space(name: str, why: str) -> OutputProblem:
    """The problem that copies do not fit."""
    return OutputProblem(
        "no-space", f"{name}: no space for a copy: {why}", "name another folder with --tmp"
    )


def ending(name: str) -> str:
    """What a file's name ends in, as far as that tells its kind and packing."""
    found = re.search(r"(\.\w{1,10}){1,2}$", name)
    return found[0] if found else ""
