"""A broker with topics of the test's own."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.kit.services import KafkaServer
from tocsin.config.models import KafkaConfig
from tocsin.runtimes.cluster.broker import Broker


@pytest.fixture
def settings(kafka: KafkaServer, topic_prefix: str) -> KafkaConfig:
    """Four partitions a topic."""
    return KafkaConfig(servers=(kafka.address,), prefix=topic_prefix, partitions=4)


@pytest.fixture
def broker(settings: KafkaConfig) -> Iterator[Broker]:
    """Its topics are there."""
    with closing(Broker(settings)) as broker:
        broker.create()
        yield broker
