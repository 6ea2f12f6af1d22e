"""`python -m adoptcli`."""

from __future__ import annotations

import sys

from adoptcli.cli.main import run


def main() -> None:
    """The entry point of the command line."""
    sys.exit(run())


if __name__ == "__main__":
    main()
