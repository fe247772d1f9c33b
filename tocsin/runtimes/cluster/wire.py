"""What travels between the cluster's processes: the topics, and the messages in them as JSON.

A record of Kafka holds an array of messages, because handling a record costs as much as handling several messages;
one message alone is read as an array of one. `docs/reference/asyncapi.json` says the same to other programs.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal, TypeVar

import msgspec
from msgspec import Struct

from domain.dead_letter import DeadLetter
from domain.errors import Refused
from domain.event import MentionEvent
from domain.post import Record
from storage import encoding
from storage.cluster import Origin

POSTS: Final = "posts"
MENTIONS: Final = "mentions"
STORIES: Final = "stories"
CURSORS = "cursors"
POSTS_DEAD, MENTIONS_DEAD = "posts.dead", "mentions.dead"
Line = Literal["posts", "mentions", "stories"]

AGAIN = b"again"
"""Key of a record of posts that are dealt with even where they are known already: dead letters that are replayed."""

MOST_MESSAGES = 500
"""In one record."""
MOST_BYTES = 500_000
"""In one record, unless a single message is larger."""


class Heard(Struct, frozen=True, kw_only=True):
    """What `process` says of a post for one brand. `month` names the index that holds the mention, for ever."""

    event: MentionEvent
    origin: Origin
    month: str


class Told(Struct, frozen=True, kw_only=True):
    """What `alert` made of it: the mention with its story. `sequence` rises with every event of the brand."""

    event: MentionEvent
    sequence: int
    month: str


def backfill(topic: Line) -> str:
    """The topic of history that runs beside a topic of live posts."""
    return f"{topic}.backfill"


HISTORIES = frozenset(backfill(line) for line in (POSTS, MENTIONS, STORIES))
"""The topics of history: they may lag for hours, and nobody waits for them."""


M = TypeVar("M", Record, Heard, Told, DeadLetter)
_OPEN, _CLOSE, _COMMA = b"[", b"]", b","
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def encode(messages: Iterable[Any]) -> Iterator[tuple[bytes, int]]:
    """Pack messages into the values of as many records as they need; each with how many it holds."""
    return packed(map(encoded, messages))


def encoded(message: Struct) -> bytes:
    """Return one message as JSON; text that no UTF-8 can hold is cleaned."""
    return encoding.encode(message)


def packed(messages: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    """Pack messages that are JSON already, as `encode` does."""
    held: list[bytes] = []
    size = 0
    for message in messages:
        if held and (len(held) == MOST_MESSAGES or size + len(message) > MOST_BYTES):
            yield _joined(held), len(held)
            held, size = [], 0
        held.append(message)
        size += len(message) + 1
    if held:
        yield _joined(held), len(held)


def _joined(held: Sequence[bytes]) -> bytes:
    return _OPEN + _COMMA.join(held) + _CLOSE


class Reader(Struct, frozen=True):
    """Decodes the records of one kind of message."""

    kind: Any

    def read(self, value: bytes | None) -> "list[Any | Refused]":
        """Every message in its place; one that cannot be read is a Refused with its reason instead.

        A value that is no JSON at all is one Refused.
        """
        if not value:
            return [Refused("empty", "the record holds nothing")]
        whole = value if value[:1] == _OPEN else _joined([value])
        try:
            found: list[Any | Refused] = list(msgspec.json.decode(whole, type=list[self.kind]))  # type: ignore[name-defined]
        except _UNREADABLE:
            return self._one_by_one(whole)
        return found or [Refused("empty", "the record holds no message")]

    def _one_by_one(self, whole: bytes) -> "list[Any | Refused]":
        try:
            parts = msgspec.json.decode(whole, type=list[msgspec.Raw])
        except _UNREADABLE as error:
            return [Refused("bad_json", str(error))]
        found: list[Any | Refused] = []
        for part in parts:
            try:
                found.append(msgspec.json.decode(part, type=self.kind))
            except _UNREADABLE as error:
                reason = "bad_message" if isinstance(error, msgspec.ValidationError) else "bad_json"
                found.append(Refused(reason, str(error)))
        return found or [Refused("empty", "the record holds no message")]
