"""What a feed says, in whichever of the three formats, before it becomes posts."""

from datetime import datetime

from msgspec import Struct


class Entry(Struct, frozen=True, kw_only=True):
    """One entry. `id` is the feed's own (guid, id), else the link, else a hash; times are the author's claims."""

    id: str
    url: str = ""
    title: str = ""
    text: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    author: str = ""
    author_url: str = ""
    lang: str = ""
    raw: bytes = b""


class Unreadable(Struct, frozen=True, kw_only=True):
    """An entry that cannot be read: a short reason for counting, a sentence, its id if it has one, its bytes.

    Its number in the feed is not told: it changes with every new entry, and the same entry must stay the same.
    """

    reason: str
    detail: str
    where: str
    raw: bytes


class Feed(Struct, frozen=True, kw_only=True):
    """A whole feed. `pause` is how many seconds it asks readers to stay away, 0 if it does not say.

    `hub` is who tells of its news (WebSub), `itself` the address by which the hub knows it; both as they are written.
    """

    title: str = ""
    lang: str = ""
    pause: float = 0.0
    hub: str = ""
    itself: str = ""
    entries: list[Entry]
    unreadable: list[Unreadable]


MOST_ENTRIES = 5_000


def too_many(left_out: int) -> Unreadable:
    """Say that the end of an overlong feed was not read."""
    sentence = f"{left_out} entries after the first {MOST_ENTRIES} of the feed were not read"
    return Unreadable(reason="too_many_entries", detail=sentence, where="end", raw=b"")


def sound(entry: Entry) -> Entry | Unreadable:
    """Refuse an entry with nothing to read."""
    if entry.title or entry.text:
        return entry
    return Unreadable(reason="no_text", detail="the entry has neither title nor text", where=entry.id, raw=entry.raw)
