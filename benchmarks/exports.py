"""Time reading vendors' exports: adoptcli, Polars' plain read of the same fields, and DuckDB.

python benchmarks/exports.py                         all presets, 400,000 rows each
python benchmarks/exports.py --only mixpanel ga4 --rows 2000000 --rounds 5

Exports are those of the tests, many times over with other ids. Row counts, users and event names
of adoptcli and DuckDB are compared before times are printed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from run import ENVIRONMENT  # noqa: E402

WAYS = ("adoptcli", "plain", "duckdb")


@dataclass(frozen=True)
class Run:
    """One process: seconds on the clock and of work, and what it counted."""

    wall: float
    cpu: float
    counts: dict[str, int]


def measure(way: str, name: str, path: Path) -> Run:
    """Read an export in a process of its own; importing is not timed, as it is in all of them."""
    command = [sys.executable, str(HERE / "exports_read.py"), way, name, str(path)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name}, {way}: {done.stderr[-1500:]}")
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return Run(said.pop("wall"), said.pop("cpu"), said)


def disagreement(runs: dict[str, list[Run]]) -> str:
    """What adoptcli and DuckDB do not count the same."""
    ours, theirs = runs["adoptcli"][0].counts, runs["duckdb"][0].counts
    return ", ".join(f"{k} {ours[k]:,} and {theirs[k]:,}" for k in ours if ours[k] != theirs[k])


def line(name: str, runs: dict[str, list[Run]], size: int) -> str:
    """Medians of adoptcli's seconds and of the ratios within a round."""
    ours = runs["adoptcli"]
    cells = [name, f"{size / 1e6:.0f}", f"{ours[0].counts['rows']:,}"]
    cells += [f"{statistics.median(r.cpu for r in ours):.2f}"]
    for other in ("plain", "duckdb"):
        for kind in ("cpu", "wall"):
            pairs = zip(ours, runs[other], strict=True)
            ratios = [getattr(a, kind) / getattr(b, kind) for a, b in pairs]
            cells.append(f"{statistics.median(ratios):.2f}")
    return "| " + " | ".join(cells) + " |"


def main() -> int:
    """From the command line."""
    import exports_make

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/adoptcli-benchmark-exports"))
    parser.add_argument("--only", nargs="*", default=[])
    given = parser.parse_args()
    print("| preset | MB | rows | cpu s | ÷ plain | on the clock | ÷ DuckDB | on the clock |")
    print("|---|---|---|---|---|---|---|---|")
    wrong = []
    for name in given.only or exports_make.names():
        for label, path in exports_make.made(name, given.folder, given.rows).items():
            runs: dict[str, list[Run]] = {way: [] for way in WAYS}
            try:
                for _ in range(given.rounds):
                    for way in WAYS:
                        runs[way].append(measure(way, name, path))
            except RuntimeError as error:
                wrong.append(str(error))
                continue
            size = sum(f.stat().st_size for f in path.iterdir())
            print(line(label, runs, size), flush=True)
            if found := disagreement(runs):
                wrong.append(f"{label}: {found}")
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    begin = time.perf_counter()
    code = main()
    print(f"{time.perf_counter() - begin:.0f} s", file=sys.stderr)
    sys.exit(code)
