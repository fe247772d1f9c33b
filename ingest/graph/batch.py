"""A page in the making."""

from datetime import datetime

from msgspec import Struct

from domain.dead_letter import DeadLetter
from domain.ids import stable_id
from domain.post import Record
from ingest.graph.answers import decode
from ingest.graph.progress import Memory
from ingest.recent import remembered, seen


class _Named(Struct):
    id: str = ""


REMEMBERED = 2_000
"""Posts and comments that are known again."""
_REFUSALS = 500


class Batch:
    """Records, dead letters and troubles of one fetch; what was given before is left out."""

    def __init__(self, memory: Memory) -> None:
        self.records: list[Record] = []
        self.letters: list[DeadLetter] = []
        self.troubles: list[str] = []
        self._memory = memory

    @property
    def holds_anything(self) -> bool:
        """Whether there is something to hand on."""
        return bool(self.records or self.letters or self.troubles)

    def give(self, record: Record) -> None:
        """Hand a record on if it is news."""
        now = seen(record.post)
        if self._memory.recent.get(record.post.native_id) != now:
            self.records.append(record)
            self._memory.recent[record.post.native_id] = now

    def settle(self, *, horizon: datetime) -> None:
        """Remember only what was written after the horizon, and not too much of it."""
        self._memory.recent = remembered(self._memory.recent, (), since=horizon, most=REMEMBERED)

    def refuse(self, letter: DeadLetter) -> None:
        """Hand a dead letter on, once; the counters of its object may change."""
        key = stable_id(letter.reason, letter.where, _id(letter.raw) or letter.raw.hex())[:12]
        if key in self._memory.refused:
            return
        self.letters.append(letter)
        kept = self._memory.refused | {key: int(letter.at.timestamp())}
        self._memory.refused = dict(list(kept.items())[-_REFUSALS:])


def _id(raw: bytes) -> str:
    try:
        return decode(raw, _Named).id
    except ValueError:
        return ""
