"""From options to a request, and from a report to where it goes."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from adoptcli.cli.console import Console, on_terminal, payload
from adoptcli.errors import UsageProblem
from adoptcli.render import FORMATS, LISTS, by_extension, endings

if TYPE_CHECKING:
    from adoptcli.config.model import Config
    from adoptcli.definitions import Definitions, Source
    from adoptcli.metrics import Metric
    from adoptcli.results import Report, Table
    from adoptcli.runner.prepare import Prepared, Request
    from adoptcli.targets.judge import Judgement
    from adoptcli.targets.model import Target

DEFAULT_CONFIG = "metrics.yaml"


@dataclass(frozen=True, kw_only=True)
class Options:
    """The shared options, as they were given."""

    files: Sequence[str] = ()
    config: Path | None = None
    preset: str | None = None
    users: str | None = None
    accounts: str | None = None
    identities: str | None = None
    rejects: Path | None = None
    shards: int | None = None
    runner: str | None = None
    master: str | None = None
    tmp: Path | None = None
    by: Sequence[str] = ()
    unit: str = "user"
    period: str | None = None
    since: str | None = None
    until: str | None = None
    as_of: str | None = None
    details: bool = False
    format: str | None = None
    output: str | None = None
    history: Path | None = None
    charts: bool = True
    console: Console = field(default_factory=Console)


def load_config(options: Options) -> Config:
    """The YAML asked for, else the nearest metrics.yaml, else the defaults with a hint."""
    from adoptcli.config import model
    from adoptcli.source.addresses import shown

    path = options.config or _nearest()
    if path is None:
        config = model.default()
        files = " ".join(map(shown, options.files)) or "EVENTS"
        options.console.note(
            f"no metrics.yaml here: showing what needs no definitions; adoptcli init {files} "
            "writes one"
        )
    else:
        config = model.load(path)
        options.console.detail(f"definitions: {path}")
    return config


def _nearest() -> Path | None:
    """The metrics.yaml of this folder, else of the first folder above that has one."""
    try:
        here = Path.cwd()
    except OSError:  # it has been removed
        return None
    found = (folder / DEFAULT_CONFIG for folder in (here, *here.parents))
    path = next((path for path in found if path.is_file()), None)
    return Path(DEFAULT_CONFIG) if path == here / DEFAULT_CONFIG else path


def request(options: Options, config: Config, metrics: Sequence[str]) -> Request:
    """What the runner needs to know."""
    from adoptcli.definitions import Accounts, Users
    from adoptcli.runner.prepare import Request

    d = config.definitions
    changes: dict[str, object] = {}
    if options.users:
        known = d.users or Users(file=options.users)
        changes["users"] = known.model_copy(update={"file": absolute(options.users)})
    if options.accounts:
        accounts = d.accounts or Accounts(file=options.accounts)
        changes["accounts"] = accounts.model_copy(update={"file": absolute(options.accounts)})
    if options.preset:
        first, *others = d.source
        changes["source"] = [first.model_copy(update={"preset": _preset(options.preset)}), *others]
    if options.identities:
        sources = d.model_copy(update=changes).source
        changes["source"] = with_identities(sources, options.identities)
    zone = d.calendar
    return Request(
        paths=tuple(options.files),
        definitions=d.model_copy(update=changes),
        settings=config.settings,
        metrics=tuple(metrics),
        base=config.base,
        segments=segments(options.by),
        unit="account" if options.unit == "account" else "user",
        period=options.period,  # type: ignore[arg-type]
        since_day=_day(options.since, "--since"),
        until_day=_after(_day(options.until, "--until")),
        as_of_day=_as_of(options.as_of, str(zone.zone)),
        shards=options.shards,
        master=_master(options, d),
        tmp=_folder(options.tmp),
        place_of=config.place_of,
    )


def _folder(tmp: Path | None) -> Path | None:
    """Where temporary files go, if that can be."""
    if tmp is not None and not (tmp.is_dir() and os.access(tmp, os.W_OK | os.X_OK)):
        what = "cannot be written to" if tmp.is_dir() else "there is no such folder"
        raise UsageProblem("no-folder", f"--tmp {tmp}: {what}", "make it, or name another")
    return tmp


def _master(options: Options, d: Definitions) -> str | None:
    """Spark's address where it runs there."""
    if (options.runner or ("spark" if options.master else d.runner)) != "spark":
        return None
    if not (options.master or d.master):
        raise UsageProblem(
            "no-master", "Spark needs an address",
            "add --master spark://HOST:7077, local[*], or sc://HOST:15002 for Connect",
        )  # fmt: skip
    if options.rejects:
        from adoptcli.runner.spark.listing import refusal

        raise refusal("--rejects")
    return options.master or d.master


