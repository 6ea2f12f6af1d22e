"""What is said of each channel: differences, checks, and the verdict in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from adoptcli import stats
from adoptcli.metrics._base import Tallies
from adoptcli.metrics._matched import (
    CRUDE,
    Difference,
    at_level,
    difference,
    finest,
    less,
    sides,
)
from adoptcli.metrics._shared import SMALL
from adoptcli.results import Estimate, Unit

OVERLAP, BALANCE, SURE = 0.5, 0.1, 0.05  # least overlap; most imbalance and q
ASSOCIATED, LESS = "associated", "associated with less"
NOTHING, TOO_FEW = "no evidence", "not enough data"


@dataclass(frozen=True)
class Asked:
    """What the YAML asks for: channels, days of the windows, outcomes, variants.

    `adoption` and `control` say in words what adoption and the negative control are; empty where
    there is none. `alike`: what the first screen's lines are of may not depend on what was found.
    """

    names: Sequence[str]
    length: int
    adoption: str
    features: bool
    control: str
    variants: Sequence[str]
    reference: str
    split: Mapping[str, float]
    alike: bool


@dataclass(frozen=True)
class Outcome:
    """One thing that may change: its measure, of how many, its unit and its words."""

    name: str
    x: str
    n: str
    unit: Unit
    what: str
    title: str


def outcomes(asked: Asked) -> list[Outcome]:
    """What is looked at, in the order of the tables."""
    d = asked.length
    over = f"{d} days after minus {d} before"
    adopted = f"Adopted ({asked.adoption}) within {d} days"
    found = [Outcome("active_days", "uptick", "n", "days", "active days", f"Active days, {over}")]
    if asked.features:
        title = f"Uses of features, {over}"
        found.append(Outcome("feature_uses", "uses", "n", "events", "uses of features", title))
    if asked.adoption:
        found.append(Outcome("adoption", "adopted", "risk", "pp", "adoption", adopted))
    return found


@dataclass(frozen=True)
class Judged:
    """One channel and outcome: crude, adjusted, q and the verdict."""

    outcome: Outcome
    crude: Difference | None
    found: Difference | None
    q: float | None = None
    verdict: str = TOO_FEW
    reason: str = ""


@dataclass(frozen=True)
class Channel:
    """One channel: who was exposed and compared, the checks, and each outcome."""

    name: str
    exposed: int
    matched: int
    controls: int
    later: int
    same_day: int
    level: str
    balance: tuple[float | None, float | None]
    checks: Mapping[str, Difference | None]
    after: Difference | None
    judged: Sequence[Judged]

    @property
    def best(self) -> Judged:
        """The outcome that the channel's line shows: the surest associated, else the first."""
        sure = [j for j in self.judged if j.verdict in (ASSOCIATED, LESS)]
        return min(sure, key=lambda j: j.q or 0.0) if sure else self.judged[0]

    @property
    def verdict(self) -> str:
        """Of all outcomes together."""
        words = [j.verdict for j in self.judged]
        sure = [word for word in (ASSOCIATED, LESS) if word in words]
        if sure:
            return sure[0] if len(sure) == 1 else f"{ASSOCIATED}, more and less"
        return NOTHING if NOTHING in words else TOO_FEW


def channels(tallies: Tallies, asked: Asked) -> list[Channel]:
    """Every channel, judged."""
    later = dict(tallies["later"].select("item", "later").iter_rows())
    found = [_channel(tallies, asked, i, later.get(i, 0)) for i in range(len(asked.names))]
    ps = [_p(j.found) for c in found for j in c.judged]
    known = iter(stats.benjamini_hochberg([p for p in ps if p is not None]))
    qs = iter([None if p is None else next(known) for p in ps])
    return [replace(c, judged=[_judge(c, j, next(qs)) for j in c.judged]) for c in found]


def _p(found: Difference | None) -> float | None:
    """Of what can be judged; the rest is no test."""
    return found.p if found and found.exposed >= SMALL else None


def _channel(tallies: Tallies, asked: Asked, item: int, later: int) -> Channel:
    exposed, since = (
        tallies[name].filter(pl.col("item") == item).drop("item") for name in ("channels", "since")
    )
    same_day, exposed = int(exposed["same_day"].sum()), exposed.drop("exposed")
    everyone = tallies["all"]
    crude = sides(at_level(exposed, CRUDE), less(at_level(everyone, CRUDE), at_level(since, CRUDE)))
    level, (matched, of), both = finest(exposed, everyone, since)
    spread = _spread(crude)
    before = difference(both, "before")
    raw = difference(crude, "before")
    checks = {"placebo": difference(both, "placebo", "placebo_n")}
    if asked.control:
        checks["control"] = difference(both, "controls")
    judged = [
        Judged(o, difference(crude, o.x, o.n), difference(both, o.x, o.n)) for o in outcomes(asked)
    ]
    return Channel(
        asked.names[item], of, matched, int(crude["n_0"].sum()), later, same_day, level,
        (_standard(raw, spread), _standard(before, spread)), checks, difference(crude, "after"),
        judged,
    )  # fmt: skip


def _spread(crude: pl.DataFrame) -> float:
    """The standard deviation of the active days before, both sides' variances averaged."""
    whole = crude.sum().row(0, named=True)
    variances = []
    for side in (1, 0):
        n, x, xx = (whole[f"{m}_{side}"] for m in ("n", "before", "before_squares"))
        variances.append(xx / n - (x / n) ** 2 if n else 0.0)
    return math.sqrt(max(sum(variances) / 2, 0.0))


def _standard(found: Difference | None, spread: float) -> float | None:
    return found.value / spread if found and spread else None


def _judge(channel: Channel, judged: Judged, q: float | None) -> Judged:
    word, reason = _verdict(channel, judged.found, q)
    return replace(judged, q=q, verdict=word, reason=reason)


def _verdict(channel: Channel, found: Difference | None, q: float | None) -> tuple[str, str]:
    """The verdict, and why it is not more."""
    if found is None or found.exposed < SMALL:
        return TOO_FEW, f"fewer than {SMALL} exposed can be compared"
    if channel.matched < OVERLAP * channel.exposed:
        return TOO_FEW, "too few of the exposed have others like them"
    if not sure(found):
        return NOTHING, "the interval holds 0"
    if q is None or q >= SURE:
        return NOTHING, f"q is not below {SURE}"
    if abs(channel.balance[1] or 0.0) > BALANCE:
        return NOTHING, "the exposed were not like the others before"
    ways = {
        words: check.value * found.value > 0
        for name, words in _CHECKS.items()
        if (check := channel.checks.get(name)) and moved(check)
    }
    if any(ways.values()):
        return NOTHING, " and ".join(words for words, same in ways.items() if same) + " moved too"
    other = f"though {' and '.join(ways)} moved the other way" if ways else ""
    return (ASSOCIATED if found.value > 0 else LESS), other


_CHECKS = {"placebo": "the placebo", "control": "the negative control"}


def sure(found: Difference) -> bool:
    return found.low is not None and found.high is not None and (found.low > 0 or found.high < 0)


def moved(check: Difference) -> bool:
    """Whether what no channel can have moved differs all the same."""
    return sure(check)


def estimate(found: Difference | None, unit: Unit = "number") -> Estimate:
    """With its interval, and how many exposed it stands on; shares differ by 100 pp at most."""
    if found is None:
        return Estimate(None, None, 0)
    low, high = found.low, found.high
    if unit == "pp" and low is not None and high is not None:
        low, high = max(low, -1.0), min(high, 1.0)
    return Estimate(found.value, None, found.exposed, low, high)
