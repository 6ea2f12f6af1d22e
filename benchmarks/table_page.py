"""The page of `table.py`: ratios, goals, seconds, memory, phases and growth as Markdown."""

from __future__ import annotations

import os
import platform
import statistics
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import run
import table_plan as plan
from generate import Size

Runs = dict[str, list[dict[str, Any]]]
PACKAGES = ("adoptcli", "polars", "duckdb", "chdb", "pandas", "pyarrow", "numpy")
NAMES = {
    "first": "adoptcli", "textbook-first": "DuckDB, textbook",
    "packed": "DuckDB, packed", "chdb": "ClickHouse (chDB)", "pandas": "pandas",
}  # fmt: skip
THIRD, QUARTER = 1 / 3, 1 / 4
INTRO = """# How fast, and how it grows

`adoptcli report` with its first ten metrics against what an analyst would write for the same numbers: a textbook DuckDB script, DuckDB on packed sorted integers, ClickHouse in process (chDB) on a table in the order of users and times, and pandas. Each is a whole process, from the file to the numbers. Every number of every script is compared with adoptcli's to nine digits before its time is kept.

adoptcli computes intervals, caveats and many more tables in the same time; the scripts compute the numbers alone. pandas leaves out `textbook_life.py` (a feature's whole life, score levels, working days), which favours it. **Ratios and seconds are of processor time**, which other work on the machine changes least; seconds on the clock stand beside them and say little where the machine was shared.

```sh
pip install ".[benchmark]"
python benchmarks/table.py          # makes the logs, runs all, writes this page; goes on where it stopped
```
"""  # noqa: E501


