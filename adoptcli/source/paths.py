"""Paths into columns: `properties.plan`, `groups["[Segment] Group"][0]`, `params{session_id}`.

A path is a column's name and steps into its value: `.key` or `["any key"]` of an object, `[0]` of a
list, and `{key}` of a list of pairs of key and value, as GA4 and OpenTelemetry write them; `{}` is
all of its pairs, in whatever order, for keys of repeats. A column that has the whole text as its
name is meant first, then the longest beginning that is a column.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

PAIR_VALUES = (
    "string_value", "int_value", "float_value", "double_value",
    "stringValue", "intValue", "doubleValue", "boolValue",
)  # fmt: skip
_STEP = re.compile(
    r"""\.(?P<name>[^.\[{]+)|\[(?P<index>\d+)\]|\[(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\]"""
    r"""|\{(?P<key>"(?:[^"\\]|\\.)*"|[^{}"]*)\}"""
)


@dataclass(frozen=True)
class Key:
    """The value that goes with a key in a list of pairs; without name, all pairs in any order."""

    name: str


Step = str | int | Key


@dataclass(frozen=True)
class Path:
    """A column, and the way to a value within its values."""

    column: str
    steps: tuple[Step, ...] = ()


def parse(text: str) -> tuple[Step, ...] | None:
    """The steps of a path, the column first; None where the text is no path."""
    first = re.match(r"[^.\[{]+", text)
    if first is None:
        return None
    steps: list[Step] = [first[0]]
    at = first.end()
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            return None
        steps.append(_step(match))
        at = match.end()
    return tuple(steps)


def _step(match: re.Match[str]) -> Step:
    if match["name"] is not None:
        return match["name"]
    if match["index"] is not None:
        return int(match["index"])
    if match["quoted"] is not None:
        return _unquoted(match["quoted"])
    return Key(_unquoted(match["key"]))


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[:1] and text[0] in "\"'" else text


def find(text: str, columns: Iterable[str]) -> Path | None:
    """The path that a text stands for among these columns; None where there is no such column."""
    known = set(columns)
    if text in known:
        return Path(text)
    steps = parse(text) or ()
    names = [*_leading(steps)]
    for size in range(len(names), 0, -1):
        column = ".".join(names[:size])
        if column in known:
            return Path(column, steps[size:])
    return None


def _leading(steps: Sequence[Step]) -> Iterable[str]:
    for step in steps:
        if not isinstance(step, str):
            return
        yield step


@dataclass
class _Node:
    """What is wanted of one JSON value: all of it as text, or parts of it."""

    whole: bool = False
    kind: str = ""
    parts: dict[str, _Node] = field(default_factory=dict)

    def dtype(self) -> pl.DataType:
        if self.whole:
            return pl.String()
        if self.kind == "object":
            return pl.Struct({name: node.dtype() for name, node in self.parts.items()})
        if self.kind == "list":
            return pl.List(self.parts[""].dtype())
        values = pl.Struct(dict.fromkeys(PAIR_VALUES, pl.String()))
        return pl.List(pl.Struct({"key": pl.String(), "value": values}))


def schema(wanted: Iterable[Path]) -> dict[str, pl.DataType]:
    """How to read JSON objects so that of each column no more than the wanted values is kept.

    Every value is text; where paths ask for a value in different ways it stays the JSON's text.
    """
    root = _Node()
    for path in wanted:
        _add(root, (path.column, *path.steps))
    return {name: node.dtype() for name, node in root.parts.items()}


def _add(node: _Node, steps: Sequence[Step]) -> None:
    for step in steps:
        kind = "object" if isinstance(step, str) else "list" if isinstance(step, int) else "pairs"
        if node.kind not in ("", kind):
            node.whole = True
        if node.whole:
            return
        node.kind = kind
        if kind == "pairs":
            return
        node = node.parts.setdefault(step if isinstance(step, str) else "", _Node())
    node.whole = True


def value(path: Path, dtype: pl.DataType) -> tuple[pl.Expr, pl.DataType]:
    """The value at a path and its type, given the column's; null where there is none."""
    found = pl.col(path.column)
    for i, step in enumerate(path.steps):
        if dtype == pl.String:
            return _in_json(found, path.steps[i:]), pl.String()
        if isinstance(dtype, pl.Struct) and isinstance(step, str):
            inner: Mapping[str, pl.DataType] = {f.name: f.dtype for f in dtype.fields}  # type: ignore[misc]
            if step not in inner:
                return _nothing()
            found, dtype = found.struct.field(step), inner[step]
        elif isinstance(dtype, pl.List | pl.Array) and isinstance(step, int):
            get = found.list if isinstance(dtype, pl.List) else found.arr
            found, dtype = get.get(step, null_on_oob=True), dtype.inner  # type: ignore[assignment]
        elif isinstance(dtype, pl.List) and isinstance(step, Key):
            return _of_pairs(found, dtype.inner, step.name, path.steps[i + 1 :])  # type: ignore[arg-type]
        else:
            return _nothing()
    return found, dtype


def _nothing() -> tuple[pl.Expr, pl.DataType]:
    return pl.lit(None, dtype=pl.String), pl.String()


def _of_pairs(
    found: pl.Expr, item: pl.DataType, name: str, rest: Sequence[Step]
) -> tuple[pl.Expr, pl.DataType]:
    """The value of a key in a list of structs; whichever of its typed fields has one, as text."""
    fields = {f.name: f.dtype for f in item.fields} if isinstance(item, pl.Struct) else {}
    if rest or "key" not in fields or "value" not in fields:
        return _nothing()
    element = pl.element()
    held, dtype = element.struct.field("value"), fields["value"]
    if isinstance(dtype, pl.Struct):
        typed = [f for f in dtype.fields if f.name in PAIR_VALUES]
        texts = [_as_in_json(held.struct.field(f.name), f.dtype) for f in typed]  # type: ignore[arg-type]
        held = pl.coalesce(texts or [pl.lit(None)])
    if not name:
        pairs = pl.struct(element.struct.field("key"), held.cast(pl.String).alias("value")).hash()
        return found.list.eval(pairs).list.sum().cast(pl.String), pl.String()
    one = element.struct.field("key") == name
    return found.list.eval(held.cast(pl.String).filter(one)).list.first(), pl.String()


def _as_in_json(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """A typed value as text; whole numbers have no fraction."""
    text = value.cast(pl.String)
    return text.str.strip_suffix(".0") if dtype.is_float() else text


def _in_json(text: pl.Expr, steps: Sequence[Step]) -> pl.Expr:
    """What JSON text has at some steps; null where the text is broken or has nothing there."""
    path = "$"
    for step in steps:
        if isinstance(step, Key):
            if not step.name:
                break
            held = f"{path}[?(@.key == {_quoted(step.name)})].value"
            ways = [f"{held}.{name}" for name in PAIR_VALUES]
            return pl.coalesce([text.str.json_path_match(way) for way in ways])
        path += f"[{step}]" if isinstance(step, int) else f"[{_quoted(step)}]"
    return text.str.json_path_match(path)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def within(path: Path, dtype: pl.DataType) -> bool:
    """Whether the type of a column has what a path asks for."""
    for step in path.steps:
        if isinstance(dtype, pl.Struct):
            dtype = next((f.dtype for f in dtype.fields if f.name == step), pl.Null())  # type: ignore[assignment]
        elif isinstance(dtype, pl.List) and not isinstance(step, str):
            dtype = dtype.inner  # type: ignore[assignment]
        else:
            return False
    return dtype != pl.Null
