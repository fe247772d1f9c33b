"""Looks from outside whether `tocsin process` gets on: Faust's agents can die, or wait for ever, without a word."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import structlog

from domain.errors import BrokerUnavailable, TocsinError
from tocsin.runtimes.cluster.hold import Hold
from tocsin.runtimes.cluster.processing import GROUP, HISTORY, TOPICS
from tocsin.runtimes.cluster.wire import POSTS
from tocsin.runtimes.cluster.worker import Queues

log = structlog.get_logger("tocsin.watch")

Place = tuple[str, int]
"""A partition: (topic, number)."""

PATIENCE = 180.0
"""Seconds without progress, while there is something to do, after which a process is given up."""
_LOOK_EVERY = 10.0
_REMIND_EVERY = 60.0
_LAST_WORDS = 20.0
"""Seconds that a process which is given up has to end in order."""


class Stalled(TocsinError):
    """The process does not get on: it ends, so that its supervisor starts it again."""


class Progress:
    """Notes when each partition got on. The time is given, in seconds that only rise."""

    def __init__(self, now: float, *, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._moved = dict[Place, float]()
        self._committed: Mapping[Place, int | None] = {}
        self._lag: Mapping[Place, int] = {}
        self._others_moved = now

    def look(self, now: float, *, lag: Mapping[Place, int], mine: Mapping[Place, int | None]) -> str:
        """Say what does not get on, or nothing. `mine` are this process's partitions and where each is committed.

        History has time as long as live posts come.
        """
        told = {place for place, offset in mine.items() if offset != self._committed.get(place)}
        busy = any(place[0] == POSTS and (place in told or lag.get(place)) for place in mine)
        moved = {place for place in mine if place in told or not lag.get(place) or (busy and place[0] == HISTORY)}
        if mine or not any(lag.values()) or any(lag.get(place, 0) < count for place, count in self._lag.items()):
            self._others_moved = now
        self._moved = {place: now if place in moved else self._moved.get(place, now) for place in mine}
        self._committed, self._lag = mine, lag
        stuck = [place for place, at in self._moved.items() if now - at >= self._patience]
        if stuck:
            named = ", ".join(f"{topic}-{number}" for topic, number in sorted(stuck))
            return f"nothing of {named} was dealt with for {self._patience:.0f} s, and there is something to do"
        if now - self._others_moved >= self._patience:
            return f"no partition came here for {self._patience:.0f} s, and nobody does what there is to do"
        return ""


class Watch:
    """Runs beside the turns. `committed` are this process's partitions, and where each is committed."""

    def __init__(
        self,
        *,
        queues: Queues,
        committed: Callable[[], Mapping[Place, int | None]],
        hold: Hold,
        patience: float = PATIENCE,
    ) -> None:
        self.dead = ""
        """A sentence once the process is given up, for /healthz."""
        self._queues, self._committed, self._hold, self._patience = queues, committed, hold, patience

    async def run(self, halt: asyncio.Event) -> None:
        """Look every few seconds until `halt`. Raises Stalled, and sees to it that the process ends."""
        progress, reminded = self._afresh(), time.monotonic()
        while not halt.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(halt.wait(), _LOOK_EVERY)
            reasons = self._hold.reasons
            if reasons:
                # It waits, and says for what: that is no stall.
                progress = self._afresh()
                if "dead_letters" in reasons and time.monotonic() - reminded >= _REMIND_EVERY:
                    reminded = time.monotonic()
                    log.error("still stopped: it needs a person", why=reasons["dead_letters"])
                continue
            self.dead = await self._look(progress)
            if self.dead:
                log.error("given up: it does not get on", why=self.dead)
                last = threading.Timer(_LAST_WORDS, os._exit, (1,))
                last.daemon = True
                last.start()
                raise Stalled(f"{self.dead}: the process ends, to be started again")

    async def _look(self, progress: Progress) -> str:
        try:
            lag = await asyncio.to_thread(self._queues.lag, GROUP, TOPICS)
        except BrokerUnavailable:
            return ""
        return progress.look(time.monotonic(), lag=lag, mine=self._committed())

    def _afresh(self) -> Progress:
        return Progress(time.monotonic(), patience=self._patience)
