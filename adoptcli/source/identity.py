"""Which ids are one person: maps of ids followed to the end, and anonymous ids of known users.

A map says of an id which id stands for the same person; that one may be merged again later. Files
go before what rows of the log tell, and that goes before stitching. What is found does not depend
on the order of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from adoptcli.definitions import Identity, Source
from adoptcli.errors import DataProblem
from adoptcli.source.columns import plain
from adoptcli.source.events import text_of
from adoptcli.source.tables import read_table

PAIRS = (
    ("distinct_id", "resolved_distinct_id"), ("distinct_id", "person_id"),
    ("amplitude_id", "merged_amplitude_id"), ("from_user_id", "to_user_id"),
    ("vid_to_merge", "canonical_vid"), ("previous_id", "user_id"), ("previousid", "userid"),
    ("alias", "user_id"), ("alias", "userid"), ("anonymous_id", "user_id"),
    ("anonymousid", "userid"), ("old_id", "new_id"), ("from_id", "to_id"), ("from", "to"),
)  # fmt: skip
VERSIONS = (
    "person_distinct_id_version", "version", "merge_server_time", "merge_event_time", "merge_time",
    "merged_at", "updated_at", "timestamp", "time",
)  # fmt: skip
DELETED = "is_deleted"
ALWAYS = -(2**63)
ANY = 2**31
_SCHEMA = {"from": pl.String, "to": pl.String}


def _no_ids() -> pl.Series:
    return pl.Series("from", [], dtype=pl.String)


def _no_pairs() -> pl.DataFrame:
    return pl.DataFrame(schema={**_SCHEMA, "time": pl.Int64})


@dataclass(frozen=True)
class Identities:
    """Ids and the ids that stand for the same person.

    Attributes:
        pairs: from (unique) and to, texts; no `to` is itself a `from`.
        circles: How many chains came back to where they began; their smallest id stands for them.
        example: One of them, as a → b → a.
        several: Ids for which the map names several people, none of them later than the others.
        alone: Ids of more people than one device may have; they are nobody's.
        notes: What to say aloud.
        told: Those of the pairs that rows of the log tell, and no file: from, to, time.
    """

    pairs: pl.DataFrame
    circles: int = 0
    example: str = ""
    several: int = 0
    alone: pl.Series = field(default_factory=_no_ids)
    notes: tuple[str, ...] = ()
    told: pl.DataFrame = field(default_factory=_no_pairs)

    def of(self, ids: pl.Series) -> pl.Series:
        """The ids that stand for the same people; those that the map does not name as they are."""
        known = ids.to_frame("from").join(self.pairs, on="from", how="left", maintain_order="left")
        return known.select(pl.coalesce("to", "from").alias(ids.name)).to_series()


@dataclass(frozen=True)
class Stitched:
    """Whose the rows of anonymous ids are.

    Attributes:
        spans: anonymous, since (ms; ALWAYS for the whole time), user; sorted by the first two. A
            row is the user's of the last span that has begun.
        alone: The ids that are left alone because too many users were known on them.
    """

    spans: pl.DataFrame
    alone: pl.Series


def read_identities(
    sources: Sequence[Source],
    base: Path | None,
    told: pl.DataFrame,
    tmp: Path | None = None,
) -> Identities | None:
    """The maps of all sources and what rows tell as one, followed to the end; None without any.

    Args:
        sources: The sources.
        base: Folder of the YAML, for the files that it names.
        told: What rows tell: from, to, mutual, time.
        tmp: Folder for temporary files.

    Raises:
        DataProblem: A file is missing or unreadable, or it is unclear which two columns count.
    """
    pairs = told.drop_nulls(["from", "to"])
    if not pairs.height and not any(source.identity.file for source in sources):
        return None
    made, named = _maps(sources, base, tmp)
    shared = min((s.identity.shared for s in sources if s.identity.told), default=ANY)
    made = _with_told(made, pairs.filter(~pl.col("from").is_in(named.implode())), shared)
    notes = [*made.notes]
    if made.circles:
        notes.append(
            f"identities: {made.circles:,} chains of ids come back to their beginning, such as "
            f"{made.example}; the smallest id stands for each"
        )
    if made.several:
        notes.append(
            f"identities: {made.several:,} ids are mapped to several people, none later than the "
            "others; the smallest id counts"
        )
    return replace(made, notes=tuple(dict.fromkeys(notes)))


def _maps(
    sources: Sequence[Source], base: Path | None, tmp: Path | None
) -> tuple[Identities, pl.Series]:
    """The files' maps as one, and the ids that they name."""
    found, alone = [pl.DataFrame(schema=_SCHEMA)], [_no_ids()]
    notes, several = [], 0
    for identity in (source.identity for source in sources if source.identity.file):
        pairs, note = _read(identity, base, tmp)
        single, more, many = one_target(pairs, identity.shared)
        found.append(single.select("from", "to"))
        alone.append(many)
        several += more
        notes += [note] if note else []
    pairs, many = pl.concat(found), pl.concat(alone)
    made = replace(chains(pairs), several=several, alone=many, notes=tuple(notes))
    return made, pl.concat([pairs["from"], many])


