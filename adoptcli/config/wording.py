"""What pydantic finds, in plain words: one problem a place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from adoptcli.config.document import Document, kind_of, unquoted
from adoptcli.config.problems import Path, Problem, dotted
from adoptcli.config.shape import is_model, keys_at, shapes_at

_NOUNS = {
    "string_type": "text", "float_type": "a number", "int_type": "a whole number",
    "bool_type": "true or false", "list_type": "a list", "dict_type": "a mapping of keys",
    "model_type": "a mapping of keys", "model_attributes_type": "a mapping of keys",
}  # fmt: skip
_BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
MANY = 12


@dataclass(frozen=True)
class _Finding:
    """One of pydantic's errors, and the path of the file that it is about."""

    path: Path
    kind: str
    detail: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The last part of the location: the key that is missing or unknown."""
        return str(self.detail["loc"][-1])


def problems(
    error: ValidationError, document: Document, model: type[BaseModel]
) -> Iterator[Problem]:
    """One problem a place of the file, however many branches of a union failed there."""
    found = [
        _Finding(document.known(detail["loc"]), detail["type"], detail)
        for detail in error.errors(include_url=False)
    ]
    unknown = _suggested(found, model)
    for group in _groups(found):
        first = group[0]
        if first.kind == "missing":
            if (*first.path, first.name) not in unknown:
                yield _problem(first, document, f"missing key {first.name!r}")
        elif not _is_branch(group, found):
            yield _problem(first, document, _words(group, document, model))


def _groups(found: Sequence[_Finding]) -> list[list[_Finding]]:
    groups: dict[tuple[Any, ...], list[_Finding]] = {}
    for finding in found:
        missing = finding.name if finding.kind == "missing" else ""
        groups.setdefault((finding.path, missing), []).append(finding)
    return list(groups.values())


def _is_branch(group: Sequence[_Finding], found: Sequence[_Finding]) -> bool:
    """A type refused, while the branch of the union that takes this type found more inside."""
    path = group[0].path
    deeper = any(len(f.path) > len(path) and f.path[: len(path)] == path for f in found)
    return deeper and all(finding.kind in _NOUNS for finding in group)


def _suggested(found: Sequence[_Finding], model: type[BaseModel]) -> set[Path]:
    """Keys that an unknown one was probably meant to be; they are not also missing."""
    pairs = [(f.path[:-1], _near(f.name, keys_at(model, f.path[:-1])))
             for f in found if f.kind == "extra_forbidden"]  # fmt: skip
    return {(*path, near) for path, near in pairs if near}


def _problem(finding: _Finding, document: Document, message: str) -> Problem:
    """A problem with a value stands at the value; with a section, at the section's key."""
    path = finding.path
    of_key = finding.kind == "extra_forbidden" or finding.name == "[key]"
    value = document.value(path)
    named = bool(path) and isinstance(path[-1], str)
    section = named and (value is None or isinstance(value, dict | list))
    place = document.place(path, key=of_key or section)
    return Problem(place, dotted(path), message)


def _words(group: Sequence[_Finding], document: Document, model: type[BaseModel]) -> str:
    first = next((f for f in group if f.kind not in _NOUNS), group[0])
    value = document.value(first.path)
    if first.kind == "extra_forbidden":
        return _unknown(first, model)
    if value is None and first.name != "[key]":
        return "is empty; give it a value, or remove it"
    if first.path in document.texts and _wants_text(first):
        kind = kind_of(value)
        return unquoted(document.texts[first.path], kind)
    if first.kind in _NOUNS:
        return _wrong_type(group, value)
    return _other(first)


def _wants_text(finding: _Finding) -> bool:
    named = finding.kind == "value_error" and "put quotes" in finding.detail["msg"]
    return named or finding.kind == "string_type"


def _wrong_type(group: Sequence[_Finding], value: Any) -> str:
    nouns = list(dict.fromkeys(_NOUNS[finding.kind] for finding in group))
    if "a number" in nouns and "a whole number" in nouns:
        nouns.remove("a whole number")
    *most, last = nouns
    wanted = f"{', '.join(most)} or {last}" if most else last
    advice = ""
    if nouns == ["a list"] and isinstance(value, str):
        advice = f"; write [{value}]"
    elif isinstance(value, str) and wanted in ("a number", "a whole number", "true or false"):
        advice = " (quotes make it text)" if value.strip("-.0123456789") == "" else ""
    found = f"{value}" if isinstance(value, float) else kind_of(value)
    return f"must be {wanted}, not {found}{advice}"


def _other(finding: _Finding) -> str:
    context = finding.detail.get("ctx", {})
    if finding.kind == "literal_error":
        return _choices(context["expected"], finding.detail["input"])
    for name, words in _BOUNDS.items():
        if name in context and finding.detail["input"] != finding.detail["input"]:
            return "must be a number"
        if name in context:
            return f"must be {words} {context[name]:g}"
    if finding.kind in ("too_short", "string_too_short"):
        least = context["min_length"]
        return "must not be empty" if least == 1 else f"must have at least {least}"
    if finding.kind == "string_too_long":
        most = context["max_length"]
        return f"must have at most {most} character{'s' if most > 1 else ''}"
    if finding.kind == "value_error":
        return str(context["error"])
    text = str(finding.detail["msg"])
    return text[:1].lower() + text[1:]


def _choices(expected: str, value: Any) -> str:
    options = re.findall(r"'([^']*)'", expected) or [expected]
    if len(options) == 1:
        return f"must be {'true' if options == ['True'] else options[0]}"
    near = _near(str(value), options)
    return f"must be one of {', '.join(options)}" + (f"; did you mean {near!r}?" if near else "")


def _near(word: str, options: Sequence[str]) -> str | None:
    plain = word.lower().replace("-", "_")
    return next(iter(get_close_matches(plain, options, 1)), None)


def _unknown(finding: _Finding, model: type[BaseModel]) -> str:
    around = finding.path[:-1]
    options = keys_at(model, around)
    if finding.name in options:
        return "does not go with the other keys here"
    return f"unknown key{_instead(finding, around, options, model)}"


def _instead(
    finding: _Finding, around: Path, options: Sequence[str], model: type[BaseModel]
) -> str:
    if near := _near(finding.name, options):
        return f"; did you mean {near!r}?"
    if around and finding.name in model.model_fields:
        return "; it belongs at the top level"
    if home := _home(finding.name, model):
        return f"; it belongs under {home!r}"
    if not options:
        return "; there is nothing to set here"
    return f"; there are: {', '.join(options)}" if len(options) <= MANY else ""


def _home(key: str, model: type[BaseModel]) -> str | None:
    """The only section that knows the key."""
    homes = [
        name
        for name in model.model_fields
        if any(is_model(s) and key in s.model_fields for s in shapes_at(model, (name,)))
    ]
    return homes[0] if len(homes) == 1 else None
