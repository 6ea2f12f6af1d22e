"""Make the sample data: a reporting product, 800 people in 60 accounts over six months.

    python sample_data/generate.py [FOLDER]   writes the files, by default beside this one
    python sample_data/generate.py --check    exits 1 where the files are not what this makes

The log holds truths that are planted on purpose. README.md beside this file lists them.
"""

from __future__ import annotations

import argparse
import filecmp
import math
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

SEED = 2026
ZONE = ZoneInfo("Europe/Berlin")
START = datetime(2026, 4, 1, tzinfo=ZONE)
DAYS = 183  # 2026-04-01 to 2026-09-30; a day is counted from START, days before it are negative
LAST = DAYS - 1
PEOPLE, GHOSTS, OLD_ACCOUNTS = 800, 30, 22
USUAL_PACE = 0.12  # visits a working day, the median

# Planted truths
INVITES_EARLY = 0.38  # by lot: share of newcomers that invite in their first week
EARLY_LOSS = {True: 0.04, False: 0.28}  # chance a week, weeks 1 to 3: inviters, others
LATE_LOSS = {True: 0.03, False: 0.045}  # the same from week 4 on
OLD_LOSS = 0.018  # of those who signed up before the log
ONBOARDING_LIVE = (36, 71, 99, 141)  # Thursdays 05-07, 06-11, 07-09, 08-20
ROADMAP_PREVIEW = (85, 162)  # Thursdays 06-25, 09-10; does nothing
ATTENDS = 0.3  # by lot, among those active in the seven days before
WEBINAR_LASTS = 28
MORE_REPORTS, MORE_SHARES = 0.7, 0.35  # what a visit gains in the weeks after onboarding_live
TIPS_BUSY, TIPS_OTHERS = 0.25, 0.004  # chance a week of reading tips_and_tricks
BUSY = 7  # days with a visit in the 28 before the week
SCHEDULE_LAUNCH = 91  # 2026-07-01
SCHEDULE_TAKES_TO = 0.42  # of the people on a paid plan

FADING = ("Harbour Logistics", "Nordlicht Energie", "Pinewood Dental")
FADES_FROM = 122  # 2026-08-01
BLOSSOMING = ("Brightside Media", "Quarzwerk", "Tidal Robotics")
PLANTED = (*FADING, *BLOSSOMING)
NAMES = (
    *PLANTED,
    "Alpenblick Hotels", "Amber Freight", "Anchor Legal", "Arcadia Foods", "Baltic Timber",
    "Beacon Health", "Birch & Stone", "Blue Heron Travel", "Cascade Water", "Cedar Analytics",
    "Cobalt Mining", "Copperfield Books", "Crane Insurance", "Delta Optics", "Eastgate Retail",
    "Eichen Verlag", "Ember Ceramics", "Falcon Couriers", "Fernweh Reisen", "Fjord Seafood",
    "Foxglove Pharma", "Granite Capital", "Greenline Transit", "Hazel Software", "Heide Textil",
    "Ironbridge Steel", "Jasper Homes", "Juniper Schools", "Kestrel Aviation", "Kranich Bau",
    "Lakeside Clinics", "Lantern Games", "Lindenhof", "Magnet Marketing", "Maple Payroll",
    "Marlin Marine", "Meridian Audit", "Mistral Wind", "Moorland Farms", "Nimbus Hosting",
    "Oakfield Motors", "Obsidian Security", "Orchard Recruiting", "Otter Apparel",
    "Papier & Partner", "Pelican Catering", "Redwood Labs", "Rhein Druck", "Saffron Kitchens",
    "Silberbach", "Sparrow Telecom", "Summit Outdoor", "Umbra Lighting", "Willow Design",
)  # fmt: skip
FIRST = (
    "Aino", "Alba", "Amir", "Anna", "Ben", "Bilal", "Carla", "Chen", "Clara", "Daan", "Elif",
    "Emil", "Eva", "Finn", "Greta", "Hugo", "Ida", "Ines", "Ivan", "Jana", "Jonas", "Kofi",
    "Lara", "Leo", "Lina", "Luca", "Maja", "Marek", "Mei", "Mila", "Nils", "Nora", "Omar", "Paul",
    "Priya", "Rosa", "Sami", "Sofia", "Theo", "Yuki",
)  # fmt: skip
FAMILY = (
    "Adler", "Bauer", "Berg", "Costa", "Diaz", "Evans", "Fischer", "Garcia", "Haas", "Hill",
    "Ito", "Jansen", "Kaya", "Keller", "Kim", "Lang", "Lopez", "Maier", "Nagy", "Novak", "Olsen",
    "Okafor", "Patel", "Peters", "Rossi", "Roth", "Sato", "Silva", "Stein", "Suzuki", "Tran",
    "Vogel", "Wagner", "Weber", "Wolf", "Young", "Zhang", "Ziegler",
)  # fmt: skip

