"""What is said of random logs is what was said.

ADOPTCLI_GOLDEN=1 python -m pytest tests/test_pinned.py

pins what is said now. See first, by `python -m tests.pinned SEED TIMES` before and after, that what
changed should have.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pinned import LOGS, pins
from tests.test_golden import same


@pytest.mark.parametrize(("seed", "times"), LOGS)
def test_nothing_is_said_otherwise(seed: int, times: int, tmp_path: Path) -> None:
    found = pins(seed, times, tmp_path)
    same(f"logs/{seed}_{times}.json", json.dumps(found, indent=1) + "\n")
