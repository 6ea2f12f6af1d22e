"""The options that commands share, each once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

INPUT, OUTPUT, SCOPE = "Input", "Output", "What is counted"


class Format(StrEnum):
    """How a report is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    NDJSON = "ndjson"
    OPENMETRICS = "openmetrics"
    HTML = "html"


class CheckFormat(StrEnum):
    """How it is written what came of the targets."""

    TABLE = "table"
    JSON = "json"
    JUNIT = "junit"


class PageFormat(StrEnum):
    """How it is written what the data hold."""

    TABLE = "table"
    JSON = "json"


class ListFormat(StrEnum):
    """How a list is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class RunnerName(StrEnum):
    """Where it runs."""

    LOCAL = "local"
    SPARK = "spark"


class UnitName(StrEnum):
    """Whose behaviour is counted."""

    USER = "user"
    ACCOUNT = "account"


class PeriodName(StrEnum):
    """Length of the periods in trends and comparisons."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


Files = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FILE]...",
        help="Event files, folders or globs (CSV, TSV, JSON, Avro, Parquet; .gz, .zst, .zip), here "
        "or at s3://, gs://, az:// or https://, or - for stdin. Default: the YAML's source.",
        show_default=False,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", rich_help_panel=INPUT, show_default=False,
        help="The YAML with your definitions. Default: the metrics.yaml of this folder, "
        "else of the nearest one above.",
    ),
]  # fmt: skip
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset", rich_help_panel=INPUT, show_default=False, metavar="NAME|FILE|none",
        help="Whose export the files are, such as amplitude. Default: known by their columns.",
    ),
]  # fmt: skip
UsersFile = Annotated[
    str | None,
    typer.Option("--users", rich_help_panel=INPUT, help="Table of users.", show_default=False),
]
AccountsFile = Annotated[
    str | None,
    typer.Option(
        "--accounts", rich_help_panel=INPUT, help="Table of accounts.", show_default=False
    ),
]
IdentitiesFile = Annotated[
    str | None,
    typer.Option(
        "--identities", rich_help_panel=INPUT, show_default=False,
        help="Table of ids and the ids that stand for the same people.",
    ),
]  # fmt: skip
Rejects = Annotated[
    Path | None,
    typer.Option(
        rich_help_panel=INPUT, show_default=False,
        help="Write the rows that cannot be used here, with the reason.",
    ),
]  # fmt: skip
Shards = Annotated[
    int | None,
    typer.Option(
        min=1, max=4096, rich_help_panel=INPUT, show_default=False,
        help="Part the actors into so many buckets; needs less memory. Default: as few as fit.",
    ),
]  # fmt: skip
Runner = Annotated[
    RunnerName | None,
    typer.Option(
        rich_help_panel=INPUT, show_default=False, case_sensitive=False,
        help="Where it runs: on this machine, or on Spark. Default: the YAML's, else local.",
    ),
]  # fmt: skip
Master = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=INPUT, show_default=False, metavar="URL",
        help="Spark's, such as spark://HOST:7077, local[*], or sc://HOST:15002 for Connect.",
    ),
]  # fmt: skip
Tmp = Annotated[
    Path | None,
    typer.Option(
        rich_help_panel=INPUT, show_default=False,
        help="Folder for temporary files. Default: TMPDIR.",
    ),
]  # fmt: skip
By = Annotated[
    list[str] | None,
    typer.Option(
        rich_help_panel=SCOPE, show_default=False, metavar="NAME[,NAME]",
        help="Split by a column of the users or accounts table, or a property of the events; "
        "names with commas are crossed; may be repeated.",
    ),
]  # fmt: skip
UnitOption = Annotated[
    UnitName,
    typer.Option("--unit", rich_help_panel=SCOPE, case_sensitive=False,
                 help="Whose behaviour is counted: users, or accounts as a whole."),
]  # fmt: skip
PeriodOption = Annotated[
    PeriodName | None,
    typer.Option("--period", rich_help_panel=SCOPE, show_default=False, case_sensitive=False,
                 help="Of trends and comparisons. Default: the YAML's, else month."),
]  # fmt: skip
Since = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=SCOPE, show_default=False, metavar="DATE",
        help="First day shown. What came before is still read, but for source.lookback.",
    ),
]  # fmt: skip
Until = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=SCOPE, show_default=False, metavar="DATE",
        help="Last day shown. What came after is still read, up to --as-of.",
    ),
]  # fmt: skip
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of", rich_help_panel=SCOPE, show_default=False, metavar="DATE|today|yesterday",
        help="Count only what was before this day began. Default: after the last complete day.",
    ),
]  # fmt: skip
Only = Annotated[
    list[str] | None,
    typer.Option(rich_help_panel=SCOPE, show_default=False, metavar="METRIC",
                 help="Only this metric; may be repeated."),
]  # fmt: skip
Skip = Annotated[
    list[str] | None,
    typer.Option(rich_help_panel=SCOPE, show_default=False, metavar="METRIC",
                 help="Not this metric; may be repeated."),
]  # fmt: skip
Details = Annotated[
    bool, typer.Option("--details", rich_help_panel=OUTPUT, help="All tables, on a terminal too.")
]
FORMAT = typer.Option(
    "--format", "-f", rich_help_panel=OUTPUT, show_default=False, case_sensitive=False,
    help="Default: table, or what the output's name says.",
)  # fmt: skip
FormatOption = Annotated[Format | None, FORMAT]
CheckFormatOption = Annotated[CheckFormat | None, FORMAT]
PageFormatOption = Annotated[PageFormat | None, FORMAT]
ListFormatOption = Annotated[ListFormat | None, FORMAT]
Output = Annotated[
    str | None,
    typer.Option("--output", "-o", rich_help_panel=OUTPUT, show_default=False, metavar="FILE|DIR/",
                 help="Write here, whole or not at all; a folder gets one CSV a table."),
]  # fmt: skip
FileOutput = Annotated[
    str | None,
    typer.Option("--output", "-o", rich_help_panel=OUTPUT, show_default=False, metavar="FILE",
                 help="Write here, whole or not at all."),
]  # fmt: skip
History = Annotated[
    Path | None,
    typer.Option(
        "--history", rich_help_panel=OUTPUT, show_default=False, metavar="DIR",
        help="The folder that keeps the results of runs, for `adoptcli history`.",
    ),
]  # fmt: skip
NoCharts = Annotated[
    bool,
    typer.Option("--no-charts", rich_help_panel=OUTPUT, help="On a terminal: tables alone."),
]
Who = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=OUTPUT, show_default=False, metavar="CELL",
        help="List the ids behind a cell, such as 'cohorts[cohort=2026-08].activated'.",
    ),
]  # fmt: skip
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", rich_help_panel=OUTPUT, help="Nothing but the result.")
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", rich_help_panel=OUTPUT, help="Say what is done.")
]
Debug = Annotated[
    bool, typer.Option("--debug", rich_help_panel=OUTPUT, help="Show the traceback of a failure.")
]
