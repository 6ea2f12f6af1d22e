"""What needs no cluster: skew, versions of workers, the YAML; Spark runs as threads."""

from __future__ import annotations

import platform
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from adoptcli import memory, progress
from adoptcli.runner.sizing import CODE
from adoptcli.runner.spark import cluster, heads, session, shuffle, workers

MASTER = "local[2]"
SPARK = ("--master", MASTER, "--shards", "7")
REPORT = ("report", "events.parquet", "-f", "json", "-q")
HOST = socket.gethostname()
BOT = "crawler@bots.example"
NAMES = ("signed_up", "opened", "saved", "shared")
YAML = """
signup: signed_up
activation: {all: [saved], within: 7d}
features: {sharing: {events: [shared], core: true}, saving: [saved]}
funnel: {all: {steps: [signed_up, opened, saved, shared], within: 14d}}
engagement_score: {weights: {opened: 1, saved: 3, shared: 5}, levels: {low: 0, high: 20}}
accounts: {file: accounts.csv, id: account, seats: seats}
"""
Cli = Callable[..., Any]


def written(users: int, account_of: Callable[[int], str], bot: int = 0) -> None:
    """A log of so many users, each with 1 to 12 events, and of a bot with so many."""
    begin = datetime(2026, 1, 5, tzinfo=UTC)
    rows = [
        (f"u{user}", account_of(user), NAMES[min(i, 1 + (user + i) % 3)],
         begin + timedelta(days=user % 40 + 3 * i, minutes=7 * user % 600))
        for user in range(users) for i in range(1 + user % 12)
    ]  # fmt: skip
    rows += [(BOT, "bots", "opened", begin + timedelta(seconds=97 * i)) for i in range(bot)]
    frame = pl.DataFrame(rows, schema=["user", "account", "event", "timestamp"], orient="row")
    frame.write_parquet("events.parquet", row_group_size=1000)
    pl.DataFrame({"account": ["giant", "small"], "seats": [500, 9]}).write_csv("accounts.csv")
    Path("metrics.yaml").write_text(YAML)


def same(cli: Cli, *arguments: str, spark: tuple[str, ...] = SPARK) -> str:
    """What one machine writes; Spark must write it too."""
    here, there = cli(*arguments), cli(*arguments, *spark)
    assert (here.code, there.code) == (0, 0), here.err + there.err
    assert there.out == here.out
    return str(here.out)


def refused(outcome: Any, *words: str) -> None:
    """Ended for the data's sake, with these words and no traceback."""
    assert outcome.code == 3, outcome.err
    assert [word for word in words if word not in outcome.err] == [], outcome.err
    assert "Traceback" not in outcome.err
    assert outcome.out == ""


def excluding_the_bot() -> None:
    Path("metrics.yaml").write_text(YAML + 'exclude: {users: ["*@bots.example"]}\n')


def test_nearly_all_users_in_one_account(cli: Cli) -> None:
    written(900, lambda user: "giant" if user % 50 else f"a{user}")
    assert '"giant"' in same(cli, *REPORT)


def test_columns_that_are_called_as_ours_are(cli: Cli) -> None:
    written(30, lambda user: f"a{user % 9}")
    log = pl.read_parquet("events.parquet").with_columns(path=pl.lit("/home"), row=1, bucket="user")
    log.write_parquet("events.parquet")
    same(cli, *REPORT)


def test_a_part_of_a_delta_table_is_refused(cli: Cli) -> None:
    """Some of its files may be of the past; whoever names one of them knows which."""
    written(30, lambda user: f"a{user % 9}")
    Path("table/_delta_log").mkdir(parents=True)
    Path("table/_delta_log/00000000000000000000.json").write_text("{}")
    Path("table/day=1").mkdir()
    shutil.copy("events.parquet", "table/day=1/a.parquet")
    table = Path("table").absolute().as_uri()
    refused(cli("report", f"{table}/day=1/*.parquet", *REPORT[2:], *SPARK), "within a Delta table")
    refused(cli("report", f"{table}/day=1", *REPORT[2:], *SPARK), "within a Delta table")
    assert cli("report", f"{table}/day=1/a.parquet", *REPORT[2:], *SPARK).code == 0


def test_a_bot_with_most_of_the_rows(cli: Cli) -> None:
    written(200, lambda user: f"a{user % 9}", bot=12_000)
    same(cli, *REPORT)


