"""What each method said of each simulated log, held against the truth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import channel
import early
import experiment
import numpy as np
import others_channel
import others_early
import ours
from channel import Bools

CLEAR, COVERED = 0.05, 0.93  # q, and how often an interval must hold the truth


class Share(NamedTuple):
    """A mean over runs and its standard error."""

    value: float
    se: float


def mean(values: Sequence[float]) -> Share:
    """Over runs; NaN where there are none."""
    found = np.array([v for v in values if not math.isnan(v)])
    if not found.size:
        return Share(math.nan, math.nan)
    return Share(float(found.mean()), float(found.std() / found.size**0.5))


@dataclass
class Early:
    """The runs of one world of `early`.

    Attributes:
        false: By method and run: of the events it named, the share that does nothing.
        wrong: By method and run: how many events it named that do nothing.
        found: By method and run: whether it named `keeper`; empty where that does nothing.
        covered: By run: of the events that are told of, how many intervals hold the truth.
        told: By run: how many these are.
        off: By run: the mean of estimate − truth over them.
        crude: The same of the difference that is not adjusted.
    """

    world: early.World
    false: dict[str, list[float]] = field(default_factory=dict)
    wrong: dict[str, list[float]] = field(default_factory=dict)
    found: dict[str, list[float]] = field(default_factory=dict)
    covered: list[int] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    off: list[float] = field(default_factory=list)
    crude: list[float] = field(default_factory=list)

    def add(self, seed: int, users: int) -> None:
        """One more run."""
        log = early.make(self.world, seed, users)
        for name, method in others_early.METHODS.items():
            self._named(name, log, method(log).named)
        rows = {log.names.index(r["item"]): r for r in _events(log)}
        named = [rows.get(i, {}).get("verdict", "") for i in range(1, len(log.names))]
        self._named("adoptcli", log, np.array([str(v).startswith("goes with") for v in named]))
        self._adjusted(log, rows)

    def _named(self, method: str, log: early.Log, named: Bools) -> None:
        wrong = int((named & log.null[1:]).sum())
        self.wrong.setdefault(method, []).append(wrong)
        self.false.setdefault(method, []).append(wrong / max(int(named.sum()), 1))
        if not log.null[early.KEEPER]:
            self.found.setdefault(method, []).append(float(named[early.KEEPER - 1]))

    def _adjusted(self, log: early.Log, rows: dict[int, ours.Row]) -> None:
        off, crude, covered = [], [], 0
        for event, row in rows.items():
            fair = row["adjusted"]
            if "rare" in (row["flags"] or "") or fair is None or fair["low"] is None:
                continue
            truth = log.truth(event, row["step"])
            off.append(fair["value"] - truth)
            crude.append(row["difference"]["value"] - truth)
            covered += fair["low"] <= truth <= fair["high"]
        self.covered.append(covered)
        self.told.append(len(off))
        self.off.append(float(np.mean(off)) if off else math.nan)
        self.crude.append(float(np.mean(crude)) if crude else math.nan)

    @property
    def coverage(self) -> float:
        """The share of intervals that hold the truth."""
        return sum(self.covered) / max(sum(self.told), 1)


def _events(log: early.Log) -> list[ours.Row]:
    return [r for r in ours.drivers(log)["tables"]["events"] if r["item"] in log.names[1:]]


@dataclass
class Channel:
    """The runs of one world of `channel`, for one outcome.

    Attributes:
        said: By method: the estimate and its interval of each run.
        effect: By method and run: whether it says that there is something.
        truths: Of each run, the mean gain of those who used the channel.
    """

    world: channel.World
    outcome: str
    said: dict[str, list[others_channel.Said]] = field(default_factory=dict)
    effect: dict[str, list[float]] = field(default_factory=dict)
    truths: list[float] = field(default_factory=list)

    @property
    def truth(self) -> float:
        """The true effect, over all runs."""
        return float(np.mean(self.truths))

    def add(self, log: channel.Log, told: ours.Tables) -> None:
        """One more run."""
        days = self.outcome == "active_days"
        self.truths.append(float(np.nanmean(log.gain_days if days else log.gain_adopted)))
        for name, method in (others_channel.DAYS_BY if days else others_channel.ADOPTED_BY).items():
            said = method(log)
            self.said.setdefault(name, []).append(said)
            self.effect.setdefault(name, []).append(float(said.low > 0 or said.high < 0))
        row = told[self.outcome][0]
        for name in ("crude", "adjusted"):
            found = row[name]
            if found is None or found["low"] is None:
                continue
            self.said.setdefault(name, []).append(
                others_channel.Said(found["value"], found["low"], found["high"])
            )
        self.effect.setdefault("adjusted", []).append(
            float(row["verdict"].startswith("associated"))
        )

    def off(self, method: str) -> Share:
        """The mean of estimate − truth."""
        return mean([said.value - self.truth for said in self.said.get(method, ())])

    def coverage(self, method: str) -> Share:
        """How often the interval holds the truth."""
        return mean([float(s.low <= self.truth <= s.high) for s in self.said.get(method, ())])

    def says(self, method: str) -> Share:
        """How often it says that there is something."""
        return mean(self.effect.get(method, ()))


def early_runs(name: str, seeds: Sequence[int], users: int = early.USERS) -> Early:
    """A world's runs."""
    found = Early(early.WORLDS[name])
    for seed in seeds:
        found.add(seed, users)
    return found


def channel_runs(name: str, seeds: Sequence[int]) -> dict[str, Channel]:
    """A world's runs, by outcome."""
    world = channel.WORLDS[name]
    found = {outcome: Channel(world, outcome) for outcome in ("active_days", "adoption")}
    for seed in seeds:
        log = channel.make(world, seed)
        told = ours.impact(log)["tables"]
        for one in found.values():
            one.add(log, told)
    return found


@dataclass
class Drawn:
    """The runs of one world of `experiment`: by outcome what was said, and how often "raises"."""

    world: experiment.World
    truth: dict[str, float] = field(default_factory=dict)
    said: dict[str, list[others_channel.Said]] = field(default_factory=dict)
    raises: dict[str, list[float]] = field(default_factory=dict)
    judged: list[float] = field(default_factory=list)

    def add(self, seed: int) -> None:
        """One more run."""
        log = experiment.make(self.world, seed)
        self.truth = {"active_days": log.days, "adoption": log.adopted}
        rows = ours.experiments(log)["tables"]["variants"]
        (row,) = (r for r in rows if r["item"] == "new")
        self.judged.append(float(row["active_days_verdict"] != "not judged"))
        for outcome in self.truth:
            found = row[f"{outcome}_more"]
            said = others_channel.Said(found["value"], found["low"], found["high"])
            self.said.setdefault(outcome, []).append(said)
            named = row[f"{outcome}_verdict"] in ("raises", "lowers")
            self.raises.setdefault(outcome, []).append(float(named))

    def off(self, outcome: str) -> Share:
        """The mean of estimate − truth."""
        return mean([s.value - self.truth[outcome] for s in self.said[outcome]])

    def coverage(self, outcome: str) -> Share:
        """How often the interval holds the truth."""
        return mean([float(s.low <= self.truth[outcome] <= s.high) for s in self.said[outcome]])


def experiment_runs(name: str, seeds: Sequence[int]) -> Drawn:
    """A world's runs."""
    found = Drawn(experiment.WORLDS[name])
    for seed in seeds:
        found.add(seed)
    return found
