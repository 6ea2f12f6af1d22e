"""What the data hold, in lines for a person."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from adoptcli.context import Context
from adoptcli.metrics import all_metrics
from adoptcli.runner.prepare import Prepared, Request
from adoptcli.runner.report import caveats, refusal, summary
from adoptcli.runner.run import Counts
from adoptcli.timeline.build import build

MOST = 30


def findings(prepared: Prepared, request: Request) -> Iterator[str]:
    """Line by line: rows, what is set aside, span, users, events, what must be known."""
    plan, context = prepared.plan, prepared.plan.context
    counts, shared = _counts(prepared)
    source = summary(prepared, counts)
    yield f"rows          {source.rows:,}"
    accounts = f"{source.accounts:,} accounts" if source.accounts else "no accounts"
    yield f"events        {source.events:,} of {source.actors:,} users, {accounts}"
    for reason, n in source.set_aside.items():
        yield f"set aside     {n:,} {reason}"
    yield f"no user       {source.anonymous:,}"
    yield f"excluded      {source.excluded:,}"
    yield f"duplicates    {_duplicates(prepared, source.duplicates)}"
    if shared:
        yield f"shared ids    {shared:,} event ids belong to several users and are all kept"
    if source.merged or source.devices:
        yield f"merged        {source.merged:,} ids into {source.merged_into:,}"
        yield f"anonymous     {source.devices:,} users are known by an anonymous id alone"
    yield f"span          {source.first_day} to {source.last_day} ({context.calendar.zone})"
    yield f"as-of         {context.day_label(context.as_of_day)}: what came before it counts"
    for name, place in sorted(plan.tables.places.items()):
        yield f"trait         {name}: from the {place}"
    yield f"event names   {len(context.vocabulary.names):,}"
    yield from _names(context)
    told = [c for c in caveats(prepared, counts, request) if c.code not in ("users-in-accounts",)]
    yield "to know" if told else "to know       nothing"
    for caveat in told:
        yield f"  {caveat.message}" + (f": {caveat.count:,}" if caveat.count else "")
    for metric in all_metrics().values():
        refused = refusal(metric, request, prepared)
        if refused:
            yield f"not computed  {metric.id}: {refused[1]}"


def _duplicates(prepared: Prepared, removed: int) -> str:
    if "id" in prepared.canonical.found:
        return f"{removed:,} repeated event ids, left out"
    return "not looked for: no column of event ids (source.columns.id)"


def _names(context: Context) -> Iterator[str]:
    found = sorted(context.vocabulary.names.items(), key=lambda pair: (-pair[1], pair[0]))
    for name, n in found[:MOST]:
        yield f"  {n:>12,}  {name!r}"
    if len(found) > MOST:
        yield f"  and {len(found) - MOST:,} more"


def _counts(prepared: Prepared) -> tuple[Counts, int]:
    """What the timeline holds, and how many event ids several users share."""
    timeline = build(prepared.plan, 0)
    counts = Counts.of(timeline)
    encoded = prepared.plan.encoded
    if "id" not in encoded.columns:
        return counts, 0
    several = (
        encoded.all()
        .filter(pl.col("id").is_not_null() & pl.col("user").is_not_null())
        .group_by("id")
        .agg(low=pl.col("user").min(), high=pl.col("user").max())
        .filter(pl.col("low") != pl.col("high"))
    )
    return counts, int(several.select(pl.len()).collect().item())
