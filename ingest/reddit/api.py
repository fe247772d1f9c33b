"""What Reddit is asked, with a token that is renewed when it ends; what is wrong as orders."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from domain.errors import RetryLater, SourceError, SourceMisconfigured, SourceStopped
from domain.ids import stable_id
from domain.transport import Reply
from ingest.bounded import AnswerTooLarge
from ingest.http import PoliteClient, user_agent
from ingest.lenient import UNREADABLE, decode
from ingest.reddit.config import Config

PAGE = 100
"""Things of one request."""

_FEWEST = 5
_SPARE = timedelta(minutes=1)
_BAD_REQUEST, _UNAUTHORISED, _FORBIDDEN, _NOT_FOUND = 400, 401, 403, 404
_SUBREDDIT_KIND = "t5"


class Closed(SourceMisconfigured):
    """A subreddit that cannot be read: private, quarantined, banned, or not there. `reason` is Reddit's word."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class Listing(Struct, frozen=True):
    """A page: things, newest first, and the fullname after which the next page begins (empty: the last page)."""

    things: list[bytes]
    after: str = ""


class _Kind(Struct):
    kind: str = ""


class _Data(Struct):
    children: list[msgspec.Raw]
    after: str | None = None


class _Listing(Struct):
    data: _Data


class _Granted(Struct):
    access_token: str = ""
    expires_in: float = 3_600
    scope: str = ""
    error: str | int = ""


class _Refusal(Struct):
    reason: str | None = None
    message: str | None = None


class Api:
    """Reddit asked as one app."""

    def __init__(self, config: Config, *, client: PoliteClient, clock: Callable[[], datetime]) -> None:
        self._config, self._client, self._clock = config, client, clock
        secret = config.client_secret.get_secret_value()
        self._key = f"reddit:{stable_id(config.client_id, secret)[:12]}"
        self._basic = b64encode(f"{config.client_id}:{secret}".encode()).decode()
        release = user_agent().partition(" ")[0].partition("/")[2]
        self._agent = f"linux:tocsin:{release} (by /u/{config.username})"
        self._token, self._ends = "", clock()
        self.scope = ""
        client.limit(self._key, requests=config.requests_a_minute, seconds=60)

    async def new(self, kind: str, subreddits: Sequence[str], *, after: str = "", most: int = PAGE) -> Listing:
        """What was last written in subreddits: `kind` is `new` (posts) or `comments`. Raises Closed."""
        return await self._listing(f"/r/{'+'.join(subreddits)}/{kind}", {}, after=after, most=most)

    async def search(self, query: str, *, span: str, after: str = "", most: int = PAGE) -> Listing:
        """Posts of all subreddits, of the last hour, day, week, month, year, or all."""
        params: dict[str, str | int] = {
            "q": query, "sort": "new", "t": span, "type": "link", "include_over_18": "on",
        }  # fmt: skip
        try:
            return await self._listing("/search", params, after=after, most=most)
        except Closed as error:
            raise SourceStopped(
                f"Reddit does not let this app search ({error.reason}): see what Reddit has approved it for, or set "
                "search = false"
            ) from None

    async def info(self, names: Sequence[str]) -> Listing:
        """Up to 100 posts and comments by fullname, as they are now."""
        try:
            return await self._listing("/api/info", {"id": ",".join(names)}, after="", most=PAGE)
        except Closed as error:
            raise SourceStopped(f"Reddit does not let this app look posts up ({error.reason})") from None

    async def _listing(self, path: str, params: dict[str, str | int], *, after: str, most: int) -> Listing:
        asked = {**params, **({"after": after} if after else {}), "raw_json": 1}
        while True:
            try:
                reply = await self._get(path, {**asked, "limit": most})
            except AnswerTooLarge:
                if most <= _FEWEST:
                    raise
                most = max(most // 2, _FEWEST)
            else:
                return _read(reply.body)

    async def _get(self, path: str, params: dict[str, str | int]) -> Reply:
        """Ask; a token that is refused is renewed once."""
        fresh = await self._renew()
        reply = await self._asked(path, params)
        if reply.status == _UNAUTHORISED and not fresh:
            self._token = ""
            await self._renew()
            reply = await self._asked(path, params)
        if reply.status == _UNAUTHORISED:
            raise SourceStopped("Reddit refuses the token that it has just given: see whether the app still exists")
        if reply.status in {_FORBIDDEN, _NOT_FOUND}:
            reason = _reason(reply)
            raise Closed(f"{path} cannot be read: {reason}", reason=reason)
        return reply

    async def _asked(self, path: str, params: dict[str, str | int]) -> Reply:
        return await self._client.get(
            self._config.api + path,
            params=params,
            headers={"authorization": f"Bearer {self._token}", "user-agent": self._agent},
            limiter_key=self._key,
            accept_status=(_UNAUTHORISED, _FORBIDDEN, _NOT_FOUND),
        )

    async def _renew(self) -> bool:
        """Ask for a token where there is none or it ends soon; True when it is a new one."""
        now = self._clock()
        if self._token and now < self._ends - _SPARE:
            return False
        reply = await self._client.request(
            "POST",
            f"{self._config.auth}/api/v1/access_token",
            headers={
                "authorization": f"Basic {self._basic}",
                "user-agent": self._agent,
                "content-type": "application/x-www-form-urlencoded",
            },
            content=b"grant_type=client_credentials",
            limiter_key=self._key,
            accept_status=(_BAD_REQUEST, _UNAUTHORISED, _FORBIDDEN),
        )
        if reply.status in {_BAD_REQUEST, _UNAUTHORISED, _FORBIDDEN}:
            raise _no_token(f"status {reply.status}")
        try:
            granted = decode(reply.body, _Granted)
        except UNREADABLE:
            raise RetryLater("Reddit answers something that is no token") from None
        if granted.error:
            raise _no_token(f"{granted.error!s:.60}")
        if not granted.access_token:
            raise RetryLater("Reddit answers without a token")
        self._token, self.scope = granted.access_token, granted.scope
        self._ends = now + timedelta(seconds=granted.expires_in)
        return True


def _no_token(why: str) -> SourceError:
    return SourceStopped(
        f"Reddit gives this app no token ({why}): see client_id and client_secret, and whether Reddit has approved "
        "the app"
    )


def _read(body: bytes) -> Listing:
    try:
        data = decode(body, _Listing).data
    except UNREADABLE:
        raise RetryLater("Reddit answers something that is no listing") from None
    if any(
        _kind(bytes(raw)) == _SUBREDDIT_KIND for raw in data.children[:1]
    ):  # Reddit leads from a subreddit that does not exist to a search for subreddits
        raise Closed("there is no such subreddit", reason="it does not exist")
    return Listing([bytes(raw) for raw in data.children], data.after or "")


def _kind(raw: bytes) -> str:
    try:
        return decode(raw, _Kind).kind
    except UNREADABLE:
        return ""


def _reason(reply: Reply) -> str:
    try:
        told = decode(reply.body, _Refusal)
    except UNREADABLE:
        told = _Refusal()
    said = told.reason or told.message or ""
    return said if said and len(said) <= len("quarantined") * 3 else f"status {reply.status}"