CONTAINERS = {  # settings, and MiB beside Java for each core
    "threads": ({"spark.master": "local[2]", "spark.executor.memory": "8g"}, None),
    "standalone": ({"spark.master": "spark://host:7077"}, None),
    "yarn": ({"spark.master": "yarn"}, 384),
    "large": ({"spark.master": "yarn", "spark.executor.memory": "20g"}, 2048),
    "cores": (
        {"spark.master": "yarn", "spark.executor.memory": "20g", "spark.executor.cores": "4"}, 512,
    ),
    "stated": ({"spark.master": "yarn", "spark.executor.memoryOverhead": "3000"}, 3000),
    "kubernetes": (
        {"spark.master": "k8s://https://host", "spark.executor.memory": "20g"}, 2048,
    ),
    "factor": (
        {"spark.master": "k8s://https://host", "spark.executor.memory": "4g",
         "spark.kubernetes.memoryOverheadFactor": "0.25"}, 1024,
    ),
    "both factors": (
        {"spark.master": "k8s://https://host", "spark.executor.memory": "4g",
         "spark.kubernetes.memoryOverheadFactor": "0.25",
         "spark.executor.memoryOverheadFactor": "0.5"}, 2048,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CONTAINERS)
def test_what_a_container_leaves_beside_java(case: str) -> None:
    """Spark's own rules: a tenth where nothing is stated, and never under 384 MiB."""
    settings, mebibytes = CONTAINERS[case]
    found = workers._containers(SimpleNamespace(conf=settings))  # type: ignore[arg-type]
    assert found == ([] if mebibytes is None else [mebibytes << 20])


@pytest.fixture
def workers_of() -> Iterator[Callable[[int], None]]:
    """Workers that have so many bytes each for the bucket that they work on."""
    environment = session.connect(MASTER, ExitStack()).sparkContext.environment

    def stated(size: int) -> None:
        environment[memory.VARIABLE] = f"{(CODE + size) / 1000}K"

    yield stated
    environment.pop(memory.VARIABLE, None)


def test_one_user_too_large_for_a_worker_is_named(
    cli: Cli, workers_of: Callable[[int], None]
) -> None:
    """Excluded it is dealt out, so that no bucket is too large."""
    written(200, lambda user: f"a{user % 9}", bot=12_000)
    workers_of(1_000_000)  # of which a row takes some three hundred
    there = cli(*REPORT, *SPARK)
    refused(there, f"user '{BOT}' has 12,000 rows", "it has 1.0 MB for a bucket")
    assert f'exclude: {{users: ["{BOT}"]}}' in there.err
    excluding_the_bot()
    assert '"excluded": 12000' in same(cli, *REPORT)


def test_too_many_users_for_a_worker_are_parted_further(
    cli: Cli, workers_of: Callable[[int], None]
) -> None:
    """By as many buckets as the message says, or as nobody asked for."""
    written(900, lambda user: f"a{user % 9}")
    workers_of(150_000)
    there = cli(*REPORT, *SPARK)
    refused(there, "of 7 buckets has", "too many for one worker")
    (enough,) = re.findall(r"--shards (\d+)", there.err)
    same(cli, *REPORT, spark=("--master", MASTER, "--shards", enough))
    same(cli, *REPORT, spark=("--master", MASTER))


def test_the_yaml_says_where_it_runs(cli: Cli) -> None:
    written(300, lambda user: f"a{user % 9}")
    here = same(cli, *REPORT)
    Path("metrics.yaml").write_text(f"{YAML}runner: spark\nmaster: local[2]\n")
    told = []
    progress.listen(lambda step, rows: told.append((step, rows)))
    there = cli(*REPORT[:-1])
    assert (there.code, there.out) == (0, here), there.err
    assert cli(*REPORT, "--runner", "local").out == here
    rows = pl.read_parquet("events.parquet").height
    assert told == [(progress.READING, None), (progress.COUNTING, rows)]  # not those of the head


def test_fewer_users_than_buckets(cli: Cli) -> None:
    written(2, lambda user: "a")
    same(cli, *REPORT)


def test_a_log_without_rows(cli: Cli) -> None:
    written(2, lambda user: "a")
    pl.read_parquet("events.parquet").clear().write_parquet("events.parquet")
    here, there = cli(*REPORT), cli(*REPORT, *SPARK)
    assert (there.code, there.out, there.err) == (here.code, "", here.err)
    assert "the files hold no rows" in there.err


def days(*names: str) -> list[str]:
    """The log of `written` in files of these names, a third of the users more in each."""
    whole = pl.read_parquet("events.parquet")
    number = pl.col("user").str.slice(1).cast(pl.Int64)
    for i, name in enumerate(names):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        whole.filter(number % len(names) == i).write_parquet(name)
    return [*names]


def told(cli: Cli, path: str, *arguments: str, code: int = 2) -> str:
    """How Spark refuses what one machine does."""
    there = cli("report", path, *arguments, *REPORT[2:], *SPARK)
    assert (there.code, there.out) == (code, ""), there.err
    assert "--runner local" in there.err
    return str(there.err)


def test_the_files_are_those_of_one_machine(cli: Cli) -> None:
    """Folders in folders, a file named twice, days that are not read."""
    written(90, lambda user: f"a{user % 9}")
    days("log/a.parquet", "log/more/b.parquet", "log/_hidden.parquet")
    same(cli, "report", "log", "log/a.parquet", *REPORT[2:])
    assert "folders within folders" in told(cli, Path("log").absolute().as_uri())
    twice = Path("log/a.parquet").absolute().as_uri()
    assert "a file twice" in told(cli, twice, twice)


def test_days_before_the_lookback_are_not_read(cli: Cli) -> None:
    written(90, lambda user: f"a{user % 9}")
    days(*(f"log/day=2026-{day}/x.parquet" for day in ("01-05", "02-05", "02-20")))
    Path("metrics.yaml").write_text(YAML + "source: {lookback: 10d}\n")
    since = ("--since", "2026-02-10")
    same(cli, "report", "log", *since, *REPORT[2:])
    assert "source.lookback" in told(cli, Path("log").absolute().as_uri(), *since)


@pytest.mark.parametrize("here", [True, False])
def test_files_of_several_shapes_are_refused(cli: Cli, here: bool) -> None:
    written(90, lambda user: f"a{user % 9}")
    days("log/a.parquet", "log/b.parquet")
    pl.read_parquet("log/a.parquet").drop("account").write_parquet("log/a.parquet")
    path = "log" if here else Path("log").absolute().as_uri()
    assert "files of several shapes" in told(cli, path)


@pytest.mark.parametrize(
    ("here", "forms"),
    [(True, ("%F", "%FT%TZ")), (False, ("%F", "%FT%TZ")), (False, ("%F", "%F"))],
)
def test_each_day_tells_how_its_times_are_written(
    cli: Cli, here: bool, forms: tuple[str, str]
) -> None:
    """Whether no time has an hour is known from the first rows of all folders, not of one."""
    written(900, lambda user: f"a{user % 9}")
    names = days("log/day=1/a.parquet", "log/day=1/b.parquet", "log/day=2/a.parquet")
    for name, form in zip(names, (forms[0], *forms), strict=True):
        texts = pl.col("timestamp").dt.strftime(form)
        pl.read_parquet(name).with_columns(texts).write_parquet(name)
    expected = cli("report", "log", *REPORT[2:])
    path = "log" if here else Path("log").absolute().as_uri()
    there = cli("report", path, *REPORT[2:], *SPARK)
    assert (there.code, there.out.replace(path, "log")) == (0, expected.out), there.err


def test_the_first_rows_are_those_of_few_and_of_many_files(tmp_path: Path) -> None:
    """Of groups whose first files have too few, in the order of the files and of no other."""
    for i in range(40):
        rows = pl.DataFrame({"n": range(100 * i, 100 * i + (100 if i else 5000))})
        rows.write_parquet(tmp_path / f"{i:02} [a].parquet")
    files = [str(path) for path in sorted(tmp_path.iterdir())]
    here = session.connect(MASTER, ExitStack())
    groups = [files[:2], files[1:30], files[30:33]]
    schema = here.read.parquet(heads.literal(files[1])).schema
    found = [frame["n"].to_list() for frame in heads.heads(here, schema, groups)]
    assert found == [[*range(1000)], [*range(100, 1100)], [*range(3000, 3300)]]


def over(path: Path) -> None:
    """Write another file over it."""
    shutil.copy("log/b.parquet", path)


CHANGES: list[tuple[Callable[[Path], None], str, str, bool]] = [
    (over, "it had", "shuffled", True),
    (over, "it had", "counted", False),
    (Path.unlink, "it is not there any more", "shuffled", False),
    (Path.unlink, "it cannot be read any more", "counted", True),
]


@pytest.mark.parametrize(("change", "told", "when", "here"), CHANGES)
def test_a_file_that_changes_while_it_is_read(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None], told: str,
    when: str, here: bool,
) -> None:  # fmt: skip
    """After its rows have been shuffled, or once they are being counted."""
    written(90, lambda user: f"a{user % 9}")
    (name, _) = days("log/a.parquet", "log/b.parquet")
    owner, function = (shuffle, "_even") if when == "shuffled" else (cluster.Cluster, "ask")
    before = getattr(owner, function)

    def meanwhile(*given: Any) -> Any:
        if Path(name).exists():
            change(Path(name))
        return before(*given)

    monkeypatch.setattr(owner, function, meanwhile)
    path = "log" if here else Path("log").absolute().as_uri()
    there = cli("report", path, *REPORT[2:], *SPARK)
    refused(there, f"log/a.parquet: it changed while it was read: {told}", "once it is whole")


