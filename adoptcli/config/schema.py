"""The JSON Schema of the YAML: it accepts what the loader accepts, as far as a schema can say it.

What only whole sections can tell (either `all` or `any`, names that refer to themselves) is the
loader's alone.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from adoptcli.config.model import config_model
from adoptcli.definitions import Definitions

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TITLE = "metrics.yaml of adoptcli"


def config_schema() -> dict[str, Any]:
    """What editors need to complete and check metrics.yaml."""
    return schema_of(config_model())


def schema_of(model: type[Definitions]) -> dict[str, Any]:
    """The JSON Schema of one model of the YAML."""
    found = model.model_json_schema(mode="validation", schema_generator=_Generator)
    return {"$schema": DIALECT, **found, "title": TITLE}


class _Generator(GenerateJsonSchema):
    """Without titles that only repeat the key, and with lists of one written as the one."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def function_before_schema(self, schema: Any) -> JsonSchemaValue:
        found = super().function_before_schema(schema)
        function = schema["function"]["function"]
        if found.get("type") == "array" and _wraps(function):
            return {"anyOf": [found["items"], found]}
        return found

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        """Defaults as the YAML has them: 7d, not 604800000."""
        found = super().default_schema(schema)
        written = schema["schema"].get("serialization", {}).get("function")
        if written and "default" in found:
            found["default"] = written(found["default"])
        return found

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        found = super().model_schema(schema)
        found.pop("title", None)
        return found


def _wraps(function: Any) -> bool:
    """Whether a validator makes a list of a single value; asked of the validator itself."""
    try:
        return bool(function("one") == ["one"])
    except (ValueError, TypeError):
        return False
