"""Salesforce's campaign members: states, of which some are responses; ids of two lengths."""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

NAMES = ["Id", "CampaignId", "LeadId", "ContactId", "AccountId", "Status", "HasResponded",
         "FirstRespondedDate", "CreatedDate", "SystemModstamp", "IsDeleted"]  # fmt: skip
CHECKS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def long(short: str) -> str:
    """The 18 characters of an id of 15."""
    checks = ""
    for start in (0, 5, 10):
        place = 0
        for i, sign in enumerate(short[start : start + 5]):
            place += 2**i if "A" <= sign <= "Z" else 0
        checks += CHECKS[place]
    return short + checks


def _ids(rng: random.Random, prefix: str, n: int) -> list[str]:
    """Ids of 15; the second half are the first in other letters: other records."""
    half = [prefix + "5f00000" + "".join(rng.choices(SIGNS, k=5)) for _ in range(n // 2)]
    return half + [one[:-5] + one[-5:].swapcase() for one in half]


def _made() -> tuple[list[list[Any]], dict[str, Any]]:
    rng = random.Random(14)
    contacts, leads, accounts = (_ids(rng, p, n) for p, n in (("003", 60), ("00Q", 40), ("001", 8)))
    rows: list[list[Any]] = []
    active: dict[str, set[str]] = defaultdict(set)
    seen_accounts = set()
    counts = dict.fromkeys(("events", "duplicates", "excluded", "anonymous"), 0)
    for i in range(2200):
        number = rng.randrange(60)
        contact, lead = (contacts[number], "") if i % 3 else ("", leads[number % 40])
        if i % 9 == 1:
            lead = leads[number % 40]  # a lead that has become a contact
        if i % 110 == 7:
            contact = lead = ""
        account = accounts[number % 8] if contact else ""
        made = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.randrange(20 * 86_400))
        responded = i % 4 != 0
        first = (made + timedelta(days=rng.randrange(9))).date() if responded else ""
        if responded and i % 13 == 0:
            first = ""  # then the day of its making counts
        spell = long if i % 2 else str
        member = f"00v5f0000{i:06d}"
        row = [
            spell(member), long("7015f00000aBcDe"), lead, contact, account,
            "Responded" if responded else "Sent", str(responded).lower(), first,
            made.strftime("%Y-%m-%dT%H:%M:%S.000") + ("Z" if i % 5 else "+0000"),
            "2026-01-29T10:00:00.000Z", "true" if i % 60 == 5 else "false",
        ]  # fmt: skip
        row[2:5] = [one and spell(one) for one in (lead, contact, account)]
        rows.append(row)
        if not responded or i % 60 == 5:
            counts["excluded"] += 1
        elif not (contact or lead):
            counts["anonymous"] += 1
        else:
            counts["events"] += 1
            active[str(first or made.date())].add(contact or lead)
            seen_accounts |= {account} - {""}
            if i % 20 == 3:  # exported before it was answered, under the id's other spelling
                other = member if spell is long else long(member)
                rows.append([other, *row[1:5], "Sent", "false", "", row[8],
                             "2026-01-02T10:00:00.000Z", "false"])  # fmt: skip
                counts["excluded"] += 1
            if i % 20 == 5:  # exported twice; the later export has another status and day
                other = member if spell is long else long(member)
                rows.append([other, *row[1:5], "Registered", "true", "2026-01-01", row[8],
                             "2026-01-28T10:00:00.000+0000", "false"])  # fmt: skip
                counts["duplicates"] += 1
    rng.shuffle(rows)
    actors = set().union(*active.values())
    daily = {day: len(who) for day, who in sorted(active.items())}
    found = {**counts, "actors": len(actors), "accounts": len(seen_accounts), "daily": daily}
    return rows, found


_ROWS, EXPECTED = _made()
OPTIONS = ("--as-of", "2026-01-31")


def write(folder: Path) -> Path:
    """As Data Loader writes it: every field quoted."""
    path = folder / "extract.csv"
    with path.open("w", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([NAMES, *_ROWS])
    return path
