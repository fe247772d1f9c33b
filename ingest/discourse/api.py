"""A forum as far as it is asked: its latest posts, its search, one post alone."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

import msgspec
from msgspec import Struct

from domain.errors import RetryLater, SourceMisconfigured, SourceStopped
from domain.ids import stable_id
from domain.transport import Reply
from ingest.discourse.config import Config
from ingest.http import PoliteClient
from ingest.lenient import UNREADABLE, decode
from ingest.waiting import asked_wait

_TOO_MANY, _FORBIDDEN = 429, 403
_UNASKED = frozenset({_FORBIDDEN, 404, 410})


class Numbered(Struct):
    """What of any post is needed to go on behind it."""

    id: int = 0
    created_at: datetime | None = None


class Latest(Struct):
    """The answer of /posts.json: newest first."""

    latest_posts: list[msgspec.Raw]


class _Grouped(Struct):
    more_full_page_results: bool | None = None


class Hits(Struct):
    """The answer of /search.json; both lists are left out when nothing is found."""

    posts: list[msgspec.Raw] = []
    grouped_search_result: _Grouped | None = None

    @property
    def more(self) -> bool:
        """Whether another page follows."""
        return bool(self.grouped_search_result and self.grouped_search_result.more_full_page_results)


class Topic(Struct):
    """The answer of /t/ID.json, as far as it is read."""

    class Stream(Struct):
        """Its first posts."""

        posts: list[msgspec.Raw] = []

    title: str = ""
    post_stream: Stream = msgspec.field(default_factory=Stream)


class _Extras(Struct):
    wait_seconds: float | None = None


class _Problem(Struct):
    error_type: str = ""
    extras: _Extras | None = None


A = TypeVar("A", bound=Struct)


class Forum:
    """Asks one forum, within what it allows."""

    def __init__(self, config: Config, *, client: PoliteClient, clock: Callable[[], datetime]) -> None:
        self._url, self._client, self._clock = config.api, client, clock
        key = config.token.get_secret_value() if config.token else ""
        self._headers = {"accept": "application/json", **({"api-key": key} if key else {})}
        if config.username:
            self._headers["api-username"] = config.username
        self._limiter_key = stable_id("discourse", config.host, key)
        client.limit(self._limiter_key, requests=config.requests_a_minute, seconds=60)

    async def latest(self, before: int) -> list[bytes]:
        """The 50 posts before an id (0: the newest)."""
        params: dict[str, str | int] = {"before": before} if before else {}
        return [bytes(raw) for raw in self._read(await self._get("/posts.json", params), Latest).latest_posts]

    async def search(self, query: str, page: int) -> Hits:
        """One page of what the search finds; pages count from 1."""
        return self._read(await self._get("/search.json", {"q": query, "page": page}), Hits)

    async def post(self, topic: int, number: int) -> bytes | None:
        """One post; None when it is gone. Raises KeyError when it is hidden from us."""
        reply = await self._alone(f"/posts/by_number/{topic}/{number}.json")
        return reply.body if reply else None

    async def opening(self, topic: int) -> tuple[str, bytes] | None:
        """The title of a topic and its first post; None when they are gone. Raises KeyError when hidden from us."""
        reply = await self._alone(f"/t/{topic}.json")
        if reply is None:
            return None
        found = self._read(reply, Topic)
        if not found.post_stream.posts:
            raise KeyError(topic)
        return found.title, bytes(found.post_stream.posts[0])

    async def _get(self, path: str, params: Mapping[str, str | int]) -> Reply:
        reply = await self._ask(path, params)
        if reply.status == _FORBIDDEN:
            raise SourceStopped("the forum shows this to nobody without rights: it wants an API key, or another one")
        if reply.status in _UNASKED:
            raise SourceMisconfigured(f"there is no Discourse forum here ({reply.status}): check api")
        return reply

    async def _alone(self, path: str) -> Reply | None:
        """Ask for one post or topic; it counts as gone only when Discourse itself says so."""
        reply = await self._ask(path, {})
        if reply.status not in _UNASKED:
            return reply
        if reply.status == _FORBIDDEN or self._problem(reply).error_type != "not_found":
            raise KeyError(path)
        return None

    async def _ask(self, path: str, params: Mapping[str, str | int]) -> Reply:
        reply = await self._client.get(
            f"{self._url}{path}",
            params=params,
            headers=self._headers,
            limiter_key=self._limiter_key,
            accept_status={*_UNASKED, _TOO_MANY},
        )
        if reply.status != _TOO_MANY:
            return reply
        after = asked_wait(reply.headers, self._clock())
        told = self._problem(reply).extras
        raise RetryLater(
            "the forum asks us to slow down", after=told.wait_seconds if after is None and told else after
        )

    @staticmethod
    def _problem(reply: Reply) -> _Problem:
        try:
            return decode(reply.body, _Problem)
        except UNREADABLE:
            return _Problem()

    @staticmethod
    def _read(reply: Reply, kind: type[A]) -> A:
        try:
            return decode(reply.body, kind)
        except UNREADABLE:
            raise RetryLater("the forum answers something that is not Discourse's own format") from None
