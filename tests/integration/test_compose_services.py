"""The settings and users of docker-compose.yml, given to the real Kafka and Elasticsearch."""

import base64
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic
from msgspec import structs

from deploy.elasticsearch import setup
from domain.errors import StoreError
from domain.mention import MentionQuery
from storage.cluster import Known, Origin
from storage.elasticsearch import BrandStates, Cluster, PostMemory, Settings, open_store
from storage.store import Commit
from tests.kit import stores
from tests.kit.certificates import Certificates
from tests.kit.compose import services
from tests.kit.docs import ROOT
from tests.kit.services import PASSWORD, ElasticServer, KafkaServer, missing

MONTH = "2026-11"
pytestmark = [pytest.mark.xdist_group("services"), pytest.mark.timeout(600)]


def needs_servers() -> None:
    if why := missing():
        pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)


class ComposeElastic(ElasticServer):
    """Elasticsearch with the environment that docker-compose.yml gives it, and the certificates of `make secrets`."""

    def __init__(self, folder: Path, secrets: Path) -> None:
        super().__init__(folder, secure=True, java="-Xms512m -Xmx512m")
        certs = folder / "config" / "certs"
        certs.mkdir(parents=True)
        names = ("ca.crt", "elasticsearch.crt", "elasticsearch.key")
        self._tls = Certificates(*(Path(shutil.copy(secrets / name, certs)) for name in names))

    def _settings(self) -> dict[str, object]:
        own = {key: value for key, value in super()._settings().items() if not key.startswith(("xpack.", "action."))}
        given = services()["elasticsearch"]["environment"].items()
        return own | {key: f'"{value}"' for key, value in given if key != "ES_JAVA_OPTS"}


