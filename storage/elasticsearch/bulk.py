"""Many writes in one request, each with a fate of its own: written, overtaken, refused, or tried again."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.errors import StoreError, StoreUnavailable
from storage.elasticsearch.client import ABSENT_INDEX, Cause, Cluster

LARGEST_REQUEST = 8_000_000
"""Bytes of one bulk request, unless a single document is larger."""
LARGEST_DOCUMENT = 20_000_000
"""Bytes. Of a larger one a server of usual size says again and again that it is too busy for it."""
_WAITS = (0.1, 0.3, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each further try of what the server was too busy for."""
_CONFLICT = 409
_ABSENT = 404
_TOO_LARGE = 413
_TOO_BUSY = 429
_BUSY = (_TOO_BUSY, 502, 503, 504)
_ERRORS, _FAULTS = 400, 500


class Write(Struct, frozen=True, gc=False):
    """One document for one index, or its deletion where there is no `source` (JSON).

    With `version` a document of a higher version stays (`above`: of the same version too). `seen` is the (seq_no,
    primary_term) that the document must still have. `new` writes only where there is none. Otherwise it replaces.
    """

    index: str
    id: str
    source: bytes | None
    version: int | None = None
    above: bool = False
    seen: tuple[int, int] | None = None
    new: bool = False


class Refusal(Struct, frozen=True, kw_only=True):
    """A document that Elasticsearch will never take: `reason` is its short word, `detail` its sentence."""

    number: int
    index: str
    id: str
    reason: str
    detail: str


class Outcome(Struct, kw_only=True):
    """What became of some writes, by the order in which they were given.

    `places` are the (seq_no, primary_term) of those written, by the number of the write; `overtaken` are the numbers
    of those that found a newer document (or any, where it had to be new), which is harmless. `pushed_back` counts how
    often a write had to be tried again because the server was too busy: a caller that sees it slows down.
    """

    places: dict[int, tuple[int, int]]
    overtaken: list[int]
    refused: list[Refusal]
    pushed_back: int = 0

    @property
    def written(self) -> int:
        """How many were written."""
        return len(self.places)

    def renumbered(self, numbers: Sequence[int], all_given: int) -> "Outcome":
        """The same, where write n stands for the given number `numbers[n]`; the other given ones were overtaken."""
        left_out = sorted(set(range(all_given)) - set(numbers))
        return Outcome(
            places={numbers[number]: place for number, place in self.places.items()},
            overtaken=[*(numbers[number] for number in self.overtaken), *left_out],
            refused=[replace(refusal, number=numbers[refusal.number]) for refusal in self.refused],
            pushed_back=self.pushed_back,
        )

    def require(self) -> "Outcome":
        """Raise StoreError if any was refused: what is written here, no post decides the shape of."""
        if self.refused:
            number, one = len(self.refused), self.refused[0]
            raise StoreError(f"Elasticsearch refuses {number} documents of {one.index}: {one.reason}, {one.detail}")
        return self


class _Item(Struct):
    status: int
    error: Cause | None = None
    seq_no: int = msgspec.field(default=-1, name="_seq_no")
    primary_term: int = msgspec.field(default=0, name="_primary_term")


class _Bulk(Struct):
    items: list[dict[str, _Item]] = []


_ANSWER = msgspec.json.Decoder(_Bulk)
_ENCODER = msgspec.json.Encoder()
_WANTED = "items.*.status,items.*.error.type,items.*.error.reason,items.*._seq_no,items.*._primary_term"


def bulk(
    cluster: Cluster,
    writes: Sequence[Write],
    *,
    refresh: bool = False,
    sleep: Callable[[float], None] = time.sleep,
    on_absent: Callable[[str], None] | None = None,
) -> Outcome:
    """Write all and say what became of each. `refresh`: searches see them when this returns.

    `on_absent` is told an index that is not there and makes it; without it such a write is refused. Raises
    StoreUnavailable when the server stays unreachable or too busy; what was written by then may be written again.
    """
    sender = _Sender(cluster, writes, refresh=refresh, on_absent=on_absent)
    for numbers in _requests(writes, sender.outcome):
        left = numbers
        for wait in (*_WAITS, None):
            left = sender.send(left)
            if not left:
                break
            if wait is None:
                raise StoreUnavailable(f"Elasticsearch at {cluster.settings.place} stays too busy to write")
            sender.outcome.pushed_back += len(left)
            sleep(wait)
    return sender.outcome


