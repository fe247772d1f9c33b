"""`tocsin ingest` on the real Kafka: killed, handed over, cut off; every post arrives, its versions in order."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from console.ports import Inbox
from domain.dead_letter import DeadLetter
from domain.post import Record
from ingest.source import Page, Source
from ingest.webhook import Config as WebhookConfig
from ingest.webhook import WebhookSource
from tests.kit import cli
from tests.kit.cases_webhook import CONFIG, post, signed
from tests.kit.cluster import Worker, configuration, workers
from tests.kit.engine import clock, record
from tests.kit.ingest import Clock
from tests.kit.processes import free_port
from tests.kit.scripted_source import ScriptedSource, letter
from tests.kit.services import PASSWORD, USER, KafkaServer, missing
from tocsin.config.models import KafkaConfig
from tocsin.metrics import Metrics
from tocsin.runtimes.cluster.broker import Broker
from tocsin.runtimes.cluster.cursors import Cursors
from tocsin.runtimes.cluster.hold import Hold
from tocsin.runtimes.cluster.ingest import IngestRuntime
from tocsin.runtimes.cluster.pump import Pump
from tocsin.runtimes.cluster.wire import Reader

NO_ELASTIC = "http://127.0.0.1:9"
BRAND = '[[brand]]\nname = "Aurora Air"\nquery = "aurora"\n'
NAMES = ("east", "north", "south", "west")


@pytest.fixture
def settings(kafka: KafkaServer, topic_prefix: str) -> KafkaConfig:
    return KafkaConfig(servers=(kafka.address,), prefix=topic_prefix, partitions=4)


@pytest.fixture
def broker(settings: KafkaConfig) -> Iterator[Broker]:
    with closing(Broker(settings)) as broker:
        broker.create()
        yield broker


def sent(broker: Broker, topic: str = "posts", kind: type[Any] = Record) -> list[Any]:
    """All messages of a topic, partition by partition."""
    with closing(broker.reader(topic, client="test")) as reader:
        records = list(reader.read(range(broker.partitions(topic))))
    return [message for each in records for message in Reader(kind).read(each.value)]


def stream(path: Path, count: int) -> dict[str, list[str]]:
    """Write posts into a file, one in ten edited later; return the texts of each by native id, in order."""
    texts: dict[str, list[str]] = {}
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            edited = number % 10 == 9
            id_ = str(number - 9 if edited else number)
            text = f"aurora is late, flight {number}"
            texts.setdefault(id_, []).append(text)
            line = {"id": id_, "text": text, "created_at": "2026-03-01T10:00:00Z"}
            file.write(json.dumps(line | ({"version": str(number)} if edited else {})) + "\n")
    return texts


def file_source(path: Path, *, name: str = "history", page_size: int = 2) -> str:
    return (
        f'[[source]]\nkind = "file"\nname = "{name}"\nnetwork = "vk"\npage_size = {page_size}\n'
        f"path = {json.dumps(str(path))}\n"
    )


def write_configuration(folder: Path, kafka: str, prefix: str, extra: str) -> Path:
    config = folder / "tocsin.toml"
    text = configuration(
        kafka=kafka, elastic=NO_ELASTIC, topics=prefix, indices="t-", partitions=4, extra=BRAND + extra
    )
    config.write_text(text, encoding="utf-8")
    return config


def arrived(broker: Broker) -> int:
    """How many records stand in the topic of posts."""
    return sum(broker.lag("nobody", ["posts"]).values())


def until(true: Callable[[], bool]) -> None:
    """Wait; a test that waits in vain runs into its timeout."""
    while not true():
        time.sleep(0.05)


def assert_all_arrived_in_order(broker: Broker, texts: Mapping[str, list[str]]) -> int:
    """Every version of every post is there, and the first time in its order; return how many came more than once."""
    found: dict[str, list[str]] = {}
    for one in sent(broker):
        found.setdefault(one.post.native_id, []).append(one.post.text)
    assert {id_: list(dict.fromkeys(versions)) for id_, versions in found.items()} == texts
    assert {id_: versions[-1] for id_, versions in found.items()} == {id_: all_[-1] for id_, all_ in texts.items()}
    return sum(len(versions) for versions in found.values()) - sum(len(versions) for versions in texts.values())


def test_killed_at_random_every_post_arrives_and_each_start_goes_on_where_the_cursor_stands(
    broker: Broker, kafka: KafkaServer, topic_prefix: str, tmp_path: Path
) -> None:
    texts = stream(tmp_path / "posts.jsonl", 4_000)
    config = write_configuration(tmp_path, kafka.address, topic_prefix, file_source(tmp_path / "posts.jsonl"))
    chance, kills = random.Random(11), 3
    worker = Worker("ingest", config, tmp_path / "ingest.log", ["--until-idle"])
    for kill in range(kills):
        enough = (kill + 1) * 150 + chance.randrange(60)
        worker.start()
        until(lambda enough=enough: arrived(broker) > enough)  # type: ignore[misc]  # bound to this round
        worker.kill()
    assert len(sent(broker)) < 4_000
    worker.start().finish(120)
    repeated = assert_all_arrived_in_order(broker, texts)
    # What one kill may repeat is what was published and not yet noted: the pages that wait, and those under way.
    assert repeated <= kills * 200
    assert "Done: " in worker.said()


def test_a_broker_killed_in_the_middle_loses_nothing_and_keeps_the_order_of_each_post(
    broker: Broker, kafka: KafkaServer, topic_prefix: str, tmp_path: Path
) -> None:
    texts = stream(tmp_path / "posts.jsonl", 4_000)
    config = write_configuration(tmp_path, kafka.address, topic_prefix, file_source(tmp_path / "posts.jsonl"))
    with workers(tmp_path, config, ["ingest --until-idle"]) as crew:
        until(lambda: arrived(broker) > 200)
        kafka.kill()
        assert crew["ingest"].running.poll() is None
        kafka.start().ready()
        crew["ingest"].finish(180)
    assert_all_arrived_in_order(broker, texts)


def test_a_kafka_that_is_away_at_the_start_is_waited_for(topic_prefix: str, tmp_path: Path) -> None:
    if why := missing():
        pytest.skip(why)
    port = free_port()
    texts = stream(tmp_path / "posts.jsonl", 20)
    address = f"127.0.0.1:{port}"
    config = write_configuration(tmp_path, address, topic_prefix, file_source(tmp_path / "posts.jsonl"))
    with workers(tmp_path, config, ["ingest --until-idle"]) as crew:
        until(lambda: "holding the line" in crew["ingest"].said())
        probes = next(word for word in crew["ingest"].said().split() if word.startswith("http://127.0.0.1:"))
        assert httpx.get(f"{probes}/healthz").status_code == httpx.codes.OK
        ready = httpx.get(f"{probes}/readyz")
        assert ready.status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert "kafka: Kafka: listing the topics failed" in ready.text
        with KafkaServer(tmp_path / "kafka", port=port) as kafka:
            settings = KafkaConfig(servers=(kafka.address,), prefix=topic_prefix, partitions=4)
            with closing(Broker(settings)) as broker:
                until(lambda: "tocsin topics create" in crew["ingest"].said())
                broker.create()
                crew["ingest"].finish(120)
                assert_all_arrived_in_order(broker, texts)


def test_a_secure_kafka_is_served_from_the_topics_to_the_last_post(
    secure_kafka: KafkaServer, topic_prefix: str, tmp_path: Path
) -> None:
    texts = stream(tmp_path / "posts.jsonl", 40)
    (tmp_path / "password").write_text(PASSWORD)
    config = write_configuration(
        tmp_path, secure_kafka.address, topic_prefix, file_source(tmp_path / "posts.jsonl", page_size=500)
    )
    security = (
        f'tls = true\nca_file = "{secure_kafka.ca_file}"\nsasl_mechanism = "SCRAM-SHA-512"\n'
        f'username = "{USER}"\npassword_file = "password"\n'
    )
    config.write_text(config.read_text().replace("partitions = 4\n", f"partitions = 4\n{security}"))
    assert cli.tocsin("topics", "create", cwd=tmp_path).returncode == 0
    with workers(tmp_path, config, ["ingest --until-idle"]) as crew:
        crew["ingest"].finish(120)
        assert PASSWORD not in crew["ingest"].said()
    settings = KafkaConfig.model_validate(
        {
            "servers": [secure_kafka.address], "prefix": topic_prefix, "tls": True, "ca_file": secure_kafka.ca_file,
            "sasl_mechanism": "PLAIN", "username": USER, "password": PASSWORD,
        }
    )  # fmt: skip
    with closing(Broker(settings)) as broker:
        assert_all_arrived_in_order(broker, texts)


def test_told_to_stop_it_passes_on_what_is_under_way_and_ends_well(
    broker: Broker, kafka: KafkaServer, topic_prefix: str, tmp_path: Path
) -> None:
    texts = stream(tmp_path / "posts.jsonl", 4_000)
    config = write_configuration(tmp_path, kafka.address, topic_prefix, file_source(tmp_path / "posts.jsonl"))
    with workers(tmp_path, config, ["ingest"]) as crew:
        until(lambda: arrived(broker) > 200)
        assert crew["ingest"].stop() == 0
        assert len(sent(broker)) < 4_000
        crew["ingest"].start()
        until(lambda: len(sent(broker)) >= 4_000)
        assert crew["ingest"].stop() == 0
    # It noted where it stood before it ended, so nothing came twice.
    assert assert_all_arrived_in_order(broker, texts) == 0


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


def test_topics_create_says_what_it_made_and_what_differs(
    kafka: KafkaServer, topic_prefix: str, tmp_path: Path
) -> None:
    config = write_configuration(tmp_path, kafka.address, topic_prefix, "")
    made = cli.tocsin("topics", "create", "--json", cwd=tmp_path)
    assert made.returncode == 0
    assert {row["topic"] for row in cli.rows(made.stdout)} >= {f"{topic_prefix}posts", f"{topic_prefix}cursors"}
    assert all(row["fresh"] and row["partitions"] == 4 for row in cli.rows(made.stdout))
    again = cli.tocsin("topics", "create", cwd=tmp_path)
    assert again.returncode == 0
    assert again.stdout.count(b"exists") == len(cli.rows(made.stdout))
    config.write_text(config.read_text().replace("partitions = 4", "partitions = 6"))
    differs = cli.tocsin("topics", "create", cwd=tmp_path)
    assert differs.returncode == 1
    assert f"{topic_prefix}posts: 4 partitions instead of 6: set [kafka] partitions = 4".encode() in differs.stderr


def test_topics_create_without_servers_says_what_to_add(tmp_path: Path) -> None:
    (tmp_path / "tocsin.toml").write_text(BRAND)
    refused = cli.tocsin("topics", "create", cwd=tmp_path)
    assert refused.returncode == 2
    assert b"kafka.servers: none is given: add [kafka] with servers" in refused.stderr


def test_ingest_without_a_source_says_what_to_add(tmp_path: Path) -> None:
    write_configuration(tmp_path, "127.0.0.1:9", "t.", "")
    refused = cli.process("ingest", cwd=tmp_path)
    assert refused.returncode == 2
    assert b"source: none is configured" in refused.stderr


def test_backfill_passes_history_on_once_however_often_it_is_called(
    broker: Broker, kafka: KafkaServer, topic_prefix: str, tmp_path: Path
) -> None:
    stream(tmp_path / "posts.jsonl", 300)
    write_configuration(tmp_path, kafka.address, topic_prefix, "")
    command = ("backfill", "posts.jsonl", "--network", "vk")
    first = cli.process(*command, cwd=tmp_path)
    assert first.returncode == 0
    assert b"posts.jsonl: 300 posts passed on to the cluster, 0 dead letters." in first.stderr
    assert {one.post.origin for one in sent(broker, "posts.backfill")} == {"backfill"}
    again = cli.process(*command, cwd=tmp_path)
    assert b"posts.jsonl: 0 posts passed on to the cluster" in again.stderr
    assert len(sent(broker, "posts.backfill")) == 300
    assert sent(broker) == []
