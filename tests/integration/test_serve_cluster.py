"""`tocsin serve` as a process on the real Elasticsearch: what it answers, takes in, and says when that is away."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from domain.mention import Mention, MentionQuery
from storage.elasticsearch import ElasticsearchStore
from storage.store import Commit
from tests.kit.cluster import Worker, configuration
from tests.kit.elastic import cluster_of
from tests.kit.interposed import Interposed, interposed
from tests.kit.services import ElasticServer
from tests.kit.stores import judged, mention, post

SAID = mention(post(), judgement=judged())
NO_KAFKA = "127.0.0.1:9"
"""It needs none."""


@pytest.fixture
def store(elastic: ElasticServer, index_prefix: str) -> Iterator[ElasticsearchStore]:
    with closing(ElasticsearchStore(cluster_of(elastic, index_prefix))) as store:
        store.schema.ensure()
        store.commit(Commit(mentions=[SAID]))
        yield store


@pytest.fixture
def between(elastic: ElasticServer) -> Iterator[Interposed]:
    """Stands between the process and Elasticsearch."""
    with interposed(elastic.address) as between:
        yield between


@pytest.fixture
def serving(store: ElasticsearchStore, between: Interposed, index_prefix: str, tmp_path: Path) -> Iterator[Worker]:
    del store
    config = tmp_path / "tocsin.toml"
    brand = '[[brand]]\nname = "Aurora Air"\n'
    config.write_text(
        configuration(kafka=NO_KAFKA, elastic=between.url, topics="t.", indices=index_prefix, extra=brand)
    )
    worker = Worker("serve", config, tmp_path / "serve.log", model=True).start()
    yield worker
    worker.kill()


def address(worker: Worker) -> str:
    until(lambda: "probes and metrics at" in worker.said())
    return worker.said().partition("probes and metrics at ")[2].split()[0]


def until(true: Callable[[], bool]) -> None:
    for _ in range(600):
        if true():
            return
        time.sleep(0.05)
    pytest.fail("it never came true")


def _sentiment(of: Mention) -> str:
    return of.judgement.sentiment if of.judgement else ""


def test_it_answers_from_the_store_keeps_what_people_do_and_ends_well_when_told(
    serving: Worker, store: ElasticsearchStore
) -> None:
    with httpx.Client(base_url=address(serving), timeout=30) as http:
        until(lambda: http.get("/readyz").status_code == httpx.codes.OK)
        assert [one["id"] for one in http.get("/api/v1/mentions").json()["mentions"]] == [SAID.id]
        act = {"act": "correct", "mention": SAID.id, "by": "Inna", "sentiment": "positive"}
        assert http.post("/api/v1/acts", json=act).is_success
        assert "tocsin_holding" in http.get("/metrics").text
    until(lambda: [_sentiment(one) for one in store.search(MentionQuery(limit=5))] == ["positive"])
    assert serving.stop() == 0
    assert "Done." in serving.said()


def test_while_elasticsearch_is_away_it_says_so_and_answers_again_when_it_is_back(
    serving: Worker, between: Interposed
) -> None:
    with httpx.Client(base_url=address(serving), timeout=60) as http:
        until(lambda: http.get("/readyz").status_code == httpx.codes.OK)
        between.judge = lambda _method, _path: "hang up"
        until(lambda: http.get("/readyz").status_code == httpx.codes.SERVICE_UNAVAILABLE)
        assert "elasticsearch" in http.get("/readyz").text
        assert http.get("/healthz").status_code == httpx.codes.OK
        refused = http.get("/api/v1/mentions")
        assert refused.status_code == httpx.codes.SERVICE_UNAVAILABLE
        between.judge = lambda _method, _path: "pass"
        until(lambda: http.get("/readyz").status_code == httpx.codes.OK)
        assert [one["id"] for one in http.get("/api/v1/mentions").json()["mentions"]] == [SAID.id]
    assert serving.stop() == 0
