"""Telegram as its own protocol shows it: Telethon's real client, its questions answered here with TL objects."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from telethon import TelegramClient, errors, functions, types  # type: ignore[import-untyped]
from telethon.sessions import StringSession  # type: ignore[import-untyped]

from domain.dead_letter import DeadLetter
from domain.post import Post
from ingest.telegram.channels import ChannelsSource
from ingest.telegram.config import Config
from ingest.telegram.mtproto import Connection
from ingest.telegram.with_telethon import TelethonConnection
from tests.kit.ingest import NOON, SECRET, Clock, Failure

CITY, CHAT, FLYERS = 1_234_567_890, 1_700_000_001, 1_600_000_002
HOUR_AGO = NOON - timedelta(hours=1)
CITY_POST, COMMENT = "-1001234567890_{}", "-1001700000001_{}"
"""Native ids of the channel's posts and of what is in its discussion group."""
SETTINGS: dict[str, Any] = {
    "kind": "telegram", "name": "tg", "via": "mtproto", "api_id": 1, "api_hash": SECRET, "session": SECRET,
    "channels": ["@CityTalk", "https://t.me/flyers"],
}  # fmt: skip
READER = types.User(
    id=99, is_self=True, access_hash=5, first_name="R.", username="tocsin_reader", phone="77001234567"
)
INNA = types.User(id=41, first_name="Inna", last_name="B.", username="inna_b", phone="77007654321")


def channel(number: int, title: str, username: str | None, *, broadcast: bool) -> Any:
    """A channel or a supergroup."""
    return types.Channel(
        id=number, title=title, photo=types.ChatPhotoEmpty(), date=NOON, username=username, broadcast=broadcast,
        megagroup=not broadcast, access_hash=number * 7,
    )  # fmt: skip


def message(where: int, number: int, text: str, at: datetime | None = None, **other: Any) -> Any:
    """A message: by Inna, unless it says `from_id`; `post=True` is a channel's own."""
    by = {} if other.get("post") else {"from_id": types.PeerUser(INNA.id)}
    told = {"date": at or NOON - timedelta(hours=1)} | by | other
    return types.Message(id=number, peer_id=types.PeerChannel(where), message=text, **told)


def mirror(post: Any, number: int, group: int) -> Any:
    """A channel's post as Telegram puts it into the channel's discussion group by itself."""
    origin = post.peer_id.channel_id
    forward = types.MessageFwdHeader(
        date=post.date, from_id=types.PeerChannel(origin), channel_post=post.id,
        saved_from_peer=types.PeerChannel(origin), saved_from_msg_id=post.id,
    )  # fmt: skip
    return message(group, number, post.message, post.date, from_id=types.PeerChannel(origin), fwd_from=forward)


def answer(to: int, top: int | None = None, **other: Any) -> Any:
    """The header of a message that answers another, in the thread that `top` begins."""
    return types.MessageReplyHeader(reply_to_msg_id=to, reply_to_top_id=top, **other)


