"""The command line as people and pipes use it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest
import yaml

from adoptcli.config.model import load
from adoptcli.metrics import all_metrics
from adoptcli.render.json_ import schema
from tests.conftest import but_for_commands

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "sample_data"
EXAMPLE = ROOT / "metrics.example.yaml"
Cli = Callable[..., Any]


def process(*arguments: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """The program as a process of its own."""
    environment = {**os.environ, "COLUMNS": "80", **options.pop("env", {})}
    environment.pop("POLARS_MAX_THREADS", None)
    return subprocess.run(
        [sys.executable, "-m", "adoptcli", *map(str, arguments)],
        capture_output=True, check=False, env=environment, cwd=options.pop("cwd", ROOT), **options,
    )  # fmt: skip


def test_json_fits_its_schema(cli: Cli) -> None:
    outcome = cli("report", "-c", EXAMPLE, "-f", "json", "--by", "plan")
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    jsonschema.validate(found, schema())
    usual = {name for name, metric in all_metrics().items() if not metric.on_request}
    assert set(found["metrics"]) == usual
    assert all(m["status"] == "ok" for m in found["metrics"].values())
    segments = {r["segment"] for r in found["metrics"]["retention"]["tables"]["triangle"]}
    assert segments == {None, "free", "pro", "enterprise"}


def test_the_first_screen_says_what_it_is_split_by(cli: Cli) -> None:
    arguments = ("report", "-c", EXAMPLE, "--only", "activation")
    assert "split by plan" not in cli(*arguments).out
    found = cli(*arguments, "--by", "plan,role").out
    assert "split by plan / role, in the tables" in found
    assert re.search(r"free / admin +2026-08 .*[\d.]+ pp  ", found)


def test_cohorts_that_the_days_shown_cut_off_are_told(cli: Cli) -> None:
    arguments = ("report", "-c", EXAMPLE, "--only", "activation", "-f", "json")
    assert not _caveat(cli(*arguments, "--since", "2026-05-01", "--until", "2026-08-31"), CUT)
    assert _caveat(cli(*arguments, "--since", "2026-05-02"), CUT) == [None]
    assert _caveat(cli(*arguments, "--until", "2026-08-30"), CUT) == [None]


CUT = "cohort-cut-off"


@pytest.mark.parametrize(
    ("right", "wrong", "key"),
    [("{plan: [pro", "{plann: [pro", "features.scheduling.eligible.plann"),
     ("{role: role}", "{role: plann}", "adoption_rate.role")],
)  # fmt: skip
def test_an_unknown_trait_has_its_place(
    cli: Cli, tmp_path: Path, right: str, wrong: str, key: str
) -> None:
    text = EXAMPLE.read_text("utf-8").replace("sample_data/", f"{SAMPLE}/")
    config = tmp_path / "metrics.yaml"
    config.write_text(text.replace(right, wrong), "utf-8")
    found = cli("report", "-c", config)
    lines = config.read_text("utf-8").splitlines()
    line = next(i for i, text in enumerate(lines, 1) if "plann" in text)
    assert found.code == 2
    assert f"{config}:{line}:" in found.err
    assert f"{key}: no column or event property is called 'plann'" in found.err
    assert "did you mean 'plan'" in found.err


def test_an_as_of_long_after_the_data_is_told(cli: Cli) -> None:
    arguments = ("report", "-c", EXAMPLE, "--only", "usage", "-f", "json", "--as-of")
    assert not _caveat(cli(*arguments, "2026-10-01"), "data-end-early")
    assert _caveat(cli(*arguments, "2026-10-02"), "data-end-early") == [1]
    assert _caveat(cli(*arguments, "2027-10-01"), "data-end-early") == [365]


def _caveat(outcome: Any, code: str) -> list[int]:
    """The counts of a caveat of the whole report."""
    return [c["count"] for c in json.loads(outcome.out)["caveats"] if c["code"] == code]


def test_same_bytes_twice_sharded_and_from_parquet(cli: Cli) -> None:
    first = cli("report", "-c", EXAMPLE, "-f", "json")
    assert cli("report", "-c", EXAMPLE, "-f", "json").out == first.out
    assert cli("report", "-c", EXAMPLE, "-f", "json", "--shards", "8").out == first.out
    parquet = cli("report", SAMPLE / "events.parquet", "-c", EXAMPLE, "-f", "json")
    assert but_for_commands(parquet.out) == but_for_commands(first.out)


def test_planted_dirt_is_counted(cli: Cli) -> None:
    source = json.loads(cli("report", "-c", EXAMPLE, "-f", "json").out)["source"]
    assert source["rows"] == 38_835
    assert source["anonymous"] == 460
    assert source["set_aside"] == {
        "unreadable-time": 12, "no-event": 8, "past-timestamps": 1, "future-timestamps": 1
    }  # fmt: skip


def test_formats_by_name_and_folder(cli: Cli, tmp_path: Path) -> None:
    for name in ("r.json", "r.csv", "r.txt"):
        assert cli("report", "-c", EXAMPLE, "-q", "-o", tmp_path / name).code == 0
    assert json.loads((tmp_path / "r.json").read_text())["format"] == 1
    tidy = pl.read_csv(tmp_path / "r.csv", infer_schema=False)
    assert tidy.columns[:3] == ["metric", "table", "segment"]
    assert "ADOPTION" in (tmp_path / "r.txt").read_text()
    assert cli("report", "-c", EXAMPLE, "-q", "-o", f"{tmp_path}/tables/").code == 0
    written = {p.name for p in (tmp_path / "tables").iterdir()}
    assert {"summary.csv", "activation.cohorts.csv", "retention.triangle.csv"} <= written


def test_nothing_but_the_payload_on_stdout(cli: Cli) -> None:
    outcome = cli("retention", SAMPLE / "events.csv", "-f", "csv")
    assert outcome.out.startswith("item,cohort,step,retained,")
    assert "columns guessed" in outcome.err
    assert cli("retention", SAMPLE / "events.csv", "-f", "csv", "-q").err == ""


def test_who_lists_those_behind_a_cell(cli: Cli) -> None:
    report = json.loads(cli("activation", "-c", EXAMPLE, "-f", "json").out)
    row = report["metrics"]["activation"]["tables"]["cohorts"][-2]
    cell = f"cohorts[cohort={row['cohort']}].activated"
    people = cli("activation", "-c", EXAMPLE, "-q", "--who", cell).out.split()
    assert len(people) == row["activated"]["numerator"] > 0
    assert cli("activation", "-c", EXAMPLE, "-q", "--who", "nonsense").code == 2
    wrong = cli("activation", "-c", EXAMPLE, "-q", "--who", "cohorts.actvated")
    assert wrong.code == 2
    assert "activated" in wrong.err


def test_who_takes_names_by_table(cli: Cli) -> None:
    """Features and roles stand in columns of one name."""
    rate = ("adoption-rate", "-c", EXAMPLE, "-q", "--who")
    assert len(cli(*rate, "features[item=docs].used").out.split()) == 376
    assert len(cli(*rate, "roles[item=admin].active").out.split()) == 73
    wrong = cli(*rate, "features[item=admin].used")
    assert wrong.code == 2
    assert "there is no item 'admin'" in wrong.err


def test_a_role_does_not_keep_accounts_from_being_actors(cli: Cli) -> None:
    outcome = cli("adoption-rate", "-c", EXAMPLE, "--unit", "account", "-f", "json")
    assert outcome.code == 0, outcome.err
    assert "accounts have none" in outcome.out


def test_init_writes_a_yaml_that_works_and_never_over_one(cli: Cli, tmp_path: Path) -> None:
    assert cli("init", SAMPLE / "events.csv").code == 0
    assert load(tmp_path / "metrics.yaml").definitions.signup is not None
    before = (tmp_path / "metrics.yaml").read_bytes()
    assert cli("init", SAMPLE / "events.csv").code == 2
    assert (tmp_path / "metrics.yaml").read_bytes() == before
    assert cli("report", SAMPLE / "events.csv", "-q", "-o", "r.json").code == 0


def test_validate_tells_what_is_in_the_data(cli: Cli) -> None:
    outcome = cli("validate", "-c", EXAMPLE)
    assert outcome.code == 0
    for text in (
        "rows          38,835",
        "12 unreadable-time",
        "repeated event ids",
        "'report_built'",
    ):
        assert text in outcome.out


@pytest.mark.parametrize("metric", sorted(all_metrics()))
def test_every_metric_is_documented_and_has_a_command(metric: str, cli: Cli) -> None:
    definition = all_metrics()[metric].definition
    for word in ("Formula:", "Numerator:", "Denominator:", "Window:", "Textbook:"):
        if metric != "active_users":
            assert word in definition, (metric, word)
    assert metric in (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert cli("explain", metric).code == 0
    assert cli(metric.replace("_", "-"), "--help").code == 0


@pytest.mark.parametrize("width", [80, 140])
def test_tables_fit_the_terminal(width: int, tmp_path: Path) -> None:
    """In a real terminal of that width no line is longer, and nothing is cut."""
    import pty

    leader, follower = pty.openpty()
    import fcntl
    import struct
    import termios

    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
    child = subprocess.Popen(
        [sys.executable, "-m", "adoptcli", "report", "-c", str(EXAMPLE), "-q"],
        stdout=follower, stdin=follower, stderr=subprocess.DEVNULL, cwd=ROOT,
        env={**environment, "TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(follower)
    raw = b""
    while True:
        try:
            part = os.read(leader, 65_536)
        except OSError:
            break
        if not part:
            break
        raw += part
    assert child.wait() == 0
    os.close(leader)
    assert b"\x1b[" in raw
    lines = re.sub(r"\x1b\[[0-9;]*m", "", raw.decode()).splitlines()
    assert max(map(len, lines)) <= width
    assert any("Activation within 7 d" in line for line in lines)
    assert not any("…" in line for line in lines)


def test_pipe_is_plain_and_ascii_where_it_must(tmp_path: Path) -> None:
    done = process("report", "-c", EXAMPLE, "-q", env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    text = done.stdout.decode("ascii")
    assert "ACTIVATION" in text
    assert "\x1b" not in text


def test_hostile_names_are_shown_not_obeyed(cli: Cli, tmp_path: Path) -> None:
    name = "\x1b[31mred=cmd|' /C calc'!A0"
    rows = [f"u{i},{name},2026-01-{i + 1:02d}T23:30:00Z" for i in range(20)]
    (tmp_path / "e.csv").write_text("user_id,event,timestamp\n" + "\n".join(rows) + "\n")
    config = {"features": {"=x": [name]}, "engagement_score": {"weights": {name: 3}}}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(config))
    table = cli("report", "e.csv", "-c", "m.yaml", "-q")
    assert table.code == 0
    assert "\x1b" not in table.out
    tidy = cli("report", "e.csv", "-c", "m.yaml", "-q", "-f", "csv").out
    assert not re.search(r"(^|,)=", tidy, re.MULTILINE)


def test_closed_pipe_interrupt_and_terminate() -> None:
    big = f"{sys.executable} -m adoptcli report -c {EXAMPLE} -q -f json"
    command = f"{big} | head -c 1 > /dev/null; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False, cwd=ROOT)
    assert done.stdout.strip() == b"141"
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        child = subprocess.Popen(
            [sys.executable, "-m", "adoptcli", "report", "-", "-q"], stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT,
        )  # fmt: skip
        time.sleep(2)
        child.send_signal(number)
        _, err = child.communicate(timeout=20)
        assert child.returncode == code, err
        assert b"Traceback" not in err


def test_stdin_in_every_format(tmp_path: Path) -> None:
    plain = process("report", SAMPLE / "events.csv", "-q", "-f", "json").stdout.decode()
    plain = but_for_commands(plain)
    for name in ("events.csv", "events.parquet"):
        done = process("report", "-", "-q", "-f", "json", input=(SAMPLE / name).read_bytes())
        assert but_for_commands(done.stdout.decode()) == plain, done.stderr
    packed = subprocess.run(["gzip", "-c", SAMPLE / "events.csv"], capture_output=True, check=True)
    done = process("report", "-", "-q", "-f", "json", input=packed.stdout)
    assert but_for_commands(done.stdout.decode()) == plain


def test_readme_is_true(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n((?!steps:).*?)```", text, re.DOTALL)
    for i, block in enumerate(blocks):
        path = tmp_path / f"{i}.yaml"
        path.write_text(block)
        load(path)
    assert blocks
    assert "adoptcli report -c metrics.example.yaml" in text


def test_help_is_light() -> None:
    """--help must not wait for what it does not need."""
    code = "import sys; from adoptcli.cli.app import build; build(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT)
    loaded = set(done.stdout.decode().split())
    assert not {"polars", "adoptcli.metrics", "yaml"} & loaded
