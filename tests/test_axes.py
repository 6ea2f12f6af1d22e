"""What the YAML lacks before somebody can have adopted or be engaged."""

from __future__ import annotations

import pytest

from adoptcli.config.model import config_model
from adoptcli.metrics import get_metric

ACTIVATION = "'activation: {all: [EVENT, …]}'"
FEATURES = "'features: {NAME: [EVENT, …]}'"
SCORE = "'engagement_score: {weights: {EVENT: 5}}'"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({}, f"add {ACTIVATION} or {FEATURES} to the YAML"),
        ({"features": {"f": "x"}}, None),
        ({"activation": {"all": ["x"]}}, None),
        ({"quadrant": {"adoption": {"features": 1}}}, f"add {FEATURES} to the YAML"),
        (
            {"features": {"f": "x"}, "quadrant": {"adoption": {"activated": True, "features": 1}}},
            f"add {ACTIVATION} to the YAML",
        ),
        (
            {"quadrant": {"adoption": {"activated": True}, "engagement": {"score": 5}}},
            f"add {ACTIVATION} and {SCORE} to the YAML",
        ),
        (
            {"activation": {"all": ["x"]}, "quadrant": {"engagement": {"score": 5}}},
            f"add {SCORE} to the YAML",
        ),
    ],
)
def test_the_key_to_add(data: dict[str, object], says: str | None) -> None:
    found = config_model().model_validate(data)
    assert get_metric("quadrant").missing(found.quadrant, found) == says
