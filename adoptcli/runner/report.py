"""Results of all metrics, for everybody and by segment, in one report."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace

from adoptcli import __version__
from adoptcli.context import Context, text
from adoptcli.metrics import Metric
from adoptcli.metrics._shared import unseen
from adoptcli.results import (
    Caveat,
    MetricReport,
    Report,
    Result,
    SourceSummary,
    Status,
)
from adoptcli.runner import segments, tally, traits, wording
from adoptcli.runner.prepare import UNUSABLE, Prepared, Request, prepare
from adoptcli.runner.run import Counts, compute
from adoptcli.runner.segments import Splits
from adoptcli.runner.wording import worded

__all__ = ["able", "assemble", "of_results", "read", "ready", "refused"]


def ready(request: Request, metrics: Mapping[str, Metric]) -> dict[str, Metric]:
    """The metrics that have all they need in the YAML, and make sense for the unit."""
    return {m.id: m for m in metrics.values() if not refusal(m, request)}


def read(request: Request, metrics: Mapping[str, Metric]) -> tuple[Prepared, dict[str, Metric]]:
    """What is read for those of the metrics that are `ready`, and for nothing else; and those."""
    found = ready(request, metrics)
    return prepare(replace(request, metrics=tuple(found))), found


def able(metrics: Mapping[str, Metric], request: Request, prepared: Prepared) -> dict[str, Metric]:
    """The metrics that do not refuse, now that the data are known."""
    return {m.id: m for m in metrics.values() if not refusal(m, request, prepared)}


def refusal(
    metric: Metric, request: Request, prepared: Prepared | None = None
) -> tuple[Status, str] | None:
    """Why a metric cannot be computed at all; None where it can, as far as is known by now."""
    d = prepared.plan.context.definitions if prepared else request.definitions
    lacking = metric.missing(request.settings.get(metric.id), d)
    if lacking:
        return "not_configured", lacking
    if request.unit == "account" and metric.users_only:
        return "not_evaluable", metric.users_only
    if prepared and prepared.canonical.weighted and metric.moments:
        return "not_evaluable", f"rows stand for several events (source.weight): {metric.moments}"
    lacked = prepared.lacking if prepared else frozenset[str]()
    wanted = traits.of_metric(metric, request.definitions, request.settings, request.unit)
    for name in sorted(lacked & wanted):
        text = f"it needs {name!r}, a column of the users table: ask without --unit account"
        return "not_evaluable", text
    return None


def assemble(
    prepared: Prepared, request: Request, metrics: Mapping[str, Metric],
    ready: Mapping[str, Metric],
) -> Report:  # fmt: skip
    """The report of a plan."""
    context = prepared.plan.context
    ready = able(ready, request, prepared)
    settings = request.settings

    def computed(metric: Metric, named: tally.Named, splits: Splits) -> Result:
        found = segments.segmented(metric, named, splits, settings.get(metric.id), context)
        return worded(found, request.unit)

    counts, found = compute(prepared.plan, ready, computed)
    results = dict(zip(ready, found, strict=True))
    return of_results(prepared, request, metrics, results, counts)


def of_results(
    prepared: Prepared, request: Request, metrics: Mapping[str, Metric],
    results: Mapping[str, Result], counts: Counts,
) -> Report:  # fmt: skip
    """The report that holds these results, and of other metrics why there is none."""
    context = prepared.plan.context
    reports = [
        _metric_report(m, results.get(m.id) or refused(m, request, prepared), request)
        for m in metrics.values()
    ]
    return Report(
        version=__version__,
        as_of=context.day_label(context.as_of_day),
        time_zone=str(context.calendar.zone),
        since=None if request.since_day is None else context.day_label(request.since_day),
        until=None if request.until_day is None else context.day_label(request.until_day - 1),
        unit=request.unit,
        period=context.period,
        segment=segments.name_of(context),
        definitions=prepared.definitions,
        source=summary(prepared, counts),
        metrics=tuple(reports),
        caveats=caveats(prepared, counts, request),
    )


def refused(metric: Metric, request: Request, prepared: Prepared) -> Result:
    """The result of a metric that refuses: the reason alone."""
    status, reason = refusal(metric, request, prepared) or ("ok", "")
    return Result(None, None, (), status=status, reason=reason)


def _metric_report(metric: Metric, result: Result, request: Request) -> MetricReport:
    settings = request.settings.get(metric.id)
    return MetricReport(
        id=metric.id,
        title=metric.title if request.unit == "user" else wording.text(metric.title),
        section=metric.section,
        definition=inspect.cleandoc(metric.definition),
        settings=settings.model_dump(mode="json", exclude_none=True) if settings else {},
        result=result,
    )


def summary(prepared: Prepared, counts: Counts) -> SourceSummary:
    """What was read and what was set aside."""
    found, context = prepared.plan.survey, prepared.plan.context
    return SourceSummary(
        rows=found.rows + prepared.canonical.bad_lines,
        events=counts.events,
        actors=counts.actors,
        accounts=len(counts.accounts) or None,
        set_aside={
            **found.set_aside,
            **({"bad-line": prepared.canonical.bad_lines} if prepared.canonical.bad_lines else {}),
        },
        anonymous=found.anonymous,
        duplicates=counts.duplicates,
        excluded=found.excluded,
        first_day=context.day_label(found.first_day),
        last_day=context.day_label(found.last_day),
        cliffs=tuple(map(context.day_label, volume_cliffs(found.volume, context.as_of_day))),
        merged=prepared.merged.ids,
        merged_into=prepared.merged.people,
        devices=prepared.merged.devices,
    )


def caveats(prepared: Prepared, counts: Counts, request: Request) -> tuple[Caveat, ...]:
    """What holds for the whole report."""
    found, context = prepared.plan.survey, prepared.plan.context
    aside, told, unread = found.set_aside, [], prepared.canonical.unread
    if aside.get("after-as-of"):
        code, text = "after-as-of", "rows from as-of on, which do not count"
        if request.as_of_day is None:
            after = context.day_label(context.as_of_day + 1)
            code = "last-day-partial"
            text = f"rows of the last day, which is not complete (--as-of {after} takes them in)"
            if any(source.grace for source in context.definitions.source):
                code = "late-arrivals"
                text = "rows of the last days, for which more may still arrive (source.grace)"
        told.append(Caveat(code, text, aside["after-as-of"]))
    if request.as_of_day is None and found.first_day == found.last_day:
        told.append(Caveat("single-day", "all rows are of one day, which may not be complete"))
    silent = context.as_of_day - 1 - found.last_day
    if silent > 0:
        last = context.day_label(found.last_day)
        text = f"days without a row before as-of (the last row is of {last})"
        told.append(Caveat("data-end-early", text, silent))
    bad = sum(aside.get(reason, 0) for reason in UNUSABLE)
    if bad:
        text = "rows that cannot be used (--rejects FILE writes them)"
        told.append(Caveat("rows-rejected", text, bad))
    told += [Caveat("not-read", f"files not read, {one.before}", one.files) for one in unread]
    if prepared.canonical.grown:
        text = "files that were being written to, read as far as they went at the first look"
        told.append(Caveat("being-written", text, prepared.canonical.grown))
    if aside.get("before-lookback"):
        text = "rows of before the first day that source.lookback reaches, set aside"
        told.append(Caveat("before-lookback", text, aside["before-lookback"]))
    for reason, what in (("past-timestamps", "before"), ("future-timestamps", "after")):
        if aside.get(reason):
            text = f"rows far {what} all others, set aside"
            told.append(Caveat(reason, text, aside[reason]))
    if prepared.canonical.naive:
        text = "timestamps without a zone are read in source.time_zone"
        told.append(Caveat("naive-timestamps", text))
    if prepared.shared:
        text = "ids of more people than source.identity.shared: taken for shared, and not merged"
        told.append(Caveat("shared-ids", text, prepared.shared))
    if counts.early:
        text = f"events before the sign-up of their {context.unit}"
        told.append(Caveat("negative-time", text, counts.early))
    told += _cut_off(context)
    told += unseen(prepared.named, context)
    told += _not_seen(context)
    told += _accounts(prepared, request)
    cliffs = volume_cliffs(found.volume, context.as_of_day)
    if cliffs:
        first = ", ".join(context.day_label(day) for day in cliffs[:3])
        text = f"days on which the volume falls off a cliff (first {first})"
        told.append(Caveat("volume-cliff", text, len(cliffs)))
    return tuple(dict.fromkeys(told))


def _cut_off(context: Context) -> list[Caveat]:
    """The periods of which --since and --until show a part: their cohorts are not whole."""
    period = context.period
    if not (parts := context.cut_off(period)):
        return []
    names = " and ".join(parts)
    text = f"--since and --until cut off {names}: cohorts of that {period} are not whole"
    return [Caveat("cohort-cut-off", text)]


def _not_seen(context: Context) -> list[Caveat]:
    """Values that decide who can have a feature and that nobody has."""
    return [
        Caveat("value-not-seen", f"nobody has {trait} = {value}, which 'features.{name}' names", 0)
        for name, feature in context.definitions.features.items()
        for trait, values in feature.eligible.items()
        for value in map(text, values)
        if trait in context.traits and value not in context.traits[trait]
    ]


def _accounts(prepared: Prepared, request: Request) -> list[Caveat]:
    """Rows that are no account's, and users that are in several."""
    if request.unit != "account":
        return []
    told = []
    alone, several = prepared.no_account, prepared.memberships
    if alone:
        told.append(Caveat("rows-without-account", "rows that belong to no account", alone))
    if several:
        text = "memberships beyond one a user: users of several accounts count in each"
        told.append(Caveat("users-in-several-accounts", text, several))
    return told


def volume_cliffs(volume: Mapping[int, int], as_of_day: int) -> list[int]:
    """Days with under a tenth of the median of the same weekday in the four weeks around.

    Only where that median is at least 20 rows, so that quiet products stay quiet.
    """
    days = list(range(min(volume), min(max(volume) + 1, as_of_day)))
    found = []
    for day in days:
        around = sorted(volume.get(day + 7 * k, 0) for k in (-2, -1, 1, 2) if day + 7 * k in volume)
        if len(around) < 2:
            continue
        median = around[len(around) // 2]
        if median >= 20 and volume.get(day, 0) * 10 < median:
            found.append(day)
    return found
