"""Packs what sources bring into records for Kafka: each post to the partition of its id, refused ones aside."""

from collections.abc import Callable, Iterable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from domain.dead_letter import DeadLetter
from domain.errors import Refused
from domain.post import Record
from tocsin.runtimes.cluster.broker import LARGEST_MESSAGE, Outgoing, partition_of
from tocsin.runtimes.cluster.wire import POSTS, POSTS_DEAD, backfill, encoded, packed
from tocsin.runtimes.flow import letter_of, stamped

STAGE = "ingest"
LARGEST_POST = LARGEST_MESSAGE // 2
"""Bytes of a post as JSON. A mention says all that its post says and more, and has to fit into its topic too."""

_PLACE_LIMIT = 1_000


class Packed(Struct, frozen=True, kw_only=True):
    """Records to publish, how many messages of each topic they hold, and all dead letters among them."""

    records: list[Outgoing]
    messages: dict[str, int]
    letters: list[DeadLetter]


def pack(
    records: Iterable[Record],
    letters: Iterable[DeadLetter],
    *,
    partitions: Callable[[str], int],
    at: datetime,
    key: bytes | None = None,
) -> Packed:
    """Pack posts and dead letters, each partition's in their order. `partitions` says how many a topic has.

    Posts get their version, as every later stage compares it. One that cannot be carried is dead-lettered `at` this
    time; text that no UTF-8 can hold is cleaned. Records of posts get this `key`.
    """
    posts: dict[tuple[str, int], list[bytes]] = {}
    refused = list(letters)
    for record in records:
        made = _encoded(record, at=at)
        if isinstance(made, DeadLetter):
            refused.append(made)
            continue
        topic = backfill(POSTS) if record.post.origin == "backfill" else POSTS
        place = partition_of(record.post.id.encode(), partitions(topic))
        posts.setdefault((topic, place), []).append(made)
    dead: dict[str, list[bytes]] = {}
    for letter in refused:
        dead.setdefault(letter.source, []).append(encoded(letter))
    out: list[Outgoing] = []
    messages: dict[str, int] = {}
    for (topic, place), made_posts in posts.items():
        out += [Outgoing(topic, value, key, place) for value, _ in packed(made_posts)]
        messages[topic] = messages.get(topic, 0) + len(made_posts)
    for source, made_letters in dead.items():
        out += [Outgoing(POSTS_DEAD, value, source.encode()) for value, _ in packed(made_letters)]
        messages[POSTS_DEAD] = messages.get(POSTS_DEAD, 0) + len(made_letters)
    return Packed(records=out, messages=messages, letters=refused)


def _encoded(record: Record, *, at: datetime) -> bytes | DeadLetter:
    try:
        made = encoded(stamped(record))
    except Exception as error:  # noqa: BLE001  # poison must not stop the line; it is kept with its reason
        return letter_of(record, STAGE, Refused("not_json", f"{type(error).__name__}: {error}"), at=at)
    if len(made) > LARGEST_POST:
        detail = f"the post takes {len(made):,} bytes; at most {LARGEST_POST:,} travel between the processes"
        letter = letter_of(record, STAGE, Refused("too_large", detail), at=at)
        return replace(letter, where=letter.where[:_PLACE_LIMIT])
    return made
