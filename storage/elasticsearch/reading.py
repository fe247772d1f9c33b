"""Reads documents by id, as they are at this moment, and says how each stands."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from domain.errors import StoreUnavailable
from storage.elasticsearch.client import ABSENT_INDEX, Cause, Cluster

AT_ONCE = 1_000
_SOURCE = msgspec.Raw(b"{}")


class Document(Struct, frozen=True, gc=False):
    """One document: its source as JSON, its version, and the (seq_no, primary_term) it has now."""

    index: str = msgspec.field(name="_index")
    id: str = msgspec.field(name="_id")
    source: msgspec.Raw = msgspec.field(default=_SOURCE, name="_source")
    found: bool = False
    version: int = msgspec.field(default=-1, name="_version")
    seq_no: int = msgspec.field(default=-1, name="_seq_no")
    primary_term: int = msgspec.field(default=0, name="_primary_term")
    error: Cause | None = None

    @property
    def seen(self) -> tuple[int, int]:
        """What a write must name to replace just this state of it."""
        return self.seq_no, self.primary_term


class _Documents(Struct):
    docs: list[Document]


_DOCUMENTS = msgspec.json.Decoder(_Documents)


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
