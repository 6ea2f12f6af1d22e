"""The report as HTML: self-contained, safe against what a log holds, and true to the numbers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from adoptcli.cli import common
from adoptcli.cli.console import Console
from adoptcli.metrics import all_metrics
from adoptcli.render import html, json_, numbers
from adoptcli.render.html import scales, svg, tables, theme
from adoptcli.render.html.charts import CHARTS, Chart
from adoptcli.render.html.kinds import KINDS
from adoptcli.render.html.points import drawings
from adoptcli.results import Column, Estimate, Report, Table
from tests import browser
from tests.test_golden import same

ROOT = Path(__file__).parent.parent
Cli = Callable[..., Any]


class Page(HTMLParser):
    """Elements, attributes, and tables by their caption."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.tables: list[dict[str, Any]] = []
        self.text: list[str] = []
        self.inside, self.open = "", False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(attrs)))
        if tag == "table":
            self.tables.append({"caption": "", "rows": []})
            self.open = True
        if tag == "tr":
            self.tables[-1]["rows"].append([])
        if tag in ("td", "th"):
            self.tables[-1]["rows"][-1].append("")
        self.inside = tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self.tables and self.inside == "caption":
            self.tables[-1]["caption"] += data
        elif self.open and self.tables[-1]["rows"] and self.tables[-1]["rows"][-1]:
            self.tables[-1]["rows"][-1][-1] += data

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""
        if tag == "table":
            self.open = False

    def table(self, caption: str) -> list[list[str]]:
        """The rows of the first table of a caption."""
        found = next(t for t in self.tables if t["caption"].startswith(caption))
        return [[" ".join(cell.split()) for cell in row] for row in found["rows"]]


@pytest.fixture(scope="module")
def sample() -> Report:
    """The report of the sample data."""
    here = Path.cwd()
    os.chdir(ROOT)
    try:
        options = common.Options(config=Path("metrics.example.yaml"), console=Console(True))
        return common.make_report(options, common.choose((), ()))
    finally:
        os.chdir(here)


@pytest.fixture(scope="module")
def sample_page(sample: Report) -> str:
    """Its page."""
    return html.render(sample)


