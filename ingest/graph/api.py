"""Asks the Graph API: with the token, within the allowance, errors as orders."""

from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Struct

from domain.errors import RetryLater
from domain.ids import stable_id
from ingest.bounded import AnswerTooLarge
from ingest.graph.answers import judge, read_json
from ingest.graph.config import GraphConfig
from ingest.graph.signed import proof
from ingest.graph.usage import usage
from ingest.http import PoliteClient

T = TypeVar("T", bound=Struct)

MOST = 100
"""Objects of one list that are asked for at a time."""
_SLOWEST = 105.0
_STOPPED_SECONDS = 300.0
"""How long to wait when the allowance is used up and Meta does not say until when."""
_READ_HERE = frozenset(range(400, 600)) - {408, 425, 429, 503}


class Named(Struct):
    """An object that is there."""

    id: str


class Cursors(Struct):
    """Where a list goes on."""

    after: str = ""


class Paging(Struct):
    """Whether a list goes on (`next`), and where."""

    cursors: Cursors | None = None
    next: str | None = None


class Listing(Struct):
    """One page of a list."""

    data: list[msgspec.Raw]
    paging: Paging | None = None

    @property
    def after(self) -> str:
        """The cursor of the next page, empty on the last one."""
        return self.paging.cursors.after if self.paging and self.paging.next and self.paging.cursors else ""


class Graph:
    """The Graph API with one credential. `rest` is how many seconds to leave between calls, by what it says."""

    def __init__(self, config: GraphConfig, *, client: PoliteClient) -> None:
        self.rest = 0.0
        self._config, self._client = config, client
        self._token = config.token.get_secret_value() if config.token else ""
        self._secret = config.app_secret.get_secret_value() if config.app_secret else ""
        self._key = stable_id("graph", self._token)
        self._most = MOST
        client.limit(self._key, requests=config.calls_per_hour, seconds=3_600)

    async def get(
        self, path: str, params: Mapping[str, str | int], kind: type[T], *, token: str = "", alone: bool = False
    ) -> T:
        """Read what is at a path made of `segment`s; see `get_raw`."""
        return read_json(await self.get_raw(path, params, token=token, alone=alone), kind)

    async def get_raw(
        self, path: str, params: Mapping[str, str | int], *, token: str = "", alone: bool = False
    ) -> bytes:
        """Return the answer's bytes. `token` is another than the configured one; `alone` goes without its proof.

        Raises RetryLater, SourceStopped or SourceMisconfigured; ObjectGone and NotAllowed among them say that this
        object cannot be had.
        """
        token = token or self._token
        sent: dict[str, str | int] = {**params, "access_token": token}
        if self._secret and not alone:
            sent["appsecret_proof"] = proof(self._secret, token)
        url = f"{self._config.api}/{self._config.version}/{path}"
        reply = await self._client.get(url, params=sent, limiter_key=self._key, accept_status=_READ_HERE)
        self._mind(reply.headers)
        try:
            judge(reply.status, reply.headers, reply.body)
        except RetryLater as error:
            if error.after:
                self._client.pause(self._key, seconds=error.after)
            raise
        return reply.body

    async def list(
        self, path: str, params: Mapping[str, str | int], *, after: str = "", token: str = "", most: int = MOST
    ) -> Listing:
        """Read a page of a list; after one that was too large fewer objects at a time are asked for."""
        asked = {**params, "limit": min(self._most, most)} | ({"after": after} if after else {})
        try:
            found = await self.get(path, asked, Listing, token=token)
        except AnswerTooLarge:
            self._most = max(self._most // 2, 1)
            raise
        self._most = min(self._most * 2, MOST)
        return found

    def _mind(self, headers: Mapping[str, str]) -> None:
        """Slow down, or stop, as far as the allowance is used up."""
        used = usage(headers)
        slow_at = self._config.slow_at
        self.rest = min((used.percent - slow_at + 1) * 5, _SLOWEST) if used.percent >= slow_at else 0.0
        if used.percent >= self._config.stop_at:
            self._client.pause(self._key, seconds=used.regain or _STOPPED_SECONDS)


def segment(name: str) -> str:
    """Make an id from the network one segment of a path."""
    return quote(name, safe="") if name.strip(".") else "-"
