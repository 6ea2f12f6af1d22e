"""Small random logs that like trouble."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import yaml

from tests.oracles import oracles
from tests.oracles.model import ACCOUNTS, USERS

COLUMNS = ("user", "event", "timestamp", "account", "session", "kind", "score", "event_id")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
NAMES = (
    "signed_up", "logged_in", "built", "shared", "read", "invited", "cancelled", "bought",
    "asked", "answered", "helped", "called",
)  # fmt: skip
ODD = ("-9007199254740993", "0012", "ünï-ç", "=1+1", "NULL", "1e5", "true", "a,b", "*")
NOTABLE = (  # days on which clocks change in the zones, and ends of months
    (3, 8), (3, 29), (4, 5), (10, 4), (10, 25), (11, 1), (2, 28), (3, 31), (4, 30), (9, 30),
    (10, 31), (11, 30), (12, 31),
)  # fmt: skip


@dataclass
class Log:
    """Events in the order of the file, the YAML, the tables, and the days that count and show."""

    events: list[tuple[Any, ...]]
    config: dict[str, Any]
    users: str
    accounts: str
    as_of: str
    unit: str = "user"
    by: str = ""
    since: str = ""
    until: str = ""

    @property
    def days(self) -> list[str]:
        """The options that say which days are shown."""
        told = (("--since", self.since), ("--until", self.until))
        return [part for option in told if option[1] for part in option]


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


def random_log(seed: int, times: int = 1) -> Log:
    """Few people, many ties, midnights, clock changes, repeats, people who never came.

    `times` as many people and events as usual.
    """
    rng = random.Random(seed)
    zone = rng.choice(ZONES)
    start = datetime(2026, rng.choice((2, 9)), rng.randint(1, 20), tzinfo=UTC)
    days = rng.randint(30, 140)
    instants = [_instant(rng, start, days, zone) for _ in range(rng.randint(3, 30) * times)]
    people = [f"u{i}" for i in range(rng.randint(1, 10) * times)]
    if rng.random() < 0.3:
        people += rng.sample(ODD, rng.randint(1, 4))
    events = []
    for i in range(rng.randint(5, 120) * times):
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
    events += _trouble(random.Random(f"{seed} trouble"), events)
    events += _elsewhere(random.Random(f"{seed} elsewhere"), events)
    later = rng.choice((days, days, days // 2 + 5, days // 2 + 5, days + 40))
    as_of = (start + timedelta(days=later)).date().isoformat()
    config = _config(rng, zone)
    config |= _more(random.Random(f"{seed} more"), config)
    launch = start + timedelta(days=random.Random(f"{seed} launch").randint(-5, days))
    config["features"]["new"] = {
        "events": ["helped", {"event": "called", "where": {"kind": "y"}}], "core": False,
        "launched_at": launch.date().isoformat(),
    }  # fmt: skip
    for name, oracle in oracles().items():
        if hasattr(oracle, "section"):
            config |= oracle.section(random.Random(f"{seed} {name}"))
    log = Log(events, config, _users(rng, people, start), _accounts(rng, start), as_of)
    _split(random.Random(f"{seed} split"), log)
    _shown(random.Random(f"{seed} days"), log, start.date())
    return _renamed(random.Random(f"{seed} names"), log)


def _trouble(rng: random.Random, events: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Repeats, with their id and without, one id of two people, and rows that nobody can use."""
    made, whole = [], [*events]
    for row in rng.sample(whole, min(len(whole), rng.choice((0, 0, 2, 8)))):
        other = rng.choice(whole)
        made += rng.choice(
            (
                [row], [(*row[:2], other[2], *row[3:])], [(other[0], *row[1:])],
                [(*row[:7], "")] * 2, [(*row[:1], rng.choice(("noise", "Läuft?")), *row[2:7], "")],
            )
        )  # fmt: skip
    if rng.random() < 0.15:
        row = rng.choice(whole)
        made += [("", *row[1:7], "r1"), (*row[:2], "never", *row[3:7], "r2")]
    return made


