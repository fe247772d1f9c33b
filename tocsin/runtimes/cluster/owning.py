"""Which sources are this process's: those whose cursor lies in a partition of `cursors` that the group gave to it.

The group reads nothing of that topic. Kafka shares the partitions among the members, notices one that died, and hands
a partition on only when the member that loses it has let go.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, Protocol

from tocsin.runtimes.cluster.broker import Consumer, Places, Rebalanced
from tocsin.runtimes.cluster.hold import Hold, Stopped
from tocsin.runtimes.cluster.wire import CURSORS

GROUP = "ingest"

LETTING_GO = 5.0
"""Seconds that a handing over waits for what is under way. The group thinks a member dead after ten."""


class Move(NamedTuple):
    """Partitions of `cursors` that came to this process, or that it is to let go of; `done` once it has."""

    came: bool
    partitions: frozenset[int]
    done: threading.Event


class Groups(Protocol):
    """The part of `broker.Broker` that is needed."""

    def consumer(  # noqa: D102  # as there
        self, group: str, topics: Sequence[str], *, client: str, on_assigned: Rebalanced, on_revoked: Rebalanced
    ) -> Consumer: ...


class Owning:
    """Membership in the group, on a thread of its own. `moves` are to be carried out in their order."""

    def __init__(self, broker: Groups, hold: Hold) -> None:
        self.moves: asyncio.Queue[Move] = asyncio.Queue()
        self._broker, self._hold = broker, hold
        self._leave = threading.Event()

    @property
    def leaving(self) -> bool:
        """Whether the process was told to leave the group."""
        return self._leave.is_set()

    async def run(self) -> None:
        """Belong to the group until told to leave it."""
        loop = asyncio.get_running_loop()

        def note(move: Move) -> None:
            loop.call_soon_threadsafe(self.moves.put_nowait, move)

        with ThreadPoolExecutor(1, "tocsin-owning") as thread:
            try:
                await loop.run_in_executor(thread, self._belong, note)
            finally:
                self._leave.set()

    def leave(self) -> None:
        """Leave the group; what is still held is let go of first."""
        self._leave.set()

    def _belong(self, note: Callable[[Move], None]) -> None:
        consumer = self._broker.consumer(
            GROUP,
            [CURSORS],
            client=GROUP,
            on_assigned=lambda places: note(_move(places, came=True)),
            on_revoked=partial(self._hand_over, note),
        )
        consumer.pause([CURSORS])
        try:
            while not self.leaving:
                self._hold.until(partial(consumer.poll, seconds=0.5, records=1))
        except Stopped:
            pass
        finally:
            self._leave.set()
            consumer.close()

    def _hand_over(self, note: Callable[[Move], None], places: Places) -> None:
        move = _move(places, came=False)
        note(move)
        # Who leaves has let go already.
        if not self.leaving:
            move.done.wait(LETTING_GO)


def _move(places: Places, *, came: bool) -> Move:
    return Move(came, frozenset(partition for _, partition in places), threading.Event())
