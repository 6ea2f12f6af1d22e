"""Servers for a whole run of the tests; without Java or pyspark each is skipped, and says so."""

from __future__ import annotations

from collections.abc import Iterator
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


@pytest.fixture(scope="session")
def connect(there: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Connect server."""
    with servers.connect(tmp_path_factory.mktemp("connect")) as url:
        yield url
