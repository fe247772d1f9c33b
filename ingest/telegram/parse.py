"""Updates of the Bot API to posts."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.post import Author, Engagement, Post, PostKind, Record
from ingest.markup import clean
from ingest.telegram.loose import write_json
from ingest.telegram.words import account, comment_link, native_id, permalink, poll_text, profile, version

ALLOWED = (
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "my_chat_member",
    "message_reaction_count",
)
"""What is asked for, by name: Telegram remembers the last list it was told and keeps some kinds back unless named."""

_GONE = frozenset({"left", "kicked"})


class User(Struct):
    """A person or a bot."""

    id: int
    is_bot: bool = False
    first_name: str = ""
    last_name: str = ""
    username: str = ""


class Chat(Struct):
    """A private chat, group, supergroup or channel."""

    id: int
    type: str
    title: str = ""
    username: str = ""


class Origin(Struct):
    """Where a forwarded message was first; a channel's has its chat and number."""

    type: str
    chat: Chat | None = None
    message_id: int | None = None

    @property
    def post(self) -> str:
        """The native id of the channel's post; empty for what has no address."""
        found = self.chat is not None and self.message_id is not None
        return native_id(self.chat.id, self.message_id) if found else ""  # type: ignore[union-attr,arg-type]  # found


class Entity(Struct):
    """A marked stretch of a text, counted in UTF-16 units."""

    type: str
    offset: int
    length: int


class Answered(Struct):
    """The message that a message answers, as far as it is needed."""

    message_id: int
    chat: Chat
    is_automatic_forward: bool = False
    forward_origin: Origin | None = None
    forum_topic_created: Any = None


class AnsweredElsewhere(Struct):
    """The message of another chat that a message answers."""

    chat: Chat | None = None
    message_id: int | None = None


class Option(Struct):
    """An answer of a poll."""

    text: str = ""


class Poll(Struct):
    """A question to all."""

    question: str = ""
    options: list[Option] = []


class Message(Struct, rename={"sender": "from"}):
    """A message, as far as it is needed."""

    message_id: int
    date: int
    chat: Chat
    sender: User | None = None
    sender_chat: Chat | None = None
    text: str = ""
    caption: str = ""
    entities: list[Entity] = []
    poll: Poll | None = None
    edit_date: int | None = None
    forward_origin: Origin | None = None
    reply_to_message: Answered | None = None
    external_reply: AnsweredElsewhere | None = None
    is_automatic_forward: bool = False
    message_thread_id: int | None = None
    is_topic_message: bool = False
    migrate_to_chat_id: int | None = None

    @property
    def place(self) -> str:
        """Its native id."""
        return native_id(self.chat.id, self.message_id)

    @property
    def words(self) -> str:
        """What it says: text, caption, or a poll's question and answers. A command to a bot says nothing."""
        if self.poll is not None:
            return clean(poll_text(self.poll.question, [option.text for option in self.poll.options])).strip()
        units = len(self.text.encode("utf-16-le", "surrogatepass")) // 2
        if any(one.type == "bot_command" and one.offset == 0 and one.length >= units for one in self.entities):
            return ""
        return clean(self.text or self.caption).strip()


class Reactions(Struct):
    """How many reacted with one sign."""

    total_count: int = 0


class ReactionCount(Struct):
    """How many reacted to a channel's post."""

    chat: Chat
    message_id: int
    reactions: list[Reactions] = []


class Standing(Struct):
    """What the bot is in a chat now: member, administrator, left, kicked, ..."""

    status: str


class Membership(Struct):
    """The bot was taken in or put out."""

    chat: Chat
    new_chat_member: Standing


class Update(Struct):
    """One thing that happened; of the fields after the number one is set, or none that we know."""

    update_id: int
    message: Message | None = None
    edited_message: Message | None = None
    channel_post: Message | None = None
    edited_channel_post: Message | None = None
    my_chat_member: Membership | None = None
    message_reaction_count: ReactionCount | None = None

    @property
    def said(self) -> Message | None:
        """The message that was written or edited."""
        return self.message or self.edited_message or self.channel_post or self.edited_channel_post

    @property
    def trouble(self) -> str:
        """A sentence, if the bot hears a chat no longer."""
        change = self.my_chat_member
        if change is None or change.chat.type == "private" or change.new_chat_member.status not in _GONE:
            return ""
        return f"the bot was removed from {name_of(change.chat)}: nothing is heard from there any more"


class Room(Struct, frozen=True):
    """What was asked about a chat: how many are in it; of a discussion group its channel's id and account."""

    size: int | None = None
    channel: int = 0
    account: str = ""


def read_update(found: Any, *, source: str, at: datetime) -> Update | DeadLetter:
    """Read one update from decoded JSON."""
    try:
        return msgspec.convert(found, Update)
    except (msgspec.ValidationError, RecursionError) as error:
        number = found.get("update_id") if isinstance(found, dict) else None
        where = f"update {number}" if isinstance(number, int) else "updates"
        return refused("bad_update", f"not an update of the Bot API: {error}", where, found, source=source, at=at)


