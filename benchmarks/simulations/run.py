"""Hold `drivers` and `impact` against worlds whose truth is known, beside what others describe.

python benchmarks/simulations/run.py --runs 300            all worlds; about 25 minutes on one core
python benchmarks/simulations/run.py --runs 20 --metrics drivers --only none volume
python benchmarks/simulations/run.py --runs 25 --metrics drivers --only trend --users 20_000
python benchmarks/simulations/run.py --runs 300 --into docs/evidence.md

The tables are printed as Markdown and, with --into, put between the marks of that page.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # this copy of adoptcli, not an installed one

import channel  # noqa: E402
import early  # noqa: E402
import experiment  # noqa: E402
import judge  # noqa: E402

T = TypeVar("T")
EARLY = {
    "naive": "naive", "compass": "Amplitude Compass", "signal": "Mixpanel Signal",
    "correlation": "PostHog correlation", "adoptcli": "**adoptcli**",
}  # fmt: skip
DAYS = {
    "naive": "naive", "aligned": "Amplitude Impact", "proportional": "Mixpanel Impact",
    "adjusted": "**adoptcli**",
}  # fmt: skip
ADOPTED = {
    "naive": "naive", "correlation": "PostHog, odds ratio above 1",
    "crude": "same day, not adjusted", "adjusted": "**adoptcli**",
}  # fmt: skip
RATIO = ("correlation",)  # an odds ratio, which is no estimate of a difference
OUTCOMES = {"active_days": (DAYS, 1, "active days of 14"), "adoption": (ADOPTED, 100, "points")}


def drivers(runs: int, only: Sequence[str], users: int) -> str:
    """The tables of `drivers`, as Markdown."""
    names = [name for name in early.WORLDS if not only or name in only]
    found = [_told(judge.early_runs(name, range(runs), users)) for name in names]
    return "\n\n".join([_heading(runs, users), *_early_tables(found)])


def impact(runs: int, only: Sequence[str], users: int) -> str:
    """The tables of `impact`, as Markdown."""
    names = [name for name in channel.WORLDS if not only or name in only]
    found = [_told(judge.channel_runs(name, range(runs))) for name in names]
    parts = [_channel_tables([one[outcome] for one in found]) for outcome in OUTCOMES]
    return "\n\n".join([_heading(runs), *(table for part in parts for table in part)])


def lots(runs: int, only: Sequence[str], users: int) -> str:
    """The table of `impact` where variants were drawn by lot, as Markdown."""
    names = [name for name in experiment.WORLDS if not only or name in only]
    found = [_told(judge.experiment_runs(name, range(runs))) for name in names]
    heads = ["world", "outcome", "truth", "off by", "interval holds the truth",
             'said: "raises" or "lowers"', "not judged (sizes)"]  # fmt: skip
    lines = [
        [_name(f.world), outcome.replace("_", " "), _signed(scale * f.truth[outcome]),
         _plus_minus(f.off(outcome), scale), _percent(f.coverage(outcome), bare=True),
         _percent(judge.mean(f.raises[outcome]), bare=True),
         _percent(judge.mean([1 - j for j in f.judged]), bare=True)]
        for f in found for outcome, (_, scale, _) in OUTCOMES.items()
    ]  # fmt: skip
    return "\n\n".join([_heading(runs), _markdown(heads, lines)])


METRICS = {"drivers": drivers, "impact": impact, "lots": lots}


def _heading(runs: int, users: int = early.USERS) -> str:
    people = "" if users == early.USERS else f", {users:,} people"
    return f"{runs} runs of each world, seeds 0 to {runs - 1}{people}."


def _told(found: T) -> T:
    print(".", end="", file=sys.stderr, flush=True)
    return found


def _early_tables(found: Sequence[judge.Early]) -> Iterable[str]:
    lines = [
        [_name(f.world), *(_percent(judge.mean(f.false[m])) for m in EARLY),
         *(_number(judge.mean(f.wrong[m]).value, 1) for m in ("naive", "adoptcli"))]
        for f in found
    ]  # fmt: skip
    yield "Of the events that are named as drivers, the share that does nothing (± standard error):"
    yield _markdown(["world", *EARLY.values(), "false a run: naive", "**adoptcli**"], lines)
    real = [f for f in found if f.world.effect]
    if real:
        lines = [[_name(f.world), *(_percent(judge.mean(f.found[m])) for m in EARLY)] for f in real]
        yield "How often the one event that does something is named:"
        yield _markdown(["world", *EARLY.values()], lines)
    lines = [
        [_name(f.world), _points(judge.mean(f.crude)), _points(judge.mean(f.off)),
         f"{100 * f.coverage:.1f} % of {sum(f.told):,}"]
        for f in found
    ]  # fmt: skip
    yield "The difference that adoptcli tells, against the true one:"
    heads = ["world", "not adjusted: off by", "adjusted: off by", "intervals that hold the truth"]
    yield _markdown(heads, lines)


def _channel_tables(found: Sequence[judge.Channel]) -> Iterable[str]:
    methods, scale, unit = OUTCOMES[found[0].outcome]
    what = "active days, 14 days after less 14 before" if scale == 1 else "adoption in 14 days"
    measured = {m: title for m, title in methods.items() if m not in RATIO}
    yield f"### {what.capitalize()}"
    yield f"Estimate less truth, in {unit} (± standard error):"
    lines = [
        [_name(f.world), _signed(scale * f.truth), *(_off(f, m, scale) for m in measured)]
        for f in found
    ]
    yield _markdown(["world", "truth", *measured.values()], lines)
    yield "How often the 95 % interval holds the truth:"
    lines = [
        [_name(f.world), *(_percent(f.coverage(m), bare=True) for m in measured)] for f in found
    ]
    yield _markdown(["world", *measured.values()], lines)
    said = [m for m in methods if m != "crude"]
    yield "How often it is said that the channel makes a difference:"
    lines = [
        [_name(f.world), "yes" if f.truth else "no",
         *(_percent(f.says(m), bare=True) for m in said)]
        for f in found
    ]  # fmt: skip
    yield _markdown(["world", "does it?", *(methods[m] for m in said)], lines)


def _name(world: early.World | channel.World | experiment.World) -> str:
    return world.title if world.holds else f"{world.title} †"


def _off(found: judge.Channel, method: str, scale: int) -> str:
    return _plus_minus(found.off(method), scale)


def _plus_minus(off: judge.Share, scale: int) -> str:
    digits = 2 if scale == 1 else 1
    return f"{_signed(scale * off.value, digits)} ± {scale * off.se:.{digits}f}"


def _points(share: judge.Share) -> str:
    return f"{_signed(100 * share.value, 1)} ± {100 * share.se:.1f} points"


def _percent(share: judge.Share, *, bare: bool = False) -> str:
    if math.isnan(share.value):
        return "–"
    more = "" if bare else f" ± {100 * share.se:.1f}"
    return f"{100 * share.value:.1f}{more} %"


def _signed(value: float, digits: int = 2) -> str:
    text = f"{value:+.{digits}f}"
    return text.replace("-", "−") if float(text) else f"{0:.{digits}f}"


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}"


def _markdown(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rule = "|---" + "|---:" * (len(heads) - 1) + "|"
    return "\n".join([_line(heads), rule, *map(_line, lines)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def placed(page: str, metric: str, made: str) -> str:
    """The page with the tables between the metric's marks."""
    begin, end = (f"<!-- {metric}: {what} -->" for what in ("begin", "end"))
    before, rest = page.split(begin)
    return f"{before}{begin}\n\n{made}\n\n{end}{rest.split(end)[1]}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the worlds and write the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    known = sorted({*early.WORLDS, *channel.WORLDS, *experiment.WORLDS})
    parser.add_argument("--runs", type=int, default=300, help="of each world")
    parser.add_argument("--metrics", nargs="*", default=[*METRICS], choices=[*METRICS])
    parser.add_argument("--only", nargs="*", default=(), choices=known, help="these worlds alone")
    parser.add_argument("--users", type=int, default=early.USERS, help="in a world of drivers")
    parser.add_argument("--into", type=Path, help="a page with the marks")
    asked = parser.parse_args(arguments)
    for metric in asked.metrics:
        made = METRICS[metric](asked.runs, asked.only, asked.users)
        print(made, flush=True)
        if asked.into:
            page = asked.into.read_text(encoding="utf-8")
            asked.into.write_text(placed(page, metric, made), encoding="utf-8")


if __name__ == "__main__":
    main()
