"""X by recent search: every so often, or once, back as far as it goes, as history."""

from collections.abc import Callable, Sequence
from datetime import datetime

from domain.brand import Brand
from domain.dead_letter import DeadLetter
from domain.post import Record
from ingest.http import PoliteClient
from ingest.source import Page
from ingest.x.api import Api
from ingest.x.config import Config
from ingest.x.reader import WEEK, Reader

_MOST_STEPS = 12


class SearchSource:
    """Posts that recent search finds: what is new, and again what was found lately."""

    finite = False

    def __init__(
        self, config: Config, *, client: PoliteClient, clock: Callable[[], datetime], brands: Sequence[Brand]
    ) -> None:
        self.name = config.name
        self._config, self._client, self._clock, self._brands = config, client, clock, brands
        self._api = Api(config, client=client, clock=clock)
        self._reader = Reader(config, self._api, brands=brands, clock=clock, name=self.name)

    def __repr__(self) -> str:
        return f"SearchSource(name={self.name!r})"

    async def fetch(self, cursor: bytes | None) -> Page:
        """Go on with a look, or begin one, until something is found or all was searched."""
        turn = self._reader.turn(cursor)
        queries = self._reader.queries()
        searching = bool(turn.pending(queries))
        for _ in range(_MOST_STEPS):
            if query := turn.pending(queries):
                await self._reader.search(turn, query)
            elif searching:
                return turn.page(wait=self._config.every)
            elif not await self._reader.look_again(turn):
                turn.begin(queries, start=self._reader.start(turn.now), everything=False)
                searching = True
            if turn.found:
                break
        over = searching and not turn.pending(queries)
        return turn.page(wait=self._config.every if over else 0.0)

    async def committed(self, cursor: bytes) -> None:
        """Nobody waits for it: X is read, it does not deliver."""

    async def check(self) -> str:
        """Ask how many posts the first query finds, which costs count_price."""
        first, *others = self._reader.queries()
        daily = await self._api.count(first) / WEEK.days
        more = f", the first of {len(others) + 1} queries," if others else ""
        cost = daily * self._config.post_price
        return (
            f"the bearer token may search{more} about {daily:.0f} posts a day for ${cost:.2f}; at most "
            f"${self._config.daily_cap:g} a day and ${self._config.monthly_cap:g} a month are spent"
        )

    def history(self, since: datetime, *, name: str) -> "HistorySource":
        """See `ingest.source.Historic`: recent search goes back seven days."""
        return HistorySource(
            self._config, client=self._client, clock=self._clock, brands=self._brands, since=since, name=name
        )

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """Read a refused post again."""
        return self._reader.reread(letter)

    async def aclose(self) -> None:
        """Nothing is held: the client belongs to the application."""


class HistorySource:
    """What recent search finds of the last seven days at most, once. It counts what it spends by itself."""

    finite = True

    def __init__(
        self,
        config: Config,
        *,
        client: PoliteClient,
        clock: Callable[[], datetime],
        brands: Sequence[Brand],
        since: datetime,
        name: str,
    ) -> None:
        self.name = name
        self._since, self._clock = since, clock
        self._live = SearchSource(config, client=client, clock=clock, brands=brands)
        api = Api(config, client=client, clock=clock)
        self._reader = Reader(config, api, brands=brands, clock=clock, name=name, origin="backfill")

    def __repr__(self) -> str:
        return f"HistorySource(name={self.name!r})"

    async def fetch(self, cursor: bytes | None) -> Page:
        """Search a page; exhausted with the last one of the last query."""
        turn = self._reader.turn(cursor)
        queries = self._reader.queries()
        if not turn.places:
            turn.begin(queries, start=self._reader.start(turn.now, self._since), everything=False)
            if self._since < turn.now - WEEK:
                turn.troubles.append("X's recent search goes back seven days: what is older is not read")
        for _ in range(_MOST_STEPS):
            if query := turn.pending(queries):
                await self._reader.search(turn, query)
            if turn.found or not turn.pending(queries):
                break
        return turn.page(exhausted=not turn.pending(queries))

    async def committed(self, cursor: bytes) -> None:
        """Nobody waits for it."""

    async def check(self) -> str:
        """Say what the live source says."""
        return await self._live.check()

    async def aclose(self) -> None:
        """Nothing is held: the client belongs to the application."""
