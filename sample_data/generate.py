"""Make the sample data: a reporting product for teams, 800 people in 60 accounts over six months.

    python sample_data/generate.py            writes the files beside this one
    python sample_data/generate.py --check    says whether they are what this script makes

The log holds truths that are planted on purpose; README.md beside this file lists them.
"""

from __future__ import annotations

import filecmp
import math
import random
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

SEED = 20260401
ZONE = ZoneInfo("Europe/Berlin")
START = datetime(2026, 4, 1, tzinfo=ZONE)
DAYS = 183
LAUNCH = 91  # 2026-07-01, the day on which `schedule` came
WEBINAR_DAYS = (47, 76, 103, 138)  # onboarding_live
OTHER_WEBINARS = (61, 118)  # roadmap_preview
FADING = ("acme", "borealis", "cobalt")
BLOOMING = ("delta", "ember", "fjord")
COLUMNS = (
    "event_id", "user_id", "company_id", "event_name", "occurred_at", "session_id", "feature",
    "item", "score",
)  # fmt: skip
WORK = {
    "dashboard_viewed": 5.0,
    "report_built": 2.2,
    "doc_edited": 2.4,
    "comment_added": 1.3,
    "csv_exported": 0.6,
    "share": 0.9,
    "export": 0.5,
}


@dataclass
class Account:
    """A company and what it bought."""

    id: str
    plan: str
    size: str
    seats: int
    mrr: int
    started: int


@dataclass
class Person:
    """Somebody with a sign-up day and habits."""

    id: str
    account: Account
    role: str
    signup: int
    minute: int
    pace: float
    ghost: bool = False
    inviter: bool = False
    end: float = math.inf
    boosts: list[tuple[int, int]] = field(default_factory=list)


def accounts(rng: random.Random) -> list[Account]:
    """Sixty accounts; the first six fade or blossom."""
    names = [*FADING, *BLOOMING, *(f"co{i:02d}" for i in range(7, 61))]
    found = []
    for name in names:
        plan = rng.choices(("free", "pro", "enterprise"), (4, 5, 2))[0]
        if name in FADING or name in BLOOMING:
            plan = "enterprise" if name in ("acme", "delta") else "pro"
        seats = {"free": 5, "pro": 15, "enterprise": 40}[plan] + rng.randrange(8)
        mrr = {"free": 0, "pro": 19, "enterprise": 39}[plan] * seats
        size = {"free": "1-10", "pro": "11-100", "enterprise": "over 100"}[plan]
        found.append(Account(name, plan, size, seats, mrr, rng.randrange(-400, 60)))
    return found


def people(rng: random.Random, companies: list[Account]) -> list[Person]:
    """Eight hundred people; thirty of them never do anything."""
    weights = [a.seats for a in companies]
    found = []
    for i in range(800):
        account = rng.choices(companies, weights)[0]
        role = rng.choices(("admin", "editor", "viewer"), (1, 5, 4))[0]
        before = rng.random() < 0.2
        signup = rng.randrange(-300, 0) if before else int(DAYS * rng.random() ** 0.85)
        pace = rng.lognormvariate(-1.55, 0.5) * {"admin": 1.2, "editor": 1.1, "viewer": 0.7}[role]
        person = Person(
            f"u-{i:04d}", account, role, signup, rng.randrange(480, 1080), min(pace, 0.85)
        )
        person.ghost = not before and i % 20 == 7 and len([p for p in found if p.ghost]) < 30
        person.inviter = rng.random() < 0.4
        _lifetime(rng, person)
        found.append(person)
    return found


def _lifetime(rng: random.Random, person: Person) -> None:
    """How long somebody stays. Planted: inviting colleagues early, and nothing else, helps."""
    if person.account.id in BLOOMING or person.signup < 0:
        mean = 260.0
    else:
        mean = 200.0 if person.inviter else 55.0
    person.end = max(person.signup, 0) + rng.expovariate(1 / mean) + rng.random() * 3


def intensity(person: Person, day: int) -> float:
    """The chance that somebody comes on a day."""
    weekday = (START + timedelta(days=day)).weekday()
    chance = person.pace * (1.0 if weekday < 5 else 0.15)
    if person.account.id in FADING and day > 120:
        chance *= max(0.08, 1 - (day - 120) / 45)
    if person.account.id in BLOOMING:
        chance *= 0.6 + day / DAYS
    return min(chance, 0.95)


