"""Dead letters of messages that cannot be read: the part of the record that is at fault, and where it stood."""

from datetime import datetime

import msgspec

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.errors import Refused
from tocsin.runtimes.cluster.intake import Message


def unreadable(message: Message, refused: Refused, *, stage: str, at: datetime) -> DeadLetter:
    """Make the dead letter of a message that `stage` cannot read; its `where` is `topic-partition:offset.place`."""
    record = message.record
    return DeadLetter(
        source="",
        stage=stage,
        reason=refused.reason,
        detail=refused.detail,
        where=f"{record.topic}-{record.partition}:{record.offset}.{message.place}",
        raw=_part(record.value or b"", message.place)[:RAW_LIMIT],
        at=at,
    )


def _part(value: bytes, place: int) -> bytes:
    """The bytes of one message; of the whole record where it does not come apart."""
    try:
        return bytes(msgspec.json.decode(value, type=list[msgspec.Raw])[place])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, IndexError):
        return value
