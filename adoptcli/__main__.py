"""`python -m adoptcli`."""

from __future__ import annotations

import os
import signal
import sys

from adoptcli import memory
from adoptcli.cli.main import run

# What large columns leave behind is used again by the next, sooner the fewer pools there are; where
# memory is short the system gets it back after a second. Polars reads this when it is imported.
POOLS = f"narenas:{os.cpu_count() or 1}"
KEPT = f"dirty_decay_ms:10000,muzzy_decay_ms:10000,{POOLS}"
GIVEN_BACK = f"dirty_decay_ms:1000,muzzy_decay_ms:0,{POOLS}"
PIECE = "8000000"  # bytes of JSON at a time: of Polars' smaller pieces each has its own cost


def tune() -> None:
    """Tell Polars, which is not imported yet, how to go about memory."""
    if memory.short():
        os.environ.setdefault("_RJEM_MALLOC_CONF", GIVEN_BACK)
        for ahead in ("ROW_GROUP_PREFETCH_SIZE", "CSV_CHUNK_PREFETCH_LIMIT"):
            os.environ.setdefault(f"POLARS_{ahead}", "1")  # no more than is needed next
    else:
        os.environ.setdefault(memory.PIECES, PIECE)
    os.environ.setdefault("_RJEM_MALLOC_CONF", KEPT)


def main() -> None:
    """The entry point of the command line."""
    tune()
    code = run()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # all is done: who interrupts now changes nothing
    sys.exit(code)


if __name__ == "__main__":
    main()
