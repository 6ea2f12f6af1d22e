"""Every option that the YAML has, by its model, and those that a YAML sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, RootModel

from adoptcli.config.model import config_model

ANY = "*"  # a name of one's own, or an item of a list


def options() -> set[str]:
    """Every option that holds no others, as `funnel.*.steps.*.where`."""
    return {".".join(path) for path in _of_type(config_model(), ())}


def _of_type(kind: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(kind, type) and issubclass(kind, RootModel):
        yield from _of_type(kind.model_fields["root"].annotation, path)
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            yield from _of_type(field.annotation, (*path, name))
    elif get_origin(kind) is Annotated:
        yield from _of_type(get_args(kind)[0], path)
    elif get_origin(kind) in (list, tuple, dict) and any(map(_has_options, get_args(kind))):
        yield from _of_type(get_args(kind)[-1], (*path, ANY))
    elif any(map(_has_options, get_args(kind))):
        for one in get_args(kind):
            if _has_options(one):
                yield from _of_type(one, path)
            elif one is not type(None):
                yield path
    else:
        yield path


def _has_options(kind: Any) -> bool:
    if isinstance(kind, type):
        return issubclass(kind, BaseModel)
    return any(map(_has_options, get_args(kind)))


def chosen(config: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The options that a YAML sets, each with its value."""
    for path, value in _set(config_model().model_validate(config), ()):
        yield ".".join(path), value


def _set(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, RootModel):
        yield from _set(value.root, path)
    elif isinstance(value, BaseModel):
        for name in value.model_fields_set:
            yield from _set(getattr(value, name), (*path, name))
    elif any(_holds(one) for one in _items(value)):
        for one in _items(value):
            yield from _set(one, (*path, ANY))
    else:
        yield path, value


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value.values()]
    return value if isinstance(value, list) else []


def _holds(value: Any) -> bool:
    """Whether it is or holds a part with options of its own."""
    return isinstance(value, BaseModel) or any(map(_holds, _items(value)))