class Log:
    """Rows in the making."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.rows: list[list[str]] = []
        self.session = 0

    def add(
        self, person: Person, name: str, moment: datetime, *, feature: str = "", item: str = "",
        score: str = "",
    ) -> None:  # fmt: skip
        """One event of somebody."""
        text = moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        self.rows.append(
            [
                "", person.id, person.account.id, name, text, f"s{self.session:05d}", feature, item,
                score,
            ]
        )  # fmt: skip


def moment_of(day: int, minute: float) -> datetime:
    """A local day and minute of it as an instant."""
    return START + timedelta(days=day) + timedelta(seconds=round(minute * 60))


def live(rng: random.Random, log: Log, person: Person) -> None:
    """All that one person does."""
    if person.signup >= 0:
        _sign_up(rng, log, person)
    if person.ghost:
        return
    first = max(person.signup, 0)
    built = False
    for day in range(first, DAYS):
        if day > person.end:
            break
        if day != person.signup and rng.random() > intensity(person, day):
            continue
        minute = person.minute + 25 if day == person.signup else rng.gauss(660, 130)
        built = _visit(rng, log, person, day, min(max(minute, 60), 1380), built)
    _goodbye(rng, log, person)


def _sign_up(rng: random.Random, log: Log, person: Person) -> None:
    if person.ghost and int(person.id[2:]) % 40 == 7:
        return  # known from users.csv alone
    log.session += 1
    moment = moment_of(person.signup, person.minute)
    log.add(person, "signed_up", moment)
    if person.ghost:
        return
    if rng.random() < 0.5:
        log.add(person, "trial_started", moment + timedelta(minutes=1))
    better = 0.3 + 0.3 * person.signup / DAYS  # onboarding gets better over the months
    if rng.random() < better:
        at = moment + timedelta(minutes=rng.expovariate(1 / 20) + 2)
        log.add(person, "project_created", at)
        for _ in range(rng.choice((1, 2, 2, 3))):
            at += timedelta(hours=rng.expovariate(1 / 14))
            if at < START + timedelta(days=DAYS - 1):
                log.add(person, "report_built", at)
    if person.inviter:
        for _ in range(rng.randint(1, 3)):
            at = moment + timedelta(hours=rng.uniform(1, 150))
            if at < START + timedelta(days=DAYS - 1):
                log.add(person, "teammate_invited", at)


def _visit(
    rng: random.Random, log: Log, person: Person, day: int, minute: float, built: bool
) -> bool:
    """One session: a login and what follows, minutes apart."""
    log.session += 1
    at = minute
    log.add(person, "logged_in", moment_of(day, at))
    if not built and rng.random() < 0.3:
        at += 1.5
        log.add(person, "project_created", moment_of(day, at))
        built = True
    boost = 2.5 if any(a <= day <= b for a, b in person.boosts) else 1.0
    weights = dict(WORK, report_built=WORK["report_built"] * boost)
    if person.account.plan != "free" and day >= LAUNCH:
        weights["schedule"] = 0.7
    for _ in range(1 + int(rng.expovariate(1 / 1.3) * (0.8 + person.pace))):
        at += rng.expovariate(1 / 3.5) + 0.2
        name = rng.choices(list(weights), list(weights.values()))[0]
        if name in ("share", "export", "schedule"):
            log.add(person, "feature_used", moment_of(day, at), feature=name)
        else:
            log.add(person, name, moment_of(day, at))
    if rng.random() < 0.06:
        log.add(person, "$pageleave", moment_of(day, at + 1))
    _read(rng, log, person, day, at)
    if rng.random() < 0.012:
        score = min(10, max(0, round(rng.gauss(7.6 + person.pace, 2))))
        log.add(person, "nps_answered", moment_of(day, at + 3), score=str(score))
    if person.account.plan != "free" and person.role == "admin" and rng.random() < 0.01:
        log.add(person, "subscription_started", moment_of(day, at + 4))
    return built


def _read(rng: random.Random, log: Log, person: Person, day: int, at: float) -> None:
    """Articles. Planted: `tips_and_tricks` is read by those who are active anyway."""
    if rng.random() < 0.8 * person.pace**1.5:
        log.add(person, "help_article_read", moment_of(day, at + 2), item="tips_and_tricks")
    elif rng.random() < 0.04:
        item = rng.choice(("getting_started", "billing", "permissions"))
        log.add(person, "help_article_read", moment_of(day, at + 2), item=item)


def webinars(rng: random.Random, log: Log, everybody: list[Person]) -> None:
    """Planted: who attends `onboarding_live` is drawn by lot, and builds more afterwards."""
    for day in (*WEBINAR_DAYS, *OTHER_WEBINARS):
        item = "onboarding_live" if day in WEBINAR_DAYS else "roadmap_preview"
        for person in everybody:
            there = not person.ghost and person.signup + 7 <= day <= person.end
            if there and rng.random() < 0.22:
                log.session += 1
                log.add(person, "webinar_attended", moment_of(day, 960), item=item)
                if item == "onboarding_live":
                    person.boosts.append((day + 1, day + 21))


def _goodbye(rng: random.Random, log: Log, person: Person) -> None:
    if person.role == "admin" and person.end < DAYS - 2 and rng.random() < 0.5:
        log.session += 1
        log.add(person, "subscription_cancelled", moment_of(int(person.end) + 1, 600))


def dirty(rng: random.Random, rows: list[list[str]]) -> None:
    """What exports hold that they should not; the counts stand in README.md."""
    for row in rng.sample(rows, 20):
        row[4] = rng.choice(("n/a", "31/02/2026", "yesterday", "2026-13-45T00:00:00Z"))
    clean = [row for row in rows if row[4][:4] == "2026" and row[4][5:7] <= "12"]
    for row in rng.sample(clean, 10):
        row[3] = ""
    anonymous = rng.sample([r for r in rows if r[3] == "dashboard_viewed"], 300)
    for row in anonymous:
        row[1] = row[2] = ""
    wrong = rng.sample([r for r in rows if r[1] and r[3] == "doc_edited"], 2)
    wrong[0][4], wrong[1][4] = "1970-01-01T00:00:00Z", "2099-01-01T00:00:00Z"


def internal(rng: random.Random, log: Log) -> None:
    """Colleagues who test; the YAML excludes them."""
    home = Account("ourcompany", "enterprise", "11-100", 20, 0, -500)
    for i in (1, 2, 3):
        tester = Person(f"qa{i}@ourcompany.example", home, "admin", -10, 500, 0.5)
        for day in range(0, DAYS, 3 + i):
            _visit(rng, log, tester, day, 600, True)


def make() -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Events, users and accounts."""
    rng = random.Random(SEED)
    companies = accounts(rng)
    everybody = people(rng, companies)
    log = Log(rng)
    webinars(rng, log, everybody)
    for person in everybody:
        live(rng, log, person)
    internal(rng, log)
    late = next(p for p in everybody if p.end > DAYS and not p.ghost)
    log.add(late, "dashboard_viewed", moment_of(DAYS - 1, 1415))
    end = moment_of(DAYS, 0).astimezone(UTC).isoformat(timespec="seconds")[:19] + "Z"
    rows = sorted((r for r in log.rows if r[4] < end), key=lambda r: (r[4], r[1], r[3], r[6]))
    for i, row in enumerate(rows):
        row[0] = f"e{i:05d}"
    dirty(rng, rows)
    rows += [list(row) for row in rng.sample([r for r in rows if r[1]], 50)]
    events = pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String), orient="row")
    return events, _users(everybody), _accounts(rng, companies)


