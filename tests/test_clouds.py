"""Files at addresses give what the same files give here, against a real S3 server on this machine.

Google's API for reading is the same XML, so that the server stands in for it, too.
"""

from __future__ import annotations

import gzip
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import polars as pl
import pytest

from adoptcli import temporary
from adoptcli.source import copies, expand, folders, remote
from tests import deletion
from tests.conftest import Outcome, but_for_commands
from tests.exports import amplitude, heap_s3
from tests.test_lookback import table as delta_table

obstore = pytest.importorskip("obstore")
moto = pytest.importorskip("moto.server")

EVENTS = pl.DataFrame(
    [
        (f"u{(day + i) % 7}", ("open", "save")[i % 2], f"2026-01-{day:02d}T1{i}:00:00Z", day)
        for day in range(1, 29)
        for i in range(5)
    ],
    schema=["user", "event", "timestamp", "day"],
    orient="row",
)
Cli = Callable[..., Outcome]


class Bucket:
    """A bucket of the server, and a folder with the same files."""

    def __init__(self, root: Path, url: str) -> None:
        from obstore.store import S3Store

        self.root, self.url = root, url
        self.store = S3Store("logs", client_options={"allow_http": True})

    def put(self, key: str, content: bytes) -> None:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.store.put(key, content)


def _parquet(frame: pl.DataFrame, path: Path) -> bytes:
    frame.write_parquet(path)
    return path.read_bytes()


