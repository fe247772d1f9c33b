"""JSON Feed 1.0 and 1.1 (jsonfeed.org/version/1.1), read item by item so that one bad item spoils no other."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from domain.dead_letter import RAW_LIMIT
from domain.errors import Refused
from domain.ids import stable_id
from ingest.addresses import link_from
from ingest.markup import clean, plain_text
from ingest.rss.entry import MOST_ENTRIES, Entry, Feed, Unreadable, sound, too_many


class _Author(Struct):
    name: str = ""
    url: str = ""


class _Document(Struct):
    items: list[msgspec.Raw]
    feed_url: Any = None
    hubs: Any = None
    version: str = ""
    title: str = ""
    language: str = ""


class _Item(Struct):
    id: str | int | float = ""
    url: str | None = ""
    title: str | None = ""
    content_text: str | None = ""
    content_html: str | None = ""
    summary: str | None = ""
    date_published: Any = None
    date_modified: Any = None
    language: str | None = ""
    author: _Author | None = None
    authors: list[_Author] | None = None


_document = msgspec.json.Decoder(_Document)
_item = msgspec.json.Decoder(_Item)


def looks_like_json(body: bytes, content_type: str) -> bool:
    """Whether to read this as JSON; no XML starts with a brace."""
    return body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{" or "json" in content_type.lower()


def read_json_feed(body: bytes, *, url: str) -> Feed:
    """Read a JSON Feed; raises Refused `not_a_feed` for other JSON and for no JSON."""
    try:
        document = _document.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused("not_a_feed", "the answer is neither RSS nor Atom nor JSON Feed") from None
    found = [_read(bytes(raw), url=url) for raw in document.items[:MOST_ENTRIES]]
    left_out = len(document.items) - MOST_ENTRIES
    return Feed(
        title=document.title,
        lang=document.language,
        hub=_hub(document.hubs),
        itself=document.feed_url if isinstance(document.feed_url, str) else "",
        entries=[entry for entry in found if isinstance(entry, Entry)],
        unreadable=[entry for entry in found if isinstance(entry, Unreadable)]
        + ([too_many(left_out)] if left_out > 0 else []),
    )


def _read(raw: bytes, *, url: str) -> Entry | Unreadable:
    try:
        item = _item.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Unreadable(reason="bad_item", detail=f"the item is not as JSON Feed says: {error}", where="", raw=raw)
    title, link = clean(item.title or ""), link_from(url, item.url or "")
    author = next(iter(item.authors or ()), item.author) or _Author()
    claimed = item.date_published if isinstance(item.date_published, str) else ""
    entry = Entry(
        id=_id(item.id) or link or stable_id(title, claimed),
        url=link,
        title=title,
        text=plain_text(item.content_html) if item.content_html else clean(item.content_text or item.summary or ""),
        published=_time(item.date_published),
        updated=_time(item.date_modified),
        author=clean(author.name),
        author_url=link_from(url, author.url),
        lang=item.language or "",
        raw=raw[:RAW_LIMIT],
    )
    return sound(entry)


def _hub(hubs: Any) -> str:
    told = [hub for hub in hubs if isinstance(hub, dict)] if isinstance(hubs, list) else []
    named = [hub.get("url") for hub in told if str(hub.get("type", "")).lower() == "websub"]
    return next((url for url in named if isinstance(url, str)), "")


def _id(given: str | float) -> str:
    return clean(given) if isinstance(given, str) else str(given)


def _time(claimed: Any) -> datetime | None:
    """RFC 3339; a time without a zone is taken for UTC, anything else for absent."""
    if not isinstance(claimed, str):
        return None
    try:
        time = datetime.fromisoformat(claimed)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
