"""`tocsin process` on the real Kafka and Elasticsearch: killed, crowded, poisoned, cut off. All is accounted for."""

import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from domain.dead_letter import DeadLetter
from domain.errors import BrokerUnavailable
from domain.post import Record
from storage.cluster import Origin
from storage.memory import MemoryStore
from tests.kit.cluster import Worker, configuration
from tests.kit.docs import ROOT
from tests.kit.engine import BRANDS, WordClassifier, record
from tests.kit.processing import PostMemory, Topics, build_processor, deal
from tests.kit.services import PASSWORD, USER, ElasticServer, KafkaServer
from tocsin.bootstrap import App
from tocsin.config import load
from tocsin.config.models import KafkaConfig
from tocsin.corrections import deployed
from tocsin.runtimes.cluster.broker import Broker, Outgoing, Received
from tocsin.runtimes.cluster.process import read
from tocsin.runtimes.cluster.wire import MENTIONS, POSTS, POSTS_DEAD, Heard, Reader, backfill, encode

PARTITIONS = 4
HISTORY = backfill(POSTS)
_ADDRESS = re.compile(r"probes and metrics at (\S+)")
_HEARD, _LETTERS = Reader(Heard), Reader(DeadLetter)
_BRANDS = "".join(f'[[brand]]\nname = "{one.name}"\nquery = "{one.query}"\n' for one in BRANDS)

Place = tuple[str, Origin]
"""Whom a message is for, and what it was made of."""


@dataclass
class Around:
    """One test's topics and indices, and the workers on them."""

    folder: Path
    config: Path
    kafka: KafkaServer
    broker: Broker
    workers: list[Worker]

    def worker(self, *words: str) -> Worker:
        """Start one."""
        log = self.folder / f"process-{len(self.workers)}.log"
        self.workers.append(Worker("process", self.config, log, words).start())
        return self.workers[-1]

    def finish(self) -> None:
        """Let one worker do what is left, and end by itself."""
        self.worker("--until-idle").finish(240)

    def publish(self, values: Sequence[bytes], *, topic: str = POSTS) -> None:
        """Publish records, in turn to every partition: so a post stands always in the same one if its record does."""
        producer = self.broker.producer("test")
        records = [Outgoing(topic, value, None, place % PARTITIONS) for place, value in enumerate(values)]
        for at in range(0, len(records), 200):
            producer.publish(records[at : at + 200])
        producer.close()

    def records(self, topic: str) -> list[Received]:
        reader = self.broker.reader(topic, client="test")
        found = list(reader.read(range(PARTITIONS)))
        reader.close()
        return found

    def told(self, topic: str = MENTIONS) -> list[Heard]:
        return [one for record in self.records(topic) for one in _HEARD.read(record.value) if isinstance(one, Heard)]

    @property
    def letters(self) -> list[DeadLetter]:
        return [
            one
            for record in self.records(POSTS_DEAD)
            for one in _LETTERS.read(record.value)
            if isinstance(one, DeadLetter)
        ]

    def left(self) -> int:
        """How many records nobody acknowledged yet."""
        return self._lag("process", POSTS, HISTORY)

    def published(self, topic: str = MENTIONS) -> int:
        """How many records a topic holds."""
        return self._lag("a-group-that-never-was", topic)

    def _lag(self, group: str, *topics: str) -> int:
        for _ in range(100):
            try:
                return sum(self.broker.lag(group, topics).values())
            except BrokerUnavailable:
                time.sleep(0.3)
        raise AssertionError("Kafka does not answer")


def until(what: Callable[[], object], seconds: float = 120) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


def probe(worker: Worker, path: str) -> httpx.Response:
    """Ask a worker, once it says where."""
    until(lambda: _ADDRESS.search(worker.said(100_000)))
    found = _ADDRESS.search(worker.said(100_000))
    assert found is not None
    return httpx.get(found[1] + path, timeout=10)


@pytest.fixture
def around(
    tmp_path: Path, kafka: KafkaServer, elastic: ElasticServer, topic_prefix: str, index_prefix: str
) -> Iterator[Around]:
    config = tmp_path / "tocsin.toml"
    config.write_text(
        configuration(
            kafka=kafka.address, elastic=elastic.address, topics=topic_prefix, indices=index_prefix,
            partitions=PARTITIONS, extra=_BRANDS,
        )
    )  # fmt: skip
    broker = Broker(KafkaConfig(servers=(kafka.address,), prefix=topic_prefix, partitions=PARTITIONS))
    broker.create()
    found = Around(tmp_path, config, kafka, broker, [])
    yield found
    for worker in found.workers:
        worker.kill()
    if not kafka.running:
        kafka.start().ready()
    broker.close()


