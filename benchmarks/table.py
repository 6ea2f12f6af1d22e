"""Time all engines at all sizes and formats, and write docs/benchmarks.md.

python benchmarks/table.py                          everything, once each
python benchmarks/table.py --most 20_000_000        what has at most so many events
python benchmarks/table.py --page                   write the page from what is there

Every run that is done stands in DIR/table.json, so that a run broken off goes on where it stopped;
`--rounds 3` adds two to those with one. Logs are made where they lack.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import compare
import generate
import run
import table_page
from table_plan import ENGINES, SIZES, Job, growth, sizes, where

LIMITED = "pandas"  # fails by itself, rather than that the system ends something else


def command(job: Job, folder: Path) -> tuple[list[str], Path]:
    """What is run, and the file that it writes."""
    name = "events.csv" if job.csv else "events.parquet"
    out = folder / f"{job.engine}.json"
    if job.engine == "phases":
        words, _ = run.commands(folder, name)["first"]
        return [sys.executable, str(run.HERE / "phases.py"), str(out), *words[3:]], out
    words, _ = run.commands(folder, name)[job.engine]
    return [*words, "--by", "plan"] if job.split else words, out


def available() -> int:
    """Bytes of memory that a process may have, with a tenth kept for all others."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(int(line.split()[1]) * 1024 * 0.9)
    raise SystemExit("/proc/meminfo does not say what memory is available")


def timed(job: Job, folder: Path) -> dict[str, Any]:
    """What one run took; or that memory was not enough."""
    words, out = command(job, folder)
    out.unlink(missing_ok=True)
    try:
        found = run.measure(words, available() if job.engine == LIMITED else None)
    except run.Failed as problem:
        if job.engine == LIMITED and ("MemoryError" in str(problem) or "alloc" in str(problem)):
            return {"failed": "out of memory"}
        raise
    more = {"phases": json.loads(out.read_text())} if job.engine == "phases" else {}
    return {**asdict(found), **more}


def unequal(folder: Path, engine: str) -> list[str]:
    """Numbers of a rival that the report does not have the same."""
    ours = compare.shape(json.loads((folder / "first.json").read_text()))
    theirs = json.loads((folder / f"{engine}.json").read_text())
    return [line for key in theirs for line in compare.differences(theirs[key], ours.get(key), key)]


def work(jobs: list[Job], base: Path, results: Path, rounds: int) -> None:
    """One log: runs that lack, in turn, so that a round's ratios are of the same minutes."""
    done = read(results)
    lacking = [j for j in jobs if len(done["runs"].get(j.key, [])) < rounds]
    if not lacking:
        return
    folder = base / where(jobs[0].size)
    if not (folder / ("events.csv" if jobs[0].csv else "events.parquet")).exists():
        print("making", folder, flush=True)
        generate.make_apart(folder, jobs[0].size, csv=jobs[0].csv)
    for n in range(rounds):
        for job in jobs:
            found = done["runs"].setdefault(job.key, [])
            if len(found) > n:
                continue
            found.append(timed(job, folder))
            rival = job.engine in run.RIVALS and "failed" not in found[-1]
            if wrong := unequal(folder, job.engine) if rival else []:
                raise SystemExit("\n".join([f"{job.key}: numbers differ", *wrong[:20]]))
            results.write_text(json.dumps(done, indent=1))
            print(job.key, found[-1], flush=True)


def read(results: Path) -> dict[str, Any]:
    """What is done already; results of another machine are not mixed with this one's."""
    here = table_page.machine()
    found = load(results) if results.exists() else {"machine": here, "runs": {}}
    if found["machine"] != here:
        raise SystemExit(f"{results} is of {found['machine']}, not of {here}: another --folder")
    return found


def load(results: Path) -> dict[str, Any]:
    """What is done, wherever it was."""
    found: dict[str, Any] = json.loads(results.read_text())
    return found


def main() -> int:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/adoptcli-benchmark-table"))
    parser.add_argument("--most", type=int, default=max(SIZES), help="events of a log")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=[*ENGINES, "phases"], help="engines")
    parser.add_argument("--parts", nargs="*", choices=["sizes", "growth"],
                        default=["sizes", "growth"])  # fmt: skip
    parser.add_argument("--page", action="store_true", help="run nothing")
    parser.add_argument("--keep", action="store_true", help="keep logs once they are done with")
    parser.add_argument("--into", type=Path, default=run.ROOT / "docs" / "benchmarks.md")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    results = given.folder / "table.json"
    parts = {"sizes": sizes, "growth": growth}
    for part in () if given.page else given.parts:
        for jobs in parts[part]():
            chosen = [j for j in jobs if given.only is None or j.engine in given.only]
            if chosen and chosen[0].size.events <= given.most:
                work(chosen, given.folder, results, given.rounds)
                if part == "growth" and not given.keep:
                    shutil.rmtree(given.folder / where(chosen[0].size), ignore_errors=True)
    found = load(results)
    given.into.write_text(table_page.page(found["runs"], found["machine"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
