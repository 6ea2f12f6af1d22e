"""Where a report's processor time goes: start, reading and encoding, sorting, all the rest.

    python benchmarks/phases.py out.json report events.parquet -c metrics.yaml ...

Runs the command in this process, never quiet, and looks at the clock whenever it says what it does
next. A long log is sorted at once here, since in several parts sorting and counting go in turn.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from adoptcli import progress
from adoptcli.__main__ import KEPT

PHASES = ("start", progress.READING, progress.SORTING, progress.COUNTING)


def spent(command: list[str]) -> dict[str, float]:
    """Seconds of work by phase; the last holds what comes after counting, too."""
    os.environ["_RJEM_MALLOC_CONF"] = KEPT
    from adoptcli.cli.main import run
    from adoptcli.runner import sizing

    sizing.BUCKET = 1 << 40
    marks = {"start": 0.0}
    progress.listen(lambda name, rows: marks.setdefault(name, time.process_time()))
    if code := run([word for word in command if word not in ("-q", "--quiet")]):
        raise SystemExit(code)
    ends = [*list(marks.values())[1:], time.process_time()]
    return {name: end - begin for (name, begin), end in zip(marks.items(), ends, strict=True)}


def main() -> None:
    """From the command line."""
    out, *command = sys.argv[1:]
    found = spent(command)
    if tuple(found) != PHASES:
        raise SystemExit(f"phases are {', '.join(found)}; one bucket has {', '.join(PHASES)}")
    Path(out).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
