"""The two ways in which an instance pushes events: one WebSocket for all channels, or an event stream for each."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from domain.errors import RetryLater, SourceError
from ingest.http import PoliteClient
from ingest.mastodon.channels import Channel
from ingest.websocket import WebSocket

WAITING_EVENTS = 500


class Event(Struct, frozen=True):
    """What happened: `update`, `status.update`, `delete` and others. `channel` is empty when the server hides it.

    `event` is empty for a frame that cannot be read; `payload` is the raw bytes then.
    """

    channel: str
    event: str
    payload: bytes


class Feed(Protocol):
    """A running stream of events."""

    async def gather(self, events: list[Event], *, most: int, seconds: float) -> None:
        """Append events as they come, for `seconds`. Cancelled, it loses none. Raises SourceError at the end."""
        ...

    async def close(self) -> None:
        """Hang up."""
        ...


class SocketFeed:
    """All channels over one WebSocket."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._frames: list[bytes] = []

    async def subscribe(self, channels: Sequence[Channel]) -> None:
        """Ask for channels beside the one of the address."""
        for channel in channels:
            await self._socket.send(msgspec.json.encode({"type": "subscribe", **channel.subscription}).decode())

    async def gather(self, events: list[Event], *, most: int, seconds: float) -> None:
        """As the protocol says."""
        await self._socket.gather(self._frames, most=max(most - len(events), 1), seconds=seconds)
        events += [_event(frame) for frame in self._frames]
        self._frames.clear()

    async def close(self) -> None:
        """Hang up."""
        await self._socket.close()


class SseFeed:
    """An event stream for each channel, read by a task each into one bounded queue."""

    def __init__(
        self, client: PoliteClient, urls: Mapping[str, str], *, headers: Mapping[str, str], key: str, outside: bool
    ) -> None:
        self._queue: asyncio.Queue[Event | SourceError] = asyncio.Queue(WAITING_EVENTS)
        self._client, self._headers, self._key, self._outside = client, headers, key, outside
        self._tasks = [asyncio.ensure_future(self._read(channel, url)) for channel, url in urls.items()]
        self._error: SourceError | None = None

    async def gather(self, events: list[Event], *, most: int, seconds: float) -> None:
        """As the protocol says."""
        if self._error is not None:
            raise self._error
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while len(events) < most and self._error is None:
                    found = await self._queue.get()
                    if isinstance(found, Event):
                        events.append(found)
                    else:
                        self._error = found
        if self._error is not None and not events:
            raise self._error

    async def close(self) -> None:
        """Hang up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self, channel: str, url: str) -> None:
        error: SourceError = RetryLater("the event stream ended")
        try:
            stream = self._client.stream_sse(url, headers=self._headers, limiter_key=self._key, outside=self._outside)
            async for heard in stream:
                await self._queue.put(Event(channel, heard.event, heard.data.encode("utf-8", "replace")))
        except SourceError as caught:
            error = caught
        await self._queue.put(error)


class _Frame(Struct):
    event: str = ""
    payload: Any = None
    stream: Any = None
    error: str = ""


def _event(raw: bytes) -> Event:
    try:
        frame = msgspec.json.decode(raw, type=_Frame)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Event("", "", raw)
    if frame.error:
        return Event("", "error", frame.error.encode())
    payload = frame.payload.encode("utf-8", "replace") if isinstance(frame.payload, str) else None
    names = frame.stream if isinstance(frame.stream, list) else [frame.stream]
    channel = ":".join(name for name in names if isinstance(name, str)).lower()
    return Event(channel, frame.event, msgspec.json.encode(frame.payload) if payload is None else payload)
