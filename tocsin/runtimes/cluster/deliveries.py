"""Deliveries of one alerter among several: each notification leaves through whoever has it leased."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from alerting.delivery import Entry, Outbox
from domain.errors import StoreError, StoreUnavailable
from tocsin.metrics import Metrics

log = structlog.get_logger("tocsin.deliveries")

_EVERY = 0.5
_LAST_WORD = 8.0
"""Seconds that a send under way gets when the process is told to end."""


class Leased(Outbox, Protocol):
    """An outbox whose due notifications are leased to this process: `storage.elasticsearch.leases.LeasedOutbox`."""

    def release(self) -> None:
        """Let others have what this process no longer will send."""
        ...


class Courier(Protocol):
    """The part of `alerting.delivery.Courier` that is needed."""

    @property
    def busy(self) -> bool:
        """Whether a send is under way."""
        ...

    async def run_once(self) -> int:
        """Try what is due; return how many notifications were tried."""
        ...

    async def aclose(self) -> None:
        """Abandon sends under way."""
        ...


class Awake:
    """A leased outbox that begins nothing once this process may have slept through the end of its leases, or ends.

    A courier holds a page of notifications while it sends them one by one, and renews their leases all the while.
    After `leases_last` without that (the machine slept, or Elasticsearch was away) they may be another's by now, and
    are left alone until they are claimed anew.
    """

    def __init__(self, outbox: Leased, *, clock: Callable[[], datetime], leases_last: timedelta) -> None:
        self._outbox, self._clock, self._last = outbox, clock, leases_last
        self._claimed_at: datetime | None = None
        self._closed = False
        self.mark_sent, self.mark_refused, self.release = outbox.mark_sent, outbox.mark_refused, outbox.release

    def outbox_due(self, now: datetime, limit: int = 20) -> Sequence[Entry]:
        """What this process may send now, renewed; nothing once it is closed."""
        if self._closed:
            return []
        due = self._outbox.outbox_due(now, limit)
        self._claimed_at = now
        return due

    def outbox_handle(self, incident_id: str, receiver: str) -> str:
        """The thread to send to: asked right before each send, which so begins under a lease or not at all."""
        self._be_awake()
        return self._outbox.outbox_handle(incident_id, receiver)

    def mark_retry(self, notification_id: str, *, next_at: datetime, error: str) -> None:
        """Record a failed attempt, unless it may be another's by now."""
        self._be_awake()
        self._outbox.mark_retry(notification_id, next_at=next_at, error=error)

    def close(self) -> None:
        """Begin nothing more."""
        self._closed = True

    def _be_awake(self) -> None:
        asleep = self._claimed_at is None or self._clock() - self._claimed_at >= self._last
        if self._closed or asleep:
            raise StoreUnavailable("the leases on notifications may be over: they are claimed anew first")


class Deliveries:
    """The delivery loop beside the turns of an alerter."""

    def __init__(
        self,
        *,
        courier: Courier,
        outbox: Awake,
        pending: Callable[[], int],
        metrics: Metrics,
    ) -> None:
        self._courier, self._outbox, self._pending, self._metrics = courier, outbox, pending, metrics

    async def run(self, halt: asyncio.Event) -> None:
        """Deliver until told to end; then finish what is under way, and let others have the rest."""
        closing = asyncio.create_task(self._close_at(halt))
        try:
            while not halt.is_set():
                await self._look()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(halt.wait(), _EVERY)
        finally:
            closing.cancel()
        await self._wind_down()

    async def _close_at(self, halt: asyncio.Event) -> None:
        await halt.wait()
        self._outbox.close()

    async def _look(self) -> None:
        try:
            await self._courier.run_once()
            self._metrics.outbox_pending.set(await asyncio.to_thread(self._pending))
        except StoreError as error:
            log.warning("the outbox cannot be used now", why=str(error))

    async def _wind_down(self) -> None:
        self._outbox.close()
        now = asyncio.get_running_loop().time
        deadline = now() + _LAST_WORD
        while self._courier.busy and now() < deadline:
            await self._courier.run_once()
        if self._courier.busy:
            # Whether it arrives nobody knows: another rings when the lease is over.
            await self._courier.aclose()
            return
        try:
            await asyncio.to_thread(self._outbox.release)
        except StoreError as error:
            log.warning("what is leased waits until its lease is over", why=str(error))
