"""Markdown, NDJSON, OpenMetrics and the charts: read back by others, whatever the names are."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import shlex
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_of
from prometheus_client.parser import text_string_to_metric_families as classic_of

from adoptcli.cli import common
from adoptcli.cli.console import Console
from adoptcli.render import (
    FORMATS,
    by_extension,
    csv_,
    details,
    json_,
    markdown,
    ndjson,
    numbers,
    openmetrics,
    table,
)
from adoptcli.render.charts import draw
from adoptcli.render.figures import FIGURES, Chart, Series, figures_of
from adoptcli.render.summary import counts
from adoptcli.render.text import plain as as_plain
from adoptcli.results import Column, Estimate, Report, Table
from tests.conftest import write_log

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "metrics.example.yaml"
GITHUB = 65_536  # characters that a comment may have
Cli = Callable[..., Any]
LOG = [("u", "e", f"2026-0{month}-02T00:00:00Z") for month in (1, 2, 3, 4)]
HOSTILE = (
    "a|b", "`code`", "<img src=x onerror=alert(1)>", "[text](http://e.example)", "![i](x)",
    "http://e.example/a", "www.e.example", "me@e.example", "@everyone", "#12", "**b**", "_i_",
    "~~s~~", "&lt;", "tail\\", "\x1b[31m", "# h", "- i", "1. n", "> q", "\u202eleft", "日本|語",
    'quo"te', "{x}", "$x$", "plain_snake_case", "<!-- c", "<@U123>",
)  # fmt: skip


@pytest.fixture(scope="module")
def few(sample: Report) -> Report:
    """The sample data's report without its long tables."""
    return replace(sample, metrics=[
        replace(m, result=replace(m.result, tables=[t for t in m.result.tables
                                                    if len(t.rows) < 150]))
        for m in sample.metrics
    ])  # fmt: skip


@pytest.fixture(scope="module")
def lines(few: Report) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ndjson.render(few).splitlines()]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Features, steps, accounts and segments with such names."""
    folder = tmp_path_factory.mktemp("hostile")
    names = [name for name in HOSTILE if '"' not in name]
    events = [
        (f"u{n % 5}", _quoted(name), f"2026-01-{1 + (n * 3 + k) % 28:02}T10:00:00Z")
        for n, name in enumerate(names)
        for k in range(4)
    ]
    events += [(f"u{n}", "signed_up", "2026-01-01T00:00:00Z") for n in range(5)]
    users = "user,plan,account\n" + "".join(
        f"u{n},{_quoted(HOSTILE[n * 2])},{_quoted(HOSTILE[n * 2 + 1])}\n" for n in range(5)
    )
    config = {
        "signup": {"event": "signed_up"},
        "features": {f"f{n}": {"events": name} for n, name in enumerate(names)},
        "funnel": {"one": {"steps": names[:3]}},
    }
    log, definitions = write_log(folder, events, config, users=users)
    options = common.Options(
        files=[str(log)], config=definitions, users=str(folder / "users.csv"), by=("plan",),
        console=Console(True),
    )  # fmt: skip
    return common.make_report(options, common.choose(("funnel,feature_adoption,usage",), ()))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def renamed(report: Report, name: str) -> Report:
    """The report with a name wherever one from the data may stand."""
    first = report.metrics[0]
    head = first.result.headline
    assert head is not None
    column = Column("item", name, "text"), Column("value", "Value", "share")
    rows = ({"item": name, "value": Estimate(0.5, 1, 2, 0.1, 0.9)},)
    result = replace(
        first.result, headline=replace(head, title=name, note=name), also=(),
        tables=(Table("t", name, column, rows),),
    )  # fmt: skip
    found = replace(
        report.findings[0], message=name, advice=name, audience=f"adoptcli x {shlex.quote(name)}"
    )
    silent = replace(first, result=replace(result, headline=None, tables=(), reason=name,
                                           status="not_evaluable"))  # fmt: skip
    metrics = (replace(first, result=result), silent)
    missed = replace(next(t for t in report.targets if t.outcome == "warn"), name=name, reason=name)
    return replace(report, metrics=metrics, findings=(found,), targets=(missed,), segment=name)


# Markdown.


def parsed(text: str) -> list[Token]:
    reader = MarkdownIt("gfm-like")
    assert reader.linkify is not None
    reader.linkify.set({"fuzzy_link": False})  # GitHub links no bare domain
    return reader.parse(text)


def shown(inline: Token) -> str:
    return "".join(child.content for child in inline.children or ()).replace("\u2060", "")


def cells(tokens: list[Token]) -> list[list[str]]:
    """The tables' rows."""
    rows: list[list[str]] = []
    for token, after in pairwise(tokens):
        if token.type == "tr_open":
            rows.append([])
        elif token.type in ("td_open", "th_open"):
            rows[-1].append(shown(after))
    return rows


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_becomes_markup(name: str, sample: Report) -> None:
    text = markdown.render(renamed(sample, name))
    tokens = parsed(text)
    kinds = Counter(t.type for token in tokens for t in (token, *(token.children or ())))
    odd = {"link_open", "image", "html_inline", "html_block", "code_inline", "em_open", "s_open",
           "blockquote_open", "hr", "code_block"}  # fmt: skip
    assert not odd & set(kinds)
    assert kinds["strong_open"] == 1  # the headline
    assert kinds["fence"] == 1
    assert kinds["ordered_list_open"] == 1
    assert kinds["bullet_list_open"] == 3  # targets, not judged, to know
    assert [t.tag for t in tokens if t.type == "heading_open"].count("h1") == 1
    seen = " ".join("".join(c if c.isprintable() else c.encode("unicode_escape").decode()
                            for c in name).split())  # fmt: skip
    rows = cells(tokens)
    assert [seen, "Value"] in rows
    assert [seen, "50.0 %  [10.0–90.0]  1/2"] in rows
    assert any(row[0].startswith(f"{seen}, 2026-08 ({seen})") for row in rows)
    assert not re.search(r"(?<!\w)[@#]\w|\bwww\.|https?://", _without_commands(text))


