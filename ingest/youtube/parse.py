"""Comments and videos of YouTube to posts. A comment's text is asked for as plain text."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.errors import RetryLater
from domain.ids import stable_id
from domain.post import Author, Engagement, Post, Record
from ingest.lenient import UNREADABLE, decode
from ingest.markup import clean
from ingest.records.values import count, link

NETWORK = "youtube"
SITE = "https://www.youtube.com"
VIDEO = "video/"
"""Before the id of a video, where a comment's id could stand as well."""

Read = Record | DeadLetter
S = TypeVar("S", bound=Struct)


class Context(Struct, frozen=True, kw_only=True):
    """What reading needs to know beside the answer.

    `accounts` are the handles (or ids) of listened-to channels by id, `videos` the video under which a thread stands,
    `owners` the channel of a video.
    """

    source: str
    at: datetime
    accounts: Mapping[str, str] = {}
    videos: Mapping[str, str] = {}
    owners: Mapping[str, str] = {}


class Answer(Struct, rename="camel"):
    """Any list that YouTube answers with."""

    items: list[msgspec.Raw] = []
    next_page_token: str = ""
    etag: str = ""


class _ChannelId(Struct, frozen=True):
    value: str = ""


class _Said(Struct, rename="camel"):
    text_display: str
    published_at: datetime
    author_display_name: str = ""
    author_channel_url: str = ""
    author_channel_id: _ChannelId = _ChannelId()
    channel_id: str = ""
    video_id: str = ""
    parent_id: str = ""
    like_count: int | None = None
    updated_at: datetime | None = None


class _Comment(Struct):
    id: str
    snippet: _Said


class _ThreadSaid(Struct, rename="camel"):
    top_level_comment: msgspec.Raw
    channel_id: str = ""
    video_id: str = ""
    total_reply_count: int = 0


class _Replies(Struct, frozen=True):
    comments: list[msgspec.Raw] = []


class _ThreadRaw(Struct):
    id: str
    snippet: _ThreadSaid
    replies: _Replies = _Replies()


class Thread(Struct, frozen=True, kw_only=True):
    """A thread as it was read: its first comment, those replies that came along, and how many there are in all."""

    id: str
    video: str
    owner: str
    top: Read
    replies: list[Read]
    total: int


class _VideoSaid(Struct, rename="camel"):
    published_at: datetime
    channel_id: str
    title: str = ""
    description: str = ""
    channel_title: str = ""


class _VideoCounts(Struct, frozen=True, rename="camel"):
    view_count: str | None = None
    like_count: str | None = None
    comment_count: str | None = None


class _Video(Struct):
    id: str
    snippet: _VideoSaid
    statistics: _VideoCounts = _VideoCounts()


class Video(Struct, frozen=True, kw_only=True):
    """A video as it was read: `comments` is None where they are switched off."""

    id: str
    owner: str
    comments: int | None
    post: Read


class _Upload(Struct, frozen=True, rename="camel"):
    video_id: str
    video_published_at: datetime | None = None


class _Item(Struct, rename="camel"):
    content_details: _Upload


class _Found(Struct, frozen=True, rename="camel"):
    video_id: str = ""


class _Result(Struct):
    id: _Found


class _Playlists(Struct, frozen=True):
    uploads: str = ""


class _Content(Struct, frozen=True, rename="camel"):
    related_playlists: _Playlists = _Playlists()


class _ChannelSaid(Struct, frozen=True, rename="camel"):
    title: str = ""
    custom_url: str = ""


class _ChannelCounts(Struct, frozen=True, rename="camel"):
    subscriber_count: str | None = None
    hidden_subscriber_count: bool = False


class ChannelRaw(Struct, rename="camel"):
    """A channel as YouTube describes it, as far as it was asked for."""

    id: str
    snippet: _ChannelSaid = _ChannelSaid()
    content_details: _Content = _Content()
    statistics: _ChannelCounts = _ChannelCounts()

    @property
    def account(self) -> str:
        """The handle without its sign, or else the id."""
        return self.snippet.custom_url.removeprefix("@") or self.id

    @property
    def subscribers(self) -> int | None:
        """How many there are; None where the channel hides it."""
        return None if self.statistics.hidden_subscriber_count else count(self.statistics.subscriber_count)


def read_answer(body: bytes) -> Answer:
    """Read a list as a whole; raises RetryLater for garbage: asking again loses nothing."""
    try:
        return decode(body, Answer)
    except UNREADABLE:
        raise RetryLater("YouTube answers something that is not its own format") from None


def read_thread(raw: bytes, context: Context) -> Thread | DeadLetter:
    """Read a thread with the replies that come along."""
    try:
        thread = decode(raw, _ThreadRaw)
    except UNREADABLE as error:
        return _refused("bad_thread", f"not a thread of comments: {error}", raw, "commentThreads", context)
    said = thread.snippet
    videos, owners = {thread.id: said.video_id}, {said.video_id: said.channel_id}
    within = replace(context, videos=videos, owners=owners)
    top = read_comment(bytes(said.top_level_comment), within, replies=said.total_reply_count)
    return Thread(
        id=thread.id,
        video=said.video_id,
        owner=said.channel_id,
        top=top,
        replies=[read_comment(bytes(one), within) for one in thread.replies.comments],
        total=said.total_reply_count,
    )


