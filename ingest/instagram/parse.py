"""Media, comments and answers of Instagram to posts of ours. A counter that is not told is absent, not nought."""

from datetime import datetime

from msgspec import Struct

from domain.dead_letter import RAW_LIMIT
from domain.ids import stable_id
from domain.post import Author, Engagement, Post, PostKind, Record
from ingest.graph.answers import decode
from ingest.graph.api import Paging
from ingest.graph.wall import Found, Place, Reading
from ingest.graph.words import moment, plain
from ingest.markup import clean

NETWORK = "instagram"
SITE = "https://www.instagram.com"


class Person(Struct, frozen=True):
    """Who wrote a comment."""

    id: str = ""
    username: str = ""


class _Media(Struct):
    id: str
    timestamp: str | int
    caption: str | None = None
    permalink: str | None = None
    username: str | None = None
    like_count: int | None = None
    comments_count: int | None = None


class _Replies(Struct):
    data: list["_Comment"] = []
    paging: Paging | None = None


class _On(Struct):
    id: str = ""
    permalink: str = ""


class _Comment(Struct, rename={"by": "from"}):
    id: str
    timestamp: str | int
    text: str | None = None
    username: str | None = None
    by: Person | None = None
    like_count: int | None = None
    hidden: bool = False
    parent_id: str | None = None
    replies: _Replies | None = None
    media: _On | None = None


class Written(Struct, frozen=True, kw_only=True):
    """What an object says of itself, in whichever way it was heard. `on_account`: under the account's own media."""

    id: str
    at: datetime
    text: str
    kind: PostKind = "post"
    by: Person = Person()
    url: str = ""
    reply_to: str = ""
    likes: int | None = None
    replies: int | None = None
    on_account: bool = False


def record(written: Written, raw: bytes, reading: Reading) -> Record | None:
    """Make the post of it; None where there is nothing to read (a picture without words)."""
    text = plain(written.text)
    if not text:
        return None
    place = reading.place
    own = is_own(written.by, place)
    post = Post(
        network=NETWORK,
        native_id=clean(written.id),
        version=stable_id("", text),
        text=text,
        created_at=written.at,
        collected_at=reading.at,
        source=reading.source,
        origin=reading.origin,
        kind=written.kind,
        url=clean(written.url),
        author=_author(written.by, place, own=own),
        engagement=Engagement(likes=written.likes, replies=written.replies, as_of=reading.at),
        reply_to=clean(written.reply_to),
        addressed=place.account if written.on_account and not own else "",
    )
    return Record(post=post, raw=raw[:RAW_LIMIT])


def is_own(by: Person, place: Place) -> bool:
    """Whether the account itself wrote it."""
    return bool(by.id and by.id == place.id) or bool(by.username and by.username.lower() == place.handle)


def read_media(raw: bytes, reading: Reading) -> Found:
    """Read one medium: one's own, one found by its hashtag (without its author), or one that mentions us."""
    try:
        media = decode(raw, _Media)
        at = moment(media.timestamp)
    except ValueError as error:
        return _unreadable(raw, reading, f"not a medium: {error}")
    written = Written(
        id=media.id,
        at=at,
        text=media.caption or "",
        by=Person(username=media.username or ""),
        url=media.permalink or "",
        likes=media.like_count,
        replies=media.comments_count,
    )
    return Found(
        id=clean(media.id),
        at=int(at.timestamp()),
        outcome=record(written, raw, reading),
        comments=media.comments_count or 0,
    )


def read_comment(raw: bytes, reading: Reading, *, under: str, on_account: bool = True) -> list[Found]:
    """Read a comment under the medium `under`, and the answers that came with it."""
    try:
        comment = decode(raw, _Comment)
        at = moment(comment.timestamp)
    except ValueError as error:
        return [_unreadable(raw, reading, f"not a comment: {error}")]
    replies = comment.replies or _Replies()
    media = comment.media or _On(under)
    written = Written(
        id=comment.id,
        at=at,
        text=comment.text or "",
        kind="comment",
        by=_who(comment),
        url=media.permalink,
        reply_to=comment.parent_id or media.id,
        likes=comment.like_count,
        replies=len(replies.data) if comment.replies else None,
        on_account=on_account,
    )
    first = Found(
        id=clean(comment.id),
        at=int(at.timestamp()),
        outcome=None if comment.hidden else record(written, raw, reading),
        hidden=comment.hidden,
        more=_after(replies),
    )
    return [first, *(_answer(one, comment.id, raw, reading) for one in replies.data)]


def _answer(answer: _Comment, parent: str, raw: bytes, reading: Reading) -> Found:
    try:
        at = moment(answer.timestamp)
    except ValueError as error:
        return _unreadable(raw, reading, f"not an answer: {error}")
    written = Written(
        id=answer.id, at=at, text=answer.text or "", kind="comment", by=_who(answer), reply_to=parent,
        likes=answer.like_count, on_account=True,
    )  # fmt: skip
    return Found(
        id=clean(answer.id),
        at=int(at.timestamp()),
        outcome=None if answer.hidden else record(written, raw, reading),
        hidden=answer.hidden,
    )


def _who(comment: _Comment) -> Person:
    by = comment.by or Person()
    return Person(by.id, by.username or comment.username or "")


def _after(replies: _Replies) -> str:
    paging = replies.paging
    return paging.cursors.after if paging and paging.next and paging.cursors else ""


def _unreadable(raw: bytes, reading: Reading, detail: str) -> Found:
    return Found(outcome=reading.letter("bad_object", detail, raw))


def _author(by: Person, place: Place, *, own: bool) -> Author:
    handle = clean(by.username).lower()
    return Author(
        id=place.id if own else clean(by.id),
        name=place.name if own else handle,
        handle=place.handle if own else handle,
        url=f"{SITE}/{handle}/" if handle else "",
        followers=place.followers if own else None,
    )
