"""Compare the numbers of two runs; only equal numbers may be timed.

python benchmarks/compare.py report.json textbook.json
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import shapes


def _n(cell: Any) -> Any:
    return cell["numerator"] if isinstance(cell, dict) else cell


def _d(cell: Any) -> Any:
    return cell["denominator"]


def shape(report: dict[str, Any]) -> dict[str, Any]:
    """The numbers of adoptcli's JSON report in the shape of the DuckDB scripts."""
    if "metrics" not in report:
        return report
    t = {name: metric["tables"] for name, metric in report["metrics"].items()}
    new = {key: of(t[name]) for key, (name, of) in shapes.SHAPES.items() if name in t}
    return {**_first(t), **new}


def _first(t: dict[str, Any]) -> dict[str, Any]:
    """Of the first ten metrics."""
    ttv, score = t["time_to_value"], t["engagement_score"]
    by_step = {row["step"]: row["activated"]["value"] for row in ttv["curve"]}
    lacking = t["activation"]["lacking"]
    everyone = score["distribution"][0]
    trend = t["feature_adoption"]["trend"]
    windows = sorted({row["period"] for row in trend}, reverse=True)
    return {
        "activation": {
            "cohorts": [
                [r["cohort"], r["signups"], r["mature"], _n(r["activated"]), r["so_far"],
                 _n(r["ever"])]
                for r in t["activation"]["cohorts"]
            ],
            "lacking": [_d(lacking[0]["lacking"]), *(_n(r["lacking"]) for r in lacking)],
        },
        "time_to_value": {
            "curve": [by_step[s] for s in ("1d", "7d", "30d")],
            "median": ttv["arrived"][0]["median"],
        },
        "feature_adoption": {
            "features": sorted(
                [windows.index(r["period"]), r["item"], _n(r["tried"]), _n(r["adopted"])]
                for r in trend if _n(r["tried"])
            ),
            "last": shapes.features(t["feature_adoption"]),
            "breadth": [[r["step"], _n(r["actors"])] for r in t["feature_adoption"]["breadth"]],
            "logins": _d(t["feature_adoption"]["features"][0]["users_per_login"]),
        },
        "active_users": {
            "daily": [[r["period"], r["dau"], r["wau"], r["mau"]]
                      for r in t["active_users"]["daily"]],
            "periods": [[r["period"], r["actors"]] for r in t["active_users"]["periods"]],
        },
        "stickiness": {
            "windows": [
                [i, r["mau"], r["active_days"]]
                for i, r in enumerate(reversed(t["stickiness"]["windows"]))
            ]
        },
        "engagement_score": {
            "all": [everyone["actors"], everyone["total"], everyone["median"], everyone["p90"]],
            "contribution": sorted([r["item"], r["times"], r["points"]]
                                   for r in score["contribution"]),
            "accounts": [[r["item"], r["points"]] for r in score["accounts"]],
        },
        "sessions": {
            "periods": [
                [r["period"], r["sessions"], r["actors"], _n(r["single"]),
                 _n(r["actions_per_session"]), long["time"], long["median"]["value"]]
                for r, long in zip(t["sessions"]["periods"], t["sessions"]["lengths"], strict=True)
            ]
        },
        "retention": {
            "triangle": sorted(
                [r["item"], r["cohort"], r["step"], _d(r["retained"]), _n(r["retained"])]
                for r in t["retention"]["triangle"]
            )
        },
        "lifecycle": {
            "periods": [
                [r[k] for k in ("period", "active", "new", "returning", "resurrected", "dormant")]
                for r in t["lifecycle"]["periods"]
            ]
        },
        "churn": {"inferred": [[r["period"], r["at_start"], _n(r["lost"])]
                               for r in t["churn"]["inferred"]]},
    }  # fmt: skip


def differences(a: Any, b: Any, place: str = "") -> Iterator[str]:
    """Every number that is in one and not the same in the other."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted({*a, *b}):
            yield from differences(a.get(key), b.get(key), f"{place}.{key}")
    elif isinstance(a, list) and isinstance(b, list):
        if len(a) != len(b):
            yield f"{place}: {len(a)} rows and {len(b)}"
        for i, (x, y) in enumerate(zip(a, b, strict=False)):
            yield from differences(x, y, f"{place}[{i}]")
    elif isinstance(a, int | float) and isinstance(b, int | float):
        if not math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12):
            yield f"{place}: {a} and {b}"
    elif a != b:
        yield f"{place}: {a!r} and {b!r}"


def main() -> int:
    """From the command line."""
    left, right = (shape(json.loads(Path(p).read_text())) for p in sys.argv[1:3])
    found = list(differences(left, right))
    for line in found[:40]:
        print(line)
    print(f"{len(found)} differences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
