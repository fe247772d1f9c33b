"""What is brought to a source by others: it waits here until the runtime has fetched and committed it.

A caller is answered when its posts are durable; a delivery that is lost before is the caller's to repeat.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Struct

from domain.dead_letter import DeadLetter
from domain.post import Record
from ingest.cursors import read_cursor, write_cursor
from ingest.source import Page

REMEMBERED = 500
"""Deliveries known again when they are sent again: their posts are not stored twice."""
COMMIT_WAIT = 20.0
"""Seconds after which a caller is told that its posts are not stored yet."""
IDLE_WAIT = 1.0
"""Seconds after which a fetch without posts returns."""
PAGE_POSTS = 500

Answer = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""


class _Cursor(Struct, frozen=True, omit_defaults=True):
    """Deliveries up to number `last` are durable; `seen` are the ids of the latest of them, oldest first."""

    last: int = 0
    seen: tuple[str, ...] = ()


class _Delivery(Struct, eq=False):
    id: str
    records: Sequence[Record]
    letters: Sequence[DeadLetter]
    done: asyncio.Event
    number: int = 0


class Deliveries:
    """The fetching half and the receiving half of a source that others call. `most` posts may wait."""

    def __init__(
        self, source: str, *, most: int, commit_wait: float = COMMIT_WAIT, idle_wait: float = IDLE_WAIT
    ) -> None:
        self._source, self._most = source, most
        self._commit_wait, self._idle_wait = commit_wait, idle_wait
        self._arrived: deque[_Delivery] = deque()
        self._numbered: dict[int, _Delivery] = {}
        self._waiting: dict[str, _Delivery] = {}
        self._news = asyncio.Event()
        self._last: int | None = None
        self._seen: dict[str, int] = {}

    async def store(
        self, delivery_id: str, records: Sequence[Record], letters: Sequence[DeadLetter] = ()
    ) -> Answer | None:
        """Wait until what a delivery brought is durable, or was before: None then, else how to refuse the caller.

        429 with Retry-After when too much is waiting, 503 when nothing is being stored.
        """
        if delivery_id in self._seen or not (records or letters):
            return None
        delivery = self._waiting.get(delivery_id)
        if delivery is None:
            waiting = sum(len(other.records) for other in self._waiting.values())
            if waiting and waiting + len(records) > self._most:
                return problem(429, "too many posts are waiting to be stored", retry_after=5)
            delivery = _Delivery(delivery_id, records, letters, asyncio.Event())
            self._waiting[delivery_id] = delivery
            self._arrived.append(delivery)
            self._news.set()
        try:
            await asyncio.wait_for(delivery.done.wait(), self._commit_wait)
        except TimeoutError:
            return problem(503, "the posts are not stored yet; send them again", retry_after=10)
        if delivery_id not in self._seen:
            return problem(503, "the process is stopping; send the posts again", retry_after=10)
        return None

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring deliveries not yet committed; an empty page when none comes within a second."""
        at = read_cursor(cursor, _Cursor, source=self._source)
        if self._last is None:
            self._last = at.last
            self._seen = dict.fromkeys(at.seen, at.last)
        page = self._page(at)
        if not (page.records or page.dead_letters):
            try:
                await asyncio.wait_for(self._news.wait(), self._idle_wait)
            except TimeoutError:
                return page
            page = self._page(at)
        return page

    async def committed(self, cursor: bytes) -> None:
        """Answer the callers whose posts are durable now."""
        at = read_cursor(cursor, _Cursor, source=self._source)
        for number in [number for number in self._numbered if number <= at.last]:
            delivery = self._numbered.pop(number)
            self._waiting.pop(delivery.id, None)
            self._seen[delivery.id] = number
            delivery.done.set()
        for old in list(self._seen)[:-REMEMBERED]:
            del self._seen[old]

    async def aclose(self) -> None:
        """Let callers still waiting go, to come again."""
        for delivery in self._waiting.values():
            delivery.done.set()

    def _page(self, at: _Cursor) -> Page:
        """Number what has arrived and give everything after the cursor, whole deliveries at a time."""
        self._news.clear()
        while self._arrived:
            self._last = (self._last or 0) + 1
            delivery = self._arrived.popleft()
            delivery.number = self._last
            self._numbered[self._last] = delivery
        records: list[Record] = []
        letters: list[DeadLetter] = []
        seen, last = list(at.seen), at.last
        for number, delivery in self._numbered.items():
            if number > at.last and len(records) < PAGE_POSTS:
                records += delivery.records
                letters += delivery.letters
                seen.append(delivery.id)
                last = number
        if last < (self._last or 0):
            self._news.set()
        cursor = write_cursor(_Cursor(last, tuple(seen[-REMEMBERED:])))
        return Page(records=records, dead_letters=letters, cursor=cursor)


def problem(
    status: int, detail: str, *, reason: str = "", index: int | None = None, retry_after: int | None = None
) -> Answer:
    """Return a refusal as RFC 9457 problem details."""
    said: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if reason:
        said |= {"reason": reason, "index": index}
    headers = {"content-type": "application/problem+json"}
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
    return status, headers, msgspec.json.encode(said)
