"""Deliveries by several alerters: whoever holds the lease sends, and nobody sends what may be another's by now."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from alerting.delivery import Courier
from domain.errors import DeliveryRefused, DeliveryRetry, StoreUnavailable
from domain.incident import Notification
from storage.elasticsearch.leases import LeasedOutbox
from storage.store import OutboxEntry
from tests.kit.alerts import MIDNIGHT, incident, notification
from tests.kit.ingest import Clock
from tocsin.metrics import Metrics
from tocsin.runtimes.cluster import deliveries as module
from tocsin.runtimes.cluster.deliveries import Awake, Deliveries

LEASE = 90.0
AWAKE = timedelta(seconds=30)


@dataclass
class Shared:
    """The outbox of all processes, small enough to read."""

    entries: dict[str, OutboxEntry] = field(default_factory=dict)
    leases: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    away: bool = False

    def add(self, *orders: Notification) -> None:
        for order in orders:
            self.entries[order.id] = OutboxEntry(notification=order, status="pending", attempts=0, next_at=order.at)

    def claim(self, now: datetime, holder: str, lease_seconds: float, limit: int) -> list[OutboxEntry]:
        if self.away:
            raise StoreUnavailable("Elasticsearch is away")
        mine: list[OutboxEntry] = []
        for entry in self.entries.values():
            by, until = self.leases.get(entry.notification.id, (holder, now))
            if entry.status == "pending" and entry.next_at <= now and (by == holder or until <= now):
                self.leases[entry.notification.id] = holder, now + timedelta(seconds=lease_seconds)
                mine.append(entry)
        return mine[:limit]

    def release(self, holder: str) -> None:
        self.leases = {name: lease for name, lease in self.leases.items() if lease[0] != holder}

    def outbox_handle(self, incident_id: str, receiver: str) -> str:
        del incident_id, receiver
        return ""

    def mark_sent(self, notification_id: str, *, at: datetime, handle: str) -> None:
        self._end(notification_id, status="sent", sent_at=at, handle=handle)

    def mark_retry(self, notification_id: str, *, next_at: datetime, error: str) -> None:
        self._end(notification_id, next_at=next_at, error=error)

    def mark_refused(self, notification_id: str, *, at: datetime, error: str) -> None:
        del at
        self._end(notification_id, status="refused", error=error)

    def pending(self) -> int:
        return sum(entry.status == "pending" for entry in self.entries.values())

    def status(self) -> list[str]:
        return [entry.status for entry in self.entries.values()]

    def _end(self, name: str, **changes: object) -> None:
        self.leases.pop(name, None)
        self.entries[name] = replace(self.entries[name], **changes)


class Desk:
    """A receiver; `answer` says what it does with each."""

    name = "duty"

    def __init__(self, answer: Callable[[], Awaitable[None]] | None = None) -> None:
        self.answer = answer
        self.heard: list[str] = []

    async def send(self, order: Notification, *, thread: str) -> str:
        del thread
        self.heard.append(order.id)
        if self.answer is not None:
            await self.answer()
        return "1"

    async def check(self) -> str:
        return "here"


@dataclass
class Alerter:
    """One of several processes that deliver."""

    shared: Shared
    desk: Desk
    clock: Clock
    name: str = "a"
    patience: float = 0.01
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.outbox = Awake(
            LeasedOutbox(self.shared, self.name, lease_seconds=LEASE), clock=self.clock, leases_last=AWAKE
        )
        self.courier = Courier(
            outbox=self.outbox, notifiers={"duty": self.desk}, clock=self.clock, patience=self.patience
        )
        self.deliveries = Deliveries(
            courier=self.courier, outbox=self.outbox, pending=self.shared.pending, metrics=self.metrics
        )


def orders(count: int) -> list[Notification]:
    return [
        replace(notification(number=n, about=replace(incident(), id=f"incident-{n}")), at=MIDNIGHT)
        for n in range(1, count + 1)
    ]


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.now = MIDNIGHT + timedelta(hours=1)
    return clock


async def test_of_two_alerters_one_sends_each_notification(clock: Clock) -> None:
    shared, desk = Shared(), Desk()
    shared.add(*orders(5))
    both = [Alerter(shared, desk, clock, name) for name in "ab"]
    await asyncio.gather(*(one.courier.run_once() for one in both))
    assert sorted(desk.heard) == [f"notification-{n}" for n in range(1, 6)]
    assert shared.pending() == 0


async def test_what_a_killed_alerter_had_is_sent_by_another_once_its_lease_is_over(clock: Clock) -> None:
    shared = Shared()
    shared.add(*orders(3))
    hung, well = Desk(asyncio.Event().wait), Desk()  # type: ignore[arg-type]  # it never answers, whatever it would give
    first, second = Alerter(shared, hung, clock, "a"), Alerter(shared, well, clock, "b")
    await first.courier.run_once()
    assert hung.heard == ["notification-1"]
    await first.courier.aclose()
    await second.courier.run_once()
    assert well.heard == []
    clock.now += timedelta(seconds=LEASE)
    await second.courier.run_once()
    assert well.heard == ["notification-1", "notification-2", "notification-3"]


async def test_an_alerter_that_slept_begins_nothing_of_what_may_be_anothers_by_now(clock: Clock) -> None:
    shared = Shared()
    shared.add(*orders(3))
    woken = asyncio.Event()

    async def sleep() -> None:
        await woken.wait()

    asleep, well = Desk(sleep), Desk()
    first, second = Alerter(shared, asleep, clock, "a"), Alerter(shared, well, clock, "b")
    await first.courier.run_once()
    clock.now += timedelta(seconds=LEASE)
    await second.courier.run_once()
    woken.set()
    while first.courier.busy:
        await asyncio.sleep(0)
    assert asleep.heard == ["notification-1"], "only what was in flight is doubled"
    assert well.heard == ["notification-1", "notification-2", "notification-3"]
    assert shared.status() == ["sent"] * 3


async def test_an_alerter_that_woke_claims_anew_and_goes_on(clock: Clock) -> None:
    shared, desk = Shared(), Desk()
    alerter = Alerter(shared, desk, clock)
    await alerter.courier.run_once()
    clock.now += timedelta(hours=2)
    shared.add(*orders(2))
    await alerter.courier.run_once()
    assert shared.status() == ["sent", "sent"]


@pytest.mark.parametrize(
    ("failure", "status"), [(DeliveryRetry("busy", after=9), "pending"), (DeliveryRefused("gone"), "refused")]
)
async def test_failures_are_recorded_as_ever(clock: Clock, failure: Exception, status: str) -> None:
    async def fail() -> None:
        raise failure

    shared = Shared()
    shared.add(*orders(1))
    await Alerter(shared, Desk(fail), clock).courier.run_once()
    assert shared.status() == [status]
    assert shared.leases == {}


async def test_told_to_end_it_finishes_the_send_under_way_and_gives_the_rest_to_others(clock: Clock) -> None:
    shared, release, halt = Shared(), asyncio.Event(), asyncio.Event()
    shared.add(*orders(3))

    async def slowly() -> None:
        await release.wait()

    desk = Desk(slowly)
    alerter = Alerter(shared, desk, clock)
    running = asyncio.create_task(alerter.deliveries.run(halt))
    while not desk.heard:
        await asyncio.sleep(0.001)
    halt.set()
    await asyncio.sleep(0.01)
    release.set()
    await running
    assert shared.status() == ["sent", "pending", "pending"]
    assert shared.leases == {}


async def test_a_send_that_does_not_end_keeps_its_lease(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it arrived nobody knows: another rings when the lease is over, not at once."""
    monkeypatch.setattr(module, "_LAST_WORD", 0.02)
    shared, halt = Shared(), asyncio.Event()
    shared.add(*orders(2))
    desk = Desk(asyncio.Event().wait)  # type: ignore[arg-type]  # it never answers, whatever it would give
    running = asyncio.create_task(Alerter(shared, desk, clock).deliveries.run(halt))
    while not desk.heard:
        await asyncio.sleep(0.001)
    halt.set()
    await running
    assert shared.leases["notification-1"][0] == "a"
    assert shared.status() == ["pending", "pending"]


async def test_an_outbox_that_is_away_ends_nothing_and_is_asked_again(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_EVERY", 0.001)
    shared, halt = Shared(away=True), asyncio.Event()
    shared.add(*orders(1))
    desk = Desk()
    alerter = Alerter(shared, desk, clock)
    running = asyncio.create_task(alerter.deliveries.run(halt))
    await asyncio.sleep(0.02)
    assert not running.done()
    shared.away = False
    while shared.pending():
        await asyncio.sleep(0.001)
    halt.set()
    await running
    assert desk.heard == ["notification-1"]
    assert "tocsin_outbox_pending 0.0" in alerter.metrics.render().decode()
