"""A standalone cluster and a Connect server on this machine, of the pip package."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Of workers and of whoever asks: Polars, imported here, leaves a setting of its own to a child.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "_RJEM_MALLOC_CONF"},
    "SPARK_LOCAL_IP": "127.0.0.1", "PYTHONPATH": str(ROOT), "PYSPARK_PYTHON": sys.executable,
    "SPARK_NO_DAEMONIZE": "1",
}  # fmt: skip
HERE = ("--host", "127.0.0.1", "--webui-port", "0")
KEY = "known"
KEYS = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": "secret"}
PATIENCE = 180  # seconds for a server to come up


def missing() -> str:
    """What there is not here of what Spark needs; nothing where all is there."""
    if importlib.util.find_spec("pyspark") is None:
        return "pyspark is not installed here: pip install '.[spark]'"
    return "" if shutil.which("java") else "there is no Java here"


def home() -> Path:
    """Where Spark is installed."""
    import pyspark

    return Path(pyspark.__path__[0])


def elsewhere(folder: Path) -> dict[str, str]:
    """The environment in which Spark finds s3a:// and hdfs:// in a folder: scheme/bucket/key.

    Whatever reads such addresses is told to Spark in this way, by a file of its own; keys by the
    environment's variables, of whoever asks or of the Connect server.
    """
    jars, classes, settings = home() / "jars", folder / "classes", folder / "conf"
    for made in (classes, settings):
        made.mkdir(parents=True)
    source = Path(__file__).parent / "Elsewhere.java"
    compile_ = ["javac", "-nowarn", "-d", str(classes), "-cp", f"{jars}/*", str(source)]
    subprocess.run(compile_, check=True, timeout=PATIENCE)
    lines = {
        "spark.driver.extraClassPath": classes, "spark.executor.extraClassPath": classes,
        "spark.hadoop.fs.s3a.impl": "Elsewhere", "spark.hadoop.fs.hdfs.impl": "Elsewhere",
        "spark.hadoop.elsewhere.root": folder, "spark.hadoop.elsewhere.key": KEY,
    }  # fmt: skip
    text = "".join(f"{name} {value}\n" for name, value in lines.items())
    (settings / "spark-defaults.conf").write_text(text)
    return {**ENVIRONMENT, "SPARK_CONF_DIR": str(settings), **KEYS}


@dataclass
class Server:
    """Processes that serve at an address; `folder` has their logs and what they hold on disk."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=lambda: ENVIRONMENT)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, name: str, *command: str) -> None:
        """Start one more process."""
        own = {"SPARK_HOME": str(home()), "SPARK_LOCAL_DIRS": str(self.folder / "held")}
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes.append(
                subprocess.Popen(
                    [str(home() / "bin" / "spark-class"), *command],
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**self.environment, **own},
                    start_new_session=True,
                )
            )

    def told(self, name: str, text: str, times: int = 1) -> None:
        """Wait until a log has a text so often."""
        end = time.monotonic() + PATIENCE
        while (self.folder / f"{name}.log").read_text(errors="replace").count(text) < times:
            if time.monotonic() > end or self.processes[-1].poll() is not None:
                raise AssertionError((self.folder / f"{name}.log").read_text()[-3000:])
            time.sleep(0.2)

    def stop(self) -> None:
        """End all, and what they have started."""
        for process in reversed(self.processes):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            process.wait(30)


@contextmanager
def _serving(folder: Path, environment: Mapping[str, str] = ENVIRONMENT) -> Iterator[Server]:
    folder.mkdir(parents=True, exist_ok=True)
    server = Server(folder, environment)
    try:
        yield server
    finally:
        server.stop()


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """The address of a master with two workers of one core each."""
    port = free_port()
    url, deploy = f"spark://127.0.0.1:{port}", "org.apache.spark.deploy"
    with _serving(folder) as server:
        server.start("master", f"{deploy}.master.Master", "--port", str(port), *HERE)
        server.told("master", "New state: ALIVE")
        for name in ("one", "two"):
            own = ("-c", "1", "-m", "1g", "-d", str(folder / name))
            server.start(name, f"{deploy}.worker.Worker", *HERE, *own, url)
        server.told("master", "Registering worker", 2)
        yield url


@contextmanager
def connect(folder: Path, environment: Mapping[str, str] = ENVIRONMENT) -> Iterator[str]:
    """The address of a Connect server, which has two threads instead of workers."""
    port = free_port()
    with _serving(folder, environment) as server:
        server.start(
            "server", "org.apache.spark.deploy.SparkSubmit",
            "--class", "org.apache.spark.sql.connect.service.SparkConnectServer",
            "--master", "local[2]", "--conf", f"spark.connect.grpc.binding.port={port}",
            "--conf", "spark.ui.enabled=false", "spark-internal",
        )  # fmt: skip
        server.told("server", "Spark Connect server started")
        yield f"sc://127.0.0.1:{port}"


def executors(folder: Path) -> list[int]:
    """The processes of the executors of a cluster, each of which works in its worker's folder."""
    asked = ["pgrep", "-f", "CoarseGrainedExecutorBackend"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()
    return [int(pid) for pid in found if _works_in(int(pid), folder)]


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").readlink().is_relative_to(folder)
    except OSError:  # it has ended
        return False


def held(folder: Path) -> dict[int, int]:
    """The stored frames of a cluster, by number, and how many of their partitions are on disk."""
    names = (path.name for path in (folder / "held").glob("**/rdd_*"))
    return Counter(int(name.split("_")[1]) for name in names)


def sessions(folder: Path) -> tuple[int, int]:
    """How many sessions a Connect server has had, and how many of them it has closed."""
    told = (folder / "server.log").read_text(errors="replace")
    had = re.findall(r"SessionHolder: Session with .*?sessionId: (\S+) accessed", told)
    closed = re.findall(r"SessionHolder: Closing session with .*?sessionId: (\S+)", told)
    return len({*had}), len({*closed})
