"""The instance as far as it is asked: where it streams, and its timelines."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from domain.errors import RetryLater, SourceMisconfigured, SourceStopped
from domain.ids import stable_id
from ingest.addresses import host_of, site
from ingest.guard import Guard
from ingest.http import PoliteClient
from ingest.mastodon.channels import Channel
from ingest.mastodon.config import Config
from ingest.mastodon.feeds import Feed, SocketFeed, SseFeed
from ingest.websocket import HandshakeRefused, open_websocket

PAGE = 40
REQUESTS, SECONDS = 300.0, 300.0
"""What Mastodon allows one account."""

_NO_SUCH_STREAM = frozenset({400, 401, 403, 404, 405, 406, 410, 426, 501})
"""401 and 403 too: streams want the token of a person, while polling is content with that of an application."""
_NOT_THERE = 404
_VERSION = re.compile(r"[\w.+()~ -]{1,60}")


class Unsupported(Exception):
    """The server does not stream this way."""


class Server:
    """One instance, asked with one token."""

    def __init__(self, config: Config, *, client: PoliteClient, clock: Callable[[], datetime], guard: Guard) -> None:
        self._config, self._client, self._clock, self._guard = config, client, clock, guard
        token = config.token.get_secret_value() if config.token else ""
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self.host = host_of(config.instance)
        self._key = f"mastodon:{self.host}:{stable_id(token)[:8]}"
        client.limit(self._key, requests=REQUESTS, seconds=SECONDS)
        self._streaming = ""
        self.version = ""

    async def streaming(self) -> str:
        """Return the address that streams, `wss://host`, as the instance tells; its own where it does not."""
        if not self._streaming:
            told = await self._instance("/api/v2/instance") or await self._instance("/api/v1/instance")
            version = told.get("version")
            self.version = version if isinstance(version, str) and _VERSION.fullmatch(version) else ""
            configured = _inner(_inner(told, "configuration"), "urls").get("streaming")
            self._streaming = self._reachable(configured or _inner(told, "urls").get("streaming_api"))
        return self._streaming

    async def timeline(self, channel: Channel, *, after: str = "", before: str = "", limit: int = PAGE) -> list[Any]:
        """Return up to `limit` statuses right after or before an id, or the latest, in the server's own order."""
        path, params = channel.timeline
        ends = {"min_id": after, "max_id": before}
        reply = await self._get(path, {**params, "limit": limit, **{end: id_ for end, id_ in ends.items() if id_}})
        try:
            found = msgspec.json.decode(reply)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            found = None
        if not isinstance(found, list):
            raise RetryLater(f"{site(self._config.instance)} answers something else than a timeline")
        return found

    async def open_socket(self, channels: list[Channel]) -> Feed:
        """Stream by WebSocket; raises Unsupported and SourceError."""
        base = await self.streaming()
        first, *others = channels
        url = f"{base}/api/v1/streaming?{urlencode(first.subscription)}"
        outside = self._guard if self._elsewhere(base) else None
        try:
            socket = await open_websocket(url, clock=self._clock, headers=self._headers, outside=outside)
        except HandshakeRefused as error:
            if error.status in _NO_SUCH_STREAM:
                raise Unsupported from None
            raise
        feed = SocketFeed(socket)
        await feed.subscribe(others)
        return feed

    async def open_events(self, channels: list[Channel]) -> Feed:
        """Stream by server-sent events; what is wrong shows when events are gathered."""
        base = await self.streaming()
        web = base.replace("ws", "http", 1)
        urls = {channel.key: web + channel.stream_path for channel in channels}
        return SseFeed(self._client, urls, headers=self._headers, key=self._key, outside=self._elsewhere(base))

    async def _instance(self, path: str) -> dict[str, Any]:
        reply = await self._client.get(
            self._config.instance + path, headers=self._headers, limiter_key=self._key, accept_status=(_NOT_THERE,)
        )
        if reply.status == _NOT_THERE:
            return {}
        try:
            found = msgspec.json.decode(reply.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise RetryLater(f"{site(self._config.instance)} does not describe itself as an instance does")
        return found

    async def _get(self, path: str, params: dict[str, str | int]) -> bytes:
        try:
            reply = await self._client.get(
                self._config.instance + path, params=params, headers=self._headers, limiter_key=self._key
            )
        except (SourceStopped, SourceMisconfigured) as error:
            if self._headers:
                raise
            raise SourceStopped(
                f"{error}; perhaps it wants a token: make an application there with read:statuses, set `token`"
            ) from None
        return reply.body

    def _reachable(self, told: Any) -> str:
        """Never less protected than the instance; on the instance's own host its own port, which some leave out."""
        own = urlsplit(self._config.instance)
        scheme = "wss" if own.scheme == "https" else "ws"
        try:
            named = urlsplit(told) if isinstance(told, str) else own
            usable = bool(named.hostname) and named.port != 0
            own_port = named.hostname == own.hostname and named.port is None
        except ValueError:
            usable = own_port = False
        return f"{scheme}://{named.netloc.rpartition('@')[2] if usable and not own_port else own.netloc}"

    def _elsewhere(self, base: str) -> bool:
        return urlsplit(base).hostname != urlsplit(self._config.instance).hostname


def _inner(row: dict[str, Any], field: str) -> dict[str, Any]:
    found = row.get(field)
    return found if isinstance(found, dict) else {}
