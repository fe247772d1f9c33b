"""The stores that keep the one contract."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.memory import MemoryStore
from storage.sqlite import open_store
from storage.store import Store


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened: Store = MemoryStore() if request.param == "memory" else open_store(tmp_path / "tocsin.db")
    yield opened
    opened.close()
