"""The turns of `tocsin process`: live posts as they come, history in small pieces only while nothing live comes.

Where posts wait, Kafka and Elasticsearch take in what those before led to while the model judges the next ones. Where
few do, those are gathered meanwhile: many small turns would cost more than they save.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, Protocol

from domain.post import Record
from tocsin.runtimes.cluster.flood import FloodGuard
from tocsin.runtimes.cluster.hold import Flooded, Hold, Stopped
from tocsin.runtimes.cluster.intake import Message
from tocsin.runtimes.cluster.process import read
from tocsin.runtimes.cluster.wire import POSTS, backfill

GROUP = "process"
HISTORY = backfill(POSTS)
TOPICS = (POSTS, HISTORY)

_PATIENCE = 0.25
"""Seconds to wait for a record."""
_CALM = 1.0
"""Seconds without a live record after which history is read."""
_MOST = 500
"""Posts at once: what a batch costs is paid once for all of them, and none takes a slow model long."""
_LITTLE = 32
"""Posts of history at once: as long a live post may have to wait."""


class Source(Protocol):
    """Where records come from: `faust_app.FaustSource`. Each has its Kafka record as `record`."""

    def take(self, topic: str, *, seconds: float) -> Sequence[Any]:
        """Return the next records of a topic; none when none came within the time."""
        ...

    def acknowledge(self, held: Sequence[Any]) -> None:
        """Let these be committed: all that they lead to is durable."""
        ...


class Dealer(Protocol):
    """What deals with posts: `process.Processor`."""

    def begin(self, messages: Sequence[Message]) -> Any:
        """Work out what messages lead to, once what concerns the same posts is settled."""
        ...

    def settle(self, begun: Any) -> list[bool]:
        """Make it durable; say of each message whether it became a dead letter. On a thread beside."""
        ...


class _Waiting(NamedTuple):
    """A message, and the record that is done with it, if it is the record's last."""

    message: Message
    ends: Any


class _UnderWay(NamedTuple):
    """Messages that are being settled, and the ids of their posts."""

    batch: list[_Waiting]
    posts: set[str]
    refused: Future[list[bool]]


@dataclass
class Tally:
    """What this process did, for the person who started it."""

    posts: int = 0
    dead_letters: int = 0


class Processing:
    """Deals with what comes. For one thread. `close` is called at the end."""

    def __init__(
        self,
        *,
        source: Source,
        processor: Dealer,
        hold: Hold,
        close: Callable[[], None],
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tally = Tally()
        self.oldest: datetime | None = None
        """When the broker took the oldest live record under way, if there is one."""
        self._source, self._processor, self._hold = source, processor, hold
        self._close, self._seconds = close, seconds
        self._guard = FloodGuard()
        self._live: deque[_Waiting] = deque()
        self._history: deque[_Waiting] = deque()
        self._live_at = seconds()
        self._busy = False
        self._aside = ThreadPoolExecutor(1, "tocsin-settle")
        self._under_way: _UnderWay | None = None

    def turn(self) -> int:
        """Deal with some posts; return how many. Raises Stopped, and Flooded when nothing but poison comes.

        They are durable, and their records acknowledged, by the end of the next turn.
        """
        self._fill(self._live, POSTS, enough=_MOST, seconds=0.0 if self._busy else _PATIENCE)
        if self._under_way and 0 < len(self._live) < _MOST:
            self._settle()
            self._fill(self._live, POSTS, enough=_MOST, seconds=0.0)
        if self._live:
            self._live_at = self._seconds()
            done = self._deal(self._live, _MOST)
        elif self._seconds() - self._live_at < _CALM:
            self._settle()
            done = 0
        else:
            self._fill(self._history, HISTORY, enough=_LITTLE, seconds=0.0)
            done = self._deal(self._history, _LITTLE)
        self._busy = done > 0
        return done

    def finish(self) -> None:
        """Wait until what is under way is durable."""
        self._settle()

    def close(self) -> None:
        """Let go. What is under way and not held up is still acknowledged."""
        with suppress(Stopped, Flooded):
            self._settle()
        self._aside.shutdown()
        self._close()

    def _fill(self, waiting: deque[_Waiting], topic: str, *, enough: int, seconds: float) -> None:
        while len(waiting) < enough and (taken := self._source.take(topic, seconds=seconds)):
            seconds = 0.0
            for held in taken:
                messages = read([held.record])
                last = len(messages) - 1
                waiting.extend(_Waiting(one, held if place == last else None) for place, one in enumerate(messages))

    def _deal(self, waiting: deque[_Waiting], most: int) -> int:
        batch = [waiting.popleft() for _ in range(min(most, len(waiting)))]
        posts = {one.message.value.post.id for one in batch if isinstance(one.message.value, Record)}
        if not batch or (self._under_way and not posts.isdisjoint(self._under_way.posts)):
            self._settle()
        if not batch:
            return 0
        at = batch[0].message.record.at if waiting is self._live else None
        self.oldest = self.oldest or at
        begun = self._hold.until(partial(self._processor.begin, [one.message for one in batch]))
        self._settle()
        self.oldest = at
        settling = self._aside.submit(self._hold.until, partial(self._processor.settle, begun))
        self._under_way = _UnderWay(batch, posts, settling)
        return len(batch)

    def _settle(self) -> None:
        """Wait for what is under way, and acknowledge it."""
        under_way, self._under_way = self._under_way, None
        if under_way is None:
            return
        refused = under_way.refused.result()
        self.oldest = None
        self._source.acknowledge([one.ends for one in under_way.batch if one.ends is not None])
        self.tally.posts += len(refused)
        self.tally.dead_letters += sum(refused)
        self._guard.note(refused)
        if self._guard.seen:
            raise Flooded(self._guard.seen)
