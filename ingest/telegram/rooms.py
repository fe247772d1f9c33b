"""What a bot knows of the chats it hears: how many are in them, whose discussion group they are, where they moved."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from domain.errors import RetryLater
from ingest.telegram.api import BotApi, Refusal
from ingest.telegram.parse import Chat, Message, Room
from ingest.telegram.words import account

MOST = 1_000
"""Chats that are remembered."""
KEPT = timedelta(days=1)
"""After so long a chat is asked about again."""

_LARGE = frozenset({"channel", "supergroup"})


class _Known(Struct):
    room: Room
    at: datetime


class _Told(Struct):
    """A chat as getChat tells it, as far as it is needed."""

    id: int
    linked_chat_id: int | None = None
    username: str = ""


class Rooms:
    """Asked about once a day each; what cannot be found out now is left open, for the posts do not wait for it."""

    def __init__(self, api: BotApi, chats: Sequence[int | str], *, clock: Callable[[], datetime]) -> None:
        self._api, self._clock = api, clock
        self._wanted = set(chats)
        self._known: dict[int, _Known] = {}
        self._unsettled = sorted(self._wanted, key=str, reverse=True)
        self._unseen: list[str] = []

    async def settle(self) -> list[str]:
        """Find where configured groups moved to; return a sentence for each chat that the bot does not see."""
        while self._unsettled:
            chat = self._unsettled[-1]
            try:
                await self._api.chat(chat)
            except Refusal as refusal:
                if refusal.moved_to is None:
                    self._unseen.append(f"the bot does not see {_name(chat)} ({refusal}): add it there")
                else:
                    self.moved(chat, refusal.moved_to)
            self._unsettled.pop()
        unseen, self._unseen = self._unseen, []
        return unseen

    def moved(self, old: int | str, new: int) -> None:
        """A group became a supergroup: what was wanted of the old is wanted of the new."""
        if old in self._wanted:
            self._wanted.add(new)

    def wanted(self, message: Message) -> bool:
        """Whether the message was written where it is listened."""
        chat = message.chat
        if not self._wanted or chat.type == "private":
            return True
        room = self.known(chat.id)
        names = {chat.id, chat.username.lower(), room.channel, room.account.removeprefix("telegram:")}
        return bool(self._wanted & (names - {0, ""}))

    def known(self, chat: int) -> Room:
        """What is known of a chat without asking."""
        found = self._known.get(chat)
        return found.room if found else Room()

    async def of(self, chat: Chat) -> Room:
        """What is known of a chat, asked for if need be; raises SourceStopped for a refused token only."""
        if chat.type not in _LARGE:
            return Room()
        known = self._known.pop(chat.id, None)
        if known is None or self._clock() - known.at > KEPT:
            try:
                known = _Known(await self._asked(chat), self._clock())
            except RetryLater:
                return known.room if known else Room()
        self._known[chat.id] = known
        for oldest in list(self._known)[:-MOST]:
            del self._known[oldest]
        return known.room

    async def _asked(self, chat: Chat) -> Room:
        if chat.type == "channel":
            return Room(size=await self._size(chat.id))
        told = await self._told(chat.id)
        if told is None or told.linked_chat_id is None:
            return Room()
        channel = await self._told(told.linked_chat_id)
        handle = channel.username if channel else ""
        return Room(channel=told.linked_chat_id, account=account(handle, told.linked_chat_id))

    async def _size(self, chat: int) -> int | None:
        try:
            return await self._api.members(chat)
        except Refusal:
            return None

    async def _told(self, chat: int) -> _Told | None:
        try:
            return msgspec.convert(await self._api.chat(chat), _Told)
        except Refusal:
            return None
        except msgspec.ValidationError:
            raise RetryLater("Telegram describes a chat in a way that is not its own format") from None


def _name(chat: int | str) -> str:
    return f"chat {chat}" if isinstance(chat, int) else f"@{chat}"
