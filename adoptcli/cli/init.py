"""`adoptcli init`: a starter YAML, filled from the data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adoptcli.cli import options as o
from adoptcli.cli.console import Console
from adoptcli.errors import UsageProblem

if TYPE_CHECKING:
    from adoptcli.config.starter import Found


def init(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[EVENTS]...", help="Event files to take names from."),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file to write; - prints it.")
    ] = Path("metrics.yaml"),
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Write a starter metrics.yaml; never over one that is there."""
    from adoptcli.cli.console import payload
    from adoptcli.config.starter import starter
    from adoptcli.render.files import write
    from adoptcli.source.addresses import shown

    to_screen = str(output) == "-"
    if not to_screen and output.exists():
        raise UsageProblem(
            "config-exists", f"{output} is there already", "choose another name with --output"
        )
    text = starter(look(files) if files else None)
    if to_screen:
        payload(text)
        return
    write(output, text)
    name = " ".join(map(shown, files)) if files else "EVENTS"
    console = Console(quiet)
    console.note(f"wrote {output}: read it, edit what is marked, then")
    console.note(f"  adoptcli validate {name}")
    console.note(f"  adoptcli report {name}")


def look(files: list[str]) -> Found:
    """Columns, and event names by frequency."""
    import polars as pl

    from adoptcli.config.starter import Found
    from adoptcli.definitions import Source
    from adoptcli.runner.presets import Settled, no_usage
    from adoptcli.source.events import Needed, read
    from adoptcli.source.files import FAILURES
    from adoptcli.source.steady import steady

    canonical = read([Source()], files, None, Needed(), "UTC", settle=Settled().settle)
    canonical = canonical.thorough() if canonical.open_ended else canonical
    counted = (
        canonical.frame.filter(pl.col("event").is_not_null())
        .group_by("event")
        .len()
        .sort(["len", "event"], descending=[True, False])
    )
    with steady(canonical.files):
        try:
            found = counted.collect()
        except FAILURES as error:
            raise canonical.broken(error) from error
    preset = canonical.sources[0].preset
    columns = canonical.parts[0].columns if preset is None else {}
    out = set(no_usage(canonical.sources, found["event"]))
    return Found(
        columns={name: some[0].text for name, some in columns.items()},
        events=tuple((name, n) for name, n in found.iter_rows() if name not in out),
        preset=preset,
    )
