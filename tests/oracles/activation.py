"""Activation: by cohort of sign-up, and what those who missed it lack."""

from __future__ import annotations

from tests.oracles.model import DAY_MS, Tables, World, activated_at

CELLS = [("cohorts", "activated"), ("cohorts", "mature"), ("cohorts", "ever")]


def plain(world: World) -> Tables:
    """By cohort of sign-up, and what those who missed it lack."""
    c = world.config["activation"]
    within = int(c["within"][:-1]) * DAY_MS
    cohorts: dict[str, list[int]] = {}
    criteria = c.get("all") or c.get("any")
    missed, lacking, only = 0, [0] * len(criteria), [0] * len(criteria)
    for user in world.starters():
        t0 = world.t0[user]
        when, alone = activated_at(world, user)
        mature = t0 + within < world.as_of
        in_time = when is not None and when <= t0 + within
        line = cohorts.setdefault(world.label(world.start(world.day(t0))), [0] * 5)
        for i, yes in enumerate(
            (True, mature, mature and in_time, not mature and in_time, when is not None)
        ):
            line[i] += yes
        if mature and not in_time:
            missed += 1
            late = [t is None or t > t0 + within for t in alone]
            for i, lacks in enumerate(late):
                lacking[i] += lacks
                only[i] += lacks and sum(late) == 1
    if not cohorts:
        return {}
    return {
        "cohorts": [
            {"cohort": k, "signups": v[0], "mature": v[1], "activated": (v[2], v[1]),
             "so_far": v[3], "ever": (v[4], v[0])}
            for k, v in sorted(cohorts.items())
        ],
        "lacking": [{"lacking": (n, missed), "only": (m, missed)}
                    for n, m in zip(lacking, only, strict=True)],
    }  # fmt: skip
