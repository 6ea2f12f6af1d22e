"""Make a large log of the kind that products write, its accounts, and the YAML that fits it.

python benchmarks/generate.py --events 20_000_000 --users 200_000 --out DIR [--csv]
python benchmarks/generate.py --names 200 --days 730 --segments 30 --out DIR
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

NAMES = (
    "page_viewed", "report_built", "doc_edited", "comment_added", "logged_in", "file_uploaded",
    "search_run", "report_shared", "project_created", "teammate_invited", "csv_exported",
    "filter_saved", "task_done", "nps_asked", "alert_set", "plan_bought", "api_called",
    "nps_answered", "help_read", "signed_up",
)  # fmt: skip
DAY, ZONE = 86_400_000, ZoneInfo("Europe/Berlin")
START = int(datetime(2025, 1, 1, tzinfo=ZONE).timestamp() * 1000)
CHUNK = 5_000_000
SLICE = 100_000_000  # rows that are made at a time
SPANS = 20  # pieces of time, each sorted at once, where there are several slices
FIRST = """version: 1
time_zone: Europe/Berlin
signup: signed_up
login: logged_in
activation: {all: [project_created, {event: teammate_invited, at_least: 2}], within: 14d}
features:
  reports: {events: [report_built, report_shared], core: true}
  docs: {events: [doc_edited, comment_added, file_uploaded], core: true}
  exports: [csv_exported]
  alerts: {events: [alert_set, filter_saved], launched_at: 2025-07-10}
engagement_score:
  weights: {project_created: 10, report_built: 8, doc_edited: 5, comment_added: 3, page_viewed: 1}
  levels: {low: 0, steady: 50, healthy: 200}
retention: {starts: [signup, activation], period: week}
churn: {after: 28d}
source: {columns: {user: user, account: account, event: event, timestamp: timestamp}}
"""
REST = """accounts: {file: accounts.csv, id: account, seats: seats, mrr: mrr}
channels: {help: [help_read], search: [search_run]}
funnel:
  value: {steps: [signed_up, project_created, report_built, report_shared], within: 14d}
  share: {steps: [report_built, report_shared, teammate_invited], within: 7d}
onboarding: {steps: [project_created, report_built, teammate_invited], within: 14d}
feature_success: {window: 30d, around: 28d}
adoption_rate: {window: 28d, role: role}
seat_utilization: {window: 28d, days: working, target: 0.3}
qualified:
  all: [{event: project_created, at_least: 2}, {active_days: 3, within: 14d},
    {features: 3, within: 28d}]
  conversion: plan_bought
  within: 30d
