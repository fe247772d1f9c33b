"""What `wall` and `search` have in common: a queue of calls in the cursor, asked in bundles.

A page is handed on as soon as it holds anything. The cursor tells which calls are still to be made, so that a source
that was stopped goes on with the next one.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from domain.dead_letter import DeadLetter
from domain.errors import RetryLater, SourceError, SourceMisconfigured, SourceStopped
from domain.post import Author, Origin, Record
from ingest.cursors import read_cursor, write_cursor
from ingest.http import PoliteClient
from ingest.source import Page
from ingest.vk.answers import Listing, read_listing
from ingest.vk.api import MOST_CALLS, Call, VkApi
from ingest.vk.asking import Asker
from ingest.vk.checking import Try, checked
from ingest.vk.config import Config
from ingest.vk.orders import Closed, Flooded, NoSuch, QuotaReached
from ingest.vk.parse import read_comment, read_post
from ingest.vk.people import People, author
from ingest.vk.progress import Job, Progress, Query, Wall
from ingest.vk.turn import Turn

MOST_REQUESTS = 8
"""Requests of one fetch that bring nothing to hand on."""
MOST_RECORDS = 300
"""Posts in a page after which the answers that are left are asked for again."""
MOST_BEGUN = 10
"""Walls that are looked at for the first time in one bundle: each leads to up to 100 more calls."""
BAD_AGAIN = 3_600
"""Seconds until what cannot be read is tried again."""

_SHARE = 0.8
_DAY = 86_400
_BEGINS = frozenset({"wall", "news", "found"})
_LEAST_REMEMBERED = timedelta(hours=1)
_UNDER = re.compile(r"(-?\d{1,12})_(\d{1,12})")


class PolledSource(ABC):
    """A source that asks. With `history` it is finite, and of what was written since then."""

    def __init__(
        self,
        config: Config,
        *,
        client: PoliteClient,
        clock: Callable[[], datetime],
        history: datetime | None = None,
        name: str = "",
    ) -> None:
        self.name = name or config.name
        self.finite = history is not None
        self._config, self._client, self._clock, self._history = config, client, clock, history
        self._origin: Origin = "backfill" if history else "live"
        self._api = VkApi(
            client,
            token=config.token.get_secret_value() if config.token else "",
            clock=clock,
            api=config.api,
            version=config.version,
            rate=config.rate,
            daily=config.calls_per_day,
        )
        self._asker = Asker(self._api, self._call, batch=config.batch)
        self._bad: dict[str, SourceError] = {}
        self._told: dict[str, float] = {}
        self._owners: dict[int, Author] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r})"

    async def fetch(self, cursor: bytes | None) -> Page:
        """Make the calls that are due until one brings anything; rest when none is."""
        now = self._clock()
        progress = read_cursor(cursor, Progress, source=self.name)
        progress.started = progress.started or int(now.timestamp())
        progress.keep(self._names())
        self._api.resume(progress.spent)
        turn = Turn(progress, source=self.name, at=now, origin=self._origin)
        for _ in range(MOST_REQUESTS):
            self._plan(turn)
            ready = self._ready(turn)
            if not ready:
                break
            await self._ask(ready, turn)
            if not turn.empty:
                break
        self._plan(turn)
        turn.forget(now - max(timedelta(hours=self._config.refresh_hours), _LEAST_REMEMBERED))
        progress.spent = self._api.spent
        done = self.finite and not progress.jobs and all(one.done for one in self._begun(progress).values())
        return Page(
            records=turn.records,
            dead_letters=turn.letters,
            troubles=turn.troubles,
            cursor=write_cursor(progress),
            wait=0.0 if done else self._wait(turn),
            exhausted=done,
        )

    async def committed(self, cursor: bytes) -> None:  # noqa: B027  # there is nothing to do
        """Nobody waits for it: VK is read, it does not deliver."""

    async def check(self) -> str:
        """Ask whose token this is, and for one post of each thing that is configured (of the first ones of many)."""
        return await checked(self._api, list(self._tries()), site=self._config.site, bundle=self._config.batch > 1)

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """Read a refused post or comment again."""
        site, under = self._config.site, _UNDER.fullmatch(letter.where)
        if under:
            owner, post = int(under[1]), int(under[2])
            read = read_comment(
                letter.raw, self._owners, source=self.name, at=letter.at, owner=owner, post=post, site=site
            )
        else:
            read = read_post(letter.raw, self._owners, source=self.name, at=letter.at, site=site)
        return read or replace(letter, detail="there are no words in it")

    async def aclose(self) -> None:  # noqa: B027  # there is nothing to do
        """Nothing is held: the client belongs to the application."""

    @abstractmethod
    def _names(self) -> Collection[str]:
        """The walls and queries that are configured."""

    @abstractmethod
    def _begun(self, progress: Progress) -> Mapping[str, Wall] | Mapping[str, Wall | Query]:
        """What this source begins with, by name."""

    @abstractmethod
    def _plan(self, turn: Turn) -> None:
        """Put into the queue what is due."""

    @abstractmethod
    def _call(self, job: Job, most: int) -> Call:
        """The call of a job, for at most so many posts."""

    @abstractmethod
    def _take(self, job: Job, call: Call, listing: Listing, turn: Turn) -> None:
        """Give what an answer holds; put what follows in the job's place."""

    @abstractmethod
    def _dropped(self, job: Job, error: Closed | NoSuch, turn: Turn) -> None:
        """Go on without what was asked for, where it is only a part of a wall."""

    @abstractmethod
    def _tries(self) -> Iterator[Try]:
        """What `check` asks for."""

    def _stretched(self, asks: int, method: str) -> float:
        """Seconds between looks so that a day's calls last the day, with some to spare for paging."""
        most = self._config.calls_per_day.get(method)
        return max(self._config.every, asks * _DAY / (most * _SHARE) if most else 0.0)

    def _since(self, turn: Turn) -> int:
        """How far back a first look goes."""
        if self._history is not None:
            return int(self._history.timestamp())
        return turn.now - int(self._config.backlog_hours * 3_600)

    def _people(self, listing: Listing, wall: Wall | None = None) -> People:
        """Who wrote, and whose wall it is: VK does not tell that beside comments of others."""
        people = dict(listing.people(self._config.site))
        if wall is not None and wall.owner:
            if wall.owner in people:
                wall.handle = people[wall.owner].handle
            elif wall.handle:
                people[wall.owner] = Author(id=str(wall.owner), handle=wall.handle)
            self._owners[wall.owner] = author(wall.owner, people, site=self._config.site)
        return people

    def _ready(self, turn: Turn) -> list[Job]:
        """The next jobs that may be asked; tells once what may not."""
        ready: list[Job] = []
        begun, first = self._begun(turn.progress), 0
        for job in turn.progress.jobs:
            unknown = job.ask in _BEGINS and not begun[job.of].due
            if job.ask == "end" or (unknown and first >= MOST_BEGUN):
                continue
            held = self._asker.held(job)
            if held:
                self._tell(self._call(job, 1).method, held, turn)
                continue
            first += unknown
            ready.append(job)
            if len(ready) >= MOST_CALLS:
                break
        return ready

    def _tell(self, method: str, held: float, turn: Turn) -> None:
        now = turn.at.timestamp()
        if self._told.get(method, 0.0) <= now:
            self._told[method] = now + held
            turn.troubles.append(f"VK: {method} is not called for {held / 60:.0f} min; the rest goes on")

    async def _ask(self, ready: list[Job], turn: Turn) -> None:
        handled = 0
        for job, call, answer in await self._asker.ask(ready):
            try:
                if isinstance(answer, SourceError):
                    raise answer
                self._take(job, call, read_listing(answer), turn)
                if job.ask in _BEGINS:
                    self._bad.pop(job.of, None)
            except (Flooded, QuotaReached) as held:  # it stays in the queue
                self._tell(call.method, held.after or 0.0, turn)
                continue
            except (Closed, NoSuch) as no:
                self._refused(job, no, turn)
            except RetryLater:
                if not handled:
                    raise
                break
            handled += 1
            if len(turn.records) >= MOST_RECORDS:
                break

    def _refused(self, job: Job, no: Closed | NoSuch, turn: Turn) -> None:
        turn.replace(job)
        if job.ask not in _BEGINS:
            self._dropped(job, no, turn)
            return
        begun = self._begun(turn.progress)
        begun[job.of].due = turn.now + BAD_AGAIN
        begun[job.of].done = self.finite
        self._bad[job.of] = no
        turn.troubles.append(f"{job.of}: {no}")
        if self._bad.keys() >= begun.keys():
            raise self._all_bad(no)

    def _all_bad(self, last: SourceError) -> SourceError:
        errors = list(self._bad.values())
        sentence = f"nothing that `{self.name}` is to read can be read; the last: {last}"
        if all(isinstance(error, NoSuch) for error in errors):
            return SourceMisconfigured(sentence)
        if all(isinstance(error, NoSuch) or (isinstance(error, Closed) and error.known) for error in errors):
            return SourceStopped(sentence)
        return RetryLater(sentence)

    def _wait(self, turn: Turn) -> float:
        """Seconds to the next call."""
        jobs = [self._asker.held(job) for job in turn.progress.jobs if job.ask != "end"]
        if any(held == 0 for held in jobs):
            return 0.0
        due = [one.due - turn.at.timestamp() for one in self._begun(turn.progress).values() if not one.done]
        return max(min([*jobs, *due], default=self._config.every), 1.0)
