"""`adoptcli validate`: are the YAML and the data what they seem?"""

from __future__ import annotations

from adoptcli.cli import common
from adoptcli.cli import options as o
from adoptcli.cli.console import Console, payload


def validate(
    files: o.Files = None,
    config: o.Config = None,
    users: o.UsersFile = None,
    accounts: o.AccountsFile = None,
    identities: o.IdentitiesFile = None,
    rejects: o.Rejects = None,
    preset: o.Preset = None,
    tmp: o.Tmp = None,
    as_of: o.AsOf = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    debug: o.Debug = False,
) -> None:
    """Check the YAML and the data: rows, span, events, duplicates, what is set aside and why."""
    given = common.Options(
        identities=identities,
        files=files or (), config=config, users=users, accounts=accounts, rejects=rejects,
        preset=preset, tmp=tmp, as_of=as_of, console=Console(quiet, verbose),
    )  # fmt: skip
    from adoptcli.runner import report
    from adoptcli.runner.validate import findings

    loaded = common.load_config(given)
    if loaded.path is not None:
        payload(f"{loaded.path}: ok, definitions {loaded.hash}\n")
    metrics = common.choose((), ())
    asked = common.request(given, loaded, tuple(metrics))
    prepared, _ = report.read(asked, metrics)
    try:
        common.tell(prepared, given)
        payload("".join(f"{line}\n" for line in findings(prepared, asked)))
    finally:
        prepared.close()
