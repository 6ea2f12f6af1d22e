"""`adoptcli schema KIND`: JSON Schemas, for editors and for readers."""

from __future__ import annotations

import json

import typer

from adoptcli.cli.console import payload

app = typer.Typer(
    help="Print the JSON Schema of the YAML, or of the JSON of a command.", no_args_is_help=True
)


@app.command("config")
def config() -> None:
    """Of metrics.yaml: completion and checks in an editor."""
    from adoptcli.config.schema import config_schema

    payload(json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n", exact=True)


@app.command("check")
def check() -> None:
    """Of `adoptcli check -f json`."""
    from adoptcli.render.verdicts import schema

    payload(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n", exact=True)


@app.command("validate")
def validate() -> None:
    """Of `adoptcli validate -f json`."""
    from adoptcli.render.validation import schema

    payload(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n", exact=True)


@app.command("report")
def report() -> None:
    """Of `adoptcli report -f json`."""
    from adoptcli.render.json_ import schema

    payload(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n", exact=True)


@app.command("ndjson")
def ndjson() -> None:
    """Of each line of `adoptcli report -f ndjson`."""
    from adoptcli.render.ndjson import schema

    payload(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n", exact=True)
