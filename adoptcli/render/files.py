"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from adoptcli import temporary
from adoptcli.errors import OutputProblem


def write(path: Path, content: str | bytes, told: Path | None = None) -> None:
    """Write beside the target, then rename over it; messages call it as `told`.

    Raises:
        OutputProblem: It cannot be written; nothing is left behind.
    """
    if path.is_dir():
        raise OutputProblem("output-is-folder", f"{path}: this is a folder", "end its name with /")
    path = path.resolve() if path.is_symlink() else path  # what a link leads to is written
    made, data = None, content.encode() if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            path.write_bytes(data)  # a device or a pipe
            return
        handle, made = temporary.beside(path)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        made.chmod(_mode(path))
        made.replace(path)
    except OSError as error:
        raise _unwritable(told or path, error) from error
    finally:
        if made:
            made.unlink(missing_ok=True)


def _mode(path: Path) -> int:
    """Who may read what stands there; of what is new, those who may by the usual mask."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def write_folder(folder: Path, files: Mapping[str, str]) -> None:
    """One file a table: all of them or none.

    Raises:
        OutputProblem: They cannot be written; what stood there stands there still.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputProblem("output-is-file", f"{folder}: this is a file", "choose another folder")
    if inside := [name for name in files if (folder / name).is_dir()]:
        raise OutputProblem(
            "output-is-folder", f"{folder / inside[0]}: this is a folder", "move it"
        )
    made = not folder.exists()
    beside = folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        beside = temporary.folder(folder, ".adoptcli")
        for name, text in files.items():
            write(beside / name, text, folder / name)
        for name in files:
            (beside / name).replace(folder / name)
        beside.rmdir()
    except BaseException as error:
        if made or beside != folder:
            shutil.rmtree(folder if made else beside, ignore_errors=True)
        if isinstance(error, OSError):
            raise _unwritable(folder, error) from error
        raise


def _unwritable(path: Path, error: OSError) -> OutputProblem:
    return OutputProblem(
        "cannot-write", f"{path}: cannot be written: {error.strerror}",
        "check that the folder exists, may be written to, and has space left",
    )  # fmt: skip
