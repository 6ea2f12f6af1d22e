"""`adoptcli check`: is every figure that has a target as it must be?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from adoptcli.cli import common
from adoptcli.cli import options as o
from adoptcli.cli.console import Console
from adoptcli.errors import Exit, OutputProblem, UsageProblem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from adoptcli.config.model import Config
    from adoptcli.results import Judged, Report
    from adoptcli.targets.names import Figure

Strict = Annotated[
    bool,
    typer.Option("--strict", rich_help_panel=o.OUTPUT, help="Warnings fail, too."),
]
Problems = Annotated[
    bool,
    typer.Option(
        "--problems",
        rich_help_panel=o.OUTPUT,
        help="Only what did not pass; nothing at all where everything did, as cron wants it.",
    ),
]
ENDINGS = {".json": "json", ".xml": "junit", ".txt": "table"}


def check(
    files: o.Files = None,
    config: o.Config = None,
    users: o.UsersFile = None,
    accounts: o.AccountsFile = None,
    identities: o.IdentitiesFile = None,
    rejects: o.Rejects = None,
    shards: o.Shards = None,
    preset: o.Preset = None,
    tmp: o.Tmp = None,
    by: o.By = None,
    unit: o.UnitOption = o.UnitName.USER,
    period: o.PeriodOption = None,
    since: o.Since = None,
    until: o.Until = None,
    as_of: o.AsOf = None,
    only: o.Only = None,
    skip: o.Skip = None,
    strict: Strict = False,
    problems: Problems = False,
    format: o.CheckFormatOption = None,
    output: o.FileOutput = None,
    history: o.History = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    debug: o.Debug = False,
) -> None:
    """The targets of the YAML: ends with 1 if one is missed, 3 if one cannot be judged."""
    given = common.Options(
        identities=identities,
        files=files or (), config=config, users=users, accounts=accounts, rejects=rejects,
        shards=shards, preset=preset, tmp=tmp, by=by or (), unit=unit, period=period, since=since,
        until=until, as_of=as_of, format=format or _by_name(output), output=output,
        history=history, console=Console(quiet, verbose),
    )  # fmt: skip
    if output and common.is_folder(output):
        raise UsageProblem("output-is-folder", f"-o {output}: this is a folder", "name a file")
    if problems and (given.format != "table" or output not in (None, "-")):
        raise UsageProblem("problems-are-text", "--problems goes with a table on standard output")
    report = _checked(given, common.load_config(given), only or (), skip or ())
    shown = [j for j in report.targets if j.outcome != "pass" or not problems]
    if shown or not problems:
        text = _text(report, shown, given, strict=strict)
        common.put(text, given, exact=given.format != "table")
    code = _code(report.targets, strict=strict)
    try:
        common.keep(report, given)
    except OutputProblem as problem:
        if code != Exit.MISSED:  # which is told first
            raise
        given.console.note(f"error: {problem.message}")
    raise typer.Exit(code)


def _by_name(output: str | None) -> str:
    """The format that the output's name says, else a table."""
    endings = (kind for ending, kind in ENDINGS.items() if (output or "").lower().endswith(ending))
    return next(endings, "table")


def _checked(
    options: common.Options, config: Config, only: Sequence[str], skip: Sequence[str]
) -> Report:
    """A report of the metrics that have targets, split as they need it, with what came of them."""
    from adoptcli.targets import names

    asked = common.choose(only, skip) if only or skip else None
    figures = {name: names.parse(name) for name in config.targets}
    figures = {n: f for n, f in figures.items() if asked is None or f.metric in asked}
    if not figures:
        raise UsageProblem(
            "no-targets", "there is no target to check" + (" in these metrics" if asked else ""),
            "add 'targets: {activation: \">= 40%\"}' to the YAML",
        )  # fmt: skip
    options = replace(options, by=_by(options.by, figures.values()))
    metrics = common.choose([figure.metric for figure in figures.values()], ())
    report = common.computed(options, config, metrics)
    wanted = {name: target for name, target in config.targets.items() if name in figures}
    found = common.judged(options, wanted, report)
    if found.wrong:
        raise config.wrong_targets(found.wrong)
    return replace(report, targets=found.judged)


def _by(by: Sequence[str], figures: Iterable[Figure]) -> tuple[str, ...]:
    """The splits that are asked for, and those that targets need beside."""
    there = common.segments(by)
    needed = dict.fromkeys(f.by for f in figures if f.by and f.by not in there)
    return (*by, *map(",".join, needed))


def _text(report: Report, shown: Sequence[Judged], options: common.Options, *, strict: bool) -> str:
    from adoptcli.render import junit, verdicts

    if options.format == "junit":
        return junit.render(report, strict=strict)
    if options.format == "json":
        return verdicts.as_json(report, strict=strict)
    look = common.screen(terminal=options.output in (None, "-"))
    return verdicts.render(
        report, shown, width=look.width, color=look.color, unicode=look.unicode
    )  # fmt: skip


def _code(judged: Sequence[Judged], *, strict: bool) -> Exit:
    """Missed before not evaluable."""
    outcomes = {j.outcome for j in judged}
    if "fail" in outcomes or (strict and "warn" in outcomes):
        return Exit.MISSED
    return Exit.DATA if "not_evaluable" in outcomes else Exit.OK
