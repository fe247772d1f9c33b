"""What holds for every test, and the two things most tests of sources begin with."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import settings

from tests.kit.ingest import Clock
from tests.kit.scripted_http import ScriptedServer, scripted_server

pytest_plugins = ["tests.kit.service_fixtures"]

# How long an example takes says something about the machine, not about the code.
settings.register_profile("tocsin", deadline=None)
settings.load_profile("tocsin")


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """A local HTTP server that answers as the test says."""
    async with scripted_server() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    """A clock that the test advances."""
    return Clock()