def read_message(
    update: Update, raw: bytes, *, room: Room, bot: User, source: str, at: datetime, likes: int | None = None
) -> Record | DeadLetter | None:
    """Read what an update says; None where it has no words or was said elsewhere before."""
    message = update.said
    if message is None or message.is_automatic_forward or not message.words:
        return None
    try:
        created_at = datetime.fromtimestamp(message.date, UTC)
        edited_at = datetime.fromtimestamp(message.edit_date, UTC) if message.edit_date else None
    except (ValueError, OverflowError, OSError) as error:
        return refused(
            "bad_date", f"a date is none: {error}", f"update {update.update_id}", raw, source=source, at=at
        )
    author = _author(message, room)
    text = message.words
    post = Post(
        network="telegram",
        native_id=message.place,
        version=version(text),
        text=text,
        created_at=created_at,
        edited_at=edited_at,
        collected_at=at,
        source=source,
        kind=_kind(message),
        url=_link(message),
        author=author,
        reply_to=_reply_to(message),
        repost_of=message.forward_origin.post if message.forward_origin else "",
        addressed=_addressed(message, author, room, bot),
        engagement=Engagement(likes=likes, as_of=None if likes is None else at),
    )
    return Record(post=post, raw=raw[:RAW_LIMIT])


def refused(reason: str, detail: str, where: str, found: Any, *, source: str, at: datetime) -> DeadLetter:
    """Make the dead letter of something that cannot be read."""
    raw = found if isinstance(found, bytes) else write_json(found)
    return DeadLetter(
        source=source, stage="parse", reason=reason, detail=detail, where=where, raw=raw[:RAW_LIMIT], at=at
    )


def name_of(chat: Chat) -> str:
    """Name a chat for a person."""
    return clean(f"@{chat.username}" if chat.username else f'"{chat.title}"' if chat.title else f"chat {chat.id}")


def _kind(message: Message) -> PostKind:
    if message.chat.type == "private":
        return "message"
    if message.chat.type != "channel" and (_reply_to(message) or _in_thread(message)):
        return "comment"
    return "repost" if message.forward_origin is not None else "post"


def _author(message: Message, room: Room) -> Author:
    chat = message.sender_chat or (message.chat if message.sender is None else None)
    if chat is not None:
        handle = clean(chat.username)
        own = chat.id == message.chat.id and chat.type == "channel"
        return Author(
            id=str(chat.id),
            name=clean(chat.title),
            handle=handle,
            url=profile(handle),
            followers=room.size if own else None,
        )
    sender = message.sender
    assert sender is not None  # noqa: S101  # there was no chat then
    handle = clean(sender.username)
    return Author(
        id=str(sender.id),
        name=clean(f"{sender.first_name} {sender.last_name}".strip()),
        handle=handle,
        url=profile(handle),
        bot=sender.is_bot,
    )


def _reply_to(message: Message) -> str:
    answered = message.reply_to_message
    if answered is not None and answered.forum_topic_created is None:
        mirrored = answered.forward_origin.post if answered.is_automatic_forward and answered.forward_origin else ""
        return mirrored or native_id(answered.chat.id, answered.message_id)
    elsewhere = message.external_reply
    if elsewhere is not None and elsewhere.chat is not None and elsewhere.message_id is not None:
        return native_id(elsewhere.chat.id, elsewhere.message_id)
    return ""


def _in_thread(message: Message) -> bool:
    return message.message_thread_id is not None and not message.is_topic_message


def _mirrored(message: Message) -> Origin | None:
    """Where the post that a comment answers stands in its channel."""
    answered = message.reply_to_message
    return answered.forward_origin if answered is not None and answered.is_automatic_forward else None


def _link(message: Message) -> str:
    origin = _mirrored(message)
    if origin is not None and origin.chat is not None and origin.message_id is not None:
        return comment_link(clean(origin.chat.username), origin.chat.id, origin.message_id, message.message_id)
    link = permalink(clean(message.chat.username), message.chat.id, message.message_id)
    if link and message.message_thread_id is not None:
        return f"{link}?thread={message.message_thread_id}"
    return link if message.chat.type != "private" else ""


def _addressed(message: Message, author: Author, room: Room, bot: User) -> str:
    """Whose page it was written on: the bot's inbox, or a discussion group's channel; not by that page itself."""
    if message.chat.type == "private":
        return account(bot.username, bot.id)
    origin = _mirrored(message)
    channel = origin.chat if origin is not None else None
    page = account(clean(channel.username), channel.id) if channel is not None else room.account
    page_id = channel.id if channel is not None else room.channel
    return "" if author.id in {str(page_id), str(message.chat.id)} else page
