"""The words and signs for what came of targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import get_args

from rich.text import Text

from adoptcli.results import Judged, Outcome

ORDER: tuple[Outcome, ...] = get_args(Outcome)  # what failed stands last
SIGNS: dict[Outcome, str] = {"pass": "✓", "warn": "!", "not_evaluable": "?", "fail": "✗"}
WORDS: dict[Outcome, str] = {
    "pass": "pass", "warn": "warn", "not_evaluable": "not judged", "fail": "fail",
}  # fmt: skip
STYLES: dict[Outcome, str] = {
    "pass": "green", "warn": "yellow", "not_evaluable": "magenta", "fail": "bold red",
}  # fmt: skip
COUNTED: dict[Outcome, str] = {
    "pass": "passed", "warn": "with a warning", "not_evaluable": "not judged", "fail": "failed",
}  # fmt: skip


def worst(targets: Sequence[Judged]) -> Outcome:
    """The outcome of all together: missed before not evaluable."""
    return max((j.outcome for j in targets), key=ORDER.index, default="not_evaluable")


def total(targets: Sequence[Judged], as_of: str) -> Text:
    """How many of each, and as of when."""
    number = Counter(j.outcome for j in targets)
    counts = ", ".join(f"{number[kind]} {COUNTED[kind]}" for kind in ORDER if number[kind])
    whole = len(targets)
    text = f"{whole} target{'s' if whole != 1 else ''} as of {as_of}: {counts}"
    return Text(text, style=STYLES[worst(targets)])
