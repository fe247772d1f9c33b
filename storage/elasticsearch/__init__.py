"""The Elasticsearch home: the cluster's mentions and decisions, and what its processes remember."""

from storage.elasticsearch.brands import BrandStates, Held
from storage.elasticsearch.client import Cluster, Settings
from storage.elasticsearch.posts import PostMemory
from storage.elasticsearch.schema import Schema

__all__ = ["BrandStates", "Cluster", "Held", "PostMemory", "Schema", "Settings"]
