"""Case files: small logs with answers counted by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from adoptcli.metrics import all_metrics

FOLDER = Path(__file__).parent / "cases"


def cases() -> Iterator[Any]:
    """Every case of every file."""
    for path in sorted(FOLDER.glob("*.yaml")):
        for case in yaml.safe_load(path.read_text(encoding="utf-8")):
            yield pytest.param(path.stem, case, id=f"{path.stem}: {case['name']}")


def rows_of(text: str) -> list[list[str]]:
    """Events as they stand in a case: a line each, columns parted by white space."""
    return [line.split() for line in text.strip().splitlines()]


def matches(found: Any, wanted: Any) -> bool:
    """Equal, where a mapping names only what it cares for and `a/b` are counts."""
    if isinstance(wanted, date):
        wanted = wanted.isoformat()
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(matches(found.get(k), v) for k, v in wanted.items())
    if isinstance(wanted, str) and isinstance(found, dict) and "/" in wanted:
        numerator, denominator = (float(count) for count in wanted.split("/"))
        share = numerator / denominator if denominator else None
        return (found["numerator"], found["denominator"]) == (numerator, denominator) and matches(
            found["value"], share
        )
    if isinstance(found, dict):
        return matches(found["value"], wanted)
    if isinstance(wanted, float) and found is not None:
        return bool(found == pytest.approx(wanted))
    return bool(found == wanted)


@pytest.mark.parametrize(("metric", "case"), list(cases()))
def test_case(metric: str, case: dict[str, Any], report: Any) -> None:
    """Each row that a case names is in the table; with `exactly` there is no other.

    All headlines of `also` are named.
    A caveat is there, with its count or null where it has none; `false` is one that is not.
    """
    columns = case.get("columns", "user event timestamp").split()
    options: list[object] = ["--as-of", case["as_of"]] if "as_of" in case else []
    options += case.get("options", "").split()
    found = report(
        rows_of(case["events"]), case.get("config"), *options, "--only", metric,
        columns=columns, users=case.get("users"), accounts=case.get("accounts"),
    )["metrics"][metric]  # fmt: skip
    for name, wanted in case["expect"].items():
        if name in ("status", "headline", "textbook"):
            assert matches(found[name], wanted), (name, found[name])
        elif name == "also":
            assert len(found[name]) == len(wanted), found[name]
            assert all(map(matches, found[name], wanted)), found[name]
        elif name == "caveats":
            counts = {c["code"]: c["count"] for c in found["caveats"]}
            there = {code: count for code, count in wanted.items() if count is not False}
            assert wanted.keys() & counts.keys() == there.keys(), counts
            assert matches(counts, there), counts
        else:
            rows = found["tables"][name]
            for row in wanted:
                assert any(matches(r, row) for r in rows), (name, row, rows)
            if case.get("exactly"):
                assert len(rows) == len(wanted), rows


def test_every_metric_has_a_case_file() -> None:
    """A metric without hand-counted answers is not finished."""
    assert {path.stem for path in FOLDER.glob("*.yaml")} >= set(all_metrics())
