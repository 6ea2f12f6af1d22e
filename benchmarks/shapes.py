"""The newer metrics' tables of a report in the shape of the textbook script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Row = dict[str, Any]
Tables = dict[str, list[Row]]


def pick(rows: list[Row], *columns: str) -> list[list[Any]]:
    """Some columns of rows; of a share `x` both counts as `x/`, the numerator as `x^`."""
    return [[value for name in columns for value in _values(row, name)] for row in rows]


def _values(row: Row, name: str) -> list[Any]:
    cell = row[name.rstrip("/^")]
    if name.endswith("/"):
        return [cell["numerator"], cell["denominator"]]
    if name.endswith("^"):
        return [cell["numerator"]]
    return [cell["value"] if isinstance(cell, dict) else cell]


def back(rows: list[Row]) -> list[Row]:
    """With `period` as a number of windows back from the last."""
    ends = sorted({row["period"] for row in rows}, reverse=True)
    return [row | {"period": ends.index(row["period"])} for row in rows]


def features(t: Tables) -> list[list[Any]]:
    """Of feature_adoption: the last window's users again, uses, days of use and median uses."""
    again = {r["item"]: r["again"]["numerator"] for r in t["funnel"]}
    habits = pick(t["habits"], "item", "uses_per_day^", "dau_mau^", "median_uses")
    return sorted([item, again[item], *counts] for item, *counts in habits)


def feature_life(t: Tables) -> dict[str, Any]:
    """Of feature_adoption."""
    cohorts = [r for r in t["cohorts"] if r["tried"]["denominator"] or r["immature"]]
    return {
        "cohorts": sorted(
            [*a, *b, *c, *d]
            for a, b, c, d in zip(
                pick(cohorts, "item", "cohort"),
                [[r["tried"]["denominator"]] for r in cohorts],
                pick(cohorts, "tried^", "adopted^"),
                pick(cohorts, "immature"),
                strict=True,
            )
        ),
        "retained": sorted(pick(t["retained"], "item", "again/", "immature")),
        "times": sorted(
            pick(t["times"], "item", "by_1d", "by_7d", "by_28d", "median", "median_tried")
        ),
        "curve": [
            [item, step, came, tried, new]
            for item, step, tried, came, new in pick(t["curve"], "item", "step", "tried/", "new")
        ],
    }


def score_levels(t: Tables) -> dict[str, Any]:
    """Of engagement_score."""
    levels = sorted(pick(back(t["levels"]), "period", "step", "actors^"))
    return {
        "levels": [row for row in levels if row[2]],
        "predicts": pick(t["predicts"], "stayed/", "auc"),
        "deciles": pick(t["deciles"], "step", "low", "high", "stayed/"),
    }


def working_days(t: Tables) -> dict[str, Any]:
    """Of stickiness."""
    return {
        "windows": sorted(pick(back(t["windows"]), "period", "working^")),
        "last": pick(t["ratios"], "dau_wau^", "wau_mau^")[0],
    }


def frequency(t: Tables) -> dict[str, Any]:
    """Windows and histograms of both lengths."""
    found: dict[str, Any] = {}
    for length in (28, 7):
        name = f"L{length}"
        trend = [r for r in t["trend"] if r["item"] == name]
        bars = [r for r in t["histogram"] if r["item"] == name]
        found[name] = sorted(
            [w, n, days, median, power]
            for (w, days, n, median), power in zip(
                pick(back(trend), "period", "days/", "median"), _power(trend), strict=True
            )
        )
        found[f"histogram{length}"] = pick(bars, "step", "actors^", "at_least^")
    return found


def _power(trend: list[Row]) -> list[int]:
    return [r["power"]["numerator"] if r["power"] else 0 for r in trend]


def feedback(t: Tables) -> dict[str, Any]:
    """NPS by window, answer and group; groups as promoters less detractors."""
    return {
        "nps": sorted(
            pick(back(t["nps"]), "period", "promoters^", "detractors^", "respondents")
        ),
        "scores": pick(t["scores"], "step", "respondents^"),
        "response": pick(t["response"], "rate/")[0],
        "groups": sorted(pick(t["groups"], "item", "nps/")),
    }  # fmt: skip


QUADRANTS = {
    "champions": [True, True], "busy_not_adopted": [False, True],
    "adopted_not_engaged": [True, False], "neither": [False, False],
}  # fmt: skip


def quadrant(t: Tables) -> dict[str, Any]:
    """Counts that are not zero, by window, now, and from one to another."""
    windows = back(t["windows"])
    sizes = [[r["period"], *place, r[q]["numerator"]]
             for r in windows for q, place in QUADRANTS.items()]  # fmt: skip
    moves = [[*QUADRANTS[r["item"]], *place, r[q]]
             for r in t["moves"] for q, place in QUADRANTS.items()]  # fmt: skip
    fresh = [[*QUADRANTS[r["item"]], r["newcomers"]] for r in t["quadrants"]]
    kept = [[*QUADRANTS[r["item"]], *pick([r], "retained/")[0]] for r in t["retention"]]
    return {
        "windows": sorted(r for r in sizes if r[-1]),
        "moves": sorted(r for r in moves if r[-1]),
        "fresh": sorted(fresh), "retained": sorted(kept),
    }  # fmt: skip


STAGES = {"signed_up": 1, "activated": 2, "adopted": 3, "engaged": 4}


def journey(t: Tables) -> dict[str, Any]:
    """Stages by number."""
    stages = [r | {"step": STAGES[r["step"]]} for r in t["stages"]]
    steps = [r | {"step": STAGES[r["step"]]} for r in t["steps"]]
    return {
        "stages": pick(stages, "step", "reached/", "here", "holds^", "ahead"),
        "steps": pick(steps, "step", "by", "median"),
        "cohorts": pick(t["cohorts"], "cohort", "signups", "mature", "arrived^", "so_far", "ever^"),
    }


