"""One file: what kind it is, and its first bytes and lines."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import polars as pl

from adoptcli.errors import DataProblem
from adoptcli.source import bombs, packed
from adoptcli.source.addresses import is_remote, located
from adoptcli.source.stamp import Stamp

Kind = Literal["csv", "tsv", "ndjson", "parquet", "avro"]

KINDS: dict[str, Kind] = {
    ".csv": "csv", ".txt": "csv", ".tsv": "tsv", ".tab": "tsv", ".ndjson": "ndjson",
    ".jsonl": "ndjson", ".json": "ndjson", ".parquet": "parquet", ".pq": "parquet",
    ".avro": "avro",
}  # fmt: skip
MAGIC: dict[bytes, Kind] = {b"PAR1": "parquet", b"Obj\x01": "avro"}
FAILURES = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
"""What reading may end in: Polars says no, is overwhelmed by damaged data, or has no access."""

PACKED = (".gz", ".zst", ".zstd")


@dataclass(frozen=True)
class File:
    """One file: where it is, what it is, how it is called in messages.

    Attributes:
        path: On this machine, or the address of Parquet that is read where it lies.
        folders: Those between the folder that was named and the file, where it was found inside
            one; those called `key=value` are columns.
        origin: The file that was named, where this is what it was turned into.
        stamp: What it was like at the first look.
    """

    path: str
    kind: Kind
    name: str
    folders: tuple[str, ...] | None = None
    origin: File | None = None
    stamp: Stamp | None = None

    @property
    def packed(self) -> str:
        """`.gz`, `.zst` or nothing."""
        suffix = Path(self.path).suffix.lower()
        return suffix if suffix in PACKED else ""


def kind_of(name: str) -> Kind | None:
    """The kind that a file's name tells."""
    path = Path(name.lower())
    if path.suffix in PACKED:
        path = path.with_suffix("")
    return KINDS.get(path.suffix)


def checked(
    path: str, name: str, kind: Kind | None, folders: tuple[str, ...] | None = None
) -> File:
    """The file with its kind, after a look that it can be read and is not empty."""
    try:
        with Path(path).open("rb") as stream:
            stamp = Stamp.of(stream)
            stream.seek(0)
            head = stream.read(4096)
    except OSError as error:
        raise unreadable(name, error) from error
    if not stamp.size:
        raise DataProblem("empty-file", f"{name}: the file is empty", "check the export")
    is_packed = Path(path).suffix.lower() in PACKED
    if is_packed:
        bombs.refuse(name, stamp.size, bombs.told(Path(path)))
    inner = top_of(File(path, "csv", name)) if is_packed and not kind_of(path) else head
    guessed = kind or kind_of(path) or sniff(inner)
    if path.lower().endswith(".txt") and kind is None and head.lstrip().startswith(b"{"):
        guessed = "ndjson"
    file = File(path, guessed, name, folders, stamp=stamp)
    if guessed not in MAGIC.values():
        _not_rubbish(file)
    elif guessed == "parquet" and not head.startswith(b"PAR1"):
        raise DataProblem(
            "not-parquet", f"{name}: this is no Parquet file", "name its format in source.format"
        )
    return file


def unreadable(name: str, error: OSError) -> DataProblem:
    """The problem that something cannot be looked into."""
    if isinstance(error, FileNotFoundError):
        text = f"{name}: it is not there, or a link that leads nowhere"
        return DataProblem("no-such-file", text, "mend or remove it")
    return DataProblem(
        "unreadable-file", f"{name}: cannot be read: {error.strerror}", "check its permissions"
    )


def sniff(head: bytes) -> Kind:
    """The kind of a file whose name says nothing."""
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            return kind
    if head.removeprefix(codecs.BOM_UTF8).lstrip().startswith((b"{", b"[")):
        return "ndjson"
    return "tsv" if b"\t" in head.split(b"\n")[0] else "csv"


def opened(file: File) -> BinaryIO:
    """A file's bytes, unpacked; zstd cannot be unpacked so."""
    way: Callable[..., BinaryIO] = gzip.open if file.packed else open  # type: ignore[assignment]
    return way(file.path, "rb")


def broken_archive(name: str, error: BaseException) -> DataProblem:
    """The problem that a packed file cannot be unpacked."""
    return DataProblem(
        "broken-archive", f"{name}: cannot be unpacked: {error}", "fetch the export again"
    )


def among(names: Sequence[str]) -> str:
    """The first of some names, and how many more there are."""
    return names[0] + (f" and {len(names) - 1:,} more" if len(names) > 1 else "")


def head_of(file: File, size: int = 65_536) -> bytes:
    """The first bytes of a file, unpacked; nothing for what cannot be looked into cheaply."""
    if is_remote(file.path) or file.packed in (".zst", ".zstd"):
        return b""
    try:
        with opened(file) as stream:
            return stream.read(size)
    except (OSError, EOFError, zlib.error) as error:
        raise broken_archive(file.name, error) from error


def top_of(file: File) -> bytes:
    """The first bytes, unpacked; of zstd the first two lines, however long."""
    if file.packed not in (".zst", ".zstd") or is_remote(file.path):
        return head_of(file)
    try:
        lines = pl.scan_lines(located(file.path), n_rows=2).collect().to_series(0)
    except FAILURES:
        return b""  # who reads it will say
    return "\n".join(line or "" for line in lines).encode()


def size_of(file: File) -> int:
    """About how many bytes there are to read, unpacked; of what is elsewhere, many."""
    if is_remote(file.path):
        return 1 << 40
    path = Path(file.path)
    return packed.size(path, packed.beginning(path)) if file.packed else path.stat().st_size


def rows_of(file: File) -> int:
    """About how many rows a text file has, by the length of its first lines."""
    if file.packed and not is_remote(file.path):
        seen = packed.beginning(path := Path(file.path))
        return -(-packed.size(path, seen) * max(seen.lines, 1) // max(seen.unpacked, 1))
    head = head_of(file) or top_of(file)
    lines = max(head.count(b"\n"), head.count(b"\r"), 1)
    return -(-size_of(file) * lines // max(len(head), 1))


def lines_of(file: File) -> Iterator[bytes]:
    """The lines of a text file, unpacked; slow, for those who must look at each."""
    if file.packed in (".zst", ".zstd"):
        try:
            for lines in pl.scan_lines(located(file.path)).collect_batches(chunk_size=10_000):
                yield from ((line or "").encode() + b"\n" for line in lines.to_series(0))
        except (pl.exceptions.ComputeError, OSError) as error:
            raise broken_archive(file.name, error) from error
    else:
        try:
            with opened(file) as stream:
                yield from stream
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise broken_archive(file.name, error) from error


def _not_rubbish(file: File) -> None:
    head = head_of(file)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataProblem(
            "utf-16", f"{file.name}: the text is UTF-16, not UTF-8",
            f"convert it: iconv -f UTF-16 -t UTF-8 {file.name} > utf8.csv",
        )  # fmt: skip
    if b"\x00" in head or head.startswith(b"PK\x03\x04"):
        raise DataProblem(
            "binary-file", f"{file.name}: this is no text, but binary data",
            "give a CSV, TSV, JSON, Avro or Parquet file, plain or packed with gzip or zstd",
        )  # fmt: skip
