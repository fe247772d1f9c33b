"""Serves the HTTP application inside the event loop that the runtime already has."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator

import uvicorn

from console.gate import Asgi
from domain.errors import TocsinError

MOST_CONNECTIONS = 256
LAST_WORD = 5
"""Seconds that open requests get when the server is told to stop."""


class CannotListen(TocsinError):
    """The address is taken, not ours, or forbidden."""


class _Server(uvicorn.Server):
    """Signals belong to the process, not to its HTTP side."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    app: Asgi, *, host: str, port: int, stop: asyncio.Event, started: Callable[[str], None] = lambda _: None
) -> None:
    """Serve until `stop` is set. `started` gets the address, with the port the system chose when `port` is 0.

    Raises CannotListen with the remedy when the address cannot be had.
    """
    listening = await _listen(host, port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=LAST_WORD,
    )
    server = _Server(config)
    started(_address(listening))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        server.should_exit = True
        stopping.cancel()
        await serving


async def _listen(host: str, port: int) -> socket.socket:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        opened = socket.socket(family, kind, protocol)
    except OSError as failure:
        raise CannotListen(f"cannot listen on {host}: {failure.strerror}: correct [console] host") from None
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen()
    except OSError as failure:
        opened.close()
        raise CannotListen(
            f"cannot listen on {host} port {port}: {failure.strerror}: "
            "stop the other program, or choose another [console] port"
        ) from None
    opened.setblocking(False)  # noqa: FBT003  # the standard library's signature
    return opened


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
