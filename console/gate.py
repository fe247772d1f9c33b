"""Who may ask what, before any handler sees it: the Host header, the bearer token, and headers on every answer."""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from hmac import compare_digest
from http import HTTPStatus
from typing import Any

import msgspec

from console.problem import MEDIA_TYPE, Problem

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI application; frameworks type its three arguments each in their own way."""

OPEN_PATHS = ("/healthz", "/webhooks/")
"""Liveness tells nothing, and webhooks carry a signature of their own."""

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})

SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


class Gate:
    """Wraps the whole application, so that unknown paths are behind it too.

    With a token every path but OPEN_PATHS asks for it. Without one, only loopback is served, and then the Host header
    must name loopback: a web page whose name was pointed at 127.0.0.1 (DNS rebinding) must not read mentions.
    """

    def __init__(self, app: Asgi, *, token: str, host_is_loopback: bool) -> None:
        if not (token or host_is_loopback):
            raise ValueError("an address that others can reach needs a token")
        self._app, self._token = app, token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = {name.lower() for name, _ in message.get("headers", ())}
                added = [pair for pair in SECURITY_HEADERS if pair[0] not in said]
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, guarded)
        else:
            await _answer(guarded, *refusal)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        if scope["path"].startswith(OPEN_PATHS):
            return None
        headers = dict(scope["headers"])
        if self._token:
            scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
            if scheme.lower() == b"bearer" and compare_digest(given.strip(), self._token):
                return None
            return HTTPStatus.UNAUTHORIZED, "This needs the console's token: send Authorization: Bearer TOKEN."
        if _hostname(headers.get(b"host", b"")) in LOOPBACK_HOSTS:
            return None
        return (
            HTTPStatus.MISDIRECTED_REQUEST,
            "Without a token Tocsin answers only to localhost: open it by that name, or set [console] token.",
        )


def _hostname(host: bytes) -> str:
    text = host.decode("latin-1").lower()
    return re.sub(r":\d*$", "", text)


async def _answer(send: Send, status: int, detail: str) -> None:
    body = msgspec.json.encode(Problem(title=HTTPStatus(status).phrase, status=status, detail=detail))
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b'Bearer realm="tocsin"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
