"""Files in Azure give what the same files give here, however the credentials are told."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from adoptcli.source import expand, remote
from tests import azure
from tests.conftest import Outcome, but_for_commands

pytest.importorskip("obstore")

Cli = Callable[..., Outcome]
EVENTS = pl.DataFrame(
    [
        (f"u{(day + i) % 7}", ("open", "save")[i % 2], f"2026-01-{day:02d}T1{i}:00:00Z", day)
        for day in range(1, 13)
        for i in range(5)
    ],
    schema=["user", "event", "timestamp", "day"],
    orient="row",
)
BY_DAY = {"partition_by": ["day"]}
FAR = 1_000_000  # bytes, beyond which a file is not fetched whole


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[azure.Blobs]:
    """The server, and a folder that its container `logs` is a copy of."""
    root = tmp_path_factory.mktemp("logs")
    EVENTS.drop("day").write_csv(root / "one.csv")
    for (day,), part in EVENTS.group_by("day", maintain_order=True):
        folder = root / f"daily/plan=a b+{day % 2}/day={day}"  # type: ignore[operator]
        folder.mkdir(parents=True)
        part.drop("day").write_ndjson(folder / "events#1.ndjson")
    (root / "daily/_SUCCESS").write_bytes(b"")
    with azure.serving(root) as server:
        server.containers["logs"] = inside(root)
        put(server, root, "one.parquet", EVENTS)
        yield server


@pytest.fixture
def logs(blobs: azure.Blobs, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder, and the account's variables."""
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", azure.ACCOUNT)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", azure.KEY)
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", blobs.url)
    blobs.public.clear()
    return blobs.root


