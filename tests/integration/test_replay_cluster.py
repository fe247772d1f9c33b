"""`tocsin dead-letters replay` on a cluster: what was refused goes into the topics again, from where it is kept."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from domain.dead_letter import DeadLetter
from domain.mention import MentionQuery
from domain.post import Record
from storage.elasticsearch import ElasticsearchStore
from storage.store import Commit, DeadLetterRow
from tests.kit import cli
from tests.kit.cluster import configuration
from tests.kit.elastic import cluster_of
from tests.kit.engine import START, record
from tests.kit.processing import PostMemory, Topics, build_processor, dealt, received
from tests.kit.services import ElasticServer, KafkaServer
from tocsin.config.models import KafkaConfig
from tocsin.runtimes.cluster.broker import Broker, Received
from tocsin.runtimes.cluster.packing import pack
from tocsin.runtimes.cluster.process import read
from tocsin.runtimes.cluster.wire import AGAIN, Reader, encoded
from tocsin.runtimes.flow import letter_of


@pytest.fixture
def broker(kafka: KafkaServer, topic_prefix: str) -> Iterator[Broker]:
    with closing(Broker(KafkaConfig(servers=(kafka.address,), prefix=topic_prefix, partitions=2))) as broker:
        broker.create()
        yield broker


@pytest.fixture
def store(elastic: ElasticServer, index_prefix: str) -> Iterator[ElasticsearchStore]:
    with closing(ElasticsearchStore(cluster_of(elastic, index_prefix))) as store:
        store.schema.ensure()
        yield store


@pytest.fixture
def folder(kafka: KafkaServer, elastic: ElasticServer, topic_prefix: str, index_prefix: str, tmp_path: Path) -> Path:
    (tmp_path / "posts.jsonl").write_text("")
    sources = '[[source]]\nkind = "file"\nname = "history"\nnetwork = "vk"\npath = "posts.jsonl"\n'
    text = configuration(
        kafka=kafka.address,
        elastic=elastic.address,
        topics=topic_prefix,
        indices=index_prefix,
        extra=f'[[brand]]\nname = "Aurora Air"\nquery = "aurora"\n{sources}',
    )
    (tmp_path / "tocsin.toml").write_text(text)
    return tmp_path


def refused(number: int, *, source: str = "mastodon", text: str = "aurora poison") -> tuple[Record, DeadLetter]:
    """A post of a source, and its dead letter."""
    made = record(number, text)
    made = replace(made, post=replace(made.post, source=source))
    return made, letter_of(made, "classify", ValueError("a text that breaks the model"), at=START)


def keep(broker: Broker, *records: Record) -> None:
    """Pass posts on as `ingest` does."""
    with closing(broker.producer("test")) as producer:
        producer.publish(pack(records, [], partitions=broker.partitions, at=START).records)


def lay_aside(store: ElasticsearchStore, *letters: DeadLetter) -> None:
    """Keep dead letters where the searches of any process see them."""
    store.commit(Commit(dead_letters=list(letters)))
    assert len(kept(store)) == len(letters)


def kept(store: ElasticsearchStore, *, pending: bool = True) -> list[DeadLetterRow]:
    """The dead letters, as whichever process left them: what others wrote is not searched by itself for a second."""
    store._cluster.ask("POST", f"/{store._cluster.name('*')}/_refresh")
    return store.dead_letters(pending=pending)


def passed_on(broker: Broker, topic: str = "posts") -> list[Received]:
    with closing(broker.reader(topic, client="test")) as reader:
        return [each for each in reader.read(range(2)) if each.key == AGAIN]


def posts_of(records: list[Received]) -> list[Record]:
    return [one for each in records for one in Reader(Record).read(each.value) if isinstance(one, Record)]


def test_a_post_that_a_stage_refused_is_found_in_the_topic_and_passed_on_again(
    broker: Broker, store: ElasticsearchStore, folder: Path
) -> None:
    made, letter = refused(1)
    edited = replace(made, post=replace(made.post, text="aurora again", version="2"))
    history, old_letter = refused(2)
    history = replace(history, post=replace(history.post, origin="backfill"))
    keep(broker, made, record(3, "another"), edited, history)
    lay_aside(store, letter, old_letter)

    replayed = cli.tocsin("dead-letters", "replay", cwd=folder)

    assert (replayed.returncode, replayed.stdout) == (0, b"2 went through, 0 were refused again.\n")
    assert posts_of(passed_on(broker)) == [edited]
    assert [one.post.id for one in posts_of(passed_on(broker, "posts.backfill"))] == [history.post.id]
    assert kept(store) == []
    assert len(kept(store, pending=False)) == 2


def test_a_row_that_was_refused_is_read_again_by_its_source(
    broker: Broker, store: ElasticsearchStore, folder: Path
) -> None:
    row = {"id": "7", "text": "aurora read at last", "created_at": "2026-03-02T09:00:00Z"}
    good = DeadLetter(
        source="history", stage="read", reason="bad_time", detail="", where="posts.jsonl:1",
        raw=json.dumps(row).encode(), at=START,
    )  # fmt: skip
    lay_aside(store, good, replace(good, where="posts.jsonl:2", raw=b"{still bad"))

    replayed = cli.tocsin("dead-letters", "replay", "--json", cwd=folder)

    assert replayed.returncode == 1
    (said,) = cli.rows(replayed.stdout)
    assert said["through"] == 1
    assert len(said["refused"]) == 1
    assert [one.post.native_id for one in posts_of(passed_on(broker))] == ["7"]
    assert [row.letter.where for row in kept(store)] == ["posts.jsonl:2"]


@pytest.mark.usefixtures("broker")
def test_a_letter_whose_post_is_nowhere_stays_and_says_what_to_do(store: ElasticsearchStore, folder: Path) -> None:
    lay_aside(store, refused(1)[1])
    replayed = cli.tocsin("dead-letters", "replay", cwd=folder)
    assert replayed.returncode == 1
    assert b"bring it in again" in replayed.stdout
    assert len(kept(store)) == 1
    assert store.count(MentionQuery()) == 0


def test_what_is_known_already_is_processed_again_when_it_is_replayed() -> None:
    memory, topics = PostMemory(), Topics()
    processor = build_processor(memory, topics)
    value = encoded(record(1, "aurora bad"))
    dealt(processor, read([received(value, 0)]))
    heard = len(topics.records)
    dealt(processor, read([received(value, 1)]))
    assert len(topics.records) == heard
    dealt(processor, read([received(value, 2)._replace(key=AGAIN)]))
    assert len(topics.records) == heard + 1
