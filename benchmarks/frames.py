"""The script an analyst would write in pandas for the same numbers: load once, sort once.

    python benchmarks/frames.py events.parquet out.json

Names are categories, and what DuckDB's textbook asks by joins is counted by shifts and differences
where pandas is faster at these. The metrics of `textbook.py`, without `textbook_life.py`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from terms import FEATURES, LAUNCHES, WEIGHTS, ZONE

DAY = pd.Timedelta(days=1)
NAMES = {"user": "category", "account": "category", "event": "category"}


@dataclass
class Log:
    """Events by user and time, the days of each user, a line a user, and where the log ends."""

    events: pd.DataFrame
    days: pd.DataFrame
    people: pd.DataFrame

    def __post_init__(self) -> None:
        self.first = self.days["day"].min()
        self.as_of = self.days["day"].max() + DAY
        self.ends = self.as_of.tz_localize(ZONE).tz_convert("UTC")


def load(path: str) -> Log:
    """Events with their local day, and the days on which each user was active."""
    columns = [*NAMES, "timestamp"]
    if path.endswith(".csv"):
        events = pd.read_csv(path, usecols=columns, dtype=NAMES, engine="pyarrow")
        events["timestamp"] = pd.to_datetime(events["timestamp"], format="ISO8601", utc=True)
    else:
        events = pd.read_parquet(path, columns=columns).astype(NAMES)
    local = events["timestamp"].dt.tz_convert(ZONE).dt.tz_localize(None)
    events["day"] = local.dt.normalize()
    events = events.sort_values(["user", "timestamp"], kind="stable", ignore_index=True)
    new = changes(events["user"]) | (events["day"] != events["day"].shift())
    days = events.loc[new, ["user", "day"]].reset_index(drop=True)
    return Log(events, days, people(events))


def changes(column: pd.Series) -> pd.Series:
    """Where a sorted column has another value than the line before."""
    codes = column.cat.codes
    return codes != codes.shift()


def moments(events: pd.DataFrame, name: str, nth: int = 0) -> pd.Series:
    """When each user did something for the first time, or the next."""
    found = events.loc[events["event"] == name, ["user", "timestamp"]]
    if nth:
        found = found[found.groupby("user", observed=True).cumcount() == nth]
    return found.drop_duplicates("user").set_index("user")["timestamp"]


def people(events: pd.DataFrame) -> pd.DataFrame:
    """A line a user: account, sign-up, and when activated."""
    last = events.drop_duplicates("user", keep="last").set_index("user")
    found = pd.DataFrame({"account": last["account"]})
    found["t0"] = moments(events, "signed_up")
    found["created"] = moments(events, "project_created")
    found["invited"] = moments(events, "teammate_invited", 1)
    whole = found[["t0", "created", "invited"]]
    found["activated_at"] = whole.max(axis=1).where(whole.notna().all(axis=1))
    return found


def day_of(times: pd.Series) -> pd.Series:
    """The local days of some times."""
    return times.dt.tz_convert(ZONE).dt.tz_localize(None).dt.normalize()


def month(days: pd.Series) -> pd.Series:
    """Days as months: 2025-01."""
    return days.dt.to_period("M")


def table(frame: pd.DataFrame) -> list[list[Any]]:
    """Rows as JSON has them: months, days and categories as texts."""
    plain = frame.reset_index()
    for name, column in plain.items():
        if pd.api.types.is_datetime64_dtype(column):
            plain[name] = column.dt.strftime("%Y-%m-%d")
        elif not pd.api.types.is_numeric_dtype(column):
            plain[name] = column.astype(str)
    return json.loads(plain.to_json(orient="values", double_precision=15))


def activation(log: Log) -> dict[str, Any]:
    """Cohorts, and what people lack."""
    p = log.people.dropna(subset="t0")
    deadline = p["t0"] + 14 * DAY
    mature, in_time = deadline < log.ends, p["activated_at"] <= deadline
    flags = pd.DataFrame({
        "n": True, "mature": mature, "activated": mature & in_time, "so_far": ~mature & in_time,
        "ever": p["activated_at"].notna(),
    })  # fmt: skip
    lack = p[mature & ~in_time]
    late = [(~(lack[k] <= deadline[lack.index])).sum() for k in ("created", "invited")]
    return {
        "cohorts": table(flags.groupby(month(day_of(p["t0"]))).sum()),
        "lacking": [len(lack), *map(int, late)],
    }


def time_to_value(log: Log) -> dict[str, Any]:
    """Kaplan–Meier at a few times, and the median of those who arrived."""
    p = log.people.dropna(subset="t0")
    waits = pd.DataFrame({
        "t": p["activated_at"].fillna(log.ends) - p["t0"], "arrived": p["activated_at"].notna()
    })  # fmt: skip
    steps = waits.groupby("t")["arrived"].agg(["sum", "size"])
    at_risk = steps["size"][::-1].cumsum()[::-1]
    survival = (1 - steps["sum"] / at_risk).cumprod()
    curve = [1 - survival[: d * DAY].iloc[-1] for d in (1, 7, 30)]
    median = waits.loc[waits["arrived"], "t"].dt.total_seconds().median()
    return {"curve": curve, "median": median}


def feature_adoption(log: Log) -> dict[str, Any]:
    """Tried, used again, adopted in six windows of 30 days; how many features each used."""
    recent = log.events[log.events["day"] >= log.as_of - 180 * DAY]
    feature = recent["event"].map({e: f for f, events in FEATURES.items() for e in events})
    found = recent.assign(feature=feature)[["user", "day", "feature"]].dropna()
    for name, day in LAUNCHES.items():
        found = found[(found["feature"] != name) | (found["day"] >= day)]
    found["w"] = (log.as_of - DAY - found["day"]).dt.days // 30
    keys = ["w", "feature", "user"]
    daily = found.groupby([*keys, "day"], observed=True).size()
    uses = daily.groupby(level=keys, observed=True).agg(["sum", "size"])
    uses.columns = ["uses", "days"]
    uses["adopted"] = uses["days"] >= 2
    last = uses.loc[0]
    of = last.groupby(level="feature", observed=True)
    summary = pd.DataFrame({
        "again": (last["uses"] >= 2).groupby(level="feature", observed=True).sum(),
        "uses": of["uses"].sum(), "days": of["days"].sum(),
        "median": last[last["adopted"]].groupby(level="feature", observed=True)["uses"].median(),
    })  # fmt: skip
    active = log.days.loc[log.days["day"] >= log.as_of - 30 * DAY, "user"].unique()
    breadth = last.groupby(level="user", observed=True).size().reindex(active, fill_value=0)
    logins = (log.events["event"] == "logged_in") & (log.events["day"] >= log.as_of - 30 * DAY)
    trend = uses["adopted"].groupby(level=["w", "feature"], observed=True).agg(["size", "sum"])
    return {
        "features": table(trend), "last": table(summary),
        "breadth": table(breadth.value_counts().sort_index().to_frame()),
        "logins": int(logins.sum()),
    }  # fmt: skip


def active_users(log: Log) -> dict[str, Any]:
    """DAU, WAU and MAU of every day; actors of every complete month."""
    calendar = pd.date_range(log.first, log.as_of - DAY)
    user, day = log.days["user"].cat.codes, log.days["day"]
    idle_before = (day - day.shift()).where(user == user.shift(), DAY * 10_000)
    idle_after = (day.shift(-1) - day).where(user == user.shift(-1), DAY * 10_000)
    found = pd.DataFrame({"dau": day.value_counts()}, index=calendar)
    for name, length in (("wau", 7), ("mau", 30)):
        begin = day[idle_before >= length * DAY].value_counts()
        end = (day[idle_after >= length * DAY] + length * DAY).value_counts()
        trailing = begin.reindex(calendar, fill_value=0) - end.reindex(calendar, fill_value=0)
        whole = calendar >= log.first + (length - 1) * DAY
        found[name] = trailing.cumsum().where(whole)
    months = pd.DataFrame({"user": user, "month": month(day)}).drop_duplicates()
    return {
        "daily": table(found),
        "periods": table(months["month"].value_counts().sort_index().to_frame()),
    }


def stickiness(log: Log) -> dict[str, Any]:
    """Active days and actors of each trailing window of 30 days."""
    w = (log.as_of - DAY - log.days["day"]).dt.days // 30
    days = log.days.assign(w=w)[w < (log.as_of - log.first).days // 30]
    return {"windows": table(days.groupby("w")["user"].agg(["nunique", "size"]))}


def engagement_score(log: Log) -> dict[str, Any]:
    """Points of all, by event and by account."""
    recent = log.events[log.events["day"] >= log.as_of - 28 * DAY]
    recent = recent[recent["event"].isin(WEIGHTS)]
    points = recent["event"].map(WEIGHTS).astype("int64")
    each = points.groupby(recent["user"], observed=True).sum().reindex(log.people.index)
    each = each.fillna(0).astype("int64")
    events = points.groupby(recent["event"].astype(str)).agg(["size", "sum"])
    accounts = each.groupby(log.people["account"], observed=True).sum().to_frame()
    return {
        "all": [len(each), int(each.sum()), each.median(), each.quantile(0.9)],
        "contribution": table(events), "accounts": table(accounts),
    }  # fmt: skip


def sessions(log: Log) -> dict[str, Any]:
    """Sessions cut at 30 minutes, by month."""
    times = log.events["timestamp"]
    fresh = changes(log.events["user"]) | (times.diff() > pd.Timedelta(minutes=30))
    begin = np.flatnonzero(fresh)
    end = np.append(begin[1:], len(times)) - 1
    first, last = times.iloc[begin].reset_index(drop=True), times.iloc[end].reset_index(drop=True)
    cut = pd.DataFrame({
        "user": log.events["user"].iloc[begin].to_numpy(), "month": month(day_of(first)),
        "actions": end - begin + 1, "took": (last - first).dt.total_seconds(),
    })[last <= log.ends - pd.Timedelta(minutes=30)]  # fmt: skip
    by = cut.groupby("month")
    return {"periods": table(pd.DataFrame({
        "sessions": by.size(), "actors": by["user"].nunique(),
        "single": (cut["actions"] == 1).groupby(cut["month"]).sum(),
        "actions": by["actions"].sum(), "took": by["took"].sum(),
        "median": cut[cut["actions"] > 1].groupby("month")["took"].median(),
    }))}  # fmt: skip


def retention(log: Log) -> dict[str, Any]:
    """Weekly triangles after sign-up and after activation."""
    weeks = log.days.assign(week=monday(log.days["day"]))
    weeks = weeks.drop_duplicates(["user", "week"], keep="last")
    found: list[list[Any]] = []
    for name, column in (("signup", "t0"), ("activation", "activated_at")):
        starts = log.people.dropna(subset=["t0", column])
        began = day_of(starts[column])
        starts = pd.DataFrame({"user": starts.index, "began": began, "cohort": monday(began)})
        came = weeks.merge(starts.reset_index(drop=True), on="user")
        came = came[(came["week"] >= came["cohort"]) & (came["day"] >= came["began"])]
        k = (came["week"] - came["cohort"]).dt.days // 7
        counts = came.groupby(["cohort", k]).size()
        for cohort, size in starts["cohort"].value_counts().items():
            label = str(cohort.date())
            found += [[name, label, j, int(size), int(counts.get((cohort, j), 0))]
                      for j in range(13) if cohort + 7 * (j + 1) * DAY <= log.as_of]  # fmt: skip
    return {"triangle": sorted(found)}


def monday(days: pd.Series) -> pd.Series:
    """The Monday of each day's week."""
    return days - pd.to_timedelta(days.dt.dayofweek, unit="D")


