"""What the Streaming API says, frame by frame: events, service messages, errors.

An event has the ids and the words of a post or comment, and no counters. It is read as the same post on a wall would
be, so that both are one: the same id, the same version.
"""

import html
import re
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.dead_letter import DeadLetter
from domain.errors import Refused, RetryLater
from domain.post import Record
from ingest.vk.api import decode
from ingest.vk.parse import comment_id, gone, post_id, read_comment, read_post, refused
from ingest.vk.people import SITE, People
from ingest.vk.push.host import Said
from ingest.vk.push.places import TOPIC, Spot, read_below

EVENT, SERVICE, ERROR = 100, 300, 400

_BREAK = re.compile(r"<br ?/?>", re.IGNORECASE)


class Frame(Struct):
    """One frame. `code` says which of the others is there."""

    code: int
    event: msgspec.Raw = msgspec.Raw(b"")
    service_message: Said = Said()
    error: Said = Said()


class _Ids(Struct, frozen=True):
    post_owner_id: int = 0
    post_id: int = 0
    comment_id: int = 0
    shared_post_id: int = 0
    topic_owner_id: int = 0
    topic_id: int = 0
    topic_post_id: int = 0


class _Writer(Struct, frozen=True):
    id: int = 0
    shared_post_author_id: int = 0


class Event(Struct):
    """What was written, and what became of it."""

    event_type: str
    event_id: _Ids
    text: str = ""
    action: str = "new"
    action_time: int = 0
    creation_time: int = 0
    attachments: Any = None
    shared_post_text: str = ""
    shared_post_creation_time: int = 0
    author: _Writer = _Writer()


def read_frame(raw: bytes) -> Frame:
    """Read a frame; raises Refused for what is none."""
    try:
        return decode(raw, Frame, what="the stream")
    except RetryLater:
        raise Refused("bad_frame", "not a frame of VK's stream") from None


def read_event(raw: bytes) -> Event:
    """Read the event of a frame; raises Refused for what is none."""
    try:
        event = decode(raw, Event, what="the stream")
    except RetryLater:
        raise Refused("bad_event", "not an event of VK's stream") from None
    if event.event_type not in _READERS:
        raise Refused("bad_event", f"events of type {event.event_type!r:.40} are not known")
    return event


def people_of(event: Event) -> set[int]:
    """Whose names the event needs."""
    if event.action == "delete":
        return set()
    return {event.author.id, event.event_id.post_owner_id, event.event_id.topic_owner_id} - {0}


def to_post(
    event: Event, frame: bytes, people: People, *, source: str, at: datetime, site: str = SITE
) -> Record | DeadLetter | None:
    """Make a post of an event; None: it has no words. `frame` is kept as evidence."""
    try:
        read = _READERS[event.event_type](event, people, source=source, at=at, site=site)
    except Refused as no:
        return refused(no.reason, str(no), frame, source=source, at=at, where="stream")
    if isinstance(read, DeadLetter):
        return refused(read.reason, read.detail, frame, source=source, at=at, where="stream")
    return None if read is None else replace(read, raw=frame)


def _post(event: Event, people: People, *, source: str, at: datetime, site: str) -> Record | DeadLetter | None:
    ids = event.event_id
    if not (ids.post_owner_id and ids.post_id):
        raise Refused("bad_event", "the event names no post")
    if event.action == "delete":
        return gone(post_id(ids.post_owner_id, ids.post_id), source=source, at=at)
    told = {**_told(event), "id": ids.post_id, "owner_id": ids.post_owner_id}
    if event.event_type == "share":
        told["copy_history"] = [_shared(event)]
    return read_post(_json(told), people, source=source, at=at, site=site)


def _comment(event: Event, people: People, *, source: str, at: datetime, site: str) -> Record | DeadLetter | None:
    ids = event.event_id
    if not (ids.post_owner_id and ids.post_id and ids.comment_id):
        raise Refused("bad_event", "the event names no comment")
    if event.action == "delete":
        return gone(comment_id(ids.post_owner_id, ids.post_id, ids.comment_id), source=source, at=at)
    told = {**_told(event), "id": ids.comment_id, "owner_id": ids.post_owner_id, "post_id": ids.post_id}
    told.pop("edited", None)  # comments of a wall do not say when they were edited
    return read_comment(_json(told), people, source=source, at=at, site=site)


def _in_a_topic(event: Event, people: People, *, source: str, at: datetime, site: str) -> Record | DeadLetter | None:
    ids = event.event_id
    if not (ids.topic_owner_id and ids.topic_id and ids.topic_post_id):
        raise Refused("bad_event", "the event names no post of a discussion")
    spot = Spot(TOPIC, ids.topic_owner_id, ids.topic_id, ids.topic_post_id)
    if event.action == "delete":
        return gone(spot.native_id, source=source, at=at)
    told = _told(event)
    told.pop("edited", None)
    return read_below(told, spot, people, source=source, at=at, site=site)


_READERS = {"post": _post, "share": _post, "comment": _comment, "topic_post": _in_a_topic}


def _told(event: Event) -> dict[str, Any]:
    """What is told in the same way of everything, as the API's methods tell it."""
    told = {
        "from_id": event.author.id,
        "date": event.creation_time or event.action_time,
        "text": _as_written(event.text),
        "attachments": event.attachments,
    }
    return {**told, "edited": event.action_time} if event.action == "update" else told


def _shared(event: Event) -> dict[str, Any]:
    """The original of a repost. Its wall is not told: most are shared from their author's own."""
    return {
        "id": event.event_id.shared_post_id,
        "owner_id": event.author.shared_post_author_id,
        "from_id": event.author.shared_post_author_id,
        "date": event.shared_post_creation_time,
        "text": _as_written(event.shared_post_text),
    }


def _as_written(text: str) -> str:
    """The stream escapes as HTML what a wall tells as it was written."""
    return html.unescape(_BREAK.sub("\n", text))


def _json(told: dict[str, Any]) -> bytes:
    return msgspec.json.encode(told)
