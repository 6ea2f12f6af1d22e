"""Random logs without end: every metric held against its oracles, differences made small.

python -m tests.oracles --logs 10000     # the long run; --first SEED goes on from there
python -m tests.oracles --logs 500 --times 40      # of 40 times as many people and events
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context

Found = tuple[int, list[str]]  # a seed, and the cases in which it differs
FRESH = 1000  # logs after which processes are new ones


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the logs and print a case for each that differs; 1 where there is one."""
    chosen = _parser().parse_args(arguments)
    os.environ["POLARS_MAX_THREADS"] = "1"  # of small logs one core makes more than two for each
    seeds = range(chosen.first, chosen.first + chosen.logs)
    wrong, begun = 0, time.monotonic()
    found = _judged(seeds, chosen.jobs, chosen.metrics.split(","), chosen.sql, chosen.times)
    for n, (seed, cases) in enumerate(found, 1):
        wrong += bool(cases)
        print("".join(cases), end="", flush=True)
        if cases or n % 50 == 0 or n == len(seeds):
            speed = n / (time.monotonic() - begun)
            text = f"{n:,} of {len(seeds):,} logs, {wrong:,} with differences, {speed:.1f} a second"
            print(f"{text}; seed {seed}", file=sys.stderr, flush=True)
    return int(wrong > 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.oracles", description=__doc__)
    parser.add_argument("--logs", type=int, default=100, help="how many")
    parser.add_argument("--first", type=int, default=1000, help="the first seed")
    parser.add_argument("--metrics", default="", help="only these, parted by commas")
    parser.add_argument("--sql", type=int, default=4, help="each how many-th log in SQL, too")
    parser.add_argument("--times", type=int, default=1, help="as many people and events as usual")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    return parser


def _judged(seeds: range, jobs: int, metrics: list[str], sql: int, times: int) -> Iterator[Found]:
    """Each seed with its cases, as they come."""
    from tests.oracles.shrink import cases

    judge = partial(cases, metrics=tuple(filter(None, metrics)), sql=sql, times=times)
    if jobs == 1:
        yield from ((seed, judge(seed)) for seed in seeds)
        return
    for first in range(0, len(seeds), FRESH):
        with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
            some = {pool.submit(judge, seed): seed for seed in seeds[first : first + FRESH]}
            yield from ((some[done], done.result()) for done in as_completed(some))


if __name__ == "__main__":
    sys.exit(main())
