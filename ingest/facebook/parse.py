"""Posts, comments and recommendations of Facebook to posts of ours.

The ids are Facebook's own: PAGE_POST of a post, POST_COMMENT of a comment.
"""

from datetime import datetime

from msgspec import Struct

from domain.dead_letter import RAW_LIMIT
from domain.ids import stable_id
from domain.post import Author, Engagement, Post, PostKind, Record
from ingest.graph.answers import decode
from ingest.graph.wall import Found, Place, Reading
from ingest.graph.words import moment, plain
from ingest.markup import clean

NETWORK = "facebook"
SITE = "https://www.facebook.com"


class Person(Struct):
    """Who wrote something, as far as the token may see."""

    id: str = ""
    name: str = ""


class _Count(Struct):
    total_count: int | None = None


class _Summed(Struct):
    summary: _Count | None = None

    @property
    def total(self) -> int | None:
        return self.summary.total_count if self.summary else None


class _Shares(Struct):
    count: int | None = None


class _Post(Struct, rename={"by": "from"}):
    id: str
    created_time: str | int
    message: str | None = None
    by: Person | None = None
    permalink_url: str | None = None
    parent_id: str | None = None
    shares: _Shares | None = None
    reactions: _Summed | None = None
    comments: _Summed | None = None
    is_hidden: bool = False


class _Parent(Struct):
    id: str = ""


class _Comment(Struct, rename={"by": "from"}):
    id: str
    created_time: str | int
    message: str | None = None
    by: Person | None = None
    permalink_url: str | None = None
    parent: _Parent | None = None
    like_count: int | None = None
    comment_count: int | None = None
    is_hidden: bool = False


class _Story(Struct):
    id: str = ""


class _Review(Struct):
    created_time: str | int
    review_text: str | None = None
    rating: int | None = None
    recommendation_type: str | None = None
    reviewer: Person | None = None
    open_graph_story: _Story | None = None


class Written(Struct, frozen=True, kw_only=True):
    """What an object says of itself, in whichever way it was heard."""

    id: str
    at: datetime
    text: str
    title: str = ""
    kind: PostKind = "post"
    by: Person | None = None
    url: str = ""
    reply_to: str = ""
    repost_of: str = ""
    rating: int | None = None
    engagement: Engagement = Engagement()
    on_page: bool = False


def record(written: Written, raw: bytes, reading: Reading) -> Record | None:
    """Make the post of it; None where there is nothing to read."""
    title, text = plain(written.title), plain(written.text)
    if not (title or text):
        return None
    place, by = reading.place, written.by or Person()
    own = by.id == place.id
    post = Post(
        network=NETWORK,
        native_id=clean(written.id),
        version=stable_id(title, text),
        title=title,
        text=text,
        created_at=written.at,
        collected_at=reading.at,
        source=reading.source,
        origin=reading.origin,
        kind=written.kind,
        url=clean(written.url) or f"{SITE}/{clean(written.id)}",
        author=_author(by, place),
        engagement=written.engagement,
        reply_to=clean(written.reply_to),
        repost_of=clean(written.repost_of),
        addressed=place.account if written.on_page and not own else "",
        rating=written.rating,
    )
    return Record(post=post, raw=raw[:RAW_LIMIT])


def read_post(raw: bytes, reading: Reading) -> Found:
    """Read an object of `feed`, `tagged` or `visitor_posts`."""
    try:
        post = decode(raw, _Post)
        at = moment(post.created_time)
    except ValueError as error:
        return _unreadable(raw, reading, f"not a post: {error}")
    written = Written(
        id=post.id,
        at=at,
        text=post.message or "",
        kind="repost" if post.parent_id else "post",
        by=post.by,
        url=post.permalink_url or "",
        repost_of=post.parent_id or "",
        engagement=Engagement(
            likes=post.reactions.total if post.reactions else None,
            reposts=post.shares.count if post.shares else None,
            replies=post.comments.total if post.comments else None,
            as_of=reading.at,
        ),
        on_page=is_on_page(post.id, reading.place),
    )
    comments = (post.comments.total if post.comments else None) or 0
    return _found(written, raw, reading, hidden=post.is_hidden, comments=comments)


def read_comment(raw: bytes, reading: Reading, *, under: str) -> Found:
    """Read an object of a post's `comments`."""
    try:
        comment = decode(raw, _Comment)
        at = moment(comment.created_time)
    except ValueError as error:
        return _unreadable(raw, reading, f"not a comment: {error}")
    written = Written(
        id=comment.id,
        at=at,
        text=comment.message or "",
        kind="comment",
        by=comment.by,
        url=comment.permalink_url or "",
        reply_to=(comment.parent.id if comment.parent else "") or under,
        engagement=Engagement(likes=comment.like_count, replies=comment.comment_count, as_of=reading.at),
        on_page=is_on_page(under, reading.place),
    )
    return _found(written, raw, reading, hidden=comment.is_hidden)


def read_review(raw: bytes, reading: Reading) -> Found:
    """Read an object of `ratings`."""
    try:
        review = decode(raw, _Review)
        at = moment(review.created_time)
    except ValueError as error:
        return _unreadable(raw, reading, f"not a review: {error}")
    written = reviewed(
        reading.place,
        story=review.open_graph_story.id if review.open_graph_story else "",
        by=review.reviewer,
        at=at,
        text=review.review_text,
        word=review.recommendation_type,
        rating=review.rating,
    )
    return _found(written, raw, reading)


def reviewed(
    place: Place,
    *,
    story: str,
    by: Person | None,
    at: datetime,
    text: str | None,
    word: str | None,
    rating: int | None,
) -> Written:
    """Say what a review says. A recommendation has no stars, only a word, which is the title here."""
    return Written(
        # One person recommends a page once.
        id=story or f"{place.id}_review_{by.id if by else stable_id(at.isoformat(), text or '')[:16]}",
        at=at,
        text=text or "",
        title=(word or "").lower(),
        kind="review",
        by=by,
        url=f"{SITE}/{place.handle or place.id}/reviews",
        rating=rating if rating is not None and 1 <= rating <= 5 else None,  # noqa: PLR2004  # stars
        on_page=True,
    )


def is_on_page(post_id: str, place: Place) -> bool:
    """Whether a post stands on the page itself: its id begins with the page's."""
    return post_id.partition("_")[0] == place.id


def _found(written: Written, raw: bytes, reading: Reading, *, hidden: bool = False, comments: int = -1) -> Found:
    if not written.id:
        return _unreadable(raw, reading, "it has no id")
    return Found(
        id=clean(written.id),
        at=int(written.at.timestamp()),
        outcome=None if hidden else record(written, raw, reading),
        hidden=hidden,
        comments=comments,
    )


def _unreadable(raw: bytes, reading: Reading, detail: str) -> Found:
    return Found(outcome=reading.letter("bad_object", detail, raw))


def _author(by: Person, place: Place) -> Author:
    own = bool(by.id) and by.id == place.id
    handle = place.handle if own else ""
    return Author(
        id=clean(by.id),
        name=clean(by.name) or (place.name if own else ""),
        handle=handle,
        url=f"{SITE}/{handle or clean(by.id)}" if by.id else "",
        followers=place.followers if own else None,
    )
