"""Kafka through Faust, and the only module that knows it: agents take records, one thread of ours deals with them.

Faust brings each record at least once, and those of a partition in order. It keeps nothing for us: no tables, no
transactions, nothing produced. What it does not do, this module does: an app that crashed is followed by another,
records are taken only as fast as they are dealt with, and none is acknowledged before.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from logging import CRITICAL, LogRecord, getLogger
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import faust
import structlog
from faust import streams
from faust.auth import SASLCredentials, SSLCredentials
from mode.threads import WorkerThread

from ingest.backoff import Backoff
from tocsin.runtimes.cluster.broker import FaustOptions, Received
from tocsin.runtimes.cluster.hold import Hold
from tocsin.runtimes.cluster.worker import Queues

log = structlog.get_logger("tocsin.faust")

Place = tuple[str, int]
"""A partition: (topic, number)."""

_RECORDS = 32
"""Of one fetch, and of one batch of an agent; a record may hold hundreds of posts."""
_MOST_BYTES, _MOST_RECORDS = 16_000_000, 4_096
"""Of one topic that wait here. No more of it is fetched then until half of them are taken, which is work for longer
than the second that Faust may take to notice."""
_AT_ONCE = 500_000
"""Bytes that are taken at once, or one record."""
_WITHIN = 0.05
"""Seconds that an agent gathers a batch."""
_START, _STOP = 60.0, 8.0
_STEADY = 60.0
"""Seconds after which the life of an app was a good one."""
_LONGEST = 30.0


class Held(NamedTuple):
    """A record that was taken and not yet acknowledged."""

    record: Received
    stream: Any
    event: Any


class FaustSource:
    """Records of some topics, for one thread. `names` gives the whole name of each topic, `group` is the group's."""

    def __init__(
        self,
        *,
        options: FaustOptions,
        group: str,
        names: Mapping[str, str],
        queues: Queues,
        hold: Hold,
    ) -> None:
        self._options, self._group, self._names, self._hold = options, group, names, hold
        self._queues = queues
        self._life: _Life | None = None

    async def run(self, halt: asyncio.Event) -> None:
        """Live until told to end, in one app after the other; what was acknowledged by then is committed."""
        _said_here()
        backoff = Backoff(Random(), cap=_LONGEST)  # noqa: S311  # jitter, not a secret
        while not halt.is_set():
            began = time.monotonic()
            try:
                await self._live(halt)
            except Exception as error:  # noqa: BLE001  # whatever it died of, there is nothing to do but to start again
                if halt.is_set():
                    log.info("left without a word to Kafka: what was not committed comes again", why=_sentence(error))
                    return
                if time.monotonic() - began > _STEADY:
                    backoff.reset()
                await self._wait(error, backoff.next_delay(), halt)

    def take(self, topic: str, *, seconds: float) -> list[Held]:
        """Return the next records of a topic, half a megabyte or one; none when none came within the time.

        Those of a partition are in order.
        """
        life = self._life
        if life is None:
            self._hold.sleep(seconds)
            return []
        return life.take(topic, seconds=seconds)

    def acknowledge(self, held: Sequence[Held]) -> None:
        """Let these be committed soon: all that they lead to is durable. Those of an app that ended come again."""
        if self._life is not None:
            self._life.acknowledge(held)

    def committed(self) -> dict[Place, int | None]:
        """Return the next offset of each partition that is this process's, as far as this app has committed it."""
        return self._life.committed() if self._life is not None else {}

    async def _live(self, halt: asyncio.Event) -> None:
        # A consumer that starts before its topics are there would never hear of them.
        await asyncio.to_thread(self._queues.require_topics)
        with TemporaryDirectory(prefix="tocsin-") as folder:
            self._life = _Life(self._options, self._group, self._names, folder)
            try:
                await self._life.run(halt)
            finally:
                self._life = None

    async def _wait(self, error: Exception, seconds: float, halt: asyncio.Event) -> None:
        why = _sentence(error)
        # Cleared by the worker, once it can measure the lag again.
        self._hold.because("kafka", why, by="measure")
        log.warning("no records come: connecting anew", why=why, seconds=round(seconds, 1))
        with suppress(TimeoutError):
            await asyncio.wait_for(halt.wait(), seconds)


class _Line:
    """What waits of one topic; to be used under the lock."""

    def __init__(self) -> None:
        self.held: deque[Held] = deque()
        self.closed = False
        self._size = 0

    def put(self, held: Iterable[Held]) -> bool:
        """Return whether that is enough for now."""
        for one in held:
            self.held.append(one)
            self._size += _size(one)
        self.closed = self._size >= _MOST_BYTES or len(self.held) >= _MOST_RECORDS
        return self.closed

    def take(self) -> tuple[list[Held], bool]:
        """Return some, and whether there is room again."""
        found, size = list[Held](), 0
        while self.held and size < _AT_ONCE:
            found.append(self.held.popleft())
            size += _size(found[-1])
        self._size -= size
        opened = self.closed and self._size <= _MOST_BYTES // 2 and len(self.held) <= _MOST_RECORDS // 2
        self.closed = self.closed and not opened
        return found, opened