def channel_engagement(t: Tables) -> dict[str, Any]:
    """By window and channel; since the sign-up."""
    trend = pick(back(t["trend"]), "period", "item", "active/", "users/", "uses/")
    return {
        "trend": sorted(
            [w, channel, active, there, used, uses]
            for w, channel, _, active, used, there, uses, _ in trend
        ),
        "days": sorted(pick(t["frequency"], "item", "days^")),
        "touched": sorted(pick(t["touched"], "item", "touched/", "median")),
        "before": sorted(pick(t["before_activation"], "item", "activated/", "not_activated/")),
    }


def account_health(t: Tables) -> dict[str, Any]:
    """Accounts in the order of their names, reasons as flags."""
    found = []
    for r in t["accounts"]:
        seats = r["seats"]["denominator"] if r["seats"] else None
        why = (r["look_at"] or "").split("; ")
        counts = pick([r], "item", "members", "active", "activated^", "activity", "before")[0]
        flags = ["idle" in why, "dropping" in why, "seats" in why]
        found.append([*counts, r["features"], seats, r["mrr"], *flags])
    return {"accounts": sorted(found, key=lambda row: row[0])}


def funnel(t: Tables) -> dict[str, Any]:
    """Both funnels."""
    counts = ("entered", "mature", "converted^", "waiting", "so_far")
    times = [
        [*a, *b]
        for a, b in zip(
            pick(t["times"], "item", "step", "n", "median"),
            pick(t["since_entry"], "median"),
            strict=True,
        )
    ]
    return {
        "funnels": sorted(pick(t["funnels"], "item", *counts, "ever^")),
        "steps": sorted(pick(t["steps"], "item", "step", "reached^", "lost", "late")),
        "times": sorted(times),
        "periods": sorted(pick(t["periods"], "item", "period", *counts)),
    }


def onboarding(t: Tables) -> dict[str, Any]:
    """Cohorts and steps."""
    columns = ("cohort", "signups", "mature", "started^", "finished^", "so_far", "ever^")
    return {
        "cohorts": pick(t["cohorts"], *columns),
        "whole": t["range"][0]["time"]["value"],
        "steps": pick(t["steps"], "done^", "dropped/", "stopped^", "only^"),
        "gaps": [[k, r["time"]["value"]] for k, r in enumerate(t["steps"], 1)],
    }


def feature_success(t: Tables) -> dict[str, Any]:
    """Windows in which a feature was used; NPS of its users and of the others."""
    trend = pick(back(t["trend"]), "period", "item", "users", "uses_per_day^", "retention/")
    answers = [[r["item"], other, *pick([r], key)[0]]
               for r in t["satisfaction"]
               for other, key in ((False, "nps/"), (True, "nps_others/"))]  # fmt: skip
    around = [[r["step"] == "its users", *pick([r], "people", "before^", "after^")[0]]
              for r in t["around"] if r["step"] != "everybody"]  # fmt: skip
    return {
        "trend": sorted(r for r in trend if r[2]),
        "satisfaction": sorted(answers), "around": sorted(around),
    }  # fmt: skip


def adoption_rate(t: Tables) -> dict[str, Any]:
    """Windows, days a week, features and roles."""
    return {
        "windows": sorted(pick(back(t["windows"]), "period", "rate/")),
        "frequency": pick(t["frequency"], "step", "actors^"),
        "features": sorted(pick(t["features"], "item", "used^")),
        "roles": sorted(pick(t["roles"], "item", "rate/")),
    }


def seat_utilization(t: Tables) -> dict[str, Any]:
    """Accounts in the order of their names."""
    columns = ("item", "seats", "members", "used^", "peak^", "monthly^")
    return {
        "trend": sorted(pick(back(t["trend"]), "period", "used/")),
        "accounts": sorted(pick(t["accounts"], *columns)),
    }


def usage(t: Tables) -> dict[str, Any]:
    """Months, features by month, accounts in the order of their names."""
    return {
        "periods": pick(t["periods"], "period", "logins", "new", "active", "events"),
        "features": sorted(pick(t["features"], "item", "period", "uses", "users")),
        "accounts": sorted(pick(t["accounts"], "item", "events", "before", "logins", "active")),
    }


def qualified(t: Tables) -> dict[str, Any]:
    """Levels, clauses, first days and what they foretold."""
    told = t["prediction"][0]
    passed, alone = (pick(t["clauses"], f"{name}^") for name in ("passed", "alone"))
    return {
        "levels": [
            [day, met, leads, there]
            for day, met, there, leads in pick(t["levels"], "period", "qualified/", "leads^")
        ],
        "clauses": [n for part in (passed, alone) for (n,) in part],
        "trend": pick(t["trend"], "period", "newly", "customers", "converted/"),
        "prediction": pick([told], "precision/", "base/")[0],
        "recall": [told["recall"]["numerator"], told["earlier"]["numerator"],
                   told["recall"]["denominator"]],
    }  # fmt: skip


SHAPES: dict[str, tuple[str, Callable[[Tables], dict[str, Any]]]] = {
    "feature_life": ("feature_adoption", feature_life),
    "score_levels": ("engagement_score", score_levels),
    "working_days": ("stickiness", working_days),
    **{
        f.__name__: (f.__name__, f)
        for f in (
            funnel, onboarding, feature_success, adoption_rate, seat_utilization, usage, qualified,
            frequency, feedback, quadrant, journey, channel_engagement, account_health,
        )
    },
}  # fmt: skip
