"""Opens the store of an installation; its indices are made and brought up to date on the way."""

from storage.elasticsearch.client import Cluster
from storage.elasticsearch.store import ElasticsearchStore


def open_store(cluster: Cluster) -> ElasticsearchStore:
    """Make what is missing and return the store. Raises StoreUnavailable where Elasticsearch is not there.

    The same `cluster` is what PostMemory and BrandStates work on; closing the store closes it.
    """
    store = ElasticsearchStore(cluster)
    store.schema.ensure()
    return store
