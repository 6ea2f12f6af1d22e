"""The funnel's engine against every way of choosing rows, on logs full of ties."""

from __future__ import annotations

import random
from itertools import permutations
from typing import Any

import polars as pl
import pytest

from adoptcli.timeline.funnel import Order, Path, attempts, deepest

AS_OF = 14
ORDERS: tuple[Order, ...] = ("loose", "strict", "any")
Rows = list[tuple[int, int, int, int]]  # actor, time, day, event


def random_rows(rng: random.Random) -> Rows:
    """Few instants, so that nearly all are ties."""
    found = []
    for _ in range(rng.randint(0, 12)):
        t = rng.randrange(rng.choice((2, 5, 12)))
        found.append((rng.randrange(3), t, t // 4, rng.randrange(6)))
    return sorted(found)


def random_path(rng: random.Random, order: Order) -> Path:
    """Steps that share events or not, exclusions or not."""
    codes = range(5)
    steps = [
        tuple(rng.sample(codes, rng.choice((1, 1, 1, 2, 3)))) for _ in range(rng.randint(1, 4))
    ]
    exclude = tuple(rng.sample(range(6), rng.choice((0, 0, 1, 2))))
    return Path(tuple(steps), rng.randint(0, 10), order, exclude)


def in_a_row(rows: Rows, path: Path, start: int, end: int) -> list[int]:
    """The times of the deepest way from an entry, of several the earliest step by step."""
    best: list[int] = []

    def go(used: list[int], times: list[int]) -> None:
        nonlocal best
        if len(times) > len(best) or (len(times) == len(best) and times < best):
            best = times
        if len(times) == len(path.steps):
            return
        for i, (_, t, _, event) in enumerate(rows):
            if i in used or t > end or event not in path.steps[len(times)]:
                continue
            if times and t < times[-1]:
                continue
            if not times and t != start:
                continue
            between = [r for r in rows if times and times[-1] < r[1] < t]
            if path.order == "strict" and between:
                continue
            go([*used, i], [*times, t])

    go([], [])
    return best


def whichever(rows: Rows, path: Path, start: int, end: int) -> list[int]:
    """The times at which ever more steps have a row of their own."""
    found: list[int] = []
    for t in sorted({r[1] for r in rows if start <= r[1] <= end}):
        can = [r[3] for r in rows if start <= r[1] <= t]
        most = 0
        padded = can + [-1] * len(path.steps)
        for chosen in set(permutations(padded, len(path.steps))):
            most = max(most, sum(e in s for e, s in zip(chosen, path.steps, strict=True)))
        found += [t] * (most - len(found))
    return found


def expected(log: Rows, path: Path, days: tuple[int, int] | None, *, first: bool) -> list[Any]:
    """Every attempt, one actor after the other."""
    found = []
    enters = path.steps[0] if path.order != "any" else sum(path.steps, ())
    for actor in sorted({r[0] for r in log}):
        rows = [r for r in log if r[0] == actor]
        entries = sorted(
            {(t, day) for _, t, day, event in rows if event in enters
             and (days is None or days[0] <= day < days[1])}
        )  # fmt: skip
        for start, day in entries[:1] if first else entries:
            cuts = [t for _, t, _, event in rows if event in path.exclude and t > start]
            end = min([start + path.within, *cuts])
            way = whichever if path.order == "any" else in_a_row
            times = way(rows, path, start, end)
            ever = len(way(rows, path, start, 99))
            padded = [*times, *[None] * (len(path.steps) - len(times))]
            mature = start + path.within < AS_OF
            found.append((actor, start, day, mature, ever, *padded, len(times)))
    return found


def frame(rows: Rows) -> pl.DataFrame:
    schema = {"actor": pl.UInt32, "time": pl.Int64, "day": pl.Int32, "event": pl.UInt8}
    return pl.DataFrame(rows, schema=schema, orient="row").select("actor", "time", "event", "day")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seed", range(20))
def test_attempts_are_those_of_every_way_tried(order: Order, seed: int) -> None:
    for i in range(20):
        rng = random.Random(f"{seed} {i} {order}")
        rows, path = random_rows(rng), random_path(rng, order)
        days = rng.choice((None, (0, 2), (1, 2)))
        first = rng.random() < 0.3
        shuffled = sorted(rng.sample(rows, len(rows)), key=lambda r: r[:2])
        found = attempts(frame(shuffled), path, AS_OF, days, first=first)
        assert found.rows() == expected(rows, path, days, first=first), (rows, path, days, first)


@pytest.mark.parametrize("keys", [["actor"], ["actor", "day"]])
def test_deepest_is_mature_then_deep_then_early(keys: list[str]) -> None:
    for seed in range(60):
        rng = random.Random(seed)
        found = attempts(frame(random_rows(rng)), random_path(rng, "loose"), AS_OF)
        groups: dict[Any, list[dict[str, Any]]] = {}
        for row in found.iter_rows(named=True):
            groups.setdefault(tuple(row[k] for k in keys), []).append(row)
        wanted = []
        for key in sorted(groups):
            mine = groups[key]
            best = min(mine, key=lambda r: (not r["mature"], -r["depth"], r["time"]))
            wanted.append(best | {"ever": max(r["ever"] for r in mine)})
        assert deepest(found, keys).rows(named=True) == wanted


def test_deepest_of_periods_that_run_backwards() -> None:
    """Where clocks are put back over midnight, a later entry may lie in the period before."""
    rows = [(1, 1, 9, 0), (1, 2, 8, 0), (1, 3, 9, 0), (1, 3, 9, 1)]
    found = attempts(frame(rows), Path(((0,), (1,)), 1), AS_OF)
    by_period = deepest(found, ["actor", "day"])
    picked = ["actor", "day", "time", "depth"]
    assert by_period.select(picked).rows() == [(1, 8, 2, 2), (1, 9, 3, 2)]
    assert deepest(by_period, ["actor"]).select(picked).rows() == [(1, 8, 2, 2)]
    swapped = [(1, 1, 9, 0), (1, 2, 8, 0), (1, 3, 9, 0)]
    shallow = deepest(attempts(frame(swapped), Path(((0,), (1,)), 1), AS_OF), ["actor", "day"])
    assert shallow.select(picked).rows() == [(1, 8, 2, 1), (1, 9, 1, 1)]
    assert deepest(shallow, ["actor"]).select(picked).rows() == [(1, 9, 1, 1)]


def test_an_entry_that_cannot_be_told_in_the_range_leaves_nothing() -> None:
    path = Path(((0,), (1,)), 5)
    assert attempts(frame([]), path, AS_OF).height == 0
    assert deepest(attempts(frame([]), path, AS_OF), ["actor"]).height == 0
