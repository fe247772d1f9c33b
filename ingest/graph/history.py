"""What was written on pages or accounts before we listened: each list once, each post's comments right after it."""

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from domain.dead_letter import DeadLetter
from domain.post import Record
from ingest.cursors import read_cursor, write_cursor
from ingest.graph.answers import NotAllowed, ObjectGone
from ingest.graph.api import Graph, Listing, segment
from ingest.graph.follow import CALLS, Settings
from ingest.graph.progress import Thread
from ingest.graph.wall import Edge, Found, Place, Reading, Wall
from ingest.source import Page


class _Past(Struct, omit_defaults=True):
    """Which list of which target is being read, and the comments and answers that are read before it goes on."""

    target: int = 0
    edge: int = 0
    after: str = ""
    comments: list[Thread] = []
    replies: list[Thread] = []


class _Batch:
    def __init__(self) -> None:
        self.records: list[Record] = []
        self.letters: list[DeadLetter] = []
        self.troubles: list[str] = []

    @property
    def holds_anything(self) -> bool:
        return bool(self.records or self.letters or self.troubles)


class HistorySource:
    """Finite: everything written from `since` on, the newest posts first, of origin `backfill`."""

    finite = True

    def __init__(
        self, settings: Settings, wall: Wall, graph: Graph, *, since: datetime, clock: Callable[[], datetime]
    ) -> None:
        self.name = settings.source
        self._settings, self._wall, self._graph, self._clock = settings, wall, graph, clock
        self._since = int(since.timestamp())
        # Comments are written under posts that are older than they are.
        self._window = self._since - int(settings.follow_days * 86_400)
        self._met: dict[str, Place] = {}

    def __repr__(self) -> str:
        return f"HistorySource(name={self.name!r})"

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring the next page that holds anything."""
        past, batch = read_cursor(cursor, _Past, source=self.name), _Batch()
        for _ in range(CALLS):
            if batch.holds_anything or self._is_read(past):
                break
            await self._advance(past, batch)
        return Page(
            records=batch.records,
            dead_letters=batch.letters,
            troubles=batch.troubles,
            cursor=write_cursor(past),
            wait=self._graph.rest,
            exhausted=self._is_read(past),
        )

    async def committed(self, cursor: bytes) -> None:
        """Nobody waits for it."""

    async def check(self) -> str:
        """Ask who the first target is."""
        place = await self._wall.meet(self._settings.targets[0])
        return f"{place.account} can be read back"

    async def aclose(self) -> None:
        """Nothing is held: the client belongs to the application."""

    def _is_read(self, past: _Past) -> bool:
        return past.target >= len(self._settings.targets) and not past.comments and not past.replies

    async def _advance(self, past: _Past, batch: _Batch) -> None:
        """Do the next thing; what is gone or not ours to see is passed over, with a word where it is a whole list."""
        at = min(past.target, len(self._settings.targets) - 1)
        target = self._settings.targets[at]
        try:
            place = self._met.get(target) or await self._wall.meet(target)
            self._met[target] = place
            if past.replies and self._wall.replies:
                await self._replies(past, self._wall.replies, place, batch)
            elif past.comments:
                await self._comments(past, place, batch)
            else:
                await self._list(past, place, batch)
        except (ObjectGone, NotAllowed) as error:
            if past.replies or past.comments:
                _drop_first(past)
                return
            batch.troubles.append(f"{target}: {error}")
            self._next_list(past)

    async def _list(self, past: _Past, place: Place, batch: _Batch) -> None:
        edge = self._wall.edges[past.edge]
        since = {"since": self._window} if edge.since else {}
        listing = await self._ask(place.id, edge, past.after, place, since)
        reading = self._reading(place, edge.name)
        found = [self._wall.post(bytes(raw), reading) for raw in listing.data]
        for one in found:
            self._take(one, batch)
        past.comments = [Thread(one.id, one.id) for one in found if one.id and one.comments and one.comments > 0]
        oldest = next((one.at for one in reversed(found) if one.at), self._window)
        past.after = listing.after if oldest >= self._window else ""
        if not past.after:
            self._next_list(past)

    async def _comments(self, past: _Past, place: Place, batch: _Batch) -> None:
        thread, edge = past.comments[0], self._wall.comments
        listing = await self._ask(thread.post, edge, thread.after, place)
        oldest = self._since
        reading = self._reading(place, f"{edge.name} {thread.post}")
        for raw in listing.data:
            found = self._wall.comment(bytes(raw), reading, under=thread.post)
            oldest = found[0].at or oldest if found else oldest
            for one in found:
                self._take(one, batch)
                past.replies += [Thread(one.id, thread.post, one.more)] if one.more else []
        nested = self._wall.replies is not None  # an answer may be younger than what it answers
        thread.after = listing.after if nested or oldest >= self._since else ""
        past.comments = past.comments if thread.after else past.comments[1:]

    async def _replies(self, past: _Past, edge: Edge, place: Place, batch: _Batch) -> None:
        thread = past.replies[0]
        listing = await self._ask(thread.comment, edge, thread.after, place)
        reading = self._reading(place, f"{edge.name} {thread.post} {thread.comment}")
        for raw in listing.data:
            for one in self._wall.comment(bytes(raw), reading, under=thread.post):
                self._take(one, batch)
        thread.after = listing.after
        past.replies = past.replies if thread.after else past.replies[1:]

    async def _ask(
        self, name: str, edge: Edge, after: str, place: Place, extra: dict[str, int] | None = None
    ) -> Listing:
        path = f"{segment(name)}/{edge.name}"
        return await self._graph.list(
            path, {**edge.params, **(extra or {})}, after=after, token=place.token, most=edge.most
        )

    def _take(self, found: Found, batch: _Batch) -> None:
        if isinstance(found.outcome, DeadLetter):
            batch.letters.append(found.outcome)
        elif found.outcome is not None and found.at >= self._since and not found.hidden:
            batch.records.append(found.outcome)

    def _next_list(self, past: _Past) -> None:
        past.edge, past.after = past.edge + 1, ""
        if past.edge >= len(self._wall.edges):
            past.target, past.edge = past.target + 1, 0

    def _reading(self, place: Place, edge: str) -> Reading:
        return Reading(place=place, edge=edge, source=self.name, at=self._clock(), origin="backfill")


def _drop_first(past: _Past) -> None:
    if past.replies:
        past.replies = past.replies[1:]
    else:
        past.comments = past.comments[1:]