@pytest.mark.parametrize("here", [True, False])
def test_the_first_file_tells_how_times_are_written(cli: Cli, here: bool) -> None:
    """Plain dates in a small one, times in a large one, which Spark reads first."""
    written(900, lambda user: f"a{user % 9}")
    log = pl.read_parquet("events.parquet")
    Path("log").mkdir()
    for name, rows, form in (("a", 1500, "%F"), ("b", log.height, "%FT%TZ")):
        texts = pl.col("timestamp").dt.strftime(form)
        log.head(rows).with_columns(texts).write_parquet(f"log/{name}.parquet")
    expected = cli("report", "log", *REPORT[2:])
    path = "log" if here else Path("log").absolute().as_uri()
    there = cli("report", path, *REPORT[2:], *SPARK)
    assert (there.code, there.out.replace(path, "log")) == (0, expected.out), there.err


def test_a_column_of_folders_names_is_refused(cli: Cli) -> None:
    written(90, lambda user: f"a{user % 9}")
    days("log/opened/a.parquet")
    Path("metrics.yaml").write_text("source: {folder: kind}\n")
    assert "source.folder" in told(cli, "log")


def test_nanoseconds_have_a_way_out(cli: Cli) -> None:
    written(9, lambda user: "a")
    fine = pl.read_parquet("events.parquet").cast({"timestamp": pl.Datetime("ns", "UTC")})
    fine.write_parquet("events.parquet")
    assert "microseconds" in told(cli, "events.parquet", code=3)


