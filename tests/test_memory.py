"""How much memory there is, what a log needs of it, and what becomes of a log that needs more."""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from adoptcli import memory
from adoptcli.errors import MemoryProblem, UsageProblem
from adoptcli.runner import encoding, prepare, sizing
from adoptcli.runner.sizing import Sizing
from adoptcli.source import packed
from adoptcli.source.files import File, rows_of, size_of
from adoptcli.timeline import shortcut
from adoptcli.timeline.dictionary import Dictionary
from adoptcli.timeline.encode import Encoded, Wanted, width
from tests.conftest import write_log

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "metrics.example.yaml"
MB, GB = 1000**2, 1000**3
Cli = Callable[..., Any]
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
MEMINFO = "MemTotal:       9000000 kB\nMemFree: 1 kB\nMemAvailable:   4000000 kB\n"  # 4.096 GB


def machine(root: Path, **files: str) -> Path:
    """A folder that looks like a machine's; names have __ for /, and this process has 100 pages."""
    for name, text in {
        "proc__meminfo": MEMINFO,
        "proc__self__statm": "900 100 3 4",
        **files,
    }.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "free", "origin"),
    [
        ({}, 4_096_000_000, "machine"),
        # 2 GB less what is taken but for the pages of files: 2 − (0.9 − 0.3 − 0.1)
        ({"proc__self__cgroup": "0::/app\n", "sys__fs__cgroup__app__memory.max": f"{2 * GB}\n",
          "sys__fs__cgroup__app__memory.current": "900000000\n",
          "sys__fs__cgroup__app__memory.stat":
              "anon 5\ninactive_file 300000000\nactive_file 100000000\n"}, 1.5 * GB, "container"),
        # the group around it is narrower, its own has no limit
        ({"proc__self__cgroup": "0::/pod/app\n", "sys__fs__cgroup__pod__app__memory.max": "max\n",
          "sys__fs__cgroup__pod__memory.max": f"{GB}\n"}, GB, "container"),
        # within a container its own folder is not named as it is outside
        ({"proc__self__cgroup": "0::/docker/9f\n", "sys__fs__cgroup__memory.max": f"{GB}\n"},
         GB, "container"),
        ({"proc__self__cgroup": "9:cpu:/\n4:hugetlb,memory:/a\n0::/\n",
          "sys__fs__cgroup__memory__a__memory.limit_in_bytes": f"{3 * GB}\n",
          "sys__fs__cgroup__memory__a__memory.usage_in_bytes": f"{2 * GB}\n",
          "sys__fs__cgroup__memory__a__memory.stat":
              "inactive_file 1\ntotal_inactive_file 500000000\ntotal_active_file 0\n"},
         1.5 * GB, "container"),
        # the first version has a number for no limit
        ({"proc__self__cgroup": "4:memory:/\n",
          "sys__fs__cgroup__memory__memory.limit_in_bytes": "9223372036854771712\n"},
         4_096_000_000, "machine"),
    ],
)  # fmt: skip
def test_the_least_that_machine_and_containers_leave(
    tmp_path: Path, files: dict[str, str], free: float, origin: str
) -> None:
    found = memory.limit(machine(tmp_path, **files), {})
    assert found is not None
    taken = 100 * os.sysconf("SC_PAGE_SIZE")
    assert found.size == pytest.approx(taken + 0.9 * free, abs=1)  # a tenth is left to others
    assert origin in found.origin


def test_what_is_stated_holds(tmp_path: Path) -> None:
    root = machine(tmp_path)
    for text, size in (("1.5GB", 1.5 * GB), ("512 MiB", 512 * 1024**2), ("800m", 800 * MB),
                       ("70000000", 70 * MB)):  # fmt: skip
        assert memory.limit(root, {memory.VARIABLE: text}) == memory.Limit(
            int(size), "ADOPTCLI_MEMORY_LIMIT"
        )
    for text in ("much", "0GB", "-1GB", "1.5 parsec"):
        with pytest.raises(UsageProblem, match="no size"):
            memory.limit(root, {memory.VARIABLE: text})
    assert memory.limit(tmp_path / "nothing", {}) is None


