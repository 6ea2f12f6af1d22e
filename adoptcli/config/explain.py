"""Each metric in words, from its own module."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from difflib import get_close_matches

from pydantic import BaseModel

from adoptcli import audiences, targets
from adoptcli.audiences import Audience
from adoptcli.audiences.builtin import BUILTIN
from adoptcli.audiences.conditions import Conditions
from adoptcli.config.keys import Key, keys_of
from adoptcli.config.model import summary
from adoptcli.errors import UsageProblem
from adoptcli.metrics import Metric, all_metrics
from adoptcli.targets.model import Target

# At the start of a line or of a sentence: "Formula: …", "By cancel event (`cancel`): …".
_LABEL = re.compile(r"(?:^|\n|(?<=\. ))([A-Z][a-z]+(?: [a-z`()]+){0,4}): ")


def explain(metric_id: str | None = None) -> str:
    """All metrics in a line each, or one of them in full.

    Raises:
        UsageProblem: There is no such metric.
    """
    if metric_id is None:
        return overview()
    found = all_metrics().get(metric_id.replace("-", "_"))
    if found is None:
        near = get_close_matches(metric_id, all_metrics(), 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageProblem(
            "unknown-metric", f"there is no metric {metric_id!r}",
            f"{hint}there are: {', '.join(all_metrics())}",
        )  # fmt: skip
    return one(found)


def overview() -> str:
    """A line a metric."""
    width = max(map(len, all_metrics()), default=0)
    lines = [f"{metric.id:{width}}  {summary(metric)}" for metric in all_metrics().values()]
    return "\n".join([*lines, "", "adoptcli explain METRIC says how it is counted"]) + "\n"


def one(metric: Metric, level: int = 1) -> str:
    """A metric's definition, settings, tables and exemptions, as Markdown."""
    title = f"{'#' * level} {metric.title}"
    command = metric.id.replace("_", "-")
    about = f"Command `adoptcli {command}`, section `{metric.id}` of the YAML."
    parts = [title, summary(metric), about, "\n".join(_definition(metric))]
    for heading, lines in _lists(metric):
        parts.append(f"{'#' * (level + 1)} {heading}")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def about_targets() -> str:
    """How targets are written, and what becomes of them, as Markdown."""
    keys = "\n".join(settings_lines(Target))
    text = inspect.cleandoc(targets.__doc__ or "")
    return f"# Targets\n\n{text}\n\n## Keys of a target\n\n{keys}\n"


def about_audiences() -> str:
    """Every list that there is, and how the YAML adds others, as Markdown."""
    lists = "\n".join(map(_audience, BUILTIN.values()))
    keys = "\n".join(settings_lines(Conditions))
    text = inspect.cleandoc(audiences.LISTS)
    return f"# Audiences\n\n{text}\n\n## Built in\n\n{lists}\n\n## Of your own\n\n" + (
        f"`audiences: {{NAME: CONDITIONS}}` in the YAML; all of them must hold.\n\n{keys}\n"
    )


def _audience(audience: Audience) -> str:
    has_parts = audience.meanings or "{part}" in audience.meaning
    name, meaning = audience.called("PART" if has_parts else ""), audience.told("PART")
    return f"- `{name}` (`{audience.metric}`): {meaning}. Since: {audience.dated}."


def _definition(metric: Metric) -> Iterator[str]:
    """Formula, numerator and so on, an item each."""
    body = inspect.cleandoc(metric.definition).split("\n\n", 1)[-1]
    before, *parts = _LABEL.split(body)
    if before.strip():
        yield _joined(before)
    for label, text in zip(parts[::2], parts[1::2], strict=True):
        yield f"- **{label}**: {_joined(text)}"


def _joined(text: str) -> str:
    return " ".join(text.split())


def _lists(metric: Metric) -> Iterator[tuple[str, list[str]]]:
    settings = list(settings_lines(metric.settings))
    yield "Settings", settings or ["There is nothing to set."]
    yield "Cells", [_cell(table, keys) for table, keys in metric.keys.items()]
    if metric.exempt:
        laws = [f"- {law}: {reason}" for law, reason in metric.exempt.items()]
        yield "Laws that do not hold", laws


def settings_lines(model: type[BaseModel], indent: str = "") -> Iterator[str]:
    """The keys of a section as a list, with those of the sections within."""
    for key in keys_of(model):
        yield f"{indent}- `{key.name}`{_default(key)}: {key.description or 'no description'}"
        deeper = indent + ("    " if key.named else "  ")
        if key.named and key.models:
            yield f"{indent}  - for each name:"
        for inner in key.models:
            yield from settings_lines(inner, deeper)


def _default(key: Key) -> str:
    if key.default:
        return f" (default `{key.default}`)"
    return " (required)" if key.required else ""


def _cell(table: str, keys: tuple[str, ...]) -> str:
    inside = ",".join(f"{key}=…" for key in keys)
    return f"- `{table}[{inside}]`" if inside else f"- `{table}`"