class Open(HTMLParser):
    """The text that stands open: without drawings, and without what must be unfolded."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.shut, self.lines = 0, [""]
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shut += tag in ("details", "svg", "style", "script")
        if tag in ("p", "li", "tr", "div", "h1", "h2", "h3", "h4", "figcaption"):
            self.lines.append("")

    def handle_endtag(self, tag: str) -> None:
        self.shut -= tag in ("details", "svg", "style", "script")
        self.lines[-1] += " "

    def handle_data(self, data: str) -> None:
        if not self.shut:
            self.lines[-1] += data


def test_reads_as_it_should(sample_page: str) -> None:
    lines = (" ".join(line.split()) for line in Open(sample_page).lines)
    same("page.txt", "".join(f"{line}\n" for line in lines if line))


def test_needs_nothing_else(sample_page: str) -> None:
    assert len(sample_page.encode()) < 2_000_000
    page = Page(sample_page)
    for tag, attributes in page.elements:
        for name, value in attributes:
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "data", "action", "poster", "xlink:href", "srcset"):
                assert (value or "").startswith(("#", "data:,")), (tag, value)
    tags = [tag for tag, _ in page.elements]
    assert not {"iframe", "object", "embed", "img", "base", "form"} & set(tags)
    assert (tags.count("script"), tags.count("style")) == (1, 1)
    assert not re.search(r"@import|url\(|https?://", sample_page)
    policy = dict(page.elements[tags.index("meta") + 1][1])["content"] or ""
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:; ")
    assert "unsafe-inline" not in policy.split("script-src")[1]


def test_every_kind_is_drawn_and_has_its_table(sample: Report, sample_page: str) -> None:
    page = Page(sample_page)
    tags = [tag for tag, _ in page.elements]
    drawn = [
        (chart, one)
        for chart in CHARTS for metric in sample.metrics if metric.id == chart.metric
        for table in metric.result.tables if table.name == chart.table
        for one in drawings(chart, table)
    ]  # fmt: skip
    assert {chart.kind for chart, _ in drawn} == set(KINDS)
    assert tags.count("figure") == tags.count("figcaption") == len(drawn)
    assert len(page.tables) >= len(drawn)
    assert all(table["caption"].strip() for table in page.tables)
    for tag, attributes in page.elements:
        if tag == "th":
            assert dict(attributes).get("scope") in ("col", "row", "rowgroup")
    labels = [dict(a) for tag, a in page.elements if tag == "svg" and "tabindex" in dict(a)]
    assert len(labels) >= len(drawn)
    assert all(a["role"] == "img" and a["aria-label"] for a in labels)


def test_charts_name_what_there_is() -> None:
    known = all_metrics()
    assert {chart.metric for chart in CHARTS} <= set(known)
    assert {chart.kind for chart in CHARTS} <= set(KINDS)


def test_tables_hold_the_numbers_of_the_json(sample: Report, sample_page: str) -> None:
    found = json_.plain(sample)["metrics"]
    page = Page(sample_page)
    cohorts = {row[0]: row for row in page.table("By sign-up cohort")[1:]}
    for row in found["activation"]["tables"]["cohorts"]:
        cell = row["activated"]
        shown = cohorts[row["cohort"]]
        counts = f"{cell['numerator']}/{cell['denominator']}"
        assert any(c.startswith(numbers.percent(cell["value"])) and counts in c for c in shown)
    daily = page.table("By day")
    last = found["active_users"]["tables"]["daily"][-1]
    wanted = [numbers.count(last[name]) for name in ("dau", "wau", "mau")]
    assert daily[-1] == [last["period"], *wanted]
    triangle = page.table("By cohort")
    row = [r for r in found["retention"]["tables"]["triangle"] if r["item"] == "signup"]
    wanted = [numbers.percent(r["retained"]["value"]) for r in row if r["cohort"] == "2026-08-24"]
    mine = next(r for r in triangle if "2026-08-24" in r)
    assert [c for c in mine[mine.index("2026-08-24") + 2 :] if c] == wanted
    headline = found["stickiness"]["headline"]
    assert any(numbers.percent(headline["value"]) in r for r in page.table("Every metric"))
    for finding in sample.findings:
        assert finding.audience in "".join(page.text)


EVIL = (
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "javascript:alert(3)",
    "{{ 7*7 }}{% raw %}" + "long" * 50,
    "</svg><svg onload=alert(4)>",
    "</style><style>*{background:url(http://evil.example/)}",
    "\x1b[31mred\u202eder",
    "<!--' onmouseover='alert(5)",
)


def hostile(folder: Path, names: tuple[str, ...]) -> Report:
    """A small log in which every name is of someone else's making."""
    folder.mkdir(exist_ok=True)
    rows, users = [], ["user,created_at,account,role"]
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    for i in range(24):
        name = f"{i:02d}{names[i % 8]}"
        value = f'"{name.replace(chr(34), chr(34) * 2)}"'
        users.append(f"{value},2026-01-{i % 9 + 1:02d}T00:00:00Z,{quoted[i % 3]},{quoted[i % 4]}")
        for day in range(i % 9 + 1, 59, 2 + i % 5):
            stamp = f"2026-{1 + (day > 31):02d}-{day - 31 * (day > 31):02d}T10:00:0{day % 8}Z"
            rows.append({"user": name, "event": names[(i + day) % 6], "timestamp": stamp})
    lines = "\n".join(json.dumps(row) for row in rows)
    (folder / "events.ndjson").write_text(lines + "\n", "utf-8")
    (folder / "users.csv").write_text("\n".join(users) + "\n", "utf-8")
    (folder / "metrics.yaml").write_text(yaml.safe_dump(config(names), sort_keys=False), "utf-8")
    options = common.Options(
        files=[str(folder / "events.ndjson")], config=folder / "metrics.yaml", by=("role",),
        console=Console(True),
    )  # fmt: skip
    return common.make_report(options, common.choose((), ()))


