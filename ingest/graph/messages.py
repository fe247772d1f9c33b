"""Direct messages to a page or an account, as webhooks bring them."""

from datetime import datetime

from msgspec import Struct

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.ids import stable_id
from domain.post import Author, Post, Record
from ingest.graph.answers import decode
from ingest.graph.wall import Reading
from ingest.graph.words import moment, plain
from ingest.markup import clean
from ingest.recent import deletion


class _Party(Struct):
    id: str = ""


class _Answered(Struct):
    mid: str = ""


class _Message(Struct):
    mid: str
    text: str | None = None
    is_echo: bool = False
    is_deleted: bool = False
    reply_to: _Answered | None = None


class _Messaging(Struct):
    sender: _Party
    timestamp: int | float | str
    message: _Message | None = None


def read_message(raw: bytes, reading: Reading) -> Record | DeadLetter | None:
    """Read one of `messaging`: None for a reading mark, a delivery note, a picture alone."""
    try:
        told = decode(raw, _Messaging)
        at: datetime = moment(told.timestamp)
    except ValueError as error:
        return reading.letter("bad_message", f"not a message: {error}", raw)
    message, place = told.message, reading.place
    if message is None or not message.mid:
        return None
    if message.is_deleted:
        return deletion(place.network, clean(message.mid), source=reading.source, at=reading.at, raw=raw[:RAW_LIMIT])
    text = plain(message.text)
    if not text:
        return None
    own = message.is_echo or told.sender.id == place.id
    post = Post(
        network=place.network,
        native_id=clean(message.mid),
        version=stable_id("", text),
        text=text,
        created_at=at,
        collected_at=reading.at,
        source=reading.source,
        kind="message",
        author=Author(id=place.id, name=place.name, handle=place.handle) if own else Author(id=clean(told.sender.id)),
        reply_to=clean(message.reply_to.mid) if message.reply_to else "",
        addressed="" if own else place.account,
    )
    return Record(post=post, raw=raw[:RAW_LIMIT])
