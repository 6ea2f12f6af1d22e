"""`--who CELL`: the ids behind a cell, from the very rows that were counted."""

from __future__ import annotations

import csv
import io
import json

from adoptcli.cli import common, lists
from adoptcli.cli.console import on_terminal


def people(name: str, cell: str, options: common.Options) -> None:
    """List the ids behind one cell of a metric."""
    from adoptcli.runner import report
    from adoptcli.runner.who import find

    lists.check_output(options)
    config = common.load_config(options)
    metrics = common.choose([name], ())
    asked = common.request(options, config, tuple(metrics))
    what = f"{name} cannot be computed"
    common.refuse(what, report.refusal(metrics[name], asked))
    prepared, _ = report.read(asked, metrics)
    try:
        common.refuse(what, report.refusal(metrics[name], asked, prepared))
        common.tell(prepared, options)
        ids = find(prepared.plan, metrics[name], cell)
    finally:
        prepared.close()
    options.console.note(f"{len(ids):,} {options.unit}s")
    terminal = options.output in (None, "-") and on_terminal()
    text = _text(ids, common.kind(options), options.unit, terminal=terminal)
    common.put(text, options, exact=True)


def _text(ids: list[str], kind: str, unit: str, *, terminal: bool) -> str:
    from adoptcli.render.csv_ import guarded
    from adoptcli.render.text import safe

    if kind == "json":
        return json.dumps(ids, ensure_ascii=False, indent=2) + "\n"
    if kind == "table":
        seen = [*map(safe, ids)] if terminal else ids
        return "".join(f"{i}\n" for i in seen)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([unit])
    writer.writerows([guarded(i)] for i in ids)
    return stream.getvalue()
