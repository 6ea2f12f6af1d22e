"""Servers for a whole run of the tests; without Java or pyspark each is skipped, and says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.spark import servers


@pytest.fixture(scope="session", autouse=True)
def there() -> None:
    """Skip where Spark cannot run."""
    if lacking := servers.missing():
        pytest.skip(lacking)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the cluster has its logs, and works."""
    return tmp_path_factory.mktemp("cluster").resolve()


@pytest.fixture(scope="session")
def cluster(there: None, place: Path) -> Iterator[str]:
    """The address of a cluster of two workers."""
    with servers.cluster(place) as url:
        yield url


@dataclass(frozen=True)
class Far:
    """What lies elsewhere: `root`/s3a/bucket, `root`/hdfs/host, and an environment that knows."""

    root: Path
    environment: Mapping[str, str]


@pytest.fixture(scope="session")
def far(there: None, tmp_path_factory: pytest.TempPathFactory) -> Far:
    """Addresses of files of this machine."""
    root = tmp_path_factory.mktemp("far").resolve()
    return Far(root, servers.elsewhere(root))


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the Connect server has its log."""
    return tmp_path_factory.mktemp("connect").resolve()


@pytest.fixture(scope="session")
def connect(served: Path, far: Far) -> Iterator[str]:
    """The address of a Connect server."""
    with servers.connect(served, far.environment) as url:
        yield url
