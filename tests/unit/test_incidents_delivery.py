"""The delivery loop: order, retries, refusals, and that nobody's failure is another's."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from msgspec import Struct
from msgspec.structs import replace

from alerting.delivery import Courier
from domain.errors import DeliveryRefused, DeliveryRetry
from domain.incident import Notification
from tests.kit.alerts import incident, notification

START = datetime(2026, 11, 2, tzinfo=UTC)


class Row(Struct, frozen=True, kw_only=True):
    notification: Notification
    next_at: datetime = START
    attempts: int = 0
    status: str = "pending"
    error: str = ""
    handle: str = ""


class MemoryOutbox:
    """An outbox as the store promises it, small enough to read."""

    def __init__(self, *notifications: Notification) -> None:
        self.rows = {one.id: Row(notification=one) for one in notifications}

    def outbox_due(self, now: datetime, limit: int = 20) -> list[Row]:
        return [row for row in self.rows.values() if row.status == "pending" and row.next_at <= now][:limit]

    def outbox_handle(self, incident_id: str, receiver: str) -> str:
        sent = [r for r in self.rows.values() if r.notification.incident.id == incident_id and r.status == "sent"]
        return next((row.handle for row in sent if row.notification.receiver == receiver), "")

    def mark_sent(self, notification_id: str, *, at: datetime, handle: str) -> None:
        del at
        self.rows[notification_id] = replace(self.rows[notification_id], status="sent", handle=handle)

    def mark_retry(self, notification_id: str, *, next_at: datetime, error: str) -> None:
        row = self.rows[notification_id]
        self.rows[notification_id] = replace(row, next_at=next_at, error=error, attempts=row.attempts + 1)

    def mark_refused(self, notification_id: str, *, at: datetime, error: str) -> None:
        del at
        self.rows[notification_id] = replace(self.rows[notification_id], status="refused", error=error)

    def status(self, number: int) -> str:
        return self.rows[f"notification-{number}"].status


class Desk:
    """A receiver that does what a test wants and writes down what it was given."""

    name = "duty"

    def __init__(self, answer: Callable[[Notification], Awaitable[str]] | Exception | None = None) -> None:
        self.answer = answer
        self.seen: list[tuple[str, str]] = []

    async def send(self, notification: Notification, *, thread: str) -> str:
        self.seen.append((notification.id, thread))
        if isinstance(self.answer, Exception):
            raise self.answer
        return await self.answer(notification) if self.answer else f"handle-{notification.id}"

    async def check(self) -> str:
        return "here"


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def order(number: int, receiver: str = "duty") -> Notification:
    return notification(receiver=receiver, number=number)


def courier(outbox: MemoryOutbox, clock: Clock, results: list[str] | None = None, **desks: Desk) -> Courier:
    noted = results if results is not None else []
    return Courier(
        outbox=outbox,
        notifiers=desks,
        clock=clock,
        random=Random(1),
        on_result=lambda sent, outcome: noted.append(f"{sent.receiver} {outcome}"),
    )


async def test_what_is_due_is_sent_in_order_and_the_thread_is_passed_on() -> None:
    outbox, desk, results = MemoryOutbox(order(1), order(2)), Desk(), list[str]()
    assert await courier(outbox, Clock(), results, duty=desk).run_once() == 2
    assert desk.seen == [("notification-1", ""), ("notification-2", "handle-notification-1")]
    assert results == ["duty sent", "duty sent"]
    assert await courier(outbox, Clock(), duty=desk).run_once() == 0


async def test_one_failing_receiver_does_not_touch_another() -> None:
    outbox = MemoryOutbox(order(1, "bad"), order(2, "bad"), order(3, "good"))
    bad, good = Desk(DeliveryRetry("busy")), Desk()
    await courier(outbox, Clock(), bad=bad, good=good).run_once()
    assert [outbox.status(n) for n in (1, 2, 3)] == ["pending", "pending", "sent"]
    assert len(bad.seen) == 1


async def test_a_silent_receiver_with_a_full_page_does_not_hide_the_others() -> None:
    outbox = MemoryOutbox(*(order(n, "bad") for n in range(1, 61)), order(61, "good"))
    bad, good, clock = Desk(DeliveryRetry("busy", after=60)), Desk(), Clock()
    loop = courier(outbox, clock, bad=bad, good=good)
    for _ in range(4):
        await loop.run_once()
    assert outbox.status(61) == "sent"
    assert len(bad.seen) == 1


async def test_a_slow_receiver_goes_on_in_the_background() -> None:
    release = asyncio.Event()

    async def slowly(_: Notification) -> str:
        await release.wait()
        return "at last"

    outbox = MemoryOutbox(order(1, "slow"), order(2, "good"))
    slow, good = Desk(slowly), Desk()
    loop = Courier(outbox=outbox, notifiers={"slow": slow, "good": good}, clock=Clock(), patience=0.01)
    await loop.run_once()
    assert (outbox.status(1), outbox.status(2)) == ("pending", "sent")
    await loop.run_once()
    assert len(slow.seen) == 1
    release.set()
    await asyncio.sleep(0)
    await loop.run_once()
    assert outbox.status(1) == "sent"
    await loop.aclose()


async def test_the_receivers_own_wait_is_kept_to() -> None:
    outbox, clock, desk = MemoryOutbox(order(1)), Clock(), Desk(DeliveryRetry("busy", after=17))
    loop = courier(outbox, clock, duty=desk)
    await loop.run_once()
    assert outbox.rows["notification-1"].next_at == START + timedelta(seconds=17)
    clock.now += timedelta(seconds=16)
    assert await loop.run_once() == 0
    desk.answer = None
    clock.now += timedelta(seconds=1)
    assert await loop.run_once() == 1
    assert outbox.status(1) == "sent"


async def test_without_one_the_wait_grows_to_five_minutes_and_after_a_day_it_gives_up() -> None:
    outbox, clock, desk = MemoryOutbox(order(1)), Clock(), Desk(DeliveryRetry("down"))
    loop = courier(outbox, clock, duty=desk)
    waits = []
    while outbox.status(1) == "pending":
        await loop.run_once()
        row = outbox.rows["notification-1"]
        waits.append((row.next_at - clock.now).total_seconds())
        clock.now = max(row.next_at, clock.now)
    assert waits[0] <= 1
    assert max(waits) <= 300
    assert max(waits) > 100
    assert timedelta(hours=24) <= clock.now - START < timedelta(hours=24, minutes=6)
    assert outbox.rows["notification-1"].error == "given up after 24 h: down"


async def test_a_refusal_is_final_and_the_next_goes_on() -> None:
    async def picky(asked: Notification) -> str:
        if asked.id == "notification-1":
            raise DeliveryRefused("never")
        return "ok"

    outbox, results = MemoryOutbox(order(1), order(2)), list[str]()
    await courier(outbox, Clock(), results, duty=Desk(picky)).run_once()
    assert (outbox.status(1), outbox.status(2)) == ("refused", "sent")
    assert results == ["duty refused", "duty sent"]


async def test_a_receiver_that_is_gone_from_the_configuration_is_refused_with_the_reason() -> None:
    outbox = MemoryOutbox(order(1, "renamed"))
    await courier(outbox, Clock(), duty=Desk()).run_once()
    assert "renamed" in outbox.rows["notification-1"].error
    assert outbox.status(1) == "refused"


@pytest.mark.parametrize("error", [RuntimeError("token xoxb-secret"), KeyError("x"), TimeoutError()])
async def test_an_error_nobody_thought_of_is_tried_again_and_not_quoted(error: Exception) -> None:
    outbox = MemoryOutbox(order(1))
    await courier(outbox, Clock(), duty=Desk(error)).run_once()
    row = outbox.rows["notification-1"]
    assert row.status == "pending"
    assert "xoxb" not in row.error
    assert row.next_at > START


async def test_an_outbox_that_cannot_be_read_or_written_is_asked_again() -> None:
    class Locked(MemoryOutbox):
        broken = True

        def outbox_due(self, now: datetime, limit: int = 20) -> list[Row]:
            if self.broken:
                raise OSError("disk full")
            return super().outbox_due(now, limit)

        def mark_sent(self, notification_id: str, *, at: datetime, handle: str) -> None:
            raise OSError(f"disk full: {notification_id}, {at}, {handle}")

    outbox, desk = Locked(order(1)), Desk()
    loop = courier(outbox, Clock(), duty=desk)
    assert await loop.run_once() == 0
    outbox.broken = False
    await loop.run_once()
    await loop.run_once()
    assert len(desk.seen) == 2
    assert outbox.status(1) == "pending"


async def test_the_loop_stops_when_it_is_told_and_leaves_nothing_running() -> None:
    async def never(_: Notification) -> str:
        await asyncio.Event().wait()
        return ""

    outbox, stop = MemoryOutbox(order(1), order(2, "good")), asyncio.Event()
    loop = Courier(outbox=outbox, notifiers={"duty": Desk(never), "good": Desk()}, clock=Clock(), patience=0.01)
    running = asyncio.create_task(loop.run(stop, every=0.01))
    while outbox.status(2) != "sent":
        await asyncio.sleep(0.005)
    stop.set()
    await running
    assert outbox.status(1) == "pending"
    assert len(asyncio.all_tasks()) == 1


async def test_incidents_are_told_apart_when_threads_are_looked_up() -> None:
    other = replace(incident(), id="incident-2")
    outbox, desk = MemoryOutbox(order(1), notification(about=other, number=2)), Desk()
    await courier(outbox, Clock(), duty=desk).run_once()
    assert desk.seen[1] == ("notification-2", "")
