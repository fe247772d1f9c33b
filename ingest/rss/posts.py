"""Entries to posts: identity across feeds, honest times, and what of it is history."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from msgspec import Struct

from domain.ids import stable_id
from domain.post import Author, Post, Record
from ingest.addresses import host_of
from ingest.markup import clean
from ingest.rss.entry import Entry, Feed

_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_LARGEST_LEAD = timedelta(days=1)
_LONGEST_ID = 500
_GLOBAL_IDS = ("http://", "https://", "tag:", "urn:")


class Reading(Struct, frozen=True, kw_only=True):
    """The circumstances in which a feed was read. `history_before` is None once the feed has been read before."""

    address: str
    source: str
    network: str
    lang: str
    collected_at: datetime
    history_before: datetime | None


def records(feed: Feed, reading: Reading) -> list[Record]:
    """Every entry once as a post, oldest first."""
    found = {record.post.native_id: record for record in _records(feed, reading)}
    return sorted(found.values(), key=lambda record: record.post.created_at)


def _records(feed: Feed, reading: Reading) -> Iterator[Record]:
    times_used = Counter(entry.id for entry in feed.entries)
    for entry in reversed(feed.entries):  # the first of equal entries stays, being written last
        # A feed that gives one id to different entries would else lose all but one of them.
        own = entry.id if times_used[entry.id] == 1 else f"{entry.id}#{stable_id(entry.url, entry.title)[:12]}"
        yield Record(post=_post(entry, own, feed, reading), raw=entry.raw)


def _post(entry: Entry, own_id: str, feed: Feed, reading: Reading) -> Post:
    claimed = _believed(entry.published or entry.updated, reading.collected_at)
    created_at = claimed or reading.collected_at
    host = host_of(entry.url) or host_of(reading.address)
    edited = _believed(entry.updated, reading.collected_at)
    # An undated entry of a feed never read before may be of any age: it must not look like news.
    history = reading.history_before is not None and (claimed is None or created_at < reading.history_before)
    return Post(
        network=reading.network,
        native_id=_global_id(own_id, reading.address),
        title=entry.title,
        text=entry.text,
        version=stable_id(entry.title, entry.text),
        created_at=created_at,
        edited_at=edited if edited is not None and edited > created_at else None,
        collected_at=reading.collected_at,
        source=reading.source,
        origin="backfill" if history else "live",
        kind="article",
        url=entry.url,
        author=Author(
            id=f"{host}:{entry.author}" if entry.author else host,
            name=entry.author or clean(feed.title),
            handle=host,
            url=entry.author_url,
        ),
        lang=entry.lang or feed.lang or reading.lang,
    )


def _believed(claimed: datetime | None, collected_at: datetime) -> datetime | None:
    """Take a claim for absent when it is absurd: then the entry counts as written when it was seen."""
    sane = claimed is not None and _EARLIEST <= claimed <= collected_at + _LARGEST_LEAD
    return claimed if sane else None


def _global_id(own: str, address: str) -> str:
    """Make an id that two feeds cannot share by chance: a bare guid is prefixed with the feed's host and path."""
    if not own.startswith(_GLOBAL_IDS):
        parts = urlsplit(address)
        own = f"{parts.hostname}{parts.path}#{own}"
    return own if len(own) <= _LONGEST_ID else stable_id(own)