def _without_commands(text: str) -> str:
    """In a block of code nothing is a mention or a link."""
    return re.sub(r"(`{3,})sh\n.*?\1", "", text, flags=re.DOTALL)


def test_markdown_of_hostile_data(hostile: Report) -> None:
    tokens = parsed(markdown.render(hostile))
    kinds = {t.type for token in tokens for t in (token, *(token.children or ()))}
    assert not {"link_open", "image", "html_inline", "html_block"} & kinds
    seen = {cell for row in cells(tokens) for cell in row}
    assert {"a|b", "`code`", "www.e.example", "@everyone"} & seen


def test_a_command_with_backticks_keeps_its_block(sample: Report) -> None:
    tokens = parsed(markdown.render(renamed(sample, "a ``` b")))
    blocks = [t.content for t in tokens if t.type == "fence"]
    assert blocks == ["adoptcli x 'a ``` b'\n"]


def test_markdown_has_the_headlines_and_every_table(sample: Report) -> None:
    text = markdown.render(sample)
    rows = cells(parsed(markdown.render(sample, full=False)))
    for metric in sample.metrics:
        for head in (metric.result.headline, *metric.result.also):
            assert head is not None
            told = [numbers.number(head.estimate.value, head.unit),
                    numbers.interval(head.estimate, head.unit),
                    counts(head.estimate),
                    numbers.change(head.change, head.unit)]  # fmt: skip
            assert any(head.title in row[0] and row[1:] == told for row in rows), head.title
        for one in metric.result.tables:
            assert one.title.split(" | ")[0] in text.replace("\\", "").replace("\u2060", "")
    assert text.count("left out") >= 2
    assert all(found.message in text.replace("\\", "") for found in sample.findings)


def test_markdown_without_tables_fits_a_comment(sample: Report) -> None:
    text = markdown.render(sample, full=False)
    assert len(text) < GITHUB / 2
    assert "## Next steps" in text
    assert "## Activation" not in text
    assert markdown.render(sample).startswith(text.removesuffix("\n"))


