"""Logs in a bucket or on HDFS, which are folders here: Spark reads them by their addresses."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from tests.spark import servers, test_spark
from tests.spark.conftest import Far

sample = test_spark.sample
WHAT = ("-f", "json")
SHARDS = ("--runner", "spark", "--shards", "7", "--master")
PLACES = ("s3a/bucket/logs", "hdfs/host/logs")


@pytest.fixture(scope="module")
def logs(sample: Path, far: Far, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample here and there: in files, by month, and by month in another form each."""
    folder = tmp_path_factory.mktemp("here")
    for path in sample.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    shutil.copytree(sample / "events", folder / "logs" / "plain")
    events = pl.read_parquet(sample / "events" / "*.parquet")
    for month in range(4, 10):
        place = folder / "logs" / "months" / f"month=2026-{month:02}"
        place.mkdir(parents=True)
        begins = pl.col("occurred_at").str.starts_with(f"2026-{month:02}")
        rows = events.filter(begins)
        rows.head(rows.height // 2).write_parquet(place / "a b.parquet")
        rows.tail(-(rows.height // 2)).write_parquet(place / "b%20.parquet")
    for place in PLACES:
        shutil.copytree(folder / "logs", far.root / place)
    return folder


def alike(folder: Path, far: Far, here: str, there: str, url: str) -> None:
    """The same of files here, read by this machine, and of an address."""
    one = test_spark.run(folder, "report", here, *WHAT)
    arguments = ("report", there, *WHAT, *SHARDS, url)
    other = test_spark.run(folder, *arguments, environment=far.environment)
    assert one.returncode == 0, one.stderr
    assert (other.returncode, other.stderr) == (0, "")
    assert other.stdout.replace(there, here) == one.stdout


def test_months_in_a_bucket_of_a_cluster(logs: Path, far: Far, cluster: str) -> None:
    """Spark is told by `SPARK_CONF_DIR`."""
    alike(logs, far, "logs/months", "s3://bucket/logs/months", cluster)


def test_a_glob_on_hdfs_of_a_cluster(logs: Path, far: Far, cluster: str) -> None:
    """It is told by `PYSPARK_SUBMIT_ARGS`."""
    glob, settings = "logs/months/month=2026-0[5-8]/a*", far.root / "conf" / "spark-defaults.conf"
    said = [f"--conf {line.replace(' ', '=')}" for line in settings.read_text().splitlines()]
    told = {"PYSPARK_SUBMIT_ARGS": " ".join([*said, "pyspark-shell"])}
    telling = Far(far.root, {**servers.ENVIRONMENT, **told})
    alike(logs, telling, glob, f"hdfs://host:9000/{glob}", cluster)


@pytest.mark.parametrize(
    ("near", "address"),
    [
        ("logs/plain/1.parquet", "s3a://bucket/logs/plain/1.parquet"),
        ("logs/months/", "hdfs://host:9000/logs/months/"),
    ],
    ids=["a file in a bucket", "months on hdfs"],
)
def test_over_connect(logs: Path, far: Far, connect: str, near: str, address: str) -> None:
    """The server knows the addresses, this machine does not."""
    alike(logs, Far(far.root, servers.ENVIRONMENT), near, address, connect)


def test_a_delta_table_in_a_bucket(
    logs: Path, far: Far, connect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its log is read here, by what the environment says of S3; its files are read by Spark."""
    boto3, moto, deltalake = map(pytest.importorskip, ("boto3", "moto.server", "deltalake"))
    rows = pl.read_parquet(logs / "logs" / "plain" / "*.parquet")
    for some in (rows.head(500), rows):
        deltalake.write_deltalake(logs / "logs" / "table", some, mode="overwrite")
    shutil.copytree(logs / "logs" / "table", far.root / PLACES[0] / "table")
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    said = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
        "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
    }  # fmt: skip
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    try:
        bucket = boto3.resource("s3", endpoint_url=said["AWS_ENDPOINT_URL"]).Bucket("bucket")
        bucket.create()
        for path in (logs / "logs" / "table").rglob("*"):
            if path.is_file():
                bucket.upload_file(str(path), str(path.relative_to(logs)))
        knowing = Far(far.root, {**servers.ENVIRONMENT, **said})
        alike(logs, knowing, "logs/table", "s3://bucket/logs/table", connect)
    finally:
        server.stop()


def test_nothing_there_is_told(logs: Path, far: Far, connect: str) -> None:
    for what in ("s3://bucket/logs/none", "hdfs://host:9000/logs/months/*/none.parquet"):
        done = test_spark.run(logs, "report", what, *WHAT, *SHARDS, connect)
        assert (done.returncode, done.stdout) == (3, "")
        assert "PATH_NOT_FOUND" in done.stderr
        assert "Traceback" not in done.stderr


def test_every_session_of_a_server_is_closed(
    logs: Path, far: Far, connect: str, served: Path
) -> None:
    """Those of runs that were refused, too."""
    had, _ = servers.sessions(served)
    place = far.root / PLACES[0] / "shapes"
    place.mkdir()
    for name, columns in (("a", ["user_id"]), ("b", ["user_id", "event_name"])):
        rows = pl.read_parquet(logs / "logs" / "plain" / "0.parquet").select(columns)
        rows.write_parquet(place / f"{name}.parquet")
    several = test_spark.run(logs, "report", "s3://bucket/logs/shapes", *WHAT, *SHARDS, connect)
    assert "files of several shapes" in several.stderr
    lacking = test_spark.run(
        logs, "report", "s3://bucket/logs/shapes/a.parquet", *WHAT, *SHARDS, connect
    )
    assert (several.returncode, lacking.returncode) == (2, 3), lacking.stderr
    now, closed = servers.sessions(served)
    assert (now - had, closed) == (2, now)