class ComposeKafka(KafkaServer):
    """Kafka with the environment that docker-compose.yml gives it, on ports of this test."""

    def _settings(self) -> dict[str, object]:
        written = services()["kafka"]["environment"]
        given = {
            key.removeprefix("KAFKA_").lower().replace("_", "."): value
            for key, value in written.items()
            if key.startswith("KAFKA_") and key != "KAFKA_HEAP_OPTS"
        }
        here = {
            key: value.replace("://kafka:", "://:").replace("@kafka:", "@127.0.0.1:")
            .replace("://:", "://127.0.0.1:")
            .replace(":9092", f":{self.port}")
            .replace(":9093", f":{self._controller}")
            for key, value in given.items()
        }  # fmt: skip
        return here | {"log.dirs": self.folder / "data"}


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the containers see under /run/secrets."""
    folder = tmp_path_factory.mktemp("deploy") / "secrets"
    subprocess.run([ROOT / "deploy" / "make-secrets.sh", folder], check=True)
    (folder / "elastic_password.txt").write_text(PASSWORD)
    for path in folder.glob("*.txt"):
        shutil.copy(path, folder / path.stem)
    shutil.copy(folder / "ca.crt", folder / "ca")
    return folder


@pytest.fixture(scope="module")
def elastic_of_compose(tmp_path_factory: pytest.TempPathFactory, secrets: Path) -> Iterator[ElasticServer]:
    """It, with the users that the one-shot service makes."""
    needs_servers()
    with ComposeElastic(tmp_path_factory.mktemp("elastic"), secrets) as server:
        words = ["--url", server.address, "--secrets", str(secrets), "--seconds", "60"]
        assert setup.main(words) == 0
        assert setup.main(words) == 0, "a second time changes nothing"
        yield server


def as_user(server: ElasticServer, secrets: Path, user: str, secret: str) -> httpx.Client:
    trust = ssl.create_default_context(cafile=str(server.ca_file))
    return httpx.Client(base_url=server.address, auth=(user, (secrets / secret).read_text().strip()), verify=trust)


@pytest.fixture
def tocsin(elastic_of_compose: ElasticServer, secrets: Path) -> Cluster:
    """Elasticsearch as the processes reach it."""
    return Cluster(
        Settings(
            urls=(elastic_of_compose.address,),
            username="tocsin",
            password=(secrets / "tocsin_elasticsearch_password").read_text().strip(),
            ca_file=str(secrets / "ca"),
            replicas=0,
        )
    )


def test_tocsin_has_the_rights_it_needs(tocsin: Cluster) -> None:
    store = open_store(tocsin)
    heard = stores.mention(stores.post())
    store.commit(
        Commit(
            mentions=[heard],
            incidents=[stores.incident()],
            alerts=[stores.alert()],
            near_misses=[stores.near_miss()],
            notifications=[stores.notification()],
            dead_letters=[stores.dead_letter()],
        )
    )
    store.keep(stores.correct(heard, sentiment="positive"))
    assert [found.id for found in store.search(MentionQuery(text="bag"))] == [heard.id]
    assert [row.brand for row in store.stats(MentionQuery())] == [heard.brand]
    assert len(store.claim(stores.at(120), "alert-1", 60, 10)) == 1
    memory = PostMemory(tocsin)
    known = Known(version="1", origin=Origin("posts-0", 1, 0), month=MONTH, mentions=(heard,))
    assert memory.remember({heard.post.id: known}) == []
    assert set(memory.recall([heard.post.id])) == {heard.post.id}
    states = BrandStates(tocsin)
    assert states.save(list(states.load([heard.brand]).values())) is not None
    tocsin.settings = structs.replace(tocsin.settings, keep_months=1)
    assert store.drop_expired(stores.at(0) + timedelta(days=400)), "months that are over can be removed"


@pytest.mark.parametrize("path", ["/elsewhere/_doc/1", "/_security/user/eve", "/.kibana_1/_doc/1"])
def test_tocsin_has_no_other_rights(tocsin: Cluster, path: str) -> None:
    with pytest.raises(StoreError, match=r"403|rights|refus"):
        tocsin.ask("PUT", path, {"password": "made-up-for-tests", "roles": ["superuser"]})


def test_a_misspelt_index_is_not_made_by_itself(tocsin: Cluster) -> None:
    with pytest.raises(StoreError):
        tocsin.ask("PUT", "/tocsin-mentoins/_doc/1", {"brand": "Aurora Air"})


def test_an_analyst_reads_what_was_heard_and_writes_nothing(
    tocsin: Cluster, elastic_of_compose: ElasticServer, secrets: Path
) -> None:
    open_store(tocsin)
    with as_user(elastic_of_compose, secrets, "analyst", "analyst_password") as analyst:
        assert analyst.post("/tocsin-incidents/_search").status_code == httpx.codes.OK
        assert analyst.post("/tocsin-outbox/_search").status_code == httpx.codes.FORBIDDEN
        assert analyst.put("/tocsin-incidents/_doc/1", json={}).status_code == httpx.codes.FORBIDDEN


def test_kibana_gets_in_with_its_password_and_nobody_without(
    elastic_of_compose: ElasticServer, secrets: Path
) -> None:
    with as_user(elastic_of_compose, secrets, "kibana_system", "kibana_system_password") as kibana:
        assert kibana.get("/_security/_authenticate").json()["roles"] == ["kibana_system"]
    trust = ssl.create_default_context(cafile=str(elastic_of_compose.ca_file))
    unknown = httpx.get(elastic_of_compose.address, verify=trust)
    assert unknown.status_code == httpx.codes.UNAUTHORIZED
    # What the health check of the container looks for.
    assert "missing authentication credentials" in unknown.text


def test_a_wrong_password_ends_the_setup_at_once(
    elastic_of_compose: ElasticServer, secrets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(secrets, tmp_path / "secrets")
    (tmp_path / "secrets" / "elastic_password").write_text("not it")
    assert setup.main(["--url", elastic_of_compose.address, "--secrets", str(tmp_path / "secrets")]) == 1
    assert "not it" not in capsys.readouterr().err


def test_kafka_starts_with_these_settings_and_makes_no_topic_by_itself(tmp_path: Path) -> None:
    needs_servers()
    assert len(base64.urlsafe_b64decode(services()["kafka"]["environment"]["CLUSTER_ID"] + "==")) == 16
    with ComposeKafka(tmp_path) as kafka:
        admin = KafkaAdminClient(**kafka.client)
        admin.create_topics([NewTopic("tocsin.posts", num_partitions=8, replication_factor=1)])
        admin.close()
        producer = KafkaProducer(**kafka.client, acks="all")
        producer.send("tocsin.posts", b"[]").get(timeout=30)
        producer.close()
        consumer = KafkaConsumer(
            "tocsin.posts", **kafka.client, group_id="tocsin.process", auto_offset_reset="earliest"
        )
        found = 0
        while not found:
            found = sum(len(batch) for batch in consumer.poll(timeout_ms=1_000).values())
        consumer.commit()
        consumer.close()
        assert found == 1
