"""VK's streaming host: its rules over HTTP, its stream over WebSocket, and its own error codes as orders."""

import re
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from domain.errors import RetryLater, SourceMisconfigured
from ingest.http import PoliteClient
from ingest.vk.push.rules import Rule, RuleRefused
from ingest.websocket import HandshakeRefused, WebSocket, open_websocket, site

BAD_KEY, BAD_STREAM, TAKEN = 1004, 1005, 1006
TAG_EXISTS, NO_SUCH_TAG, TOO_MANY_RULES = 2001, 2002, 2006
OLD_SOCKET_DIES = 45.0
"""Seconds to wait where VK still holds our last connection; it lets go after 30 to 60."""

_REFUSALS = (400, 401, 403, 404, 409)
_BAD_RULE = frozenset({2003, 2004, 2005, TOO_MANY_RULES, 2008})
_OK = 200
_ENDPOINT = re.compile(r"[\w.-]+(:\d+)?(/[\w.-]+)*")
_SENTENCES = {
    1000: "the connection was not upgraded",
    1001: "the method is wrong",
    1002: "the content type is wrong",
    1003: "the key is missing",
    BAD_KEY: "the key is good no more",
    TAKEN: "it still holds our last connection, or another program listens with this token",
    2000: "the rule is no JSON",
    TAG_EXISTS: "there is a rule with this tag",
    NO_SUCH_TAG: "there is no rule with this tag",
    2003: "it cannot read the rule",
    2004: "the rule has too many words",
    2005: "the rule has a quote without its other half",
    TOO_MANY_RULES: "there are too many rules",
    2008: "the rule has only words that must not be there",
}


class StreamRefused(RetryLater):
    """The streaming host says no, with a code of its own."""

    def __init__(self, code: int) -> None:
        self.code, self.sentence = code, _SENTENCES.get(code, "for a reason that it does not document")
        super().__init__(
            f"VK's streaming host refuses: {self.sentence} ({code})", after=OLD_SOCKET_DIES if code == TAKEN else None
        )


class Said(Struct, frozen=True):
    """What an error or a service message says, by its code."""

    error_code: int = 0
    service_code: int = 0


class _Answer(Struct):
    code: int
    rules: list[Rule] | None = None
    error: Said = Said()


class Host:
    """The host of the stream, with the key that streaming.getServerUrl gave.

    `url` is as of its WebSocket (`wss://streaming.vk.ru`); the rules are at the same host over HTTP, where at most
    `rate` requests a second are sent.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        client: PoliteClient,
        limiter_key: str,
        rate: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._url, self._key = url, key
        self._client, self._limiter_key, self._clock = client, limiter_key, clock
        client.limit(limiter_key, requests=1, seconds=1 / rate)

    @property
    def where(self) -> str:
        """Scheme and host."""
        return site(self._url)

    async def rules(self) -> dict[str, str]:
        """Return the values of all rules there by tag, ours and others'."""
        return {rule.tag: rule.value for rule in (await self._ask("GET", None)).rules or ()}

    async def add(self, rule: Rule) -> None:
        """Listen for a rule; one that is there already is no error."""
        try:
            await self._ask("POST", {"rule": {"value": rule.value, "tag": rule.tag}}, but=TAG_EXISTS)
        except StreamRefused as no:
            if no.code not in _BAD_RULE:
                raise
            raise RuleRefused(no.sentence, full=no.code == TOO_MANY_RULES) from None

    async def drop(self, tag: str) -> None:
        """Listen for a rule no more; one that is gone already is no error."""
        await self._ask("DELETE", {"tag": tag}, but=NO_SUCH_TAG)

    async def listen(self, stream: int) -> WebSocket:
        """Open the stream with this number. Raises StreamRefused, and SourceMisconfigured for the number."""
        asked = urlencode({"key": self._key, "stream_id": stream})
        try:
            return await open_websocket(f"{self._url}/stream/?{asked}", clock=self._clock)
        except HandshakeRefused as refused:
            if refused.status not in _REFUSALS:
                raise
            raise _judged(refused.body) from None

    async def _ask(self, method: str, told: object, *, but: int = 0) -> _Answer:
        reply = await self._client.request(
            method,
            f"http{self._url.removeprefix('ws')}/rules/?{urlencode({'key': self._key})}",
            headers={"content-type": "application/json"},
            content=None if told is None else msgspec.json.encode(told),
            limiter_key=self._limiter_key,
            accept_status=_REFUSALS,
        )
        answer = _read(reply.body)
        if answer.code == _OK and reply.status == HTTPStatus.OK:
            return answer
        refused = _judged(reply.body)
        if not (isinstance(refused, StreamRefused) and refused.code == but):
            raise refused
        return answer


def address(endpoint: str, *, tls: bool) -> str:
    """The address of the stream at the host that VK names; raises RetryLater for what is no host."""
    if not _ENDPOINT.fullmatch(endpoint.strip("/")):
        raise RetryLater("VK names a streaming host that is none")
    return f"ws{'s' if tls else ''}://{endpoint.strip('/')}"


def refusal(error: Said) -> RetryLater | SourceMisconfigured:
    """Read an error of the host, told in an answer or in the stream itself."""
    if error.error_code == BAD_STREAM:
        return SourceMisconfigured("VK does not take the number of the stream: choose another `stream_id`")
    return StreamRefused(error.error_code)


def _judged(body: bytes) -> RetryLater | SourceMisconfigured:
    return refusal(_read(body).error)


def _read(body: bytes) -> _Answer:
    try:
        return msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RetryLater("VK's streaming host answers something that is not its own format") from None
