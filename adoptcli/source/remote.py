"""Buckets and containers: what lies at an address, and private copies of it."""

from __future__ import annotations

import errno
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from glob import has_magic
from importlib.util import find_spec
from pathlib import Path
from threading import Event
from typing import Any

from adoptcli import temporary
from adoptcli.errors import DataProblem, UsageProblem
from adoptcli.source import copies, folders
from adoptcli.source.addresses import STORES, problem, unknown
from adoptcli.source.credentials import options
from adoptcli.source.folders import Entry

AT_ONCE = 16  # requests
CLIENT = {"connect_timeout": "10s", "timeout": "6h"}
RETRIES = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}


@dataclass(frozen=True)
class Place:
    """An address.

    Attributes:
        root: Service and bucket, such as s3://bucket.
        key: What it names there; nothing for the bucket.
    """

    root: str
    key: str

    @classmethod
    def of(cls, address: str) -> Place:
        """The parts of an address."""
        scheme, rest = address.split("://", 1)
        bucket, _, key = rest.partition("/")
        return cls(f"{scheme.lower()}://{bucket}", key)

    @property
    def name(self) -> str:
        """The whole address."""
        return f"{self.root}/{self.key}"

    @cached_property
    def store(self) -> Any:
        """What lists and reads the bucket.

        Raises:
            UsageProblem: The package for it is not installed.
            DataProblem: The settings are not enough.
        """
        if not installed():
            raise UsageProblem(
                "cloud-missing", f"{self.name}: the package that reads clouds is not installed",
                "install it: pip install obstore",
            )  # fmt: skip
        from obstore import store

        scheme, bucket = self.root.split("://")
        settings = options(self.root)
        allow_http = settings.pop("allow_http", "") == "true"
        more: dict[str, Any] = {
            "client_options": CLIENT | ({"allow_http": True} if allow_http else {}),
            "retry_config": RETRIES,
            **settings,
        }
        try:
            if "@" in bucket:
                return store.AzureStore.from_url(self.root, **more)
            return getattr(store, STORES[scheme])(bucket, **more)
        except refusals() as error:
            raise problem(error, self.name) or unknown(error, self.name) from error


def installed() -> bool:
    """Whether the package that lists and fetches is there."""
    return find_spec("obstore") is not None


def refusals() -> tuple[type[Exception], ...]:
    """What is raised where a service does not give what it was asked for."""
    if not installed():
        return (OSError,)
    from obstore.exceptions import BaseError

    return OSError, ValueError, BaseError


@dataclass(frozen=True)
class Found:
    """What lies at an address.

    Attributes:
        prefix: The key of the folder, with a slash at its end; nothing for a whole bucket.
        entries: The files below it, by their paths.
        single: The address names this one object.
    """

    prefix: str
    entries: list[Entry]
    single: bool = False


def find(place: Place) -> Found:
    """The object, the objects of the folder or those that a glob means.

    Raises:
        UsageProblem: The package for it is not installed.
        DataProblem: Nothing is there, or it cannot be looked at.
    """
    try:
        return _find(place)
    except refusals() as error:
        raise problem(error, place.name) or unknown(error, place.name) from error


def _find(place: Place) -> Found:
    if has_magic(place.key):
        prefix, pattern = folders.parted(place.key)
        found = _listed(place, prefix)
        wanted = pattern.split("/")
        kept = [e for e in found.entries if folders.matches(e.within.parts, wanted)]
        folders.outside_tables(kept, found.entries, place.name)
        found = Found(found.prefix, kept)
    elif place.key and not place.key.endswith("/") and (size := _size(place)) is not None:
        head, _, name = place.key.rpartition("/")
        return Found(f"{head}/" if head else "", [Entry.of(name, size)], single=True)
    else:
        found = _listed(place, place.key.rstrip("/"))
        _outside_table(place)
    if not found.entries:
        raise DataProblem(
            "no-such-file", f"{place.name}: nothing is there", "check the bucket and the key"
        )
    return found


def _size(place: Place) -> int | None:
    try:
        return int(place.store.head(place.key)["size"])
    except FileNotFoundError:
        return None


def _outside_table(place: Place) -> None:
    """Stop where the folder is a partition of a Delta table."""
    above = re.split(r"(?:^|/)[^/=]+=", place.key, maxsplit=1)
    if len(above) > 1:
        log = f"{above[0]}/{folders.DELTA}".lstrip("/")
        if any(page for page in place.store.list(log)):
            raise folders.part_of_table(place.name)


def _listed(place: Place, key: str) -> Found:
    prefix = f"{key}/" if key else ""
    found = [
        Entry.of(meta["path"].removeprefix(prefix), meta["size"])
        for page in place.store.list(key or None)
        for meta in page
        if meta["path"] != key
    ]
    return Found(prefix, sorted(found, key=lambda e: e.within.parts))


def fetch(place: Place, prefix: str, entries: Sequence[Entry], tmp: Path | None) -> list[Path]:
    """Private copies of objects, which go when the program does.

    Args:
        place: Where they are.
        prefix: The key of their folder.
        entries: Which they are.
        tmp: Where to keep them.

    Raises:
        DataProblem: One cannot be read.
        OutputProblem: There is no space for them.
    """
    folder = temporary.folder(tmp)
    copies.enough_room(folder, sum(e.size for e in entries), place.name)
    paths = [folder / f"{i:06}{copies.ending(e.within.name)}" for i, e in enumerate(entries)]
    keys = [prefix + str(e.within) for e in entries]
    stop, pool = Event(), ThreadPoolExecutor(AT_ONCE)
    try:
        tasks = [
            pool.submit(_copy, place.store, *pair, stop) for pair in zip(keys, paths, strict=True)
        ]
        for task, key in zip(tasks, keys, strict=True):
            _told(task.result, f"{place.root}/{key}")
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
    return paths


def _copy(store: Any, key: str, path: Path, stop: Event) -> None:
    with path.open("wb") as target:
        for chunk in store.get(key).stream(min_chunk_size=1 << 20):
            if stop.is_set():
                return
            target.write(chunk)


def _told(result: Any, name: str) -> None:
    try:
        result()
    except refusals() as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise copies.no_space(name, f"{error.strerror}") from error
        raise problem(error, name) or unknown(error, name) from error
