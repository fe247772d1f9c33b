"""Kafka, and the only module that knows its client: a waiting producer, a consumer committed by hand, the topics.

Topics and groups are named without the configured prefix everywhere else. Whatever Kafka refuses becomes a
BrokerUnavailable: hold the line and call again. Nothing connects before it is first used, so that no process needs
Kafka to start.
"""

import ssl
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from logging import CRITICAL, getLogger
from time import monotonic
from typing import Any, NamedTuple

import structlog
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigFilterType, ConfigResource, ConfigResourceType, OffsetSpec
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
from kafka.partitioner.default import murmur2
from kafka.structs import OffsetAndMetadata

from domain.errors import BrokerUnavailable, ConfigError
from tocsin.config.models import KafkaConfig
from tocsin.runtimes.cluster.topics import LARGEST_MESSAGE, TOPICS, Created, differences, plans

log = structlog.get_logger("tocsin.broker")

# It logs its whole configuration at DEBUG, password included, and every failure that this module says in a sentence.
getLogger("kafka").setLevel(CRITICAL)

Places = set[tuple[str, int]]
"""Partitions: (topic, number)."""
Rebalanced = Callable[[Places], None]
"""Told which partitions came or went, while `poll` or `close` runs, on a thread of the client's own. It must not call
the consumer, and heartbeats wait for it: return within a few seconds."""

_BOOTSTRAP = 5_000
_REQUEST = 10_000
_DELIVERY = 30_000
"""Milliseconds. A record that is not acknowledged within the last is given up: BrokerUnavailable."""
_BATCH = 1_000_000
_READING = {
    "allow_auto_create_topics": False,
    "auto_offset_reset": "earliest",
    "enable_auto_commit": False,
    "fetch_max_bytes": 16_000_000,
    "metrics_enabled": False,
}
_MOVED_ON = (CommitFailedError, IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError)


class Outgoing(NamedTuple):
    """A record to publish. Without a partition, the key decides it as `partition_of` does."""

    topic: str
    value: bytes
    key: bytes | None = None
    partition: int | None = None


class Received(NamedTuple):
    """A record read; `at` is when the broker took it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    at: datetime


@dataclass(frozen=True)
class FaustOptions:
    """What Faust's own client needs to reach the same brokers."""

    servers: tuple[str, ...]
    ssl_context: ssl.SSLContext | None
    sasl_mechanism: str | None
    username: str
    password: str = field(repr=False)


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition that Kafka's own clients choose for a key (murmur2)."""
    return (int(murmur2(key)) & 0x7FFFFFFF) % partitions


@contextmanager
def _explained(doing: str) -> Iterator[None]:
    try:
        yield
    except KafkaError as error:
        raise BrokerUnavailable(f"Kafka: {doing} failed: {_sentence(error)}") from None
    except OSError as error:
        raise BrokerUnavailable(f"Kafka: {doing} failed: {error}") from None


def _sentence(error: BaseException) -> str:
    name = type(error).__name__
    said = str(error)
    return said if said.startswith(name) else f"{name}: {said}" if said else name


