"""Time to value: Kaplan–Meier by its definition."""

from __future__ import annotations

from tests.oracles.model import Tables, World, activated_at, part_of, quantile

CELLS = [("cohorts", "arrived")]
ROWS = {"cohorts": "durations"}


def plain(world: World) -> Tables:
    """Kaplan–Meier by its definition, one time after the other."""
    people = []
    for user in world.starters():
        if part_of(world, world.config["activation"], user) is None:
            continue
        when, _ = activated_at(world, user)
        end = world.as_of if when is None else when
        people.append((end - world.t0[user], when is not None))
    curve = []
    hour = 3_600_000
    for step, t in (("1h", hour), ("1d", 24 * hour), ("3d", 72 * hour), ("7d", 168 * hour),
                    ("14d", 336 * hour), ("30d", 720 * hour), ("90d", 2160 * hour)):  # fmt: skip
        if not any(d >= t for d, _ in people):
            curve.append({"step": step, "activated": None, "at_risk": None})
            continue
        survival = 1.0
        for moment in sorted({d for d, arrived in people if arrived and d <= t}):
            at_risk = sum(d >= moment for d, _ in people)
            survival *= 1 - sum(d == moment and a for d, a in people) / at_risk
        curve.append(
            {"step": step, "activated": 1 - survival, "at_risk": sum(d >= t for d, _ in people)}
        )
    arrived = [d for d, yes in people if yes]
    middle = quantile(arrived, 0.5)
    line = {"n": len(arrived), "median": None if middle is None else float(middle) / 1000}
    return {"curve": curve, "arrived": [line]} if people else {}
