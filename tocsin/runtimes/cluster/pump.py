"""From listeners to Kafka: pages are published in their order, and a source's cursor follows its acknowledged posts.

Bounded: while Kafka is away pages wait, and no source is asked for more than a few.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from typing import Protocol, TypeVar

import structlog

from ingest.source import Source
from tocsin.metrics import Metrics
from tocsin.runtimes.cluster.broker import Outgoing
from tocsin.runtimes.cluster.cursors import Cursors
from tocsin.runtimes.cluster.hold import Hold, Stopped
from tocsin.runtimes.cluster.packing import Packed, pack
from tocsin.runtimes.cluster.wire import POSTS_DEAD
from tocsin.runtimes.listener import Arrival, Health, Listener
from tocsin.runtimes.pulse import kept_as

log = structlog.get_logger("tocsin.ingest")

T = TypeVar("T")

_WAITING_PAGES = 8
_MOST_POSTS = 2_000
"""Gathered from pages that wait, to be published together."""
_PATIENCE = 5.0
"""Seconds without an acknowledgement after which it is said that the line is held."""
_REFUSAL_LIMIT = 1_000


class Producer(Protocol):
    """The part of `broker.Producer` that is needed."""

    def publish(self, records: Sequence[Outgoing]) -> None: ...  # noqa: D102  # as there
    def close(self) -> None: ...  # noqa: D102


@dataclass
class Brought:
    """What was brought so far, for the person who started it."""

    posts: int = 0
    dead_letters: int = 0


@dataclass(eq=False)
class Listening:
    """A source that is listened to, and how many of its pages wait for Kafka. Once not `held` it is another's."""

    source: Source
    cursor: bytes | None
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0
    held: bool = True
    listener: Listener = field(init=False)
    task: asyncio.Task[None] = field(init=False)

    def __post_init__(self) -> None:
        self.settled.set()

    def came(self) -> None:
        """One more page waits."""
        self.waiting += 1
        self.settled.clear()

    def went(self) -> None:
        """A page of it is done with."""
        self.waiting -= 1
        if not self.waiting:
            self.settled.set()


Page = tuple[Listening, Arrival]


