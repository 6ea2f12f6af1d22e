"""Lists in the columns that other tools import: which id they go by, and how they write dates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from adoptcli.audiences import Listed


@dataclass(frozen=True)
class Destination:
    """What an import expects.

    Attributes:
        key: The header of the column that identifies somebody.
        email: Whether it goes by e-mail address rather than by the user's id.
        day: How a date is written; the text of an ISO date is given.
        columns: Header -> what stands there: audience, why or since.
        constant: Headers whose value never changes.
    """

    key: str
    email: bool
    day: Callable[[str], str]
    columns: Mapping[str, str]
    constant: Mapping[str, str]


def _iso(day: str) -> str:
    return day


def _seconds(day: str) -> str:
    return str(int(datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC).timestamp()))


_OURS = {"adoptcli_audience": "audience", "adoptcli_why": "why", "adoptcli_since": "since"}

# A new member of a Salesforce campaign may have the status Sent, which every campaign has.
DESTINATIONS: dict[str, Destination] = {
    "hubspot": Destination("Email", True, _iso, _OURS, {}),
    "salesforce": Destination("Email", True, _iso, {"Description": "why"},
                              {"Member Status": "Sent"}),
    "customerio": Destination("id", False, _seconds, _OURS, {}),
    "braze": Destination("external_id", False, _iso, _OURS, {}),
    "intercom": Destination("user_id", False, _iso, _OURS, {}),
}  # fmt: skip


def rows_for(
    destination: Destination, audience: str, people: Sequence[Listed], ids: Mapping[str, str] | None
) -> tuple[list[list[str]], int, int]:
    """The lines with their header, each identifier once; how many had none, how many one of others.

    Args:
        destination: Where they go.
        audience: The name of the list.
        people: Who is in it.
        ids: What identifies somebody there, by user id; None where the user id does.
    """
    lines = [[destination.key, *destination.columns, *destination.constant]]
    seen, without, double = set[str](), 0, 0
    for one in people:
        key = one.id if ids is None else (ids.get(one.id) or "").strip()
        if destination.email and ids is not None:
            key = key.lower()
        if not key:
            without += 1
            continue
        if key in seen:
            double += 1
            continue
        seen.add(key)
        since = "" if one.since is None else destination.day(one.since)
        told = {"audience": audience, "why": one.why, "since": since}
        values = [told[name] for name in destination.columns.values()]
        lines.append([key, *values, *destination.constant.values()])
    return lines, without, double
