"""Feature adoption: by window, and of newcomers since their beginning."""

from __future__ import annotations

import random
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.oracles.database import DB, rows, where
from tests.oracles.model import DAY_MS, Tables, World, quantile

CELLS = [
    ("features", "share_of_active"), ("features", "adopted"), ("funnel", "again"),
    ("trend", "tried"), ("trend", "adopted"), ("retained", "again"), ("retained", "immature"),
    ("cohorts", "tried"), ("cohorts", "adopted"), ("curve", "new"),
]  # fmt: skip
ROWS = {"funnel": "features"}
MEASURES = {"share_of_active": "tried", "new": "tried"}
MARKS = (1, 7, 28)


def section(rng: random.Random) -> dict[str, Any]:
    """Windows, each span of adoption, and when a first use was not the last."""
    span = rng.choice(("window", "calendar_week", "rolling_days", "elapsed"))
    adopted: dict[str, Any] = {"min_days": rng.choice((2, 2, 3)), "span": span}
    if span in ("rolling_days", "elapsed"):
        adopted["within"] = rng.choice(("3d", "7d", "10d"))
    after = rng.choice((1, 2, 8))
    retained = {"after": f"{after}d", "within": f"{after + rng.choice((0, 6, 20))}d"}
    return {
        "feature_adoption": {
            "window": rng.choice(("7d", "30d")), "adopted": adopted, "retained": retained,
            "first": rng.choice(("1d", "7d", "28d")),
        }
    }  # fmt: skip


class Feature:
    """One feature of the YAML, and what people did with it."""

    def __init__(self, world: World, definition: Any) -> None:
        whole = definition if isinstance(definition, dict) else {"events": definition}
        self.world, self.refs = world, whole["events"]
        self.plans = whole.get("eligible", {}).get("plan")
        self.core = whole.get("core", False)
        launched = whole.get("launched_at")
        self.launched = date.fromisoformat(launched) if launched else None
        self.uses = {u: self._uses(u) for u in world.actors}

    def able(self, user: str) -> bool:
        """Whether somebody can have it."""
        return self.plans is None or self.world.trait(user, "plan") in self.plans

    def there(self, day: date) -> bool:
        """Whether it has been launched."""
        return self.launched is None or day >= self.launched

    def _uses(self, user: str) -> list[tuple[int, date]]:
        """Instants and days of all uses that count."""
        rows = self.world.events.get(user, []) if self.able(user) else []
        mine = [(t, self.world.day(t)) for t, e, p in rows
                if any(self.world.holds(r, e, p) for r in self.refs)]  # fmt: skip
        return [(t, d) for t, d in mine if self.there(d)]

    def origin(self, user: str) -> int | None:
        """The later of sign-up and launch, where it is seen."""
        world = self.world
        if user not in world.known or not self.able(user):
            return None
        at = world.t0[user]
        if self.launched:
            at = max(at, world.midnight(self.launched))
        return at if at < world.as_of and world.day(at) >= world.first_day else None


def features(world: World) -> dict[str, Feature]:
    """All of them, by name."""
    return {name: Feature(world, f) for name, f in world.config["features"].items()}


def adopted(world: World, uses: list[tuple[int, date]]) -> bool:
    """Whether uses on enough days lie close enough together."""
    rule = world.config["feature_adoption"]["adopted"]
    within = int(rule.get("within", "0d")[:-1])
    for t, d in uses:
        close = {
            "window": lambda u, e: True,
            "calendar_week": lambda u, e, d=d: world.start(e, "week") == world.start(d, "week"),
            "rolling_days": lambda u, e, d=d: timedelta(0) <= e - d < timedelta(days=within),
            "elapsed": lambda u, e, t=t: 0 <= u - t <= within * DAY_MS,
        }[rule["span"]]
        if len({e for u, e in uses if close(u, e)}) >= rule["min_days"]:
            return True
    return False


def spans(world: World, length: int, most: int = 6) -> list[tuple[date, date]]:
    """The windows from the oldest to the last."""
    end, step = world.as_of_day, timedelta(days=length)
    found = [(end - step, end)]
    while len(found) < most and found[0][0] - step >= world.first_day:
        found.insert(0, (found[0][0] - step, found[0][0]))
    return found


def plain(world: World) -> Tables:
    """The windows, one person after the other, then newcomers."""
    c = world.config["feature_adoption"]
    length = int(c["window"][:-1])
    known = features(world)
    trend, breadth_mean, last = [], [], {}
    for begin, end in spans(world, length):
        active = {u: [d for d in world.days(u) if begin <= d < end] for u in world.actors}
        active = {u: days for u, days in active.items() if days}
        used = dict.fromkeys(active, 0)
        for name, feature in known.items():
            able = [u for u in active if feature.able(u) and feature.there(active[u][-1])]
            uses = {u: [x for x in feature.uses[u] if begin <= x[1] < end] for u in able}
            uses = {u: x for u, x in uses.items() if x}
            habit = [u for u, x in uses.items() if adopted(world, x)]
            for user in uses:
                used[user] += 1
            trend.append({"period": (end - timedelta(days=1)).isoformat(), "item": name,
                          "tried": (len(uses), len(able)),
                          "adopted": (len(habit), len(able))})  # fmt: skip
            last[name] = (able, uses, habit)
        breadth_mean.append({"period": trend[-1]["period"],
                             "mean": (sum(used.values()), len(used))})  # fmt: skip
    if not used:
        return {}
    found = _last_window(world, known, last, begin)
    found |= {
        "trend": trend,
        "breadth": [{"step": n, "actors": (sum(k == n for k in used.values()), len(used))}
                    for n in range(len(known) + 1)],
        "breadth_mean": breadth_mean,
    }  # fmt: skip
    return found | _since_start(world, known)


