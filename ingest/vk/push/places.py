"""Comments that stand elsewhere than under a post: photos, videos, goods, discussions; and messages.

They are read as comments of a wall are and then get their own ids and links.
"""

import re
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.dead_letter import DeadLetter
from domain.post import Record
from ingest.vk.parse import read_comment
from ingest.vk.people import SITE, People

PHOTO, VIDEO, MARKET, TOPIC = "photo", "video", "market", "topic"
FIRST_CHAT = 2_000_000_000
"""Conversations with such a number are of several people."""

_LINKS = {
    PHOTO: "{site}/photo{owner}_{item}?reply={id}",
    VIDEO: "{site}/video{owner}_{item}?reply={id}",
    MARKET: "{site}/market{owner}?w=product{owner}_{item}",
    TOPIC: "{site}/topic{owner}_{item}?post={id}",
}
_ANSWERED = re.compile(r"\[(?:id|club)\d{1,12}:bp-?\d{1,12}_(\d{1,12})\|")
"""How somebody is answered in a discussion: the first words link to that post."""


class Spot(Struct, frozen=True):
    """Where a comment stands: comment `id` of photo, video, product or topic `item` of `owner`."""

    what: str
    owner: int
    item: int
    id: int

    @property
    def native_id(self) -> str:
        """Unique among everything on VK: `photo-501_33_r7`."""
        return self.under(self.id)

    def under(self, comment: int) -> str:
        """The native id of another comment there."""
        return f"{self.what}{self.owner}_{self.item}_r{comment}"


def read_below(
    told: dict[str, Any], spot: Spot, people: People, *, source: str, at: datetime, site: str = SITE
) -> Record | DeadLetter | None:
    """Read a comment at a spot from what VK told of it; None: no words."""
    seen = {**told, "id": spot.id, "owner_id": spot.owner, "post_id": spot.item}
    read = read_comment(msgspec.json.encode(seen), people, source=source, at=at, site=site)
    if not isinstance(read, Record):
        return read
    answered = _ANSWERED.match(str(told.get("text", ""))) if spot.what == TOPIC else None
    reply_to = spot.under(int(answered[1])) if answered else f"{spot.what}{read.post.reply_to}"
    link = _LINKS[spot.what].format(site=site, owner=spot.owner, item=spot.item, id=spot.id)
    return replace(read, post=replace(read.post, native_id=spot.native_id, reply_to=reply_to, url=link))


def message_id(owner: int, peer: int, number: int) -> str:
    """The native id of a message: the `number`th of the conversation of community `owner` with `peer`."""
    return f"im{owner}_{peer}_{number}"


def read_message(
    told: dict[str, Any], owner: int, people: People, *, source: str, at: datetime, site: str = SITE
) -> Record | DeadLetter | None:
    """Read a message to community `owner` (negative), or one of its answers; None: no words.

    An answer that quotes no message answers the one before it.
    """
    peer, number = _number(told.get("peer_id")), _number(told.get("conversation_message_id"))
    seen = {**told, "id": number, "owner_id": owner, "post_id": peer, "edited": told.get("update_time")}
    read = read_comment(msgspec.json.encode(seen), people, source=source, at=at, site=site)
    if not isinstance(read, Record):
        return read
    post, ours = read.post, told.get("from_id") == owner
    quoted = told.get("reply_message")
    answered = (
        _number(quoted.get("conversation_message_id")) if isinstance(quoted, dict) else number - 1 if ours else 0
    )
    return replace(
        read,
        post=replace(
            post,
            kind="message",
            native_id=message_id(owner, peer, number),
            url=f"{site}/gim{-owner}?sel={peer if peer < FIRST_CHAT else f'c{peer - FIRST_CHAT}'}",
            reply_to=message_id(owner, peer, answered) if answered > 0 else "",
            addressed=post.addressed if peer < FIRST_CHAT else "",
        ),
    )


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0
