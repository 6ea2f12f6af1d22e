"""The report as Markdown, to paste into an issue, a chat or a page.

Tables are GitHub's, with columns aligned by spaces: what does not draw them (Slack) still shows
them readable. Names from the data are untrusted: nothing in them becomes markup, a link or a
mention.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from adoptcli.render import numbers
from adoptcli.render.details import WIDE, Sheet, sections, shape
from adoptcli.render.outcomes import total
from adoptcli.render.summary import counts, head, pasteable, silent, to_know
from adoptcli.render.text import safe
from adoptcli.render.verdicts import message
from adoptcli.results import Estimate, Finding, Headline, MetricReport, Report

MOST_ROWS, MOST_COLUMNS = 40, 30
COMMAND_WIDTH = 100
JOINER = "\u2060"  # has no width, but parts what would else be a mention or a link
_MARKUP = re.compile(r"[\\`*\[\]<>|~&$^]|(?<![^\W_])_|_(?![^\W_])")
_MENTION = re.compile(r"([@#])(?=\w)")
_ISSUE = re.compile(r"\b(GH)-(?=\d)", re.IGNORECASE)
_ADDRESS = re.compile(r"(www)\.|:(?=//)|\b(mailto|xmpp):", re.IGNORECASE)
_BLOCK = re.compile(r"^(?:([#+=-])(?=[\s#=-]|$)|(\d+)([.)])(?=\s|$))")


def render(report: Report, *, full: bool = True) -> str:
    """Summary, next steps and what to know; with `full` each metric's tables after them.

    Without them it is short enough for a comment on GitHub, which takes 65,536 characters.
    """
    parts = [*_head(report), *_summary(report), *_targets(report)]
    parts += [*_next_steps(report), *_silent(report)]
    if known := to_know(report):
        parts += ["## To know", "\n".join(f"- {escape(text)}" for text in known)]
    for metric, tables in sections(report) if full else ():
        parts.append(f"## {escape(metric.title)}")
        for table in tables:
            parts += _sheet(shape(table, WIDE, cut=True))
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """A text that shows as it is, in one line, wherever it stands.

    What would be markup gets a backslash. Mentions, references and addresses are found by GitHub
    in the text that is shown, so that they are parted by a character without width.
    """
    line = " ".join(safe(text).split())
    line = _MARKUP.sub(lambda found: f"\\{found[0]}", line)
    line = _MENTION.sub(rf"\1{JOINER}", line)
    line = _ISSUE.sub(rf"\1{JOINER}-", line)
    line = _ADDRESS.sub(_parted, line)
    return _BLOCK.sub(lambda m: f"\\{m[1]}" if m[1] else f"{m[2]}\\{m[3]}", line)


def _parted(found: re.Match[str]) -> str:
    text = found[0]
    return f"{text[:-1]}{JOINER}{text[-1]}"


def _head(report: Report) -> list[str]:
    source = report.source
    span = f"{report.since or source.first_day} to {report.until or source.last_day}"
    lines = [escape(line.plain) for line in head(report)]
    told = f"as of {report.as_of} · counted: {report.unit}s · adoptcli {report.version}"
    return [f"# Adoption and engagement, {escape(span)}", "\\\n".join([*lines, escape(told)])]


def _summary(report: Report) -> list[str]:
    """A table a section: value, interval, the counts behind it, change."""
    shown = [m for m in report.metrics if m.result.status == "ok" and m.result.headline is not None]
    parts = ["## Summary"] if shown else []
    for section in dict.fromkeys(metric.section for metric in shown):
        rows = [row for m in shown if m.section == section for row in _rows(m)]
        heads = [section.capitalize(), "value", "95 %", "n", "change"]
        parts.append(_table(heads, [True, *[False] * 4], rows))
    return parts


def _rows(metric: MetricReport) -> Iterator[list[str]]:
    """The headline in bold, the textbook figure where it differs, and the lines beside it."""
    found = metric.result
    assert found.headline is not None
    first = found.headline
    title = f"{first.title}, {first.period}" if first.period else first.title
    title += f": {first.verdict}" if first.verdict else ""
    note = f" ({escape(first.note)})" if first.note else ""
    yield [f"**{escape(title)}**{note}", *_numbers(first)]
    book = found.textbook
    if book is not None and book.value is not None and book.value != first.estimate.value:
        behind = numbers.behind(Estimate(book.value, book.numerator, book.denominator))
        value = escape(numbers.number(book.value, book.unit))
        yield [f"textbook: {escape(book.formula)}", value, "", behind, ""]
    for line in found.also:
        told = f"{line.title}: {line.verdict}" if line.verdict else line.title
        yield [escape(told), *_numbers(line)]


def _targets(report: Report) -> list[str]:
    """How many passed, and what did not."""
    if not report.targets:
        return []
    missed = [one for one in report.targets if one.outcome != "pass"]
    listed = "\n".join(f"- {escape(one.name)}: {escape(message(one))}" for one in missed)
    told = [escape(total(report.targets, report.as_of).plain)]
    return ["## Targets", *told, *([listed] if missed else [])]


def _numbers(found: Headline) -> list[str]:
    cells = (
        numbers.number(found.estimate.value, found.unit),
        numbers.interval(found.estimate, found.unit),
        counts(found.estimate),
        numbers.change(found.change, found.unit),
    )
    return [_number(cell) for cell in cells]


def _number(text: str) -> str:
    """A number, in which only these can be markup."""
    return text.replace("<", "\\<").replace(">", "\\>").replace("*", "\\*")


def _next_steps(report: Report) -> list[str]:
    steps = [_step(number, found) for number, found in enumerate(report.findings, 1)]
    return ["## Next steps", *steps] if steps else []


def _step(number: int, found: Finding) -> str:
    indent = " " * (len(str(number)) + 2)
    command = [line.rstrip() for line in pasteable(found.audience, COMMAND_WIDTH)]
    ticks = max(map(len, re.findall("`+", found.audience)), default=0)
    fence = "`" * max(3, ticks + 1)
    lines = [
        f"{escape(found.message)}\\", escape(found.advice), "", f"{fence}sh", *command, fence,
    ]  # fmt: skip
    return f"{number}. " + "\n".join(f"{indent}{line}" if line else "" for line in lines).lstrip()


def _silent(report: Report) -> list[str]:
    parts = []
    for heading, metrics in silent(report):
        lines = (f"- {escape(m.title)}: {escape(m.result.reason)}" for m in metrics)
        parts += [f"## {heading}", "\n".join(lines)]
    return parts


def _sheet(sheet: Sheet) -> list[str]:
    """A table under its heading; where it is shortened a sentence says so."""
    rows = [
        [escape(cell.plain) if text else _number(cell.plain)
         for cell, text in zip(row, sheet.texts, strict=True)]
        for row in sheet.rows
    ]  # fmt: skip
    heads, texts, left_out = [escape(head) for head in sheet.heads], sheet.texts, []
    if len(rows) > MOST_ROWS + 1:  # one is the mark of what has been left out
        left_out.append(f"{len(rows) - MOST_ROWS} rows")
        rows = rows[:MOST_ROWS]
    if len(heads) > MOST_COLUMNS:
        left_out.append(f"{len(heads) - MOST_COLUMNS} columns")
        heads, texts = heads[:MOST_COLUMNS], texts[:MOST_COLUMNS]
        rows = [row[:MOST_COLUMNS] for row in rows]
    parts = [f"### {escape(sheet.title)}", _table(heads, texts, rows)]
    if left_out:
        parts.append(f"{' and '.join(left_out).capitalize()} left out; `-f csv` has all.")
    return parts


def _table(heads: Sequence[str], texts: Sequence[bool], rows: Sequence[Sequence[str]]) -> str:
    """A GitHub table, its columns as wide as their widest cell; numbers stand to the right."""
    lines = [heads, *rows]
    widths = [max(3, *map(cell_len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * w if text else "-" * (w - 1) + ":" for w, text in zip(widths, texts, strict=True)]
    made = [
        [_padded(cell, w, text) for cell, w, text in zip(line, widths, texts, strict=True)]
        for line in lines
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in (made[0], rule, *made[1:]))


def _padded(cell: str, width: int, text: bool) -> str:
    space = " " * (width - cell_len(cell))
    return f"{cell}{space}" if text else f"{space}{cell}"
