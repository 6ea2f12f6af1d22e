"""`--who CELL`: the ids behind a cell, from the very rows that were counted."""

from __future__ import annotations

import csv
import io
import json

from adoptcli.cli import common, lists


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
    common.put(_text(ids, common.kind(options), options.unit), options, exact=True)


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