def machine() -> dict[str, str]:
    """The processor, cores, memory and versions."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    found = {
        "processor": model or platform.processor(), "cores": str(os.cpu_count()),
        "memory": f"{memory:.0f} GB", "Python": platform.python_version(),
    }  # fmt: skip
    return found | {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def page(runs: Runs, on: dict[str, str]) -> str:
    """All of it."""
    parts = [
        INTRO, "Machine: " + ", ".join(f"{k} {v}" for k, v in on.items()) + ".",
        _shared(runs),
        "## Ratios", _ratios(runs), "## Goals", _goals(runs), "## Seconds and memory",
        _seconds(runs), "## Where adoptcli's time goes", _phases(runs), "## Growth", _growth(runs),
    ]  # fmt: skip
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _shared(runs: Runs) -> str:
    """How much else the machine did meanwhile."""
    waits = [r["wall"] / r["cpu"] for found in runs.values() for r in found if r.get("cpu")]
    if not waits:
        return ""
    wait = statistics.median(waits)
    busy = "; the machine was busy with other work, which adds to processor time, too"
    return f"Clock ÷ processor time, median of all runs: {wait:.1f}{busy if wait > 1.5 else ''}."


def _table(head: list[str], lines: list[list[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _median(found: list[dict[str, Any]], what: str) -> float | None:
    values = [r[what] for r in found if what in r]
    return statistics.median(values) if values else None


def _of(runs: Runs, engine: str, size: Any, what: str, *, csv: bool = False) -> float | None:
    return _median(runs.get(plan.Job(engine, size, csv).key, []), what)


def _ratio(runs: Runs, over: str, size: Any, *, csv: bool) -> float | str | None:
    """The median of the ratios within a round; a word where there is none for a reason."""
    pairs = zip(*(runs.get(plan.Job(x, size, csv).key, []) for x in (over, "first")), strict=False)
    found = [(a, b) for a, b in pairs]
    if any("failed" in a for a, _ in found):
        return str(found[0][0]["failed"])
    return statistics.median(a["cpu"] / b["cpu"] for a, b in found) if found else None


def _said(value: float | str | None, form: str = ".1f") -> str:
    return format(value, form) if isinstance(value, float) else value or "not run"


def _logs() -> list[tuple[Any, bool, str]]:
    """Sizes and formats with their names."""
    return [
        (jobs[0].size, jobs[0].csv,
         f"{jobs[0].size.events // 1_000_000} M, {'CSV' if jobs[0].csv else 'Parquet'}")
        for jobs in plan.sizes()
    ]  # fmt: skip


def _ratios(runs: Runs) -> str:
    """Rivals by size and format."""
    head = ["events", *(f"{NAMES[x]} ÷ adoptcli" for x in run.RIVALS)]
    lines = [
        [name, *(_said(_ratio(runs, x, size, csv=csv)) for x in run.RIVALS)]
        for size, csv, name in _logs()
    ]
    return _table(head, lines)


def _goals(runs: Runs) -> str:
    """What is wanted, and whether it is so."""
    logs, lines = {(s.events, csv): (s, name) for s, csv, name in _logs()}, []
    for (over, events, csv), least in run.GOALS.items():
        size, name = logs[events, csv]
        found = _ratio(runs, over, size, csv=csv)
        met = isinstance(found, float) and found >= least
        lines.append(_goal(f"{NAMES[over]} ÷ adoptcli, {name}", f"at least {least}", found, met))
    large = Size(plan.SIZES[-1], plan.SIZES[-1] // 100)
    theirs = _of(runs, "textbook-first", large, "memory")
    for engine in plan.OURS:
        ours = _of(runs, engine, large, "memory")
        part = ours / theirs if ours and theirs else None
        what = f"memory of {NAMES[engine]} ÷ DuckDB, textbook, 100 M"
        met = part is not None and part <= QUARTER
        lines.append(_goal(what, "at most 0.25", part, met, ".2f"))
    for size, csv, name in _logs():
        if not csv and size.events > plan.SIZES[0] and (part := _rest(runs, size)):
            what = f"all but reading, encoding and sorting, {name}"
            lines.append(_goal(what, "at most 0.33", part, part <= THIRD, ".2f"))
    return _table(["what", "wanted", "found", ""], lines)


def _goal(what: str, wanted: str, found: Any, met: bool, form: str = ".1f") -> list[str]:
    judged = ("met" if met else "**missed**") if isinstance(found, float) else ""
    return [what, wanted, _said(found, form), judged]


def _seconds(runs: Runs) -> str:
    """What each took."""
    lines = []
    for size, csv, name in _logs():
        for engine in plan.ENGINES:
            cpu, wall, memory = (
                _of(runs, engine, size, k, csv=csv) for k in ("cpu", "wall", "memory")
            )
            if cpu is not None:
                figures = [f"{cpu:.1f}", f"{wall:.1f}", f"{memory:.0f}"]
                lines.append([name, NAMES[engine], *figures])
    return _table(["events", "engine", "processor s", "clock s", "peak MB"], lines)


def _rest(runs: Runs, size: Any) -> float | None:
    """The part of the work that is neither reading, encoding nor sorting."""
    found = [r["phases"] for r in runs.get(plan.Job("phases", size).key, [])]
    parts = [(p["start"] + p["counting"]) / sum(p.values()) for p in found]
    return statistics.median(parts) if parts else None


def _phases(runs: Runs) -> str:
    """Seconds of work by phase, of the first ten metrics."""
    lines = []
    for size, csv, name in _logs():
        for r in [] if csv else runs.get(plan.Job("phases", size).key, [])[:1]:
            lines.append([name, *(f"{s:.2f}" for s in r["phases"].values())])
    return _table(
        ["events", "starting", "reading and encoding", "sorting", "counting and writing"], lines
    )


def _growth(runs: Runs) -> str:
    """One thing varied at a time, with the power of growth."""
    base = plan.BASE
    text = (
        f"One thing at a time, beside {base.events:,} events, {base.users:,} users, {base.names} "
        f"event names, {base.days} days and {base.segments} segments. The power k is fitted to "
        "what lies above a log of nearly nothing: twice as much takes 2^k times as long "
        "(k = 1: twice, k = 0: no longer). Segments are of `--by plan`; beyond 12 they are folded "
        "into `other`. More users have fewer events each."
    )
    return "\n\n".join([text, *(_grown(runs, name) for name in plan.STEPS)])


def _grown(runs: Runs, name: str) -> str:
    engines = ("first",) if name == "segments" else plan.GROWING
    values = plan.STEPS[name]
    columns = [(e, what) for e in engines for what in ("cpu", "memory")]
    found = {c: [_at(runs, name, value, *c) for value in values] for c in columns}
    lines = [
        [f"{value:,}", *(_said(found[c][i], ".2f" if c[1] == "cpu" else ".0f") for c in columns)]
        for i, value in enumerate(values)
    ]
    powers = [_power(values, found[c], _at(runs, name, None, *c)) for c in columns]
    units = {"cpu": "s", "memory": "MB"}
    head = [name, *(f"{NAMES[e]}, {units[what]}" for e, what in columns)]
    return _table(head, [*lines, ["**power**", *powers]])


def _at(runs: Runs, name: str, value: int | None, engine: str, what: str) -> float | None:
    """What it took where this has that value; without one, on the log of nearly nothing."""
    size = plan.START if value is None else replace(plan.BASE, **{name: value})
    job = plan.Job(engine, size, split=name == "segments")
    return _median(runs.get(job.key, []), what)


def _power(values: tuple[int, ...], found: list[float | None], start: float | None) -> str:
    """The slope of the logarithms; where there is nothing above the start, none."""
    above = [(x, y - start) for x, y in zip(values, found, strict=True) if y and start]
    if len(above) < len(values) or min(y for _, y in above) <= 0:
        return "–"
    slope, _ = np.polyfit(*np.log(np.array(above)).T, 1)
    return f"{slope:.2f}"