def absolute(name: str) -> str:
    """A file's name, relative to where we are and not to the YAML; an address as it stands."""
    from adoptcli.source.addresses import is_remote

    return name if is_remote(name) else str(Path(name).absolute())


def _preset(name: str) -> str:
    """A preset's name; of a file, relative to where we are and not to the YAML."""
    from adoptcli.config.presets import is_file

    return str(Path(name).expanduser().absolute()) if is_file(name) else name


def with_identities(sources: Sequence[Source], file: str) -> list[Source]:
    """The sources; the first with this map of ids, which holds for all."""
    known = sources[0].identity
    changes: dict[str, object] = {"file": absolute(file)}
    if known.mode == "none":
        changes["mode"] = "map"
    first = sources[0].model_copy(update={"identity": known.model_copy(update=changes)})
    return [first, *sources[1:]]


def segments(by: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Each --by with the names that it crosses."""
    found = [tuple(name.strip() for name in one.split(",")) for one in by]
    for names in found:
        if not all(names) or len(set(names)) < len(names):
            raise UsageProblem(
                "bad-segment", f"--by {','.join(names)}: a name is missing or stands twice",
                "write it as --by plan or --by plan,role",
            )  # fmt: skip
    return tuple(dict.fromkeys(found))


def _day(text: str | None, option: str) -> int | None:
    from adoptcli.timeframe import to_day

    if text is None:
        return None
    try:
        return to_day(date.fromisoformat(text))
    except ValueError:
        raise UsageProblem(
            "bad-date", f"{option} {text}: this is no date", "write it as 2026-09-30"
        ) from None


def _after(day: int | None) -> int | None:
    return None if day is None else day + 1


def _as_of(text: str | None, zone: str) -> int | None:
    """The day that begins at as-of. The only place that reads the clock, and only when asked."""
    from zoneinfo import ZoneInfo

    from adoptcli.timeframe import to_day

    if text not in ("today", "yesterday"):
        return _day(text, "--as-of")
    today = datetime.now(UTC).astimezone(ZoneInfo(zone)).date()
    return to_day(today - timedelta(days=int(text == "yesterday")))


def choose(only: Sequence[str], skip: Sequence[str]) -> dict[str, Metric]:
    """The metrics asked for, in the order of the report."""
    from adoptcli.metrics import all_metrics

    known = all_metrics()
    only, skip = ([n.strip() for one in names for n in one.split(",")] for names in (only, skip))
    for name in (*only, *skip):
        if name.replace("-", "_") not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise UsageProblem(
                "unknown-metric", f"there is no metric {name!r}",
                f"{hint}there are: {', '.join(known)}",
            )  # fmt: skip
    usual = {name for name, metric in known.items() if not metric.on_request}
    wanted = {n.replace("-", "_") for n in only} or usual
    wanted -= {n.replace("-", "_") for n in skip}
    return {name: metric for name, metric in known.items() if name in wanted}


def make_report(options: Options, metrics: Mapping[str, Metric]) -> Report:
    """Read, count, judge, and say aloud what a person must know."""
    from adoptcli.findings import found_in
    from adoptcli.results import Caveat

    config = load_config(options)
    made = computed(options, config, metrics)
    made = replace(made, targets=judged(options, config.targets, made).judged)
    if apart := _of_other_segments(config.targets, metrics, options):
        text = "targets of segments that the report is not split by (adoptcli check judges them)"
        made = replace(made, caveats=(*made.caveats, Caveat("targets-of-segments", text, apart)))
    if not config.definitions.findings:
        return made
    split = [part for by in options.by for part in ("--by", by)]
    return replace(made, findings=found_in(made, again(options), split))


def _of_other_segments(
    targets: Mapping[str, Target], metrics: Mapping[str, Metric], options: Options
) -> int:
    """How many targets are of segments that are not asked for."""
    from adoptcli.targets import names

    figures = [names.parse(name) for name in targets]
    split = segments(options.by)
    return sum(bool(f.by) and f.by not in split for f in figures if f.metric in metrics)


def judged(options: Options, targets: Mapping[str, Target], report: Report) -> Judgement:
    """What comes of the targets, with the runs that are kept, if they are named."""
    from adoptcli.targets.judge import judge

    last = None
    if options.history is not None and any(t.since_last_run for t in targets.values()):
        from adoptcli.history import last_run

        last = last_run(options.history, report)
    return judge(targets, report.metrics, segments(options.by), last, report.as_of)


def computed(options: Options, config: Config, metrics: Mapping[str, Metric]) -> Report:
    """Read and count."""
    from adoptcli.runner import report

    asked = request(options, config, tuple(metrics))
    prepared, ready = report.read(asked, metrics)
    try:
        tell(prepared, options)
        return report.assemble(prepared, asked, metrics, ready)
    finally:
        prepared.close()


def again(options: Options) -> list[str]:
    """The files and options that another command needs to count the same, but for --by."""
    from adoptcli.source.addresses import shown

    named = (
        ("-c", options.config), ("--preset", options.preset), ("--users", options.users),
        ("--accounts", options.accounts), ("--identities", options.identities),
        ("--unit", None if options.unit == "user" else options.unit),
        ("--period", options.period), ("--since", options.since), ("--until", options.until),
        ("--as-of", options.as_of),
    )  # fmt: skip
    return [*map(shown, options.files), *(str(part) for pair in named if pair[1] for part in pair)]


def tell(prepared: Prepared, options: Options) -> None:
    """The guesses, and the rows that were asked for."""
    for note in prepared.canonical.notes:
        options.console.note(note)
    if (buckets := prepared.plan.layout.buckets) > 1:
        options.console.detail(f"memory: the actors are parted into {buckets:,} buckets")
    if options.rejects:
        from adoptcli.render import csv_, files

        rejected = prepared.canonical.rejects()
        files.write(options.rejects, csv_.of_rows(rejected))
        options.console.note(f"{rejected.height:,} rows that cannot be used: {options.rejects}")


def check_output(options: Options, formats: Container[str] = FORMATS) -> None:
    """Complain about the output before anything is read."""
    if options.format is not None and options.format not in formats:
        raise UsageProblem(
            "format-not-of-lists", f"a list of people cannot be written as {options.format}",
            f"there are: {', '.join(LISTS)}",
        )  # fmt: skip
    if kind(options, formats) == "html":
        from adoptcli.render import html

        html.require()
    if options.output is None or options.output == "-":
        return
    if is_folder(options.output) and options.format not in (None, "csv"):
        raise UsageProblem(
            "folder-is-csv", "a folder gets CSV files", "leave --format out, or name a file"
        )
    check_ending(options, formats)


def check_ending(options: Options, formats: Container[str]) -> None:
    """Raise UsageProblem where a name's ending says nothing: no table by surprise."""
    output, end = options.output or "-", Path(options.output or "-").suffix
    plain = not end or options.format is not None or is_folder(output)
    if not plain and not output.startswith("/dev/") and by_extension(output, formats) is None:
        known = endings(formats)
        near = get_close_matches(end.lower(), known, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageProblem(
            "unknown-ending", f"{output}: no format ends in {end}",
            f"{hint}name the format with --format, or end the file in {', '.join(known)}",
        )  # fmt: skip


def is_folder(output: str) -> bool:
    """Whether a name stands for a folder."""
    return output.endswith(("/", os.sep)) or Path(output).is_dir()


def deliver(report: Report, options: Options, *, full: bool) -> None:
    """Write the report where it was asked for, and keep it if that was asked for."""
    _write(report, options, full=full)
    keep(report, options)


def _write(report: Report, options: Options, *, full: bool) -> None:
    from adoptcli.render import files

    output = options.output
    if output not in (None, "-") and is_folder(output):
        from adoptcli.render import csv_

        files.write_folder(Path(output), csv_.files(report))
        options.console.note(f"wrote {output}")
        return
    name = kind(options, FORMATS)
    text = _text(report, name, options, full=full, terminal=output in (None, "-"))
    put(text, options, exact=name != "table")


def keep(report: Report, options: Options) -> None:
    """Add the report to the runs that are kept."""
    if options.history is None:
        return
    from adoptcli import history

    options.console.note(f"kept {history.save(options.history, report)}")


def deliver_table(table: Table, options: Options) -> None:
    """Write one table where it was asked for."""
    from adoptcli.render import single

    seen = screen(terminal=options.output in (None, "-"))
    name = kind(options)
    put(single.render(table, name, **asdict(seen)), options, exact=name != "table")


def kind(options: Options, formats: Container[str] = LISTS) -> str:
    """The format asked for, else the one that the output's name says, else a table."""
    named = None if options.output in (None, "-") else by_extension(options.output, formats)
    return options.format or named or "table"


def put(text: str, options: Options, *, exact: bool = False) -> None:
    """Write a text where it was asked for; what programs read is `exact`, in UTF-8."""
    if options.output is None or options.output == "-":
        payload(text, exact=exact)
        return
    from adoptcli.render import files

    files.write(Path(options.output), text)
    options.console.note(f"wrote {options.output}")


def refuse(what: str, refused: tuple[str, str] | None) -> None:
    """Raise UsageProblem where something cannot be computed: its status, and why."""
    if refused:
        status, reason = refused
        raise UsageProblem(status.replace("_", "-"), what, reason)


def _text(report: Report, name: str, options: Options, *, full: bool, terminal: bool) -> str:
    if name == "csv":
        return _csv(report, full=full)
    if name == "markdown":
        from adoptcli.render import markdown

        return markdown.render(report, full=options.details or full)
    if name != "table":
        made: str = import_module(f"adoptcli.render.{FORMATS[name][0]}").render(report)
        return made
    from adoptcli.render import table

    seen = screen(terminal=terminal)
    full = options.details or full or seen.width is None
    return table.render(
        report, full=full, width=seen.width, color=seen.color, unicode=seen.unicode,
        charts=options.charts,
    )  # fmt: skip


@dataclass(frozen=True)
class Screen:
    """What can be shown: columns (None: a pipe), colour, more than ASCII."""

    width: int | None
    color: bool
    unicode: bool


def screen(*, terminal: bool) -> Screen:
    """What stdout can show; a file, if `terminal` is false, can hold everything."""
    if not terminal:
        return Screen(None, color=False, unicode=True)
    on = on_terminal()
    width = shutil.get_terminal_size().columns if on else None
    return Screen(width, color=on and _color(), unicode=_unicode())


def _csv(report: Report, *, full: bool) -> str:
    """The tidy table; of a single metric its main table."""
    from adoptcli.render import csv_

    if full and len(report.metrics) == 1 and report.metrics[0].result.tables:
        return csv_.render_table(report.metrics[0].result.tables[0])
    return csv_.render(report)


def _color() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _unicode() -> bool:
    try:
        "–÷×▁█".encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
