"""People's first weeks, with a known answer to "what makes them stay".

Everybody signs up within some weeks, does things in the first days, and is back in days 14 to 28 or
not. Who is back is drawn here, so that it is known what each event does for it: nothing, but for
`keeper` where a world says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

DAY = 86_400_000
START = 1_767_225_600_000  # 2026-01-01 00:00 UTC
EXPOSURE, BACK, END, SIGNUP_DAYS = 7, 14, 28, 28
USERS = 2000
VISIT, KEEPER = 0, 1  # the events with a meaning; the others are as good as noise
Ints, Floats = npt.NDArray[np.int64], npt.NDArray[np.float64]


@dataclass(frozen=True)
class Log:
    """A log and the truth behind it.

    Attributes:
        names: Of the events; 0 is `visit`, which is not asked about.
        users: How many people.
        signup: Of each, ms.
        user, event, time: The rows, without sign-ups; time in ms since the sign-up.
        stayed: Who is back, 0 or 1.
        truth: (event, times) -> the true difference in the share that stays between those who did
            it so many times in the first days and others alike in volume and period of sign-up.
        null: Whether each event does nothing.
        account: Of each person; None where there are none.
    """

    names: list[str]
    users: int
    signup: Ints
    user: Ints
    event: Ints
    time: Ints
    stayed: Ints
    truth: Callable[[int, int], float]
    null: npt.NDArray[np.bool_]
    account: Ints | None = None

    def counts(self, days: int) -> Ints:
        """How many times each did each event before that day: users × events."""
        inside = self.time < days * DAY
        key = self.user[inside] * len(self.names) + self.event[inside]
        size = self.users * len(self.names)
        return np.bincount(key, minlength=size).reshape(self.users, -1)


@dataclass(frozen=True)
class World:
    """One world.

    Attributes:
        title: For the table.
        holds: Whether what `drivers` assumes holds in it.
        events: How many events are asked about.
        effect: What `keeper` adds to the share that stays.
        volume: How much more often the busy stay (log-odds a unit of log volume).
        noisy: Whether that is by how busy they are by nature, which what they do only hints at.
        hidden: How much more often they stay who have a trait that no log shows.
        leaving: Mean days until people leave for good, whatever they do; 0 for never.
        trend: By how much the share that stays rises over the cohorts, as do the events.
        accounts: How much alike people of one account are (log-odds, standard deviation).
    """

    title: str
    holds: bool = True
    events: int = 20
    effect: float = 0.0
    volume: float = 0.0
    noisy: bool = False
    hidden: float = 0.0
    leaving: float = 0.0
    trend: float = 0.0
    accounts: float = 0.0


WORLDS = {
    "none": World("no effect"),
    "effect": World("real effect, +20 points", effect=0.2),
    "volume": World("confounding by measured activity", volume=0.9),
    "both": World("real effect and measured activity", effect=0.2, volume=0.9),
    "null100": World("100 null events", events=100),
    "null100volume": World("100 null events, measured activity", events=100, volume=0.9),
    "accounts": World("no effect; colleagues alike", accounts=1.0),
    "trend": World("secular trend over the cohorts", trend=0.3),
    "noisy": World("busy by nature, seen only by what they do", False, volume=0.9, noisy=True),
    "immortal": World("immortal time: events from day 3 on", holds=False, leaving=12.0),
    "hidden": World("latent keenness", holds=False, hidden=0.8),
}


def make(world: World, seed: int, users: int = USERS) -> Log:
    """A log of a world."""
    rng = np.random.default_rng(seed)
    n, k = users, world.events
    signup_day = rng.integers(0, SIGNUP_DAYS, n)
    signup = START + signup_day * DAY + rng.integers(0, DAY, n)
    late = signup_day / SIGNUP_DAYS - 0.5
    hidden, busy = rng.normal(size=n), np.exp(rng.normal(0, 0.8, n))
    life = rng.exponential(world.leaving, n) if world.leaving else np.full(n, 1e9)
    account = rng.integers(0, n // 10, n) if world.accounts else None

    visits = 1 + rng.poisson(11 * busy)
    level = busy if world.noisy else visits / 11
    rate = rng.permutation(np.geomspace(0.02, 0.35, k)) * min(1.0, 20 / k)
    often = np.exp(0.7 * hidden * bool(world.hidden) + 2 * late * bool(world.trend))
    if account is not None:
        often *= np.exp(rng.normal(0, world.accounts / 2, n // 10))[account]
    times = rng.poisson((level * often)[:, None] * rate)
    keeper = times[:, 0]
    if world.effect:  # by lot
        keeper[:] = (rng.random(n) < 0.3) * (1 + rng.poisson(0.3, n))
    odds = world.volume * np.log(level) + world.hidden * hidden + 0.2 * bool(world.volume)
    if account is not None:
        odds = odds + rng.normal(0, world.accounts, n // 10)[account]
    share = 1 / (1 + np.exp(0.45 - odds)) + world.trend * late
    if world.effect:
        share = share * (1 - world.effect) + world.effect * (keeper > 0)
    stayed = (rng.random(n) < share) & (life > BACK)
    rows = _rows(rng, world, visits, times, stayed, life)
    names = ["visit", "keeper", *(f"event_{i:02}" for i in range(2, k + 1))]
    null = np.ones(k + 1, dtype=bool)
    null[KEEPER] = not world.effect
    return Log(names, n, signup, *rows, stayed.astype(np.int64), _truth(world, null), null, account)


def _rows(
    rng: np.random.Generator, world: World, visits: Ints, times: Ints,
    stayed: npt.NDArray[np.bool_], life: Floats,
) -> tuple[Ints, Ints, Ints]:  # fmt: skip
    """The rows: the first week, the visits of those who are back, events of those still there."""
    n, k = times.shape
    counts = np.column_stack([visits, times]).ravel()
    user, event = np.divmod(np.repeat(np.arange(n * (k + 1)), counts), k + 1)
    day = rng.random(user.size) * EXPOSURE
    if world.leaving:
        day = np.where(event > 0, 3 + day * 4 / 7, day)
    # Whoever is still there goes on as before, which says nothing of its own about who is back.
    on = rng.random(user.size) < 0.5
    day2 = np.where(event[on] > 0, EXPOSURE + rng.random(on.sum()) * 7, -1.0)
    until = np.where(stayed, END, BACK)[user[on]]
    later = (day2 >= 0) & (day2 < until)
    back = np.repeat(np.flatnonzero(stayed), 2)
    parts = (
        (user, event, day), (user[on][later], event[on][later], day2[later]),
        (back, np.zeros_like(back), BACK + rng.random(back.size) * (END - BACK)),
    )  # fmt: skip
    user, event, day = (np.concatenate(column) for column in zip(*parts, strict=True))
    there = (day < life[user]) | (day >= BACK)
    return user[there], event[there], (day[there] * DAY).astype(np.int64)


def _truth(world: World, null: npt.NDArray[np.bool_]) -> Callable[[int, int], float]:
    """Those below a threshold have partly done it as well."""

    def truth(event: int, least: int) -> float:
        if null[event]:
            return 0.0
        tail = np.exp(-0.3) * np.cumsum([0.3**j / float(_factorial(j)) for j in range(12)])
        reached = 0.3 * (1.0 - (tail[least - 2] if least > 1 else 0.0))
        below = (0.3 - reached) / (1 - reached)
        return world.effect * float(1 - below)

    return truth


def _factorial(j: int) -> int:
    return 1 if j < 2 else j * _factorial(j - 1)
