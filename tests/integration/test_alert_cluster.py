"""`tocsin alert` on the real Kafka and Elasticsearch: several at once, killed, and killed in the middle of a send."""

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

import psutil
import pytest

from domain.dead_letter import DeadLetter
from domain.errors import BrokerUnavailable
from domain.event import MentionEvent
from domain.mention import Change
from storage.cluster import Origin
from storage.elasticsearch import BrandStates, ElasticsearchStore
from tests.kit.alerts import at, heard, judged
from tests.kit.cluster import ROOT, configuration
from tests.kit.deciding import World
from tests.kit.elastic import cluster_of
from tests.kit.services import ElasticServer, KafkaServer
from tocsin.bootstrap import App
from tocsin.bootstrap_cluster import ClusterApp
from tocsin.config import load
from tocsin.config.models import KafkaConfig
from tocsin.runtimes.cluster.alert import GROUP, READERS
from tocsin.runtimes.cluster.broker import Broker, Outgoing
from tocsin.runtimes.cluster.wire import MENTIONS, MENTIONS_DEAD, STORIES, Heard, Reader, Told, encode

PARTITIONS = 2
BRANDS = tuple(f"Brand {number}" for number in range(6))
CHANGES: tuple[Change, ...] = ("edited", "deleted")
CRITICAL = judged("negative", "critical", "safety", critical=0.9)


@dataclass
class Delivery:
    """A request of an alerter; `by` is the port it came from."""

    id: str
    by: int


@dataclass
class SlowDesk:
    """A receiver that thinks about each message before it takes it, unless the sender is gone by then."""

    seconds: float
    url: str = ""
    begun: list[Delivery] = field(default_factory=list)

    def ids(self) -> Counter[str]:
        return Counter(one.id for one in self.begun)


@contextmanager
def slow_desk(seconds: float) -> Iterator[SlowDesk]:
    desk = SlowDesk(seconds)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            desk.begun.append(Delivery(self.headers["idempotency-key"] or "", self.client_address[1]))
            time.sleep(desk.seconds)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    desk.url = f"http://127.0.0.1:{server.server_port}/desk"
    try:
        yield desk
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Around:
    """One test's topics, indices, receiver and alerters."""

    folder: Path
    config: Path
    broker: Broker
    store: ElasticsearchStore
    states: BrandStates
    desk: SlowDesk
    alerters: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def alerter(self, *words: str) -> subprocess.Popen[bytes]:
        """Start one, with leases of seconds."""
        command = [sys.executable, "-m", "tests.kit.short_leases", "alert", "--config", str(self.config), *words]
        with (self.folder / f"alert-{len(self.alerters)}.log").open("ab") as log:
            self.alerters.append(subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log))
        return self.alerters[-1]

    def said(self) -> str:
        """The ends of their logs."""
        return "\n".join(log.read_text(errors="replace")[-2_000:] for log in sorted(self.folder.glob("alert-*.log")))

    def publish(self, messages: Sequence[Heard], size: int = 20) -> None:
        producer = self.broker.producer("test")
        for brand in BRANDS:
            mine = [one for one in messages if one.event.brand == brand]
            producer.publish(
                [
                    Outgoing(MENTIONS, value, brand.encode())
                    for start in range(0, len(mine), size)
                    for value, _ in encode(mine[start : start + size])
                ]
            )
        producer.close()

    def trickle(self, messages: Sequence[Heard]) -> None:
        """Publish them over three quarters of a minute."""
        step = max(len(messages) // 150, 1)
        for start in range(0, len(messages), step):
            self.publish(messages[start : start + step], size=4)
            time.sleep(0.3)

    def read(self, topic: str, reader: Reader) -> list[object]:
        found = self.broker.reader(topic, client="test")
        records = found.read(range(PARTITIONS))
        found.close()
        return [one for record in records for one in reader.read(record.value)]

    def left(self) -> int:
        """How many records nobody has committed. A new group has no coordinator for a moment."""
        while True:
            try:
                return sum(self.broker.lag(GROUP, tuple(READERS)).values())
            except BrokerUnavailable:
                time.sleep(0.2)

    def decided(self) -> dict[str, Any]:
        """What a person could see, as `World.decided` has it."""
        store = self.store
        # What other processes wrote a moment ago is not searched by itself for a second.
        store._cluster.ask("POST", f"/{store._cluster.name('*')}/_refresh")
        return {
            "alerts": {one.id: one for one in store.alerts(limit=10_000)},
            "near misses": {one.id: one for one in store.near_misses(limit=10_000)},
            "incidents": {one.id: one for one in store.incidents(limit=10_000)},
            "notifications": {one.notification.id: one.notification for one in store.outbox(limit=10_000)},
            "letters": {row.id for row in store.dead_letters(limit=10_000)},
        }

    def until(self, what: Callable[[], object], seconds: float = 150) -> None:
        deadline = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)


