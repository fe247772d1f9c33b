"""Posts and comments as Lemmy's API (version 3) writes them, to records.

The identity is `ap_id`, the address on the instance where it was written: the same on every instance.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.ids import stable_id
from domain.post import Author, Engagement, Origin, Post, Record
from ingest.lenient import UNREADABLE, decode
from ingest.markup import clean, plain_text
from ingest.records.values import count, link

Kind = Literal["post", "comment"]

_TAG = re.compile(r"<[a-zA-Z/!]")
_CLOCK_SKEW = timedelta(minutes=5)


class _Person(Struct):
    name: str
    actor_id: str = ""
    display_name: str | None = None
    bot_account: bool | None = None


class _Counts(Struct):
    upvotes: int | None = None
    comments: int | None = None
    child_count: int | None = None


class _Post(Struct):
    id: int
    ap_id: str
    name: str
    published: str
    body: str | None = None
    url: str | None = None
    updated: str | None = None
    removed: bool = False
    deleted: bool = False
    featured_community: bool = False
    featured_local: bool = False


class _PostView(Struct):
    post: _Post
    creator: _Person
    counts: _Counts = msgspec.field(default_factory=_Counts)


class _Comment(Struct):
    id: int
    ap_id: str
    content: str
    published: str
    path: str = ""
    updated: str | None = None
    removed: bool = False
    deleted: bool = False


class _Parent(Struct):
    ap_id: str = ""


class _CommentView(Struct):
    comment: _Comment
    creator: _Person
    post: _Parent = msgspec.field(default_factory=_Parent)
    counts: _Counts = msgspec.field(default_factory=_Counts)


class Read(Struct, frozen=True, kw_only=True):
    """What came of one view: a record, a dead letter, or neither when it is deleted.

    `local` is its number on this instance, `parent` that of the comment it answers (0: it answers the post). `at` is
    when it was written (unix seconds), None for one that is pinned above newer ones or cannot be read.
    """

    record: Record | None = None
    letter: DeadLetter | None = None
    native_id: str = ""
    local: int = 0
    parent: int = 0
    at: int | None = None


def read_view(
    kind: Kind, raw: bytes, *, source: str, at: datetime, origin: Origin = "live", parents: Mapping[int, str] = {}
) -> Read:
    """Read a post's or a comment's view; `parents` are native ids of comments by their numbers here."""
    try:
        if kind == "post":
            return _post_read(decode(raw, _PostView), raw, source=source, at=at, origin=origin)
        return _comment_read(decode(raw, _CommentView), raw, source=source, at=at, origin=origin, parents=parents)
    except (*UNREADABLE, ValueError, OverflowError) as error:
        letter = DeadLetter(
            source=source, stage="parse", reason=f"bad_{kind}", detail=f"not a {kind} of Lemmy: {error}"[:500],
            where=kind, raw=raw[:RAW_LIMIT], at=at,
        )  # fmt: skip
        return Read(letter=letter)


def parent_of(raw: bytes) -> int:
    """The number of the comment that a comment answers; 0 when it answers the post, or cannot be read."""
    try:
        return _parent(decode(raw, _CommentView).comment.path)
    except UNREADABLE:
        return 0


def _post_read(view: _PostView, raw: bytes, *, source: str, at: datetime, origin: Origin) -> Read:
    post = view.post
    native_id, published = _address(post.ap_id), _time(post.published, at)
    pinned = post.featured_community or post.featured_local
    read = Read(native_id=native_id, local=post.id, at=None if pinned else int(published.timestamp()))
    if post.removed or post.deleted:
        return read
    title, text = _words(post.name), _words(post.body or "")
    told = Post(
        network="lemmy",
        native_id=native_id,
        version=stable_id(title, text)[:16],
        title=title if text else "",
        text=text or title,
        created_at=published,
        collected_at=at,
        edited_at=_time(post.updated, at) if post.updated else None,
        source=source,
        origin=origin,
        url=native_id,
        author=_author(view.creator),
        engagement=Engagement(likes=count(view.counts.upvotes), replies=count(view.counts.comments), as_of=at),
    )
    return msgspec.structs.replace(read, record=Record(post=told, raw=raw[:RAW_LIMIT]))


def _comment_read(
    view: _CommentView, raw: bytes, *, source: str, at: datetime, origin: Origin, parents: Mapping[int, str]
) -> Read:
    comment = view.comment
    native_id, published, parent = _address(comment.ap_id), _time(comment.published, at), _parent(comment.path)
    read = Read(native_id=native_id, local=comment.id, parent=parent, at=int(published.timestamp()))
    if comment.removed or comment.deleted:
        return read
    text = _words(comment.content)
    told = Post(
        network="lemmy",
        native_id=native_id,
        version=stable_id(text)[:16],
        text=text,
        created_at=published,
        collected_at=at,
        edited_at=_time(comment.updated, at) if comment.updated else None,
        source=source,
        origin=origin,
        kind="comment",
        url=native_id,
        author=_author(view.creator),
        engagement=Engagement(likes=count(view.counts.upvotes), replies=count(view.counts.child_count), as_of=at),
        reply_to=parents.get(parent, "") or clean(view.post.ap_id),
    )
    return msgspec.structs.replace(read, record=Record(post=told, raw=raw[:RAW_LIMIT]))


def _words(markdown: str) -> str:
    """Markdown is read as it was written, but for HTML in it."""
    if _TAG.search(markdown):
        markdown = plain_text(markdown.replace("\n", "<br>"))
    return clean(markdown).strip()


def _author(person: _Person) -> Author:
    name, home = clean(person.name), urlsplit(clean(person.actor_id)).hostname or ""
    handle = f"{name}@{home}" if home else name
    return Author(
        id=clean(person.actor_id) or handle,
        name=clean(person.display_name or "") or name,
        handle=handle,
        url=link(clean(person.actor_id)),
        bot=person.bot_account,
    )


def _parent(path: str) -> int:
    """Of `0.12.34`, the path from the post down to comment 34, that is 12; of `0.34` it is 0."""
    steps = path.split(".")
    return int(steps[-2]) if len(steps) > 1 and steps[-2].isdecimal() else 0


def _address(ap_id: str) -> str:
    address = link(clean(ap_id))
    if not address:
        raise ValueError("ap_id is no web address")
    return address


def _time(text: str, at: datetime) -> datetime:
    """Older instances leave the zone out: it is UTC. A time to come is a clock that is wrong."""
    moment = datetime.fromisoformat(text)
    moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(moment, at) if moment > at + _CLOCK_SKEW else moment
