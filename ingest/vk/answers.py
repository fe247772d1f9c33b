"""VK's lists as they come: items unread, with those who wrote them beside."""

from typing import Any

import msgspec
from msgspec import Struct

from ingest.vk.api import decode
from ingest.vk.people import People, read_people


class Listing(Struct):
    """An answer of `wall.*` and `newsfeed.search`; `count` is of all there is, not of this page."""

    items: list[msgspec.Raw] = []
    count: int | None = None
    total_count: int | None = None
    current_level_count: int | None = None
    next_from: str | None = None
    profiles: list[msgspec.Raw] = []
    groups: list[msgspec.Raw] = []

    def people(self, site: str) -> People:
        """Who wrote."""
        return read_people(self.profiles, self.groups, site=site)


class Thread(Struct):
    """The first answers to a comment, and how many there are."""

    count: int = 0
    items: list[msgspec.Raw] = []


class Ids(Struct):
    """What must be known of an item even when it cannot be read."""

    id: int = 0
    owner_id: int = 0
    post_id: int = 0
    date: int = 0


class Glimpse(Ids):
    """What decides how to go on: all 0 where the item is no post at all."""

    is_pinned: Any = None
    comments: Any = None
    thread: Thread | None = None

    @property
    def comment_count(self) -> int | None:
        """How many comments VK shows under it."""
        found = self.comments.get("count") if isinstance(self.comments, dict) else None
        return found if isinstance(found, int) else None


def read_listing(body: bytes) -> Listing:
    """Read an answer; raises RetryLater for garbage."""
    if body[:1] == b"[":  # before version 5.150 wall.getById answered the bare list
        return Listing(items=decode(body, list[msgspec.Raw], what="VK"))
    return decode(body, Listing, what="VK")


def glimpse(raw: bytes) -> Glimpse:
    """Look at an item before it is read."""
    try:
        return msgspec.json.decode(raw, type=Glimpse)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        ids = msgspec.json.decode(raw, type=Ids)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Glimpse()
    return Glimpse(ids.id, ids.owner_id, ids.post_id, ids.date)
