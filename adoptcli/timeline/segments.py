"""What each actor is told apart by: its segment and its group of accounts, by its code."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from adoptcli.context import Context
from adoptcli.counts import group_of


def by_code(actors: pl.Series, values: pl.Series, size: int | None = None) -> pl.Series:
    """Values at the place of their actor's code, so that looking one up is no join.

    Codes below `size` that have no value are null; without it there are none beyond the highest.
    """
    if size is None:
        top = actors.max()
        size = int(top) + 1 if isinstance(top, int) else 0
    empty = pl.Series([None], dtype=values.dtype).new_from_index(0, size)
    return empty.scatter(actors, values)


def segment_codes(actors: pl.DataFrame, context: Context) -> pl.Series | None:
    """The combination of segment traits of each actor, by its code; None without segments."""
    names = context.segment_traits
    if not names:
        return None
    code, radix = pl.lit(0, dtype=pl.Int64), 1
    for name in names:
        code = code + (pl.col(f"trait.{name}").cast(pl.Int64) + 1).fill_null(0) * radix
        radix *= len(context.traits[name]) + 1
    return by_code(actors["actor"], actors.select(segment=code).to_series())


def groups(actors: pl.DataFrame, users: pl.Series, context: Context) -> pl.Series | None:
    """The group of accounts of each actor, by its code; None where nobody has an account.

    Args:
        actors: actor and account.
        users: The user code of each of them, by the actor's row: a user without account is an
            account of its own.
        context: The run's context.
    """
    if not context.accounts:
        return None
    found = pl.Series(context.account_groups, dtype=pl.UInt8).gather(actors["account"])
    alone = found.is_null()
    if alone.any():
        own = pl.Series([group_of(text) for text in users.filter(alone)], dtype=pl.UInt8)
        found = found.scatter(alone.arg_true(), own)
    return by_code(actors["actor"], found)


def combination(code: int, sizes: Sequence[int]) -> list[int | None]:
    """The codes of the traits that a segment's code stands for."""
    found: list[int | None] = []
    for size in sizes:
        code, rest = divmod(code, size + 1)
        found.append(rest - 1 if rest else None)
    return found
