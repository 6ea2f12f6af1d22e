"""`adoptcli compare`: a metric between two segments, variants or periods."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from adoptcli.cli import common
from adoptcli.cli import options as o
from adoptcli.cli.console import Console
from adoptcli.errors import UsageProblem
from adoptcli.render import LISTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adoptcli.metrics import Metric
    from adoptcli.runner.compare import Compared
    from adoptcli.runner.prepare import Prepared, Request

SIDES = "What is compared"

Metrics = Annotated[
    str,
    typer.Argument(metavar="METRIC[,METRIC]", help="Metrics, or all.", show_default=False),
]
Segments = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=SIDES, show_default=False, metavar="NAME=VALUE[,VALUE]",
        help="Two segments, or one against the rest: plan=pro,free.",
    ),
]  # fmt: skip
Variant = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=SIDES, show_default=False, metavar="NAME",
        help="Variants drawn by lot: the column or property that says which somebody got.",
    ),
]  # fmt: skip
Control = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=SIDES, show_default=False, metavar="VALUE",
        help="The variant that the others are compared with. Default: the first by name.",
    ),
]  # fmt: skip
Expected = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=SIDES, show_default=False, metavar="1:1",
        help="Weights by which the variants were drawn, in the order of their names. "
        "Default: equal.",
    ),
]  # fmt: skip
Periods = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=SIDES, show_default=False, metavar="PERIOD,PERIOD",
        help="Two periods: 2026-08,2026-07.",
    ),
]  # fmt: skip
Launch = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=SIDES, show_default=False, metavar="FEATURE|DATE",
        help="The last period before a launch, and the last there is.",
    ),
]  # fmt: skip


def compare(
    metric: Metrics,
    files: o.Files = None,
    segments: Segments = None,
    variant: Variant = None,
    control: Control = None,
    expected: Expected = None,
    periods: Periods = None,
    launch: Launch = None,
    config: o.Config = None,
    users: o.UsersFile = None,
    accounts: o.AccountsFile = None,
    identities: o.IdentitiesFile = None,
    shards: o.Shards = None,
    preset: o.Preset = None,
    tmp: o.Tmp = None,
    unit: o.UnitOption = o.UnitName.USER,
    period: o.PeriodOption = None,
    since: o.Since = None,
    until: o.Until = None,
    as_of: o.AsOf = None,
    format: o.ListFormatOption = None,
    output: o.Output = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    debug: o.Debug = False,
) -> None:
    """A metric between two segments, variants or periods: the difference, and how sure it is."""
    modes = {"--segments": segments, "--variant": variant, "--periods": periods,
             "--launch": launch}  # fmt: skip
    given = [name for name, value in modes.items() if value is not None]
    if len(given) != 1:
        raise UsageProblem(
            "what-is-compared", f"say one of {', '.join(modes)}"
            + (f", not {' and '.join(given)}" if given else ""),
            "adoptcli compare activation --segments plan=pro,free",
        )  # fmt: skip
    if (control or expected) and variant is None:
        raise UsageProblem("no-variant", "--control and --expected go with --variant")
    name, values = _sides(segments, variant)
    options = common.Options(
        identities=identities,
        files=files or (), config=config, users=users, accounts=accounts, shards=shards,
        preset=preset, tmp=tmp, by=(name,) if name else (), unit=unit, period=period, since=since,
        until=until, as_of=as_of, details=True, format=format, output=output,
        console=Console(quiet, verbose),
    )  # fmt: skip
    common.check_output(options, LISTS)
    from adoptcli.runner import compare as run
    from adoptcli.runner import report

    chosen = common.choose([] if metric == "all" else [metric], ())
    definitions = common.load_config(options)
    asked = common.request(options, definitions, tuple(chosen))
    prepared, ready = report.read(asked, chosen)
    try:
        common.tell(prepared, options)
        able, after = report.able(ready, asked, prepared), None
        if values:
            found = run.of_segments(prepared, able, run.named_segments(name, values))
        elif variant is not None:
            found = run.of_segments(prepared, able, run.variants(variant, control))
            found = run.with_sizes(found, prepared.plan.context, variant, _weights(expected))
        elif periods is not None:
            found = _of_periods(periods, prepared, able)
        else:
            after = _launch(str(launch), asked, prepared.plan.context.as_of_day)
            found = _around(after, prepared, able)
    finally:
        prepared.close()
    made = run.results(found, after)
    whole = report.of_results(prepared, asked, chosen, made, found.counts)
    whole = replace(whole, caveats=(*whole.caveats, *found.caveats), segment=None)
    common.deliver(whole, options, full=False)


def _of_periods(text: str, prepared: Prepared, metrics: Mapping[str, Metric]) -> Compared:
    from adoptcli.runner import compare as run

    labels = [label.strip() for label in text.split(",")]
    if len(labels) != 2 or labels[0] == labels[1]:
        raise UsageProblem("bad-period", "--periods takes two", "such as 2026-08,2026-07")
    context = prepared.plan.context
    first, second = ((label, run.period_end(label, context)) for label in labels)
    return run.of_windows(prepared, metrics, first, second)


def _around(launch: int, prepared: Prepared, metrics: Mapping[str, Metric]) -> Compared:
    """The last that there is, against the last before the launch."""
    from adoptcli.results import Caveat
    from adoptcli.runner import compare as run

    context = prepared.plan.context
    now = (f"to {context.day_label(context.end_day - 1)}", context.end_day)
    found = run.of_windows(prepared, metrics, now, ("before the launch", launch))
    text = "those who came shortly before the launch are followed past it"
    return replace(found, caveats=(Caveat("followed-past-launch", text),))


def _sides(segments: str | None, variant: str | None) -> tuple[str, list[str]]:
    """The column or property, and the segments of it that are named."""
    if segments is None:
        return variant or "", []
    name, equals, rest = segments.partition("=")
    values = [value.strip() for value in rest.split(",") if value.strip()]
    if not name.strip() or not equals or not 1 <= len(values) == len(set(values)) <= 2:
        raise UsageProblem(
            "bad-segments", f"--segments {segments}: this names no segments",
            "write it as plan=pro,free, or plan=pro for the rest against it",
        )  # fmt: skip
    return name.strip(), values


def _weights(text: str | None) -> list[float]:
    if text is None:
        return []
    try:
        found = [float(part) for part in text.split(":")]
    except ValueError:
        found = []
    if len(found) < 2 or min(found) <= 0:
        raise UsageProblem(
            "bad-weights", f"--expected {text}: no weights", "write it as 1:1 or 9:1"
        )
    return found


def _launch(text: str, asked: Request, as_of_day: int) -> int:
    """The day of a launch: a feature's, or a date."""
    from datetime import date

    from adoptcli.timeframe import to_day

    feature = asked.definitions.features.get(text)
    when = feature.launched_at if feature else None
    if when is None:
        try:
            when = date.fromisoformat(text)
        except ValueError:
            known = [n for n, f in asked.definitions.features.items() if f.launched_at]
            raise UsageProblem(
                "no-launch", f"--launch {text}: neither a date nor a feature with 'launched_at'",
                f"there are: {', '.join(known) or 'none'}",
            ) from None  # fmt: skip
    if to_day(when) >= as_of_day:
        raise UsageProblem("no-launch", f"--launch {text}: {when} lies after the data")
    return to_day(when)
