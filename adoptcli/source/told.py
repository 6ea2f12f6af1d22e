"""What rows themselves tell: that two ids are one person, and which account a user belongs to.

Such rows are mostly events that are ignored, and some have no timestamp. They are looked for before
anything is counted, in sources that name them alone, and of all columns only theirs are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import polars as pl

from adoptcli.definitions import Alternative, Members, Pair
from adoptcli.source import columns
from adoptcli.source.columns import Choice, Choices
from adoptcli.source.frames import ANY, Reader
from adoptcli.source.ndjson import WAYS, Way
from adoptcli.source.parts import Part, borne, rows, unless_empty

SCHEMA = {
    "user": pl.String, "anonymous": pl.String, "time": pl.Int64, "from": pl.String,
    "to": pl.String, "mutual": pl.Boolean, "account": pl.String,
}  # fmt: skip


@dataclass(frozen=True)
class _Telling:
    """Rows of some events, and where in a part they have what they tell."""

    said: Pair | Members
    places: Mapping[str, Choices]


def read(parts: Sequence[Part], zone: str) -> pl.DataFrame:
    """What the rows of all parts tell.

    Returns:
        user, anonymous (texts or null), time (ms or null), and either from, to and mutual, or
        account.

    Raises:
        DataProblem: A column is not there, or the files cannot be read.
    """
    found = [pl.DataFrame(schema=SCHEMA)]
    for part in parts:
        if tellings := [*_tellings(part)]:
            found += _read(part, tellings, zone)
    return pl.concat(found, how="diagonal")


def _tellings(part: Part) -> Iterator[_Telling]:
    """Those of a source whose columns its part has, or may have."""
    source = part.source
    for pair in source.identity.told:
        key = "source.identity.pairs"
        stated = {"from": getattr(pair, "from"), "to": pair.to}
        made = {name: _places(part, some, f"{key}.{name}") for name, some in stated.items()}
        if all(made.values()):
            yield _Telling(pair, made)
    if source.members:
        account = _places(part, source.members.account, "source.members.account")
        if account:
            yield _Telling(source.members, {"account": account})


def _places(part: Part, stated: Sequence[Alternative], key: str) -> Choices:
    """Where the part has it; files of a preset may lack it."""
    if part.open_ended:
        return columns.anywhere(stated, part.scan.names)
    found = columns.choices(stated, part.scan.names)
    if not found and part.source.preset in (None, "none"):
        raise columns.not_there(stated, part.scan.names, key, part.scan.files[0].name)
    return found


def _read(part: Part, tellings: Sequence[_Telling], zone: str) -> list[pl.DataFrame]:
    """One look at the files; JSON as objects, or as text where the rows do not bear that."""
    read = ("user", "anonymous", "event", "timestamp")
    chosen = [choice for name in read for choice in part.columns.get(name, ())]
    chosen += [choice for choice, _ in part.where]
    chosen += [choice for one in tellings for some in one.places.values() for choice in some]
    return borne(part, WAYS, lambda way: _found(part, tellings, zone, chosen, way))[0]


def _found(
    part: Part, tellings: Sequence[_Telling], zone: str, chosen: Sequence[Choice], way: Way
) -> list[pl.DataFrame]:
    """What each kind of row tells."""
    events = {name for one in tellings for name in one.said.event}
    lazy = rows(part, chosen, way, _texts(part, events))
    read = Reader(part, dict(lazy.collect_schema()), zone)
    event = read.event()
    few = lazy.filter(event.is_in(sorted(events))).collect().rechunk()  # each line had a chunk
    seen = few.select(event=event, time=read.time())  # once: unusual times take long
    made = []
    for one in tellings:
        its = seen["event"].is_in(one.said.event)
        mutual = {"mutual": pl.lit(one.said.mutual)} if isinstance(one.said, Pair) else {}
        told = {
            "user": read.user(),
            "anonymous": _id(read, part.columns.get("anonymous", ())),
            **{name: _id(read, some, name) for name, some in one.places.items()},
        }
        made.append(few.filter(its).select(**told, **mutual).with_columns(seen["time"].filter(its)))
    return made


def _texts(part: Part, events: Set[str]) -> list[str]:
    """What rows of some events have in their text; nothing where that is not known."""
    found: set[str] = set()
    if part.source.event is not None:
        return []
    for choice in part.columns["event"]:
        values = dict(choice.values or ())
        if events & {values.pop(ANY, None)}:
            return []
        found |= {was for was, name in values.items() if name in events} if values else events
    return sorted(found)


def _id(read: Reader, some: Choices, name: str = "anonymous") -> pl.Expr:
    """An id as events have it: what the YAML calls empty is none."""
    if not some:
        return pl.lit(None, dtype=pl.String)
    if name in ("anonymous", "account"):
        return read.text(some, name)
    return unless_empty(read.text(some, "user"), pl.String(), read.part.source, "anonymous")
