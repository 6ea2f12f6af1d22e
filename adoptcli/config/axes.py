"""The quadrant's two axes: they must be within reach, and must not count the same events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from adoptcli.config.document import Document
from adoptcli.config.problems import Path
from adoptcli.context import conditions
from adoptcli.definitions import Criterion, EventRef, Feature

M = TypeVar("M", bound=BaseModel)


def problems(document: Document) -> Iterator[tuple[Path, str]]:
    """What is wrong with the section, each with its path; nothing where it cannot be read."""
    section = _mapping(document.data.get("quadrant"))
    adoption = _mapping(section.get("adoption"))
    features = _mapping(document.data.get("features"))
    wanted = adoption.get("features")
    if isinstance(wanted, int) and 0 < len(features) < wanted:
        message = f"only {len(features)} features are defined, so that nobody could use {wanted}"
        yield ("quadrant", "adoption", "features"), message
    if "score" in _mapping(section.get("engagement")):
        shared = _shared(document.data, adoption)
        if shared:
            yield ("quadrant", "engagement", "score"), _words(shared)


def _words(shared: list[str]) -> str:
    names = ", ".join(map(repr, shared))
    return f"the adoption axis counts what the score counts: {names}; use 'active_days' instead"


def _shared(data: dict[str, Any], adoption: dict[str, Any]) -> list[str]:
    """The events with a weight that make somebody adopted as well, as the weights name them."""
    named = {name: _read(EventRef, value) for name, value in _mapping(data.get("events")).items()}
    asked = _expanded(_adopting(data, adoption), named)
    weights = _mapping(_mapping(data.get("engagement_score")).get("weights"))
    return [
        name for name in weights
        if isinstance(name, str) and name and any(
            _overlap(mine, theirs)
            for mine in _expanded([EventRef(event=name)], named)
            for theirs in asked
        )
    ]  # fmt: skip


def _adopting(data: dict[str, Any], adoption: dict[str, Any]) -> list[EventRef]:
    """The events of the adoption axis, which is the activation where nothing else is said."""
    activation, features = data.get("activation"), data.get("features")
    if not adoption:
        adoption = {"activated": True} if activation else {"features": 1}
    found: list[EventRef] = []
    if adoption.get("activated") is True:
        found += _criteria(activation)
    if "features" in adoption:
        for value in _mapping(features).values():
            shape = value if isinstance(value, dict) else {"events": value}
            found += [ref for feature in _read(Feature, shape) for ref in feature.events]
    return found


def _criteria(value: Any) -> list[EventRef]:
    """Every criterion of an activation, or of several by name."""
    found: list[EventRef] = []
    for key, inner in _mapping(value).items():
        if key in ("all", "any") and isinstance(inner, list):
            found += _read(Criterion, inner)
        else:
            found += _criteria(inner)
    return found


def _expanded(refs: list[EventRef], named: dict[Any, list[EventRef]]) -> list[EventRef]:
    """References to events of the log: names of ours are replaced by what they stand for."""
    return [
        EventRef(event=base.event, where={**base.where, **ref.where})
        for ref in refs
        for base in named.get(ref.event, [EventRef(event=ref.event)])
    ]


def _overlap(first: EventRef, second: EventRef) -> bool:
    """Whether a row of the log can be both: the same event, with no conditions that exclude."""
    if first.event != second.event:
        return False
    mine = {c.property: set(c.values) for c in conditions(first)}
    theirs = {c.property: set(c.values) for c in conditions(second)}
    return all(mine[name] & theirs[name] for name in mine.keys() & theirs.keys())


def _read(model: type[M], value: Any) -> list[M]:
    """One or several parts of the YAML, but for those whose problems are told elsewhere."""
    found = []
    for item in value if isinstance(value, list) else [value]:
        with suppress(ValidationError):
            found.append(model.model_validate(item))
    return found


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}
