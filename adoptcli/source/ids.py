"""Ids that one record has in several spellings."""

from __future__ import annotations

import polars as pl

from adoptcli.source.seldom import seldom

_CHECKS = pl.Series(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"))


def long_salesforce(text: pl.Expr) -> pl.Expr:
    """Salesforce ids of 15 characters as those of 18; all other texts as they are.

    The last three tell the case of the first fifteen, five by five: which of the five are capitals,
    the first as the lowest bit, is the place of the check among the 32.
    """
    short = pl.when(text.str.len_bytes() == 15).then(text)
    return pl.coalesce(seldom(short, _longer, pl.String), text)


def _longer(text: pl.Expr) -> pl.Expr:
    checks = [pl.lit(_CHECKS).gather(_capitals(text, start)) for start in (0, 5, 10)]
    return pl.when(text.str.contains("^[A-Za-z0-9]{15}$")).then(pl.concat_str([text, *checks]))


def _capitals(text: pl.Expr, start: int) -> pl.Expr:
    """Which of five characters are capitals, as a number of five bits."""
    return pl.sum_horizontal(
        text.str.slice(start + i, 1).is_between(pl.lit("A"), pl.lit("Z")).cast(pl.UInt32) * 2**i
        for i in range(5)
    )
