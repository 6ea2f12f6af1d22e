"""A log as lists and dictionaries, and the calendar by the standard library."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable
from copy import copy
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from tests.logs import Log

Tables = dict[str, list[dict[str, Any]]]
USERS = {"id": "user_id", "signed_up_at": "created_at", "account": "account_id"}
ACCOUNTS = {"id": "account_id", "seats": "seats", "mrr": "mrr", "cancelled_at": "cancelled_at"}
Person = tuple[int | None, dict[str, str]]
DAY_MS = 86_400_000
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ms(text: str) -> int:
    """An ISO timestamp with Z in ms."""
    return round((datetime.fromisoformat(text) - EPOCH) / timedelta(milliseconds=1))


def listed(refs: Any) -> list[Any]:
    """References of the YAML as a list."""
    return refs if isinstance(refs, list) else [refs]


def excluded(config: dict[str, Any], what: str, text: str) -> bool:
    """Whether a user, an account or an event does not count."""
    return any(fnmatchcase(text, p) for p in config.get("exclude", {}).get(what, []) if text)


def _out(config: dict[str, Any], row: Any, account: str) -> bool:
    """Whether something excludes a row of an account."""
    told = zip(("users", "events", "accounts"), (row[0], row[1], account), strict=True)
    return any(excluded(config, what, text) for what, text in told)


def first_counts(config: dict[str, Any], name: str) -> bool:
    """Whether the first value of a property counts, and not the latest."""
    segments = config.get("segments", [])
    return any(s == {"name": name, "at": "first"} for s in segments)


def _burn_in(config: dict[str, Any], known: bool) -> int:
    usual = "0d" if known else "30d"
    return int(config.get("burn_in", usual)[:-1])


def first_of(log: Log) -> int | None:
    """The first instant of a row that counts before as-of; None where there is no such row."""
    zone = ZoneInfo(log.config["time_zone"])
    end = ms(datetime.fromisoformat(log.as_of).replace(tzinfo=zone).isoformat())
    return min((t for _, _, t, _ in counted(log) if t < end), default=None)


def counted(log: Log) -> list[tuple[str, str, int, dict[str, str]]]:
    """The rows that are usable, without repeats of an id, and those that nothing excludes."""
    c, seen, found = log.config, set[Any](), list[Any]()
    homes = _homes(log) if log.unit == "account" else {}
    usable = [(ms(r[2]), r[1], r) for r in log.events if r[0] and r[1] and r[2] != "never"]

    def place(row: Any) -> Any:
        """First the earliest, then what counts, then what names an account."""
        account = row[2][3] or homes.get(row[2][0], "")
        nowhere = log.unit == "account" and not account
        return *row[:2], nowhere or _out(c, row[2], account), not account, account

    for t, _, r in sorted(usable, key=place):
        key = (r[0], r[7]) if r[7] else None
        if (key and key in seen) or (c.get("dedupe") == "exact" and r in seen):
            continue
        seen |= {key, r}
        if not _out(c, r, r[3]):
            of = {"account": r[3], "session": r[4], "kind": r[5], "score": r[6]}
            of["member"] = r[0]
            found.append((r[0], r[1], t, of))
    return found


def _homes(log: Log) -> dict[str, str]:
    """The account of each user of the users table, which rows without one count for."""
    users = log.config.get("users")
    rows = _lines(log.users, users, USERS) if users else []
    return {row["user_id"]: row["account_id"] for row in rows}


def _lines(text: str, names: dict[str, Any], usual: dict[str, str]) -> list[dict[str, str]]:
    """The rows of a table, under the names that columns usually have."""
    ours = {names[key]: column for key, column in usual.items() if key in names}
    return [
        {ours.get(k, k): v for k, v in row.items()} for row in csv.DictReader(io.StringIO(text))
    ]


def _local(text: str, zone: ZoneInfo) -> str:
    return datetime.fromisoformat(text).replace(tzinfo=zone).isoformat()


class World:
    """What an oracle may know of a log."""

    def __init__(self, log: Log) -> None:
        c = log.config
        self.config = c
        self.zone = ZoneInfo(c["time_zone"])
        self.period: str = c["period"]
        self.as_of_day = date.fromisoformat(log.as_of)
        self.as_of = self.midnight(self.as_of_day)
        self.people = self._table(log) if "users" in c else {}
        self.account_table: dict[str, dict[str, str]] = {}
        if "accounts" in c:
            rows_of = _lines(log.accounts, c["accounts"], ACCOUNTS)
            self.account_table = {
                row["account_id"]: row for row in rows_of
                if not excluded(c, "accounts", row["account_id"])
            }  # fmt: skip
        rows = [r for r in counted(log) if r[2] < self.as_of]
        self.unit = log.unit
        self.table, self.tabled = self.people, "users" in c
        if self.unit == "account":
            homes = _homes(log)
            told = [(p["account"] or homes.get(u, ""), e, t, p) for u, e, t, p in rows]
            rows = [row for row in told if not excluded(c, "accounts", row[0])]
            self.table, self.tabled = self._account_rows(), "accounts" in c
        self.first_day = min(self.day(r[2]) for r in rows)
        since, until = (date.fromisoformat(d) if d else None for d in (log.since, log.until))
        self.shown_from = max(since or self.first_day, self.first_day)
        self.end_day = min(until + timedelta(1) if until else self.as_of_day, self.as_of_day)
        rows = [row for row in rows if row[0]]
        self.users = sorted({r[0] for r in rows})
        self.events: dict[str, list[tuple[int, str, dict[str, str]]]] = {
            u: sorted(
                ((t, e, p) for v, e, t, p in rows if v == u),
                key=lambda x: (x[0], x[1], x[2]["kind"]),
            )
            for u in self.users
        }
        self.kinds = {(e, p["kind"]): p for _, e, _, p in rows}  # whoever's they are
        self.signup_known = "signup" in c or any(t for t, _ in self.people.values())
        self._sign_ups()

    def _table(self, log: Log) -> dict[str, Person]:
        """When each user of the table signed up, and its other columns."""
        users = self.config["users"]
        zone = ZoneInfo(users.get("time_zone", "UTC"))
        return {
            row["user_id"]: (self.instant(row["created_at"], zone), row)
            for row in _lines(log.users, users, USERS)
            if not excluded(self.config, "users", row["user_id"])
            and not excluded(self.config, "accounts", row["account_id"])
        }

    def only(self, actors: set[str]) -> World:
        """The same log and calendar with some of the actors."""
        part = copy(self)
        part.actors, part.users = ([u for u in some if u in actors]
                                   for some in (self.actors, self.users))  # fmt: skip
        part.events = {u: self.events[u] for u in part.users}
        part.known = self.known & actors
        part.t0 = {u: t for u, t in self.t0.items() if u in actors}
        return part

    def _account_rows(self) -> dict[str, Person]:
        """The accounts of both tables; each signed up when the first of its members did."""
        homes = [(row["account_id"], t) for t, row in self.people.values() if row["account_id"]]
        return {
            account: (
                min((t for home, t in homes if home == account and t is not None), default=None),
                {**self.account_table.get(account, {}), "account_id": account},
            )
            for account in {*self.account_table, *(home for home, _ in homes)}
        }

    def instant(self, text: str, zone: ZoneInfo) -> int | None:
        """A time of a table, of a zone where it names none; a date is the report's midnight."""
        if not text:
            return None
        if "T" not in text:
            return self.midnight(date.fromisoformat(text))
        return ms(text if text.endswith("Z") else _local(text, zone))

    def ends(self, account: str) -> int | None:
        """When the accounts table says that an account was cancelled."""
        zone = ZoneInfo(self.config.get("accounts", {}).get("time_zone", "UTC"))
        return self.instant(self.account_table.get(account, {}).get("cancelled_at") or "", zone)

    def trait(self, user: str, name: str) -> str | None:
        """A user's value of a column of the users or the accounts table; None where empty."""
        if self.table and name in next(iter(self.table.values()))[1]:
            return self.table.get(user, (None, {}))[1].get(name) or None
        return self.account_table.get(self.account(user) or "", {}).get(name) or None

    def value(self, user: str, name: str) -> str | None:
        """What a user is told apart by: a column of the tables, or a property of the events."""
        return self.latest(user, name) if name == "kind" else self.trait(user, name)

    def latest(self, user: str, name: str) -> str | None:
        """A user's latest (or first) value of a property of the events; on a tie the smallest."""
        rows = [(t, p[name]) for t, _, p in self.events.get(user, []) if p[name]]
        end = min if first_counts(self.config, name) else max
        return min(v for t, v in rows if t == end(rows)[0]) if rows else None

    def account(self, user: str) -> str | None:
        """The latest account that a user's rows name (the smallest on a tie), else the table's."""
        rows = [(t, p["account"]) for t, _, p in self.events.get(user, []) if p["account"]]
        if rows:
            last = max(t for t, _ in rows)
            return min(a for t, a in rows if t == last)
        return self.table.get(user, (None, {}))[1].get("account_id") or None

    def _sign_ups(self) -> None:
        """t0 of each actor, and whether it is known."""
        self.clear_from = self.first_day + timedelta(days=_burn_in(self.config, self.signup_known))
        burn_in = self.midnight(self.clear_from)
        self.t0: dict[str, int] = {}
        self.known: set[str] = set()
        for user in {*self.users, *self.table}:
            rows = self.events.get(user, [])
            stated = [t for t, e, p in rows if self.means("signup", e, p)][:1]
            told = self.table[user][0] if user in self.table else None
            if told is not None and (not stated or self.unit == "account"):
                stated = [min([told, *stated])]
            if self.signup_known:
                if stated:
                    self.t0[user] = stated[0]
                    self.known.add(user)
            elif rows:
                self.t0[user] = rows[0][0]
                if rows[0][0] >= burn_in:
                    self.known.add(user)
        self.actors = sorted(
            u for u in {*self.users, *self.table}
            if u in self.events or self.t0.get(u, -1) < self.as_of
        )  # fmt: skip

    def day(self, t: int) -> date:
        """The local day of an instant."""
        return (EPOCH + timedelta(milliseconds=t)).astimezone(self.zone).date()

    def midnight(self, day: date) -> int:
        """The first instant of a local day."""
        local = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        return round((local.astimezone(UTC) - EPOCH) / timedelta(milliseconds=1))

    def start(self, day: date, period: str | None = None) -> date:
        """The first day of the period that holds a day."""
        period = period or self.period
        if period == "day":
            return day
        if period == "month":
            return day.replace(day=1)
        first = WEEKDAYS.index(self.config["week_start"])
        return day - timedelta(days=(day.weekday() - first) % 7)

    def after(self, start: date, period: str | None = None) -> date:
        """The first day of the next period."""
        later = start + timedelta(days={"day": 1, "week": 7, "month": 31}[period or self.period])
        return self.start(later, period) if (period or self.period) == "month" else later

    def complete(self, period: str | None = None) -> list[tuple[date, date]]:
        """The periods wholly within the days shown."""
        whole = self.whole(period)
        return [(a, b) for a, b in whole if self.shown_from <= a and b <= self.end_day]

    def whole(self, period: str | None = None) -> list[tuple[date, date]]:
        """The periods wholly within the data."""
        found, at = [], self.start(self.first_day, period)
        while self.after(at, period) <= self.as_of_day:
            if at >= self.first_day:
                found.append((at, self.after(at, period)))
            at = self.after(at, period)
        return found

    def before(self, period: str | None = None) -> list[tuple[date, date]]:
        """The whole period before the first that is shown, if the data hold it."""
        shown = self.complete(period)
        return [(a, b) for a, b in self.whole(period) if shown and b == shown[0][0]]

    def windows(self, length: int, most: int) -> list[tuple[date, date]]:
        """The windows back from the end of the days shown, oldest first.

        The newest is always there, the one before it where the data hold it whole, those before
        where they lie wholly among the days shown.
        """
        step, found = (
            timedelta(days=length),
            [(self.end_day - timedelta(days=length), self.end_day)],
        )
        while len(found) < most:
            begin = found[0][0] - step
            if begin < (self.first_day if len(found) == 1 else self.shown_from):
                break
            found.insert(0, (begin, found[0][0]))
        return found

    def shows(self, day: date) -> bool:
        """Whether a day is among those shown."""
        return self.shown_from <= day < self.end_day

    def label(self, start: date, period: str | None = None) -> str:
        """As the report names it."""
        return start.isoformat()[:7] if (period or self.period) == "month" else start.isoformat()

    def holds(self, ref: Any, event: str, properties: dict[str, str]) -> bool:
        """Whether a row is what a reference means."""
        if isinstance(ref, str):
            return event == ref
        where = ref.get("where", {})
        return event == ref["event"] and all(
            properties[k] in (v if isinstance(v, list) else [v]) for k, v in where.items()
        )

    def means(self, role: str, event: str, properties: dict[str, str]) -> bool:
        """Whether a row is what the YAML says is a sign-up, login or purchase; no row without."""
        return any(self.holds(ref, event, properties) for ref in listed(self.config.get(role, [])))

    def active(self, event: str, properties: dict[str, str]) -> bool:
        """Whether a row makes its user active."""
        refs = self.config.get("active_events")
        return refs is None or any(self.holds(r, event, properties) for r in refs)

    def days(self, user: str) -> list[date]:
        """The local days on which a user was active."""
        rows = self.events.get(user, [])
        return sorted({self.day(t) for t, e, p in rows if self.active(e, p)})

    def since(self, user: str) -> date:
        """The day of the sign-up or of the first row; who has neither was always there."""
        days = [self.day(t) for t, _, _ in self.events.get(user, [])[:1]]
        days += [self.day(self.t0[user])] if user in self.t0 else []
        return min(days, default=date.min)

    def starters(self) -> list[str]:
        """Actors with a known sign-up within the data, on the days shown."""
        return [u for u in self.newcomers() if self.shows(self.day(self.t0[u]))]

    def newcomers(self) -> list[str]:
        """Actors with a known sign-up within the data, whatever is shown."""
        known = [u for u in self.actors if u in self.known and self.t0[u] < self.as_of]
        return [u for u in known if self.day(self.t0[u]) >= self.first_day]


def nothing_shown(log: Log) -> bool:
    """Whether the days that a log asks for are none of its own."""
    world = World(log)
    return world.end_day <= world.shown_from


def may_use(world: World, user: str, feature: Any, day: date) -> bool:
    """Whether a feature of the YAML is there on a day, and a user can have it."""
    f = feature if isinstance(feature, dict) else {}
    traits = f.get("eligible", {}).items()
    there = date.fromisoformat(str(f.get("launched_at", "0001-01-01"))) <= day
    return there and all(world.trait(user, name) in values for name, values in traits)


def quantile(values: list[int], q: float) -> Fraction | None:
    """Linear between neighbours."""
    if not values:
        return None
    place = Fraction(q).limit_denominator(1000) * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    ordered = sorted(values)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def count_by(keys: list[Any]) -> dict[Any, int]:
    """How often each key stands."""
    found: dict[Any, int] = defaultdict(int)
    for key in keys:
        found[key] += 1
    return found


Expected = Callable[[World], dict[str, list[dict[str, Any]]]]
