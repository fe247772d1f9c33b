"""The `telegram` source that asks for what a bot heard (getUpdates)."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from msgspec import Struct

from domain.dead_letter import DeadLetter
from domain.errors import RetryLater, SourceStopped
from domain.post import Record
from ingest.bounded import AnswerTooLarge
from ingest.cursors import read_cursor, write_cursor
from ingest.http import PoliteClient
from ingest.source import Page
from ingest.telegram.api import HOOKED, MOST_UPDATES, bot_of
from ingest.telegram.config import Config
from ingest.telegram.ear import Ear

IDLE_WAIT = 1.0
"""Seconds after which a fetch without news returns; the question to Telegram stays open."""
STORE_WAIT = 1.0
"""Seconds after which a fetch returns whose cursor is not stored yet."""
NUMBERS_LAST = 6 * 86_400
"""Seconds without an update after which Telegram may begin at another number: then it is asked without one."""


class _Cursor(Struct, frozen=True, omit_defaults=True):
    """Updates up to number `last` were given, the latest of them at `at` (unix seconds); `page` counts upwards."""

    page: int = 0
    last: int | None = None
    at: int = 0


class BotSource:
    """Asking for updates after a number makes Telegram forget those before: it is done when they are durable."""

    finite = False

    def __init__(
        self,
        config: Config,
        *,
        client: PoliteClient,
        clock: Callable[[], datetime],
        idle_wait: float = IDLE_WAIT,
        store_wait: float = STORE_WAIT,
    ) -> None:
        self.name = config.name
        self._config, self._clock = config, clock
        self._idle_wait, self._store_wait = idle_wait, store_wait
        self._ear = Ear(config, client=client, clock=clock)
        self._durable: int | None = None
        self._news = asyncio.Event()
        self._asking: asyncio.Task[list[Any]] | None = None
        self._asked: _Cursor | None = None
        self._limit = MOST_UPDATES

    def __repr__(self) -> str:
        return f"BotSource(name={self.name!r})"

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring the updates after the cursor; an empty page after a second without any or without the store."""
        at = read_cursor(cursor, _Cursor, source=self.name)
        if self._durable is None:
            self._durable = at.page
        if at.page > self._durable:
            await self._stored(at.page)
        if at.page > self._durable:
            return Page(records=[], cursor=write_cursor(at))
        troubles = await self._ear.start()
        found = await self._updates(at)
        heard = await self._ear.hear(found)
        if found and heard.last is None:
            raise RetryLater("Telegram's updates have no numbers: this is not the Bot API's format")
        after = at
        if found:
            self._hang_up()
            after = _Cursor(at.page + 1, heard.last, int(self._clock().timestamp()))
        return Page(
            records=heard.records,
            dead_letters=heard.letters,
            cursor=write_cursor(after),
            troubles=troubles + heard.troubles,
        )

    async def committed(self, cursor: bytes) -> None:
        """Note what Telegram may forget."""
        at = read_cursor(cursor, _Cursor, source=self.name)
        self._durable = max(self._durable or 0, at.page)
        self._news.set()

    async def check(self) -> str:
        """Ask who the bot is, what it may hear, and whether its updates go elsewhere."""
        me = await self._ear.api.me()
        hook = await self._ear.api.webhook()
        if hook.get("url"):
            raise SourceStopped(HOOKED)
        unseen = await self._ear.rooms.settle()
        return described(me, unseen)

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """Read a refused update again."""
        return self._ear.reread(letter)

    async def aclose(self) -> None:
        """Hang up."""
        asking = self._asking
        self._hang_up()
        if asking is not None:
            await asyncio.gather(asking, return_exceptions=True)

    async def _stored(self, page: int) -> None:
        """Wait a little for the store; asking again before would only bring the same."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._store_wait):
                while page > (self._durable or 0):
                    self._news.clear()
                    await self._news.wait()

    async def _updates(self, at: _Cursor) -> list[Any]:
        """Wait a little for the open question's answer; nothing yet is an empty list."""
        if self._asking is None or self._asked != at:
            self._hang_up()
            self._asked = at
            self._asking = asyncio.ensure_future(self._ask(at))
        asking = self._asking
        done, _ = await asyncio.wait([asking], timeout=self._idle_wait)
        if not done:
            return []
        if asking.exception() is not None or not asking.result():
            self._hang_up()
        return asking.result()

    async def _ask(self, at: _Cursor) -> list[Any]:
        stale = int(self._clock().timestamp()) - at.at > NUMBERS_LAST
        offset = None if at.last is None or stale else at.last + 1
        while True:
            try:
                found = await self._ear.api.updates(offset=offset, limit=self._limit, seconds=self._config.long_poll)
            except AnswerTooLarge:
                if self._limit == 1:
                    raise
                self._limit = max(self._limit // 2, 1)
            else:
                self._limit = min(self._limit * 2, MOST_UPDATES)
                return found

    def _hang_up(self) -> None:
        """Let go of the open question, or of an answer that was used."""
        asking, self._asking, self._asked = self._asking, None, None
        if asking is not None:
            asking.cancel()


def described(me: dict[str, Any], unseen: list[str]) -> str:
    """Say who the bot is and what it may hear."""
    bot = bot_of(me)
    reads = (
        "hears everything in its groups"
        if me.get("can_read_all_group_messages") is True
        else "privacy mode is on: in groups where it is no administrator it hears only replies and commands "
        "(@BotFather, /setprivacy)"
    )
    return "; ".join([f"bot @{bot.username or bot.id} answers; {reads}", *unseen])
