"""New people in two variants by lot, with a known answer to "does the variant raise anything"."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from early import DAY, START, Ints

DAYS, HORIZON, SIGNUP_DAYS = 63, 14, 42
NAMES = ["signed_up", "visit", "shared"]
SIGNED_UP, VISIT, SHARED = range(len(NAMES))


@dataclass(frozen=True)
class World:
    """One world.

    Attributes:
        title: For the table.
        holds: Whether the variants are as they were drawn.
        more: By how much likelier each of the first 14 days is an active one.
        adopt: The share that adopts because of it.
        lost: The share of the variant's people, the quietest, of whom nothing was recorded.
    """

    title: str
    holds: bool = True
    more: float = 0.0
    adopt: float = 0.0
    lost: float = 0.0


WORLDS = {
    "lot": World("by lot, no effect"),
    "lot_effect": World("by lot, real effect", more=0.06, adopt=0.08),
    "lot_lost": World("by lot, some of one side lost", holds=False, lost=0.2),
}


@dataclass(frozen=True)
class Log:
    """A log: rows, time in ms since 1970, the variant of each user (1 or the control, 0); and the
    true differences in active days and in adoption."""

    user: Ints
    event: Ints
    time: Ints
    variant: Ints
    days: float
    adopted: float


def make(world: World, seed: int, users: int = 2000) -> Log:
    """A log of a world."""
    rng = np.random.default_rng(seed)
    n, day = users, np.arange(DAYS)
    signup, variant = rng.integers(0, SIGNUP_DAYS, n), rng.integers(0, 2, n)
    rate, since = rng.beta(1.2, 3.0, n)[:, None], day - signup[:, None]
    first = (since >= 1) & (since <= HORIZON)
    extra = world.more * (variant[:, None] == 1) * first * (1 - rate)
    days = ((rng.random((n, DAYS)) < rate + extra) & (since > 0)) | (since == 0)
    shared = (rng.random(n) < 0.15) | ((rng.random(n) < world.adopt) & (variant == 1))
    when = signup + rng.integers(1, HORIZON + 1, n)
    known = np.ones(n, dtype=bool)
    if world.lost:
        quiet = rate[:, 0] <= np.quantile(rate, 2 * world.lost)
        known = ~(quiet & (variant == 1) & (rng.random(n) < 0.5))
    who, at = np.nonzero(days & known[:, None])
    users_ = np.flatnonzero(known)
    sharing = np.flatnonzero(shared & known)
    user = np.concatenate([users_, who, sharing])
    on = np.concatenate([signup[users_], at, when[sharing]])
    event = np.repeat([SIGNED_UP, VISIT, SHARED], [users_.size, who.size, sharing.size])
    time = START + on * DAY + rng.integers(6 * 3_600_000, 20 * 3_600_000, user.size)
    time = np.where(event == SIGNED_UP, START + on * DAY + 3_600_000, time)
    gain = HORIZON * world.more * (1 - 1.2 / 4.2)
    return Log(user, event, time, variant, gain, world.adopt * 0.85)
