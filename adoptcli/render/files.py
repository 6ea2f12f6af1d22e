"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from adoptcli.errors import OutputProblem


def write(path: Path, content: str | bytes) -> None:
    """Write beside the target, then rename over it.

    Raises:
        OutputProblem: It cannot be written; nothing is left behind.
    """
    if path.is_dir():
        raise OutputProblem("output-is-folder", f"{path}: this is a folder", "end its name with /")
    temporary, data = "", content.encode() if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            path.write_bytes(data)  # a device or a pipe
            return
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)
        Path(temporary).replace(path)
    except OSError as error:
        raise OutputProblem(
            "cannot-write", f"{path}: cannot be written: {error.strerror}",
            "check that the folder exists, may be written to, and has space left",
        ) from error  # fmt: skip
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def write_folder(folder: Path, files: Mapping[str, str]) -> None:
    """One file a table; each whole or not at all."""
    if folder.exists() and not folder.is_dir():
        raise OutputProblem("output-is-file", f"{folder}: this is a file", "choose another folder")
    for name, text in files.items():
        write(folder / name, text)
