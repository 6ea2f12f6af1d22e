"""The commands. Heavy imports wait until a command runs, so that --help is instant."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from inspect import getdoc
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


def _nothing() -> None:
    """Stands for a command that this run does not ask for, whose options nobody looks at."""


@cache
def program(asked: str | None = None) -> Callable[..., None]:
    """The application, as a function of its `args` and its `prog_name`.

    Where it is known which command is `asked` for, or that none is (an empty name), the others
    have their names and first lines alone: to take apart the options of all takes longer than
    anything else at the start.
    """
    found: Callable[..., None] = typer.main.get_command(build(asked))
    return found


def build(asked: str | None = None) -> typer.Typer:
    """The application with all its commands; whole, or as far as `asked` for."""
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
    found = [(name, command, getdoc(command) or "", "Main") for name, command in main.items()]
    app.add_typer(schema.app, name="schema", rich_help_panel="Main")
    for name, summary in metric_names().items():
        found.append((name.replace("_", "-"), metric.command(name), summary, "Metrics"))
    for name, command, text, panel in found:
        app.command(name, help=text, context_settings=ENVIRONMENT, rich_help_panel=panel)(
            command if asked is None or asked == name else _nothing
        )
    return app
