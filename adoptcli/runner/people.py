"""Ids of one person brought together before anything is counted, and how many there were."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from glob import escape

import polars as pl

from adoptcli.definitions import Definitions, Source
from adoptcli.errors import ConfigProblem, DataProblem
from adoptcli.source.events import Canonical
from adoptcli.source.identity import Identities, Stitched, stitched
from adoptcli.timeline.dictionary import Dictionary
from adoptcli.timeline.encode import GIVEN, Encoded, People
from adoptcli.timeline.patterns import matching
from adoptcli.timeline.segments import by_code
from adoptcli.timeline.survey import EARLIEST, LATEST


@dataclass(frozen=True)
class Merged:
    """How many ids of the log became how many people.

    Attributes:
        ids: Ids of the log that another id stands for.
        people: The ids that stand for them.
        devices: Actors known by an anonymous id alone.
    """

    ids: int = 0
    people: int = 0
    devices: int = 0


def stitching(sources: Iterable[Source]) -> Source | None:
    """The first source whose anonymous ids are stitched.

    Raises:
        ConfigProblem: Another does it in another way.
    """
    found = [source for source in sources if source.identity.how == "stitch"]
    ways = {(source.identity.stitch, source.identity.shared) for source in found}
    if len(ways) > 1:
        raise ConfigProblem(
            "stitched-two-ways",
            "source: identity.stitch and identity.shared differ between sources",
            "people are the same in all sources: give them the same values",
        )
    return found[0] if found else None


def resolved(users: pl.DataFrame | None, found: Identities | None) -> pl.DataFrame | None:
    """The users table by person: of several rows the one with the earliest sign-up counts."""
    if users is None or found is None:
        return users
    order = ("user", "signed_up", "account")
    named = users.with_columns(found.of(users["user"]))
    named = named.sort(*order, *(c for c in named.columns if c not in order), nulls_last=True)
    return named.unique("user", keep="first", maintain_order=True)


def excluding(d: Definitions, found: Identities | None) -> Definitions:
    """The definitions, with the people excluded of whom an id is excluded."""
    if found is None or not d.exclude.users:
        return d
    out = found.pairs["to"].gather(matching(found.pairs["from"].to_list(), d.exclude.users))
    names = sorted({escape(text) for text in out})
    exclude = d.exclude.model_copy(update={"users": [*d.exclude.users, *names]})
    return d.model_copy(update={"exclude": exclude})


def stitches(canonical: Canonical) -> Source | None:
    """The source whose anonymous ids are to be stitched.

    Raises:
        DataProblem: There are none.
    """
    source = stitching(part.source for part in canonical.parts)
    if source is not None:
        _both(canonical)
    return source


def people(
    source: Source | None, rows: pl.LazyFrame, ids: Dictionary, found: Identities | None
) -> tuple[People | None, int]:  # fmt: skip
    """Which codes are one person, and how many shared devices are left alone.

    Args:
        source: That whose anonymous ids are stitched.
        rows: The encoded rows: user, event, time, and where ids are stitched anonymous.
        ids: The users' dictionary.
        found: Identities from elsewhere.
    """
    if found is None:
        if source is None:
            return None, 0
        found = Identities(pl.DataFrame(schema={"from": pl.String, "to": pl.String}))
    given, person = ids.add(found.pairs["from"]), ids.add(found.pairs["to"])
    mapped, shared = by_code(given, person), found.alone.len()
    if source is None:
        return People(mapped), shared
    made = _stitched(rows, ids, mapped, source, found)
    # What rows tell of an id on which too many users are known does not hold for the device.
    void = made.alone.filter(made.alone.is_in(ids.add(found.told["from"]).implode()))
    held = pl.DataFrame({"anonymous": given, "user": person})
    held = held.filter(~pl.col("anonymous").is_in(void.implode()))
    spans = made.spans.join(held, on="anonymous", how="anti", maintain_order="left")
    forward = source.identity.stitch == "forward"
    held = held if forward else pl.concat([held, spans.select("anonymous", "user")])
    devices = by_code(held["anonymous"], held["user"])
    return People(mapped, devices, spans if forward else None), shared + made.alone.len()


def _both(canonical: Canonical) -> None:
    """Stop where there are no anonymous ids, or no users to stitch them to."""
    parts = canonical.parts
    for ours, what in (("anonymous", "anonymous ids"), ("user", "users")):
        if not any(ours in part.columns for part in parts):
            raise DataProblem(
                f"no-{ours}-column",
                f"source.identity.mode is 'stitch', but no column of {what} was found",
                f"name it in source.columns.{ours}; the columns are: "
                f"{', '.join(canonical.columns_found)}",
            )


def _stitched(
    rows: pl.LazyFrame, ids: Dictionary, mapped: pl.Series, source: Source, found: Identities
) -> Stitched:  # fmt: skip
    """The stitches of the rows that have both ids, by code; what rows tell counts as one."""
    stitch, both, user = source.identity.stitch, People(mapped), pl.col("user")
    rows = rows.filter(
        pl.col("user").is_not_null() & pl.col("anonymous").is_not_null()
        & pl.col("event").is_not_null() & pl.col("time").is_between(EARLIEST, LATEST)
    ).select(
        "anonymous", "time", user=both.user(user, user)
    )  # fmt: skip
    if stitch == "forward":
        known = rows.unique().collect()
    else:
        edge = pl.col("time").max() if stitch == "last" else pl.col("time").min()
        known = rows.group_by("anonymous", "user").agg(edge).collect()
    told = found.told.select(
        user=both.user(ids.encode(pl.col("to")), pl.lit(None)),
        anonymous=ids.encode(pl.col("from")), time="time",
    )  # fmt: skip
    known = pl.concat([known.select(told.columns), told])
    known = known.filter(~pl.col("anonymous").is_in(ids.add(found.alone).implode()))
    users = known["user"].unique().sort()
    place = by_code(users, ids.text(users).rank("dense"))
    return stitched(known.with_columns(place=place.gather(known["user"])), stitch,
                    source.identity.shared)  # fmt: skip


def merged(encoded: Encoded) -> Merged:
    """How many ids became how many people; what said so is let go."""
    if not encoded.given:
        return Merged()
    user, device = pl.col("user"), pl.col("device")
    rows = encoded.all().filter(user.is_not_null() & (device | (pl.col("given") != user)))
    ids = rows.select("given", "user", "device").unique().collect()
    gone = ids.filter(pl.col("given") != pl.col("user"))
    alone = ids.filter(device & (pl.col("given") == user)).select("user")
    known = encoded.all().filter(~device).join(alone.lazy(), on="user", how="semi")
    n = known.select(pl.col("user").n_unique()).collect().item() if alone.height else 0
    if encoded.frame is not None:
        encoded.frame = encoded.frame.drop(GIVEN)
    encoded.given = False
    return Merged(gone["given"].n_unique(), gone["user"].n_unique(), alone.height - n)
