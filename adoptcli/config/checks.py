"""What no single model can see: values that YAML turned into others, and sections together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from adoptcli.config import axes
from adoptcli.config.document import Document, unquoted
from adoptcli.config.problems import Path, Problem, dotted
from adoptcli.config.shape import shapes_at
from adoptcli.targets import names

_WORDS = ("true", "True", "TRUE", "false", "False", "FALSE")


def values(document: Document, model: type[BaseModel]) -> Iterator[Problem]:
    """Property values that are not what is written: `no` is false, `12:30` is 750, `010` is 8."""
    for path, text in document.texts.items():
        shapes = shapes_at(model, path)
        if not (str in shapes and bool in shapes):
            continue
        value = document.value(path)
        if isinstance(value, bool):
            if text not in _WORDS:
                message = unquoted(text, "a boolean") + f", or write {str(value).lower()}"
                yield _problem(document, path, message)
        elif _disguised(value, text):
            yield _problem(document, path, unquoted(text, f"the number {value}"))


def _disguised(value: object, text: str) -> bool:
    if isinstance(value, int):
        return str(value) != text
    return isinstance(value, float) and any(sign in text.lower() for sign in (":", "_", "n"))


def sections(document: Document) -> Iterator[Problem]:
    """What one section says of another; from the data, so that it is said beside other problems."""
    yield from _names(document)
    yield from _twice(document, ("segments",))
    yield from _twice(document, ("retention", "starts"))
    yield from _starts(document)
    yield from _rules(document)
    yield from _targets(document)
    for path, message in axes.problems(document):
        yield _problem(document, path, message)


def _names(document: Document) -> Iterator[Problem]:
    """Names of ours stand for events of the log, not for one another."""
    names = document.data.get("events")
    if not isinstance(names, dict):
        return
    for path, event in _events(names):
        if event == path[1]:
            message = "refers to itself; choose a name that no event of the log has"
            yield _problem(document, path, message)
        elif event in names:
            message = f"{event!r} is a name defined here; name events of the log"
            yield _problem(document, path, message)


def _events(names: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    for name, value in names.items():
        path: Path = ("events", name)
        listed = isinstance(value, list)
        for i, ref in enumerate(value if listed else [value]):
            at: Path = (*path, i) if listed else path
            if isinstance(ref, str):
                yield at, ref
            elif isinstance(ref, dict) and isinstance(ref.get("event"), str):
                yield (*at, "event"), ref["event"]


def _twice(document: Document, path: Path) -> Iterator[Problem]:
    seen: Counter[str] = Counter()
    for i, item in enumerate(_list(document, path)):
        name = _called(item)
        seen[name] += 1
        if seen[name] == 2:
            yield _problem(document, (*path, i), f"{name!r} stands here twice")


def _called(item: Any) -> str:
    """What an item of a list goes by: its name, or the event that it is."""
    if not isinstance(item, dict):
        return str(item)
    if item.get("name") is not None:
        return str(item["name"])
    where = item.get("where")
    conditions = where.items() if isinstance(where, dict) else ()
    inside = ", ".join(f"{key}={value}" for key, value in sorted(conditions, key=str))
    return f"{item.get('event')}[{inside}]" if inside else str(item.get("event"))


def _starts(document: Document) -> Iterator[Problem]:
    """Starts that say nothing without another part of the file."""
    starts = _list(document, ("retention", "starts"))
    for name, part in (("activation", "section"), ("purchase", "key")):
        if name in starts and document.data.get(name) is None:
            path = document.known(("retention", "starts", starts.index(name)))
            message = f"{name!r} needs the {part} {name!r}, which is not there"
            yield _problem(document, path, message)


_NEEDED = {"features": "features", "score": "engagement_score", "activated": "activation"}


def _rules(document: Document) -> Iterator[Problem]:
    """Clauses that ask for what another section defines."""
    for path in _clauses(document):
        clause = document.value(path)
        for key in _NEEDED.keys() & clause.keys() if isinstance(clause, dict) else ():
            section = _NEEDED[key]
            if document.data.get(section) is None:
                message = f"{key!r} needs the section {section!r}, which is not there"
                yield _problem(document, (*path, key), message)


def _targets(document: Document) -> Iterator[Problem]:
    """Targets whose names stand for no figure that there could be."""
    found = document.data.get("targets")
    for name in found if isinstance(found, dict) else ():
        path: Path = ("targets", name)
        try:
            names.parse(name)
        except ValueError as error:
            yield Problem(document.place(path, key=True), dotted(path), str(error))


def _clauses(document: Document) -> Iterator[Path]:
    """Where the clauses of rules stand: in `qualified` and in the stages of the journey."""
    journey = document.data.get("journey")
    stages = journey.get("stages") if isinstance(journey, dict) else None
    rules: list[Path] = [("qualified",)]
    rules += [("journey", "stages", name) for name in stages] if isinstance(stages, dict) else []
    for rule in rules:
        for path in (rule, (*rule, "all"), (*rule, "any")):
            found = document.value(path) if path in document.values else None
            yield from ((*path, i) for i in range(len(found) if isinstance(found, list) else 0))


def _list(document: Document, path: Path) -> list[Any]:
    """The list at a path; one value alone is a list of one."""
    if path not in document.values:
        return []
    found = document.value(path)
    return found if isinstance(found, list) else [found]


def _problem(document: Document, path: Path, message: str) -> Problem:
    return Problem(document.place(path), dotted(path), message)
