"""The embedded runtime: one process, one SQLite database, everything of a batch in one transaction.

Killed anywhere, it repeats the pages whose cursors were not yet written; every write is keyed, so that is harmless.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any, Protocol, TypeVar

import structlog

from domain.errors import StoreUnavailable
from ingest.backoff import Backoff
from ingest.source import Source
from storage.store import Commit, Store
from tocsin.metrics import Metrics
from tocsin.runtimes.engine import Engine
from tocsin.runtimes.flow import count_mentions
from tocsin.runtimes.listener import Arrival, Health, Listener
from tocsin.runtimes.pulse import kept_as

log = structlog.get_logger("tocsin.runtime")

T = TypeVar("T")
Server = Callable[[asyncio.Event], Awaitable[None]]


class Courier(Protocol):
    """Delivers what the outbox holds."""

    async def run_once(self) -> int:
        """Try every due notification; return how many were tried."""
        ...


@dataclass(frozen=True, kw_only=True)
class Pace:
    """The runtime's own settings; seconds unless said otherwise."""

    batch_size: int = 200
    waiting_pages: int = 8
    tick: float = 0.25
    purge_every: float = 3600.0
    keep_posts: timedelta = timedelta(days=30)
    refusal_limit: int = 1000


@dataclass
class Summary:
    """What a run did, for the person who started it."""

    posts: int = 0
    mentions: int = 0
    alerts: int = 0
    incidents: set[str] = field(default_factory=set)
    dead_letters: int = 0


