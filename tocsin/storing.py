"""Opens the configured store, whichever its home."""

from typing import TYPE_CHECKING

from domain.errors import ConfigError
from storage.store import MentionStore
from tocsin.config.models import StorageConfig

if TYPE_CHECKING:
    from storage.elasticsearch import Cluster
    from storage.store import Store


def open_mentions(storage: StorageConfig, *, write: bool = False) -> MentionStore:
    """The configured store, to read or to `write`. Raises StoreError with the remedy when it cannot be had.

    One SQLite file has one writer, so StoreBusy may come of `write` there; Elasticsearch has any number of them.
    """
    if storage.kind == "sqlite":
        from storage.sqlite import open_store

        return open_store(storage.path, read_only=not write)
    from storage.elasticsearch import ElasticsearchStore

    return ElasticsearchStore(elasticsearch(storage))


def open_file(storage: StorageConfig, *, read_only: bool = False) -> "Store":
    """The SQLite file of the one process; raises ConfigError where the configuration is that of a cluster."""
    from storage.sqlite import open_store

    if storage.kind != "sqlite":
        remedy = 'start `tocsin ingest`, `process`, `alert`, `index` and `serve`, or take kind = "sqlite"'
        raise ConfigError([f'storage.kind: "elasticsearch" is for the processes of a cluster: {remedy}'])
    return open_store(storage.path, read_only=read_only)


def elasticsearch(storage: StorageConfig) -> "Cluster":
    """The Elasticsearch of this configuration; nothing is asked of it yet."""
    from storage.elasticsearch import Cluster, Settings

    return Cluster(
        Settings(
            urls=storage.urls,
            api_key=storage.api_key.get_secret_value() if storage.api_key else "",
            username=storage.username,
            password=storage.password.get_secret_value() if storage.password else "",
            ca_file=str(storage.ca_file or ""),
            prefix=storage.prefix,
            replicas=storage.replicas,
            keep_months=storage.keep_months,
        )
    )
