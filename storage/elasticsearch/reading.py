"""Reads documents: by id as they are at this moment, or found and in order as searches see them."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from domain.errors import StoreError, StoreUnavailable
from storage.elasticsearch.client import ABSENT_INDEX, Cause, Cluster, NotStarted

T = TypeVar("T")
AT_ONCE = 1_000
DEEPEST = 10_000
"""How far a search may be paged by number; what lies deeper is paged by place."""
_KEEP_ALIVE = "5m"
_LENIENT = {"ignore_unavailable": "true"}
"""Before the first mention there is no index of mentions."""
_NO_SHARD = "no_shard_available_action_exception"
_WAITS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds before each further look at an index that has not started: one that is being made has by then."""
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
    def fault(self) -> str:
        """Why it could not be read, in the server's short word; empty for one that is there or is not."""
        return self.error.type if self.error else ""

    @property
    def body(self) -> str:
        """The value that the document is made of, as JSON."""
        return _BODY.decode(self.source).body


class _Body(Struct):
    body: str


class _Documents(Struct):
    docs: list[Document]


class _Total(Struct):
    value: int = 0


class _Hits(Struct):
    total: _Total = msgspec.field(default_factory=_Total)
    hits: list[Document] = []


class _Found(Struct):
    hits: _Hits = msgspec.field(default_factory=_Hits)


class _Point(Struct):
    id: str


_BODY = msgspec.json.Decoder(_Body)
_DOCUMENTS = msgspec.json.Decoder(_Documents)
_FOUND = msgspec.json.Decoder(_Found)
_POINT = msgspec.json.Decoder(_Point)


def documents(cluster: Cluster, index: str, ids: Iterable[str]) -> dict[str, Document]:
    """Read documents of one index in real time, by id; absent ones are left out, as from an index that is not there.

    Raises StoreUnavailable when any of them cannot be read.
    """
    return {one.id: one for one in documents_at(cluster, [(index, name) for name in dict.fromkeys(ids)])}


def documents_at(cluster: Cluster, places: Sequence[tuple[str, str]]) -> list[Document]:
    """Read documents of any (index, id) in real time; absent ones are left out. Raises as `documents` does."""
    found: list[Document] = []
    for start in range(0, len(places), AT_ONCE):
        found += _patiently(partial(_at, cluster, places[start : start + AT_ONCE]))
    return found


def _at(cluster: Cluster, places: Sequence[tuple[str, str]]) -> list[Document]:
    asked = {"docs": [{"_index": index, "_id": name} for index, name in places]}
    read = _DOCUMENTS.decode(cluster.ask("POST", "/_mget", asked).body).docs
    for one in read:
        # What cannot be read now must not pass for what is not there.
        if one.fault not in {"", ABSENT_INDEX}:
            kind = NotStarted if one.fault == _NO_SHARD else StoreUnavailable
            raise kind(f"{one.index} in Elasticsearch cannot be read now ({one.fault})")
    return [one for one in read if one.found]


def _patiently(read: Callable[[], T]) -> T:
    """Read again while an index that is read has not started; after some seconds of that, it raises."""
    for wait in _WAITS:
        try:
            return read()
        except NotStarted:
            time.sleep(wait)
    return read()


def find(
    cluster: Cluster, index: str, query: Query, sort: Sort, *, limit: int, offset: int = 0, **more: Any
) -> list[Document]:
    """A page of what a query finds, in order, with what searches see of it."""
    start, size = max(offset, 0), max(limit, 0)
    if not size:
        return []
    if start + size <= DEEPEST:
        body = {"query": query, "sort": sort, "from": start, "size": size, **more}
        return _search(cluster, index, body).hits
    return list(islice(scan(cluster, index, query, sort, **more), start, start + size))


def scan(
    cluster: Cluster, index: str, query: Query, sort: Sort, *, first: int = AT_ONCE, **more: Any
) -> Iterator[Document]:
    """Everything that a query finds, in order; `first` documents to begin with.

    Usually those are all, and one request is enough. What follows comes from one unchanging state of the index.
    """
    asked = {"query": query, "sort": sort, "size": first, **more}
    found = _search(cluster, index, asked).hits
    yield from found
    if len(found) < first:
        return
    opened = {"keep_alive": _KEEP_ALIVE, **_LENIENT}
    point = _POINT.decode(_patiently(lambda: cluster.ask("POST", f"/{index}/_pit", params=opened)).body).id
    try:
        asked |= {"size": AT_ONCE, "pit": {"id": point, "keep_alive": _KEEP_ALIVE}}
        while found:
            found = _search(cluster, "", {**asked, "search_after": found[-1].place}).hits
            yield from found
    finally:
        # One that cannot be closed ends by itself.
        with suppress(StoreError):
            cluster.ask("DELETE", "/_pit", {"id": point}, also=(404,))


def count(cluster: Cluster, index: str, query: Query) -> int:
    """How many documents a query finds."""
    return _search(cluster, index, {"query": query, "size": 0, "track_total_hits": True}).total.value


def aggregate(cluster: Cluster, index: str, query: Query, aggregations: dict[str, Any]) -> bytes:
    """What the server says that it adds up of all that a query finds, as JSON."""
    return _whole(cluster, index, {"query": query, "size": 0, "aggs": aggregations, "track_total_hits": False})


def everything(parts: Sequence[Query]) -> Query:
    """What meets all of these conditions."""
    return {"bool": {"filter": list(parts)}} if parts else {"match_all": {}}


def latest_first() -> Sort:
    """Latest first, then by id, in every index of decisions."""
    return [{"at_micros": "desc"}, {"id": "asc"}]


def _search(cluster: Cluster, index: str, body: dict[str, Any]) -> "_Hits":
    return _FOUND.decode(_whole(cluster, index, {"_source": ["body"], "track_total_hits": False, **body})).hits


def _whole(cluster: Cluster, index: str, body: dict[str, Any]) -> bytes:
    """Search an index, or without one the point in time that the body names. A part of an answer is none."""
    lenient = _LENIENT if index else {}
    path = f"/{index}/_search" if index else "/_search"
    params = {"allow_partial_search_results": "false", **lenient}
    return _patiently(lambda: cluster.ask("POST", path, body, params=params)).body
