"""Fixtures of the real Kafka and Elasticsearch: started when first asked for, once in a run, for every kind of test.

A pytest plugin. What a test makes under its `topic_prefix` or `index_prefix` is removed after it; a server that it
killed or paused and left so is brought back.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from tests.kit.processes import Process
from tests.kit.services import ElasticServer, KafkaServer, missing

SERVERS = ("kafka", "elastic", "secure_kafka", "secure_elastic")
GROUP = "services"
# On two cores Elasticsearch starts in half the time without the second compiler. Benchmarks start their own, with it.
_QUICK = "-XX:TieredStopAtLevel=1"
_started: dict[str, Process] = {}
S = TypeVar("S", bound=Process)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker owns the servers, so it gets every test of them; and the first of these waits for the start."""
    for item in items:
        if not set(SERVERS) & set(getattr(item, "fixturenames", ())):
            continue
        groups = {mark.args[0] for mark in item.iter_markers("xdist_group")}
        if groups - {GROUP}:
            raise pytest.UsageError(f"{item.nodeid}: a test of the services belongs to their group, not to {groups}")
        item.add_marker(pytest.mark.xdist_group(GROUP))
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(600))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once why tests of the services were skipped."""
    why = missing()
    skipped = [
        report
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and why and why in report.longrepr[2]
    ]
    if skipped:
        terminalreporter.write_line(f"{len(skipped)} tests skipped: {why}", yellow=True)


def need_services() -> None:
    """Skip the test where the servers are not fetched; in CI that is a failure."""
    if why := missing():
        if os.environ.get("CI") == "true":
            pytest.fail(why, pytrace=False)
        pytest.skip(why)


def _serve(name: str, make: Callable[[], S]) -> Iterator[S]:
    need_services()
    with make() as server:
        _started[name] = server
        yield server
    del _started[name]


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A Kafka open to everyone on this machine."""
    yield from _serve("kafka", lambda: KafkaServer(tmp_path_factory.mktemp("kafka"), java=f"-Xmx512m {_QUICK}"))


@pytest.fixture(scope="session")
def elastic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ElasticServer]:
    """An Elasticsearch open to everyone on this machine."""
    yield from _serve(
        "elastic", lambda: ElasticServer(tmp_path_factory.mktemp("elastic"), java=f"-Xms1g -Xmx1g {_QUICK}")
    )


@pytest.fixture(scope="session")
def secure_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A Kafka with TLS and passwords."""
    folder = tmp_path_factory.mktemp("kafka")
    yield from _serve("secure_kafka", lambda: KafkaServer(folder, secure=True, java=f"-Xmx256m {_QUICK}"))


@pytest.fixture(scope="session")
def secure_elastic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ElasticServer]:
    """An Elasticsearch with TLS, keys and the analysers of four languages."""
    folder, java = tmp_path_factory.mktemp("elastic"), f"-Xms512m -Xmx512m {_QUICK}"
    yield from _serve("secure_elastic", lambda: ElasticServer(folder, secure=True, languages=True, java=java))


@pytest.fixture(autouse=True)
def _servers_are_up() -> Iterator[None]:
    yield
    _bring_back()


@pytest.fixture
def topic_prefix() -> Iterator[str]:
    """What a test's topics begin with, for itself alone: `t3f9c1a.`."""
    prefix = f"t{secrets.token_hex(3)}."
    yield prefix
    _bring_back()
    for server in _started.values():
        if isinstance(server, KafkaServer):
            remove_topics(server, prefix)


@pytest.fixture
def index_prefix() -> Iterator[str]:
    """What a test's indices and templates begin with, for itself alone: `t3f9c1a-`."""
    prefix = f"t{secrets.token_hex(3)}-"
    yield prefix
    _bring_back()
    for server in _started.values():
        if isinstance(server, ElasticServer):
            remove_indices(server, prefix)


def _bring_back() -> None:
    for server in _started.values():
        server.resume()
        if not server.running:
            server.start().ready()


def remove_topics(server: KafkaServer, prefix: str) -> None:
    """Delete the topics of that prefix."""
    from kafka import KafkaAdminClient

    admin = KafkaAdminClient(**server.client)
    if topics := [topic for topic in admin.list_topics() if topic.startswith(prefix)]:
        admin.delete_topics(topics)
    admin.close()


def remove_indices(server: ElasticServer, prefix: str) -> None:
    """Delete the indices and templates of that prefix."""
    from elasticsearch import Elasticsearch

    with Elasticsearch(**server.client) as client:
        if indices := list(client.indices.get(index=f"{prefix}*", expand_wildcards="all")):
            client.indices.delete(index=indices)
        client.options(ignore_status=404).indices.delete_index_template(name=f"{prefix}*")
        client.options(ignore_status=404).cluster.delete_component_template(name=f"{prefix}*")
