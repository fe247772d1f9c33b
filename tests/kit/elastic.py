"""Connections of the Elasticsearch store to the servers of the tests."""

from typing import Any

from storage.elasticsearch import Cluster, Settings
from tests.kit.services import ElasticServer


def cluster_of(server: ElasticServer, prefix: str, **settings: Any) -> Cluster:
    """A connection to a server of the tests."""
    ca_file = str(server.ca_file) if server.ca_file else ""
    given: dict[str, Any] = {"api_key": server.api_key, "ca_file": ca_file, "prefix": prefix, "replicas": 0}
    return Cluster(Settings(urls=(server.address,), **{**given, **settings}))
