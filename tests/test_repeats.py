"""Of several deliveries of an event one is chosen, and only then judged whether it counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from adoptcli.config import presets
from adoptcli.source import paths
from adoptcli.source.preset import Preset

Cli = Callable[..., Any]
Row = dict[str, Any]

BAD: dict[str, Row] = {
    "where": {"test": "yes"}, "ignore": {"event": "noise"}, "event": {"event": "internal"},
    "account": {"account": "ours"}, "unreadable": {"time": "soon"}, "none": {"event": None},
    "stray": {"time": "1999-01-01T10:00:00Z"}, "late": {"time": "2026-01-12T10:00:00Z"},
    "tie": {"test": "yes"}, "weight": {"n": 0},
}  # fmt: skip
"""What makes a delivery one that does not count; those of each kind are of a day of their own."""
PATTERNS = {"good bad": 1, "bad good": 2, "good good": 4, "bad bad": 8}
"""Older and newer delivery, and so many events of each."""
RULES = {
    "where": {"test": "no"}, "ignore": ["noise"],
    "columns": {"user": "user", "event": "event", "timestamp": "time", "account": "account"},
}  # fmt: skip


def deliveries() -> Iterator[Row]:
    for day, (kind, bad) in enumerate(BAD.items(), 1):
        for pattern, many in PATTERNS.items():
            for i in range(many):
                for age, which in enumerate(pattern.split()):
                    later = 0 if kind == "tie" else age
                    yield {
                        "user": f"{kind} {pattern} {i}", "event": "opened", "id": f"{kind}{i}",
                        "time": f"2026-01-{day:02d}T10:0{later}:00Z", "got": 999 + later,
                        "test": "no", "account": "theirs", "n": 1, **(bad if which == "bad" else {})
                    }  # fmt: skip


def counted(cli: Cli, source: Mapping[str, Any], *options: str) -> tuple[Row, dict[str, int]]:
    """What is said of the source, and the users of each day."""
    config = {
        "source": source, "max_rejected": 1, "findings": False,
        "exclude": {"events": ["internal"], "accounts": ["ours"]},
    }  # fmt: skip
    Path("metrics.yaml").write_text(yaml.safe_dump(config))
    done = cli("active-users", "e.ndjson", "-f", "json", "--as-of", "2026-01-12", *options)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    rows = found["metrics"]["active_users"]["tables"]["daily"]
    return found["source"], {row["period"]: row["dau"] for row in rows}


@pytest.mark.parametrize("more", [{}, {"weight": "n"}])
@pytest.mark.parametrize(
    ("keep", "first", "late"),
    [({"newest": "got"}, 2, 6), ({"earliest": "got"}, 1, 5), (None, 1, 7)],
)
def test_the_delivery_that_counts_is_chosen_before_it_is_judged(
    keep: Row | None, first: int, late: int, more: Row, cli: Cli
) -> None:
    """So many users count where the older (1) or the newer (2) alone does, and where both do (4).

    A delivery that cannot be used or has a stray time is none, so that the other counts; where two
    are equal in time, one that counts does. Without `keep` the earlier event counts.
    """
    Path("e.ndjson").write_text("".join(json.dumps(row) + "\n" for row in deliveries()))
    source = {**RULES, "dedupe": {"key": ["id"], "keep": keep}, **more}
    said, daily = counted(cli, source, *(["--shards", "3"] if more else []))
    usable = {"unreadable", "none", "stray", "tie"}
    expected = {kind: 7 if kind in usable else 4 + first for kind in BAD}
    expected |= {"late": late} | ({} if more else {"weight": 15})
    assert {kind: daily[f"2026-01-{day:02d}"] for day, kind in enumerate(BAD, 1)} == expected
    out = said["excluded"] + said["anonymous"] + sum(said["set_aside"].values())
    assert said["events"] == sum(expected.values())
    assert said["rows"] == out + said["duplicates"] + said["events"] == 300
    assert said["excluded"] == 5 * 19  # each of those that are bad


@pytest.mark.parametrize("shards", ["1", "2", "3"])
def test_accounts_are_judged_after_it_is_chosen(shards: str, cli: Cli) -> None:
    """Where actors are accounts, the newer delivery without one takes the older with it.

    The same wherever an account's rows are.
    """
    row = {"user": "a", "event": "x", "time": "2026-01-01T10:00:00Z", "id": "1", "test": "no"}
    rows = [
        {**row, "account": "p", "got": 1}, {**row, "account": None, "got": 2},
        {**row, "id": "2", "account": "q", "got": 1}, {**row, "id": "2", "account": "r", "got": 2},
    ]  # fmt: skip
    Path("e.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = {**RULES, "dedupe": {"key": ["id"], "keep": {"newest": "got"}}}
    said, daily = counted(cli, source, "--unit", "account", "--shards", shards)
    assert (said["events"], said["duplicates"], daily["2026-01-01"]) == (1, 2, 1)


def test_a_row_that_stands_for_fewer_events_than_before(cli: Cli) -> None:
    """What was delivered last counts whole, equal copies once, nothing where its weight is none."""
    row = {"user": "a", "event": "x", "time": "2026-01-01T10:00:00Z", "test": "no", "account": "p"}
    sent = {"1": [(5, 1), (3, 2)], "2": [(2, 1), (2, 1)], "3": [(4, 1), (0, 2)], "4": [(1, 1)]}
    rows = [{**row, "id": i, "n": n, "got": got} for i, some in sent.items() for n, got in some]
    Path("e.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = {**RULES, "weight": "n", "dedupe": {"key": ["id"], "keep": {"newest": "got"}}}
    said, _ = counted(cli, source)
    assert (said["events"], said["duplicates"]) == (3 + 2 + 0 + 1, 5 + 2 + 4)
    assert said["set_aside"] == {"no-weight": 1}
    Path("e.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows[-2:]))
    said, _ = counted(cli, source)
    assert (said["rows"], said["events"], said["set_aside"]) == (2, 1, {"no-weight": 1})


KEEPING = [n for n in presets.names() if (d := presets.load(n).source.dedupe) and d.keep]


def put(row: Row, path: str, value: Any) -> None:
    first, *steps = paths.parse(path) or (path,)
    for step in steps:
        row, first = row.setdefault(first, {}), step
    row.setdefault(first, value)


def delivered(preset: Preset, key: int, *, newer: bool, mark: Row) -> Row:
    """A delivery of an event, with no more than the preset reads."""
    source, row = preset.source, dict(mark)
    assert source.dedupe is not None
    assert source.dedupe.keep is not None
    put(row, source.dedupe.keep.newest or source.dedupe.keep.earliest or "",
        "2026-01-10 01:00:00" if newer else "2026-01-09 23:00:00")  # fmt: skip
    for text, value in source.where.items():
        put(row, text, value[0] if isinstance(value, list) else value)
    usual = {"user": "u1", "event": "opened", "timestamp": "2026-01-01 10:00:00"}
    usual |= {"anonymous": "d1"} if source.identity.how == "stitch" else {}
    for ours, value in usual.items():
        for one in getattr(source.columns, ours) or ():
            put(row, one if isinstance(one, str) else next(iter(one)), value)
    for part in source.dedupe.key:
        put(row, part[0] if isinstance(part[0], str) else next(iter(part[0])), f"k{key}")
    if source.weight:
        put(row, source.weight, 1)
    return row


@pytest.mark.parametrize("name", KEEPING)
def test_the_delivery_that_each_preset_keeps(name: str, cli: Cli) -> None:
    """Of one event the newer delivery is marked as to be counted, of two the older is."""
    preset = presets.load(name)
    header = preset.source.header
    mark = header[0] if header else "mark"
    rows = [
        delivered(preset, key, newer=newer, mark={mark: "yes" if newer == (key == 0) else "no"})
        for key in range(3)
        for newer in (True, False)
    ]
    text = "".join(
        ("\t".join(str(row.get(n, "")) for n in header) if header else json.dumps(row)) + "\n"
        for row in rows
    )
    file = Path("e.tsv" if header else "e.ndjson")
    file.write_text(text)
    where = {**preset.source.where, mark: "yes"}
    source: Row = {"preset": name, "where": where}
    source |= {} if preset.source.format or header else {"format": "ndjson"}
    Path("metrics.yaml").write_text(yaml.safe_dump({"source": source}))
    done = cli("active-users", file, "-f", "json", "--as-of", "2026-01-02")
    assert done.code == 0, done.err
    said, keep = json.loads(done.out)["source"], preset.source.dedupe.keep  # type: ignore[union-attr]
    assert (said["rows"], said["excluded"]) == (6, 3)
    assert said["events"] == (1 if keep and keep.newest else 2)


def test_exact_repeats_are_so_without_the_space_around_texts(tmp_path: Path, cli: Cli) -> None:
    """Whatever memory there is: in files ids are trimmed before they are parted."""
    path = tmp_path / "events.csv"
    rows = [f"u{i},used,2026-08-{i % 9 + 1:02}T10:00:00Z\n" for i in range(30)]
    again = [row.replace(",", " ,", 1) for row in rows[:7]]
    path.write_text("user,event,timestamp\n" + "".join([*rows, *again]))
    (yaml_ := tmp_path / "m.yaml").write_text("dedupe: exact")
    command = ("usage", path, "-c", yaml_, "-f", "json", "-q")
    whole = cli(*command)
    assert json.loads(whole.out)["source"]["duplicates"] == 7
    assert cli(*command, "--shards", "3").out == whole.out
