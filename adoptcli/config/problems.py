"""One problem of the YAML: where it is, what it is about, what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from adoptcli.errors import ConfigProblem

Path = tuple[str | int, ...]
_PLAIN = re.compile(r"[^\s.\"'\\]+")


@dataclass(frozen=True, order=True)
class Place:
    """A line and a column, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, order=True)
class Problem:
    """One problem; sorts by its place."""

    place: Place
    path: str
    message: str

    def line(self, name: str) -> str:
        """As one line of a message: `metrics.yaml:12:5: activation.withn: unknown key`."""
        about = f"{self.path}: " if self.path else ""
        return f"{name}:{self.place.line}:{self.place.column}: {about}{self.message}"


def dotted(path: Path) -> str:
    """A path for people: `activation.all.0.event`; odd keys stand in quotes."""
    return ".".join(_part(str(part)) for part in path)


def _part(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.isprintable():
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def raise_all(problems: Iterable[Problem], name: str) -> None:
    """Raise the problems as one error, in the order of the file; do nothing if there are none.

    Raises:
        ConfigProblem: There is at least one problem.
    """
    lines = [problem.line(name) for problem in sorted(set(problems))]
    if lines:
        raise ConfigProblem("invalid-config", "\n".join(lines))


def stop(place: Place, message: str, name: str) -> NoReturn:
    """Raise the one problem after which nothing more can be found."""
    raise ConfigProblem("invalid-config", Problem(place, "", message).line(name))
