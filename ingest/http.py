"""The one module that speaks HTTP: a bounded transport, and the polite client that every source is given.

Errors name scheme and host only: paths and queries can hold tokens.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version

import httpx
from httpx_sse import EventSource, SSEError
from msgspec import Struct

from domain.errors import RetryLater, SourceMisconfigured, SourceStopped
from domain.transport import Reply
from ingest.addresses import join, same_site, server_of, site, split
from ingest.bounded import end_of_event_within, lines_within, read_bounded
from ingest.guard import Guard
from ingest.limiter import Limiter
from ingest.waiting import asked_wait, used_up

REDIRECTS = 5
SILENCE = 90.0
"""Seconds without a byte after which an event stream counts as dead (servers send a sign of life every 15 to 30)."""
LARGEST_EVENT = 1_000_000
"""Bytes without the end of an event after which an event stream is given up; so with lines."""

_CONNECT_SECONDS = 10.0
_REDIRECTED = frozenset({301, 302, 303, 307, 308})
_PERMANENT = frozenset({301, 308})
_BUSY = frozenset({429, 503})
_TRANSIENT = frozenset({408, 425})
_REFUSED = frozenset({401, 403})
_SUCCESS, _REDIRECTION, _SERVER_ERROR = 200, 300, 500
_PRIVATE_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})


class Answer(Reply, frozen=True, kw_only=True):
    """A reply, and the address the site has moved to for good (empty when it has not)."""

    moved: str = ""


class StreamEvent(Struct, frozen=True):
    """One server-sent event."""

    event: str
    data: str
    id: str


class _Ask(Struct, frozen=True, kw_only=True):
    """A request on its way out. `silence` is how many seconds may pass without a byte."""

    method: str
    url: str
    headers: Mapping[str, str] | None
    content: bytes | None = None
    outside: bool = False
    silence: float | None = None


def user_agent(contact: str = "") -> str:
    """How Tocsin introduces itself; `contact` is the operator's page or mail address."""
    try:
        release = version("tocsin")
    except PackageNotFoundError:
        release = "0"
    return f"Tocsin/{release} (+{contact or 'listens to public posts about brands'})"


