"""Each preset on an export of its product: known by its shape, and counted as by an own script."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from adoptcli.runner import encoding
from tests.exports import exports

Cli = Callable[..., Any]
SAMPLE = Path(__file__).parent.parent / "sample_data" / "events.csv"
WHOLE = 'fillcolor="0.0 0.3 1.0"'  # how Polars marks what it does not do in pieces


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


@pytest.mark.parametrize("name", ["sample", "amplitude", "segment", "snowplow"])
def test_reading_goes_in_pieces(
    name: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that is asked of a source makes Polars take all of its rows into memory first."""
    plans, before = [], encoding.encode

    def seen(events: pl.LazyFrame, *rest: Any, **named: Any) -> Any:
        plans.append(_physical(events))
        return before(events, *rest, **named)

    monkeypatch.setattr(encoding, "encode", seen)
    path = SAMPLE if name == "sample" else exports()[name].write(tmp_path)
    assert cli("usage", path).code == 0
    assert plans
    assert [plan for plan in plans if WHOLE in plan] == []
    replaced = pl.LazyFrame({"a": ["b"]}).select(pl.col("a").replace("b", None))
    assert WHOLE in _physical(replaced)


def _physical(query: pl.LazyFrame) -> str:
    found = query.show_graph(engine="streaming", plan_stage="physical", raw_output=True, show=False)
    return found or ""
