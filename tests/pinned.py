"""All that metrics say of some random logs, pinned, so that none of it changes unseen.

python -m tests.pinned SEED TIMES     prints all that is pinned of a log, to be compared

Oracles tell whether numbers are right; a pin tells that something else is said than before, in
headlines, intervals, caveats and notes as well as in tables.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.logs import random_log
from tests.oracles.judge import report

SEEDS = {  # by size: of 150 logs those that together set most options where it matters
    1: (
        3003, 3005, 3007, 3015, 3017, 3023, 3024, 3030, 3031, 3033, 3035, 3039, 3041, 3047,
        3052, 3056, 3065, 3069,
    ),
    8: (
        3002, 3004, 3011, 3026, 3027, 3036, 3042, 3043, 3045, 3046, 3049,
    ),
    40: (
        3029, 3032, 3058,
    ),
}  # fmt: skip
LOGS = [(seed, times) for times, seeds in SEEDS.items() for seed in seeds]


def said(seed: int, times: int, folder: Path) -> dict[str, Any]:
    """Of each metric all that its report says of a log."""
    found = report(random_log(seed, times), folder)
    assert isinstance(found, dict), found
    for told in found.values():
        told.pop("definition")  # held by the docs check
    return {metric: _plain(told) for metric, told in found.items()}


def pins(seed: int, times: int, folder: Path) -> dict[str, str]:
    """Of each metric a digest of what is said."""
    return {metric: _digest(told) for metric, told in said(seed, times, folder).items()}


def _digest(told: Any) -> str:
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]


def _plain(told: Any) -> Any:
    """Without the digits that another processor may give otherwise."""
    match told:
        case dict():
            return {key: _plain(value) for key, value in told.items()}
        case list():
            return [_plain(value) for value in told]
        case float():
            return float(f"{round(told, 9):.6g}") + 0.0
        case _:
            return told


if __name__ == "__main__":
    seed, times = map(int, sys.argv[1:])
    with tempfile.TemporaryDirectory() as made:
        print(json.dumps(said(seed, times, Path(made)), indent=1, ensure_ascii=False))
