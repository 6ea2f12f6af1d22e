"""One screen: what was read, each metric's headline, and what to know before believing it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from textwrap import wrap

from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from adoptcli.render import WITH_INTERVAL, numbers
from adoptcli.render.outcomes import SIGNS, STYLES, total
from adoptcli.render.text import safe
from adoptcli.render.words import Known, first_steps, known, left_out, set_aside, was_read
from adoptcli.results import FROM_PIPE, Estimate, Headline, Judged, MetricReport, Report

WITH_TREND = 110
NUMBERS, INTERVAL = 36, 14  # columns that value, n and change take, and the interval
LEAST_TITLE = 44
SMALL = 30
MOST_BARS = 12
STUCK = "\u00a0"  # a space that does not break
READABLE = 110


def summary(report: Report, width: int, *, plain: bool, full: bool) -> RenderableType:
    """The first screen of a report, for a terminal of so many columns.

    With `full` all findings; else the worst, one of each topic.
    """
    parts: list[RenderableType] = [*head(report), Text()]
    grid, marks = _grid(width), _marks(report)
    seen = ""
    for metric in report.metrics:
        if metric.result.status != "ok" or metric.result.headline is None:
            continue
        if metric.section != seen:
            if seen:
                grid.add_row()
            grid.add_row(Text(metric.section.upper(), style="bold"))
            seen = metric.section
        for cells in _rows(metric, marks, width, plain=plain):
            grid.add_row(*cells)
    parts += [grid] if grid.rows else []
    if report.targets:
        told = " (adoptcli check tells them)"
        parts += [Text(), total(report.targets, report.as_of).append(told, style="dim")]
    parts += _next_steps(report, width, full=full)
    parts += _silent(report)
    parts += _caveats(report)
    return Group(*parts)


def head(report: Report) -> list[Text]:
    """What was read, what was set aside."""
    source, aside = report.source, set_aside(report)
    span = f"{source.first_day} to {source.last_day} ({report.time_zone})"
    counts = [*was_read(report), span, f"definitions {report.definitions}"]
    lines = [Text(" · ".join(counts))]
    if text := [*(["set aside: " + ", ".join(aside)] if aside else []), *left_out(report)]:
        lines.append(Text(" · ".join(text), style="dim"))
    if report.since or report.until:
        lines.append(Text(f"shown: {report.since or '…'} to {report.until or '…'}", style="dim"))
    if report.segment:
        lines.append(Text(f"split by {safe(report.segment)}, in the tables", style="dim"))
    return lines


def _grid(width: int) -> Grid:
    grid = Grid(box=None, padding=(0, 1), header_style="dim", pad_edge=False)
    grid.add_column("", overflow="fold")
    grid.add_column("value", justify="right", no_wrap=True)
    if width >= WITH_INTERVAL:
        grid.add_column("95 %", justify="right", no_wrap=True)
    grid.add_column("n", justify="right", no_wrap=True)
    grid.add_column("change", justify="right", no_wrap=True)
    if width >= WITH_TREND:
        grid.add_column("trend", no_wrap=True)
    return grid


Marks = Mapping[str, Judged]


def _marks(report: Report) -> Marks:
    """By metric: what came of its headline's target."""
    return {t.metric: t for t in report.targets if t.figure == "headline"}


def _marked(title: str, target: Judged | None, width: int) -> Text:
    """A title, with the mark of its target behind it in its colour."""
    if target is None:
        return Text(_folded(title, width))
    mark = f"{SIGNS[target.outcome]} {target.condition}"
    found = Text(_folded(f"{title}  {mark.replace(' ', STUCK)}", width).replace(STUCK, " "))
    found.stylize(STYLES[target.outcome], len(found) - len(mark))
    return found


def _value(found: Headline, target: Judged | None) -> Text:
    """The number, with as many digits as tell it from its target."""
    text = numbers.number(found.estimate.value, found.unit)
    if target is not None and target.value is not None and target.limit is not None:
        text = numbers.told_apart(target.value, target.limit, found.unit)
    return Text(text, style="bold")


def _rows(metric: MetricReport, marks: Marks, width: int, *, plain: bool) -> Iterator[list[Text]]:
    """The headline, the textbook figure where it differs, and what else there is."""
    found = metric.result
    assert found.headline is not None
    yield _line(found.headline, "  ", width, plain=plain, target=marks.get(metric.id))
    if found.headline.note:
        yield [Text(_folded(f"    {safe(found.headline.note)}", width), style="dim")]
    book = found.textbook
    same = book is not None and book.value == found.headline.estimate.value
    if book is not None and book.value is not None and not same:
        counts = numbers.behind(Estimate(book.value, book.numerator, book.denominator))
        empty = [Text()] if width >= WITH_INTERVAL else []
        yield [
            Text(_folded(f"    textbook: {safe(book.formula)}", width), style="dim"),
            Text(numbers.number(book.value, book.unit), style="dim"),
            *empty,
            Text(counts, style="dim"),
        ]
    for headline in found.also:
        yield _line(headline, "    ", width, plain=plain)


