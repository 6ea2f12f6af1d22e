"""`adoptcli explain`: how each number is defined."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated

import typer

from adoptcli.cli.console import payload
from adoptcli.errors import UsageProblem

NEXT_STEPS, TARGETS, AUDIENCES, SOURCES = "next-steps", "targets", "audiences", "sources"


def explain(
    metric: Annotated[
        str | None,
        typer.Argument(
            metavar="[METRIC]",
            help="Which; without, all in a line each. Or next-steps, targets, audiences, sources.",
        ),
    ] = None,
) -> None:
    """How a metric is defined: formula, what is left out, settings."""
    from adoptcli.config.explain import about_audiences, about_targets, one, overview
    from adoptcli.metrics import all_metrics

    if metric is None:
        payload(overview())
        return
    if metric == NEXT_STEPS:
        from adoptcli.findings.explain import explained

        payload(explained())
        return
    if metric == SOURCES:
        from adoptcli.config.sources import about_sources

        payload(about_sources())
        return
    if metric == AUDIENCES:
        payload(about_audiences())
        return
    if metric == TARGETS:
        payload(about_targets())
        return
    found = all_metrics().get(metric.replace("-", "_"))
    if found is None:
        near = get_close_matches(metric, all_metrics(), 1)
        raise UsageProblem(
            "unknown-metric", f"there is no metric {metric!r}",
            (f"did you mean {near[0]!r}? " if near else "") + "adoptcli explain lists them",
        )  # fmt: skip
    payload(one(found))
