"""What Jetstream servers still keep: its events again from a moment on, up to when it was asked for."""

from collections.abc import Callable
from datetime import datetime

from msgspec.structs import replace

from ingest.bluesky.config import Config
from ingest.bluesky.source import LOOK_BACK, At, BlueskySource
from ingest.cursors import read_cursor, write_cursor
from ingest.source import Page


class PastSource:
    """Ends by itself where it was begun, or after `patience` seconds of silence: the network is never that quiet."""

    finite = True

    def __init__(
        self,
        config: Config,
        *,
        clock: Callable[[], datetime],
        since: datetime,
        name: str,
        patience: float,
    ) -> None:
        self.name = name
        self._since, self._until = since, clock()
        self._stream = BlueskySource(config.model_copy(update={"name": name}), clock=clock, gather_seconds=patience)

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring the next events."""
        begins = cursor or write_cursor(At(int(self._since.timestamp() * 1e6)))
        page = await self._stream.fetch(begins)
        reached = read_cursor(page.cursor, At, source=self.name).time_us
        records = [replace(record, post=replace(record.post, origin="backfill")) for record in page.records]
        over = page.cursor == begins or reached >= self._until.timestamp() * 1e6
        return replace(page, records=records, exhausted=over, troubles=[] if cursor else self._untold())

    async def committed(self, cursor: bytes) -> None:
        """Nothing waits for it: the server goes by our cursor."""

    async def check(self) -> str:
        """As the live one."""
        return await self._stream.check()

    async def aclose(self) -> None:
        """Hang up."""
        await self._stream.aclose()

    def _untold(self) -> list[str]:
        kept_from = self._until - LOOK_BACK
        if self._since >= kept_from:
            return []
        return [f"the servers of Bluesky keep 36 hours: nothing from before {kept_from:%Y-%m-%d %H:%M} UTC is told"]