class _Life:
    """One app from its start to its end. `run` is for its loop, everything else for any thread."""

    def __init__(self, options: FaustOptions, group: str, names: Mapping[str, str], folder: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._names = names
        self._topics = {whole: topic for topic, whole in names.items()}
        self._arrived = threading.Condition()
        self._lines = {topic: _Line() for topic in names}
        self._started = False
        self._app = _app(options, group, folder)
        for topic in names:
            self._add_agent(topic)

    async def run(self, halt: asyncio.Event) -> None:
        app = self._app
        try:
            await asyncio.wait_for(app.start(), _START)
            self._started = True
            log.info("taking records", group=app.conf.id)
            ends = [asyncio.ensure_future(halt.wait()), asyncio.ensure_future(app.wait_until_stopped())]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                end.cancel()
            if app.crashed:
                raise app.crash_reason or RuntimeError("Faust's app ended and did not say why")
        finally:
            await asyncio.wait_for(app.stop(), _STOP)

    def take(self, topic: str, *, seconds: float) -> list[Held]:
        line = self._lines[topic]
        with self._arrived:
            self._arrived.wait_for(lambda: line.held, timeout=seconds)
            found, opened = line.take()
            generation = self._app.consumer_generation_id
        if opened:
            self._loop.call_soon_threadsafe(self._open, topic)
        # What came before a rebalance comes again after it, to whoever has its partition now.
        return [held for held in found if held.event.message.generation_id == generation]

    def acknowledge(self, held: Sequence[Held]) -> None:
        asyncio.run_coroutine_threadsafe(_acknowledge(held), self._loop)

    def committed(self) -> dict[Place, int | None]:
        if not self._started:
            return {}
        known = self._app.monitor.tp_committed_offsets
        return {(self._topics[tp.topic], tp.partition): known.get(tp) for tp in self._app.consumer.assignment()}

    def _add_agent(self, topic: str) -> None:
        async def agent(stream: Any) -> None:
            async for events in stream.noack_take(_RECORDS, within=_WITHIN):
                self._hand_over(topic, [Held(_received(topic, event), stream, event) for event in events])

        self._app.agent(self._app.topic(self._names[topic]), name=topic, concurrency=1)(agent)

    def _hand_over(self, topic: str, held: Sequence[Held]) -> None:
        with self._arrived:
            enough = self._lines[topic].put(held)
            self._arrived.notify_all()
        if enough:
            # Not by pausing: what a fetch under way brings of paused partitions is dropped, and committed later.
            for place in self._places(topic):
                self._app.consumer.on_buffer_full(place)

    def _open(self, topic: str) -> None:
        for place in self._places(topic):
            self._app.consumer.on_buffer_drop(place)

    def _places(self, topic: str) -> list[Any]:
        return [place for place in self._app.consumer.assignment() if place.topic == self._names[topic]]


def _size(held: Held) -> int:
    return len(held.record.value or b"")


def _sentence(error: Exception) -> str:
    return str(error) or type(error).__name__


async def _acknowledge(held: Sequence[Held]) -> None:
    for one in held:
        await one.stream.ack(one.event)


def _received(topic: str, event: Any) -> Received:
    message = event.message
    at = datetime.fromtimestamp(message.timestamp, UTC)
    return Received(topic, message.partition, message.offset, message.key, message.value, at)


def _app(options: FaustOptions, group: str, folder: str) -> faust.App:
    if getattr(streams, "_CStreamIterator", None) is None:
        # Its part in Python acknowledges what it skips as partitions move.
        raise RuntimeError("faust-streaming came without its compiled part and would lose records: install a wheel")
    credentials: Any = None
    if options.sasl_mechanism:
        credentials = SASLCredentials(
            username=options.username,
            password=options.password,
            ssl_context=options.ssl_context,
            mechanism=options.sasl_mechanism,
        )
    elif options.ssl_context is not None:
        credentials = SSLCredentials(options.ssl_context)
    return faust.App(
        group,
        broker=[f"kafka://{server}" for server in options.servers],
        broker_credentials=credentials,
        broker_client_id="tocsin-process",
        broker_commit_interval=1.0,
        broker_max_poll_records=_RECORDS,
        # While the line is held nothing is fetched, and the partitions are to stay here: the watch sees what hangs.
        broker_max_poll_interval=86_400.0,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=3.0,
        broker_request_timeout=15.0,
        broker_rebalance_timeout=15.0,
        consumer_auto_offset_reset="earliest",
        key_serializer="raw",
        value_serializer="raw",
        # Nobody waits for a batch under way when partitions move: what it leads to is the same when it comes again.
        stream_wait_empty=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        processing_guarantee="at_least_once",
        web_enabled=False,
        worker_redirect_stdouts=False,
        datadir=folder,
        store="memory://",
        cache="memory://",
    )


def _said_here() -> None:
    """What they say of a fault in their threads and tasks, this module says in a sentence."""
    for name in ("faust", "mode", "aiokafka"):
        getLogger(name).setLevel(CRITICAL)
    getLogger("asyncio").addFilter(_not_of_aiokafka)
    threading.excepthook = _thread_died


def _not_of_aiokafka(record: LogRecord) -> bool:
    return "aiokafka" not in record.getMessage()


def _thread_died(args: threading.ExceptHookArgs) -> None:
    if not isinstance(args.thread, WorkerThread):
        threading.__excepthook__(args)
