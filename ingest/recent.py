"""What a polled source remembers of the posts it gave lately, to give each again only when it changed.

A network that is polled shows the same posts time and again: edited, with other counters, or not at all any more.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from domain.ids import stable_id
from domain.post import Post, Record

_SHORT = 12


class Seen(Struct, frozen=True, array_like=True):
    """A post as it was given: when it was written (unix seconds), its version, and its counters (both as hashes)."""

    at: int
    version: str
    counters: str


Recent = dict[str, Seen]
"""By native id; part of a cursor."""


def news(records: Iterable[Record], recent: Mapping[str, Seen]) -> list[Record]:
    """Those that are not remembered, or in another version, or with other counters."""
    return [record for record in records if recent.get(record.post.native_id) != seen(record.post)]


def remembered(recent: Mapping[str, Seen], records: Iterable[Record], *, since: datetime, most: int) -> Recent:
    """What to remember after `records` were given: what was written after `since`, and of that the latest `most`."""
    after = dict(recent)
    for record in records:
        post = record.post
        after.pop(post.native_id, None)
        if not post.deleted:
            after[post.native_id] = seen(post)
    horizon = int(since.timestamp())
    kept = sorted(((one.at, name) for name, one in after.items() if one.at >= horizon), reverse=True)[:most]
    wanted = {name for _, name in kept}
    return {name: one for name, one in after.items() if name in wanted}


def seen(post: Post) -> Seen:
    """How a post is remembered."""
    counters = replace(post.engagement, as_of=None)
    told = (counters.likes, counters.reposts, counters.replies, counters.views)
    return Seen(int(post.created_at.timestamp()), stable_id(post.stamp)[:_SHORT], stable_id(*map(str, told))[:_SHORT])


def deletion(network: str, native_id: str, *, source: str, at: datetime, raw: bytes = b"") -> Record:
    """The record that says that a post is gone."""
    gone = Post(
        network=network, native_id=native_id, text="", created_at=at, collected_at=at, source=source, deleted=True
    )
    return Record(post=gone, raw=raw)


def horizon(now: datetime, hours: float) -> datetime:
    """The moment so many hours before now."""
    return now - timedelta(hours=hours)
