"""How much a packed file unpacks to, by its beginning."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from adoptcli.source import bombs

USUAL = 10  # times its size, where nothing can be seen
ENOUGH = 1_000_000  # bytes, unpacked, of gzip
SHORT = 5_000_000  # bytes up to which an archive of zstd is unpacked as a whole
MOST = 64_000_000  # bytes that a beginning unpacks to before it is left at that
PIECE = 4096
_GZIP = 31  # its header, and the largest window


@dataclass(frozen=True)
class Beginning:
    """What was seen of a file.

    Attributes:
        packed: Bytes that were read; 0 where nobody knows how many.
        unpacked: Bytes that they became.
        lines: Those in them.
    """

    packed: int
    unpacked: int
    lines: int


def size(path: Path, seen: Beginning) -> int:
    """About how many bytes a file unpacks to; never less than were seen."""
    whole = path.stat().st_size
    known = seen.packed and seen.unpacked
    about = -(-whole * seen.unpacked // seen.packed) if known else whole * USUAL
    return max(about, seen.unpacked, bombs.told(path))


def beginning(path: Path) -> Beginning:
    """Look at the first bytes; at as many of them as can be unpacked."""
    pieces = _gzip if path.suffix.lower() == ".gz" else _zstd
    packed = unpacked = lines = 0
    for packed, more, some in pieces(path):  # noqa: B007
        unpacked, lines = unpacked + more, lines + some
        if unpacked >= (ENOUGH if pieces is _gzip else MOST):
            break
    return Beginning(packed, unpacked, lines)


def _gzip(path: Path) -> Iterator[tuple[int, int, int]]:
    """Piece by piece: bytes read until then, bytes it became, lines in them."""
    member, read = zlib.decompressobj(_GZIP), 0
    with path.open("rb") as stream:
        while piece := stream.read(PIECE):
            read += len(piece)
            while piece:
                try:
                    text = member.decompress(piece)
                except zlib.error:  # who reads it will say
                    return
                yield read, len(text), max(text.count(b"\n"), text.count(b"\r"))
                piece = member.unused_data
                if member.eof:
                    member = zlib.decompressobj(_GZIP)


def _zstd(path: Path) -> Iterator[tuple[int, int, int]]:
    """The same; how far it was read is known at the end only, if the file is short enough."""
    with path.open("rb") as stream:
        start = stream.read(SHORT + 1)
    try:
        for lines in pl.scan_lines(io.BytesIO(start)).collect_batches(chunk_size=10_000):
            size = int(lines.to_series(0).str.len_bytes().sum()) + lines.height
            yield 0, size, lines.height
    except (pl.exceptions.PolarsError, OSError):  # it ends within a frame
        return
    yield len(start), 0, 0
