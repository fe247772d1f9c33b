"""Real WebSocket servers on this machine: a Jetstream and a Mastodon instance that say what a test tells them to."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.kit.ingest import Failure

FAILURES: dict[Failure, tuple[int, bytes]] = {
    "busy": (429, b"slow down"), "down": (500, b"oops"), "garbage": (200, b"\x00\xff<<<"),
}  # fmt: skip


def answer(status: int, body: bytes, **headers: str) -> Response:
    """An HTTP answer in place of a handshake."""
    told = Headers({"Content-Length": str(len(body)), "Connection": "close", **headers})
    return Response(status, HTTPStatus(status).phrase, told, body)


@dataclass
class StreamServer:
    """What both have in common: who is connected, what they asked, and how to misbehave."""

    port: int = 0
    failure: Failure | None = None
    refuse_with: int = 0
    asked: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    connected: set[ServerConnection] = field(default_factory=set)

    def fail(self, failure: Failure | None) -> None:
        """Misbehave from now on, also to those connected."""
        self.failure = failure
        if failure:
            self.drop()

    def drop(self) -> None:
        """Hang up on everybody, without a word."""
        for connection in self.connected:
            connection.transport.abort()
        self.connected.clear()

    def say(self, frame: bytes | dict[str, Any]) -> None:
        """Send a frame to everybody."""
        broadcast(self.connected, _message(frame if isinstance(frame, bytes) else json.dumps(frame).encode()))

    def note(self, request: Request) -> tuple[str, dict[str, str], Response | None]:
        """Write down a request; return path, query and the misbehaviour that is on, if any."""
        parts = urlsplit(request.path)
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        self.asked.append((parts.path, query, headers))
        if self.failure:
            status, body = FAILURES[self.failure]
            return parts.path, query, answer(status, body, **({"Retry-After": "7"} if status == 429 else {}))
        return parts.path, query, answer(self.refuse_with, b"") if self.refuse_with else None


@dataclass
class Jetstream(StreamServer):
    """Replays its frames from a cursor on, inclusive, then goes on live, as the real one does."""

    frames: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where to subscribe."""
        return f"ws://127.0.0.1:{self.port}/subscribe"

    def publish(self, frame: dict[str, Any] | bytes) -> None:
        """Keep a frame and send it."""
        raw = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
        self.frames.append(raw)
        self.say(raw)

    async def process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse while misbehaving."""
        del connection
        return self.note(request)[2]

    async def handle(self, connection: ServerConnection) -> None:
        """Serve one listener. Without a cursor it gets the whole stream: a test has no live."""
        since = int(parse_qs(urlsplit(_request(connection).path).query).get("cursor", ["-1"])[0])
        frames = list(self.frames)
        self.connected.add(connection)
        try:
            for raw in frames:
                if _time_us(raw) >= since:
                    await connection.send(_message(raw))
            await connection.wait_closed()
        except ConnectionClosed:
            return
        finally:
            self.connected.discard(connection)


def _message(raw: bytes) -> str | bytes:
    """A text frame; a binary one for bytes that are no text."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def _time_us(raw: bytes) -> int:
    try:
        found = json.loads(raw)
        return int(found["time_us"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return 2**62


def frame(time_us: int, rkey: str, *, operation: str = "create", **record: Any) -> dict[str, Any]:
    """A commit of a post."""
    commit: dict[str, Any] = {
        "rev": "r", "operation": operation, "collection": "app.bsky.feed.post", "rkey": rkey,
    }  # fmt: skip
    if operation != "delete":
        record = {"$type": "app.bsky.feed.post", "createdAt": "2026-11-20T11:00:00Z", **record}
        commit |= {"cid": f"cid-{rkey}-{len(json.dumps(record))}", "record": record}
    return {"did": "did:plc:abc", "time_us": time_us, "kind": "commit", "commit": commit}


@dataclass
class Instance(StreamServer):
    """A Mastodon instance: its description, timelines, event streams and WebSocket. `ways` are those it offers."""

    statuses: list[dict[str, Any]] = field(default_factory=list)
    ways: set[str] = field(default_factory=lambda: {"websocket"})
    token: str = ""
    streaming: str | None = None
    subscribed: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def publish(self, status: dict[str, Any], *, event: str = "update") -> None:
        """Put a status on the timelines and tell those who listen."""
        self.statuses = [one for one in self.statuses if one.get("id") != status.get("id")] + [status]
        self.tell(event, json.dumps(status))

    def tell(self, event: str, payload: str) -> None:
        """Send an event."""
        self.say({"stream": ["hashtag", "auroraair"], "event": event, "payload": payload})

    async def process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer the REST API; let WebSockets through where they are offered."""
        del connection
        path, query, misbehaviour = self.note(request)
        if misbehaviour is not None:
            return misbehaviour
        known = request.headers.get("Authorization") == f"Bearer {self.token}"
        if path == "/api/v2/instance":
            told = {"version": "4.4.0", "configuration": {"urls": {"streaming": self.streaming or "ws://127.0.0.1"}}}
            return answer(200, json.dumps(told).encode())
        if path.startswith("/api/v1/timelines/"):
            return answer(200, json.dumps(self._timeline(query)).encode())
        if path == "/api/v1/streaming" and "websocket" in self.ways:
            return answer(401, b"{}") if self.token and not known else None
        return answer(404, b"{}")

    def _timeline(self, query: dict[str, str]) -> list[dict[str, Any]]:
        limit = int(query["limit"])
        by_age = sorted(self.statuses, key=lambda one: int(one.get("id", 0)))
        if "max_id" in query:
            by_age = [one for one in by_age if int(one.get("id", 0)) < int(query["max_id"])]
        if "min_id" not in query:
            return by_age[-limit:][::-1]
        return [one for one in by_age if int(one.get("id", 0)) > int(query["min_id"])][:limit][::-1]

    async def handle(self, connection: ServerConnection) -> None:
        """Serve one listener."""
        self.connected.add(connection)
        try:
            async for text in connection:
                self.subscribed.append(json.loads(text))
        except ConnectionClosed:
            return
        finally:
            self.connected.discard(connection)


def status(number: int, text: str = "", **other: Any) -> dict[str, Any]:
    """A status with the fields that every server sends."""
    return {
        "id": str(number),
        "uri": f"https://social.example/users/inna/statuses/{number}",
        "url": f"https://social.example/@inna/{number}",
        "created_at": "2026-11-20T11:00:00.000Z",
        "content": text or f"<p>Aurora Air flight <b>{number}</b> is late</p>",
        "account": {"id": "1", "acct": "inna", "username": "inna", "url": "https://social.example/@inna"},
        **other,
    }


def _request(connection: ServerConnection) -> Request:
    assert connection.request is not None
    return connection.request


@asynccontextmanager
async def serving(scripted: Jetstream | Instance) -> AsyncIterator[None]:
    """Serve on a free port until the block ends."""
    server: Server
    async with serve(
        scripted.handle, "127.0.0.1", 0, process_request=scripted.process_request, close_timeout=0.2
    ) as server:
        scripted.port = next(iter(server.sockets)).getsockname()[1]
        yield
        scripted.drop()
