"""A Spark session whose workers have our code, and run what this machine runs."""

from __future__ import annotations

import os
import re
import socket
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import polars as pl

from adoptcli import __version__, temporary
from adoptcli.errors import DataProblem, UsageProblem
from adoptcli.source import delta

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

NAME = "adoptcli"
INSTALL = "pip install 'adoptcli[spark]'"
CHATTER = re.compile(r"WARNING|NOTE|Using |Setting |To adjust |\S+ \S+ (WARN|INFO) ")
T = TypeVar("T")

PORT, PATIENCE = 15002, 5  # of a Connect server; seconds
ASKED = 16  # tasks that tell what their worker runs
SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "200000",
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    "spark.sql.adaptive.coalescePartitions.enabled": "false",  # few rows may be much work
}
QUIET = {"spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR"}


def connect(master: str, tmp: Path | None = None) -> SparkSession:
    """A session at a master (`local[*]`, `spark://…`) or over Connect (`sc://…`).

    Raises:
        UsageProblem: Spark is not installed, or nothing answers there.
        DataProblem: The workers lack what our code needs, or have other versions of it.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise UsageProblem("no-spark", "Spark is not installed here", INSTALL) from None
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    try:
        if master.startswith("sc://"):
            _knock(master)
            session = SparkSession.builder.appName(NAME).remote(master).getOrCreate()
        else:
            session = SparkSession.getActiveSession() or _started(master, tmp)
        for name, value in SETTINGS.items():
            session.conf.set(name, value)
    except Exception as error:
        raise UsageProblem(
            "no-spark-there", f"{master.partition(';')[0]}: no Spark answers: {said(error)}",
            "check --master; local[*] runs it on this machine, and needs Java 17",
        ) from error  # fmt: skip
    _ship(session, tmp)
    _preflight(session)
    return session


def _knock(master: str) -> None:
    """Spark itself would wait for ever where nobody answers; a proxy alone knows who does.

    Raises:
        OSError: Nobody answers.
    """
    address = urlsplit(master)
    host = address.hostname or ""
    if not getproxies() or proxy_bypass(host):
        socket.create_connection((host, address.port or PORT), PATIENCE).close()


def close(session: SparkSession) -> None:
    """Leave a Connect server, which forgets what it holds for us; others go with this process."""
    if over_connect(session):
        session.stop()


def over_connect(session: SparkSession) -> bool:
    """Whether Spark is a server's."""
    return not hasattr(session, "_jsparkSession")


def _started(master: str, tmp: Path | None) -> SparkSession:
    """A session of a Java process, which writes beside and not on our stderr: failures are raised.

    Raises:
        RuntimeError: Java or Spark did not start; what they said of that.
    """
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    conf = SparkConf().setAll([*QUIET.items()]).setMaster(master).setAppName(NAME)
    chatter = temporary.folder(tmp) / "spark.log"
    try:
        with chatter.open("wb") as log:
            gateway = launch_gateway(conf, {"stderr": log})
        return SparkSession(SparkContext(conf=conf, gateway=gateway))
    except Exception as error:
        lines = chatter.read_text(errors="replace").splitlines()
        causes = [line for line in lines if not CHATTER.match(line)]
        if not causes:
            raise
        raise RuntimeError(causes[0].partition(" ERROR ")[2] or causes[0]) from error


