"""The whole YAML as one model, gathered from the metrics; every problem at once, with its place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError, create_model
from pydantic.fields import FieldInfo

from adoptcli.config.document import Document, Path_, read
from adoptcli.definitions import Definitions
from adoptcli.errors import ConfigProblem
from adoptcli.metrics import all_metrics


@dataclass(frozen=True)
class Config:
    """What a YAML says.

    Attributes:
        definitions: What things are; the metrics' sections are attributes too.
        path: The file, or None for the defaults.
        hash: Six characters that change with anything that changes a number.
    """

    definitions: Definitions
    path: Path | None
    hash: str

    @property
    def settings(self) -> dict[str, Any]:
        """Each metric's section; None where it needs one and has none."""
        return {name: getattr(self.definitions, name) for name in all_metrics()}

    @property
    def base(self) -> Path | None:
        """The folder that file names in the YAML are relative to."""
        return self.path.resolve().parent if self.path else None


@cache
def config_model() -> type[Definitions]:
    """`Definitions` with one more field a metric: its settings, under its id."""
    sections: dict[str, Any] = {}
    for metric in all_metrics().values():
        summary = metric.definition.split("\n", 1)[0]
        needed = any(field.is_required() for field in metric.settings.model_fields.values())
        try:
            default = None if needed else metric.settings()
        except ValidationError:
            default = None
        kind = metric.settings if default is not None else metric.settings | None
        sections[metric.id] = (kind, FieldInfo(default=default, description=summary))
    return create_model("MetricsFile", __base__=Definitions, __doc__="metrics.yaml", **sections)


def default() -> Config:
    """What holds without a YAML."""
    return _config(config_model()(), None)


def load(path: Path) -> Config:
    """The config of a file.

    Raises:
        ConfigProblem: With one line for each problem in the file.
    """
    document = read(path)
    try:
        found = config_model().model_validate(document.data)
    except ValidationError as error:
        raise ConfigProblem("invalid-config", "\n".join(_problems(error, document))) from None
    problems = _beyond(found, document)
    if problems:
        raise ConfigProblem("invalid-config", "\n".join(problems))
    return _config(found, path)


def _config(definitions: Definitions, path: Path | None) -> Config:
    plain = definitions.model_dump(mode="json", exclude={"source", "users", "accounts"})
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False)
    return Config(definitions, path, hashlib.sha256(text.encode()).hexdigest()[:6])


def _beyond(found: Definitions, document: Document) -> list[str]:
    """What no single section can see."""
    problems = []
    retention = getattr(found, "retention", None)
    if getattr(found, "activation", None) is None and "activation" in getattr(
        retention, "starts", []
    ):
        problems.append(
            document.at(("retention", "starts"), "'activation' needs an 'activation' section")
        )
    for name, refs in found.events.items():
        for ref in refs:
            if ref.event in found.events:
                text = f"{ref.event!r} is a name of ours; name events of the data here"
                problems.append(document.at(("events", name), text))
    return problems


def _problems(error: ValidationError, document: Document) -> list[str]:
    """One line for each place, in the order of the file."""
    found: dict[tuple[int, int], str] = {}
    details = error.errors(include_url=False)
    for detail in sorted(details, key=lambda d: -len(_real(d["loc"], document))):
        path, unknown = _real(detail["loc"], document), detail["type"] == "extra_forbidden"
        place = document.place(path, key=unknown)
        at = (place.line, place.column)
        if at in found:
            continue
        found[at] = document.at(path, _words(detail, path), key=unknown)
    return [line for _, line in sorted(found.items())]


def _real(loc: tuple[int | str, ...], document: Document) -> Path_:
    """The part of pydantic's path that stands in the file: names of union members do not."""
    path: Path_ = ()
    for part in loc:
        if (
            (*path, part) in document.values
            or (*path, part) in document.keys
            or (part == loc[-1] and isinstance(part, str) and part in _names(path))
        ):
            path = (*path, part)
    return path


def _words(detail: Mapping[str, Any], path: Path_) -> str:
    """pydantic's finding in plain words."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return f"unknown key{_near(str(path[-1]), _names(path[:-1]))}"
    if kind == "missing":
        return "this key is missing"
    if kind == "literal_error":
        expected = context["expected"].replace("'", "").replace(" or ", ", ")
        return f"must be one of {expected}{_near(str(detail['input']), expected.split(', '))}"
    if kind in ("greater_than_equal", "greater_than", "less_than_equal", "less_than"):
        words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
        name, bound = next((k, v) for k, v in context.items() if k in words)
        return f"must be {words[name]} {bound:g}"
    if kind == "value_error":
        return str(context["error"])
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return "must be a mapping of keys to values"
    if kind == "too_short":
        return "must not be empty"
    plain = {
        "string_type": "must be text", "int_parsing": "must be a whole number",
        "int_type": "must be a whole number", "list_type": "must be a list",
        "float_type": "must be a number", "float_parsing": "must be a number",
        "bool_parsing": "must be true or false", "bool_type": "must be true or false",
        "string_too_short": "must not be empty", "int_from_float": "must be a whole number",
        "date_from_datetime_parsing": "must be a date such as 2026-03-01",
        "date_type": "must be a date such as 2026-03-01",
    }  # fmt: skip
    return plain.get(kind, str(detail["msg"]))


def _near(word: str, names: list[str]) -> str:
    near = get_close_matches(word, names, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _names(path: Path_) -> list[str]:
    """The keys that the model allows at a path."""
    models: list[type[BaseModel]] = [config_model()]
    for part in path:
        models = [m for model in models for m in _below(model, part)]
    return sorted({name for model in models for name in model.model_fields})


def _below(model: type[BaseModel], part: str | int) -> list[type[BaseModel]]:
    if isinstance(part, int) or part not in model.model_fields:
        return [model]  # an item of a list, or a name of the person's own in a mapping
    return _models(model.model_fields[part].annotation)


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) is None:
        return []
    return [m for inner in get_args(annotation) for m in _models(inner)]
