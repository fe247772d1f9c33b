"""The source that looks at pages or accounts, whichever network they are on."""

from collections.abc import Callable
from datetime import datetime

from msgspec.structs import replace

from domain.dead_letter import DeadLetter
from domain.errors import SourceMisconfigured
from domain.post import Record
from ingest.graph.api import Graph
from ingest.graph.config import GraphConfig
from ingest.graph.follow import Follower, Settings
from ingest.graph.history import HistorySource
from ingest.graph.tokens import TokenWatch, told
from ingest.graph.wall import Found, Place, Reading, Wall
from ingest.source import Page


class LookingSource:
    """Looks again and again; `wanted` are the rights that its token should have."""

    finite = False

    def __init__(
        self,
        config: GraphConfig,
        settings: Settings,
        wall: Wall,
        graph: Graph,
        *,
        wanted: tuple[str, ...],
        clock: Callable[[], datetime],
    ) -> None:
        self.name = settings.source
        self._settings, self._wall, self._graph, self._clock, self._wanted = settings, wall, graph, clock, wanted
        self._watch = TokenWatch(config, graph, clock=clock)
        self._follower = Follower(settings, wall, graph, self._watch, clock=clock)

    def __repr__(self) -> str:
        return f"LookingSource(name={self.name!r}, targets={len(self._settings.targets)})"

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring what is new or has changed."""
        return await self._follower.fetch(cursor)

    async def committed(self, cursor: bytes) -> None:
        """Nobody waits for it: lists are read, not delivered."""

    async def check(self) -> str:
        """Ask what the token is and who the configured pages or accounts are."""
        token = told(await self._watch.look(), self._wanted, self._clock())
        known, unknown = [], []
        for target in self._settings.targets:
            try:
                known.append((await self._wall.meet(target)).account)
            except SourceMisconfigured as error:
                unknown.append(f"{target}: {error}")
        if not known:
            raise SourceMisconfigured("; ".join(unknown))
        missed = f"; not to be read: {'; '.join(unknown)}" if unknown else ""
        return f"{', '.join(known)} can be read{missed}; {token}"

    def history(self, since: datetime, *, name: str) -> HistorySource:
        """See `ingest.source.Historic`."""
        settings = replace(self._settings, source=name)
        return HistorySource(settings, self._wall, self._graph, since=since, clock=self._clock)

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """See `ingest.source.Rereads`."""
        return reread(letter, self._wall)

    async def aclose(self) -> None:
        """Nothing is held: the client belongs to the application."""


def reread(letter: DeadLetter, wall: Wall) -> Record | DeadLetter:
    """Read the object of a dead letter again; where it stood is in the letter."""
    number, handle, edge, *rest = [*letter.where.split(), "", "", ""]
    place = Place(network=wall.network, id=number, handle="" if handle == "-" else handle)
    under = rest[0]
    is_comment = edge in {wall.comments.name, wall.replies.name if wall.replies else ""}
    reading = Reading(
        place=place, edge=f"{edge} {under}".strip() if is_comment else edge, source=letter.source, at=letter.at
    )
    found = wall.comment(letter.raw, reading, under=under) if is_comment else [wall.post(letter.raw, reading)]
    return _of(found) or replace(letter, detail="there is nothing to read in it")


def _of(found: list[Found]) -> Record | DeadLetter | None:
    return next((one.outcome for one in found if one.outcome is not None), None)
