"""Reads a VKontakte source on as the runtime does."""

from collections.abc import Callable

import pytest

from domain.dead_letter import DeadLetter
from domain.post import Post
from ingest.source import Source
from tests.kit.ingest import Clock


class Reader:
    """Reads on as the runtime does, from one cursor to the next."""

    def __init__(self, make: Callable[[], Source], clock: Clock) -> None:
        self.make, self.clock, self.source = make, clock, make()
        self.cursor: bytes | None = None
        self.posts: list[Post] = []
        self.letters: list[DeadLetter] = []
        self.troubles: list[str] = []

    async def read(self, *, fresh: bool = False) -> list[Post]:
        """Until nothing is left to be asked now; `fresh` takes a new source for each page, as after a crash."""
        before = len(self.posts)
        for _ in range(300):
            self.source = self.make() if fresh else self.source
            page = await self.source.fetch(self.cursor)
            self.cursor = page.cursor
            self.posts += [record.post for record in page.records]
            self.letters += page.dead_letters
            self.troubles += page.troubles
            if page.wait or page.exhausted:
                break
        else:
            pytest.fail("it never rests")
        return self.posts[before:]

    async def later(self, seconds: float) -> list[Post]:
        """Let time pass and read."""
        self.clock.advance(seconds)
        return await self.read()

    @property
    def ids(self) -> set[str]:
        return {post.native_id for post in self.posts}