def _with_told(maps: Identities, told: pl.DataFrame, shared: int) -> Identities:
    """What rows tell joined to what files say; of several people of an id the last told counts."""
    told = told.with_columns(maps.of(told["to"]), pl.col("time").fill_null(ALWAYS))
    ways = told.filter(~pl.col("mutual"))
    known = ways.select(
        pl.col("from").alias("anonymous"), pl.col("to").alias("user"), "time",
        place=pl.col("to").rank("dense"),
    )  # fmt: skip
    last = stitched(known, "last", shared)
    single = last.spans.select(pl.col("anonymous").alias("from"), pl.col("user").alias("to"))
    made = chains(pl.concat([maps.pairs, single]))
    both = told.filter("mutual")
    connected = _connected(made.of(both["from"]), made.of(both["to"]))
    pairs = chains(pl.concat([made.pairs, connected])).pairs if connected.height else made.pairs
    alone = last.alone.alias("from")
    return replace(
        maps,
        pairs=pairs,
        circles=maps.circles + made.circles,
        example=maps.example or made.example,
        alone=pl.concat([maps.alone, alone]),
        told=ways.select("from", "to", "time").filter(~pl.col("from").is_in(alone.implode())),
    )


def _connected(some: pl.Series, others: pl.Series) -> pl.DataFrame:
    """from and to: the ids that steps from one to the other reach, and the smallest of them."""
    lower: dict[str, str] = {}

    def lowest(id: str) -> str:
        while (next_ := lower.get(id, id)) != id:
            lower[id] = lower.get(next_, next_)
            id = next_
        return id

    for one, other in zip(some, others, strict=True):
        low, high = sorted((lowest(one), lowest(other)))
        if low != high:
            lower[high] = low
    return pl.DataFrame([(id, lowest(id)) for id in lower], schema=_SCHEMA, orient="row")


def _read(identity: Identity, base: Path | None, tmp: Path | None) -> tuple[pl.DataFrame, str]:
    """from, to and version (null where there is none) of one file, and what was guessed."""
    assert identity.file is not None
    table = read_table(identity.file, base, tmp, lambda names: _wanted(identity, names))
    source, target = _columns(identity, table.columns)
    by_name = {plain(name): name for name in reversed(table.columns)}
    version = next((by_name[name] for name in VERSIONS if name in by_name), None)
    found = table.select(
        text_of(pl.col(source), table.schema[source]).alias("from"),
        text_of(pl.col(target), table.schema[target]).alias("to"),
        _version(table, version).alias("version"),
        deleted=pl.col(by_name[DELETED]).cast(pl.String).str.to_lowercase().is_in(["true", "1"])
        if DELETED in by_name
        else pl.lit(False),
    )
    gone = pl.col("deleted").fill_null(False)
    found = found.with_columns(to=pl.when(gone).then("from").otherwise("to")).drop("deleted")
    guessed = None in (getattr(identity, "from"), identity.to)
    note = f"ids guessed in {Path(identity.file).name}: {source} -> {target}" if guessed else ""
    return found, note


def _wanted(identity: Identity, columns: Sequence[str]) -> list[str]:
    """The columns that count; others may hold whole profiles, and are not read."""
    two = _columns(identity, columns)
    return [name for name in columns if name in two or plain(name) in (*VERSIONS, DELETED)]


def _version(table: pl.DataFrame, name: str | None) -> pl.Expr:
    """Versions as numbers that sort like them: numbers as such, texts by their place."""
    if name is None:
        return pl.lit(None, dtype=pl.Float64)
    values = table[name]
    number = values.cast(pl.Float64, strict=False) if not values.dtype.is_temporal() else None
    if number is not None and number.null_count() == values.null_count():
        return pl.lit(number)
    return pl.lit(values.rank("dense").cast(pl.Float64))


def _columns(identity: Identity, columns: Sequence[str]) -> tuple[str, str]:
    stated = getattr(identity, "from"), identity.to
    for key, name in zip(("from", "to"), stated, strict=True):
        if name is not None and name not in columns:
            raise DataProblem(
                "no-such-column",
                f"{identity.file}: there is no column {name!r} (source.identity.{key})",
                f"the columns are: {', '.join(columns)}",
            )
    by_name = {plain(name): name for name in reversed(columns)}
    usual = [(by_name[a], by_name[b]) for a, b in PAIRS if a in by_name and b in by_name]
    if len(columns) == 2:
        usual += [(columns[0], columns[1]), (columns[1], columns[0])] if any(stated) else []
    for pair in [*([stated] if all(stated) else []), *usual]:
        if all(said in (None, name) for said, name in zip(stated, pair, strict=True)):
            return pair[0], pair[1]  # type: ignore[return-value]
    raise DataProblem(
        "columns-not-found",
        f"{identity.file}: it is unclear which column holds the ids and which the ids that stand "
        f"for the same people; the columns are: {', '.join(columns)}",
        "say it in the YAML: source: {identity: {from: COLUMN, to: COLUMN}}",
    )


