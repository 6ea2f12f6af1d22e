"""Lists of people: a built-in audience, one of the YAML's, or those behind any cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial

import polars as pl

from adoptcli.audiences import Asked, Audience, Listed
from adoptcli.audiences.builtin import BUILTIN
from adoptcli.audiences.conditions import Conditions, lacking, matching, needs
from adoptcli.errors import UsageProblem
from adoptcli.metrics import Metric, all_metrics
from adoptcli.results import Result
from adoptcli.runner import report, tally, who
from adoptcli.runner.cells import told
from adoptcli.runner.prepare import Prepared, Request
from adoptcli.runner.run import compute, rows_in
from adoptcli.runner.segments import Splits
from adoptcli.timeframe import to_date
from adoptcli.timeline import Timeline
from adoptcli.timeline.build import Plan, build, each

UNSURE = "who may have been activated before the data began, or have no sign-up that is known"


@dataclass(frozen=True)
class Wanted:
    """What a name means: a built-in audience with its part, conditions of the YAML, or a cell."""

    name: str
    metrics: tuple[str, ...]
    audience: Audience | None = None
    part: str = ""
    conditions: Conditions | None = None
    cell: str | None = None

    @property
    def dated(self) -> str:
        """Which day `since` is."""
        if self.audience is not None:
            return self.audience.dated
        return "the last active day" if self.conditions else "the day that the cell names"


def own(request: Request) -> Mapping[str, Conditions]:
    """The audiences of the YAML."""
    found: Mapping[str, Conditions] = getattr(request.definitions, "audiences", {})
    return found


def known(request: Request) -> list[str]:
    """Every name that there is, in the order in which it is told."""
    names: list[str] = []
    for audience in BUILTIN.values():
        parts = audience.parts(request.definitions, request.settings)
        names += map(audience.called, parts)
    return [*names, *own(request)]


def wanted(name: str, request: Request) -> Wanted:
    """What a name means.

    Raises:
        UsageProblem: It means nothing, or the YAML lacks what it needs.
    """
    conditions = own(request).get(name)
    if conditions is not None:
        lacks = lacking(conditions, request.definitions, request.settings)
        if lacks:
            raise UsageProblem("not-configured", f"audience {name!r} cannot be found", lacks)
        return Wanted(name, needs(conditions), conditions=conditions)
    head, _, part = name.partition(":")
    audience = BUILTIN.get(head)
    if audience is not None:
        _known_part(audience, part, name, request)
        return Wanted(name, (audience.metric,), audience=audience, part=part)
    metric, dot, cell = name.partition(".")
    if dot and metric.replace("-", "_") in all_metrics():
        return Wanted(name, (metric.replace("-", "_"),), cell=cell)
    near = get_close_matches(name, [*known(request), *BUILTIN], 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UsageProblem(
        "unknown-audience", f"there is no audience {name!r}",
        f"{hint}there are: {', '.join(known(request))}; or METRIC.CELL as in --who",
    )  # fmt: skip


def _known_part(audience: Audience, part: str, name: str, request: Request) -> None:
    metric = all_metrics()[audience.metric]
    lacks = metric.missing(request.settings.get(metric.id), request.definitions)
    if lacks:
        raise UsageProblem("not-configured", f"audience {name!r} cannot be found", lacks)
    parts = audience.parts(request.definitions, request.settings)
    if part in parts:
        return
    there = ", ".join(map(audience.called, parts))
    near = get_close_matches(part, parts, 1) if part else []
    hint = f"did you mean {audience.called(near[0])}? " if near else ""
    raise UsageProblem(
        "unknown-audience",
        f"there is no audience {name!r}",
        f"{hint}there are: {there}" if there else "the YAML has nothing that it could be of",
    )


def judgeable(what: Wanted, prepared: Prepared) -> None:
    """Raise UsageProblem where the conditions ask for what only users have."""
    reason = _unknown_traits(what.conditions, prepared)
    if reason:
        raise UsageProblem("not-evaluable", f"audience {what.name!r} cannot be found", reason)


def _unknown_traits(conditions: Conditions | None, prepared: Prepared) -> str:
    lacked = sorted(prepared.lacking.intersection(conditions.trait if conditions else ()))
    if not lacked:
        return ""
    return f"it needs {lacked[0]!r}, a column of the users table: ask without --unit account"


def people(
    what: Wanted, prepared: Prepared, request: Request, note: Callable[[str], None] | None = None
) -> list[Listed]:
    """Who is in an audience: those to act on first at the top, else by since, and by id.

    Of everybody the account is told, too, where one is known. What a reader must know of those who
    are not in it is given to `note`.
    """
    if what.audience is not None and what.audience.of_result:
        found: list[Listed] = what.audience.find(_result(what, prepared, request))
        return found
    plan = prepared.plan
    whole, unsure = each(plan, _listing(what, plan), _together)
    if unsure and note:
        note(f"{unsure:,} left out, {UNSURE}")
    order = ["order"] if "order" in whole.columns else []
    whole = whole.sort(*order, "since", "id", nulls_last=True)
    accounts = plan.context.accounts if plan.context.unit == "user" else ()
    return [
        Listed(
            row["id"], row["why"],
            None if row["since"] is None else to_date(row["since"]).isoformat(),
            accounts[row["account"]] if accounts and row["account"] is not None else None,
        )
        for row in whole.iter_rows(named=True)
    ]  # fmt: skip


Lines = tuple[pl.DataFrame, int]


def _listing(what: Wanted, plan: Plan) -> Callable[[Plan, int], Lines]:
    """What lists the people of a bucket: id, account, since, why, and order where there is one.

    Beside them it counts those of whom nobody can tell.
    """
    metric = all_metrics()[what.metrics[0]]
    asked = None if what.cell is None else who.understood(plan, metric, what.cell)
    return partial(_listed, what=what, metric=metric, asked=asked)


def _listed(
    plan: Plan, bucket: int, what: Wanted, metric: Metric, asked: who.Asked | None
) -> Lines:
    timeline = build(plan, bucket)
    rows, unsure = _found(plan, timeline, what, metric, asked), 0
    if "unsure" in rows.columns:
        unsure = int(rows["unsure"].sum())
        rows = rows.filter(~pl.col("unsure")).drop("unsure")
    frame = rows.join(timeline.actors.select("actor", "account"), on="actor", how="left")
    ids = who.texts_of(plan, bucket, frame["actor"])
    return frame.with_columns(id=ids).drop("actor"), unsure


def _found(
    plan: Plan, timeline: Timeline, what: Wanted, metric: Metric, asked: who.Asked | None
) -> pl.DataFrame:
    """A bucket's people: actor, since, why, and order where there is one."""
    context = plan.context
    if asked is not None and what.cell is not None:
        cell = (asked.table, who.parse(what.cell)[2])
        return told(who.behind(plan, timeline, asked), metric, cell, timeline, context)
    if what.conditions is not None:
        return matching(what.conditions, timeline, context).collect()
    assert what.audience is not None
    counted = rows_in(timeline, plan, metric, None)
    one = Asked(timeline, counted, context.settings[metric.id], context, what.part)
    found: pl.DataFrame = what.audience.find(one).collect()
    return found


