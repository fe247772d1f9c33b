"""Reviews of the App Store to posts: entries of the public feed, and resources of App Store Connect."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.errors import Refused, RetryLater
from domain.ids import stable_id
from domain.post import Author, Engagement, Post, Record
from ingest.lenient import UNREADABLE, decode
from ingest.markup import clean
from ingest.records.values import count, link
from ingest.reviews import own_reply, typed

NETWORK = "appstore"
SITE = "https://apps.apple.com"

_MOST_STARS = 5
Read = list[Record | DeadLetter]


class _Label(Struct, frozen=True):
    label: str = ""


class _FeedAuthor(Struct, frozen=True):
    name: _Label = _Label()
    uri: _Label = _Label()


class _Entry(Struct):
    id: _Label = _Label()
    author: _FeedAuthor = _FeedAuthor()
    title: _Label = _Label()
    content: _Label = _Label()
    updated: _Label = _Label()
    rating: _Label | None = msgspec.field(default=None, name="im:rating")
    votes: _Label | None = msgspec.field(default=None, name="im:voteCount")
    app_name: _Label | None = msgspec.field(default=None, name="im:name")


class _Feed(Struct, frozen=True):
    entry: msgspec.Raw = msgspec.Raw(b"[]")


class _FeedAnswer(Struct):
    feed: _Feed


class _Entries(Struct):
    entry: list[msgspec.Raw]


class _Attributes(Struct, frozen=True, rename="camel"):
    rating: int = 0
    title: str | None = None
    body: str | None = None
    reviewer_nickname: str | None = None
    created_date: datetime | None = None
    response_body: str | None = None
    last_modified_date: datetime | None = None


class _Id(Struct, frozen=True):
    id: str = ""


class _Relation(Struct, frozen=True):
    data: _Id | None = None


class _Relations(Struct, frozen=True):
    response: _Relation = _Relation()
    review: _Relation = _Relation()


class _Resource(Struct, frozen=True):
    id: str
    type: str = ""
    attributes: _Attributes = _Attributes()
    relationships: _Relations = _Relations()


class _Pair(Struct):
    review: _Resource
    response: _Resource | None = None


class _Links(Struct, frozen=True):
    next: str = ""


class _ConnectAnswer(Struct):
    data: list[msgspec.Raw]
    included: list[msgspec.Raw] = []
    links: _Links = _Links()


def read_feed(body: bytes) -> list[bytes]:
    """Take the entries out of a page of the feed: one review is an object, none is nothing at all.

    Raises RetryLater for garbage.
    """
    try:
        entry = bytes(decode(body, _FeedAnswer).feed.entry).strip()
        listed = entry if entry.startswith(b"[") else b"[" + entry + b"]"
        return [bytes(raw) for raw in decode(b'{"entry":' + listed + b"}", _Entries).entry]
    except UNREADABLE:
        raise RetryLater("the feed of the App Store answers something that is not its own format") from None


def read_entry(raw: bytes, app: str, country: str, *, source: str, at: datetime) -> Read:
    """Read an entry of the feed; nothing for the app itself, which older feeds put first."""
    where = f"{app}/{country}"
    try:
        entry = decode(raw, _Entry)
        if entry.rating is None and entry.app_name is not None:
            return []
        written = datetime.fromisoformat(entry.updated.label).astimezone(UTC)
    except (*UNREADABLE, ValueError, OverflowError) as error:
        return [_refused("bad_review", f"not a review of the feed: {error}", raw, where, source=source, at=at)]
    try:
        post = _post(
            app,
            entry.id.label,
            title=entry.title.label,
            text=entry.content.label,
            stars=count(entry.rating.label) if entry.rating else None,
            source=source,
            at=at,
            created_at=written,
            url=f"{SITE}/{country}/app/id{app}?see-all=reviews",
            author=Author(name=clean(entry.author.name.label), url=link(clean(entry.author.uri.label))),
            engagement=Engagement(likes=count(entry.votes.label) if entry.votes else None, as_of=at),
        )
    except Refused as error:
        return [_refused(error.reason, error.detail, raw, where, source=source, at=at)]
    return [Record(post=post, raw=raw[:RAW_LIMIT])]


def read_connect(body: bytes) -> tuple[list[bytes], str]:
    """Take reviews out of a page, each as `{"review": ..., "response": ...}`, and the address of the next page.

    A response is tied to its review from either side. Raises RetryLater for garbage.
    """
    try:
        answer = decode(body, _ConnectAnswer)
    except UNREADABLE:
        raise RetryLater("App Store Connect answers something that is not its own format") from None
    by_id: dict[str, bytes] = {}
    by_review: dict[str, bytes] = {}
    for raw in answer.included:
        found = _resource(raw)
        if found is not None and found.type == "customerReviewResponses":
            by_id[found.id] = bytes(raw)
            if found.relationships.review.data:
                by_review[found.relationships.review.data.id] = bytes(raw)
    pairs = []
    for raw in answer.data:
        review, response = _resource(raw), b"null"
        if review is not None:
            told = review.relationships.response.data
            response = by_id.get(told.id if told else "", by_review.get(review.id, b"null"))
        pairs.append(b'{"review":' + bytes(raw) + b',"response":' + response + b"}")
    return pairs, answer.links.next


def read_pair(raw: bytes, app: str, *, source: str, at: datetime) -> Read:
    """Read a review of App Store Connect, and the brand's response to it."""
    try:
        pair = decode(raw, _Pair)
        said = pair.review.attributes
        if said.created_date is None or said.created_date.tzinfo is None:
            raise ValueError("createdDate is missing or has no zone")  # noqa: TRY301  # read like any other mistake
        written = said.created_date.astimezone(UTC)
    except (*UNREADABLE, ValueError, OverflowError) as error:
        return [_refused("bad_review", f"not a review of App Store Connect: {error}", raw, app, source=source, at=at)]
    try:
        post = _post(
            app,
            pair.review.id,
            title=said.title or "",
            text=said.body or "",
            stars=said.rating,
            source=source,
            at=at,
            created_at=written,
            url=f"{SITE}/app/id{app}?see-all=reviews",
            author=Author(name=clean(said.reviewer_nickname or "")),
        )
    except Refused as error:
        return [_refused(error.reason, error.detail, raw, app, source=source, at=at)]
    records: Read = [Record(post=post, raw=raw[:RAW_LIMIT])]
    answer = pair.response.attributes if pair.response else _Attributes()
    words, replied = typed(answer.response_body or ""), answer.last_modified_date
    if words and replied and replied.tzinfo:
        reply = own_reply(post, words, account=app, at=replied.astimezone(UTC), version=stable_id("", words))
        records.append(Record(post=reply, raw=raw[:RAW_LIMIT]))
    return records


def _resource(raw: msgspec.Raw) -> _Resource | None:
    try:
        return decode(bytes(raw), _Resource)
    except UNREADABLE:
        return None


def _post(
    app: str, number: str, *, title: str, text: str, stars: int | None, source: str, at: datetime, **told: Any
) -> Post:
    """Raises Refused where nobody could read anything."""
    title, text = typed(title), typed(text)
    if not (number and (title or text)):
        raise Refused("no_text", "the review has no id or nothing to read")
    rating = stars if stars is not None and 1 <= stars <= _MOST_STARS else None
    return Post(
        network=NETWORK,
        native_id=clean(number),
        version=stable_id(title, text, str(rating)),
        title=title,
        text=text,
        collected_at=at,
        source=source,
        kind="review",
        addressed=f"{NETWORK}:{app}",
        rating=rating,
        **told,
    )


def _refused(reason: str, detail: str, raw: bytes, where: str, *, source: str, at: datetime) -> DeadLetter:
    return DeadLetter(
        source=source, stage="parse", reason=reason, detail=detail, where=where, raw=raw[:RAW_LIMIT], at=at
    )
