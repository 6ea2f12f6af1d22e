"""How far actors come on a path of steps: every attempt, and the deepest of each actor.

All that an actor does at one instant is looked at together. Instants are of few kinds (how many
rows of each step), and what a kind can do is worked out once, by matching rows with steps
(`matching`); the rest is arithmetic on columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from adoptcli.timeline.matching import adding, deepest_way, furthest
from adoptcli.timeline.runs import places, starts_run

Order = Literal["loose", "strict", "any"]
_FITS = 1 << 62
_NEVER = (1 << 63) - 1


@dataclass(frozen=True)
class Path:
    """What is looked for.

    Attributes:
        steps: The event codes that satisfy each step; a code may satisfy several.
        within: Time from the entry in which a step counts, in ms; closed.
        order: `loose`, other events may lie between; `strict`, no event of the actor at a time
            between two steps; `any`, the steps in whatever order.
        exclude: Codes of events that cut an attempt off: no step counts after the first of them
            that is later than the entry; one at the instant of the entry or of the step does not.
    """

    steps: tuple[tuple[int, ...], ...]
    within: int
    order: Order = "loose"
    exclude: tuple[int, ...] = ()

    @property
    def codes(self) -> list[int]:
        """The codes of all steps."""
        return sorted({code for step in self.steps for code in step})

    @property
    def masks(self) -> dict[int, list[int]]:
        """The codes by the steps that they satisfy, one bit each."""
        found: dict[int, list[int]] = {}
        for code in self.codes:
            mask = sum(1 << k for k, step in enumerate(self.steps) if code in step)
            found.setdefault(mask, []).append(code)
        return dict(sorted(found.items()))


@dataclass(frozen=True)
class _Log:
    """The rows of the steps and their instants.

    Attributes:
        rows: actor, time, event, day; sorted.
        instants: The first row of each instant; if strict with `number`, the instant's place among
            all of the log.
        kind: Code of the instant's kind.
        far: By kind and d: the last of the steps after the first d that distinct rows of the
            instant can serve, one after the other; d where there is none.
    """

    rows: pl.DataFrame
    instants: pl.DataFrame
    kind: pl.Series
    far: list[list[int]]

    @property
    def actor(self) -> pl.Series:
        """Of each instant."""
        return self.instants["actor"]

    @property
    def time(self) -> pl.Series:
        """Of each instant."""
        return self.instants["time"]

    def serves(self, d: int) -> pl.Series:
        """Whether each instant has a row of the step after the first d."""
        return self.kind.is_in([kind for kind, far in enumerate(self.far) if far[d] > d])

    def reach(self, d: int, instants: pl.Series) -> pl.Series:
        """`far` of some of the instants."""
        far = pl.Series([far[d] for far in self.far], dtype=pl.UInt8)
        return far.gather(self.kind.gather(instants))


def attempts(
    events: pl.DataFrame, path: Path, as_of: int, days: tuple[int, int] | None = None,
    *, first: bool = False,
) -> pl.DataFrame:  # fmt: skip
    """Every attempt at a path: an entry, and the earliest event of each later step.

    An entry is an instant with a row of the first step (in any order: of any step). Equal times
    satisfy "then"; each step has a row of its own. A strict attempt that can go several ways takes
    the deepest, and of those the one whose steps come earliest.

    Args:
        events: actor, time (ms), event (code), day; sorted by actor and time. For a strict path
            all that count, else at least those of the steps and the exclusions.
        path: What is looked for.
        as_of: The instant up to which data count.
        days: Days on which entries lie, half-open; default all.
        first: Only each actor's first entry among those days.

    Returns:
        actor, time (of the entry), day, mature (time + within < as_of), ever (steps reached without
        regard to `within` and `exclude`), at_1 … at_n (ms; null where not reached in time), depth
        (steps reached in time); sorted by actor, time.
    """
    log = _log(events, path)
    entries = _entries(log, path, days, first=first)
    actor, start = log.actor.gather(entries), log.time.gather(entries)
    end = start + path.within
    if path.exclude:
        end = _cut(events.filter(pl.col("event").is_in(path.exclude)), actor, start, end)
    free = _times(log, path, entries, None)
    kept = _times(log, path, entries, end) if path.order == "strict" else free
    names = [f"at_{k + 1}" for k in range(len(kept))]
    ever = pl.DataFrame(free, schema=names).select(depth=_depth(names)).to_series()
    frame = pl.DataFrame(kept, schema=names).with_columns(
        actor, start, end.alias("end"), ever.alias("ever"),
        day=log.instants["day"].gather(entries),
        mature=start + path.within < as_of,
    )  # fmt: skip
    in_time = (pl.when(pl.col(name) <= pl.col("end")).then(name).alias(name) for name in names)
    return frame.with_columns(in_time).select(
        "actor", "time", "day", "mature", "ever", *names, depth=_depth(names)
    )


def _depth(names: Sequence[str]) -> pl.Expr:
    """How many of the steps were reached."""
    return pl.sum_horizontal(pl.col(name).is_not_null() for name in names)


def deepest(found: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """One attempt for each of the keys: a mature one, of those the deepest, then the earliest.

    `ever` becomes the most that any attempt of the keys has. Sorted by the keys.
    """
    if not _in_order(found, [*keys, "time"]):
        found = found.sort(*keys, "time")
    fresh = starts_run(found, keys)
    ends = fresh.shift(-1, fill_value=True)
    run = fresh.cum_sum().cast(pl.Int64) * 128  # so that each run is above all before
    rank = pl.lit(run) + pl.col("mature").cast(pl.Int64) * 64 + pl.col("depth")
    most = found.select((pl.lit(run) + pl.col("ever")).cum_max() % 128).to_series()
    # The best of a run is the last of its rows that is above all before it.
    higher = places(starts_run(found.select(rank=rank.cum_max()), ["rank"]))
    last = starts_run(run.gather(higher).to_frame("run"), ["run"]).shift(-1, fill_value=True)
    return found[higher.filter(last)].with_columns(ever=most.filter(ends))


def _in_order(frame: pl.DataFrame, keys: Sequence[str]) -> bool:
    """Whether no row comes before the one above it."""
    after = pl.lit(True)
    for key in reversed(keys):
        here, above = pl.col(key), pl.col(key).shift(1)
        after = (here > above) | ((here == above) & after)
    return bool(frame.select(after.fill_null(True).all()).item())


def _log(events: pl.DataFrame, path: Path) -> _Log:
    if path.order == "strict":
        number = starts_run(events, ["actor", "time"]).cum_sum().cast(pl.Int64)
        events = events.with_columns(number=number)
    rows = events.filter(pl.col("event").is_in(path.codes)).drop("member", strict=False)
    fresh = starts_run(rows, ["actor", "time"])
    instants = rows.filter(fresh).rechunk()
    return _Log(rows, instants, *_kinds(rows, fresh, path))


def _kinds(rows: pl.DataFrame, fresh: pl.Series, path: Path) -> tuple[pl.Series, list[list[int]]]:
    """The kind of each instant, and how far each kind goes; an instant of one row is its mask's."""
    masks, n = list(path.masks.values()), len(path.steps)
    of_code = pl.Series([0], dtype=pl.UInt32).new_from_index(0, max(path.codes, default=0) + 1)
    for i, codes in enumerate(masks):
        of_code = of_code.scatter(codes, i)
    kind = of_code.gather(rows["event"].filter(fresh)).alias("kind")
    far = [furthest([mask], n) for mask in path.masks]
    alone = fresh & fresh.shift(-1, fill_value=True)
    if not alone.all():
        many = (~alone).filter(fresh).arg_true()
        mixed, more = _mixed(rows.filter(~alone), path)
        kind, far = kind.scatter(many, mixed + len(masks)), far + more
    return kind, far


