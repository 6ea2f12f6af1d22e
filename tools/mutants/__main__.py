"""Changes the code in many small ways and tells which changes no test notices.

python -m tools.mutants                      600 changes out of all, chosen by a seed
python -m tools.mutants --sample 60 --only metrics/churn.py
python -m tools.mutants --all                every change
python -m tools.mutants --into docs/evidence.md
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import yaml

from .operators import Key, Mutant, mutants
from .reach import Reach, reach
from .summary import Found, into, told
from .trial import Trial

PLACES = ("adoptcli/metrics", "adoptcli/timeline", "adoptcli/stats", "adoptcli/timeframe.py")
LOG = Path(".mutants/found.jsonl")
JUDGED = Path(__file__).with_name("judged.yaml")
PRELOADED = (
    "coverage", "duckdb", "hypothesis", "jsonschema", "numpy", "orjson", "polars", "pydantic",
    "rich", "scipy.stats", "statsmodels.stats.api", "typer",
)  # fmt: skip


def main() -> int:
    asked = _asked()
    everything = {f: mutants(f) for f in files()}
    judged = _judged(everything)
    known = reach(list(everything))
    chosen = _chosen(everything, asked)
    for module in PRELOADED:
        importlib.import_module(module)
    found = []
    for one in _fates(chosen, known, asked):
        found.append(one)
        _tell(one, judged)
    result = told(found, judged, sum(map(len, everything.values())))
    print(result)
    if asked.into:
        into(Path(asked.into), result)
    return 0


def _fates(chosen: list[Mutant], known: Reach, asked: argparse.Namespace) -> Iterator[Found]:
    """Those that are known already, then the others, which are written down."""
    before = _before(known)
    yield from (Found(m, *before[m.key]) for m in chosen if m.key in before)
    waiting = [m for m in chosen if m.key not in before]
    with LOG.open("a", encoding="utf-8") as log:
        for one in _tried(waiting, known, asked):
            line = [known.state, *one.mutant.key, one.fate, one.by, one.seconds]
            print(json.dumps(line), file=log, flush=True)
            yield one


def _before(known: Reach) -> dict[Key, tuple[str, str, float]]:
    """The fate of changes that were tried with the very same code and tests."""
    kept = [json.loads(line) for line in LOG.read_text().splitlines()] if LOG.exists() else []
    return {tuple(line[1:5]): tuple(line[5:]) for line in kept if line[0] == known.state}


def files() -> list[str]:
    """All modules that are changed."""
    found = [p for place in PLACES for p in [Path(place), *sorted(Path(place).glob("*.py"))]]
    return [str(p) for p in found if p.suffix == ".py"]


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tools.mutants")
    parser.add_argument("--sample", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", default="", help="part of a file's name or of a changed line")
    parser.add_argument("--budget", type=float, default=60, help="seconds of tests for a change")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--into", help="a Markdown file that gets the result")
    return parser.parse_args()


def _judged(everything: dict[str, list[Mutant]]) -> dict[tuple[str, str, str], str]:
    """Why some changes make no difference; an entry without its change is a mistake."""
    listed = yaml.safe_load(JUDGED.read_text(encoding="utf-8")) or []
    found = {(e["file"], e["was"], e["now"]): e["why"] for e in listed}
    there = {m.name for changes in everything.values() for m in changes}
    for file, was, _ in sorted(found.keys() - there):
        print(f"judged, but there no longer: {file}: {was}")
    return found


def _chosen(everything: dict[str, list[Mutant]], asked: argparse.Namespace) -> list[Mutant]:
    """Of each module its part of the sample, at least one; a larger sample holds the smaller."""
    kept = {
        file: [m for m in changes if asked.only in file or asked.only in m.was]
        for file, changes in everything.items()
    }
    total = sum(map(len, kept.values()))
    if not total:
        raise SystemExit(f"nothing to change has {asked.only!r} in its file or line")
    found = []
    for changes in kept.values():
        size = len(changes) if asked.all else max(1, round(asked.sample * len(changes) / total))
        found += sorted(changes, key=lambda m: _lot(m, asked.seed))[:size]
    return found


def _lot(mutant: Mutant, seed: int) -> int:
    return zlib.crc32(repr((seed, mutant.name)).encode())


def _tried(chosen: list[Mutant], known: Reach, asked: argparse.Namespace) -> Iterator[Found]:
    """Every change with its fate; first that the tests pass where nothing is changed."""
    _unchanged(known)
    running: dict[int, Trial] = {}
    left = list(reversed(chosen))
    try:
        while left or running:
            while left and len(running) < asked.jobs:
                mutant = left.pop()
                tests = known.tests(mutant.file, mutant.lines, asked.budget)
                if tests:
                    trial = _trial(mutant, tests, known)
                    running[trial.pid] = trial
                else:
                    yield Found(mutant, "survived", "no test", 0.0)
            for trial, status, seconds in _ended(running):
                assert trial.mutant is not None
                yield Found(trial.mutant, *trial.ended(status), seconds)
    finally:
        for trial in running.values():
            trial.drop()


def _trial(mutant: Mutant | None, tests: list[str], known: Reach) -> Trial:
    return Trial(mutant, tests, known.time(tests)).start()


def _unchanged(known: Reach) -> None:
    trial = _trial(None, known.tests("adoptcli/timeframe.py", (1, 999), 2), known)
    _, status = os.waitpid(trial.pid, 0)
    trial.ended(status)


def _ended(running: dict[int, Trial]) -> Iterator[tuple[Trial, int, float]]:
    """Those that have ended, how, and the processor time that they took."""
    for pid in list(running):
        done, status, used = os.wait4(pid, os.WNOHANG)
        if done:
            yield running.pop(pid), status, round(used.ru_utime + used.ru_stime, 2)
        elif running[pid].astray():
            running[pid].kill()
    time.sleep(0.02)


def _tell(one: Found, judged: dict[tuple[str, str, str], str]) -> None:
    mutant = one.mutant
    if one.fate == "survived" and mutant.name not in judged:
        place = f"{mutant.file}:{mutant.lines[0]}"
        print(f"{place}\n  - {mutant.was}\n  + {mutant.now}", flush=True)
    elif one.fate == "killed" and mutant.name in judged:
        print(f"judged to make no difference, but {one.by} fails: {mutant.now}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
