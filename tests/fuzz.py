"""Damaged input of every kind: whatever it is, a clear message and an exit code of the list.

python -m tests.fuzz --inputs 100000     # the long run; --first SEED goes on from there
"""

from __future__ import annotations

import argparse
import gc
import gzip
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import yaml

from adoptcli.cli.main import run
from adoptcli.errors import Exit
from adoptcli.metrics import all_metrics
from tests.logs import Log, frame, random_log

CODES = {Exit.OK, Exit.MISSED, Exit.USAGE, Exit.DATA, Exit.OUTPUT}
SECONDS = 60  # after which a run hangs
PIECES = (
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b'""', b"'", b",", b";", b"\t", b"\r", b"\n",
    b"\r\n", b"\\", b"{", b"}", b"[", b"]", b": ", b"- ", b"&a ", b"*a",
    b"!!python/name:os.system ",
    b"null", b"~", b"NaN", b"-1", b"1e999", b"9" * 40, b"2026-02-30", b"0001-01-01T00:00:00Z",
    b"9999-12-31T23:59:59Z", b"-inf", b"true", b"yes", b"=cmd()", b"\x1b[31m", b"../../x",
    b"PAR1", b"\x1f\x8b", b"PK\x03\x04", "\u202e\u0000\ud7ff".encode(), "é".encode("latin-1"),
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1, 10**30, 0.5, float("nan"), float("inf"), "", " ", "*", "[", "a" * 300,
    "7d", "0d", "99999d", "-3d", "2026-01-01", "built", "user", "\x1b[0m", "{}", [], {}, [[]],
    [None],
    {"": ""}, {"event": "built"}, ["built", "built"], {"any": []}, {"all": [{"event": None}]},
)  # fmt: skip
WORDS = (
    "", "-", "--", "x", "0", "-1", "1e9", "2026-01-01", "2026-13-01", "9999-12-31", "today",
    "csv", "json", "html", "none", "plan", "plan,role", ",", "account", "user", "month", "nowhere",
    "not_activated", "never_tried:", "retention.triangle[cohort=2026-03].n", "a[b=c].d", "[].",
    "events.csv", "m.yaml", ".", "/", "/dev/null", "s3://", "https://127.0.0.1:1/x.csv", "é\u202e",
)  # fmt: skip
OPTIONS = (
    "--as-of", "--since", "--until", "--by", "--unit", "--period", "--only", "--skip", "-f", "-c",
    "--users", "--accounts", "--identities", "--shards", "--preset", "--details", "-q", "-v",
    "--who", "--limit", "--diff", "--for", "--targets", "--strict", "--no-charts", "--tmp", "-h",
)  # fmt: skip
TARGETS = {
    "activation": ">= 40%", "stickiness": {"fail": "< 20%", "warn": "< 25%"},
    "active_users": {"change": ">= -5%"},
}  # fmt: skip


@dataclass(frozen=True)
class Input:
    """Files by name, and the command line."""

    files: dict[str, bytes]
    arguments: list[str]


def made(seed: int) -> Input:
    """One input, the same for the same seed."""
    rng = random.Random(f"fuzz {seed}")
    log = random_log(rng.randrange(1000))
    name, events = _events(rng, log)
    log.config["targets"] = TARGETS
    files = {
        name: events, "users.csv": log.users.encode(), "accounts.csv": log.accounts.encode(),
        "m.yaml": yaml.safe_dump(log.config, sort_keys=False).encode(),
    }  # fmt: skip
    arguments = [*_command(rng), name, "-c", "m.yaml"]
    target = rng.choice([name, name, "m.yaml", "m.yaml", "users.csv", "accounts.csv", "arguments"])
    if target == "arguments":
        arguments = _other_words(rng, arguments)
    elif target == "m.yaml" and rng.random() < 0.6:
        changed = _changed(rng, deepcopy(log.config))
        files[target] = yaml.safe_dump(changed, sort_keys=False, allow_unicode=True).encode()
    else:
        files[target] = damaged(rng, files[target])
    return Input(files, arguments)


def _events(rng: random.Random, log: Log) -> tuple[str, bytes]:
    """The log in one of the formats."""
    table, stream = frame(log.events), io.BytesIO()
    kind = rng.choice(("csv", "csv", "tsv", "ndjson", "ndjson", "parquet", "csv.gz", ""))
    if kind == "parquet":
        table.write_parquet(stream, compression=rng.choice(("zstd", "snappy", "uncompressed")))
    elif kind == "ndjson":
        lines = [json.dumps(row) for row in table.to_dicts()]
        stream.write("\n".join(lines).encode())
    else:
        table.write_csv(stream, separator="\t" if kind == "tsv" else ",")
    data = stream.getvalue()
    return ("events." + kind).rstrip("."), gzip.compress(data) if kind == "csv.gz" else data


def _command(rng: random.Random) -> list[str]:
    metric = rng.choice(sorted(all_metrics()))
    return rng.choice(
        (
            ["report", "-q", "--only", metric, "-f", rng.choice(("json", "table", "csv"))],
            ["report", "-q", "--only", metric, "--by", rng.choice(("plan", "kind", "account"))],
            [metric.replace("_", "-"), "-q", "-f", "ndjson"],
            ["validate"],
            ["check", "-q"],
            ["audience", rng.choice(("not_activated", "one_step_short", "used_once:share"))],
        )
    )