PLANS = {"free": 21, "pro": 27, "enterprise": 12}  # accounts
CROWD = {"free": 5.0, "pro": 13.0, "enterprise": 26.0}  # people, roughly
SIZES = {
    "free": ("1-10", "11-50"),
    "pro": ("11-50", "11-50", "51-200"),
    "enterprise": ("51-200", "201-1000", "201-1000"),
}
PRICE = {"free": 0, "pro": 19, "enterprise": 39}
WORK = {  # how often each, by role
    "admin": {
        "dashboard_viewed": 2.8, "report_built": 1.2, "doc_edited": 1.8, "comment_added": 1.1,
        "csv_exported": 0.9, "share": 1.0, "export": 0.6, "teammate_invited": 0.25,
    },
    "editor": {
        "dashboard_viewed": 2.6, "report_built": 1.4, "doc_edited": 2.2, "comment_added": 1.1,
        "csv_exported": 0.8, "share": 0.9, "export": 0.6, "teammate_invited": 0.06,
    },
    "viewer": {
        "dashboard_viewed": 4.4, "report_built": 0.6, "doc_edited": 0.5, "comment_added": 1.3,
        "csv_exported": 0.8, "share": 0.5, "export": 0.4, "teammate_invited": 0.03,
    },
}  # fmt: skip
TASTES = {"csv_exported": 0.5, "share": 0.6, "export": 0.4}  # what only some people ever use
FEATURES = ("share", "export", "schedule")
ARTICLES = ("getting_started", "permissions", "billing", "chart_types")
DIRTY_TIMES = ("n/a", "yesterday", "2026-13-05T09:12:00Z", "31/02/2026 10:15")
UNREADABLE, NAMELESS, ANONYMOUS, REPEATED = 12, 8, 460, 50


class Event(NamedTuple):
    """A row of events.csv."""

    event_id: str
    user_id: str
    company_id: str
    event_name: str
    occurred_at: str
    session_id: str
    feature: str
    item: str
    score: str


class Action(NamedTuple):
    """What somebody does in a visit."""

    name: str
    feature: str = ""
    item: str = ""
    score: str = ""


@dataclass
class Account:
    """A company and what it bought."""

    name: str
    plan: str
    start: int
    id: str = ""
    size: str = ""
    seats: int = 0
    trial: bool = False
    subscribes: int | None = None
    cancels: int | None = None


@dataclass
class Person:
    """Somebody with a sign-up and habits."""

    account: Account
    signup: int
    role: str
    founder: bool
    id: str = ""
    email: str = ""
    minute: float = 0.0
    pace: float = 0.0  # visits a working day
    ghost: bool = False
    silent: bool = False  # a ghost without so much as a sign-up event
    inviter: bool = False
    activates: bool = False
    schedules: float = math.inf
    end: float = math.inf
    tastes: dict[str, float] = field(default_factory=dict)


@dataclass
class Visit:
    """One session: `planned` cannot be swapped, `free` can."""

    day: int
    minute: float
    planned: list[Action] = field(default_factory=list)
    free: list[Action] = field(default_factory=list)
    after: list[Action] = field(default_factory=list)


# ---- Accounts and people ----


