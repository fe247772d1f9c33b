"""Records that Faust brings, from the real Kafka: in order, again until acknowledged, and nobody in another's way."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.kit.services import KafkaServer
from tocsin.config.models import KafkaConfig
from tocsin.metrics import Metrics
from tocsin.runtimes.cluster.broker import Broker, Outgoing
from tocsin.runtimes.cluster.faust_app import FaustSource, Held
from tocsin.runtimes.cluster.hold import Hold
from tocsin.runtimes.cluster.processing import GROUP, HISTORY, TOPICS
from tocsin.runtimes.cluster.wire import POSTS

PARTITIONS = 4
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def broker(kafka: KafkaServer, topic_prefix: str) -> Broker:
    found = Broker(KafkaConfig(servers=(kafka.address,), prefix=topic_prefix, partitions=PARTITIONS))
    found.create()
    return found


def publish(broker: Broker, count: int, *, topic: str = POSTS, size: int = 10) -> None:
    """Records whose value begins with their number, in turn to every partition."""
    producer = broker.producer("test")
    producer.publish(
        [Outgoing(topic, b"%08d" % number + b"." * size, None, number % PARTITIONS) for number in range(count)]
    )
    producer.close()


def numbers(held: Sequence[Held]) -> list[int]:
    return [int((one.record.value or b"")[:8]) for one in held]


@asynccontextmanager
async def running(broker: Broker, hold: Hold | None = None) -> AsyncIterator[FaustSource]:
    source = FaustSource(
        options=broker.faust_options(),
        group=broker.name(GROUP),
        names={topic: broker.name(topic) for topic in TOPICS},
        queues=broker,
        hold=hold or Hold(Metrics()),
    )
    halt = asyncio.Event()
    task = asyncio.create_task(source.run(halt))
    try:
        yield source
    finally:
        halt.set()
        await task


async def taken(source: FaustSource, count: int, *, topic: str = POSTS, acknowledge: bool = True) -> list[Held]:
    """Take that many, on a thread, as the worker does."""
    found: list[Held] = []
    async with asyncio.timeout(120):
        while len(found) < count:
            held = await asyncio.to_thread(source.take, topic, seconds=0.2)
            if acknowledge:
                source.acknowledge(held)
            found += held
    return found


async def until(what: Callable[[], Any]) -> None:
    async with asyncio.timeout(120):
        while not what():
            await asyncio.sleep(0.1)


async def test_records_of_a_partition_come_in_order_and_are_committed_once_acknowledged(broker: Broker) -> None:
    publish(broker, 1000)
    async with running(broker) as source:
        found = numbers(await taken(source, 1000))
        assert sorted(found) == list(range(1000))
        for partition in range(PARTITIONS):
            line = [number for number in found if number % PARTITIONS == partition]
            assert line == sorted(line)
        assert set(source.committed()) == {(topic, each) for topic in TOPICS for each in range(PARTITIONS)}
    assert sum(broker.lag(GROUP, TOPICS).values()) == 0


async def test_what_was_not_acknowledged_comes_again_to_the_next_one(broker: Broker) -> None:
    publish(broker, 400)
    async with running(broker) as source:
        held = await taken(source, 400, acknowledge=False)
        source.acknowledge([one for one in held if numbers([one])[0] < 100])
    async with running(broker) as source:
        assert sorted(numbers(await taken(source, 300))) == list(range(100, 400))


async def test_an_app_that_died_is_followed_by_another(broker: Broker) -> None:
    publish(broker, 100)
    async with running(broker) as source:
        held = await taken(source, 100, acknowledge=False)
        life = source._life
        assert life is not None
        await life._app.crash(RuntimeError("made to die"))
        await until(lambda: source._life not in {None, life})
        source.acknowledge(held)
        assert sorted(numbers(await taken(source, 100))) == list(range(100))
    assert sum(broker.lag(GROUP, TOPICS).values()) == 0


@pytest.mark.parametrize(("count", "size"), [(12_000, 10), (300, 200_000)], ids=["many", "large"])
async def test_a_topic_that_nobody_takes_from_is_not_fetched_for_ever_and_stands_in_nobodys_way(
    broker: Broker, count: int, size: int
) -> None:
    publish(broker, count, topic=HISTORY, size=size)
    async with running(broker) as source:
        await until(lambda: source._life and source._life._lines[HISTORY].closed)
        publish(broker, 3_000)
        assert len(await taken(source, 3_000)) == 3_000
        assert source._life is not None
        waiting = source._life._lines[HISTORY].held
        assert len(waiting) * size < 40_000_000
        assert len(waiting) < 5_000
        found = await taken(source, count, topic=HISTORY)
        assert sorted(numbers(found)) == list(range(count))
    assert sum(broker.lag(GROUP, TOPICS).values()) == 0


async def test_large_records_are_taken_a_few_at_once_and_the_largest_alone(broker: Broker) -> None:
    publish(broker, 20, size=300_000)
    async with running(broker) as source:
        found: list[list[Held]] = []
        async with asyncio.timeout(120):
            while sum(map(len, found)) < 20:
                found.append(await asyncio.to_thread(source.take, POSTS, seconds=0.2))
        assert max(map(len, found)) == 2
        publish(broker, 4, size=7_000_000)
        assert {len(one.record.value or b"") for one in await taken(source, 4)} == {7_000_008}


async def test_two_share_the_partitions_and_each_hears_what_becomes_its_own(broker: Broker) -> None:
    async with running(broker) as first:
        await until(lambda: len(first.committed()) == 2 * PARTITIONS)
        async with running(broker) as second:
            await until(lambda: 0 < len(first.committed()) < 2 * PARTITIONS and second.committed())
            publish(broker, 200)
            one = asyncio.create_task(taken(first, 100))
            other = asyncio.create_task(taken(second, 100))
            assert sorted(numbers(await one) + numbers(await other)) == list(range(200))
        await until(lambda: len(first.committed()) == 2 * PARTITIONS)
        publish(broker, 50)
        assert len(await taken(first, 50)) >= 50


async def test_while_a_topic_is_missing_it_says_so_and_waits(kafka: KafkaServer, topic_prefix: str) -> None:
    broker = Broker(KafkaConfig(servers=(kafka.address,), prefix=topic_prefix, partitions=PARTITIONS))
    hold = Hold(Metrics())
    async with running(broker, hold) as source:
        await until(lambda: hold.reasons)
        assert "tocsin topics create" in hold.reasons["kafka"]
        broker.create()
        publish(broker, 5)
        assert len(await taken(source, 5)) == 5
