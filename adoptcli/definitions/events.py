"""References to events, and what is made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from adoptcli.definitions.base import LocalDate, Model, Name, Scalar, as_list


class EventRef(Model):
    """An event by its name, or only those of its rows whose properties have the given values."""

    event: Name = Field(description="Its name in the log, or a name of yours from `events`.")
    where: dict[Name, Scalar | Annotated[list[Scalar], Field(min_length=1)]] = Field(
        default_factory=dict, description="Property values that the row must have."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        if isinstance(value, Mapping | BaseModel):
            return value
        return {"event": value}

    def __str__(self) -> str:
        conditions = ", ".join(f"{k}={_text(v)}" for k, v in self.where.items())
        return f"{self.event}[{conditions}]" if conditions else self.event

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        """A bare name is as good as a mapping."""
        return {"anyOf": [{"type": "string", "minLength": 1}, handler(core)]}


def _text(value: Scalar | list[Scalar]) -> str:
    return "|".join(map(str, value)) if isinstance(value, list) else str(value)


class Criterion(EventRef):
    """One thing that an actor must have done, so many times, on so many distinct local days."""

    at_least: int = Field(1, ge=1, description="How many times.")
    days: int = Field(1, ge=1, description="On how many distinct local days.")

    def __str__(self) -> str:
        text = EventRef.__str__(self)
        if self.at_least > 1:
            text = f"{self.at_least} × {text}"
        return f"{text} on {self.days} days" if self.days > 1 else text


class Answer(EventRef):
    """An event that carries a number, such as the answer to a question."""

    score: Name = Field("score", description="The property that holds the number.")

    def numbers(self) -> Iterable[str]:
        return (self.score,)


EventRefs = Annotated[list[EventRef], Field(min_length=1), BeforeValidator(as_list)]


class Feature(Model):
    """The events that are uses of one feature, and who can have it."""

    events: EventRefs = Field(description="Events that are a use of the feature.")
    core: bool = Field(False, description="One of the features that the product is about.")
    launched_at: LocalDate | None = Field(None, description="Local date on which it came.")
    eligible: dict[Name, list[Scalar]] = Field(
        default_factory=dict, description="Segment values of those who can have it."
    )

    def traits(self) -> Iterable[str]:
        return self.eligible

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        return {"events": value} if isinstance(value, str | list) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        """Its events alone are as good as a mapping."""
        schema = handler(core)
        name = {"type": "string", "minLength": 1}
        several = handler.resolve_ref_schema(schema)["properties"]["events"]
        return {"anyOf": [name, {"type": "array", **_array(several)}, schema]}


def _array(schema: dict[str, Any]) -> dict[str, Any]:
    """The items of a list's schema, or of the list among its alternatives."""
    options = [schema, *schema.get("anyOf", ())]
    keys = ("items", "minItems")
    return next({k: o[k] for k in keys if k in o} for o in options if "items" in o)


class PropertyRef(Model):
    """A property of the events that holds a time."""

    property: Name = Field(description="Its name.")


def _signup_kind(value: Any) -> str:
    of_property = isinstance(value, Mapping) and "property" in value
    return "<property>" if of_property or isinstance(value, PropertyRef) else "<event>"


Signup = Annotated[
    Annotated[PropertyRef, Tag("<property>")] | Annotated[EventRef, Tag("<event>")],
    Discriminator(_signup_kind),
]
