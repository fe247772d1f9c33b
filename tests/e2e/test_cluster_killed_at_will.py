"""The cluster under chaos: all is killed and frozen at random while posts flow; nothing is lost, nothing is doubled.

`make chaos` runs it over 50,000 posts with 40 kills; the test suite runs a shorter storm of the same kind.
"""

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from kafka import KafkaProducer

from domain.mention import Mention, MentionQuery, mention_id
from storage.elasticsearch import Cluster, ElasticsearchStore, Settings
from tests.kit import cluster
from tests.kit.cluster import Worker
from tests.kit.corpus import posts
from tests.kit.desk import Desk, open_desk
from tests.kit.processes import Process
from tests.kit.service_fixtures import need_services
from tests.kit.services import ElasticServer, KafkaServer

POSTS = int(os.environ.get("TOCSIN_CHAOS_POSTS", "4000"))
KILLS = int(os.environ.get("TOCSIN_CHAOS_KILLS", "10"))
FROZEN_SECONDS = float(os.environ.get("TOCSIN_CHAOS_FROZEN", "12"))
SPEED = 200
"""Posts a second."""
BRANDS = ("Aurora", "Borealis", "Cassiopeia", "Dorado", "Eridanus", "Fornax")
CREW = ("ingest", "process", "process", "alert", "alert", "index", "index")
GARBAGE = (b"\x00\xff no json", b"[1, 2", b"{}", b'[{"post": 3}]', b"")

pytestmark = [pytest.mark.timeout(3600)]


@dataclass
class Stream:
    """What is written into the file, and what must come of it: by mention id, the text that stands at the end."""

    alive: dict[str, str] = field(default_factory=dict)
    poisoned: set[str] = field(default_factory=set)


def write_stream(path: Path, count: int) -> Stream:
    """Posts about six brands: some are poison, some come twice, some are edited or deleted soon after."""
    chance, stream = random.Random(5), Stream()
    again: list[dict[str, object]] = []
    brands: dict[object, str] = {}
    with path.open("w", encoding="utf-8") as file:
        for number, made in enumerate(posts(count, brands=1, matching=0.0)):
            brand = chance.choice(BRANDS)
            mood = chance.choices(("bad", "fine", "fire", "poison"), (30, 66, 2, 2))[0]
            post = made | {"network": "vk", "lang": "en", "text": f"{brand} {mood} {number}"}
            lines = [post]
            kind = chance.random()
            if mood == "poison":
                stream.poisoned.add(str(post["id"]))
            elif kind < 0.03:
                again.append(post)
            elif kind < 0.06:
                again.append(post | {"text": f"{brand} bad {number} edited", "version": "2"})
            elif kind < 0.08:
                again.append(post | {"text": "", "deleted": True, "version": "3"})
            if again and chance.random() < 0.1:
                lines.append(again.pop(0) | {"created_at": made["created_at"]})
            for line in lines:
                note(stream, line, brands.setdefault(line["id"], brand))
                file.write(json.dumps(line) + "\n")
    return stream


def note(stream: Stream, line: dict[str, object], brand: str) -> None:
    """Say what a line must lead to."""
    name = mention_id("vk", str(line["id"]), brand)
    if line.get("deleted"):
        stream.alive.pop(name)
    elif line["id"] not in stream.poisoned:
        stream.alive[name] = str(line["text"])


class Storm:
    """Kills and freezes at random; what it killed is started again a little later."""

    def __init__(self, crew: dict[str, Worker], servers: dict[str, Process], chance: random.Random) -> None:
        self._crew, self._servers, self._chance = crew, servers, chance
        self._thawing: list[threading.Thread] = []
        self._frozen: set[str] = set()
        self.done: Counter[str] = Counter()

    def strike(self) -> None:
        """One kill or freeze."""
        name = self._chance.choice([*self._crew, *self._servers])
        if name in self._frozen:
            return
        if self._chance.random() < 0.25:
            self._freeze(name)
        else:
            self._kill(name)
        self.done[name] += 1

    def calm(self) -> None:
        """Wait until everything runs again."""
        for thread in self._thawing:
            thread.join()
        for server in self._servers.values():
            server.start().ready()

    def _kill(self, name: str) -> None:
        if name in self._servers:
            self._servers[name].kill()
            time.sleep(self._chance.uniform(0, 3))
            self._servers[name].start().ready()
        else:
            self._crew[name].kill()
            time.sleep(self._chance.uniform(0, 2))
            self._crew[name].start()

    def _freeze(self, name: str) -> None:
        victim = self._servers.get(name) or self._crew[name]
        self._frozen.add(name)
        victim.pause()

        def thaw() -> None:
            time.sleep(FROZEN_SECONDS)
            victim.resume()
            self._frozen.discard(name)

        thread = threading.Thread(target=thaw)
        thread.start()
        self._thawing.append(thread)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[KafkaServer, ElasticServer]]:
    """Servers of this test's own: nobody else's would survive it."""
    need_services()
    with KafkaServer(tmp_path / "kafka") as kafka, ElasticServer(tmp_path / "elastic") as elastic:
        yield kafka, elastic


