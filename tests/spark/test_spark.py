"""Reports and lists from a cluster are those of one machine, to the byte."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

from tests.spark.servers import ENVIRONMENT, ROOT, executors, held

LISTED = ("audience", "not_activated:late", "-f", "csv")
REPORTED = ("report", "--by", "plan", "-f", "json")
CELL = ("retention", "--who", "triangle[step=1].retained", "-f", "json")


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample data as Parquet, in three files."""
    folder = tmp_path_factory.mktemp("sample")
    events = pl.read_csv(ROOT / "sample_data" / "events.csv", infer_schema=False)
    (folder / "events").mkdir()
    for i in range(3):
        events[i * 900 : (i + 1) * 900 if i < 2 else None].write_parquet(
            folder / "events" / f"{i}.parquet"
        )
    for name in ("users", "accounts"):
        shutil.copy(ROOT / "sample_data" / f"{name}.csv", folder)
    text = (ROOT / "metrics.example.yaml").read_text().replace("sample_data/", "")
    (folder / "metrics.yaml").write_text(text.replace("events.csv", "events"))
    return folder


def run(
    folder: Path, *arguments: str, environment: Mapping[str, str] = ENVIRONMENT
) -> subprocess.CompletedProcess[str]:
    """The command as a process, where the data are."""
    return subprocess.run(
        [sys.executable, "-m", "adoptcli", *arguments, "-c", "metrics.yaml", "-q"],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip


def both(folder: Path, url: str, *arguments: str, shards: int = 7) -> None:
    """The same on one machine and on Spark."""
    here = run(folder, *arguments)
    there = run(folder, *arguments, "--runner", "spark", "--master", url, "--shards", str(shards))
    assert here.returncode == 0, here.stderr
    assert (there.returncode, there.stderr) == (0, "")  # Spark says nothing of its own
    assert there.stdout == here.stdout


@pytest.mark.parametrize("shards", [1, 64])  # others run with 7
def test_a_report_of_a_cluster(sample: Path, cluster: str, shards: int) -> None:
    both(sample, cluster, *REPORTED, shards=shards)


@pytest.mark.parametrize("asked", [REPORTED, LISTED, CELL], ids=["report", "audience", "who"])
def test_over_connect(sample: Path, connect: str, asked: tuple[str, ...]) -> None:
    both(sample, connect, *asked)


@pytest.mark.parametrize("asked", [LISTED, CELL], ids=["audience", "who"])
def test_lists_of_a_cluster(sample: Path, cluster: str, asked: tuple[str, ...]) -> None:
    both(sample, cluster, *asked)


@pytest.mark.parametrize("late", [False, True], ids=["reading", "counting"])
def test_a_killed_executor_changes_nothing(
    sample: Path, cluster: str, place: Path, late: bool
) -> None:
    """While rows are being stored, or once what is encoded is all that is stored and counted."""
    here = run(sample, *REPORTED)
    assert '"excluded": 0' not in here.stdout
    command = [
        sys.executable, "-m", "adoptcli", *REPORTED, "-c", "metrics.yaml", "-q",
        "--master", cluster, "--shards", "7",
    ]  # fmt: skip
    there = subprocess.Popen(
        command, cwd=sample, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    killed, seen = 0, set[int]()
    while there.poll() is None and not killed:
        time.sleep(0.2)
        seen |= {*(stored := held(place))}
        ready = len(seen) == 2 and dict(stored) == {max(seen): 7} if late else stored
        if ready and (running := executors(place)):
            os.kill(running[0], signal.SIGKILL)
            killed += 1
    out, told = there.communicate(timeout=900)
    assert (there.returncode, killed) == (0, 1), told[-3000:]
    assert out == here.stdout


def test_why_java_does_not_start_is_told(sample: Path) -> None:
    environment = {**ENVIRONMENT, "JAVA_HOME": "/nowhere"}
    done = run(sample, *REPORTED, "--master", "local[2]", environment=environment)
    assert done.returncode == 2
    assert "/nowhere/bin/java: No such file" in done.stderr
    assert "needs Java 17" in done.stderr
