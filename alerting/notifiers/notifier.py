"""What a receiver is to the delivery loop: one method that matters."""

from typing import Protocol

from domain.incident import Notification


class Notifier(Protocol):
    """Tells one receiver. Holds connections at most; what was sent is recorded in the outbox."""

    @property
    def name(self) -> str:
        """The configured name, unique."""
        ...

    async def send(self, notification: Notification, *, thread: str) -> str:
        """Deliver and return the receiver's handle of the message, empty where there is none.

        `thread` is the handle of the first message about the same incident to this receiver, or empty. Raises
        DeliveryRetry (with the receiver's own wait, where it names one) or DeliveryRefused, nothing else on purpose.
        """
        ...

    async def check(self) -> str:
        """Reach the receiver without ringing; return a sentence on what was found, or raise a DeliveryError."""
        ...
