"""Options from the environment, and which YAML is used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from adoptcli.cli.app import build

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "metrics.example.yaml"
EVENTS = ROOT / "sample_data" / "events.csv"
Cli = Callable[..., Any]


def test_every_option_of_every_command_has_its_variable() -> None:
    top = typer.main.get_command(build())
    for name, command in top.commands.items():  # type: ignore[attr-defined]
        if name == "schema":
            continue
        context = command.make_context(name, [], resilient_parsing=True)
        assert context.auto_envvar_prefix == "ADOPTCLI", name
        for option in command.params:
            if option.param_type_name == "option" and option.name != "help":
                long = max(option.opts, key=len).removeprefix("--").replace("-", "_").upper()
                made = option.envvar or f"ADOPTCLI_{option.name.upper()}"
                assert made == f"ADOPTCLI_{long}", (name, option.name)


def test_options_come_from_the_environment(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    given = cli("usage", "-c", EXAMPLE, "-f", "json", "--by", "plan", "--by", "role",
                "--as-of", "2026-09-01")  # fmt: skip
    for name, value in {"CONFIG": EXAMPLE, "FORMAT": "json", "BY": "plan role",
                        "AS_OF": "2026-09-01"}.items():  # fmt: skip
        monkeypatch.setenv(f"ADOPTCLI_{name}", str(value))
    assert cli("usage").out == given.out
    assert cli("usage", "--as-of", "2026-08-01").out != given.out  # what is typed wins
    monkeypatch.setenv("ADOPTCLI_UNIT", "team")
    bad = cli("usage")
    assert bad.code == 2
    assert "ADOPTCLI_UNIT" in bad.err


def test_the_nearest_yaml_upward_is_used(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "metrics.yaml").write_text("time_zone: Europe/Berlin\n")
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    found = cli("usage", EVENTS, "-f", "json", "-v")
    assert json.loads(found.out)["time_zone"] == "Europe/Berlin"
    assert f"definitions: {tmp_path / 'metrics.yaml'}" in found.err
    assert "definitions" not in cli("usage", EVENTS).err
    (deep.parent / "metrics.yaml").write_text("time_zone: Europe/Lisbon\n")
    assert json.loads(cli("usage", EVENTS, "-f", "json").out)["time_zone"] == "Europe/Lisbon"
