"""When `tocsin process` is given up."""

import asyncio
import threading
from collections.abc import Mapping, Sequence

import pytest

from domain.errors import BrokerUnavailable
from tocsin.metrics import Metrics
from tocsin.runtimes.cluster import watch
from tocsin.runtimes.cluster.hold import Hold
from tocsin.runtimes.cluster.processing import HISTORY
from tocsin.runtimes.cluster.watch import Progress, Stalled, Watch
from tocsin.runtimes.cluster.wire import POSTS

LIVE, OTHER, OLD = (POSTS, 0), (POSTS, 1), (HISTORY, 0)
Look = tuple[float, Mapping[tuple[str, int], int], Mapping[tuple[str, int], int | None]]


def given_up(*looks: Look) -> list[str]:
    """What is said at each look: the time, what waits, and where this process's partitions are committed."""
    progress = Progress(0.0, patience=60)
    return [progress.look(now, lag=lag, mine=mine) for now, lag, mine in looks]


def test_a_partition_with_work_and_no_progress_is_named_after_the_patience() -> None:
    said = given_up((0, {LIVE: 5}, {LIVE: 7}), (59, {LIVE: 9}, {LIVE: 7}), (60, {LIVE: 9}, {LIVE: 7}))
    assert said[:2] == ["", ""]
    assert "posts-0" in said[2]


def test_one_stuck_partition_is_seen_although_the_others_get_on() -> None:
    said = given_up(*((now, {LIVE: 5, OTHER: 5}, {LIVE: 7, OTHER: now}) for now in (0, 30, 61)))
    assert "posts-0" in said[-1]
    assert "posts-1" not in said[-1]


@pytest.mark.parametrize(
    "looks",
    [
        [(now, {LIVE: 0}, {LIVE: 7}) for now in (0, 100, 200)],
        [(now, {LIVE: 5}, {LIVE: now}) for now in (0, 50, 100)],
        [(0, {LIVE: 5}, {LIVE: 7}), (50, {LIVE: 0}, {LIVE: 7}), (100, {LIVE: 5}, {LIVE: 7})],
        [(0, {LIVE: 5}, {LIVE: 7}), (50, {LIVE: 5}, {}), (55, {LIVE: 5}, {LIVE: 7}), (100, {LIVE: 5}, {LIVE: 7})],
    ],
    ids=["nothing to do", "getting on", "caught up in between", "the partition was away in between"],
)
def test_what_gets_on_or_has_nothing_to_do_is_left_alone(looks: Sequence[Look]) -> None:
    assert not any(given_up(*looks))


def test_history_has_time_while_live_posts_come_and_none_after() -> None:
    busy = [(now, {LIVE: 0, OLD: 9}, {LIVE: now, OLD: 1}) for now in (0, 50, 100, 150)]
    calm = [(now, {LIVE: 0, OLD: 9}, {LIVE: 150, OLD: 1}) for now in (200, 211)]
    said = given_up(*busy, *calm)
    assert not any(said[:5])
    assert "posts.backfill-0" in said[5]


def test_a_process_without_a_partition_is_given_up_only_when_nobody_else_gets_on() -> None:
    assert not any(given_up(*((now, {LIVE: 100 - now}, {}) for now in (0, 40, 80))))
    assert not any(given_up(*((now, {LIVE: 0}, {}) for now in (0, 40, 80))))
    assert "no partition" in given_up(*((now, {LIVE: 100}, {}) for now in (0, 40, 80)))[-1]


class Stuck:
    """Something to do, for ever; away at first."""

    def __init__(self) -> None:
        self.asked = 0

    def require_topics(self) -> None:
        """All are there."""

    def lag(self, group: str, topics: Sequence[str]) -> dict[tuple[str, int], int]:
        self.asked += 1
        assert (group, tuple(topics)) == ("process", (POSTS, HISTORY))
        if self.asked == 1:
            raise BrokerUnavailable("Kafka is away")
        return {LIVE: 5}


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> list[threading.Timer]:
    """Looks without pause; the timers that would end the process, which are not to ring here."""
    timers: list[threading.Timer] = []

    def start(timer: threading.Timer) -> None:
        timers.append(timer)

    monkeypatch.setattr(watch, "_LOOK_EVERY", 0.01)
    monkeypatch.setattr(watch, "_REMIND_EVERY", 0.0)
    monkeypatch.setattr(threading.Timer, "start", start)
    return timers


async def test_a_process_that_hangs_is_given_up_and_says_so(hasty: list[threading.Timer]) -> None:
    looking = Watch(queues=Stuck(), committed=lambda: {LIVE: 7}, hold=Hold(Metrics()), patience=0.05)
    with pytest.raises(Stalled, match="posts-0"):
        await asyncio.wait_for(looking.run(asyncio.Event()), 10)
    assert "posts-0" in looking.dead
    (last,) = hasty
    assert last.daemon


async def test_a_process_that_says_what_it_waits_for_does_not_hang(hasty: list[threading.Timer]) -> None:
    hold, halt = Hold(Metrics()), asyncio.Event()
    hold.because("dead_letters", "nothing but poison")
    looking = Watch(queues=Stuck(), committed=lambda: {LIVE: 7}, hold=hold, patience=0.05)
    running = asyncio.create_task(looking.run(halt))
    await asyncio.sleep(0.3)
    halt.set()
    await asyncio.wait_for(running, 10)
    assert (looking.dead, hasty) == ("", [])
