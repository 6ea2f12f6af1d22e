"""`adoptcli validate`: are the YAML and the data what they seem?"""

from __future__ import annotations

from dataclasses import replace

from adoptcli.cli import common
from adoptcli.cli import options as o
from adoptcli.cli.console import Console
from adoptcli.errors import UsageProblem


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
    format: o.PageFormatOption = None,
    output: o.FileOutput = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    debug: o.Debug = False,
) -> None:
    """Check the YAML and the data, source by source: schemas, duplicates, late rows, gaps, bots.

    First what all sources hold together: rows, span, events, what is set aside and why. Then a page
    for each source: rows by schema, duplicates, late rows, wrong clocks, gaps and cliffs, events
    that stop or start, users that no person is behind, rows without user. Findings are no errors.
    """
    given = common.Options(
        identities=identities,
        files=files or (), config=config, users=users, accounts=accounts, rejects=rejects,
        preset=preset, tmp=tmp, as_of=as_of, format=format, output=output,
        console=Console(quiet, verbose),
    )  # fmt: skip
    from adoptcli.render import validation
    from adoptcli.runner import report
    from adoptcli.runner.validate import validated

    if output and common.is_folder(output):
        raise UsageProblem("output-is-folder", f"-o {output}: this is a folder", "name a file")
    common.check_ending(given, validation.FORMATS)
    loaded = common.load_config(given)
    metrics = common.choose((), ())
    asked = replace(common.request(given, loaded, tuple(metrics)), quality=True)
    prepared, _ = report.read(asked, metrics)
    try:
        common.tell(prepared, given)
        found = validated(prepared, asked)
    finally:
        prepared.close()
    if common.kind(given, validation.FORMATS) == "json":
        common.put(validation.as_json(found), given, exact=True)
        return
    seen = common.screen(terminal=output in (None, "-"))
    head = (
        f"{loaded.path}: ok, definitions {prepared.definitions}\n"
        if loaded.path is not None
        else ""
    )
    text = validation.render(found, width=seen.width, unicode=seen.unicode)
    common.put(head + text, given)
