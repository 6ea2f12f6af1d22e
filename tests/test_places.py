"""Places where nothing can be read, or that are no files: told, not left out nor waited for."""

from __future__ import annotations

import gzip
import json
import os
import socket
import stat
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from adoptcli.errors import DataProblem
from adoptcli.source import bombs, copies, walk
from adoptcli.source.expand import Search, expand
from adoptcli.source.files import checked
from tests.test_bad_input import GOOD, refused

Cli = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "export"
    found.mkdir()
    (found / "a.csv").write_text(GOOD)
    return found


@contextmanager
def nobody() -> Iterator[None]:
    """Be somebody who may not read everything; root may."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(was)


def test_what_may_not_be_read_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = folder / "b"
    closed.mkdir()
    (closed / "b.csv").write_text(GOOD)
    closed.chmod(0)
    monkeypatch.chdir(folder)  # whoever is there need not be allowed into what is above
    folder.chmod(0o755)
    expand([str(folder / "a.csv")], Search())
    with nobody():
        for asked in (".", "b", "b/b.csv", "*/b.csv", "**/*.csv"):
            with pytest.raises(DataProblem, match=r"b.*: cannot be read: Permission denied"):
                expand([asked], Search())
    closed.chmod(0o755)


def test_a_link_that_leads_nowhere_is_told(folder: Path, cli: Cli) -> None:
    link = folder / "b.csv"
    link.symlink_to("gone.csv")
    for asked in ("export", "export/*.csv"):
        refused(cli("usage", asked, "-q"), 3, "export/b.csv: it is not there, or a link")
    refused(cli("usage", "export/b.csv", "-q"), 3, "export/b.csv: it is not there, or a link")
    link.rename(folder / ".b.csv")
    assert cli("usage", "export", "-q").code == 0


def test_a_folder_that_goes_meanwhile_is_told(
    folder: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "b").mkdir()
    monkeypatch.setattr(os, "scandir", _without(folder / "b", os.scandir))
    refused(cli("usage", "export", "-q"), 3, "export/b: it is not there")


def _without(gone: Path, scan: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def scanned(path: Any) -> Any:
        if Path(path).absolute() == gone and gone.exists():
            gone.rmdir()
        return scan(path)

    return scanned


def test_what_is_no_file_is_skipped_aloud(folder: Path, cli: Cli) -> None:
    os.mkfifo(folder / "pipe.csv")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(folder / "s.csv"))
    (folder / "more").symlink_to("/usr")
    done = cli("usage", "export", "-f", "json")
    assert json.loads(done.out)["source"]["rows"] == 200
    assert "skipped: export/pipe.csv, a pipe" in done.err
    assert "skipped: export/s.csv, a socket" in done.err
    assert "more, a link to a folder" in done.err
    for name, what in (("export/s.csv", "a socket"), ("/dev/zero", "a device")):
        refused(cli("usage", name, "-q"), 3, f"{name}: this is {what}, not a file")


def test_a_pipe_that_has_no_writer_is_not_waited_for(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "PATIENCE", 0.1)
    os.mkfifo(tmp_path / "pipe")
    refused(cli("usage", "pipe", "-q"), 3, "pipe: nobody writes into this pipe")


def test_what_is_written_into_a_pipe_counts(tmp_path: Path, cli: Cli) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "good.csv").write_text(GOOD)
    with subprocess.Popen(["sh", "-c", f"exec > {pipe}; sleep 0.2; cat good.csv"], cwd=tmp_path):
        done = cli("usage", "pipe", "-q", "-f", "json")
    assert json.loads(done.out)["source"]["rows"] == 200
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_an_archive_that_would_fill_the_disk_is_refused(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bombs, "LARGE", 1_000_000)
    (tmp_path / "tmp").mkdir()
    text = GOOD.encode() + b"a" * 3_000_000
    (tmp_path / "e.csv.gz").write_bytes(gzip.compress(text))
    with zipfile.ZipFile(tmp_path / "e.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("e.csv", text)
        archive.writestr("../../out.csv", GOOD)
    for name in ("e.csv.gz", "e.zip"):
        refused(cli("usage", name, "-q", "--tmp", "tmp"), 3, name, "which no log does", "unpack")
    assert not [*(tmp_path / "tmp").rglob("*.csv")]
    pl.DataFrame({"user_id": ["u"] * 10**5}).write_csv(tmp_path / "e.csv.zst", compression="zstd")
    assert bombs.told(tmp_path / "e.csv.zst") in (0, 200_008)


def test_an_archive_whose_sizes_lie_is_broken(tmp_path: Path, cli: Cli) -> None:
    with zipfile.ZipFile(tmp_path / "e.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("e.csv", GOOD)
    data, size = (tmp_path / "e.zip").read_bytes(), len(GOOD).to_bytes(4, "little")
    for lie in (100, 2**31):
        (tmp_path / "e.zip").write_bytes(data.replace(size, lie.to_bytes(4, "little")))
        refused(cli("usage", "e.zip", "-q"), 3, "e.zip")


def test_the_size_that_a_frame_tells() -> None:
    magic = b"\x28\xb5\x2f\xfd"
    for header, size in (
        (b"\x20\x07", 7), (b"\x60\x01\x00", 257), (b"\xa0\x00\x00\x01\x00", 65_536),
        (b"\x82\x00\x09\x09\x05\x00\x00\x00", 5), (b"\xc0\x00" + (2**40).to_bytes(8, "little"),
                                                   2**40), (b"\x00\x00", 0),
    ):  # fmt: skip
        assert bombs._of_frame((magic + header).ljust(18, b"\0")) == size


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataProblem, match="it is not there"):
        checked(str(tmp_path / "none.csv"), "none.csv", None)
    assert walk.size_of(tmp_path / "_none", "_none", []) is None
