"""What a file was like when it was first looked at, so that a change is noticed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

PIECE = 4096


@dataclass(frozen=True)
class Stamp:
    """A file at one moment.

    Attributes:
        size: Its bytes.
        written: When it was last written to, in ns.
        place: Where it lies: another file of the same name lies elsewhere.
        ends: A checksum of its first and last bytes, as far as `size` goes.
    """

    size: int
    written: int
    place: tuple[int, int]
    ends: int

    @classmethod
    def of(cls, stream: BinaryIO, size: int | None = None) -> Stamp:
        """The stamp of an open file; with a size, that of its first bytes alone."""
        found = os.fstat(stream.fileno())
        size = found.st_size if size is None else size
        return cls(size, found.st_mtime_ns, (found.st_dev, found.st_ino), _ends(stream, size))

    def unchanged(self, path: Path) -> bool:
        """Whether the file is as it was. Some file systems give a file a new place now and then."""
        found = path.stat()
        return (found.st_size, found.st_mtime_ns) == (self.size, self.written)

    def grown(self, path: Path) -> bool:
        """Whether the same file has only become longer."""
        if path.stat().st_size <= self.size:
            return False
        with path.open("rb") as stream:
            now = Stamp.of(stream, self.size)
        return (now.place, now.ends) == (self.place, self.ends)


def _ends(stream: BinaryIO, size: int) -> int:
    stream.seek(0)
    found = crc32(stream.read(min(PIECE, size)))
    stream.seek(max(0, size - PIECE))
    return crc32(stream.read(min(PIECE, size)), found)
