"""Impact: points of each person, put into strata and compared; sums in Python, and again in SQL."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from typing import Any

from tests.oracles.database import DB, rows
from tests.oracles.model import Tables, World
from tests.oracles.risk_sets import (
    DAY,
    NAMES,
    Point,
    adoption_of,
    base_sql,
    compare,
    compare_points,
    compared_people,
    days_done,
    points_sql,
    settings,
)

CELLS = [("channels", "exposed"), ("variants", "assigned"), ("variants", "n")]


def section(rng: random.Random) -> dict[str, Any]:
    """Short windows, so that they fit into the logs."""
    found: dict[str, Any] = {"horizon": f"{rng.choice((1, 2, 5, 8))}d"}
    if rng.random() < 0.7:
        found["channels"] = {
            "help": ["helped"],
            "calls": ["called", {"event": "read", "where": {"kind": "x"}}],
            "none": "never_sent",
        }
    if rng.random() < 0.5:
        feature = rng.choice(("share", "both", "new"))
        found["adoption"] = {"feature": feature, "min_days": rng.choice((1, 2))}
    if rng.random() < 0.5:
        found["negative_control"] = ["answered", {"event": "read", "where": {"kind": "y"}}]
    if rng.random() < 0.5:
        found |= {"variant": "kind", "control": rng.choice(("x", "y"))}
        if rng.random() < 0.5:
            found["split"] = {"x": 1, "y": 2.5}
    return {"impact": found}


def plain(world: World) -> Tables:
    """Person by person and day by day."""
    s, _, length = settings(world.config)
    judged = [_judged(*channel) for channel in compared_people(world)]
    return _variants(world, s, length) | _shown(judged, world.config)


def _judged(name: str, exposed: list[Point], others: list[Point], later: int) -> Any:
    level = 0
    for level in range(len(NAMES)):
        there = {p["levels"][level] for p in others}
        matched = sum(p["levels"][level] in there for p in exposed)
        if matched >= 0.8 * len(exposed):
            break

    def adjusted(x: str, of: str | None = None) -> Any:
        return compare_points(exposed, others, lambda p: p["levels"][level], x, of)

    def crude(x: str, of: str | None = None) -> Any:
        return compare_points(exposed, others, lambda p: p["crude"], x, of)

    spread = _spread(exposed, others)
    return {
        "item": name, "exposed": len(exposed), "matched": matched, "controls": len(others),
        "later": later, "level": NAMES[level],
        "balance": [v[2] / spread if v[2] is not None and spread else None
                    for v in (crude("before"), adjusted("before"))],
        "same_day": sum(p["same_day"] for p in exposed),
        "active_days": (crude("uptick"), adjusted("uptick")),
        "feature_uses": (crude("uses"), adjusted("uses")),
        "adoption": (crude("adopted", "risk"), adjusted("adopted", "risk")),
        "after": crude("after")[2],
        "placebo": adjusted("placebo", "held")[2], "control": adjusted("controls")[2],
    }  # fmt: skip


def _spread(exposed: list[Point], others: list[Point]) -> float:
    found = []
    for points in (exposed, others):
        values = [p["before"] for p in points]
        n = len(values)
        found.append(sum(v * v for v in values) / n - (sum(values) / n) ** 2 if n else 0)
    return math.sqrt(max(sum(found) / 2, 0))


def _shown(judged: list[Any], config: Any) -> Tables:
    """As the report has it."""
    if not any(j["exposed"] for j in judged):
        return {}
    found: Tables = {
        "channels": [
            {
                "item": j["item"], "exposed": j["exposed"], "controls": j["controls"],
                "overlap": (j["matched"], j["exposed"]), "later": (j["later"], j["controls"]),
                "balance_before": j["balance"][0], "balance_after": j["balance"][1],
                "level": j["level"],
            }
            for j in judged
        ],
        "checks": [
            {"item": j["item"], "placebo": j["placebo"],
             **({"control": j["control"]} if "negative_control" in config["impact"] else {})}
            for j in judged
        ],
    }  # fmt: skip
    for name in ("active_days", "feature_uses", "adoption"):
        found[name] = []
        for j in judged:
            crude, adjusted = j[name]
            line = {"item": j["item"], "mean": adjusted[0], "others": adjusted[1],
                    "crude": crude[2], "adjusted": adjusted[2]}  # fmt: skip
            if name == "adoption":
                line |= {"ratio": adjusted[4], "same_day": j["same_day"]}
            if name == "active_days":
                line["after"] = j["after"]
            found[name].append(line)
    return found


def _variants(world: World, s: Any, length: int) -> Tables:
    if "variant" not in s or world.unit == "account":
        return {}
    _, channels, _ = settings(world.config)
    done = {u: days_done(world, u, s, channels) for u in world.actors}
    can = {u: adoption_of(world, u, s) for u in world.actors}
    starts = {u: world.day(world.t0[u]) for u in world.starters()}
    of: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for user, start in starts.items():
        value = world.latest(user, s["variant"])
        if value is None:
            continue
        mature = start < world.as_of_day - length * DAY
        inside = [row for d, row in done[user].items() if 0 < (d - start).days <= length]
        since, when = can[user]
        risk = since is not None and (when is None or when >= start)
        of[value].append({
            "n": mature, "active": sum(row["events"] > 0 for row in inside),
            "uses": sum(row["uses"] for row in inside), "risk": risk,
            "adopted": risk and when is not None and (when - start).days <= length,
        })  # fmt: skip
    names = sorted({*of, *s.get("split", {})})
    return _drawn({name: of.get(name, []) for name in names}, s)


def _drawn(of: dict[str, list[dict[str, Any]]], s: Any) -> Tables:
    if not of.get(s["control"]):
        return {}
    p = _ratio_p({name: len(people) for name, people in of.items()}, s.get("split"))
    sums = {name: {"item": name, "assigned": len(people), **_sums(people)}
            for name, people in of.items()}  # fmt: skip
    return {"variants": [_variant(sums[name], sums[s["control"]], p) for name in of]}


def _sums(people: list[dict[str, Any]]) -> dict[str, int]:
    mature = [p for p in people if p["n"]]
    found = {k: sum(p[k] for p in mature) for k in ("active", "uses", "risk", "adopted")}
    return found | {"n": len(mature)}


def _ratio_p(counted: dict[str, int], split: Any) -> float | None:
    """The chi-square test of two sizes: erfc(√(x/2)) at one degree of freedom."""
    weights = split or dict.fromkeys(counted, 1)
    n = sum(counted.get(name, 0) for name in weights)
    if len(weights) < 2 or not n:
        return None
    whole = sum(weights.values())
    x = sum((counted.get(k, 0) - n * w / whole) ** 2 / (n * w / whole) for k, w in weights.items())
    assert len(weights) == 2
    return math.erfc(math.sqrt(x / 2))


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """Points by joins with days; strata by grouping, at each level."""
    s, channels, length = settings(config)
    base_sql(db, config, s, channels, length)
    points_sql(db, length)
    found = _variants_sql(db, s, length)
    judged = [_judged_sql(db, name, i, length) for i, name in enumerate(channels)]
    return found | _shown(judged, config)


def _judged_sql(db: DB, name: str, item: int, length: int) -> dict[str, Any]:
    """One channel: its sums at the finest level that overlaps enough."""
    db.execute(f"""CREATE OR REPLACE TEMP TABLE sides AS
        SELECT points.*, f.day IS NOT DISTINCT FROM d AS exposed,
            coalesce(f.day - d <= {length}, false) AS soon
        FROM points LEFT JOIN (FROM firsts WHERE item = {item}) f ON f."user" = points."user"
        WHERE f.day = d OR (serves AND (f.day IS NULL OR f.day > d))""")
    level = 0
    for level in range(len(NAMES)):
        matched, of = db.execute(f"""SELECT coalesce(sum(one) FILTER (other > 0), 0)::BIGINT,
            coalesce(sum(one), 0)::BIGINT FROM (SELECT count(*) FILTER (exposed) AS one,
            count(*) FILTER (NOT exposed) AS other FROM sides GROUP BY level_{level})
            """).fetchall()[0]
        if matched >= 0.8 * of:
            break

    def compared(key: str, x: str, of: str = "true") -> Any:
        return compare(
            db.execute(f"""SELECT count(*) FILTER (exposed),
            coalesce(sum({x}) FILTER (exposed), 0)::BIGINT, count(*) FILTER (NOT exposed),
            coalesce(sum({x}) FILTER (NOT exposed), 0)::BIGINT
            FROM sides WHERE {of} GROUP BY {key} ORDER BY {key}""").fetchall()
        )

    fine = f"level_{level}"
    count = db.execute("""SELECT count(*) FILTER (NOT exposed),
        count(*) FILTER (NOT exposed AND soon), count(*) FILTER (exposed AND same_day),
        sqrt((coalesce(var_pop(before) FILTER (exposed), 0)
            + coalesce(var_pop(before) FILTER (NOT exposed), 0)) / 2) FROM sides""").fetchall()[0]
    controls, later, same_day, spread = count
    before = [compared(key, "before")[2] for key in ("crude", fine)]
    return {
        "item": name, "exposed": of, "matched": matched, "controls": controls, "later": later,
        "level": NAMES[level], "same_day": same_day,
        "balance": [v / spread if v is not None and spread else None for v in before],
        "active_days": (compared("crude", "uptick"), compared(fine, "uptick")),
        "feature_uses": (compared("crude", "uses"), compared(fine, "uses")),
        "adoption": (compared("crude", "adopted::INTEGER", "risk"),
                     compared(fine, "adopted::INTEGER", "risk")),
        "after": compared("crude", "after")[2], "placebo": compared(fine, "placebo", "held")[2],
        "control": compared(fine, "controls")[2],
    }  # fmt: skip


def _variants_sql(db: DB, s: Any, length: int) -> Tables:
    if "variant" not in s:
        return {}
    found = rows(db, f"""WITH drawn AS (SELECT st."user", k.kind, st.t0_day AS d,
            st.t0_day + {length} < as_of_day AS n, since, done
            FROM starters st CROSS JOIN span JOIN kinds k USING ("user")
            LEFT JOIN adoption USING ("user")),
        each AS (SELECT drawn.*, n AND since IS NOT NULL AND coalesce(done >= d, true) AS risk,
            (SELECT count(*) FROM done x WHERE x."user" = drawn."user" AND x.day > d
                AND x.day <= d + {length} AND events > 0) AS active,
            (SELECT coalesce(sum(uses), 0)::BIGINT FROM done x WHERE x."user" = drawn."user"
                AND x.day > d AND x.day <= d + {length}) AS uses FROM drawn)
        SELECT kinds.kind AS item, count("user") AS assigned, count(*) FILTER (n) AS n,
            coalesce(sum(active) FILTER (n), 0)::BIGINT AS active,
            coalesce(sum(uses) FILTER (n), 0)::BIGINT AS uses, count(*) FILTER (risk) AS risk,
            count(*) FILTER (risk AND done <= d + {length}) AS adopted
        FROM (SELECT kind FROM drawn UNION SELECT unnest({[*s.get("split", {})]}::VARCHAR[])) kinds
            LEFT JOIN each ON each.kind = kinds.kind GROUP BY ALL ORDER BY item""")  # fmt: skip
    of = {r["item"]: r for r in found}
    if not of.get(s["control"], {"assigned": 0})["assigned"]:
        return {}
    p = _ratio_p({k: r["assigned"] for k, r in of.items()}, s.get("split"))
    return {"variants": [_variant(r, of[s["control"]], p) for r in found]}


def _variant(mine: dict[str, Any], control: dict[str, Any], p: float | None) -> dict[str, Any]:
    """As the report has it."""
    line: dict[str, Any] = {"item": mine["item"], "assigned": mine["assigned"], "n": mine["n"],
                            "p": p}  # fmt: skip
    for column, x, n in (("active_days", "active", "n"), ("feature_uses", "uses", "n"),
                         ("adoption", "adopted", "risk")):  # fmt: skip
        line[column] = (mine[x], mine[n]) if mine[n] else None
        more = compare([(mine[n], mine[x], control[n], control[x])])[2]
        line[f"{column}_more"] = None if mine is control else more
    return line