def make_accounts(rng: random.Random) -> list[Account]:
    """Sixty accounts, the older ones first; those that fade or blossom are among them."""
    names = list(NAMES[6:])
    rng.shuffle(names)
    plans = [plan for plan, count in PLANS.items() for _ in range(count)]
    theirs = ("enterprise", "pro", "pro", "pro", "enterprise", "pro")
    for plan in theirs:
        plans.remove(plan)
    rng.shuffle(plans)
    found = [
        Account(name, plan, -rng.randrange(60, 700))
        for name, plan in zip(PLANTED, theirs, strict=True)
    ]
    for i, (name, plan) in enumerate(zip(names, plans, strict=True)):
        old = i < OLD_ACCOUNTS - 6
        found.append(Account(name, plan, -rng.randrange(40, 900) if old else working(rng, 0, 150)))
    for account in found:
        account.size = rng.choice(SIZES[account.plan])
        if account.start >= 0:
            account.trial = rng.random() < 0.85
            if account.plan != "free":
                account.subscribes = account.start + (rng.randrange(10, 22) if account.trial else 1)
        elif account.plan == "pro" and account.name not in PLANTED:
            account.subscribes = rng.randrange(10, 120) if rng.random() < 0.4 else None
    paid = [a for a in found[6:] if a.plan != "free" and (a.subscribes or a.start) < 80]
    for account in rng.sample(paid, 7):
        account.cancels = working(rng, max(account.subscribes or 0, 40) + 28, 176)
    found.sort(key=lambda account: account.start)
    for i, account in enumerate(found, 1):
        account.id = f"c-{i:02d}"
    return found


def working(rng: random.Random, low: int, high: int) -> int:
    """A day from low to high, by lot, seldom on a weekend."""
    return off_weekend(rng, rng.randint(low, high), high)


def off_weekend(rng: random.Random, day: int, high: int) -> int:
    """Most often the Monday after, where the day lies on a weekend."""
    weekday = (START + timedelta(days=day)).weekday()
    if weekday >= 5 and rng.random() < 0.85:
        day += 7 - weekday
    return min(day, high)


def make_people(rng: random.Random, accounts: list[Account]) -> list[Person]:
    """A founder for each account, and colleagues up to 800, in the order of their sign-ups."""
    found = [Person(a, a.start, "admin", founder=True) for a in accounts]
    weights = [_crowd(a) for a in accounts]
    for account in rng.choices(accounts, weights, k=PEOPLE - len(found)):
        role = rng.choices(("admin", "editor", "viewer"), (8, 52, 40))[0]
        found.append(Person(account, _signup_day(rng, account), role, founder=False))
    for person in found:
        person.minute = office_minute(rng)
    found.sort(key=lambda person: (person.signup, person.minute, person.account.id))
    taken: set[str] = set()
    for i, person in enumerate(found, 1):
        person.id = f"u-{i:04d}"
        person.email = _email(rng, person, taken)
        _habits(rng, person)
    _draw_activation(rng, found)
    young = [p for p in found if 0 <= p.signup <= LAST - 10 and not p.founder]
    for i, person in enumerate(rng.sample(young, GHOSTS)):
        person.ghost, person.silent = True, i % 2 == 1
    for account in accounts:
        crowd = sum(p.account is account for p in found)
        account.seats = 5 * math.ceil(crowd * rng.uniform(1.05, 1.5) / 5)
    return found


def _crowd(account: Account) -> float:
    if account.name in PLANTED:
        return 24.0
    grown = 1.0 if account.start < 0 else 1.25 - account.start / DAYS
    return CROWD[account.plan] * grown


def _signup_day(rng: random.Random, account: Account) -> int:
    end = 70 if account.name in FADING else LAST if account.cancels is None else account.cancels - 9
    if account.start >= 0:
        day = account.start + int((end + 1 - account.start) * rng.random() ** 1.4)
        return off_weekend(rng, day, end)
    before = 0.6 if account.name in FADING else 0.3
    if rng.random() < before:
        return working(rng, max(account.start, -400), -1)
    return working(rng, 0, end)


def _email(rng: random.Random, person: Person, taken: set[str]) -> str:
    host = "".join(c if c.isalnum() else "" for c in person.account.name.lower())
    while True:
        email = f"{rng.choice(FIRST)}.{rng.choice(FAMILY)}@{host}.example".lower()
        if email not in taken:
            taken.add(email)
            return email