def _line(
    found: Headline, indent: str, width: int, *, plain: bool, target: Judged | None = None
) -> list[Text]:
    title = f"{indent}{safe(found.title)}"
    if found.period and indent == "  ":
        title += f", {found.period}"
    if found.verdict:
        title += f": {safe(found.verdict)}"
    cells = [
        _marked(title, target, width),
        _value(found, target),
    ]
    if width >= WITH_INTERVAL:
        cells.append(Text(numbers.interval(found.estimate, found.unit), style="dim"))
    cells.append(Text(counts(found.estimate)))
    cells.append(Text(numbers.change(found.change, found.unit)))
    if width >= WITH_TREND:
        cells.append(Text(numbers.sparkline(found.trend[-MOST_BARS:], plain=plain), style="cyan"))
    return cells


def counts(found: Estimate) -> str:
    """The counts behind a number, marked where they are few."""
    n = numbers.behind(found)
    few = found.denominator is not None and found.denominator < SMALL
    return f"{n} *" if few and n else n


def _folded(title: str, width: int) -> str:
    """A title on as many lines as it needs, the later ones further in."""
    room = width - NUMBERS
    room -= INTERVAL if width >= WITH_INTERVAL else 0
    room -= MOST_BARS if width >= WITH_TREND else 0
    indent = " " * (len(title) - len(title.lstrip()) + 4)
    return "\n".join(wrap(title, max(room, LEAST_TITLE), subsequent_indent=indent))


def _next_steps(report: Report, width: int, *, full: bool) -> list[Text]:
    """The findings: what is the matter, what helps, and the command that lists the people."""
    shown = report.findings if full else first_steps(report.findings)
    if not shown:
        return []
    lines, given = [Text(), Text("NEXT STEPS", style="bold")], set()
    for number, found in enumerate(shown, 1):
        advice = "" if found.advice in given else found.advice  # told once is enough
        given.add(advice)
        lines += [
            *_wrapped(f"{number:3}  {safe(found.message)}", width, ""),
            *(_wrapped(f"     {safe(advice)}", width, "dim") if advice else ()),
            *(Text(f"     {line}", style="cyan") for line in pasteable(found.audience, width - 5)),
        ]
    if left := len(report.findings) - len(shown):
        lines.append(Text(f"     {left} more with --details", style="dim"))
    return lines


def _wrapped(text: str, width: int, style: str) -> list[Text]:
    """A text on as many lines as it needs, for reading no wider than a page."""
    lines = wrap(text, min(width, READABLE), subsequent_indent="     ", break_on_hyphens=False)
    return [Text(line, style=style) for line in lines]


def pasteable(command: str, width: int) -> list[str]:
    """A command on as many lines as it needs, each but the last with the shell's sign to go on."""
    lines = [""]
    typed = safe(command).removesuffix(FROM_PIPE)
    pipe = [] if typed == safe(command) else [FROM_PIPE.strip()]
    for part in [*map(shlex.quote, shlex.split(typed)), *pipe]:
        if lines[-1] and len(lines[-1]) + len(part) + 3 > width:
            lines[-1] += " \\"
            lines.append(f"  {part}")
        else:
            lines[-1] += f" {part}" if lines[-1] else part
    return lines


def _silent(report: Report) -> list[Text]:
    lines = []
    for heading, metrics in silent(report):
        lines += [Text(), Text(heading.upper(), style="bold")]
        for metric in metrics:
            lines.append(Text(f"  {metric.title}: {safe(metric.result.reason)}", style="dim"))
    return lines


def silent(report: Report) -> Iterator[tuple[str, list[MetricReport]]]:
    """Metrics without a number, which tell why, under a heading."""
    for status, heading in (("not_evaluable", "Not judged"), ("not_configured", "Not configured")):
        found = [m for m in report.metrics if m.result.headline is None]
        if those := [m for m in found if m.result.status == status]:
            yield heading, those


def _caveats(report: Report) -> list[Text]:
    known = to_know(report)
    lines = [Text(), Text("TO KNOW", style="bold")] if known else []
    return [*lines, *(Text(f"  {safe(text)}", style="dim") for text in known)]


def to_know(report: Report) -> list[str]:
    """Each caveat once, with the metrics that carry it; what explains the mark of a few has it."""
    found = known(report)
    if _starred(report):
        text = f"fewer than {SMALL} behind a number beside a headline"
        found.append(Known("small-denominator", text, ()))
    return [
        ("* " if one.code == "small-denominator" else "")
        + one.text
        + (f" ({', '.join(one.titles)})" if one.titles else "")
        for one in found
    ]


def _starred(report: Report) -> bool:
    """Whether a number beside a headline has the mark of a few, which no caveat explains."""
    heads = [h for metric in report.metrics for h in metric.result.also]
    return any((h.estimate.denominator or SMALL) < SMALL for h in heads)
