"""Files that change while they are read: the numbers of one moment or a message, no mixture."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from adoptcli import progress
from adoptcli.source.files import checked
from adoptcli.source.steady import changed

Cli = Callable[..., Any]
ROWS = [
    {"user_id": f"u{i % 7}", "event": "e", "timestamp": f"2026-01-{1 + i % 28:02d}T10:00:00Z"}
    for i in range(200)
]
FRAME = pl.DataFrame(ROWS)
WRITERS: dict[str, Callable[[Path], Any]] = {
    "events.csv": FRAME.write_csv, "events.ndjson": FRAME.write_ndjson,
    "events.parquet": FRAME.write_parquet,
}  # fmt: skip


@pytest.fixture
def while_read(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Have something done once, after the first look and before the rows are read."""

    def at(change: Callable[[], object]) -> None:
        due = [change]

        def step(name: str, rows: int | None = None) -> None:
            if name == progress.READING and due:
                due.pop()()

        monkeypatch.setattr(progress, "step", step)

    return at


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 2 // 3)


def replaced(path: Path) -> None:
    other = path.with_suffix(".new")
    other.write_bytes(path.read_bytes() * 2)
    other.replace(path)


def written_again(path: Path) -> None:
    """In place, and longer."""
    path.write_bytes(b"\n" + path.read_bytes() * 2)


CHANGES = [cut, replaced, written_again, Path.unlink]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("name", WRITERS)
def test_a_changed_file_is_told(
    name: str, change: Callable[[Path], None], cli: Cli, tmp_path: Path, while_read: Any
) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    while_read(lambda: change(path))
    done = cli("usage", name, "-q", "-f", "json", "-o", "out.json")
    assert done.code == 3, done.err
    assert f"{name}: it changed while it was read" in done.err
    assert "→" in done.err
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("shards", ["1", "3"])
@pytest.mark.parametrize("name", ["events.csv", "events.ndjson"])
def test_of_a_log_that_grows_what_was_there_counts(
    name: str, shards: str, cli: Cli, tmp_path: Path, while_read: Any
) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    before = json.loads(cli("usage", name, "-f", "json", "-q").out)
    content, torn = path.read_bytes(), b"u1,e" if name == "events.csv" else b""
    path.write_bytes(content + torn)  # the last line is not yet whole
    while_read(lambda: path.write_bytes(content + torn + b"\n" + content * 9))
    done = cli("usage", name, "-f", "json", "--shards", shards)
    assert done.code == 0, done.err
    assert f"{name}, to which is being written" in done.err
    found = json.loads(done.out)
    assert found["metrics"] == before["metrics"]
    assert found["source"] == before["source"]
    assert "being-written" in {caveat["code"] for caveat in found["caveats"]}


def test_a_table_that_changes_is_told(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from adoptcli.source import tables

    FRAME.write_csv(tmp_path / "events.csv")
    users = tmp_path / "users.csv"
    users.write_text("id,plan\nu1,pro\nu2,free\n")
    scans = tables.scans
    monkeypatch.setattr(tables, "scans", lambda *some: (cut(users), scans(*some))[1])
    done = cli("usage", "events.csv", "--users", "users.csv", "--by", "plan", "-q")
    assert done.code == 3
    assert "users.csv: it changed while it was read" in done.err


def test_what_only_looks_new_has_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    FRAME.write_csv(path)
    file = checked(str(path), "e.csv", None)
    path.chmod(0o600)
    os.link(path, tmp_path / "kept.csv")  # a backup
    assert changed([file]) is None
    os.utime(path, ns=(0, 0))
    assert changed([file]) is not None


CUT_WHILE_READ = """
import os, sys
import polars as pl
from adoptcli.source.ndjson import scan
path = sys.argv[1]
lazy = scan([path], {"a": pl.String()}, sys.argv[2], None)
batches = lazy.collect_batches(chunk_size=1000, maintain_order=True)
next(iter(batches))
os.truncate(path, 100)
try:
    for _ in batches:
        pass
except (pl.exceptions.PolarsError, OSError):
    sys.exit(42)
"""


@pytest.mark.parametrize("way", ["objects", "lines"])
def test_a_file_cut_off_while_it_is_read_ends_no_process(way: str, tmp_path: Path) -> None:
    """It would, by a signal, if it were mapped into memory."""
    path = tmp_path / "e.ndjson"
    path.write_bytes(b'{"a": "%s"}\n' % (b"x" * 1000) * 60_000)
    ran = subprocess.run([sys.executable, "-c", CUT_WHILE_READ, path, way], check=False)
    assert ran.returncode in (0, 42)


@pytest.mark.parametrize("name", ["a b.csv", "e[1].ndjson", "e*.csv", "50%20#?.ndjson", "é.csv"])
def test_a_name_is_no_pattern(name: str, cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "all[0-9]"
    folder.mkdir()
    WRITERS["events" + Path(name).suffix](folder / name)
    (folder / ("e1" + Path(name).suffix)).write_bytes(b"")  # which a pattern would find
    done = cli("usage", f"all[0-9]/{name}", "-f", "json")
    assert json.loads(done.out)["source"]["rows"] == 200
    with (folder / name).open("a") as events:
        events.write('{"user_id": "u"}\n' if name.endswith("ndjson") else "u,,\n")
    cli("usage", f"all[0-9]/{name}", "-q", "--rejects", "bad.csv")
    assert pl.read_csv(tmp_path / "bad.csv")["file"].to_list() == [f"all[0-9]/{name}"]
