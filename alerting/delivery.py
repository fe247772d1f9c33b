"""The delivery loop: takes what is due from the durable outbox, tells the receivers, records how it went.

A notification leaves the outbox only when its receiver took it or will never take it; when in doubt it rings again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Literal, Protocol, TypeVar

import structlog

from alerting.notifiers.notifier import Notifier
from domain.errors import DeliveryRefused, DeliveryRetry, RetryLater
from domain.incident import Notification

log = structlog.get_logger("tocsin.delivery")

T = TypeVar("T")
Outcome = Literal["sent", "retry", "refused"]

FIRST_WAIT = 1.0
LONGEST_WAIT = 300.0
GIVE_UP_AFTER = timedelta(hours=24)
ONE_SEND = 60.0
PAGE = 50


class Entry(Protocol):
    """A pending notification as the outbox gives it."""

    @property
    def notification(self) -> Notification:
        """What to tell."""
        ...

    @property
    def attempts(self) -> int:
        """How often it was tried before."""
        ...


class Outbox(Protocol):
    """The part of the store that deliveries need."""

    def outbox_due(self, now: datetime, limit: int = ...) -> Sequence[Entry]:
        """Pending notifications whose time has come, in order of decision."""
        ...

    def outbox_handle(self, incident_id: str, receiver: str) -> str:
        """The handle of the first message about an incident to a receiver, or empty."""
        ...

    def mark_sent(self, notification_id: str, *, at: datetime, handle: str) -> None:
        """Record a delivery."""
        ...

    def mark_retry(self, notification_id: str, *, next_at: datetime, error: str) -> None:
        """Record a failed attempt and when to try again."""
        ...

    def mark_refused(self, notification_id: str, *, at: datetime, error: str) -> None:
        """Record that the receiver will never take it."""
        ...


async def _inline(call: Callable[[], T]) -> T:
    return call()


class Courier:
    """Sends what is due, each receiver's notifications in order, the receivers independently of each other.

    `call` runs a blocking call of the outbox where the outbox must be called (default: right here). `on_result` is
    told the notification and the outcome of every attempt.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        notifiers: Mapping[str, Notifier],
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        call: Callable[[Callable[[], object]], Awaitable[object]] = _inline,
        on_result: Callable[[Notification, Outcome], None] = lambda _notification, _outcome: None,
        random: Random | None = None,
        patience: float = 2.0,
    ) -> None:
        self._outbox, self._notifiers, self._clock = outbox, notifiers, clock
        self._sleep, self._run_call, self._on_result = sleep, call, on_result
        self._random = random or Random()  # noqa: S311  # jitter, not a secret
        self._patience = patience
        self._busy: dict[str, asyncio.Task[int]] = {}
        self._held: dict[str, datetime] = {}
        self._first_failure: dict[str, datetime] = {}

    @property
    def busy(self) -> bool:
        """Whether a send is under way."""
        return any(not task.done() for task in self._busy.values())

    async def run(self, stop: asyncio.Event, *, every: float = 0.5) -> None:
        """Deliver until `stop`, looking into the outbox every so many seconds."""
        try:
            while not stop.is_set():
                await self.run_once()
                await self._sleep(every)
        finally:
            await self.aclose()

    async def run_once(self) -> int:
        """Try what is due; return how many notifications were tried.

        A receiver that takes longer than `patience` seconds goes on in the background and is left alone meanwhile.
        """
        before = self._take_results()
        try:
            due = await self._call(lambda: self._outbox.outbox_due(self._clock(), limit=PAGE))
        except Exception as error:  # noqa: BLE001  # a locked or full disk is the writer's to report; ask again
            log.warning("the outbox cannot be read now", error=type(error).__name__)
            return before
        await self._start(due)
        started = list(self._busy.values())
        if started:
            try:
                await asyncio.wait(started, timeout=self._patience)
            except asyncio.CancelledError:
                await self.aclose()
                raise
        return before + self._take_results()

    async def aclose(self) -> None:
        """Abandon sends under way; they stay in the outbox."""
        for task in self._busy.values():
            task.cancel()
        await asyncio.gather(*self._busy.values(), return_exceptions=True)
        self._busy.clear()

    def _take_results(self) -> int:
        done = {receiver: task for receiver, task in self._busy.items() if task.done()}
        for receiver in done:
            del self._busy[receiver]
        return sum(task.result() for task in done.values() if not task.cancelled())

    async def _start(self, due: Sequence[Entry]) -> None:
        queues: dict[str, list[Entry]] = {}
        now = self._clock()
        put_off = len(due) >= PAGE
        for entry in due:
            receiver = entry.notification.receiver
            held = self._held.get(receiver, now)
            if receiver in self._busy:
                continue
            if held > now:
                # A full page of one silent receiver would hide the others' notifications behind it.
                if put_off:
                    await self._retry_at(entry, held, "waits: the receiver did not answer an earlier notification")
                continue
            queues.setdefault(receiver, []).append(entry)
        for receiver, entries in queues.items():
            self._busy[receiver] = asyncio.ensure_future(self._deliver(receiver, entries))

    async def _deliver(self, receiver: str, entries: Sequence[Entry]) -> int:
        """Send in order; after the first failure the rest waits for the next look into the outbox."""
        for tried, entry in enumerate(entries, start=1):
            try:
                outcome = await self._attempt(receiver, entry)
            except Exception as error:  # noqa: BLE001  # the outbox itself failed: the entry is still there
                log.warning("a delivery could not be recorded", receiver=receiver, error=type(error).__name__)
                return tried
            self._on_result(entry.notification, outcome)
            if outcome == "retry":
                return tried
        return len(entries)

    async def _attempt(self, receiver: str, entry: Entry) -> Outcome:
        notification = entry.notification
        notifier = self._notifiers.get(receiver)
        if notifier is None:
            return await self._refuse(notification, f'no receiver is named "{receiver}" any more: was it renamed?')
        try:
            thread = await self._call(lambda: self._outbox.outbox_handle(notification.incident.id, receiver))
            async with asyncio.timeout(ONE_SEND):
                handle = await notifier.send(notification, thread=thread)
        except DeliveryRefused as refused:
            return await self._refuse(notification, str(refused))
        except (DeliveryRetry, RetryLater) as failure:
            return await self._retry(entry, str(failure), failure.after)
        except TimeoutError:
            return await self._retry(entry, f"no answer within {ONE_SEND:.0f} s", None)
        except Exception as error:  # noqa: BLE001  # fail open: an error nobody thought of is tried again, never lost
            # The exception's own words may quote a token or an address, so only its kind is kept.
            return await self._retry(entry, f"unexpected {type(error).__name__}", None)
        at = self._clock()
        await self._call(lambda: self._outbox.mark_sent(notification.id, at=at, handle=handle))
        self._first_failure.pop(notification.id, None)
        self._held.pop(receiver, None)
        return "sent"

    async def _retry(self, entry: Entry, error: str, after: float | None) -> Outcome:
        notification, now = entry.notification, self._clock()
        first = self._first_failure.setdefault(notification.id, now)
        if now - first >= GIVE_UP_AFTER:
            return await self._refuse(
                notification, f"given up after {GIVE_UP_AFTER.total_seconds() / 3600:.0f} h: {error}"
            )
        wait = after if after is not None else self._random.uniform(0, _ceiling(entry.attempts))
        next_at = now + timedelta(seconds=max(wait, 0.05))
        self._held[notification.receiver] = next_at
        await self._retry_at(entry, next_at, error)
        log.warning(
            "a notification will be tried again", receiver=notification.receiver, why=error, seconds=round(wait, 1)
        )
        return "retry"

    async def _retry_at(self, entry: Entry, next_at: datetime, error: str) -> None:
        await self._call(lambda: self._outbox.mark_retry(entry.notification.id, next_at=next_at, error=error))

    async def _refuse(self, notification: Notification, error: str) -> Outcome:
        at = self._clock()
        await self._call(lambda: self._outbox.mark_refused(notification.id, at=at, error=error))
        self._first_failure.pop(notification.id, None)
        log.error("a notification will never be delivered", receiver=notification.receiver, why=error)
        return "refused"

    async def _call(self, call: Callable[[], T]) -> T:
        found: list[T] = []
        await self._run_call(lambda: found.append(call()))
        return found[0]


def _ceiling(attempts: int) -> float:
    """Upper end of the full-jitter wait after so many earlier attempts, seconds."""
    return min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempts, 30))
