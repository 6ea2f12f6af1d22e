"""Runs that nobody watches: no terminal, no home, nothing to write to, stopped half-way."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adoptcli import progress as steps
from adoptcli.cli import progress
from adoptcli.cli.console import Console

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "metrics.example.yaml"
EVENTS = ROOT / "sample_data" / "events.csv"
ME = [sys.executable, "-m", "adoptcli"]
BARE = {"LC_ALL": "C", "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}


def shell(command: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    """A line of shell in a bare environment; `adoptcli` is this one."""
    line = re.sub(r"\badoptcli\b", " ".join(ME), command)
    return subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        check=False,
        env=BARE,
        timeout=60,
        **{"cwd": "/proc", **options},  # a folder that nobody, not even root, can write to
    )  # type: ignore[call-overload]


def test_a_bare_environment_is_enough() -> None:
    done = shell(f"exec setsid adoptcli report -c {EXAMPLE} -q <&-")
    assert (done.returncode, done.stderr) == (0, b"")
    assert "ACTIVATION" in done.stdout.decode()


def test_standard_input_by_redirection() -> None:
    done = shell(f"adoptcli usage - -q -f json < {EVENTS}")
    assert done.returncode == 0
    assert done.stdout == shell(f"adoptcli usage {EVENTS} -q -f json").stdout


@pytest.mark.parametrize(
    ("redirection", "message"),
    [(">&-", "stdout is closed"), ("> /dev/full", "No space left"), (">&- 2>&-", "")],
)
def test_output_that_cannot_be_written(redirection: str, message: str) -> None:
    done = shell(f"adoptcli usage -c {EXAMPLE} -q {redirection}")
    assert done.returncode == 74
    assert message in done.stderr.decode()
    assert "bug" not in done.stderr.decode()


def test_a_closed_stdout_does_not_matter_to_a_file(tmp_path: Path) -> None:
    done = shell(f"adoptcli usage -c {EXAMPLE} -q -o {tmp_path}/usage.json >&-")
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "usage.json").read_text().startswith("{")


@contextmanager
def full_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """A file system of a few kilobytes, where this user may make one."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can be mounted by root alone")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("target", ["-o {0}/all.json", "-o {0}/tables/", "--history {0}/runs"])
def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, target: str) -> None:
    with full_disk(tmp_path, 32) as folder:
        done = shell(f"adoptcli report -c {EXAMPLE} -q {target.format(folder)} > /dev/null")
        assert done.returncode == 74, done.stderr
        assert b"No space left" in done.stderr
        assert not [path for path in folder.rglob("*") if path.is_file()]


def test_a_full_disk_for_temporary_files(tmp_path: Path) -> None:
    with full_disk(tmp_path, 16) as folder:
        done = shell(f"adoptcli usage - -q --tmp {folder} < {EVENTS}")
        assert (done.returncode, done.stdout) == (74, b"")
        assert b"--tmp" in done.stderr
        done = shell(f"adoptcli usage {EVENTS} -q --shards 2 --tmp {folder}")
        assert done.returncode == 74
        assert b"--tmp" in done.stderr
        assert not list(folder.iterdir())


@pytest.mark.parametrize(("name", "code"), [("INT", 130), ("TERM", 143)])
def test_stopped_half_way_nothing_is_left(tmp_path: Path, name: str, code: int) -> None:
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    command = [*ME, "usage", "-", "-q", "-o", str(tmp_path / "out.json"), "--tmp", str(tmp)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                          cwd=ROOT) as run:  # fmt: skip
        assert run.stdin is not None
        run.stdin.write(b"user,event,timestamp\n")
        run.stdin.flush()
        deadline = time.monotonic() + 20
        while not list(tmp.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.2)  # now it waits for more
        run.send_signal(getattr(signal, f"SIG{name}"))
        run.wait(timeout=20)
        assert run.stderr is not None
        assert run.stderr.read() == b""
    assert run.returncode == code
    assert not list(tmp.iterdir())
    assert not (tmp_path / "out.json").exists()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_tells_step_rows_and_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    assert progress.told("reading", 1_000, 2.0) == "reading · 1,000 rows · 2.0 s"
    assert progress.told("reading", None, 2.0) == "reading · 2.0 s"
    assert progress.told("counting", 1_000, 2.0) == "counting · 1,000 rows · 2.0 s · 500 rows/s"
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    progress.begin()
    steps.step("sorting, part 1 of 2", 12_345)
    time.sleep(0.5)
    progress.end()
    assert "sorting, part 1 of 2 · 12,345 rows" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[2K")  # the line is gone
    monkeypatch.setattr(sys, "stderr", io.StringIO())  # nobody watches
    progress.begin()
    assert not steps.watched()
    monkeypatch.setattr(sys, "stderr", Terminal())
    progress.begin()
    Console(quiet=True)
    assert not steps.watched()


def test_the_line_takes_nothing_from_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stdout can carry is asked while the line is there."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    before = sys.stdout
    progress.begin()
    time.sleep(0.4)
    assert sys.stdout is before
    progress.end()


def test_what_programs_read_is_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("user,event,timestamp\nMöller,öffnen,2026-01-02T12:00:00Z\n")
    ask = f"adoptcli active-users {tmp_path}/e.csv -q --as-of 2026-01-04"
    ask += " --who 'daily[period=2026-01-02].dau'"
    command = f"export PYTHONUTF8=0 PYTHONCOERCECLOCALE=0; {ask}"
    assert shell(f"{command} -f json").stdout == '[\n  "Möller"\n]\n'.encode()
    assert shell(command).stdout == "Möller\n".encode()


def test_a_closed_standard_input_is_told() -> None:
    done = shell("adoptcli usage - -q <&-")
    assert done.returncode == 3
    assert b"standard input is closed" in done.stderr
