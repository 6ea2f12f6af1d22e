"""The metrics: one a module, each registered once."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from adoptcli.metrics._base import _REGISTRY, Metric, NamedSettings, Settings

__all__ = ["Metric", "NamedSettings", "Settings", "all_metrics", "get_metric"]


@cache
def all_metrics() -> dict[str, Metric]:
    """Every metric by id, in the order of the report."""
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"{__name__}.{module.name}")
    return dict(sorted(_REGISTRY.items(), key=lambda item: (item[1].section, item[1].order)))


def get_metric(metric_id: str) -> Metric:
    """One metric; KeyError where there is none of that id."""
    return all_metrics()[metric_id]
