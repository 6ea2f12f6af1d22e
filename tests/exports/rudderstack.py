"""RudderStack: calls as Segment's, with its own keys beside."""

from __future__ import annotations

from pathlib import Path

from tests.exports import segment
from tests.made_exports import calls, counted

MADE = segment.by_group_calls(calls(42, sorted(segment.SYSTEM), names=segment.NAMES))
FOUND, PREVIOUS, SAME = segment.with_aliases(MADE)
EXPECTED = counted(FOUND, segment.SYSTEM, stitch=True, grace=1, same=SAME, group="group")


def write(folder: Path) -> Path:
    more = {"rudderId": "7c1b", "request_ip": "192.0.2.1"}
    return segment.written(folder, FOUND, PREVIOUS, more, "rudder-logs")
