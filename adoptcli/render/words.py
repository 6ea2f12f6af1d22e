"""What every format for people says in words: what was read, what to know, which steps first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adoptcli.results import Finding, Report

MOST_STEPS = 5
EVERYONE = "everyone"  # instead of a segment


@dataclass(frozen=True)
class Known:
    """A caveat, told once, with the titles of the metrics that carry it."""

    code: str
    text: str
    titles: tuple[str, ...]


def was_read(report: Report) -> list[str]:
    """37,384 events, 800 users, 60 accounts."""
    source = report.source
    counts = [f"{source.events:,} events", f"{source.actors:,} {report.unit}s"]
    if source.accounts and report.unit == "user":
        counts.append(f"{source.accounts:,} accounts")
    if source.merged:
        counts.append(f"{source.merged:,} ids merged into {source.merged_into:,}")
    if source.devices:
        counts.append(f"{source.devices:,} known by an anonymous id alone")
    return counts


def set_aside(report: Report) -> list[str]:
    """Rows that do not count, by reason."""
    return [f"{n:,} {reason.replace('-', ' ')}" for reason, n in report.source.set_aside.items()]


def left_out(report: Report) -> list[str]:
    """Rows that are in order, and do not count either."""
    source = report.source
    found = {
        "rows without user": source.anonymous, "repeated deliveries": source.duplicates,
        "excluded": source.excluded,
    }  # fmt: skip
    return [f"{n:,} {what}" for what, n in found.items() if n]


def known(report: Report) -> list[Known]:
    """Each caveat once, whichever metrics carry it; those of the whole report first."""
    found: dict[tuple[str, str], tuple[str, list[str]]] = {}
    pairs = [(caveat, "") for caveat in report.caveats]
    pairs += [(caveat, m.title) for m in report.metrics for caveat in m.result.caveats]
    for caveat, title in pairs:
        text = f"{caveat.message}: {caveat.count:,}" if caveat.count else caveat.message
        found.setdefault((caveat.code, caveat.message), (text, []))[1].append(title)
    return [Known(code, text, tuple(filter(None, titles)))
            for (code, _), (text, titles) in found.items()]  # fmt: skip


def first_steps(findings: Sequence[Finding]) -> list[Finding]:
    """The worst of each topic, as many as a screen bears."""
    worst: dict[str, Finding] = {}
    for found in findings:
        worst.setdefault(found.topic, found)
    return [*worst.values()][:MOST_STEPS]
