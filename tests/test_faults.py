"""A few kills at awkward moments; `python -m tests.faults` is the long run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import TOO_LATE, Kind


@pytest.mark.parametrize("kind", ["stdin", "sharded"])
def test_a_killed_run_leaves_nothing_that_the_next_does_not_mend(kind: str, tmp_path: Path) -> None:
    killed = Kind(kind, tmp_path)
    found = [killed.fault(share) for share in (0.6, 0.85)]
    assert set(found) <= {"", TOO_LATE}
    assert "" in found
