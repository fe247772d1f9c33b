"""Posts and comments of VK to `Post`. Nothing here asks the network."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.errors import Refused
from domain.ids import stable_id
from domain.post import Engagement, Origin, Post, Record
from ingest.recent import deletion
from ingest.records.values import count
from ingest.vk.people import SITE, People, account, author
from ingest.vk.text import words

NETWORK = "vk"

_VERSION = 12
_CHAIN = 2
"""Originals of a repost that are read: as many as every method of VK gives."""
_UNPUBLISHED = frozenset({"postpone", "suggest", "post_ads"})
_TITLED = ("title", "caption", "question", "text", "description")


class _Post(Struct):
    id: int
    date: int = 0
    owner_id: int = 0
    to_id: int = 0
    from_id: int = 0
    text: str = ""
    edited: int | None = None
    post_type: str = ""
    post_id: int = 0
    parents_stack: list[int] = []
    reply_to_comment: int | None = None
    copy_history: "list[_Post]" = []
    attachments: Any = None
    likes: Any = None
    reposts: Any = None
    comments: Any = None
    views: Any = None
    thread: Any = None
    is_deleted: Any = None
    deleted: Any = None


_post = msgspec.json.Decoder(_Post)


def post_id(owner: int, post: int) -> str:
    """The native id of a post."""
    return f"{owner}_{post}"


def comment_id(owner: int, post: int, comment: int) -> str:
    """The native id of a comment."""
    return f"{owner}_{post}_r{comment}"


def gone(native_id: str, *, source: str, at: datetime, raw: bytes = b"") -> Record:
    """The record that says that a post or comment is gone."""
    return deletion(NETWORK, native_id, source=source, at=at, raw=raw)


def read_post(
    raw: bytes, people: People, *, source: str, at: datetime, site: str = SITE, origin: Origin = "live"
) -> Record | DeadLetter | None:
    """Read a post of a wall or of a search (which finds comments too); None: not published, or nothing to read.

    A repost holds its own words and those of the original; `repost_of` is the original.
    """
    page = _Page(people, source, at, site, origin)
    try:
        found = _decoded(raw)
        if found.post_type == "reply" and found.post_id:
            return _comment(found, found.owner_id or found.to_id, found.post_id, raw, page)
        return _on_a_wall(found, raw, page)
    except Refused as no:
        return refused(no.reason, str(no), raw, source=source, at=at)


def read_comment(
    raw: bytes,
    people: People,
    *,
    source: str,
    at: datetime,
    owner: int = 0,
    post: int = 0,
    site: str = SITE,
    origin: Origin = "live",
) -> Record | DeadLetter | None:
    """Read a comment under post `post` of the wall of `owner`, where it does not say so itself; None: no words."""
    page = _Page(people, source, at, site, origin)
    try:
        found = _decoded(raw)
        return _comment(found, found.owner_id or owner, found.post_id or post, raw, page)
    except Refused as no:
        where = post_id(owner, post) if owner and post else NETWORK
        return refused(no.reason, str(no), raw, source=source, at=at, where=where)


def refused(
    reason: str, detail: str, raw: bytes, *, source: str, at: datetime, stage: str = "parse", where: str = NETWORK
) -> DeadLetter:
    """A dead letter; `where` is the post under which a comment stands, where only that tells it."""
    raw = raw[:RAW_LIMIT]
    return DeadLetter(source=source, stage=stage, reason=reason, detail=detail, where=where, raw=raw, at=at)


class _Page(Struct, frozen=True):
    """What is known around a post."""

    people: People
    source: str
    at: datetime
    site: str
    origin: Origin


def _on_a_wall(found: _Post, raw: bytes, page: _Page) -> Record | None:
    owner = found.owner_id or found.to_id
    if not owner:
        raise Refused("bad_post", "the post says on no wall it is")
    native_id = post_id(owner, found.id)
    if found.is_deleted or found.deleted:
        return gone(native_id, source=page.source, at=page.at, raw=raw)
    originals = found.copy_history[:_CHAIN]
    text = "\n".join(filter(None, map(_said, (found, *originals))))
    if not text or found.post_type in _UNPUBLISHED:
        return None
    first = originals[-1] if originals else None
    post = _post_with(text, found, page)
    return Record(
        post=replace(
            post,
            native_id=native_id,
            kind="repost" if first else "post",
            url=f"{page.site}/wall{native_id}",
            author=author(found.from_id or owner, page.people, site=page.site),
            repost_of=post_id(first.owner_id or first.to_id, first.id) if first else "",
            addressed=account(owner, page.people) if found.from_id not in {0, owner} else "",
        ),
        raw=raw[:RAW_LIMIT],
    )


def _comment(found: _Post, owner: int, under: int, raw: bytes, page: _Page) -> Record | None:
    if not (owner and under):
        raise Refused("bad_comment", "the comment says under no post it is")
    native_id = comment_id(owner, under, found.id)
    if found.deleted or found.is_deleted:
        return gone(native_id, source=page.source, at=page.at, raw=raw)
    text = _said(found)
    if not text:
        return None
    stack = found.parents_stack
    above = found.reply_to_comment or (stack[-1] if stack else 0)
    return Record(
        post=replace(
            _post_with(text, found, page),
            native_id=native_id,
            kind="comment",
            url=f"{page.site}/wall{post_id(owner, under)}?reply={found.id}{f'&thread={stack[0]}' if stack else ''}",
            author=author(found.from_id, page.people, site=page.site),
            reply_to=comment_id(owner, under, above) if above else post_id(owner, under),
            addressed="" if found.from_id == owner else account(owner, page.people),
        ),
        raw=raw[:RAW_LIMIT],
    )


def _post_with(text: str, found: _Post, page: _Page) -> Post:
    """What posts and comments have in common."""
    try:
        created_at = datetime.fromtimestamp(found.date, UTC)
        edited_at = datetime.fromtimestamp(found.edited, UTC) if found.edited else None
    except (ValueError, OverflowError, OSError):
        raise Refused("bad_date", f"date {found.date} is no time") from None
    if found.date <= 0:
        raise Refused("bad_date", "it says not when it was written")
    return Post(
        network=NETWORK,
        native_id="",
        text=text,
        version=str(found.edited) if found.edited else stable_id("", text)[:_VERSION],
        created_at=created_at,
        edited_at=edited_at,
        collected_at=page.at,
        source=page.source,
        origin=page.origin,
        engagement=_engagement(found, page.at),
    )


def _engagement(found: _Post, at: datetime) -> Engagement:
    return Engagement(
        likes=_count(found.likes),
        reposts=_count(found.reposts),
        replies=_count(found.thread if found.thread is not None else found.comments),
        views=_count(found.views),
        as_of=at,
    )


def _count(counter: Any) -> int | None:
    return count(counter.get("count")) if isinstance(counter, dict) else None


def _said(found: _Post) -> str:
    """The words of a post; of one without words, those of what is attached."""
    said = words(found.text)
    if said or not isinstance(found.attachments, list):
        return said
    return "\n".join(filter(None, map(_titles, found.attachments)))


def _titles(attached: Any) -> str:
    if not isinstance(attached, dict) or not isinstance(attached.get("type"), str):
        return ""
    inner = attached.get(attached["type"])
    told: Sequence[Any] = [inner.get(field) for field in _TITLED] if isinstance(inner, dict) else ()
    return words("\n".join(dict.fromkeys(text for text in told if isinstance(text, str) and text.strip())))


def _decoded(raw: bytes) -> _Post:
    try:
        return _post.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("bad_post", f"not a post or comment of VK: {error}") from None
