"""Kafka, and the only package that knows its client. Everyone else imports from here.

Topics and groups are named without the configured prefix. Whatever Kafka refuses becomes a BrokerUnavailable: hold
the line and call again. Nothing connects before it is first used, so that no process needs Kafka to start.
"""

from tocsin.runtimes.cluster.broker.broker import Broker
from tocsin.runtimes.cluster.broker.client import FaustOptions
from tocsin.runtimes.cluster.broker.consuming import Consumer, Places, Reader, Rebalanced, Received
from tocsin.runtimes.cluster.broker.producing import Outgoing, Producer, partition_of
from tocsin.runtimes.cluster.broker.topics import LARGEST_MESSAGE, TOPICS, Created

__all__ = [
    "LARGEST_MESSAGE",
    "TOPICS",
    "Broker",
    "Consumer",
    "Created",
    "FaustOptions",
    "Outgoing",
    "Places",
    "Producer",
    "Reader",
    "Rebalanced",
    "Received",
    "partition_of",
]
