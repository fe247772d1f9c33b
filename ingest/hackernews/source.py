"""Reads Hacker News forward in slices of time, and always the last ten minutes again: its index lags."""

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from domain.dead_letter import DeadLetter
from domain.post import Record
from ingest.ago import ago
from ingest.bounded import AnswerTooLarge
from ingest.cursors import read_cursor, write_cursor
from ingest.hackernews.config import Config
from ingest.hackernews.parse import Answer, read_answer, read_hit
from ingest.http import PoliteClient
from ingest.source import Page

REREAD = 600
"""Seconds back from now that every look reads again."""
MOST_HITS = 1_000
"""Hits that the search gives for one question."""

_FIRST_SPAN, _LONGEST_SPAN = 3_600, 86_400
_FEW = MOST_HITS // 4
_LIMITER_KEY = "hackernews"


class Seen(Struct, frozen=True, array_like=True):
    """A hit already given: when it was written (unix seconds) and a hash of its version."""

    at: int
    version: str


class Progress(Struct):
    """Everything before `at` (unix seconds) was read; the next slice is `span` seconds long.

    `seen` holds, by id, what was found in the stretch that is read again.
    """

    at: int = 0
    span: int = _FIRST_SPAN
    seen: dict[str, Seen] = {}


class HackerNewsSource:
    """Stories and comments of Hacker News; with `since` those written from then on, once, as history."""

    def __init__(
        self,
        config: Config,
        *,
        client: PoliteClient,
        clock: Callable[[], datetime],
        since: datetime | None = None,
    ) -> None:
        self.name = config.name
        self.finite = since is not None
        self._config = config
        self._client = client
        self._clock = clock
        self._since = since
        client.limit(_LIMITER_KEY, requests=10_000, seconds=3_600)

    def history(self, since: datetime, *, name: str) -> "HackerNewsSource":
        """See `ingest.source.Historic`."""
        config = self._config.model_copy(update={"name": name})
        return HackerNewsSource(config, client=self._client, clock=self._clock, since=since)

    def __repr__(self) -> str:
        return f"HackerNewsSource(name={self.name!r})"

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring the next slice that holds anything new, oldest first; an empty page means that all was read."""
        progress = read_cursor(cursor, Progress, source=self.name)
        page, after = await self._next(progress)
        while not (page.records or page.dead_letters or page.wait or page.exhausted):
            page, after = await self._next(after)
        return page

    async def committed(self, cursor: bytes) -> None:
        """Nobody waits for it: the search is read, it does not deliver."""

    async def check(self) -> str:
        """Search the last day once."""
        now = self._clock()
        end = int(now.timestamp()) + 1
        answer = await self._search(end - _LONGEST_SPAN, end, most=1)
        read = [read_hit(bytes(raw), source=self.name, at=now) for raw in answer.hits]
        newest = max((found.post.created_at for found in read if isinstance(found, Record)), default=None)
        return f"search reachable: {f'newest {ago(newest, now)}' if newest else 'nothing found in the last day'}"

    async def aclose(self) -> None:
        """Nothing is held: the client belongs to the application."""

    async def _next(self, progress: Progress) -> tuple[Page, Progress]:
        clock = self._clock()
        now = int(clock.timestamp()) + 1
        start = progress.at or self._beginning(now)
        end, hits, dropped = await self._slice(start, min(start + progress.span, now))
        fresh: dict[str, Record | DeadLetter] = {}
        seen = {key: known for key, known in progress.seen.items() if known.at >= now - REREAD}
        for raw in reversed(hits):
            read = read_hit(raw, source=self.name, at=clock, origin="backfill" if self.finite else "live")
            key, known = _seen(read, now)
            if key not in progress.seen or progress.seen[key].version != known.version:
                fresh[key] = read
            if known.at >= now - REREAD:
                seen[key] = known
        caught_up = end >= now
        span = min((end - start) * 2, _LONGEST_SPAN) if len(hits) < _FEW else end - start
        after = Progress(at=now - REREAD if caught_up else end, span=max(span, 1), seen=seen)
        page = Page(
            records=[read for read in fresh.values() if isinstance(read, Record)],
            dead_letters=[*(read for read in fresh.values() if isinstance(read, DeadLetter)), *dropped],
            cursor=write_cursor(after),
            wait=self._config.every if caught_up else 0.0,
            exhausted=self.finite and caught_up,
        )
        return page, after

    def _beginning(self, now: int) -> int:
        if self._since is not None:
            return int(self._since.timestamp())
        return now - max(REREAD, int(self._config.backlog_hours * 3_600))

    async def _slice(self, start: int, end: int) -> tuple[int, list[bytes], list[DeadLetter]]:
        """Read from `start` as far towards `end` as one answer can tell; return how far, newest first."""
        while True:
            try:
                answer = await self._search(start, end)
            except AnswerTooLarge:
                if end - start <= 1:
                    raise
            else:
                full = len(answer.hits) >= min(answer.limit, MOST_HITS)
                if not full or end - start <= 1:
                    break
            end = start + (end - start) // 2
        return end, [bytes(raw) for raw in answer.hits], [self._too_many(start)] if full else []

    async def _search(self, start: int, end: int, *, most: int = MOST_HITS) -> Answer:
        reply = await self._client.get(
            f"{self._config.api}/search_by_date",
            params={
                "query": self._config.query,
                "tags": self._config.tags,
                "numericFilters": f"created_at_i>={start},created_at_i<{end}",
                "hitsPerPage": most,
            },
            limiter_key=_LIMITER_KEY,
        )
        return read_answer(reply.body)

    def _too_many(self, second: int) -> DeadLetter:
        sentence = (
            f"the search found more than it can tell within one second (created_at_i={second}); some were not read"
        )
        return DeadLetter(
            source=self.name,
            stage="fetch",
            reason="too_many",
            detail=sentence,
            where=f"{second}",
            raw=b"",
            at=self._clock(),
        )


def _seen(read: Record | DeadLetter, now: int) -> tuple[str, Seen]:
    if isinstance(read, Record):
        return read.post.native_id, Seen(int(read.post.created_at.timestamp()), read.post.version[:12])
    return f"refused:{read.id[:12]}", Seen(now, "")
