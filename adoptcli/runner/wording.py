"""A result in the words of its unit: where actors are accounts, nothing speaks of users."""

from __future__ import annotations

import re
from dataclasses import replace

from adoptcli.context import Unit
from adoptcli.results import Caveat, Column, Headline, Result, Table, Textbook

_USERS = re.compile(r"\b([Uu])ser(s?)\b")


def worded(result: Result, unit: Unit) -> Result:
    """The result with titles that name the unit."""
    if unit == "user":
        return result
    return replace(
        result,
        headline=result.headline and _headline(result.headline),
        also=tuple(_headline(h) for h in result.also),
        textbook=result.textbook and _textbook(result.textbook),
        tables=tuple(_table(t) for t in result.tables),
        caveats=tuple(Caveat(c.code, text(c.message), c.count) for c in result.caveats),
        reason=text(result.reason),
    )


def text(words: str) -> str:
    """Words that say account instead of user."""
    return _USERS.sub(lambda m: ("A" if m[1] == "U" else "a") + "ccount" + m[2], words)


def _headline(found: Headline) -> Headline:
    return replace(found, title=text(found.title), note=text(found.note))


def _textbook(found: Textbook) -> Textbook:
    return replace(found, formula=text(found.formula))


def _table(found: Table) -> Table:
    columns = tuple(Column(c.name, text(c.title), c.unit, c.of) for c in found.columns)
    return replace(found, title=text(found.title), columns=columns)