def lifecycle(log: Log) -> dict[str, Any]:
    """New, returning, resurrected and dormant by month."""
    day = log.days["day"]
    seen = pd.DataFrame({
        "user": log.days["user"].cat.codes, "month": day.dt.year * 12 + day.dt.month - 1
    }).drop_duplicates()  # fmt: skip
    same, after = seen["user"] == seen["user"].shift(), seen["user"] == seen["user"].shift(-1)
    gap = (seen["month"] - seen["month"].shift()).where(same)
    gone = seen["month"][~(after & (seen["month"].shift(-1) == seen["month"] + 1))] + 1
    flags = pd.DataFrame({
        "active": True, "new": gap.isna(), "kept": gap == 1, "resurrected": gap > 1,
    })  # fmt: skip
    found = flags.groupby(seen["month"]).sum()
    found["dormant"] = gone.value_counts()
    found = found.fillna(0).astype("int64")
    first, end = (d.year * 12 + d.month - 1 for d in (log.first, log.as_of))
    found = found[(found.index > first) & (found.index < end)]
    found.index = [f"{m // 12}-{m % 12 + 1:02}" for m in found.index]
    return {"periods": table(found)}


def churn(log: Log) -> dict[str, Any]:
    """Lost after 28 idle days, by month; each loss in the first month that had the user."""
    user, day = log.days["user"].cat.codes, log.days["day"]
    begin = (day + 28 * DAY).astype("datetime64[s]").dt.to_period("M").dt.start_time
    there = (begin > day) & (begin - 28 * DAY >= log.first)
    there = pd.DataFrame({"user": user, "begin": begin})[there].drop_duplicates()
    following = day.shift(-1).where(user == user.shift(-1), log.as_of)
    lost = (following - day).dt.days > 28
    losses = pd.DataFrame({"user": user, "day": day, "now": month(day).dt.start_time,
                           "soon": begin})[lost]  # fmt: skip
    candidates = losses.melt(["user", "day"], ["now", "soon"], value_name="begin")
    candidates = candidates.merge(there, on=["user", "begin"])
    charged = candidates.groupby(["user", "day"])["begin"].min().reset_index()
    gone = charged[["user", "begin"]].drop_duplicates()
    found = pd.DataFrame({
        "there": there["begin"].value_counts(), "lost": gone["begin"].value_counts(),
    }).sort_index().fillna(0).astype("int64")  # fmt: skip
    found = found[found.index + pd.DateOffset(months=1) + 28 * DAY <= log.as_of]
    found.index = found.index.strftime("%Y-%m")
    return {"inferred": table(found)}


METRICS = (
    activation, time_to_value, feature_adoption, active_users, stickiness, engagement_score,
    sessions, retention, lifecycle, churn,
)  # fmt: skip


def main() -> None:
    """Compute every metric and write the numbers."""
    path, out = sys.argv[1:3]
    log = load(path)
    Path(out).write_text(json.dumps({f.__name__: f(log) for f in METRICS}))


if __name__ == "__main__":
    main()
