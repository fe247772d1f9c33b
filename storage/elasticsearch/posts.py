"""What was last passed on of every post that ever concerned a brand: one document each, read in real time."""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from storage.cluster import Known
from storage.elasticsearch.bulk import Write, bulk
from storage.elasticsearch.client import Cluster
from storage.elasticsearch.reading import documents
from storage.encoding import encode

INDEX = "posts"

_KNOWN = msgspec.json.Decoder(Known)
_ENCODER = msgspec.json.Encoder()


class _Document(Struct):
    """`month` is what retention looks at."""

    month: str
    body: str


_DOCUMENT = msgspec.json.Decoder(_Document)


class PostMemory:
    """Remembers posts by post id. Any number of processes may use it; of two that remember one post, one is told."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster, self._index = cluster, cluster.name(INDEX)

    def recall(self, post_ids: Iterable[str]) -> dict[str, Known]:
        """What is remembered of these posts, by post id; unknown ones are left out. Raises StoreUnavailable."""
        return {post_id: _KNOWN.decode(body) for post_id, body in self._bodies(post_ids).items()}

    def remember(self, posts: Mapping[str, Known]) -> list[str]:
        """Write each, durably; return the post ids that another process took further meanwhile.

        Those stay as the other left them: recall them, and what is still not `heard` is to be processed again. The
        same post remembered again is written. Raises StoreUnavailable, and then nobody knows which were written.
        """
        bodies = {post_id: encode(known).decode() for post_id, known in posts.items()}
        # The revision and not an offset is the version: it rises across live posts and backfills alike.
        writes = [
            Write(self._index, post_id, _source(known.month, bodies[post_id]), version=known.revision, above=True)
            for post_id, known in posts.items()
        ]
        outcome = bulk(self._cluster, writes).require()
        behind = [writes[number].id for number in outcome.overtaken]
        stored = self._bodies(behind)
        return [post_id for post_id in behind if stored.get(post_id) != bodies[post_id]]

    def _bodies(self, post_ids: Iterable[str]) -> dict[str, str]:
        found = documents(self._cluster, self._index, post_ids)
        return {post_id: _DOCUMENT.decode(one.source).body for post_id, one in found.items()}


def _source(month: str, body: str) -> bytes:
    return _ENCODER.encode(_Document(month=month, body=body))
