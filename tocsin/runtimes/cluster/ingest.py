"""`tocsin ingest`: from the sources to the topic of posts. Any number of processes share the sources.

Killed anywhere, whoever takes a source over goes on where its cursor stands: some posts come twice, none is lost.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from functools import partial
from typing import Any

import structlog

from console.ports import Inbox, Readiness, SourceState
from domain.errors import TocsinError
from ingest.source import Source
from tocsin.runtimes.cluster.cursors import Cursors
from tocsin.runtimes.cluster.hold import Hold, Stopped
from tocsin.runtimes.cluster.owning import LETTING_GO, Groups, Move, Owning
from tocsin.runtimes.cluster.pump import Brought, Pump

log = structlog.get_logger("tocsin.ingest")

Make = Callable[[], Source]
Server = Callable[[asyncio.Event, Mapping[str, Inbox]], Coroutine[Any, Any, None]]

_FINISHING = 10.0
"""Seconds that what is under way gets when the process is told to end."""


class IngestRuntime:
    """Listens to the sources that are this process's, and to every inbox: who sends there may send to any process."""

    def __init__(
        self,
        *,
        sources: Mapping[str, Make],
        topics_are_there: Callable[[], None],
        groups: Groups,
        cursors: Cursors,
        pump: Pump,
        hold: Hold,
    ) -> None:
        self._make, self._topics_are_there = sources, topics_are_there
        self._cursors, self._pump, self._hold = cursors, pump, hold
        self._owning = Owning(groups, hold)
        built = {name: make() for name, make in sources.items()}
        self._inboxes = {name: source for name, source in built.items() if isinstance(source, Inbox)}
        self._shared = [name for name in built if name not in self._inboxes]
        self._given = asyncio.Event()
        self._stopped: dict[str, str] = {}

    @property
    def brought(self) -> Brought:
        """What was brought so far."""
        return self._pump.brought

    def readiness(self) -> Readiness:
        """Say of each source how it stands, and whether the process does its work."""
        states = dict.fromkeys(self._shared, SourceState(state="elsewhere", detail="another process listens to it"))
        for name, health in self._pump.health.items():
            states[name] = SourceState(
                state=health.state, detail=health.detail, silence=health.silence, last_post_at=health.last_post_at
            )
        problems = [f"source {name}: {state.detail}" for name, state in states.items() if state.state == "stopped"]
        problems += [f"{why}: {said}" for why, said in self._hold.reasons.items()]
        return Readiness(sources=states, problems=problems)

    async def run(self, *, until_idle: bool, stop: asyncio.Event, server: Server | None = None) -> None:
        """Listen until `stop`, or until the finite sources have no more and all of it is acknowledged.

        Raises TocsinError when a source was stopped for good and needs a person.
        """
        halt = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            stopping = tasks.create_task(_stop_at(stop, self._hold))
            serving = tasks.create_task(server(halt, self._inboxes)) if server else None
            try:
                await self._listen(tasks, until_idle=until_idle, stop=stop)
            except Stopped:
                log.info("stopped while Kafka is away: nothing was begun")
            finally:
                self._hold.stop()
                halt.set()
                stopping.cancel()
                await asyncio.to_thread(self._pump.close)
            if serving is not None:
                await serving
        if self._stopped:
            raise TocsinError(
                f"stopped and in need of a person: {', '.join(sorted(self._stopped))}; see the log above"
            )

    async def _listen(self, tasks: asyncio.TaskGroup, *, until_idle: bool, stop: asyncio.Event) -> None:
        await asyncio.to_thread(self._hold.until, self._topics_are_there)
        self._pump.start(tasks)
        await self._pump.listen(list(self._inboxes.values()))
        moving = tasks.create_task(self._move())
        belonging = tasks.create_task(self._owning.run())
        waits = [stop.wait(), *([self._idle()] if until_idle else [])]
        await first(*waits)
        self._note_stopped()
        await self._pump.finish(seconds=_FINISHING)
        # Left last: who takes over reads the cursors of what was just acknowledged.
        self._owning.leave()
        await belonging
        moving.cancel()

    async def _idle(self) -> None:
        if self._shared:
            await self._given.wait()
        await self._pump.idle()

    async def _move(self) -> None:
        while True:
            move = await self._owning.moves.get()
            try:
                await self._carry_out(move)
            except Stopped:
                log.info("stopped while Kafka is away: what was given to this process is another's")
            finally:
                move.done.set()

    async def _carry_out(self, move: Move) -> None:
        names = await asyncio.to_thread(self._hold.until, partial(self._names_in, move.partitions))
        if self._owning.leaving:
            return
        if move.came:
            log.info("sources taken", sources=names)
            await self._pump.listen([self._make[name]() for name in names])
            self._given.set()
        else:
            log.info("sources handed over", sources=names)
            await self._pump.let_go(names, seconds=LETTING_GO)

    def _names_in(self, partitions: Collection[int]) -> list[str]:
        return [name for name in self._shared if self._cursors.partition(name) in partitions]

    def _note_stopped(self) -> None:
        self._stopped = {name: h.detail for name, h in self._pump.health.items() if h.state == "stopped"}


async def bring_in(
    source: Source, *, pump: Pump, topics_are_there: Callable[[], None], hold: Hold, stop: asyncio.Event
) -> None:
    """Bring all of one finite source, which belongs to no group; raises TocsinError when it cannot be read."""
    async with asyncio.TaskGroup() as tasks:
        stopping = tasks.create_task(_stop_at(stop, hold))
        try:
            await asyncio.to_thread(hold.until, topics_are_there)
            pump.start(tasks)
            await pump.listen([source])
            await first(stop.wait(), pump.idle())
            health = pump.health[source.name]
            await pump.finish(seconds=_FINISHING)
        except Stopped:
            return
        finally:
            hold.stop()
            stopping.cancel()
            await asyncio.to_thread(pump.close)
    if health.state == "stopped":
        raise TocsinError(health.detail)


async def _stop_at(stop: asyncio.Event, hold: Hold) -> None:
    await stop.wait()
    hold.stop()


async def first(*waits: Awaitable[Any]) -> None:
    """Return when the first of these does; the others are cancelled."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
