"""Reading: as a member of a group that commits by hand, or a whole topic from its beginning."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic
from typing import Any, NamedTuple

import structlog
from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaError,
    KafkaTimeoutError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from kafka.structs import OffsetAndMetadata

from domain.errors import BrokerUnavailable
from tocsin.runtimes.cluster.broker.client import DELIVERY, REQUEST, connected, explained, sentence

log = structlog.get_logger("tocsin.broker")

Places = set[tuple[str, int]]
"""Partitions: (topic, number)."""
Rebalanced = Callable[[Places], None]
"""Told which partitions came or went, while `poll` or `close` runs, on a thread of the client's own. It must not call
the consumer, and heartbeats wait for it: return within a few seconds."""

_READING = {
    "allow_auto_create_topics": False,
    "auto_offset_reset": "earliest",
    "enable_auto_commit": False,
    "fetch_max_bytes": 16_000_000,
    "metrics_enabled": False,
}
_MOVED_ON = (CommitFailedError, IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError)


class Received(NamedTuple):
    """A record read; `at` is when the broker took it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    at: datetime


class Consumer(ConsumerRebalanceListener):  # type: ignore[misc]  # the client ships no types
    """A member of a group. The client's own thread sends its heartbeats, however long the work between polls takes.

    A rebalance moves only the partitions that change hands. A member that dies is missed after ten seconds; one that
    has not polled for five minutes loses its partitions.
    """

    def __init__(
        self,
        options: dict[str, Any],
        prefix: str,
        topics: Sequence[str],
        on_assigned: Rebalanced,
        on_revoked: Rebalanced,
    ) -> None:
        self._options, self._prefix = options, prefix
        self._on_assigned, self._on_revoked = on_assigned, on_revoked
        self._topics = [prefix + topic for topic in topics]
        self._paused: set[str] = set()
        self._client: Any = None

    @property
    def assigned(self) -> Places:
        """The partitions that are this member's now."""
        return _places(self._held(), self._prefix)

    def poll(self, *, seconds: float, records: int) -> list[Received]:
        """Return at most so many records, each partition's in order; none when none came within the time.

        While Kafka is away this is an empty list too, once a connection was made: `Broker.lag` tells the difference.
        """
        try:
            with explained("reading"):
                client = self._connected()
                _go_on_joining(client)
                found = client.poll(timeout_ms=round(seconds * 1000), max_records=records)
        except BrokerUnavailable:
            # The next call joins anew: the client may be of no use any more.
            self.close()
            raise
        cut = len(self._prefix)
        return [
            Received(place.topic[cut:], place.partition, each.offset, each.key, each.value, _moment(each.timestamp))
            for place, batch in found.items()
            for each in batch
        ]

    def commit(self, upto: Mapping[tuple[str, int], int]) -> None:
        """Commit the next offsets to read. What is another member's by now is left to that one."""
        held = self._held()
        named = ((TopicPartition(self._prefix + topic, place), next_) for (topic, place), next_ in upto.items())
        offsets = {place: OffsetAndMetadata(next_, "", -1) for place, next_ in named if place in held}
        if not offsets:
            return
        with explained("committing"):
            try:
                self._client.commit(offsets, timeout_ms=REQUEST)
            except _MOVED_ON as error:
                log.info("a commit came too late: the partitions have moved on", why=sentence(error))

    def pause(self, topics: Collection[str]) -> None:
        """Bring nothing of these topics until they are resumed, whichever of their partitions come and go."""
        self._paused.update(self._prefix + topic for topic in topics)
        self._pause(self._held())

    def resume(self, topics: Collection[str]) -> None:
        """Bring them again."""
        named = {self._prefix + topic for topic in topics}
        self._paused -= named
        if self._client is not None:
            self._client.resume(*(place for place in self._held() if place.topic in named))

    def close(self) -> None:
        """Leave the group, so that others take over at once."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(KafkaError):
                client.close(autocommit=False, timeout_ms=2_000)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called by the client."""
        self._pause(assigned)
        self._on_assigned(_places(assigned, self._prefix))

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Called by the client."""
        self._on_revoked(_places(revoked, self._prefix))

    def _held(self) -> set[TopicPartition]:
        return set(self._client.assignment()) if self._client is not None else set()

    def _pause(self, places: Iterable[TopicPartition]) -> None:
        if self._client is not None:
            self._client.pause(*(place for place in places if place.topic in self._paused))

    def _connected(self) -> Any:
        if self._client is None:
            self._client = connected(
                KafkaConsumer,
                **self._options,
                **_READING,
                partition_assignment_strategy=[CooperativeStickyAssignor],
                session_timeout_ms=10_000,
                heartbeat_interval_ms=3_000,
                max_poll_interval_ms=300_000,
            )
            self._client.subscribe(self._topics, listener=self)
        return self._client


class Reader:
    """Reads a topic to its present end, without a group and as often as asked."""

    def __init__(self, options: dict[str, Any], name: str, topic: str) -> None:
        self._options, self._name, self._topic = options, name, topic
        self._client: Any = None

    def read(self, partitions: Collection[int], *, since: datetime | None = None) -> Iterator[Received]:
        """Bring what is in these partitions now, each in order; only what the broker took from `since` on."""
        if not partitions:
            return
        places = [TopicPartition(self._name, partition) for partition in partitions]
        try:
            with explained(f"reading {self._name}"):
                yield from self._read(places, since)
        except BrokerUnavailable:
            self.close()
            raise

    def close(self) -> None:
        """Disconnect."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(KafkaError):
                client.close(autocommit=False, timeout_ms=2_000)

    def _read(self, places: list[TopicPartition], since: datetime | None) -> Iterator[Received]:
        if self._client is None:
            self._client = connected(KafkaConsumer, **self._options, **_READING)
        client = self._client
        client.assign(places)
        ends = client.end_offsets(places, timeout_ms=REQUEST)
        self._seek(places, since, ends)
        deadline = monotonic() + DELIVERY / 1000
        while any(client.position(place, timeout_ms=REQUEST) < ends[place] for place in places):
            for place, batch in client.poll(timeout_ms=250).items():
                for each in batch:
                    if each.offset < ends[place]:
                        at = _moment(each.timestamp)
                        yield Received(self._topic, place.partition, each.offset, each.key, each.value, at)
                deadline = monotonic() + DELIVERY / 1000
            if monotonic() > deadline:
                raise KafkaTimeoutError("no answer")

    def _seek(self, places: list[TopicPartition], since: datetime | None, ends: Mapping[TopicPartition, int]) -> None:
        if since is None:
            self._client.seek_to_beginning(*places)
            return
        moment = round(since.timestamp() * 1000)
        found = self._client.offsets_for_times(dict.fromkeys(places, moment), timeout_ms=REQUEST)
        for place in places:
            self._client.seek(place, found[place].offset if found.get(place) else ends[place])


def _go_on_joining(client: Any) -> None:
    """Ask again for what a poll had no time to wait for.

    Where the partitions of a topic changed, the client (3.0.12) thinks that it has joined anew once its assignment is
    made, though a poll that was shorter than the join never took that up: it would have no partition and no heartbeat
    for ever.
    """
    coordinator = client._coordinator  # noqa: SLF001  # no public way to ask
    if coordinator.rejoining:
        coordinator.request_rejoin()


def _places(places: Iterable[TopicPartition], prefix: str) -> Places:
    return {(place.topic.removeprefix(prefix), place.partition) for place in places}


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
