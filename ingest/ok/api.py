"""Odnoklassniki as it is asked: signed calls, and its error numbers as orders."""

from collections.abc import Mapping
from hashlib import md5
from typing import TypeVar

import msgspec
from msgspec import Struct

from domain.errors import RetryLater, SourceError, SourceMisconfigured, SourceStopped
from domain.ids import stable_id
from ingest.bounded import AnswerTooLarge
from ingest.http import PoliteClient
from ingest.lenient import UNREADABLE, decode
from ingest.ok.config import Config
from ingest.ok.parse import Id, Talk

SIZES = (100, 25, 5, 1)
"""Entries asked for at a time; fewer when the answer is too large."""

_UNSIGNED = frozenset({"access_token", "session_key", "sig"})
_PERMISSION, _LIMIT, _PARAM, _KEY, _SESSION, _SIGNATURE = 10, 11, 100, 101, 102, 104
"""All others (2 SERVICE, 9999 SYSTEM, and what we do not know) are failures of the network itself: asked again."""


class Denied(SourceError):
    """One group or discussion is not ours to read."""


class BadParam(SourceError):
    """The network does not take a parameter: a group or discussion that is gone, or an anchor that is too old."""


class _Error(Struct):
    error_code: int = 0


class Page(Struct):
    """One page of topics, comments or discussions; `anchor` leads to the next one."""

    media_topics: list[msgspec.Raw] = []
    comments: list[msgspec.Raw] = []
    discussions: list[msgspec.Raw] = []
    anchor: str | None = None
    has_more: bool = False

    @property
    def next(self) -> str:
        """Where it goes on, empty at the end."""
        return self.anchor or "" if self.has_more else ""


class Info(Struct):
    """An entry of group.getInfo."""

    uid: Id = ""
    name: str = ""
    members_count: int | None = None


class _Infos(Struct):
    groups: list[Info]


class _Ref(Struct):
    id: Id = ""
    type: str = ""


class Discussed(Struct):
    """An entry of discussions.getList."""

    object_id: Id = ""
    object_type: str = ""
    comments_count: int = 0
    last_activity_date: str = ""
    owner_uid: Id = ""
    ref_objects: list[_Ref] = []

    def group(self, among: tuple[str, ...]) -> str:
        """The one of these groups that it belongs to, empty if to none."""
        named = [str(self.owner_uid), *(str(ref.id) for ref in self.ref_objects)]
        return next((one for one in named if one in among), "")


T = TypeVar("T", bound=Struct)


def signature(params: Mapping[str, str], *, secret: str) -> str:
    """`sig`: md5 of all parameters but the token, sorted, as `k=v` without anything between, and the secret."""
    signed = "".join(f"{name}={params[name]}" for name in sorted(params) if name not in _UNSIGNED)
    return md5((signed + secret).encode(), usedforsecurity=False).hexdigest()


def session_secret(token: str, application_secret: str) -> str:
    """The secret of a session, where the network gave none with its token."""
    return md5((token + application_secret).encode(), usedforsecurity=False).hexdigest()


class Caller:
    """Asks under one credential."""

    def __init__(self, config: Config, *, client: PoliteClient) -> None:
        self._config, self._client = config, client
        self._token = config.token.get_secret_value() if config.token else ""
        if config.session_secret_key is not None:
            self._secret = config.session_secret_key.get_secret_value()
        else:
            own = config.application_secret_key.get_secret_value() if config.application_secret_key else ""
            self._secret = session_secret(self._token, own)
        self._limiter_key = stable_id("ok", self._token)
        client.limit(self._limiter_key, requests=config.requests_a_minute, seconds=60)

    async def topics(self, group: str, anchor: str) -> Page:
        """A page of a group's topics, newest first."""
        return await self._paged(
            "mediatopic.getTopics", anchor, gid=group, filter="GROUP_ALL", fields="media_topic.*"
        )

    async def comments(self, talk: Talk, anchor: str) -> Page:
        """A page of what is said about something, newest first."""
        return await self._paged(
            "discussions.getComments",
            anchor,
            discussionId=talk.id,
            discussionType=talk.type,
            direction="BACKWARD",
        )

    async def changed(self) -> list[Discussed]:
        """The discussions of groups that we take part in, those that changed last first."""
        page = await self._paged("discussions.getList", "", category="GROUP")
        found = []
        for raw in page.discussions:
            try:
                found.append(decode(bytes(raw), Discussed))
            except UNREADABLE:
                continue
        return found

    async def groups(self, numbers: tuple[str, ...]) -> dict[str, Info]:
        """What groups say of themselves, by number; those that are gone are missing."""
        found: dict[str, Info] = {}
        for start in range(0, len(numbers), SIZES[0]):
            some = ",".join(numbers[start : start + SIZES[0]])
            body = await self._call("group.getInfo", uids=some, fields="uid,name,members_count")
            found |= {str(one.uid): one for one in _answer(b'{"groups":' + body + b"}", _Infos).groups}
        return found

    async def _paged(self, method: str, anchor: str, **params: str) -> Page:
        if anchor:
            params["anchor"] = anchor
        for size in SIZES:
            try:
                return _answer(await self._call(method, count=str(size), **params), Page)
            except AnswerTooLarge:
                if size == SIZES[-1]:
                    raise
        raise RetryLater("the network answers with more than can be read")

    async def _call(self, method: str, **params: str) -> bytes:
        """Call a method; an answer and an error both come with HTTP 200."""
        asked = {**params, "application_key": self._config.application_key, "format": "json", "method": method}
        sig = signature(asked, secret=self._secret)
        reply = await self._client.get(
            f"{self._config.api}/fb.do",
            params={**asked, "sig": sig, "access_token": self._token},
            limiter_key=self._limiter_key,
        )
        if b'"error_code"' in reply.body[:2_000]:
            self._judge(_error_code(reply.body), method)
        return reply.body

    def _judge(self, code: int, method: str) -> None:
        if code == _LIMIT:
            raise RetryLater("the network says LIMIT_REACHED", after=self._config.limit_seconds)
        if code == _PERMISSION:
            raise Denied(
                f"{method} is denied (PERMISSION_DENIED): the group must be public or ours, and the application needs"
                " VALUABLE_ACCESS and GROUP_CONTENT, which the network's API support grants"
            )
        if code == _PARAM:
            raise BadParam(f"{method} does not take what it was given (PARAM)")
        if code == _KEY:
            raise SourceStopped("the network does not know the application (error 101): check application_key")
        if code == _SESSION:
            raise SourceStopped("the session has expired (error 102): get a new access token, an eternal one at best")
        if code == _SIGNATURE:
            raise SourceMisconfigured(
                "the network refuses the signature (error 104): check application_secret_key or session_secret_key,"
                " which must belong to this token"
            )
        if code:
            raise RetryLater(f"the network fails for now (error {code})")


def _error_code(body: bytes) -> int:
    """The number of an error; 0 for an answer that only speaks of one."""
    try:
        return decode(body, _Error).error_code
    except UNREADABLE:
        return 0


def _answer(body: bytes, kind: type[T]) -> T:
    try:
        return decode(body, kind)
    except UNREADABLE:
        raise RetryLater("the network answers something that is not its own format") from None