def test_the_address_space_that_ulimit_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (9000 * GB, 9000 * GB))
    (free, origin) = next(memory._own())
    assert (0 < free < 9000 * GB, origin) == (True, "ulimit -v")


def test_sizes_are_shown_so_that_they_are_enough() -> None:
    shown = [memory.shown(size) for size in (2.5 * MB, 509.2 * MB, 1.41 * GB, 12.3 * GB)]
    assert shown == ["2.5 MB", "510 MB", "1.5 GB", "13 GB"]


def test_rows_of_a_text_file_by_its_size_and_first_lines(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("u,e,t\n" + "u01,a,2026-01-01\n" * 50_000)
    assert rows_of(File(str(path), "csv", "e.csv")) == pytest.approx(50_000, rel=0.01)


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".parts.gz"])
@pytest.mark.parametrize("width", [4, 400])
def test_rows_of_a_packed_file_by_what_its_beginning_unpacks_to(
    tmp_path: Path, suffix: str, width: int
) -> None:
    """Lines that pack to a half or to a thirtieth; one archive, or one a thousand lines."""
    texts = [f"u{n * 7919 % 100_003},{'x' * width},{n}" for n in range(60_000)]
    lines = pl.DataFrame({"u,a,n": texts})
    path = tmp_path / f"e.csv{suffix}"
    if suffix == ".parts.gz":
        parts = ["\n".join(texts[i : i + 1000]) + "\n" for i in range(0, 60_000, 1000)]
        path.write_bytes(b"".join(gzip.compress(part.encode(), 1) for part in parts))
    else:
        lines.write_csv(path, quote_style="never", compression=COMPRESSIONS[suffix])
    file = File(str(path), "csv", path.name)
    assert rows_of(file) == pytest.approx(60_000, rel=0.15)
    assert size_of(file) == pytest.approx(sum(len(t) + 1 for t in texts), rel=0.15)


