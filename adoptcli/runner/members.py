"""Which account each user belongs to and since when, as rows of the log tell."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from adoptcli.source.identity import ALWAYS, changes
from adoptcli.timeline.dictionary import Dictionary
from adoptcli.timeline.encode import Encoded, Memberships, People
from adoptcli.timeline.segments import by_code
from adoptcli.timeline.survey import EARLIEST, LATEST, Survey


def memberships(
    told: pl.DataFrame, dictionaries: Mapping[str, Dictionary], people: People | None
) -> Memberships | None:
    """The accounts of people by time; None where no row tells any.

    The first account that is told of somebody holds before it, too; of several told at one time the
    smallest id counts. Rows without a time come before all others.

    Args:
        told: user, anonymous, account (texts or null) and time (ms or null) of the rows that tell.
        dictionaries: Those of users and accounts.
        people: Which ids are one person.
    """
    rows = told.filter(pl.col("account").is_not_null())
    if not rows.height:
        return None
    ids, time = dictionaries["user"], pl.col("time")
    user, anonymous = ids.encode(pl.col("user")), ids.encode(pl.col("anonymous"))
    spans = changes(
        rows.select(
            person=people.user(user, anonymous) if people else user,
            account=dictionaries["account"].encode(pl.col("account")),
            time=pl.when(time.is_between(EARLIEST, LATEST)).then(time).otherwise(ALWAYS),
            place="account",
        ).drop_nulls("person"),
        "person", "account",
    ).select("person", "since", "account")  # fmt: skip
    first = spans["person"].ne_missing(spans["person"].shift(1))
    last = spans["person"].ne_missing(spans["person"].shift(-1))
    one, several = spans.filter(first & last), ~(first & last)
    spans = spans.with_columns(since=pl.when(first).then(ALWAYS).otherwise("since"))
    return Memberships(by_code(one["person"], one["account"]), spans.filter(several))


def beyond_one(encoded: Encoded, found: Survey) -> tuple[int, int]:
    """Rows without account, and memberships beyond one a user."""
    counted = encoded.all().filter(found.inside(encoded.columns))
    has = pl.col("account").is_not_null()
    pairs = counted.filter(has).select("user", "account").unique().collect()
    alone = counted.select((~has).sum()).collect().item()
    return int(alone), pairs.height - pairs["user"].n_unique()
