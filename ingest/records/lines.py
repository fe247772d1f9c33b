"""Lines of a byte stream. A line longer than the limit is passed over without ever being held whole."""

from collections.abc import Iterator
from typing import NamedTuple

from domain.dead_letter import RAW_LIMIT
from ingest.records.row import Place
from ingest.records.streams import BLOCK, ByteStream


class Line(NamedTuple):
    """A line without its end. `size` is its true length; when that is over the limit `raw` holds only the start."""

    raw: bytes
    size: int
    number: int
    after: Place
    ended: bool


def lines(stream: ByteStream, start: Place, limit: int) -> Iterator[Line]:
    """Yield lines from `start`, to which the stream must already have been moved."""
    offset, number = start
    tail = kept = b""
    passed = 0
    while block := stream.read(BLOCK):
        pieces = (tail + block).split(b"\n")
        tail = pieces.pop()
        for piece in pieces:
            size = passed + len(piece)
            offset += size + 1
            number += 1
            raw = piece if size <= limit else (kept or piece[:RAW_LIMIT])
            yield Line(raw, size, number, Place(offset, number), ended=True)
            passed, kept = 0, b""
        if passed + len(tail) > limit:
            kept = kept or tail[:RAW_LIMIT]
            passed += len(tail)
            tail = b""
    size = passed + len(tail)
    if size:
        yield Line(kept or tail, size, number + 1, Place(offset + size, number + 1), ended=False)
