"""YAML text as plain data, and where in the file every key and value stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from adoptcli.config import syntax
from adoptcli.config.problems import Path, Place, Problem, dotted, stop
from adoptcli.errors import ConfigProblem

MOST_BYTES = 5_000_000
MOST_NODES = 10_000
MOST_DEPTH = 50

_PREFIX = "tag:yaml.org,2002:"
_KINDS = {
    "bool": "a boolean", "int": "a number", "float": "a number", "null": "nothing",
    "timestamp": "a date",
}  # fmt: skip
_TAGS = {_PREFIX + kind for kind in (*_KINDS, "str", "map", "seq", "merge", "value")}
_TEXTS = (_PREFIX + "str", _PREFIX + "value", _PREFIX + "merge")


@dataclass(frozen=True)
class Document:
    """The data of one file.

    Attributes:
        name: The file's name, as it stands in messages.
        data: The data, plain.
        keys: Where the key of each path stands.
        values: Where the value of each path stands.
        texts: What is written at each path whose value is neither text nor a collection.
        problems: What is wrong with the YAML itself, though the rest can be judged.
    """

    name: str
    data: dict[str, Any]
    keys: Mapping[Path, Place]
    values: Mapping[Path, Place]
    texts: Mapping[Path, str]
    problems: tuple[Problem, ...] = ()

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Where a value stands, or its key; of a path that is not there, the nearest around it."""
        first, second = (self.keys, self.values) if key else (self.values, self.keys)
        while path:
            if path in first or path in second:
                return first.get(path) or second[path]
            path = path[:-1]
        return Place(1, 1)

    def place_of(self, word: str) -> str:
        """`FILE:LINE:COLUMN: KEY: ` of the first value, else key, that is this word; or empty."""
        values = [path for path in self.values if self.value(path) == word]
        for path in values or [path for path in self.keys if path[-1] == word]:
            place = self.place(path)
            return f"{self.name}:{place.line}:{place.column}: {dotted(path)}: "
        return ""

    def known(self, location: tuple[str | int, ...]) -> Path:
        """The part of a location that stands in the file; what is only in our models is skipped."""
        path: Path = ()
        for part in location:
            if (*path, part) in self.values:
                path = (*path, part)
        return path

    def value(self, path: Path) -> Any:
        """The data at a path."""
        found: Any = self.data
        for part in path:
            found = found[part]
        return found


def parse(content: bytes, name: str) -> Document:
    """The document in a file's content.

    Raises:
        ConfigProblem: It is no YAML, or no mapping of keys.
    """
    text = syntax.decode(content, name, MOST_BYTES)
    loader = syntax.loader(text, name)
    try:
        root = syntax.compose(loader, name)
        if root is None or (isinstance(root, yaml.ScalarNode) and root.value == ""):
            raise ConfigProblem(
                "empty-config",
                f"{name}: the file holds no keys",
                "adoptcli init writes one to edit",
            )
        if not isinstance(root, yaml.MappingNode):
            kind = "a list" if isinstance(root, yaml.SequenceNode) else "a single value"
            message = f"the file must hold keys, such as 'signup: signed_up', not {kind}"
            stop(_place(root), message, name)
        _refuse_bombs(root, name)
        return _Reader(loader, name).document(root)
    finally:
        loader.dispose()


