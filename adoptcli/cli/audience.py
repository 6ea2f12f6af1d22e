"""`adoptcli audience`: the people behind a number, to act on."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adoptcli.cli import common, lists
from adoptcli.cli import options as o
from adoptcli.cli.console import Console
from adoptcli.render import by_extension

if TYPE_CHECKING:
    import polars as pl

    from adoptcli.audiences import Listed
    from adoptcli.config.model import Config
    from adoptcli.runner.prepare import Prepared, Request

COLUMNS = ("id", "account", "why", "since")
LIST = "The list"


class DestinationName(StrEnum):
    """Whose import the list is for."""

    HUBSPOT = "hubspot"
    SALESFORCE = "salesforce"
    CUSTOMERIO = "customerio"
    BRAZE = "braze"
    INTERCOM = "intercom"


Named = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]", show_default=False,
        help="Such as not_activated:late, never_tried:FEATURE, one of the YAML's audiences, or a "
        "cell METRIC.table[key=value].measure. Without it: what there is.",
    ),
]  # fmt: skip
Limit = Annotated[
    int | None,
    typer.Option(min=1, rich_help_panel=LIST, show_default=False, help="Only the first so many."),
]
Diff = Annotated[
    Path | None,
    typer.Option(
        rich_help_panel=LIST, show_default=False, metavar="PREVIOUS.csv",
        help="Only who has entered or left since that list was written.",
    ),
]  # fmt: skip
For = Annotated[
    DestinationName | None,
    typer.Option(
        "--for", envvar="ADOPTCLI_FOR", rich_help_panel=LIST, show_default=False,
        case_sensitive=False,
        help="Write CSV with the columns that this tool imports.",
    ),
]  # fmt: skip
IdColumn = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=LIST, show_default=False, metavar="NAME",
        help="With --for: the column of the users table that identifies people there. "
        "Default: email for hubspot and salesforce, else the user id.",
    ),
]  # fmt: skip


def audience(
    name: Named = None,
    files: o.Files = None,
    config: o.Config = None,
    users: o.UsersFile = None,
    accounts: o.AccountsFile = None,
    identities: o.IdentitiesFile = None,
    shards: o.Shards = None,
    runner: o.Runner = None,
    master: o.Master = None,
    preset: o.Preset = None,
    tmp: o.Tmp = None,
    unit: o.UnitOption = o.UnitName.USER,
    by: o.By = None,
    period: o.PeriodOption = None,
    since: o.Since = None,
    until: o.Until = None,
    as_of: o.AsOf = None,
    limit: Limit = None,
    diff: Diff = None,
    for_: For = None,
    id_column: IdColumn = None,
    format: o.ListFormatOption = None,
    output: o.Output = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    debug: o.Debug = False,
) -> None:
    """The people behind a number: who they are, why they are listed, and since when."""
    given = common.Options(
        identities=identities, runner=runner, master=master,
        files=files or (), config=config, users=users, accounts=accounts, shards=shards,
        preset=preset, tmp=tmp, by=by or (), unit=unit, period=period, since=since,
        until=until, as_of=as_of, format=format, output=output, console=Console(quiet, verbose),
    )  # fmt: skip
    if name is not None and (name == "-" or Path(name).exists()):
        given, name = replace(given, files=(name, *given.files)), None
    _check(name, given, {"--limit": limit, "--diff": diff, "--for": for_}, id_column)
    if name is None:
        lists.deliver(_overview(given), given)
        return
    before = None if diff is None else _previous(diff)
    table, kind, found = _people(name, given)
    lines: list[dict[str, Any]] = [asdict(one) for one in found]
    if diff is not None and before is not None:
        _comparable(before, diff, kind, found)
        lines = _changes(lines, before)
        _say_compared(name, diff, len(found), len(before), kind, lines, given)
    whole, lines = len(lines), lines[:limit]
    held = f"{whole:,}" if len(lines) == whole else f"{len(lines):,} of {whole:,}"
    given.console.note(f"{held} {kind}s{' entered or left' if diff else ''}")
    if for_ is not None:
        kept = {line["id"] for line in lines if line.get("change") != "left"}
        if len(lines) > len(kept):
            given.console.note(f"{len(lines) - len(kept):,} who left are not in a list for {for_}")
        listed = [one for one in found if one.id in kept]
        _for(for_, name, kind, listed, id_column, given, table)
        return
    columns = (*COLUMNS, "change") if before is not None else COLUMNS
    shown = [{column: line[column] for column in columns} for line in lines]
    lists.deliver(shown, given, columns)


def _check(
    name: str | None, given: common.Options, asked: Mapping[str, object], id_column: str | None
) -> None:
    """Complain, before anything is read, about options that do not go together."""
    from adoptcli.errors import UsageProblem

    wanted = {**asked, "--id-column": id_column}
    alone = [option for option, value in wanted.items() if value is not None]
    if name is None and alone:
        raise UsageProblem(
            "no-list", f"{alone[0]} goes with the NAME of an audience",
            "adoptcli audience without options lists what there is",
        )  # fmt: skip
    if id_column is not None and asked["--for"] is None:
        raise UsageProblem("no-destination", "--id-column goes with --for", "add --for hubspot")
    lists.check_output(given)
    kind = given.format or by_extension(given.output or "")
    if asked["--for"] is not None and kind not in (None, "csv"):
        raise UsageProblem(
            "for-is-csv", f"--for {asked['--for']} writes CSV, not {kind}",
            "leave out --for, or name a .csv without --format",
        )  # fmt: skip


def _prepared(
    metrics: Sequence[str], more: Sequence[Any], options: common.Options, config: Config
) -> tuple[Request, Prepared]:
    """What is read for some metrics, and for what else names traits."""
    from adoptcli.metrics import all_metrics
    from adoptcli.runner import report

    asked = replace(common.request(options, config, tuple(metrics)), more=tuple(more))
    prepared, _ = report.read(asked, {name: all_metrics()[name] for name in metrics})
    return asked, prepared


def _people(
    name: str, options: common.Options
) -> tuple[pl.DataFrame | None, str, list[Listed]]:  # fmt: skip
    """The users table by person, whether users or accounts are listed, and who."""
    from adoptcli.metrics import all_metrics
    from adoptcli.runner import audience as run
    from adoptcli.runner import report

    config = common.load_config(options)
    what = run.wanted(name, common.request(options, config, ()))
    more = [what.conditions] if what.conditions else []
    asked, prepared = _prepared(what.metrics, more, options, config)
    try:
        for metric in what.metrics:
            refused = report.refusal(all_metrics()[metric], asked, prepared)
            common.refuse(f"audience {name!r} cannot be found", refused)
        common.tell(prepared, options)
        run.judgeable(what, prepared)
        of_accounts = options.unit == "account" or bool(what.audience and what.audience.of_result)
        note = options.console.note
        found = run.people(what, prepared, asked, note)
        note(f"since: {what.dated}")
        if not options.console.quiet:
            for caveat in run.caveats(what, prepared, asked):
                note(f"{what.metrics[0]}: {caveat}")
        return prepared.users, "account" if of_accounts else "user", found
    finally:
        prepared.close()


def _overview(options: common.Options) -> list[dict[str, Any]]:
    from adoptcli.audiences.builtin import BUILTIN
    from adoptcli.audiences.conditions import needs
    from adoptcli.runner import audience as run

    config = common.load_config(options)
    asked = common.request(options, config, ())
    own = [*run.own(asked).values()]
    names = {metric for one in own for metric in needs(one)}
    names |= {audience.metric for audience in BUILTIN.values()}
    asked, prepared = _prepared(sorted(names), own, options, config)
    try:
        common.tell(prepared, options)
        return [asdict(size) for size in run.sizes(prepared, asked)]
    finally:
        prepared.close()


def _previous(path: Path) -> dict[str, dict[str, str]]:
    """The lines of a list that was written before, by id."""
    from adoptcli.errors import DataProblem, UsageProblem
    from adoptcli.render.csv_ import unguarded

    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise DataProblem(
            "previous-unreadable", f"--diff {path}: cannot be read: {error}",
            "name the CSV that adoptcli audience -o FILE.csv wrote before",
        ) from None  # fmt: skip
    reader = csv.DictReader(io.StringIO(text))
    header = reader.fieldnames or ()
    if "id" in header and ("change" in header or not {*COLUMNS} <= {*header}):
        found = "what --diff wrote" if "change" in header else "no whole list"
        raise UsageProblem(
            "previous-no-list", f"--diff {path}: this is {found}; columns: {', '.join(header)}",
            f"name a list with the columns {', '.join(COLUMNS)}, written without --diff and --for",
        )  # fmt: skip
    if "id" not in (reader.fieldnames or ()):
        raise DataProblem(
            "previous-unreadable", f"--diff {path}: there is no column 'id'",
            "name the CSV that adoptcli audience -o FILE.csv wrote before",
        )  # fmt: skip
    rows = [{k: unguarded(v or "") for k, v in row.items() if k} for row in reader]
    return {row["id"]: row for row in rows}


def _comparable(
    before: Mapping[str, Mapping[str, str]], path: Path, kind: str, found: Sequence[Listed]
) -> None:
    """Complain where one list is of users and the other of accounts."""
    from adoptcli.errors import UsageProblem

    had = any(row["account"] for row in before.values())
    accounts = {one.account for one in found if one.account}
    of_users = kind == "account" and had
    of_accounts = kind == "user" and not had and bool(accounts & {*before})
    if of_users or of_accounts:
        other = "users" if of_users else "accounts"
        raise UsageProblem(
            "other-unit", f"--diff {path}: this is a list of {other}, not of {kind}s",
            f"compare lists of one unit: --unit {other[:-1]}",
        )  # fmt: skip


def _say_compared(
    name: str, path: Path, now: int, then: int, kind: str, lines: Sequence[Mapping[str, Any]],
    options: common.Options,
) -> None:  # fmt: skip
    """What was compared with what: the file does not say of which audience it is."""
    entered = sum(line["change"] == "entered" for line in lines)
    note = options.console.note
    note(f"compared: {name}, {now:,} {kind}s now, with the {then:,} in {path}, taken for the whole "
         "list of the same audience")  # fmt: skip
    if then and now and entered == now:
        note(f"nobody in {path} is listed now: is it a list of {name}?")


def _changes(
    lines: list[dict[str, Any]], before: dict[str, dict[str, str]]
) -> list[dict[str, Any]]:
    """Who entered, in their order, and who left, in theirs."""
    now = {line["id"] for line in lines}
    entered = [{**line, "change": "entered"} for line in lines if line["id"] not in before]
    left = [
        {**{column: row.get(column) or None for column in COLUMNS}, "change": "left"}
        for key, row in before.items()
        if key not in now
    ]
    return entered + left


def _for(
    destination: str, name: str, kind: str, found: list[Listed], id_column: str | None,
    options: common.Options, users: pl.DataFrame | None,
) -> None:  # fmt: skip
    from adoptcli.audiences.destinations import DESTINATIONS, rows_for
    from adoptcli.errors import UsageProblem

    if kind != "user":
        raise UsageProblem(
            "for-is-people", f"--for {destination} takes people, not accounts",
            "ask for a list of users",
        )  # fmt: skip
    where = DESTINATIONS[destination]
    column = id_column or ("email" if where.email else None)
    ids = None if column is None else _identifiers(column, destination, users)
    lines, without, double = rows_for(where, name, found, ids)
    if without:
        options.console.note(f"{without:,} left out: their {column!r} is empty or not known")
    if double:
        options.console.note(f"{double:,} left out: their {column or 'id'!r} is another's, too")
    common.put(lists.csv_text(lines), options, exact=True)


def _identifiers(
    column: str, destination: str, table: pl.DataFrame | None
) -> dict[str, str]:  # fmt: skip
    """That column of the users table, by person."""
    from adoptcli.errors import UsageProblem

    if table is None or f"t.{column}" not in table.columns:
        known = [] if table is None else [c[2:] for c in table.columns if c.startswith("t.")]
        raise UsageProblem(
            "no-identifier", f"--for {destination}: the users table has no column {column!r}",
            f"name one with --id-column; there are: {', '.join(known) or 'none'}",
        )  # fmt: skip
    return dict(table.select("user", f"t.{column}").drop_nulls().iter_rows())
