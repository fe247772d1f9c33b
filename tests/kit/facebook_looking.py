"""Looks at pages of Facebook as the runtime does, while the clock is moved."""

from typing import Any

from domain.post import Post
from ingest.facebook import Config
from ingest.facebook.pages import pages_source
from ingest.http import PoliteClient
from tests.kit.cases_facebook import POLLED
from tests.kit.ingest import Clock, Harvest, Rig, harvest
from tests.networks.facebook import Facebook


class Looking:
    """A source, its clock and its cursor."""

    def __init__(self, network: Facebook, client: PoliteClient, clock: Clock, **other: Any) -> None:
        self.network, self.clock = network, clock
        config = Config.model_validate({**POLLED, "api": network.server.url, "calls_per_hour": 1_000_000, **other})
        self.rig = Rig(make=lambda: pages_source(config, client=client, clock=clock), clock=clock, expected=set())
        self.cursor: bytes | None = None

    async def all(self, *, after: float = 0) -> Harvest:
        """Everything that is news after so many seconds, by a fresh object."""
        self.clock.advance(after)
        source = self.rig.make()
        found = await harvest(self.rig, source, self.cursor)
        self.cursor = found.cursors[-1]
        return found

    async def posts(self, *, after: float = 0) -> dict[str, Post]:
        """The same by id."""
        return {post.native_id: post for post in (await self.all(after=after)).posts}
