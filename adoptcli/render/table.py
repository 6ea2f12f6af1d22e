"""The report as text, for a terminal or a pipe."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType

from adoptcli.render.details import details, lines
from adoptcli.render.summary import summary
from adoptcli.render.text import plain as as_plain
from adoptcli.results import Report

WIDEST = 400
PIPE = 120


def render(
    report: Report,
    *,
    full: bool,
    width: int | None,
    color: bool,
    unicode: bool,
    charts: bool = False,
) -> str:
    """The report as text.

    Args:
        report: What to show.
        full: All tables, not only the first screen.
        width: Of the terminal; None for a pipe, where nothing is cut.
        color: Whether escape sequences may be used.
        unicode: Whether the output can carry more than ASCII.
        charts: Whether drawings stand above the tables; in a pipe they never do.
    """
    plain = not unicode
    view = width or PIPE
    text = printed(summary(report, view, plain=plain, full=full), width or WIDEST, color=color)
    if full and width is not None:
        text += printed(details(report, view, plain=plain, charts=charts), width, color=color)
    elif full:
        text += lines(report)
    text = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    return as_plain(text) if plain else text


def printed(shown: RenderableType, width: int, *, color: bool) -> str:
    """What Rich shows, as text."""
    stream = io.StringIO()
    console = Console(
        file=stream, width=width, height=100, force_terminal=color, no_color=not color,
        color_system="256" if color else None, legacy_windows=False, highlight=False, emoji=False,
        markup=False, soft_wrap=False,
    )  # fmt: skip
    console.print(shown)
    return stream.getvalue()