def _mixed(rows: pl.DataFrame, path: Path) -> tuple[pl.Series, list[list[int]]]:
    """The kinds of instants of several rows, by how many they have of each mask."""
    begin = starts_run(rows, ["actor", "time"]).arg_true()
    end = begin.shift(-1, fill_value=rows.height)
    counts, size = [], 1
    kind = pl.Series([0], dtype=pl.Int64).new_from_index(0, begin.len())
    for mask, codes in path.masks.items():
        total = pl.concat([pl.Series([0], dtype=pl.Int64), _running(rows, codes)])
        of_instant = total.gather(end) - total.gather(begin)
        most = mask.bit_count()  # more rows than steps are of no use
        if size * (most + 1) > _FITS:
            kind, size = kind.rank("dense").cast(pl.Int64), begin.len() + 1
        counts.append(of_instant.clip(0, most))
        kind, size = kind * (most + 1) + counts[-1], size * (most + 1)
    values = kind.unique().sort()
    found = values.search_sorted(kind).cast(pl.UInt32).alias("kind")
    each = found.to_frame().with_row_index("row").unique("kind", keep="any").sort("kind")["row"]
    have = zip(*(count.gather(each) for count in counts), strict=True)
    rows_of = [
        [mask for mask, count in zip(path.masks, each, strict=True) for _ in range(count)]
        for each in have
    ]
    return found, [furthest(masks, len(path.steps)) for masks in rows_of]