def _last_window(world: World, known: dict[str, Feature], last: Any, begin: date) -> Tables:
    logins = sum(e == "logged_in" and world.day(t) >= begin
                 for rows in world.events.values() for t, e, _ in rows)  # fmt: skip
    table, funnel, habits, core, all_core = [], [], [], 0, 0
    for name, feature in known.items():
        able, uses, habit = last[name]
        n, total = len(able), sum(map(len, uses.values()))
        again = sum(len(x) > 1 for x in uses.values())
        day_counts = {u: len({d for _, d in x}) for u, x in uses.items()}
        since = max(begin, world.first_day, feature.launched or begin)
        days = (world.as_of_day - since).days
        table.append({
            "item": name, "share_of_active": (len(uses), n), "adopted": (len(habit), n),
            "uses": total, "users_per_login": (len(uses), logins),
            "uses_per_login": (total, logins),
        })  # fmt: skip
        funnel.append({"item": name, "exposed": n, "tried": (len(uses), n),
                       "again": (again, len(uses)), "adopted": (len(habit), again)})  # fmt: skip
        middle = quantile([len(uses[u]) for u in habit], 0.5)
        habits.append({
            "item": name, "uses_per_adopter": (sum(len(uses[u]) for u in habit), len(habit)),
            "median_uses": None if middle is None else float(middle),
            "days_per_adopter": (sum(day_counts[u] for u in habit), len(habit)),
            "uses_per_day": (total, max(days, 0)),
            "dau_mau": (sum(day_counts.values()), len(uses) * max(days, 0)),
        })  # fmt: skip
        if feature.core:
            core, all_core = core + len(uses), all_core + n
    return {"features": table, "funnel": funnel, "habits": habits,
            "core": [{"share": (core, all_core)}]}  # fmt: skip


def _since_start(world: World, known: dict[str, Feature]) -> Tables:
    c = world.config["feature_adoption"]
    first = int(c["first"][:-1]) * DAY_MS
    after, within = (int(c["retained"][k][:-1]) for k in ("after", "within"))
    times, retained, cohorts, curve = [], [], [], []
    for name, feature in known.items():
        origins = {u: at for u in world.actors if (at := feature.origin(u)) is not None}
        waits, again, mature, immature = [], 0, 0, 0
        by_cohort: dict[date, list[int]] = {}
        for user, origin in origins.items():
            uses = feature.uses[user]
            waits.append((max(uses[0][0] - origin, 0), 1) if uses else (world.as_of - origin, 0))
            if uses:
                begin = uses[0][1]
                old = begin + timedelta(days=within) < world.as_of_day
                mature, immature = mature + old, immature + (not old)
                again += old and any(after <= (d - begin).days <= within for _, d in uses)
            if origin == world.t0[user]:
                line = by_cohort.setdefault(world.start(world.day(origin)), [0] * 4)
                early = [x for x in uses if x[0] <= origin + first]
                done = origin + first < world.as_of
                for i, yes in enumerate(
                    (done, done and early, done and adopted(world, early), not done)
                ):
                    line[i] += bool(yes)
        times.append({"item": name, **_waits(waits)})
        retained.append({"item": name, "again": (again, mature), "immature": immature})
        cohorts += [
            {"item": name, "cohort": world.label(k), "tried": (v[1], v[0]),
             "adopted": (v[2], v[0]), "immature": v[3]} for k, v in sorted(by_cohort.items())
        ]  # fmt: skip
        curve += _curve(world, name, feature)
    return {"times": times, "retained": retained, "cohorts": cohorts, "curve": curve}


def _waits(waits: list[tuple[int, int]]) -> dict[str, Any]:
    """Kaplan–Meier, one time after the other."""
    left, curve = Fraction(1), []
    for t in sorted({t for t, done in waits if done}):
        at_risk = sum(u >= t for u, _ in waits)
        left *= 1 - Fraction(sum(u == t and done for u, done in waits), at_risk)
        curve.append((t, 1 - left))
    longest = max((t for t, _ in waits), default=-1)
    found: dict[str, Any] = {}
    for days in MARKS:
        reached = [share for t, share in curve if t <= days * DAY_MS]
        value = float(reached[-1]) if reached else 0.0
        found[f"by_{days}d"] = value if days * DAY_MS <= longest else None
    half = [t for t, share in curve if share >= Fraction(1, 2)]
    middle = quantile([t for t, done in waits if done], 0.5)
    found["median"] = half[0] / 1000 if half else None
    found["median_tried"] = None if middle is None else float(middle) / 1000
    return found


def _curve(world: World, name: str, feature: Feature) -> list[dict[str, Any]]:
    launch, found = feature.launched, []
    if launch is None or not world.first_day <= launch < world.as_of_day:
        return []
    end, before = launch, 0
    while end < world.as_of_day:
        end = min(end + timedelta(days=7), world.as_of_day)
        here = [u for u in world.actors if feature.able(u)
                and any(launch <= d < end for d in world.days(u))]  # fmt: skip
        had = sum(any(d < end for _, d in feature.uses[u]) for u in here)
        found.append({
            "item": name, "step": len(found) + 1, "tried": (had, len(here)), "new": had - before,
            "period": (end - timedelta(days=1)).isoformat(),
        })  # fmt: skip
        before = had
    return found
