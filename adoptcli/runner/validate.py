"""What the YAML and the data hold: all sources together, then a page each."""

from __future__ import annotations

from collections import Counter

import polars as pl

from adoptcli import __version__
from adoptcli.metrics import all_metrics
from adoptcli.quality import duplicates
from adoptcli.quality.page import Validated
from adoptcli.results import Caveat
from adoptcli.runner.prepare import Prepared, Request
from adoptcli.runner.quality import pages
from adoptcli.runner.report import caveats, refusal, summary
from adoptcli.runner.run import Counts
from adoptcli.source.steady import steady
from adoptcli.timeline.build import build


def validated(prepared: Prepared, request: Request) -> Validated:
    """Rows, what is set aside, span, users, events, what must be known, and the sources' pages."""
    context = prepared.plan.context
    with steady(prepared.canonical.files):
        told = pages(prepared)
    shared = told[0].duplicates.shared if len(told) == 1 else _shared(prepared)
    counts, events = _counted(prepared)
    seen = {m.id: refusal(m, request, prepared) for m in all_metrics().values()}
    known = caveats(prepared, counts, request)
    if not counts.actors:
        text = "no row has a user, so that no metric can be computed (source.columns.user)"
        known = (Caveat("nobody", text, prepared.plan.survey.anonymous), *known)
    names = sorted(events.items(), key=lambda pair: (-pair[1], pair[0]))
    return Validated(
        version=__version__,
        as_of=context.day_label(context.as_of_day),
        time_zone=str(context.calendar.zone),
        source=summary(prepared, counts),
        keyed="id" in prepared.canonical.found,
        shared=shared,
        traits=dict(sorted(prepared.plan.tables.places.items())),
        events=dict(names),
        caveats=tuple(c for c in known if c.code != "users-in-accounts"),
        not_computed={name: refused[1] for name, refused in seen.items() if refused},
        pages=told,
    )


def _counted(prepared: Prepared) -> tuple[Counts, Counter[str]]:
    """What the timelines hold, and how often each event occurs there, without repeats."""
    plan, counts, events = prepared.plan, Counts(), Counter[str]()
    last = plan.layout.buckets - 1
    for bucket in range(last + 1):
        timeline = build(plan, bucket, last=bucket == last)
        counts += Counts.of(timeline)
        for code, n in timeline.events["event"].value_counts().iter_rows():
            events[plan.context.vocabulary.atoms[code][0]] += n
    return counts, events


def _shared(prepared: Prepared) -> int:
    """How many event ids several users share."""
    encoded, buckets = prepared.plan.encoded, prepared.plan.layout.buckets
    if "id" not in encoded.columns:
        return 0
    keys = encoded.all().filter(pl.col("user").is_not_null()).select("id", "user")
    return int(duplicates.repeated(keys, buckets)["shared"].sum())
