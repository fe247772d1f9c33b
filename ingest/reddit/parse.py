"""Reddit's things to posts: t3 is a post, t1 a comment; texts are Markdown."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from domain.brand import Brand
from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.errors import Refused
from domain.ids import stable_id
from domain.post import Author, Engagement, Origin, Post, Record
from ingest.lenient import UNREADABLE, decode
from ingest.markup import clean, plain_text
from ingest.records.times import read_time
from ingest.records.values import count

SITE = "https://www.reddit.com"

_POST, _COMMENT = "t3", "t1"
_PREFIX = "reddit:"
_TAKEN_AWAY = {"[deleted]", "[removed]"}
_DELETED = "[deleted]"
_FULLNAME = re.compile(r"t[13]_[0-9a-z]{1,20}")
_LINK = re.compile(r"\[([^\[\]]{1,500})\]\((?:https?://|/)[^()\s]{1,2000}\)")
_QUOTE = re.compile(r"^ {0,3}>!? ?", re.MULTILINE)
_CALLED = re.compile(r"(?<![\w/])/?u/([A-Za-z0-9_-]{2,50})")


class Thing(Struct, frozen=True):
    """What a listing holds: a kind (t1, t3), and its data."""

    kind: str
    data: msgspec.Raw


class _Data(Struct, kw_only=True):
    name: str
    created_utc: float
    title: str | None = None
    selftext: str | None = None
    body: str | None = None
    author: str | None = None
    author_fullname: str | None = None
    subreddit: str | None = None
    edited: Any = False
    score: Any = None
    num_comments: Any = None
    permalink: str | None = None
    link_id: str | None = None
    link_author: str | None = None
    parent_id: str | None = None
    crosspost_parent: str | None = None
    removed_by_category: Any = None
    stickied: bool | None = None


class Found(Struct, frozen=True, kw_only=True):
    """A thing as it was read: its fullname, when it was written (unix seconds), and whether it is pinned.

    `record` is None for one that was taken away; `letter` is there in place of all for one that cannot be read.
    """

    name: str = ""
    at: int = 0
    pinned: bool = False
    record: Record | None = None
    letter: DeadLetter | None = None


class Own(Struct, frozen=True):
    """The brands' accounts on Reddit in lower case: `name` for an account, `r/name` for a subreddit of theirs."""

    names: frozenset[str] = frozenset()


def own_of(brands: Sequence[Brand]) -> Own:
    """The brands' accounts that are on Reddit."""
    accounts = (account.lower() for brand in brands for account in brand.accounts)
    return Own(frozenset(one.removeprefix(_PREFIX) for one in accounts if one.startswith(_PREFIX)))


def read_thing(raw: bytes, *, source: str, at: datetime, own: Own, origin: Origin = "live") -> Found:
    """Read one element of a listing; never raises."""
    try:
        return _read(raw, source=source, at=at, own=own, origin=origin)
    except UNREADABLE as error:
        refused = Refused("bad_thing", f"not a post or comment of Reddit: {error}")
    except Refused as error:
        refused = error
    letter = DeadLetter(
        source=source, stage="parse", reason=refused.reason, detail=refused.detail, where="listing",
        raw=raw[:RAW_LIMIT], at=at,
    )  # fmt: skip
    return Found(letter=letter)


def _read(raw: bytes, *, source: str, at: datetime, own: Own, origin: Origin) -> Found:
    thing = decode(raw, Thing)
    if thing.kind not in {_POST, _COMMENT}:
        raise Refused("bad_thing", f"neither a post nor a comment: {thing.kind:.20}")
    data = decode(bytes(thing.data), _Data)
    if not _FULLNAME.fullmatch(data.name) or not data.name.startswith(thing.kind):
        raise Refused("bad_thing", "it has no fullname")
    created = _time(data.created_utc, "created_utc")
    found = Found(name=data.name, at=int(created.timestamp()), pinned=data.stickied is True)
    words = data.body if thing.kind == _COMMENT else data.selftext
    if (words or "").strip() in _TAKEN_AWAY or data.removed_by_category:
        return found
    title, text = plain_text(data.title or "") if thing.kind == _POST else "", _plain(words or "")
    if not (title or text):
        raise Refused("no_text", "it has nothing to read")
    edited = data.edited if isinstance(data.edited, int | float) and not isinstance(data.edited, bool) else None
    post = Post(
        network="reddit",
        native_id=data.name,
        version=stable_id(title, text)[:16],
        title=title,
        text=text,
        created_at=created,
        edited_at=_time(edited, "edited") if edited else None,
        collected_at=at,
        source=source,
        origin=origin,
        kind="comment" if thing.kind == _COMMENT else "repost" if data.crosspost_parent else "post",
        url=_url(data.permalink or ""),
        author=_author(data),
        engagement=Engagement(likes=count(data.score), replies=count(data.num_comments), as_of=at),
        reply_to=clean(data.parent_id or data.link_id or "") if thing.kind == _COMMENT else "",
        repost_of=clean(data.crosspost_parent or ""),
        addressed=_addressed(data, f"{title} {text}", own),
    )
    return msgspec.structs.replace(found, record=Record(post=post, raw=raw[:RAW_LIMIT]))


def _time(told: Any, field: str) -> datetime:
    try:
        return read_time(told, UTC)
    except ValueError:
        raise Refused("bad_date", f"{field} {told!r:.80} is no time") from None


def _plain(markdown: str) -> str:
    """Links by their words, quotes and bold without their signs; HTML that somebody wrote is read as such."""
    text = _QUOTE.sub("", _LINK.sub(r"\1", markdown.replace("**", "")))
    return plain_text(text.replace("\n", "<br>") if "<" in text or "&" in text else text)


def _author(data: _Data) -> Author:
    name = clean(data.author or "")
    if not name or name == _DELETED:
        return Author()
    return Author(id=clean(data.author_fullname or name), name=name, handle=name, url=f"{SITE}/user/{name}")


def _url(permalink: str) -> str:
    return SITE + clean(permalink) if permalink.startswith("/") else ""


def _addressed(data: _Data, words: str, own: Own) -> str:
    """Whose it is: on a brand's own subreddit or profile, right under its post, or calling it by name."""
    author, subreddit = (data.author or "").lower(), (data.subreddit or "").lower()
    if not own.names or author in own.names:
        return ""
    answered = (data.link_author or "").lower() if data.parent_id == data.link_id else ""
    called = (name.lower() for name in _CALLED.findall(words)[:50])
    places = [answered, subreddit.removeprefix("u_") if subreddit.startswith("u_") else f"r/{subreddit}", *called]
    return next((_PREFIX + place for place in places if place in own.names), "")
