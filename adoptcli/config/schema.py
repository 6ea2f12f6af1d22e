"""The JSON Schema of the YAML."""

from __future__ import annotations

from typing import Any

from adoptcli.config.model import config_model


def config_schema() -> dict[str, Any]:
    """What editors need to complete and check metrics.yaml."""
    found = config_model().model_json_schema(mode="validation")
    found["title"] = "metrics.yaml of adoptcli"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