def one_target(pairs: pl.DataFrame, shared: int = ANY) -> tuple[pl.DataFrame, int, pl.Series]:
    """One target an id: the latest version's, of several the smallest.

    Args:
        pairs: from, to and version (a number or null).
        shared: Of how many people one id may be.

    Returns:
        from (unique), to, version; how many ids had several targets that none is later than; and
        the ids that were left out, because these were more than `shared`.
    """
    known = pairs.drop_nulls(["from", "to"])
    if known["from"].n_unique() == known.height:
        return known, 0, _no_ids()
    top = pl.col("version").max().over("from")
    known = known.filter(pl.col("version").eq_missing(top))
    found = known.group_by("from").agg(
        pl.col("to").min(), pl.col("version").first(), n=pl.col("to").n_unique()
    )
    many, several = found["n"] > shared, found["n"] > 1
    return found.filter(~many).drop("n"), int((several & ~many).sum()), found["from"].filter(many)


def chains(pairs: pl.DataFrame) -> Identities:
    """Follow each id to the end of its chain: a → b and b → c give a → c.

    A chain that comes back to where it began ends at the smallest of the ids that it goes round.
    Each round looks twice as far ahead, so a million pairs take as many rounds as the longest chain
    has binary digits.

    Args:
        pairs: from and to, texts; of several targets of one id the smallest counts.
    """
    single = one_target(pairs.select("from", "to", version=pl.lit(None, dtype=pl.Float64)))[0]
    known = single.filter(pl.col("from") != pl.col("to"))
    ids = pl.concat([known["from"], known["to"].alias("from")]).unique().sort()
    table = ids.to_frame("from").join(known, on="from", how="left", maintain_order="left")
    place = table.select(pl.coalesce("to", "from").cast(pl.Enum(ids)).to_physical())
    step = place.to_series().cast(pl.UInt32)
    begins, example = _circles(step)
    if begins.len():
        step = step.scatter(begins, begins)
    found = pl.DataFrame({"from": ids, "to": ids.gather(_ends(step))})
    shown = " → ".join(ids.gather(example)) if example else ""
    return Identities(found.filter(pl.col("from") != pl.col("to")), begins.len(), shown)


def _ends(step: pl.Series) -> pl.Series:
    """Where each place ends; of places in a circle some place of it."""
    for _ in range(step.len().bit_length() + 1):
        further = step.gather(step)
        if further.equals(step):
            break
        step = further
    return step


def _circles(step: pl.Series) -> tuple[pl.Series, list[int]]:
    """The smallest place of each circle, and the way around the first of them."""
    ends = _ends(step).unique().sort()
    within = ends.filter(step.gather(ends) != ends)
    left = set(within.to_list())
    begins: list[int] = []
    example: list[int] = []
    following = dict(zip(within.to_list(), step.gather(within).to_list(), strict=True))
    for begin in within.to_list():
        if begin not in left:
            continue
        way = [begin]
        while following[way[-1]] != begin:
            way.append(following[way[-1]])
        left.difference_update(way)
        begins.append(begin)
        example = example or [*way[:5], begin]
    return pl.Series(begins, dtype=pl.UInt32), example


def stitched(known: pl.DataFrame, stitch: str, shared: int) -> Stitched:
    """Whose the rows are that have an anonymous id alone.

    Args:
        known: Rows that have both: anonymous, user, time (ms), and place: that of the user's id
            among the sorted ids, so that of two users at one time the smaller id counts.
        stitch: `last`: the user known last on that id; `first`: the one known first; `forward`: the
            one known last before the row or with it, and nobody before the first.
        shared: An id on which more users were known is a shared device, and left alone.
    """
    rows = known.filter(pl.col("anonymous") != pl.col("user"))
    users = rows.group_by("anonymous").agg(n=pl.col("user").n_unique())
    alone = users.filter(pl.col("n") > shared).select("anonymous")
    rows = rows.join(alone, on="anonymous", how="anti")
    if stitch == "forward":
        spans = changes(rows, "anonymous", "user")
    else:
        order = ["time", "place"]
        kept = rows.sort(order, descending=[stitch == "last", False]).unique(
            "anonymous", keep="first", maintain_order=True
        )
        spans = kept.with_columns(since=pl.lit(ALWAYS, dtype=pl.Int64))
    found = spans.select("anonymous", "since", "user").sort("anonymous", "since")
    return Stitched(found, alone["anonymous"])


def changes(rows: pl.DataFrame, key: str, value: str) -> pl.DataFrame:
    """The rows at which a key has another value than before, since when; sorted by both.

    Args:
        rows: The key, the value, time, and place: of several values at one time the lowest counts.
        key: Name of a column.
        value: Name of another.
    """
    one = rows.sort(key, "time", "place").unique([key, "time"], keep="first", maintain_order=True)
    same = one[value].eq_missing(one[value].shift(1)) & one[key].eq_missing(one[key].shift(1))
    return one.filter(~same).rename({"time": "since"})
