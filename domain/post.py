"""A post as a network published it, before anyone asked whom it concerns."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from domain.ids import stable_id

PostKind = Literal["post", "comment", "repost", "article", "review", "message"]
"""What the network calls it is mapped to one of these by the connector."""

Origin = Literal["live", "replay", "backfill"]
"""live: heard as it happens. replay: recorded, rules run on its own times. backfill: history, wakes nobody."""


class Author(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who wrote a post, as far as the network tells. Absent is None, never zero."""

    id: str = ""
    name: str = ""
    handle: str = ""
    url: str = ""
    followers: int | None = None
    verified: bool | None = None
    bot: bool | None = None


class Engagement(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Counters of a post, a snapshot taken at `as_of`. None means that the network does not show it."""

    likes: int | None = None
    reposts: int | None = None
    replies: int | None = None
    views: int | None = None
    as_of: datetime | None = None


class Post(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One observed version of something written in public.

    Identity is (network, native_id); `version` tells edits apart (edit time or content hash).
    `created_at` is the author's claim, `observed_at` the network's clock, `collected_at` ours; all are
    timezone-aware UTC. `text` is plain text: connectors convert markup once. A deletion is a post with
    `deleted=True` and no text. `addressed` is the account it is written to, as config writes it (`network:handle`):
    on that account's own page, or as a direct message; such a post asks that account for an answer.
    """

    network: str
    native_id: str
    text: str
    created_at: datetime
    collected_at: datetime
    source: str
    version: str = ""
    origin: Origin = "live"
    kind: PostKind = "post"
    observed_at: datetime | None = None
    edited_at: datetime | None = None
    url: str = ""
    title: str = ""
    author: Author = Author()
    lang: str = ""
    engagement: Engagement = Engagement()
    reply_to: str = ""
    repost_of: str = ""
    addressed: str = ""
    rating: int | None = None
    deleted: bool = False

    @property
    def id(self) -> str:
        """The post's own id, whatever its version: hash(network in lower case, native_id)."""
        return stable_id(self.network.lower(), self.native_id)

    @property
    def wording(self) -> str:
        """What a reader reads: the title, if there is one, and the text."""
        return f"{self.title}\n{self.text}".strip() if self.title else self.text

    @property
    def place(self) -> str:
        """Where it stands, for a person and for `id_at`: `network:native_id`."""
        return f"{self.network}:{self.native_id}"

    @property
    def stamp(self) -> str:
        """The version: the network's own, else a hash of what a reader sees."""
        if self.version:
            return self.version
        return "deleted" if self.deleted else stable_id(self.title, self.text)

    @property
    def account(self) -> str:
        """The author's account as config writes it: `network:handle`, lower case."""
        return f"{self.network}:{self.author.handle or self.author.id}".lower()

    @property
    def accounts(self) -> tuple[str, ...]:
        """The author's account in every way that config may write it: by handle and by id."""
        author = self.author
        return tuple(account_id(f"{self.network}:{name}") for name in (author.handle, author.id) if name)


def account_id(written: str) -> str:
    """An account as it is compared: `VK:@AuroraAir` is `vk:auroraair`."""
    network, _, name = written.strip().lower().partition(":")
    return f"{network}:{name.lstrip('@')}"


def id_at(place: str) -> str:
    """The id of the post at a `Post.place`."""
    network, _, native_id = place.partition(":")
    return stable_id(network, native_id)


class Record(Struct, frozen=True, kw_only=True):
    """A post and the raw bytes it was read from, kept as evidence."""

    post: Post
    raw: bytes = b""
