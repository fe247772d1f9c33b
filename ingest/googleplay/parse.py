"""Reviews of Google Play to posts."""

from datetime import UTC, datetime
from urllib.parse import quote

import msgspec
from msgspec import Struct

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.errors import RetryLater
from domain.ids import stable_id
from domain.post import Author, Engagement, Post, Record
from ingest.lenient import UNREADABLE, decode
from ingest.markup import clean
from ingest.records.values import language
from ingest.reviews import own_reply, typed

NETWORK = "googleplay"
SITE = "https://play.google.com/store/apps/details"

_TAB = "\t"
_MOST_STARS = 5


class _Moment(Struct):
    seconds: str
    nanos: int = 0

    def read(self) -> datetime:
        return datetime.fromtimestamp(int(self.seconds), UTC)


class _User(Struct, rename="camel"):
    last_modified: _Moment
    text: str = ""
    original_text: str = ""
    star_rating: int = 0
    reviewer_language: str = ""
    thumbs_up_count: int | None = None


class _Developer(Struct, rename="camel"):
    last_modified: _Moment
    text: str = ""


class _Comment(Struct, rename="camel"):
    user_comment: _User | None = None
    developer_comment: _Developer | None = None


class _Review(Struct, rename="camel"):
    review_id: str
    author_name: str = ""
    comments: list[_Comment] = []


class _Next(Struct, frozen=True, rename="camel"):
    next_page_token: str = ""


class Answer(Struct, rename="camel"):
    """One page of reviews, newest change first. An app without reviews has none of its fields."""

    reviews: list[msgspec.Raw] = []
    token_pagination: _Next = _Next()


def read_answer(body: bytes) -> Answer:
    """Read a page as a whole; raises RetryLater for garbage: asking again loses nothing."""
    try:
        return decode(body, Answer)
    except UNREADABLE:
        raise RetryLater("Google Play answers something that is not its own format") from None


def read_review(raw: bytes, package: str, *, source: str, at: datetime) -> list[Record | DeadLetter]:
    """Read a review and the brand's reply to it. Title and body come joined by a tab."""
    try:
        review = decode(raw, _Review)
        user = next((one.user_comment for one in review.comments if one.user_comment), None)
        reply = next((one.developer_comment for one in review.comments if one.developer_comment), None)
        changed = user.last_modified.read() if user else None
        replied = reply.last_modified.read() if reply else None
    except (*UNREADABLE, ValueError, OverflowError, OSError) as error:
        return [_refused("bad_review", f"not a review: {error}", raw, package, source=source, at=at)]
    title, text = _title_and_body(user)
    native_id = clean(review.review_id)
    if not (native_id and user and changed and (title or text)):
        return [_refused("no_text", "the review has no id or nothing to read", raw, package, source=source, at=at)]
    rating = user.star_rating if 1 <= user.star_rating <= _MOST_STARS else None
    name = clean(review.author_name)
    post = Post(
        network=NETWORK,
        native_id=native_id,
        version=stable_id(title, text, str(rating)),
        title=title,
        text=text,
        created_at=changed,
        collected_at=at,
        source=source,
        kind="review",
        url=f"{SITE}?id={package}&reviewId={quote(native_id, safe='')}",
        author=Author(name=name),
        lang=language(user.reviewer_language, ""),
        engagement=Engagement(likes=user.thumbs_up_count, as_of=at),
        addressed=f"{NETWORK}:{package}".lower(),
        rating=rating,
    )
    records: list[Record | DeadLetter] = [Record(post=post, raw=raw[:RAW_LIMIT])]
    words = typed(reply.text) if reply else ""
    if words and replied:
        answer = own_reply(post, words, account=package, at=replied, version=stable_id("", words))
        records.append(Record(post=answer, raw=raw[:RAW_LIMIT]))
    return records


def _title_and_body(user: _User | None) -> tuple[str, str]:
    written = (user.original_text or user.text) if user else ""
    title, tab, body = written.partition(_TAB)
    return (typed(title), typed(body)) if tab else ("", typed(written))


def _refused(reason: str, detail: str, raw: bytes, package: str, *, source: str, at: datetime) -> DeadLetter:
    return DeadLetter(
        source=source, stage="parse", reason=reason, detail=detail, where=package, raw=raw[:RAW_LIMIT], at=at
    )
