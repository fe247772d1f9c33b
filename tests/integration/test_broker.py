"""The real Kafka through Tocsin's own producer, consumer and admin: what is published stays there, in order."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from domain.errors import BrokerUnavailable, ConfigError
from tests.kit.processes import free_port
from tests.kit.service_fixtures import remove_topics
from tests.kit.services import PASSWORD, USER, KafkaServer
from tocsin.config.models import KafkaConfig
from tocsin.runtimes.cluster.broker import (
    LARGEST_MESSAGE,
    TOPICS,
    Broker,
    Consumer,
    Outgoing,
    Places,
    Received,
    partition_of,
)


def numbered(first: int, last: int, *, topic: str = "posts") -> list[Outgoing]:
    """Records with their numbers as values, spread over four partitions."""
    return [Outgoing(topic, b"%d" % number, None, number % 4) for number in range(first, last)]


def publish(broker: Broker, records: list[Outgoing]) -> None:
    with closing(broker.producer("test")) as producer:
        while True:
            try:
                producer.publish(records)
            except BrokerUnavailable:
                continue
            break


def read(consumer: Consumer, *, until: Callable[[list[Received]], bool]) -> list[Received]:
    """Poll and commit until there is enough; a test that waits in vain runs into its timeout."""
    found: list[Received] = []
    while not until(found):
        try:
            batch = consumer.poll(seconds=0.5, records=100)
            found += batch
            consumer.commit({(record.topic, record.partition): record.offset + 1 for record in batch})
        except BrokerUnavailable:
            continue
    return found


def enough(count: int) -> Callable[[list[Received]], bool]:
    return lambda found: len({(record.partition, record.value) for record in found}) >= count


def of(partition: int, records: list[Received]) -> list[int]:
    return [int(record.value or b"") for record in records if record.partition == partition]


def test_topics_are_created_once_and_then_found_as_they_are(settings: KafkaConfig) -> None:
    with closing(Broker(settings)) as broker:
        assert broker.missing() == [settings.prefix + topic for topic in TOPICS]
        with pytest.raises(BrokerUnavailable, match=r"no topic .*posts.*: run `tocsin topics create`"):
            broker.require_topics()
        first = broker.create()
        assert [each.topic for each in first] == [settings.prefix + topic for topic in TOPICS]
        assert all(each.fresh and not each.differs and each.partitions == 4 for each in first)
        again = broker.create()
        assert not any(each.fresh or each.differs for each in again)
        assert broker.missing() == []
        broker.require_topics()
        assert broker.partitions("posts") == 4


def test_a_topic_that_is_not_as_configured_is_named_with_the_remedy_and_left_as_it_is(
    settings: KafkaConfig, broker: Broker
) -> None:
    other = settings.model_copy(update={"partitions": 8, "retention_days": 3})
    with closing(Broker(other)) as changed:
        posts = next(each for each in changed.create() if each.topic.endswith(".posts"))
        assert not posts.fresh
        assert [difference.partition(":")[0] for difference in posts.differs] == [
            "4 partitions instead of 8",
            "retention.ms is 2592000000 instead of 259200000",
        ]
        assert "kafka-configs --alter" in posts.differs[1]
    assert broker.partitions("posts") == 4


def test_what_was_published_is_read_in_order_with_its_key_and_the_brokers_time(broker: Broker) -> None:
    publish(broker, [*numbered(0, 40), Outgoing("posts", b"40", "Қазақ Эйр".encode(), None)])
    with closing(broker.consumer("readers", ["posts"], client="test")) as consumer:
        found = read(consumer, until=enough(41))
    keyed = next(record for record in found if record.key)
    assert (keyed.key, keyed.value) == ("Қазақ Эйр".encode(), b"40")
    assert keyed.partition == partition_of("Қазақ Эйр".encode(), 4)
    assert keyed.at.tzinfo is not None
    unkeyed = [record for record in found if not record.key]
    for partition in range(4):
        assert of(partition, unkeyed) == list(range(partition, 40, 4))


def test_a_key_goes_where_every_client_of_kafka_sends_it() -> None:
    # The hashes are those of Kafka's own test of its murmur2.
    assert partition_of(b"21", 1_000) == (-973932308 & 0x7FFFFFFF) % 1_000
    assert partition_of(b"foobar", 1_000) == (-790332482 & 0x7FFFFFFF) % 1_000


def test_a_group_goes_on_where_it_committed_and_its_lag_says_what_is_left(broker: Broker) -> None:
    publish(broker, numbered(0, 8))
    assert broker.lag("readers", ["posts"]) == {("posts", partition): 2 for partition in range(4)}
    with closing(broker.consumer("readers", ["posts"], client="test")) as consumer:
        read(consumer, until=enough(8))
    assert set(broker.lag("readers", ["posts"]).values()) == {0}
    publish(broker, numbered(8, 12))
    assert set(broker.lag("readers", ["posts"]).values()) == {1}
    with closing(broker.consumer("readers", ["posts"], client="test")) as consumer:
        found = read(consumer, until=enough(4))
    assert sorted(int(record.value or b"") for record in found) == [8, 9, 10, 11]


def test_what_was_read_and_not_committed_comes_again(broker: Broker) -> None:
    publish(broker, numbered(0, 4))
    with closing(broker.consumer("readers", ["posts"], client="test")) as consumer:
        seen: list[Received] = []
        while len(seen) < 4:
            seen += consumer.poll(seconds=0.5, records=100)
    with closing(broker.consumer("readers", ["posts"], client="test")) as consumer:
        again = read(consumer, until=enough(4))
    assert {record[:5] for record in again} == {record[:5] for record in seen}


def test_a_member_that_works_longer_than_its_session_lasts_keeps_its_partitions(broker: Broker) -> None:
    publish(broker, numbered(0, 4))
    with closing(broker.consumer("readers", ["posts"], client="test")) as consumer:
        found: list[Received] = []
        while len(found) < 4:
            found += consumer.poll(seconds=0.5, records=100)
        time.sleep(12)
        consumer.commit({(record.topic, record.partition): record.offset + 1 for record in found})
    assert set(broker.lag("readers", ["posts"]).values()) == {0}


def test_a_record_that_no_topic_takes_is_refused_before_any_is_sent(broker: Broker) -> None:
    with closing(broker.producer("test")) as producer:
        producer.publish([Outgoing("posts", b"a" * LARGEST_MESSAGE, None, 0)])
        with pytest.raises(ValueError, match="too large"):
            producer.publish([*numbered(0, 4), Outgoing("posts", b"a" * (LARGEST_MESSAGE + 1), None, 0)])
    assert broker.lag("readers", ["posts"]) == {("posts", 0): 1, ("posts", 1): 0, ("posts", 2): 0, ("posts", 3): 0}


def test_a_paused_topic_waits_while_the_others_are_read(broker: Broker) -> None:
    publish(broker, [*numbered(0, 4), *numbered(0, 4, topic="posts.backfill")])
    with closing(broker.consumer("readers", ["posts", "posts.backfill"], client="test")) as consumer:
        consumer.pause(["posts.backfill"])
        live = read(consumer, until=enough(4))
        assert {record.topic for record in live} == {"posts"}
        assert consumer.poll(seconds=1, records=100) == []
        consumer.resume(["posts.backfill"])
        history = read(consumer, until=enough(4))
        assert {record.topic for record in history} == {"posts.backfill"}


def test_members_share_the_partitions_and_only_those_that_move_are_told(broker: Broker) -> None:
    told: list[tuple[str, Places]] = []
    publish(broker, numbered(0, 4))
    with ExitStack() as stack:
        first = broker.consumer(
            "readers", ["posts"], client="first",
            on_assigned=lambda places: told.append(("came", places)),
            on_revoked=lambda places: told.append(("went", places)),
        )  # fmt: skip
        stack.enter_context(closing(first))
        read(first, until=enough(4))
        assert told == [("came", {("posts", partition) for partition in range(4)})]
        second = broker.consumer("readers", ["posts"], client="second")
        stack.enter_context(closing(second))
        while len(first.assigned) != 2 or len(second.assigned) != 2:
            first.poll(seconds=0.2, records=10)
            second.poll(seconds=0.2, records=10)
        assert not first.assigned & second.assigned
        assert told[1:] == [("went", second.assigned)]
        second.close()
        while len(first.assigned) != 4:
            first.poll(seconds=0.2, records=10)
    assert {place for what, places in told if what == "came" for place in places} == {("posts", n) for n in range(4)}


def test_a_commit_for_a_partition_that_moved_on_is_left_to_its_new_owner(broker: Broker) -> None:
    publish(broker, numbered(0, 4))
    with ExitStack() as stack:
        first = stack.enter_context(closing(broker.consumer("readers", ["posts"], client="first")))
        read(first, until=enough(4))
        second = stack.enter_context(closing(broker.consumer("readers", ["posts"], client="second")))
        while len(first.assigned) != 2 or len(second.assigned) != 2:
            first.poll(seconds=0.2, records=10)
            second.poll(seconds=0.2, records=10)
        first.commit(dict.fromkeys(second.assigned, 0))
    assert set(broker.lag("readers", ["posts"]).values()) == {0}


def test_a_whole_topic_is_read_as_often_as_asked(broker: Broker) -> None:
    publish(broker, [Outgoing("cursors", b"1", b"news"), Outgoing("cursors", b"2", b"news")])
    partition = partition_of(b"news", 4)
    with closing(broker.reader("cursors", client="test")) as reader:
        assert [record.value for record in reader.read([partition])] == [b"1", b"2"]
        publish(broker, [Outgoing("cursors", b"3", b"news")])
        assert [record.value for record in reader.read([partition])] == [b"1", b"2", b"3"]
        assert list(reader.read([(partition + 1) % 4])) == []
        assert list(reader.read([])) == []


def test_a_topic_is_read_from_a_moment_on(broker: Broker) -> None:
    publish(broker, numbered(0, 4))
    with closing(broker.reader("posts", client="test")) as reader:
        (first,) = reader.read([1])
        later = first.at + timedelta(milliseconds=1)
        assert list(reader.read([1], since=first.at)) == [first]
        assert list(reader.read([1], since=later)) == []
        publish(broker, numbered(4, 8))
        assert [record.value for record in reader.read([1], since=later)] == [b"5"]


def test_a_broker_killed_while_records_flow_loses_none_and_keeps_each_partitions_order(
    kafka: KafkaServer, broker: Broker
) -> None:
    last, step = 2_000, 20
    halfway = threading.Event()

    def flow() -> None:
        with closing(broker.producer("test")) as producer:
            for first in range(0, last, step):
                while True:
                    try:
                        producer.publish(numbered(first, first + step))
                    except BrokerUnavailable:
                        continue
                    break
                if first == last // 2:
                    halfway.set()

    publisher = threading.Thread(target=flow)
    publisher.start()
    halfway.wait()
    kafka.kill()
    kafka.start().ready()
    with closing(broker.consumer("readers", ["posts"], client="test")) as consumer:
        found = read(consumer, until=enough(last))
    publisher.join()
    for partition in range(4):
        numbers = of(partition, found)
        assert sorted(set(numbers)) == list(range(partition, last, 4))
        assert list(dict.fromkeys(numbers)) == list(range(partition, last, 4))


def test_a_frozen_broker_is_waited_for_and_said_to_be_away(kafka: KafkaServer, broker: Broker) -> None:
    with closing(broker.producer("test")) as producer:
        producer.publish(numbered(0, 4))
        kafka.pause()
        with pytest.raises(BrokerUnavailable, match="Kafka: publishing failed"):
            producer.publish(numbered(4, 8))
        kafka.resume()
        producer.publish(numbered(4, 8))
    with closing(broker.consumer("readers", ["posts"], client="test")) as consumer:
        found = read(consumer, until=enough(8))
    assert sorted({int(record.value or b"") for record in found}) == list(range(8))


def test_a_producer_closed_while_it_waits_lets_go_at_once(kafka: KafkaServer, broker: Broker) -> None:
    producer = broker.producer("test")
    producer.publish(numbered(0, 4))
    kafka.pause()
    raised: list[Exception] = []

    def flow() -> None:
        try:
            producer.publish(numbered(4, 8))
        except BrokerUnavailable as error:
            raised.append(error)

    publisher = threading.Thread(target=flow)
    publisher.start()
    publisher.join(1)
    assert publisher.is_alive()
    producer.close()
    publisher.join()
    kafka.resume()
    assert len(raised) == 1


def test_a_broker_that_is_away_is_said_in_a_sentence_and_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    with closing(Broker(KafkaConfig(servers=(f"127.0.0.1:{free_port()}",)))) as broker, ExitStack() as stack:
        producer = stack.enter_context(closing(broker.producer("test")))
        consumer = stack.enter_context(closing(broker.consumer("readers", ["posts"], client="test")))
        for ask in (
            broker.missing,
            lambda: producer.publish(numbered(0, 1)),
            lambda: consumer.poll(seconds=0, records=1),
        ):
            with pytest.raises(BrokerUnavailable, match="Unable to bootstrap"):
                ask()
    assert threading.active_count() == before


def test_a_topic_that_does_not_exist_is_named_with_the_remedy(settings: KafkaConfig) -> None:
    with closing(Broker(settings)) as broker, closing(broker.producer("test")) as producer:
        with pytest.raises(BrokerUnavailable, match="run `tocsin topics create`"):
            producer.publish(numbered(0, 1))
        with pytest.raises(BrokerUnavailable, match="run `tocsin topics create`"):
            broker.partitions("posts")


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_secure_kafka_is_published_to_and_read_with_the_password(
    secure_kafka: KafkaServer, topic_prefix: str, mechanism: str
) -> None:
    settings = KafkaConfig.model_validate(secured(secure_kafka, topic_prefix) | {"sasl_mechanism": mechanism})
    with closing(Broker(settings)) as broker:
        broker.create()
        publish(broker, numbered(0, 4))
        with closing(broker.consumer("readers", ["posts"], client="test")) as consumer:
            assert len(read(consumer, until=enough(4))) == 4


def test_a_wrong_password_is_said_and_never_shown(secure_kafka: KafkaServer, topic_prefix: str) -> None:
    settings = KafkaConfig.model_validate(
        secured(secure_kafka, topic_prefix) | {"password": SecretStr("not-the-one")}
    )
    with closing(Broker(settings)) as broker:
        with pytest.raises(BrokerUnavailable) as refused:
            broker.missing()
        assert "not-the-one" not in str(refused.value)
        assert "not-the-one" not in repr(broker.faust_options())


def test_a_certificate_that_cannot_be_read_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"kafka\.ca_file"):
        Broker(KafkaConfig(servers=("localhost:9093",), tls=True, ca_file=tmp_path / "missing.pem"))


def secured(server: KafkaServer, prefix: str) -> dict[str, object]:
    return {
        "servers": [server.address], "prefix": prefix, "partitions": 4, "tls": True, "ca_file": server.ca_file,
        "sasl_mechanism": "SCRAM-SHA-512", "username": USER, "password": SecretStr(PASSWORD),
    }  # fmt: skip


def test_a_topic_that_was_deleted_and_made_anew_is_of_another_generation(
    kafka: KafkaServer, broker: Broker, topic_prefix: str
) -> None:
    broker.create()
    first = broker.generation("posts")
    assert first == broker.generation("posts") != broker.generation("mentions")
    remove_topics(kafka, topic_prefix)
    deadline = time.monotonic() + 20
    while "posts" not in {name.removeprefix(topic_prefix) for name in broker.missing()}:
        assert time.monotonic() < deadline
    broker.create()
    assert broker.generation("posts") != first
