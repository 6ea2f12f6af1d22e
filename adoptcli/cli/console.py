"""What is said beside the result: on stderr, unless --quiet."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from adoptcli.cli import progress
from adoptcli.errors import OutputProblem
from adoptcli.render.text import safe


@dataclass(frozen=True)
class Console:
    """Decides once what is said."""

    quiet: bool = False
    verbose: bool = False

    def __post_init__(self) -> None:
        if self.quiet:
            progress.end()

    def note(self, text: str) -> None:
        """Something a person should know."""
        if not self.quiet:
            _write(text)

    def detail(self, text: str) -> None:
        """Something for those who asked."""
        if self.verbose and not self.quiet:
            _write(text)


def _write(text: str) -> None:
    stream = sys.stderr
    if stream is None:
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(safe(text, "\n").encode(encoding, "replace").decode(encoding) + "\n")
    stream.flush()


def on_terminal() -> bool:
    """Whether a person reads stdout."""
    return sys.stdout is not None and sys.stdout.isatty()


def payload(text: str, *, exact: bool = False) -> None:
    """The result, to stdout: for people in whatever its encoding can carry, `exact` as UTF-8.

    Raises:
        OutputProblem: It cannot be written.
    """
    progress.end()
    stream = sys.stdout
    if stream is None:
        raise OutputProblem("cannot-write", "stdout is closed", "name a file with --output")
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        if exact and hasattr(stream, "buffer"):
            stream.flush()
            stream.buffer.write(text.encode())
        else:
            stream.write(text.encode(encoding, "replace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputProblem("cannot-write", f"stdout cannot be written: {error.strerror}") from None
