"""The report as one HTML file that needs nothing else: no network, no library, no fonts."""

from __future__ import annotations

from importlib.util import find_spec

from adoptcli.errors import UsageProblem
from adoptcli.results import Report

NEEDED = ("jinja2", "vl_convert")


def require() -> None:
    """Complain where what draws is not installed.

    Raises:
        UsageProblem: With the command that installs it.
    """
    if not all(find_spec(name) for name in NEEDED):
        raise UsageProblem(
            "html-missing", "HTML needs packages that are not installed",
            "install them: pip install jinja2 vl-convert-python",
        )  # fmt: skip


def render(report: Report) -> str:
    """The whole page."""
    require()
    from adoptcli.render.html import page

    return page.render(report)