class _Sender:
    """Sends some of the writes, and notes what became of them."""

    def __init__(
        self, cluster: Cluster, writes: Sequence[Write], *, refresh: bool, on_absent: Callable[[str], None] | None
    ) -> None:
        self._cluster, self._writes, self._on_absent = cluster, writes, on_absent
        self._params = {"filter_path": _WANTED} | ({"refresh": "true"} if refresh else {})
        self.outcome = Outcome(places={}, overtaken=[], refused=[])

    def send(self, numbers: list[int]) -> list[int]:
        """Send these once; return the numbers of those to be sent again."""
        body = b"".join(_lines(self._writes[number]) for number in numbers)
        answer = self._cluster.ask("POST", "/_bulk", body, params=self._params, also=(_TOO_LARGE, *_BUSY))
        if answer.status in _BUSY:
            return numbers
        if answer.status == _TOO_LARGE:
            return self._halved(numbers)
        again: list[int] = []
        absent: set[str] = set()
        for number, item in zip(numbers, _ANSWER.decode(answer.body).items, strict=True):
            (result,) = item.values()
            fate = self._fate(number, result)
            if fate == "written":
                self.outcome.places[number] = (result.seq_no, result.primary_term)
            elif fate == "overtaken":
                self.outcome.overtaken.append(number)
            elif fate == "refused":
                error = result.error or Cause()
                self._refuse(number, error.type, error.reason or "")
            else:
                again.append(number)
                if fate == "absent":
                    absent.add(self._writes[number].index)
        if self._on_absent is not None:
            for index in absent:
                self._on_absent(index)
        return again

    def _fate(self, number: int, result: _Item) -> Literal["written", "overtaken", "again", "absent", "refused"]:
        kind = result.error.type if result.error else ""
        if result.status == _TOO_BUSY or result.status >= _FAULTS or kind == "es_rejected_execution_exception":
            return "again"
        if result.status == _CONFLICT:
            return "overtaken"
        if kind == ABSENT_INDEX:
            return "refused" if self._on_absent is None else "absent"
        gone = result.status == _ABSENT and self._writes[number].source is None
        return "written" if result.status < _ERRORS or gone else "refused"

    def _halved(self, numbers: list[int]) -> list[int]:
        if len(numbers) == 1:
            self.outcome.refused.append(_too_large(self._writes[numbers[0]], numbers[0]))
            return []
        half = len(numbers) // 2
        return self.send(numbers[:half]) + self.send(numbers[half:])

    def _refuse(self, number: int, reason: str, detail: str) -> None:
        write = self._writes[number]
        self.outcome.refused.append(
            Refusal(number=number, index=write.index, id=write.id, reason=reason, detail=detail)
        )


def _requests(writes: Iterable[Write], outcome: Outcome) -> Iterator[list[int]]:
    """Cut the writes into requests of a fair size, as lists of their numbers; refuse what is too large for any."""
    held: list[int] = []
    size = 0
    for number, write in enumerate(writes):
        length = len(write.source or b"")
        if length > LARGEST_DOCUMENT:
            outcome.refused.append(_too_large(write, number))
            continue
        if held and size + length > LARGEST_REQUEST:
            yield held
            held, size = [], 0
        held.append(number)
        size += length
    if held:
        yield held


def _too_large(write: Write, number: int) -> Refusal:
    detail = f"it does not take a document of {len(write.source or b'')} bytes"
    return Refusal(number=number, index=write.index, id=write.id, reason="too_large", detail=detail)


class _Where(Struct, omit_defaults=True):
    index: str = msgspec.field(name="_index")
    id: str = msgspec.field(name="_id")
    version: int | None = None
    version_type: str | None = None
    if_seq_no: int | None = None
    if_primary_term: int | None = None


def _lines(write: Write) -> bytes:
    where = _Where(index=write.index, id=write.id)
    if write.version is not None:
        where.version, where.version_type = write.version, "external" if write.above else "external_gte"
    if write.seen is not None:
        where.if_seq_no, where.if_primary_term = write.seen
    if write.source is None:
        return _ENCODER.encode({"delete": where}) + b"\n"
    return _ENCODER.encode({"create" if write.new else "index": where}) + b"\n" + write.source + b"\n"