PYTHON = ".".join(platform.python_version_tuple()[:2])
SHADOWS = {
    "polars": (
        "import polars\npolars.__version__ = '1.0.0'\n", f"{HOST} has Polars 1.0.0, this machine",
        f"pip install polars=={pl.__version__}",
    ),
    "adoptcli": (
        "import adoptcli\nadoptcli.__version__ = '0.0.1'\n", "has adoptcli 0.0.1", "adoptcli away",
    ),
    "python": (
        "import platform\nplatform.python_version = lambda: '3.9.1'\n", "has Python 3.9.1, this",
        f"install Python {PYTHON} there",
    ),
    "pyspark": (  # Spark itself does not bear it
        "import sys\nimport pyspark.worker_util\n"
        "class Old:\n    version_info = (3, 9, 1)\n"
        "    def __getattr__(self, name):\n        return getattr(sys, name)\n"
        "pyspark.worker_util.sys = Old()\n", "different version",
        f"install on each what this machine has: Python {PYTHON}",
    ),
    "none": (
        "import sys\nsys.modules['polars'] = None\n", "Spark's workers cannot run adoptcli",
        f"pip install polars=={pl.__version__}",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("shadow", "late"), [*((name, False) for name in SHADOWS), ("polars", True), ("none", True)]
)
def test_workers_that_run_something_else(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shadow: str, late: bool
) -> None:
    """They begin with a module of ours, which makes them other than this machine is."""
    code, *words = SHADOWS[shadow]
    written(60, lambda user: f"a{user % 9}")
    (tmp_path / "shadow").mkdir()
    (tmp_path / "shadow" / "sitecustomize.py").write_text(code)
    environment = session.connect(MASTER, ExitStack()).sparkContext.environment
    monkeypatch.setitem(environment, "PYTHONPATH", str(tmp_path / "shadow"))
    if late:  # as if the first question had reached others only
        monkeypatch.setattr(workers, "room", lambda _: 1 << 30)
    refused(cli(*REPORT, *SPARK), *words)


def test_nothing_stays_held(cli: Cli) -> None:
    written(60, lambda user: f"a{user % 9}")
    same(cli, *REPORT)
    here = session.connect(MASTER, ExitStack())
    assert len(here.sparkContext._jsc.getPersistentRDDs()) == 0


def test_nobody_answers_over_connect(cli: Cli) -> None:
    written(2, lambda user: "a")
    for address in ("sc://127.0.0.1:1", "sc://127.0.0.1:1/;token=secret"):
        there = cli(*REPORT, "--master", address)
        assert (there.code, there.out) == (2, "")
        assert "no Spark answers" in there.err
        assert "secret" not in there.err
