"""What a run found, as a table."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .operators import Mutant

Name = tuple[str, str, str]


@dataclass(frozen=True)
class Found:
    """A change and its fate: killed, timeout or survived."""

    mutant: Mutant
    fate: str
    by: str
    seconds: float  # of the processor


def told(found: list[Found], judged: dict[Name, str], total: int) -> str:
    """A table by folder, with 95 % intervals, and how long all changes would take."""
    lines = [
        "| changed | modules | changes | no difference | noticed | not noticed | share noticed |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    areas = sorted({_area(one) for one in found})
    lines += [_line(f"`{area}`", [f for f in found if _area(f) == area], judged) for area in areas]
    lines.append(_line("all", found, judged))
    minutes = sum(one.seconds for one in found) / 60
    late = sum(one.fate == "timeout" for one in found)
    lines += ["", f"{len(found):,} of {total:,} changes, {minutes:.0f} minutes of processor time"
              f" ({late} ran on without end and count as noticed); all would take"
              f" {minutes / 60 * total / max(len(found), 1):.0f} hours."]  # fmt: skip
    return "\n".join(lines)


def _area(one: Found) -> str:
    path = Path(one.mutant.file)
    return path.name if path.parent.name == "adoptcli" else path.parent.name + "/"


def _line(title: str, found: list[Found], judged: dict[Name, str]) -> str:
    same = _count(found, lambda f: f.fate == "survived" and f.mutant.name in judged)
    alive = _count(found, lambda f: f.fate == "survived") - same
    modules, n = len({f.mutant.file for f in found}), len(found) - same
    return (
        f"| {title} | {modules} | {len(found)} | {same} | {n - alive} | {alive} |"
        f" {_share(n - alive, n)} |"
    )


def _count(found: list[Found], holds: Callable[[Found], bool]) -> int:
    return sum(map(holds, found))


def _share(part: int, whole: int) -> str:
    from adoptcli.stats import wilson  # only now, as trials import what they change

    low, high = wilson(part, whole) or (0.0, 0.0)
    return f"{100 * part / max(whole, 1):.1f} % ({100 * low:.1f} to {100 * high:.1f} %)"


def into(path: Path, result: str) -> None:
    """The result between its marks in a Markdown file."""
    begin, end = "<!-- mutants: begin -->", "<!-- mutants: end -->"
    text = path.read_text(encoding="utf-8")
    new = f"{begin}\n\n{result}\n\n{end}"
    path.write_text(re.sub(f"{begin}.*?{end}", lambda _: new, text, flags=re.S), encoding="utf-8")
