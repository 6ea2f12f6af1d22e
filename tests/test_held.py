"""The hash of the definitions is of what held: presets too, by whatever way, and no file's name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from adoptcli.config import presets
from adoptcli.config.model import default, hash_of, load
from adoptcli.runner.presets import Settled

Cli = Callable[..., Any]

ROW = {"event": "Opened", "properties": {"time": 1767225600, "distinct_id": "a", "$insert_id": "1"}}
USUAL = ["columns: {user: u, event: e, timestamp: t}", "dedupe: {key: [i]}", "signup: Joined"]


@pytest.fixture
def hash_for(cli: Cli, tmp_path: Path) -> Callable[..., str]:
    """The hash of a report on a file, with options, and the definitions of `metrics.yaml`."""
    (tmp_path / "a").mkdir()
    for name in ("a/one.json", "two.json"):
        (tmp_path / name).write_text(json.dumps(ROW) + "\n")
    row = {"u": "a", "e": "Opened", "t": "2026-01-01T00:00:00Z", "i": "1"}
    (tmp_path / "plain.ndjson").write_text(json.dumps(row) + "\n")

    def call(*arguments: str) -> str:
        done = cli("active-users", *arguments, "-f", "json", "--as-of", "2026-01-02")
        assert done.code == 0, done.err
        return str(json.loads(done.out)["definitions"])

    return call


def test_a_detected_preset_is_one_that_is_named(
    hash_for: Callable[..., str], tmp_path: Path
) -> None:
    found = {hash_for("two.json"), hash_for("a/one.json"), hash_for("a"),
             hash_for("two.json", "--preset", "mixpanel")}  # fmt: skip
    (tmp_path / "metrics.yaml").write_text("source: {preset: mixpanel}")
    found.add(hash_for("two.json"))
    assert len(found) == 1
    assert found != {hash_of(default().definitions)}


def test_every_preset_has_its_own() -> None:
    """And none has that of a log without preset."""
    found = {hash_of(default().definitions)}
    for name in presets.names():
        (own,) = default().definitions.source
        settled = Settled()
        source, _ = settled.settle(own.model_copy(update={"preset": name}), ())
        d = default().definitions.model_copy(update={"source": [source]})
        found.add(hash_of(d, settled.roles(d)))
    assert len(found) == len(presets.names()) + 1


def preset(folder: Path, *lines: str) -> str:
    data: dict[str, Any] = {"about": "Ours", "source": {}}
    for key, value in (pair for line in lines for pair in yaml.safe_load(line).items()):
        (data if key == "signup" else data["source"])[key] = value
    (folder / "p.yaml").write_text(yaml.safe_dump(data))
    return str(folder / "p.yaml")


def test_a_preset_of_ones_own_counts_by_what_it_says(
    hash_for: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "b").mkdir()
    first = hash_for("plain.ndjson", "--preset", preset(tmp_path, *USUAL))
    assert hash_for("plain.ndjson", "--preset", preset(tmp_path / "b", *USUAL)) == first
    others = [
        [*USUAL[:2], "signup: Started"], [*USUAL[:2]], [*USUAL, "ignore: [x]"],
        [USUAL[0], "dedupe: {key: [i, u]}", USUAL[2]],
    ]  # fmt: skip
    found = {hash_for("plain.ndjson", "--preset", preset(tmp_path, *lines)) for lines in others}
    assert len(found | {first}) == 5


def test_what_the_yaml_names_is_not_the_presets(tmp_path: Path) -> None:
    """A sign-up that the YAML names holds, whatever the preset would take for one."""
    (tmp_path / "m.yaml").write_text("signup: Mine")
    d, settled = load(tmp_path / "m.yaml").definitions, Settled()
    settled.settle(d.source[0].model_copy(update={"preset": preset(tmp_path, *USUAL)}), ())
    assert settled.roles(d) == {}
    assert settled.roles(default().definitions) == {"signup": ["Joined"]}


def test_without_preset_it_is_that_of_the_yaml(
    hash_for: Callable[..., str], tmp_path: Path
) -> None:
    usual = "source: {columns: {user: u, event: e, timestamp: t}}\nperiod: day\n"
    (tmp_path / "metrics.yaml").write_text(usual)
    found = hash_of(load(tmp_path / "metrics.yaml").definitions)
    assert hash_for("plain.ndjson") == hash_for("plain.ndjson", "--preset", "none") == found
    (tmp_path / "ids.csv").write_text("from,to\nx,a\n")
    mapped = hash_for("plain.ndjson", "--identities", "ids.csv")
    assert mapped != found
    (tmp_path / "metrics.yaml").write_text(usual.replace("}}", "}, identity: {file: ids.csv}}"))
    assert hash_for("plain.ndjson") == mapped