@pytest.mark.xdist_group("services")
def test_whatever_is_killed_or_frozen_nothing_is_lost_and_nothing_is_told_twice(
    tmp_path: Path, servers: tuple[KafkaServer, ElasticServer]
) -> None:
    kafka, elastic = servers
    stream = write_stream(tmp_path / "posts.jsonl", POSTS)
    with open_desk() as desk:
        config = tmp_path / "cluster.toml"
        config.write_text(settings(kafka, elastic, desk, tmp_path / "posts.jsonl"))
        cluster.finished(tmp_path, config, ("topics create",), model=True)
        struck = storm_over(tmp_path, config, kafka, elastic)
        for verb in ("ingest", "process", "alert", "index"):
            cluster.finished(tmp_path, config, (f"{verb} --until-idle",), seconds=600)
        # What was written a moment ago is not searched by itself for some seconds.
        httpx.post(f"{elastic.address}/chaos-*/_refresh", timeout=60).raise_for_status()
        store = ElasticsearchStore(Cluster(Settings(urls=(elastic.address,), prefix="chaos-")))
        with ExitStack() as stack:
            stack.callback(store.close)
            assert_nothing_is_lost(store, stream)
            assert_each_was_told(store, desk, struck)


def settings(kafka: KafkaServer, elastic: ElasticServer, desk: Desk, file: Path) -> str:
    extra = "".join(f'[[brand]]\nname = "{brand}"\nquery = "{brand.lower()}"\n' for brand in BRANDS)
    extra += f'[[source]]\nkind = "replay"\nname = "storm"\npath = {json.dumps(str(file))}\nspeed = {SPEED}\n'
    return cluster.configuration(
        kafka=kafka.address, elastic=elastic.address, topics="chaos.", indices="chaos-", partitions=4,
        receiver=desk.url, extra=extra,
    )  # fmt: skip


def storm_over(folder: Path, config: Path, kafka: KafkaServer, elastic: ElasticServer) -> Counter[str]:
    """Let the posts flow through the crew, and strike until it was enough."""
    with cluster.workers(folder, config, CREW) as crew:
        storm = Storm(crew, {"kafka": kafka, "elastic": elastic}, random.Random(11))
        time.sleep(5)
        for garbage in GARBAGE:
            spoil(kafka, "chaos.posts", garbage)
            spoil(kafka, "chaos.mentions", garbage)
        while storm.done.total() < KILLS:
            storm.strike()
            time.sleep(storm._chance.uniform(0, 4))
        storm.calm()
        died = {name: worker.said() for name, worker in crew.items() if worker.running.poll() is not None}
        assert not died, died
        statuses = {worker.stop(60) for worker in crew.values()}
    # One that was told to stop before it had begun dies of the signal.
    assert statuses <= {0, -signal.SIGTERM}
    return storm.done


def spoil(kafka: KafkaServer, topic: str, value: bytes) -> None:
    """Put what is no message into every partition of a topic."""
    producer = KafkaProducer(bootstrap_servers=kafka.address)
    for partition in range(4):
        producer.send(topic, value, partition=partition)
    producer.flush(30)
    producer.close()


def assert_nothing_is_lost(store: ElasticsearchStore, stream: Stream) -> None:
    found: list[Mention] = store.search(MentionQuery(limit=1_000_000))
    assert len(found) == len(stream.alive)
    assert {mention.id: mention.post.text for mention in found} == stream.alive
    letters = store.dead_letters(pending=False, limit=1_000_000)
    judged = {row.letter.where.removeprefix("vk:") for row in letters if row.letter.stage == "classify"}
    assert judged == stream.poisoned
    unreadable = Counter(row.letter.stage for row in letters if row.letter.stage in {"process", "alert"})
    assert unreadable["process"] == unreadable["alert"] > 0


def assert_each_was_told(store: ElasticsearchStore, desk: Desk, struck: Counter[str]) -> None:
    outbox = store.outbox(limit=100_000)
    assert outbox
    assert {entry.status for entry in outbox} == {"sent"}
    assert {entry.notification.id for entry in outbox} == set(desk.ids())
    incidents = {incident.id: incident for incident in store.incidents(limit=100_000)}
    assert {entry.notification.incident.id for entry in outbox} <= set(incidents)
    opened = Counter(entry.notification.incident.id for entry in outbox if entry.notification.kind == "opened")
    assert max(opened.values()) == 1
    doubled = len(desk.heard) - len(set(desk.ids()))
    # Only a delivery in flight may come twice: one for each time an alerter, or the outbox it writes to, was struck.
    assert doubled <= struck["alert"] + struck["alert-4"] + struck["elastic"], doubled
