"""What `table.py` runs: engines by size and format, and one thing varied at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace

import generate
import run

OURS = ("first",)
ENGINES = (*OURS, *run.RIVALS)
GROWING = ("first", "textbook-first", "chdb")  # with the others each step would take twice as long
SIZES = (2_000_000, 20_000_000, 100_000_000)
BASE = generate.Size(events=2_000_000, users=20_000)
START = generate.Size(events=50_000, users=1_000)
STEPS = {
    "events": (1_000_000, 2_000_000, 4_000_000, 8_000_000),
    "users": (5_000, 20_000, 80_000, 320_000),
    "names": (20, 60, 200, 600),
    "days": (243, 304, 334, 365),  # whole months: scripts count half of one as one
    "segments": (3, 6, 12, 24),
}


@dataclass(frozen=True)
class Job:
    """One engine on one log."""

    engine: str
    size: generate.Size
    csv: bool = False
    split: bool = False

    @property
    def key(self) -> str:
        """Its name in the results."""
        kind = "csv" if self.csv else "parquet"
        return f"{self.engine}{' by plan' if self.split else ''} {kind} {where(self.size)}"


def where(size: generate.Size) -> str:
    """The name of a log's folder."""
    return "-".join(map(str, astuple(size)))


def sizes() -> Iterator[list[Job]]:
    """Every engine, and where the time of the first goes, by size and format."""
    for events in SIZES:
        size = generate.Size(events, events // 100)
        for csv in (False, True):
            engines = ENGINES if csv else (*ENGINES, "phases")
            yield [Job(engine, size, csv) for engine in engines]


def growth() -> Iterator[list[Job]]:
    """One thing varied at a time; a log of nearly nothing tells what starting takes."""
    yield [Job(engine, START) for engine in GROWING]
    yield [Job("first", START, split=True)]
    for name, values in STEPS.items():
        for value in values:
            size = replace(BASE, **{name: value})
            if name == "segments":
                yield [Job("first", size, split=True)]
            else:
                yield [Job(engine, size) for engine in GROWING]
