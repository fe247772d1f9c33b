"""Publishing: records go out together, and the call returns when all of them are safe."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, NamedTuple

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.partitioner.default import murmur2

from domain.errors import BrokerUnavailable
from tocsin.runtimes.cluster.broker.client import DELIVERY, REQUEST, connected, explained, no_topic
from tocsin.runtimes.cluster.broker.topics import LARGEST_MESSAGE

_BATCH = 1_000_000


class Outgoing(NamedTuple):
    """A record to publish. Without a partition, the key decides it as `partition_of` does."""

    topic: str
    value: bytes
    key: bytes | None = None
    partition: int | None = None


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition that Kafka's own clients choose for a key (murmur2)."""
    return (int(murmur2(key)) & 0x7FFFFFFF) % partitions


class Producer:
    """Publishes and waits. A partition has one request under way: what is published in order stays in order."""

    def __init__(self, options: dict[str, Any], prefix: str) -> None:
        self._options, self._prefix = options, prefix
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._client: Any = None

    def publish(self, records: Sequence[Outgoing]) -> None:
        """Return once every record is acknowledged by all copies in sync.

        Raises BrokerUnavailable, after half a minute at most: then each of them may or may not be there, so publish
        all of them again. Raises ValueError for a record of more than `LARGEST_MESSAGE` bytes, before any is sent.
        """
        if not records:
            return
        for record in records:
            if len(record.value) > LARGEST_MESSAGE:
                raise ValueError(f"a record for {record.topic} has {len(record.value):,} bytes: too large")
        try:
            with explained("publishing"):
                self._publish(records)
        except BrokerUnavailable:
            # What it still holds must not arrive after the same records published again.
            self._discard()
            raise

    def close(self) -> None:
        """Give up what is under way, at once, and disconnect."""
        self._closed.set()
        self._discard()

    def _publish(self, records: Sequence[Outgoing]) -> None:
        client = self._connected()
        sent = [self._send(client, record) for record in records]
        # The client has been seen to forget a batch when a broker froze, so it is not trusted to keep its own time.
        deadline = monotonic() + (DELIVERY + REQUEST) / 1000
        while not all(each.is_done for each in sent):
            if self._closed.is_set() or monotonic() > deadline:
                raise KafkaTimeoutError("no acknowledgement")
            with suppress(KafkaTimeoutError):
                client.flush(timeout=0.25)
        for each in sent:
            each.get()

    def _send(self, client: Any, record: Outgoing) -> Any:
        name = self._prefix + record.topic
        try:
            return client.send(name, record.value, record.key, partition=record.partition)
        except KafkaTimeoutError:
            raise BrokerUnavailable(f"Kafka does not answer, or {no_topic(name)}") from None

    def _connected(self) -> Any:
        with self._lock:
            if self._closed.is_set():
                raise BrokerUnavailable("Kafka: this producer was closed")
            if self._client is None:
                self._client = connected(
                    KafkaProducer,
                    **self._options,
                    acks="all",
                    enable_idempotence=True,
                    allow_auto_create_topics=False,
                    batch_size=_BATCH,
                    # `publish` ends the waiting as soon as it has given all.
                    linger_ms=50,
                    delivery_timeout_ms=DELIVERY,
                    max_block_ms=REQUEST,
                    max_request_size=LARGEST_MESSAGE + 1_000,
                    metrics_enabled=False,
                )
            return self._client

    def _discard(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            # Its own `close` would wait for what cannot be delivered.
            client._sender.force_close()  # noqa: SLF001
            client._sender.join(2)  # noqa: SLF001
            with suppress(KafkaError):
                client.close(timeout=0)
