"""Made-up deliveries to shape exports from, and what a plain script counts in them.

Nothing here comes from adoptcli: the rules are the vendors', told by sets and loops.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 30
PEOPLE = 60
NAMES = ("Report Opened", "Report Shared", "Invite Sent", "Signed In")
JUNK = ("", " ", "undefined", "null", "00000000-0000-0000-0000-000000000000")


@dataclass(frozen=True)
class Call:
    """One delivery of an event.

    Attributes:
        key: What the vendor knows repeats by.
        user, device: Ids; None where the row has none that means somebody.
        written: What the row has instead of the user, such as a blank.
        event: A name, or the kind of a call.
        received: When it came in, later than `at`.
    """

    key: str
    user: str | None
    device: str | None
    event: str | None
    at: datetime
    received: datetime
    account: str | None = None
    session: str | None = None
    written: Any = None


def uuid(rng: random.Random) -> str:
    text = f"{rng.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def calls(
    seed: int, system: Collection[str], rows: int = 2200, names: Collection[str] = NAMES
) -> list[Call]:
    """Deliveries with what goes wrong in all products; the first and last day are full.

    Some people begin on a device before they are known; one device is of five people. Some ids are
    junk, some look like numbers, a clock or two is decades off, and every 29th comes twice.
    """
    rng = random.Random(seed)
    found = [_call(rng, i, [*system], [*names]) for i in range(rows)]
    found += [replace(found[i], received=found[i].received + timedelta(hours=5))
              for i in range(0, rows, 29)]  # fmt: skip
    odd = Call(uuid(rng), "u7", None, NAMES[0], START, START)
    found.append(replace(odd, at=datetime(1999, 12, 31, 23, 59, tzinfo=UTC)))
    found.append(replace(odd, key=uuid(rng), at=datetime(2038, 1, 19, tzinfo=UTC)))
    last = START + timedelta(days=DAYS) - timedelta(seconds=1)
    found.append(replace(odd, key=uuid(rng), at=last, received=last))
    rng.shuffle(found)
    return found


def _call(rng: random.Random, i: int, system: list[str], names: list[str]) -> Call:
    person = rng.randrange(PEOPLE)
    at = START + timedelta(milliseconds=rng.randrange(DAYS * 86_400_000))
    user: str | None = f"{1000 + person}" if person % 3 == 0 else f"u{person}"
    device: str | None = f"d{person}" if person % 4 else f"d{person}-{i % 2}"
    if person % 5 == 0 and at < START + timedelta(days=12):
        user = None
    if person in (1, 2, 4, 7, 8) and i % 4 == 0:
        device = "kiosk"
    if i % 101 == 0:
        user, device = None, "kiosk"
    elif i % 53 == 0:
        user = device = None
    elif i % 31 == 0:
        user, device = None, f"visitor{i % 9}"
    elif i % 17 == 0:
        device = None
    late = timedelta(days=rng.randrange(1, 4)) if i % 37 == 0 else timedelta(seconds=i % 50)
    return Call(
        key=uuid(rng),
        user=user,
        device=device,
        event=system[i % len(system)] if system and i % 11 == 0 else rng.choice(names),
        at=at,
        received=at + late,
        account=f"org:{person % 7}" if user and person % 6 else None,
        session=f"s{person}-{at:%d%H}",
        written=rng.choice(JUNK) if user is None else None,
    )


def counted(
    found: Iterable[Call],
    system: Collection[str],
    *,
    stitch: bool = False,
    grace: int = 0,
    key: Callable[[Call], Any] = lambda call: call.key,
    later: bool = False,
    same: Mapping[str, str] | None = None,
    group: str | None = None,
) -> dict[str, Any]:
    """What there is to count, by the vendor's rules; repeats are told of rows that count.

    Args:
        found: Deliveries.
        system: Events that are no usage.
        stitch: Rows without user are those of the user known last on their device, unless it has
            more than three.
        grace: Days at the end that are not judged yet.
        key: What two deliveries of one event have in common.
        later: Of several deliveries the last counts, not the first.
        same: Ids of people that stand for the same person as others.
        group: The event that tells the account of somebody's calls that have none.
    """
    one = same or {}
    found = [replace(call, user=one.get(call.user or "", call.user)) for call in found]
    people = _people(found) if stitch else {}
    end = START + timedelta(days=DAYS - grace)
    told = {"duplicates": 0, "excluded": 0, "anonymous": 0}
    aside = {"past-timestamps": 0, "future-timestamps": 0, "after-as-of": 0}
    daily: dict[str, set[str]] = defaultdict(set)
    groups = _groups(found, people, group)
    accounts: dict[str, dict[str, datetime]] = defaultdict(dict)
    by_account: dict[str, set[str]] = defaultdict(set)
    seen: set[Any] = set()
    for call in sorted(found, key=lambda c: c.received, reverse=later):
        who = call.user or (people.get(call.device or "", call.device) if stitch else None)
        if who is None:
            told["anonymous"] += 1
        elif call.event is None or call.event in system:
            told["excluded"] += 1
        elif call.at < START:
            aside["past-timestamps"] += 1
        elif call.at >= START + timedelta(days=DAYS):
            aside["future-timestamps"] += 1
        elif call.at >= end:
            aside["after-as-of"] += 1
        elif key(call) in seen:
            told["duplicates"] += 1
        else:
            seen.add(key(call))
            daily[f"{call.at:%Y-%m-%d}"].add(who)
            if account := call.account or _group(groups.get(who, []), call.at):
                accounts[who][account] = max(call.at, accounts[who].get(account, call.at))
                by_account[f"{call.at:%Y-%m-%d}"].add(account)
    last = {min(a for a in own if own[a] == max(own.values())) for own in accounts.values()}
    return {
        **({"daily_accounts": _sizes(by_account)} if group else {}),
        **told,
        "rows": len(found),
        "events": len(seen),
        "actors": len(set().union(*daily.values())),
        "accounts": len(last) or None,
        "set_aside": aside,
        "daily": _sizes(daily),
    }


def _sizes(by_day: Mapping[str, set[str]]) -> dict[str, int]:
    return {day: len(some) for day, some in sorted(by_day.items())}


def _groups(
    found: Iterable[Call], people: Mapping[str, str], event: str | None
) -> dict[str, list[tuple[datetime, str]]]:
    """When whom group calls told to belong where."""
    told: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for call in found:
        who = call.user or people.get(call.device or "", call.device)
        if event and call.event == event and call.account and who:
            told[who].append((call.at, call.account))
    return told


def _group(told: list[tuple[datetime, str]], at: datetime) -> str | None:
    """The account told last before a moment, else the first."""
    times = [when for when, _ in told if when <= at] or sorted(when for when, _ in told)[:1]
    return min((account for when, account in told if when == max(times)), default=None)


def _people(found: Iterable[Call]) -> dict[str, str]:
    """Whose each device is."""
    seen: dict[str, dict[str, datetime]] = defaultdict(dict)
    for call in found:
        if call.user and call.device:
            last = seen[call.device].get(call.user, call.at)
            seen[call.device][call.user] = max(last, call.at)
    return {
        device: max(users, key=lambda user: users[user])
        for device, users in seen.items()
        if len(users) <= 3
    }


def iso(at: datetime) -> str:
    """2026-03-01T00:00:00.000Z"""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
