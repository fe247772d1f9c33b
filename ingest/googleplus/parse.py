"""One file of the archive: a post of Google+ and the comments on it, to records."""

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.ids import stable_id
from domain.post import Author, Engagement, Post, Record
from ingest.lenient import UNREADABLE, decode
from ingest.markup import clean, plain_text
from ingest.records.values import link

PUBLIC = "CIRCLE_TYPE_PUBLIC"


class _Person(Struct, rename="camel"):
    display_name: str = ""
    profile_page_url: str = ""
    resource_name: str = ""


class _Link(Struct):
    title: str = ""


class _Reshared(Struct, rename="camel"):
    url: str = ""
    content: str = ""
    resource_name: str = ""


class _Circle(Struct):
    type: str = ""


class _Standard(Struct):
    circles: list[_Circle] = []


class _Acl(Struct, rename="camel"):
    is_public: bool | None = None
    visible_to_standard_acl: _Standard | None = None


class _Comment(Struct, rename="camel"):
    creation_time: str
    content: str = ""
    author: _Person = msgspec.field(default_factory=_Person)
    update_time: str = ""
    resource_name: str = ""
    comment_activity_id: str = ""


class _Activity(Struct, rename="camel"):
    url: str
    creation_time: str
    update_time: str = ""
    author: _Person = msgspec.field(default_factory=_Person)
    content: str = ""
    link: _Link | None = None
    reshared_post: _Reshared | None = None
    comments: list[msgspec.Raw] = []
    plus_ones: list[msgspec.Raw] | None = None
    reshares: list[msgspec.Raw] | None = None
    resource_name: str = ""
    post_acl: _Acl | None = None


class _Shape(Struct, rename="camel"):
    """What tells a post from the archive's other files."""

    url: str = ""
    creation_time: str = ""
    post_acl: msgspec.Raw = msgspec.Raw()


class Context(Struct, frozen=True, kw_only=True):
    """Who reads, when, in which file; `private`: also what was not shown to everyone; `sure`: it must be a post."""

    source: str
    at: datetime
    where: str
    private: bool = False
    sure: bool = True


def read_file(raw: bytes, context: Context) -> list[Record | DeadLetter]:
    """The post of a file and its comments; nothing for a file of another kind, or a post that was not for all."""
    try:
        activity = decode(raw, _Activity)
        created_at = _time(activity.creation_time)
    except (*UNREADABLE, ValueError) as error:
        if not (context.sure or _looks_like_a_post(raw)):
            return []
        return [_refused("bad_post", f"not a post of Google+: {error}", raw, context)]
    if not (context.private or _is_public(activity.post_acl)):
        return []
    post = _post(activity, created_at, context)
    # Comments stay beside a post without words: they are what people said under a picture.
    found: list[Record | DeadLetter] = [Record(post=post, raw=raw[:RAW_LIMIT])] if post.text else []
    return [*found, *_comments(activity, post, context)]


def _post(activity: _Activity, created_at: datetime, context: Context) -> Post:
    reshared = activity.reshared_post
    said = plain_text(activity.content)
    text = said or (plain_text(reshared.content) if reshared else "")
    text = text or (clean(activity.link.title).strip() if activity.link else "")
    edited_at = _time(activity.update_time) if activity.update_time else created_at
    return Post(
        network="googleplus",
        native_id=_id(activity.resource_name, activity.url),
        version=stable_id(text)[:16],
        text=text,
        created_at=created_at,
        collected_at=context.at,
        edited_at=edited_at if edited_at > created_at else None,
        source=context.source,
        origin="backfill",
        kind="repost" if reshared and not said else "post",
        url=link(clean(activity.url)),
        author=_author(activity.author),
        engagement=Engagement(
            likes=None if activity.plus_ones is None else len(activity.plus_ones),
            reposts=None if activity.reshares is None else len(activity.reshares),
            replies=len(activity.comments),
            as_of=context.at,
        ),
        repost_of=_id(reshared.resource_name, reshared.url) if reshared else "",
    )


def _comments(activity: _Activity, post: Post, context: Context) -> Iterator[Record | DeadLetter]:
    for raw in map(bytes, activity.comments):
        try:
            comment = decode(raw, _Comment)
            created_at = _time(comment.creation_time)
        except (*UNREADABLE, ValueError) as error:
            yield _refused("bad_comment", f"not a comment of Google+: {error}", raw, context)
            continue
        text, author = plain_text(comment.content), _author(comment.author)
        if not text:
            continue
        own = comment.resource_name or comment.comment_activity_id
        native_id = clean(own) or stable_id(post.native_id, comment.creation_time, author.id, text)
        answered = Post(
            network="googleplus",
            native_id=native_id,
            version=stable_id(text)[:16],
            text=text,
            created_at=created_at,
            collected_at=context.at,
            source=context.source,
            origin="backfill",
            kind="comment",
            url=post.url,
            author=author,
            reply_to=post.native_id,
            addressed="" if author.id == post.author.id else post.account if post.author.id else "",
        )
        yield Record(post=answered, raw=raw[:RAW_LIMIT])


def _author(person: _Person) -> Author:
    page = link(clean(person.profile_page_url))
    last = page.rstrip("/").rpartition("/")[2]
    number = clean(person.resource_name).rpartition("/")[2]
    return Author(
        id=number or last,
        name=clean(person.display_name),
        handle=last if last.startswith("+") else "",
        url=page,
    )


def _id(resource_name: str, url: str) -> str:
    return clean(resource_name or url)


def _is_public(acl: _Acl | None) -> bool:
    """Whether everyone could see a post; one that does not tell was."""
    if acl is None:
        return True
    if acl.is_public is not None:
        return acl.is_public
    standard = acl.visible_to_standard_acl
    return standard is not None and any(circle.type == PUBLIC for circle in standard.circles)


def _looks_like_a_post(raw: bytes) -> bool:
    try:
        shape = decode(raw, _Shape)
    except UNREADABLE:
        return False
    return bool(shape.url and shape.creation_time and bytes(shape.post_acl))


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _refused(reason: str, detail: str, raw: bytes, context: Context) -> DeadLetter:
    return DeadLetter(
        source=context.source, stage="parse", reason=reason, detail=detail[:500], where=context.where,
        raw=raw[:RAW_LIMIT], at=context.at,
    )  # fmt: skip