def test_long_and_wide_tables_are_shortened(sample: Report) -> None:
    names = [f"c{n}" for n in range(50)]
    columns = (Column("item", "Item", "text"), *(Column(n, n) for n in names))
    rows = tuple({"item": f"i{k}", **dict.fromkeys(names, k)} for k in range(300))
    first = sample.metrics[0]
    metric = replace(first, result=replace(first.result, tables=(Table("t", "T", columns, rows),)))
    text = markdown.render(replace(sample, metrics=(metric,)))
    wide = [row for row in cells(parsed(text)) if len(row) == markdown.MOST_COLUMNS]
    assert len(wide) == 1 + markdown.MOST_ROWS + 1  # the titles, and the mark
    assert "21 columns left out; `-f csv` has all." in text
    assert "(260 rows left out, -f csv has all)" in text


# NDJSON.


def test_every_line_fits_its_schema(lines: list[dict[str, Any]], hostile: Report) -> None:
    whole = ndjson.schema()
    jsonschema.Draft202012Validator.check_schema(whole)
    others = [line for line in lines if line["record"] != "cell"]
    some = [line for line in lines if line["record"] == "cell"][::97]
    more = [json.loads(line) for line in ndjson.render(hostile).splitlines()[::50]]
    records = {one["$ref"].split("/")[-1] for one in whole["oneOf"]}
    assert records == {f"{line['record']}_line" for line in lines}
    checks = {
        name: jsonschema.Draft202012Validator({**whole["$defs"][name], "$defs": whole["$defs"]})
        for name in records
    }
    for line in (*others, *some, *more):
        checks[f"{line['record']}_line"].validate(line)
    assert not checks["cell_line"].is_valid({**some[0], "value": []})
    assert not checks["cell_line"].is_valid({**some[0], "metric": None})


def test_ndjson_has_the_cells_of_the_tidy_csv(few: Report, lines: list[dict[str, Any]]) -> None:
    tidy = csv.DictReader(io.StringIO(csv_.render(few)))
    wanted = [row for row in tidy if row["table"] not in ("headline", "textbook")]
    found = [line for line in lines if line["record"] == "cell"]
    fields = [name for name in csv_.HEADER if name != "caveats"]
    assert len(found) == len(wanted)
    for line, row in zip(found, wanted, strict=True):
        texts = ["" if line[name] is None else str(line[name]) for name in fields]
        assert texts == [row[name] for name in fields]


def test_ndjson_says_what_the_json_says(few: Report, lines: list[dict[str, Any]]) -> None:
    whole = json_.plain(few)
    assert lines[0] == {"record": "report", **{k: v for k, v in json.loads(json_.render(few))
                                               .items() if k not in ndjson._APART}}  # fmt: skip
    for name, metric in whole["metrics"].items():
        own = [line for line in lines if line.get("metric") == name]
        heads = [line for line in own if line["record"] == "headline"]
        assert [_rest(line, "first") for line in heads] == [metric["headline"], *metric["also"]]
        assert [line["first"] for line in heads] == [True, *[False] * len(metric["also"])]
        books = [_rest(line) for line in own if line["record"] == "textbook"]
        assert books == ([metric["textbook"]] if metric["textbook"] else [])
        caveats = [_rest(line) for line in own if line["record"] == "caveat"]
        assert caveats == metric["caveats"]
    findings = [line for line in lines if line["record"] == "finding"]
    assert [{**line, "record": None} for line in findings] == [
        {"record": None, **found} for found in whole["findings"]
    ]


def _rest(line: dict[str, Any], *more: str) -> dict[str, Any]:
    return {k: v for k, v in line.items() if k not in ("record", "metric", *more)}