def inside(root: Path, pattern: str = "**/*") -> dict[str, bytes]:
    found = (path for path in root.glob(pattern) if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def anew(blobs: azure.Blobs) -> str:
    """The files in a container of their own, since Polars keeps what it knows of one."""
    name = f"c{len(blobs.containers)}"
    blobs.containers[name] = blobs.containers["logs"]
    return name


def put(blobs: azure.Blobs, root: Path, name: str, frame: pl.DataFrame) -> None:
    frame.write_parquet(root / name, compression="uncompressed", row_group_size=50)
    blobs.containers["logs"][name] = (root / name).read_bytes()


def usage(cli: Cli, path: object, *more: str) -> dict[str, Any]:
    done = cli("usage", path, "-q", "-f", "json", *more)
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(but_for_commands(done.out))
    return found


@pytest.mark.parametrize(
    ("container", "key", "more"),
    [
        ("az://logs", "one.csv", ()), ("az://logs", "daily", ("--by", "plan")),
        ("abfss://logs@acme.dfs.core.windows.net", "daily/", ()),
        ("az://logs", "daily/**/*1.ndjson", ()),
    ],
)  # fmt: skip
def test_a_container_gives_what_a_folder_gives(
    container: str, key: str, more: tuple[str, ...], logs: Path, cli: Cli
) -> None:
    assert usage(cli, f"{container}/{key}", *more) == usage(cli, logs / key, *more)


def test_a_delta_table(logs: Path, blobs: azure.Blobs, cli: Cli) -> None:
    pytest.importorskip("deltalake")
    for day in (1, 2):
        part = EVENTS.filter(pl.col("day") % 2 == day % 2)
        part.write_delta(logs / "table", mode="overwrite", delta_write_options=BY_DAY)
    blobs.containers["lake"] = inside(logs, "table/**/*")
    here = usage(cli, logs / "table")
    assert here["source"]["rows"] == len(EVENTS) / 2
    for container in ("az://lake", "abfss://lake@acme.dfs.core.windows.net"):
        assert usage(cli, f"{container}/table/") == here


@pytest.mark.parametrize("container", ["az://logs", "abfss://logs@acme.dfs.core.windows.net"])
def test_large_parquet_is_read_in_place(
    container: str, logs: Path, blobs: azure.Blobs, cli: Cli
) -> None:
    long = pl.Series("note", [str(i) * (FAR // 100) for i in range(len(EVENTS))])
    put(blobs, logs, "large.parquet", EVENTS.drop("day").with_columns(long))
    blobs.asked.clear()
    assert usage(cli, f"{container}/large.parquet") == usage(cli, logs / "large.parquet")
    ranges = [asked for verb, _, asked in blobs.asked if verb == "GET"]
    assert ranges
    assert all(ranges)
    sizes = [int(b) - int(a) for a, b in (r.removeprefix("bytes=").split("-") for r in ranges)]
    assert max(sizes) < FAR < len(blobs.containers["logs"]["large.parquet"])


@pytest.mark.parametrize(
    "said",
    [
        {"AZURE_STORAGE_SAS_TOKEN": f"sv=2023&sig={azure.SIGNATURE}"},
        {"AZURE_STORAGE_CONNECTION_STRING": f"AccountName=acme;AccountKey={azure.KEY};"
         "DefaultEndpointsProtocol=http;BlobEndpoint={url}"},
        {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=acme;BlobEndpoint={url};"
         f"SharedAccessSignature=sv=2023&sig={azure.SIGNATURE}"},
        {"AZURE_STORAGE_ACCOUNT": "acme", "AZURE_STORAGE_KEY": azure.KEY,
         "AZURE_ENDPOINT": "{url}"},
        {"AZURE_SKIP_SIGNATURE": "true", "public": ""},
    ],
)  # fmt: skip
def test_ways_to_tell_the_credentials(
    said: dict[str, str], logs: Path, blobs: azure.Blobs, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_KEY")
    if "AZURE_ENDPOINT" in said or "AZURE_STORAGE_CONNECTION_STRING" in said:
        monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME")
        monkeypatch.delenv("AZURE_STORAGE_ENDPOINT")
    for name, value in said.items():
        monkeypatch.setenv(name, value.replace("{url}", blobs.url))
    own = anew(blobs)
    blobs.public |= {own} if "public" in said else set()
    monkeypatch.setattr(expand, "SMALL", -1)
    found = usage(cli, f"az://{own}/one.parquet")  # looked for by one package, read by another
    assert (found["source"]["rows"], found["source"]["actors"]) == (len(EVENTS), 7)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("az://logs/none.csv", "az://logs/none.csv: nothing is there"),
        ("az://logs/*.avro", "nothing is there"),
        ("az://nowhere/one.csv", "az://nowhere/one.csv: there is no such container"),
        ("az://nowhere/", "there is no such container"),
        ("abfss://nowhere@acme.dfs.core.windows.net/daily", "there is no such container"),
    ],
)
def test_what_is_not_there(address: str, said: str, logs: Path, cli: Cli) -> None:
    done = cli("usage", address)
    assert (done.code, said in done.err) == (3, True), done.err


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0", "the service refuses access"),
        ("AZURE_STORAGE_SAS_TOKEN", "sig=c2VjcmV0", "the service refuses access"),
        ("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0!", "the account's key is no base64"),
    ],
)
def test_wrong_credentials(
    name: str, value: str, said: str, logs: Path, blobs: azure.Blobs, cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_KEY")
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(expand, "SMALL", -1)
    for address in ("az://logs/one.csv", "az://logs/daily/", "az://logs/one.parquet"):
        done = cli("usage", address)
        assert (done.code, said in done.err) == (3, True), done.err
        assert value not in done.err
        assert "AZURE_STORAGE_ACCOUNT_KEY" in done.err
    monkeypatch.setattr(remote, "installed", lambda: False)  # by Polars alone
    own = anew(blobs)
    done = cli("usage", f"az://{own}/one.parquet")
    assert (done.code, said in done.err, value in done.err) == (3, True, False), done.err


def test_over_https(logs: Path, blobs: azure.Blobs, cli: Cli) -> None:
    """Azure does not give a file's last bytes by their number: the whole is fetched."""
    for name in ("one.csv", "one.parquet"):
        signed = f"{blobs.url}/logs/{name}?sv=2023&sig={azure.SIGNATURE}"
        assert usage(cli, signed) == usage(cli, logs / name)
    done = cli("usage", f"{blobs.url}/logs/one.parquet")
    assert (done.code, "the server refuses access (403)" in done.err) == (3, True)
    blobs.public.add("logs")
    assert usage(cli, f"{blobs.url}/logs/one.parquet") == usage(cli, logs / "one.parquet")
