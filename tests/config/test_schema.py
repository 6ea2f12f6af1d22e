"""The JSON Schema accepts what the loader accepts."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from pydantic import ValidationError

from adoptcli.config.model import config_model
from adoptcli.config.schema import config_schema, schema_of
from adoptcli.definitions import Definitions

EXAMPLE = Path(__file__).parents[2] / "metrics.example.yaml"
REMOVED = object()
VALUES: list[Any] = [
    None, True, 0, 1, -1, 3.5, 11, 4000, "x", "", "0d", "7d", "2w ", "2026-03-01", [], ["x"],
    ["x", "x"], [1], [[]], {}, {"event": "x"}, {"event": "x", "where": {"a": None}}, {"zzz": 1},
    {"property": "x"}, {"x": ["y"]}, {"x": 5}, REMOVED,
]  # fmt: skip
LOADER_ALONE = [
    ("version",), ("activation",), ("activation", "all"), ("qualified",), ("qualified", "all"),
    ("journey", "stages", "engaged"), ("activation", "personas", "x"),
    ("activation", "personas", "x", "any"), ("activation", "personas", "x", "in_order"),
    ("onboarding",), ("audiences", "stuck", "signed_up", "before"),
    ("audiences", "stuck", "last_seen", "after"),
    ("audiences", "fading_admins", "active_days", "at_most"), ("targets", "active_users", "change"),
]  # fmt: skip
"""True is 1 in Python; either all or any; steps, or personas with steps; a bound that is null."""
TOGETHER = [
    ("active_users", "month"), ("frequency", "month"), ("quadrant", "adoption"),
    ("quadrant", "engagement"), ("feature_adoption", "window"), ("feature_adoption", "adopted"),
    ("qualified", "all"), ("journey", "stages"), ("drivers", "outcome"),
    *(("engagement_score", name) for name in ("weights", "daily_cap", "levels", "targets")),
]  # fmt: skip
"""What the loader judges beside other keys: it is stricter than the schema."""


def _full() -> dict[str, Any]:
    """The example with nearly every key there is."""
    data: dict[str, Any] = json.loads(json.dumps(yaml.safe_load(EXAMPLE.read_text()), default=str))
    data |= {"burn_in": "30d", "max_rejected": "0.1%", "dedupe": "ids"}
    data["features"]["docs"]["eligible"] = {"plan": ["pro", 1]}
    data["source"] |= {
        "files": ["x"], "format": "csv", "separator": ",", "on_bad_lines": "stop", "event": "x",
        "timestamp_format": "%Y",
    }  # fmt: skip
    data["retention"] |= {"returns": "x", "mode": "n_day"}
    data["sessions"]["by"] = "gap"
    data["activation"] |= {"in_order": False, "before_signup": "count"}
    who = {"role": ["admin", 1], "plan": "pro"}
    data["activation"]["personas"] = {
        "x": {"who": who, "any": ["a"], "within": "7d", "in_order": False}
    }
    data["onboarding"]["personas"] = {
        "x": {"who": who, "steps": ["a", {"event": "b", "days": 2}], "in_order": True}
    }
    data["activation"]["all"][1] |= {"days": 1, "where": {"a": 1, "b": ["x"]}}
    return data


def _paths(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from _paths(value, (*path, key))


def _with(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(data)
    place = changed
    for part in path[:-1]:
        place = place[part]
    if value is REMOVED:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return changed


def _loads(data: Any) -> bool:
    try:
        config_model().model_validate(data)
    except ValidationError:
        return False
    return True


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(config_schema())


def test_schema_and_loader_agree_on_every_change() -> None:
    validator = Draft202012Validator(config_schema(), format_checker=FormatChecker())
    full = _full()
    assert list(validator.iter_errors(full)) == []
    assert _loads(full)
    paths = [p for p in _paths(full) if p[-1] != "time_zone" and p not in LOADER_ALONE]
    differ = []
    for path in paths:
        alone = {path[0]: full[path[0]]}  # what both say of the other keys does not change
        assert validator.is_valid(alone)
        assert _loads(alone)
        for value in VALUES:
            changed = _with(alone, path, value)
            valid, loads = validator.is_valid(changed), _loads(changed)
            if valid != loads and (loads or path[:2] not in TOGETHER):
                differ.append((path, value))
    assert differ == []


def test_defaults_stand_as_in_the_yaml(fake_model: type[Definitions]) -> None:
    fake = schema_of(fake_model)["$defs"]["FakeSettings"]["properties"]
    assert fake["window"]["default"] == "14d"
    assert fake["gap"]["default"] == "1h"
    assert fake["gap"]["type"] == "string"


@pytest.mark.parametrize("part", ["properties", "$defs"])
def test_everything_is_described(part: str) -> None:
    schema = config_schema()
    for name, found in schema[part].items():
        options = [found, *found.get("anyOf", ())]
        assert any(option.get("description") for option in options), name
        for option in options:
            for key, inner in option.get("properties", {}).items():
                described = inner.get("description") or "$ref" in inner
                assert described, f"{name}.{key}"
            if "properties" in option:
                assert option["additionalProperties"] is False
