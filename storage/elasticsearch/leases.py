"""The shared outbox as one of several couriers sees it."""

from datetime import datetime
from typing import Protocol

from storage.store import OutboxEntry

LEASE_SECONDS = 90.0
"""Longer than a process that lives is ever held up, so that nobody else sends what it is about to send."""


class SharedOutbox(Protocol):
    """The part of the store that a courier with leases needs."""

    def claim(self, now: datetime, holder: str, lease_seconds: float, limit: int) -> list[OutboxEntry]:
        """What is due, for `holder` alone until its lease is over."""
        ...

    def release(self, holder: str) -> None:
        """Give back all that `holder` has."""
        ...

    def outbox_handle(self, incident_id: str, receiver: str) -> str:
        """See `MentionStore.outbox_handle`."""
        ...

    def mark_sent(self, notification_id: str, *, at: datetime, handle: str) -> None:
        """See `MentionStore.mark_sent`."""
        ...

    def mark_retry(self, notification_id: str, *, next_at: datetime, error: str) -> None:
        """See `MentionStore.mark_retry`."""
        ...

    def mark_refused(self, notification_id: str, *, at: datetime, error: str) -> None:
        """See `MentionStore.mark_refused`."""
        ...


class LeasedOutbox:
    """What is due is claimed for one courier, `holder`, so that no other sends the same; asking again keeps it."""

    def __init__(self, outbox: SharedOutbox, holder: str, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self._outbox, self._holder, self._seconds = outbox, holder, lease_seconds
        self.outbox_handle = outbox.outbox_handle
        self.mark_sent, self.mark_retry, self.mark_refused = outbox.mark_sent, outbox.mark_retry, outbox.mark_refused

    def outbox_due(self, now: datetime, limit: int = 20) -> list[OutboxEntry]:
        """What this courier may send now."""
        return self._outbox.claim(now, self._holder, self._seconds, limit)

    def release(self) -> None:
        """Let others have what this courier no longer will send."""
        self._outbox.release(self._holder)
