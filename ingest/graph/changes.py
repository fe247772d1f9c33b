"""What Meta tells of one page or account, change by change; what comes without its words is asked for."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import Generic, TypeVar

from domain.dead_letter import DeadLetter
from domain.post import Record
from ingest.graph.answers import NotAllowed, ObjectGone
from ingest.graph.inbox import Entry, Outcome
from ingest.graph.messages import read_message
from ingest.graph.wall import Place, Reading
from ingest.markup import clean

T = TypeVar("T")
"""What names an object without its words."""


class Told(ABC, Generic[T]):
    """See `ingest.graph.inbox.Changes`: what both networks of Meta do alike."""

    object: str
    network: str

    def __init__(self, source: str, *, clock: Callable[[], datetime]) -> None:
        self._source, self._clock = source, clock
        self._met: dict[str, Place] = {}

    async def read(self, entry: Entry) -> list[Outcome]:
        """Read all changes of one entry; raises RetryLater or SourceStopped where it must ask and cannot."""
        place = await self._place(clean(str(entry.id)))
        outcomes: list[Outcome | None] = []
        for change in entry.changes:
            found = self.change(bytes(change.value), self.reading(place, change.field), said_at=entry.time)
            if found is not None and not isinstance(found, Record | DeadLetter):
                found = await self.asked(found, place)
            outcomes.append(found)
        messages = self.reading(place, "messages")
        outcomes += [read_message(bytes(raw), messages) for raw in entry.messaging]
        return [one for one in outcomes if one is not None]

    def reread(self, letter: DeadLetter) -> Outcome:
        """Read a change or a message of a dead letter again."""
        number, handle, field, *_ = [*letter.where.split(), "", "", ""]
        place = Place(network=self.network, id=number, handle="" if handle == "-" else handle)
        reading = Reading(place=place, edge=field, source=letter.source, at=letter.at)
        if field == "messages":
            return read_message(letter.raw, reading) or letter
        found = self.change(letter.raw, reading, said_at=letter.at.timestamp())
        return found if isinstance(found, Record) else letter

    def reading(self, place: Place, edge: str) -> Reading:
        """Of what is told now."""
        return Reading(place=place, edge=edge, source=self._source, at=self._clock())

    @abstractmethod
    def change(self, raw: bytes, reading: Reading, *, said_at: float) -> Outcome | T | None:
        """Read the value of a change, told at `said_at` (unix seconds); None for what is nothing to read."""

    @abstractmethod
    async def asked(self, told: T, place: Place) -> Outcome | None:
        """Ask for what was told without its words; None when there is nothing."""

    @abstractmethod
    async def meet(self, number: str) -> Place:
        """Ask who a page or an account is; raises ObjectGone or NotAllowed where Meta does not say."""

    async def _place(self, number: str) -> Place:
        if number not in self._met:
            try:
                self._met[number] = await self.meet(number)
            except (ObjectGone, NotAllowed):
                self._met[number] = Place(network=self.network, id=number)
        return self._met[number]
