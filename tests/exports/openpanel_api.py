"""OpenPanel's export API: pages of one object, with the events in `data`."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from tests.exports.openpanel import made

SIZE = 1000
NAMES = {"device_id": "deviceId", "profile_id": "profileId", "session_id": "sessionId"}


def _as_answered(row: dict[str, Any]) -> dict[str, Any]:
    found = {NAMES.get(name, name): value for name, value in row.items()}
    del found["imported_at"]
    found["createdAt"] = found.pop("created_at").replace(" ", "T") + "Z"
    return found


_ROWS, EXPECTED = made(random.Random(23), 2300)
OPTIONS = ("--as-of", "2026-01-31")


def write(folder: Path) -> Path:
    """A file a page."""
    export = folder / "pages"
    export.mkdir()
    for start in range(0, len(_ROWS), SIZE):
        data = [_as_answered(row) for row in _ROWS[start : start + SIZE]]
        page = {"meta": {"count": len(data), "current": start // SIZE + 1}, "data": data}
        (export / f"page-{start // SIZE + 1}.json").write_text(json.dumps(page))
    return export
