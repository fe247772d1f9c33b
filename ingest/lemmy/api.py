"""An instance as far as it is asked: its lists of posts and comments, its search, one of them alone."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

import msgspec
from msgspec import Struct

from domain.errors import RetryLater, SourceMisconfigured, SourceStopped
from domain.ids import stable_id
from domain.transport import Reply
from ingest.addresses import host_of
from ingest.bounded import AnswerTooLarge
from ingest.http import PoliteClient
from ingest.lemmy.config import Config
from ingest.lemmy.parse import Kind
from ingest.lenient import UNREADABLE, decode
from ingest.waiting import asked_wait

SEARCH = "/search"
SIZES = (50, 25, 5, 1)
"""Entries asked for at a time: 50 is the most that Lemmy gives, fewer are asked for when the answer is too large."""

_BUSY, _NOT_FOUND = 429, 404
_UNASKED = frozenset({400, 401, 403, _NOT_FOUND, _BUSY})
_REFUSED = frozenset({"not_logged_in", "incorrect_login", "instance_is_private", "site_ban"})
_MISSING = frozenset({"couldnt_find_post", "couldnt_find_comment", "not_found"})
_LONGEST_WORD = 60


class Listed(Struct):
    """An answer of post/list, comment/list or search. `next_page` is told by newer instances, for posts."""

    posts: list[msgspec.Raw] = []
    comments: list[msgspec.Raw] = []
    next_page: str | None = None


class _One(Struct):
    post_view: msgspec.Raw = msgspec.Raw()
    comment_view: msgspec.Raw = msgspec.Raw()


class _Error(Struct):
    error: str = ""


class _Site(Struct):
    class View(Struct):
        class Named(Struct):
            name: str = ""

        site: Named = msgspec.field(default_factory=Named)

    class User(Struct):
        class View(Struct):
            class Person(Struct):
                name: str = ""

            person: Person = msgspec.field(default_factory=Person)

        local_user_view: View = msgspec.field(default_factory=View)

    site_view: View
    version: str = ""
    my_user: User | None = None


S = TypeVar("S", bound=Struct)


class Instance:
    """Asks one instance, within what it allows."""

    def __init__(self, config: Config, *, client: PoliteClient, clock: Callable[[], datetime]) -> None:
        self._url, self._client, self._clock = f"{config.api}/api/v3", client, clock
        token = config.token.get_secret_value() if config.token else ""
        self._headers = {"accept": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
        self._limiter_key = stable_id("lemmy", host_of(config.api), token)
        self._search_key = stable_id("lemmy search", host_of(config.api), token)
        self._with_token = bool(token)
        client.limit(self._limiter_key, requests=config.requests_a_minute, seconds=60)
        client.limit(self._search_key, requests=config.searches_a_minute, seconds=60)

    async def listed(
        self, path: str, params: Mapping[str, str | int], *, offset: int, page_cursor: str = ""
    ) -> tuple[Listed, int]:
        """Entries from an offset on, and how many were asked for: as many as fit into an answer."""
        for size in (one for one in SIZES if page_cursor or offset % one == 0):
            where: dict[str, str | int] = (
                {"page_cursor": page_cursor} if page_cursor else {"page": offset // size + 1}
            )
            try:
                reply = await self._get(path, {**params, **where, "limit": size})
            except AnswerTooLarge:
                if size == SIZES[-1]:
                    raise
                continue
            except SourceMisconfigured:
                if not page_cursor:
                    raise
                return await self.listed(path, params, offset=offset)  # what it stands for was deleted meanwhile
            return self._read(reply, Listed), size
        raise RetryLater("the instance answers with more than can be read")

    async def one(self, kind: Kind, number: int) -> bytes | None:
        """One post or comment; None when the instance has it no more. Raises KeyError when it does not tell."""
        reply = await self._ask(f"/{kind}", {"id": number})
        if reply.status in _UNASKED:
            if _word(reply) in _MISSING:
                return None
            raise KeyError(number)
        found = self._read(reply, _One)
        raw = bytes(found.post_view if kind == "post" else found.comment_view)
        if not raw:
            raise RetryLater("the instance answers something that is not Lemmy's own format")
        return raw

    async def site(self) -> str:
        """Say in words whom we speak with, and as whom."""
        site = self._read(await self._get("/site", {}), _Site)
        name = site.site_view.site.name or "an instance without a name"
        if self._with_token and site.my_user is None:
            raise SourceStopped("the instance does not know the token any more: log in again for a new one")
        who = f"as {site.my_user.local_user_view.person.name}" if site.my_user else "without a token"
        return f"{name} (Lemmy {site.version or 'of unknown version'}) is reachable {who}"

    async def _get(self, path: str, params: Mapping[str, str | int]) -> Reply:
        reply = await self._ask(path, params)
        if reply.status in _UNASKED:
            word = _word(reply) or reply.status
            raise SourceMisconfigured(f"the instance does not know what we ask for ({word}): check api, communities")
        return reply

    async def _ask(self, path: str, params: Mapping[str, str | int]) -> Reply:
        """Ask; what is busy or refused is raised, what is not known is given back."""
        reply = await self._client.get(
            f"{self._url}{path}",
            params=params,
            headers=self._headers,
            limiter_key=self._search_key if path == SEARCH else self._limiter_key,
            accept_status=_UNASKED,
        )
        if reply.status not in _UNASKED:
            return reply
        word = _word(reply)
        if word == "rate_limit_error" or reply.status == _BUSY:
            raise RetryLater("the instance asks us to slow down", after=asked_wait(reply.headers, self._clock()))
        if word in _REFUSED or reply.status in {401, 403}:
            raise SourceStopped(f"the instance refuses us ({word or reply.status}): it wants a token, or another one")
        return reply

    @staticmethod
    def _read(reply: Reply, kind: type[S]) -> S:
        try:
            return decode(reply.body, kind)
        except UNREADABLE:
            raise RetryLater("the instance answers something that is not Lemmy's own format") from None


def _word(reply: Reply) -> str:
    """The instance's own word for what is wrong, as far as it is one."""
    try:
        word = decode(reply.body, _Error).error
    except UNREADABLE:
        return ""
    return word if word.isascii() and word.replace("_", "").isalpha() and len(word) <= _LONGEST_WORD else ""