def _habits(rng: random.Random, person: Person) -> None:
    role = {"admin": 1.25, "editor": 1.1, "viewer": 0.8}[person.role]
    person.pace = min(0.9, 0.04 + rng.lognormvariate(math.log(USUAL_PACE), 0.6) * role)
    person.tastes = {name: float(rng.random() < share) for name, share in TASTES.items()}
    person.inviter = rng.random() < INVITES_EARLY
    if person.account.plan != "free" and rng.random() < SCHEDULE_TAKES_TO:
        person.schedules = max(SCHEDULE_LAUNCH, person.signup) + rng.expovariate(1 / 14)
    person.end = _end(rng, person)


def _draw_activation(rng: random.Random, people: list[Person]) -> None:
    """Onboarding gets better over the months; busy people and editors get further.

    Drawn at even steps along the sum of the chances, so that each month comes out as meant.
    """
    reached = rng.random()
    for person in people:
        lean = {"admin": 0.5, "editor": 0.35, "viewer": -0.45}[person.role]
        lean += 0.7 * math.log(person.pace / USUAL_PACE) + 1.5 * (person.signup / DAYS - 0.68)
        if person.founder:
            lean += 1.0
        if person.signup >= 0:
            reached += 1 / (1 + math.exp(-lean))
        person.activates, reached = reached >= 1, reached % 1


def _end(rng: random.Random, person: Person) -> float:
    """The last day. Nobody leaves in the first week, so that inviting needs no staying power."""
    account = person.account
    end = math.inf
    if not person.founder:
        steady = 0.25 if account.name in FADING else 0.4 if account.name in BLOSSOMING else 1.0
        steady *= min(1.6, max(0.6, (person.pace / USUAL_PACE) ** -0.5))
        if person.signup < 0:
            end = 7 * rng.expovariate(OLD_LOSS * steady)
        else:
            weeks = rng.expovariate(-math.log(1 - EARLY_LOSS[person.inviter]) * steady)
            if weeks > 3:
                weeks = 3 + rng.expovariate(-math.log(1 - LATE_LOSS[person.inviter]) * steady)
            end = person.signup + 7 * (1 + weeks)
    if account.cancels is not None:
        end = min(end, account.cancels + (0 if person.founder else rng.uniform(-6, 6)))
    return end


# ---- What they do ----


def office_minute(rng: random.Random) -> float:
    """A local time of day, in minutes: the morning, the afternoon, now and then the evening."""
    peak, spread = rng.choices(((600, 65), (870, 80), (1170, 70)), (48, 44, 8))[0]
    return min(1330.0, max(390.0, rng.gauss(peak, spread)))


def visit_days(rng: random.Random, person: Person) -> list[int]:
    """The days on which somebody comes, the sign-up aside."""
    found = []
    for day in range(max(person.signup + 1, 0), DAYS):
        if day > person.end:
            break
        chance = person.pace * (1.0 if (START + timedelta(days=day)).weekday() < 5 else 0.12)
        if person.signup >= 0 and day < person.signup + 7:
            chance *= 1.3
        if person.account.name in FADING and day >= FADES_FROM:
            chance *= max(0.06, 1 - (day - FADES_FROM) / 52)
        if person.account.name in BLOSSOMING:
            chance *= 0.3 + 1.5 * day / DAYS
        if rng.random() < min(chance, 0.95):
            found.append(day)
    return found


def webinars(rng: random.Random, days: Sequence[int]) -> dict[int, str]:
    """Who attends is drawn by lot among those active in the seven days before, and nothing else."""
    found: dict[int, str] = {}
    dates = [(day, "onboarding_live") for day in ONBOARDING_LIVE]
    dates += [(day, "roadmap_preview") for day in ROADMAP_PREVIEW]
    for day, item in sorted(dates):
        active = any(day - 7 <= d < day for d in days)
        if active and item not in found.values() and rng.random() < ATTENDS:
            found[day] = item
    return found


