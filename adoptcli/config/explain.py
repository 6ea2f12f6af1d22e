"""Each metric in words, from its own module."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from adoptcli.metrics import Metric, all_metrics


def overview() -> str:
    """A line a metric."""
    width = max(map(len, all_metrics()))
    lines = []
    for metric in all_metrics().values():
        first = metric.definition.splitlines()[0].split(": ", 1)[-1]
        lines.append(f"{metric.id:{width}}  {first}")
    return "\n".join([*lines, "", "adoptcli explain METRIC says how it is counted"]) + "\n"


def one(metric: Metric) -> str:
    """Definition, settings with their defaults, and the cells that --who can list."""
    parts = [inspect.cleandoc(metric.definition), "", *_settings(metric), *_cells(metric)]
    for law, reason in metric.exempt.items():
        parts.append(f"Exempt from the law {law!r}: {reason}")
    return "\n".join(parts).rstrip() + "\n"


def _settings(metric: Metric) -> Iterator[str]:
    lines = list(settings(metric.settings))
    if lines:
        yield f"Settings (the section `{metric.id}` of the YAML):"
        for name, default, text in lines:
            yield f"  {name}: {text}{f' Default: {default}.' if default else ''}"
        yield ""


def settings(model: type[BaseModel]) -> Iterator[tuple[str, str, str]]:
    """Name, default as YAML has it, and description of each key."""
    for name, field in model.model_fields.items():
        yield name, _default(model, name, field), field.description or ""


def _default(model: type[BaseModel], name: str, field: FieldInfo) -> str:
    if field.is_required() or field.get_default(call_default_factory=True) in (None, {}, []):
        return ""
    value = field.get_default(call_default_factory=True)
    shown = model.model_construct(**{name: value}).model_dump(
        mode="json", include={name}, warnings=False
    )[name]
    return shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)


def _cells(metric: Metric) -> Iterator[str]:
    yield "Cells for --who:"
    for table, keys in metric.keys.items():
        inside = ",".join(f"{key}=…" for key in keys)
        yield f"  {table}{f'[{inside}]' if inside else ''}"
