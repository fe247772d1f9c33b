"""A scripted X with sources that listen to it, for tests of what is special to X."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from domain.brand import Brand
from domain.post import Post
from ingest.http import PoliteClient
from ingest.source import Page
from ingest.x import Config
from ingest.x.source import SearchSource
from ingest.x.stream import StreamSource
from tests.kit.ingest import SECRET, Clock, polite_client
from tests.kit.scripted_http import scripted_server
from tests.networks.x import X, user

BRANDS = (Brand(name="Aurora Air", query='"Aurora Air"', accounts=("x:auroraair",)),)


@dataclass
class Desk:
    """The network, what asks it, and all that came of one source: its posts in order, and the last cursor."""

    network: X
    client: PoliteClient
    clock: Clock
    cursor: bytes | None = None
    posts: list[Post] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    letters: int = 0
    made: list[StreamSource] = field(default_factory=list)

    def search(self, **settings: Any) -> SearchSource:
        """A source that searches."""
        return SearchSource(
            self._config(via="search", **settings), client=self.client, clock=self.clock, brands=BRANDS
        )

    def stream(self, *, brands: tuple[Brand, ...] = BRANDS, silence: float = 5.0, **settings: Any) -> StreamSource:
        """A source that streams."""
        self.made.append(
            StreamSource(
                self._config(**settings),
                client=self.client,
                clock=self.clock,
                brands=brands,
                gather_seconds=0.05,
                silence=silence,
            )
        )
        return self.made[-1]

    def _config(self, **settings: Any) -> Config:
        given = {"kind": "x", "token": SECRET, "api": self.network.server.url, "requests": 60_000, "connects": 60_000}
        return Config.model_validate({**given, **settings})

    async def fetch(self, source: SearchSource | StreamSource) -> Page:
        """One fetch, taken in."""
        page = await source.fetch(self.cursor)
        self.cursor = page.cursor
        self.posts += [record.post for record in page.records]
        self.troubles += page.troubles
        self.letters += len(page.dead_letters)
        return page

    async def until(self, source: SearchSource | StreamSource, holds: Callable[[], bool]) -> None:
        """Fetch until something holds, a few times at most."""
        for _ in range(60):
            if holds():
                return
            await self.fetch(source)
        assert holds()

    async def until_hung_up(self) -> None:
        """Wait until nobody listens to the stream."""
        async with asyncio.timeout(5):
            while self.network.listeners:
                self.network.say(b"")  # a server notices at the next write
                await asyncio.sleep(0.01)

    async def on_and_on(self, source: SearchSource | StreamSource) -> None:
        """Fetch until that raises."""
        while True:
            await self.fetch(source)

    async def look(self, source: SearchSource) -> None:
        """Fetch until the source rests, and let the clock go on to its next look."""
        while not (page := await self.fetch(source)).wait:
            pass
        self.clock.advance(page.wait)

    def texts(self) -> list[str]:
        """What came, in order."""
        return [post.text for post in self.posts]


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    """Serve until the block ends."""
    clock = Clock()
    async with scripted_server() as server, polite_client(clock) as client:
        network = X(server, clock, SECRET, most_connections=9)
        network.users = {"7": user("7", "ada"), "8": user("8", "bob"), "9": user("9", "auroraair")}
        found = Desk(network, client, clock)
        try:
            yield found
        finally:
            for source in found.made:
                await source.aclose()
