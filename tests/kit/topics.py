"""What was written into a topic."""

from contextlib import closing
from typing import Any

from domain.post import Record
from tocsin.runtimes.cluster.broker import Broker
from tocsin.runtimes.cluster.wire import Reader


def sent(broker: Broker, topic: str = "posts", kind: type[Any] = Record) -> list[Any]:
    """All messages of a topic, partition by partition."""
    with closing(broker.reader(topic, client="test")) as reader:
        records = list(reader.read(range(broker.partitions(topic))))
    return [message for each in records for message in Reader(kind).read(each.value)]
