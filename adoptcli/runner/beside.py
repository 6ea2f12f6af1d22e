"""What is known of people beside the events: the tables, and which ids are one person."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import polars as pl

from adoptcli.definitions import named_traits
from adoptcli.metrics import get_metric
from adoptcli.runner import people, traits
from adoptcli.source import told
from adoptcli.source.events import Canonical
from adoptcli.source.identity import Identities, read_identities
from adoptcli.source.tables import read_accounts, read_users

if TYPE_CHECKING:
    from adoptcli.runner.prepare import Request


@dataclass
class Beside:
    """The users and accounts tables, and what rows and files tell of people.

    Attributes:
        places: Where each trait is: in the events, the users or the accounts.
        lacking: Traits that only users have, where actors are accounts.
        told: What rows themselves tell (`source/told.read`).
        shared: How many ids of too many people were left alone.
    """

    users: pl.DataFrame | None
    accounts: pl.DataFrame | None
    places: dict[str, str] = field(default_factory=dict)
    lacking: set[str] = field(default_factory=set)
    told: pl.DataFrame = field(default_factory=pl.DataFrame)
    identities: Identities | None = None
    shared: int = 0

    def size(self) -> int:
        """Their bytes."""
        pairs = self.identities.pairs if self.identities else None
        return sum(int(t.estimated_size()) for t in (self.users, self.accounts, self.told, pairs)
                   if t is not None)  # fmt: skip


def read(request: Request) -> Beside:
    """The tables that the YAML names, and where the traits are that are asked for."""
    d = request.definitions
    users = read_users(d.users, request.base, request.tmp) if d.users else None
    accounts = read_accounts(d.accounts, request.base, request.tmp) if d.accounts else None
    names = {name for split in request.segments for name in split}
    for metric in map(get_metric, request.metrics):
        names |= traits.of_metric(metric, d, request.settings, request.unit)
        names |= traits.useful(metric, request.settings)
    names |= {*named_traits(request.more, of_users=request.unit == "user")}
    where = traits.places(sorted(names), users, accounts, request.unit)
    return Beside(users, accounts, where)


def identified(request: Request, tables: Beside, canonical: Canonical) -> Canonical:
    """The tables with what files and rows tell of people; the events with what there is to say."""
    tables.told = told.read(canonical.parts, canonical.zone)
    found = read_identities(request.definitions.source, request.base, tables.told, request.tmp)
    tables.identities, tables.users = found, people.resolved(tables.users, found)
    return replace(canonical, notes=(*canonical.notes, *found.notes)) if found else canonical


def without(name: str, request: Request, canonical: Canonical, tables: Beside) -> None:
    """Go on without a trait of users where actors are accounts, unless the report is split by it.

    Metrics that need it refuse then.
    """
    of_users = tables.users is not None and f"t.{name}" in tables.users.columns
    split = any(name in names for names in request.segments)
    if request.unit == "user" or split or not of_users:
        place = request.place_of(name)
        raise traits.not_found(name, _columns(canonical, tables), request.unit, place)
    del tables.places[name]
    tables.lacking.add(name)


def _columns(canonical: Canonical, tables: Beside) -> list[str]:
    found = list(canonical.columns_found)
    for frame in (tables.users, tables.accounts):
        if frame is not None:
            found += [c.removeprefix("t.") for c in frame.columns if c.startswith("t.")]
    return found
