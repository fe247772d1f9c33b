"""The open stream of X, read by a task of its own into a bounded queue."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress

from domain.errors import RetryLater, SourceError

WAITING_LINES = 500


class Feed:
    """`open_lines` opens the stream and calls what it is given once it is open."""

    def __init__(self, open_lines: Callable[[Callable[[], None]], AsyncGenerator[bytes]]) -> None:
        self._queue: asyncio.Queue[bytes | SourceError] = asyncio.Queue(WAITING_LINES)
        self._settled, self._is_open = asyncio.Event(), False
        self._refusal: SourceError | None = None
        self._over: SourceError | None = None
        self._task = asyncio.ensure_future(self._read(open_lines))

    async def opened(self) -> None:
        """Wait until the stream is open; raises SourceError where it does not open."""
        await self._settled.wait()
        if self._refusal is not None:
            raise self._refusal

    async def gather(self, lines: list[bytes], *, most: int, seconds: float) -> None:
        """Append lines as they come, for `seconds`. Cancelled, it loses none. Raises SourceError at the end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while len(lines) < most and self._over is None:
                    found = await self._queue.get()
                    if isinstance(found, bytes):
                        lines.append(found)
                    else:
                        self._over = found
        if self._over is not None and not lines:
            raise self._over

    async def close(self) -> None:
        """Hang up."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self, open_lines: Callable[[Callable[[], None]], AsyncGenerator[bytes]]) -> None:
        error: SourceError = RetryLater("X ended the stream")
        try:
            async with aclosing(open_lines(self._shown)) as stream:
                async for line in stream:
                    await self._queue.put(line)
        except SourceError as caught:
            error = caught
        if not self._is_open:
            self._refusal = error
        self._settled.set()
        await self._queue.put(error)

    def _shown(self) -> None:
        self._is_open = True
        self._settled.set()