def _together(some: Sequence[Lines]) -> Lines:
    """The people of several buckets."""
    frames, unsure = zip(*some, strict=True)
    return pl.concat(frames, how="diagonal_relaxed"), sum(unsure)


def _result(what: Wanted, prepared: Prepared, request: Request) -> Result:
    """The metric's result for everybody."""
    return results(what.metrics, prepared, request)[what.metrics[0]]


def caveats(what: Wanted, prepared: Prepared, request: Request) -> list[str]:
    """What the report says of the number that a built-in audience is behind; the run's last act."""
    if what.audience is None:
        return []
    found = _result(what, prepared, request).caveats
    said = [c for c in found if c.code != "small-denominator"]
    return [c.message if c.count is None else f"{c.count:,} {c.message}" for c in said]


def results(names: Sequence[str], prepared: Prepared, request: Request) -> dict[str, Result]:
    """The results of some metrics for everybody; of those that refuse, the reason."""
    context, metrics = prepared.plan.context, {name: all_metrics()[name] for name in names}
    able = report.able(metrics, request, prepared)

    def computed(metric: Metric, named: tally.Named, splits: Splits) -> Result:
        return metric.result(tally.everyone(named, metric), context.settings[metric.id], context)

    _, found = compute(prepared.plan, able, computed, last=False)
    made = dict(zip(able, found, strict=True))
    return {
        name: made.get(name) or report.refused(metric, request, prepared)
        for name, metric in metrics.items()
    }


@dataclass(frozen=True)
class Size:
    """One audience with how many it holds, or why nobody can tell."""

    name: str
    meaning: str
    people: int | None
    reason: str = ""


def sizes(prepared: Prepared, request: Request) -> list[Size]:
    """Every audience with the metric's number, of which it is the list."""
    names = sorted({audience.metric for audience in BUILTIN.values()})
    last_of_all = _sizes_of_own(prepared, request)  # the results let go of what is encoded
    found, lines = results(names, prepared, request), list[Size]()
    context = prepared.plan.context
    periods = context.periods()
    last = context.label(periods[-1][0]) if periods else None
    for name, audience in BUILTIN.items():
        result = found[audience.metric]
        parts = audience.parts(request.definitions, request.settings)
        if result.status != "ok":
            lines.append(Size(name, audience.meaning, None, result.reason))
            continue
        for part in parts:
            number = audience.number(result, part, last)
            lines.append(Size(audience.called(part), audience.told(part), number))
    return lines + last_of_all


def _sizes_of_own(prepared: Prepared, request: Request) -> list[Size]:
    lines = []
    for name, conditions in own(request).items():
        lacks = lacking(conditions, request.definitions, request.settings)
        lacks = lacks or _unknown_traits(conditions, prepared)
        what = Wanted(name, needs(conditions), conditions=conditions)
        held = None
        if not lacks:
            plan = prepared.plan
            held = each(plan, _listing(what, plan), _together)[0].height
        lines.append(Size(name, str(conditions), held, lacks))
    return lines
