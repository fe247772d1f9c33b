"""What becomes of each write in a real Elasticsearch: written, overtaken, refused, tried again; what a fault says."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread, Timer

import httpx
import pytest
from msgspec.structs import replace

from deploy.elasticsearch.setup import ROLES
from domain.errors import StoreError, StoreUnavailable
from domain.mention import MentionQuery
from storage.cluster import Versioned
from storage.elasticsearch import Cluster, Settings, open_store, reading
from storage.elasticsearch.bulk import LARGEST_DOCUMENT, Write, bulk
from storage.store import Commit
from tests.kit.elastic import cluster_of
from tests.kit.services import ElasticServer
from tests.kit.stores import mention, post

ROOM = {"index.blocks.read_only_allow_delete": None}
NO_ROOM = {"index.blocks.read_only_allow_delete": True}
"""What Elasticsearch itself sets when the disk is full."""


@pytest.fixture
def cluster(elastic: ElasticServer, index_prefix: str) -> Iterator[Cluster]:
    opened = cluster_of(elastic, index_prefix)
    strict = {"dynamic": "strict", "properties": {"n": {"type": "long"}}}
    opened.ask("PUT", f"/{opened.name('w')}", {"mappings": strict, "settings": {"number_of_replicas": 0}})
    yield opened
    opened.close()


def write(cluster: Cluster, name: str, source: bytes | None = b'{"n": 1}', **how: object) -> Write:
    return Write(cluster.name("w"), name, source, **how)  # type: ignore[arg-type]  # names of Write's fields


def test_each_write_has_a_fate_of_its_own(cluster: Cluster) -> None:
    first = bulk(cluster, [write(cluster, "a", version=5), write(cluster, "b", new=True)])
    assert (first.written, first.overtaken, first.refused) == (2, [], [])
    outcome = bulk(
        cluster,
        [
            write(cluster, "a", version=4),
            write(cluster, "a", version=5),
            write(cluster, "a", version=5, above=True),
            write(cluster, "b", new=True),
            write(cluster, "b", seen=first.places[1]),
            write(cluster, "b", seen=first.places[1]),
            write(cluster, "c", b'{"n": "many"}'),
            write(cluster, "d", b'{"unheard": 1}'),
            write(cluster, "a", None),
            write(cluster, "never there", None),
        ],
    )
    assert sorted(outcome.places) == [1, 4, 8, 9]
    assert outcome.overtaken == [0, 2, 3, 5]
    assert [(one.number, one.id, one.reason) for one in outcome.refused] == [
        (6, "c", "document_parsing_exception"),
        (7, "d", "strict_dynamic_mapping_exception"),
    ]
    assert "many" in outcome.refused[0].detail or "long" in outcome.refused[0].detail
    with pytest.raises(StoreError, match="refuses 2 documents"):
        outcome.require()


def test_a_server_without_room_is_waited_for_and_the_caller_told(cluster: Cluster) -> None:
    settings = f"/{cluster.name('w')}/_settings"
    cluster.ask("PUT", settings, NO_ROOM)
    waited: list[float] = []

    def make_room(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            cluster.ask("PUT", settings, ROOM)

    outcome = bulk(cluster, [write(cluster, "a"), write(cluster, "b")], sleep=make_room)
    assert (outcome.written, outcome.pushed_back) == (2, 6)
    assert waited == sorted(waited)


def test_a_server_that_stays_without_room_is_unavailable(cluster: Cluster) -> None:
    cluster.ask("PUT", f"/{cluster.name('w')}/_settings", NO_ROOM)
    with pytest.raises(StoreUnavailable, match="too busy"):
        bulk(cluster, [write(cluster, "a")], sleep=lambda _: None)


def test_a_document_too_large_for_any_server_is_refused_and_the_rest_written(cluster: Cluster) -> None:
    huge = b'{"n": %s1}' % (b" " * LARGEST_DOCUMENT)
    outcome = bulk(cluster, [write(cluster, "small"), write(cluster, "huge", huge), write(cluster, "last")])
    assert sorted(outcome.places) == [0, 2]
    assert [(one.id, one.reason) for one in outcome.refused] == [("huge", "too_large")]


def test_a_request_too_large_for_what_stands_between_is_halved(elastic: ElasticServer, cluster: Cluster) -> None:
    with gate(elastic, most_bytes=2_000) as url:
        through = Cluster(replace(cluster.settings, urls=(url,)))
        padded = b'{"n": %s1}' % (b" " * 600)
        writes = [write(through, f"d{number}", padded) for number in range(12)]
        writes.insert(5, write(through, "large", b'{"n": %s1}' % (b" " * 2_000)))
        outcome = bulk(through, writes)
        through.close()
    assert (outcome.written, [(one.number, one.reason) for one in outcome.refused]) == (12, [(5, "too_large")])


@contextmanager
def gate(server: ElasticServer, *, most_bytes: int) -> Iterator[str]:
    """A proxy before the server that lets no larger request through, as many do."""

    class Gate(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if len(body) > most_bytes:
                status, kind, answer = 413, "text/html", b"<h1>Request Entity Too Large</h1>"
            else:
                headers = {name: self.headers[name] for name in ("content-type", "accept")}
                found = httpx.post(server.address + self.path, content=body, headers=headers)
                status, kind, answer = found.status_code, found.headers["content-type"], found.content
            self.send_response(status)
            for name, value in (("content-type", kind), ("content-length", str(len(answer)))):
                self.send_header(name, value)
            self.send_header("x-elastic-product", "Elasticsearch")
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Gate)
    Thread(target=listener.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listener.server_port}"
    listener.shutdown()
    listener.server_close()


def test_a_month_is_made_when_its_first_mention_comes(elastic: ElasticServer, index_prefix: str) -> None:
    store = open_store(cluster_of(elastic, index_prefix))
    assert store.schema.months() == {}
    store.index([])

    def index(number: int) -> int:
        told = mention(post(str(number)))
        return store.index([Versioned(mention=told, version=1, month=f"2026-0{1 + number % 3}")]).written

    with ThreadPoolExecutor(6) as many:
        assert list(many.map(index, range(12))) == [1] * 12
    assert list(store.schema.months()) == ["2026-01", "2026-02", "2026-03"]
    store.close()


def test_reading_and_searching_wait_for_an_index_whose_shard_is_not_there_yet(
    elastic: ElasticServer, index_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = cluster_of(elastic, index_prefix)
    nowhere = "index.routing.allocation.require._name"

    def homeless(name: str) -> str:
        index, settings = f"{index_prefix}{name}", {"settings": {nowhere: "nobody"}}
        cluster.ask("PUT", f"/{index}", settings, params={"wait_for_active_shards": "0"})
        return index

    def by_id(index: str) -> bool:
        return bool(reading.documents(cluster, index, ["1"]))

    def by_search(index: str) -> bool:
        return bool(reading.count(cluster, index, {"match_all": {}}))

    for name, found in (("read", by_id), ("searched", by_search)):
        index = homeless(name)
        housed = Timer(0.3, cluster.ask, ("PUT", f"/{index}/_settings", {nowhere: None}))
        housed.start()
        assert not found(index)
        housed.join()
    monkeypatch.setattr(reading, "_WAITS", (0.01,))
    for found, said in ((by_id, "cannot be read now"), (by_search, "cannot search all of it now")):
        with pytest.raises(StoreUnavailable, match=said):
            found(homeless(found.__name__))
    cluster.close()


def test_any_number_of_processes_may_make_the_indices_at_once(elastic: ElasticServer, index_prefix: str) -> None:
    def open_one(_: int) -> int:
        store = open_store(cluster_of(elastic, index_prefix))
        found = store.count(MentionQuery())
        store.close()
        return found

    with ThreadPoolExecutor(4) as many:
        assert list(many.map(open_one, range(4))) == [0] * 4


def test_what_cannot_be_reached_is_said_without_any_secret() -> None:
    settings = Settings(
        urls=("http://elastic:sesame@127.0.0.1:1", "http://127.0.0.1:2"), api_key="open sesame", password="sesame too"
    )
    cluster = Cluster(settings)
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1") as fault:
        cluster.ask("GET", "/_cluster/health")
    assert "sesame" not in f"{fault.value} {fault.value.__cause__} {cluster!r} {settings!r} {settings}"
    cluster.close()


def test_settings_that_make_no_client_are_refused_in_a_sentence() -> None:
    with pytest.raises(StoreError, match="scheme"):
        Cluster(Settings(urls=("localhost:9200",)))
    with pytest.raises(StoreError, match=r"/nowhere/ca\.pem"):
        Cluster(Settings(urls=("https://localhost:9200",), ca_file="/nowhere/ca.pem"))


def test_with_tls_a_key_and_a_trusted_authority_it_works(secure_elastic: ElasticServer, index_prefix: str) -> None:
    store = open_store(cluster_of(secure_elastic, index_prefix))
    store.commit(commit_of_one())
    assert store.count(MentionQuery()) == 1
    store.close()


def test_a_wrong_key_or_an_unknown_authority_is_said_and_the_line_held(
    secure_elastic: ElasticServer, index_prefix: str
) -> None:
    with pytest.raises(StoreUnavailable, match="refuses these credentials") as fault:
        open_store(cluster_of(secure_elastic, index_prefix, api_key="c2VzYW1lOnNlc2FtZQ=="))
    assert "c2VzYW1l" not in str(fault.value)
    with pytest.raises(StoreUnavailable, match="certificate is not trusted"):
        open_store(cluster_of(secure_elastic, index_prefix, ca_file=""))


def test_the_rights_that_the_deployment_gives_are_enough(secure_elastic: ElasticServer, index_prefix: str) -> None:
    admin = cluster_of(secure_elastic, index_prefix)
    rights = ROLES["tocsin"]
    name = f"role_{index_prefix}"
    indices = [{**part, "names": [f"{index_prefix}*"]} for part in rights["indices"]]
    admin.ask("PUT", f"/_security/role/{name}", {**rights, "indices": indices})
    admin.ask("PUT", f"/_security/user/{name}", {"password": "made-up-for-tests", "roles": [name]})
    store = open_store(
        cluster_of(secure_elastic, index_prefix, api_key="", username=name, password="made-up-for-tests")
    )
    store.commit(commit_of_one())
    assert len(store.search(MentionQuery(text="bag"))) == store.count(MentionQuery()) == 1
    assert store.stats(MentionQuery())[0].mentions == 1
    assert store.bring_up_to_date() == 0
    store.close()
    admin.close()


def test_each_language_that_the_server_knows_has_its_field(
    elastic: ElasticServer, secure_elastic: ElasticServer, index_prefix: str
) -> None:
    plain, rich = (open_store(cluster_of(server, index_prefix)) for server in (elastic, secure_elastic))
    assert "fields" not in plain.schema.mention_shape()["text"]
    fields = rich.schema.mention_shape()["text"]["fields"]
    assert {name: field["analyzer"] for name, field in fields.items()} == {
        "ru": "russian", "ar": "arabic", "cs": "czech", "en": "english",
    }  # fmt: skip
    plain.close()
    rich.close()


def commit_of_one() -> Commit:
    return Commit(mentions=[mention(post())])
