"""Time adoptcli against other engines on the same log; numbers are compared before times.

python benchmarks/run.py                         20 M events, Parquet
python benchmarks/run.py --csv --rounds 1        CSV
python benchmarks/run.py --limit 500MB --only adoptcli bounded
python benchmarks/run.py --only first textbook-first packed chdb pandas
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import compare
import generate

HERE = Path(__file__).parent
ROOT = HERE.parent
ACCOUNT_METRICS = ("seat_utilization", "account_health")
ASKED = ("drivers", "impact", "audience")
USUAL = ("adoptcli", "first", "user", "account", *ASKED, "textbook")
RIVALS = ("textbook-first", "chdb", "packed", "pandas")
RATIOS = (
    ("bounded", "adoptcli", "≤ 1.5"), ("textbook", "adoptcli", "≥ 5"),
    ("user", "first", "≤ 2"), ("adoptcli", "first", "≤ 3"),
    ("account", "first", ""), *((name, "adoptcli", "≤ 1") for name in ASKED),
)  # fmt: skip
GOALS = {
    ("textbook-first", 20_000_000, False): 7, ("textbook-first", 100_000_000, False): 8,
    ("textbook-first", 20_000_000, True): 5, ("chdb", 20_000_000, False): 5,
    ("packed", 20_000_000, False): 1.5,
}  # fmt: skip
# As in a shell, with byte code kept: Polars, imported here, leaves settings of its own to a child.
ENVIRONMENT = {
    k: v for k, v in os.environ.items()
    if k not in ("_RJEM_MALLOC_CONF", "PYTHONDONTWRITEBYTECODE")
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One process: seconds on the clock, seconds of work, peak memory in MB."""

    wall: float
    cpu: float
    memory: float


class Failed(SystemExit):
    """A process that did not end well, and what it said last: ends all, unless caught."""


def measure(command: list[str], most: int | None = None, told: str = "") -> Run:
    """Run a process to its end; it may have so many bytes of memory at most, and be told of less.

    Raises:
        Failed: It ended otherwise than with 0.
    """
    limit = partial(resource.setrlimit, resource.RLIMIT_DATA, (most, most)) if most else None
    words = {"ADOPTCLI_MEMORY_LIMIT": told} if told else {}
    begin = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        child = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=said,
            env=ENVIRONMENT | words,
            preexec_fn=limit,
        )  # fmt: skip
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - begin
        if status:
            said.seek(0)
            raise Failed(f"{' '.join(command)}: {status}\n{said.read()[-1500:]}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def commands(folder: Path, name: str) -> dict[str, tuple[list[str], Path | None]]:
    """What is run, and where the numbers go that are compared."""
    file, python = str(folder / name), sys.executable
    ours = {
        "adoptcli": ("metrics.yaml", []),
        "bounded": ("metrics.yaml", []),
        "first": ("metrics.first.yaml", [x for m in generate.TEN for x in ("--only", m)]),
        "user": ("metrics.yaml", [x for m in ACCOUNT_METRICS for x in ("--skip", m)]),
        "account": ("metrics.yaml", ["--unit", "account"]),
    }
    asked = {
        "drivers": ["drivers", file], "impact": ["impact", file],
        "audience": ["audience", "not_activated:late", file],
    }  # fmt: skip
    theirs = {
        "textbook": ("textbook.py", []),
        "textbook-first": ("textbook.py", ["--first"]),
        "packed": ("packed.py", []),
        "chdb": ("clickhouse.py", []),
        "pandas": ("frames.py", []),
    }
    found: dict[str, tuple[list[str], Path | None]] = {}
    for key, (yaml, options) in ours.items():
        out = folder / f"{key}.json"
        found[key] = (
            [python, "-m", "adoptcli", "report", file, "-c", str(folder / yaml), "-q", *options,
             "-f", "json", "-o", str(out)], out,
        )  # fmt: skip
    for key, command in asked.items():
        found[key] = (
            [python, "-m", "adoptcli", *command, "-c", str(folder / "metrics.yaml"), "-q",
             "-f", "json", "-o", str(folder / f"{key}.json")], None,
        )  # fmt: skip
    for key, (script, options) in theirs.items():
        out = folder / f"{key}.json"
        found[key] = ([python, str(HERE / script), file, str(out), *options], out)
    return found


def disagreement(paths: dict[str, Path]) -> list[str]:
    """Every number that two runs have and do not have the same, or that one of all lacks.

    With `--unit account` other things are counted, so that those are left out.
    """
    found = {
        k: compare.shape(json.loads(p.read_text())) for k, p in paths.items() if k != "account"
    }
    most = max(found, key=lambda k: len(found[k]), default="")
    wrong = []
    for name, metrics in found.items():
        whole = {k: found[most].get(k) for k in metrics}
        wrong += [f"{name}: {line}" for line in compare.differences(metrics, whole)]
        if name in ("adoptcli", "textbook"):
            wrong += [f"{name}: no {k}" for k in found[most] if k not in metrics]
    return wrong


def table(runs: dict[str, list[Run]]) -> str:
    """Medians of what each run took."""
    lines = ["| | wall s | cpu s | peak MB |", "|---|---|---|---|"]
    for name, found in runs.items():
        wall, cpu, memory = (
            statistics.median(getattr(r, k) for r in found) for k in ("wall", "cpu", "memory")
        )
        lines.append(f"| {name} | {wall:.2f} | {cpu:.2f} | {memory:.0f} |")
    return "\n".join(lines)


def ratios(runs: dict[str, list[Run]], events: int, *, csv: bool) -> str:
    """Medians of the ratios of the same round."""
    lines = ["| ratio | wall | cpu | wanted |", "|---|---|---|---|"]
    goals = {name: GOALS.get((name, events, csv)) for name in RIVALS}
    rivals = ((name, "first", f"≥ {goal}" if goal else "") for name, goal in goals.items())
    for over, under, wanted in (*RATIOS, *rivals):
        if over in runs and under in runs:
            wall, cpu = (ratio(runs[over], runs[under], k) for k in ("wall", "cpu"))
            lines.append(f"| {over} ÷ {under} | {wall:.2f} | {cpu:.2f} | {wanted} |")
    return "\n".join(lines)


def ratio(over: list[Run], under: list[Run], what: str) -> float:
    """The median of the ratios within a round."""
    pairs = zip(over, under, strict=True)
    return statistics.median(getattr(a, what) / getattr(b, what) for a, b in pairs)


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
    parser.add_argument("--folder", type=Path, default=Path("/tmp/adoptcli-benchmark-all"))
    parser.add_argument("--csv", action="store_true")
    parser.add_argument("--limit", default="", help="Memory that `bounded` is told there is.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=USUAL)
    given = parser.parse_args()
    folder, name = given.folder / str(given.events), "events.csv" if given.csv else "events.parquet"
    if not (folder / name).exists():
        generate.make_apart(folder, generate.Size(given.events, given.users), csv=given.csv)
    chosen = {n: c for n, c in commands(folder, name).items() if n in given.only}
    runs: dict[str, list[Run]] = {n: [] for n in chosen}
    for i in range(given.rounds):
        for n, (command, _) in chosen.items():
            runs[n].append(measure(command, told=given.limit if n == "bounded" else ""))
        wrong = disagreement({n: p for n, (_, p) in chosen.items() if p}) if i == 0 else []
        if wrong:
            print("the numbers differ:", *wrong[:20], sep="\n")
            return 1
    print(f"{given.events:,} events, {name}, {given.rounds} rounds, equal numbers\n")
    print(table(runs), ratios(runs, given.events, csv=given.csv), sep="\n\n", end="\n\n")
    print(start_up(given.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
