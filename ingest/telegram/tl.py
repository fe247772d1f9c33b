"""Messages in the words of Telegram's schema (TL) to posts: the same ids, versions and words as the Bot API's."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.post import Author, Engagement, Origin, Post, PostKind, Record
from ingest.markup import clean
from ingest.telegram.loose import write_json
from ingest.telegram.mtproto import Place, Raw
from ingest.telegram.words import account, channel_id, comment_link, native_id, permalink, poll_text, profile, version


class Peer(Struct):
    """Who or where: one of the three is set."""

    user_id: int = 0
    chat_id: int = 0
    channel_id: int = 0

    @property
    def told(self) -> int:
        """Its id as the Bot API counts."""
        return channel_id(self.channel_id) if self.channel_id else self.user_id or -self.chat_id


class _Forward(Struct):
    from_id: Peer | None = None
    channel_post: int | None = None
    saved_from_peer: Peer | None = None
    saved_from_msg_id: int | None = None


class _Reply(Struct):
    reply_to_msg_id: int | None = None
    reply_to_top_id: int | None = None
    reply_to_peer_id: Peer | None = None
    forum_topic: bool = False


class _Replies(Struct):
    replies: int | None = None
    comments: bool = False


class _Count(Struct):
    count: int = 0


class _Reactions(Struct):
    results: list[_Count] = []


class _Words(Struct, frozen=True):
    text: str = ""


class _Answer(Struct, frozen=True):
    text: _Words = _Words()


class _Poll(Struct, frozen=True):
    question: _Words = _Words()
    answers: list[_Answer] = []


class _Media(Struct):
    poll: _Poll | None = None


class TlMessage(Struct, rename={"kind": "_"}):
    """A message, as far as it is needed."""

    kind: str
    id: int
    peer_id: Peer
    date: datetime
    message: str = ""
    edit_date: datetime | None = None
    edit_hide: bool = False
    from_id: Peer | None = None
    fwd_from: _Forward | None = None
    reply_to: _Reply | None = None
    media: _Media | None = None
    views: int | None = None
    forwards: int | None = None
    replies: _Replies | None = None
    reactions: _Reactions | None = None

    @property
    def words(self) -> str:
        """What it says: text, caption, or a poll's question and answers."""
        poll = self.media.poll if self.media else None
        if poll is not None:
            return clean(poll_text(poll.question.text, [one.text.text for one in poll.answers])).strip()
        return clean(self.message).strip()

    @property
    def mirrors(self) -> int:
        """The number of the channel's post that this is in the channel's discussion group, put there by Telegram."""
        forward = self.fwd_from
        if forward is None or forward.from_id is None or forward.saved_from_peer is None:
            return 0
        same = forward.from_id.channel_id == forward.saved_from_peer.channel_id != 0
        return (forward.saved_from_msg_id or 0) if same and forward.channel_post == forward.saved_from_msg_id else 0

    @property
    def root(self) -> int:
        """The number, in its group, of the message that begins its thread; 0 outside of threads."""
        answer = self.reply_to
        return (answer.reply_to_top_id or answer.reply_to_msg_id or 0) if answer is not None else 0


class _Sender(Struct, rename={"kind": "_"}):
    kind: str = ""
    id: int = 0
    username: str = ""
    first_name: str = ""
    last_name: str = ""
    title: str = ""
    bot: bool = False
    verified: bool = False


class _Raw(Struct):
    message: TlMessage
    sender: _Sender | None = None