@pytest.fixture
def around(
    tmp_path: Path, kafka: KafkaServer, elastic: ElasticServer, topic_prefix: str, index_prefix: str
) -> Iterator[Around]:
    broker = Broker(KafkaConfig(servers=(kafka.address,), prefix=topic_prefix, partitions=PARTITIONS))
    broker.create()
    cluster = cluster_of(elastic, index_prefix)
    store = ElasticsearchStore(cluster)
    store.schema.ensure()
    with slow_desk(0.0) as desk:
        config = tmp_path / "tocsin.toml"
        config.write_text(
            configuration(
                kafka=kafka.address, elastic=elastic.address, topics=topic_prefix, indices=index_prefix,
                partitions=PARTITIONS, receiver=desk.url,
                extra="".join(f'[[brand]]\nname = "{brand}"\n' for brand in BRANDS),
            )
        )  # fmt: skip
        found = Around(tmp_path, config, broker, store, BrandStates(cluster), desk)
        yield found
        for process in found.alerters:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()
    broker.close()
    store.close()


def messages(events: Sequence[MentionEvent]) -> list[Heard]:
    return [
        Heard(event=event, origin=Origin("posts-0", offset, 0), month="2026-11")
        for offset, event in enumerate(events)
    ]


def crises(count: int, *, seed: int = 7) -> list[Heard]:
    """Mentions of six brands over two days, some of them alarming, some edited or deleted, with texts that repeat."""
    chance = Random(seed)
    events: list[MentionEvent] = []
    for number in range(count):
        brand = chance.choice(BRANDS)
        kind = chance.random()
        how = CRITICAL if kind < 0.02 else judged() if kind < 0.5 else judged("neutral", "low", "other")
        text = f"{brand} is late {chance.randrange(count // 4)} times on the way to {chance.randrange(50)} cities"
        when = at(48 * number / count)
        events.append(heard(f"m{number}", when, brand=brand, judgement=how, text=text, story=""))
        if chance.random() < 0.1:
            again = chance.choice(events)
            events.append(MentionEvent(mention=again.mention, change=chance.choice(CHANGES)))
    return messages(events)


