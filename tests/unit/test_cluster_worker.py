"""A process that works in turns: its end, its readiness, and what it waits for."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import BrokerUnavailable, StoreUnavailable
from tests.kit.deciding import hold
from tocsin.metrics import Metrics
from tocsin.runtimes.cluster import worker as module
from tocsin.runtimes.cluster.hold import Flooded, Hold
from tocsin.runtimes.cluster.worker import Beside, Worker

NOW = datetime(2026, 11, 2, tzinfo=UTC)

UNMADE = BrokerUnavailable("Kafka has no topic tocsin.mentions: run `tocsin topics create`")


@dataclass
class Turns:
    """Work that deals with so many messages, then with none."""

    hold: Hold
    script: list[int | Exception] = field(default_factory=list)
    oldest: datetime | None = None
    done: list[str] = field(default_factory=list)
    thread: str = ""

    def turn(self) -> int:
        self.thread = threading.current_thread().name
        if not self.script:
            self.hold.sleep(0.001)
            return 0
        step = self.script.pop(0)
        self.done.append(f"turn {step}")
        if isinstance(step, Exception):
            raise step
        return step

    def finish(self) -> None:
        self.done.append("finish")

    def close(self) -> None:
        self.done.append("close")


@dataclass
class Topics:
    """What Kafka says: `lags` and `absent` to the turns, in this order, the last for ever; `measured` to the rest."""

    lags: list[int | Exception] = field(default_factory=lambda: [0])
    absent: list[Exception | None] = field(default_factory=lambda: [None])
    measured: int | Exception = 0

    def lag(self, group: str, topics: Sequence[str]) -> dict[tuple[str, int], int]:
        del group
        if threading.current_thread().name.startswith("tocsin-kit"):
            said = self.lags.pop(0) if len(self.lags) > 1 else self.lags[0]
        else:
            said = self.measured
        if isinstance(said, Exception):
            raise said
        return {(topics[0], 0): said}

    def require_topics(self) -> None:
        said = self.absent.pop(0) if len(self.absent) > 1 else self.absent[0]
        if said is not None:
            raise said


def worker_of(
    turns: Turns,
    topics: Topics | None = None,
    *,
    ready: list[Exception] | None = None,
    beside: Sequence[Beside] = (),
    metrics: Metrics | None = None,
) -> Worker:
    def be_ready() -> None:
        if ready:
            raise ready.pop(0)

    return Worker(
        group="kit",
        topics=["mentions"],
        ready=be_ready,
        work=lambda: turns,
        queues=topics or Topics(),
        hold=turns.hold,
        clock=lambda: NOW,
        metrics=metrics or Metrics(),
        beside=beside,
    )


async def test_it_ends_when_nothing_is_left_and_finishes_what_was_held_back() -> None:
    turns = Turns(hold(), [3, 2])
    await worker_of(turns).run(until_idle=True, stop=asyncio.Event())
    assert turns.done == ["turn 3", "turn 2", "finish", "close"]
    assert turns.thread.startswith("tocsin-kit")


async def test_a_quiet_moment_is_not_the_end_while_something_is_left() -> None:
    turns = Turns(hold())
    topics = Topics(lags=[0, 5, 0, 1, 0])
    await worker_of(turns, topics).run(until_idle=True, stop=asyncio.Event())
    assert topics.lags == [0]


async def test_told_to_stop_it_ends_the_turn_under_way_and_holds_nothing_for_finished() -> None:
    turns, stop = Turns(hold()), asyncio.Event()
    running = asyncio.create_task(worker_of(turns).run(until_idle=False, stop=stop))
    while not turns.thread:
        await asyncio.sleep(0.001)
    turns.script.append(4)
    while turns.script:
        await asyncio.sleep(0.001)
    stop.set()
    await running
    assert turns.done == ["turn 4", "close"]


async def test_servers_that_are_away_at_the_start_are_waited_for() -> None:
    turns = Turns(hold(), [1])
    topics = Topics(absent=[BrokerUnavailable("Kafka is away"), UNMADE, None])
    worker = worker_of(turns, topics, ready=[StoreUnavailable("Elasticsearch is away")])
    await worker.run(until_idle=True, stop=asyncio.Event())
    assert turns.done == ["turn 1", "finish", "close"]


async def test_topics_that_nobody_made_are_named_with_the_remedy() -> None:
    turns, stop = Turns(Hold(Metrics())), asyncio.Event()
    worker = worker_of(turns, Topics(absent=[UNMADE]))
    running = asyncio.create_task(worker.run(until_idle=True, stop=stop))
    while not any("tocsin topics create" in problem for problem in worker.readiness().problems):
        await asyncio.sleep(0.001)
    stop.set()
    await running
    assert turns.done == []


async def test_a_flood_is_held_until_a_person_stops_it() -> None:
    turns, stop = Turns(Hold(Metrics()), [Flooded("nothing but poison")]), asyncio.Event()
    worker = worker_of(turns)
    running = asyncio.create_task(worker.run(until_idle=False, stop=stop))
    while worker.readiness().problems != ["dead_letters: nothing but poison"]:
        await asyncio.sleep(0.001)
    stop.set()
    await running
    assert turns.done[-1] == "close"


async def test_a_flood_ends_a_run_that_nobody_watches() -> None:
    turns = Turns(hold(), [Flooded("nothing but poison")])
    with pytest.raises(ExceptionGroup) as raised:
        await worker_of(turns).run(until_idle=True, stop=asyncio.Event())
    assert raised.group_contains(Flooded, match="poison")
    assert turns.done[-1] == "close"


async def test_a_failure_beside_the_turns_ends_them_too() -> None:
    turns = Turns(hold())

    async def fail(_: asyncio.Event) -> None:
        raise OSError("the port is taken")

    with pytest.raises(ExceptionGroup):
        await worker_of(turns, beside=[fail]).run(until_idle=False, stop=asyncio.Event())
    assert turns.done in ([], ["close"])


async def test_what_runs_beside_is_told_of_the_end_and_waited_for() -> None:
    turns, said = Turns(hold()), list[str]()

    async def deliver(halt: asyncio.Event) -> None:
        await halt.wait()
        said.append(turns.done[-1])

    await worker_of(turns, beside=[deliver]).run(until_idle=True, stop=asyncio.Event())
    assert said == ["close"]


async def test_it_says_how_much_waits_and_for_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MEASURE_EVERY", 0.001)
    metrics = Metrics()
    turns, stop = Turns(Hold(metrics), oldest=NOW - timedelta(seconds=40)), asyncio.Event()
    running = asyncio.create_task(
        worker_of(turns, Topics(measured=7), metrics=metrics).run(until_idle=False, stop=stop)
    )
    while 'oldest_unprocessed_seconds{group="kit"} 40.0' not in metrics.render().decode():
        await asyncio.sleep(0.001)
    assert 'tocsin_lag_records{group="kit",topic="mentions"} 7.0' in metrics.render().decode()
    stop.set()
    await running


async def test_a_kafka_that_goes_away_is_seen_though_polls_only_bring_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_MEASURE_EVERY", 0.001)
    turns, stop, topics = Turns(Hold(Metrics())), asyncio.Event(), Topics(measured=BrokerUnavailable("Kafka is away"))
    worker = worker_of(turns, topics)
    running = asyncio.create_task(worker.run(until_idle=False, stop=stop))
    while worker.readiness().problems != ["kafka: Kafka is away"]:
        await asyncio.sleep(0.001)
    topics.measured = 0
    while worker.readiness().problems:
        await asyncio.sleep(0.001)
    stop.set()
    await running
