"""Time and memory of a whole report as a log grows tenfold, where memory is limited.

python benchmarks/scale.py                              10, 100 and 1,000 million events, 12 GB
python benchmarks/scale.py --millions 10 100 --limit 1.5GB

A billion events take 14 GB of disk and half an hour to make, and 10 GB more while they are read.
With --group a control group (Linux, root) that exists has the limit, and nothing is told to
adoptcli; else ADOPTCLI_MEMORY_LIMIT has it. What was measured is kept beside the logs and written
to docs/scale.md.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import generate  # noqa: E402
import run  # noqa: E402

USERS = 100  # events of one, on average
UNITS = {"GB": 10**9, "MB": 10**6}
INTRO = """# A billion events

`adoptcli report` with all metrics, of logs that `benchmarks/generate.py` makes (a hundred events a user, a year, twenty names of events), as Parquet, on a machine with two cores. adoptcli may use as much memory as the second column says, and parts the log by that ([architecture](architecture.md#memory)); peak is what the process had resident at most.

```sh
pip install ".[benchmark]"
python benchmarks/scale.py                                   # 10, 100 and 1,000 million, 12 GB
python benchmarks/scale.py --millions 100 --limit none       # as much as there is
python benchmarks/scale.py --millions 100 --limit 1.5GB
```

| events | memory | seconds on the clock | processor s | peak MB | processor s a million |
|---:|---:|---:|---:|---:|---:|
"""  # noqa: E501


def made(folder: Path, millions: int) -> Path:
    """The log of a size, made where it is not there."""
    place, events = folder / str(millions), millions * 1_000_000
    if not (place / "events.parquet").exists():
        size = generate.Size(events=events, users=events // USERS)
        generate.make_apart(place, size, csv=False)
    return place


def measured(place: Path, limit: str, group: Path | None) -> dict[str, Any]:
    """A whole report, from the file to the JSON."""
    out, python = place / f"report.{limit}.json", sys.executable
    command = [
        python, "-m", "adoptcli", "report", str(place / "events.parquet"),
        "-c", str(place / "metrics.yaml"), "-q", "-f", "json", "-o", str(out),
    ]  # fmt: skip
    if group is None or limit == "none":
        return asdict(run.measure(command, told="" if limit == "none" else limit))
    size = round(float(limit[:-2]) * UNITS[limit[-2:]])
    second = group / "memory.max"  # of control groups, version 2
    (second if second.exists() else group / "memory.limit_in_bytes").write_text(str(size))
    inside = f'echo $$ > {group}/cgroup.procs; exec "$@"'
    return asdict(run.measure(["sh", "-c", inside, "sh", *command]))


def same(place: Path) -> bool:
    """Whether the reports of a log are the same, whatever memory they had."""
    first, *others = sorted(place.glob("report.*.json"))
    return all(filecmp.cmp(first, other, shallow=False) for other in others)


def page(runs: dict[str, dict[str, Any]]) -> str:
    """What was measured, as Markdown."""
    rows = sorted((int(key.split()[0]), key.split()[1], found) for key, found in runs.items())
    lines = [
        f"| {n:,} M | {'all' if limit == 'none' else limit} | {r['wall']:.0f} | {r['cpu']:.0f} "
        f"| {r['memory']:,.0f} | {r['cpu'] / n:.2f} |"
        for n, limit, r in rows
    ]
    text = INTRO + "\n".join(lines) + "\n"
    for limit in sorted({limit for _, limit, _ in rows}):
        mine = [(n, r) for n, name, r in rows if name == limit]
        if len(mine) > 1:
            (few, first), (most, last) = mine[0], mine[-1]
            wall, cpu, memory = (
                math.log(last[what] / first[what], most / few) for what in ("wall", "cpu", "memory")
            )
            told = "with all memory" if limit == "none" else f"with {limit}"
            text += (
                f"\nFrom {few:,} to {most:,} million {told} time on the clock grows with the power "
                f"{wall:.2f} of the events, processor time {cpu:.2f}, memory {memory:.2f}.\n"
            )
    return text


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--millions", type=int, nargs="*", default=[10, 100, 1000])
    parser.add_argument("--limit", default="12GB", help="such as 1.5GB, or none")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/adoptcli-scale"))
    parser.add_argument("--group", type=Path, help="such as /sys/fs/cgroup/memory/adoptcli")
    given = parser.parse_args()
    kept = given.folder / "scale.json"
    for millions in given.millions:
        place = made(given.folder, millions)
        runs = json.loads(kept.read_text()) if kept.exists() else {}
        runs[f"{millions} {given.limit}"] = measured(place, given.limit, given.group)
        kept.write_text(json.dumps(runs))
        (HERE.parent / "docs" / "scale.md").write_text(page(runs))
        print(f"{millions:,} M: {runs[f'{millions} {given.limit}']}", flush=True)
        if not same(place):
            raise SystemExit(f"{place}: reports differ by the memory that they had")


if __name__ == "__main__":
    main()