@dataclass
class Telegram:
    """The server's side: channels, what was written in them, and how it misbehaves."""

    channels: dict[int, Any] = field(default_factory=dict)
    written: dict[int, dict[int, Any]] = field(default_factory=dict)
    members: dict[int, int] = field(default_factory=dict)
    linked: dict[int, int] = field(default_factory=dict)
    mirrors: dict[tuple[int, int], int] = field(default_factory=dict)
    private: set[int] = field(default_factory=set)
    failure: Failure | None = None
    error: type[Exception] | None = None
    asked: list[Any] = field(default_factory=list)
    clients: list["ScriptedClient"] = field(default_factory=list)
    chance: Random = field(default_factory=lambda: Random(7))

    def add(self, found: Any, *, members: int = 0, linked: int = 0) -> None:
        """A channel or group comes into being."""
        self.channels[found.id] = found
        self.written[found.id] = {}
        self.members[found.id] = members
        if linked:
            self.linked[found.id] = linked
            self.linked[linked] = found.id

    def write(self, *messages: Any) -> None:
        """Somebody writes."""
        for one in messages:
            self.written[one.peer_id.channel_id][one.id] = one

    def comment(self, post: Any, number: int, text: str, at: datetime, **other: Any) -> Any:
        """Somebody comments on a channel's post; the post's mirror is there already."""
        group = self.linked[post.peer_id.channel_id]
        root = self.mirrors[post.peer_id.channel_id, post.id]
        said = message(group, number, text, at, **{"reply_to": answer(root)} | other)
        self.write(said)
        count = (post.replies.replies if post.replies else 0) + 1
        post.replies = types.MessageReplies(replies=count, replies_pts=1, comments=True, channel_id=group)
        return said

    def mirrored(self, post: Any, number: int) -> Any:
        """Telegram puts a post into the discussion group."""
        where = post.peer_id.channel_id
        copy = mirror(post, number, self.linked[where])
        self.mirrors[where, post.id] = number
        self.write(copy)
        return copy

    def requests(self, kind: Any) -> list[Any]:
        """What was asked of one kind."""
        return [one for one in self.asked if isinstance(one, kind)]

    async def connect(self) -> Connection:
        """A new client, connected, as our source sees it."""
        client = ScriptedClient(self)
        self.clients.append(client)
        return TelethonConnection(client)

    async def tell(self, update: Any) -> None:
        """Tell everybody who listens what happened, as Telethon hands it on."""
        update._entities = {INNA.id: INNA}
        for client in self.clients:
            await client._dispatch_update(update)

    def reply(self, request: Any) -> Any:
        """Answer a question, or misbehave."""
        self.asked.append(request)
        self._stumble(request)
        if isinstance(request, functions.users.GetUsersRequest):
            return [READER]
        if isinstance(request, functions.contacts.ResolveUsernameRequest):
            return self._resolve(request)
        if isinstance(request, functions.channels.GetFullChannelRequest):
            return self._describe(request)
        if isinstance(request, functions.channels.GetMessagesRequest):
            known = self._written(request, request.channel)
            found = [known.get(number) or types.MessageEmpty(id=number, peer_id=None) for number in request.id]
            return _messages(found, self)
        assert isinstance(request, functions.messages.GetHistoryRequest | functions.messages.GetRepliesRequest), (
            request
        )
        known = self._written(request, request.peer)
        if isinstance(request, functions.messages.GetRepliesRequest):
            known = self._thread(request)
        return _messages(_part(sorted(known.values(), key=lambda one: -one.id), request), self)

    def _stumble(self, request: Any) -> None:
        if self.error is not None:
            raise self.error(request)
        if self.failure == "busy":
            raise errors.FloodWaitError(request, capture=7)
        if self.failure == "down" or (self.failure == "flaky" and self.chance.random() < 0.3):
            raise errors.RpcCallFailError(request)
        if self.failure == "garbage":
            raise errors.TypeNotFoundError(0x12345678, b"\x00\xff")
        if self.failure == "huge":
            raise errors.InvalidBufferError(b"\x00" * 11)
        if self.failure == "revoked":
            raise errors.SessionRevokedError(request)

    def _resolve(self, request: Any) -> Any:
        wanted = request.username.lower()
        if wanted == INNA.username:
            return types.contacts.ResolvedPeer(peer=types.PeerUser(INNA.id), chats=[], users=[INNA])
        for found in self.channels.values():
            if (found.username or "").lower() == wanted:
                return types.contacts.ResolvedPeer(peer=types.PeerChannel(found.id), chats=[found], users=[])
        raise errors.UsernameNotOccupiedError(request)

    def _describe(self, request: Any) -> Any:
        found = self._open(request, request.channel)
        link = self.linked.get(found.id)
        full = types.ChannelFull(
            id=found.id, about="", read_inbox_max_id=0, read_outbox_max_id=0, unread_count=0,
            chat_photo=types.PhotoEmpty(0), notify_settings=types.PeerNotifySettings(), bot_info=[], pts=1,
            participants_count=self.members[found.id], linked_chat_id=link,
        )  # fmt: skip
        return types.messages.ChatFull(full, chats=[found, *([self.channels[link]] if link else [])], users=[])

    def _open(self, request: Any, peer: Any) -> Any:
        found = self.channels.get(peer.channel_id)
        if found is None or found.access_hash != peer.access_hash:
            raise errors.ChannelInvalidError(request)
        if found.id in self.private:
            raise errors.ChannelPrivateError(request)
        return found

    def _written(self, request: Any, peer: Any) -> dict[int, Any]:
        return self.written[self._open(request, peer).id]

    def _thread(self, request: Any) -> dict[int, Any]:
        where = request.peer.channel_id
        root = self.mirrors.get((where, request.msg_id))
        if root is None or request.msg_id not in self.written[where]:
            raise errors.MsgIdInvalidError(request)
        return {
            number: one
            for number, one in self.written[self.linked[where]].items()
            if one.reply_to and root in {one.reply_to.reply_to_msg_id, one.reply_to.reply_to_top_id}
        }


