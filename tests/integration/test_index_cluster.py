"""`tocsin index` on the real Kafka and Elasticsearch: written once, corrected, refused, pushed back, cut off."""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from domain.dead_letter import DeadLetter
from domain.event import MentionEvent
from domain.mention import Mention, MentionQuery, mention_id
from storage.elasticsearch import Cluster, ElasticsearchStore
from storage.elasticsearch.schema import DEAD_LETTERS
from tests.kit.cluster import Worker, configuration
from tests.kit.elastic import cluster_of
from tests.kit.interposed import Interposed, Verdict, interposed
from tests.kit.services import ElasticServer, KafkaServer
from tests.kit.stores import correct, dead_letter, judged, mention, post
from tocsin.bootstrap_cluster import ClusterApp
from tocsin.config import load
from tocsin.config.models import KafkaConfig
from tocsin.runtimes.cluster.broker import Broker, Outgoing
from tocsin.runtimes.cluster.index import GROUP, READERS
from tocsin.runtimes.cluster.wire import MENTIONS_DEAD, POSTS_DEAD, STORIES, Told, backfill, encode

MONTH = "2026-03"


@dataclass
class Around:
    """One test's topics and indices; `between` stands before Elasticsearch, `store` does not."""

    folder: Path
    config: Path
    broker: Broker
    cluster: Cluster
    store: ElasticsearchStore
    between: Interposed

    def tell(self, told: Sequence[Told], topic: str = STORIES) -> None:
        self.publish([value for value, _ in encode(told)], topic)

    def publish(self, values: Sequence[bytes], topic: str = STORIES) -> None:
        producer = self.broker.producer("test")
        producer.publish([Outgoing(topic, value, b"Aurora Air") for value in values])
        producer.close()

    def index(self) -> ClusterApp:
        """Index all there is, in this process; what it did is in the app's metrics."""
        app = ClusterApp(config=load(self.config))
        asyncio.run(app.index(until_idle=True, stop=asyncio.Event(), started=lambda _: None))
        assert sum(self.broker.lag(GROUP, tuple(READERS)).values()) == 0
        return app

    def kept(self) -> dict[str, Mention]:
        self.cluster.ask("POST", f"/{self.store.schema.mentions}/_refresh", also=(404,))
        return {one.id: one for one in self.store.search(MentionQuery(limit=10_000))}

    def letters(self) -> list[DeadLetter]:
        # Others see what is written within a second, which a test does not wait for.
        self.cluster.ask("POST", f"/{self.cluster.name(DEAD_LETTERS)}/_refresh")
        return [row.letter for row in self.store.dead_letters(limit=1_000)]


@pytest.fixture
def around(
    tmp_path: Path, kafka: KafkaServer, elastic: ElasticServer, topic_prefix: str, index_prefix: str
) -> Iterator[Around]:
    broker = Broker(KafkaConfig(servers=(kafka.address,), prefix=topic_prefix, partitions=2))
    broker.create()
    cluster = cluster_of(elastic, index_prefix)
    store = ElasticsearchStore(cluster)
    store.schema.ensure()
    with interposed(elastic.address) as between:
        config = tmp_path / "tocsin.toml"
        config.write_text(
            configuration(
                kafka=kafka.address, elastic=between.url, topics=topic_prefix, indices=index_prefix,
                extra='[[brand]]\nname = "Aurora Air"\n',
            )
        )  # fmt: skip
        yield Around(tmp_path, config, broker, cluster, store, between)
    broker.close()
    store.close()


def said(name: str, text: str = "Aurora Air lost my bag", **fields: Any) -> Mention:
    made = mention(post(name, text), judgement=judged())
    return Mention(**{field: getattr(made, field) for field in made.__struct_fields__} | fields | {"story": made.id})


def told(of: Mention, sequence: int, *, month: str = MONTH) -> Told:
    return Told(event=MentionEvent(mention=of), sequence=sequence, month=month)


def sample(app: ClusterApp, line: str) -> float:
    return next(
        (
            float(each.rpartition(" ")[2])
            for each in app.metrics.render().decode().splitlines()
            if each.startswith(line)
        ),
        0.0,
    )


