"""What happens in an own community, as the Callback API and Bots Long Poll tell it in the same words.

VK's schema has no event for reviews of a community: they cannot be heard so.
"""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.errors import Refused, RetryLater
from domain.post import Record
from ingest.vk.api import decode
from ingest.vk.parse import comment_id, gone, read_comment, read_post, refused
from ingest.vk.people import SITE, People
from ingest.vk.push.places import MARKET, PHOTO, TOPIC, VIDEO, Spot, read_below, read_message

CONFIRMATION = "confirmation"

_POSTS = {"wall_post_new", "wall_repost"}
_MESSAGES = {"message_new", "message_reply", "message_edit"}
_COMMENTS = {
    "wall_reply": "",
    "photo_comment": PHOTO,
    "video_comment": VIDEO,
    "market_comment": MARKET,
    "board_post": TOPIC,
}
_ACTS = ("new", "edit", "restore", "delete")
_ITEM = {PHOTO: "photo_id", VIDEO: "video_id", MARKET: "item_id", TOPIC: "topic_id"}
_OWNERS = ("owner_id", "post_owner_id", "photo_owner_id", "video_owner_id", "market_owner_id", "topic_owner_id")
_PEOPLE = ("from_id", "to_id", *_OWNERS)

KNOWN = _POSTS | _MESSAGES | {f"{what}_{act}" for what in _COMMENTS for act in _ACTS}
"""The events that are posts, comments and messages; all others are passed over."""


class Update(Struct):
    """One event. `secret` is told by the Callback API only."""

    type: str
    group_id: int
    object: msgspec.Raw = msgspec.Raw(b"{}")
    event_id: str = ""
    secret: str = ""

    @property
    def evidence(self) -> bytes:
        """The event without the secret, to be kept."""
        told = {"type": self.type, "object": self.object, "group_id": self.group_id, "event_id": self.event_id}
        return msgspec.json.encode(told)[:RAW_LIMIT]


def read_envelope(raw: bytes) -> Update:
    """Read an event as far as its object; raises Refused for what is none."""
    try:
        return decode(raw, Update, what="VK")
    except RetryLater:
        raise Refused("bad_event", "not an event of a VK community") from None


def people_of(update: Update) -> set[int]:
    """Whose names the event needs: with the writer's, the community's own."""
    try:
        told = _object(update)
    except Refused:
        return set()
    if update.type not in KNOWN or update.type.endswith("_delete"):
        return set()
    found = {told.get(field) for field in _PEOPLE} | {-update.group_id}
    return {number for number in found if isinstance(number, int) and number}


def to_post(
    update: Update, people: People, *, source: str, at: datetime, site: str = SITE
) -> Record | DeadLetter | None:
    """Make a post of an event; None: it has no words, or is about something else."""
    if update.type not in KNOWN:
        return None
    where = update.type
    try:
        read = _read(update, people, source, at, site)
    except Refused as no:
        return refused(no.reason, str(no), update.evidence, source=source, at=at, where=where)
    if isinstance(read, DeadLetter):
        return refused(read.reason, read.detail, update.evidence, source=source, at=at, where=where)
    return None if read is None else replace(read, raw=update.evidence)


def read_again(letter: DeadLetter, *, at: datetime, site: str = SITE) -> Record | DeadLetter:
    """Read a refused event again, without names; a dead letter again if it still cannot be read."""
    try:
        read = to_post(read_envelope(letter.raw), {}, source=letter.source, at=at, site=site)
    except Refused as no:
        return replace(letter, reason=no.reason, detail=str(no), at=at)
    return read or replace(letter, reason="no_post", detail="the event is about no post with words", at=at)


def _read(update: Update, people: People, source: str, at: datetime, site: str) -> Record | DeadLetter | None:
    told, community = _object(update), -update.group_id
    if update.type in _POSTS:
        return read_post(bytes(update.object), people, source=source, at=at, site=site)
    if update.type in _MESSAGES:
        return read_message(told, community, people, source=source, at=at, site=site)
    what, _, act = update.type.rpartition("_")
    owner = _owner(told, community)
    if _COMMENTS[what]:
        spot = Spot(_COMMENTS[what], owner, _item(told, _COMMENTS[what]), _whole(told, "id"))
        if act == "delete":
            return gone(spot.native_id, source=source, at=at)
        return read_below(told, spot, people, source=source, at=at, site=site)
    if act == "delete":
        native_id = comment_id(owner, _whole(told, "post_id"), _whole(told, "id"))
        return gone(native_id, source=source, at=at)
    return read_comment(bytes(update.object), people, source=source, at=at, owner=owner, site=site)


def _object(update: Update) -> dict[str, Any]:
    """The object with the message of `message_new` taken out of its wrapping."""
    try:
        told = msgspec.json.decode(update.object, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refused("bad_event", "the event's object is none") from None
    message = told.get("message")
    return message if isinstance(message, dict) else told


def _owner(told: dict[str, Any], community: int) -> int:
    """Whose post, photo, video, product or discussion it is."""
    owners = (told.get(field) for field in _OWNERS)
    return next((owner for owner in owners if isinstance(owner, int) and owner), community)


def _item(told: dict[str, Any], place: str) -> int:
    """The number of what was commented on; VK's schema names a product's as a photo's in new comments."""
    return _whole(told, _ITEM[place] if _ITEM[place] in told or place != MARKET else "photo_id")


def _whole(told: dict[str, Any], field: str) -> int:
    number = told.get(field)
    if not isinstance(number, int) or isinstance(number, bool) or number <= 0:
        raise Refused("bad_event", f"the event has no {field}")
    return number
