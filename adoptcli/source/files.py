"""What the person named, as a list of files whose kind is known."""

from __future__ import annotations

import atexit
import gzip
import json
import os
import shutil
import signal
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from glob import glob
from pathlib import Path
from typing import BinaryIO, Literal

import polars as pl

from adoptcli.errors import DataProblem, OutputProblem

Kind = Literal["csv", "tsv", "ndjson", "parquet", "avro"]

KINDS: dict[str, Kind] = {
    ".csv": "csv", ".txt": "csv", ".tsv": "tsv", ".tab": "tsv", ".ndjson": "ndjson",
    ".jsonl": "ndjson", ".json": "ndjson", ".parquet": "parquet", ".pq": "parquet",
    ".avro": "avro",
}  # fmt: skip
MAGIC: dict[bytes, Kind] = {b"PAR1": "parquet", b"Obj\x01": "avro"}
MANY_FIELDS = 50
PACKED = (".gz", ".zst", ".zstd")
REMOTE = ("s3://", "gs://", "gcs://", "az://", "abfs://", "abfss://", "https://", "http://")


@dataclass(frozen=True)
class File:
    """One file: where it is, what it is, how it is called in messages.

    Attributes:
        root: The folder that was named, where the file was found inside one; folders between the
            two called `key=value` are columns.
        origin: The file that was named, where this is what it was turned into.
    """

    path: str
    kind: Kind
    name: str
    root: str | None = None
    origin: File | None = None

    @property
    def packed(self) -> str:
        """`.gz`, `.zst` or nothing."""
        suffix = Path(self.path).suffix.lower()
        return suffix if suffix in PACKED else ""


def expand(
    paths: Sequence[str], base: Path | None, kind: Kind | None, tmp: Path | None,
    notes: list[str] | None = None,
) -> list[File]:  # fmt: skip
    """The files that names, folders, archives, globs and `-` stand for, each once, in order.

    Args:
        paths: As the person gave them.
        base: Folder that relative names are relative to; the working directory where absent.
        kind: What the YAML says they are.
        tmp: Where standard input and archives are kept while they are read.
        notes: What is skipped is said here.

    Raises:
        DataProblem: A name stands for nothing, or for something that cannot be read.
    """
    found: list[File] = []
    for path in paths:
        found += _expand(path, base, kind, tmp, [] if notes is None else notes)
    return list({file.path: file for file in found}.values())


def _expand(
    path: str, base: Path | None, kind: Kind | None, tmp: Path | None, notes: list[str]
) -> list[File]:
    if path == "-":
        if sys.stdin is None:
            raise DataProblem("no-input", "standard input is closed", "pipe the export into it")
        return [spool(sys.stdin.buffer, kind, tmp)]
    if path.startswith(REMOTE):
        return [File(path, kind or _kind_of(path) or "parquet", path)]
    full = Path(path).expanduser()
    if base is not None and not full.is_absolute():
        full = base / full
    if full.is_dir():
        return _folder(full, path, kind, notes)
    if full.exists():
        return _one(full, path, kind, tmp, notes)
    matches = sorted(glob(str(full), recursive=True))  # noqa: PTH207
    if not matches:
        raise _missing(full, path)
    inside = [m for m in matches if Path(m).is_file()]
    return [file for m in inside for file in _one(Path(m), m, kind, tmp, notes)]


def _one(
    path: Path, name: str, kind: Kind | None, tmp: Path | None, notes: list[str]
) -> list[File]:
    """A file, or those in it where it is an archive."""
    if not is_archive(path):
        return [_file(str(path), name, kind, None)]
    folder = _unpacked(path, name, tmp)
    return _folder(folder, name, kind, notes)


def is_archive(path: Path) -> bool:
    """Whether a file is a ZIP archive, by its first bytes."""
    try:
        with path.open("rb") as stream:
            return stream.read(4) == b"PK\x03\x04"
    except OSError:
        return False


