"""The commands. Heavy imports wait until a command runs, so that --help is instant."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from adoptcli import __version__
from adoptcli.cli import (
    audience,
    check,
    compare,
    explain,
    history,
    init,
    metric,
    report,
    schema,
    validate,
)

METRICS = Path(__file__).parent.parent / "metrics"
ENVIRONMENT = {"auto_envvar_prefix": "ADOPTCLI"}  # --as-of is ADOPTCLI_AS_OF, of every command
HELP = """Did people get value from the product, and do they keep coming back?

Adoption and engagement metrics from event log files: honest, on your machine, in one command.

adoptcli report events.csv     the metrics that need no definitions

adoptcli init events.csv       writes metrics.yaml, to edit and keep in git

adoptcli report events.csv     all of them"""


def metric_names() -> dict[str, str]:
    """Each metric's id and the first line of its definition, read without importing it."""
    found = {}
    for path in sorted(METRICS.glob("[a-z]*.py")):
        with path.open(encoding="utf-8") as module:
            line = module.readline().strip().strip('"')
            found[path.stem] = line.split(": ", 1)[-1].capitalize()
    return found


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"adoptcli {__version__}")
        raise typer.Exit


def _top(
    version: Annotated[
        bool,
        typer.Option("--version", "-V", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Options of the whole program."""


@cache
def program() -> Callable[..., None]:
    """The application, as a function of its `args` and its `prog_name`."""
    found: Callable[..., None] = typer.main.get_command(build())
    return found


def build() -> typer.Typer:
    """The application with all its commands."""
    app = typer.Typer(
        help=HELP,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(help=HELP)(_top)
    main: dict[str, Callable[..., None]] = {
        "report": report.report, "check": check.check, "audience": audience.audience,
        "compare": compare.compare, "history": history.history, "init": init.init,
        "validate": validate.validate, "explain": explain.explain,
    }  # fmt: skip
    for name, command in main.items():
        app.command(name, context_settings=ENVIRONMENT, rich_help_panel="Main")(command)
    app.add_typer(schema.app, name="schema", rich_help_panel="Main")
    for name, summary in metric_names().items():
        app.command(
            name.replace("_", "-"), help=summary, context_settings=ENVIRONMENT,
            rich_help_panel="Metrics",
        )(metric.command(name))  # fmt: skip
    return app
