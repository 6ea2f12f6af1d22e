"""Time adoptcli against DuckDB on the same log; numbers are compared before times.

python benchmarks/run.py                         20 M events, Parquet
python benchmarks/run.py --csv --rounds 1        CSV
python benchmarks/run.py --shards 8 --only adoptcli
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import compare
import generate

HERE = Path(__file__).parent
ROOT = HERE.parent


@dataclass(frozen=True)
class Run:
    """One process: seconds on the clock, seconds of work, peak memory in MB."""

    wall: float
    cpu: float
    memory: float


def measure(command: list[str]) -> Run:
    """Run a process to its end."""
    begin = time.perf_counter()
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    wall = time.perf_counter() - begin
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def commands(folder: Path, name: str, shards: int) -> dict[str, tuple[list[str], Path]]:
    """What is run, and where its numbers go."""
    file, python = str(folder / name), sys.executable
    out = {n: folder / f"{n}.json" for n in ("adoptcli", "textbook", "packed")}
    return {
        "adoptcli": (
            [python, "-m", "adoptcli", "report", file, "-c", str(folder / "metrics.yaml"), "-q",
             "--shards", str(shards), "-f", "json", "-o", str(out["adoptcli"])], out["adoptcli"],
        ),
        "textbook": ([python, str(HERE / "textbook.py"), file, str(out["textbook"])],
                     out["textbook"]),
        "packed": ([python, str(HERE / "packed.py"), file, str(out["packed"])], out["packed"]),
    }  # fmt: skip


def disagreement(paths: list[Path]) -> list[str]:
    """Every number that is not the same in all."""
    shapes = [compare.shape(json.loads(path.read_text())) for path in paths]
    return [line for other in shapes[1:] for line in compare.differences(shapes[0], other)]


def table(runs: dict[str, list[Run]]) -> str:
    """Medians, and ratios pair by pair against adoptcli."""
    lines = [
        "| | wall s | cpu s | peak MB | wall, times | cpu, times |",
        "|---|---|---|---|---|---|",
    ]
    for name, found in runs.items():
        pairs = list(zip(found, runs["adoptcli"], strict=True))
        ratios = [statistics.median(getattr(a, k) / getattr(b, k) for a, b in pairs)
                  for k in ("wall", "cpu")]  # fmt: skip
        wall, cpu, memory = (
            statistics.median(getattr(r, k) for r in found) for k in ("wall", "cpu", "memory")
        )
        numbers = f"{wall:.2f} | {cpu:.2f} | {memory:.0f} | {ratios[0]:.1f} | {ratios[1]:.1f}"
        lines.append(f"| {name} | {numbers} |")
    return "\n".join(lines)


def start_up(rounds: int) -> str:
    """How long one waits for the help, and for a report on the sample data."""
    python = sys.executable
    pairs = {
        "--help ÷ import typer, rich": (
            [python, "-m", "adoptcli", "--help"], [python, "-c", "import typer, rich"],
        ),
        "sample report ÷ import polars, typer, rich": (
            [python, "-m", "adoptcli", "report", "-c", "metrics.example.yaml", "-q"],
            [python, "-c", "import polars, typer, rich"],
        ),
    }  # fmt: skip
    lines = []
    for name, (ours, theirs) in pairs.items():
        ratios = [measure(ours).wall / measure(theirs).wall for _ in range(max(rounds, 5))]
        lines.append(f"{name}: {statistics.median(ratios):.2f}")
    return "\n".join(lines)


def main() -> int:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/adoptcli-benchmark"))
    parser.add_argument("--csv", action="store_true")
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=["adoptcli", "textbook", "packed"])
    given = parser.parse_args()
    folder, name = given.folder / str(given.events), "events.csv" if given.csv else "events.parquet"
    if not (folder / name).exists():
        generate.write(folder, given.events, given.users, csv=given.csv)
    chosen = {n: c for n, c in commands(folder, name, given.shards).items() if n in given.only}
    runs: dict[str, list[Run]] = {n: [] for n in chosen}
    for i in range(given.rounds):
        for n, (command, _) in chosen.items():
            runs[n].append(measure(command))
        wrong = disagreement([path for _, path in chosen.values()]) if i == 0 else []
        if wrong:
            print("the numbers differ:", *wrong[:20], sep="\n")
            return 1
    print(f"{given.events:,} events, {name}, {given.rounds} rounds, equal numbers\n")
    print(table(runs))
    print()
    print(start_up(given.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