def visits(rng: random.Random, person: Person) -> list[Visit]:
    """All that one person does."""
    days = visit_days(rng, person)
    found = [
        Visit(day, office_minute(rng))
        for day in days
        for _ in range(2 if rng.random() < 0.1 else 1)
    ]
    if person.signup >= 0:
        found.insert(0, Visit(person.signup, person.minute))
        _onboard(rng, person, found)
        days = sorted({visit.day for visit in found})
    attended = webinars(rng, days)
    live = next((day for day, item in attended.items() if item == "onboarding_live"), None)
    created = person.signup < 0 or any(
        action.name == "project_created" for visit in found for action in visit.planned
    )
    reports = 0
    for visit in found:
        early = person.signup >= 0 and visit.day < person.signup + 8
        held_back = early and not person.activates and created and reports >= 1
        created |= _work(rng, person, visit, created=created or early, no_reports=held_back)
        reports += sum(action.name == "report_built" for action in visit.free)
        _asides(rng, person, visit)
        if live is not None and live < visit.day <= live + WEBINAR_LASTS:
            visit.free += [Action("report_built")] * _count(rng, MORE_REPORTS)
            visit.free += [Action("feature_used", "share")] * _count(rng, MORE_SHARES)
            rng.shuffle(visit.free)
    _read_tips(rng, found)
    if person.inviter and person.signup >= 0:
        _invite(rng, [visit for visit in found if visit.day < person.signup + 7])
    for day, item in attended.items():
        found.append(Visit(day, 960 + rng.uniform(0, 4), [Action("webinar_attended", item=item)]))
    found += _billing(rng, person)
    return found


def _count(rng: random.Random, mean: float) -> int:
    """A small number, Poisson."""
    count, left = 0, rng.random()
    chance = math.exp(-mean)
    while left > chance:
        left -= chance
        count += 1
        chance *= mean / count
    return count


def _onboard(rng: random.Random, person: Person, found: list[Visit]) -> None:
    """The first week. Those who activate take three steps, at once or in two visits."""
    first = found[0]
    first.planned.append(Action("signed_up"))
    if person.founder and person.account.trial:
        first.planned.append(Action("trial_started"))
    if not person.activates:
        if rng.random() < 0.4:
            first.planned.append(Action("project_created"))
        return
    steps = [Action("project_created"), Action("report_built"), Action("report_built")]
    taken = rng.choices((0, 1, 2, 3), (15, 30, 25, 30))[0]
    first.planned += steps[:taken]
    if taken < 3:
        day = person.signup + rng.choices(range(1, 7), (7, 5, 4, 3, 2, 2))[0]
        if day > LAST:
            return
        second = next((visit for visit in found[1:] if visit.day == day), None)
        if second is None:
            second = Visit(day, office_minute(rng))
            found.append(second)
            found.sort(key=lambda visit: visit.day)
        second.planned += steps[taken:]


def _work(
    rng: random.Random, person: Person, visit: Visit, *, created: bool, no_reports: bool
) -> bool:
    """Fill a visit; says whether a project was created."""
    new = not created and rng.random() < 0.15
    if new:
        visit.planned.append(Action("project_created"))
    weights = {
        name: weight * person.tastes.get(name, 1.0) for name, weight in WORK[person.role].items()
    }
    if person.signup >= 0 and visit.day < person.signup + 14:
        weights["teammate_invited"] = 0.0
    if no_reports:
        weights["report_built"] = 0.0
    if visit.day >= SCHEDULE_LAUNCH and person.account.plan != "free":
        weights["schedule"] = 1.3 if visit.day >= person.schedules else 0.03
    amount = 2 + int(rng.expovariate(1 / 1.55))
    names = rng.choices(list(weights), list(weights.values()), k=amount)
    if not created and not new and not person.activates and visit.day < person.signup + 8:
        names = [name if name != "report_built" else "dashboard_viewed" for name in names]
    for name in names:
        visit.free.append(Action("feature_used", name) if name in FEATURES else Action(name))
    return new


def _read_tips(rng: random.Random, found: list[Visit]) -> None:
    """`tips_and_tricks` is read by those who were busy before, and does nothing."""
    days = sorted({visit.day for visit in found})
    asked = -7
    for visit in found:
        monday = visit.day - (START + timedelta(days=visit.day)).weekday()
        if monday == asked:
            continue
        asked = monday
        busy = sum(monday - 28 <= day < monday for day in days) >= BUSY
        if rng.random() < (TIPS_BUSY if busy else TIPS_OTHERS):
            visit.after.append(Action("help_article_read", item="tips_and_tricks"))


