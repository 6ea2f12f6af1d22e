"""What is said of random logs is what was said.

ADOPTCLI_GOLDEN=1 python -m pytest tests/test_pinned.py -n 0

pins what is said now. See first, by `python -m tests.pinned SEED TIMES` before and after, that what
changed should have.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.pinned import LOGS, pins

KEPT = Path(__file__).parent / "golden" / "logs.json"


@pytest.mark.parametrize(("seed", "times"), LOGS)
def test_nothing_is_said_otherwise(seed: int, times: int, tmp_path: Path) -> None:
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    found = pins(seed, times, tmp_path)
    log = f"{seed}, {times} times"
    if os.environ.get("ADOPTCLI_GOLDEN"):
        KEPT.write_text(json.dumps(kept | {log: found}, indent=1) + "\n")
        return
    wanted = kept[log]
    changed = [metric for metric in wanted | found if wanted.get(metric) != found.get(metric)]
    assert not changed, f"python -m tests.pinned {seed} {times} says something else than before"
