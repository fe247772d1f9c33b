"""What a forum holds since a date: its listings read once, newest first, each to its end or to that date."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from domain.dead_letter import DeadLetter
from domain.errors import SourceMisconfigured
from domain.post import Record
from ingest.cursors import read_cursor
from ingest.listing import Known, Listing, Slice, ask_for, in_steps, written
from ingest.source import Page


class Past(Struct):
    """How far history was read: the targets that are left (None: all) and the place in the first of them."""

    left: list[str] | None = None
    place: str = ""
    asking: dict[str, Known] = {}


class History:
    """A source of what was written since a date, newest first, target by target; it ends by itself."""

    finite = True

    def __init__(self, listing: Listing, *, name: str, since: datetime, check: Callable[[], Awaitable[str]]) -> None:
        self.name = name
        self._listing, self._since, self._check = listing, int(since.timestamp()), check

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring the next page that holds anything; exhausted with the last one of the last target."""
        return await in_steps(read_cursor(cursor, Past, source=self.name), self._step)

    async def _step(self, at: Past) -> tuple[Page, Past]:
        if at.asking:
            return await self._ask(at)
        left = list(self._listing.targets) if at.left is None else at.left
        left = [target for target in left if target in self._listing.targets]
        if not left:
            return Page(records=[], cursor=b"", exhausted=True), Past(left=[])
        troubles = []
        try:
            found = await self._listing.page(left[0], at.place, {})
        except SourceMisconfigured as error:
            if len(self._listing.targets) == 1:
                raise
            found, troubles = Slice(), [str(error)]
        over = not found.place or (found.oldest is not None and found.oldest < self._since)
        after = Past(
            left=left[1:] if over else left,
            place="" if over else found.place,
            asking={lead.native_id: lead.known for lead in found.leads if lead.at >= self._since},
        )
        page = Page(
            records=sorted((one for one in found.records if written(one) >= self._since), key=written),
            dead_letters=[*found.letters, *(() if over else found.beyond)],
            cursor=b"",
            exhausted=not (after.left or after.asking),
            troubles=troubles,
        )
        return page, after

    async def committed(self, cursor: bytes) -> None:
        """Nobody waits for it: a forum is read, it does not deliver."""

    async def check(self) -> str:
        """Say what the live source says."""
        return await self._check()

    async def aclose(self) -> None:
        """Nothing is held: the client belongs to the application."""

    async def _ask(self, at: Past) -> tuple[Page, Past]:
        asked = await ask_for(self._listing, at.asking)
        read = list(asked.values())
        after = replace(at, asking={one: how for one, how in at.asking.items() if one not in asked})
        page = Page(
            records=sorted((one for one in read if isinstance(one, Record)), key=written),
            dead_letters=[one for one in read if isinstance(one, DeadLetter)],
            cursor=b"",
            exhausted=not (after.left or after.asking),
        )
        return page, after
