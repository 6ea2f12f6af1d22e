"""The source as integers: read the fast way first, and again where its rows do not bear that."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import polars as pl

from adoptcli.errors import DataProblem
from adoptcli.runner import members, people, traits
from adoptcli.runner.beside import Beside
from adoptcli.runner.sizing import Sizing
from adoptcli.source.events import Canonical
from adoptcli.source.files import FAILURES
from adoptcli.source.timestamps import to_instant
from adoptcli.timeline.dictionary import Dictionary
from adoptcli.timeline.encode import Encoded, Memberships, People, Wanted, encode

MANY = 50_000_000  # rows; fewer have mostly so few users that there is no shorter way
FEW = 4  # threads; more are as soon done by the dictionary, which all look at in parallel


def encoded(
    canonical: Canonical, wanted: Wanted, tables: Beside, sizing: Sizing, folder: Path | None
) -> tuple[Encoded, dict[str, Dictionary]]:  # fmt: skip
    """Read the fast way; again where rows are odd, or space must go before they are parted."""
    try:
        made = _once(canonical, wanted, tables, sizing, folder)
    except DataProblem:
        further = canonical.looser()
        if further is None:
            raise
    else:
        if folder is None or canonical.needed.trim or not _spaced(*made):
            return made
        further = canonical.trimmed()
    _empty(folder)
    return encoded(further, wanted, tables, sizing, folder)


def _spaced(rows: Encoded, dictionaries: dict[str, Dictionary]) -> bool:
    """Whether texts have space around them, so that files were parted by what is not yet an id."""
    return any(dictionaries[name].spaced(rows.size(name)) for name in ("user", "account", "event"))


def _empty(folder: Path | None) -> None:
    """Forget the bucket files of a look that failed."""
    for path in folder.glob("*.parquet") if folder else ():
        path.unlink()


def completed(rows: pl.LazyFrame, found: Collection[str], wanted: Wanted) -> pl.LazyFrame:
    """Canonical events with what is wanted, whether or not the source has it."""
    if "account" not in found:
        rows = rows.with_columns(account=pl.lit(None, dtype=pl.String))
    if wanted.signup:
        rows = rows.with_columns(signup=to_instant(pl.col(f"p.{wanted.signup}")))
    return rows


def _once(
    canonical: Canonical, wanted: Wanted, tables: Beside, sizing: Sizing, folder: Path | None
) -> tuple[Encoded, dict[str, Dictionary]]:  # fmt: skip
    names = ["user", "event", "account", *(f"trait.{name}" for name in tables.places)]
    dictionaries = {name: Dictionary() for name in names}
    frame = completed(canonical.frame, canonical.found, wanted)
    if wanted.unit == "account":
        wanted = replace(wanted, homes=traits.homes(tables.users, dictionaries))
    source = people.stitches(canonical)
    account = wanted.account or bool(tables.told["account"].count())
    wanted = replace(wanted, anonymous=source is not None, account=account)

    def known(rows: pl.LazyFrame) -> tuple[People | None, Memberships | None]:
        found, tables.shared = people.people(source, rows, dictionaries["user"], tables.identities)
        return found, members.memberships(tables.told, dictionaries, found)

    many = canonical.columnar and (canonical.rows() or 0) >= MANY
    short = many and pl.thread_pool_size() <= FEW
    try:
        made = encode(
            frame, wanted, dictionaries, sizing.files, folder, known, sizing.watch, short=short
        )
        return made, dictionaries
    except FAILURES as error:
        raise canonical.broken(error) from error
