"""What the person named, as a list of files whose kind is known."""

from __future__ import annotations

import os
import sys
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from glob import glob, has_magic
from pathlib import Path, PurePath
from urllib.parse import unquote, urlsplit

from adoptcli import progress, temporary
from adoptcli.errors import FULL, DataProblem
from adoptcli.source import bombs, copies, delta, remote, walk, web
from adoptcli.source.addresses import CLOUDS, WEB, shown
from adoptcli.source.files import (
    MAGIC,
    PACKED,
    File,
    Kind,
    broken_archive,
    checked,
    head_of,
    kind_of,
    unreadable,
)
from adoptcli.source.folders import DELTA, Cut, Entry, data_files, part_of_table, recent

MANY_FIELDS = 50
SMALL = 1_000_000  # bytes of a Parquet file that one request fetches sooner than several its parts


@dataclass(frozen=True)
class Search:
    """How files are looked for.

    Attributes:
        base: Folder that relative names are relative to; the working directory where absent.
        kind: What the YAML says they are.
        tmp: Where standard input, archives and what is elsewhere are kept while they are read.
        notes: What is skipped is said here.
        cut: What is too old to be read, and counted here.
    """

    base: Path | None = None
    kind: Kind | None = None
    tmp: Path | None = None
    notes: list[str] = field(default_factory=list)
    cut: Cut | None = None


def expand(paths: Sequence[str], search: Search) -> list[File]:
    """The files that names, folders, archives, globs, addresses and `-` mean, each once, in order.

    Raises:
        DataProblem: A name stands for nothing, or for something that cannot be read.
        OutputProblem: There is no space for a copy.
        UsageProblem: A package is missing.
    """
    found = [file for path in paths for file in _expand(path, search)]
    return list({file.path: file for file in found}.values())


def _expand(path: str, search: Search) -> list[File]:
    if path == "-":
        return [_stdin(search)]
    if path.lower().startswith(CLOUDS):
        return _cloud(path, search)
    if path.lower().startswith(WEB):
        return _web(path, search)
    full = Path(path).expanduser()
    if search.base is not None and not full.is_absolute():
        full = search.base / full
    try:
        if full.is_dir():
            return _folder(full, path, search)
        if full.exists():
            return _one(full, path, search)
        return _glob(full, path, search)
    except OSError as error:  # what may not be looked at, or is gone by now
        if error.errno in FULL:
            raise
        raise unreadable(path, error) from error


def _glob(full: Path, name: str, search: Search) -> list[File]:
    matches = sorted(glob(str(full), recursive=True))  # noqa: PTH207
    walk.no_closed(full)
    if not matches:
        raise _missing(full, name)
    folder = next((p for p in full.parents if not has_magic(str(p))), Path())
    _outside_tables([Path(path) for path in matches], name)
    found = [
        Entry.of(path.relative_to(folder), size)
        for path in map(Path, matches)
        if (size := walk.size_of(path, str(path), search.notes)) is not None
    ]
    return [
        file
        for e in recent(found, search.cut)
        for file in _one(folder / e.within, str(folder / e.within), search, e.folders)
    ]


def _one(
    path: Path, name: str, search: Search, folders: tuple[str, ...] | None = None
) -> list[File]:
    """A file, or those in it where it is an archive."""
    if what := walk.special(path.stat().st_mode):
        return _special(path, name, search, what)
    if not is_archive(path):
        return [checked(str(path), name, search.kind, folders)]
    return _folder(_unpacked(path, name, search.tmp), name, search)


def _special(path: Path, name: str, search: Search, what: str) -> list[File]:
    """What somebody writes into a pipe."""
    if what != "a pipe":
        raise DataProblem(
            "no-file", f"{name}: this is {what}, not a file", "- reads standard input"
        )
    return _one(copies.piped(path, name, search.tmp), name, search)


def is_archive(path: Path) -> bool:
    """Whether a file is a ZIP archive, by its first bytes."""
    try:
        with path.open("rb") as stream:
            return stream.read(4) == b"PK\x03\x04"
    except OSError:
        return False


def _unpacked(path: Path, name: str, tmp: Path | None) -> Path:
    """The members of an archive in a private folder that goes when the program does."""
    folder = temporary.folder(tmp)
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
            bombs.refuse(name, path.stat().st_size, size)
            copies.enough_room(folder, size, name)
            archive.extractall(folder)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise broken_archive(name, error) from error
    except OSError as error:
        if error.errno in FULL:
            raise copies.no_space(name, str(error.strerror)) from error
        raise broken_archive(name, error) from error
    return folder


