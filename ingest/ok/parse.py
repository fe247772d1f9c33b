"""Topics, comments and messages of Odnoklassniki to records.

A topic is known as `GROUP/topic/NUMBER`, as its address says it; a comment by that and its own id.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.ids import stable_id
from domain.post import Author, Engagement, Origin, Post, Record
from ingest.lenient import UNREADABLE, decode
from ingest.markup import clean
from ingest.records.values import count

SITE = "https://ok.ru"
MOSCOW = ZoneInfo("Europe/Moscow")

Id = str | int


class Group(Struct, frozen=True, array_like=True):
    """What a group says of itself, as of `at` (unix seconds); members are None where it does not say."""

    name: str = ""
    members: int | None = None
    at: int = 0


class Talk(Struct, frozen=True, array_like=True):
    """Something that is discussed: a topic, a photo, ... of a group."""

    group: str
    type: str
    id: str

    @property
    def native_id(self) -> str:
        """`57000000000001/topic/42`."""
        return f"{self.group}/{self.type.removeprefix('GROUP_').lower()}/{self.id}"

    @property
    def url(self) -> str:
        """Where a person sees it."""
        kind = self.type.removeprefix("GROUP_").lower()
        return f"{SITE}/group/{self.group}/{kind}/{self.id}" if kind == "topic" else f"{SITE}/group/{self.group}"


class Context(Struct, frozen=True, kw_only=True):
    """What a record needs to know of those who read it."""

    source: str
    at: datetime
    origin: Origin = "live"


class Topic(Struct, frozen=True, kw_only=True):
    """A topic as it was read: `record` is None where it has no words; `comments` is how many there are."""

    talk: Talk
    at: int
    comments: int
    record: Record | None = None
    pinned: bool = False


class _Summary(Struct):
    discussion_id: Id | None = None
    discussion_type: str = "GROUP_TOPIC"
    comments_count: int = 0


class _Count(Struct):
    count: int | None = None


class _Media(Struct):
    type: str = ""
    text: str | None = None
    title: str | None = None
    description: str | None = None


class _Topic(Struct):
    id: Id
    created_ms: int
    discussion_summary: _Summary = msgspec.field(default_factory=_Summary)
    like_summary: _Count = msgspec.field(default_factory=_Count)
    reshare_summary: _Count = msgspec.field(default_factory=_Count)
    media: list[_Media] = []
    author_ref: str = ""
    author_name: str = ""
    pinned: bool = False


class _Comment(Struct):
    id: Id
    date: str
    text: str = ""
    author_id: Id = ""
    author_name: str = ""
    author_type: str = ""
    like_count: int | None = None
    reply_to_comment_id: Id | None = None


class _Message(Struct):
    class Sender(Struct):
        user_id: str
        name: str = ""

    class Body(Struct):
        mid: str
        text: str = ""
        reply_to: str = ""

    sender: Sender
    message: Body
    timestamp: int


class Comment(Struct, frozen=True, kw_only=True):
    """A comment as it was read; `record` is None where it has no words."""

    native_id: str
    at: int
    record: Record | None = None


def read_topic(raw: bytes, group: str, info: Group, context: Context) -> Topic | DeadLetter:
    """Read one entry of mediatopic.getTopics."""
    try:
        topic = decode(raw, _Topic)
        created_at = datetime.fromtimestamp(topic.created_ms / 1_000, UTC)
    except (*UNREADABLE, ValueError, OverflowError, OSError) as error:
        return _refused("bad_topic", f"not a topic: {error}", raw, group, context)
    summary = topic.discussion_summary
    talk = Talk(group, clean(summary.discussion_type), clean(str(summary.discussion_id or topic.id)))
    text = _words(topic.media)
    read = Topic(
        talk=talk, at=int(created_at.timestamp()), comments=max(summary.comments_count, 0), pinned=topic.pinned
    )
    if not text:
        return read
    author = _topic_author(topic, group, info)
    post = Post(
        network="ok",
        native_id=talk.native_id,
        version=stable_id(text)[:16],
        text=text,
        created_at=created_at,
        collected_at=context.at,
        source=context.source,
        origin=context.origin,
        url=talk.url,
        author=author,
        engagement=Engagement(
            likes=count(topic.like_summary.count),
            reposts=count(topic.reshare_summary.count),
            replies=count(summary.comments_count),
            as_of=context.at,
        ),
        addressed="" if author.id == group else f"ok:{group}",
    )
    return msgspec.structs.replace(read, record=Record(post=post, raw=raw[:RAW_LIMIT]))


def read_comment(raw: bytes, talk: Talk, info: Group, context: Context) -> Comment | DeadLetter:
    """Read one entry of discussions.getComments; its times are those of Moscow."""
    where = talk.native_id
    try:
        comment = decode(raw, _Comment)
        created_at = datetime.fromisoformat(comment.date)
    except (*UNREADABLE, ValueError) as error:
        return _refused("bad_comment", f"not a comment: {error}", raw, where, context)
    created_at = (created_at if created_at.tzinfo else created_at.replace(tzinfo=MOSCOW)).astimezone(UTC)
    native_id = f"{where}/{clean(str(comment.id))}"
    read = Comment(native_id=native_id, at=int(created_at.timestamp()))
    text = clean(comment.text).strip()
    if not text:
        return read
    by_group = str(comment.author_id) == talk.group or comment.author_type.upper() == "GROUP"
    author_id = clean(str(comment.author_id))
    answered = comment.reply_to_comment_id
    post = Post(
        network="ok",
        native_id=native_id,
        version=stable_id(text)[:16],
        text=text,
        created_at=created_at,
        collected_at=context.at,
        source=context.source,
        origin=context.origin,
        kind="comment",
        url=talk.url,
        author=_group_author(author_id, info, talk.group) if by_group else _person(author_id, comment.author_name),
        engagement=Engagement(likes=count(comment.like_count), as_of=context.at),
        reply_to=f"{where}/{clean(str(answered))}" if answered else where,
        addressed="" if author_id == talk.group else f"ok:{talk.group}",
    )
    return msgspec.structs.replace(read, record=Record(post=post, raw=raw[:RAW_LIMIT]))


def read_message(raw: bytes, group: str, context: Context) -> Record | DeadLetter | None:
    """Read what the network tells of a message (MESSAGE_CREATED); None for one without words."""
    try:
        told = decode(raw, _Message)
        created_at = datetime.fromtimestamp(told.timestamp / 1_000, UTC)
    except (*UNREADABLE, ValueError, OverflowError, OSError) as error:
        return _refused("bad_message", f"not a message: {error}", raw, "MESSAGE_CREATED", context)
    text, mid = clean(told.message.text).strip(), clean(told.message.mid)
    sender = clean(told.sender.user_id)
    if not mid or sender == f"group:{group}":
        return None if mid else _refused("no_id", "the message has no mid", raw, "MESSAGE_CREATED", context)
    if not text:
        return None
    post = Post(
        network="ok",
        native_id=mid,
        version=stable_id(text)[:16],
        text=text,
        created_at=min(created_at, context.at),
        collected_at=context.at,
        source=context.source,
        origin=context.origin,
        kind="message",
        author=_person(sender.rpartition(":")[2], told.sender.name),
        reply_to=clean(told.message.reply_to),
        addressed=f"ok:{group}",
    )
    return Record(post=post, raw=raw[:RAW_LIMIT])


def _words(media: list[_Media]) -> str:
    """The written parts; where there are none, what its links are called."""
    said = [clean(part.text or "").strip() for part in media if part.type == "text"]
    if not any(said):
        said = [clean(part.title or part.description or "").strip() for part in media]
    return "\n".join(words for words in said if words)


def _topic_author(topic: _Topic, group: str, info: Group) -> Author:
    kind, _, number = clean(topic.author_ref).rpartition(":")
    if kind == "user" and number:
        return _person(number, topic.author_name)
    return _group_author(number or group, info, group)


def _group_author(number: str, info: Group, group: str) -> Author:
    own = info if number == group else Group()
    return Author(id=number, name=own.name, url=f"{SITE}/group/{number}", followers=own.members)


def _person(number: str, name: str) -> Author:
    return Author(id=number, name=clean(name), url=f"{SITE}/profile/{number}" if number else "")


def _refused(reason: str, detail: str, raw: bytes, where: str, context: Context) -> DeadLetter:
    return DeadLetter(
        source=context.source, stage="parse", reason=reason, detail=detail[:500], where=where, raw=raw[:RAW_LIMIT],
        at=context.at,
    )  # fmt: skip
