"""Posts of Discourse, as all its ways of listing them write them, to records.

A post is known by its forum, its topic and its number there: replies name what they answer by that number.
"""

from datetime import UTC, datetime, timedelta

from msgspec import Struct

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.ids import stable_id
from domain.post import Author, Engagement, Origin, Post, Record
from ingest.lenient import UNREADABLE, decode
from ingest.markup import clean, plain_text
from ingest.records.values import count

LIKE = 2
"""The number that Discourse gives the action `like`."""

_SPOKEN = frozenset({1, 2})
"""Types of posts that people wrote for all to read: not the forum's own notes (3), not whispers (4)."""
_CLOCK_SKEW = timedelta(minutes=5)


class Place(Struct, frozen=True):
    """Which forum posts are of: its host, its address, and the account that all of it is written to, if any."""

    host: str
    url: str
    owner: str = ""
    origin: Origin = "live"

    def native_id(self, topic: int, number: int) -> str:
        """`forum.example/12/3`: the third post of topic 12."""
        return f"{self.host}/{topic}/{number}"

    def handle(self, username: str) -> str:
        """`ada@forum.example`: user names are unique within a forum only."""
        return f"{username}@{self.host}" if username else ""


class _Action(Struct):
    id: int = 0
    count: int = 0


class _Post(Struct):
    id: int
    topic_id: int
    post_number: int
    created_at: datetime
    username: str = ""
    name: str | None = None
    cooked: str | None = None
    raw: str | None = None
    post_type: int = 1
    reply_to_post_number: int | None = None
    topic_slug: str | None = None
    topic_title: str | None = None
    updated_at: datetime | None = None
    version: int = 1
    reply_count: int | None = None
    reads: int | None = None
    actions_summary: list[_Action] | None = None
    hidden: bool = False
    user_deleted: bool = False
    deleted_at: datetime | None = None


class Hit(Struct):
    """A post as the search tells it: without its text."""

    topic_id: int
    post_number: int
    created_at: datetime


class Gone(Struct, frozen=True):
    """A post that the forum says is deleted or hidden."""

    native_id: str


class Silent(Struct, frozen=True):
    """A post with nothing to read in it for others: the forum's own notes, whispers, bare pictures."""


Read = Record | DeadLetter | Gone | Silent


def read_post(raw: bytes, *, place: Place, source: str, at: datetime, title: str = "") -> Read:
    """Read one post; `title` is that of its topic where the post does not tell it."""
    try:
        post = decode(raw, _Post)
    except UNREADABLE as error:
        return _refused("bad_post", f"not a post of Discourse: {error}", raw, place, source=source, at=at)
    if post.created_at.tzinfo is None:
        return _refused("bad_date", "created_at has no zone", raw, place, source=source, at=at)
    native_id = place.native_id(post.topic_id, post.post_number)
    if post.hidden or post.user_deleted or post.deleted_at is not None:
        return Gone(native_id)
    text = plain_text(post.cooked) if post.cooked is not None else clean(post.raw or "").strip()
    if post.post_type not in _SPOKEN or not text:
        return Silent()
    return Record(post=_told(post, text, place=place, source=source, at=at, title=title), raw=raw[:RAW_LIMIT])


def read_hit(raw: bytes, *, place: Place, source: str, at: datetime) -> Hit | DeadLetter:
    """Read one hit of the search."""
    try:
        return decode(raw, Hit)
    except UNREADABLE as error:
        return _refused("bad_hit", f"not a hit of the search: {error}", raw, place, source=source, at=at)


def _told(post: _Post, text: str, *, place: Place, source: str, at: datetime, title: str) -> Post:
    opens = post.post_number == 1
    heading = clean(post.topic_title or title).strip() if opens else ""
    username = clean(post.username)
    created_at = post.created_at.astimezone(UTC)
    owned = place.owner and username.lower() != place.owner.lower()
    return Post(
        network="discourse",
        native_id=place.native_id(post.topic_id, post.post_number),
        version=stable_id(heading, text)[:16],
        title=heading,
        text=text,
        created_at=min(created_at, at) if created_at > at + _CLOCK_SKEW else created_at,
        collected_at=at,
        edited_at=post.updated_at.astimezone(UTC) if post.updated_at and post.version > 1 else None,
        source=source,
        origin=place.origin,
        kind="post" if opens else "comment",
        url=f"{place.url}/t/{clean(post.topic_slug or '-') or '-'}/{post.topic_id}/{post.post_number}",
        author=Author(
            id=place.handle(username),
            name=clean(post.name or username),
            handle=place.handle(username),
            url=f"{place.url}/u/{username}" if username else "",
        ),
        engagement=Engagement(likes=_likes(post), replies=count(post.reply_count), views=count(post.reads), as_of=at),
        reply_to="" if opens else place.native_id(post.topic_id, post.reply_to_post_number or 1),
        addressed=f"discourse:{place.handle(place.owner)}".lower() if owned else "",
    )


def _likes(post: _Post) -> int | None:
    """An action that nobody took is not listed."""
    if post.actions_summary is None:
        return None
    return next((action.count for action in post.actions_summary if action.id == LIKE), 0)


def _refused(reason: str, detail: str, raw: bytes, place: Place, *, source: str, at: datetime) -> DeadLetter:
    return DeadLetter(
        source=source, stage="parse", reason=reason, detail=detail, where=place.host, raw=raw[:RAW_LIMIT], at=at
    )
