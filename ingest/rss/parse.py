"""Bytes to a feed: RSS and Atom through feedparser, which is never let near a network or a disk."""

import io
import re
from calendar import timegm
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import feedparser
import msgspec
from feedparser.encodings import convert_to_utf8

from domain.dead_letter import RAW_LIMIT
from domain.errors import Refused
from domain.ids import stable_id
from ingest.addresses import link_from
from ingest.markup import clean, plain_text
from ingest.rss.bombs import refuse_bomb
from ingest.rss.entry import MOST_ENTRIES, Entry, Feed, Unreadable, sound, too_many
from ingest.rss.jsonfeed import looks_like_json, read_json_feed

_PERIODS = {"hourly": 3_600, "daily": 86_400, "weekly": 604_800, "monthly": 2_592_000, "yearly": 31_536_000}
_IN_BRACKETS = re.compile(r"\(([^()]*)\)\s*$")
_UTF8 = "application/xml; charset=utf-8"


def read_feed(body: bytes, *, content_type: str, url: str) -> Feed:
    """Read a feed; `url` is where it came from, for links that are relative.

    Blocking and CPU-bound. Raises Refused with `not_a_feed` or `too_complex` when nothing of it can be used; broken
    XML with usable entries is used.
    """
    if looks_like_json(body, content_type):
        return read_json_feed(body, url=url)
    xml = convert_to_utf8({"content-type": content_type}, body, {}) if body.strip() else b""
    refuse_bomb(xml)
    # BytesIO, because feedparser takes bare bytes for a file name if it can. No location, because it would make ids
    # absolute with it, and they would change when the feed moves.
    parsed = feedparser.parse(
        io.BytesIO(xml),
        response_headers={"content-type": _UTF8},
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    if not parsed.entries and not parsed.get("version"):
        raise Refused("not_a_feed", "the answer is neither RSS nor Atom nor JSON Feed")
    found = [_entry(entry, url=url) for entry in parsed.entries[:MOST_ENTRIES]]
    left_out = len(parsed.entries) - MOST_ENTRIES
    return Feed(
        title=_text(parsed.feed, "title"),
        lang=_string(parsed.feed, "language"),
        pause=_pause(parsed.feed),
        hub=_link(parsed.feed, "hub"),
        itself=_link(parsed.feed, "self"),
        entries=[entry for entry in found if isinstance(entry, Entry)],
        unreadable=[entry for entry in found if isinstance(entry, Unreadable)]
        + ([too_many(left_out)] if left_out > 0 else []),
    )


def _entry(found: Mapping[str, Any], *, url: str) -> Entry | Unreadable:
    title, link = _text(found, "title"), link_from(url, _string(found, "link"))
    published = _string(found, "published") or _string(found, "updated")
    entry = Entry(
        id=_string(found, "id") or link or stable_id(title, published),
        url=link,
        title=title,
        text=_body(found),
        published=_time(found, "published_parsed"),
        updated=_time(found, "updated_parsed"),
        author=_person(found),
        author_url=link_from(url, _string(_part(found, "author_detail"), "href")),
        lang=_string(_part(found, "title_detail"), "language"),
        raw=_evidence(found),
    )
    return sound(entry)


def _person(found: Mapping[str, Any]) -> str:
    """Name the author, never by a mail address: RSS writes `desk@site.example (Ayla Nur)`."""
    written = _string(found, "author")
    if "@" not in written:
        return _string(_part(found, "author_detail"), "name") or written
    named = _IN_BRACKETS.search(written)
    return named[1].strip() if named and "@" not in named[1] else ""


def _body(found: Mapping[str, Any]) -> str:
    """Return the longest of the full texts and the summary."""
    details = [*(_own(found, "content") or ()), _part(found, "summary_detail")]
    return _plain(max(details, key=lambda detail: len(_string(detail, "value")), default={}))


def _plain(detail: Mapping[str, Any]) -> str:
    value = _string(detail, "value")
    return value.strip() if _string(detail, "type") == "text/plain" else plain_text(value)


def _text(found: Mapping[str, Any], name: str) -> str:
    return _plain(_part(found, f"{name}_detail"))


def _part(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = _own(found, name)
    return part if isinstance(part, Mapping) else {}


def _string(found: Mapping[str, Any], name: str) -> str:
    value = _own(found, name)
    return clean(value) if isinstance(value, str) else ""


def _time(found: Mapping[str, Any], name: str) -> datetime | None:
    value = _own(found, name)
    try:
        return datetime.fromtimestamp(timegm(value), UTC) if value else None
    except (ValueError, OverflowError, OSError, TypeError):
        return None


def _own(found: Mapping[str, Any], name: str) -> Any:
    """Look a name up as a plain dict does: feedparser's own look-up answers `updated` with `published`."""
    return dict.get(found, name) if isinstance(found, dict) else None


def _pause(channel: Mapping[str, Any]) -> float:
    """Seconds, by `<ttl>` (minutes) and `sy:updatePeriod` over `sy:updateFrequency`: the longer of both."""
    ttl, frequency = _string(channel, "ttl").strip(), _string(channel, "sy_updatefrequency").strip()
    times = max(1, int(frequency)) if frequency.isdecimal() else 1
    by_period = _PERIODS.get(_string(channel, "sy_updateperiod").strip().lower(), 0) / times
    return max(int(ttl) * 60.0 if ttl.isdecimal() else 0.0, by_period)


def _link(channel: Mapping[str, Any], rel: str) -> str:
    links = [link for link in _own(channel, "links") or () if isinstance(link, Mapping)]
    return next((_string(link, "href") for link in links if _string(link, "rel") == rel), "")


def _evidence(found: Mapping[str, Any]) -> bytes:
    names = ("id", "link", "title", "published", "updated", "summary")
    kept: dict[str, Any] = {name: _string(found, name) for name in names if _string(found, name)}
    kept["content"] = [_string(part, "value") for part in _own(found, "content") or ()]
    return msgspec.json.encode(kept)[:RAW_LIMIT]
