"""The README's recipes, run as they stand."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PLACE = "/srv/adoption"
DEFINITIONS = """\
signup: signed_up
activation: {all: [project_created], within: 7d}
source: {columns: {user: user_id, event: event_name, timestamp: occurred_at, account: company_id}}
"""


def recipe(name: str) -> list[str]:
    """The blocks of a recipe."""
    found = re.search(rf"<!-- recipe: {name} -->\n(.*?)<!-- /recipe -->", README, re.DOTALL)
    assert found is not None
    return re.findall(r"```\w+\n(.*?)```", found[1], re.DOTALL)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """What /srv/adoption holds: the program, definitions, and an export."""
    program = tmp_path / ".venv" / "bin" / "adoptcli"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m adoptcli "$@"\n')
    program.chmod(0o755)
    (tmp_path / "export").mkdir()
    shutil.copy(ROOT / "sample_data" / "events.csv", tmp_path / "export")
    (tmp_path / "metrics.yaml").write_text(DEFINITIONS)
    return tmp_path


def run(command: str, place: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """As cron does: /bin/sh, hardly any environment, output and errors together."""
    path = f"{place}/.venv/bin:/usr/bin:/bin"
    return subprocess.run(
        ["/bin/sh", "-c", command.replace(PLACE, str(place))], check=False, cwd=place, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
        env={"PATH": path, "SHELL": "/bin/sh", "LC_ALL": "C.UTF-8", **more},
    )  # fmt: skip


def cron() -> list[str]:
    """The commands of the crontab, without their times."""
    lines = [line for line in recipe("cron")[0].splitlines() if line[:1].isdigit()]
    assert not [line for line in lines if "%" in line]  # which cron takes for a new line
    return [line.split(None, 5)[5] for line in lines]


def test_cron_mails_only_on_trouble(place: Path) -> None:
    check = cron()[0]
    yaml_file, export = place / "metrics.yaml", place / "export" / "events.csv"

    def checked(target: str) -> tuple[int, str]:
        yaml_file.write_text(f"{DEFINITIONS}targets: {{activation: '{target}'}}\n")
        done = run(check, place)
        return done.returncode, done.stdout

    assert checked(">= 10%") == (0, "")
    assert list((place / "runs").iterdir())
    code, mail = checked(">= 99%")
    assert code == 1
    assert "activation" in mail
    yaml_file.write_text(f"{DEFINITIONS}targets: {{onboarding: '>= 1%'}}\n")
    done = run(check, place)
    assert (done.returncode, "not judged" in done.stdout) == (3, True)
    yaml_file.write_text(f"{DEFINITIONS}targets: {{activatoin: '>= 1%'}}\n")
    done = run(check, place)
    assert (done.returncode, "did you mean 'activation'" in done.stdout) == (2, True)
    assert checked(">= 10%")[0] == 0
    export.unlink()
    done = run(check, place)
    assert (done.returncode, "export" in done.stdout) == (3, True)


@pytest.mark.parametrize("number", [1, 2])
def test_cron_writes_reports_silently(place: Path, number: int) -> None:
    command = cron()[number]
    done = run(command, place)
    assert (done.returncode, done.stdout) == (0, "")
    name = shlex.split(command)[shlex.split(command).index("-o") + 1]
    assert (place / name).stat().st_size > 1000


def test_systemd_units(place: Path) -> None:
    service, timer = (text.replace(PLACE, str(place)) for text in recipe("systemd"))
    (place / "adoption.service").write_text(service)
    (place / "adoption.timer").write_text(timer)
    if shutil.which("systemd-analyze"):
        units = [str(place / "adoption.service"), str(place / "adoption.timer")]
        done = subprocess.run(["systemd-analyze", "verify", *units], check=False, text=True,
                              capture_output=True, env=dict(os.environ))  # fmt: skip
        assert "adoption" not in done.stderr, done.stderr
    command = re.search(r"^ExecStart=(.*)$", service, re.MULTILINE)
    assert command is not None
    (place / "metrics.yaml").write_text(f"{DEFINITIONS}targets: {{activation: '>= 10%'}}\n")
    assert run(command[1], place).returncode == 0


def test_github_actions(place: Path) -> None:
    (place / "metrics.yaml").write_text(f"{DEFINITIONS}targets: {{activation: '>= 10%'}}\n")
    steps = yaml.safe_load(recipe("actions")[0])["steps"]
    for step in steps:
        done = run(f"set -e; {step['run']}", place, GITHUB_STEP_SUMMARY=f"{place}/summary.md")
        assert (done.returncode, done.stdout) == (0, "")
    assert "## Summary" in (place / "summary.md").read_text()
    assert "<testsuites" in (place / "targets.xml").read_text()


def test_pipes(place: Path) -> None:
    if not shutil.which("jq"):
        pytest.skip("jq is not installed")
    shutil.copy(place / "export" / "events.csv", place / "events.csv")
    subprocess.run(["gzip", "-k", str(place / "events.csv")], check=True)
    plain, json, ndjson, findings = recipe("pipes")[0].strip().splitlines()
    assert "ACTIVATION" in run(plain, place).stdout
    assert '"value": ' in run(json, place).stdout
    rows = [line.split("\t") for line in run(ndjson, place).stdout.splitlines()]
    assert {len(row) for row in rows} == {4}
    assert "activation" in {row[0] for row in rows}
    for line in run(findings, place).stdout.splitlines():
        assert line.startswith("adoptcli ")
