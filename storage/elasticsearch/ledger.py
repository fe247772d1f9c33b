"""Writes and searches the small indices of what was decided, which are read far less often than they are written.

A write makes no search see it: the first search that this process makes afterwards does, once for all that was
written. Searches of other processes see it within a second, the refresh interval of these indices.
"""

from collections.abc import Iterator, Sequence
from threading import Lock
from typing import Any

from storage.elasticsearch import reading
from storage.elasticsearch.bulk import Outcome, Write, bulk
from storage.elasticsearch.client import Cluster


class Ledger:
    """What this process writes it finds; usable from any thread."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._unseen: set[str] = set()
        self._lock = Lock()

    def write(self, writes: Sequence[Write]) -> Outcome:
        """Write all; raises StoreError if any is refused, StoreUnavailable as `bulk` does."""
        try:
            return bulk(self._cluster, writes).require()
        finally:
            # Also after a fault: some may have been written.
            with self._lock:
                self._unseen.update(write.index for write in writes)

    def show(self, index: str) -> None:
        """Let searches see what this process wrote to an index."""
        with self._lock:
            if index in self._unseen:
                self._cluster.ask("POST", f"/{index}/_refresh")
                self._unseen.remove(index)

    def find(self, index: str, query: reading.Query, sort: reading.Sort, **more: Any) -> list[reading.Document]:
        """See `reading.find`."""
        self.show(index)
        return reading.find(self._cluster, index, query, sort, **more)

    def scan(self, index: str, query: reading.Query, sort: reading.Sort, **more: Any) -> Iterator[reading.Document]:
        """See `reading.scan`."""
        self.show(index)
        return reading.scan(self._cluster, index, query, sort, **more)

    def count(self, index: str, query: reading.Query) -> int:
        """See `reading.count`."""
        self.show(index)
        return reading.count(self._cluster, index, query)