def read_comment(raw: bytes, context: Context, *, replies: int | None = None) -> Read:
    """Read one comment: a reply's id is its parent's, a dot, and its own. `replies` is how many it has."""
    try:
        comment = decode(raw, _Comment)
        said = comment.snippet
        written = _utc(said.published_at)
        changed = _utc(said.updated_at) if said.updated_at else written
    except (*UNREADABLE, ValueError, OverflowError) as error:
        return _refused("bad_comment", f"not a comment: {error}", raw, "comments", context)
    native_id, text = clean(comment.id), clean(said.text_display).strip()
    if not (native_id and text):
        return _refused("no_text", "the comment has no id or nothing to read", raw, "comments", context)
    thread, dot, _ = native_id.partition(".")
    parent = clean(said.parent_id) or (thread if dot else "")
    video = clean(said.video_id) or context.videos.get(parent or native_id, "")
    owner = said.channel_id or context.owners.get(video, "")
    account = context.accounts.get(owner, "")
    author = said.author_channel_id.value
    post = Post(
        network=NETWORK,
        native_id=native_id,
        version=stable_id("", text),
        text=text,
        created_at=written,
        collected_at=context.at,
        edited_at=changed if changed > written else None,
        source=context.source,
        kind="comment",
        url=f"{SITE}/watch?v={video}&lc={native_id}" if video else "",
        author=_author(said),
        engagement=Engagement(likes=said.like_count, replies=replies, as_of=context.at),
        reply_to=parent or (VIDEO + video if video else ""),
        addressed=f"{NETWORK}:{account}".lower() if account and author != owner else "",
    )
    return Record(post=post, raw=raw[:RAW_LIMIT])


def read_video(raw: bytes, context: Context) -> Video | DeadLetter:
    """Read a video: its title and its description are a post of its channel."""
    try:
        video = decode(raw, _Video)
        written = _utc(video.snippet.published_at)
    except (*UNREADABLE, ValueError, OverflowError) as error:
        return _refused("bad_video", f"not a video: {error}", raw, "videos", context)
    said, counts = video.snippet, video.statistics
    title, text = clean(said.title).strip(), clean(said.description).strip()
    comments = count(counts.comment_count)
    if not (title or text):
        letter = _refused("no_text", "the video has neither title nor description", raw, "videos", context)
        return Video(id=video.id, owner=said.channel_id, comments=comments, post=letter)
    account = context.accounts.get(said.channel_id, "")
    post = Post(
        network=NETWORK,
        native_id=VIDEO + clean(video.id),
        version=stable_id(title, text),
        title=title,
        text=text,
        created_at=written,
        collected_at=context.at,
        source=context.source,
        url=f"{SITE}/watch?v={clean(video.id)}",
        author=Author(
            id=clean(said.channel_id),
            name=clean(said.channel_title),
            handle="" if account == said.channel_id else account,
            url=f"{SITE}/channel/{clean(said.channel_id)}",
        ),
        engagement=Engagement(
            likes=count(counts.like_count), replies=comments, views=count(counts.view_count), as_of=context.at
        ),
    )
    return Video(id=video.id, owner=said.channel_id, comments=comments, post=Record(post=post, raw=raw[:RAW_LIMIT]))


def read_upload(raw: bytes, context: Context) -> tuple[str, datetime | None] | DeadLetter:
    """Read an item of a playlist: a video's id and when it was published (None: it is private)."""
    try:
        upload = decode(raw, _Item).content_details
        return upload.video_id, _utc(upload.video_published_at) if upload.video_published_at else None
    except (*UNREADABLE, ValueError, OverflowError) as error:
        return _refused("bad_item", f"not an item of a playlist: {error}", raw, "playlistItems", context)


def read_found(items: Iterable[msgspec.Raw]) -> list[str]:
    """Read what a search found: ids of videos; what is none is passed over."""
    return [found.id.video_id for raw in items if (found := _lenient(raw, _Result)) and found.id.video_id]


def read_channels(items: Iterable[msgspec.Raw]) -> list[ChannelRaw]:
    """Read descriptions of channels; what is none is passed over."""
    return [found for raw in items if (found := _lenient(raw, ChannelRaw))]


def _lenient(raw: msgspec.Raw, kind: type[S]) -> S | None:
    try:
        return decode(bytes(raw), kind)
    except UNREADABLE:
        return None


def _author(said: _Said) -> Author:
    name = clean(said.author_display_name)
    return Author(
        id=clean(said.author_channel_id.value),
        name=name,
        handle=name.removeprefix("@") if name.startswith("@") else "",
        url=link(clean(said.author_channel_url)),
    )


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return moment.astimezone(UTC)


def _refused(reason: str, detail: str, raw: bytes, where: str, context: Context) -> DeadLetter:
    return DeadLetter(
        source=context.source,
        stage="parse",
        reason=reason,
        detail=detail,
        where=where,
        raw=raw[:RAW_LIMIT],
        at=context.at,
    )
