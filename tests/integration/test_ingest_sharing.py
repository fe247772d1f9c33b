"""Sources shared out among several `tocsin ingest`: who listens, who takes over, what waits for what."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from functools import partial
from itertools import pairwise

import httpx
import pytest
from msgspec.structs import replace

from console.ports import Inbox
from domain.dead_letter import DeadLetter
from ingest.source import Page, Source
from ingest.webhook import Config as WebhookConfig
from ingest.webhook import WebhookSource
from tests.kit.cases_webhook import CONFIG, post, signed
from tests.kit.engine import clock, record
from tests.kit.ingest import Clock
from tests.kit.scripted_source import ScriptedSource, letter
from tests.kit.services import KafkaServer
from tests.kit.topics import sent
from tocsin.config.models import KafkaConfig
from tocsin.metrics import Metrics
from tocsin.runtimes.cluster.broker import Broker
from tocsin.runtimes.cluster.cursors import Cursors
from tocsin.runtimes.cluster.hold import Hold
from tocsin.runtimes.cluster.ingest import IngestRuntime
from tocsin.runtimes.cluster.pump import Pump

NAMES = ("east", "north", "south", "west")


class Numbers:
    """A network on which a post a moment appears, for ever; `fetched` is shared by all instances."""

    finite = False

    def __init__(self, name: str, fetched: list[tuple[str, int, int]]) -> None:
        self.name, self._fetched = name, fetched

    async def fetch(self, cursor: bytes | None) -> Page:
        number = int(cursor or b"0")
        self._fetched.append((self.name, number, id(self)))
        one = record(number, f"aurora {number}")
        made = replace(one, post=replace(one.post, native_id=f"{self.name}-{number}", source=self.name))
        return Page(records=[made], cursor=str(number + 1).encode(), wait=0.02)

    async def committed(self, cursor: bytes) -> None:
        pass

    async def check(self) -> str:
        return "numbers"

    async def aclose(self) -> None:
        pass


class Member:
    """One `tocsin ingest` within this process."""

    def __init__(self, settings: KafkaConfig, sources: Mapping[str, Callable[[], Source]]) -> None:
        self.broker, self.metrics = Broker(settings), Metrics()
        self.hold, self.stop = Hold(self.metrics), asyncio.Event()
        self.inboxes: Mapping[str, Inbox] = {}
        cursors = Cursors(self.broker)
        self.pump = Pump(
            cursors=cursors,
            producer=self.broker.producer("test"),
            partitions=self.broker.partitions,
            hold=self.hold,
            clock=clock,
            metrics=self.metrics,
        )
        self.runtime = IngestRuntime(
            sources=sources,
            topics_are_there=self.broker.require_topics,
            groups=self.broker,
            cursors=cursors,
            pump=self.pump,
            hold=self.hold,
        )

    @property
    def owned(self) -> set[str]:
        """The sources it listens to."""
        return {name for name, state in self.runtime.readiness().sources.items() if state.state != "elsewhere"}

    async def run(self, *, until_idle: bool = False) -> None:
        async def server(halt: asyncio.Event, inboxes: Mapping[str, Inbox]) -> None:
            self.inboxes = inboxes
            await halt.wait()

        await self.runtime.run(until_idle=until_idle, stop=self.stop, server=server)
        self.broker.close()


@asynccontextmanager
async def member(settings: KafkaConfig, sources: Mapping[str, Callable[[], Source]]) -> AsyncIterator[Member]:
    one = Member(settings, sources)
    running = asyncio.create_task(one.run())
    try:
        yield one
    finally:
        one.stop.set()
        await running


async def soon(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.05)


@pytest.mark.usefixtures("broker")
async def test_two_processes_share_the_sources_and_one_takes_over_what_the_other_leaves(
    broker: Broker, settings: KafkaConfig
) -> None:
    fetched: list[tuple[str, int, int]] = []
    sources = {name: partial(Numbers, name, fetched) for name in NAMES}
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(member(settings, sources))
        await soon(lambda: first.owned == set(NAMES))
        async with member(settings, sources) as second:
            await soon(lambda: bool(second.owned) and not first.owned & second.owned and len(first.owned) < 4)
            assert first.owned | second.owned == set(NAMES)
            given = second.owned
            before = Counter(name for name, *_ in fetched)
            await soon(lambda: all(Counter(n for n, *_ in fetched)[name] > before[name] + 10 for name in NAMES))
        await soon(lambda: first.owned == set(NAMES))
        before = Counter(name for name, *_ in fetched)
        await soon(lambda: all(Counter(n for n, *_ in fetched)[name] > before[name] + 10 for name in NAMES))
    for name in NAMES:
        numbers = [number for source, number, _ in fetched if source == name]
        listeners = [listener for source, _, listener in fetched if source == name]
        # Never two at once: each instance's fetches stand together, and the next goes on from the cursor.
        changes = sum(a != b for a, b in pairwise(listeners))
        assert changes == (2 if name in given else 0)
        arrived = sorted(int(one.post.native_id.partition("-")[2]) for one in sent(broker) if one.post.source == name)
        assert sorted(set(arrived)) == list(range(max(arrived) + 1))
        assert max(numbers) - max(arrived) <= 1
    assert len({one.post.native_id for one in sent(broker)}) == len(sent(broker))


async def test_dead_letters_of_a_page_are_passed_on_and_the_source_hears_when_its_page_is_safe(
    broker: Broker, settings: KafkaConfig
) -> None:
    scripted = ScriptedSource("kit", [[record(1, "aurora")], [letter(1), letter(2)], [record(2, "aurora")]])
    await Member(settings, {"kit": lambda: scripted}).run(until_idle=True)
    assert {one.post.native_id for one in sent(broker)} == {"1", "2"}
    assert [one.id for one in sent(broker, "posts.dead", DeadLetter)] == [letter(1).id, letter(2).id]
    assert scripted.acknowledged == [b"1", b"2", b"3"], "a page with nothing new in it is not stored again"
    assert scripted.closed


async def test_history_goes_into_its_own_topic_and_every_post_has_its_version(
    broker: Broker, settings: KafkaConfig
) -> None:
    old = record(1, "aurora")
    history = replace(old, post=replace(old.post, origin="backfill"))
    await Member(settings, {"kit": lambda: ScriptedSource("kit", [[history, record(2, "aurora")]])}).run(
        until_idle=True
    )
    assert [one.post.native_id for one in sent(broker, "posts.backfill")] == ["1"]
    (live,) = sent(broker)
    assert live.post.version == live.post.stamp != ""


async def test_while_kafka_is_frozen_no_source_is_asked_for_more_than_a_few_pages(
    kafka: KafkaServer, broker: Broker, settings: KafkaConfig
) -> None:
    fetched: list[tuple[str, int, int]] = []
    async with member(settings, {"east": partial(Numbers, "east", fetched)}) as one:
        await soon(lambda: len(fetched) > 20)
        kafka.pause()
        await soon(lambda: "kafka" in one.hold.reasons)
        asked = len(fetched)
        await asyncio.sleep(2)
        assert len(fetched) == asked
        assert one.runtime.readiness().problems == ["kafka: records wait for Kafka's acknowledgement"]
        kafka.resume()
        await soon(lambda: len(fetched) > asked + 20 and not one.hold.reasons)
    numbers = {int(each.post.native_id.partition("-")[2]) for each in sent(broker)}
    assert numbers == set(range(len(numbers)))


async def test_a_webhook_is_taken_by_every_process_and_answered_when_its_posts_are_safe(
    broker: Broker, settings: KafkaConfig
) -> None:
    now = Clock()
    sources = {"partner": lambda: WebhookSource(WebhookConfig.model_validate(CONFIG), clock=now)}
    async with member(settings, sources) as first, member(settings, sources) as second:
        await soon(lambda: "partner" in first.owned & second.owned)
        for number, one in enumerate((first, second)):
            body = json.dumps([post(number)]).encode()
            status, _, _ = await one.inboxes["partner"].receive(signed(body, now, delivery=f"msg_{number}"), body)
            assert status == httpx.codes.ACCEPTED
            assert f"w{number}" in {each.post.native_id for each in sent(broker)}


def test_the_latest_cursor_of_each_source_is_found_wherever_others_stand(broker: Broker) -> None:
    with closing(Cursors(broker)) as cursors, closing(broker.producer("test")) as producer:
        assert cursors.read(["east", "never"]) == {}
        for round_ in range(3):
            producer.publish(cursors.records({name: b"%s %d" % (name.encode(), round_) for name in NAMES}))
        assert cursors.read(["east", "west", "never"]) == {"east": b"east 2", "west": b"west 2"}
        assert cursors.read([]) == {}
