"""A real HTTP server on this machine that says what a test tells it to say, and writes down what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from urllib.parse import parse_qs, urlsplit
from weakref import WeakSet


@dataclass(frozen=True)
class Asked:
    """One request. Header names are lower case; of a repeated query key the last one counts."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Told:
    """One answer. `chunks` are sent after `body` one by one, forever if the iterator is endless; then it hangs up."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    chunks: Callable[[], AsyncIterator[bytes]] | None = None


Answerer = Callable[[Asked], Told]


class ScriptedServer:
    """Answers by path; `override`, when set, answers everything instead."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self.answers: dict[str, Told | Answerer] = {}
        self.override: Told | Answerer | None = None
        self.open: WeakSet[asyncio.StreamWriter] = WeakSet()
        self._random = Random(7)

    def at(self, path: str) -> str:
        """The URL of a path here."""
        return self.url + path

    def misbehave(self, told: Told | None, *, share: float = 1.0) -> None:
        """Answer so in place of what was asked for, or only a share of the requests; None: no more."""
        if told is None or share >= 1:
            self.override = told
            return
        stumble: Told = told
        self.override = lambda asked: stumble if self._random.random() < share else self._told(asked)

    def _answer(self, asked: Asked) -> Told:
        self.asked.append(asked)
        if self.override is None:
            return self._told(asked)
        return self.override if isinstance(self.override, Told) else self.override(asked)

    def _told(self, asked: Asked) -> Told:
        answer = self.answers.get(asked.path, Told(404, b"nothing here"))
        return answer if isinstance(answer, Told) else answer(asked)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(writer)
        try:
            asked = await _read(reader)
            told = self._answer(asked)
            headers = {"connection": "close", **told.headers}
            if told.chunks is None:
                headers.setdefault("content-length", str(len(told.body)))
            head = "".join(f"{name}: {text}\r\n" for name, text in headers.items())
            writer.write(f"HTTP/1.1 {told.status} Told\r\n{head}\r\n".encode() + told.body)
            await writer.drain()
            if told.chunks is not None:
                async for chunk in told.chunks():
                    writer.write(chunk)
                    await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def scripted_server() -> AsyncIterator[ScriptedServer]:
    """Serve on a free port until the block ends."""
    scripted = ScriptedServer()
    serving: set[asyncio.Task[None]] = set()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(scripted._serve(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)
        task.add_done_callback(lambda _: writer.close())  # one that was cancelled before it began never got to it

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    scripted.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield scripted
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await server.wait_closed()
        for writer in scripted.open:  # a caller that hung up in the middle leaves one that still has bytes to send
            writer.transport.abort()
        await asyncio.sleep(0)


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): text.strip() for name, _, text in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    query = {name: texts[-1] for name, texts in parse_qs(parts.query, keep_blank_values=True).items()}
    return Asked(method, parts.path, query, headers, body)
