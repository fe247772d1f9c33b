"""The Elasticsearch home: the cluster's mentions and decisions, and what its processes remember."""

from storage.elasticsearch.brands import BrandStates, Held
from storage.elasticsearch.client import Cluster, Settings
from storage.elasticsearch.leases import LeasedOutbox
from storage.elasticsearch.opening import open_store
from storage.elasticsearch.posts import PostMemory
from storage.elasticsearch.store import ElasticsearchStore

__all__ = [
    "BrandStates",
    "Cluster",
    "ElasticsearchStore",
    "Held",
    "LeasedOutbox",
    "PostMemory",
    "Settings",
    "open_store",
]