def _folder(folder: Path, name: str, search: Search) -> list[File]:
    """The data files below a folder, or those of the Delta table that it is."""
    if (folder / DELTA).is_dir():
        inside = _of_table(str(folder), name, search)
    else:
        _outside_tables([folder], name)
        inside = _inside(folder, name, search)
    return [
        checked(str(folder / e.within), str(PurePath(name) / e.within), search.kind, e.folders)
        for e in inside
    ]


def _outside_tables(paths: Sequence[Path], name: str) -> None:
    """Stop where a folder around one of them is a Delta table."""
    around = {parent for path in paths for parent in path.absolute().parents}
    if any(os.path.isdir(parent / DELTA) for parent in around):  # noqa: PTH112 - closed ones are none
        raise part_of_table(name)


def _inside(folder: Path, name: str, search: Search) -> list[Entry]:
    found = walk.below(folder, name, search.notes)

    def looks(entry: Entry) -> bool:
        return _looks_like_data(folder / entry.within)

    return data_files(found, name, search.kind, looks, search.notes, search.cut)


def _of_table(table: str, name: str, search: Search) -> list[Entry]:
    """The files of a Delta table that are read."""
    return data_files(
        delta.files(table, name), name, "parquet", lambda entry: True, search.notes, search.cut
    )


def _cloud(address: str, search: Search) -> list[File]:
    """What lies at an address: large Parquet as it stands, all else as private copies."""
    place = remote.Place.of(address)
    if kind_of(place.key) == "parquet" and not has_magic(place.key) and not remote.installed():
        return [File(place.name, "parquet", place.name)]
    progress.step(progress.FETCHING)
    found = remote.find(place)
    if found.single:
        return _single(place, found, search)
    if any(e.folders[:1] == (DELTA,) for e in found.entries) and not has_magic(place.key):
        inside = _of_table(address.rstrip("/"), address, search)
    else:
        inside = data_files(
            found.entries, address, search.kind, lambda entry: _nameless(entry.within),
            search.notes, search.cut,
        )  # fmt: skip
    near = [e for e in inside if not _in_place(e, search)]
    paths = dict(zip(near, remote.fetch(place, found.prefix, near, search.tmp), strict=True))
    made = []
    for entry in inside:
        name = f"{place.root}/{found.prefix}{entry.within}"
        path = paths.get(entry)
        if path is None:
            made.append(File(name, "parquet", name, entry.folders))
        elif kind_of(entry.within.name) or search.kind or _looks_like_data(path):
            made.append(checked(str(path), name, search.kind, entry.folders))
    return made


def _single(place: remote.Place, found: remote.Found, search: Search) -> list[File]:
    (entry,) = found.entries
    if _in_place(entry, search):
        return [File(place.name, "parquet", place.name)]
    if not entry.size:
        raise DataProblem("empty-file", f"{place.name}: the file is empty", "check the export")
    (path,) = remote.fetch(place, found.prefix, [entry], search.tmp)
    return _one(path, place.name, search)


def _in_place(entry: Entry, search: Search) -> bool:
    kind = search.kind or kind_of(entry.within.name)
    return kind == "parquet" and entry.size > SMALL


def _web(address: str, search: Search) -> list[File]:
    name, path = shown(address), unquote(urlsplit(address).path)
    progress.step(progress.FETCHING)
    if (search.kind or kind_of(path)) == "parquet" and web.in_place(address):
        return [File(address, "parquet", name)]
    return _one(web.fetch(address, search.tmp), name, search)


def _nameless(path: PurePath) -> bool:
    """Whether a file's name tells nothing of its kind."""
    return path.suffix.lower() in ("", *PACKED)


def _looks_like_data(path: Path) -> bool:
    """Whether a file whose name tells nothing holds Parquet, JSON objects or many fields a line."""
    if not _nameless(path):
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


def _stdin(search: Search) -> File:
    if sys.stdin is None:
        raise DataProblem("no-input", "standard input is closed", "pipe the export into it")
    path, head = copies.spool(sys.stdin.buffer, "", search.tmp)
    if not head:
        raise DataProblem("empty-file", "standard input is empty", "pipe the export into it")
    return checked(str(path), "standard input", search.kind)


def _missing(full: Path, name: str) -> DataProblem:
    siblings = [p.name for p in full.parent.iterdir()] if full.parent.is_dir() else []
    near = get_close_matches(full.name, siblings, 1)
    hint = f"did you mean {near[0]!r}?" if near else "check the path"
    return DataProblem("no-such-file", f"{name}: there is no such file", hint)
