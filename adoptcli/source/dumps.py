"""Heap's dumps in a bucket: which of them a later one of the same table replaces.

A dump is a folder `sync_ID` with a folder for each table. Its manifest beside, a JSON file that is
called `manifest…` or lies in a folder called so, says which tables it has whole; what earlier dumps
have of these does not count any more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from adoptcli.errors import DataProblem
from adoptcli.source import remote
from adoptcli.source.addresses import CLOUDS, is_remote
from adoptcli.source.files import File, among
from adoptcli.source.folders import is_manifest

_DUMP = re.compile(r"sync_(\d+)")


def latest(files: Sequence[File], notes: list[str], tmp: Path | None) -> list[File]:
    """The files without those that a later dump replaces; the notes say of them, and of doubts.

    Args:
        files: All files of a source.
        notes: What is skipped is said here.
        tmp: Where to keep manifests that are elsewhere.
    """
    places = {file: place for file in files if (place := _place(file))}
    if len({dump for dump, _ in places.values()}) < 2:
        return list(files)
    whole: dict[str, int] = {}
    told: set[int] = set()
    for root in sorted({root for file in places if (root := _root(file))}):
        for dump, table, replaces in _manifests(root, tmp):
            told.add(dump)
            if replaces:
                whole[table] = max(dump, whole.get(table, 0))
    gone = [file for file, (dump, table) in places.items() if dump < whole.get(table, 0)]
    if gone:
        notes.append(f"skipped: {among([file.name for file in gone])}, which later dumps replace")
    if unknown := sorted({dump for dump, _ in places.values()} - told):
        some = ", ".join(f"sync_{dump}" for dump in unknown[:3])
        notes.append(
            f"no manifest is there of {some}{' and more' if len(unknown) > 3 else ''}: if it has a "
            "table whole, leave out that table's earlier dumps yourself"
        )
    return [file for file in files if file not in set(gone)]


def _root(file: File) -> str:
    """The folder that holds the dumps, here or in a bucket; nothing of files of the web."""
    above = 2 if file.folders is None else len(file.folders)
    if not is_remote(file.name):
        return str(Path(file.path).parents[above])
    if not file.name.startswith(CLOUDS):
        return ""
    place = remote.Place.of(file.name)
    return f"{place.root}/{'/'.join(PurePosixPath(place.key).parts[: -1 - above])}"


def _place(file: File) -> tuple[int, str] | None:
    """Dump and table of a file `sync_ID/TABLE/…avro`."""
    if file.kind != "avro":
        return None
    path = file.name if is_remote(file.name) else file.path
    *_, dump, table, _ = ("", "", *Path(path).parts)
    match = _DUMP.fullmatch(dump)
    return (int(match[1]), table) if match else None


def _manifests(root: str, tmp: Path | None) -> Iterator[tuple[int, str, bool]]:
    """Dump, table, and whether the dump has the table whole."""
    for path in _fetched(root, tmp) if is_remote(root) else _beside(Path(root)):
        try:
            found = json.loads(path.read_bytes())
            dump = int(found["dump_id"])
            tables = [(str(t["name"]), t.get("incremental") is False) for t in found["tables"]]
        except (ValueError, TypeError, KeyError, OSError, AttributeError):
            continue  # of another product
        yield from ((dump, name, replaces) for name, replaces in tables)


def _beside(root: Path) -> list[Path]:
    found = sorted(root.rglob("*"))
    return [path for path in found if is_manifest(path.relative_to(root)) and path.is_file()]


def _fetched(root: str, tmp: Path | None) -> list[Path]:
    """Copies of a bucket's manifests; none where that folder may not be looked at."""
    place = remote.Place.of(root)
    try:
        found = remote.find(place)
    except DataProblem:
        return []
    entries = [entry for entry in found.entries if is_manifest(entry.within)]
    return remote.fetch(place, found.prefix, entries, tmp)