QUERIES = {
    'select(.record == "headline" and .first) | [.metric, .value, .low, .high] | @tsv': 23,
    'select(.metric == "retention" and .table == "pooled" and .item == "signup" '
    "and .segment == null) | [.step, .value] | @csv": 13,
    'select(.record == "finding") | .audience': None,
    'select(.record == "metric" and .status != "ok") | "\\(.metric): \\(.reason)"': 0,
}


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
@pytest.mark.parametrize("query", QUERIES)
def test_jq_reads_it(query: str, few: Report) -> None:
    text = ndjson.render(few)
    found = subprocess.run(
        ["jq", "-r", query], input=text, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    wanted = QUERIES[query]
    assert len(found) == (len(few.findings) if wanted is None else wanted)


# OpenMetrics.


def samples(text: str, reader: Callable[[str], Any]) -> dict[tuple[str, tuple[Any, ...]], float]:
    found = {}
    for family in reader(text):
        for one in family.samples:
            key = (one.name, tuple(sorted(one.labels.items())))
            assert key not in found
            assert one.timestamp is None
            assert math.isfinite(one.value)
            found[key] = one.value
    return found


def families(report: Report) -> Iterator[Any]:
    yield from openmetrics_of(openmetrics.render(report))


def test_both_parsers_read_the_same(sample: Report, hostile: Report) -> None:
    for report in (sample, hostile):
        text = openmetrics.render(report)
        assert text.endswith("\n# EOF\n")
        assert samples(text, openmetrics_of) == samples(text, classic_of)
        assert "nan" not in text.lower().split()


def test_every_headline_is_a_gauge(sample: Report) -> None:
    found = samples(openmetrics.render(sample), classic_of)
    for metric in sample.metrics:
        for head in (metric.result.headline, *metric.result.also):
            assert head is not None
            title = head.title.removesuffix(f", {head.period}")
            key = (("figure", title), ("unit", "user"))
            own = {n: v for (n, labels), v in found.items()
                   if labels == key and n.startswith(f"adoptcli_{metric.id}")}  # fmt: skip
            unit = openmetrics.UNITS.get(head.unit, "")
            for part in ("value", "low", "high", "numerator", "denominator"):
                wanted = getattr(head.estimate, part)
                name = f"adoptcli_{metric.id}" + ("" if part == "value" else f"_{part}")
                if unit and part not in ("numerator", "denominator"):
                    name = name if name.endswith(f"_{unit}") else f"{name}_{unit}"
                if wanted is None:
                    assert name not in own
                else:
                    assert own[name] == wanted


def test_units_stand_in_the_names(sample: Report) -> None:
    for family in families(sample):
        assert family.type == "gauge"
        assert family.documentation
        assert family.name.startswith("adoptcli_")
        assert not family.unit or family.name.endswith(f"_{family.unit}")
    names = {family.name for family in families(sample)}
    assert {
        "adoptcli_activation_ratio", "adoptcli_activation_low_ratio", "adoptcli_active_users",
        "adoptcli_time_to_value_seconds", "adoptcli_as_of_timestamp_seconds",
        "adoptcli_activation_textbook_ratio", "adoptcli_findings",
    } <= names  # fmt: skip


def test_segments_have_their_own_cell(sample: Report) -> None:
    found = samples(openmetrics.render(sample), classic_of)
    activation = next(m for m in sample.metrics if m.id == "activation")
    cohorts = activation.result.table("cohorts")
    assert cohorts is not None
    for row in cohorts.rows:
        if row["cohort"] == "2026-08" and row["segment"]:
            labels = (("figure", "Activation within 7 d"), ("segment", row["segment"]),
                      ("unit", "user"))  # fmt: skip
            cell = row["activated"]
            assert isinstance(cell, Estimate)
            assert found["adoptcli_activation_ratio", labels] == cell.value
    names = {dict(labels).get("segment") for _, labels in found}
    assert names == {None, "free", "pro", "enterprise"}


def test_segments_that_could_be_of_another_cell_are_left_out(sample: Report) -> None:
    whole, one, other = (Estimate(v, 1, 2) for v in (0.5, 0.4, 0.6))
    columns = (Column("segment", "S", "text"), Column("item", "I", "text"), Column("x", "X"))
    rows = [{"segment": None, "item": "a", "x": whole}, {"segment": "s", "item": "a", "x": one}]
    alike = [{"segment": None, "item": "b", "x": whole}, {"segment": "s", "item": "b", "x": other}]
    head = sample.metrics[0].result.headline
    assert head is not None
    line = replace(head, estimate=whole)

    def split(*shown: dict[str, Any]) -> dict[str, Estimate]:
        result = replace(sample.metrics[0].result, tables=(Table("t", "T", columns, shown),))
        return openmetrics._segments(result, line)

    assert split(*rows) == {"s": one}
    assert split(*rows, *alike) == {}


def test_lines_of_one_title_are_told_apart(sample: Report) -> None:
    first = sample.metrics[0]
    head = first.result.headline
    assert head is not None
    other = replace(head, estimate=Estimate(0.25))
    metric = replace(first, result=replace(first.result, also=(other,), tables=()))
    found = samples(openmetrics.render(replace(sample, metrics=(metric,))), classic_of)
    values = {dict(labels).get("figure"): value for (name, labels), value in found.items()
              if name == "adoptcli_activation_ratio"}  # fmt: skip
    assert values == {head.title: head.estimate.value, f"{head.title} (2)": 0.25}


def test_series_are_bounded(sample: Report) -> None:
    """None an account or a user, and none that a period begins anew."""
    found = samples(openmetrics.render(sample), classic_of)
    accounts = next(m for m in sample.metrics if m.id == "account_health").result.tables[0]
    ids = {str(row["item"]) for row in accounts.rows}
    for _, labels in found:
        values = dict(labels).values()
        assert not ids & set(values)
        assert not any(re.search(r"\b2026-\d\d", value) for value in values)


def test_accounts_are_counted_as_accounts(sample: Report) -> None:
    names = {family.name for family in families(replace(sample, unit="account"))}
    assert "adoptcli_active_users_accounts" in names


def test_as_of_is_midnight_there(sample: Report) -> None:
    found = samples(openmetrics.render(sample), classic_of)
    assert found["adoptcli_as_of_timestamp_seconds", (("unit", "user"),)] == 1_790_805_600


def test_nothing_is_written_for_no_number(sample: Report) -> None:
    first = sample.metrics[0]
    head = first.result.headline
    assert head is not None
    nothing = replace(head, estimate=Estimate(None, 0, 0, math.nan, math.inf), change=None)
    metric = replace(first, result=replace(first.result, headline=nothing, textbook=None))
    found = samples(openmetrics.render(replace(sample, metrics=(metric,), findings=())), classic_of)
    own = {name for name, _ in found if name.startswith("adoptcli_activation")}
    assert own == {"adoptcli_activation_numerator", "adoptcli_activation_denominator"}


# All of them.


@pytest.mark.parametrize("module", [markdown, ndjson, openmetrics])
def test_the_same_run_gives_the_same_bytes(module: Any, hostile: Report, sample: Report) -> None:
    assert module.render(hostile) == module.render(hostile)
    empty = replace(sample, metrics=(), findings=(), caveats=())
    assert module.render(empty)


def test_the_ending_says_the_format(cli: Cli, tmp_path: Path) -> None:
    log, _ = write_log(tmp_path, LOG)
    begins = {"R.MD": "# Adoption", "r.jsonl": '{"record":"report"', "r.prom": "# HELP adoptcli_"}
    for name, text in begins.items():
        found = cli("report", log, "--only", "usage", "-q", "-o", name)
        assert found.code == 0, found.err
        assert Path(name).read_text(encoding="utf-8").startswith(text)
    assert by_extension("a.markdown", FORMATS) == "markdown"
    assert by_extension("a.ndjson", FORMATS) == "ndjson"
    assert by_extension("a.om", FORMATS) == "openmetrics"


def test_endings_that_say_nothing_are_refused(cli: Cli, tmp_path: Path) -> None:
    log, _ = write_log(tmp_path, LOG)
    bad = cli("report", log, "-o", "report.ndjsn")
    assert bad.code == 2
    assert "no format ends in .ndjsn" in bad.err
    assert "did you mean .ndjson?" in bad.err
    assert not Path("report.ndjsn").exists()
    assert cli("usage", log, "-q", "-o", "report.ndjsn", "-f", "ndjson").code == 0
    assert cli("usage", log, "-q", "-o", "report").code == 0
    for command in (("audience", "new"), ("compare", "usage", "--segments", "plan=a,b")):
        bad = cli(command[0], *command[1:], log, "-o", "list.md")
        assert bad.code == 2
        assert "no format ends in .md" in bad.err
    for given in (("-o", "people.md"), ("-f", "openmetrics")):
        bad = cli("usage", log, "--who", "periods.events", *given)
        assert bad.code == 2, given
        assert "table, json, csv" in bad.err or ".txt, .json, .csv" in bad.err


def test_markdown_tables_are_asked_for(cli: Cli, tmp_path: Path) -> None:
    log, _ = write_log(tmp_path, LOG)
    asked = ("report", log, "--only", "usage", "-f", "markdown")
    short, long = cli(*asked), cli(*asked, "--details")
    assert "### By period" not in short.out
    assert "--details adds every table" in short.err
    assert "### By period" in long.out
    assert "--details adds" not in long.err
    assert "### By period" in cli("usage", log, "-f", "markdown").out


# Charts.


@pytest.mark.parametrize("width", [80, 100, 140])
def test_figures_in_tables_are_never_broken(width: int, sample: Report) -> None:
    """Every figure stands whole in the line of its row, and no line is too long."""
    for metric in sample.metrics:
        for one in metric.result.tables:
            shown = table.printed(details.fitted(one, width, plain=False), width, color=False)
            lines = shown.splitlines()
            assert max(map(len, lines), default=0) <= width, (metric.id, one.name)
            sheet = details.shape(one, width, cut=True)
            for i in range(sheet.keys, len(sheet.heads)):
                if sheet.texts[i]:
                    continue
                for row in sheet.rows:
                    assert any(row[i].plain in line for line in lines), (metric.id, one.name)


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize("plain", [False, True])
def test_charts_fit_their_terminal(width: int, plain: bool, sample: Report) -> None:
    for metric in sample.metrics:
        for chart in figures_of(metric):
            for line in draw(chart, width, plain=plain)[1:]:
                assert line.cell_len <= width, (metric.id, line.plain)
                ascii = as_plain(line.plain)
                assert not plain or "?" not in ascii
                assert not plain or len(ascii) == line.cell_len


def test_charts_stand_above_the_tables(sample: Report) -> None:
    one = replace(sample, metrics=[m for m in sample.metrics if m.id == "active_users"])
    with_charts, without = (
        table.render(one, full=True, width=80, color=False, unicode=True, charts=on)
        for on in (True, False)
    )
    assert 0 < with_charts.index("WAU\n") < with_charts.index("DAU   WAU")
    assert "500 │" not in without
    colored = table.render(one, full=True, width=80, color=True, unicode=True, charts=True)
    assert "\x1b[" in colored
    assert "\x1b[" not in with_charts


def test_every_figure_is_of_a_table_that_there_is(sample: Report) -> None:
    for metric in sample.metrics:
        for figure in FIGURES.get(metric.id, ()):
            found = metric.result.table(figure.table)
            assert found is not None, (metric.id, figure.table)
            names = {column.name for column in found.columns}
            wanted = {figure.x, *figure.measures, figure.by or figure.x, figure.label or figure.x}
            assert wanted <= names, metric.id
        if metric.id in FIGURES:
            assert list(figures_of(metric)), metric.id
    assert set(FIGURES) <= {metric.id for metric in sample.metrics}


def test_charts_are_of_everyone(sample: Report) -> None:
    funnel = next(m for m in sample.metrics if m.id == "funnel")
    first = next(iter(figures_of(funnel)))
    assert first.labels == ("signed_up", "project_created", "report_built", "report_shared")
    assert [p.denominator for p in first.series[0].points if p] == [575] * 4


def chart(kind: Any, *points: Estimate | None, **more: Any) -> Chart:
    labels = tuple(f"p{n}" for n in range(len(points)))
    return replace(Chart("T", kind, "share", labels, (Series("S", points),)), **more)


def test_no_number_is_a_gap_and_no_fall() -> None:
    half = Estimate(0.5)
    lines = draw(chart("lines", half, half, None, half, half), 40, plain=True)
    marked = [line.plain for line in lines if "*" in line.plain]
    assert len(marked) == 1  # none goes down to zero
    assert re.search(r"\*+ +\*+", marked[0])
    bars = draw(chart("bars", Estimate(0.5, 1, 2, 0.4, 0.6), None), 60, plain=True)
    assert re.fullmatch(r" *p0 +#+-+ +50.0 %  \[40.0–60.0\]  1/2", bars[1].plain)
    assert re.fullmatch(r" *p1 +– *", bars[2].plain)


def test_bars_are_as_long_as_their_numbers() -> None:
    bars = draw(chart("bars", Estimate(1.0), Estimate(0.5), Estimate(0.0)), 60, plain=True)
    long, half, none = (line.plain.count("#") for line in bars[1:])
    assert long == pytest.approx(2 * half, abs=1)
    assert none == 0


def test_intervals_are_drawn_around_lines() -> None:
    points = [Estimate(0.5, None, None, 0.3, 0.8), Estimate(0.5, None, None, 0.3, 0.8)]
    for kind in ("lines", "steps"):
        rows = [line.plain for line in draw(chart(kind, *points), 40, plain=True)]
        dotted = [n for n, row in enumerate(rows) if re.search(r"\.  ", row)]
        line = next(n for n, row in enumerate(rows) if "**" in row)
        assert len(dotted) == 2
        assert dotted[0] < line < dotted[1]


def test_a_stack_goes_to_both_sides() -> None:
    up, down = Series("Up", (Estimate(8), Estimate(4))), Series("Down", (Estimate(2), Estimate(6)))
    made = Chart("T", "stack", "users", ("a", "b"), (up, down), frozenset({"Down"}))
    legend, first, second = (line.plain for line in draw(made, 60, plain=True)[1:])
    assert "# Up" in legend
    for line, above, below in ((first, 8, 2), (second, 4, 6)):
        left, right = line.split("|")
        assert left.count("=") / right.count("#") == pytest.approx(below / above, rel=0.2)
        assert line.endswith(f"{above} −{below}")


def test_charts_survive_names_and_extremes() -> None:
    odd = "\x1b[31m日本" + "x" * 99
    points = (Estimate(0.0), Estimate(1e9, 1e9, 1, -1.0, 2e9))
    for kind in ("lines", "steps", "bars", "columns", "stack"):
        made = Chart(odd, kind, "number", (odd, odd), (Series(odd, points), Series("b", points)))
        for plain in (False, True):
            for line in draw(made, 80, plain=plain)[1:]:
                assert "\x1b" not in line.plain
                assert line.cell_len <= 80
    zero = Series("z", (Estimate(0.0), Estimate(0.0)))
    for kind in ("lines", "bars", "columns", "stack"):
        assert draw(Chart("T", kind, "share", ("a", "b"), (zero,)), 80, plain=False)


def test_many_bars_over_time_become_a_line(sample: Report) -> None:
    activation = next(m for m in sample.metrics if m.id == "activation")
    rows = tuple({"cohort": f"d{n:03}", "activated": Estimate(0.5)} for n in range(40))
    columns = (Column("cohort", "C", "date"), Column("activated", "A", "share"))
    result = replace(activation.result, tables=(Table("cohorts", "T", columns, rows),))
    (made,) = figures_of(replace(activation, result=result))
    assert made.kind == "lines"


def test_many_stacks_are_the_last_ones(sample: Report) -> None:
    lifecycle = next(m for m in sample.metrics if m.id == "lifecycle")
    periods = lifecycle.result.table("periods")
    assert periods is not None
    rows = tuple({**periods.rows[0], "period": f"p{n}"} for n in range(60))
    result = replace(lifecycle.result, tables=(replace(periods, rows=rows),))
    (made,) = figures_of(replace(lifecycle, result=result))
    assert made.labels == tuple(f"p{n}" for n in range(36, 60))
    assert "the last 24 of 60" in made.title


def test_a_pipe_gets_tables_alone(cli: Cli, tmp_path: Path) -> None:
    log, _ = write_log(tmp_path, LOG)
    given = ("report", log, "--only", "active_users", "--details", "-q")
    plain = cli(*given).out
    assert plain == cli(*given, "--no-charts").out
    assert "By day\nDay" in plain