def damaged(rng: random.Random, data: bytes) -> bytes:
    """The bytes with one to four faults."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        to = min(len(data), at + rng.choice((1, 1, 2, 10, 100)))
        piece = rng.choice((rng.choice(PIECES), rng.randbytes(rng.randint(1, 8)), data[at:to] * 3))
        kind = rng.choice(("insert", "replace", "delete", "cut", "flip"))
        if kind == "insert":
            data = data[:at] + piece + data[at:]
        elif kind == "replace":
            data = data[:at] + piece + data[at + len(piece) :]
        elif kind == "delete":
            data = data[:at] + data[to:]
        elif kind == "cut":
            data = data[:at] if rng.random() < 0.5 else data[at:]
        elif at < len(data):
            data = data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]
    return data


def _changed(rng: random.Random, config: Any) -> Any:
    """The YAML with a value that is something else, a key that is gone or new."""
    places = [*_places(config)]
    for _ in range(rng.randint(1, 3)):
        holder, key = rng.choice(places)
        kind = rng.choice(("other", "other", "value", "gone", "new"))
        try:
            if kind == "other":
                holder[key] = deepcopy(rng.choice(_alike(places, holder[key])))
            elif kind == "value":
                holder[key] = deepcopy(rng.choice((*VALUES, rng.choice(places)[0])))
            elif kind == "gone":
                del holder[key]
            elif isinstance(holder, dict):
                holder[rng.choice(("", "within", "events", "where", 3, None))] = deepcopy(
                    rng.choice(VALUES)
                )
        except (KeyError, IndexError):
            continue
    return config if rng.random() < 0.98 else rng.choice(VALUES)


def _alike(places: list[tuple[Any, Any]], value: Any) -> list[Any]:
    """All values of the YAML of the same type."""
    found = [value]
    for holder, key in places:
        try:
            found += [holder[key]] if type(holder[key]) is type(value) else []
        except (KeyError, IndexError):
            continue  # gone by now
    return found


def _places(value: Any) -> Any:
    for key, inner in [*(value.items() if isinstance(value, dict) else enumerate(value))]:
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


def _other_words(rng: random.Random, arguments: list[str]) -> list[str]:
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(arguments) + 1)
        new = rng.choice(([rng.choice(OPTIONS)], [rng.choice(WORDS)],
                          [rng.choice(OPTIONS), rng.choice(WORDS)]))  # fmt: skip
        arguments = [*arguments[:at], *new, *arguments[at + rng.randint(0, 1) :]]
    return arguments


def fault(found: Input, folder: Path) -> str:
    """What is wrong with how a run ended; nothing where it ended as it should."""
    for name, data in found.files.items():
        (folder / name).write_bytes(data)
    tmp = folder / "tmp"
    tmp.mkdir(exist_ok=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(tmp)
    code, text = _captured(lambda: run(found.arguments), folder)
    panic = () if code == Exit.DATA else ("panicked",)  # of Polars, said before our own message
    for sign in ("Traceback", *panic, "bug in adoptcli"):
        if sign in text:
            return next(line for line in text.splitlines() if sign in line)
    if code not in CODES:
        return f"exit code {code}"
    if code != 0 and not text.strip():
        return f"exit code {code} without a word"
    return ""


def _captured(call: Callable[[], int], folder: Path) -> tuple[int | str, str]:
    """The exit code and what was written, by libraries too."""
    was, streams, here = [os.dup(1), os.dup(2)], (sys.stdout, sys.stderr), Path.cwd()
    os.chdir(folder)
    with (folder / "said").open("w+b") as said:
        try:
            for number in (1, 2):
                os.dup2(said.fileno(), number)
            sys.stdout, sys.stderr = (os.fdopen(n, "w", closefd=False) for n in (1, 2))
            code: int | str = call()
        except BaseException as error:  # a panic of Polars is no Exception
            code = f"{type(error).__name__} came through"
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            sys.stdout, sys.stderr = streams
            for number, kept in zip((1, 2), was, strict=True):
                os.dup2(kept, number)
                os.close(kept)
            os.chdir(here)
        said.seek(0)
        return code, said.read().decode("utf-8", "replace")


def _work(seeds: range, at: Any, faults: Any) -> None:
    """Run the inputs of some seeds; a run that hangs or crashes takes this process with it."""
    os.environ |= {"COLUMNS": "80", "NO_COLOR": "1", "POLARS_MAX_THREADS": "1"}
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    for i, seed in enumerate(seeds):
        at.value = seed
        folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir="/tmp"))
        signal.alarm(SECONDS)
        wrong = fault(made(seed), folder)
        signal.alarm(0)
        tempfile.tempdir = None
        shutil.rmtree(folder, ignore_errors=True)
        if wrong:
            faults.put((seed, wrong))
        if i % 100 == 0:
            gc.collect()
    at.value = -1


def main() -> int:
    """The exit code: 1 where some input ended as none should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    context = get_context("spawn")
    faults, found = context.SimpleQueue(), list[tuple[int, str]]()
    seed, end = given.first, given.first + given.inputs
    while seed < end:
        at = context.Value("q", seed)
        stop = min(end, seed + 2000)  # a fresh process now and then
        worker = context.Process(target=_work, args=(range(seed, stop), at, faults))
        worker.start()
        worker.join()
        while not faults.empty():
            found.append(faults.get())
            print(*found[-1], flush=True)
        if at.value >= 0:
            found.append((at.value, f"the process ended with {worker.exitcode}"))
            print(*found[-1], flush=True)
        seed = at.value + 1 if at.value >= 0 else stop
    print(f"{given.inputs:,} inputs, {len(found):,} faults")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
