"""What X is asked, each endpoint within its own limit; answers as raw posts, what is wrong as orders."""

from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from msgspec import Struct

from domain.errors import RetryLater, SourceError, SourceMisconfigured
from domain.ids import stable_id
from domain.transport import Reply
from ingest.bounded import AnswerTooLarge
from ingest.http import PoliteClient
from ingest.lenient import UNREADABLE, decode
from ingest.waiting import asked_wait
from ingest.x.config import Config
from ingest.x.parse import Person, read_person
from ingest.x.problems import BAD_REQUEST, REFUSALS, SERVER_ERROR, Failing, Problem, problems, refusal

PAGE = 100
"""Posts, ids or accounts of one request."""
FEWEST = 10
"""Posts that a search gives at least, if it finds them."""

_WINDOW = 900.0
_POST_FIELDS = (
    "author_id", "conversation_id", "created_at", "entities", "in_reply_to_user_id", "lang", "public_metrics",
)  # fmt: skip
_RENAMED = {
    "tweet": ("referenced_tweets", "edit_history_tweet_ids", "note_tweet"),
    "post": ("referenced_posts", "edit_history_post_ids", "note_post"),
}
_USER_FIELDS = "name,public_metrics,username,verified"
_GONE = frozenset({"resource-not-found", "not-authorized-for-resource"})
_DUPLICATE = "duplicate"

A = TypeVar("A", bound=Struct)


class Rule(Struct, frozen=True, omit_defaults=True):
    """A rule of the stream."""

    value: str
    tag: str = ""
    id: str = ""


class Found(Struct, frozen=True):
    """A page of search, newest first: the newest id of it, and the token of the next page."""

    posts: list[bytes]
    newest: str = ""
    token: str = ""


class _Meta(Struct):
    newest_id: str = ""
    next_token: str = ""
    result_count: int | None = None
    total_tweet_count: int | None = None
    total_post_count: int | None = None


class _Answer(Struct):
    data: list[msgspec.Raw] | None = None
    errors: list[Problem] | None = None
    meta: _Meta = msgspec.field(default_factory=_Meta)


class _Rules(Struct):
    data: list[Rule] | None = None
    errors: list[Problem] | None = None
    meta: _Meta = msgspec.field(default_factory=_Meta)


