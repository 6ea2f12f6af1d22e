"""Round 0: event names and conditions become atoms, atoms become codes."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from adoptcli.context import Condition, Vocabulary, conditions
from adoptcli.definitions import Definitions, EventRef
from adoptcli.errors import ConfigProblem
from adoptcli.timeline.encode import Encoded
from adoptcli.timeline.survey import Survey

MOST = 1 << 24  # entries of the table from raw codes to atoms


def named_events(definitions: Definitions) -> dict[str, tuple[EventRef, ...]]:
    """The YAML's own names for events, by name."""
    return {name: tuple(refs) for name, refs in definitions.events.items()}


def wanted_conditions(
    refs: Iterable[EventRef], named: dict[str, tuple[EventRef, ...]]
) -> tuple[Condition, ...]:
    """Every condition that some reference puts on a row, sorted; each becomes one bit."""
    empty = Vocabulary((), (), {}, named)
    found = {c for ref in empty.expand(refs) for c in conditions(ref)}
    return tuple(sorted(found, key=lambda c: (c.property, c.values)))


def vocabulary(
    encoded: Encoded,
    survey: Survey,
    bits: tuple[Condition, ...],
    named: dict[str, tuple[EventRef, ...]],
) -> tuple[Vocabulary, pl.Series]:
    """The atoms of the rows that count, and their code by raw event code × 2^bits + mask."""
    width = len(bits)
    keep, keys = survey.keep(encoded.columns), ["event", *(["mask"] if width else [])]
    parts = encoded.ask(lambda rows: rows.filter(keep).group_by(keys).len())
    found = parts.group_by(keys).agg(pl.col("len").sum())
    if not width:
        found = found.with_columns(mask=pl.lit(0, dtype=pl.UInt32))
    top = found["event"].max()
    size = (int(top) + 1 if isinstance(top, int) else 0) << width
    if size > MOST:
        raise ConfigProblem(
            "too-many-conditions",
            f"{width} different 'where' conditions over {size >> width:,} event names are too many",
            "name fewer conditions, or exclude events",
        )
    texts = encoded.dictionaries["event"].texts(size >> width)
    named_rows = found.with_columns(name=texts.gather(found["event"])).sort("name", "mask")
    codes: list[int | None] = [None] * size
    for code, (raw, bit) in enumerate(named_rows.select("event", "mask").iter_rows()):
        codes[(raw << width) + bit] = code
    atoms = tuple((name, bit) for name, bit in named_rows.select("name", "mask").iter_rows())
    words = Vocabulary(
        atoms, tuple(named_rows["len"].to_list()), {c: i for i, c in enumerate(bits)}, named
    )
    return words, pl.Series(codes, dtype=pl.UInt32)
