"""Who may be asked when: one request at a time per host, a rate per credential, and pauses providers asked for."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from aiolimiter import AsyncLimiter

from domain.errors import RetryLater

_DEFAULT_REQUESTS, _DEFAULT_SECONDS = 60.0, 60.0


class Limiter:
    """Shared by all sources of a process, so that two sources with one credential count together."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._hosts: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._rates: dict[str, AsyncLimiter] = {}
        self._paused: dict[str, datetime] = {}

    def limit(self, key: str, *, requests: float, seconds: float) -> None:
        """Allow `requests` in any `seconds` for a credential; the first word on a key wins."""
        self._rates.setdefault(key, AsyncLimiter(requests, seconds))

    def pause(self, key: str, seconds: float) -> None:
        """Ask nothing under `key` for so long."""
        self._paused[key] = self._clock() + timedelta(seconds=seconds)

    @asynccontextmanager
    async def turn(self, host: str, key: str, *, apart: bool = False) -> AsyncIterator[None]:
        """Wait for this request's turn; raises RetryLater while the key is paused.

        `apart` lets others ask the host meanwhile: a long poll says nothing for half a minute.
        """
        self._refuse_while_paused(host, key)
        if key not in self._rates:
            self.limit(key, requests=_DEFAULT_REQUESTS, seconds=_DEFAULT_SECONDS)
        await self._rates[key].acquire()
        async with self._hosts[f"{host} {key}" if apart else host]:
            self._refuse_while_paused(host, key)
            yield

    def _refuse_while_paused(self, host: str, key: str) -> None:
        until = self._paused.get(key)
        if until is None:
            return
        left = (until - self._clock()).total_seconds()
        if left > 0:
            raise RetryLater(f"{host} asked us to wait; {left:.0f} s are left", after=left)
        del self._paused[key]