class Reader:
    """Reads messages of one place; `roots` leads from the beginning of a thread to the channel's post it is about."""

    def __init__(
        self,
        place: Place,
        roots: Mapping[str, int],
        *,
        source: str,
        clock: Callable[[], datetime],
        origin: Origin = "live",
    ) -> None:
        self._place, self._roots, self._source, self._clock, self._origin = place, roots, source, clock, origin

    def read(self, raw: Raw) -> Record | DeadLetter | None:
        """Read a message; None where it has no words or was said elsewhere before."""
        at = self._clock()
        try:
            found = msgspec.convert(raw, _Raw)
        except (msgspec.ValidationError, RecursionError) as error:
            return DeadLetter(
                source=self._source,
                stage="parse",
                reason="bad_message",
                detail=f"not a message of Telegram: {error}",
                where=f"{self._place.username or self._place.id} {number_of(raw)}",
                raw=write_json(raw)[:RAW_LIMIT],
                at=at,
            )
        message = found.message
        if message.kind != "Message" or message.mirrors or not message.words:
            return None
        author = self._author(message, found.sender or _Sender())
        text = message.words
        post = Post(
            network="telegram",
            native_id=native_id(message.peer_id.told, message.id),
            version=version(text),
            text=text,
            created_at=message.date.astimezone(UTC),
            edited_at=message.edit_date.astimezone(UTC) if message.edit_date and not message.edit_hide else None,
            collected_at=at,
            source=self._source,
            origin=self._origin,
            kind=self._kind(message),
            url=self._link(message),
            author=author,
            reply_to=self._reply_to(message),
            repost_of=_repost_of(message),
            addressed=self._addressed(message, author),
            engagement=_engagement(message, at),
        )
        return Record(post=post, raw=write_json(raw)[:RAW_LIMIT])

    def _in_discussion(self, message: TlMessage) -> bool:
        return message.peer_id.channel_id != self._place.id

    def _post(self, message: TlMessage) -> int:
        """The channel's post that a comment is about, 0 where that is not known."""
        return self._roots.get(str(message.root), 0) if message.root else 0

    def _channel(self, message: TlMessage) -> tuple[int, str]:
        """Id and name of the channel whose discussion group this is, (0, "") where it is none."""
        place = self._place
        if self._in_discussion(message):
            return channel_id(place.id), place.username
        if not place.broadcast and place.linked_id:
            return channel_id(place.linked_id), place.linked_username
        return 0, ""

    def _kind(self, message: TlMessage) -> PostKind:
        own = self._place.broadcast and not self._in_discussion(message)
        if not own and (self._in_discussion(message) or self._reply_to(message)):
            return "comment"
        return "repost" if message.fwd_from is not None else "post"

    def _author(self, message: TlMessage, sender: _Sender) -> Author:
        place, by = self._place, message.from_id
        here = channel_id(place.id)
        if self._in_discussion(message):
            if by is None:
                return _page(message.peer_id.told, place.linked_title, place.linked_username)
            if by.told == here:
                return _page(here, place.title, place.username)
        elif by is None or by.told == here or place.broadcast:
            return _page(here, place.title, place.username, place.size if place.broadcast else None)
        handle = clean(sender.username)
        return Author(
            id=str(by.told) if by else "",
            name=clean(sender.title or f"{sender.first_name} {sender.last_name}".strip()),
            handle=handle,
            url=profile(handle),
            bot=sender.bot if sender.kind == "User" else None,
            verified=sender.verified or None,
        )

    def _reply_to(self, message: TlMessage) -> str:
        answer = message.reply_to
        if answer is None or not answer.reply_to_msg_id:
            return ""
        if answer.reply_to_peer_id is not None:
            return native_id(answer.reply_to_peer_id.told, answer.reply_to_msg_id)
        if answer.forum_topic and not answer.reply_to_top_id:
            return ""
        post = self._roots.get(str(answer.reply_to_msg_id), 0)
        channel, _ = self._channel(message)
        if post and channel:
            return native_id(channel, post)
        return native_id(message.peer_id.told, answer.reply_to_msg_id)

    def _link(self, message: TlMessage) -> str:
        channel, name = self._channel(message)
        post = self._post(message)
        if post and channel:
            return comment_link(clean(name), channel, post, message.id)
        place = self._place
        handle = place.linked_username if self._in_discussion(message) else place.username
        return permalink(clean(handle), message.peer_id.told, message.id)

    def _addressed(self, message: TlMessage, author: Author) -> str:
        channel, name = self._channel(message)
        own = {str(channel), str(message.peer_id.told)}
        return account(clean(name), channel) if channel and author.id not in own else ""


def number_of(raw: Raw) -> int:
    """A message's number, 0 where there is none."""
    message = raw.get("message")
    found = message.get("id") if isinstance(message, Mapping) else None
    return found if isinstance(found, int) else 0


def replies_of(raw: Raw) -> int:
    """How many comments a channel's post has, 0 where it takes none."""
    message = raw.get("message")
    replies = message.get("replies") if isinstance(message, Mapping) else None
    told = replies if isinstance(replies, Mapping) and replies.get("comments") is True else {}
    count = told.get("replies")
    return count if isinstance(count, int) else 0


def channel_of(raw: Raw) -> int:
    """The channel or group that a message stands in, as MTProto counts; 0 where that is not told."""
    peer = _inner(raw, "peer_id")
    found = peer.get("channel_id")
    return found if isinstance(found, int) else 0


def threads_begun(raw: Raw) -> tuple[int, int]:
    """Of a channel's post mirrored into its group: the mirror's number and the post's; (0, 0) of others."""
    try:
        message = msgspec.convert(raw, _Raw).message
    except (msgspec.ValidationError, RecursionError):
        return 0, 0
    return (message.id, message.mirrors) if message.mirrors else (0, 0)


def root_of(raw: Raw) -> int:
    """The number, in its group, of the message that begins a comment's thread; 0 where there is none."""
    reply = _inner(raw, "reply_to")
    found = reply.get("reply_to_top_id") or reply.get("reply_to_msg_id")
    return found if isinstance(found, int) else 0


def _page(number: int, title: str, username: str, size: int | None = None) -> Author:
    handle = clean(username)
    return Author(id=str(number), name=clean(title), handle=handle, url=profile(handle), followers=size)


def _repost_of(message: TlMessage) -> str:
    forward = message.fwd_from
    if forward is None or forward.from_id is None or not forward.channel_post:
        return ""
    return native_id(forward.from_id.told, forward.channel_post)


def _engagement(message: TlMessage, at: datetime) -> Engagement:
    return Engagement(
        likes=sum(one.count for one in message.reactions.results) if message.reactions else None,
        reposts=message.forwards,
        replies=message.replies.replies if message.replies else None,
        views=message.views,
        as_of=at,
    )


def _inner(raw: Raw, field: str) -> Mapping[str, Any]:
    message = raw.get("message")
    found = message.get(field) if isinstance(message, Mapping) else None
    return found if isinstance(found, Mapping) else {}
