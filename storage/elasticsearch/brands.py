"""Where the folds of each brand stand: one document each, replaced only by who has seen its latest state."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import zstandard
from msgspec import Struct

from domain.ids import stable_id
from storage.cluster import BrandState
from storage.elasticsearch.bulk import Write, bulk
from storage.elasticsearch.client import Cluster
from storage.elasticsearch.reading import documents
from storage.encoding import clean, without_surrogates

INDEX = "brands"
_LEVEL = 1
_NEW = (-1, 0)

_STATE = msgspec.msgpack.Decoder(BrandState)
_ENCODER = msgspec.json.Encoder()


class Held(Struct, frozen=True, kw_only=True):
    """A brand's state, and the place that it has in Elasticsearch while it is the latest (-1: not there yet)."""

    state: BrandState
    seq_no: int = _NEW[0]
    primary_term: int = _NEW[1]


class _Document(Struct):
    """The state is packed; the rest is for a person who looks."""

    brand: str
    sequence: int
    turn: int
    state: bytes


_DOCUMENT = msgspec.json.Decoder(_Document)


class BrandStates:
    """Loads and saves brands' states. Of two processes that hold one brand, only the first to save it goes on."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster, self._index = cluster, cluster.name(INDEX)

    def load(self, brands: Iterable[str]) -> dict[str, Held]:
        """The states of these brands as they are now, by brand; a brand that was never saved is left out."""
        by_id = {_id(brand): brand for brand in brands}
        return {
            by_id[key]: Held(state=_unpacked(one.source), seq_no=one.seq_no, primary_term=one.primary_term)
            for key, one in documents(self._cluster, self._index, by_id).items()
        }

    def save(self, held: Sequence[Held]) -> dict[str, Held | None]:
        """Write each state over the one it was loaded as; by brand, what is held now, or None for a conflict.

        A conflict means that another process has saved the brand (or this one has, and the answer was lost): load it
        again. Raises StoreUnavailable, and then nobody knows which were written: load all again.
        """
        outcome = bulk(self._cluster, [self._write(one) for one in held]).require()
        saved: dict[str, Held | None] = {}
        for number, one in enumerate(held):
            place = outcome.places.get(number)
            saved[one.state.brand] = place and Held(state=one.state, seq_no=place[0], primary_term=place[1])
        return saved

    def _write(self, one: Held) -> Write:
        seen = one.seq_no, one.primary_term
        source = _packed(one.state)
        if seen == _NEW:
            return Write(self._index, _id(one.state.brand), source, new=True)
        return Write(self._index, _id(one.state.brand), source, seen=seen)


def _id(brand: str) -> str:
    return stable_id("brand", brand)


def _packed(state: BrandState) -> bytes:
    packed = zstandard.ZstdCompressor(level=_LEVEL).compress(_encoded(state))
    return _ENCODER.encode(
        _Document(brand=clean(state.brand), sequence=state.sequence, turn=state.turn, state=packed)
    )


def _encoded(state: BrandState) -> bytes:
    try:
        return msgspec.msgpack.encode(state)
    except UnicodeEncodeError:
        builtins: Any = msgspec.to_builtins(state, builtin_types=(bytes,))
        return msgspec.msgpack.encode(without_surrogates(builtins))


def _unpacked(source: msgspec.Raw) -> BrandState:
    return _STATE.decode(zstandard.ZstdDecompressor().decompress(_DOCUMENT.decode(source).state))
