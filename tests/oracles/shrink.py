"""A log that shows a difference, made as small as it can be, as a case for tests/cases/."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from tests.logs import COLUMNS, Log, random_log
from tests.oracles.judge import KEYS, Difference, differences

EMPTY = '""'  # as cases write a value that is not there
Shows = Callable[[Log], bool]


def cases(seed: int, metrics: Sequence[str] = (), *, sql: int = 1, times: int = 1) -> list[str]:
    """The first difference of a random log as a case with a log made small; others by name.

    Args:
        seed: Of the log.
        metrics: Those to look at; all of them without any.
        sql: Each how many-th seed is looked at in SQL, too.
        times: As many people and events as usual.
    """
    log, made = random_log(seed, times), []
    called = f"{seed}" if times == 1 else f"{seed}, {times} times"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            told = [*differences(log, folder, metrics, sql=seed % sql == 0)]
            made += [f"# {called}: {one}\n" for one in told]
            if told:
                small, there = shrunk(log, told[0], folder)
                made.append(case(small, there, f"seed {called}: {there}"))
        except Exception:
            lines = [f"seed {called}: an oracle fails", *traceback.format_exc().splitlines()]
            made.append("".join(f"# {line}\n" for line in lines))
    return made


def shrunk(log: Log, wanted: Difference, folder: Path) -> tuple[Log, Difference]:
    """The smallest log found that has the same difference, and the difference as it is there."""

    def find(smaller: Log) -> Difference | None:
        only = [] if wanted.metric == "report" else [wanted.metric]
        try:
            told = [*differences(smaller, folder, only, sql=wanted.oracle == "sql")]
        except Exception:  # an oracle that cannot do without what was taken away
            return None
        return next((d for d in told if d.kind == wanted.kind), None)

    for option in ("by", "since", "until"):
        if find(smaller := replace(log, **{option: ""})):
            log = smaller
    before = None
    while before != _size(log):
        before = _size(log)
        for part in (_fewer_events, _fewer_lines, _less_config, _emptier_events, _fewer_people):
            log = part(log, lambda smaller: find(smaller) is not None)
    return log, find(log) or wanted


def _size(log: Log) -> tuple[int, int]:
    cells = sum(len(str(v)) for row in log.events for v in row)
    return cells, len(log.users) + len(log.accounts) + len(str(log.config))


def _fewer(items: Sequence[Any], shows: Callable[[list[Any]], bool]) -> list[Any]:
    """As few of the items as will do, taken away by halves, quarters and so on, then singly."""
    kept = [*items]
    size = max(len(kept) // 2, 1)
    while size:
        at = 0
        while at < len(kept):
            rest = kept[:at] + kept[at + size :]
            if shows(rest):
                kept = rest
            else:
                at += size
        size //= 2
    return kept


def _fewer_events(log: Log, shows: Shows) -> Log:
    return replace(log, events=_fewer(log.events, lambda rows: shows(replace(log, events=rows))))


def _fewer_lines(log: Log, shows: Shows) -> Log:
    """Fewer rows of both tables."""
    for table in ("users", "accounts"):
        head, *lines = getattr(log, table).splitlines()

        def with_(some: list[str], log: Log = log, table: str = table, head: str = head) -> Log:
            return replace(log, **{table: "\n".join([head, *some]) + "\n"})

        log = with_(_fewer(lines, lambda some, w=with_: bool(some) and shows(w(some))))
    return log


def _less_config(log: Log, shows: Shows) -> Log:
    """Without sections, options and items of lists, from the outside in."""
    for path in [*_paths(log.config)]:
        smaller = _without(log.config, path)
        if smaller is not None and shows(replace(log, config=smaller)):
            log = replace(log, config=smaller)
    return log


def _paths(part: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = part.items() if isinstance(part, dict) else enumerate(part)
    listed = [*items][::-1] if isinstance(part, list) else [*items]
    for key, value in listed:
        yield (*at, key)
        if isinstance(value, dict | list):
            yield from _paths(value, (*at, key))


def _without(config: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any] | None:
    """The config without one part; None where that is gone already."""
    whole = deepcopy(config)
    part: Any = whole
    try:
        for key in path[:-1]:
            part = part[key]
        del part[path[-1]]
        if not part:  # what is empty may mean something else than what is not there
            return None
    except (KeyError, IndexError, TypeError):
        return None
    return whole


def _emptier_events(log: Log, shows: Shows) -> Log:
    """Without values that do not matter: a whole column at once where that will do."""
    for column in range(3, len(COLUMNS)):
        every = range(len(log.events))
        held = [i for i in every if log.events[i][column]]

        def holding(rows: list[int], log: Log = log, column: int = column) -> Log:
            events = [
                row if i in rows else (*row[:column], "", *row[column + 1 :])
                for i, row in enumerate(log.events)
            ]
            return replace(log, events=events)

        if held and shows(holding([])):
            log = holding([])
        elif held:
            log = holding(_fewer(held, lambda rows, h=holding: shows(h(rows))))
    return log


def _fewer_people(log: Log, shows: Shows) -> Log:
    """Everything by one person where that will do, else by as few as will."""
    names = sorted({row[0] for row in log.events})
    for name in names[1:]:
        events = [(names[0] if row[0] == name else row[0], *row[1:]) for row in log.events]
        if shows(smaller := replace(log, events=events)):
            log = smaller
    return log


def case(log: Log, difference: Difference, name: str) -> str:
    """The log and what the oracle says of it, in the form of tests/cases/."""
    used = [0, 1, 2, *(i for i in range(3, len(COLUMNS)) if any(r[i] for r in log.events))]
    rows = [" ".join(str(row[i]) or EMPTY for i in used) for row in log.events]
    made: dict[str, Any] = {"name": name, "as_of": log.as_of}
    if len(used) > 3:
        made["columns"] = " ".join(COLUMNS[i] for i in used)
    options = ["--unit account"] if log.unit == "account" else []
    if options := [*options, *([f"--by {log.by}"] if log.by else []), *log.days]:
        made["options"] = " ".join(options)
    made |= {"config": log.config, "events": "\n".join(rows) + "\n"}
    for table in ("users", "accounts"):
        if table in log.config:
            made[table] = getattr(log, table)
    if not difference.column and not log.by:
        made["exactly"] = True
    made["expect"] = {difference.table: [_expected(row, difference) for row in difference.rows]}
    return str(yaml.dump([made], Dumper=_Blocks, sort_keys=False, allow_unicode=True, width=100))


def _expected(row: dict[str, Any], difference: Difference) -> dict[str, Any]:
    """The keys of a row, and the number that differs; of a row too many or too few all."""
    names = [k for k in row if k in KEYS or difference.column in ("", k)]
    of = {"segment": difference.segment} if difference.segment else {}
    return of | {k: _plain(row[k]) for k in names}


def _plain(value: Any) -> Any:
    return f"{value[0]:g}/{value[1]:g}" if isinstance(value, tuple) else value


class _Blocks(yaml.SafeDumper):
    """Several lines as a block, mappings of one level in one line."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Blocks.add_representer(str, _text)
_Blocks.ignore_aliases = lambda self, data: True  # type: ignore[method-assign,assignment]
