"""Small random logs that like trouble."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import yaml

from tests.oracles import oracles

COLUMNS = ("user", "event", "timestamp", "account", "session", "kind", "score", "event_id")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
NAMES = (
    "signed_up", "logged_in", "built", "shared", "read", "invited", "cancelled", "bought",
    "asked", "answered", "helped", "called",
)  # fmt: skip


@dataclass
class Log:
    """Events in the order of the file, the YAML, the tables, and up to when they count."""

    events: list[tuple[Any, ...]]
    config: dict[str, Any]
    users: str
    accounts: str
    as_of: str


def save(log: Log, folder: Path, events: list[tuple[Any, ...]] | None = None) -> None:
    """The log as files."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = log.events if events is None else events
    frame(rows).write_csv(folder / "events.csv")
    (folder / "users.csv").write_text(log.users)
    (folder / "accounts.csv").write_text(log.accounts)
    (folder / "m.yaml").write_text(yaml.safe_dump(log.config, sort_keys=False))


def frame(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    """Rows as texts."""
    return pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String), orient="row")


def random_log(seed: int) -> Log:
    """Few people, many ties, midnights, clock changes, people who never came."""
    rng = random.Random(seed)
    zone = rng.choice(ZONES)
    start = datetime(2026, rng.choice((2, 9)), rng.randint(1, 20), tzinfo=UTC)
    days = rng.randint(30, 140)
    instants = [_instant(rng, start, days, zone) for _ in range(rng.randint(3, 30))]
    people = [f"u{i}" for i in range(rng.randint(1, 10))]
    events = []
    for i in range(rng.randint(5, 120)):
        moment = rng.choice(instants) if rng.random() < 0.5 else _instant(rng, start, days, zone)
        events.append(
            (
                rng.choice(people), rng.choice(NAMES), moment, rng.choice(("one", "two", "")),
                rng.choice(("s1", "s2", "s3")), rng.choice(("x", "y", "")), _score(rng), f"id{i}",
            )
        )  # fmt: skip
    events.append(
        (people[0], "read", _text(start + timedelta(days=days)), "one", "s9", "", "", "last")
    )
    as_of = (start + timedelta(days=rng.choice((days, days // 2 + 5)))).date().isoformat()
    config = _config(rng, zone)
    launch = start + timedelta(days=random.Random(f"{seed} launch").randint(-5, days))
    config["features"]["new"] = {"events": ["helped"], "launched_at": launch.date().isoformat()}
    for name, oracle in oracles().items():
        if hasattr(oracle, "section"):
            config |= oracle.section(random.Random(f"{seed} {name}"))
    return Log(events, config, _users(rng, people, start), _accounts(rng, start), as_of)


def _score(rng: random.Random) -> str:
    """Answers of people, most of them numbers of a scale."""
    return rng.choice(("", "0", "3", "4", "5", "6", "7", "9", "10", "10.0", "4.5", "n/a"))


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _instant(rng: random.Random, start: datetime, days: int, zone: str) -> str:
    day = (start + timedelta(days=rng.randrange(days))).date()
    kind = rng.random()
    if kind < 0.3:
        midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
        return _text(midnight.astimezone(UTC) + timedelta(milliseconds=rng.choice((-1, 0, 1))))
    moment = start + timedelta(days=rng.randrange(days), minutes=30 * rng.randrange(48))
    return _text(moment + timedelta(milliseconds=rng.choice((0, 0, -1, 1))))


def _users(rng: random.Random, people: list[str], start: datetime) -> str:
    lines = ["user_id,created_at,plan,role,account_id"]
    for name in [*people, "never", "neither"]:
        if rng.random() < 0.7:
            when = start + timedelta(days=rng.randint(-20, 60))
            text = rng.choice((when.date().isoformat(), _text(when), ""))
            lines.append(
                f"{name},{text},{rng.choice(('free', 'pro', ''))},"
                f"{rng.choice(('admin', 'editor', ''))},{rng.choice(('one', 'three', ''))}"
            )
    return "\n".join(lines) + "\n"


def _accounts(rng: random.Random, start: datetime) -> str:
    lines = ["account_id,tier,seats,mrr,cancelled_at"]
    for name in ("one", "two", "three", "four"):
        if rng.random() < 0.8:
            when = start + timedelta(days=rng.randint(-10, 120))
            gone = rng.choice(("", "", when.date().isoformat(), _text(when)))
            seats, mrr = rng.choice(("", "0", "2", "5")), rng.choice(("", "0", "99.5", "400"))
            lines.append(f"{name},{rng.choice(('small', 'large', ''))},{seats},{mrr},{gone}")
    return "\n".join(lines) + "\n"


def _config(rng: random.Random, zone: str) -> dict[str, Any]:
    criteria: list[Any] = [
        "built",
        {"event": "shared", "at_least": rng.choice((1, 2))},
        {"event": "read", "where": {"kind": "x"}, "days": rng.choice((1, 2))},
    ]
    chosen = rng.sample(criteria, rng.randint(1, 3))
    rule: dict[str, Any] = {rng.choice(("all", "any")): chosen}
    if "all" in rule:
        rule["in_order"] = rng.random() < 0.5
    config: dict[str, Any] = {
        "time_zone": zone,
        "week_start": rng.choice(("monday", "sunday", "wednesday")),
        "period": rng.choice(("day", "week", "month")),
        "login": "logged_in",
        "activation": {
            **rule,
            "within": rng.choice(("1d", "7d", "14d")),
            "before_signup": rng.choice(("count", "ignore")),
        },
        "features": {
            "share": ["shared"],
            "both": {"events": ["shared", {"event": "read", "where": {"kind": ["x", "y"]}}],
                     "core": True},
            "late": {"events": ["invited"], "eligible": {"plan": ["pro"]}},
        },
        "churn": {"after": rng.choice(("7d", "28d")), "cancel": "cancelled"},
        "active_users": {"month": rng.choice(("14d", "30d"))},
    }  # fmt: skip
    if rng.random() < 0.7:
        config["signup"] = "signed_up"
    if rng.random() < 0.7:
        config["users"] = {"file": "users.csv"}
    else:
        del config["features"]["late"]
    if rng.random() < 0.5:
        config["accounts"] = {"file": "accounts.csv"}
    if rng.random() < 0.3:
        config["purchase"] = "bought"
    if rng.random() < 0.4:
        config["active_events"] = ["built", "shared", "read"]
    return config
