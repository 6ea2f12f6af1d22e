"""What is wrong with rows of JSON: lines that are none, halves of characters, keys that repeat."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn

import polars as pl

from adoptcli.errors import DataProblem
from adoptcli.source.files import File, head_of, lines_of


def whole(text: pl.Expr) -> pl.Expr:
    """A text of JSON: U+FFFD where Polars makes NUL of half a pair of escapes."""
    return text.str.replace_all("\0", "\ufffd", literal=True)


def broken(file: File) -> DataProblem | None:
    """What is wrong with the first line that cannot be read; None where all can."""
    for number, line in enumerate(lines_of(file), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line, parse_constant=_no_number)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            return DataProblem(
                "broken-ndjson", f"{file.name}:{number}: this line is no JSON object",
                "NDJSON has one object a line; mend or remove the line",
            )  # fmt: skip
        if _halved(line, value):
            return DataProblem(
                "half-character",
                f"{file.name}:{number}: half of a pair of \\u escapes stands alone here",
                "write \\ufffd in its place, or remove the line",
            )
    return None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _halved(line: bytes, value: object) -> bool:
    """Whether half a character stands in a line where Polars does not bear it."""
    if b"\\u" not in line:
        return False
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        try:
            pl.Series([line.decode()]).str.json_decode(pl.Struct({"": pl.String}))
        except pl.exceptions.PolarsError:
            return True
    return False


def repeated_keys(file: File) -> str:
    """Which of the first rows have a key twice in one object, in words; nothing where none has.

    Only rows that are looked at anyway: to look at all would take longer than to read them.
    """
    found: list[tuple[int, str]] = []
    again: list[str] = []

    def noted(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            keys = [key for key, _ in pairs]
            again.extend(key for key in made if keys.count(key) > 1)
        return made

    rows = 0
    for number, line in enumerate(head_of(file).split(b"\n")[:-1], 1):
        again.clear()
        try:
            rows += isinstance(json.loads(line, object_pairs_hook=noted), dict)
        except (ValueError, RecursionError):
            continue  # whoever reads it will say
        found += [(number, again[0])] if again else []
    if not found:
        return ""
    (number, key), have = found[0], "has" if len(found) == 1 else "have"
    place = "item" if file.origin else "line"
    return (
        f"{file.name}: {len(found):,} of the first {rows:,} rows {have} a key twice in one object, "
        f"such as {key!r} in {place} {number:,}; only one of its values is read"
    )