def config(names: tuple[str, ...]) -> Mapping[str, Any]:
    """Definitions that use them wherever a name may stand."""
    return {
        "version": 1,
        "users": {"file": "users.csv", "id": "user", "signed_up_at": "created_at",
                  "account": "account"},
        "activation": {"all": [names[0], names[1]], "within": "14d"},
        "features": {name: [name] for name in names[:6]},
        "funnel": {names[2]: {"steps": [names[0], names[3]], "within": "14d"}},
        "onboarding": {"steps": [names[0], names[4]]},
        "channels": {names[5]: [names[5]]},
        "adoption_rate": {"role": "role"},
        "engagement_score": {"weights": dict.fromkeys(names[:6], 1),
                             "levels": {"low": 0, names[4]: 3}},
    }  # fmt: skip


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The report of such a log."""
    return hostile(tmp_path_factory.mktemp("hostile"), EVIL)


@pytest.fixture(scope="module")
def hostile_page(hostile_report: Report) -> str:
    """Its page."""
    return html.render(hostile_report)


def test_names_cannot_break_out(hostile_page: str, sample_page: str) -> None:
    evil, page, mild = hostile_page, Page(hostile_page), Page(sample_page)
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in mild.elements}
    known = {(tag, name) for tag, attributes in mild.elements for name, _ in attributes}
    known.add(("details", "open"))
    assert {(tag, name) for tag, attributes in page.elements for name, _ in attributes} <= known
    assert evil.count("<script") == evil.count("</script") == evil.count("<style") == 1
    for tag, attributes in page.elements:
        for name, value in attributes:
            if name not in ("aria-label",):
                assert not any(word in (value or "") for word in ("alert", "evil", "7*7")), tag
    assert "\x1b" not in evil
    assert "\u202e" not in evil
    assert "49" not in [text.strip() for text in page.text if "7*7" in text]
    shown = "".join(page.text)
    for name in EVIL[:6]:
        assert name in shown  # as text


def test_same_report_same_bytes(hostile_report: Report) -> None:
    some = [m for m in hostile_report.metrics if m.id in ("active_users", "funnel", "quadrant")]
    few = replace(hostile_report, metrics=some)
    assert html.render(few) == html.render(few)


@pytest.mark.skipif(browser.found() is None, reason="there is no Chromium to open the page with")
def test_in_a_browser(tmp_path: Path, sample_page: str, hostile_page: str) -> None:
    path, other = tmp_path / "evil.html", tmp_path / "sample.html"
    path.write_text(hostile_page, "utf-8")
    other.write_text(sample_page, "utf-8")
    with browser.page() as page:
        for file, dark in ((path, False), (other, True)):
            page.open(file, 390, dark=dark)
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert page.value(wide) <= 0
            assert page.value("document.documentElement.clientWidth") == 390
            page.value("document.querySelectorAll('details').forEach(d => d.open = true)")
            assert page.value(wide) <= 0  # with every table open
            assert page.value("document.querySelector('.m title')") is None  # the script has run
            # Every value once under the mouse.
            page.value(
                "document.querySelectorAll('.m').forEach(m => m.dispatchEvent(new PointerEvent("
                "'pointermove', {bubbles: true, clientX: 9, clientY: 9})))"
            )
            assert page.value("document.getElementById('tip').textContent.length") > 0
            # And by keys, each place after the other.
            page.value("document.querySelector('.narrow svg[tabindex]').focus()")
            for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
                page.call("Input.dispatchKeyEvent", type="keyDown", key=key)
            first = "document.querySelector('.narrow svg .m').dataset.told"
            assert page.value("document.getElementById('tip').textContent") == page.value(first)
            page.call("Input.dispatchKeyEvent", type="keyDown", key="Escape")
            assert page.value("document.getElementById('tip').hidden") is True
            assert page.trouble(file) == []
            page.seen.clear()
        page.value("console.error('seen'); fetch('http://127.0.0.1:9/').catch(() => 0)")
        page.call("Runtime.evaluate", expression="new Promise(r => setTimeout(r, 50))",
                  awaitPromise=True)  # fmt: skip
        assert len(page.trouble(other)) >= 2  # this test could have failed


def test_colours_can_be_told_from_their_ground() -> None:
    assert round(_contrast("#000000", "#ffffff"), 1) == 21
    assert round(_contrast("#777777", "#ffffff"), 2) == 4.48
    for scheme in (theme.LIGHT, theme.DARK):
        for ground in ("page", "card"):
            for ink in ("ink", "muted", "accent", "good", "bad", *(f"s{i}" for i in range(6))):
                assert _contrast(scheme[ink], scheme[ground]) >= 4.5, (ink, ground)
        assert _contrast(scheme["ink"], scheme["heat"]) >= 4.5
        assert _contrast(scheme["card"], scheme["ink"]) >= 4.5  # of the values on hover
    assert len(set(map(tuple, theme.DASHES))) == len(theme.SERIES) == 6


def _contrast(one: str, other: str) -> float:
    """By the Web Content Accessibility Guidelines, 2.1."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_drawing_keeps_only_what_paints() -> None:
    root = ET.fromstring(
        '<svg xmlns="http://www.w3.org/2000/svg"><script>x</script><foreignObject/>'
        '<g onclick="x"><path d="M0,0" fill="url(http://x)" style="x" onload="x"/>'
        '<text fill="var(--ink)" transform="rotate(1)" href="x">a<a>b</a></text></g></svg>'
    )
    path, text = svg._cleaned(root)
    assert (path.tag, path.attrib) == ("path", {"d": "M0,0"})
    assert (text.tag, text.attrib) == ("text", {"transform": "rotate(1)", "fill": "var(--ink)"})
    assert list(text) == []


