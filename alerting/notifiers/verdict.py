"""What an answer over HTTP means for a notification: taken, try again later, or never; the same for all receivers."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from domain.errors import DeliveryRefused, DeliveryRetry, RetryLater, TocsinError
from domain.transport import Reply, Transport

TEMPORARY = frozenset({408, 409, 423, 425, 429})
LARGEST_ANSWER = 100_000
TIMEOUT = 15.0


async def post(transport: Transport, url: str, *, headers: Mapping[str, str], content: bytes, who: str) -> Reply:
    """Send one request; `who` names the receiver in errors, because the address may be a secret."""
    try:
        return await transport.request(
            "POST", url, headers=headers, content=content, timeout=TIMEOUT, max_bytes=LARGEST_ANSWER
        )
    except RetryLater as failure:
        # The transport's own words may quote the address.
        raise DeliveryRetry(f"{who} did not answer", after=failure.after) from None
    except TocsinError:
        raise DeliveryRefused(f"{who}: its address cannot be used") from None


def judge(reply: Reply, *, who: str, now: datetime) -> None:
    """Return if the receiver took it (2xx), else raise DeliveryRetry (408 409 423 425 429 5xx) or DeliveryRefused."""
    if 200 <= reply.status < 300:  # noqa: PLR2004  # the range that means yes
        return
    if reply.status in TEMPORARY or reply.status >= 500:  # noqa: PLR2004  # the range that means "my fault"
        raise DeliveryRetry(f"{who} answered {reply.status}", after=retry_after(reply, now))
    raise DeliveryRefused(f"{who} answered {reply.status}: {_REMEDIES.get(reply.status, 'check its settings')}")


_REMEDIES = {
    301: "it moved, and redirects are not followed: configure the new address",
    302: "it redirects, and redirects are not followed: configure the final address",
    307: "it redirects, and redirects are not followed: configure the final address",
    308: "it moved, and redirects are not followed: configure the new address",
    401: "the secret is wrong or expired",
    403: "the secret has no right to do this",
    404: "there is nothing at this address: was it deleted?",
    410: "it was deleted",
    413: "the message is too large for it",
}


def retry_after(reply: Reply, now: datetime) -> float | None:
    """The receiver's own wait in seconds, given as a number or a date; None without one or with nonsense."""
    told = reply.headers.get("retry-after", "").strip()
    if not told:
        return None
    try:
        seconds = float(told)
    except ValueError:
        return _until(told, now)
    return min(seconds, 86_400.0) if seconds >= 0 else None


def _until(date: str, now: datetime) -> float | None:
    try:
        at = parsedate_to_datetime(date)
    except (ValueError, TypeError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max((at - now).total_seconds(), 0.0), 86_400.0)
