"""What goes wrong on Spark, in words that tell the way out."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from adoptcli.errors import DataProblem
from adoptcli.runner.spark import worker

OTHER = re.compile(re.escape(worker.OTHER) + r" (\S+ \S+ \S+) on (\S+)")
LACKING = re.compile(r"(ModuleNotFound|Import)Error|PYTHON_VERSION_MISMATCH")
NAMES = ("Python", "Polars", "adoptcli")


def said(error: BaseException) -> str:
    """The line of a Spark error that says what was wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("An error occurred while calling")]
    python = [line for line in lines if line.partition(":")[0].endswith(("Error", "Problem"))]
    return (python or lines or [type(error).__name__])[-1 if python else 0][:300]


def failed(error: BaseException) -> DataProblem:
    """Something that ran on the workers ended otherwise than it should."""
    text = str(error)
    if found := OTHER.search(text):
        return differing(found[1], found[2])
    if LACKING.search(text):
        return incapable(error)
    way = "--debug shows everything"
    if "exited unexpectedly" in text:
        way = "most likely its memory was full: part the users into more, with more --shards"
    return DataProblem("spark-failed", f"Spark stopped: {said(error)}", way)


def incapable(error: BaseException) -> DataProblem:
    """A worker lacks what our code needs."""
    python = worker.runs().split()[0].rpartition(".")[0]
    way = f"pip install polars=={pl.__version__} pyarrow numpy pydantic orjson pyyaml"
    if "PYTHON_VERSION_MISMATCH" in str(error):
        way = f"Python {python}, and PYSPARK_PYTHON must name it; {way}"
    return DataProblem(
        "spark-workers", f"Spark's workers cannot run adoptcli: {said(error)}",
        f"install on each what this machine has: {way}",
    )  # fmt: skip


def differing(theirs: str, host: str) -> DataProblem:
    """A worker would hash or encode otherwise than this machine."""
    there, here = worker.compared(theirs), worker.compared(worker.runs())
    ways = {
        "Python": f"install Python {here[0]} there, and have PYSPARK_PYTHON name it",
        "Polars": f"there: pip install polars=={here[1]}",
        "adoptcli": "take adoptcli away there, as this one is sent along",
    }
    other = [name for name, a, b in zip(NAMES, there, here, strict=True) if a != b]
    both = [
        ", ".join(f"{name} {version}" for name, version in zip(NAMES, text.split(), strict=True)
                  if name in other)
        for text in (theirs, worker.runs())
    ]  # fmt: skip
    return DataProblem(
        "spark-versions",
        f"the worker of Spark on {host} has {both[0]}, this machine has {both[1]}",
        "; ".join(ways[name] for name in other),
    )


def unread(paths: Sequence[str], why: str) -> DataProblem:
    """What Spark does not read."""
    way = "give Parquet files, a folder of them, or a Delta table, where all workers reach it"
    if "Illegal Parquet type" in why:
        way = "read it on one machine: --runner local; or write timestamps in microseconds"
    text = f"{', '.join(paths[:3])}{', …' if len(paths) > 3 else ''}"
    return DataProblem("spark-read", f"{text}: Spark cannot read this: {why}", way)
