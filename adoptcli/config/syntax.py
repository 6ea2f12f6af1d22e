"""From bytes to YAML nodes, and PyYAML's complaints in plain words with their place."""

from __future__ import annotations

import yaml
from yaml.reader import ReaderError

from adoptcli.config.problems import Place, stop
from adoptcli.errors import ConfigProblem

_WORDS = (
    ("\\t", "a tab cannot indent in YAML; use spaces"),
    ("mapping values are not allowed", "a ':' too many, or a wrong indentation; put quotes around "
     "text that holds ': '"),
    ("found undefined alias", "text that begins with '*' needs quotes"),
    ("chomping or indentation", "text that begins with '>' or '|' needs quotes"),
    ("expected alphabetic or numeric character", "text that begins with '*' or '&' needs quotes"),
    ("could not find expected ':'", "a key without ':'"),
    ("found unexpected end of stream", "a quote is not closed"),
    ("expected ',' or ']'", "a '[' is not closed, or a ',' is missing"),
    ("expected ',' or '}'", "a '{' is not closed, or a ',' is missing"),
    ("expected <block end>", "wrong indentation"),
    ("expected a single document", "there is a second document after '---'; only one is read"),
)  # fmt: skip


def decode(content: bytes, name: str, most: int) -> str:
    """The text of a file.

    Raises:
        ConfigProblem: It is too large or not UTF-8.
    """
    if len(content) > most:
        raise ConfigProblem(
            "config-too-large", f"{name}: larger than {most // 1_000_000} MB; is this the YAML?"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line_start = before.rfind(b"\n") + 1
        place = Place(before.count(b"\n") + 1, error.start - line_start + 1)
        stop(place, "not UTF-8; save the file as UTF-8", name)


def loader(text: str, name: str) -> yaml.SafeLoader:
    """A loader of a text.

    Raises:
        ConfigProblem: The text holds characters that YAML forbids.
    """
    try:
        return yaml.SafeLoader(text)
    except ReaderError as error:
        before = text[: error.position]
        line_start = before.rfind("\n") + 1
        place = Place(before.count("\n") + 1, error.position - line_start + 1)
        stop(place, f"the character U+{_code(error):04X} is not allowed", name)


def _code(error: ReaderError) -> int:
    found: int | str = error.character
    return ord(found) if isinstance(found, str) else found


def compose(source: yaml.SafeLoader, name: str) -> yaml.Node | None:
    """The root node, or None where there is nothing.

    Raises:
        ConfigProblem: It is no YAML.
    """
    try:
        return source.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        stop(place, f"not YAML: {_words(error)}", name)
    except RecursionError:
        stop(Place(1, 1), "nested too deeply", name)


def _words(error: yaml.MarkedYAMLError) -> str:
    problem = " ".join(part for part in (error.context, error.problem) if part)
    for sign, words in _WORDS:
        if sign in problem:
            return words
    if "cannot start any token" in problem:
        return f"text that begins with {problem.split(chr(39))[1]!r} needs quotes"
    return problem
