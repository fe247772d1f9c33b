"""One process of the cluster that works in turns: on a thread of its own, beside its probes, until told to end."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Protocol

import structlog

from console.ports import Readiness
from domain.errors import BrokerUnavailable
from tocsin.metrics import Metrics
from tocsin.runtimes.cluster.hold import Flooded, Hold, Stopped
from tocsin.runtimes.cluster.wire import HISTORIES

log = structlog.get_logger("tocsin.worker")

Beside = Callable[[asyncio.Event], Awaitable[None]]
"""Runs until the event is set."""

_IDLE_LOOKS = 2
_MEASURE_EVERY = 5.0


class Work(Protocol):
    """What is done in turns."""

    @property
    def oldest(self) -> datetime | None:
        """When the broker took the oldest live record under way, if there is one."""
        ...

    def turn(self) -> int:
        """Wait a moment for something to do, and do it; return how many messages were dealt with."""
        ...

    def finish(self) -> None:
        """Do what is left once nothing comes any more."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


class Queues(Protocol):
    """The part of `broker.Broker` that says what there is to do."""

    def require_topics(self) -> None:
        """Raise BrokerUnavailable, saying what to do, while a topic is missing."""
        ...

    def lag(self, group: str, topics: Sequence[str]) -> dict[tuple[str, int], int]:
        """How many records of each partition the group has yet to commit."""
        ...


class Worker:
    """Turns of work for a group, what runs beside them, and how it all stands.

    `ready` is called until it succeeds (Elasticsearch may be away), then `work` builds the work, both on the thread
    that will do it. `beside` are tasks that run as long as the turns do.
    """

    def __init__(
        self,
        *,
        group: str,
        topics: Sequence[str],
        ready: Callable[[], object],
        work: Callable[[], Work],
        queues: Queues,
        hold: Hold,
        clock: Callable[[], datetime],
        metrics: Metrics,
        beside: Sequence[Beside] = (),
    ) -> None:
        self._group, self._topics, self._queues = group, tuple(topics), queues
        self._ready, self._build = ready, work
        self._hold, self._clock, self._metrics, self._beside = hold, clock, metrics, tuple(beside)
        self._work: Work | None = None
        self._caught_up_at = clock()

    def readiness(self) -> Readiness:
        """Say whether the process does its work, and if not, why not."""
        return Readiness(sources={}, problems=[f"{why}: {said}" for why, said in self._hold.reasons.items()])

    async def run(self, *, until_idle: bool, stop: asyncio.Event, server: Beside | None = None) -> None:
        """Work until `stop`, or with `until_idle` until nothing is left; then a flood of dead letters is raised."""
        halt = asyncio.Event()
        aside = [self._measure, *self._beside, *([server] if server else [])]
        with ThreadPoolExecutor(1, f"tocsin-{self._group}") as thread:
            async with asyncio.TaskGroup() as tasks:
                stopping = tasks.create_task(self._stop_at(stop))
                running = [tasks.create_task(_until(each, halt)) for each in aside]
                try:
                    turns = partial(self._turns, until_idle=until_idle)
                    await asyncio.get_running_loop().run_in_executor(thread, turns)
                finally:
                    # What runs beside may have failed instead: then the thread is told to end, and waited for.
                    self._hold.stop()
                    stopping.cancel()
                    halt.set()
                await asyncio.gather(*running)

    def _turns(self, *, until_idle: bool) -> None:
        try:
            self._hold.until(self._queues.require_topics)
            self._hold.until(self._ready)
            self._work = self._build()
            self._work_through(self._work, until_idle=until_idle)
        except Stopped:
            log.info("stopped while the line was held: what waits is dealt with next time")
        finally:
            if self._work is not None:
                self._work.close()

    def _work_through(self, work: Work, *, until_idle: bool) -> None:
        idle = 0
        while not self._hold.stopped and not (until_idle and idle == _IDLE_LOOKS):
            try:
                dealt_with = work.turn()
            except Flooded as flood:
                if until_idle:
                    raise
                self._hold.for_good("dead_letters", str(flood))
            else:
                idle = idle + 1 if until_idle and not dealt_with and not self._left() else 0
        if not self._hold.stopped:
            work.finish()

    def _left(self) -> int:
        return sum(self._hold.until(partial(self._queues.lag, self._group, self._topics)).values())

    async def _stop_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._hold.stop()

    async def _measure(self, halt: asyncio.Event) -> None:
        """Say every few seconds how much waits and for how long, also while the line is held."""
        while not halt.is_set():
            try:
                lag = await asyncio.to_thread(self._queues.lag, self._group, self._topics)
            except BrokerUnavailable as error:
                self._hold.because("kafka", str(error), by="measure")
            else:
                self._hold.over("kafka", by="measure")
                self._note(lag)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(halt.wait(), _MEASURE_EVERY)

    def _note(self, lag: Mapping[tuple[str, int], int]) -> None:
        now = self._clock()
        for topic in self._topics:
            records = sum(count for place, count in lag.items() if place[0] == topic)
            self._metrics.lag.labels(topic, self._group).set(records)
        if not any(count for (topic, _), count in lag.items() if topic not in HISTORIES):
            self._caught_up_at = now
        oldest = (self._work.oldest if self._work else None) or self._caught_up_at
        self._metrics.oldest_unprocessed.labels(self._group).set(max((now - oldest).total_seconds(), 0.0))


async def _until(task: Beside, halt: asyncio.Event) -> None:
    await task(halt)
