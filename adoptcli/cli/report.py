"""`adoptcli report`: all metrics."""

from __future__ import annotations

from adoptcli.cli import common
from adoptcli.cli import options as o
from adoptcli.cli.console import Console, on_terminal
from adoptcli.render import FORMATS, WITH_INTERVAL


def report(
    files: o.Files = None,
    config: o.Config = None,
    users: o.UsersFile = None,
    accounts: o.AccountsFile = None,
    identities: o.IdentitiesFile = None,
    rejects: o.Rejects = None,
    shards: o.Shards = None,
    runner: o.Runner = None,
    master: o.Master = None,
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
    details: o.Details = False,
    format: o.FormatOption = None,
    output: o.Output = None,
    history: o.History = None,
    no_charts: o.NoCharts = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    debug: o.Debug = False,
) -> None:
    """All metrics: one screen on a terminal, every table in a pipe or a file."""
    given = common.Options(
        identities=identities, runner=runner, master=master,
        files=files or (), config=config, users=users, accounts=accounts, rejects=rejects,
        shards=shards, preset=preset, tmp=tmp, by=by or (), unit=unit, period=period, since=since,
        until=until, as_of=as_of, details=details, format=format, output=output,
        history=history, charts=not no_charts, console=Console(quiet, verbose),
    )  # fmt: skip
    common.check_output(given)
    found = common.make_report(given, common.choose(only or (), skip or ()))
    common.deliver(found, given, full=False)
    if format is None and output is None and not details and on_terminal():
        given.console.note("adoptcli report --details shows every table, and charts")
        if (common.screen(terminal=True).width or WITH_INTERVAL) < WITH_INTERVAL:
            given.console.note(f"95 % intervals take {WITH_INTERVAL} columns")
    elif not details and common.kind(given, FORMATS) == "markdown":
        given.console.note("--details adds every table")
