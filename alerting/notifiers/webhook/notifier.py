"""Calls a webhook with the notification as JSON, signed."""

from collections.abc import Callable
from datetime import datetime

import msgspec
from standardwebhooks.webhooks import Webhook as Signer

from alerting.notifiers.verdict import judge, post
from alerting.notifiers.webhook.config import Config
from domain.incident import Notification
from domain.transport import Transport


def build(config: Config, *, transport: Transport, clock: Callable[[], datetime]) -> "Webhook":
    """The endpoint as configured."""
    return Webhook(config, transport=transport, clock=clock)


class Webhook:
    """One endpoint."""

    def __init__(self, config: Config, *, transport: Transport, clock: Callable[[], datetime]) -> None:
        self.name = config.name
        self._config, self._transport, self._clock = config, transport, clock
        self._signer = Signer(config.secret.get_secret_value())

    async def send(self, notification: Notification, *, thread: str) -> str:  # noqa: ARG002  # the incident's id is in the body
        """Call; the id stays the same when the same notification is sent again."""
        now = self._clock()
        body = msgspec.json.encode(notification)
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": notification.id,
            "webhook-id": notification.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(notification.id, now, body.decode()),
        }
        url = self._config.url.get_secret_value()
        reply = await post(self._transport, url, headers=headers, content=body, who="the webhook")
        judge(reply, who="the webhook", now=now)
        return ""

    async def check(self) -> str:
        """A webhook cannot be asked anything without ringing."""
        return "address and secret are well formed; only a message would show whether it answers"
