"""Private copies of what can be read but once: they go when the program does."""

from __future__ import annotations

import re
import shutil
import signal
from pathlib import Path
from typing import BinaryIO

from adoptcli import temporary
from adoptcli.errors import OutputProblem

MAGIC = {b"\x1f\x8b": ".gz", b"\x28\xb5\x2f\xfd": ".zst"}


def spool(stream: BinaryIO, ends: str, tmp: Path | None) -> tuple[Path, bytes]:
    """A stream as a file, since reading takes more than one look; its name tells how it is packed.

    Returns:
        The file, and its first bytes.
    """
    path = temporary.folder(tmp) / f"spooled{ends}"
    if hasattr(signal, "siginterrupt"):
        signal.siginterrupt(signal.SIGINT, True)  # Polars' handler would have the read go on
    with path.open("wb") as target:
        shutil.copyfileobj(stream, target, 1 << 20)
    with path.open("rb") as source:
        head = source.read(4096)
    for magic, suffix in MAGIC.items():
        if head.startswith(magic) and not ends.endswith(suffix):
            path = path.rename(f"{path}{suffix}")
    return path, head


def enough_room(folder: Path, size: int, name: str) -> None:
    """Raise OutputProblem where so many bytes do not fit."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise no_space(name, f"{size / 1e9:,.1f} GB to fetch, {free / 1e9:,.1f} GB free")


def no_space(name: str, why: str) -> OutputProblem:
    """The problem that copies do not fit."""
    return OutputProblem(
        "no-space", f"{name}: no space for a copy: {why}", "name another folder with --tmp"
    )


def ending(name: str) -> str:
    """What a file's name ends in, as far as that tells its kind and packing."""
    found = re.search(r"(\.\w{1,10}){1,2}$", name)
    return found[0] if found else ""