class Api:
    """X asked with one bearer token."""

    def __init__(self, config: Config, *, client: PoliteClient, clock: Callable[[], datetime]) -> None:
        self._config, self._client, self._clock = config, client, clock
        token = config.token.get_secret_value()
        self._headers = {"authorization": f"Bearer {token}"}
        self._key = f"x:{stable_id(token)[:12]}"
        for endpoint in ("search", "lookup", "users", "counts", "rules"):
            client.limit(f"{self._key}:{endpoint}", requests=config.requests, seconds=_WINDOW)
        client.limit(f"{self._key}:stream", requests=config.connects, seconds=_WINDOW)
        self._fields = {f"{config.names}.fields": ",".join((*_POST_FIELDS, *_RENAMED[config.names]))}

    async def search(self, query: str, *, since: str, start: datetime | None, token: str, most: int) -> Found:
        """A page of recent search after an id or a time; halved where it is too large to be read.

        Raises OutOfReach and LostPage beside the usual orders.
        """
        params: dict[str, str | int] = {"query": query, "sort_order": "recency", **self._fields}
        if since:
            params["since_id"] = since
        elif start is not None:
            params["start_time"] = _iso(start)
        if token:
            params["next_token"] = token
        while True:
            try:
                answer = await self._get(
                    "search", "/2/tweets/search/recent", {**params, "max_results": most}, _Answer
                )
            except AnswerTooLarge:
                if most <= FEWEST:
                    raise
                most = max(most // 2, FEWEST)
            else:
                break
        if answer.data is None and answer.meta.result_count is None:
            raise RetryLater("X answers a search with something that is not its own format")
        return Found([bytes(raw) for raw in answer.data or []], answer.meta.newest_id, answer.meta.next_token)

    async def lookup(self, ids: Sequence[str]) -> tuple[list[bytes], list[str]]:
        """Up to 100 posts by id, and the ids of those that are not public any more."""
        params: dict[str, str | int] = {"ids": ",".join(ids), **self._fields}
        answer = await self._get("lookup", "/2/tweets", params, _Answer)
        gone = [str(one.resource_id or one.value) for one in answer.errors or [] if one.slug in _GONE]
        return [bytes(raw) for raw in answer.data or []], [one for one in gone if one in set(ids)]

    async def people(self, ids: Sequence[str]) -> dict[str, Person]:
        """Up to 100 accounts by id; those that are gone or unreadable are left out."""
        params: dict[str, str | int] = {"ids": ",".join(ids), "user.fields": _USER_FIELDS}
        answer = await self._get("users", "/2/users", params, _Answer)
        day = self._clock().astimezone(UTC).toordinal()
        read = [read_person(bytes(raw), day) for raw in answer.data or []]
        return dict(one for one in read if one is not None)

    async def count(self, query: str) -> int:
        """How many posts of the last seven days a query finds."""
        params: dict[str, str | int] = {"query": query, "granularity": "day"}
        meta = (await self._get("counts", "/2/tweets/counts/recent", params, _Answer)).meta
        told = meta.total_tweet_count if meta.total_tweet_count is not None else meta.total_post_count
        if told is None:
            raise RetryLater("X answers the question how many with something that is not its own format")
        return told

    async def rules(self) -> list[Rule]:
        """All rules of the app's stream, also those of other programs."""
        found: list[Rule] = []
        params: dict[str, str | int] = {}
        while True:
            answer = await self._get("rules", "/2/tweets/search/stream/rules", params, _Rules)
            found += answer.data or []
            if not answer.meta.next_token:
                return found
            params = {"pagination_token": answer.meta.next_token}

    async def change_rules(self, *, add: Sequence[Rule] = (), delete: Sequence[str] = ()) -> list[str]:
        """Add or delete rules; returns what X said of those that it did not take.

        Raises SourceMisconfigured where it took none.
        """
        body = {"add": add} if add else {"delete": {"ids": delete}}
        reply = await self._client.request(
            "POST",
            f"{self._config.api}/2/tweets/search/stream/rules",
            headers={**self._headers, "content-type": "application/json"},
            content=msgspec.json.encode(body),
            limiter_key=f"{self._key}:rules",
            accept_status=REFUSALS,
        )
        told = problems(reply.body)
        if reply.status in REFUSALS and not (reply.status == BAD_REQUEST and told):
            raise self._order(reply)
        told = [one for one in told if _DUPLICATE not in f"{one.title} {one.slug}".lower()]
        refused = [f"X does not take a rule ({one.words}): {one.value!s:.100}" for one in told]
        if add and len(refused) >= len(add):
            raise SourceMisconfigured("; ".join(refused))
        return refused

    def stream(self, shown: Callable[[], None], *, silence: float) -> AsyncGenerator[bytes]:
        """Lines of the stream; `shown` is called once it is open. Raises Crowded and Failing beside the usual."""

        def head(reply: Reply) -> None:
            if reply.status in REFUSALS:
                raise self._order(reply)
            if reply.status >= SERVER_ERROR:
                raise Failing(f"X does not open the stream for now ({reply.status})", after=self._asked(reply))
            shown()

        fields = "&".join(f"{name}={told}" for name, told in self._fields.items())
        return self._client.stream_lines(
            f"{self._config.api}/2/tweets/search/stream?{fields}",
            headers=self._headers,
            limiter_key=f"{self._key}:stream",
            silence=silence,
            shown=head,
        )

    async def _get(self, endpoint: str, path: str, params: dict[str, str | int], kind: type[A]) -> A:
        reply = await self._client.get(
            self._config.api + path,
            params=params,
            headers=self._headers,
            limiter_key=f"{self._key}:{endpoint}",
            accept_status=REFUSALS,
        )
        if reply.status in REFUSALS:
            raise self._order(reply)
        try:
            return decode(reply.body, kind)
        except UNREADABLE:
            raise RetryLater("X answers something that is not its own format") from None

    def _asked(self, reply: Reply) -> float | None:
        return asked_wait(reply.headers, self._clock())

    def _order(self, reply: Reply) -> SourceError:
        return refusal(reply.status, reply.body, after=self._asked(reply))


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
