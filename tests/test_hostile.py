"""Names that somebody outside has chosen do nothing, in whatever is written."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from adoptcli.cli import common
from adoptcli.cli.console import Console
from adoptcli.render import FORMATS, csv_, files
from adoptcli.results import Report

Cli = Callable[..., Any]
EVIL = (
    "=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "<script>alert(1)</script>",
    '"onmouseover="alert(1)', "'><img src=x onerror=alert(1)>", "\x1b]0;owned\x07\x1b[31mred",
    "abc\u202edcba\u2066", "../../x", "a/b", "CON", "n" * 300, "{{7*7}}", "![x](http://e.vil/)",
)  # fmt: skip
FORMULA, NUMBER = re.compile(r"[=+\-@\t\r]"), re.compile(r"[+-]?\d+(\.\d+)?")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of such users, events, accounts and plans, and definitions with such names."""
    folder = tmp_path_factory.mktemp("hostile")
    stream = io.StringIO()
    lines = csv.writer(stream, lineterminator="\n")
    lines.writerow(("user", "event", "timestamp", "account", "plan"))
    for day in range(1, 5):
        for i, name in enumerate(EVIL):
            event = EVIL[(i + day) % len(EVIL)]
            lines.writerow((name, event, f"2026-01-{day:02d}T10:00:00Z", name, EVIL[i % 3 * 4]))
    (folder / "e.csv").write_text(stream.getvalue())
    config = {
        "signup": EVIL[0], "features": {name: [name] for name in EVIL[4:14]},
        "funnel": {EVIL[0]: {"steps": [*EVIL[1:5]]}, "../../x": {"steps": [*EVIL[:3]]}},
    }  # fmt: skip
    (folder / "m.yaml").write_text(yaml.safe_dump(config))
    return folder


def of(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    monkeypatch.chdir(folder)
    done = cli(*arguments)
    assert done.code == 0, done.err
    return str(done.out)


@pytest.fixture(scope="module")
def report(hostile: Path) -> tuple[Report, common.Options]:
    options = common.Options(
        files=[str(hostile / "e.csv")], config=hostile / "m.yaml", by=["plan"], details=True,
        console=Console(quiet=True),
    )  # fmt: skip
    return common.make_report(options, common.choose(["feature_adoption,funnel"], ())), options


def nothing_is_run(text: str) -> None:
    for line in csv.reader(io.StringIO(text)):
        for cell in line:
            assert not FORMULA.match(cell) or NUMBER.fullmatch(cell), cell


def nothing_is_obeyed(text: str) -> None:
    found = {c for c in text if not c.isprintable()} - {"\n", "\u200b", "\u2060"}
    assert not found, found


class Page(HTMLParser):
    """The scripts of a page, and attributes that hold one."""

    def __init__(self) -> None:
        super().__init__()
        self.within, self.scripts, self.handlers = "", list[str](), list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.within = tag
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        assert tag != "img"

    def handle_data(self, data: str) -> None:
        self.scripts += [data] * (self.within == "script")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_report(kind: str, report: tuple[Report, common.Options]) -> None:
    if kind == "html":
        pytest.importorskip("jinja2")
    text = common._text(report[0], kind, report[1], full=True, terminal=False)
    assert "owned" in text
    if kind in ("json", "ndjson"):
        assert [json.loads(one) for one in (text.splitlines() if kind == "ndjson" else [text])]
        assert "\x1b" not in text
    elif kind == "csv":
        nothing_is_run(text)
    elif kind == "html":
        page = Page()
        page.feed(text)
        assert page.handlers == []
        assert not any("alert(1)" in script for script in page.scripts)
    else:
        nothing_is_obeyed(text)
    if kind == "markdown":
        assert not re.search(r"(?<!\\)<(script|img)|(?<!\\)!\[x\]\(", text)


def test_tables_lie_in_their_folder(report: tuple[Report, common.Options], tmp_path: Path) -> None:
    files.write_folder(tmp_path / "made" / "all", csv_.files(report[0]))
    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert found
    assert {path.parent for path in found} == {tmp_path / "made" / "all"}
    assert all(re.fullmatch(r"[a-z_.]+\.csv", path.name) for path in found)
    for path in found:
        nothing_is_run(path.read_text())


LISTS = (
    ("active-users", "e.csv", "-q", "--who", "daily[period=2026-01-02].dau", "-f", "csv"),
    ("audience", "never_tried:a/b", "e.csv", "-c", "m.yaml", "-q", "-f", "csv"),
)


@pytest.mark.parametrize("ask", LISTS, ids=lambda ask: ask[0])
def test_lists_for_spreadsheets(
    ask: tuple[str, ...], cli: Cli, hostile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing_is_run(of(cli, hostile, monkeypatch, *ask))


def test_what_is_said_aloud(cli: Cli, tmp_path: Path) -> None:
    evil = "\x1b[31mred\u202e.csv"
    (tmp_path / evil).write_text("a,\x1b]0;owned\x07\n1,2\n")
    for ask in (evil, "none\x1b[31m.csv", str(tmp_path)):
        done = cli("usage", ask)
        assert done.code == 3
        nothing_is_obeyed(done.err)
    (tmp_path / "m.yaml").write_text('"\\e[31m": 1\nsignup: "\\e[31m"\n')
    nothing_is_obeyed(cli("usage", evil, "-c", "m.yaml").err)


def test_rejected_rows_for_spreadsheets(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text(
        "user,event,time,=1\n" + "u,e,2026-01-01,-5\n" * 9 + "=1,+x,?,-5\n"
    )
    (tmp_path / "m.yaml").write_text("max_rejected: 0.5")
    cli("usage", "e.csv", "-c", "m.yaml", "-q", "--rejects", "bad.csv")
    text = (tmp_path / "bad.csv").read_text()
    nothing_is_run(text)
    assert "'=1,'+x,?,-5" in text