class EmbeddedRuntime:
    """Owns the loops: one per source, one for the pipeline, one for time, one for deliveries."""

    def __init__(
        self,
        *,
        engine: Engine,
        store: Store,
        sources: Sequence[Source],
        courier: Courier,
        clock: Callable[[], datetime],
        metrics: Metrics,
        pace: Pace,
        watch: Callable[[Commit], None] = lambda _: None,
    ) -> None:
        self.summary = Summary()
        self.holding = ""
        self._engine, self._store, self._courier = engine, store, courier
        self._clock, self._metrics, self._pace, self._watch = clock, metrics, pace, watch
        self._queue: asyncio.Queue[Arrival] = asyncio.Queue(pace.waiting_pages)
        self._waiting: deque[datetime] = deque()
        self._turn = asyncio.Lock()
        self._delivery = asyncio.Event()
        self._writer = ThreadPoolExecutor(1, "tocsin-writer")
        self._listeners = [
            Listener(
                source,
                put=self._put,
                clock=clock,
                metrics=metrics,
                refusal_limit=pace.refusal_limit,
                tell=lambda alert: self._ring(partial(self._engine.alarm, alert)),
            )
            for source in sources
        ]

    @property
    def health(self) -> Mapping[str, Health]:
        """Each source by name."""
        return {listener.source.name: listener.health for listener in self._listeners}

    async def run(self, *, until_idle: bool, stop: asyncio.Event, server: Server | None = None) -> Summary:
        """Run until `stop`, or until the sources have no more and the outbox is empty."""
        halt = asyncio.Event()
        cursors = {n.source.name: await self._write(self._store.cursor, n.source.name) for n in self._listeners}
        pulses = {
            n.source.name: await self._write(self._store.cursor, kept_as(n.source.name)) for n in self._listeners
        }
        async with asyncio.TaskGroup() as tasks:
            listening = [
                tasks.create_task(n.run(cursors[n.source.name], halt, kept=pulses[n.source.name]))
                for n in self._listeners
            ]
            working = [tasks.create_task(self._process()), tasks.create_task(self._deliver())]
            if not all(listener.source.finite for listener in self._listeners):
                working.append(tasks.create_task(self._keep_time()))
            working.append(tasks.create_task(self._purge()))
            if server is not None:
                working.append(tasks.create_task(_serve(server, halt)))
            await _first(stop.wait(), *([self._until_idle()] if until_idle else []))
            halt.set()
            await self._wind_down(listening, working)
        await asyncio.gather(*(listener.source.aclose() for listener in self._listeners), return_exceptions=True)
        self._writer.shutdown()
        return self.summary

    async def _wind_down(self, listening: list[asyncio.Task[None]], working: list[asyncio.Task[None]]) -> None:
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._queue.join(), 10)
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)

    async def _until_idle(self) -> None:
        """Return when every source has had its say, all of it is processed, and the outbox is empty."""
        for listener in self._listeners:
            await listener.idle.wait()
        await self._queue.join()
        await self._ring(self._engine.drain)
        while await self._write(self._store.outbox_pending):
            self._delivery.set()
            await asyncio.sleep(0.05)

    async def _process(self) -> None:
        while True:
            arrivals = await self._next_arrivals()
            try:
                await self._work(arrivals)
            finally:
                for _ in arrivals:
                    self._queue.task_done()
            await asyncio.gather(*(a.source.committed(a.page.cursor) for a in arrivals))

    async def _next_arrivals(self) -> list[Arrival]:
        self._observe_waiting()
        arrivals = [await self._queue.get()]
        size = len(arrivals[0].page.records)
        while size < self._pace.batch_size and not self._queue.empty():
            arrivals.append(self._queue.get_nowait())
            size += len(arrivals[-1].page.records)
        for _ in arrivals:
            self._waiting.popleft()
        return arrivals

    async def _put(self, arrival: Arrival) -> None:
        self._waiting.append(arrival.at)
        try:
            await self._queue.put(arrival)
        except asyncio.CancelledError:
            self._waiting.remove(arrival.at)
            raise

    async def _work(self, arrivals: Sequence[Arrival]) -> None:
        records = [record for arrival in arrivals for record in arrival.page.records]
        letters = [letter for arrival in arrivals for letter in arrival.page.dead_letters]
        cursors = {arrival.source.name: arrival.page.cursor for arrival in arrivals}
        for listener in self._listeners:
            if listener.source.name in cursors:
                cursors |= listener.kept
        async with self._turn:
            commits = self._engine.process(records, letters, cursors)
            while (commit := await self._write(partial(next, commits, None))) is not None:
                await self._commit(commit)

    async def _ring(self, ring: Callable[[], Commit | None]) -> None:
        """Let the folds hear of the time; in turn with the batches, so that states are written as they change."""
        async with self._turn:
            commit = await self._write(ring)
            if commit is not None:
                await self._commit(commit)

    async def _commit(self, commit: Commit) -> None:
        """Write; while the store cannot take it, hold the line and try again: nothing is read past it."""
        backoff = Backoff(Random(), cap=30)  # noqa: S311  # jitter, not a secret
        while True:
            started = asyncio.get_running_loop().time()
            try:
                await self._write(self._store.commit, commit)
            except StoreUnavailable as error:
                self.holding = str(error)
                self._metrics.commit_failures.inc()
                delay = backoff.next_delay()
                log.error("holding the line: the store cannot write", why=str(error), seconds=round(delay, 1))  # noqa: TRY400  # the sentence is the whole story
                await asyncio.sleep(delay)
                continue
            break
        self.holding = ""
        self._metrics.commit_seconds.observe(asyncio.get_running_loop().time() - started)
        self._account(commit)
        self._watch(commit)
        if commit.notifications:
            self._delivery.set()

    def _account(self, commit: Commit) -> None:
        count, summary, now = self._metrics, self.summary, self._clock()
        summary.posts += len(commit.posts)
        summary.mentions += len(commit.mentions)
        summary.alerts += len(commit.alerts)
        summary.incidents.update(incident.id for incident in commit.incidents)
        summary.dead_letters += len(commit.dead_letters)
        count_mentions(count, commit.mentions)
        for mention in commit.mentions:
            if mention.post.origin == "live":
                age = (now - mention.post.collected_at).total_seconds()
                count.post_to_store.labels(mention.post.source).observe(max(age, 0.0))
        for letter in commit.dead_letters:
            count.dead_letters.labels(letter.stage, letter.reason).inc()
        for alert in commit.alerts:
            count.alerts.labels(alert.kind, alert.severity, alert.reason.code).inc()
        for miss in commit.near_misses:
            count.near_misses.labels(miss.kind, miss.reason.code).inc()

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(self._pace.tick)
            self._observe_waiting()
            await self._ring(partial(self._engine.tick, self._clock()))

    async def _deliver(self) -> None:
        while True:
            self._delivery.clear()
            await self._courier.run_once()
            self._metrics.outbox_pending.set(await self._write(self._store.outbox_pending))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._delivery.wait(), 1.0)

    async def _purge(self) -> None:
        while True:
            before = self._clock() - self._pace.keep_posts
            try:
                await self._write(partial(self._store.purge, posts_before=before))
            except StoreUnavailable as error:
                log.warning("old posts stay for now", why=str(error))
            await asyncio.sleep(self._pace.purge_every)

    def _observe_waiting(self) -> None:
        self._metrics.waiting_pages.set(len(self._waiting))
        oldest = (self._clock() - self._waiting[0]).total_seconds() if self._waiting else 0.0
        self._metrics.oldest_waiting.set(max(oldest, 0.0))

    async def _write(self, call: Callable[..., T], *arguments: Any) -> T:
        """Run a blocking call on the one thread that owns the store."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, call, *arguments)


async def _serve(server: Server, halt: asyncio.Event) -> None:
    await server(halt)


async def _first(*waits: Awaitable[Any]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        task.result()