def test_a_long_archive_of_zstd_is_as_usual(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many of its bytes the first lines took is not told."""
    path = tmp_path / "e.csv.zst"
    n = pl.int_range(20_000, eager=True)
    pl.DataFrame({"a": n.hash(1), "b": n.hash(2)}).write_csv(path, compression="zstd")
    file = File(str(path), "csv", path.name)
    assert rows_of(file) == 20_001
    monkeypatch.setattr(packed, "SHORT", 100_000)
    assert size_of(file) == 10 * path.stat().st_size


def test_a_packed_file_that_cannot_be_unpacked_is_as_usual(tmp_path: Path) -> None:
    path = tmp_path / "e.csv.gz"
    path.write_bytes(b"no archive" * 10)
    assert size_of(File(str(path), "csv", path.name)) == 1_000


def test_bytes_of_an_encoded_row() -> None:
    assert width(Wanted()) == 16  # user 4, event 4, time 8
    assert width(Wanted(account=True, id=True, traits=("a", "b"), values=("v",))) == 44


def test_of_a_long_log_in_memory_one_bucket_is_sorted_at_a_time() -> None:
    """A row is 16 bytes, which take 24, and 60 more while it is sorted; one has its bucket."""
    assert sizing._log(5_000_000, 1000, Wanted()) == 5_000_000 * 84 + 600_000
    assert sizing._log(33_000_000, 3000, Wanted()) == 33_000_000 * 25 + 11_000_000 * 84 + 600_000


def test_as_many_ids_as_the_first_rows_let_expect() -> None:
    """Of 100 rows of 10,000: 20 ids once, each for √100 others, and 8 several times."""
    users = [f"once{i}" for i in range(20)] + [f"often{i % 8}" for i in range(80)]
    rows = pl.LazyFrame({"user": users})
    assert sizing._ids(10_000, type("Log", (), {"frame": rows})(), ("user",)) == 8 + 20 * 10


@pytest.mark.parametrize(
    ("users", "expected"),
    [
        ([i // 5 for i in range(100)], 2_000),  # sorted: 20 of 100 rows, and so on
        ([i // 5 if i % 20 else 0 for i in range(100)], 2_000),  # but for a few rows
        ([*range(100)], 100 * 10),  # each once, which says nothing of the order
        ([i % 50 for i in range(75)] * 2, 50),  # none stand together
        ([*range(90), *range(10)], 10 + 80 * 10),  # nor do these, though few come again
        ([0, 0, 1, 1] * 25, 2),  # users who come again and again
    ],
)
def test_ids_of_which_the_rows_stand_together_go_on(users: list[int], expected: float) -> None:
    rows = pl.LazyFrame({"user": [f"u{user}" for user in users]})
    log = type("Log", (), {"frame": rows})()
    assert sizing._ids(100 * len(users), log, ("user",)) == expected


def parted(tmp_path: Path, users: list[int | None], files: int) -> Encoded:
    """Rows in bucket files, those of nobody in the first; 0 is the code of u0."""
    pl.LazyFrame({"user": users}, schema={"user": pl.UInt32}).sink_parquet(
        pl.PartitionBy(
            tmp_path, key=(pl.col("user").fill_null(0) % files).alias("k"), include_key=False,
            file_path_provider=lambda args: f"{args.partition_keys.item(0, 0)}.0.parquet",
        ),
        mkdir=True,
    )  # fmt: skip
    ids = Dictionary()
    ids.add(pl.Series([f"u{n}" for n in range(24)]))
    return Encoded(files, None, tmp_path, {"user": ids}, ("user",))


def test_whole_files_or_parts_of_one_make_a_bucket(tmp_path: Path) -> None:
    users = [i % 50 for i in range(2000)]
    rows = parted(tmp_path, users, 12)
    assert [n for n, _ in zip(rows.partings(), range(8), strict=False)] == [
        1, 2, 3, 4, 6, 12, 24, 48
    ]  # fmt: skip
    for n in (1, 4, 12, 24):
        for bucket in range(n):
            found = rows.bucket(bucket, n).collect()["user"].to_list()
            assert sorted(found) == sorted(u for u in users if u % n == bucket), (n, bucket)
    assert [rows.largest(n) for n in (1, 2, 12)] == [2000, 1000, 200]


def sizes(rows: Encoded, free: int, kept: pl.Expr | None = None, pieces: int = 0) -> int:
    """The buckets of a log whose rows need 100 bytes, with 10 ids, and so many bytes for it."""
    size = free + sizing.COUNTING + 10 * sizing.ID
    kept = pl.col("user").is_not_null() if kept is None else kept
    return Sizing(None, memory.Limit(size, "test"), 100, 12, taken=0).buckets(
        rows, 10, kept, pieces
    )


def test_as_few_buckets_as_fit(tmp_path: Path) -> None:
    rows = parted(tmp_path, list(range(24)) * 100, 12)  # 2,400 rows, as many of each user
    actors = 10 * sizing.ACTOR
    assert sizes(rows, 240_000 + actors) == 1
    assert sizes(rows, 239_999 + actors) == 2
    assert sizes(rows, 40_000 + actors // 6) == 6
    assert sizes(rows, 10_000 + actors // 24) == 24
    with pytest.raises(MemoryProblem, match="would need about"):
        sizes(rows, 9_000)  # nobody's 100 rows can be parted


def test_who_fills_a_bucket_alone_is_named(tmp_path: Path) -> None:
    """Users are u0 to u23 with 100 rows each, and u5 has 1,000 more."""
    rows = parted(tmp_path, [*list(range(24)) * 100, *[5] * 1000], 12)
    with pytest.raises(MemoryProblem) as told:
        sizes(rows, 100_000)
    assert "user 'u5', with 1,100 rows in one bucket of 3,072, would need" in told.value.message
    assert 'exclude: {users: ["u5"]}' in (told.value.hint or "")
    crowded = parted(tmp_path / "more", [*range(0, 3072 * 50, 3072), 7], 12)
    with pytest.raises(MemoryProblem, match=r"the largest of 3,072 buckets would need"):
        sizes(crowded, 4_000)


def test_rows_that_do_not_count_need_no_room(tmp_path: Path) -> None:
    """All in one file: 900 rows of nobody, and 1,000 of a user who is excluded."""
    rows = parted(tmp_path, [*list(range(24)) * 100, *[None] * 900, *[12] * 1000], 12)
    kept = pl.col("user").is_not_null() & (pl.col("user") != 12)
    assert rows.largest(12) == 2_100
    assert sizes(rows, 20_000 + 10 * sizing.ACTOR // 12, kept) == 12
    assert sizes(rows, 10_000 + 10 * sizing.ACTOR // 24, kept) == 24
    assert sizes(rows, 10_000 + 10 * sizing.ACTOR // 24, kept, 4_300) == 48


def test_a_log_of_which_few_rows_count_fits(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """100 rows at 10 kB, 500 of nobody and 500 of a bot: 1 MB, or 6 MB where it counts."""
    made = Sizing(None, memory.Limit(sizing.COUNTING + 2 * MB, "test"), 10_000, 12, taken=0)
    monkeypatch.setattr(prepare, "sized", lambda *_, **__: made)
    users = [*(f"u{i % 10}" for i in range(100)), *["bot", ""] * 500]
    write_log(tmp_path, [(u, "used", f"2026-08-{i % 28 + 1:02}") for i, u in enumerate(users)])
    (tmp_path / "x.yaml").write_text("exclude: {users: [bot]}\n")
    told = cli("active-users", "events.csv")
    assert told.code == 3
    assert "user 'bot', with 500 rows in one bucket" in told.err
    outcome = cli("active-users", "events.csv", "-c", "x.yaml", "-f", "json")
    assert outcome.code == 0
    assert '"actors": 10' in outcome.out


def test_sums_of_accounts_are_reckoned_with_where_there_are_such(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """300 accounts take 60 kB of memory, and 2.4 MB where each has sums."""
    made = Sizing(None, memory.Limit(sizing.COUNTING + 2 * MB, "test"), 10, 12, taken=0)
    asked = []
    monkeypatch.setattr(prepare, "sized", lambda *_, by_account: asked.append(by_account) or made)
    days = [f"2026-08-{i % 28 + 1:02}" for i in range(300)]
    rows = [f"u{i},used,{day},a{i}" for i, day in enumerate(days)]
    (tmp_path / "e.csv").write_text("\n".join(["user,event,time,account", *rows]) + "\n")
    assert cli("active-users", "e.csv").code == 0
    for command in (("account-health", "e.csv"), ("active-users", "e.csv", "--by", "account")):
        outcome = cli(*command)
        assert outcome.code == 3
        assert "and the sums of 300 accounts or segments would need" in outcome.err
    assert asked == [False, True, False]


def test_accounts_that_have_sums_are_guessed_before_the_log_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """1,000 rows of 1,000 accounts: 8.2 MB where each has sums."""
    names = [f"a{i}" for i in range(1000)]
    frame = pl.LazyFrame({"user": ["u"] * 1000, "account": names})
    log = type("Log", (), {"frame": frame, "found": ["account"], "about": lambda _: 1000})()
    size = sizing.CODE + sizing.COUNTING + 7 * MB
    monkeypatch.setattr(memory, "limit", lambda: memory.Limit(size, "test"))
    files = [sizing.sized(None, log, Wanted(), 0, by_account=by).files for by in (False, True)]
    assert files == [1, sizing.FILES]


SCORE = ("engagement-score", "-c", EXAMPLE)
COMMANDS = (
    (None, 1, (*SCORE, "-f", "json")),
    (3, 1, ("audience", "not_activated:late", "-c", EXAMPLE, "-f", "csv")),
    (1, 12, (*SCORE, "-f", "json")),
    (7, 7, (*SCORE, "-f", "json")),
    (7, 7, ("audience", "not_activated:late", "-c", EXAMPLE, "-f", "csv")),
    (7, 7, ("validate", "-c", EXAMPLE, "-f", "json")),
    (64, 16, ("active-users", "-c", EXAMPLE, "-f", "json")),
)


@pytest.mark.parametrize(("buckets", "files", "command"), COMMANDS)
def test_however_the_sample_is_parted_the_same_is_said(
    buckets: int | None, files: int, command: tuple[object, ...], cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    whole = cli(*command)
    assert whole.code == 0
    monkeypatch.setattr(sizing, "BUCKET", 1000)
    monkeypatch.setattr(prepare, "sized", lambda *_, **__: Sizing(buckets, None, 0, files))
    assert cli(*command).out == whole.out


@pytest.mark.parametrize("item", ["top", "bottom"])
def test_sums_beyond_cut_points_are_those_of_their_rows(cli: Cli, item: str) -> None:
    report = json.loads(cli(*SCORE, "-f", "json").out)
    rows = report["metrics"]["engagement_score"]["tables"]["quartiles"]
    (actors,) = [row["actors"] for row in rows if row["item"] == item]
    listed = cli(*SCORE, "--who", f"quartiles[item={item}].actors", "-f", "csv").out
    assert actors > 30
    assert len(listed.splitlines()) - 1 == actors


def test_space_around_ids_goes_before_they_are_parted(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One in twenty rows of u1 to u9 has space, which makes another code in another file."""
    rows = [(f"u{i % 9}" + " " * (i % 20 == 0), "used", f"2026-08-{i % 28 + 1:02}")
            for i in range(360)]  # fmt: skip
    write_log(tmp_path, rows)
    command = ("active-users", "events.csv", "-f", "json")
    whole = cli(*command).out
    assert '"actors": 9' in whole
    read = []
    monkeypatch.setattr(
        encoding, "encode", lambda *a, made=encoding.encode, **k: read.append(1) or made(*a, **k)
    )
    assert cli(*command, "--shards", "3").out == whole
    assert len(read) == 2
    write_log(tmp_path, [(user.strip(), *rest) for user, *rest in rows])
    cli(*command, "--shards", "3")
    assert len(read) == 3


def test_space_around_categories_goes_too(tmp_path: Path, cli: Cli) -> None:
    """Texts of Parquet that are kept as categories are texts."""
    users = pl.Series(["u1", "u1 ", "u2", " "], dtype=pl.Categorical)
    pl.DataFrame({"user": users, "event": "used", "timestamp": "2026-01-05"}).write_parquet(
        tmp_path / "e.parquet"
    )
    told = {cli("report", "e.parquet", "-f", "json", "--shards", n).out for n in ("1", "3")}
    assert len(told) == 1
    source = json.loads(told.pop())["source"]
    assert (source["actors"], source["anonymous"]) == (2, 1)


@pytest.mark.parametrize("identity", ["", ", identity: {mode: stitch}"])
def test_odd_ids_are_the_same_in_memory_and_in_files(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, identity: str
) -> None:
    """That are empty, have space around them or are anonymous. In memory events have two bytes,
    and long logs a short way."""
    users = ["u1", "u2 ", " u3", "", None, "u1"]
    pl.DataFrame(
        {
            "user": [users[i % 6] for i in range(900)],
            "anon": [f"d{i % 5}" for i in range(900)],
            "account": [("a", "b ", "")[i % 3] for i in range(900)],
            "event": ["" if i % 200 == 9 else ("used", " made")[i % 2] for i in range(900)],
            "timestamp": [f"2026-0{1 + i % 8}-{1 + i % 28:02}" for i in range(900)],
            "plan": [("free", "pro")[i % 2] for i in range(900)],
        }
    ).write_parquet(tmp_path / "e.parquet")
    columns = "{user: user, account: account, anonymous: anon, event: event, timestamp: timestamp}"
    (tmp_path / "m.yaml").write_text(
        "version: 1\nactivation: {all: [{event: used, where: {plan: pro}}], within: 7d}\n"
        f"source: {{columns: {columns}{identity}}}\n"
    )
    command = ("report", "e.parquet", "-c", "m.yaml", "--by", "plan", "-f", "json")
    parted = cli(*command, "--shards", "3")
    assert parted.code == 0, parted.err
    types: list[object] = []

    def noted(*given: Any, made: Any = encoding.encode, **named: Any) -> Encoded:
        found: Encoded = made(*given, **named)
        types.extend(found.all().select("event").collect().dtypes)
        return found

    monkeypatch.setattr(encoding, "encode", noted)
    assert cli(*command).out == parted.out
    monkeypatch.setattr(encoding, "MANY", 0)
    monkeypatch.setattr(pl, "thread_pool_size", lambda: 3)
    monkeypatch.setattr(shortcut, "PIECE", 100)
    assert cli(*command).out == parted.out
    assert types == [pl.UInt16] * 2


def test_damage_among_the_ids_that_are_looked_at_first_is_told(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "e.parquet"
    users = [f"u{i}" for i in range(20_000)]
    events = pl.DataFrame({"user": users, "event": "used", "timestamp": "2026-01-05"})
    events.write_parquet(log, compression="uncompressed", row_group_size=10_000)
    data = bytearray(log.read_bytes())
    at = data.index(b"u15000") - 4  # the length of a text, beyond the rows that tell the columns
    data[at : at + 4] = b"\xff\xff\xff\x7f"
    log.write_bytes(data)
    monkeypatch.setattr(sizing, "COUNTING", 1 << 60)  # so that there is not room for anything
    found = cli("report", "e.parquet", "-f", "json")
    assert found.code == 3
    assert "the data cannot be read" in found.err


def run(limit: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """A process of its own with so much memory."""
    return subprocess.run(
        [sys.executable, "-m", "adoptcli", *map(str, arguments)], capture_output=True, text=True,
        cwd=ROOT, env=os.environ | {memory.VARIABLE: limit}, check=False,
    )  # fmt: skip


def test_little_memory_makes_buckets_and_too_little_says_so(tmp_path: Path) -> None:
    """200,000 users need 136 MB of actors and ids beside some 110 MB of code and 100 of sums."""
    log, tmp = tmp_path / "e.parquet", tmp_path / "tmp"
    tmp.mkdir()
    n = pl.int_range(200_000, eager=True)
    pl.DataFrame({"n": n}).select(
        user=pl.format("u{}", "n"), event=pl.lit("used"),
        timestamp=pl.lit("2026-08-") + (pl.col("n") % 28 + 1).cast(pl.String).str.zfill(2),
    ).write_parquet(log)  # fmt: skip
    command = ("active-users", log, "-f", "json", "--tmp", tmp)
    roomy, little, none = (run(size, *command, "-v") for size in ("8GB", "280MB", "120MB"))
    assert (roomy.returncode, little.returncode, none.returncode) == (0, 0, 3)
    assert "parted into" not in roomy.stderr
    assert "parted into" in little.stderr
    assert roomy.stdout == little.stdout
    assert none.stdout == ""
    for words in ("read piece by piece, would need about", "120 MB are there", memory.VARIABLE):
        assert words in none.stderr
    assert not [*tmp.iterdir()]
    assert run("lots", *command).returncode == 2


def test_a_table_that_does_not_fit_is_not_read(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_log(tmp_path, [("u1", "used", "2026-08-01")], users="user_id\nu1\n")
    monkeypatch.setenv(memory.VARIABLE, "1MB")
    outcome = cli("active-users", "events.csv", "--users", "users.csv")
    assert outcome.code == 3
    assert "users.csv would need about" in outcome.err


def test_ids_that_go_on_and_on_end_the_reading() -> None:
    made = Sizing(None, memory.Limit(50 * MB, "test"), 100, 12, reading=10 * MB, taken=0)
    made.watch(500_000)
    with pytest.raises(MemoryProblem, match=r"keeping 500,001 ids.*, and 50 MB are there"):
        made.watch(500_001)
