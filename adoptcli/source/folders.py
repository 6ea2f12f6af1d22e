"""What lies in a folder, near or far: which of it are data, and what its folders' names say."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from glob import has_magic
from pathlib import PurePath, PurePosixPath
from urllib.parse import unquote

from adoptcli.errors import DataProblem
from adoptcli.source.files import KINDS, Kind, among, kind_of
from adoptcli.timeframe import to_day

DELTA = "_delta_log"
DAYS = ("day", "date", "dt", "ds", "event_date", "load_date")
NULL = "__HIVE_DEFAULT_PARTITION__"  # the value of a folder whose rows have none
_HIVE = re.compile(r"^([^=/]+)=(.*)$")
_DAY = re.compile(r"^(\d{4})-?(\d{2})-?(\d{2})(?:[-T ]\d{2}.*)?$")
_LEVELS = re.compile(r"(?:^|/)((?:19|20)\d\d)/(0[1-9]|1[0-2])/(\d\d)(?=/|$)")
_MONTH = re.compile(r"^(\d{4})-?(\d{2})$")


@dataclass(frozen=True)
class Entry:
    """A file below a folder.

    Attributes:
        within: Its path below the folder.
        size: Its bytes.
        folders: The names of the folders between the two.
    """

    within: PurePosixPath
    size: int
    folders: tuple[str, ...]

    @classmethod
    def of(cls, within: str | PurePath, size: int) -> Entry:
        """The file at a path below the folder."""
        path = PurePosixPath(within)
        return cls(path, size, path.parts[:-1])


@dataclass
class Cut:
    """Dated folders that end before a day are not read.

    Attributes:
        day: The first day, as a number, whose folders are read.
        files: So many files were left out.
    """

    day: int
    files: int = 0


def pairs(folders: Iterable[str]) -> tuple[tuple[str, str | None], ...]:
    """Names and values of the folders that are called `key=value`; of some a value is null."""
    found = (match.groups() for part in folders if (match := _HIVE.match(part)))
    return tuple((key, None if value == NULL else unquote(value)) for key, value in found)


def last_day(folders: Sequence[str]) -> int | None:
    """The last day that folders' names leave for what is in them; None where they name none.

    They name it by `key=value`, or as year, month and day one below the other: `2026/01/31`.
    """
    named = {key.lower(): value for key, value in pairs(folders) if value is not None}
    found = []
    with suppress(ValueError):  # a value that is no date tells nothing
        found += [day for key in DAYS if (day := _whole(named.get(key, "")))]
    with suppress(ValueError):
        found += [day] if (day := _together(named)) else []
    for parts in _LEVELS.findall("/".join(folders)):
        with suppress(ValueError):
            found.append(date(*map(int, parts)))
    return max(map(to_day, found), default=None)


def _whole(text: str) -> date | None:
    match = _DAY.match(text)
    return date(*map(int, match.groups())) if match else None


def _together(named: dict[str, str]) -> date | None:
    """The last day of a year, a month or a day in folders of their own."""
    year, month, day = (named.get(key, "") for key in ("year", "month", "day"))
    if match := _MONTH.match(month):
        year, month = match.groups()
    if not re.fullmatch(r"\d{4}", year):
        return None
    if not month.isdecimal():
        return date(int(year), 12, 31)
    last = calendar.monthrange(int(year), int(month))[1]
    return date(int(year), int(month), int(day) if re.fullmatch(r"\d{1,2}", day) else last)


def recent(entries: Sequence[Entry], cut: Cut | None) -> list[Entry]:
    """Without what lies in folders of before the cut."""
    if cut is None:
        return [*entries]
    kept = [e for e in entries if (day := last_day(e.folders)) is None or day >= cut.day]
    cut.files += len(entries) - len(kept)
    return kept


def data_files(
    entries: Sequence[Entry], name: str, kind: Kind | None, looks: Callable[[Entry], bool],
    notes: list[str], cut: Cut | None,
) -> list[Entry]:  # fmt: skip
    """The data files among them; those that are empty or tell of the others are left out.

    Args:
        entries: All files below the folder.
        name: What the folder is called in messages.
        kind: What the YAML says they are.
        looks: Whether a file whose name tells nothing looks like data.
        notes: What is skipped is said here.
        cut: What is too old to be read.

    Raises:
        DataProblem: There are none.
    """
    _no_tables(entries, name)
    shown = [e for e in entries if not any(p.startswith((".", "_")) for p in e.within.parts)]
    kept = recent(shown, cut)
    inside = [e for e in kept if kind_of(e.within.name) or kind or looks(e)]
    aside = [e for e in inside if not e.size or is_manifest(e.within)]
    if aside and len(aside) < len(inside):
        notes.append(f"skipped in {name}: {among([e.within.name for e in aside])}, without rows")
        inside = [e for e in inside if e not in aside]
    if inside:
        return inside
    if len(kept) < len(shown):
        raise DataProblem(
            "all-too-old", f"{name}: all its dated folders are older than source.lookback reaches",
            "choose an earlier --since or a longer lookback",
        )  # fmt: skip
    raise DataProblem(
        "no-data-files",
        f"{name}: the folder holds no data files",
        f"event files end in {', '.join(KINDS)}, with .gz or .zst",
    )


def is_manifest(path: PurePath) -> bool:
    """Whether a file tells of the others: it or a folder of its is called so."""
    return any(part.lower().startswith("manifest") for part in path.parts)


def _no_tables(entries: Sequence[Entry], name: str) -> None:
    """Stop where folders within are Delta tables: some of their files may count no more."""
    for table in _tables(entries):
        raise DataProblem(
            "delta-within", f"{name}: {'/'.join(table)} is a Delta table within the folder",
            "name the table itself",
        )  # fmt: skip


def _tables(entries: Sequence[Entry]) -> list[tuple[str, ...]]:
    return [e.folders[: e.folders.index(DELTA)] for e in entries if DELTA in e.folders]


def outside_tables(kept: Sequence[Entry], entries: Sequence[Entry], name: str) -> None:
    """Stop where some of the entries that are kept belong to a Delta table among them all."""
    for table in dict.fromkeys(_tables(entries)):
        if any(entry.folders[: len(table)] == table for entry in kept):
            raise part_of_table(name)


def part_of_table(name: str) -> DataProblem:
    """The problem that a folder or glob is about a part of a Delta table's files."""
    return DataProblem(
        "delta-part",
        f"{name}: this is within a Delta table, some of whose files may count no more",
        "name the table itself; source.lookback leaves out its old partitions",
    )


def parted(pattern: str) -> tuple[str, str]:
    """The folder that a glob is looked for in, and the glob below it."""
    parts = pattern.split("/")
    first = next(i for i, part in enumerate(parts) if has_magic(part))
    return "/".join(parts[:first]), "/".join(parts[first:])


def matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a path is one that a glob means; `**` stands for any number of folders."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        rest = pattern[1:] or ["*"]
        return any(matches(parts[i:], rest) for i in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and matches(parts[1:], pattern[1:])
