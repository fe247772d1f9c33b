"""Hits of the search service (hn.algolia.com/api) to posts."""

from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.errors import RetryLater
from domain.ids import stable_id
from domain.post import Author, Engagement, Origin, Post, Record
from ingest.markup import clean, plain_text

SITE = "https://news.ycombinator.com"


class _Hit(Struct, rename={"object_id": "objectID"}):
    object_id: str
    created_at_i: int
    author: str | None = None
    title: str | None = None
    story_text: str | None = None
    comment_text: str | None = None
    points: int | None = None
    num_comments: int | None = None
    parent_id: int | str | None = None


class Answer(Struct):
    """One answer of the search: hits, newest first, and how many it would have given at most."""

    hits: list[msgspec.Raw]
    limit: int = msgspec.field(default=1_000, name="hitsPerPage")


_answer = msgspec.json.Decoder(Answer)
_hit = msgspec.json.Decoder(_Hit)


def read_answer(body: bytes) -> Answer:
    """Read an answer as a whole; raises RetryLater for garbage: asking again loses nothing."""
    try:
        return _answer.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RetryLater("the search of Hacker News answers something that is not its own format") from None


def read_hit(raw: bytes, *, source: str, at: datetime, origin: Origin = "live") -> Record | DeadLetter:
    """Read one hit: a story is a post, a comment is a comment; text is HTML."""
    try:
        hit = _hit.decode(raw)
        created_at = datetime.fromtimestamp(hit.created_at_i, UTC)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, OverflowError, OSError) as error:
        return _refused("bad_hit", f"not a hit of the search: {error}", raw, source=source, at=at)
    title = plain_text(hit.title or "")
    text = plain_text(hit.comment_text or hit.story_text or "")
    if not (hit.object_id and (title or text)):
        return _refused("no_text", "the hit has no id or nothing to read", raw, source=source, at=at)
    native_id, author = clean(hit.object_id), clean(hit.author or "")
    is_comment = hit.comment_text is not None
    post = Post(
        network="hackernews",
        native_id=native_id,
        version=stable_id(title, text),
        title=title,
        text=text,
        created_at=created_at,
        collected_at=at,
        source=source,
        origin=origin,
        kind="comment" if is_comment else "post",
        url=f"{SITE}/item?id={native_id}",
        author=Author(id=author, name=author, handle=author, url=f"{SITE}/user?id={author}" if author else ""),
        lang="en",
        engagement=Engagement(likes=hit.points, replies=hit.num_comments, as_of=at),
        reply_to=str(hit.parent_id) if is_comment and hit.parent_id is not None else "",
    )
    return Record(post=post, raw=raw[:RAW_LIMIT])


def _refused(reason: str, detail: str, raw: bytes, *, source: str, at: datetime) -> DeadLetter:
    return DeadLetter(
        source=source, stage="parse", reason=reason, detail=detail, where="search", raw=raw[:RAW_LIMIT], at=at
    )
