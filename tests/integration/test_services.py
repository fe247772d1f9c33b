"""The real Kafka and Elasticsearch come up, keep what they took through a SIGKILL, and know their clients."""

import os
import subprocess
import sys
import time
from pathlib import Path
from subprocess import PIPE

import httpx
import pytest
from elasticsearch import AuthenticationException, BadRequestError, Elasticsearch
from elasticsearch import ConnectionError as NotReached
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaError

from tests.kit.docs import ROOT
from tests.kit.processes import listens
from tests.kit.services import ElasticServer, KafkaServer


def send(server: KafkaServer, topic: str, value: bytes) -> None:
    producer = KafkaProducer(**server.client, acks="all")
    producer.send(topic, value).get(timeout=30)
    producer.close()


def records(server: KafkaServer, topic: str, *, wanted: int) -> list[bytes]:
    consumer = KafkaConsumer(**server.client, auto_offset_reset="earliest", enable_auto_commit=False)
    consumer.assign([TopicPartition(topic, 0)])
    found: list[bytes] = []
    while len(found) < wanted:
        for batch in consumer.poll(timeout_ms=1_000).values():
            found += [record.value for record in batch]
    consumer.close()
    return found


def create(server: KafkaServer, topic: str) -> str:
    admin = KafkaAdminClient(**server.client)
    admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    admin.close()
    return topic


def test_kafka_keeps_an_acknowledged_record_through_a_sigkill(kafka: KafkaServer, topic_prefix: str) -> None:
    topic = create(kafka, f"{topic_prefix}posts")
    send(kafka, topic, b"before")
    kafka.kill()
    assert not kafka.running
    kafka.start().ready()
    send(kafka, topic, b"after")
    assert records(kafka, topic, wanted=2) == [b"before", b"after"]


@pytest.mark.usefixtures("kafka")
@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="this run has no workers")
def test_one_worker_gets_every_test_of_the_servers(request: pytest.FixtureRequest) -> None:
    assert request.node.nodeid.endswith("@services")


@pytest.mark.usefixtures("kafka")
def test_a_server_does_not_outlive_the_process_that_started_it(tmp_path: Path) -> None:
    script = f"""
from pathlib import Path
from tests.kit.docs import ROOT
from tests.kit.processes import listens
from tests.kit.services import KafkaServer
print(KafkaServer(Path({str(tmp_path)!r})).start().ready().port, flush=True)
input()
"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True) as owner:
        assert owner.stdout is not None
        port = int(owner.stdout.readline())
        assert listens(port)
        owner.kill()
        while listens(port):
            time.sleep(0.05)


def test_kafka_makes_no_topic_by_itself(kafka: KafkaServer, topic_prefix: str) -> None:
    producer = KafkaProducer(**kafka.client, max_block_ms=2_000)
    with pytest.raises(KafkaError):
        producer.send(f"{topic_prefix}typo", b"lost").get(timeout=10)
    producer.close()
    admin = KafkaAdminClient(**kafka.client)
    assert f"{topic_prefix}typo" not in admin.list_topics()
    admin.close()


def test_a_paused_kafka_keeps_its_clients_waiting_and_then_serves_them(kafka: KafkaServer, topic_prefix: str) -> None:
    topic = create(kafka, f"{topic_prefix}posts")
    producer = KafkaProducer(**kafka.client, acks="all")
    producer.send(topic, b"one").get(timeout=30)
    kafka.pause()
    waiting = producer.send(topic, b"two")
    with pytest.raises(KafkaError):
        waiting.get(timeout=1)
    kafka.resume()
    waiting.get(timeout=30)
    producer.close()
    assert records(kafka, topic, wanted=2) == [b"one", b"two"]


def test_elasticsearch_keeps_an_acknowledged_document_through_a_sigkill(
    elastic: ElasticServer, index_prefix: str
) -> None:
    index = f"{index_prefix}mentions"
    with Elasticsearch(**elastic.client) as client:
        client.indices.create(index=index)
        client.index(index=index, id="1", document={"brand": "Air Astana"})
        elastic.kill()
        with pytest.raises(NotReached):
            client.get(index=index, id="1")
        elastic.start().ready()
        assert client.get(index=index, id="1")["_source"] == {"brand": "Air Astana"}


def test_elasticsearch_makes_no_index_by_itself(elastic: ElasticServer, index_prefix: str) -> None:
    refused = httpx.put(f"{elastic.address}/{index_prefix}typo/_doc/1", json={"lost": True})
    assert refused.status_code == httpx.codes.NOT_FOUND


def test_a_secure_kafka_serves_who_shows_the_password_and_nobody_else(
    secure_kafka: KafkaServer, topic_prefix: str
) -> None:
    topic = create(secure_kafka, f"{topic_prefix}posts")
    send(secure_kafka, topic, b"known")
    assert records(secure_kafka, topic, wanted=1) == [b"known"]
    known = secure_kafka.client | {"bootstrap_timeout_ms": 3_000}
    for change in (
        {"sasl_plain_password": "wrong"},
        {"security_protocol": "SSL", "sasl_mechanism": None},
        {"security_protocol": "PLAINTEXT", "sasl_mechanism": None},
    ):
        with pytest.raises(KafkaError):
            KafkaAdminClient(**known | change)


def test_a_secure_kafka_takes_every_mechanism_that_tocsin_offers(secure_kafka: KafkaServer) -> None:
    for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
        admin = KafkaAdminClient(**secure_kafka.client | {"sasl_mechanism": mechanism})
        assert isinstance(admin.list_topics(), list)
        admin.close()


def test_a_secure_elasticsearch_serves_who_shows_the_key_and_nobody_else(
    secure_elastic: ElasticServer, index_prefix: str
) -> None:
    index = f"{index_prefix}mentions"
    with Elasticsearch(**secure_elastic.client) as client:
        client.indices.create(index=index)
        client.index(index=index, id="1", document={"brand": "Air Astana"})
        assert client.get(index=index, id="1")["found"]
    for credentials in ({}, {"api_key": "d3Jvbmc6d3Jvbmc="}, {"basic_auth": ("elastic", "wrong")}):
        stranger = Elasticsearch(secure_elastic.address, ca_certs=str(secure_elastic.ca_file), **credentials)
        with stranger, pytest.raises(AuthenticationException):
            stranger.get(index=index, id="1")


def test_a_secure_elasticsearch_knows_word_forms(secure_elastic: ElasticServer) -> None:
    forms = {
        "russian": "рейсы рейсами",
        "czech": "letadla letadlem",
        "english": "flight flights",
        "arabic": "كتاب الكتاب",
    }
    with Elasticsearch(**secure_elastic.client) as client:
        for analyser, text in forms.items():
            first, second = client.indices.analyze(analyzer=analyser, text=text)["tokens"]
            assert first["token"] == second["token"]


def test_a_plain_elasticsearch_has_no_analyser_of_a_language(elastic: ElasticServer) -> None:
    with Elasticsearch(**elastic.client) as client, pytest.raises(BadRequestError):
        client.indices.analyze(analyzer="russian", text="рейсы")


def test_the_key_of_a_secure_elasticsearch_holds_after_a_restart(secure_elastic: ElasticServer) -> None:
    key = secure_elastic.api_key
    secure_elastic.stop()
    secure_elastic.start().ready()
    assert secure_elastic.api_key == key
    with Elasticsearch(**secure_elastic.client) as client:
        assert client.security.authenticate()["username"] == "elastic"