def test_every_mention_is_one_document_of_its_latest_version_however_often_and_late_it_is_told(
    around: Around,
) -> None:
    stories = [told(said(str(n)), n + 1) for n in range(300)]
    newer = [told(said(str(n), "Aurora Air found my bag"), 1_000 + n) for n in range(0, 300, 3)]
    around.tell([*stories[:150], *newer, *stories])
    around.index()
    first = around.kept()
    around.tell(stories)
    app = around.index()
    assert around.kept() == first
    assert len(first) == 300
    latest = {one.event.mention.id: one.event.mention for one in [*stories, *newer]}
    assert first == latest
    assert sample(app, 'tocsin_indexed_total{outcome="stale"}') == 100
    assert sample(app, 'tocsin_indexed_total{outcome="written"}') == 200, (
        "the same version again is the same document"
    )


def test_history_and_live_posts_and_dead_letters_all_arrive(around: Around) -> None:
    around.tell([told(said("1"), 1)])
    around.tell([told(said("2"), 2)], backfill(STORIES))
    first, second = dead_letter(b"a"), dead_letter(b"b")
    for topic, letter in ((POSTS_DEAD, first), (MENTIONS_DEAD, second)):
        around.publish([value for value, _ in encode([letter])], topic)
    around.index()
    assert len(around.kept()) == 2
    assert sorted(one.id for one in around.letters()) == sorted([first.id, second.id])


def test_what_elasticsearch_refuses_becomes_a_dead_letter_and_its_neighbours_are_written(around: Around) -> None:
    frozen = around.store.schema.month_index("2026-02")
    around.cluster.ask("PUT", f"/{frozen}", {"settings": {"index.blocks.write": True}})
    around.tell([told(said("1"), 1), told(said("2"), 2, month="2026-02"), told(said("3"), 3)])
    around.publish([b'[{"event":', b'[{"sequence":1}]'])
    app = around.index()
    assert {one.post.native_id for one in around.kept().values()} == {"1", "3"}
    letters = {one.reason: one for one in around.letters()}
    assert set(letters) == {"cluster_block_exception", "bad_json", "bad_message"}
    refused = letters["cluster_block_exception"]
    assert (refused.stage, refused.where) == ("index", "mastodon:2")
    assert b'"sequence":2' in refused.raw
    assert frozen in refused.detail
    assert sample(app, 'tocsin_indexed_total{outcome="refused"}') == 1


@pytest.mark.parametrize("first", ["act", "mention"])
def test_a_correction_holds_whichever_comes_first(around: Around, first: str) -> None:
    of = said("1")
    act = correct(of, sentiment="positive")
    if first == "act":
        around.store.keep(act)
    around.tell([told(of, 1)])
    around.index()
    if first == "mention":
        around.store.keep(act)
    around.tell([told(of, 1), told(said("1"), 2)])
    around.index()
    (kept,) = around.kept().values()
    assert kept.judgement is not None
    assert (kept.judgement.sentiment, kept.judgement.corrected_by) == ("positive", "Inna")


def times(number: int, verdict: Verdict, *, of: str) -> Callable[[str, str], Verdict]:
    """That verdict on the first so many requests for that path."""
    count = itertools.count()

    def judge(method: str, path: str) -> Verdict:
        del method
        return verdict if of in path and next(count) < number else "pass"

    return judge


def test_too_many_requests_are_waited_out_and_lead_to_smaller_ones(around: Around) -> None:
    around.between.judge = times(3, 429, of="/_bulk")
    around.tell([told(said(str(n)), n + 1) for n in range(400)])
    app = around.index()
    assert len(around.kept()) == 400
    assert sample(app, 'tocsin_slowed_down_total{why="too_many_requests"}') > 0
    assert around.letters() == []


def test_an_elasticsearch_that_hangs_up_is_waited_for(around: Around, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.backoff.Backoff.next_delay", lambda _: 0.05)
    around.between.judge = times(25, "hang up", of="/")
    around.tell([told(said(str(n)), n + 1) for n in range(50)])
    app = around.index()
    assert len(around.kept()) == 50
    assert sample(app, 'tocsin_holding{why="elasticsearch"}') == 0


def test_it_is_told_to_stop_and_killed_and_another_goes_on(around: Around) -> None:
    around.tell([told(said(str(n)), n + 1) for n in range(2_000)])
    first = Worker("index", around.config, around.folder / "first.log").start()
    try:
        while not around.kept():
            time.sleep(0.05)
        first.kill()
        second = Worker("index", around.config, around.folder / "second.log").start()
        while sum(around.broker.lag(GROUP, tuple(READERS)).values()):
            assert second.running.poll() is None, second.said()
            time.sleep(0.2)
        assert second.stop() == 0, second.said()
    finally:
        first.kill()
    assert set(around.kept()) == {mention_id("mastodon", str(n), "Aurora Air") for n in range(2_000)}
