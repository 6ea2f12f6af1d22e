"""Retention: every mature cell."""

from __future__ import annotations

from datetime import date

from tests.oracles.model import Tables, World, activated_at

CELLS = [("triangle", "retained")]


def plain(world: World) -> Tables:
    """Every mature cell."""
    period = world.config["retention"]["period"]
    cohorts: dict[tuple[str, date], list[tuple[str, date]]] = {}
    for user in world.starters():
        starts = {"signup": world.day(world.t0[user])}
        when, _ = activated_at(world, user)
        if when is not None:
            starts["activation"] = world.day(when)
        for name, day in starts.items():
            cohorts.setdefault((name, world.start(day, period)), []).append((user, day))
    lines = []
    for name in ("signup", "activation"):
        for (start, cohort), members in sorted(cohorts.items()):
            if start != name:
                continue
            at, k = cohort, 0
            while world.after(at, period) <= world.as_of_day and k <= 12:
                end = world.after(at, period)
                came = sum(
                    any(at <= d < end and d >= day for d in world.days(user))
                    for user, day in members
                )
                lines.append({"item": name, "cohort": world.label(cohort, period), "step": k,
                              "retained": (came, len(members))})  # fmt: skip
                at, k = end, k + 1
    return {"triangle": lines} if cohorts else {}
