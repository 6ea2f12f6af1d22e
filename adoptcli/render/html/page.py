"""The page: figures and tables put into the template, which escapes all that is not ours."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.resources import files
from itertools import groupby

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from adoptcli.render.html import summary
from adoptcli.render.html.charts import CHARTS
from adoptcli.render.html.kinds import Figure, figure
from adoptcli.render.html.points import Drawn, drawings
from adoptcli.render.html.tables import Sheet, sheet
from adoptcli.render.html.theme import DARK, LIGHT
from adoptcli.render.outcomes import total
from adoptcli.render.text import safe
from adoptcli.results import MetricReport, Report, Table


@dataclass(frozen=True)
class Panel:
    """A figure with the table behind it."""

    figure: Figure
    table: Table

    @property
    def sheet(self) -> Sheet:
        """The table for people."""
        return sheet(self.table)


@dataclass(frozen=True)
class Metric:
    """One metric as the page shows it."""

    id: str
    title: str
    lines: tuple[summary.Line, ...]
    reason: str
    figures: tuple[Panel, ...]
    tables: tuple[Sheet, ...]
    definition: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def render(report: Report) -> str:
    """The whole page. Same report, same bytes."""
    style, script = _file("style.css"), _file("script.js")
    shown = [(m.section, _metric(m)) for m in report.metrics]
    sections = [
        (name, [metric for _, metric in parts])
        for name, parts in groupby(shown, key=lambda pair: pair[0])
    ]
    first, others = summary.steps(report.findings)
    silent = [m for m in report.metrics if m.result.headline is None]
    return _template().render(
        title=f"Product adoption, {report.as_of}",
        style=Markup(_colours() + style),
        script=Markup(script),
        digest=_digest(script),
        as_of=report.as_of,
        facts=summary.facts(report),
        unit=report.unit,
        key_figures=summary.key_figures(report),
        sections=sections,
        steps_first=first,
        other_steps=others,
        notes=summary.notes(report),
        summed=any(metric.lines for _, metric in shown),
        silent=[(m.title, safe(m.result.reason)) for m in silent if m.result.reason],
        few=summary.SMALL,
        marks=summary.marks(report),
        missed=summary.missed(report),
        targets=total(report.targets, report.as_of).plain if report.targets else "",
    )


def _metric(metric: MetricReport) -> Metric:
    tables = [table for table in metric.result.tables if table.rows]
    figures = tuple(_panels(metric.id, tables))
    behind = {id(row) for panel in figures for row in panel.table.rows}
    return Metric(
        metric.id,
        metric.title,
        tuple(summary.lines(metric)),
        safe(metric.result.reason),
        figures,
        tuple(sheet(t) for t in tables if any(id(row) not in behind for row in t.rows)),
        tuple(_paragraphs(metric.definition)),
        tuple(safe(c.message) for c in metric.result.caveats),
    )


def _paragraphs(text: str) -> Iterator[tuple[str, ...]]:
    """Each as parts of which every second is code. `Word: …` begins one, as does an empty line."""
    for block in re.split(r"\n\s*\n|\n(?=[A-Z][a-z ]+: )", text.strip()):
        yield tuple(" ".join(block.split()).split("`"))


def _panels(metric: str, tables: list[Table]) -> Iterator[Panel]:
    known = {table.name: table for table in tables}
    for chart in CHARTS:
        if chart.metric == metric and chart.table in known:
            for drawn in drawings(chart, known[chart.table]):
                yield Panel(figure(drawn), _behind(drawn))


def _behind(drawn: Drawn) -> Table:
    """The rows of the table that the drawing is about."""
    each = drawn.chart.each
    if not each:
        return drawn.table
    rows = tuple(r for r in drawn.table.rows if safe(str(r.get(each))) == drawn.item)
    return replace(drawn.table, rows=rows)


def _template() -> Template:
    made = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return made.from_string(_file("page.html.j2"))


def _file(name: str) -> str:
    return files("adoptcli.render.html").joinpath(name).read_text(encoding="utf-8")


def _colours() -> str:
    """Both schemes as custom properties; paper is light."""
    light, dark = (
        "".join(f"--{name}:{value};" for name, value in scheme.items()) for scheme in (LIGHT, DARK)
    )
    query = "@media screen and (prefers-color-scheme:dark)"
    return f":root{{{light}}}\n{query}{{:root{{{dark}}}}}\n"


def _digest(script: str) -> str:
    """What the page's policy lets run: this script and no other."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
