"""The configured Kafka: its topics, and the clients made from its settings."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigFilterType, ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import KafkaError

from domain.errors import BrokerUnavailable
from tocsin.config.models import KafkaConfig
from tocsin.runtimes.cluster.broker.client import (
    FaustOptions,
    connected,
    connection,
    explained,
    no_topic,
    ssl_context,
)
from tocsin.runtimes.cluster.broker.consuming import Consumer, Reader, Rebalanced
from tocsin.runtimes.cluster.broker.producing import Producer
from tocsin.runtimes.cluster.broker.topics import TOPICS, Created, differences, plans


class Broker:
    """The configured Kafka. Safe to share between threads; its producers too, its consumers and readers are not."""

    def __init__(self, settings: KafkaConfig) -> None:
        self._settings = settings
        self._context = ssl_context(settings)
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
        options = connection(self._settings, self._context, client) | {"compression_type": self._settings.compression}
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
        options = connection(self._settings, self._context, client) | {"group_id": self.name(group)}
        return Consumer(options, self._settings.prefix, topics, on_assigned, on_revoked)

    def reader(self, topic: str, *, client: str) -> "Reader":
        """Return what reads a topic from its beginning, without a group."""
        return Reader(connection(self._settings, self._context, client), self.name(topic), topic)

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

    def require_topics(self) -> None:
        """Raise BrokerUnavailable, with the remedy, while a topic is missing."""
        if missing := self.missing():
            raise BrokerUnavailable(f"Kafka has no topic {', '.join(missing)}: run `tocsin topics create`")

    def partitions(self, topic: str) -> int:
        """Return how many partitions a topic has; BrokerUnavailable where it does not exist."""
        with self._asking("looking at the topics") as admin:
            (found,) = self._described(admin, [topic])
        return len(found["partitions"])

    def generation(self, topic: str) -> str:
        """Return what tells a topic from a deleted one of its name; BrokerUnavailable where it does not exist."""
        with self._asking("looking at the topics") as admin:
            (found,) = self._described(admin, [topic])
        return str(found["topic_id"])[:8]

    def lag(self, group: str, topics: Sequence[str]) -> dict[tuple[str, int], int]:
        """Return how many records of each partition the group has yet to commit."""
        name = self.name(group)
        with self._asking("measuring the lag") as admin:
            described = self._described(admin, topics)
            places = [
                TopicPartition(topic["name"], each["partition_index"])
                for topic in described
                for each in topic["partitions"]
            ]
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

    def _described(self, admin: Any, topics: Sequence[str]) -> list[dict[str, Any]]:
        """Return what the broker says of each topic. What cannot be seen must not pass for what is empty."""
        described: list[dict[str, Any]] = admin.describe_topics([self.name(topic) for topic in topics])
        if unseen := [topic["name"] for topic in described if not topic["partitions"]]:
            raise BrokerUnavailable(f"Kafka: {no_topic(unseen[0])}")
        return described

    @contextmanager
    def _asking(self, doing: str) -> Iterator[Any]:
        with self._lock, explained(doing):
            if self._admin is None:
                self._admin = connected(KafkaAdminClient, **connection(self._settings, self._context, "admin"))
            try:
                yield self._admin
            except KafkaError:
                # The next one to ask connects anew: the client may hold on to a broker that is gone.
                with suppress(KafkaError):
                    self.close()
                raise
