"""What is being done right now, for whoever watches."""

from __future__ import annotations

from collections.abc import Callable

FETCHING, READING, SORTING = "fetching", "reading", "sorting"
COUNTING, CHECKING = "counting", "checking"

Listener = Callable[[str, int | None], None]
_listener: Listener | None = None


def listen(listener: Listener | None) -> None:
    """From now on tell this one, and nobody else."""
    global _listener
    _listener = listener


def watched() -> bool:
    """Whether somebody listens."""
    return _listener is not None


def step(name: str, rows: int | None = None) -> None:
    """A step begins, over so many rows where that is known."""
    if _listener is not None:
        _listener(name, rows)