def sender(delivery: Delivery, alerters: Sequence[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """Whose connection a delivery came over."""
    for process in alerters:
        connections = psutil.Process(process.pid).net_connections(kind="tcp")
        if any(one.laddr and one.laddr.port == delivery.by for one in connections):
            return process
    raise AssertionError("nobody sends that any more")


def test_of_two_alerters_one_is_killed_in_the_middle_of_a_send_nothing_is_lost_and_at_most_that_one_is_doubled(
    around: Around,
) -> None:
    around.desk.seconds = 1.0
    alarms = [heard(f"{brand} burns", at(1), brand=brand, judgement=CRITICAL) for brand in BRANDS]
    later = [heard(f"{brand} calm", at(1, minutes=30), brand=brand) for brand in BRANDS]
    both = [around.alerter(), around.alerter()]
    around.publish(messages([*alarms, *later]))
    around.until(lambda: len(around.desk.begun) >= 2)
    in_flight = around.desk.begun[-1]
    sender(in_flight, both).kill()
    around.until(lambda: around.left() == 0 and around.store.outbox_pending() == 0)
    orders = {one.notification.id for one in around.store.outbox(limit=100)}
    assert len(orders) >= len(BRANDS)
    assert {one.status for one in around.store.outbox(limit=100)} == {"sent"}
    heard_of = around.desk.ids()
    assert set(heard_of) == orders, "nothing is lost"
    assert {name for name, count in heard_of.items() if count > 1} <= {in_flight.id}
    assert max(heard_of.values()) <= 2


def test_killed_again_and_again_they_decide_and_tell_what_a_straight_run_does(around: Around) -> None:
    stream = crises(3_000)
    world = World()
    world.hear(stream)
    world.run(world.alerter(folds=App(config=load(around.config)).folds(), most=200))
    chance = Random(11)
    running = [around.alerter(), around.alerter()]
    with ThreadPoolExecutor(1) as beside:
        flowing = beside.submit(around.trickle, stream)
        for _ in range(6):
            time.sleep(chance.uniform(3, 7))
            assert not flowing.done(), "the kills came too late to tell anything"
            running.pop(chance.randrange(2)).kill()
            running.append(around.alerter())
        flowing.result()
    for process in running:
        process.kill()
        process.wait()
    last = around.alerter("--until-idle")
    assert last.wait(200) == 0, around.said()
    decided = around.decided()
    assert decided == world.decided()
    told = [one for one in around.read(STORIES, Reader(Told)) if isinstance(one, Told)]
    by_place = {(one.event.brand, one.sequence): one for one in told}
    assert all(by_place[one.event.brand, one.sequence] == one for one in told)
    assert by_place == {(one.event.brand, one.sequence): one for one in world.told(STORIES)}
    assert set(around.desk.ids()) == set(decided["notifications"])


def test_poison_does_not_stop_its_partition_and_messages_that_come_again_change_nothing(around: Around) -> None:
    alarms = messages([heard(f"{brand} burns", at(1), brand=brand, judgement=CRITICAL) for brand in BRANDS])
    producer = around.broker.producer("test")
    producer.publish(
        [Outgoing(MENTIONS, value, partition=n % PARTITIONS) for n, value in enumerate((b"\xff", b"[1]"))]
    )
    around.publish(alarms)
    producer.publish([Outgoing(MENTIONS, b"", partition=0)])
    producer.close()
    first = asyncio.run(run(around))
    before = around.decided()
    around.publish(alarms, size=1)
    again = asyncio.run(run(around))
    letters = [one for one in around.read(MENTIONS_DEAD, Reader(DeadLetter)) if isinstance(one, DeadLetter)]
    assert sorted((one.stage, one.reason, one.raw) for one in letters) == [
        ("alert", "bad_json", b"\xff"), ("alert", "bad_message", b"1"), ("alert", "empty", b""),
    ]  # fmt: skip
    assert len(before["incidents"]) == len(BRANDS)
    assert around.decided() == before
    assert len(around.read(STORIES, Reader(Told))) == len(BRANDS)
    assert "Done: 9 messages" in first
    assert "Done: 6 messages, 0 alerts" in again


async def run(around: Around) -> str:
    return await ClusterApp(config=load(around.config)).alert(
        until_idle=True, stop=asyncio.Event(), started=lambda _: None
    )


def test_told_to_stop_it_ends_in_order_and_another_goes_on(around: Around) -> None:
    stream = crises(600)
    around.publish(stream)
    first = around.alerter()
    around.until(lambda: around.left() == 0)
    first.terminate()
    assert first.wait(30) == 0, around.said()
    more = [Heard(event=one.event, origin=Origin("posts-1", one.origin.offset, 0), month="2026-11") for one in stream]
    around.publish(more)
    around.alerter("--until-idle").wait(150)
    states = around.states.load(BRANDS)
    assert sum(one.state.sequence for one in states.values()) == 2 * len(stream)