def _asides(rng: random.Random, person: Person, visit: Visit) -> None:
    """What happens on the side."""
    fresh = person.signup >= 0 and visit.day < person.signup + 7
    if rng.random() < (0.2 if fresh else 0.03):
        item = "getting_started" if fresh else rng.choice(ARTICLES[1:])
        visit.after.append(Action("help_article_read", item=item))
    if visit.day > person.signup + 30 and rng.random() < 0.02:
        score = min(10, max(0, round(rng.gauss(7.9 + 2 * person.pace, 2.2))))
        visit.after.append(Action("nps_answered", score=str(score)))
    if rng.random() < 0.04:
        visit.after.append(Action("$pageleave"))


def _invite(rng: random.Random, week: list[Visit]) -> None:
    """One invitation or two take the place of other actions, so that activity stays the same."""
    places = [(visit, i) for visit in week for i in range(len(visit.free))]
    for visit, i in rng.sample(places, min(len(places), rng.choice((1, 1, 2)))):
        visit.free[i] = Action("teammate_invited")


def _billing(rng: random.Random, person: Person) -> Iterator[Visit]:
    if not person.founder:
        return
    for day, name in (
        (person.account.subscribes, "subscription_started"),
        (person.account.cancels, "subscription_cancelled"),
    ):
        if day is not None and day <= LAST:
            yield Visit(day, 850 + rng.uniform(0, 180), [Action(name)])


# ---- The log ----


def moment(day: int, minute: float) -> datetime:
    """A local day and time as an instant."""
    return START + timedelta(days=day, seconds=round(minute * 60))


