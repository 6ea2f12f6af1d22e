"""`python -m adoptcli`."""

from __future__ import annotations

import os
import signal
import sys

from adoptcli.cli.main import run

# What large columns leave behind is used again by the next, sooner the fewer pools there are; read
# when Polars is first imported.
KEPT = f"dirty_decay_ms:10000,muzzy_decay_ms:10000,narenas:{os.cpu_count() or 1}"


def main() -> None:
    """The entry point of the command line."""
    os.environ.setdefault("_RJEM_MALLOC_CONF", KEPT)
    code = run()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # all is done: who interrupts now changes nothing
    sys.exit(code)


if __name__ == "__main__":
    main()
