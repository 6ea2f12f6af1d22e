"""YAML text to plain data, and where everything in it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from adoptcli.errors import ConfigProblem

MOST_NODES = 20_000
DEEPEST = 40

Path_ = tuple[str | int, ...]


@dataclass(frozen=True)
class Place:
    """A line and a column, both from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Document:
    """The data of one YAML file.

    Attributes:
        name: The file's name, for messages.
        data: Mappings, lists and scalars.
        values, keys: Where the value, and the key, of each path stand.
    """

    name: str
    data: Mapping[str, Any]
    values: Mapping[Path_, Place]
    keys: Mapping[Path_, Place]

    def place(self, path: Path_, *, key: bool = False) -> Place:
        """Where a path stands; for one that is not there, its nearest ancestor."""
        if key and path in self.keys:
            return self.keys[path]
        while path not in self.values:
            path = path[:-1]
        return self.values[path]

    def at(self, path: Path_, message: str, *, key: bool = False) -> str:
        """A problem in one clickable line."""
        place = self.place(path, key=key)
        where = ".".join(map(str, path))
        subject = f"{where}: " if where else ""
        return f"{self.name}:{place.line}:{place.column}: {subject}{message}"


def read(path: Path) -> Document:
    """The document of a file.

    Raises:
        ConfigProblem: The file is missing, no UTF-8, no YAML, empty, or no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigProblem(
            "no-such-config", f"{path}: there is no such file", "adoptcli init EVENTS writes one"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigProblem(
            "config-not-utf8", f"{path}: the file is not UTF-8 text", "save it as UTF-8"
        ) from error
    except OSError as error:
        raise ConfigProblem(
            "unreadable-config", f"{path}: cannot be read: {error.strerror}", "check the path"
        ) from error
    return parse(text, str(path))


def parse(text: str, name: str) -> Document:
    """The document of a text; see `read`."""
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            raise ConfigProblem(
                "empty-config",
                f"{name}: the file is empty",
                "adoptcli init EVENTS writes a starter",
            )
        walk = _Walk(name)
        walk.visit(root, (), 0)
        if walk.problems:
            raise ConfigProblem("invalid-config", "\n".join(walk.problems))
        if not isinstance(root, yaml.MappingNode):
            raise ConfigProblem(
                "config-no-mapping",
                f"{name}:{root.start_mark.line + 1}:1: the file must be a mapping of keys",
                "begin with a key, such as 'signup: signed_up'",
            )
        data = loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        raise _syntax(error, name) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigProblem("invalid-yaml", f"{name}: {error}", "check the file") from error
    finally:
        loader.dispose()
    return Document(name, data, walk.values, walk.keys)


def _syntax(error: yaml.MarkedYAMLError, name: str) -> ConfigProblem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    text = error.problem or error.context or "this is no YAML"
    if "\\t" in text:
        text = "a tab stands where only spaces may indent"
    return ConfigProblem("invalid-yaml", f"{name}:{line}:{column}: {text}", "mend the YAML there")


class _Walk:
    """Every path of the document, before anything is built from it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.values: dict[Path_, Place] = {}
        self.keys: dict[Path_, Place] = {}
        self.problems: list[str] = []
        self._nodes = 0

    def visit(self, node: yaml.Node, path: Path_, depth: int) -> None:
        """A node and all below it."""
        self._nodes += 1
        if self._nodes > MOST_NODES or depth > DEEPEST:
            raise ConfigProblem(
                "config-too-large",
                f"{self.name}: the aliases or levels of this file unfold to more than it can mean",
                "write it without aliases within aliases",
            )
        self.values[path] = _place(node)
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                self._entry(key, value, path, depth)
        elif isinstance(node, yaml.SequenceNode):
            for i, item in enumerate(node.value):
                self.visit(item, (*path, i), depth + 1)

    def _entry(self, key: yaml.Node, value: yaml.Node, path: Path_, depth: int) -> None:
        place = _place(key)
        where = f"{self.name}:{place.line}:{place.column}"
        if not isinstance(key, yaml.ScalarNode):
            self.problems.append(f"{where}: a key must be a plain word")
            return
        if key.tag == "tag:yaml.org,2002:merge":
            self.visit(value, path, depth + 1)
            return
        if key.tag != "tag:yaml.org,2002:str":
            kind = "a boolean" if key.tag.endswith("bool") else "no text"
            self.problems.append(
                f"{where}: {key.value} without quotes is {kind} in YAML; put quotes around the name"
            )
        full = (*path, str(key.value))
        if full in self.keys:
            first = self.keys[full]
            self.problems.append(
                f"{where}: {key.value} stands here again; it is already on line {first.line}"
            )
        self.keys[full] = place
        self.visit(value, full, depth + 1)


def _place(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)
