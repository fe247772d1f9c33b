"""All networks at once in bad weather: what the servers ever showed must be in the store once.

Each network has a clock of its own, which skips the waits; all of them feed one engine and one store. While posts are
published, requests fail, the provider asks for patience, is away for ten minutes, answers garbage and megabytes,
revokes the credential; and now and then the process dies and goes on from the cursor that was stored last.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from unittest import mock

from domain.errors import RetryLater, SourceStopped
from domain.ids import stable_id
from ingest.source import Page, Source
from storage.store import Store
from tests.kit.ingest import Failure, Rig, SourceCase
from tocsin.runtimes.engine import Engine

BATCH = 20
"""Posts between two looks."""
APART = 1.0
"""Seconds between two batches."""
OUTAGE = 600.0
"""Seconds."""
_PATIENCE = 60.0
"""Seconds that the runtime waits where nobody says how long."""
_FAULTY = 0.3
_DEATHS = 0.02
_CALM_LOOKS = 2_000
_CALM = timedelta(minutes=15)
_RESTLESS = 25
"""Looks without a rest and without a post: one that does not rest may be at work, with nothing to give yet."""


@dataclass
class Weather:
    """What is wrong with one network at each look, drawn from a seed."""

    case: SourceCase
    random: Random
    storms: list[Failure] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def next(self) -> Failure | None:
        """The failure of the next look, if any."""
        if not self.case.http:
            return None
        if not self.storms and self.random.random() < _FAULTY:
            self.storms = self._storm()
        failure = self.storms.pop() if self.storms else None
        if failure:
            self.seen.add(failure)
        return failure

    def _storm(self) -> list[Failure]:
        kinds: list[Failure] = ["busy", "down", "garbage"]
        if self.case.key:
            kinds += ["flaky", "huge"]
        kind = self.random.choice(kinds)
        return [kind] * (8 if kind == "busy" and self.random.random() < 0.1 else 1)


class Unhurried:
    """In place of aiolimiter's, whose waits are real ones; here time is skipped. Other tests hold it to its rate."""

    def __init__(self, requests: float, seconds: float) -> None:
        del requests, seconds

    async def acquire(self) -> None:
        """Go on at once."""


def skipping_time() -> AbstractContextManager[object]:
    """No rate is waited for meanwhile."""
    return mock.patch("ingest.limiter.AsyncLimiter", Unhurried)


class Listening:
    """One source in the storm: the runtime's part, without its waits."""

    def __init__(self, case: SourceCase, rig: Rig, engine: Engine, store: Store, seed: int) -> None:
        self.published: set[str] = set()
        self.stopped = self.deaths = self.looks = 0
        self.weather = Weather(case, Random(seed))
        self.network = ""
        self._case, self._rig, self._engine, self._store = case, rig, engine, store
        self._random = Random(seed + 1)
        self._cursor: bytes | None = None
        # Not between two pages of one look: what a network shows for a moment only nobody can hear.
        self._time_passes, self._rests = True, False
        self._source: Source = rig.make()
        self._began = rig.clock()

    @property
    def hours(self) -> float:
        """How long it lasted by the clock of the network."""
        return (self._rig.clock() - self._began).total_seconds() / 3_600

    async def run(self, posts: int) -> None:
        """Publish so many while looking, then let the weather clear and look until nothing comes."""
        publish = self._rig.publish
        assert publish is not None
        revoked_at, outage_at = posts // 2, posts // 3
        while len(self.published) < posts:
            before = len(self.published)
            if self._time_passes:
                self._rig.clock.advance(APART)
                fresh = publish(BATCH)
                assert not self.published.intersection(fresh), f"{self._case.id} publishes the same posts again"
                self.published.update(fresh)
            if before < revoked_at <= len(self.published) and self._case.key and self._case.http:
                await self._revoked()
            if before < outage_at <= len(self.published) and self._case.http:
                await self._away()
            await self._look(self.weather.next())
            if self._case.replays and self._random.random() < _DEATHS:
                await self._die()
        await self._clear_up()

    async def _look(self, failure: Failure | None) -> bool:
        """One fetch, stored; say whether it brought anything."""
        self._fail(failure)
        self.looks += 1
        try:
            page = await self._source.fetch(self._cursor)
        except RetryLater as error:
            self._rig.clock.advance(_PATIENCE if error.after is None else max(error.after, 0.01))
            self._time_passes = True
            return True
        self._take(page)
        await self._source.committed(page.cursor)
        self._rig.clock.advance(page.wait)
        self._rests = page.wait > 0
        self._time_passes = self._rests or not page.records
        return bool(page.records or page.dead_letters)

    def _take(self, page: Page) -> None:
        for commit in self._engine.process(page.records, page.dead_letters, {self._case.id: page.cursor}):
            self._store.commit(commit)
        self._cursor = self._store.cursor(self._case.id)
        for record in page.records:
            self.network = record.post.network

    async def _revoked(self) -> None:
        for _ in range(50):
            try:
                await self._look("revoked")
            except SourceStopped:
                self.stopped += 1
                break
        self._fail(None)
        await self._die()

    async def _away(self) -> None:
        until = self._rig.clock().timestamp() + OUTAGE
        while self._rig.clock().timestamp() < until:
            self._rig.clock.advance(10)
            await self._look("down")

    async def _die(self) -> None:
        """The process is gone, with all that it held; the next one goes on from what was stored."""
        self.deaths += 1
        await self._source.aclose()
        self._source = self._rig.make()

    async def _clear_up(self) -> None:
        silent, since = 0, self._rig.clock()
        for _ in range(_CALM_LOOKS):
            silent += 1
            if await self._look(None):
                silent, since = 0, self._rig.clock()
            # Some rest for a moment between two calls: only a long calm is the end.
            calm = self._rig.clock() - since >= _CALM if self._rests else silent > _RESTLESS
            if calm and silent > self._case.quiet + 3:
                break
        await self._source.aclose()

    def _fail(self, failure: Failure | None) -> None:
        if self._rig.fail is not None:
            self._rig.fail(failure)

    def missing(self) -> list[str]:
        """The published posts of which the store does not hold just one mention."""
        ids = {one: stable_id(self.network, one) for one in self.published}
        return sorted(one for one, name in ids.items() if len(self._store.mentions_of(name)) != 1)
