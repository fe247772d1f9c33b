"""The `webhook` source: takes signed deliveries and answers once their posts are durable."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from domain.ids import stable_id
from domain.post import Record
from ingest.cursors import read_cursor, write_cursor
from ingest.source import Page
from ingest.webhook.config import Config
from ingest.webhook.posts import BadBody, read_posts
from ingest.webhook.signatures import Unsigned, verify

if TYPE_CHECKING:
    from ingest.http import PoliteClient

LARGEST_BODY = 1_000_000
REMEMBERED = 500
"""Deliveries known again when they are sent again: their posts are not stored twice."""
COMMIT_WAIT = 20.0
"""Seconds after which a caller is told that its posts are not stored yet."""
IDLE_WAIT = 1.0
"""Seconds after which a fetch without posts returns."""
PAGE_POSTS = 500

Answer = tuple[int, dict[str, str], bytes]


class _Cursor(Struct, frozen=True, omit_defaults=True):
    """Deliveries up to number `last` are durable; `seen` are the ids of the latest of them, oldest first."""

    last: int = 0
    seen: tuple[str, ...] = ()


class _Delivery(Struct, eq=False):
    id: str
    records: list[Record]
    done: asyncio.Event
    number: int = 0


class WebhookSource:
    """Deliveries wait here until the runtime has fetched and committed them; a lost one is the caller's to repeat."""

    finite = False

    def __init__(
        self,
        config: Config,
        *,
        clock: Callable[[], datetime],
        commit_wait: float = COMMIT_WAIT,
        idle_wait: float = IDLE_WAIT,
    ) -> None:
        self._config, self._clock = config, clock
        self._commit_wait, self._idle_wait = commit_wait, idle_wait
        self._keys = config.keys()
        self._posts = config.posts(origin="live")
        self._arrived: deque[_Delivery] = deque()
        self._numbered: dict[int, _Delivery] = {}
        self._waiting: dict[str, _Delivery] = {}
        self._news = asyncio.Event()
        self._last: int | None = None
        self._seen: dict[str, int] = {}

    @property
    def name(self) -> str:
        """The configured name."""
        return self._config.name

    async def receive(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a delivery: (status, headers, body).

        202 {"accepted": n} once its posts are durable, or were before; 400 with the index of the post that cannot be
        read, 401, 413, 415; 429 and 503 with Retry-After when there is too much waiting or nothing is being stored.
        """
        named = {name.lower(): value for name, value in headers.items()}
        if len(body) > LARGEST_BODY:
            return problem(413, f"the body has more than {LARGEST_BODY:,} bytes; send fewer posts at a time")
        try:
            given_id = verify(named, body, self._keys, self._clock())
        except Unsigned as error:
            return problem(401, str(error))
        media = named.get("content-type", "").partition(";")[0].strip().lower()
        if media != "application/json" and not media.endswith("+json"):
            return problem(415, "send application/json")
        # The body counts too: an id used again by mistake for other posts must not lose them.
        delivery = stable_id(given_id, sha256(body).hexdigest())[:16]
        try:
            records = read_posts(body, self._posts, delivery=delivery, now=self._clock())
        except BadBody as error:
            return problem(400, error.detail, reason=error.reason, index=error.index)
        if delivery in self._seen or not records:
            return accepted(len(records))
        return await self._store(delivery, records)

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring deliveries not yet committed; an empty page when none comes within a second."""
        at = read_cursor(cursor, _Cursor, source=self.name)
        if self._last is None:
            self._last = at.last
            self._seen = dict.fromkeys(at.seen, at.last)
        page = self._page(at)
        if not page.records:
            try:
                await asyncio.wait_for(self._news.wait(), self._idle_wait)
            except TimeoutError:
                return page
            page = self._page(at)
        return page

    async def committed(self, cursor: bytes) -> None:
        """Answer the callers whose posts are durable now."""
        at = read_cursor(cursor, _Cursor, source=self.name)
        for number in [number for number in self._numbered if number <= at.last]:
            delivery = self._numbered.pop(number)
            self._waiting.pop(delivery.id, None)
            self._seen[delivery.id] = number
            delivery.done.set()
        for old in list(self._seen)[:-REMEMBERED]:
            del self._seen[old]

    async def check(self) -> str:
        """Say where deliveries are expected; nothing outside can be asked."""
        keys = "two secrets" if len(self._keys) > 1 else "one secret"
        return f"signed deliveries are taken at POST /webhooks/{self.name} ({keys} active)"

    async def aclose(self) -> None:
        """Let callers still waiting go, to come again."""
        for delivery in self._waiting.values():
            delivery.done.set()

    async def _store(self, delivery_id: str, records: list[Record]) -> Answer:
        delivery = self._waiting.get(delivery_id)
        if delivery is None:
            waiting = sum(len(other.records) for other in self._waiting.values())
            if waiting and waiting + len(records) > self._config.waiting_posts:
                return problem(429, "too many posts are waiting to be stored", retry_after=5)
            delivery = _Delivery(delivery_id, records, asyncio.Event())
            self._waiting[delivery_id] = delivery
            self._arrived.append(delivery)
            self._news.set()
        try:
            await asyncio.wait_for(delivery.done.wait(), self._commit_wait)
        except TimeoutError:
            return problem(503, "the posts are not stored yet; send them again", retry_after=10)
        if delivery_id not in self._seen:
            return problem(503, "the process is stopping; send the posts again", retry_after=10)
        return accepted(len(records))

    def _page(self, at: _Cursor) -> Page:
        """Number what has arrived and give everything after the cursor, whole deliveries at a time."""
        self._news.clear()
        while self._arrived:
            self._last = (self._last or 0) + 1
            delivery = self._arrived.popleft()
            delivery.number = self._last
            self._numbered[self._last] = delivery
        records: list[Record] = []
        seen, last = list(at.seen), at.last
        for number, delivery in self._numbered.items():
            if number > at.last and len(records) < PAGE_POSTS:
                records += delivery.records
                seen.append(delivery.id)
                last = number
        if last < (self._last or 0):
            self._news.set()
        return Page(records=records, cursor=write_cursor(_Cursor(last, tuple(seen[-REMEMBERED:]))))


def accepted(count: int) -> Answer:
    """Return the answer to a delivery whose posts are durable."""
    return 202, {"content-type": "application/json"}, msgspec.json.encode({"accepted": count})


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


def build(config: Config, *, client: "PoliteClient", clock: Callable[[], datetime]) -> WebhookSource:  # noqa: ARG001  # others call us
    """Make the source of a configuration."""
    return WebhookSource(config, clock=clock)
