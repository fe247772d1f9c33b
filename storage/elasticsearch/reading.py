"""Reads documents: by id as they are at this moment, or found and in order as searches see them."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec
from msgspec import Struct

from domain.errors import StoreUnavailable
from storage.elasticsearch.client import ABSENT_INDEX, Cause, Cluster

AT_ONCE = 1_000
DEEPEST = 10_000
"""How far a search may be paged by number; what lies deeper is paged by place."""
_KEEP_ALIVE = "5m"
_SOURCE = msgspec.Raw(b"{}")

Query = dict[str, Any]
Sort = list[dict[str, str]]


class Document(Struct, frozen=True, gc=False):
    """One document: its source as JSON, its version, and the (seq_no, primary_term) it has now.

    `place` is where a search found it in its order.
    """

    index: str = msgspec.field(name="_index")
    id: str = msgspec.field(name="_id")
    source: msgspec.Raw = msgspec.field(default=_SOURCE, name="_source")
    found: bool = False
    version: int = msgspec.field(default=-1, name="_version")
    seq_no: int = msgspec.field(default=-1, name="_seq_no")
    primary_term: int = msgspec.field(default=0, name="_primary_term")
    fields: dict[str, list[Any]] = {}
    place: list[Any] = msgspec.field(default_factory=list, name="sort")
    error: Cause | None = None

    @property
    def seen(self) -> tuple[int, int]:
        """What a write must name to replace just this state of it."""
        return self.seq_no, self.primary_term

    @property
    def body(self) -> str:
        """The value that the document is made of, as JSON."""
        return _BODY.decode(self.source).body


class _Body(Struct):
    body: str


class _Documents(Struct):
    docs: list[Document]


class _Hits(Struct):
    hits: list[Document] = []


class _Found(Struct):
    hits: _Hits = msgspec.field(default_factory=_Hits)


class _Count(Struct):
    count: int


class _Point(Struct):
    id: str


_BODY = msgspec.json.Decoder(_Body)
_DOCUMENTS = msgspec.json.Decoder(_Documents)
_FOUND = msgspec.json.Decoder(_Found)
_COUNT = msgspec.json.Decoder(_Count)
_POINT = msgspec.json.Decoder(_Point)


def documents(cluster: Cluster, index: str, ids: Iterable[str]) -> dict[str, Document]:
    """Read documents of one index in real time, by id; absent ones are left out, as from an index that is not there.

    Raises StoreUnavailable when any of them cannot be read.
    """
    found: dict[str, Document] = {}
    wanted = list(dict.fromkeys(ids))
    for start in range(0, len(wanted), AT_ONCE):
        asked: Any = {"ids": wanted[start : start + AT_ONCE]}
        answer = cluster.ask("POST", f"/{index}/_mget", asked)
        for one in _DOCUMENTS.decode(answer.body).docs:
            if one.found:
                found[one.id] = one
            elif one.error is not None and one.error.type != ABSENT_INDEX:
                # What cannot be read now must not pass for what is not there.
                raise StoreUnavailable(f"{index} in Elasticsearch cannot be read now ({one.error.type})")
    return found


def find(
    cluster: Cluster, index: str, query: Query, sort: Sort, *, limit: int, offset: int = 0, **more: Any
) -> list[Document]:
    """A page of what a query finds, in order, with what searches see of it."""
    start, size = max(offset, 0), max(limit, 0)
    if not size:
        return []
    if start + size <= DEEPEST:
        body = {"query": query, "sort": sort, "from": start, "size": size, **more}
        return _page(cluster, f"/{index}/_search", body, ignore_unavailable="true")
    return list(islice(scan(cluster, index, query, sort, **more), start, start + size))


def scan(
    cluster: Cluster, index: str, query: Query, sort: Sort, *, first: int = AT_ONCE, **more: Any
) -> Iterator[Document]:
    """Everything that a query finds, in order, from one unchanging state of the index; `first` to begin with."""
    answer = cluster.ask("POST", f"/{index}/_pit", keep_alive=_KEEP_ALIVE, ignore_unavailable="true")
    point = _POINT.decode(answer.body).id
    try:
        size, after = first, {}
        while True:
            body = {
                "query": query, "sort": sort, "size": size, **after, **more,
                "pit": {"id": point, "keep_alive": _KEEP_ALIVE},
            }  # fmt: skip
            found = _page(cluster, "/_search", body)
            yield from found
            if len(found) < size:
                return
            size, after = AT_ONCE, {"search_after": found[-1].place}
    finally:
        cluster.ask("DELETE", "/_pit", {"id": point}, also=(404,))


def count(cluster: Cluster, index: str, query: Query) -> int:
    """How many documents a query finds."""
    answer = cluster.ask("POST", f"/{index}/_count", {"query": query}, ignore_unavailable="true")
    return _COUNT.decode(answer.body).count


def everything(parts: Sequence[Query]) -> Query:
    """What meets all of these conditions."""
    return {"bool": {"filter": list(parts)}} if parts else {"match_all": {}}


def latest_first() -> Sort:
    """Latest first, then by id, in every index of decisions."""
    return [{"at_micros": "desc"}, {"id": "asc"}]


def _page(cluster: Cluster, path: str, body: Any, **params: str) -> list[Document]:
    body = {"_source": ["body"], "track_total_hits": False, **body}
    # Part of an answer would pass for all of it.
    answer = cluster.ask("POST", path, body, allow_partial_search_results="false", **params)
    return _FOUND.decode(answer.body).hits.hits
