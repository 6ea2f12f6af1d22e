"""Heap's dumps in a bucket: which of them a later one of the same table replaces.

A dump is a folder `sync_ID` with a folder for each table. Its manifest beside, a JSON file that is
called `manifest…` or lies in a folder called so, says which tables it has whole; what earlier dumps
have of these does not count any more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from adoptcli.source.addresses import is_remote
from adoptcli.source.files import File, among
from adoptcli.source.folders import is_manifest

_DUMP = re.compile(r"sync_(\d+)")


def latest(files: Sequence[File], notes: list[str]) -> list[File]:
    """The files without those that a later dump replaces; the notes say of them, and of doubts."""
    places = {file: place for file in files if (place := _place(file))}
    if len({dump for dump, _ in places.values()}) < 2:
        return list(files)
    whole: dict[str, int] = {}
    told: set[int] = set()
    for root in {root for file in places if (root := _root(file))}:
        for dump, table, replaces in _manifests(root):
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


def _root(file: File) -> Path | None:
    """The folder that holds the dumps; None of copies, beside which no manifest is."""
    if is_remote(file.name):
        return None
    return Path(file.path).parents[2 if file.folders is None else len(file.folders)]


def _place(file: File) -> tuple[int, str] | None:
    """Dump and table of a file `sync_ID/TABLE/…avro`."""
    if file.kind != "avro":
        return None
    path = file.name if is_remote(file.name) else file.path
    *_, dump, table, _ = ("", "", *Path(path).parts)
    match = _DUMP.fullmatch(dump)
    return (int(match[1]), table) if match else None


def _manifests(root: Path) -> Iterator[tuple[int, str, bool]]:
    """Dump, table, and whether the dump has the table whole."""
    for path in sorted(root.rglob("*")):
        if not is_manifest(path.relative_to(root)) or not path.is_file():
            continue
        try:
            found = json.loads(path.read_bytes())
            dump = int(found["dump_id"])
            tables = [(str(t["name"]), t.get("incremental") is False) for t in found["tables"]]
        except (ValueError, TypeError, KeyError, OSError, AttributeError):
            continue  # of another product
        yield from ((dump, name, replaces) for name, replaces in tables)