def _unpacked(path: Path, name: str, tmp: Path | None) -> Path:
    """The members of an archive in a private folder that goes when the program does."""
    folder = tempfile.mkdtemp(prefix="adoptcli-", dir=tmp)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise DataProblem(
            "broken-archive", f"{name}: cannot be unpacked: {error}", "fetch the export again"
        ) from error
    except OSError as error:
        raise OutputProblem(
            "no-space", f"{name}: cannot be unpacked: {error.strerror}",
            "name another folder with --tmp",
        ) from error  # fmt: skip
    return Path(folder)


def _folder(folder: Path, name: str, kind: Kind | None, notes: list[str]) -> list[File]:
    """The data files below a folder; those that are empty or tell of the others are left out."""
    inside = sorted(
        p
        for p in folder.rglob("*")
        if p.is_file()
        and not any(part.startswith((".", "_")) for part in p.relative_to(folder).parts)
        and (_kind_of(p.name) or kind or _looks_like_data(p))
    )
    aside = [p for p in inside if not p.stat().st_size or _is_manifest(p.relative_to(folder))]
    if aside and len(aside) < len(inside):
        notes.append(_skipped(aside, name))
        inside = [p for p in inside if p not in aside]
    if not inside:
        raise DataProblem(
            "no-data-files",
            f"{name}: the folder holds no data files",
            f"event files end in {', '.join(KINDS)}, with .gz or .zst",
        )
    called = {p: str(Path(name) / p.relative_to(folder)) for p in inside}
    return [_file(str(p), called[p], kind, str(folder)) for p in inside]


def _is_manifest(path: Path) -> bool:
    return any(part.lower().startswith("manifest") for part in path.parts)


def _skipped(paths: Sequence[Path], name: str) -> str:
    more = f" and {len(paths) - 1:,} more" if len(paths) > 1 else ""
    return f"skipped in {name}: {paths[0].name}{more}, without rows"


def _looks_like_data(path: Path) -> bool:
    """Whether a file whose name tells nothing holds Parquet, JSON objects or many fields a line."""
    if path.suffix.lower() not in ("", *PACKED):
        return False
    try:
        head = head_of(File(str(path), "csv", path.name), 4096)
    except DataProblem:
        return False
    start = b"".join(head[:256].split())
    return start.startswith((*MAGIC, b"{", b"[{")) or _many_fields(head)


def _many_fields(head: bytes) -> bool:
    """Whether the first line has so many tabs that it is no prose."""
    return head.split(b"\n", 1)[0].count(b"\t") >= MANY_FIELDS


def _kind_of(name: str) -> Kind | None:
    path = Path(name.lower())
    if path.suffix in PACKED:
        path = path.with_suffix("")
    return KINDS.get(path.suffix)


def _file(path: str, name: str, kind: Kind | None, root: str | None) -> File:
    """The file with its kind, after a look that it can be read and is not empty."""
    try:
        size = Path(path).stat().st_size
        with Path(path).open("rb") as stream:
            head = stream.read(4096)
    except OSError as error:
        raise DataProblem(
            "unreadable-file", f"{name}: cannot be read: {error.strerror}", "check its permissions"
        ) from error
    if not size:
        raise DataProblem("empty-file", f"{name}: the file is empty", "check the export")
    packed = Path(path).suffix.lower() in PACKED
    inner = top_of(File(path, "csv", name)) if packed and not _kind_of(path) else head
    guessed = kind or _kind_of(path) or _sniff(inner)
    if path.lower().endswith(".txt") and kind is None and head.lstrip().startswith(b"{"):
        guessed = "ndjson"
    file = File(path, guessed, name, root)
    if guessed not in MAGIC.values():
        _not_rubbish(file)
    elif guessed == "parquet" and not head.startswith(b"PAR1"):
        raise DataProblem(
            "not-parquet", f"{name}: this is no Parquet file", "name its format in source.format"
        )
    return file


def _sniff(head: bytes) -> Kind:
    """The kind of a file whose name says nothing."""
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            return kind
    if head.lstrip().startswith((b"{", b"[")):
        return "ndjson"
    return "tsv" if b"\t" in head.split(b"\n")[0] else "csv"