def _users(everybody: list[Person]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "user_id": [p.id for p in everybody],
            "company_id": [p.account.id for p in everybody],
            "created_at": [
                moment_of(p.signup, p.minute).astimezone(UTC).isoformat(timespec="seconds")[:19]
                + "Z"
                for p in everybody
            ],
            "role": [p.role for p in everybody],
        }
    )


def _accounts(rng: random.Random, companies: list[Account]) -> pl.DataFrame:
    unknown = {a.id for a in rng.sample(companies[6:], 2)}
    return pl.DataFrame(
        {
            "company_id": [a.id for a in companies],
            "name": [a.id.title() for a in companies],
            "plan": [a.plan for a in companies],
            "company_size": [a.size for a in companies],
            "licences": ["" if a.id in unknown else str(a.seats) for a in companies],
            "mrr": [str(a.mrr) for a in companies],
            "started_on": [moment_of(a.started, 0).date().isoformat() for a in companies],
        }
    )


def write(folder: Path) -> None:
    """The four files."""
    events, users, companies = make()
    events.write_csv(folder / "events.csv")
    empty_is_null = events.with_columns(pl.when(pl.all() != "").then(pl.all()))
    empty_is_null.write_parquet(folder / "events.parquet", compression_level=12)
    users.write_csv(folder / "users.csv")
    companies.write_csv(folder / "accounts.csv")


def main() -> int:
    """Write the files, or check those that are there."""
    here = Path(__file__).parent
    if "--check" not in sys.argv:
        write(here)
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        write(Path(temporary))
        names = ("events.csv", "users.csv", "accounts.csv")
        stale = [n for n in names if not filecmp.cmp(here / n, Path(temporary) / n, shallow=False)]
        for name in stale:
            print(f"sample_data/{name} is not what generate.py makes")
        return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
