"""From the names of events: which one is the sign-up, and which ones may stand for value."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise

_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_a-zA-Z]+")
_SIGNUPS = (
    "signed up", "signup", "sign up", "signup completed", "user created", "user registered",
    "registered", "register", "registration", "account created", "account registered",
    "create account", "user signed up",
)  # fmt: skip
_THERE = """
    login logout signin signout logged session page pageview pageleave view viewed views screen
    visit visited visits opened launch launched heartbeat ping identify autocapture
"""
_HANDLING = """
    click clicked clicks scroll scrolled hover focus impression error failed failure exception
"""
_LEAVING = """
    cancel canceled cancelled cancellation unsubscribe unsubscribed churn churned delete deleted
    remove removed deactivated downgrade downgraded refund refunded uninstall uninstalled
"""
_MONEY = "trial subscription subscribed payment paid invoice purchase purchased upgrade upgraded"
_MESSAGES = "email mail notification push sms nps survey webinar help"
_NOISE = frozenset(" ".join((_THERE, _HANDLING, _LEAVING, _MONEY, _MESSAGES)).split())
_PAIRS = (("signed", "in"), ("signed", "out"), ("sign", "in"), ("sign", "out"), ("app", "open"))
LONGEST = 200

Counted = tuple[str, int]


def words(name: str) -> list[str]:
    """The words of an event name: `ProjectCreated`, `project-created`, `Project created`."""
    return [token.lower() for token in _TOKEN.findall(name)]


def signup(events: Sequence[Counted]) -> str | None:
    """The event that most probably is the sign-up, or None."""
    ranked = [(_SIGNUPS.index(text), -count, name) for name, count in events
              if len(name) <= LONGEST and (text := " ".join(words(name))) in _SIGNUPS]  # fmt: skip
    return min(ranked)[2] if ranked else None


def values(events: Sequence[Counted]) -> list[Counted]:
    """The events that may mean that somebody got value, most frequent first."""
    found = [event for event in events if _may_be_value(event[0])]
    return sorted(found, key=lambda event: (-event[1], event[0]))


def _may_be_value(name: str) -> bool:
    parts = words(name)
    pairs = set(pairwise(parts))
    return (
        0 < len(name) <= LONGEST
        and not name.startswith("$")
        and " ".join(parts) not in _SIGNUPS
        and not _NOISE.intersection(parts)
        and not pairs.intersection(_PAIRS)
    )


def weights(events: Sequence[Counted]) -> dict[str, int]:
    """A weight for each event, the rarest 10, the most frequent 1."""
    counts = [max(count, 1) for _, count in events]
    if not counts:
        return {}
    most, least = max(counts), min(counts)
    width = math.log(most / least)
    if not width:
        return {name: 5 for name, _ in events}
    return {name: 1 + round(9 * math.log(most / max(count, 1)) / width) for name, count in events}