def stream(count: int, *, seed: int = 7, first: int = 0) -> list[bytes]:
    """Records of posts about two brands, with edits, deletions, repeats and poison; a post stays in its partition."""
    chance = random.Random(seed)
    lines: list[list[Record]] = [[] for _ in range(PARTITIONS)]
    for number in range(first, first + count):
        line = lines[number % PARTITIONS]
        mood = chance.choice(("bad wing", "fine", "fire", "fine and borealis"))
        post = record(number, f"aurora {mood} {number}" if chance.random() < 0.98 else f"aurora poison {number}")
        line.append(post)
        kind = chance.random()
        if kind < 0.05:
            line.append(record(number, f"borealis {number}", version="2"))
        elif kind < 0.08:
            line.append(record(number, "", version="3", deleted=True))
        elif kind < 0.12:
            line.append(post)
    values: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
    for line, packed in zip(lines, values, strict=True):
        while line:
            size = chance.randint(1, 12)
            packed += [value for value, _ in encode(line[:size])]
            del line[:size]
        packed.insert(chance.randint(0, len(packed)), b"\xff\x00 no post")
    longest = max(map(len, values))
    return [packed[at] if at < len(packed) else b"[" for at in range(longest) for packed in values]


def expected(around: Around) -> tuple[dict[Place, Heard], set[str]]:
    """What a straight run in memory makes of the records that are in the topics, live ones first."""
    app = App(config=load(around.config))
    stages = app.stages(deployed(WordClassifier(), MemoryStore()))
    topics = Topics()
    processor = build_processor(PostMemory(), topics, of=stages, generation=around.broker.generation)
    deal(processor, [*around.records(POSTS), *around.records(HISTORY)], size=200)
    told = [*topics.messages(MENTIONS, Heard), *topics.messages(backfill(MENTIONS), Heard)]
    return {(one.event.brand, one.origin): one for one in told}, {letter.id for letter in topics.letters}


def account(around: Around) -> None:
    """Every post became what it would have become without any trouble, and nothing else did."""
    wanted, refused = expected(around)
    told = [*around.told(), *around.told(backfill(MENTIONS))]
    first = dict[Place, Heard]()
    latest = dict[tuple[str, str], tuple[int, int]]()
    for one in told:
        place = one.event.brand, one.origin
        if place in first:
            assert first[place] == one, "told again, it says the same"
            continue
        first[place] = one
        line, here = (one.event.brand, one.origin.line), (one.origin.offset, one.origin.place)
        assert here > latest.get(line, (-1, -1)), "of a line, a brand is told in order"
        latest[line] = here
    assert first.keys() == wanted.keys()
    assert first == wanted
    assert {letter.id for letter in around.letters} == refused
    assert around.left() == 0


def test_every_post_becomes_mentions_or_a_dead_letter_and_a_second_worker_finds_nothing_left(around: Around) -> None:
    around.publish(stream(1_500))
    around.finish()
    account(around)
    before = around.published()
    around.finish()
    assert around.published() == before


def test_killed_with_work_in_flight_again_and_again_it_loses_nothing(around: Around) -> None:
    chance = random.Random(20)
    around.publish(stream(9_000))
    for _ in range(4):
        before = around.published()
        worker = around.worker()
        until(lambda before=before: around.published() > before)  # type: ignore[misc]  # bound by the default
        time.sleep(chance.uniform(0, 0.5))
        worker.kill()
        assert around.left() > 0, "the stream ended before all the kills: widen it"
    around.finish()
    account(around)


def test_workers_that_come_and_go_share_the_partitions_and_lose_nothing(around: Around) -> None:
    around.publish(stream(9_000))
    first = around.worker()
    until(lambda: around.published() > 0)
    second = around.worker()
    until(lambda: "taking records" in second.said())
    around.publish(stream(3_000, seed=8))
    until(lambda: around.published() > 50)
    first.kill()
    third = around.worker()
    until(lambda: around.left() == 0, 240)
    assert [second.stop(), third.stop()] == [0, 0]
    account(around)


def test_told_to_end_it_finishes_what_is_under_way_and_the_next_one_goes_on_from_there(around: Around) -> None:
    around.publish(stream(9_000))
    worker = around.worker()
    until(lambda: around.published() > 0)
    assert worker.stop() == 0
    told = around.published()
    assert around.left() > 0
    assert "Done: " in worker.said()
    around.finish()
    account(around)
    assert around.published() > told
    places = [(one.event.brand, one.origin) for one in around.told()]
    assert len(places) == len(set(places)), "nothing had to be told again"


