"""Dead letters of the cluster, tried again: their posts go into the topics once more, to be processed anew."""

from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from functools import cache

from domain.dead_letter import DeadLetter
from domain.post import Record, id_at
from ingest.source import Rereads
from storage.store import DeadLetterRow
from tocsin.replay import LetterReplay, Letters
from tocsin.runtimes.cluster.broker import Broker, Producer, partition_of
from tocsin.runtimes.cluster.packing import pack
from tocsin.runtimes.cluster.wire import AGAIN, POSTS, Reader, backfill

WAITED = timedelta(days=2)
"""How long before its refusal a post is looked for: so long it may have waited to be processed."""

_RECORDS = Reader(Record)


def through_topics(
    broker: Broker,
    producer: Producer,
    letters: Letters,
    rows: Sequence[DeadLetterRow],
    *,
    sources: dict[str, Rereads],
    clock: Callable[[], datetime],
) -> LetterReplay:
    """The replay of a cluster, of these letters.

    A letter's record is read again by its source; where the source cannot, its post is looked for in the topics of
    posts. What is refused again in processing becomes a dead letter again. Raises BrokerUnavailable.
    """
    partitions = cache(broker.partitions)
    kept = kept_posts(broker, [row.letter for row in rows if _is_lost(row.letter, sources)])

    def process(records: list[Record]) -> str:
        packed = pack(records, [], partitions=partitions, at=clock(), key=AGAIN)
        if packed.letters:
            return packed.letters[0].detail
        producer.publish(packed.records)
        return ""

    def evidence(letter: DeadLetter) -> list[Record]:
        found = kept.get(id_at(letter.where))
        return [found] if found and _is_lost(letter, sources) else []

    return LetterReplay(process, letters, evidence=evidence, sources=sources, clock=clock)


def kept_posts(broker: Broker, letters: Collection[DeadLetter]) -> dict[str, Record]:
    """Find the latest version of the posts of these letters as Kafka still keeps it, by post id.

    Reads the partitions of these posts from `WAITED` before the first letter on. Raises BrokerUnavailable.
    """
    if not letters:
        return {}
    wanted = {id_at(letter.where) for letter in letters}
    since = min(letter.at for letter in letters) - WAITED
    return _found(broker, backfill(POSTS), wanted, since) | _found(broker, POSTS, wanted, since)


def _is_lost(letter: DeadLetter, sources: Collection[str]) -> bool:
    return letter.source not in sources and letter.stage != "notify"


def _found(broker: Broker, topic: str, wanted: Collection[str], since: datetime) -> dict[str, Record]:
    partitions = broker.partitions(topic)
    found: dict[str, Record] = {}
    with closing(broker.reader(topic, client="replay")) as reader:
        for record in reader.read({partition_of(id_.encode(), partitions) for id_ in wanted}, since=since):
            messages = (one for one in _RECORDS.read(record.value) if isinstance(one, Record))
            found |= {one.post.id: one for one in messages if one.post.id in wanted}
    return found