CHART = Chart("activation", "cohorts", "line", "Title", "cohort", ("rate",))
COLUMNS = (Column("segment", "Segment", "text"), Column("cohort", "Cohort", "text"),
           Column("rate", "Rate", "share"))  # fmt: skip


def cohorts(segments: int) -> Table:
    """Three cohorts, the last of them not mature, of everybody and of so many segments."""
    names = [None, *(f"s{i}" for i in range(segments))]
    rows = [
        {"segment": name, "cohort": f"2026-0{month}",
         "rate": Estimate(0.5, 10, 20, 0.3, 0.7) if month < 3 else Estimate(None, 0, 0)}
        for name in names for month in (1, 2, 3)
    ]  # fmt: skip
    return Table("cohorts", "By cohort", COLUMNS, tuple(rows))


def test_series_are_segments_where_they_are_few() -> None:
    def names(segments: int) -> list[str]:
        return [one.name for one in drawings(CHART, cohorts(segments))[0].series]

    assert names(0) == ["Rate"]
    assert names(2) == ["everyone", "s0", "s1"]
    assert names(5) == ["everyone", "s0", "s1", "s2", "s3", "s4"]
    assert names(6) == ["Rate"]


def test_what_is_not_mature_is_no_drop() -> None:
    drawn = drawings(CHART, cohorts(0))[0]
    layers = KINDS["line"](drawn, 344)["layer"]
    line = next(layer for layer in layers if layer["mark"]["type"] == "line")
    assert [v["y"] for v in line["data"]["values"]] == [0.5, 0.5, None]
    band = next(layer for layer in layers if layer["mark"]["type"] == "area")
    assert [(v["lo"], v["hi"]) for v in band["data"]["values"]] == [
        (0.3, 0.7),
        (0.3, 0.7),
        (None, None),
    ]
    told = layers[-1]["data"]["values"]
    assert told[0]["t"] == "2026-01\n50.0 % [30.0–70.0], 10/20"


def test_the_interval_of_a_single_point_is_seen() -> None:
    one = replace(cohorts(0), rows=cohorts(0).rows[:1])
    marks = [
        layer["mark"]["type"] for layer in KINDS["line"](drawings(CHART, one)[0], 344)["layer"]
    ]
    assert marks == ["rule", "line", "point", "rule"]


def test_nothing_is_drawn_of_nothing() -> None:
    empty = replace(cohorts(0), rows=tuple(r for r in cohorts(0).rows if r["cohort"] == "2026-03"))
    assert drawings(CHART, empty) == []
    assert drawings(replace(CHART, y=("other",)), cohorts(0)) == []


def test_a_series_without_a_number_is_no_series() -> None:
    rows = tuple(r for r in cohorts(2).rows if r["segment"] != "s0" or r["cohort"] == "2026-03")
    drawn = drawings(CHART, replace(cohorts(2), rows=rows))[0]
    assert [one.name for one in drawn.series] == ["everyone", "s1"]


