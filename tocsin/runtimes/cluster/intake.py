"""Reads a group's topics in turns: live messages first, history only while nothing live comes.

Under load a turn gathers what comes within half a second, for what a turn costs is paid once for all of it. After a
pause the first message is a turn of its own, at once.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from domain.errors import Refused
from tocsin.runtimes.cluster.broker import Places, Received
from tocsin.runtimes.cluster.wire import Reader

_RECORDS = 10
"""Of one poll; each may hold hundreds of messages."""


class Message(NamedTuple):
    """One message, or why it cannot be read, with the record it stood in and its place there."""

    record: Received
    place: int
    value: Any | Refused


class Moves(NamedTuple):
    """Partitions that came to this process and that left it."""

    gained: Places
    lost: Places


class Consumer(Protocol):
    """The part of `broker.Consumer` that is needed."""

    @property
    def assigned(self) -> Places: ...  # noqa: D102  # as there
    def poll(self, *, seconds: float, records: int) -> list[Received]: ...  # noqa: D102
    def commit(self, upto: Mapping[tuple[str, int], int]) -> None: ...  # noqa: D102
    def pause(self, topics: Collection[str]) -> None: ...  # noqa: D102
    def resume(self, topics: Collection[str]) -> None: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


class Broker(Protocol):
    """The part of `broker.Broker` that opens a consumer."""

    def consumer(  # noqa: D102  # as there
        self,
        group: str,
        topics: Sequence[str],
        *,
        client: str,
        on_assigned: Callable[[Places], None],
        on_revoked: Callable[[Places], None],
    ) -> Consumer: ...


@dataclass(frozen=True, kw_only=True)
class Gathering:
    """How a turn is gathered: messages, and seconds.

    A turn begins `apart` after the last one began, or with `most` messages, or at once where the last one is longer
    ago. `patience` is the longest wait for a first message. History is read once nothing live came for `calm`.
    """

    most: int = 2_000
    apart: float = 0.5
    patience: float = 0.25
    calm: float = 1.0


class Intake:
    """A member of a group that reads some topics and their histories. For one thread."""

    def __init__(
        self,
        broker: Broker,
        group: str,
        readers: Mapping[str, Reader],
        *,
        history: Collection[str],
        gathering: Gathering = Gathering(),
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._readers = readers
        self._history = frozenset(history)
        self._gathering = gathering
        self._seconds = seconds
        self._gained: Places = set()
        self._revoked: Places = set()
        self._lost: Places = set()
        self._waiting: deque[Message] = deque()
        self._put_off: deque[Message] = deque()
        self._began = self._live_at = seconds()
        self._looks_back = False
        self._consumer = broker.consumer(
            group,
            tuple(readers),
            client=group,
            on_assigned=self._gained.update,
            on_revoked=self._revoked.update,
        )
        self._consumer.pause(self._history)
        self.oldest: datetime | None = None
        """When the broker took the oldest live record of the turn under way, if there is one."""

    @property
    def assigned(self) -> Places:
        """The partitions that are this process's now."""
        return self._consumer.assigned

    def moves(self) -> Moves:
        """Say which partitions came and went since this was last asked."""
        assigned = self.assigned
        moves = Moves(self._gained & assigned, self._lost)
        self._gained.clear()
        self._lost = set()
        return moves

    def gather(self) -> list[Message]:
        """Return what the next turn is about, all of it live or all of it history; nothing when nothing came."""
        self._poll(0.0 if self._waiting or self._put_off else self._gathering.patience)
        mine = self._waiting or self._put_off
        if not mine:
            self.oldest = None
            self._look_back()
            return []
        self.oldest = min(message.record.at for message in mine) if mine is self._waiting else None
        until = self._began + self._gathering.apart
        while len(mine) < self._gathering.most and (left := until - self._seconds()) > 0:
            self._poll(left)
            if self._waiting and mine is self._put_off:
                break
        self._began = self._seconds()
        turn = list(mine)
        mine.clear()
        return turn

    def commit(self, turn: Iterable[Message]) -> None:
        """Commit that these are dealt with."""
        upto: dict[tuple[str, int], int] = {}
        for message in turn:
            upto[message.record.topic, message.record.partition] = message.record.offset + 1
        self._consumer.commit(upto)

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _poll(self, seconds: float) -> None:
        records = self._consumer.poll(seconds=seconds, records=_RECORDS)
        if self._revoked:
            self._forget()
        for record in records:
            messages = (
                Message(record, place, value)
                for place, value in enumerate(self._readers[record.topic].read(record.value))
            )
            (self._put_off if record.topic in self._history else self._waiting).extend(messages)
        if self._waiting:
            self._live_at = self._seconds()
            if self._looks_back:
                self._looks_back = False
                self._consumer.pause(self._history)

    def _look_back(self) -> None:
        """Let history in once the live topics are calm."""
        calm = self._seconds() - self._live_at >= self._gathering.calm
        if not self._looks_back and calm and self.assigned:
            self._looks_back = True
            self._consumer.resume(self._history)

    def _forget(self) -> None:
        """Leave what waits of lost partitions to whoever has them now: it is not committed."""
        for waiting in (self._waiting, self._put_off):
            kept = [m for m in waiting if (m.record.topic, m.record.partition) not in self._revoked]
            waiting.clear()
            waiting.extend(kept)
        self._lost |= self._revoked
        self._revoked.clear()