class HttpTransport:
    """`domain.transport.Transport` on httpx: no redirects, verified TLS, limits on time and on decompressed size.

    A request marked `outside` goes to an address which was checked to be public, without proxies and without
    keeping the connection: the certificate is still checked against the name.
    """

    def __init__(self, *, contact: str = "", guard: Guard | None = None, tls: ssl.SSLContext | None = None) -> None:
        for chatty in ("httpx", "httpcore"):  # they log whole URLs and headers
            logging.getLogger(chatty).setLevel(logging.WARNING)
        self._guard = guard or Guard()
        headers = {"user-agent": user_agent(contact), "accept-encoding": "gzip"}
        tls = tls or httpx.create_ssl_context()
        self._client = httpx.AsyncClient(headers=headers, cookies=_no_cookies(), verify=tls)
        unkept = httpx.Limits(max_keepalive_connections=0)
        self._outside = httpx.AsyncClient(
            headers=headers, cookies=_no_cookies(), verify=tls, trust_env=False, limits=unkept
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout: float = 20.0,  # noqa: ASYNC109  # the protocol's word for the limit on the whole exchange
        max_bytes: int = 10_000_000,
        outside: bool = False,
    ) -> Reply:
        """Send; read at most `max_bytes`. Raises RetryLater without an answer, SourceMisconfigured for a bad URL."""
        ask = _Ask(method=method, url=url, headers=headers, content=content, outside=outside)
        try:
            async with asyncio.timeout(timeout), self._open(ask) as response:
                body = await _read(response, max_bytes, site(url))
        except TimeoutError:
            raise RetryLater(f"{site(url)} did not finish its answer within {timeout:g} s") from None
        return Reply(status=response.status_code, headers=_headers(response), body=body, url=url)

    @asynccontextmanager
    async def stream(
        self, url: str, *, headers: Mapping[str, str] | None = None, outside: bool = False
    ) -> AsyncIterator[tuple[Reply, AsyncIterator[StreamEvent]]]:
        """Open an event stream: its head (with the body, if it is no event stream), and its events."""
        asked = {**(headers or {}), "accept": "text/event-stream", "accept-encoding": "identity"}
        async with self._open(
            _Ask(method="GET", url=url, headers=asked, outside=outside, silence=SILENCE)
        ) as response:
            streams = response.is_success and is_event_stream(response.headers)
            body = b"" if streams else await _read(response, LARGEST_EVENT, site(url))
            head = Reply(status=response.status_code, headers=_headers(response), body=body, url=url)
            yield head, _events(response, site(url))

    @asynccontextmanager
    async def lines(
        self, url: str, *, headers: Mapping[str, str] | None = None, silence: float = SILENCE
    ) -> AsyncIterator[tuple[Reply, AsyncIterator[bytes]]]:
        """Open a stream of lines: its head (with the body, if it is a refusal), and its lines that are not empty."""
        asked = {**(headers or {}), "accept-encoding": "identity"}
        async with self._open(_Ask(method="GET", url=url, headers=asked, silence=silence)) as response:
            body = b"" if response.is_success else await _read(response, LARGEST_EVENT, site(url))
            head = Reply(status=response.status_code, headers=_headers(response), body=body, url=url)
            yield head, lines_within(response.aiter_raw(), limit=LARGEST_EVENT, site=site(url))

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()
        await self._outside.aclose()

    @asynccontextmanager
    async def _open(self, ask: _Ask) -> AsyncIterator[httpx.Response]:
        split(ask.url)
        where = site(ask.url)
        try:
            response = await (self._send_outside(ask) if ask.outside else self._send(self._client, ask, ask.url))
            try:
                yield response
            finally:
                await response.aclose()
        except httpx.ConnectError as error:
            raise RetryLater(f"{where} cannot be reached ({error})") from None
        except httpx.TimeoutException:
            raise RetryLater(f"{where} is silent") from None
        except (httpx.HTTPError, httpx.StreamError, SSEError) as error:
            raise RetryLater(f"{where} broke off its answer ({type(error).__name__})") from None
        except httpx.InvalidURL:
            raise SourceMisconfigured(f"{where}: the address is not well formed") from None

    async def _send_outside(self, ask: _Ask) -> httpx.Response:
        """Connect to a checked address instead of the name, so that no second look-up can lead elsewhere."""
        address = httpx.URL(ask.url)
        host, port = address.raw_host.decode("ascii"), address.port or (443 if address.scheme == "https" else 80)
        *first, last = await self._guard.addresses(host, port)
        for ip in first:
            with suppress(httpx.ConnectError, httpx.ConnectTimeout):
                return await self._send(self._outside, ask, address.copy_with(host=ip), named=address)
        return await self._send(self._outside, ask, address.copy_with(host=last), named=address)

    async def _send(
        self, client: httpx.AsyncClient, ask: _Ask, url: str | httpx.URL, *, named: httpx.URL | None = None
    ) -> httpx.Response:
        """Send to `url`; where that holds an address in place of a name, `named` is the URL with the name."""
        request = client.build_request(
            ask.method,
            url,
            headers={**(ask.headers or {}), **({"host": named.netloc.decode("ascii")} if named else {})},
            content=ask.content,
            timeout=httpx.Timeout(ask.silence, connect=_CONNECT_SECONDS),
            extensions={"sni_hostname": named.raw_host.decode("ascii")} if named else {},
        )
        return await client.send(request, stream=True)


