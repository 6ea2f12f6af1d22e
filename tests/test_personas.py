"""Who is asked what, wherever it is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

USERS = "user_id,role\nann,admin\nbob,editor\n"
EVENTS = [
    ("ann", "s", "2026-01-05T00:00:00Z"), ("ann", "a", "2026-01-05T01:00:00Z"),
    ("bob", "s", "2026-01-05T00:00:00Z"), ("bob", "b", "2026-01-05T01:00:00Z"),
    ("ann", "a", "2026-01-20T00:00:00Z"), ("bob", "a", "2026-03-31T23:30:00Z"),
]  # fmt: skip
CONFIG = {
    "period": "week",
    "signup": "s",
    "churn": {"after": "7d"},
    "users": {"file": "users.csv"},
    "activation": {"personas": {"admins": {"who": {"role": "admin"}, "all": ["a"]}}},
}


@pytest.mark.parametrize("metric", ["time_to_value", "retention", "churn", "activation"])
def test_a_metric_alone_has_the_traits_of_personas(metric: str, report: Callable[..., Any]) -> None:
    """As in the whole report."""
    options = ("--as-of", "2026-04-01")
    config = {**CONFIG, "retention": {"starts": ["activation"]}}
    whole = report(EVENTS, config, *options, users=USERS)["metrics"][metric]
    alone = report(EVENTS, config, *options, "--only", metric, users=USERS)["metrics"][metric]
    assert alone == whole
    assert alone["status"] == "ok"


def test_a_trait_of_users_silences_only_the_metrics_that_need_it(
    report: Callable[..., Any],
) -> None:
    events = [(*row, "one") for row in EVENTS]
    columns = ["user", "event", "timestamp", "account"]
    found = report(events, CONFIG, "--unit", "account", users=USERS, columns=columns)["metrics"]
    refused = {name for name, m in found.items() if "'role'" in (m.get("reason") or "")}
    assert refused == {"activation", "time_to_value", "retention", "quadrant", "journey"}
    assert found["activation"]["reason"] == (
        "it needs 'role', a column of the users table: ask without --unit account"
    )
    rows = found["churn"]["tables"]["inferred"]
    lost = [(row["lost"]["numerator"], row["early"]) for row in rows[:3]]
    assert lost == [(1, None), (0, None), (1, None)]  # after 5 and after 20 January
