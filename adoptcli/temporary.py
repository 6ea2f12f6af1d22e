"""Temporary files of this process: gone when it ends, and if it was killed, when the next begins.

Their names hold the machine and the process, so that nobody takes away what another still needs.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
import time
from pathlib import Path
from zlib import crc32

NAME = "adoptcli"
LONG = 60  # characters of a name, which may not grow beyond what file systems take
ATTEMPTS, PAUSE = 40, 0.05  # seconds
_NAME = re.compile(r"-([0-9a-f]{8})-(\d+)-\w*(\.\w+)?$")


def folder(within: Path | None, name: str = NAME) -> Path:
    """A private folder, in the usual place where none is named."""
    made = Path(tempfile.mkdtemp(prefix=_prefix(name), dir=_swept(within, name)))
    atexit.register(remove, made)
    return made


def remove(folder: Path) -> None:
    """Take a folder away; a thread of Polars that was stopped may write on for a moment."""
    for _ in range(ATTEMPTS):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(PAUSE)


def file(within: Path | None, suffix: str = "") -> tuple[int, Path]:
    """A private file, as a file descriptor open for writing, and its path."""
    handle, name = tempfile.mkstemp(suffix, _prefix(NAME), _swept(within, NAME))
    atexit.register(Path(name).unlink, missing_ok=True)
    return handle, Path(name)


def beside(target: Path) -> tuple[int, Path]:
    """A file in the target's folder that is to take its name; whoever asks removes it."""
    name = f".{target.name[:LONG]}"
    sweep(target.parent, f"{name}-")
    handle, path = tempfile.mkstemp("", _prefix(name), target.parent)
    return handle, Path(path)


def _prefix(name: str) -> str:
    return f"{name}-{_machine()}-{os.getpid()}-"


def sweep(folder: Path, prefix: str) -> None:
    """Remove what processes of this machine that are no more have left in a folder."""
    try:
        found = [p for p in folder.iterdir() if p.name.startswith(prefix)]
    except OSError:
        return
    for path in found:
        match = _NAME.search(path.name)
        if match and match[1] == _machine() and not _alive(int(match[2])):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _swept(within: Path | None, name: str) -> Path:
    place = within or Path(tempfile.gettempdir())
    sweep(place, f"{name}-")
    return place


def _machine() -> str:
    name = os.uname().nodename if hasattr(os, "uname") else ""
    return f"{crc32(name.encode()):08x}"


def _alive(process: int) -> bool:
    """Whether a process is there; where nobody can tell, it is."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
