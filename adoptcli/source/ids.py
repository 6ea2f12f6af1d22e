"""Ids that one record has in several spellings."""

from __future__ import annotations

import polars as pl

_CHECKS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_GROUPS = {f"{n:05b}"[::-1]: check for n, check in enumerate(_CHECKS)}
"""Which of five characters are capitals, the first of them the lowest bit, and what stands for it.

Source: Salesforce's record ids, of which the last three of 18 characters tell the case of the first
fifteen, five by five.
"""


def long_salesforce(text: pl.Expr) -> pl.Expr:
    """Salesforce ids of 15 characters as those of 18; all other texts as they are."""
    capitals = text.str.replace_all("[^A-Z]", "0").str.replace_all("[A-Z]", "1")
    groups = [capitals.str.slice(start, 5) for start in (0, 5, 10)]
    checks = [
        group.replace_strict(_GROUPS, default=None, return_dtype=pl.String) for group in groups
    ]
    short = text.str.contains("^[A-Za-z0-9]{15}$")
    return pl.when(short).then(pl.concat_str([text, *checks])).otherwise(text)