def _ask(url: str, method: str, body: bytes = b"", **headers: str) -> None:
    headers |= {"Content-Type": "text/plain"}
    urlopen(Request(url, body or None, headers, method=method), timeout=10).close()


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        for name, value in {
            "AWS_ACCESS_KEY_ID": "AKIAKNOWN", "AWS_SECRET_ACCESS_KEY": "hush", "AWS_REGION":
            "us-east-1", "AWS_ENDPOINT_URL": url, "AWS_ALLOW_HTTP": "true", "HOME": str(home),
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():  # fmt: skip
            patch.setenv(name, value)
        _ask(f"{url}/logs", "PUT")
        made = Bucket(tmp_path_factory.mktemp("bucket"), url)
        _fill(made, tmp_path_factory.mktemp("made"))
        yield made
    server.stop()


def _fill(bucket: Bucket, scratch: Path) -> None:
    plain = EVENTS.drop("day")
    bucket.put("one.parquet", _parquet(plain, scratch / "p"))
    bucket.put("one.csv", plain.write_csv().encode())
    bucket.put("one.csv.gz", gzip.compress(plain.write_csv().encode()))
    bucket.put("noname", plain.write_ndjson().encode())
    plain.lazy().sink_csv(scratch / "zst", compression="zstd")
    bucket.put("one.csv.zst", (scratch / "zst").read_bytes())
    bucket.put("hive/_SUCCESS", b"")
    bucket.put("hive/manifest.csv", b"file\n")
    bucket.put("hive/notes.pdf", b"%PDF")
    bucket.put("hive/plan=free/day=2026-01-01/empty.parquet", b"")
    for i, plan in enumerate(("free", "a b+c")):
        part = EVENTS.filter(pl.col("day") % 2 == i).drop("day")
        bucket.put(
            f"hive/plan={plan}/day=2026-01-0{i + 1}/x[1].parquet", _parquet(part, scratch / "p")
        )
    for (day,), part in EVENTS.group_by("day", maintain_order=True):
        body = gzip.compress(part.drop("day").write_ndjson().encode())
        bucket.put(f"hourly/2026/{day}/events#{day}.ndjson.gz", body)
    bucket.put("hourly/2026/1/readme.md", b"no data")
    bucket.put("users.csv", b"user,signed_up_at,plan\nu1,2026-01-02,pro\nu2,2026-01-03,free\n")


def put_all(bucket: Bucket, folder: Path, prefix: str) -> None:
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        bucket.put(f"{prefix}/{path.relative_to(folder).as_posix()}", path.read_bytes())


def usage(cli: Cli, path: object, *more: str) -> dict[str, Any]:
    done = cli("usage", path, "-q", "-f", "json", *more)
    assert done.code == 0, done.err
    return json.loads(but_for_commands(done.out))


@pytest.mark.parametrize(
    ("key", "in_place", "more"),
    [
        ("one.parquet", True, ()), ("one.parquet", False, ()), ("one.csv", False, ()),
        ("one.csv.gz", False, ()), ("one.csv.zst", False, ()), ("noname", False, ()),
        ("hive", True, ("--by", "plan")), ("hive/", False, ("--by", "plan")),
        ("hive/*/*/*.parquet", True, ()), ("hourly/**/*.ndjson.gz", False, ()),
    ],
)  # fmt: skip
def test_an_address_gives_what_the_files_give(
    key: str, more: tuple[str, ...], in_place: bool, bucket: Bucket, cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if in_place:
        monkeypatch.setattr(expand, "SMALL", -1)
    if "*/*" in key and "parquet" in key:  # a local glob takes the empty file, too
        (bucket.root / "hive/plan=free/day=2026-01-01/empty.parquet").unlink(missing_ok=True)
    assert usage(cli, f"s3://logs/{key}", *more) == usage(cli, f"{bucket.root}/{key}", *more)


def test_what_is_skipped_is_said(bucket: Bucket, cli: Cli) -> None:
    done = cli("usage", "s3://logs/hive", "-f", "json")
    assert "skipped in s3://logs/hive: manifest.csv" in done.err
    assert cli("usage", "s3://logs/hourly/2026/[13]/*").code == 0


def test_tables_at_addresses(bucket: Bucket, cli: Cli) -> None:
    there = usage(cli, "s3://logs/one.csv", "--users", "s3://logs/users.csv", "--by", "plan")
    here = usage(
        cli, f"{bucket.root}/one.csv", "--users", f"{bucket.root}/users.csv", "--by", "plan"
    )
    assert there == here


def test_an_export_in_a_bucket_is_known_by_its_shape(
    bucket: Bucket, cli: Cli, tmp_path: Path
) -> None:
    export = amplitude.write(tmp_path)
    bucket.put("amplitude.zip", export.read_bytes())
    with zipfile.ZipFile(export) as archive:
        for name in archive.namelist():
            bucket.put(f"amplitude/{name}", archive.read(name))
    done = cli("active-users", "s3://logs/amplitude/", "-f", "json")
    assert "format: amplitude" in done.err
    zipped = cli("active-users", "s3://logs/amplitude.zip", "-q", "-f", "json").out
    local = cli("active-users", export, "-q", "-f", "json").out
    assert but_for_commands(done.out) == but_for_commands(zipped) == but_for_commands(local)


def test_a_delta_table_in_a_bucket_is_its_current_version(
    bucket: Bucket, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("deltalake")
    table = delta_table(tmp_path)
    put_all(bucket, table, "lake")
    here = usage(cli, table, "--by", "plan")
    assert here["source"]["rows"] < len(pl.read_parquet(table / "**/*.parquet"))
    for small in (expand.SMALL, -1):  # copied, and read in place
        monkeypatch.setattr(expand, "SMALL", small)
        assert usage(cli, "s3://logs/lake", "--by", "plan") == here
    for part in ("day=2026-01-01/", "**/*.parquet"):
        assert "this is within a Delta table" in cli("usage", f"s3://logs/lake/{part}").err
    put_all(bucket, deletion.write(tmp_path / "marked", "beside", (0, 3)), "marked")
    assert "deleted by deletion vectors" in cli("usage", "s3://logs/marked/").err


def test_manifests_of_dumps_beside_them_in_the_bucket(
    bucket: Bucket, cli: Cli, tmp_path: Path
) -> None:
    put_all(bucket, heap_s3.write(tmp_path), "heap")
    told = []
    for place, named in (
        ("s3://logs", "heap"), ("s3://logs", "heap/sync_*/**/*.avro"), (bucket.root, "heap"),
    ):  # fmt: skip
        ids = ("--identities", f"{place}/heap/sync_3/user_migrations")
        done = cli("active-users", f"{place}/{named}", "--preset", "heap-s3", *ids, "-f", "json")
        assert f"skipped: {place}/heap/sync_1/app_shared/part-00000-c000.avro" in done.err
        assert "no manifest" not in done.err
        told.append(json.loads(but_for_commands(done.out)))
    assert told[0] == told[1] == told[2]


def test_line_numbers_as_here(bucket: Bucket, cli: Cli) -> None:
    bucket.put("broken.ndjson", EVENTS.drop("day").write_ndjson().encode() + b"{broken\n")
    done = cli("usage", "s3://logs/broken.ndjson")
    assert done.code == 3
    assert "s3://logs/broken.ndjson:141: this line is no JSON object" in done.err


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("s3://logs/none.csv", "s3://logs/none.csv: nothing is there"),
        ("s3://logs/none/", "nothing is there"),
        ("s3://logs/*.avro", "nothing is there"),
        ("s3://nowhere/one.csv", "there is no such bucket"),
        ("s3://nowhere/", "there is no such bucket"),
    ],
)
def test_what_is_not_there(address: str, said: str, bucket: Bucket, cli: Cli) -> None:
    done = cli("usage", address)
    assert (done.code, said in done.err) == (3, True), done.err


def test_wrong_credentials(bucket: Bucket, cli: Cli) -> None:
    _ask(f"{bucket.url}/moto-api/reset-auth", "POST", b"0")
    try:
        for address in ("s3://logs/one.csv", "s3://logs/hive/"):
            done = cli("usage", address)
            assert done.code == 3
            assert "the service refuses access" in done.err
            assert "hush" not in done.err
            assert "AKIAKNOWN" not in done.err
    finally:
        _ask(f"{bucket.url}/moto-api/reset-auth", "POST", b"1000000000")


def test_no_network_and_no_https(bucket: Bucket, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(remote.RETRIES, "max_retries", 0)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert "the service cannot be reached" in cli("usage", "s3://logs/one.csv").err


def test_keys_of_the_aws_command_line(
    bucket: Bucket, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Path.home() / ".aws"
    home.mkdir()
    (home / "config").write_text(f"[profile lake]\nendpoint_url = {bucket.url}\nregion=us-east-1\n")
    (home / "credentials").write_text(
        "[lake]\naws_access_key_id = AKIAKNOWN\naws_secret_access_key = hush\n"
    )
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "REGION", "ENDPOINT_URL", "ALLOW_HTTP"):
        monkeypatch.delenv(f"AWS_{name}")
    monkeypatch.setenv("AWS_PROFILE", "lake")
    monkeypatch.setattr(expand, "SMALL", -1)
    assert usage(cli, "s3://logs/one.parquet") == usage(cli, f"{bucket.root}/one.parquet")


def test_gs(bucket: Bucket, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    account = {
        "gcs_base_url": bucket.url, "disable_oauth": True, "client_email": "", "private_key": "",
        "private_key_id": "",
    }  # fmt: skip
    (tmp_path / "account.json").write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_ALLOW_HTTP", "true")
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(tmp_path / "account.json"))
    for name in ("open.csv", "open/day=2026-01-01/x.parquet"):
        frame = EVENTS.drop("day")
        made = frame.write_csv().encode() if "csv" in name else _parquet(frame, tmp_path / "p")
        _ask(f"{bucket.url}/logs/{name}", "PUT", made, **{"x-amz-acl": "public-read"})
    wanted = usage(cli, f"{bucket.root}/one.csv")
    assert usage(cli, "gs://logs/open.csv") == wanted
    monkeypatch.setattr(expand, "SMALL", -1)
    assert usage(cli, "gs://logs/open/**/*.parquet") == wanted
    assert usage(cli, f"{bucket.url}/logs/open/day=2026-01-01/x.parquet") == wanted  # in place


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


def test_https(bucket: Bucket, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bucket.root)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    wanted = usage(cli, "one.csv")
    try:
        for name in ("one.csv", "one.csv.gz", "one.parquet", "noname", "one.csv?sig=hush"):
            assert usage(cli, f"{url}/{name}") == wanted
        done = cli("usage", f"{url}/none.csv?sig=hush")
        assert f"{url}/none.csv: there is no such file" in done.err
        assert "hush" not in done.err
        assert "hush" not in cli("report", f"{url}/one.csv?sig=hush", "-f", "json").out
        assert cli("usage", f"{url}/hive/").code == 2
        done = cli("usage", f"http://me:hush@127.0.0.1:{server.server_port}/one.csv")
        assert (done.code, "hush" in done.err) == (2, False)
    finally:
        server.shutdown()
        server.server_close()
    assert "the server cannot be reached" in cli("usage", f"{url}/one.csv").err


def test_copies_are_private_and_go(
    bucket: Bucket, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    later: list[Any] = []
    monkeypatch.setattr(temporary.atexit, "register", lambda *a, **k: later.append((a, k)))
    (tmp_path / "t").mkdir()
    usage(cli, "s3://logs/hourly/", "--tmp", str(tmp_path / "t"))
    (folder,) = (tmp_path / "t").iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    assert len([*folder.iterdir()]) == 28
    for (call, *arguments), named in later:
        call(*arguments, **named)
    assert not [*(tmp_path / "t").iterdir()]


def test_no_space(bucket: Bucket, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies.shutil, "disk_usage", lambda path: type("D", (), {"free": 10}))
    done = cli("usage", "s3://logs/one.csv")
    assert done.code == 74
    assert "s3://logs/one.csv: no space for a copy" in done.err


def test_without_the_package(bucket: Bucket, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "installed", lambda: False)
    assert usage(cli, "s3://logs/one.parquet") == usage(cli, f"{bucket.root}/one.parquet")
    done = cli("usage", "s3://logs/one.csv")
    assert done.code == 2
    assert "pip install obstore" in done.err
    assert "there is no such object" in cli("usage", "s3://logs/none.parquet").err


@pytest.mark.parametrize(
    ("path", "pattern", "fits"),
    [
        ("2026/01/x.gz", "**/*.gz", True), ("x.gz", "**/*.gz", True), ("a/x.gz", "*.gz", False),
        ("a/b/x.gz", "a/**", True), ("a/b/x.gz", "*/b/?.gz", True), ("a/b/x.gz", "a/*", False),
        ("a/b/c/x", "a/**/c/x", True), ("a/c/x", "a/**/c/x", True), ("a/d/x", "a/**/c/x", False),
    ],
)  # fmt: skip
def test_globs(path: str, pattern: str, fits: bool) -> None:
    assert folders.matches(path.split("/"), pattern.split("/")) is fits
