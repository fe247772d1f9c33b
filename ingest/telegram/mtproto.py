"""What reading channels needs of Telegram's own protocol: a small interface, and one account's turn at it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from domain.errors import RetryLater, SourceError, SourceMisconfigured
from domain.ids import stable_id
from ingest.limiter import Limiter
from ingest.telegram.config import Config

MOST_MESSAGES = 100
"""Messages that Telegram gives at a time."""
ANSWER_SECONDS = 60.0
"""After so long without an answer a question is given up."""

Raw = dict[str, Any]
"""`{"message": {}, "sender": {}}` in the words of Telegram's schema (TL), or `{"channel": id, "deleted": [ids]}`."""

T = TypeVar("T")


class Place(Struct, frozen=True, omit_defaults=True):
    """A channel or group as it was found: `hash` opens it to this account only. Ids are MTProto's, without -100.

    `linked_*` is a channel's discussion group, or a discussion group's channel.
    """

    id: int
    hash: int
    title: str = ""
    username: str = ""
    broadcast: bool = False
    size: int | None = None
    linked_id: int = 0
    linked_hash: int = 0
    linked_title: str = ""
    linked_username: str = ""


class Unreachable(Exception):
    """One channel cannot be read, and the others can. `stale`: it was found by another account; find it anew."""

    def __init__(self, why: str, *, stale: bool = False) -> None:
        super().__init__(why)
        self.stale = stale


class Connection(Protocol):
    """One account's line to Telegram; a channel is told by its id and hash.

    Whatever asks raises RetryLater, SourceStopped, SourceMisconfigured or Unreachable.
    """

    async def me(self) -> str:
        """Who reads, for a person."""
        ...

    async def find(self, username: str) -> Place:
        """Resolve a public name; Telegram allows few of these a day."""
        ...

    async def describe(self, place: Place) -> Place:
        """Fill in how many are in it, and what is linked with it."""
        ...

    def messages(self, peer: tuple[int, int], *, after: int, since: datetime | None) -> AsyncIterator[Raw]:
        """Messages with higher numbers than `after`, or where that is 0 written after `since`, oldest first."""
        ...

    def comments(self, peer: tuple[int, int], post: int, *, after: int) -> AsyncIterator[Raw]:
        """Comments under a channel's post with higher numbers than `after`, oldest first."""
        ...

    def again(self, peer: tuple[int, int], numbers: Sequence[int]) -> AsyncIterator[Raw]:
        """Messages as they are now; those that are gone do not come."""
        ...

    def listen(self, channels: Collection[int]) -> None:
        """Keep what is told about these channels without being asked."""
        ...

    def heard(self) -> list[Raw]:
        """Take what was told."""
        ...

    async def close(self) -> None:
        """Hang up."""
        ...


class Account:
    """One account: connects when needed, asks one thing at a time within its rate, and obeys every flood wait."""

    def __init__(
        self, config: Config, open_connection: Callable[[], Awaitable[Connection]], *, clock: Callable[[], datetime]
    ) -> None:
        self._open = open_connection
        self._key = stable_id("telegram", config.session.get_secret_value() if config.session else "")
        self._limiter = Limiter(clock)
        self._limiter.limit(self._key, requests=config.rate, seconds=60)
        self._connection: Connection | None = None
        self._channels: frozenset[int] = frozenset()

    async def ask(self, question: Callable[[Connection], Awaitable[T]]) -> T:
        """Put a question; raises RetryLater until a flood wait is over, and what the question raises."""
        async with self._limiter.turn("Telegram", self._key):
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    return await question(await self._connected())
            except TimeoutError:
                await self.aclose()
                raise RetryLater("Telegram does not answer") from None
            except RetryLater as error:
                if error.after is None:
                    await self.aclose()
                else:
                    self._limiter.pause(self._key, error.after)
                raise
            except SourceError:
                await self.aclose()
                raise

    async def all(self, question: Callable[[Connection], AsyncIterator[Raw]]) -> list[Raw]:
        """Put a question and take all of its answer."""

        async def gather(connection: Connection) -> list[Raw]:
            return [raw async for raw in question(connection)]

        return await self.ask(gather)

    def listen(self, channels: Collection[int]) -> None:
        """Have these channels' news told as they happen, where Telegram tells them to this account."""
        self._channels = frozenset(channels)
        if self._connection is not None:
            self._connection.listen(self._channels)

    def heard(self) -> list[Raw]:
        """Take what was told."""
        return self._connection.heard() if self._connection is not None else []

    async def aclose(self) -> None:
        """Hang up; the next question connects again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = await self._open()
            self._connection.listen(self._channels)
        return self._connection


async def open_connection(config: Config) -> Connection:
    """Connect as the configured account; raises SourceMisconfigured where Telethon is not installed."""
    try:
        from ingest.telegram.with_telethon import connect
    except ModuleNotFoundError as absent:
        if absent.name is None or absent.name.partition(".")[0] != "telethon":
            raise
        raise SourceMisconfigured(
            "via = \"mtproto\" needs the Python package telethon: pip install 'tocsin[telegram]'"
        ) from None
    return await connect(config)