frequency: {week: 7d, month: 28d, power_days: 16}
feedback: {nps: {event: nps_answered, score: score}, asked: nps_asked, window: 90d}
quadrant: {adoption: {activated: true}, engagement: {active_days: 8, window: 28d}}
journey: {within: 90d}
channel_engagement: {window: 28d}
account_health: {window: 28d}
"""
TEN = (
    "activation", "time_to_value", "feature_adoption", "active_users", "stickiness",
    "engagement_score", "sessions", "retention", "lifecycle", "churn",
)  # fmt: skip


@dataclass(frozen=True)
class Size:
    """What a log has so many of: rows (about), users, event names, days, and plans as segments."""

    events: int = 20_000_000
    users: int = 200_000
    names: int = len(NAMES)
    days: int = 365
    segments: int = 3

    def length(self) -> int:
        """Milliseconds of so many local days, whatever the clocks did."""
        end = datetime.fromtimestamp(START / 1000, ZONE) + timedelta(days=self.days)
        return int(end.timestamp() * 1000) - START

    def event_names(self) -> list[str]:
        """Twenty with a meaning, and others before the sign-up."""
        others = [f"other_{i:04}" for i in range(len(NAMES), self.names)]
        return [*NAMES[:-1], *others, NAMES[-1]]

    def plans(self) -> list[str]:
        """Three as products call them, and others."""
        return ["free", "pro", "team", *(f"plan_{i:03}" for i in range(3, self.segments))]


def make(size: Size, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """User, time (ms) and event code of each row, in the order of time."""
    rng = np.random.default_rng(seed)
    users, names, whole = size.users, max(size.names, len(NAMES)), size.length()
    signup = (rng.random(users) ** 0.8 * (whole - DAY)).astype(np.int64)
    early = rng.random(users) < 0.08  # a product that has users already
    signup[early] = (rng.random(int(early.sum())) * 4 * DAY).astype(np.int64)
    life = np.minimum(rng.exponential(90, users) * DAY, whole - signup - 1)
    weight = (rng.pareto(1.8, users) + 0.2) * np.sqrt(life + DAY)
    sessions = max((size.events - users) // 6, 1)
    who = rng.choice(users, sessions, p=weight / weight.sum()).astype(np.int32)
    begin = signup[who] + (rng.random(sessions) ** 1.4 * life[who]).astype(np.int64)
    length = rng.geometric(1 / 6, sessions)
    row = np.repeat(np.arange(sessions), length)
    gaps = (rng.exponential(150_000, len(row))).astype(np.int64)
    total = np.cumsum(gaps)
    first = np.cumsum(length) - length
    time = begin[row] + total - np.repeat(total[first], length)
    user = who[row]
    odds = 1 / np.arange(1, names) ** 0.9
    event = rng.choice(names - 1, len(row), p=odds / odds.sum()).astype(np.int16)
    keep = time < whole - 1_800_000
    user = np.concatenate([user[keep], np.arange(users, dtype=np.int32), [0]])
    time = np.concatenate([time[keep], signup, [whole - 1_000_000]])
    last = np.full(users, names - 1, dtype=np.int16)
    event = np.concatenate([event[keep], last, np.zeros(1, dtype=np.int16)])
    order = np.argsort(time, kind="stable")
    return user[order], time[order] + START, event[order]


def answers(event: np.ndarray, seed: int) -> np.ndarray:
    """0 to 10 on each `nps_answered`, one in fifty left empty; -1 stands for nothing."""
    odds = np.array([2, 1, 1, 2, 2, 5, 7, 14, 24, 22, 20, 2], dtype=float)
    found = np.full(len(event), -1, dtype=np.int8)
    asked = np.flatnonzero(event == NAMES.index("nps_answered"))
    drawn = np.random.default_rng(seed).choice(12, len(asked), p=odds / odds.sum())
    found[asked] = np.where(drawn == 11, -1, drawn)
    return found


def accounts(users: int, seed: int) -> pl.DataFrame:
    """One row an account: seats and MRR, a few of them unknown."""
    rng, number = np.random.default_rng(seed), (users + 19) // 20
    seats = rng.integers(5, 60, number)
    return pl.DataFrame({"code": np.arange(number), "seats": seats}).select(
        account=pl.format("a{}", pl.col("code").cast(pl.String).str.zfill(6)),
        seats=pl.when(pl.col("code") % 40 > 0).then("seats"),
        mrr=pl.when(pl.col("code") % 50 > 0).then(pl.col("seats") * 12.5),
    )


def frame(
    user: np.ndarray, time: np.ndarray, event: np.ndarray, score: np.ndarray, size: Size
) -> pl.LazyFrame:
    """Rows as an export has them."""
    names, plans, roles = (
        pl.lit(pl.Series(x)) for x in (size.event_names(), size.plans(), ["admin", "editor"])
    )
    code = pl.col("user")
    columns = {"user": user, "time": time, "event": event, "score": score}
    return pl.LazyFrame(columns).select(
        user=pl.format("u{}", code.cast(pl.String).str.zfill(8)),
        account=pl.format("a{}", (code // 20).cast(pl.String).str.zfill(6)),
        event=names.gather(pl.col("event")),
        timestamp=pl.col("time").cast(pl.Datetime("ms", "UTC")),
        plan=plans.gather(code // 20 % len(size.plans())),
        role=roles.gather(code % 2),
        score=pl.when(pl.col("score") >= 0).then("score"),
    )


def rows(folder: Path, size: Size, seed: int) -> Iterator[tuple[np.ndarray, ...]]:
    """User, time, event code and answer of all rows in the order of time, some at a time."""
    slices = -(-size.events // SLICE)
    if slices == 1:
        user, time, event = make(size, seed)
        yield user, time, event, answers(event, seed)
        return
    part = replace(size, events=size.events // slices, users=size.users // slices)
    paths = [folder / f"slice{i}.parquet" for i in range(slices)]
    for i, path in enumerate(paths):
        user, time, event = make(part, seed + i)
        columns = {"user": user + i * part.users, "time": time, "event": event}
        pl.DataFrame(columns | {"score": answers(event, seed + i)}).write_parquet(path)
        del user, time, event, columns
    step = -(-size.length() // SPANS)
    for begin in range(START, START + SPANS * step, step):
        inside = pl.col("time").is_between(begin, begin + step, closed="left")
        found = pl.scan_parquet(paths).filter(inside).collect().sort("time")
        yield tuple(column.to_numpy() for column in found.get_columns())
    for path in paths:
        path.unlink()


def write(folder: Path, size: Size, *, csv: bool, seed: int = 7) -> None:
    """The events (also as CSV, if asked for), the accounts, and the YAML of all and of ten."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.yaml").write_text(FIRST + REST)
    (folder / "metrics.first.yaml").write_text(FIRST)
    accounts(size.users, seed).write_csv(folder / "accounts.csv")
    parts = []
    for user, time, event, score in rows(folder, size, seed):
        for i in range(0, len(user), CHUNK):
            part = folder / f"part{len(parts)}.parquet"
            cut = slice(i, i + CHUNK)
            frame(user[cut], time[cut], event[cut], score[cut], size).sink_parquet(part)
            parts.append(part)
    whole = pl.scan_parquet(parts)
    whole.sink_parquet(folder / "events.parquet")
    if csv:
        whole.sink_csv(folder / "events.csv", datetime_format="%Y-%m-%dT%H:%M:%S%.3fZ")
    for part in parts:
        part.unlink()


def make_apart(folder: Path, size: Size, *, csv: bool) -> None:
    """In a process of its own: what this one once held would count as memory of those it starts."""
    sizes = [f"--{f.name}={getattr(size, f.name)}" for f in fields(Size)]
    command = [sys.executable, __file__, "--out", str(folder), *sizes, *(["--csv"] if csv else [])]
    subprocess.run(command, check=True)


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for field in fields(Size):
        parser.add_argument(f"--{field.name}", type=int, default=field.default)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--csv", action="store_true")
    given = parser.parse_args()
    size = Size(**{f.name: getattr(given, f.name) for f in fields(Size)})
    write(given.out, size, csv=given.csv)


if __name__ == "__main__":
    main()
