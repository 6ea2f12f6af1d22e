"""One command a metric, all with the same options."""

from __future__ import annotations

from collections.abc import Callable

from adoptcli.cli import common
from adoptcli.cli import options as o
from adoptcli.cli.console import Console
from adoptcli.render import FORMATS, LISTS


def command(name: str) -> Callable[..., None]:
    """The command of a metric."""

    def run(
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
        who: o.Who = None,
        format: o.FormatOption = None,
        output: o.Output = None,
        no_charts: o.NoCharts = False,
        quiet: o.Quiet = False,
        verbose: o.Verbose = False,
        debug: o.Debug = False,
    ) -> None:
        given = common.Options(
            identities=identities, runner=runner, master=master,
            files=files or (), config=config, users=users, accounts=accounts, rejects=rejects,
            shards=shards, preset=preset, tmp=tmp, by=by or (), unit=unit, period=period,
            since=since, until=until, as_of=as_of, details=True, format=format, output=output,
            charts=not no_charts, console=Console(quiet, verbose),
        )  # fmt: skip
        common.check_output(given, FORMATS if who is None else LISTS)
        if who is not None:
            from adoptcli.cli.who import people

            people(name, who, given)
            return
        common.deliver(common.make_report(given, common.choose([name], ())), given, full=True)

    return run
