"""Writes mails. The handle of a mail is its Message-ID, by which later ones join its thread."""

from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Literal

import aiosmtplib
import structlog

from alerting.message import compose
from alerting.message.dialects import mail
from alerting.message.foreign import header
from alerting.notifiers.email.config import Config
from domain.errors import DeliveryRefused, DeliveryRetry
from domain.incident import Notification
from domain.transport import Transport

log = structlog.get_logger("tocsin.email")

TIMEOUT = 30.0
PERMANENT = 500


def build(config: Config, *, transport: Transport, clock: Callable[[], datetime]) -> "Email":  # noqa: ARG001  # the shape of all receivers
    """The mailbox as configured."""
    return Email(config, clock=clock)


class Email:
    """One server and its addressees; one connection per message."""

    def __init__(self, config: Config, *, clock: Callable[[], datetime]) -> None:
        self.name = config.name
        self._config, self._clock = config, clock

    async def send(self, notification: Notification, *, thread: str) -> str:
        """Write to all addressees; it counts as taken when the server took it for at least one."""
        message = self._written(notification, thread)
        try:
            async with self._connection() as server:
                refused, _ = await server.send_message(message)
        except (TimeoutError, aiosmtplib.SMTPException, OSError) as error:
            raise _verdict(error) from None
        if refused:
            codes = sorted({answer.code for answer in refused.values()})
            log.warning("some addressees were refused", receiver=self.name, refused=len(refused), codes=codes)
        return str(message["Message-ID"])

    async def check(self) -> str:
        """Connect, log in and leave."""
        try:
            async with self._connection() as server:
                await server.noop()
        except (TimeoutError, aiosmtplib.SMTPException, OSError) as error:
            raise _verdict(error) from None
        return f"{self._config.host}:{self._config.submission_port} answers, {len(self._config.to)} addressee(s)"

    def _connection(self) -> aiosmtplib.SMTP:
        config = self._config
        return aiosmtplib.SMTP(
            hostname=config.host,
            port=config.submission_port,
            username=config.username or None,
            password=config.password.get_secret_value() if config.password else None,
            use_tls=config.security == "tls",
            start_tls=config.security == "starttls",
            timeout=TIMEOUT,
        )

    def _written(self, notification: Notification, thread: str) -> EmailMessage:
        config = self._config
        written = compose(notification, language=config.language, timezone=config.timezone, room=20_000)
        _, address = parseaddr(config.sender)
        message = EmailMessage()
        message["From"], message["To"] = config.sender, ", ".join(config.to)
        message["Subject"] = header(written.subject)
        message["Date"] = format_datetime(self._clock())
        message["Message-ID"] = f"<{notification.id}@{address.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        if thread.startswith("<") and thread.endswith(">") and thread != message["Message-ID"]:
            message["In-Reply-To"] = message["References"] = header(thread)
        message.set_content(written.plain)
        message.add_alternative(mail(written.form, language=written.language, rtl=written.rtl), subtype="html")
        return message


def _verdict(error: Exception) -> DeliveryRetry | DeliveryRefused:
    """5xx is for ever, everything else may pass. The server's words may quote addresses, so only its code is kept."""
    codes = _codes(error)
    if codes and min(codes) >= PERMANENT:
        said: Literal["wrong name or password", "refused"] = (
            "wrong name or password" if isinstance(error, aiosmtplib.SMTPAuthenticationError) else "refused"
        )
        return DeliveryRefused(f"the mail server answered {min(codes)}: {said}")
    seen = f"answered {min(codes)}" if codes else f"cannot be reached ({type(error).__name__})"
    return DeliveryRetry(f"the mail server {seen}")


def _codes(error: Exception) -> list[int]:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return [one.code for one in error.recipients]
    return [error.code] if isinstance(error, aiosmtplib.SMTPResponseException) else []
