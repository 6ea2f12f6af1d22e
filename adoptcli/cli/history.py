"""`adoptcli history`: one number over time, from the runs that were kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from adoptcli.cli import common
from adoptcli.cli import options as o
from adoptcli.cli.console import Console
from adoptcli.errors import UsageProblem
from adoptcli.render import LISTS

if TYPE_CHECKING:
    from adoptcli.history import Point, Run
    from adoptcli.results import Column, Row, Table

Number = Annotated[
    str | None,
    typer.Argument(
        metavar="[METRIC]", show_default=False,
        help="A metric, METRIC.textbook, or a cell METRIC.table[key=value].measure. "
        "Without it: the runs that are kept.",
    ),
]  # fmt: skip
By = Annotated[
    str | None,
    typer.Option(
        "--by", rich_help_panel=o.SCOPE, show_default=False, metavar="NAME",
        help="Runs split by this. Default: as the newest run.",
    ),
]  # fmt: skip
Unit = Annotated[
    o.UnitName | None,
    typer.Option("--unit", rich_help_panel=o.SCOPE, show_default=False, case_sensitive=False,
                 help="Runs of users or of accounts. Default: as the newest run."),
]  # fmt: skip
Period = Annotated[
    o.PeriodName | None,
    typer.Option("--period", rich_help_panel=o.SCOPE, show_default=False, case_sensitive=False,
                 help="Runs of such periods. Default: as the newest run."),
]  # fmt: skip


def history(
    metric: Number = None,
    history: o.History = None,
    unit: Unit = None,
    period: Period = None,
    by: By = None,
    format: o.ListFormatOption = None,
    output: o.Output = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    debug: o.Debug = False,
) -> None:
    """A number over time: what each run that was kept said, and where definitions changed."""
    given = common.Options(format=format, output=output, console=Console(quiet, verbose))
    common.check_output(given, LISTS)
    if history is None:
        raise UsageProblem(
            "no-history", "say which folder holds the runs",
            "adoptcli history activation --history DIR, or set ADOPTCLI_HISTORY",
        )  # fmt: skip
    from adoptcli import history as kept

    found = kept.runs(history)
    if metric is None:
        common.deliver_table(_overview(found), given)
        return
    wanted = {"actors": unit, "frequency": period, "by": by}
    alike = _alike(found, {key: str(value) for key, value in wanted.items() if value is not None})
    left = len(found) - len(alike)
    if left:
        given.console.note(
            f"{left:,} {'run' if left == 1 else 'runs'} of another kind left out "
            "(unit, period, dates, time zone or split; `adoptcli history` lists them)"
        )
    plain = not common.screen(terminal=output in (None, "-")).unicode
    points = kept.points(alike, metric)
    common.deliver_table(_table(metric, alike, points, plain=plain), given)


def _alike(found: Sequence[Run], wanted: dict[str, str]) -> list[Run]:
    """The runs that can be compared with the newest that is as asked."""
    fitting = [run for run in found if all(run.told[k] == v for k, v in wanted.items())]
    if not fitting:
        asked = ", ".join(f"{key} {value}" for key, value in wanted.items())
        raise UsageProblem(
            "no-such-run", f"no run that is kept has {asked}", "`adoptcli history` lists them"
        )
    return [run for run in fitting if run.kind == fitting[-1].kind]


def _overview(found: Sequence[Run]) -> Table:
    from adoptcli.history import RUN
    from adoptcli.results import Column, Table

    titles = {"as_of": "as of", "actors": "unit", "frequency": "period", "time_zone": "time zone"}
    names = {"actors": "unit", "frequency": "period"}
    columns = tuple(
        Column("as_of" if key == "as_of" else names.get(key, key), titles.get(key, key), "text")
        for key in RUN
    )
    rows = tuple(
        {names.get(key, key): run.told[key] or None for key in RUN}
        for run in found
    )  # fmt: skip
    return Table("runs", f"{len(found):,} runs", columns, rows)


def _table(asked: str, found: Sequence[Run], points: Sequence[Point], *, plain: bool) -> Table:
    from adoptcli.render import numbers
    from adoptcli.results import Column, Table

    unit = points[-1].unit
    told = found[-1].told
    parts = [asked, f"by {told['actors']} and {told['frequency']}"]
    if len({point.series for point in points}) == 1:
        values = [None if p.reason else p.estimate.value for p in points]
        parts.append(numbers.sparkline(values, plain=plain))
    rows: list[Row] = []
    before: dict[str, Point] = {}
    for point in points:
        previous = before.get(point.series)
        rows.append(_row(point, previous))
        before[point.series] = point
    columns = [
        Column("as_of", "as of", "text"), Column("cell", "cell", "text"),
        Column("about", "about", "text"), Column("value", "value", unit),
        Column("change", "change", "pp" if unit == "share" else unit),
        Column("definitions", "definitions", "text"), Column("note", "note", "text"),
    ]  # fmt: skip
    return Table("history", " · ".join(filter(None, parts)), _told(columns, rows), tuple(rows))


def _told(columns: Sequence[Column], rows: Sequence[Row]) -> tuple[Column, ...]:
    """The columns that say something in some row."""
    always = ("as_of", "value", "change", "definitions", "note")
    return tuple(c for c in columns if c.name in always or any(row[c.name] for row in rows))


def _row(point: Point, previous: Point | None) -> Row:
    value, change = point.estimate.value, None
    alike = previous and not (point.changed or point.reason or previous.reason)
    last = previous.estimate.value if previous and alike else None
    if value is not None and last is not None:
        change = value - last
    note = "definitions changed" if point.changed else ""
    note = ", ".join(filter(None, (note, point.reason)))
    return {
        "as_of": point.as_of, "cell": point.keys, "about": point.period,
        "value": point.estimate, "change": change, "definitions": point.definitions, "note": note,
    }  # fmt: skip
