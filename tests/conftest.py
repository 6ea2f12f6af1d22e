"""Helpers that tests share: the command line in this process, and small logs as files."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from adoptcli.cli import common
from adoptcli.cli.console import Console
from adoptcli.cli.main import run
from adoptcli.results import Report


@dataclass(frozen=True)
class Outcome:
    """What one call of the command line left."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Call the command line in an empty folder."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = run([str(a) for a in arguments])
        found = capsys.readouterr()
        return Outcome(code, found.out, found.err)

    return call


def but_for_commands(text: str) -> str:
    """A report's JSON without the commands to paste, which hold the files as they were named."""
    return re.sub(r'(?m)^ *"audience": "adoptcli .*$', "", text)


Event = Sequence[Any]


def write_log(
    folder: Path,
    events: Sequence[Event],
    config: Mapping[str, Any] | None = None,
    columns: Sequence[str] = ("user", "event", "timestamp"),
    users: str | None = None,
    accounts: str | None = None,
) -> tuple[Path, Path]:
    """A log as events.csv, the tables beside it, and its YAML."""
    lines = [",".join(columns), *(",".join(_field(v) for v in row) for row in events)]
    (folder / "events.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    if users is not None:
        (folder / "users.csv").write_text(users, encoding="utf-8")
    if accounts is not None:
        (folder / "accounts.csv").write_text(accounts, encoding="utf-8")
    (folder / "definitions.yaml").write_text(
        yaml.safe_dump({"version": 1, **(config or {})}, sort_keys=False), encoding="utf-8"
    )
    return folder / "events.csv", folder / "definitions.yaml"


def _field(value: object) -> str:
    return "" if value is None else str(value)


@pytest.fixture(scope="session")
def sample() -> Report:
    """The report of the sample data, by plan."""
    root, here = Path(__file__).parent.parent, Path.cwd()
    os.chdir(root)
    try:
        options = common.Options(
            config=Path("metrics.example.yaml"), by=("plan",), console=Console(True)
        )
        return common.make_report(options, common.choose((), ()))
    finally:
        os.chdir(here)


@pytest.fixture
def report(cli: Callable[..., Outcome], tmp_path: Path):
    """Write a log, run the report on it, and give its JSON."""

    def make(
        events: Sequence[Event],
        config: Mapping[str, Any] | None = None,
        *options: object,
        **more: Any,
    ) -> dict[str, Any]:
        log, definitions = write_log(tmp_path, events, config, **more)
        outcome = cli("report", log, "-c", definitions, "-f", "json", *options)
        assert outcome.code == 0, outcome.err
        found: dict[str, Any] = json.loads(outcome.out)
        return found

    return make
