"""The stores that keep the one contract."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.elasticsearch import open_store as open_elasticsearch
from storage.memory import MemoryStore
from storage.sqlite import open_store
from storage.store import MentionStore, Store
from tests.kit.elastic import cluster_of
from tests.kit.service_fixtures import GROUP

ON_SERVICES = [pytest.mark.xdist_group(GROUP), pytest.mark.timeout(600)]


@pytest.fixture(params=["memory", "sqlite"])
def whole_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store of one process."""
    opened: Store = MemoryStore() if request.param == "memory" else open_store(tmp_path / "tocsin.db")
    yield opened
    opened.close()


@pytest.fixture(params=["memory", "sqlite", pytest.param("elasticsearch", marks=ON_SERVICES)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MentionStore]:
    """A store of any kind."""
    opened: MentionStore
    if request.param == "memory":
        opened = MemoryStore()
    elif request.param == "sqlite":
        opened = open_store(tmp_path / "tocsin.db")
    else:
        prefix = request.getfixturevalue("index_prefix")
        opened = open_elasticsearch(cluster_of(request.getfixturevalue("elastic"), prefix))
    yield opened
    opened.close()
