"""Each preset on an export of its product: known by its shape, and counted as by an own script."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.exports import exports

Cli = Callable[..., Any]


@pytest.mark.parametrize("name", exports())
def test_an_export_is_known_and_counted(name: str, cli: Cli, tmp_path: Path) -> None:
    export = exports()[name]
    path, expected = export.write(tmp_path), export.EXPECTED
    options = getattr(export, "OPTIONS", ())
    done = cli("report", path, "-f", "json", "--only", "active_users", *options)
    assert done.code == 0, done.err
    assert f"format: {name}" in done.err
    found = json.loads(done.out)
    source = found["source"]
    for key in set(expected) - {"daily", "daily_accounts", "set_aside"}:
        assert source[key] == expected[key], key
    for reason, count in expected.get("set_aside", {}).items():
        assert source["set_aside"].get(reason, 0) == count, reason
    assert _daily(found) == expected["daily"]
    if "daily_accounts" in expected:
        more = ("--unit", "account", "-f", "json", "--only", "active_users")
        done = cli("report", path, *more, *options)
        assert _daily(json.loads(done.out)) == expected["daily_accounts"]


def _daily(found: dict[str, Any]) -> dict[str, int]:
    rows = found["metrics"]["active_users"]["tables"]["daily"]
    return {row["period"]: row["dau"] for row in rows if row["dau"]}
