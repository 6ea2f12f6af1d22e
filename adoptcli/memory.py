"""How much memory this process may take: what is stated, else what is left."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from adoptcli.errors import MemoryProblem, UsageProblem

VARIABLE = "ADOPTCLI_MEMORY_LIMIT"
PIECES = "POLARS_FORCE_NDJSON_READ_SIZE"  # tells Polars how many bytes of JSON to read at a time
SHORT = 4 * 1000**3  # bytes
LEFT = 0.1  # of what is found, for what others take meanwhile
UNITS = {"": 1, "K": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4,
         "KI": 1024, "MI": 1024**2, "GI": 1024**3, "TI": 1024**4}  # fmt: skip
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]I?|)B?\s*", re.IGNORECASE)
_NO_LIMIT = 1 << 60  # the first version of cgroups has a number for it
_FILES = ("inactive_file", "active_file")


@dataclass(frozen=True)
class Limit:
    """What this process may take in all.

    Attributes:
        size: Bytes, with what it has already.
        origin: What says so.
    """

    size: int
    origin: str


def limit(root: Path = Path("/"), environment: Mapping[str, str] = os.environ) -> Limit | None:
    """The least of all limits; None where nothing tells any.

    Raises:
        UsageProblem: What is stated is no size.
    """
    stated = environment.get(VARIABLE)
    if stated:
        return Limit(parsed(stated), VARIABLE)
    found = [*_machine(root), *_containers(root), *_own()]
    if not found:
        return None
    free, origin = min(found)
    return Limit(resident(root) + int(max(free, 0) * (1 - LEFT)), origin)


def short() -> bool:
    """Whether there is so little that what is no longer needed should be given back at once."""
    try:
        found = limit()
    except UsageProblem:  # told later, by whoever reads
        return False
    return found is not None and found.size < SHORT


def require(
    more: float, what: str, within: Limit | None = None, taken: int | None = None, way: str = ""
) -> None:
    """Stop before so many more bytes are taken for something, where they are not there.

    Args:
        more: Bytes.
        what: They are for.
        within: What there is, where the caller knows.
        taken: Bytes of what the process has; those of now where the caller does not say.
        way: A way out beside the usual ones.

    Raises:
        MemoryProblem: They are not.
    """
    within = within or limit()
    needed = (resident() if taken is None else taken) + more
    if within is not None and needed > within.size:
        raise MemoryProblem(
            "not-enough-memory",
            f"{what} would need about {shown(needed)} of memory, and {shown(within.size)} are "
            f"there ({within.origin})",
            f"{way}give it more memory, or less to read: a shorter log (source.lookback with "
            f"--since), smaller tables; {VARIABLE} says how much there is where this is not so",
        )


def parsed(text: str) -> int:
    """The bytes of a size such as 1.5GB or 512MiB."""
    match = _SIZE.fullmatch(text)
    if match is None or not float(match[1]):
        raise UsageProblem(
            "bad-memory-limit", f"{VARIABLE}={text}: this is no size", "write it as 1.5GB or 512MB"
        )
    return int(float(match[1]) * UNITS[match[2].upper()])


def resident(root: Path = Path("/")) -> int:
    """The bytes that this process has now; 0 where nobody tells."""
    return _pages(root)[1]


def shown(size: float) -> str:
    """A size for people: two digits, rounded up, so that what is needed is enough."""
    unit, name = (UNITS["G"], "GB") if size >= UNITS["G"] else (UNITS["M"], "MB")
    step = 0.1 if size < 10 * unit else 1
    return f"{-(-size // (unit * step)) * step:.{1 if step < 1 else 0}f} {name}"


def _pages(root: Path) -> tuple[int, int]:
    """Bytes of address space, and of memory."""
    try:
        space, memory, *_ = map(int, (root / "proc/self/statm").read_text().split())
    except (OSError, ValueError):
        return 0, 0
    return space * _PAGE, memory * _PAGE


_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def _machine(root: Path) -> Iterator[tuple[int, str]]:
    """What the machine can give without swapping."""
    for name, size in _table(root / "proc/meminfo").items():
        if name == "MemAvailable:":
            yield size * 1024, "free memory of this machine"


def _containers(root: Path) -> Iterator[tuple[int, str]]:
    """What the control groups of this process have left, its own and those around it.

    Pages of files count as free: the system gives them up first.
    """
    top = root / "sys/fs/cgroup"
    for line in _lines(root / "proc/self/cgroup"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            mount, names = top, ("memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            mount, names = top / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        for folder in _upwards(mount, path):
            most, used = (_number(folder / name) for name in names)
            if most is not None and most < _NO_LIMIT:
                taken = (used or 0) - _reclaimable(_table(folder / "memory.stat"))
                yield most - max(taken, 0), "limit of this container"


def _reclaimable(known: Mapping[str, int]) -> int:
    """Pages of files; the first version of cgroups has those of the groups below as total_."""
    return sum(known.get(f"total_{name}", known.get(name, 0)) for name in _FILES)


def _upwards(mount: Path, path: str) -> Iterator[Path]:
    """The folder of a control group and those above it; within a container not all are there."""
    folder = mount / path.strip().lstrip("/")
    for place in (folder, *folder.parents):
        if place.is_dir():
            yield place
        if place == mount:
            return


def _own() -> Iterator[tuple[int, str]]:
    """What `ulimit -v` leaves of the address space."""
    try:
        import resource
    except ImportError:  # Windows
        return
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY:
        yield most - _pages(Path("/"))[0], "ulimit -v"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def _table(path: Path) -> dict[str, int]:
    """Names and numbers, a pair a line."""
    pairs = (line.split() for line in _lines(path))
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) > 1 and pair[1].isdigit()}


def _number(path: Path) -> int | None:
    text = "".join(_lines(path)).strip()
    return int(text) if text.isdigit() else None