def test_while_kafka_is_away_it_waits_and_says_so_at_the_start_and_in_the_middle(around: Around) -> None:
    around.publish(stream(9_000))
    around.kafka.kill()
    worker = around.worker()
    until(lambda: "kafka" in probe(worker, "/readyz").text)
    assert probe(worker, "/readyz").status_code == 503
    assert probe(worker, "/healthz").status_code == 200
    around.kafka.start().ready()
    until(lambda: around.published() > 0)
    around.kafka.kill()
    until(lambda: "kafka" in probe(worker, "/readyz").text)
    time.sleep(2)
    around.kafka.start().ready()
    until(lambda: around.left() == 0, 240)
    assert worker.stop() == 0
    account(around)


def test_while_elasticsearch_is_away_it_waits_and_acknowledges_nothing(
    around: Around, elastic: ElasticServer
) -> None:
    around.publish(stream(6_000))
    worker = around.worker()
    until(lambda: around.published() > 0)
    elastic.kill()
    until(lambda: "elasticsearch" in probe(worker, "/readyz").text)
    time.sleep(2)
    left = around.left()
    assert left > 0
    time.sleep(3)
    assert around.left() == left
    elastic.start().ready()
    until(lambda: around.left() == 0, 240)
    assert worker.stop() == 0
    account(around)


def test_a_flood_of_poison_stops_the_line_until_a_person_starts_it_again(around: Around) -> None:
    good = [value for number in range(4) for value, _ in encode([record(number, "aurora fire")])]
    around.publish([b"no json"] * 1_600 + good)
    worker = around.worker()
    until(lambda: "could not be processed" in probe(worker, "/readyz").text)
    assert probe(worker, "/readyz").status_code == 503
    assert probe(worker, "/healthz").status_code == 200
    assert 'tocsin_holding{why="dead_letters"} 1.0' in probe(worker, "/metrics").text
    time.sleep(2)
    left = around.left()
    assert left >= 100
    assert 1_000 <= len(around.letters) <= 1_604 - left
    assert worker.stop() == 0
    around.finish()
    account(around)


def test_a_process_that_hangs_ends_so_that_its_supervisor_starts_it_again(around: Around) -> None:
    around.publish(stream(100))
    command = [sys.executable, "-m", "tests.kit.hanging", "process", "--config", str(around.config)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=240, check=False, text=True)
    assert done.returncode == 1
    assert "given up" in done.stdout + done.stderr
    around.finish()
    account(around)


def test_history_is_told_in_its_own_topic_and_live_posts_before_it(around: Around) -> None:
    around.publish(stream(1_500, first=50_000), topic=HISTORY)
    around.publish(stream(300, seed=3))
    around.worker()
    until(lambda: around.published() > 0)
    assert around.published(backfill(MENTIONS)) == 0
    until(lambda: around.left() == 0)
    account(around)
    told = around.told(backfill(MENTIONS))
    assert told
    assert {one.origin.line.rpartition("-")[0] for one in told} == {HISTORY}


def test_a_record_of_many_megabytes_is_dealt_with(around: Around) -> None:
    huge = record(1, "aurora fire")
    huge = Record(post=huge.post, raw=b"x" * 5_000_000)
    around.publish([value for value, _ in encode([huge])])
    around.finish()
    account(around)
    assert len(read(around.records(POSTS))) == 1


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"])
def test_it_proves_who_it_is_where_servers_ask_for_it(
    tmp_path: Path,
    secure_kafka: KafkaServer,
    secure_elastic: ElasticServer,
    topic_prefix: str,
    index_prefix: str,
    mechanism: str,
) -> None:
    config = tmp_path / "tocsin.toml"
    config.write_text(
        f"""
        [storage]
        kind = "elasticsearch"
        urls = ["{secure_elastic.address}"]
        prefix = "{index_prefix}"
        ca_file = "{secure_elastic.ca_file}"
        api_key = "{secure_elastic.api_key}"
        replicas = 0
        [kafka]
        servers = ["{secure_kafka.address}"]
        prefix = "{topic_prefix}"
        partitions = {PARTITIONS}
        tls = true
        ca_file = "{secure_kafka.ca_file}"
        sasl_mechanism = "{mechanism}"
        username = "{USER}"
        password = "{PASSWORD}"
        [console]
        port = 0
        {_BRANDS}
        """
    )
    around = Around(tmp_path, config, secure_kafka, Broker(load(config).kafka), [])
    around.broker.create()
    around.publish(stream(100))
    around.finish()
    account(around)
    around.broker.close()
    assert PASSWORD not in around.workers[0].said(100_000)
