"""The other seven metrics."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from typing import Any

from tests.oracles.model import World, activated_at, quantile

Tables = dict[str, list[dict[str, Any]]]


def _month(world: World) -> int:
    return int(world.config["active_users"]["month"][:-1])


def active_users(world: World) -> Tables:
    """A day at a time, a set of people at a time."""
    days = {u: world.days(u) for u in world.users}
    daily, day = [], world.first_day
    while day < world.as_of_day:
        line: dict[str, Any] = {"period": day.isoformat()}
        for name, length in (("dau", 1), ("wau", 7), ("mau", _month(world))):
            begin = day - timedelta(days=length - 1)
            who = {u for u, ds in days.items() if any(begin <= d <= day for d in ds)}
            line[name] = len(who) if begin >= world.first_day else None
        daily.append(line)
        day += timedelta(days=1)
    periods = [
        {
            "period": world.label(a),
            "actors": sum(any(a <= d < b for d in ds) for ds in days.values()),
        }
        for a, b in world.complete()
    ]
    return {"daily": daily, "periods": periods}


def stickiness(world: World) -> Tables:
    """The last window."""
    begin = world.as_of_day - timedelta(days=_month(world))
    counts = [sum(d >= begin for d in world.days(u)) for u in world.users]
    active = [n for n in counts if n]
    if not active:
        return {}
    line = {
        "period": (world.as_of_day - timedelta(days=1)).isoformat(),
        "mau": len(active),
        "stickiness": (sum(active), len(active) * _month(world)),
    }
    return {"windows": [line]}


def engagement_score(world: World) -> Tables:
    """Points of the last window."""
    weights = world.config["engagement_score"]["weights"]
    begin = world.as_of_day - timedelta(days=14)
    points = {
        u: sum(weights.get(e, 0) for t, e, _ in world.events.get(u, []) if world.day(t) >= begin)
        for u in world.actors
        if u in world.events or u in world.t0
    }
    active = {u for u in world.users if any(d >= begin for d in world.days(u))}
    found = []
    for name, who in (("all", set(points)), ("active", active)):
        total = sum(points[u] for u in who)
        line = {"item": name, "actors": len(who), "mean": (total, len(who)), "total": total}
        found.append(line)
    return {"distribution": found}


def sessions(world: World) -> Tables:
    """Sessions of complete periods."""
    by_id = world.config["sessions"]["by"] == "session"
    found = []
    for user in world.users:
        rows = [(t, p) for t, e, p in world.events[user] if world.active(e, p)]
        groups: dict[Any, list[int]] = {}
        number, before = 0, None
        for t, p in rows:
            if before is not None and t - before > 1_800_000:
                number += 1
            before = t
            groups.setdefault(p["session"] if by_id else number, []).append(t)
        found += [(user, min(ts), max(ts), len(ts)) for ts in groups.values()]
    closed = [s for s in found if s[2] <= world.as_of - 1_800_000]
    lines = []
    for a, b in world.complete():
        mine = [s for s in closed if a <= world.day(s[1]) < b]
        middle = quantile([s[2] - s[1] for s in mine if s[3] > 1], 0.5)
        lines.append(
            {
                "period": world.label(a), "sessions": len(mine),
                "actors": len({s[0] for s in mine}),
                "single": (sum(s[3] == 1 for s in mine), len(mine)),
                "actions": sum(s[3] for s in mine),
                "time": sum(s[2] - s[1] for s in mine) / 1000,
                "median": None if middle is None else float(middle) / 1000,
            }
        )  # fmt: skip
    return {"periods": lines} if any(line["sessions"] for line in lines) else {}


def retention(world: World) -> Tables:
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


def lifecycle(world: World) -> Tables:
    """Sets of people, period by period."""
    complete = world.complete()
    days = {u: world.days(u) for u in world.users}
    burn_in = world.first_day + timedelta(days=0 if world.signup_known else 30)
    lines = []
    for (a0, b0), (a, b) in itertools.pairwise(complete):
        now = {u for u, ds in days.items() if any(a <= d < b for d in ds)}
        before = {u for u, ds in days.items() if any(a0 <= d < b0 for d in ds)}
        first = {u for u in now if min(days[u]) >= a}
        new = {
            u for u in first & world.known
            if not world.signup_known or world.day(world.t0[u]) >= world.first_day
        }  # fmt: skip
        unclear = not world.signup_known and a < burn_in
        lines.append(
            {
                "period": world.label(a), "active": len(now),
                "new": None if unclear else len(new), "returning": len(now & before),
                "resurrected": None if unclear else len(now - before - new),
                "dormant": len(before - now),
            }
        )  # fmt: skip
    return {"periods": lines} if lines else {}


def churn(world: World) -> Tables:
    """Losses one by one, each in the first period that had the user."""
    after = int(world.config["churn"]["after"][:-1])
    idle = timedelta(days=after)
    spans = [(a, b) for a, b in world.complete() if a - idle >= world.first_day]
    inferred = []
    lost: dict[date, set[str]] = {a: set() for a, _ in spans}
    returned: dict[date, set[str]] = {a: set() for a, _ in spans}
    for user in world.users:
        days = world.days(user)
        for i, d in enumerate(days):
            following = days[i + 1] if i + 1 < len(days) else None
            if ((following or world.as_of_day) - d).days - 1 < after:
                continue
            for a, b in spans:
                if a - idle <= d < b and any(a - idle <= x < a for x in days):
                    lost[a].add(user)
                    break
            for a, b in spans:
                if following is not None and d < a <= following < b:
                    returned[a].add(user)
    for a, b in spans:
        if b + idle > world.as_of_day:
            continue
        there = {u for u in world.users if any(a - idle <= d < a for d in world.days(u))}
        line = {"period": world.label(a), "at_start": len(there), "returned": len(returned[a])}
        inferred.append({**line, "lost": (len(lost[a]), len(there))})
    return {"inferred": inferred, "cancelled": _cancelled(world)}


def _cancelled(world: World) -> list[dict[str, Any]]:
    """Who is a customer at the start of each period, told event by event."""
    lines = []
    for a, b in world.complete():
        at, until = world.midnight(a), world.midnight(b)
        there = lost = 0
        for user in world.actors:
            begin = _customer_since(world, user, at)
            if begin is None:
                continue
            there += 1
            lost += any(
                e == "cancelled" and at <= t < until for t, e, _ in world.events.get(user, [])
            )
        lines.append({"period": world.label(a), "at_start": there, "lost": (lost, there)})
    return lines


def _customer_since(world: World, user: str, at: int) -> int | None:
    """Since when somebody is a customer just before an instant, or None."""
    rows = world.events.get(user, [])
    if "purchase" in world.config:
        state = None
        for t, e, _ in sorted(rows, key=lambda r: (r[0], r[1] != "bought")):
            if t >= at:
                break
            if e == "bought" and state is None:
                state = t
            elif e == "cancelled":
                state = None
        return state
    begin = world.t0.get(user, rows[0][0] if rows else None)
    if begin is None or begin >= at:
        return None
    return None if any(e == "cancelled" and begin <= t < at for t, e, _ in rows) else begin
