"""People, a channel, and what follows from it, with a known answer to "does the channel work".

Day by day people are active or not; on some days some of them use the channel for the first time.
Where a world says so, each of the next 14 days is then more often an active one, and some adopt the
feature `sharing` some days later. What the same people would have done without the channel is drawn
too, so that the effect on those who used it is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from early import DAY, START, Floats, Ints

NAMES = ["signed_up", "visit", "report_built", "exported", "shared", "article_read"]
SIGNED_UP, VISIT, BUILT, EXPORTED, SHARED, ARTICLE = range(len(NAMES))
DAYS, HORIZON, FIRST, LAST = 98, 14, 28, 84  # the channel is used on days FIRST to LAST
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class World:
    """One world.

    Attributes:
        title: For the table.
        holds: Whether what `impact` assumes holds in it.
        sent: Who uses the channel: `lot` any active one, `busy` and `quiet` depending on the active
            days of the 14 before, `idle` likewise and without being active, `old` 21 days after
            sign-up at the earliest, `keen` those in a keen spell, `account` all of an account.
        more: By how much likelier each of the next 14 days is an active one.
        adopt: The share that adopts the feature because of the channel.
        trend: Whether activity, adoption and use of the channel rise with time.
        leaving: Mean days until people leave for good; 0 for never.
        accounts: How much alike colleagues come and go (log of the rate, standard deviation).
    """

    title: str
    holds: bool = True
    sent: str = "lot"
    more: float = 0.0
    adopt: float = 0.0
    trend: bool = False
    leaving: float = 0.0
    accounts: float = 0.0


WORLDS = {
    "none": World("no effect"),
    "effect": World("real effect", more=0.12, adopt=0.15),
    "measured": World("confounding by measured activity", sent="busy"),
    "both": World("real effect and measured activity", sent="busy", more=0.12, adopt=0.15),
    "busy": World("sent to the active", sent="very busy"),
    "quiet": World("sent to the inactive when they come", sent="quiet"),
    "idle": World("sent to the inactive, wherever they are", sent="idle"),
    "accounts": World("no effect; told by account, colleagues alike", sent="account", accounts=0.4),
    "immortal": World("immortal time: exposure needs survival", sent="old", leaving=30.0),
    "trend": World("secular trend", trend=True),
    "keen": World("latent keenness", holds=False, sent="keen"),
}


@dataclass(frozen=True)
class Log:
    """A log and the truth behind it.

    Attributes:
        users: How many people.
        user, event, time: The rows; time in ms since 1970.
        first: The day of each one's first use of the channel; DAYS for never.
        days: Whether each is active on each day.
        shared: The day on which each first uses the feature; DAYS for never.
        gain_days: What the first use of the channel added to the active days of the 14 days after,
            against not having used it on that day; of each user, where it is defined.
        gain_adopted: The same of adoption; NaN for those who had adopted by then.
        account: Of each user; None where there are none.
    """

    users: int
    user: Ints
    event: Ints
    time: Ints
    signup: Ints
    first: Ints
    days: Bools
    shared: Ints
    gain_days: Floats
    gain_adopted: Floats
    account: Ints | None = None


def make(world: World, seed: int, users: int = 1500) -> Log:
    """A log of a world."""
    rng = np.random.default_rng(seed)
    n, day = users, np.arange(DAYS)
    signup = rng.integers(0, 28, n)
    rate = rng.beta(1.2, 3.0, n)
    life = rng.exponential(world.leaving, n) if world.leaving else np.full(n, 1e9)
    there = (day >= signup[:, None]) & (day <= signup[:, None] + life[:, None])
    slope = 0.4 + 1.2 * day / DAYS if world.trend else np.ones(DAYS)
    share, keen = rate[:, None] * slope, np.zeros((n, DAYS), dtype=bool)
    if world.sent == "keen":  # spells of 14 days in which people come twice as often
        begins = rng.random((n, DAYS)) < 0.02
        keen = _within(begins, 0, HORIZON)
        share = np.minimum(share * (1 + keen), 0.95)
    account = np.arange(n) // 10 if world.accounts else None
    if account is not None:  # a mood of four weeks that colleagues share
        moods = np.exp(rng.normal(0, world.accounts, (n // 10, -(-DAYS // 28))))
        share = np.minimum(share * np.repeat(moods, 28, axis=1)[account, :DAYS], 0.95)
    base = (rng.random((n, DAYS)) < share) & there
    base[np.arange(n), signup] = True

    uses = _uses(rng, world, base, keen, signup[:, None], slope) & there
    uses[:, :FIRST] = uses[:, LAST:] = False
    first, second = _nth(uses)
    extra = (rng.random((n, DAYS)) < world.more) & there & ~base
    after = (day > first[:, None]) & (day <= first[:, None] + HORIZON)
    days = base | (extra & after)
    window = after & (first < DAYS)[:, None]
    else_window = window & (day > second[:, None]) & (day <= second[:, None] + HORIZON)
    gain_days = (extra & window).sum(1) - (extra & else_window).sum(1)

    own = _first_day(base & (rng.random((n, DAYS)) < 0.012 * slope))
    moved, lag = rng.random(n) < world.adopt, rng.integers(1, 6, n)
    because = np.where(moved & (own > first) & (first < DAYS), first + lag, DAYS)
    shared = np.minimum(own, because)
    shared = np.where(shared < DAYS, shared, DAYS)
    end = first + HORIZON
    otherwise = np.where(moved & (own > second) & (second < DAYS), second + lag, DAYS)
    gain = (shared <= end).astype(float) - (np.minimum(own, otherwise) <= end)
    gain_adopted = np.where((own > first) & (first < DAYS), gain, np.nan)
    rows = _rows(rng, base, days, signup, first, shared)
    return Log(
        n, *rows, signup, first, days, shared,
        np.where(first < DAYS, gain_days.astype(float), np.nan), gain_adopted, account,
    )  # fmt: skip


def before(days: Bools, length: int = HORIZON) -> Ints:
    """How many of the days before each were active."""
    upto = np.zeros((days.shape[0], days.shape[1] + 1), dtype=np.int64)
    np.cumsum(days, axis=1, out=upto[:, 1:])
    place = np.arange(days.shape[1])
    return upto[:, place] - upto[:, np.maximum(place - length, 0)]


def _uses(
    rng: np.random.Generator, world: World, base: Bools, keen: Bools, signup: Ints, slope: Floats
) -> Bools:
    """Who would use the channel on which day, without regard to having used it before."""
    recent, lot, day = before(base), rng.random(base.shape), np.arange(DAYS)
    if world.sent == "busy":
        return base & (lot < 0.006 * recent)
    if world.sent == "very busy":
        return base & (recent >= 6) & (day % 7 == 1) & (lot < 0.25)
    if world.sent == "quiet":
        return base & (recent <= 1) & (lot < 0.15)
    if world.sent == "idle":
        return (recent >= 1) & (recent <= 2) & (day % 7 == 1) & (lot < 0.1)
    if world.sent == "old":
        return base & (day >= signup + 21) & (lot < 0.04)
    if world.sent == "account":
        told = rng.random((len(base) // 10, DAYS)) < 0.02
        return base & np.repeat(told, 10, axis=0) & (lot < 0.7)
    if world.sent == "keen":
        return base & (lot < np.where(keen, 0.06, 0.01))
    return base & (lot < 0.025 * (slope**2 if world.trend else 1.0))


def _within(begins: Bools, first: int, end: int) -> Bools:
    """Whether something began so many days before."""
    found = np.zeros_like(begins)
    for lag in range(first, end):
        found[:, lag:] |= begins[:, : DAYS - lag]
    return found


def _first_day(what: Bools) -> Ints:
    return np.where(what.any(1), what.argmax(1), DAYS)


def _nth(uses: Bools) -> tuple[Ints, Ints]:
    """The days of the first and of the second use."""
    count = uses.cumsum(1)
    return _first_day(uses), _first_day(uses & (count == 2))


def _rows(
    rng: np.random.Generator, base: Bools, days: Bools, signup: Ints, first: Ints, shared: Ints
) -> tuple[Ints, Ints, Ints]:
    users = np.arange(base.shape[0])
    visits = np.argwhere(days)
    parts = [(users, signup, SIGNED_UP), (*visits.T, VISIT)]
    for event, of, share in ((VISIT, days, 0.6), (BUILT, days, 0.3), (EXPORTED, base, 0.2)):
        parts.append((*np.argwhere(of & (rng.random(of.shape) < share)).T, event))
    for when, event in ((first, ARTICLE), (shared, SHARED)):
        parts.append((users[when < DAYS], when[when < DAYS], event))
    user = np.concatenate([u for u, _, _ in parts])
    day = np.concatenate([d for _, d, _ in parts])
    event = np.concatenate([np.full(len(u), e) for u, _, e in parts])
    time = START + day * DAY + rng.integers(6 * 3_600_000, 20 * 3_600_000, user.size)
    time = np.where(event == SIGNED_UP, START + day * DAY + 3_600_000, time)
    return user, event, time
