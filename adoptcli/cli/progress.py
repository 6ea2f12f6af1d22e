"""A line on a terminal's stderr while a run of more than a second goes on: step, rows, rate."""

from __future__ import annotations

import sys
from threading import Lock, Timer
from time import monotonic
from typing import TYPE_CHECKING

from adoptcli import progress
from adoptcli.progress import READING

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE = 1.0  # seconds in which nobody wonders
_line: _Line | None = None


def begin() -> None:
    """Show steps from now on, if somebody can see them."""
    global _line
    if sys.stderr is not None and sys.stderr.isatty():
        _line = _Line()
        progress.listen(_line.step)


def end() -> None:
    """Take the line away, before anything else is written."""
    global _line
    progress.listen(None)
    if _line is not None:
        _line.close()
        _line = None


class _Line:
    """The line; Rich draws it, imported only once the patience is over."""

    def __init__(self) -> None:
        self._began = monotonic()
        self._name = "starting"
        self._rows: int | None = None
        self._lock = Lock()
        self._shown: Progress | None = None
        self._closed = False
        self._timer = Timer(PATIENCE, self._show)
        self._timer.daemon = True
        self._timer.start()

    def step(self, name: str, rows: int | None) -> None:
        with self._lock:
            self._name, self._rows = name, rows or self._rows
            if self._shown is not None:
                self._shown.update(self._shown.task_ids[0], description=name, rows=self._rows)

    def close(self) -> None:
        self._timer.cancel()
        with self._lock:
            self._closed = True
            if self._shown is not None:
                self._shown.stop()

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task
        from rich.text import Text

        began = self._began

        class Told(ProgressColumn):
            def render(self, task: Task) -> Text:
                return Text(told(task.description, task.fields["rows"], monotonic() - began))

        with self._lock:
            if self._closed:
                return
            self._shown = Progress(
                SpinnerColumn("line"),
                Told(),
                console=Console(stderr=True),
                transient=True,
                redirect_stdout=False,  # else stdout no longer says what it can carry
            )
            self._shown.add_task(self._name, rows=self._rows)
            self._shown.start()


def told(step: str, rows: int | None, seconds: float) -> str:
    """`counting · 20,000,000 rows · 4.2 s · 4,761,905 rows/s`; the rate of the run so far."""
    parts = [step]
    if rows:
        parts.append(f"{rows:,} rows")
    parts.append(f"{seconds:.1f} s")
    if rows and step != READING:
        parts.append(f"{rows / seconds:,.0f} rows/s")
    try:
        between = " · ".encode(getattr(sys.stderr, "encoding", None) or "utf-8").decode("utf-8")
    except UnicodeError:
        between = " | "
    return between.join(parts)
