"""The keys of a section for people: defaults as YAML has them, choices, descriptions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, RootModel
from pydantic.fields import FieldInfo
from yaml import SafeLoader, ScalarNode

from adoptcli.config.shape import Shapes, alternatives, is_model, said_of
from adoptcli.definitions import EventRef, PropertyRef

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*|\d+(?:ms|s|min|h|d|w)")


@dataclass(frozen=True)
class Key:
    """One key of a section.

    Attributes:
        name: The key.
        default: Its default as YAML has it; empty where there is none.
        description: What it means, and what it may be.
        required: Whether it must be there.
        shapes: The types that its value may have.
    """

    name: str
    default: str
    description: str
    required: bool
    shapes: Shapes

    @property
    def models(self) -> list[type[BaseModel]]:
        """The sections that the value, or each of its items, may be; a reference is none."""
        return [shape for shape in map(item_of, self.shapes) if is_section(shape)]

    @property
    def named(self) -> bool:
        """Whether the keys within are names of the person's own."""
        return any(_origin(shape) is dict for shape in self.shapes)


def item_of(shape: Any) -> Any:
    """The type of the items of a list or of the values of a mapping; else the type itself."""
    if _origin(shape) not in (list, dict):
        return shape
    inner = alternatives(get_args(shape)[-1])
    return item_of(inner[0]) if inner else shape


def is_section(shape: Any) -> bool:
    """Whether a type is a mapping of keys, and no reference to an event or a property."""
    return is_model(shape) and not issubclass(shape, EventRef | PropertyRef)


def _origin(shape: Any) -> Any:
    return get_origin(shape)


def keys_of(model: type[BaseModel]) -> Iterator[Key]:
    """The keys of a model, in its order; NAME where they are names of the person's own."""
    if issubclass(model, RootModel):
        field = model.model_fields["root"]
        yield Key("NAME", "", field.description or "", True, [item_of(*alternatives(model))])
        return
    for name, field in model.model_fields.items():
        shapes = alternatives(field.annotation)
        yield Key(
            name, _default(model, name, field), _description(model, name, field, shapes),
            field.is_required(), shapes,
        )  # fmt: skip


def choices(shapes: Shapes) -> list[str]:
    """The words that a value may be; of a list, the words that may stand in it."""
    found = []
    for shape in shapes:
        origin = _origin(shape)
        if origin is Literal:
            found += [str(choice) for choice in get_args(shape)]
        elif origin is list:
            found += choices(alternatives(get_args(shape)[0]))
    return found


def flow(value: Any) -> str:
    """A plain value on one line of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return quoted(value) if isinstance(value, str) else json.dumps(value)


def quoted(text: str) -> str:
    """A text as YAML, in quotes unless it is a word that YAML leaves alone."""
    loader: Any = SafeLoader("")
    if _WORD.fullmatch(text) and text.lower() not in ("y", "n"):
        tag = loader.resolve(ScalarNode, text, (True, False))
        if tag == "tag:yaml.org,2002:str":
            return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable() and character != "\ufeff":
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _description(model: type[BaseModel], name: str, field: FieldInfo, shapes: Shapes) -> str:
    text = field.description or ""
    if not text and len(shapes) == 1 and is_model(shapes[0]):
        text = (shapes[0].__doc__ or "").strip()
    words = choices(shapes)
    if len(words) > 1 and not all(word in text for word in words):
        text = f"{text} One of {', '.join(words)}."
    return f"{text} {_limits(model, name, field)}".strip()


def _limits(model: type[BaseModel], name: str, field: FieldInfo) -> str:
    """Between what a number must be, as a sentence; that it is none below 0 goes without saying."""
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    said = [*field.metadata, *said_of(field.annotation)]
    found = {end: getattr(part, end) for end in words for part in said if hasattr(part, end)}
    if not any(found.values()):
        return ""
    written = {end: _written(model, name, limit) for end, limit in found.items()}
    limits = {  # with their unit, where they have one
        end: text if text[-1].isalpha() else f"{found[end]:,}" for end, text in written.items()
    }
    if limits.keys() == {"ge", "le"}:
        return f"From {limits['ge']} to {limits['le']}."
    text = ", ".join(f"{words[end]} {limit}" for end, limit in limits.items())
    return f"{text[:1].upper()}{text[1:]}."


def _default(model: type[BaseModel], name: str, field: FieldInfo) -> str:
    value = None if field.is_required() else field.get_default(call_default_factory=True)
    if value in (None, {}, []) or isinstance(value, BaseModel):
        return ""
    if isinstance(value, list) and isinstance(value[0], BaseModel):
        return ""
    return _written(model, name, value)


def _written(model: type[BaseModel], name: str, value: Any) -> str:
    """The value of a key as YAML has it."""
    made = model.model_construct(**{name: value})
    return flow(made.model_dump(mode="json", include={name}, warnings=False)[name])
