"""The tables and the further headlines of the engagement score, from sums alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from adoptcli import stats
from adoptcli.context import Context
from adoptcli.metrics._score import SCALE
from adoptcli.metrics._shared import cells, difference, mean, share, share_difference
from adoptcli.results import Column, Estimate, Headline, Row, Table

if TYPE_CHECKING:
    from adoptcli.metrics.engagement_score import EngagementScoreSettings

Sums = Mapping[str, int]
Levels = Mapping[tuple[int, int], Sums]

NOBODY: Sums = dict.fromkeys(
    ("actors", "total", "scaled", "active", "active_total", "active_scaled"), 0
)
_QUANTILES = (("p25", 0.25), ("median", 0.5), ("p75", 0.75), ("p90", 0.9))
DECILES = 10


def histogram(tally: pl.DataFrame, key: str, count: str) -> list[tuple[int, int]]:
    """Value and how many, ascending."""
    grouped = tally.group_by(key).agg(pl.col(count).sum()).filter(pl.col(count) > 0).sort(key)
    return [(int(value), int(n)) for value, n in grouped.iter_rows()]


def squares(tally: pl.DataFrame, key: str, count: str) -> int:
    """Σ x² over a histogram: exact where 64 bits would not hold it."""
    value, n = pl.col(key).cast(pl.Int128), pl.col(count).cast(pl.Int128)
    return int(tally.select((value * value * n).sum()).item())


def mean_of(sums: Sums | None, total: str, squared: int | None = None) -> Estimate:
    """The mean over all actors, or over the active; with its interval where squares are given."""
    n = (sums or NOBODY)["active" if total.startswith("active_") else "actors"]
    if not sums or not n:
        return Estimate(None, 0, 0)
    if squared is None:
        return Estimate(sums[total] / n / SCALE, sums[total] / SCALE, n)
    return mean(n, sums[total], squared, SCALE)


def distribution(tally: pl.DataFrame, sums: Sums | None) -> Table:
    """Points of all, and of the active."""
    columns = (*_SPREAD, Column("total", "Total", "points"))
    return Table("distribution", "Points per actor", columns, _spreads(tally, sums, "points"))


def scaled(tally: pl.DataFrame, sums: Sums | None) -> Table:
    """Scores of 0 to 100 of all, and of the active."""
    lines = _spreads(tally, sums, "scaled")
    return Table("scaled", "Score of 0 to 100, by targets", _SPREAD, lines)


_SPREAD = (
    Column("item", "Actors", "text"),
    Column("actors", "How many", "users"),
    Column("mean", "Mean", "points"),
    *(Column(name, name.capitalize() if name == "median" else name, "points")
      for name, _ in _QUANTILES),
)  # fmt: skip


def _spreads(tally: pl.DataFrame, sums: Sums | None, key: str) -> tuple[Row, ...]:
    lines: list[Row] = []
    for who, count, prefix in (("all", "actors", ""), ("active", "active", "active_")):
        found = histogram(tally, key, count)
        total = f"{prefix}{'total' if key == 'points' else key}"
        quantiles = {
            name: None if (value := stats.quantile(found, q)) is None else value / SCALE
            for name, q in _QUANTILES
        }
        lines.append(
            {
                "item": who,
                "actors": sum(n for _, n in found),
                "mean": mean_of(sums, total, squares(tally, key, count)),
                **quantiles,
                "total": (sums or NOBODY)[total] / SCALE,
            }
        )
    return tuple(lines)


def contribution(tally: pl.DataFrame, weights: Mapping[str, float], actors: int) -> Table:
    """What the points come from."""
    found = cells(tally, ["item"])
    whole = sum(counts["total"] for counts in found.values()) / SCALE
    lines: list[Row] = []
    for i, (name, weight) in enumerate(weights.items()):
        counts = found.get(i, {"actors": 0, "times": 0, "counted": 0, "total": 0})
        points = counts["total"] / SCALE
        lines.append(
            {
                "item": name,
                "weight": weight,
                "actors": Estimate(
                    counts["actors"] / actors if actors else None, counts["actors"], actors
                ),
                "times": counts["times"],
                "points": points,
                "share": Estimate(points / whole if whole else None, points, whole),
            }
        )
    columns = (
        Column("item", "Event", "text"),
        Column("weight", "Weight"),
        Column("actors", "Actors with it", "share"),
        Column("times", "Times", "events"),
        Column("points", "Points", "points"),
        Column("share", "Of all points", "share"),
    )
    return Table("contribution", "What the points come from", columns, tuple(lines))


def targets(tally: pl.DataFrame, settings: EngagementScoreSettings, actors: int) -> Table:
    """How many of all actors reached each target."""
    found = cells(tally, ["item"])
    places = [*settings.weights]
    lines: tuple[Row, ...] = tuple(
        {
            "item": name,
            "target": target,
            "reached": share(found.get(places.index(name), {"reached": 0})["reached"], actors),
        }
        for name, target in settings.targets.items()
    )
    columns = (
        Column("item", "Event", "text"),
        Column("target", "Target", "events"),
        Column("reached", "Reached by", "share"),
    )
    return Table("targets", f"Targets of {settings.window} days", columns, lines)


def level(found: Levels, sums: Mapping[int, Sums], end: int, place: int) -> Estimate:
    """The share of all actors of a window that are at a level."""
    return share(found.get((end, place), {"actors": 0})["actors"], sums.get(end, NOBODY)["actors"])


def levels(
    found: Levels, sums: Mapping[int, Sums], ends: Sequence[int],
    settings: EngagementScoreSettings, context: Context,
) -> Table:  # fmt: skip
    """How many are at each level in each window, and how that changed."""
    lines: list[Row] = []
    for before, end in zip([None, *ends], ends, strict=False):
        for place, (name, bound) in enumerate(settings.levels.items()):
            now = level(found, sums, end, place)
            was = None if before is None else level(found, sums, before, place)
            change = None if now.value is None else share_difference(now, was)
            lines.append(
                {
                    "period": context.day_label(end),
                    "step": name,
                    "bound": bound,
                    "actors": now,
                    "change": change and replace(change, denominator=now.denominator),
                }
            )
    columns = (
        Column("period", f"{settings.window} days to", "date"),
        Column("step", "Level", "text"),
        Column("bound", "From", "points"),
        Column("actors", "Actors", "share"),
        Column("change", "Change in share", "pp"),
    )
    return Table("levels", "Levels by points", columns, tuple(lines))


def accounts(tally: pl.DataFrame, context: Context) -> Table:
    """Points of each account, and for each of its active members."""
    lines = tuple(
        {
            "item": context.accounts[account],
            "members": counts["members"],
            "active": counts["active"],
            "points": counts["total"] / SCALE,
            "points_per_active": counts["total"] / SCALE / counts["active"]
            if counts["active"]
            else None,
        }
        for account, counts in sorted(cells(tally, ["account"]).items())
    )
    columns = (
        Column("item", "Account", "text"),
        Column("members", "Members", "users"),
        Column("active", "Active", "users"),
        Column("points", "Points", "points"),
        Column("points_per_active", "Per active member", "points"),
    )
    return Table("accounts", "By account", columns, lines)


def quartiles(tally: pl.DataFrame, total: int) -> Table:
    """The points of the top and the bottom quarter of the active."""
    found = cells(tally, ["item"])
    lines: list[Row] = []
    for name in ("top", "bottom"):
        counts = found.get(name, {"actors": 0, "total": 0})
        points = Estimate(
            counts["total"] / total if total else None, counts["total"] / SCALE, total / SCALE
        )
        lines.append({"item": name, "actors": counts["actors"], "points": points})
    columns = (
        Column("item", "Quarter of the active", "text"),
        Column("actors", "Actors", "users"),
        Column("points", "Of all points", "share"),
    )
    return Table("quartiles", "Top and bottom quarter", columns, tuple(lines))


def auc(tally: pl.DataFrame, *, active: bool = False) -> Estimate:
    """How often the one who was active later had the higher score, over all pairs.

    Over all actors, or over those active in the earlier window; the denominator counts them.
    """
    rows = _outcomes(tally, active=active)
    found = stats.auc((points, stayed, n - stayed) for points, n, stayed in rows)
    people = sum(n for _, n, _ in rows)
    if found is None:
        return Estimate(None, None, people)
    return Estimate(found.value, None, people, found.low, found.high)


def _outcomes(tally: pl.DataFrame, *, active: bool) -> list[tuple[int, int, int]]:
    """Points, how many had them, how many of these were active later; ascending."""
    wanted = tally.filter(pl.col("active") > 0) if active else tally
    grouped = wanted.group_by("points").agg(pl.col("actors", "stayed").sum()).sort("points")
    return [(int(points), int(n), int(stayed)) for points, n, stayed in grouped.iter_rows()]


def mean_scaled(
    tally: pl.DataFrame, sums: Mapping[int, Sums], ends: Sequence[int], context: Context
) -> Headline:
    """The mean score of 0 to 100."""
    means = [mean_of(sums.get(end), "scaled") for end in ends]
    now = mean_of(sums.get(ends[-1]), "scaled", squares(tally, "scaled", "actors"))
    return Headline(
        "From 0 to 100, by targets", now, "points", context.day_label(ends[-1]),
        difference(now, means[-2] if len(means) > 1 else None),
        tuple(value.value for value in means), "mean over all actors",
    )  # fmt: skip


def top_level(
    found: Levels, sums: Mapping[int, Sums], ends: Sequence[int],
    settings: EngagementScoreSettings, context: Context,
) -> Headline:  # fmt: skip
    """The share of all actors that are at the highest level."""
    name, bound = [*settings.levels.items()][-1]
    shares = [level(found, sums, end, len(settings.levels) - 1) for end in ends]
    return Headline(
        f"At level {name}, {bound:g} points and more", shares[-1], "share",
        context.day_label(ends[-1]),
        share_difference(shares[-1], shares[-2] if len(shares) > 1 else None),
        tuple(value.value for value in shares),
    )  # fmt: skip


def foretells(tally: pl.DataFrame, window: int, context: Context) -> Headline | None:
    """Whether the score of one window tells which of the active are active in the next.

    That those who were gone stay gone would be foretold by anything.
    """
    found = auc(tally, active=True)
    if found.value is None:
        return None
    when = context.day_label(context.end_day - 1 - window)
    return Headline(f"Foretells who stays active, {window} days (AUC)", found, "ratio", when)


def falling(sums: Mapping[str, int]) -> Table:
    """How many of those with points in the window before have lost a third of them or more."""
    fell = share(sums.get("falling", 0), sums.get("had", 0))
    columns = (Column("falling", "Lost a third or more", "share", ("falling", "had")),)
    return Table(
        "falling", "Of those with points in the window before", columns, ({"falling": fell},)
    )


def predicts(tally: pl.DataFrame, window: int) -> tuple[Table, Table]:
    """The AUC over all and over the active, and who was active later by decile of the score."""
    lines: list[Row] = []
    for name, active in (("all", False), ("active", True)):
        rows = _outcomes(tally, active=active)
        n, stayed = sum(n for _, n, _ in rows), sum(stayed for _, _, stayed in rows)
        lines.append({"item": name, "stayed": share(stayed, n), "auc": auc(tally, active=active)})
    columns = (
        Column("item", "Actors of the window before", "text"),
        Column("stayed", "Active in the last", "share", ("stayed", "actors")),
        Column("auc", "AUC", "ratio"),
    )
    title = f"Does the score foretell activity in the next {window} days"
    return Table("predicts", title, columns, tuple(lines)), _deciles(tally)


def _deciles(tally: pl.DataFrame) -> Table:
    """Actors with equal points are in one decile: the lowest that any of them would be in."""
    rows = _outcomes(tally, active=False)
    whole, below = sum(n for _, n, _ in rows), 0
    parts: dict[int, list[tuple[int, int, int]]] = {}
    for row in rows:
        parts.setdefault(1 + DECILES * below // whole, []).append(row)
        below += row[1]
    lines: tuple[Row, ...] = tuple(
        {
            "step": decile,
            "low": part[0][0] / SCALE,
            "high": part[-1][0] / SCALE,
            "stayed": share(sum(stayed for _, _, stayed in part), sum(n for _, n, _ in part)),
        }
        for decile, part in parts.items()
    )
    columns = (
        Column("step", "Decile"),
        Column("low", "Score from", "points"),
        Column("high", "to", "points"),
        Column("stayed", "Active in the next window", "share"),
    )
    return Table("deciles", "Activity later, by decile of the score", columns, lines)