class Pump:
    """Listens to sources and publishes what they bring, within the task group it is started in."""

    def __init__(
        self,
        *,
        cursors: Cursors,
        producer: Producer,
        partitions: Callable[[str], int],
        hold: Hold,
        clock: Callable[[], datetime],
        metrics: Metrics,
        watch: Callable[[Brought, bytes], None] = lambda _brought, _cursor: None,
    ) -> None:
        self.brought = Brought()
        self._cursors, self._producer, self._partitions = cursors, producer, cache(partitions)
        self._hold, self._clock, self._metrics, self._watch = hold, clock, metrics, watch
        self._listening: dict[str, Listening] = {}
        self._queue: asyncio.Queue[Page] = asyncio.Queue(_WAITING_PAGES)
        self._fetched: deque[datetime] = deque()
        self._thread = ThreadPoolExecutor(1, "tocsin-pump")

    @property
    def health(self) -> Mapping[str, Health]:
        """The sources listened to, by name."""
        return {name: each.listener.health for name, each in self._listening.items()}

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Begin to publish. Ends when the group is cancelled, or when told to end while Kafka is away."""
        self._tasks = tasks
        self._publishing = tasks.create_task(self._publish())

    async def listen(self, sources: Sequence[Source]) -> None:
        """Listen to these too, each from where its cursor stands. Raises Stopped when told to end meanwhile."""
        names = [source.name for source in sources]
        cursors = await self._held(partial(self._cursors.read, [*names, *map(kept_as, names)]))
        for source in sources:
            one = Listening(source, cursors.get(source.name))
            one.listener = Listener(
                source,
                put=partial(self._put, one),
                clock=self._clock,
                metrics=self._metrics,
                refusal_limit=_REFUSAL_LIMIT,
            )
            kept = cursors.get(kept_as(source.name))
            one.task = self._tasks.create_task(one.listener.run(one.cursor, one.stop, kept=kept))
            self._listening[source.name] = one

    async def let_go(self, names: Collection[str], *, seconds: float) -> None:
        """Stop listening to these, once what is under way of them is acknowledged, or after so many seconds."""
        going = [self._listening[name] for name in names if name in self._listening]
        for one in going:
            one.stop.set()
            one.task.cancel()
        await asyncio.gather(*(one.task for one in going), return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for one in going:
                    await one.settled.wait()
        for one in going:
            one.held = False
            one.listener.idle.set()
            del self._listening[one.source.name]
        await asyncio.gather(*(one.source.aclose() for one in going), return_exceptions=True)

    async def idle(self) -> None:
        """Return when every source has had its say and all of it is acknowledged."""
        while True:
            listening = list(self._listening.values())
            for one in listening:
                await one.listener.idle.wait()
            await self._queue.join()
            if listening == list(self._listening.values()):
                return

    async def finish(self, *, seconds: float) -> None:
        """Stop listening to all; what is not acknowledged after so many seconds is given up, and fetched again."""
        await self.let_go(list(self._listening), seconds=seconds)
        self._publishing.cancel()

    def close(self) -> None:
        """Let go of Kafka, at once."""
        self._producer.close()
        self._thread.shutdown(cancel_futures=True)
        self._cursors.close()

    async def _put(self, one: Listening, arrival: Arrival) -> None:
        one.came()
        self._fetched.append(arrival.at)
        try:
            await self._queue.put((one, arrival))
        except asyncio.CancelledError:
            self._fetched.remove(arrival.at)
            one.went()
            raise

    async def _publish(self) -> None:
        try:
            while True:
                pages = await self._gather()
                try:
                    await self._pass_on(pages)
                finally:
                    for one, _ in pages:
                        one.went()
                        self._queue.task_done()
        except Stopped:
            log.info("stopped while Kafka is away: what waits is fetched again next time")

    async def _gather(self) -> list[Page]:
        self._observe_waiting()
        pages = [await self._queue.get()]
        posts = len(pages[0][1].page.records)
        while posts < _MOST_POSTS and not self._queue.empty():
            pages.append(self._queue.get_nowait())
            posts += len(pages[-1][1].page.records)
        for _ in pages:
            self._fetched.popleft()
        return pages

    async def _pass_on(self, pages: Sequence[Page]) -> None:
        """Posts and dead letters first, then the cursors behind them, then word to the sources."""
        packed = await self._held(partial(self._publish_posts, [arrival for _, arrival in pages]))
        self._account(packed)
        moved = {one: arrival.page.cursor for one, arrival in pages if one.held}
        moved = {one: cursor for one, cursor in moved.items() if cursor != one.cursor}
        if moved:
            kept = {one.source.name: cursor for one, cursor in moved.items()}
            for one in moved:
                kept |= one.listener.kept
            await self._held(partial(self._publish_cursors, kept))
        for one, cursor in moved.items():
            one.cursor = cursor
        await asyncio.gather(*(one.source.committed(arrival.page.cursor) for one, arrival in pages))
        self._watch(self.brought, pages[-1][1].page.cursor)

    def _publish_posts(self, arrivals: Sequence[Arrival]) -> Packed:
        packed = pack(
            (record for arrival in arrivals for record in arrival.page.records),
            [letter for arrival in arrivals for letter in arrival.page.dead_letters],
            partitions=self._partitions,
            at=self._clock(),
        )
        self._hold.until(partial(self._producer.publish, packed.records))
        return packed

    def _publish_cursors(self, cursors: Mapping[str, bytes]) -> None:
        self._producer.publish(self._cursors.records(cursors))

    def _account(self, packed: Packed) -> None:
        for topic, count in packed.messages.items():
            self._metrics.published.labels(topic).inc(count)
        for letter in packed.letters:
            self._metrics.dead_letters.labels(letter.stage, letter.reason).inc()
        self.brought.dead_letters += len(packed.letters)
        self.brought.posts += sum(count for topic, count in packed.messages.items() if topic != POSTS_DEAD)

    def _observe_waiting(self) -> None:
        self._metrics.waiting_pages.set(len(self._fetched))
        oldest = (self._clock() - self._fetched[0]).total_seconds() if self._fetched else 0.0
        self._metrics.oldest_waiting.set(max(oldest, 0.0))

    async def _held(self, call: Callable[[], T]) -> T:
        """Call on the thread that speaks to Kafka, until Kafka takes it; say so when that takes long."""
        loop = asyncio.get_running_loop()
        calling = loop.run_in_executor(self._thread, self._hold.until, call)
        done, _ = await asyncio.wait({calling}, timeout=_PATIENCE)
        if not done:
            self._hold.because("kafka", "records wait for Kafka's acknowledgement")
        found = await calling
        if not done:
            self._hold.over("kafka")
        return found
