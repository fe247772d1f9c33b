"""A source that plays a script: pages to bring, errors to raise, in order; and a store that refuses on command."""

from collections.abc import Sequence
from datetime import UTC, datetime

from domain.dead_letter import DeadLetter
from domain.errors import StoreUnavailable
from domain.post import Record
from ingest.source import Page
from storage.memory import MemoryStore
from storage.store import Commit


class ScriptedSource:
    """Each step is a list of records, a list of dead letters, or an error to raise; the cursor counts the pages."""

    def __init__(
        self, name: str, steps: Sequence[list[Record] | list[DeadLetter] | Exception], *, finite: bool = True
    ) -> None:
        self._name, self._steps, self._finite = name, list(steps), finite
        self._failed: set[int] = set()
        self.acknowledged: list[bytes] = []
        self.closed = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def finite(self) -> bool:
        return self._finite

    async def fetch(self, cursor: bytes | None) -> Page:
        place = int(cursor or b"0")
        while place < len(self._steps):
            step = self._steps[place]
            if isinstance(step, Exception):
                if place in self._failed:
                    place += 1
                    continue
                self._failed.add(place)
                raise step
            records = [one for one in step if isinstance(one, Record)]
            letters = [one for one in step if isinstance(one, DeadLetter)]
            return Page(records=records, dead_letters=letters, cursor=str(place + 1).encode())
        return Page(records=[], cursor=str(place).encode(), exhausted=self._finite, wait=0.05)

    async def committed(self, cursor: bytes) -> None:
        self.acknowledged.append(cursor)

    async def check(self) -> str:
        return "scripted"

    async def aclose(self) -> None:
        self.closed = True


class MoodyStore(MemoryStore):
    """Refuses its first commits, as a full disk does, then takes them."""

    def __init__(self, refusals: int) -> None:
        super().__init__()
        self.refusals = refusals

    def commit(self, batch: Commit) -> None:
        if self.refusals:
            self.refusals -= 1
            raise StoreUnavailable("the disk is full: make room, nothing is lost")
        super().commit(batch)


def letter(number: int) -> DeadLetter:
    """Make a refused record of a scripted source."""
    return DeadLetter(
        source="kit",
        stage="fetch",
        reason="bad_json",
        detail="not JSON",
        where=f"kit:{number}",
        raw=b"{",
        at=datetime(2026, 3, 2, tzinfo=UTC),
    )