class Broker:
    """The configured Kafka. Safe to share between threads; its producers too, its consumers and readers are not."""

    def __init__(self, settings: KafkaConfig) -> None:
        self._settings = settings
        self._context = _ssl_context(settings)
        self._admin: Any = None
        self._lock = threading.RLock()

    def faust_options(self) -> FaustOptions:
        """Return where and how Faust connects."""
        settings = self._settings
        password = settings.password.get_secret_value() if settings.password else ""
        return FaustOptions(settings.servers, self._context, settings.sasl_mechanism, settings.username, password)

    def name(self, topic: str) -> str:
        """Return the whole name of a topic or group."""
        return self._settings.prefix + topic

    def producer(self, client: str) -> "Producer":
        """Return an idempotent producer; `client` names it in the broker's logs."""
        options = self._connection(client) | {"compression_type": self._settings.compression}
        return Producer(options, self._settings.prefix)

    def consumer(
        self,
        group: str,
        topics: Sequence[str],
        *,
        client: str,
        on_assigned: Rebalanced = lambda _: None,
        on_revoked: Rebalanced = lambda _: None,
    ) -> "Consumer":
        """Return a member of a group, which starts at the oldest record that the group has not committed."""
        options = self._connection(client) | {"group_id": self.name(group)}
        return Consumer(options, self._settings.prefix, topics, on_assigned, on_revoked)

    def reader(self, topic: str, *, client: str) -> "Reader":
        """Return what reads a topic from its beginning, without a group."""
        return Reader(self._connection(client), self.name(topic), topic)

    def create(self) -> list[Created]:
        """Create the topics that are missing; say of the others in what they differ. Nothing existing is changed."""
        planned = {self.name(topic): plan for topic, plan in plans(self._settings).items()}
        with self._asking("creating the topics") as admin:
            existing = set(admin.list_topics())
            missing = {
                name: {
                    "num_partitions": plan.partitions,
                    "replication_factor": plan.replication,
                    "configs": dict(plan.settings),
                }
                for name, plan in planned.items()
                if name not in existing
            }
            if missing:
                admin.create_topics(missing, wait_for_metadata=True)
            described = {topic["name"]: topic["partitions"] for topic in admin.describe_topics(list(planned))}
            resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in planned]
            found = admin.describe_configs(resources, config_filter=ConfigFilterType.ALL)["topic"]
        created = []
        for name, plan in planned.items():
            partitions, replication = len(described[name]), len(described[name][0]["replica_nodes"])
            settings = {key: str(entry["value"]) for key, entry in found[name].items()}
            differs = differences(name, plan, partitions=partitions, replication=replication, found=settings)
            created.append(Created(name, partitions, replication, name in missing, tuple(differs)))
        return created

    def missing(self) -> list[str]:
        """Return the topics that do not exist, by their whole names."""
        with self._asking("listing the topics") as admin:
            existing = set(admin.list_topics())
        return [self.name(topic) for topic in TOPICS if self.name(topic) not in existing]

    def partitions(self, topic: str) -> int:
        """Return how many partitions a topic has; BrokerUnavailable where it does not exist."""
        with self._asking("looking at the topics") as admin:
            (found,) = admin.describe_topics([self.name(topic)])
        if not found["partitions"]:
            raise BrokerUnavailable(f"Kafka: {_no_topic(self.name(topic))}")
        return len(found["partitions"])

    def lag(self, group: str, topics: Sequence[str]) -> dict[tuple[str, int], int]:
        """Return how many records of each partition the group has yet to commit."""
        name = self.name(group)
        with self._asking("measuring the lag") as admin:
            described = admin.describe_topics([self.name(topic) for topic in topics])
            places = [
                TopicPartition(topic["name"], each["partition_index"])
                for topic in described
                for each in topic["partitions"]
            ]
            if not places:
                return {}
            committed = admin.list_group_offsets({name: places})[name]
            first = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST))
            last = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
        # A group that never committed, or whose next record was deleted in the meantime, goes on with the oldest one.
        return {
            (each.topic.removeprefix(self._settings.prefix), each.partition): last[each].offset
            - max(first[each].offset, committed[each].offset if each in committed else -1)
            for each in places
        }

    def close(self) -> None:
        """Let go of the connection that asks about topics."""
        with self._lock:
            admin, self._admin = self._admin, None
            if admin is not None:
                admin.close()

    @contextmanager
    def _asking(self, doing: str) -> Iterator[Any]:
        with self._lock, _explained(doing):
            if self._admin is None:
                self._admin = KafkaAdminClient(**self._connection("admin"))
            try:
                yield self._admin
            except KafkaError:
                # The next one to ask connects anew: the client may hold on to a broker that is gone.
                with suppress(KafkaError):
                    self.close()
                raise

    def _connection(self, client: str) -> dict[str, Any]:
        settings = self._settings
        options: dict[str, Any] = {
            "bootstrap_servers": list(settings.servers),
            "client_id": f"tocsin-{client}",
            "security_protocol": ("SASL_" if settings.sasl_mechanism else "")
            + ("SSL" if settings.tls else "PLAINTEXT"),
            "ssl_context": self._context,
            "bootstrap_timeout_ms": _BOOTSTRAP,
            "request_timeout_ms": _REQUEST,
            "reconnect_backoff_max_ms": 2_000,
            "metadata_max_age_ms": 30_000,
        }
        if settings.sasl_mechanism and settings.password:
            options |= {
                "sasl_mechanism": settings.sasl_mechanism,
                "sasl_plain_username": settings.username,
                "sasl_plain_password": settings.password.get_secret_value(),
            }
        return options


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
        all of them again.
        """
        if not records:
            return
        try:
            with _explained("publishing"):
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
        while True:
            try:
                client.flush(timeout=0.25)
                break
            except KafkaTimeoutError:
                if self._closed.is_set():
                    raise
        for each in sent:
            each.get(timeout=_DELIVERY / 1000)

    def _send(self, client: Any, record: Outgoing) -> Any:
        name = self._prefix + record.topic
        if len(record.value) > LARGEST_MESSAGE:
            raise ValueError(f"a record for {name} has {len(record.value):,} bytes; {LARGEST_MESSAGE:,} are the most")
        try:
            return client.send(name, record.value, record.key, partition=record.partition)
        except KafkaTimeoutError:
            raise BrokerUnavailable(f"Kafka does not answer, or {_no_topic(name)}") from None

    def _connected(self) -> Any:
        with self._lock:
            if self._closed.is_set():
                raise BrokerUnavailable("Kafka: this producer was closed")
            if self._client is None:
                self._client = KafkaProducer(
                    **self._options,
                    acks="all",
                    enable_idempotence=True,
                    allow_auto_create_topics=False,
                    batch_size=_BATCH,
                    # `publish` ends the waiting as soon as it has given all.
                    linger_ms=50,
                    delivery_timeout_ms=_DELIVERY,
                    max_block_ms=_REQUEST,
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
        with _explained("reading"):
            found = self._connected().poll(timeout_ms=round(seconds * 1000), max_records=records)
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
        with _explained("committing"):
            try:
                self._client.commit(offsets, timeout_ms=_REQUEST)
            except _MOVED_ON as error:
                log.info("a commit came too late: the partitions have moved on", why=_sentence(error))

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
            self._client = KafkaConsumer(
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
    """Reads a topic from its beginning to its present end, without a group and as often as asked."""

    def __init__(self, options: dict[str, Any], name: str, topic: str) -> None:
        self._options, self._name, self._topic = options, name, topic
        self._client: Any = None

    def read(self, partitions: Collection[int]) -> list[Received]:
        """Return what is in these partitions now, each in order."""
        if not partitions:
            return []
        try:
            with _explained(f"reading {self._name}"):
                return self._read([TopicPartition(self._name, partition) for partition in partitions])
        except BrokerUnavailable:
            self.close()
            raise

    def close(self) -> None:
        """Disconnect."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(KafkaError):
                client.close(autocommit=False, timeout_ms=2_000)

    def _read(self, places: list[TopicPartition]) -> list[Received]:
        if self._client is None:
            self._client = KafkaConsumer(**self._options, **_READING)
        client, found = self._client, list[Received]()
        client.assign(places)
        client.seek_to_beginning(*places)
        ends = client.end_offsets(places, timeout_ms=_REQUEST)
        deadline = monotonic() + _DELIVERY / 1000
        while any(client.position(place, timeout_ms=_REQUEST) < ends[place] for place in places):
            for place, batch in client.poll(timeout_ms=250).items():
                found += [
                    Received(self._topic, place.partition, each.offset, each.key, each.value, _moment(each.timestamp))
                    for each in batch
                    if each.offset < ends[place]
                ]
                deadline = monotonic() + _DELIVERY / 1000
            if monotonic() > deadline:
                raise KafkaTimeoutError("no answer")
        return found


def _ssl_context(settings: KafkaConfig) -> ssl.SSLContext | None:
    if not settings.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError([f"kafka.ca_file: {settings.ca_file} cannot be read: {error}"]) from None
    if settings.cert_file:
        try:
            context.load_cert_chain(settings.cert_file, settings.key_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError([f"kafka.cert_file: {settings.cert_file} cannot be read: {error}"]) from None
    return context


def _places(places: Iterable[TopicPartition], prefix: str) -> Places:
    return {(place.topic.removeprefix(prefix), place.partition) for place in places}


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _no_topic(name: str) -> str:
    return f"there is no topic {name}: run `tocsin topics create`"
