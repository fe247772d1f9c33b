"""The one module that imports Telethon: its client as a `Connection`, its errors as orders, its objects as dicts."""

import logging
from base64 import b64encode
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from msgspec.structs import replace
from telethon import TelegramClient, errors, events, functions, types  # type: ignore[import-untyped]
from telethon.sessions import StringSession  # type: ignore[import-untyped]

from domain.errors import RetryLater, SourceMisconfigured, SourceStopped
from ingest.telegram.config import Config
from ingest.telegram.mtproto import MOST_MESSAGES, Place, Raw, Unreachable
from ingest.telegram.words import CHANNEL

WAITING = 2_000
"""What was told and not yet taken; of more the oldest is let go: looking finds it again."""

_CONNECT_SECONDS = 10
_STOPPED = (errors.UnauthorizedError, errors.AuthKeyError, errors.AuthKeyNotFound)
_MISCONFIGURED = (errors.ApiIdInvalidError, errors.ApiIdPublishedFloodError)
_NOBODY = (errors.UsernameNotOccupiedError, errors.UsernameInvalidError)
_CLOSED = (errors.ChannelPrivateError, errors.ForbiddenError, errors.ChatAdminRequiredError)
_STALE = (errors.ChannelInvalidError, errors.PeerIdInvalidError)
_FOR_NOW = (OSError, EOFError, errors.TypeNotFoundError, errors.InvalidBufferError, errors.SecurityError)
_OF_SENDERS = ("_", "id", "username", "first_name", "last_name", "title", "bot", "verified")


async def connect(config: Config) -> "TelethonConnection":
    """Connect with the account's session string; raises SourceStopped where it is not signed in any more."""
    session = config.session.get_secret_value() if config.session else ""
    try:
        stored = StringSession(session)
    except (ValueError, TypeError):
        stored = None
    if stored is None:
        raise SourceMisconfigured("`session` is not a session string of Telethon: make one as the how-to page says")
    client = TelegramClient(
        stored,
        config.api_id,
        config.api_hash.get_secret_value() if config.api_hash else "",
        timeout=_CONNECT_SECONDS,
        request_retries=1,
        connection_retries=1,
        flood_sleep_threshold=0,
        device_model="Tocsin",
        base_logger=_quiet(),
    )
    with orders():
        try:
            await client.connect()
        except BaseException:
            await client.disconnect()
            raise
    return TelethonConnection(client)


class TelethonConnection:
    """See `ingest.telegram.mtproto.Connection`."""

    def __init__(self, client: TelegramClient) -> None:
        self._client = client
        self._channels: frozenset[int] = frozenset()
        self._told: deque[Raw] = deque(maxlen=WAITING)
        client.add_event_handler(self._on_message, events.NewMessage())
        client.add_event_handler(self._on_message, events.MessageEdited())
        client.add_event_handler(self._on_deleted, events.MessageDeleted())

    async def me(self) -> str:
        """See the protocol."""
        with orders():
            (found,) = await self._client(functions.users.GetUsersRequest([types.InputUserSelf()]))
        return f"@{found.username}" if found.username else f"account {found.id}"

    async def find(self, username: str) -> Place:
        """See the protocol."""
        with orders():
            found = await self._client(functions.contacts.ResolveUsernameRequest(username))
        if not isinstance(found.peer, types.PeerChannel):
            raise Unreachable("it is a person or a bot, not a channel or a group")
        channel = next((one for one in found.chats if one.id == found.peer.channel_id), None)
        if not isinstance(channel, types.Channel) or channel.access_hash is None:
            raise Unreachable("it is closed to this account")
        return Place(
            channel.id,
            channel.access_hash,
            title=channel.title,
            username=_username(channel) or username,
            broadcast=bool(channel.broadcast),
        )

    async def describe(self, place: Place) -> Place:
        """See the protocol."""
        with orders():
            found = await self._client(
                functions.channels.GetFullChannelRequest(types.InputChannel(place.id, place.hash))
            )
        full = found.full_chat
        own = next((one for one in found.chats if one.id == place.id and isinstance(one, types.Channel)), None)
        linked = next(
            (one for one in found.chats if one.id == full.linked_chat_id and isinstance(one, types.Channel)), None
        )
        return replace(
            place,
            title=own.title if own else place.title,
            username=_username(own) if own else place.username,
            size=full.participants_count,
            linked_id=linked.id if linked else 0,
            linked_hash=(linked.access_hash or 0) if linked else 0,
            linked_title=linked.title if linked else "",
            linked_username=_username(linked) if linked else "",
        )

    def messages(self, peer: tuple[int, int], *, after: int, since: datetime | None) -> AsyncIterator[Raw]:
        """See the protocol."""
        where = types.InputPeerChannel(*peer)
        return self._all(
            where, min_id=after, offset_date=None if after else since, reverse=True, limit=MOST_MESSAGES, wait_time=0
        )

    def comments(self, peer: tuple[int, int], post: int, *, after: int) -> AsyncIterator[Raw]:
        """See the protocol."""
        where = types.InputPeerChannel(*peer)
        return self._all(where, reply_to=post, min_id=after, reverse=True, limit=MOST_MESSAGES, wait_time=0)

    def again(self, peer: tuple[int, int], numbers: Sequence[int]) -> AsyncIterator[Raw]:
        """See the protocol."""
        return self._all(types.InputPeerChannel(*peer), ids=list(numbers), wait_time=0)

    def listen(self, channels: Collection[int]) -> None:
        """See the protocol."""
        self._channels = frozenset(channels)

    def heard(self) -> list[Raw]:
        """See the protocol."""
        told = list(self._told)
        self._told.clear()
        return told

    async def close(self) -> None:
        """See the protocol."""
        await self._client.disconnect()

    async def _all(self, where: Any, **wanted: Any) -> AsyncIterator[Raw]:
        with orders():
            async for message in self._client.iter_messages(where, **wanted):
                if message is not None:
                    yield raw_of(message)

    async def _on_message(self, event: Any) -> None:
        peer = event.message.peer_id
        if isinstance(peer, types.PeerChannel) and peer.channel_id in self._channels:
            self._told.append(raw_of(event.message))

    async def _on_deleted(self, event: Any) -> None:
        channel = CHANNEL - event.chat_id if event.chat_id is not None else 0
        if channel in self._channels:
            self._told.append({"channel": channel, "deleted": list(event.deleted_ids)})


