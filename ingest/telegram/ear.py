"""What both ways of hearing a bot's updates do with them."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from domain.dead_letter import DeadLetter
from domain.post import Record
from ingest.http import PoliteClient
from ingest.telegram.api import BotApi, bot_of
from ingest.telegram.config import Config
from ingest.telegram.loose import read_json, write_json
from ingest.telegram.parse import Room, Update, User, read_message, read_update, refused
from ingest.telegram.rooms import Rooms

REMEMBERED = 500
"""Posts of channels that are kept in memory, to say them again when Telegram tells how many reacted."""

_LARGEST_KEPT = 8_192
_LARGEST_NUMBER = 2**53


class Heard(Struct):
    """What came of a number of updates; `last` is the highest number among them."""

    records: list[Record] = []
    letters: list[DeadLetter] = []
    troubles: list[str] = []
    last: int | None = None


class _Kept(Struct):
    raw: bytes
    likes: int | None = None


class Ear:
    """One bot's: who it is, what it knows of its chats, and the latest posts of channels."""

    def __init__(self, config: Config, *, client: PoliteClient, clock: Callable[[], datetime]) -> None:
        self.api = BotApi(config, client=client, clock=clock)
        self.rooms = Rooms(self.api, config.chats, clock=clock)
        self._source, self._clock = config.name, clock
        self._bot: User | None = None
        self._starting = asyncio.Lock()
        self._kept: dict[str, _Kept] = {}

    async def start(self) -> list[str]:
        """Learn who the bot is, once; return sentences about configured chats that it does not see."""
        async with self._starting:
            if self._bot is None:
                self._bot = bot_of(await self.api.me())
            return await self.rooms.settle()

    async def hear(self, found: Sequence[Any]) -> Heard:
        """Read decoded updates; `start` was called. Raises SourceStopped for a refused token."""
        heard = Heard(records=[], letters=[], troubles=[])
        for one in found:
            number = _number_of(one)
            if number is not None:
                heard.last = max(number, heard.last or 0)
            update = read_update(one, source=self._source, at=self._clock())
            if isinstance(update, DeadLetter):
                heard.letters.append(update)
                continue
            if update.trouble:
                heard.troubles.append(update.trouble)
            read = await self._read(update, write_json(one))
            if isinstance(read, Record):
                heard.records.append(read)
            elif read is not None:
                heard.letters.append(read)
        return heard

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """Read a refused update again, as far as it can be without asking Telegram."""
        try:
            found = read_json(letter.raw)
        except ValueError as error:
            return refused(letter.reason, f"{error}", letter.where, letter.raw, source=self._source, at=self._clock())
        update = read_update(found, source=self._source, at=self._clock())
        if isinstance(update, DeadLetter):
            return update
        message = update.said
        room = self.rooms.known(message.chat.id) if message else self.rooms.known(0)
        read = read_message(
            update, letter.raw, room=room, bot=self._bot or User(0), source=self._source, at=self._clock()
        )
        return read or refused(
            "no_text", "the update has no words", letter.where, letter.raw, source=self._source, at=self._clock()
        )

    async def _read(self, update: Update, raw: bytes) -> Record | DeadLetter | None:
        if update.message_reaction_count is not None:
            return await self._counted(update)
        message = update.said
        if message is None:
            return None
        if message.migrate_to_chat_id is not None:
            self.rooms.moved(message.chat.id, message.migrate_to_chat_id)
        await self.rooms.of(message.chat)
        if not self.rooms.wanted(message):
            return None
        known = self._kept.pop(message.place, None)
        kept = _Kept(raw, known.likes if known else None)
        if message.chat.type == "channel" and len(raw) <= _LARGEST_KEPT:
            self._kept[message.place] = kept
            for oldest in list(self._kept)[:-REMEMBERED]:
                del self._kept[oldest]
        return await self._post(update, kept)

    async def _counted(self, update: Update) -> Record | DeadLetter | None:
        """Say a post again with how many reacted; one that is not remembered is passed over."""
        counted = update.message_reaction_count
        kept = self._kept.get(f"{counted.chat.id}_{counted.message_id}") if counted else None
        if counted is None or kept is None:
            return None
        kept.likes = sum(one.total_count for one in counted.reactions)
        again = read_update(read_json(kept.raw), source=self._source, at=self._clock())
        return await self._post(again, kept) if isinstance(again, Update) else again

    async def _post(self, update: Update, kept: _Kept) -> Record | DeadLetter | None:
        message = update.said
        return read_message(
            update,
            kept.raw,
            room=await self.rooms.of(message.chat) if message else Room(),
            bot=self._bot or User(0),
            source=self._source,
            at=self._clock(),
            likes=kept.likes,
        )


def _number_of(found: Any) -> int | None:
    number = found.get("update_id") if isinstance(found, dict) else None
    return number if type(number) is int and 0 <= number < _LARGEST_NUMBER else None
