"""Run a log on one machine, on a Spark cluster and over Connect; bytes are compared.

python benchmarks/spark.py events.parquet -c metrics.yaml
python benchmarks/spark.py events/ -c metrics.yaml --shards 7 --only cluster

Runs `report` with all metrics that the YAML allows, and where it defines them `drivers`, `impact`
and each audience.
The cluster (a master and two workers of one core each) and the Connect server are on this machine,
so that seconds tell what Spark costs and not what a cluster gains. Exits with 1 where bytes differ.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import yaml

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]

from tests.spark import servers  # noqa: E402

COLUMNS = ("log", "rows", "what", "runner", "s", "÷ one machine", "same bytes")
BESIDE = ("drivers", "impact")  # metrics that a report does not have
RUNNERS: dict[str, Callable[[Path], AbstractContextManager[str]]] = {
    "cluster": servers.cluster,
    "connect": servers.connect,
}


@dataclass(frozen=True)
class Run:
    """One process: seconds on the clock, and what it wrote."""

    wall: float
    out: bytes


def measure(command: list[str]) -> Run:
    """Run adoptcli to its end, which must be a good one."""
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "adoptcli", *command],
        env=servers.ENVIRONMENT, capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr.decode(errors='replace')[-1500:]}")
    return Run(time.perf_counter() - begin, done.stdout)


def commands(log: Path, definitions: Path) -> dict[str, list[str]]:
    """What is run, by what the table calls it."""
    given = [str(log.absolute()), "-c", str(definitions), "-f", "json", "-q"]
    defined = yaml.safe_load(definitions.read_text()) or {}
    metrics = ["report", *(name for name in BESIDE if name in defined)]
    lists = [f"audience {name}" for name in defined.get("audiences", {})]
    return {what: [*what.split(), *given] for what in (*metrics, *lists)}


def line(*cells: str) -> str:
    """A line of the table."""
    return "| " + " | ".join(cells) + " |"


def main() -> int:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("log", type=Path, help="a Parquet file, or a folder of them")
    parser.add_argument("-c", dest="definitions", type=Path, default=Path("metrics.yaml"))
    parser.add_argument("--shards", type=int, help="buckets on Spark")
    parser.add_argument("--only", nargs="*", choices=RUNNERS, default=[*RUNNERS])
    given = parser.parse_args()
    if lacking := servers.missing():
        raise SystemExit(lacking)
    asked = commands(given.log, given.definitions)
    rows = pl.scan_parquet(given.log).select(pl.len()).collect().item()
    here = {what: measure(command) for what, command in asked.items()}
    print(line(*COLUMNS), line(*["---"] * len(COLUMNS)), sep="\n")
    for what, run in here.items():
        print(line(given.log.name, f"{rows:,}", what, "one machine", f"{run.wall:.1f}", "", ""))
    wrong = 0
    shards = ["--shards", str(given.shards)] if given.shards else []
    for name in given.only:
        with tempfile.TemporaryDirectory() as folder, RUNNERS[name](Path(folder)) as url:
            for what, command in asked.items():
                run = measure([*command, "--master", url, *shards])
                own, same = here[what], run.out == here[what].out
                wrong += not same
                cells = (
                    name,
                    f"{run.wall:.1f}",
                    f"{run.wall / own.wall:.1f}",
                    "yes" if same else "NO",
                )
                print(line(given.log.name, f"{rows:,}", what, *cells), flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