class ScriptedClient(TelegramClient):  # type: ignore[misc]
    """Telethon's client without its network."""

    def __init__(self, telegram: Telegram) -> None:
        super().__init__(StringSession(), 1, "hash", flood_sleep_threshold=0)
        self._telegram = telegram

    async def __call__(self, request: Any, ordered: bool = False, flood_sleep_threshold: int | None = None) -> Any:  # noqa: FBT001, FBT002  # Telethon's own shape
        """Answer without asking anybody."""
        del ordered, flood_sleep_threshold
        return self._telegram.reply(request)

    async def disconnect(self) -> None:
        """There is no connection."""
        if self in self._telegram.clients:
            self._telegram.clients.remove(self)


def _part(newest_first: list[Any], request: Any) -> list[Any]:
    """The stretch of a history that a question wants: from an offset, moved by `add_offset`, at most `limit`."""
    start = 0
    if request.offset_id:
        start = sum(one.id >= request.offset_id for one in newest_first)
    elif request.offset_date:
        start = sum(one.date is None or one.date >= request.offset_date for one in newest_first)
    start += request.add_offset
    return newest_first[max(start, 0) : max(start + request.limit, 0)]


def _messages(found: Sequence[Any], telegram: Telegram) -> Any:
    return types.messages.ChannelMessages(
        pts=1, count=1_000_000, messages=list(found), topics=[], chats=list(telegram.channels.values()), users=[INNA]
    )


class Desk:
    """Telegram, a source that reads it, and where that is."""

    def __init__(self, **settings: Any) -> None:
        self.clock, self.telegram = Clock(), Telegram()
        self.telegram.add(channel(CHAT, "City talk, the chat", None, broadcast=False))
        self.telegram.add(channel(CITY, "City talk", "CityTalk", broadcast=True), members=5_200, linked=CHAT)
        self.telegram.add(channel(FLYERS, "Flyers", "flyers", broadcast=False), members=310)
        self.settings = {**SETTINGS, "per_minute": 60_000, **settings}
        self.source = self.made()
        self.cursor: bytes | None = None
        self.troubles: list[str] = []
        self.letters: list[DeadLetter] = []

    def made(self) -> ChannelsSource:
        config = Config.model_validate(self.settings)
        return ChannelsSource(config, open_connection=self.telegram.connect, clock=self.clock)

    def post(self, number: int, text: str = "Aurora Air is late", at: datetime = HOUR_AGO, **other: Any) -> Any:
        """The channel writes, and Telegram puts it into the discussion group."""
        found = message(CITY, number, text, at, post=True, **other)
        self.telegram.write(found)
        self.telegram.mirrored(found, number)
        return found

    async def read(self, *, after: float = 0) -> list[Post]:
        """What comes until nothing is due; the clock goes on by `after` seconds before."""
        self.clock.advance(after)
        found: list[Post] = []
        for _ in range(100):
            page = await self.source.fetch(self.cursor)
            self.cursor = page.cursor
            self.troubles += page.troubles
            self.letters += page.dead_letters
            found += [record.post for record in page.records]
            if not (page.records or page.dead_letters or page.troubles or page.wait == 0):
                break
        return found