def _running(rows: pl.DataFrame, codes: list[int]) -> pl.Series:
    """How many rows up to each have one of the codes."""
    return rows["event"].is_in(codes).cast(pl.Int64).cum_sum()


def _entries(log: _Log, path: Path, days: tuple[int, int] | None, *, first: bool) -> pl.Series:
    """The instants at which attempts begin."""
    enters = pl.Series([True]).new_from_index(0, log.kind.len())
    if path.order != "any":
        enters = log.serves(0)
    if days is not None:
        enters &= log.instants["day"].is_between(*days, closed="left")
    entries = places(enters)
    if first:
        entries = entries.filter(starts_run(log.actor.gather(entries).to_frame(), ["actor"]))
    return entries


def _cut(exclusions: pl.DataFrame, actor: pl.Series, start: pl.Series, end: pl.Series) -> pl.Series:
    """The end of each attempt, or its first exclusion after the entry if that is earlier."""
    times = pl.concat([start, exclusions["time"]])
    low, high = times.min(), times.max()
    if not exclusions.height or not isinstance(low, int) or not isinstance(high, int):
        return end
    span = high - low + 1
    keys = exclusions["actor"].cast(pl.Int64) * span + (exclusions["time"] - low)
    after = keys.search_sorted(actor.cast(pl.Int64) * span + (start - low), side="right")
    at = pl.when(after < exclusions.height).then(after).otherwise(None)
    found = pl.select(at=at).to_series()
    same = exclusions["actor"].gather(found) == actor
    cut = pl.when(same).then(exclusions["time"].gather(found))
    return pl.select(end=pl.min_horizontal(end, cut)).to_series()


def _times(log: _Log, path: Path, entries: pl.Series, end: pl.Series | None) -> list[pl.Series]:
    """When each attempt reached each step; null where it did not."""
    if path.order == "any":
        return _unordered(log, path, entries)
    if path.order == "strict":
        places = _strict(log, len(path.steps), entries, end)
    else:
        places = _loose(log, len(path.steps), entries)
    actor = log.actor.gather(entries)
    return [
        pl.select(pl.when(log.actor.gather(p) == actor).then(log.time.gather(p))).to_series()
        for p in places
    ]


def _loose(log: _Log, n: int, entries: pl.Series) -> list[pl.Series]:
    """The instant of each step: the entry's as far as that goes, then the next that has the step.

    They may be another actor's, and are then all that follow.
    """
    place, top = entries, log.reach(0, entries)
    found = [place]
    for k in range(1, n):
        later, stays = _following(place, log.serves(k)), top > k
        place = pl.select(pl.when(stays).then(place).otherwise(later)).to_series()
        reach = log.reach(k, place)
        top = pl.select(pl.when(stays).then(top).otherwise(reach)).to_series()
        found.append(place)
    return found


def _following(place: pl.Series, has: pl.Series) -> pl.Series:
    """The first place after each where it is true; places ascend, nulls come last."""
    found = places(has).alias("at").to_frame()
    return place.alias("at").to_frame().join_asof(
        found.with_columns(found="at"), on="at", strategy="forward", allow_exact_matches=False,
        check_sortedness=False,
    )["found"]  # fmt: skip


