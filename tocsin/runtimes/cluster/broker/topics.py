"""Which topics the cluster has, and how each is made: partitions, copies, how long a record stays."""

from collections.abc import Mapping
from typing import NamedTuple, get_args

from tocsin.config.models import KafkaConfig
from tocsin.runtimes.cluster.wire import (
    CURSORS,
    MENTIONS_DEAD,
    POSTS_DEAD,
    Line,
    backfill,
)

LARGEST_MESSAGE = 8_000_000
"""Bytes of one record that a topic takes. Records are packed far smaller; one enormous post still has to fit."""
_OVERHEAD = 10_000
_SAFE_COPIES = 3

_LINES: tuple[Line, ...] = get_args(Line)
TOPICS = (*_LINES, *map(backfill, _LINES), POSTS_DEAD, MENTIONS_DEAD, CURSORS)


class Plan(NamedTuple):
    """How a topic is to be made."""

    partitions: int
    replication: int
    settings: Mapping[str, str]


class Created(NamedTuple):
    """A topic as it is after `create`. `differs`: sentences, one for each way in which it is not as configured."""

    topic: str
    partitions: int
    replication: int
    fresh: bool
    differs: tuple[str, ...] = ()


def plans(settings: KafkaConfig) -> dict[str, Plan]:
    """Return what to make, by the topic's name without the prefix."""
    return {topic: Plan(settings.partitions, settings.replication, _settings(topic, settings)) for topic in TOPICS}


def differences(topic: str, plan: Plan, *, partitions: int, replication: int, found: Mapping[str, str]) -> list[str]:
    """Say in what an existing topic is not as planned, with the remedy. `topic` is its whole name."""
    said = []
    if partitions < plan.partitions:
        # Kafka would spread the same brand over two partitions, and its order would be lost.
        said.append(
            f"{partitions} partitions instead of {plan.partitions}: set [kafka] partitions = {partitions}, or let "
            f"everything be processed, stop Tocsin, delete {topic} and run `tocsin topics create` again"
        )
    elif partitions > plan.partitions:
        said.append(f"{partitions} partitions instead of {plan.partitions}: set [kafka] partitions = {partitions}")
    if replication != plan.replication:
        said.append(
            f"{replication} copies instead of {plan.replication}: set [kafka] replication = {replication}, or move "
            "them with kafka-reassign-partitions"
        )
    said += [
        f"{name} is {found.get(name, 'not set')} instead of {value}: `kafka-configs --alter --topic {topic} "
        f"--add-config {name}={value}`"
        for name, value in plan.settings.items()
        if found.get(name) != value
    ]
    return said


def _settings(topic: str, settings: KafkaConfig) -> dict[str, str]:
    common = {
        "max.message.bytes": str(LARGEST_MESSAGE + _OVERHEAD),
        # The age of what waits is measured by one clock, the broker's.
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": "2" if settings.replication >= _SAFE_COPIES else "1",
    }
    if topic == CURSORS:
        # A small active segment: what is read at a take-over is little more than one cursor a source.
        return common | {"cleanup.policy": "compact", "segment.bytes": "10000000", "min.cleanable.dirty.ratio": "0.1"}
    retention = settings.retention_days * 86_400_000
    return common | {"cleanup.policy": "delete", "retention.ms": str(retention)}
