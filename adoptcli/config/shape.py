"""What the models allow at each path of the YAML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, RootModel
from pydantic.fields import FieldInfo

from adoptcli.config.problems import Path

Shapes = list[Any]


def shapes_at(model: type[BaseModel], path: Path) -> Shapes:
    """Every type that a value at a path may have, unions taken apart; none where it is unknown."""
    found: Shapes = [model]
    for part in path:
        found = [inner for shape in found for inner in _below(shape, part)]
    return found


def keys_at(model: type[BaseModel], path: Path) -> list[str]:
    """The keys that are allowed in a mapping at a path, in the order of the models."""
    found = [shape for shape in shapes_at(model, path) if not is_model(shape)]
    models = [shape for shape in shapes_at(model, path) if is_model(shape)]
    for shape in found:
        if get_origin(shape) is list:  # one alone instead of a list
            models += [item for item in alternatives(get_args(shape)[0]) if is_model(item)]
    return list(dict.fromkeys(name for m in models for name in m.model_fields))


def alternatives(annotation: Any) -> Shapes:
    """The members of a union, without None and without annotations; of a root model its root's."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return alternatives(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [shape for part in get_args(annotation) for shape in alternatives(part)]
    if is_model(annotation) and issubclass(annotation, RootModel):
        return alternatives(annotation.model_fields["root"].annotation)
    return [] if annotation is type(None) else [annotation]


def said_of(annotation: Any) -> Iterator[Any]:
    """What annotations say of a type, or of the members of a union."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        for part in inner[1:]:
            yield from part.metadata if isinstance(part, FieldInfo) else [part]
        yield from said_of(inner[0])
    elif origin in (Union, UnionType):
        for part in inner:
            yield from said_of(part)


def is_model(shape: Any) -> bool:
    """Whether a type is a part of the YAML with keys of ours."""
    return isinstance(shape, type) and issubclass(shape, BaseModel)


def _below(shape: Any, part: str | int) -> Shapes:
    if is_model(shape):
        fields = shape.model_fields
        if part in fields:
            return alternatives(fields[part].annotation)
        short = list(fields.values())[:1] if isinstance(part, int) else []
        return [s for field in short for a in alternatives(field.annotation)
                for s in _below(a, part)]  # fmt: skip
    arguments: Sequence[Any] = get_args(shape)
    if get_origin(shape) is dict:
        return alternatives(arguments[1])
    if get_origin(shape) is list:
        items = alternatives(arguments[0])
        return items if isinstance(part, int) else [s for i in items for s in _below(i, part)]
    return []