def test_of_very_many_accounts_some_are_drawn() -> None:
    columns = (Column("item", "Account", "text"), Column("used", "Used", "share"))
    rows = tuple({"item": f"{i:04d}", "used": i / 1000} for i in range(500))
    chart = replace(CHART, kind="ranked", x="item", y=("used",))
    drawn = drawings(chart, Table("accounts", "By account", columns, rows))[0]
    assert drawn.left == "one of 3 of 500"
    assert [p.x for p in drawn.points][:2] == ["0499", "0496"]
    assert len(drawn.points) == 167


def test_a_long_triangle_shows_its_last_cohorts_and_first_steps() -> None:
    columns = (Column("cohort", "Cohort", "text"), Column("step", "Week"),
               Column("rate", "Rate", "share"))  # fmt: skip
    rows = tuple({"cohort": f"c{c:02d}", "step": step, "rate": 0.5}
                 for c in range(32) for step in range(32 - c))  # fmt: skip
    chart = replace(CHART, kind="heat", x="step", label="cohort")
    drawn = drawings(chart, Table("triangle", "By cohort", columns, rows))[0]
    assert drawn.left == "the last 30 of 32; the first 26 steps of 32"
    assert {p.row["cohort"] for p in drawn.points} == {f"c{c:02d}" for c in range(2, 32)}
    assert max(int(p.x) for p in drawn.points) == 25


def test_below_zero_are_those_who_went(sample: Report) -> None:
    chart = next(c for c in CHARTS if c.down)
    table = next(m for m in sample.metrics if m.id == "lifecycle").result.table("periods")
    assert table
    drawn = drawings(chart, table)[0]
    values = KINDS["stack"](drawn, 344)["layer"][0]["data"]["values"]
    last = table.rows[-1]
    assert [v["y"] for v in values if v["x"] == "Sep"] == [
        last["returning"], last["resurrected"], last["new"], -float(str(last["dormant"]))
    ]  # fmt: skip


def test_long_tables_say_what_they_leave_out() -> None:
    rows = tuple({"cohort": f"c{i}", "rate": Estimate(0.5)} for i in range(tables.MOST_ROWS + 5))
    sheet = tables.sheet(Table("cohorts", "By cohort", COLUMNS, rows))
    assert (len(sheet.rows), sheet.left) == (tables.MOST_ROWS, 5)
    assert [sheet.rows[i][0].text for i in (99, 100)] == ["c99", "c105"]
    assert sheet.heads == ("Cohort", "Rate")


@pytest.mark.parametrize(
    ("places", "labels"),
    [
        (["2026-01", "2026-02"], ["Jan", "Feb"]),
        (["2026-05-03", "2026-06-02"], ["3 May", "2 Jun"]),
        (["2025-01", "2026-01"], ["Jan ’25", "Jan ’26"]),
        (["1h", "7d"], ["1h", "7d"]),
        (["2026-13", "2026-14"], ["2026-13", "2026-14"]),
    ],
)
def test_labels_are_short(places: list[str], labels: list[str]) -> None:
    assert scales.along(places, "Title")[0] == labels


def test_metrics_without_a_figure_say_why(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "e.csv").write_text(
        "user,event,timestamp\na,x,2026-01-01T00:00:00Z\na,x,2026-01-09T00:00:00Z\n", "utf-8"
    )
    outcome = cli("report", "e.csv", "-o", "out.htm", "--only", "funnel", "--only", "churn")
    assert outcome.code == 0, outcome.err
    text = "".join(Page((tmp_path / "out.htm").read_text("utf-8")).text)
    assert "No figure: add 'funnel: {NAME: {steps: [EVENT, EVENT]}}' to the YAML." in text


def test_says_what_to_install_before_it_reads(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(html, "NEEDED", ("there_is_no_such_package",))
    for arguments in (("-f", "html"), ("-o", "out.html")):
        outcome = cli("report", "no-such-file.csv", *arguments)
        assert outcome.code == 2
        assert "pip install jinja2 vl-convert-python" in outcome.err
    assert not (tmp_path / "out.html").exists()


def test_help_loads_no_drawing_library() -> None:
    code = (
        "import sys; from adoptcli.cli.main import run; run(['--help']);"
        "sys.exit(bool({'jinja2', 'vl_convert'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert found.returncode == 0
