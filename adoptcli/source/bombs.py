"""Packed files that would unpack to far more than any log does."""

from __future__ import annotations

import os
from pathlib import Path

from adoptcli.errors import DataProblem

TIMES = 200  # of its own size; logs unpack to 5 to 50 times theirs
LARGE = 1_000_000_000  # bytes, below which it does no harm
_ZSTD = b"\x28\xb5\x2f\xfd"
_FIELDS = {0: 0, 1: 2, 2: 4, 3: 8}  # bytes that tell the size, by the flag in the frame's header
_IDS = {0: 0, 1: 1, 2: 2, 3: 4}


def refuse(name: str, packed: int, unpacked: int) -> None:
    """Raise DataProblem where so many bytes are said to become so many."""
    if unpacked > max(LARGE, TIMES * packed):
        raise DataProblem(
            "too-packed",
            f"{name}: its {packed:,} bytes would unpack to {unpacked:,}, which no log does",
            "if that is meant, unpack it and name what comes of it",
        )


def told(path: Path) -> int:
    """How many bytes a file of gzip or zstd says it unpacks to, as far as it says so; else 0."""
    with path.open("rb") as stream:
        head = stream.read(18)
        if head.startswith(b"\x1f\x8b"):
            stream.seek(-4, os.SEEK_END)
            return int.from_bytes(stream.read(4), "little")
    return _of_frame(head) if head.startswith(_ZSTD) and len(head) == 18 else 0


def _of_frame(head: bytes) -> int:
    """What the header of a zstd frame says."""
    flags = head[4]
    single = bool(flags & 0x20)
    size = _FIELDS[flags >> 6] or int(single)
    begin = 5 + (not single) + _IDS[flags & 3]
    found = int.from_bytes(head[begin : begin + size], "little")
    return found + 256 if size == 2 else found