def _place(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def _refuse_bombs(root: yaml.Node, name: str) -> None:
    """Refuse what aliases would make too large, too deep or endless, before anything is built."""
    sizes: dict[int, tuple[int, int]] = {}
    inside: set[int] = set()

    def measure(node: yaml.Node) -> tuple[int, int]:
        known = sizes.get(id(node))
        if known:
            return known
        if id(node) in inside:
            stop(_place(node), "an alias stands within what it names", name)
        inside.add(id(node))
        parts = [measure(child) for child in _children(node)]
        inside.discard(id(node))
        size = 1 + sum(count for count, _ in parts)
        depth = 1 + max((deep for _, deep in parts), default=0)
        sizes[id(node)] = (size, depth)
        return size, depth

    size, depth = measure(root)
    if depth > MOST_DEPTH:
        message = f"nested more than {MOST_DEPTH} levels deep"
        stop(_place(root), message, name)
    if size > MOST_NODES and size > len(sizes):
        message = f"the aliases stand for more than {MOST_NODES:,} values"
        stop(_place(root), message, name)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


Pairs = list[tuple[str, yaml.Node, yaml.Node]]


class _Reader:
    """Builds the data of one document, and notes where everything stands."""

    def __init__(self, loader: yaml.SafeLoader, name: str) -> None:
        self._loader = loader
        self._name = name
        self._keys: dict[Path, Place] = {}
        self._values: dict[Path, Place] = {}
        self._texts: dict[Path, str] = {}
        self._problems: list[Problem] = []

    def document(self, root: yaml.MappingNode) -> Document:
        data = self._build(root, ())
        return Document(
            self._name, data, self._keys, self._values, self._texts, tuple(self._problems)
        )

    def _problem(self, node: yaml.Node, path: Path, message: str) -> None:
        self._problems.append(Problem(_place(node), dotted(path), message))

    def _build(self, node: yaml.Node, path: Path) -> Any:
        self._values.setdefault(path, _place(node))
        if node.tag not in _TAGS:
            shown = node.tag.replace(_PREFIX, "!!")
            self._problem(node, path, f"{shown} is not read here; remove it")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._build(item, (*path, i)) for i, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key, key_node, value in self._pairs(node, path):
            self._keys[*path, key] = _place(key_node)
            data[key] = self._build(value, (*path, key))
        return data

    def _pairs(self, node: yaml.MappingNode, path: Path) -> Pairs:
        """Own keys first, then those that `<<` merges in and that are not among them."""
        own: Pairs = []
        merged: Pairs = []
        seen: dict[str, Place] = {}
        for key_node, value in node.value:
            if key_node.tag == _PREFIX + "merge":
                merged += self._merged(value, path)
            elif (key := self._key(key_node, path)) is not None:
                if key in seen:
                    first = seen[key]
                    message = f"this key stands twice; first at {first.line}:{first.column}"
                    self._problem(key_node, (*path, key), message)
                    continue
                seen[key] = _place(key_node)
                own.append((key, key_node, value))
        for key, key_node, value in merged:
            if key not in seen:
                seen[key] = _place(key_node)
                own.append((key, key_node, value))
        return own

    def _merged(self, value: yaml.Node, path: Path) -> Pairs:
        nodes = value.value if isinstance(value, yaml.SequenceNode) else [value]
        found: Pairs = []
        for node in nodes:
            if isinstance(node, yaml.MappingNode):
                found += self._pairs(node, path)
            else:
                self._problem(node, path, "<< merges mappings alone")
        return found

    def _key(self, node: yaml.Node, path: Path) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._problem(node, path, "a key must be text")
            return None
        if node.tag not in _TEXTS:
            self._problem(node, (*path, node.value), unquoted(node.value, self._kind(node)))
        return str(node.value)

    def _kind(self, node: yaml.Node) -> str:
        return _KINDS.get(node.tag.removeprefix(_PREFIX), "not text")

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        if node.tag in _TEXTS or node.tag not in _TAGS:
            return node.value
        self._texts[path] = node.value
        try:
            return self._loader.construct_object(node)
        except (ValueError, yaml.YAMLError):
            self._problem(node, path, f"{node.value!r} is no date or number; text needs quotes")
            return node.value


def unquoted(text: str, kind: str) -> str:
    """What to say of a text that YAML takes for something else."""
    return f"{text!r} without quotes is {kind} in YAML; put quotes around it"


def kind_of(value: object) -> str:
    """What a plain value is, in words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        return "a list"
    return "a mapping" if isinstance(value, dict) else "a date"