def _elsewhere(rng: random.Random, events: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Repeats that name another account, or none."""
    some = rng.sample(events, min(len(events), rng.choice((0, 0, 0, 3))))
    return [(*row[:3], rng.choice(("one", "two", "")), *row[4:]) for row in some]


def _score(rng: random.Random) -> str:
    """Answers of people, most of them numbers of a scale."""
    return rng.choice(("", "0", "3", "4", "5", "6", "7", "9", "10", "10.0", "4.5", "n/a"))


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _instant(rng: random.Random, start: datetime, days: int, zone: str) -> str:
    day = (start + timedelta(days=rng.randrange(days))).date()
    if rng.random() < 0.3:  # where clocks change, and where months end
        notable = [date(2026, *at) for at in NOTABLE]
        near = [d for d in notable if start.date() <= d < (start + timedelta(days=days)).date()]
        day = rng.choice([*near, day])
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
            text = rng.choice(
                (when.date().isoformat(), _text(when), f"{when:%Y-%m-%d}T12:30:00", "")
            )
            lines.append(
                f"{_quoted(name)},{text},{rng.choice(('free', 'pro', ''))},"
                f"{rng.choice(('admin', 'editor', ''))},{rng.choice(('one', 'three', ''))}"
            )
    if len(lines) == 1:
        lines.append("never,,pro,admin,one")
    return "\n".join(lines) + "\n"


def _accounts(rng: random.Random, start: datetime) -> str:
    lines = ["account_id,tier,seats,mrr,cancelled_at"]
    for name in ("one", "two", "three", "four"):
        if rng.random() < 0.8:
            when = start + timedelta(days=rng.randint(-10, 120))
            local = f"{when:%Y-%m-%d}T12:30:00"
            gone = rng.choice(("", "", "", when.date().isoformat(), _text(when), local))
            seats, mrr = rng.choice(("", "0", "2", "5")), rng.choice(("", "0", "99.5", "400"))
            lines.append(f"{name},{rng.choice(('small', 'large', ''))},{seats},{mrr},{gone}")
    if len(lines) == 1:
        lines.append("four,small,2,,")
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


def _more(rng: random.Random, config: dict[str, Any]) -> dict[str, Any]:
    """Options that change every metric's answer; each now and then."""

    def some(event: str) -> Any:
        return {"event": event, "where": {"kind": rng.choice(("x", ["x", "y"]))}}

    usual: dict[str, Any] = {"max_rejected": 1}
    offers: dict[str, Any] = {
        "burn_in": rng.choice(("1d", "9d")),
        "dedupe": "exact",
        "exclude": rng.choice(
            (
                {"users": ["u1"]}, {"users": ["u?", "-*"], "events": ["asked"]},
                {"events": ["h*", "noise"]}, {"accounts": ["two"]}, {"accounts": ["t*"]},
            )
        ),
        "segments": [{"name": "kind", "at": rng.choice(("first", "latest"))}],
        "login": rng.choice((some("logged_in"), ["logged_in", some("read")])),
        "active_events": ["built", some("shared"), some("read")],
    }  # fmt: skip
    if "signup" in config:
        offers["signup"] = some("signed_up")
    if "purchase" in config:
        offers["purchase"] = rng.choice((["bought", some("called")], some("bought")))
    return usual | {name: value for name, value in offers.items() if rng.random() < 0.15}


def _split(rng: random.Random, log: Log) -> None:
    """Now and then accounts as actors, or a report that is split."""
    if rng.random() < 0.2:
        log.unit = "account"
        log.config["features"].pop("late", None)  # nobody would be eligible: accounts have no plan
    if rng.random() < 0.2:
        traits = ["kind", *(["plan"] if "users" in log.config else [])]
        log.by = rng.choice(traits) if log.unit == "user" else "kind"


def _shown(rng: random.Random, log: Log, first: date) -> None:
    """Now and then a first day shown, a last one, or both; now and then of whole months."""
    length = (date.fromisoformat(log.as_of) - first).days
    if rng.random() >= 0.25:
        return
    which = rng.choice(("since", "until", "both", "both"))
    low, high = sorted(rng.randint(-3, length + 3) for _ in range(2))
    since, until = (first + timedelta(days=day) for day in (low, high))
    if rng.random() < 0.3:
        since, until = since.replace(day=1), until.replace(day=1) - timedelta(1)
    if which != "until":
        log.since = since.isoformat()
    if which != "since":
        log.until = until.isoformat()


def _renamed(rng: random.Random, log: Log) -> Log:
    """Now and then other names of the tables' columns, and a zone of theirs."""
    for table, names in (("users", USERS), ("accounts", ACCOUNTS)):
        if table not in log.config:
            continue
        if rng.random() < 0.2:
            log.config[table]["time_zone"] = rng.choice(ZONES)
        if rng.random() < 0.2:
            head, *rest = getattr(log, table).split("\n")
            ours = {column: f"{key}_here" for key, column in names.items()}
            head = ",".join(ours.get(column, column) for column in head.split(","))
            setattr(log, table, "\n".join([head, *rest]))
            log.config[table] |= {key: f"{key}_here" for key in names}
    return log


def _quoted(text: str) -> str:
    return f'"{text}"' if "," in text else text
