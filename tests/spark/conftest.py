"""A standalone cluster of a master and two workers, and a Connect server, of the pip package."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pyspark = pytest.importorskip("pyspark")
if shutil.which("java") is None:
    pytest.skip("there is no Java here", allow_module_level=True)

HOME = Path(pyspark.__path__[0])
ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    **os.environ, "SPARK_HOME": str(HOME), "SPARK_LOCAL_IP": "127.0.0.1", "PYTHONPATH": str(ROOT),
    "PYSPARK_PYTHON": sys.executable, "SPARK_NO_DAEMONIZE": "1",
}  # fmt: skip
PATIENCE = 180  # seconds for a server to come up


@dataclass
class Server:
    """A process that serves at an address; `folder` has its log."""

    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, name: str, *command: str) -> None:
        """Start one more process."""
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes.append(
                subprocess.Popen(
                    [str(HOME / "bin" / "spark-class"), *command],
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=ENVIRONMENT,
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
            os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            process.wait(30)


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a master with two workers of one core each."""
    server, port = Server(tmp_path_factory.mktemp("cluster")), free_port()
    url = f"spark://127.0.0.1:{port}"
    deploy, here = "org.apache.spark.deploy", ("--host", "127.0.0.1", "--webui-port", "0")
    try:
        server.start("master", f"{deploy}.master.Master", "--port", str(port), *here)
        server.told("master", "New state: ALIVE")
        for name in ("one", "two"):
            own = ("-c", "1", "-m", "1g", "-d", str(server.folder / name))
            server.start(name, f"{deploy}.worker.Worker", *here, *own, url)
        server.told("master", "Registering worker", 2)
        yield url
    finally:
        server.stop()


@pytest.fixture(scope="session")
def connect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Connect server."""
    server, port = Server(tmp_path_factory.mktemp("connect")), free_port()
    try:
        server.start(
            "server", "org.apache.spark.deploy.SparkSubmit",
            "--class", "org.apache.spark.sql.connect.service.SparkConnectServer",
            "--master", "local[2]", "--conf", f"spark.connect.grpc.binding.port={port}",
            "--conf", "spark.ui.enabled=false", "spark-internal",
        )  # fmt: skip
        server.told("server", "Spark Connect server started")
        yield f"sc://127.0.0.1:{port}"
    finally:
        server.stop()
