"""A refused row is read again from the bytes kept with its dead letter, once what refused it was mended."""

from datetime import datetime

from msgspec import structs

from domain.dead_letter import DeadLetter
from domain.errors import Refused
from domain.post import Record
from ingest.records.jsonl import decode
from ingest.records.post import PostReader


def read_again(letter: DeadLetter, posts: PostReader, *, now: datetime) -> Record | DeadLetter:
    """Return the record, or the letter with why it is refused this time."""
    try:
        return Record(post=posts.read(_row(letter.raw), collected_at=now), raw=letter.raw)
    except Refused as refused:
        return structs.replace(letter, reason=refused.reason, detail=refused.detail, at=now)


def _row(raw: bytes) -> dict[str, object]:
    try:
        row = decode(raw)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise Refused("bad_row", "the bytes that were kept are no whole row: mend the file and read it again")
    return row
