"""The rules in words, from the table of rules itself."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from itertools import groupby

from adoptcli import findings
from adoptcli.findings import rules
from adoptcli.findings.rule import Rule
from adoptcli.render import numbers

GROUPS = {
    "Adoption": rules.ADOPTION,
    "Engagement": rules.ENGAGEMENT,
    "Adoption and engagement together": rules.TOGETHER,
    "Segments, with --by": rules.SEGMENTS,
}


def explained() -> str:
    """How findings come about, and every rule, as Markdown."""
    about = [inspect.cleandoc(module.__doc__ or "") for module in (findings, rules)]
    parts = ["# Next steps", *about]
    parts.append("`findings: false` in the YAML turns them off.")
    for title, group in GROUPS.items():
        parts += [f"## {title}", "\n".join(_lines(group))]
    return "\n\n".join(parts) + "\n"


def _lines(group: Sequence[Rule]) -> list[str]:
    """A line a code; what several rules of one code say differs only in the metric."""
    return [_line(list(alike)) for _, alike in groupby(group, key=lambda rule: rule.code)]


def _line(alike: Sequence[Rule]) -> str:
    first = alike[0]
    names = ", ".join(dict.fromkeys(rule.metric.replace("_", "-") for rule in alike))
    sides = " or ".join(dict.fromkeys(map(_side, alike)))
    lists = ", ".join(dict.fromkeys(f"`{_blank(rule.audience)}`" for rule in alike))
    said = _blank(first.says + ("" if len(alike) > 1 else first.lists))
    return f"- `{first.code}` ({names}, {sides}): “{said}” {_blank(first.advice)} List: {lists}."


def _blank(text: str) -> str:
    """A text of a rule with its names left open, and without brackets that hold nothing else."""
    return re.sub(r" \((…(, )?)+\)", "", re.sub(r"\{\w+\}", "…", text))


def _side(rule: Rule) -> str:
    mark, side = (rule.below, "below") if rule.above is None else (rule.above, "above")
    if isinstance(mark, str):
        return f"{side} `{mark}`"
    assert mark is not None
    return f"{side} {numbers.mark(mark, 'share' if 0 < mark < 1 else 'number')}"
