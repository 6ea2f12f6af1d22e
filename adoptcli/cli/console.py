"""What is said beside the result: on stderr, unless --quiet."""

from __future__ import annotations

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Console:
    """Decides once what is said."""

    quiet: bool = False
    verbose: bool = False

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
    stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    stream.flush()


def payload(text: str) -> None:
    """The result, to stdout, in whatever its encoding can carry."""
    stream = sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))