def _ship(session: SparkSession, tmp: Path | None) -> None:
    """Give the workers our code."""
    place = temporary.folder(tmp) / f"adoptcli-{__version__}.zip"
    root = Path(__file__).parents[2]
    with zipfile.ZipFile(place, "w") as archive:
        for path in sorted(root.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.write(path, path.relative_to(root.parent))
    if over_connect(session):
        session.addArtifacts(str(place), pyfile=True)
    else:
        session.sparkContext.addPyFile(str(place))


def _preflight(session: SparkSession) -> None:
    """Stop where a worker runs anything else."""
    from adoptcli.runner.spark import worker

    ours = worker.runs()
    try:
        rows = session.range(0, ASKED, 1, ASKED).mapInArrow(worker.versions, "versions string")
        theirs = sorted({row[0] for row in rows.collect()})
    except Exception as error:
        raise DataProblem(
            "spark-workers", f"Spark's workers cannot run adoptcli: {said(error)}",
            f"install on each what this machine has: pip install polars=={pl.__version__} "
            "pyarrow pydantic orjson pyyaml",
        ) from error  # fmt: skip
    wrong = [text for text in theirs if worker.compared(text) != worker.compared(ours)]
    if wrong:
        only_adoptcli = worker.compared(wrong[0])[:2] == worker.compared(ours)[:2]
        raise DataProblem(
            "spark-versions",
            f"Spark's workers have Python, Polars and adoptcli {wrong[0]}, this machine has {ours}",
            "take adoptcli away there, as this one is sent along" if only_adoptcli
            else "install the same Polars and the same minor version of Python on all",
        )  # fmt: skip


def said(error: BaseException) -> str:
    """The line of a Spark error that says what was wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    python = [line for line in lines if line.partition(":")[0].endswith(("Error", "Problem"))]
    return (python or lines or [type(error).__name__])[-1 if python else 0][:300]


def parquet(
    session: SparkSession, paths: Sequence[str], base: str = "", **options: str
) -> DataFrame:  # fmt: skip
    """Parquet files, or folders of them; folders such as `day=1` below the base are columns.

    Raises:
        DataProblem: Nothing can be read there.
    """
    try:
        options |= {"basePath": base} if base else {}
        found = session.read.options(**options).parquet(*paths)
        assert found.columns is not None  # over Connect nothing has been read before
    except Exception as error:
        raise unread(paths, said(error)) from error
    return found


def unread(paths: Sequence[str], why: str) -> DataProblem:
    """What Spark does not read."""
    way = "give Parquet files, a folder of them, or a Delta table, where all workers reach it"
    if "Illegal Parquet type" in why:
        way = "read it on one machine: --runner local; or write timestamps in microseconds"
    text = f"{', '.join(paths[:3])}{', …' if len(paths) > 3 else ''}"
    return DataProblem("spark-read", f"{text}: Spark cannot read this: {why}", way)


def of_delta(session: SparkSession, table: str) -> DataFrame:
    """A Delta table by the cluster's package; where that is missing by its log, as read here.

    Raises:
        DataProblem: Nothing can be read there.
    """
    try:
        return session.read.format("delta").load(table)
    except Exception:
        found = delta.files(table.replace("s3a://", "s3://", 1), table)
    if any(_names(entry.within.parts[:-1]) != _names(entry.folders) for entry in found):
        raise DataProblem(
            "spark-read", f"{table}: the cluster lacks Delta's package, and folders of this table "
            "do not tell its partitions", "add the package: --packages io.delta:delta-spark_2.13",
        )  # fmt: skip
    root = table.rstrip("/")
    return parquet(session, [f"{root}/{e.within}" for e in found], root, mergeSchema="true")


def _names(folders: Sequence[str]) -> list[str]:
    """The columns that folders such as `day=1` are of."""
    return sorted(folder.partition("=")[0] for folder in folders)


def is_delta(session: SparkSession, path: str) -> bool:
    """Whether a folder has the log of a Delta table; its Parquet files alone may be of the past."""
    try:
        log = session.read.format("binaryFile").load(f"{path.rstrip('/')}/_delta_log/*.json")
        return bool(log.select("path").limit(1).collect())
    except Exception:
        return False


def table(frame: DataFrame) -> Any:
    """A small frame as an Arrow table.

    Raises:
        DataProblem: It cannot be read.
    """
    return _or_problem(frame.toArrow)


def collected(frame: DataFrame) -> list[Any]:
    """The rows of a small frame.

    Raises:
        DataProblem: What ran on the workers failed.
    """
    return list(_or_problem(frame.collect))


def _or_problem(act: Callable[[], T]) -> T:
    try:
        return act()
    except Exception as error:
        raise DataProblem(
            "spark-failed", f"Spark stopped: {said(error)}", "--debug shows everything"
        ) from error
