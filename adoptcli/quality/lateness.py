"""Late rows and wrong clocks: when rows happened against when the vendor received them."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from adoptcli.timeframe import DAY_MS, HOUR_MS
from adoptcli.timeline.survey import LATEST

MINUTE = 60_000
STEP = 30 * MINUTE  # zones differ by whole steps
NEAR = 5 * MINUTE
LATE_SHARE = 0.005  # of the rows; what is worth a longer grace
IMPORTED = 31 * DAY_MS  # what comes later than this was hardly on its way
LEAST_ROWS, CONSTANT = 5, 0.9  # of a user whose clock is judged; and how many of them agree
MOST_OFFSETS = 5


@dataclass(frozen=True)
class Lateness:
    """How long after it happened a row was received, in seconds.

    Attributes:
        rows: Rows whose receipt is known.
        hour, day, three_days: Rows that came later than that.
        grace: The source's, or None where it has none; then a day is what counts.
        over_grace: Rows that came later.
        advised: The grace, in days, that all but one row in 200 keep; None where no other is due.
        imported: So late that it looks like history that was loaded at once.
    """

    rows: int
    median: float
    p90: float
    p99: float
    max: float
    hour: int
    day: int
    three_days: int
    grace: float | None
    over_grace: int
    advised: int | None = None
    imported: bool = False


@dataclass(frozen=True)
class Clock:
    """Rows that happened after they were received, and clocks that are off.

    Attributes:
        rows: Rows whose receipt is known.
        ahead: Rows that happened over a minute after their receipt; by how many seconds.
        offset: Hours by which times are ahead of the receipt in most rows (behind: below 0), where
            this is no chance: a multiple of half an hour.
        shifted: How many rows are off by just that.
        users: Users whose own rows are off by one and the same multiple of half an hour.
        offsets: Of those, how many are off by how many hours; most first.
    """

    rows: int
    ahead: int = 0
    median_ahead: float = 0
    max_ahead: float = 0
    offset: float | None = None
    shifted: int = 0
    users: int = 0
    offsets: tuple[tuple[float, int], ...] = ()


def received(rows: pl.LazyFrame) -> pl.LazyFrame:
    """user, time and behind (ms from event to receipt) of the rows whose receipt is known.

    Args:
        rows: user, time and received; an instant of 0 is an empty field.
    """
    known = pl.col("time").is_not_null() & pl.col("received").is_between(1, LATEST)
    return rows.filter(known).select("user", "time", behind=pl.col("received") - pl.col("time"))


def first_received(rows: pl.LazyFrame, several: pl.DataFrame) -> pl.LazyFrame:
    """The rows, but of those of one user and key the first received alone: a repeat is not late.

    Args:
        rows: user, time, received and id.
        several: The keys (id) that several rows have.
    """
    keys = several.lazy().select("id")
    once = rows.join(keys, on="id", how="anti")
    again = rows.join(keys, on="id", how="semi").sort("received", nulls_last=True)
    first = again.unique(["id", "user"], keep="first", maintain_order=True)
    return pl.concat([once, first])


def lateness(known: pl.LazyFrame, grace: int | None) -> Lateness | None:
    """How late the rows are; None where nothing is known of it.

    Args:
        known: What `received` gives.
        grace: The source's, in ms.
    """
    late = pl.col("behind").clip(0)
    limit = DAY_MS if grace is None else grace
    ranks = {"median": 0.5, "p90": 0.9, "p99": 0.99, "rare": 1 - LATE_SHARE, "max": 1.0}
    limits = {"hour": HOUR_MS, "day": DAY_MS, "three_days": 3 * DAY_MS, "over_grace": limit}
    found = known.select(
        rows=pl.len(),
        **{name: late.quantile(q, interpolation="equiprobable") for name, q in ranks.items()},
        **{name: (late > ms).sum() for name, ms in limits.items()},
    )  # fmt: skip
    row = found.collect().row(0, named=True)
    if not row["rows"]:
        return None
    rare = row.pop("rare")
    many = row["over_grace"] > LATE_SHARE * row["rows"]
    seconds = {name: row.pop(name) / 1000 for name in ("median", "p90", "p99", "max")}
    return Lateness(
        **row, **seconds, grace=None if grace is None else grace / 1000,
        advised=-(-int(rare) // DAY_MS) if many else None, imported=many and rare > IMPORTED,
    )  # fmt: skip


def clock(known: pl.LazyFrame) -> Clock:
    """Whether the clocks that tell when rows happened are right."""
    ahead = -pl.col("behind")
    late = ahead.filter(ahead > MINUTE)
    row = known.select(
        rows=pl.len(), middle=ahead.quantile(0.5, interpolation="equiprobable"),
        ahead=late.len(), median_ahead=late.quantile(0.5, interpolation="equiprobable"),
        max_ahead=late.max(),
    ).collect().row(0, named=True)  # fmt: skip
    if not row["rows"]:
        return Clock(0)
    step = round(row["middle"] / STEP) * STEP
    near = (ahead - step).abs() <= NEAR
    shifted = int(known.select(near.sum()).collect().item()) if step else 0
    whole = 2 * shifted >= row["rows"] if step else False
    users = _shifted_users(known) if not whole else pl.DataFrame(schema={"step": pl.Int64})
    by_offset = users.group_by("step").len().sort(-pl.col("len").cast(pl.Int64), "step")
    return Clock(
        row["rows"],
        row["ahead"],
        (row["median_ahead"] or 0) / 1000,
        (row["max_ahead"] or 0) / 1000,
        offset=step / HOUR_MS if whole else None, shifted=shifted if whole else 0,
        users=users.height,
        offsets=tuple(
            (s * STEP / HOUR_MS, n) for s, n in by_offset.head(MOST_OFFSETS).iter_rows()
        ),
    )  # fmt: skip


def _shifted_users(known: pl.LazyFrame) -> pl.DataFrame:
    """Users whose rows, over more than a day, are nearly all off by one multiple of a step."""
    ahead = -pl.col("behind")
    step = (ahead / STEP).round().cast(pl.Int64)
    off = known.select("user", "time", step=step, near=(ahead - step * STEP).abs() <= NEAR)
    off = off.filter("near", pl.col("step") != 0, pl.col("user").is_not_null())
    some = off.group_by("user", "step").agg(
        n=pl.len(), span=pl.col("time").max() - pl.col("time").min()
    )
    some = some.filter(pl.col("n") >= LEAST_ROWS, pl.col("span") > DAY_MS)
    found = some.collect()
    totals = known.join(found.lazy().select("user"), on="user", how="semi")
    joined = found.join(totals.group_by("user").len().collect(), on="user")
    return joined.filter(pl.col("n") >= CONSTANT * pl.col("len"))
