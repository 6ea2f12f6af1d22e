"""Processes killed at any moment: files are the old or the new ones, and nothing else stays.

python -m tests.faults --kills 200     # the long run
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "sample_data"
EVENTS, YAML = str(SAMPLE / "events.csv"), str(ROOT / "metrics.example.yaml")
RUN = ("-c", YAML, "-q", "--as-of")
SOME = ("--only", "activation", "--only", "churn")
TOO_LATE = "too late"
OLD, NEW = "2026-09-01", "2026-10-01"


def command(kind: str, day: str) -> list[str]:
    """A command that writes, up to a day."""
    return {
        "json": ["report", EVENTS, *RUN, day, *SOME, "-o", "out/report.json"],
        "tables": ["report", EVENTS, *RUN, day, *SOME, "-o", "out/tables/"],
        "sharded": ["report", EVENTS, *RUN, day, *SOME, "--shards", "5", "-o", "out/report.json"],
        "stdin": ["report", "-", *RUN, day, *SOME, "-o", "out/report.json"],
        "history": ["report", EVENTS, *RUN, day, *SOME, "--history", "out", "-o", "out/r.md"],
        "audience": ["audience", "not_activated", EVENTS, *RUN, day, "-o", "out/list.csv"],
        "check": ["check", EVENTS, *RUN, day, "-o", "out/check.json"],
        "rejects": ["report", EVENTS, *RUN, day, *SOME, "--rejects", "out/rejects.csv",
                    "-o", "out/report.json"],
    }[kind]  # fmt: skip


KINDS = ("json", "tables", "sharded", "stdin", "history", "audience", "check", "rejects")


def start(arguments: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    """The command as a process, in a folder with an empty one for temporary files."""
    (folder / "tmp").mkdir(exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(folder / "tmp"), "PYTHONPATH": str(ROOT)}
    with (SAMPLE / "events.csv").open("rb") as events:
        return subprocess.Popen(
            [sys.executable, "-m", "adoptcli", *arguments], cwd=folder, env=environment,
            stdin=events, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


def written(folder: Path) -> dict[str, bytes]:
    """Every file that a command has written, by its place."""
    found = (p for p in (folder / "out").rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in found}


class Kind:
    """What a command leaves up to the one day and up to the other, and how long it takes."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self.folder = kind, folder
        self.old = self._whole(OLD, folder / "old")
        begun = time.monotonic()
        self.new = self._whole(NEW, folder / "new")
        self.seconds = time.monotonic() - begun

    def _whole(self, day: str, folder: Path) -> dict[str, bytes]:
        folder.mkdir(parents=True)
        code = start(command(self.kind, day), folder).wait()
        found = written(folder)
        if code not in (0, 1) or not found or [*(folder / "tmp").iterdir()]:
            raise AssertionError(f"{self.kind}: exit code {code}, {len(found)} files")
        return found

    def fault(self, share: float) -> str:
        """What is wrong after a kill at a share of the time, and after the run that follows."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            folder = Path(name)
            for place, data in self.old.items():
                (folder / place).parent.mkdir(parents=True, exist_ok=True)
                (folder / place).write_bytes(data)
            process = start(command(self.kind, NEW), folder)
            try:
                process.wait(share * self.seconds)
                self.seconds *= 0.9  # it was over: the next is killed earlier
                return TOO_LATE
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for place, data in written(folder).items():
                whole = data in (self.old.get(place), self.new.get(place))
                if not whole and not Path(place).name.startswith(".") and "/." not in place:
                    return f"{place} is neither the old nor the new file"
            if start(command(self.kind, NEW), folder).wait() not in (0, 1):
                return "the run that follows fails"
            if written(folder) != {**self.old, **self.new}:
                extra = {*written(folder)} - {*self.old, *self.new}
                return f"after the run that follows: {sorted(extra) or 'other bytes'}"
            left = sorted(p.name for p in (folder / "tmp").iterdir())
            return f"left in the temporary folder: {left}" if left else ""


def main() -> int:
    """The exit code: 1 where something was left that should not be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng, kills, faults = random.Random(given.seed), 0, 0
    with tempfile.TemporaryDirectory() as name:
        kinds = {kind: Kind(kind, Path(name) / kind) for kind in KINDS}
        while kills < given.kills:
            kind, share = KINDS[kills % len(KINDS)], rng.uniform(0.2, 1.0)
            wrong = kinds[kind].fault(share)
            kills += wrong != TOO_LATE
            if wrong not in ("", TOO_LATE):
                faults += 1
                print(f"{kind} killed at {share:.2f} of its time: {wrong}", flush=True)
    print(f"{kills:,} kills, {faults:,} faults")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
