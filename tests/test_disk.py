"""A disk on which no more can be written: the old file stays, and a message says so."""

from __future__ import annotations

import gzip
import json
import os
import resource
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.test_bad_input import GOOD

Cli = Callable[..., Any]
CELL = "daily[period=2026-01-02].dau"
WRITING = {
    "report": ("report", "e.csv", "--only", "usage", "-o", "out/all.json"),
    "html": ("report", "e.csv", "--only", "usage", "-o", "out/all.html"),
    "tables": ("report", "e.csv", "--only", "usage", "-o", "out/"),
    "history": ("report", "e.csv", "--only", "usage", "--history", "out"),
    "rejects": ("usage", "e.csv", "-o", "other.json", "--rejects", "out/bad.csv"),
    "metric": ("usage", "e.csv", "-o", "out/usage.md"),
    "who": ("active-users", "e.csv", "--who", CELL, "-o", "out/who.csv"),
    "audience": ("audience", "seen", "e.csv", "-o", "out/list.csv"),
    "check": ("check", "e.csv", "-o", "out/check.xml", "-f", "junit"),
    "validate": ("validate", "e.csv", "-o", "out/found.json"),
    "compare": ("compare", "usage", "e.csv", "--periods", "2026-01-05,2026-01-12",
                "--period", "week", "-o", "out/compare.csv"),
    "init": ("init", "e.csv", "-o", "out/metrics.yaml"),
}  # fmt: skip
YAML = {
    "targets": {"active_users": ">= 0"}, "max_rejected": 0.5, "signup": "e1",
    "audiences": {"seen": {"last_seen": {"after": "900d"}}},
}  # fmt: skip


@contextmanager
def full(most: int = 0) -> Iterator[None]:
    """No file may become longer than a few bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def held(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("name", WRITING)
def test_what_was_written_before_stays(name: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text(GOOD + "u,e,nonsense\n")
    (tmp_path / "metrics.yaml").write_text(json.dumps(YAML))
    out, command = tmp_path / "out", [*WRITING[name], *(["-q"] * (name != "validate"))]
    assert cli(*command).code in (0, 3)  # 3: a target that nobody can judge
    before = held(out)
    assert before
    if name == "init":  # which writes over nothing
        (out / "metrics.yaml").unlink()
        before = {}
    (tmp_path / "e.csv").write_text(GOOD)
    with full():
        done = cli(*command)
    assert done.code == 74, done.err
    assert "cannot be written: File too large" in done.err
    assert "has space left" in done.err
    assert held(out) == before


@pytest.mark.parametrize("name", ["e.json", "e.json.gz", "e.zip", "shards"])
def test_temporary_copies_that_do_not_fit(name: str, cli: Cli, tmp_path: Path) -> None:
    rows = [dict(zip(("user_id", "event", "timestamp"), line.split(","), strict=True))
            for line in GOOD.splitlines()[1:]]  # fmt: skip
    text = json.dumps(rows).encode()
    path = tmp_path / name.replace("shards", "e.csv")
    path.write_bytes(GOOD.encode() if name == "shards" else text)
    if name == "e.json.gz":
        path.write_bytes(gzip.compress(text))
    if name == "e.zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("e.csv", GOOD)
    with full(100):
        done = cli("usage", path.name, "-q", *(["--shards", "3"] * (name == "shards")))
    assert (done.code, done.out) == (74, ""), done.err
    assert "--tmp" in done.err


def test_who_may_read_it_stays_as_it_was(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text(GOOD)
    run = ("active-users", "e.csv", "--who", CELL, "-q", "-o", "who.csv")
    cli(*run)
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "who.csv").stat().st_mode & 0o777 == 0o666 & ~mask
    (tmp_path / "who.csv").chmod(0o600)
    (tmp_path / "kept").mkdir()
    (tmp_path / "who.csv").rename(tmp_path / "kept" / "who.csv")
    (tmp_path / "who.csv").symlink_to("kept/who.csv")
    cli(*run)
    assert (tmp_path / "who.csv").is_symlink()
    assert (tmp_path / "kept" / "who.csv").stat().st_mode & 0o777 == 0o600


def test_a_folder_in_the_place_of_a_table_stops_all_of_them(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text(GOOD)
    cli("usage", "e.csv", "-q", "-o", "other/")
    name = max(held(tmp_path / "other"))
    (tmp_path / "out" / name).mkdir(parents=True)
    done = cli("usage", "e.csv", "-q", "-o", "out/")
    assert (done.code, "this is a folder" in done.err) == (74, True)
    assert held(tmp_path / "out") == {}