def raw_of(message: Any) -> Raw:
    """Turn a message of Telethon into a dict that JSON can hold, with its author as far as that is needed."""
    sender = getattr(message, "sender", None)
    told = _plain(sender.to_dict()) if sender is not None else {}
    found = {key: told[key] for key in _OF_SENDERS if key in told}
    name = _username(sender) if sender is not None else ""
    if name:
        found["username"] = name
    return {"message": _plain(message.to_dict()), "sender": found or None}


@contextmanager
def orders() -> Iterator[None]:
    """Turn Telethon's errors into orders to the runtime."""
    try:
        yield
    except errors.FloodError as error:
        seconds = getattr(error, "seconds", None)
        after = float(seconds) if seconds else None
        raise RetryLater(f"Telegram asks us to wait {seconds or 'a while'} s (flood wait)", after=after) from None
    except _STOPPED as error:
        raise SourceStopped(
            f"Telegram does not take the session any more ({type(error).__name__}): sign in again and put the new "
            "session string into `session`"
        ) from None
    except _MISCONFIGURED:
        raise SourceMisconfigured(
            "Telegram does not know `api_id` and `api_hash`: see my.telegram.org, API development tools"
        ) from None
    except _NOBODY:
        raise Unreachable("nobody has this name") from None
    except _CLOSED:
        raise Unreachable("it is private, or closed to this account") from None
    except _STALE as error:
        raise Unreachable(f"Telegram does not know it ({type(error).__name__})", stale=True) from None
    except errors.BadRequestError as error:
        raise Unreachable(f"Telegram refuses ({type(error).__name__})") from None
    except (errors.RPCError, *_FOR_NOW) as error:
        raise RetryLater(f"Telegram fails for now ({type(error).__name__})") from None


def _username(found: Any) -> str:
    """The public name; of several the first that is in use."""
    names = [one.username for one in getattr(found, "usernames", None) or [] if one.active]
    name = getattr(found, "username", None) or next(iter(names), "")
    return name if isinstance(name, str) else ""


def _plain(found: Any) -> Any:
    """Make it fit for JSON; what is not set is left out."""
    if isinstance(found, dict):
        return {key: _plain(value) for key, value in found.items() if value is not None and value is not False}
    if isinstance(found, list | tuple):
        return [_plain(one) for one in found]
    if isinstance(found, datetime):
        return found.isoformat()
    return b64encode(found).decode() if isinstance(found, bytes) else found


def _quiet() -> logging.Logger:
    """Telethon's log, where it tells of trouble only: its other lines can hold what people wrote."""
    log = logging.getLogger("telethon")
    log.setLevel(logging.WARNING)
    return log
