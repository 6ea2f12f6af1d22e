"""A Spark session whose workers have our code, and run what this machine runs."""

from __future__ import annotations

import os
import re
import socket
import sys
import zipfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from adoptcli import __version__, temporary
from adoptcli.errors import DataProblem, UsageProblem
from adoptcli.runner.spark import problems
from adoptcli.source import delta
from adoptcli.source.folders import Entry

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

NAME = "adoptcli"
INSTALL = "pip install 'adoptcli[spark]'"
CHATTER = re.compile(r"WARNING|NOTE|Using |Setting |To adjust |\S+ \S+ (WARN|INFO) ")
T = TypeVar("T")

PORT, PATIENCE = 15002, 5  # of a Connect server; seconds
SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "200000",
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    "spark.sql.adaptive.coalescePartitions.enabled": "false",  # few rows may be much work
}
QUIET = {"spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR"}


def connect(master: str, undo: ExitStack, tmp: Path | None = None) -> SparkSession:
    """A session at a master (`local[*]`, `spark://…`) or over Connect (`sc://…`).

    Args:
        master: Its address.
        undo: The end of what a server holds for us goes here.
        tmp: Folder for temporary files.

    Raises:
        UsageProblem: Spark is not installed, or nothing answers there.
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
            undo.callback(close, session)
        else:
            session = SparkSession.getActiveSession() or _started(master, tmp)
        for name, value in SETTINGS.items():
            session.conf.set(name, value)
    except Exception as error:
        raise UsageProblem(
            "no-spark-there",
            f"{master.partition(';')[0]}: no Spark answers: {problems.said(error)}",
            "check --master; local[*] runs it on this machine, and needs Java 17",
        ) from error  # fmt: skip
    _ship(session, tmp)
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
        with suppress(Exception):  # it has ended
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
        raise problems.unread(paths, problems.said(error)) from error
    return found


def of_delta(session: SparkSession, table: str) -> tuple[DataFrame, list[Entry]]:
    """A Delta table by the cluster's package; where that is missing by its log, as read here.

    Then the files come too.

    Raises:
        DataProblem: Nothing can be read there.
    """
    package = "add the package: --packages io.delta:delta-spark_2.13"
    try:
        read = session.read.format("delta").load(table)
        assert read.columns is not None  # over Connect nothing has been asked before
        return read, []
    except Exception:
        try:
            found = delta.files(table.replace("s3a://", "s3://", 1), table)
        except DataProblem as error:
            text = f"{error.message}; it is read here, as the cluster lacks Delta's package"
            raise DataProblem(error.slug, text, f"{error.hint}; or {package}") from error
    if any(_names(entry.within.parts[:-1]) != _names(entry.folders) for entry in found):
        raise DataProblem(
            "spark-read", f"{table}: the cluster lacks Delta's package, and folders of this table "
            "do not tell its partitions", package,
        )  # fmt: skip
    paths = [f"{table}/{entry.within}" for entry in found]
    return parquet(session, paths, table, mergeSchema="true"), found


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


def quoted(name: str) -> str:
    """A column's name, whatever is in it."""
    return "`" + name.replace("`", "``") + "`"


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
        raise problems.failed(error) from error