def _strict(log: _Log, n: int, entries: pl.Series, end: pl.Series | None) -> list[pl.Series]:
    """The instant of each step, where every instant from the entry on must bring a step."""
    entries, numbers = entries.cast(pl.Int64), log.instants["number"]
    actor, number = log.actor.gather(entries), numbers.gather(entries)
    hops = {}
    for h in range(n):
        at = entries + h
        place = pl.select(pl.when(at < log.kind.len()).then(at)).to_series()
        follows = (numbers.gather(place) == number + h) & (log.actor.gather(place) == actor)
        if end is not None:
            follows &= log.time.gather(place) <= end
        kind = pl.when(follows).then(log.kind.gather(place).cast(pl.Int64)).otherwise(-1)
        hops[f"hop_{h}"] = pl.select(kind.fill_null(-1)).to_series()
    words = pl.DataFrame(hops)
    each = words.unique()
    ways = [deepest_way(word, log.far, n) for word in each.iter_rows()]
    schema = {f"step_{k}": pl.Int64 for k in range(n)}
    table = each.hstack(pl.DataFrame(ways, schema=schema, orient="row"))
    taken = words.join(table, on=words.columns, how="left", maintain_order="left")
    return [entries + taken[name] for name in schema]


def _unordered(log: _Log, path: Path, entries: pl.Series) -> list[pl.Series]:
    """When each attempt has as many steps, whichever: each of the next rows of a kind may serve."""
    tokens, masks, n = _tokens(log, path, entries), list(path.masks), len(path.steps)
    words = tokens.select(pl.all() % len(masks))
    times = tokens.select(pl.all() // len(masks))
    if all(mask.bit_count() == 1 for mask in masks):
        never = pl.Series([None], dtype=pl.Int64).new_from_index(0, entries.len())
        return [*times.get_columns(), *[never] * (n - times.width)]
    return _useful(words, times, masks, n)


def _tokens(log: _Log, path: Path, entries: pl.Series) -> pl.DataFrame:
    """The next rows of each mask, as many as it has steps, in order: time × masks + which mask."""
    actor, masks = log.actor.gather(entries), path.masks
    fresh = starts_run(log.rows, ["actor", "time"])
    frame = pl.DataFrame()
    for i, (mask, codes) in enumerate(masks.items()):
        rows = log.rows.filter(pl.col("event").is_in(codes))
        seen = _running(log.rows, codes).shift(1, fill_value=0).filter(fresh).gather(entries)
        for j in range(mask.bit_count()):
            at = pl.select(pl.when(seen + j < rows.height).then(seen + j)).to_series()
            same = rows["actor"].gather(at) == actor
            packed = pl.when(same).then(rows["time"].gather(at) * len(masks) + i)
            frame = _inserted(frame, pl.select(packed.fill_null(_NEVER)).to_series())
    return frame.select(pl.when(pl.all() < _NEVER).then(pl.all()))


def _inserted(frame: pl.DataFrame, token: pl.Series) -> pl.DataFrame:
    """Columns in ascending order, row by row, with one more among them."""
    frame = pl.DataFrame([*frame.get_columns(), token.alias("token")])
    for name in frame.columns[:-1]:
        frame = frame.with_columns(
            pl.min_horizontal(name, "token").alias(name), token=pl.max_horizontal(name, "token")
        )
    return frame.rename({"token": str(frame.width - 1)})


def _useful(words: pl.DataFrame, times: pl.DataFrame, masks: list[int], n: int) -> list[pl.Series]:
    """The times of the rows that add a step to those before them."""
    each = words.unique()
    schema = {f"step_{k}": pl.Int64 for k in range(n)}
    uses = [adding([0 if i is None else masks[i] for i in word], n) for word in each.iter_rows()]
    table = each.hstack(pl.DataFrame(uses, schema=schema, orient="row"))
    taken = words.join(table, on=words.columns, how="left", maintain_order="left", nulls_equal=True)
    both = times.hstack(taken.select(schema.keys()))
    return both.select(
        pl.coalesce(pl.when(pl.col(name) == t).then(str(t)) for t in range(times.width)).alias(name)
        for name in schema
    ).get_columns()