def head_of(file: File, size: int = 65_536) -> bytes:
    """The first bytes of a file, unpacked; nothing for what cannot be looked into cheaply."""
    if file.path.startswith(REMOTE) or file.packed in (".zst", ".zstd"):
        return b""
    try:
        if file.packed == ".gz":
            with gzip.open(file.path, "rb") as stream:
                return stream.read(size)
        with Path(file.path).open("rb") as stream:
            return stream.read(size)
    except (OSError, EOFError, zlib.error) as error:
        raise DataProblem(
            "broken-archive", f"{file.name}: cannot be unpacked: {error}", "fetch the export again"
        ) from error


def top_of(file: File) -> bytes:
    """The first bytes, unpacked; of zstd the first two lines, however long."""
    if file.packed not in (".zst", ".zstd") or file.path.startswith(REMOTE):
        return head_of(file)
    try:
        lines = pl.scan_lines(file.path, n_rows=2).collect().to_series(0)
    except (pl.exceptions.PolarsError, OSError):
        return b""  # who reads it will say
    return "\n".join(line or "" for line in lines).encode()


def size_of(file: File) -> int:
    """About how many bytes there are to read, unpacked; of what is elsewhere, many."""
    if file.path.startswith(REMOTE):
        return 1 << 40
    return Path(file.path).stat().st_size * (10 if file.packed else 1)


def lines_of(file: File) -> Iterator[bytes]:
    """The lines of a text file, unpacked; slow, for those who must look at each."""
    if file.packed == ".gz":
        with gzip.open(file.path, "rb") as packed:
            yield from packed
    elif file.packed:
        try:
            for lines in pl.scan_lines(file.path).collect_batches(chunk_size=10_000):
                yield from ((line or "").encode() + b"\n" for line in lines.to_series(0))
        except (pl.exceptions.ComputeError, OSError) as error:
            raise DataProblem(
                "broken-archive", f"{file.name}: cannot be unpacked: {error}",
                "fetch the export again",
            ) from error  # fmt: skip
    else:
        with Path(file.path).open("rb") as stream:
            yield from stream


def broken_json(file: File) -> int:
    """The number of the first line that is no JSON object; 0 where all are."""
    for number, line in enumerate(lines_of(file), 1):
        if not line.strip():
            continue
        try:
            good = isinstance(json.loads(line), dict)
        except ValueError:
            good = False
        if not good:
            return number
    return 0


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


def spool(stream: BinaryIO, kind: Kind | None, tmp: Path | None) -> File:
    """Standard input as a private temporary file, since reading takes more than one look."""
    handle, path = tempfile.mkstemp(prefix="adoptcli-", suffix=".stdin", dir=tmp)
    atexit.register(Path(path).unlink, missing_ok=True)
    if hasattr(signal, "siginterrupt"):
        signal.siginterrupt(signal.SIGINT, True)  # Polars' handler would have the read go on
    with os.fdopen(handle, "wb") as target:
        shutil.copyfileobj(stream, target, 1 << 20)
    with Path(path).open("rb") as source:
        head = source.read(4096)
    if not head:
        raise DataProblem("empty-file", "standard input is empty", "pipe the export into it")
    for magic, suffix in ((b"\x1f\x8b", ".gz"), (b"\x28\xb5\x2f\xfd", ".zst")):
        if head.startswith(magic):
            packed = path + suffix
            Path(path).rename(packed)
            atexit.register(Path(packed).unlink, missing_ok=True)
            inner = top_of(File(packed, "csv", "-"))
            return File(packed, kind or _sniff(inner), "standard input")
    file = File(path, kind or _sniff(head), "standard input")
    if file.kind not in MAGIC.values():
        _not_rubbish(file)
    return file


def _missing(full: Path, name: str) -> DataProblem:
    siblings = [p.name for p in full.parent.iterdir()] if full.parent.is_dir() else []
    near = get_close_matches(full.name, siblings, 1)
    hint = f"did you mean {near[0]!r}?" if near else "check the path"
    return DataProblem("no-such-file", f"{name}: there is no such file", hint)
