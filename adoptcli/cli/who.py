"""`--who CELL`: the ids behind a cell, from the very rows that were counted."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from adoptcli.cli import common
from adoptcli.cli.console import payload


def people(name: str, cell: str, options: common.Options) -> None:
    """List the ids behind one cell of a metric."""
    from adoptcli.runner import report
    from adoptcli.runner.who import find

    config = common.load_config(options)
    metrics = common.choose([name], ())
    asked = common.request(options, config, tuple(metrics))
    ready = report.ready(asked, metrics)
    _refuse(name, report.refusal(metrics[name], asked))
    prepared = report.prepare(report.narrowed(asked, ready))
    try:
        _refuse(name, report.refusal(metrics[name], asked, prepared))
        common.tell(prepared, options)
        ids = find(prepared.plan, metrics[name], cell)
    finally:
        prepared.close()
    options.console.note(f"{len(ids):,} {options.unit}s")
    _deliver(ids, options)


def _refuse(name: str, refused: tuple[str, str] | None) -> None:
    from adoptcli.errors import UsageProblem

    if refused:
        status, reason = refused
        raise UsageProblem(status.replace("_", "-"), f"{name} cannot be computed", reason)


def _deliver(ids: list[str], options: common.Options) -> None:
    from adoptcli.render import by_extension, files

    output = None if options.output == "-" else options.output
    kind = options.format or (by_extension(output) if output else None) or "table"
    text = _text(ids, kind, options.unit)
    if output is None:
        payload(text)
        return
    files.write(Path(output), text)
    options.console.note(f"wrote {output}")


def _text(ids: list[str], kind: str, unit: str) -> str:
    if kind == "json":
        return json.dumps(ids, ensure_ascii=False, indent=2) + "\n"
    if kind == "table":
        return "".join(f"{i}\n" for i in ids)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([unit])
    writer.writerows([i] for i in ids)
    return stream.getvalue()
