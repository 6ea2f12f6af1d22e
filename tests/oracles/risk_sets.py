"""What is known of each person around each day: by sets and loops, and again in SQL."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any
from zlib import crc32

from tests.oracles.criteria import activated_at, activations, part_of
from tests.oracles.database import DB, may_use_sql, where
from tests.oracles.model import World, may_use

EPOCH = date(1970, 1, 1)
DAY = timedelta(days=1)
TENURE, COARSE_TENURE = (1, 2, 4, 7, 14, 28, 90), (7, 28, 90)
DAYS, EARLIER, COARSE_EARLIER = (1, 2, 3, 4, 5, 7, 9, 11, 13), (1, 2, 4, 7, 11), (1, 4)
TODAY, COARSE_TODAY = (1, 2, 4, 8, 16, 32, 64), (1, 4, 16)
NAMES = (
    "all, events by quarter octaves", "all, events by octaves", "coarser, events by octaves",
    "coarser, events fourfold", "coarser, no events before", "coarsest",
)  # fmt: skip


def _refs(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _feature_refs(config: Any) -> list[Any]:
    found: list[Any] = []
    for feature in config["features"].values():
        found += _refs(feature["events"] if isinstance(feature, dict) else feature)
    return found


def settings(config: Any) -> tuple[Any, dict[str, list[Any]], int]:
    s = config["impact"]
    channels = s.get("channels", config["channels"])
    return s, {k: _refs(v) for k, v in channels.items()}, int(s["horizon"][:-1])


Point = dict[str, Any]


def compared_people(world: World) -> list[tuple[str, list[Point], list[Point], int]]:
    """Of each channel the points of the exposed, of others, how many of those are exposed soon."""
    s, channels, length = settings(world.config)
    done = {u: days_done(world, u, s, channels) for u in world.actors}
    can = {u: adoption_of(world, u, s) for u in world.actors}
    first, end = world.first_day + length * DAY, world.as_of_day - length * DAY
    days = _range(max(first, world.shown_from), min(end, world.end_day))
    points: dict[tuple[str, date], Point] = {
        (u, d): _point(world, u, d, done[u], can[u], length) for u in world.actors for d in days
    }
    found = []
    for name, refs in channels.items():
        first = {u: _first(world, u, refs) for u in world.actors}
        exposed = [points[u, d] for u, d in first.items() if d and (u, d) in points]
        others, soon = [], 0
        for (u, d), point in points.items():
            at = first[u]
            if point["serves"] and not (at and at <= d):
                others.append(point)
                soon += at is not None and (at - d).days <= length
        found.append((name, exposed, others, soon))
    return found


def _range(first: date, end: date) -> list[date]:
    return [first + i * DAY for i in range(max((end - first).days, 0))]


def _first(world: World, user: str, refs: list[Any]) -> date | None:
    for t, e, p in world.events.get(user, []):
        if any(world.holds(ref, e, p) for ref in refs):
            return world.day(t)
    return None


def days_done(world: World, user: str, s: Any, channels: Any) -> dict[date, dict[str, int]]:
    """What is counted of each day: active events, uses of features, the negative control."""
    mine = [ref for refs in channels.values() for ref in refs]
    features, control = _feature_refs(world.config), _refs(s.get("negative_control", []))
    found: dict[date, dict[str, int]] = defaultdict(lambda: {"events": 0, "uses": 0, "controls": 0})
    for t, e, p in world.events.get(user, []):
        if any(world.holds(ref, e, p) for ref in mine):
            continue
        row = found[world.day(t)]
        row["events"] += world.active(e, p)
        row["uses"] += any(world.holds(ref, e, p) for ref in features)
        row["controls"] += any(world.holds(ref, e, p) for ref in control)
    return found


def adoption_of(world: World, user: str, s: Any) -> tuple[date | None, date | None]:
    """From when on one can adopt, and when one did."""
    if "adoption" not in s:
        known = user in world.known and world.day(world.t0[user]) >= world.first_day
        if not known or part_of(world, world.config["activation"], user) is None:
            return None, None
        when, _ = activated_at(world, user)
        return world.day(world.t0[user]), None if when is None else world.day(when)
    feature = world.config["features"][s["adoption"]["feature"]]
    refs = _refs(feature["events"] if isinstance(feature, dict) else feature)
    launch = feature.get("launched_at") if isinstance(feature, dict) else None
    start = date.fromisoformat(str(launch)) if launch else world.first_day
    used = sorted({
        world.day(t) for t, e, p in world.events.get(user, [])
        if any(world.holds(ref, e, p) for ref in refs)
        and may_use(world, user, feature, world.day(t))
    })  # fmt: skip
    least = s["adoption"]["min_days"]
    return start, used[least - 1] if len(used) >= least else None


def _point(
    world: World, user: str, day: date, done: Any, can: tuple[date | None, date | None], length: int
) -> Point:
    """What is known of an actor around a day."""

    def total(name: str, first: int, end: int) -> int:
        inside = [row for d, row in done.items() if first <= (d - day).days < end]
        return sum((row["events"] > 0) if name == "active" else row[name] for row in inside)

    account = world.account(user)
    part = crc32((account or user).encode()) % 50
    before, on = total("active", -length, 0), total("active", 0, 1)
    seen = [world.day(t) for t, _, _ in world.events.get(user, [])[:1]]
    seen += [world.day(world.t0[user])] if user in world.t0 else []
    week = (day - world.start(world.first_day, "week")).days // 7
    events = total("events", -length, 0)
    start, when = can
    risk = start is not None and start <= day and (when is None or when > day)
    held = (day - 3 * length * DAY) >= world.first_day
    after = total("active", 1, length + 1)
    tenure = (day - min(seen)).days if seen else 10**6
    recent, earlier = total("active", -((length + 1) // 2), 0) > 0, 0
    earlier = total("active", -2 * length, -length)
    quarter = math.floor(4 * math.log2(events) + 1e-9) if events else -1
    today, days = total("events", 0, 1), _b(before, DAYS)
    fine = (week, _b(today, TODAY), _b(tenure, TENURE), days, recent, _b(earlier, EARLIER))
    rough = (week, _b(today, TODAY), _b(tenure, COARSE_TENURE), days, _b(earlier, COARSE_EARLIER))
    octave = min(events.bit_length(), 13)
    return {
        "part": part,
        "serves": bool(on or (before and (part + (day - EPOCH).days) % 7 == 0)),
        "levels": (
            (*fine, min(quarter, 48)), (*fine, octave), (*rough, octave),
            (*rough, (octave + 1) // 2), rough, (week, _b(today, COARSE_TODAY), *rough[2:]),
        ),
        "crude": on,
        "before": before, "after": after, "uptick": after - before,
        "uses": total("uses", 1, length + 1) - total("uses", -length, 0),
        "controls": total("controls", 1, length + 1) - total("controls", -length, 0),
        "risk": risk,
        "adopted": risk and when is not None and when <= day + length * DAY,
        "same_day": start is not None and start <= day and when == day,
        "held": held, "placebo": total("active", -3 * length, -2 * length) if held else 0,
    }  # fmt: skip


def _b(value: int, edges: Sequence[int]) -> int:
    return sum(edge <= value for edge in edges)


Row = tuple[int, float, int, float]  # n and x of the exposed, n and x of the others


def compare_points(
    exposed: list[Point], others: list[Point], key: Callable[[Point], Any], x: str, of: str | None
) -> tuple[float | None, float | None, float | None, int, float | None]:
    """Mean of the exposed, of others, their difference, how many exposed, the ratio."""
    sums: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for side, points in enumerate((exposed, others)):
        for p in points:
            if of is None or p[of]:
                sums[key(p)][2 * side] += 1
                sums[key(p)][2 * side + 1] += p[x]
    return compare([(a, b, c, d) for a, b, c, d in sums.values()])


def compare(
    strata: list[Row],
) -> tuple[float | None, float | None, float | None, int, float | None]:
    """By the formula."""
    both = [(n1, x1, n0, x0) for n1, x1, n0, x0 in strata if n1 and n0]
    weight = math.fsum(n1 * n0 / (n1 + n0) for n1, _, n0, _ in both)
    if not weight:
        return None, None, None, 0, None
    one = math.fsum(x1 * n0 / (n1 + n0) for n1, x1, n0, _ in both)
    other = math.fsum(x0 * n1 / (n1 + n0) for n1, _, n0, x0 in both)
    ratio = one / other if other > 0 and one >= 0 else None
    return (one / weight, other / weight, one / weight - other / weight,
            sum(n1 for n1, *_ in both), ratio)  # fmt: skip


def base_sql(db: DB, config: Any, s: Any, channels: Any, length: int) -> None:
    """Tables of parts, days with something done, first uses, and adoption."""
    every = " OR ".join(where(refs) for refs in channels.values())
    features = where(_feature_refs(config))
    control = where(s["negative_control"]) if "negative_control" in s else "false"
    people = db.execute('SELECT "user", account FROM people').fetchall()
    db.execute('CREATE TEMP TABLE parts ("user" VARCHAR, part INTEGER)')
    for user, account in people:
        db.execute(
            "INSERT INTO parts VALUES (?, ?)", [user, crc32((account or user).encode()) % 50]
        )
    firsts = " UNION ALL ".join(
        f"""SELECT {i} AS item, "user", arg_min(day, ts) AS day FROM events
            WHERE {where(refs)} GROUP BY ALL""" for i, refs in enumerate(channels.values())
    )  # fmt: skip
    db.execute(f"""
        CREATE TEMP TABLE done AS SELECT "user", day,
            count(*) FILTER ({where(config.get("active_events"))}) AS events,
            count(*) FILTER ({features}) AS uses, count(*) FILTER ({control}) AS controls
            FROM events WHERE NOT ({every}) GROUP BY ALL;
        CREATE TEMP TABLE firsts AS {firsts};
        CREATE TEMP TABLE judged_days AS SELECT unnest(generate_series(
            greatest(first_day + {length}, shown_from),
            least(as_of_day - {length}, end_day) - 1, INTERVAL 1 DAY))::DATE AS day
            FROM span;""")
    if "adoption" in s:
        feature = config["features"][s["adoption"]["feature"]]
        refs = feature["events"] if isinstance(feature, dict) else feature
        launch = feature.get("launched_at") if isinstance(feature, dict) else None
        start = f"DATE '{launch}'" if launch else "(SELECT first_day FROM span)"
        db.execute(f"""CREATE TEMP TABLE adoption AS
            WITH used AS (SELECT DISTINCT "user", e.day FROM events e JOIN people USING ("user")
                WHERE ({where(refs)}) AND {may_use_sql(feature).replace("day", "e.day")}),
            nth AS (SELECT "user", day, row_number() OVER (PARTITION BY "user" ORDER BY day) AS n
                FROM used)
            SELECT people."user", {start} AS since, nth.day AS done FROM people
            LEFT JOIN nth ON nth."user" = people."user" AND n = {s["adoption"]["min_days"]}""")
    else:
        activations(db, config)
        db.execute("""CREATE TEMP TABLE adoption AS SELECT "user",
            CASE WHEN known AND t0_day >= span.first_day THEN t0_day END AS since,
            local(reached) AS done FROM people CROSS JOIN span JOIN activations USING ("user")""")


def _edges(value: str, edges: Sequence[int]) -> str:
    return " + ".join(f"({value} >= {edge})::INTEGER" for edge in edges)


def points_sql(db: DB, length: int) -> None:
    """Every actor on every day judged, with its strata and measures."""

    def total(name: str, first: int, end: int) -> str:
        what = "(events > 0)::INTEGER" if name == "active" else name
        return (f"coalesce(sum({what}) FILTER (done.day - d.day >= {first} "
                f"AND done.day - d.day < {end}), 0)::BIGINT")  # fmt: skip

    windows = {
        "on_day": ("active", 0, 1), "today": ("events", 0, 1), "before": ("active", -length, 0),
        "after": ("active", 1, length + 1), "recent": ("active", -((length + 1) // 2), 0),
        "earlier": ("active", -2 * length, -length),
        "events": ("events", -length, 0), "placebo": ("active", -3 * length, -2 * length),
        "uses_before": ("uses", -length, 0), "uses_after": ("uses", 1, length + 1),
        "controls_before": ("controls", -length, 0),
        "controls_after": ("controls", 1, length + 1),
    }  # fmt: skip
    sums = ", ".join(f"{total(*w)} AS {name}" for name, w in windows.items())
    week = f"(d - start_of(first_day, 'week')) // 7, {_edges('before', DAYS)}"
    fine = f"""{week}, {_edges("today", TODAY)}, {_edges("tenure", TENURE)}, recent > 0,
        {_edges("earlier", EARLIER)}"""
    coarse = f"{week}, {_edges('tenure', COARSE_TENURE)}, {_edges('earlier', COARSE_EARLIER)}"
    rough = f"{coarse}, {_edges('today', TODAY)}"
    quarter = "CASE WHEN events > 0 THEN floor(4 * log2(events) + 1e-9) ELSE -1 END"
    octave = "CASE WHEN events > 0 THEN floor(log2(events) + 1e-9) ELSE -1 END"
    db.execute(f"""
        CREATE TEMP TABLE sums AS SELECT p."user", d.day AS d, {sums},
            d.day - coalesce(least(p.t0_day, p.first_day), DATE '0001-01-01') AS tenure
            FROM people p CROSS JOIN judged_days d LEFT JOIN done ON done."user" = p."user"
            GROUP BY p."user", d.day, p.t0_day, p.first_day;
        CREATE TEMP TABLE points AS SELECT sums.*, span.first_day,
            on_day > 0 OR (before > 0 AND (part + (d - DATE '1970-01-01')) % 7 = 0) AS serves,
            row({fine}, {quarter})::VARCHAR AS level_0, row({fine}, {octave})::VARCHAR AS level_1,
            row({rough}, {octave})::VARCHAR AS level_2,
            row({rough}, {octave.replace("log2", "0.5 * log2")})::VARCHAR AS level_3,
            row({rough})::VARCHAR AS level_4,
            row({coarse}, {_edges("today", COARSE_TODAY)})::VARCHAR AS level_5,
            on_day::VARCHAR AS crude, after - before AS uptick,
            uses_after - uses_before AS uses, controls_after - controls_before AS controls,
            coalesce(since <= d AND coalesce(done > d, true), false) AS risk,
            coalesce(since <= d AND done > d AND done <= d + {length}, false) AS adopted,
            coalesce(since <= d AND done = d, false) AS same_day,
            d - {3 * length} >= span.first_day AS held
        FROM sums CROSS JOIN span JOIN parts USING ("user") LEFT JOIN adoption USING ("user")""")
