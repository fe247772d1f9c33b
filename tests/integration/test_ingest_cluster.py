"""`tocsin ingest` on the real Kafka: killed, handed over, cut off; every post arrives, its versions in order."""

import json
import random
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.kit import cli
from tests.kit.cluster import Worker, configuration, workers
from tests.kit.processes import free_port
from tests.kit.services import PASSWORD, USER, KafkaServer, missing
from tests.kit.topics import sent
from tocsin.config.models import KafkaConfig
from tocsin.runtimes.cluster.broker import Broker

NO_ELASTIC = "http://127.0.0.1:9"
BRAND = '[[brand]]\nname = "Aurora Air"\nquery = "aurora"\n'


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