class PoliteClient:
    """What sources ask the network with: one request at a time per host, a rate per credential, every pause obeyed.

    Statuses become orders: 401 and 403 raise SourceStopped; 408, 425, 429, 5xx and the network's failures
    RetryLater; other 4xx SourceMisconfigured; a status in `accept_status` is given back instead.
    """

    def __init__(self, transport: HttpTransport, *, clock: Callable[[], datetime]) -> None:
        self._transport = transport
        self._clock = clock
        self._limiter = Limiter(clock)

    def limit(self, key: str, *, requests: float, seconds: float) -> None:
        """Allow `requests` in any `seconds` under a limiter key (a credential). Unset: 60 a minute for each host."""
        self._limiter.limit(key, requests=requests, seconds=seconds)

    def pause(self, key: str, *, seconds: float) -> None:
        """Ask nothing under a limiter key for so long: the provider said so in words of its own."""
        self._limiter.pause(key, seconds)

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str | int] | None = None,
        limiter_key: str | None = None,
        outside: bool = False,
        apart: bool = False,
        accept_status: Collection[int] = (),
        timeout: float = 20.0,  # noqa: ASYNC109  # a limit on each exchange, passed to the transport
        max_bytes: int = 10_000_000,
    ) -> Answer:
        """GET, following up to five redirects; one that leads to another host is treated as `outside`.

        `apart` is for a long poll: it keeps nobody with another limiter key from asking the same host.
        """
        at, moved, for_good, sent = _with_params(url, params), "", True, dict(headers or {})
        for _ in range(REDIRECTS + 1):
            async with self._turn(at, limiter_key, apart=apart):
                reply = await self._transport.request(
                    "GET", at, headers=sent, timeout=timeout, max_bytes=max_bytes, outside=outside
                )
            if reply.status not in _REDIRECTED or "location" not in reply.headers:
                self._judge(reply, accept_status, limiter_key)
                return Answer(status=reply.status, headers=reply.headers, body=reply.body, url=at, moved=moved)
            target = join(at, reply.headers["location"])
            if not same_site(at, target):
                outside = True
                sent = {name: text for name, text in sent.items() if name.lower() not in _PRIVATE_HEADERS}
            for_good = for_good and reply.status in _PERMANENT
            at, moved = target, target if for_good else moved
        raise RetryLater(f"{site(url)} redirects more than {REDIRECTS} times")

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        limiter_key: str | None = None,
        outside: bool = False,
        accept_status: Collection[int] = (),
        timeout: float = 20.0,  # noqa: ASYNC109  # a limit on the exchange, passed to the transport
        max_bytes: int = 10_000_000,
    ) -> Reply:
        """Send anything but a plain GET; a redirect is not followed and counts as a wrong address."""
        async with self._turn(url, limiter_key):
            reply = await self._transport.request(
                method, url, headers=headers, content=content, timeout=timeout, max_bytes=max_bytes, outside=outside
            )
        self._judge(reply, accept_status, limiter_key)
        return reply

    async def stream_sse(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        limiter_key: str | None = None,
        outside: bool = False,
    ) -> AsyncGenerator[StreamEvent]:
        """Server-sent events until the stream ends; raises as `get` does, and RetryLater after 90 s of silence."""
        async with AsyncExitStack() as stack:
            async with self._turn(url, limiter_key):
                opening = self._transport.stream(url, headers=headers, outside=outside)
                head, events = await stack.enter_async_context(opening)
            self._judge(head, (), limiter_key)
            if not is_event_stream(head.headers):
                raise SourceMisconfigured(f"{site(url)} answers something else than an event stream")
            async for event in events:
                yield event

    async def stream_lines(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        limiter_key: str | None = None,
        silence: float = SILENCE,
        shown: Callable[[Reply], None] | None = None,
    ) -> AsyncGenerator[bytes]:
        """Lines until the stream ends; empty ones are signs of life. Raises as `get` does, and after the silence.

        `shown` sees the answer as soon as it begins (a refusal with its body), and may raise an order of its own.
        """
        async with AsyncExitStack() as stack:
            async with self._turn(url, limiter_key):
                opening = self._transport.lines(url, headers=headers, silence=silence)
                head, lines = await stack.enter_async_context(opening)
            if shown is not None:
                shown(head)
            self._judge(head, (), limiter_key)
            async for line in lines:
                yield line

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    def _turn(self, url: str, limiter_key: str | None, *, apart: bool = False) -> AbstractAsyncContextManager[None]:
        server = server_of(url)
        return self._limiter.turn(server, limiter_key or server, apart=apart)

    def _judge(self, reply: Reply, accepted: Collection[int], limiter_key: str | None) -> None:
        """Turn a status into an order to the runtime."""
        asked = asked_wait(reply.headers, self._clock())
        where, server = site(reply.url), server_of(reply.url)
        if asked and (reply.status in _BUSY or used_up(reply.headers)):
            self._limiter.pause(limiter_key or server, asked)
        if reply.status in accepted or _SUCCESS <= reply.status < _REDIRECTION:
            return
        if reply.status in _BUSY:
            raise RetryLater(f"{where} is busy and asks us to come back later ({reply.status})", after=asked)
        if reply.status in _TRANSIENT or reply.status >= _SERVER_ERROR:
            raise RetryLater(f"{where} fails for now ({reply.status})")
        if reply.status in _REFUSED:
            raise SourceStopped(
                f"{where} refuses us ({reply.status}): the credentials or their rights must be renewed"
            )
        raise SourceMisconfigured(
            f"{where} does not know what we ask for ({reply.status}): check the address and keys"
        )


def _with_params(url: str, params: Mapping[str, str | int] | None) -> str:
    try:
        return str(httpx.URL(url).copy_merge_params(params)) if params else url
    except httpx.InvalidURL:
        raise SourceMisconfigured(f"{site(url)}: the address is not well formed") from None


def is_event_stream(headers: Mapping[str, str]) -> bool:
    """Whether an answer is a stream of server-sent events."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "text/event-stream"


def _headers(response: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


async def _read(response: httpx.Response, limit: int, where: str) -> bytes:
    encoding = response.headers.get("content-encoding", "")
    return await read_bounded(response.aiter_raw(), encoding=encoding, limit=limit, site=where)


def _no_cookies() -> CookieJar:
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


class _EventBytes(httpx.AsyncByteStream):
    """The bytes of an event stream on their way through the limit."""

    def __init__(self, response: httpx.Response, where: str) -> None:
        self._chunks = end_of_event_within(response.aiter_raw(), limit=LARGEST_EVENT, site=where)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            yield chunk


async def _events(response: httpx.Response, where: str) -> AsyncIterator[StreamEvent]:
    bounded = httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=_EventBytes(response, where))
    async for event in EventSource(bounded).aiter_sse():
        yield StreamEvent(event.event, event.data, event.id)
