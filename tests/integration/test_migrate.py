"""From the file of one process to the cluster: all is there, once, and the stream goes on as if nothing was."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from domain.correction import correction
from domain.errors import StoreError
from domain.mention import MentionQuery
from domain.post import Record
from storage.elasticsearch import Cluster, ElasticsearchStore
from storage.sqlite import open_store
from storage.store import Commit, MentionStore, Store
from tests.kit.cli import Done, tocsin
from tests.kit.cluster import configuration, finished
from tests.kit.desk import Desk, open_desk
from tests.kit.elastic import cluster_of
from tests.kit.engine import BRANDS, WordClassifier, clock, record
from tests.kit.services import ElasticServer, KafkaServer
from tocsin.bootstrap import App
from tocsin.bootstrap_cluster import ClusterApp
from tocsin.config import load
from tocsin.config.models import KafkaConfig
from tocsin.runtimes.cluster.broker import Broker, Outgoing
from tocsin.runtimes.cluster.cursors import Cursors
from tocsin.runtimes.cluster.wire import POSTS, encode
from tocsin.runtimes.engine import Engine

_PARTS = "".join(
    f"[[brand]]\nname = {json.dumps(one.name)}\nquery = {json.dumps(one.query)}\n"
    f"accounts = {json.dumps(one.accounts)}\n"
    for one in BRANDS
)
_RULES = '[[rule]]\nkind = "critical_mention"\n[[rule]]\nkind = "spike"\n'


def before() -> list[Record]:
    """What the one process heard: a loud hour, an edit, a deletion, a poison text, a post that concerns nobody."""
    loud = [record(n, f"aurora bad wing number {n}", minutes=n) for n in range(20)]
    return [
        *loud,
        record(30, "aurora fire in the cabin", minutes=25),
        record(31, "borealis bad seat", minutes=26),
        record(32, "borealis is fine", minutes=27),
        record(31, "borealis good seat after all", minutes=26, version="edit"),
        record(32, "", minutes=27, version="gone", deleted=True),
        record(33, "aurora poison", minutes=28),
        record(34, "nobody", minutes=29),
        record(35, "borealis fire in the kitchen", minutes=30),
    ]


def after() -> list[Record]:
    """How it goes on: posts heard again, an edit and a deletion of old ones, the same story, another alarm."""
    return [
        record(30, "aurora fire in the cabin", minutes=25),
        record(3, "aurora bad wing number 3", minutes=3),
        record(40, "aurora fire in the cabin", minutes=31),
        record(5, "aurora bad wing of mine", minutes=5, version="edit"),
        record(4, "", minutes=4, version="gone", deleted=True),
        record(32, "borealis is fine", minutes=27, version="back"),
        record(41, "borealis fire on the runway", minutes=33),
        record(42, "aurora is fine", minutes=400),
        record(43, "aurora fire at the gate", minutes=1_000),
    ]


def everything(store: MentionStore) -> dict[str, Any]:
    """All that a person can see."""
    posts = sorted({one.post.id for one in (*before(), *after())})
    outbox = list(reversed(store.outbox(limit=10_000)))
    return {
        "mentions": [mention for post in posts for mention in store.mentions_of(post)],
        "found": store.search(MentionQuery(limit=1_000)),
        "stats": store.stats(MentionQuery()),
        "acts": store.acts(),
        "alerts": store.alerts(limit=1_000),
        "near misses": store.near_misses(limit=1_000),
        "incidents": store.incidents(limit=1_000),
        "outbox": {
            brand.name: [one for one in outbox if one.notification.incident.brand == brand.name] for brand in BRANDS
        },
        "dead letters": store.dead_letters(pending=False, limit=1_000),
    }


@dataclass
class Around:
    """A cluster, the file of one process, and a desk that both would ring."""

    folder: Path
    config: Path
    broker: Broker
    cluster: Cluster
    store: ElasticsearchStore
    desk: Desk

    @property
    def file(self) -> Path:
        return self.folder / "tocsin.db"

    def seen(self) -> dict[str, Any]:
        self.cluster.ask("POST", f"/{self.cluster.name('*')}/_refresh")
        return everything(self.store)

    def migrate(self, file: Path | None = None) -> Done:
        return tocsin("migrate", str(file or self.file), "--config", str(self.config), cwd=self.folder)

    def cursor(self, source: str) -> bytes | None:
        with closing(Cursors(self.broker)) as cursors:
            return cursors.read([source]).get(source)


@pytest.fixture
def around(
    tmp_path: Path, kafka: KafkaServer, elastic: ElasticServer, topic_prefix: str, index_prefix: str
) -> Iterator[Around]:
    broker = Broker(KafkaConfig(servers=(kafka.address,), prefix=topic_prefix, partitions=1))
    broker.create()
    cluster = cluster_of(elastic, index_prefix)
    with open_desk() as desk, closing(cluster), closing(broker):
        config = tmp_path / "cluster.toml"
        config.write_text(
            configuration(
                kafka=kafka.address, elastic=elastic.address, topics=topic_prefix, indices=index_prefix,
                partitions=1, receiver=desk.url,
                extra=f'{_PARTS}{_RULES}[[source]]\nkind = "file"\nname = "kit"\npath = "posts.jsonl"\n',
            )
        )  # fmt: skip
        yield Around(tmp_path, config, broker, cluster, ElasticsearchStore(cluster), desk)


def engine_of(around: Around, store: Store) -> Engine:
    """The one process, with the rules, incidents and receivers that the cluster has."""
    app = App(config=load(around.config), clock=clock)
    return Engine(app.stages(WordClassifier()), store, clock=clock, metrics=app.metrics)


def feed(engine: Engine, store: Store, records: Sequence[Record], *, over: bool = False) -> None:
    """Let the one process hear these."""
    for start in range(0, len(records), 6):
        for commit in engine.process(records[start : start + 6], [], {"kit": b"line 27"}):
            store.commit(commit)
    drained = engine.drain() if over else None
    if drained:
        store.commit(drained)


def correct(store: Store) -> None:
    """A person says better what the model said of one mention."""
    (mention, *_) = store.mentions_of(record(2, "").post.id)
    store.keep(correction(mention, by="Inna", at=clock(), labels={"sentiment": "positive"}))


def deliver(store: Store, *, keep: int) -> list[str]:
    """Send what the outbox holds, but for the latest `keep` orders; return the ids that were sent."""
    waiting = [entry.notification.id for entry in reversed(store.outbox(status="pending", limit=1_000))]
    sent = waiting[: len(waiting) - keep]
    for number, name in enumerate(sent):
        store.mark_sent(name, at=clock() + timedelta(seconds=number), handle=f"message-{number}")
    return sent


def fill(around: Around, file: Path) -> list[str]:
    """Make the file of one process that was stopped in the middle; return what it has sent."""
    with closing(open_store(file)) as store:
        feed(engine_of(around, store), store, before(), over=True)
        correct(store)
        (letter,) = store.dead_letters()
        store.mark_replayed(letter.id, at=clock())
        store.commit(Commit(dead_letters=[replace(letter.letter, raw=b"{", where="posts.jsonl:9")]))
        return deliver(store, keep=1)


def test_all_that_a_person_can_see_is_there_after_the_move_and_moving_again_changes_nothing(around: Around) -> None:
    sent = fill(around, around.file)
    with closing(open_store(around.file, read_only=True)) as kept:
        expected = everything(kept)
    assert around.migrate().returncode == 0
    found = around.seen()
    for part, wanted in expected.items():
        assert wanted, f"the test says nothing of {part}"
        assert found[part] == wanted, f"{part} differ"
    assert around.cursor("kit") == b"line 27"
    assert around.store.outbox_pending() == 1
    first = found["outbox"][BRANDS[0].name][0].notification
    assert first.id in sent
    assert around.store.outbox_handle(first.incident.id, "desk").startswith("message-")
    again = around.migrate()
    assert again.returncode == 0, again.stderr
    assert around.seen() == found


def test_the_verb_says_what_was_moved(around: Around) -> None:
    fill(around, around.file)
    done = around.migrate()
    assert done.returncode == 0
    said = done.stderr.decode()
    assert "Moved 24 mentions" in said
    assert "1 correction," in said
    assert "2 dead letters" in said
    assert "what was learnt of 2 brands" in said
    assert "where 1 source stood" in said


def test_a_brand_that_the_cluster_has_decided_for_is_refused_before_anything_is_written(around: Around) -> None:
    fill(around, around.file)
    publish(around, [record(50, "aurora fire", minutes=1)])
    run_the_line(around)
    found = around.seen()
    done = around.migrate()
    assert done.returncode != 0
    assert b"has decided for Aurora Air already" in done.stderr
    assert around.seen() == found
    app = ClusterApp(config=load(around.config))
    with closing(open_store(around.file)) as kept, pytest.raises(StoreError, match="Aurora Air"):
        app.migrate(kept)


def publish(around: Around, records: Sequence[Record]) -> None:
    with closing(around.broker.producer("test")) as producer:
        producer.publish([Outgoing(POSTS, value) for value, _ in encode(records)])


def run_the_line(around: Around) -> None:
    """Let every process of the cluster deal with what waits, one after the other."""
    for verb in ("process", "alert", "index"):
        finished(around.folder, around.config, (f"{verb} --until-idle",))


def test_the_rest_of_the_stream_ends_on_the_cluster_as_it_would_have_ended_in_the_file(around: Around) -> None:
    sent = fill(around, around.file)
    with closing(open_store(around.folder / "whole.db")) as whole:
        engine = engine_of(around, whole)
        feed(engine, whole, before(), over=True)
        correct(whole)
        (letter,) = whole.dead_letters()
        feed(engine, whole, after(), over=True)
        expected = everything(whole)
    assert around.migrate().returncode == 0
    publish(around, after())
    run_the_line(around)
    found = around.seen()
    for part in ("mentions", "found", "stats", "acts", "alerts", "near misses", "incidents"):
        assert found[part] == expected[part], f"{part} differ"
    assert orders(found) == orders(expected)
    assert {row.id for row in found["dead letters"]} >= {letter.id}
    everyone = [one.notification.id for some in found["outbox"].values() for one in some]
    assert sorted(around.desk.ids()) == sorted(set(everyone) - set(sent)), "each is sent once, by one of the two"


def orders(seen: dict[str, Any]) -> dict[str, list[Any]]:
    """What was decided to be told, in order, however far its delivery is."""
    return {brand: [one.notification for one in some] for brand, some in seen["outbox"].items()}