def text(at: datetime) -> str:
    """An instant as events.csv has it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rows_of(
    rng: random.Random, person: Person, everything: list[Visit], *, number: int = 0
) -> Iterator[Event]:
    """The visits as rows, one session each from `number` on, with minutes between the actions."""
    free_from = -math.inf
    for session, visit in enumerate(
        sorted(everything, key=lambda v: (v.day, v.minute)), start=number
    ):
        at = max(visit.minute, free_from - visit.day * 1440)
        actions = [*visit.planned, *visit.free, *visit.after]
        if not visit.planned and rng.random() < 0.45:
            actions.insert(0, Action("logged_in"))
        for action in actions:
            if at >= 1438:
                break
            yield Event(
                "", person.id, person.account.id, action.name, text(moment(visit.day, at)),
                f"{person.id}/{session}", action.feature, action.item, action.score,
            )  # fmt: skip
            at += min(22.0, 0.2 + rng.expovariate(1 / 2.8))
        free_from = visit.day * 1440 + at + 40


def colleagues() -> list[Person]:
    """Our own people, who test; the YAML excludes them."""
    home = Account("Our Company", "enterprise", -500, id="c-00")
    found = []
    for i in (1, 2, 3):
        email = f"qa{i}@ourcompany.example"
        found.append(Person(home, -60 - i, "admin", False, email, email, 600.0, 0.3))
    return found


def make_log(rng: random.Random, people: list[Person], testers: list[Person]) -> list[Event]:
    """All rows in the order of their arrival, the dirty ones included."""
    rows: list[Event] = []
    for person in people:
        if person.ghost:
            if not person.silent:
                rows += rows_of(
                    rng, person, [Visit(person.signup, person.minute, [Action("signed_up")])]
                )
            continue
        rows += rows_of(rng, person, visits(rng, person))
    for person in testers:
        rows += rows_of(rng, person, visits(rng, person))
    owl = next(p for p in people if p.role == "editor" and p.pace > 0.3 and p.end > DAYS)
    late = [Action("dashboard_viewed"), Action("doc_edited"), Action("dashboard_viewed")]
    rows += rows_of(rng, owl, [Visit(LAST, 1411.0, [Action("logged_in"), *late])], number=1000)
    rows += _anonymous(rng)
    rows.sort(key=lambda row: row.occurred_at)
    sessions: dict[str, str] = {}
    for i, row in enumerate(rows):
        session = sessions.setdefault(row.session_id, f"s{len(sessions) + 1:05d}")
        rows[i] = row._replace(session_id=session)
    return _spoil(rng, rows)


def _anonymous(rng: random.Random) -> Iterator[Event]:
    """Views of shared links, by nobody known."""
    for i in range(ANONYMOUS):
        at = text(moment(working(rng, 0, LAST), office_minute(rng)))
        yield Event("", "", "", "dashboard_viewed", at, f"link/{i}", "", "", "")


def _counts(row: Event) -> bool:
    """Whether a row is of a customer and no noise, so that the counts of dirty rows are exact."""
    return row.user_id.startswith("u-") and row.event_name != "$pageleave"


def _spoil(rng: random.Random, rows: list[Event]) -> list[Event]:
    """Add what exports hold that they should not; nothing good is lost by it."""
    known = [i for i, row in enumerate(rows) if _counts(row)]
    chosen = rng.sample(known, UNREADABLE + NAMELESS + 2)
    changes = [{"occurred_at": DIRTY_TIMES[i % len(DIRTY_TIMES)]} for i in range(UNREADABLE)]
    changes += [{"event_name": "", "feature": "", "item": "", "score": ""}] * NAMELESS
    changes += [{"occurred_at": "1970-01-01T00:00:00Z"}, {"occurred_at": "2099-12-31T23:00:00Z"}]
    extra = {i: rows[i]._replace(**change) for i, change in zip(chosen, changes, strict=True)}
    numbered: list[Event] = []
    for i, row in enumerate(rows):
        for each in (row, extra[i]) if i in extra else (row,):
            numbered.append(each._replace(event_id=f"e{len(numbered) + 1:05d}"))
    spoilt = {extra[i][1:] for i in extra}
    good = [i for i, row in enumerate(numbered[:-500]) if _counts(row) and row[1:] not in spoilt]
    for i in sorted(rng.sample(good, REPEATED), reverse=True):
        numbered.insert(i + rng.randrange(1, 400), numbered[i])  # the same delivery once more
    return numbered


# ---- Files ----


def make() -> dict[str, pl.DataFrame]:
    """The three tables by name."""
    rng = random.Random(SEED)
    accounts = make_accounts(rng)
    people = make_people(rng, accounts)
    testers = colleagues()
    log = make_log(rng, people, testers)
    plain = [a.id for a in accounts if a.name not in PLANTED and a.cancels is None]
    unknown = rng.sample(plain, 2)
    events = pl.DataFrame(log, schema=dict.fromkeys(Event._fields, pl.String), orient="row")
    return {
        "events": events.with_columns(pl.when(pl.all() != "").then(pl.all())),
        "users": pl.DataFrame(
            {
                "user_id": [p.id for p in (*people, *testers)],
                "company_id": [p.account.id for p in (*people, *testers)],
                "created_at": [text(moment(p.signup, p.minute)) for p in (*people, *testers)],
                "role": [p.role for p in (*people, *testers)],
                "email": [p.email for p in (*people, *testers)],
            }
        ),
        "accounts": pl.DataFrame(
            {
                "company_id": [a.id for a in accounts],
                "name": [a.name for a in accounts],
                "plan": [a.plan for a in accounts],
                "company_size": [a.size for a in accounts],
                "licences": [None if a.id in unknown else a.seats for a in accounts],
                "mrr": [a.seats * PRICE[a.plan] for a in accounts],
                "started_on": [moment(a.start, 0).date().isoformat() for a in accounts],
            }
        ),
    }


def write(folder: Path) -> None:
    """The four files."""
    tables = make()
    for name, table in tables.items():
        table.write_csv(folder / f"{name}.csv")
    tables["events"].write_parquet(
        folder / "events.parquet", compression="zstd", compression_level=19
    )


def check(here: Path) -> int:
    """Whether the files are what this script makes: the CSVs byte by byte, the Parquet by rows."""
    with tempfile.TemporaryDirectory() as temporary:
        write(Path(temporary))
        names = ("events.csv", "users.csv", "accounts.csv")
        _, stale, missing = filecmp.cmpfiles(here, temporary, names, shallow=False)
        fresh = pl.read_parquet(Path(temporary) / "events.parquet")
        packed = here / "events.parquet"
        if not packed.exists() or not pl.read_parquet(packed).equals(fresh):
            stale.append(packed.name)
    for name in (*stale, *missing):
        print(f"sample_data/{name} is not what generate.py makes", file=sys.stderr)
    return 1 if stale or missing else 0


def main() -> int:
    """Write the files, or check those that are there."""
    parser = argparse.ArgumentParser(description="Make the sample data.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    asked = parser.parse_args()
    if asked.check:
        return check(asked.folder)
    asked.folder.mkdir(parents=True, exist_ok=True)
    write(asked.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
