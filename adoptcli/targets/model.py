"""The section `targets` of the YAML: figures, and what they must be."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from adoptcli.definitions import Model
from adoptcli.targets.conditions import HOW, PATTERN, Condition, parse

_ASKS = ("target", "fail", "warn", "change", "since_last_run")


def _condition(value: Any) -> Any:
    if isinstance(value, Condition):
        return value
    if isinstance(value, str):
        return parse(value)
    raise ValueError(f"must be a condition; {HOW}, with quotes")


Must = Annotated[
    Any,
    BeforeValidator(_condition),
    PlainSerializer(str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": PATTERN}),
]
"""A condition, as text."""


def _some(schema: dict[str, Any]) -> None:
    names = [name for name in _ASKS if name in schema["properties"]]
    schema["anyOf"] = [{"required": [name]} for name in names]
    schema["not"] = {"required": ["target", "fail"]}


class Wanted(Model):
    """What a number must be: what is expected, or where it fails and where it warns."""

    model_config = ConfigDict(json_schema_extra=_some)

    target: Must = Field(None, description="What must hold, such as '>= 40%'; else it fails.")
    fail: Must = Field(None, description="Where it fails, such as '< 20%'; instead of `target`.")
    warn: Must = Field(None, description="Where it warns, such as '< 25%'.")
    surely: bool = Field(
        False, description="Fail only where the whole 95 % interval is beyond; else warn."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if isinstance(value, dict | BaseModel):
            return value
        return {"target": value}

    @model_validator(mode="after")
    def _one(self) -> Wanted:
        said = {name: getattr(self, name) for name in _ASKS if name in type(self).model_fields}
        if self.target is not None and self.fail is not None:
            raise ValueError("say 'target' or 'fail', not both")
        if all(value is None for value in said.values()):
            *most, last = map(repr, said)
            names = f"{', '.join(most)} or {last}"
            raise ValueError(f"say {names}, such as \"target: '>= 40%'\"")
        if self.must and self.should and self.must.implies(self.should):
            raise ValueError("'warn' never comes: where it would, the target is missed already")
        if self.surely and self.must is None:
            raise ValueError("'surely' goes with 'target' or 'fail'")
        return self

    @property
    def must(self) -> Condition | None:
        """What must hold."""
        found: Condition | None = self.target or (self.fail and self.fail.opposite())
        return found

    @property
    def should(self) -> Condition | None:
        """What should hold."""
        found: Condition | None = self.warn and self.warn.opposite()
        return found

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        """A condition alone is as good as a mapping."""
        return {"anyOf": [{"type": "string", "pattern": PATTERN}, handler(core)]}


class Change(Wanted):
    """What its change against the period before must be: in %, in pp, or in its own unit."""


class Target(Wanted):
    """What a figure must be, and how it may move."""

    change: Change | None = Field(
        None,
        description="What its change against the period before must be: '>= -5%' of the value "
        "before, '>= -2pp' of shares, or in its own unit.",
    )
    since_last_run: Change | None = Field(
        None,
        description="The same against the last run before, of those that `--history DIR` keeps.",
    )
