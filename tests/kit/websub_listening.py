"""Fetches and commits what hubs and feeds bring, as the runtime does."""

from domain.post import Post
from ingest.rss.pushed import PushedSource
from tests.networks.websub import Hub


class Listening:
    """Fetches and commits until nothing comes, as the runtime does."""

    def __init__(self, source: PushedSource, hub: Hub, cursor: bytes | None = None) -> None:
        self.source, self.cursor = source, cursor
        self.troubles: list[str] = []
        hub.door = source

    async def posts(self, *, pages: int = 3) -> list[Post]:
        """What a few pages bring."""
        found = []
        for _ in range(pages):
            page = await self.source.fetch(self.cursor)
            await self.source.committed(page.cursor)
            self.cursor = page.cursor
            self.troubles += page.troubles
            found += [record.post for record in page.records]
        return found
