"""The one module that speaks WebSocket. It reads only as fast as it is asked to, so that a flood waits at the sender.

Errors name scheme and host only: paths, queries and headers can hold tokens.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from domain.errors import RetryLater, SourceMisconfigured
from ingest.addresses import named, split
from ingest.guard import Guard
from ingest.http import user_agent
from ingest.waiting import asked_wait

LARGEST_FRAME = 1_000_000
OPEN_SECONDS = 10.0
PING_SECONDS = 20.0
_QUEUED_FRAMES = 64
_PORTS = {"ws": 80, "wss": 443}


class HandshakeRefused(RetryLater):
    """The server answered with a status instead of opening; its user decides whether that can get better.

    `body` is what it said.
    """

    def __init__(self, message: str, *, status: int, after: float | None, body: bytes = b"") -> None:
        super().__init__(message, after=after)
        self.status, self.body = status, body


class _NoRedirects(connect):
    """A redirect could lead the credentials anywhere; it counts as a refusal."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class WebSocket:
    """An open connection."""

    def __init__(self, connection: ClientConnection, where: str) -> None:
        self._connection, self._where = connection, where

    async def gather(self, frames: list[bytes], *, most: int, seconds: float) -> None:
        """Append frames as they come until there are `most`, or for `seconds`. Cancelled, it loses none.

        Raises RetryLater when the connection has ended and `frames` is empty.
        """
        try:
            async with asyncio.timeout(seconds):
                while len(frames) < most:
                    frames.append(await self._connection.recv(decode=False))
        except TimeoutError:
            return
        except ConnectionClosed as error:
            if not frames:
                code = error.rcvd.code if error.rcvd else "no reason given"
                raise RetryLater(f"{self._where} ended the stream ({code})") from None

    async def send(self, text: str) -> None:
        """Send a text frame; raises RetryLater when the connection has ended."""
        try:
            await self._connection.send(text)
        except ConnectionClosed:
            raise RetryLater(f"{self._where} ended the stream") from None

    async def close(self) -> None:
        """Say goodbye, within a second or two."""
        await self._connection.close()


async def open_websocket(
    url: str,
    *,
    clock: Callable[[], datetime],
    headers: Mapping[str, str] | None = None,
    outside: Guard | None = None,
) -> WebSocket:
    """Connect. `outside` is given for a URL named by the network: it must then lead to the public internet.

    Raises HandshakeRefused for a status, RetryLater when there is no connection, SourceMisconfigured for a bad URL.
    """
    logging.getLogger("websockets").setLevel(logging.WARNING)  # its debug lines hold headers
    where = site(url)
    try:
        address: dict[str, Any] = {} if outside is None else await _checked(url, outside)
        connection = await _NoRedirects(
            url,
            additional_headers=dict(headers or {}),
            user_agent_header=user_agent(),
            open_timeout=OPEN_SECONDS,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            close_timeout=1.0,
            max_size=LARGEST_FRAME,
            max_queue=_QUEUED_FRAMES,
            **address,
        )
    except InvalidStatus as error:
        status = error.response.status_code
        after = asked_wait({name.lower(): value for name, value in error.response.headers.raw_items()}, clock())
        said = bytes(error.response.body)
        raise HandshakeRefused(
            f"{where} refuses the stream ({status})", status=status, after=after, body=said
        ) from None
    except InvalidURI:
        raise SourceMisconfigured(f"{where}: the address is not well formed") from None
    except InvalidHandshake as error:
        raise RetryLater(f"{where} does not speak WebSocket ({type(error).__name__})") from None
    except (OSError, TimeoutError, EOFError) as error:
        raise RetryLater(f"{where} cannot be reached ({type(error).__name__})") from None
    return WebSocket(connection, where)


def site(url: str) -> str:
    """Name a WebSocket URL by scheme, host and port; raises SourceMisconfigured for anything else."""
    return named(split(url, schemes=_PORTS, wrong="this is not a ws or wss address; write it as wss://host/path"))


async def _checked(url: str, guard: Guard) -> dict[str, Any]:
    """Connect to a checked address instead of the name, past any proxy; TLS still asks for the name."""
    parts = urlsplit(url)
    port = parts.port or _PORTS[parts.scheme]
    addresses = await guard.addresses(parts.hostname or "", port)
    return {"host": addresses[0], "port": port, "proxy": None}
