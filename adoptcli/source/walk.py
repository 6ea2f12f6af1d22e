"""The files below a folder of this machine; what cannot be looked into is told, never left out."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from glob import glob, has_magic
from pathlib import Path
from typing import NoReturn

from adoptcli.source.files import kind_of, unreadable
from adoptcli.source.folders import Entry

SPECIAL = {
    stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}  # fmt: skip


def below(folder: Path, name: str, notes: list[str]) -> list[Entry]:
    """Every file, in order.

    Args:
        folder: The folder.
        name: What it is called in messages.
        notes: Of what is skipped though it is called like data, it is said here.

    Raises:
        DataProblem: A folder cannot be read, or a link leads nowhere.
    """
    return [
        Entry.of(path.relative_to(folder), size)
        for path in sorted(_listed(folder, name, notes))
        if (size := size_of(path, f"{name}/{path.relative_to(folder)}", notes)) is not None
    ]


def _listed(folder: Path, name: str, notes: list[str]) -> Iterator[Path]:
    def stop(error: OSError) -> NoReturn:
        raise unreadable(f"{name}/{os.path.relpath(error.filename, folder)}", error) from error

    for place, folders, names in os.walk(folder, onerror=stop):
        folders[:] = [one for one in folders if not one.startswith(".")]
        for one in folders:
            if Path(place, one).is_symlink():
                notes.append(f"skipped in {name}: {one}, a link to a folder")
        yield from (Path(place, one) for one in names)


def size_of(path: Path, name: str, notes: list[str]) -> int | None:
    """A file's bytes; None of what is none.

    Raises:
        DataProblem: It is called like data, and cannot be looked at.
    """
    shown = not path.name.startswith((".", "_"))
    try:
        found = path.stat()
    except OSError as error:
        if shown:
            raise unreadable(name, error) from error
        return None
    what = special(found.st_mode)
    if what and shown and kind_of(path.name):
        notes.append(f"skipped: {name}, {what}")
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def special(mode: int) -> str:
    """What something is that is neither a file nor a folder."""
    return SPECIAL.get(stat.S_IFMT(mode), "")


def no_closed(pattern: Path) -> None:
    """Complain of folders that a pattern leads into and that may not be looked into.

    Raises:
        DataProblem: There is one.
    """
    led = [place for place in (pattern, *pattern.parents) if has_magic(str(place))]
    for place in {place.parent for place in led}:
        for folder in glob(str(place), recursive=True):  # noqa: PTH207
            if Path(folder).is_dir():
                _look_into(folder)


def _look_into(folder: str) -> None:
    try:
        with os.scandir(folder):
            pass
    except OSError as error:
        raise unreadable(folder, error) from error
